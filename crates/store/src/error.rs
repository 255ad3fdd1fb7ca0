//! What can go wrong with an output, said in one line with what to do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::sink::{OutputTarget, Position};

/// Why an output cannot be opened or written. `Display` is one line: what, where, what to do.
#[derive(Debug)]
pub struct SinkError {
    /// What it comes down to.
    pub kind: SinkErrorKind,
    /// The file; `None` for standard output.
    pub path: Option<PathBuf>,
    /// What the system said, if it was asked.
    pub source: Option<io::Error>,
    /// What the output holds for certain: whole records only. `None` while opening.
    pub kept: Option<Position>,
}

/// The ways in which an output fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SinkErrorKind {
    /// There is something in it already.
    Exists,
    /// The directory it should be in does not exist.
    MissingDirectory,
    /// No permission.
    Denied,
    /// It is a directory.
    IsDirectory,
    /// Another process is writing it.
    Busy,
    /// It is to be the cache of a run, and is another kind of file.
    NotACache,
    /// Two outputs of one run are the same file.
    Twice,
    /// It has less in it than the run that goes on has committed to it: somebody changed it.
    Changed,
    /// The disk, or the quota, is full.
    DiskFull,
    /// The reader of the pipe has gone (`| head`): no fault of anybody.
    Closed,
    /// This build was made without the feature that writes it.
    NotBuilt,
    /// It is no regular file, and its format needs one.
    NotAFile,
    /// All records are in its spool, and the file could not be made of it.
    Unbuilt,
    /// The file is no database.
    NotDatabase,
    /// The database has a table of somebody else under a name of ours.
    Foreign,
    /// The database was written by a later version.
    Newer,
    /// The database does not hold the run that is to go on.
    RunMissing,
    /// Another process holds the database's lock for longer than is waited for.
    Locked,
    /// The database is damaged.
    Corrupt,
    /// The URL of a database cannot be read.
    Url,
    /// The database's server does not answer.
    Unreachable,
    /// The database's server refuses: the password, the permission, the encoding.
    Refused,
    /// Rows cannot be written in this format.
    NoRows,
    /// Whatever else the system says.
    Io,
}

impl SinkError {
    /// An error that the system reported about `path` (`None`: standard output).
    pub(crate) fn io(path: Option<&Path>, source: io::Error, kept: Option<Position>) -> Self {
        let kind = match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                SinkErrorKind::Denied
            }
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => SinkErrorKind::DiskFull,
            io::ErrorKind::BrokenPipe => SinkErrorKind::Closed,
            io::ErrorKind::IsADirectory => SinkErrorKind::IsDirectory,
            io::ErrorKind::NotFound => SinkErrorKind::MissingDirectory,
            _ => SinkErrorKind::Io,
        };
        Self { kind, path: path.map(Path::to_owned), source: Some(source), kept }
    }

    /// An error found without the system's help.
    pub(crate) fn found(kind: SinkErrorKind, path: &Path) -> Self {
        Self { kind, path: Some(path.to_owned()), source: None, kept: None }
    }

    /// An error found about any output, without the system's help.
    pub(crate) fn of_target(kind: SinkErrorKind, target: &OutputTarget) -> Self {
        let path = match target {
            OutputTarget::Stdout => None,
            OutputTarget::File(path) => Some(path.clone()),
            // Without its credentials.
            OutputTarget::Postgres(url) => Some(url.to_string().into()),
        };
        Self { kind, path, source: None, kept: None }
    }

    /// An output that is shorter than the run which goes on has left it at `committed`.
    pub(crate) fn changed(path: &Path, committed: Position) -> Self {
        Self { kept: Some(committed), ..Self::found(SinkErrorKind::Changed, path) }
    }

    /// The same with what is known beside the kind.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn because(mut self, why: impl Into<String>) -> Self {
        self.source = Some(io::Error::other(why.into()));
        self
    }

    fn hint(&self) -> &'static str {
        match self.kind {
            SinkErrorKind::Exists => "replace it with --overwrite, or name another file",
            SinkErrorKind::MissingDirectory => "create the directory first",
            SinkErrorKind::Denied => "choose another place or change its permissions",
            SinkErrorKind::IsDirectory => "name a file in it",
            SinkErrorKind::Busy => "wait for the other run, or choose another file",
            SinkErrorKind::NotACache => "name another file",
            SinkErrorKind::Twice => "name each output once",
            SinkErrorKind::Changed => "put it back as it was, or begin again with --overwrite",
            SinkErrorKind::DiskFull => "free some space, then run it again",
            SinkErrorKind::Closed => "nothing to do",
            SinkErrorKind::NoRows => {
                "a database holds rows beside its records; others end in .jsonl, .csv, .parquet or .xlsx"
            }
            SinkErrorKind::NotBuilt => "build gather with the feature of that format",
            SinkErrorKind::NotAFile => "name a regular file, or choose --format jsonl",
            SinkErrorKind::Unbuilt => {
                "all records are in the file of that name with .spool: mend the cause, then go on \
                 with --resume, or export the spool with gather export"
            }
            SinkErrorKind::NotDatabase => "name another file, or move it away",
            SinkErrorKind::Foreign => "name another database (PostgreSQL: add ?schema=NAME)",
            SinkErrorKind::Newer => "use that version, or name another database",
            SinkErrorKind::RunMissing => "name the output it had, or start anew without --resume",
            SinkErrorKind::Locked => "end what holds it, perhaps an open transaction; then again",
            SinkErrorKind::Corrupt => "save what can be read: sqlite3 FILE .recover",
            SinkErrorKind::Url => "write postgres://user@host/database?sslmode=require",
            SinkErrorKind::Unreachable => "see that it runs and that host and port are right",
            SinkErrorKind::Refused => "see user, password, permissions and pg_hba.conf",
            SinkErrorKind::Io => "choose another place",
        }
    }
}

impl SinkErrorKind {
    /// Whether the kind alone says too little.
    fn needs_words(self) -> bool {
        matches!(
            self,
            Self::Denied
                | Self::Foreign
                | Self::Url
                | Self::Unreachable
                | Self::Refused
                | Self::Unbuilt
                | Self::Io
        )
    }
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match &self.path {
            Some(path) => path.display().to_string(),
            None => "standard output".to_owned(),
        };
        match self.kind {
            SinkErrorKind::Exists => write!(f, "{place} is not empty")?,
            SinkErrorKind::MissingDirectory => write!(f, "{place} does not exist")?,
            SinkErrorKind::IsDirectory => write!(f, "{place} is a directory")?,
            SinkErrorKind::Busy => write!(f, "{place} is being written by another process")?,
            SinkErrorKind::NotACache => write!(f, "{place} is no cache of this version")?,
            SinkErrorKind::Twice => write!(f, "{place} is named twice as an output")?,
            SinkErrorKind::Changed => {
                let Position { bytes, records, .. } = self.kept.unwrap_or_default();
                write!(
                    f,
                    "{place} has been changed: {records} records ({bytes} bytes) of the run that \
                     goes on should stand in it"
                )?;
            }
            SinkErrorKind::DiskFull => write!(f, "cannot write {place}: no space left")?,
            SinkErrorKind::Closed => write!(f, "{place} was closed by its reader")?,
            SinkErrorKind::NoRows => {
                write!(f, "{place} has a format that rows are not written in")?
            }
            SinkErrorKind::NotBuilt => write!(f, "{place} has a format that this build lacks")?,
            SinkErrorKind::NotAFile => write!(f, "{place} is no file, which its format needs")?,
            SinkErrorKind::Unbuilt => write!(f, "cannot build {place}")?,
            SinkErrorKind::NotDatabase => write!(f, "{place} is not a SQLite database")?,
            SinkErrorKind::Foreign => write!(f, "{place} has a table that gather did not make")?,
            SinkErrorKind::Newer => write!(f, "{place} was written by a later version of gather")?,
            SinkErrorKind::RunMissing => write!(f, "{place} does not hold the run to go on with")?,
            SinkErrorKind::Locked => write!(f, "{place} is locked by another process")?,
            SinkErrorKind::Corrupt => write!(f, "{place} is damaged")?,
            SinkErrorKind::Url => write!(f, "{place} cannot be read as the URL of a database")?,
            SinkErrorKind::Unreachable => write!(f, "cannot reach {place}")?,
            SinkErrorKind::Refused => write!(f, "{place} refuses")?,
            SinkErrorKind::Denied | SinkErrorKind::Io => write!(f, "cannot write {place}")?,
        }
        if let (Some(source), true) = (&self.source, self.kind.needs_words()) {
            write!(f, ": {source}")?;
        }
        match self.kept {
            None => {}
            Some(_) if self.kind == SinkErrorKind::Changed => {}
            // A database is not told by its length.
            Some(Position { bytes: 0, records: records @ 1.., .. }) => {
                write!(f, "; {records} records are kept")?;
            }
            Some(Position { bytes, records, .. }) => {
                write!(f, "; {records} whole records ({bytes} bytes) are kept")?;
            }
        }
        write!(f, "; hint: {}", self.hint())
    }
}

impl std::error::Error for SinkError {
    // The line above tells it already; a chain would say it twice.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        None
    }
}
