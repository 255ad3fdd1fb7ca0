//! Why a run does not begin, or does not end well.

use std::fmt;

use gather_fetch::ClientError;
use gather_store::SinkError;

use crate::journal::{Change, JournalError};
use crate::source::SourceError;

/// Why a run could not start, or could not be brought to its end.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError {
    /// An input cannot be read.
    Source(SourceError),
    /// An output cannot be written.
    Output(SinkError),
    /// An option of the client cannot be used.
    Client(ClientError),
    /// A thread or its event loop cannot be started.
    Thread(std::io::Error),
    /// The journal cannot be used.
    Journal(JournalError),
    /// Settings that decide what the records say are not those that the run began with.
    Changed(Vec<Change>),
    /// A source of the caller's own cannot be read again, so that such a run has no journal.
    NotRepeatable,
    /// A defect: inputs and records do not match.
    Unbalanced {
        /// Inputs that came in.
        inputs: u64,
        /// Records that were written.
        records: u64,
    },
    /// A defect: a thread of the engine panicked.
    Panic,
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(error) => error.fmt(f),
            Self::Output(error) => error.fmt(f),
            Self::Client(error) => error.fmt(f),
            Self::Thread(error) => write!(f, "a thread cannot be started: {error}"),
            Self::Journal(error) => error.fmt(f),
            Self::Changed(changes) => {
                f.write_str("the run that would go on began with other settings: ")?;
                for (at, change) in changes.iter().enumerate() {
                    let comma = if at == 0 { "" } else { "; " };
                    write!(f, "{comma}{change}")?;
                }
                Ok(())
            }
            Self::NotRepeatable => {
                f.write_str("a run over a source of one's own cannot have a journal")
            }
            Self::Unbalanced { inputs, records } => write!(
                f,
                "{inputs} inputs came in and {records} records were written: a defect of gather, \
                 please report it"
            ),
            Self::Panic => {
                f.write_str("a thread ended unexpectedly: a defect of gather, please report it")
            }
        }
    }
}

impl std::error::Error for RunError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Source(error) => Some(error),
            Self::Output(error) => Some(error),
            Self::Client(error) => Some(error),
            Self::Thread(error) => Some(error),
            Self::Journal(error) => Some(error),
            Self::Changed(_) | Self::NotRepeatable | Self::Unbalanced { .. } | Self::Panic => None,
        }
    }
}
