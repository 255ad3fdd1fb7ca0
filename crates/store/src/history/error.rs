//! What can go wrong with a history, said in one line with what to do about it.

use std::fmt;

use super::rows::HistoryPlace;

/// Why a history cannot be used. `Display` is one line: what, where, what to do.
#[derive(Debug)]
pub struct HistoryError {
    /// What it comes down to.
    pub kind: HistoryErrorKind,
    /// The file, or the database without its password.
    pub place: Box<str>,
}

/// The ways in which a history fails.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HistoryErrorKind {
    /// Another watch writes it.
    Busy {
        /// That process, where it is known.
        holder: Option<Box<str>>,
    },
    /// Its lock is held for longer than is waited for.
    Locked,
    /// There is none: nobody has watched anything into it yet.
    Missing,
    /// The directory it should be in does not exist.
    MissingDirectory,
    /// No permission.
    Denied,
    /// It is no database.
    NotDatabase,
    /// A later version wrote it.
    Newer {
        /// The version of its tables.
        version: i64,
    },
    /// It is damaged, or somebody changed it.
    Damaged {
        /// What was found.
        what: Box<str>,
    },
    /// The disk, or the quota, is full.
    DiskFull,
    /// The URL cannot be read, or the build has no PostgreSQL.
    Url {
        /// What is wrong with it.
        what: Box<str>,
    },
    /// The server does not answer.
    Unreachable {
        /// What was tried.
        what: Box<str>,
    },
    /// The server refuses.
    Refused {
        /// What it said.
        what: Box<str>,
    },
    /// Whatever else the system or the database says.
    Other {
        /// What it said.
        what: Box<str>,
    },
}

impl HistoryErrorKind {
    /// What an error of the system about a file of the history means.
    pub(super) fn of_io(error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        match error.kind() {
            ErrorKind::NotFound => Self::MissingDirectory,
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Self::Denied,
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::DiskFull,
            _ => Self::Other { what: error.to_string().into() },
        }
    }
}

impl HistoryError {
    pub(super) fn new(place: impl fmt::Display, kind: HistoryErrorKind) -> Self {
        Self { kind, place: place.to_string().into() }
    }

    pub(super) fn damaged(place: impl fmt::Display, what: impl Into<Box<str>>) -> Self {
        Self::new(place, HistoryErrorKind::Damaged { what: what.into() })
    }

    /// An error that the system reported about a file of the history.
    pub(super) fn io(place: &HistoryPlace, error: &std::io::Error) -> Self {
        Self::new(place, HistoryErrorKind::of_io(error))
    }

    /// Whether the same call may succeed later.
    pub fn is_passing(&self) -> bool {
        matches!(self.kind, HistoryErrorKind::Locked | HistoryErrorKind::Unreachable { .. })
    }

    /// What the user can do.
    pub fn hint(&self) -> &'static str {
        match &self.kind {
            HistoryErrorKind::Busy { .. } => "stop that watch, or give this one another [store]",
            HistoryErrorKind::Locked => "end the program that holds it, then try again",
            HistoryErrorKind::Missing => "start `gather watch` with this [store] first",
            HistoryErrorKind::MissingDirectory => "create the directory first",
            HistoryErrorKind::Denied => "choose another [store] or change its permissions",
            HistoryErrorKind::NotDatabase => "name another file in [store]",
            HistoryErrorKind::Newer { .. } => "use the gather that wrote it",
            HistoryErrorKind::Damaged { .. } => {
                "move it away and start anew, or put a copy of it in its place"
            }
            HistoryErrorKind::DiskFull => "free some space: the watch goes on by itself",
            HistoryErrorKind::Url { .. } => {
                "write postgres://USER@HOST/DATABASE, with the password in PGPASSWORD"
            }
            HistoryErrorKind::Unreachable { .. } => "start the server, or mend the URL in [store]",
            HistoryErrorKind::Refused { .. } => "check user, password and rights of [store]",
            HistoryErrorKind::Other { .. } => "choose another place in [store]",
        }
    }
}

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = &self.place;
        match &self.kind {
            HistoryErrorKind::Busy { holder: Some(holder) } => {
                write!(f, "{place} is in use by another watch ({holder})")?;
            }
            HistoryErrorKind::Busy { holder: None } => {
                write!(f, "{place} is in use by another watch")?;
            }
            HistoryErrorKind::Locked => write!(f, "{place} is locked by another program")?,
            HistoryErrorKind::Missing => write!(f, "{place} holds no history of a watch")?,
            HistoryErrorKind::MissingDirectory => {
                write!(f, "the directory of {place} does not exist")?;
            }
            HistoryErrorKind::Denied => write!(f, "no permission to write {place}")?,
            HistoryErrorKind::NotDatabase => write!(f, "{place} is not a SQLite database")?,
            HistoryErrorKind::Newer { version } => {
                write!(
                    f,
                    "{place} has version {version} of the history's tables, which this gather does not know"
                )?;
            }
            HistoryErrorKind::Damaged { what } => write!(f, "{place} is damaged: {what}")?,
            HistoryErrorKind::DiskFull => write!(f, "cannot write {place}: no space left")?,
            HistoryErrorKind::Url { what } => {
                write!(f, "{place} cannot be read as the URL of a database: {what}")?;
            }
            HistoryErrorKind::Unreachable { what } => write!(f, "cannot reach {place}: {what}")?,
            HistoryErrorKind::Refused { what } => write!(f, "{place} refuses: {what}")?,
            HistoryErrorKind::Other { what } => write!(f, "cannot use {place}: {what}")?,
        }
        write!(f, "; hint: {}", self.hint())
    }
}

impl std::error::Error for HistoryError {}
