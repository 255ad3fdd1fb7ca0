//! What an error of PostgreSQL means: whether it passes, and how it is said.

use std::error::Error;
use std::io;

use tokio_postgres::error::SqlState;

use crate::error::SinkErrorKind;

/// What went wrong.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) kind: SinkErrorKind,
    /// In one line, without a secret.
    pub(crate) message: String,
    pub(crate) lasts: Lasts,
}

/// Whether trying again later may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lasts {
    /// A server that restarts, a connection that broke.
    Passing,
    /// A wrong password, a missing permission.
    Lasting,
}

impl Fault {
    /// A fault that does not pass.
    pub(super) fn lasting(kind: SinkErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), lasts: Lasts::Lasting }
    }

    /// A fault that may pass.
    pub(super) fn passing(message: impl Into<String>) -> Self {
        let kind = SinkErrorKind::Unreachable;
        Self { kind, message: message.into(), lasts: Lasts::Passing }
    }
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(said) = error.as_db_error() else {
            let message = chain(&error);
            return match is_about_trust(&error) || is_ours(&message) {
                true => Self::lasting(SinkErrorKind::Refused, message),
                false => Self::passing(message),
            };
        };
        let (kind, lasts) = meaning(said.code());
        Self { kind, message: said.message().to_owned(), lasts }
    }
}

/// Whether TLS failed for what the certificate says, not because the connection broke.
fn is_about_trust(error: &tokio_postgres::Error) -> bool {
    let io = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    io.is_some_and(|io| io.kind() == io::ErrorKind::InvalidData)
}

/// Whether the driver gave up for what the URL asks: the words are all that it tells.
fn is_ours(message: &str) -> bool {
    ["does not support TLS", "invalid configuration", "authentication error"]
        .iter()
        .any(|words| message.contains(words))
}

/// What a state of the SQL standard's appendix, or of PostgreSQL's, means for a sink.
fn meaning(code: &SqlState) -> (SinkErrorKind, Lasts) {
    match (code.code().get(..2), code) {
        // Connection exceptions, and an operator who stops or restarts the server.
        (Some("08"), _)
        | (
            _,
            &SqlState::ADMIN_SHUTDOWN
            | &SqlState::CRASH_SHUTDOWN
            | &SqlState::CANNOT_CONNECT_NOW
            | &SqlState::TOO_MANY_CONNECTIONS
            | &SqlState::IDLE_SESSION_TIMEOUT,
        ) => (SinkErrorKind::Unreachable, Lasts::Passing),
        (_, &SqlState::LOCK_NOT_AVAILABLE) | (Some("40"), _) => {
            (SinkErrorKind::Locked, Lasts::Passing)
        }
        (_, &SqlState::DISK_FULL) => (SinkErrorKind::DiskFull, Lasts::Lasting),
        (_, &SqlState::DATA_CORRUPTED | &SqlState::INDEX_CORRUPTED) => {
            (SinkErrorKind::Corrupt, Lasts::Lasting)
        }
        // Passwords, missing databases, permissions, servers that only read.
        (Some("28" | "3D"), _)
        | (_, &SqlState::INSUFFICIENT_PRIVILEGE | &SqlState::READ_ONLY_SQL_TRANSACTION) => {
            (SinkErrorKind::Refused, Lasts::Lasting)
        }
        _ => (SinkErrorKind::Io, Lasts::Lasting),
    }
}

/// An error and its causes in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
