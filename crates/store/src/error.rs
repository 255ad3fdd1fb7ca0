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
    /// It is to be found by offsets, and is no regular file.
    NotAFile,
    /// It is to be the cache of a run, and is another kind of file.
    NotACache,
    /// Two outputs of one run are the same file.
    Twice,
    /// The disk, or the quota, is full.
    DiskFull,
    /// The reader of the pipe has gone (`| head`): no fault of anybody.
    Closed,
    /// This build was made without the feature that writes it.
    NotBuilt,
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

    fn hint(&self) -> &'static str {
        match self.kind {
            SinkErrorKind::Exists => "replace it with --overwrite, or name another file",
            SinkErrorKind::MissingDirectory => "create the directory first",
            SinkErrorKind::Denied => "choose another place or change its permissions",
            SinkErrorKind::IsDirectory => "name a file in it",
            SinkErrorKind::Busy => "wait for the other run, or choose another file",
            SinkErrorKind::NotACache => "name another file",
            SinkErrorKind::NotAFile => "name a regular file",
            SinkErrorKind::Twice => "name each output once",
            SinkErrorKind::DiskFull => "free some space, then run it again",
            SinkErrorKind::Closed => "nothing to do",
            SinkErrorKind::NotBuilt => "build gather with the feature of that format",
            SinkErrorKind::Io => "choose another place",
        }
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
            SinkErrorKind::NotAFile => write!(f, "{place} cannot hold an archive")?,
            SinkErrorKind::Twice => write!(f, "{place} is named twice as an output")?,
            SinkErrorKind::DiskFull => write!(f, "cannot write {place}: no space left")?,
            SinkErrorKind::Closed => write!(f, "{place} was closed by its reader")?,
            SinkErrorKind::NotBuilt => write!(f, "{place} has a format that this build lacks")?,
            SinkErrorKind::Denied | SinkErrorKind::Io => write!(f, "cannot write {place}")?,
        }
        let said_by_kind = !matches!(self.kind, SinkErrorKind::Denied | SinkErrorKind::Io);
        if let (Some(source), false) = (&self.source, said_by_kind) {
            write!(f, ": {source}")?;
        }
        if let Some(Position { bytes, records, .. }) = self.kept {
            write!(f, "; {records} whole records ({bytes} bytes) are kept")?;
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
