//! What can go wrong with a result, said in one line with its place.

use std::fmt;
use std::io;

/// Why a result, or a row of it, cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// What it comes down to.
    pub kind: ReadErrorKind,
    /// The result as the user named it, `-` for standard input.
    pub name: Box<str>,
    /// The line (the row, where there are no lines), from 1.
    pub line: Option<u64>,
    /// What is wrong there.
    pub message: String,
}

/// The ways in which a result cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadErrorKind {
    /// A row is no record.
    Row,
    /// The result ends within a row.
    Torn,
    /// There is no such file, or no run in it.
    Missing,
    /// It has another form than results have.
    Form,
    /// This build was made without the feature that reads it.
    NotBuilt,
    /// The system or the database says no.
    Io,
}

impl ReadError {
    pub(crate) fn new(kind: ReadErrorKind, name: &str, message: impl Into<String>) -> Self {
        Self { kind, name: name.into(), line: None, message: message.into() }
    }

    pub(crate) fn row(name: &str, line: u64, message: impl Into<String>) -> Self {
        Self { line: Some(line), ..Self::new(ReadErrorKind::Row, name, message) }
    }

    pub(crate) fn torn(name: &str, line: u64, message: impl Into<String>) -> Self {
        Self { line: Some(line), ..Self::new(ReadErrorKind::Torn, name, message) }
    }

    pub(crate) fn io(name: &str, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::new(ReadErrorKind::Missing, name, "does not exist"),
            _ => Self::new(ReadErrorKind::Io, name, format!("cannot be read: {error}")),
        }
    }

    /// Whether the result ends within a row.
    pub fn is_torn(&self) -> bool {
        self.kind == ReadErrorKind::Torn
    }

    /// Whether it is about one row, and those behind it can still be read.
    pub fn is_row(&self) -> bool {
        matches!(self.kind, ReadErrorKind::Row | ReadErrorKind::Torn)
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{} line {line}: {}", self.name, self.message),
            None => write!(f, "{} {}", self.name, self.message),
        }
    }
}

impl std::error::Error for ReadError {}
