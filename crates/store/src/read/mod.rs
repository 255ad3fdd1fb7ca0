//! Results read back as records, one after the other: JSON lines, CSV, SQLite, Parquet, archives.
//!
//! A record that was read back is written again as it stood: [`Held`](gather_core::Held) says
//! which members it had, and keeps those that are not known.

mod bytes;
mod composite;
mod csv;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod database;
mod draft;
mod error;
mod lines;
#[cfg(feature = "parquet")]
mod parquet;
mod runs;
#[cfg(feature = "sqlite")]
mod sqlite;
mod standing;
mod warc;

use std::fs::File;
use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

use gather_core::Record;
use gather_core::record::Archived;

pub use crate::sorted::{ByteSorter, Order, Sorted, SortedBytes, Sorter};
pub use crate::survey::Survey;
pub use error::{ReadError, ReadErrorKind};
pub use runs::{RunAbout, runs};
pub use standing::Standing;

#[cfg(feature = "postgres")]
pub(crate) use composite::moment_us;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) use database::{column_member, no_run};
pub(crate) use draft::Decimals;
#[cfg(feature = "postgres")]
pub(crate) use draft::{Draft, Given, Shape};
pub(crate) use lines::JsonLines;

use crate::sink::{DatabaseUrl, RunInfo};
use crate::spool;

/// The records of one result, in its order. It blocks, and does not belong on an event loop.
pub trait Results: Send {
    /// The next record; `None` at the end.
    ///
    /// # Errors
    /// A row that is no record: [`ReadError::is_row`] is true, and the next call goes on behind
    /// it. Any other error is the end.
    fn next(&mut self) -> Result<Option<Record>, ReadError>;

    /// The run it is of, where the result says so.
    fn run(&self) -> Option<&RunInfo> {
        None
    }

    /// How far its run is, as far as the result itself says; [`standing`] knows more.
    fn standing(&self) -> Standing {
        Standing::Ended
    }
}

/// How far the run of a result is, by the result and by what stands beside it.
pub fn standing(spec: &ResultSpec, results: &dyn Results) -> Standing {
    let ResultPlace::File(path) = &spec.place else { return results.standing() };
    let beside = standing::of_file(path);
    match results.run() {
        // Beside a database it is told of the run that began there last.
        Some(_) if results.standing() == Standing::Unfinished => match beside.standing {
            Standing::Going => Standing::Going,
            Standing::Ended | Standing::Unfinished => Standing::Unfinished,
        },
        Some(run) if beside.run.as_deref() != Some(&*run.id) => Standing::Ended,
        _ => beside.standing,
    }
}

/// Where in an archive the record's response is, as the result says.
pub fn archived(record: &Record) -> Option<Archived> {
    let others = &record.held.as_ref()?.others;
    let member = |name: &str| -> Option<serde_json::Value> {
        let (_, json) = others.iter().find(|(known, _)| **known == *name)?;
        serde_json::from_str(json).ok()
    };
    // In a table without types a number is a text.
    let count = |name: &str| -> Option<u64> {
        let value = member(name)?;
        value.as_u64().or_else(|| value.as_str()?.parse().ok())
    };
    Some(Archived {
        file: member("warc_file")?.as_str()?.into(),
        offset: count("warc_offset")?,
        length: count("warc_length").unwrap_or_default(),
    })
}

/// Has a record that was read back tell its outcome and fields, which were found anew.
pub fn tell_anew(record: &mut Record) {
    use crate::fields::Field;
    let Some(held) = &mut record.held else { return };
    let told = [Field::Fields, Field::Outcome];
    let error = [Field::ErrorKind, Field::ErrorMessage, Field::ErrorRetryable];
    for field in told.iter().chain(&error) {
        held.members |= field.bit();
        let name = field.name();
        held.others.retain(|(known, _)| **known != name);
    }
}

/// A result to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultSpec {
    /// Where it is.
    pub place: ResultPlace,
    /// Of a database, the run that is read; the one that began last if `None`.
    pub run: Option<Box<str>>,
    /// Whether the bodies that a database stores are read with the records.
    pub bodies: Bodies,
}

/// Whether bodies are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bodies {
    /// They are not.
    #[default]
    Leave,
    /// Each with the record that names its SHA-256.
    Read,
}

/// Where a result is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResultPlace {
    /// Standard input: JSON lines or CSV, also gzipped.
    Stdin,
    /// A file, its form known by its name or its first bytes.
    File(PathBuf),
    /// A PostgreSQL database.
    Postgres(DatabaseUrl),
}

impl ResultPlace {
    /// As named on a command line: `-` is standard input.
    pub fn named(name: &str) -> Self {
        match name {
            "-" => Self::Stdin,
            url if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                Self::Postgres(DatabaseUrl::new(url))
            }
            path => Self::File(path.into()),
        }
    }
}

/// As it was named, without what is secret in a URL.
impl std::fmt::Display for ResultPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stdin => f.write_str("-"),
            Self::File(path) => path.display().fmt(f),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

/// The form of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Lines,
    Csv,
    Sqlite,
    Parquet,
    Spreadsheet,
    Archive,
}

/// Opens a result. It may be one that a run is still writing: what is committed is read.
///
/// # Errors
/// When it is not there, cannot be read, or has a form that is not read back.
pub fn open(spec: &ResultSpec) -> Result<Box<dyn Results>, ReadError> {
    match &spec.place {
        ResultPlace::Stdin => from_bytes(Box::new(std::io::stdin()), "-", None),
        ResultPlace::File(path) => open_file(path, spec),
        #[cfg(feature = "postgres")]
        ResultPlace::Postgres(url) => {
            let rows = crate::postgres::read::PostgresRows::open(url, spec)?;
            Ok(Box::new(rows))
        }
        #[cfg(not(feature = "postgres"))]
        ResultPlace::Postgres(url) => Err(not_built(&url.to_string())),
    }
}

fn open_file(path: &Path, spec: &ResultSpec) -> Result<Box<dyn Results>, ReadError> {
    let name = path.display().to_string();
    // What it is built of stands beside it as long as the run can go on: that is the newer one.
    let spool = spool::path_of(path);
    if spool.is_file() {
        return JsonLines::of_spool(&spool).map(|lines| Box::new(lines) as Box<dyn Results>);
    }
    let mut file = File::open(path).map_err(|error| ReadError::io(&name, &error))?;
    if path.extension().is_some_and(|extension| extension == spool::EXTENSION) {
        return JsonLines::of_spool(path).map(|lines| Box::new(lines) as Box<dyn Results>);
    }
    let mut head = [0; 16];
    let mut count = 0;
    while count < head.len() {
        match file.read(&mut head[count..]).map_err(|error| ReadError::io(&name, &error))? {
            0 => break,
            more => count += more,
        }
    }
    let form = by_magic(&head[..count]);
    let form = form.or_else(|| by_name(path).filter(|form| *form == Form::Archive));
    match form {
        Some(Form::Archive) => {
            warc::WarcRows::open(path).map(|rows| Box::new(rows) as Box<dyn Results>)
        }
        Some(Form::Sqlite) => open_sqlite(path, spec),
        Some(Form::Parquet) => open_parquet(path),
        Some(Form::Spreadsheet) => Err(ReadError::new(
            ReadErrorKind::Form,
            &name,
            "is a spreadsheet, which is not read back; hint: name the result it was made from",
        )),
        Some(Form::Lines | Form::Csv) | None => {
            let whole = std::io::Cursor::new(head[..count].to_vec()).chain(file);
            from_bytes(Box::new(whole), &name, Some(path))
        }
    }
}

#[cfg(feature = "parquet")]
fn open_parquet(path: &Path) -> Result<Box<dyn Results>, ReadError> {
    parquet::ParquetRows::open(path).map(|rows| Box::new(rows) as Box<dyn Results>)
}

#[cfg(not(feature = "parquet"))]
fn open_parquet(path: &Path) -> Result<Box<dyn Results>, ReadError> {
    Err(not_built(&path.display().to_string()))
}

#[cfg(feature = "sqlite")]
fn open_sqlite(path: &Path, spec: &ResultSpec) -> Result<Box<dyn Results>, ReadError> {
    sqlite::SqliteRows::open(path, spec).map(|rows| Box::new(rows) as Box<dyn Results>)
}

#[cfg(not(feature = "sqlite"))]
fn open_sqlite(path: &Path, _spec: &ResultSpec) -> Result<Box<dyn Results>, ReadError> {
    Err(not_built(&path.display().to_string()))
}

#[cfg(not(all(feature = "parquet", feature = "sqlite", feature = "postgres")))]
fn not_built(name: &str) -> ReadError {
    ReadError::new(ReadErrorKind::NotBuilt, name, "has a form that this build does not read")
}

/// Lines or CSV, gzipped or not.
fn from_bytes(
    bytes: Box<dyn Read + Send>,
    name: &str,
    path: Option<&Path>,
) -> Result<Box<dyn Results>, ReadError> {
    let mut bytes = bytes::unzipped(bytes).map_err(|error| ReadError::io(name, &error))?;
    let head = bytes.fill_buf().map_err(|error| ReadError::io(name, &error))?;
    let form = path.and_then(by_name).unwrap_or_else(|| by_first_byte(head));
    Ok(match form {
        Form::Csv => Box::new(csv::CsvRows::new(bytes, name, path)?),
        _ => Box::new(JsonLines::new(bytes, name, path)),
    })
}

/// An extracted value of a result, or an unknown member, as a value of its type.
pub(crate) fn field_value(json: &str) -> Option<gather_core::FieldValue> {
    composite::field_value(json, Decimals::Text)
}

/// The record of a line that was encoded as a spool's.
pub(crate) fn spooled(line: &[u8]) -> Result<Record, ReadError> {
    lines::record(line, Decimals::Told)
        .map_err(|wrong| ReadError::row("a spooled record", 1, wrong))
}

fn by_magic(head: &[u8]) -> Option<Form> {
    const MAGIC: &[(&[u8], Form)] = &[
        (b"SQLite format 3\0", Form::Sqlite),
        (b"PAR1", Form::Parquet),
        (b"PK\x03\x04", Form::Spreadsheet),
        (b"WARC/1.", Form::Archive),
    ];
    MAGIC.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, form)| *form)
}

fn by_name(path: &Path) -> Option<Form> {
    let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    match name.rsplit_once('.')?.1 {
        "jsonl" | "ndjson" | "json" => Some(Form::Lines),
        "csv" => Some(Form::Csv),
        "warc" => Some(Form::Archive),
        _ => None,
    }
}

fn by_first_byte(head: &[u8]) -> Form {
    let head = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(head);
    match head.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') | None => Form::Lines,
        Some(_) => Form::Csv,
    }
}
