//! What changed between runs: values, statuses, targets that came and went.
//!
//! Runs are read one after the other, sorted by target in temporary files, and walked together:
//! memory does not grow with them. A value is compared with the one that was last recorded,
//! whatever failed in between; the first one is a baseline and no change.

mod choose;
mod entry;
mod forms;
mod page;
mod series;
mod walk;
mod words;

use std::fmt;
use std::io;

use gather_store::read::{ReadError, ReadErrorKind, ResultSpec, Standing};
use serde::{Deserialize, Serialize};

use crate::digest::Group;

pub use choose::{Choice, choose};
pub use forms::{ChangesForm, write};
pub use page::{CHANGES_SHOWN_MAX, ChangesPage};
pub use walk::{Told, tell};
pub use words::{Word, word_diff};

/// What is compared, and how.
#[derive(Clone, Debug, Default)]
pub struct ChangesSpec {
    /// The runs, the earliest first.
    pub runs: Vec<Snapshot>,
    /// The first of them whose changes are told; those before it say what was recorded last.
    pub first: usize,
    /// What tells a target from the others; its URL and method if empty.
    pub key: Vec<Group>,
    /// What is compared beside the status; all extracted fields if empty.
    pub members: Vec<Group>,
    /// What is told of; everything if empty.
    pub only: Vec<ChangeKind>,
}

/// A run, as a result that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Where its records are.
    pub spec: ResultSpec,
    /// Its name: the run of a database, else the file.
    pub name: String,
    /// Whether all its targets are in it.
    pub standing: Standing,
}

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A value is another than the one recorded before.
    Changed,
    /// A value is not found any more, though the page answers.
    Lost,
    /// A value that was lost is found again, as it was.
    Found,
    /// The status is another.
    Status,
    /// The target was not in the run before.
    Added,
    /// The target was in the run before, and is not in this one.
    Removed,
}

impl ChangeKind {
    /// All of them, in the order in which they are counted.
    pub const ALL: [Self; 6] =
        [Self::Changed, Self::Lost, Self::Found, Self::Status, Self::Added, Self::Removed];

    /// Its name in records and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Lost => "lost",
            Self::Found => "found",
            Self::Status => "status",
            Self::Added => "added",
            Self::Removed => "removed",
        }
    }
}

/// One change of one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// What changed.
    pub kind: ChangeKind,
    /// The value's name, of those that are about a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Of numbers: by how much it is more, as digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta: Option<String>,
    /// Of numbers: the same in percent of what it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<f64>,
    /// Of texts of several words: `the [-old-] {+new+} words`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    /// The target's ordinal in its run; of one that was removed, in the run before.
    pub n: u64,
    /// Of a row of a listing: its place in its page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<u64>,
    /// The URL asked for, or the input that is none.
    pub url: String,
    /// What told it from others, where that is not the URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The run in which `before` was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_run: Option<String>,
    /// When it was asked for, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_at: Option<String>,
    /// The run that shows the change.
    pub run: String,
    /// When the target was asked for in it, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// Why changes cannot be told.
#[derive(Debug)]
#[non_exhaustive]
pub enum ChangesError {
    /// A result cannot be read.
    Input(ReadError),
    /// There is nothing to compare, or it cannot be meant; one line, with a hint.
    Choice(String),
    /// The temporary directory, or the output, says no.
    Io(io::Error),
}

impl ChangesError {
    /// Whether what was asked for cannot be meant.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Choice(_) => true,
            Self::Input(error) => matches!(
                error.kind,
                ReadErrorKind::Missing | ReadErrorKind::Form | ReadErrorKind::NotBuilt
            ),
            Self::Io(_) => false,
        }
    }
}

impl fmt::Display for ChangesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(error) => error.fmt(f),
            Self::Choice(message) => f.write_str(message),
            Self::Io(error) => write!(
                f,
                "changes cannot be put aside or written: {error}; hint: name a directory with \
                 space in TMPDIR"
            ),
        }
    }
}

impl std::error::Error for ChangesError {}

impl From<io::Error> for ChangesError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ReadError> for ChangesError {
    fn from(error: ReadError) -> Self {
        Self::Input(error)
    }
}

#[cfg(test)]
mod tests;
