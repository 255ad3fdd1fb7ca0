//! What can go wrong with a journal, said in one line with what to do about it.

use std::fmt;
use std::path::{Path, PathBuf};

/// Why a journal cannot be used. `Display` is one line: what, where, what to do.
#[derive(Debug)]
pub struct JournalError {
    /// What it comes down to.
    pub kind: JournalErrorKind,
    /// The journal.
    pub path: PathBuf,
}

/// The ways in which a journal fails.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JournalErrorKind {
    /// This build was made without SQLite.
    NotBuilt,
    /// Another process has it open.
    Busy {
        /// That process, where the system tells.
        pid: Option<u32>,
    },
    /// It is a file of another kind.
    NotAJournal,
    /// It is an output of the same run.
    IsOutput,
    /// A later version wrote it.
    Newer {
        /// Its format.
        format: i64,
    },
    /// Its bytes are not those that were written.
    Damaged {
        /// What was found.
        what: String,
    },
    /// There is one of an unfinished run, and nobody said what to do with it.
    Unfinished {
        /// The inputs that it has finished.
        done: u64,
    },
    /// The disk, or the quota, is full.
    DiskFull,
    /// The system cannot read or write it.
    Io {
        /// What it said.
        what: String,
    },
    /// Whatever else SQLite says.
    Other {
        /// What it said.
        what: String,
    },
}

impl JournalError {
    /// An error about the journal at `path`.
    pub(crate) fn new(path: &Path, kind: JournalErrorKind) -> Self {
        Self { kind, path: path.to_owned() }
    }

    /// What the user can do.
    pub fn hint(&self) -> String {
        match &self.kind {
            JournalErrorKind::NotBuilt => {
                "build gather with the feature sqlite, or run without a journal".into()
            }
            JournalErrorKind::Busy { .. } => "wait for that run, or stop it".into(),
            JournalErrorKind::NotAJournal => {
                "if it was one it is damaged: move it away with the outputs; else name another file \
                 with --journal"
                    .into()
            }
            JournalErrorKind::IsOutput => "name another file with --journal".into(),
            JournalErrorKind::Newer { .. } => "use the gather that began the run".into(),
            JournalErrorKind::Damaged { .. } => {
                "the outputs were not touched and their whole records are good: move them away \
                 with the journal, then fetch what they lack into a new output"
                    .into()
            }
            JournalErrorKind::Unfinished { .. } => {
                "go on with --resume, or begin again with --overwrite".into()
            }
            JournalErrorKind::DiskFull => "free some space, then go on with --resume".into(),
            JournalErrorKind::Io { .. } | JournalErrorKind::Other { .. } => {
                "choose another place with --journal FILE".into()
            }
        }
    }
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.kind {
            JournalErrorKind::NotBuilt => write!(f, "{path}: this build has no journal")?,
            JournalErrorKind::Busy { pid: Some(pid) } => {
                write!(f, "{path} is in use by another run (process {pid})")?;
            }
            JournalErrorKind::Busy { pid: None } => {
                write!(f, "{path} is in use by another process")?;
            }
            JournalErrorKind::NotAJournal => write!(f, "{path} is no journal of a run")?,
            JournalErrorKind::IsOutput => write!(f, "{path} is an output, too")?,
            JournalErrorKind::Newer { format } => {
                write!(f, "{path} has format {format}, which this version does not know")?;
            }
            JournalErrorKind::Damaged { what } => write!(f, "{path} is damaged: {what}")?,
            JournalErrorKind::Unfinished { done } => {
                write!(f, "{path} belongs to an unfinished run ({done} inputs done)")?;
            }
            JournalErrorKind::DiskFull => write!(f, "cannot write {path}: no space left")?,
            JournalErrorKind::Io { what } | JournalErrorKind::Other { what } => {
                write!(f, "cannot use {path}: {what}")?;
            }
        }
        write!(f, "; hint: {}", self.hint())
    }
}

impl std::error::Error for JournalError {}
