//! Why a verification could not be made; a fault that it found is no error.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why nothing can be said about the outputs.
#[derive(Debug)]
#[non_exhaustive]
pub enum VerifyError {
    /// What was asked for cannot be verified.
    Usage {
        /// What it is, and why.
        message: String,
        /// What to do; may be empty.
        hint: String,
    },
    /// A file cannot be opened or read.
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no room to sort the records of a long run.
    Sort(io::Error),
}

impl VerifyError {
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), hint: hint.into() }
    }

    pub(crate) fn read(path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Read { path: path.as_ref().to_owned(), source }
    }

    /// Whether the command line is at fault, and not the machine.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Usage { .. } => true,
            Self::Read { source, .. } => {
                matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::IsADirectory)
            }
            Self::Sort(_) => false,
        }
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage { message, hint } if hint.is_empty() => f.write_str(message),
            Self::Usage { message, hint } => write!(f, "{message}; hint: {hint}"),
            Self::Read { path, source } => write!(f, "cannot read {}: {source}", path.display()),
            Self::Sort(source) => write!(
                f,
                "cannot sort the records in a temporary file: {source}; hint: set TMPDIR to a \
                 directory with room for 40 bytes a record and output"
            ),
        }
    }
}

impl std::error::Error for VerifyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Usage { .. } => None,
            Self::Read { source, .. } | Self::Sort(source) => Some(source),
        }
    }
}
