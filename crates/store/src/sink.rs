//! What every output is to the engine: write records, commit, finish.

use std::path::PathBuf;

use gather_core::Record;

use crate::csv::Csv;
use crate::error::SinkError;
use crate::fields::Fields;
use crate::jsonl::Jsonl;
use crate::output::{self, Output};
use crate::text::{Template, Text};

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

    /// The output as the user named it: a path, or `-` for standard output.
    fn name(&self) -> &str;
}

/// How far an output has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Its length in bytes, always at the end of a whole record.
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

/// Where an output goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutputTarget {
    /// Standard output.
    Stdout,
    /// A file. Its directory must exist.
    File(PathBuf),
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existing {
    /// Leave it alone and say so.
    #[default]
    Refuse,
    /// Replace it.
    Overwrite,
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
pub fn open(spec: &OutputSpec) -> Result<Box<dyn Sink>, SinkError> {
    let output = Output::open(&spec.target, spec.existing, spec.durability)?;
    Ok(match &spec.format {
        Format::Jsonl => Box::new(Jsonl::new(output, &spec.fields)),
        Format::Csv(bom) => Box::new(Csv::new(output, &spec.fields, *bom)),
        Format::Text(template) => Box::new(Text::new(output, template.clone())),
    })
}

/// Opens all outputs of a run, or none: nothing is overwritten where another is refused.
///
/// # Errors
/// As [`open`], and when two of them are the same.
pub fn open_all(specs: &[OutputSpec]) -> Result<Vec<Box<dyn Sink>>, SinkError> {
    for (at, spec) in specs.iter().enumerate() {
        if specs[..at].iter().any(|earlier| earlier.target == spec.target) {
            return Err(SinkError::twice(&spec.target));
        }
        output::check(&spec.target, spec.existing)?;
    }
    specs.iter().map(open).collect()
}
