//! Outputs, read as a stranger would: whatever the form, a record is a [`Row`].

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::VerifyError;
use crate::report::Fault;

mod csv;
mod jsonl;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;
pub(crate) mod warc;

/// Records that are longer are not read.
pub(crate) const RECORD_BYTES_MAX: usize = 512 << 20;
const READ_BYTES: usize = 256 << 10;

/// An output to verify.
#[derive(Clone, PartialEq, Eq)]
pub struct OutputSpec {
    /// As it is named in the report: without the credentials of a database.
    pub(crate) name: String,
    pub(crate) form: Form,
    /// The whole URL of a database.
    url: Option<String>,
}

impl fmt::Debug for OutputSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OutputSpec({}, {:?})", self.name, self.form)
    }
}

/// The forms that can be verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// A JSON object a line.
    Jsonl,
    /// A header, then a row a record.
    Csv,
    /// A web archive, whose `metadata` records are the run's.
    Warc,
    /// A SQLite database with the records of many runs.
    Sqlite,
    /// Apache Parquet.
    Parquet,
    /// A PostgreSQL database with the records of many runs.
    Postgres,
}

impl Form {
    /// All of them.
    pub const ALL: &[Self] =
        &[Self::Jsonl, Self::Csv, Self::Warc, Self::Sqlite, Self::Parquet, Self::Postgres];

    /// Its name for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jsonl => "JSONL (.jsonl)",
            Self::Csv => "CSV (.csv)",
            Self::Warc => "WARC (.warc, .warc.gz)",
            Self::Sqlite => "SQLite (.db)",
            Self::Parquet => "Parquet (.parquet)",
            Self::Postgres => "PostgreSQL (postgres://…)",
        }
    }

    /// Whether records are committed by the output itself, and are not known by a length.
    pub(crate) const fn is_database(self) -> bool {
        matches!(self, Self::Sqlite | Self::Postgres)
    }

    fn of_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let name = match name.strip_suffix(".gz") {
            Some(warc) if warc.ends_with(".warc") => warc,
            _ => &name,
        };
        match name.rsplit_once('.')?.1 {
            "jsonl" | "ndjson" | "json" => Some(Self::Jsonl),
            "csv" => Some(Self::Csv),
            "warc" => Some(Self::Warc),
            "db" | "sqlite" | "sqlite3" => Some(Self::Sqlite),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }

    /// By how a file begins, where its name says nothing.
    fn of_content(path: &Path) -> Option<Self> {
        use std::io::Read;
        let mut beginning = Vec::new();
        std::fs::File::open(path).ok()?.take(16).read_to_end(&mut beginning).ok()?;
        match &beginning[..] {
            [b'{', ..] => Some(Self::Jsonl),
            b"SQLite format 3\0" => Some(Self::Sqlite),
            [b'P', b'A', b'R', b'1', ..] => Some(Self::Parquet),
            _ => None,
        }
    }
}

impl OutputSpec {
    /// An output by its name, or by what is in it; `None` if it is none that can be verified.
    pub fn named(name: &str) -> Option<Self> {
        if name.starts_with("postgres://") || name.starts_with("postgresql://") {
            let (form, url) = (Form::Postgres, Some(name.to_owned()));
            return Some(Self { name: without_secrets(name), form, url });
        }
        let form = Form::of_name(name).or_else(|| Form::of_content(name.as_ref()))?;
        Some(Self { name: name.to_owned(), form, url: None })
    }

    /// The whole URL of a database, its password included.
    #[cfg(feature = "postgres")]
    fn database_url(&self) -> &str {
        self.url.as_deref().unwrap_or_default()
    }

    pub(crate) fn path(&self) -> PathBuf {
        PathBuf::from(&self.name)
    }

    /// The files it consists of.
    fn files(&self) -> Vec<PathBuf> {
        match self.form {
            Form::Warc => warc::files(&self.path()),
            #[cfg(feature = "parquet")]
            Form::Parquet => {
                let built_or_spool = |path: PathBuf| {
                    let spool = parquet::spool(&path);
                    if spool.exists() { spool } else { path }
                };
                parquet::files(&self.path()).into_iter().map(built_or_spool).collect()
            }
            _ => vec![self.path()],
        }
    }

    /// Whether it exists; of a server nobody knows before it is asked.
    pub(crate) fn is_there(&self) -> bool {
        self.form == Form::Postgres || self.files().first().is_some_and(|first| first.exists())
    }

    /// The length in bytes of its last file; 0 where that says nothing.
    pub(crate) fn len(&self) -> Result<u64, VerifyError> {
        if self.form.is_database() {
            return Ok(0);
        }
        let path = self.files().pop().unwrap_or_else(|| self.path());
        Ok(std::fs::metadata(&path).map_err(VerifyError::read(&path))?.len())
    }

    /// The place of a record, in words.
    pub(crate) fn place(&self, at: u64) -> String {
        match self.form {
            Form::Jsonl | Form::Csv => format!("line {at}"),
            Form::Warc => warc::place_in_words(at),
            Form::Parquet => format!("row {at}"),
            // The number of the record is its place.
            Form::Sqlite | Form::Postgres => String::new(),
        }
    }
}

/// A record as its output tells it. A member that is not there is `None`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Row<'a> {
    /// Which record it is, in the output's own count: its line, from 1.
    pub(crate) at: u64,
    pub(crate) n: Option<u64>,
    pub(crate) input: Option<&'a str>,
    pub(crate) outcome: Option<&'a str>,
    pub(crate) status: Option<u64>,
    pub(crate) attempts: Option<u64>,
    pub(crate) kind: Option<&'a str>,
    pub(crate) sha256: Option<&'a str>,
    pub(crate) body_path: Option<&'a str>,
    pub(crate) content_length: Option<u64>,
    pub(crate) is_truncated: bool,
    pub(crate) url: Option<&'a str>,
    pub(crate) final_url: Option<&'a str>,
    pub(crate) warc_file: Option<&'a str>,
    pub(crate) warc_offset: Option<u64>,
    pub(crate) warc_length: Option<u64>,
}

/// A response in an archive.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    /// Its place, as [`warc::place`] has it.
    pub(crate) at: u64,
    pub(crate) length: u64,
    pub(crate) url: String,
    pub(crate) status: u16,
    /// The hash of the body that its record tells, where that can be known.
    pub(crate) sha256: Option<[u8; 32]>,
}

/// Takes what is read from an output.
pub(crate) trait Rows {
    fn row(&mut self, row: &Row<'_>) -> Result<(), VerifyError>;

    /// What stands there is no record.
    fn fault(&mut self, fault: Fault);

    /// A response of an archive.
    fn response(&mut self, _: &Response) -> Result<(), VerifyError> {
        Ok(())
    }

    /// Which members have a column of their own, where the output has columns.
    fn columns(&mut self, columns: Columns);
}

/// Members that every record of an output has, be they empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Columns {
    pub(crate) outcome: bool,
    pub(crate) status: bool,
    pub(crate) sha256: bool,
    pub(crate) kind: bool,
}

/// How much of an output was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Bytes read of the last file; 0 where there are none to count.
    pub(crate) bytes: u64,
    /// Files read.
    pub(crate) files: u64,
}

/// How far an output was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Committed {
    pub(crate) parts: u64,
    pub(crate) bytes: u64,
}

/// Reads an output up to what was committed, or to its end; of a database the records of this run.
#[cfg_attr(
    not(any(feature = "sqlite", feature = "postgres")),
    expect(unused_variables, reason = "only databases hold several runs")
)]
pub(crate) fn read(
    output: &OutputSpec,
    run: Option<&str>,
    end: Option<Committed>,
    rows: &mut dyn Rows,
) -> Result<Extent, VerifyError> {
    let path = output.path();
    let bytes = end.map(|end| end.bytes);
    match output.form {
        Form::Jsonl => jsonl::read(&path, bytes, rows),
        Form::Csv => csv::read(&path, bytes, rows),
        Form::Warc => warc::read(output, end, rows),
        #[cfg(feature = "sqlite")]
        Form::Sqlite => sqlite::read(&path, run, rows),
        #[cfg(not(feature = "sqlite"))]
        Form::Sqlite => not_built(output, "sqlite"),
        #[cfg(feature = "postgres")]
        Form::Postgres => postgres::read(output, run, rows),
        #[cfg(not(feature = "postgres"))]
        Form::Postgres => not_built(output, "postgres"),
        #[cfg(feature = "parquet")]
        Form::Parquet => parquet::read(output, end, rows),
        #[cfg(not(feature = "parquet"))]
        Form::Parquet => not_built(output, "parquet"),
    }
}

/// The error that a form was left out of this build.
#[cfg(not(all(feature = "sqlite", feature = "postgres", feature = "parquet")))]
fn not_built(output: &OutputSpec, feature: &str) -> Result<Extent, VerifyError> {
    let message = format!("{}: this build does not read it", output.name);
    Err(VerifyError::usage(message, format!("build it with the feature {feature}")))
}

/// The URL of a database without user, password and query.
fn without_secrets(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
    let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
    let place = place.split_once('?').map_or(place, |(place, _)| place);
    format!("{scheme}://{place}")
}

/// A sum in the row of a run is that of its records.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
fn check_run_sum(what: &str, said: i64, found: i64, rows: &mut dyn Rows) {
    if said != found {
        let message = format!("{what} of the run are not as many as its row in table run says");
        let fault = Fault::new(crate::report::Problem::Count, "", message);
        rows.fault(fault.expected(said.to_string()).found(found.to_string()));
    }
}

/// Finds the table that the rows of a run's pages stand in.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
const ROWS_TABLE: &str = "SELECT table_name FROM job WHERE name = \
                          (SELECT ltrim(coalesce(job, '') || ' (rows)') FROM run WHERE id = $1)";

/// Finds pages whose rows are not counted from 1 without a gap, or that have no record: number,
/// rows, and the number of the last one.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
fn wrong_rows(table: &str) -> String {
    let table = table.replace('"', "\"\"");
    format!(
        "SELECT page.n, page.rows, page.last FROM (\
           SELECT n, count(*) AS rows, max(row) AS last, min(row) AS first \
           FROM \"{table}\" WHERE run = $1 GROUP BY n) AS page \
         LEFT JOIN record ON record.run = $1 AND record.n = page.n \
         WHERE record.n IS NULL OR page.rows <> page.last OR page.first <> 1 LIMIT 10"
    )
}

/// Names a page whose rows are wrong.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
fn check_page_rows(table: &str, [n, count, last]: [i64; 3], rows: &mut dyn Rows) {
    let (place, n) = (format!("table {table}"), n.cast_unsigned());
    rows.fault(match count == last {
        true => {
            Fault::new(crate::report::Problem::Unexpected, place, "rows of a page without a record")
                .of(n)
        }
        false => {
            let message = "the rows of a page are not counted without a gap";
            let fault = Fault::new(crate::report::Problem::Count, place, message).of(n);
            fault.expected(last.to_string()).found(count.to_string())
        }
    });
}

/// A body in a database is what its key says.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
fn check_stored_body(sha256: &str, said: i64, hash: &str, bytes: usize, rows: &mut dyn Rows) {
    let place = format!("table body, sha256 {sha256}");
    let wrong = |message: &str| Fault::new(crate::report::Problem::BodyWrong, place, message);
    if hash != sha256 {
        rows.fault(wrong("the body has another SHA-256").found(hash));
    } else if i64::try_from(bytes) != Ok(said) {
        let fault = wrong("the body has another length");
        rows.fault(fault.expected(said.to_string()).found(bytes.to_string()));
    }
}

/// A file up to a position.
pub(crate) fn open(
    path: &Path,
    end: Option<u64>,
) -> Result<impl std::io::BufRead + use<>, VerifyError> {
    use std::io::{BufReader, Read};
    let file = std::fs::File::open(path).map_err(VerifyError::read(path))?;
    if file.metadata().map_err(VerifyError::read(path))?.is_dir() {
        return Err(VerifyError::Read {
            path: path.to_owned(),
            source: std::io::ErrorKind::IsADirectory.into(),
        });
    }
    Ok(BufReader::with_capacity(READ_BYTES, file.take(end.unwrap_or(u64::MAX))))
}
