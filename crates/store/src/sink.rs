//! What every output is to the engine: write records, commit, finish.

use std::fmt;
use std::path::PathBuf;

use gather_core::Record;
use gather_core::record::Archived;

use crate::csv::Csv;
use crate::error::{SinkError, SinkErrorKind};
use crate::fields::Fields;
use crate::json;
use crate::jsonl::Jsonl;
use crate::output::{self, Output};
#[cfg(feature = "postgres")]
use crate::postgres;
use crate::spool;
#[cfg(feature = "sqlite")]
use crate::sqlite;
use crate::text::{Template, Text};
use crate::{rows, warc};

/// One output of a run. It blocks, and is used by one thread.
///
/// After an error the output holds whole records only, and exactly those that
/// [`SinkError::kept`] counts; what was accepted beyond them is tried again at the next call.
pub trait Sink: Send {
    /// Accepts one record. It need not reach the system before [`commit`](Self::commit).
    ///
    /// # Errors
    /// When the output cannot take those before it. This one is then not accepted.
    fn write(&mut self, record: &Record) -> Result<(), SinkError>;

    /// Hands over all that was written, as durably as the [`OutputSpec`] asks.
    ///
    /// # Errors
    /// When the output cannot take it. A failed sync is never tried again: what it left on
    /// the disk is unknown.
    fn commit(&mut self) -> Result<Position, SinkError>;

    /// Commits for the last time and closes.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    fn finish(self: Box<Self>) -> Result<Position, SinkError>;

    /// Hands what was written to the system, however durable that is.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    /// Whether it keeps bodies, to which the records in other outputs point. Such an output is
    /// written, flushed and committed before the others.
    fn keeps_bodies(&self) -> bool {
        false
    }

    /// Where the last written record's response is, in an output that keeps bodies.
    fn archived(&self) -> Option<Archived> {
        None
    }

    /// The output as the user named it: a path, or `-` for standard output.
    fn name(&self) -> &str;
}

/// How far an output has come: what the journal keeps of it, and where a resumed run cuts it back to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Files of it that are finished and will not be touched again; 0 where there is only one.
    pub parts: u32,
    /// Its length in bytes (of the part being written), always at the end of a whole record; 0
    /// for a database, which knows its records by their run and number.
    pub bytes: u64,
    /// The records in it, of this run.
    pub records: u64,
}

/// An output that was asked for.
#[derive(Clone, Debug)]
pub struct OutputSpec {
    /// Where to.
    pub target: OutputTarget,
    /// In which form.
    pub format: Format,
    /// Which members.
    pub fields: Fields,
    /// What to do with a file that has something in it.
    pub existing: Existing,
    /// How far a commit goes.
    pub durability: Durability,
}

impl OutputSpec {
    /// The members that are written: of text those of its template.
    pub fn members(&self) -> Fields {
        match &self.format {
            Format::Text(template) => Fields::listed(template.members().cloned().collect()),
            _ => self.fields.clone(),
        }
    }
}

/// The run whose records are written. Databases keep the records of many runs apart by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunInfo {
    /// Unique among runs, and the same after a resume: `2026-11-21T10:00:00Z-4f9a2c`.
    pub id: Box<str>,
    /// When it first started, in microseconds since 1970.
    pub started_unix_us: u64,
    /// The job of `gather.toml` it is a run of: databases name a table after it.
    pub job: Option<Box<str>>,
    /// The settings that were given, as a JSON object without secrets: databases keep them.
    pub settings: Option<Box<str>>,
}

impl RunInfo {
    /// A run that starts at this moment (microseconds since 1970); `random` tells it from others
    /// of the same second.
    pub fn new(started_unix_us: u64, random: u64) -> Self {
        let mut id = Vec::new();
        json::date_time(&mut id, (started_unix_us / 1_000_000).cast_signed());
        let moment = String::from_utf8(id).expect("digits and letters");
        Self {
            id: format!("{moment}-{:06x}", random & 0xff_ffff).into(),
            started_unix_us,
            job: None,
            settings: None,
        }
    }
}

/// Where an output goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutputTarget {
    /// Standard output.
    Stdout,
    /// A file. Its directory must exist.
    File(PathBuf),
    /// A PostgreSQL database.
    Postgres(DatabaseUrl),
}

/// The URL of a database. Its password is in no message and no debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(Box<str>);

impl DatabaseUrl {
    /// A URL as the user gave it: `postgres://user:password@host/database?sslmode=require`.
    pub fn new(url: impl Into<Box<str>>) -> Self {
        Self(url.into())
    }

    /// The whole URL, password included: for the connection only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What stands before the last @ is credentials; what follows ? may hold some.
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("postgres", &self.0));
        let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
        let place = place.split_once('?').map_or(place, |(place, _)| place);
        write!(f, "{scheme}://{place}")
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

/// The form of an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Jsonl,
    /// A header, then one row a record.
    Csv(CsvBom),
    /// One line a record, for people. Its template names its members; `fields` says nothing here.
    Text(Template),
    /// A SQLite database, to which a run is added.
    Sqlite,
    /// A PostgreSQL database, to which a run is added.
    Postgres,
    /// Apache Parquet with typed columns.
    Parquet,
    /// A spreadsheet (Office Open XML).
    Xlsx,
    /// WARC 1.1: what passed over the wire, bodies included. A file with `{part}` in its name is
    /// ended and followed by the next when it has 1 GiB. Its `fields` say nothing.
    Warc(WarcCompression),
}

/// Whether the records of a WARC are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WarcCompression {
    /// Each is a gzip member (`.warc.gz`).
    #[default]
    Gzip,
    /// They are not (`.warc`).
    None,
}

/// Whether a CSV begins with a byte order mark, which some spreadsheets need to see UTF-8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CsvBom {
    /// It does not.
    #[default]
    None,
    /// It does.
    Utf8,
}

/// What to do with a file that has something in it. An empty one may always be written.
///
/// To a database a run is added, also where `Refuse` is said. `Overwrite` removes what gather has
/// in a SQLite file, and nothing else of it; in a PostgreSQL database, which others share, it
/// removes nothing. `Resume` goes on with the run of the same [`RunInfo::id`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existing {
    /// Leave it alone and say so.
    #[default]
    Refuse,
    /// Replace it.
    Overwrite,
    /// Go on after this position of the same run. What stands behind it was written and not
    /// committed, and is cut off; if nothing was committed the file may be missing.
    Resume(Position),
}

/// How far a commit goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Into the operating system: survives the end of this process.
    #[default]
    System,
    /// Onto the disk: survives a power cut. Costs a sync for each commit.
    Disk,
}

/// Opens an output.
///
/// # Errors
/// When its directory is missing or not writable, it is a directory, is being written by another
/// process, or has something in it and [`Existing::Refuse`] is asked for. A file that is refused
/// is left as it was.
pub fn open(spec: &OutputSpec, run: &RunInfo) -> Result<Box<dyn Sink>, SinkError> {
    if let Some(names) = spec.fields.rows() {
        return rows::open(spec, names, run);
    }
    let output = || Output::open(&spec.target, spec.existing, spec.durability);
    Ok(match &spec.format {
        Format::Jsonl => Box::new(Jsonl::new(output()?, &spec.fields)),
        Format::Csv(bom) => Box::new(Csv::new(output()?, &spec.fields, *bom)),
        Format::Text(template) => Box::new(Text::new(output()?, template.clone())),
        Format::Sqlite | Format::Postgres => return open_database(spec, run),
        #[cfg(feature = "parquet")]
        Format::Parquet => return crate::parquet::open(spec, run),
        #[cfg(feature = "xlsx")]
        Format::Xlsx => return crate::xlsx::open(spec, run),
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => return Err(not_built(spec)),
        #[cfg(not(feature = "xlsx"))]
        Format::Xlsx => return Err(not_built(spec)),
        Format::Warc(compression) => return warc::open(spec, run, *compression),
    })
}

#[cfg(not(all(feature = "parquet", feature = "xlsx")))]
fn not_built(spec: &OutputSpec) -> SinkError {
    SinkError::of_target(SinkErrorKind::NotBuilt, &spec.target)
}

/// Opens all outputs of a run, or none: nothing is overwritten where another is refused.
///
/// # Errors
/// As [`open`], and when two of them are the same.
pub fn open_all(specs: &[OutputSpec], run: &RunInfo) -> Result<Vec<Box<dyn Sink>>, SinkError> {
    for (at, spec) in specs.iter().enumerate() {
        if specs[..at].iter().any(|earlier| earlier.target == spec.target) {
            return Err(SinkError::of_target(SinkErrorKind::Twice, &spec.target));
        }
        match (&spec.format, &spec.target) {
            (Format::Sqlite | Format::Postgres, _) => check_database(spec)?,
            (Format::Warc(_), OutputTarget::File(name)) => {
                let first = OutputTarget::File(warc::first_part(name, spec.existing));
                output::check(&first, spec.existing)?;
            }
            _ => spool::check(spec)?,
        }
    }
    specs.iter().map(|spec| open(spec, run)).collect()
}

#[cfg_attr(
    not(any(feature = "sqlite", feature = "postgres")),
    expect(unused_variables, reason = "no database to open")
)]
fn open_database(spec: &OutputSpec, run: &RunInfo) -> Result<Box<dyn Sink>, SinkError> {
    match spec.format {
        #[cfg(feature = "sqlite")]
        Format::Sqlite => sqlite::open(spec, run),
        #[cfg(feature = "postgres")]
        Format::Postgres => postgres::open(spec, run),
        _ => Err(SinkError::of_target(SinkErrorKind::NotBuilt, &spec.target)),
    }
}

/// Refuses what opening would refuse, as far as it can be told without a server.
fn check_database(spec: &OutputSpec) -> Result<(), SinkError> {
    match spec.format {
        #[cfg(feature = "sqlite")]
        Format::Sqlite => sqlite::check(spec),
        _ => Ok(()),
    }
}
