//! A channel of `[notify.NAME]`: read from its table, checked before anything depends on it.

mod parse;

use std::time::Duration;

use super::command::Command;
use super::heartbeat::Heartbeat;
use super::http::{Body, Http};
use super::mail::Mail;
use super::secrets::Secrets;
use super::value::{ConfigError, Value};

/// Where notices go, and how. `Debug` shows nothing secret.
#[derive(Clone, Debug)]
pub struct Channel {
    name: Box<str>,
    kind: &'static str,
    /// Where it goes, as people may see it.
    place: Box<str>,
    pub(super) way: Way,
    pub(super) pacing: Pacing,
    pub(super) timeout: Duration,
    /// How long a notice is tried again before it is given up.
    pub(super) retry_for: Duration,
    pub(super) secrets: Secrets,
}

/// How a message leaves.
#[derive(Clone, Debug)]
pub(super) enum Way {
    Http(Box<Http>),
    Mail(Box<Mail>),
    Command(Command),
    /// It takes no notices: it is told that the watch is well.
    Heartbeat(Box<Heartbeat>),
}

/// How often a channel may speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pacing {
    /// The shortest time between two messages: what comes meanwhile becomes one.
    pub(super) digest: Duration,
    /// Messages in any hour.
    pub(super) per_hour: u32,
    /// Events in one message; more make another one.
    pub(super) events_max: usize,
    /// The pause after the first failure; doubled with each.
    pub(super) backoff: Duration,
}

/// What a channel does where its table does not say.
pub(super) const PACING: Pacing = Pacing {
    digest: Duration::from_secs(30),
    per_hour: 20,
    events_max: 5_000,
    backoff: Duration::from_secs(5),
};
const TIMEOUT: Duration = Duration::from_secs(10);
const RETRY_FOR: Duration = Duration::from_secs(24 * 3_600);

impl Channel {
    /// Reads the table `[notify.NAME]`.
    ///
    /// # Errors
    /// The first key that is unknown, missing or has a value that cannot be used, with the place
    /// within the table. No secret is part of it.
    pub fn parse(name: &str, pairs: &[(String, Value)]) -> Result<Self, ConfigError> {
        parse::channel(name, pairs)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is: `webhook`, `slack`, `smtp`, …
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// Where it goes, without what is secret of it: `https://hooks.example/…`, `${env:HOOK}`.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// How often it wants to be told again of what goes on, whatever rules say; for services that
    /// take silence for the end.
    pub fn resend(&self) -> Option<Duration> {
        match &self.way {
            Way::Http(http) => match http.body {
                Body::Alertmanager { resend, .. } => Some(resend),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether notices may be sent to it. A heartbeat takes none.
    pub fn takes_notices(&self) -> bool {
        !matches!(self.way, Way::Heartbeat(_))
    }
}

#[cfg(test)]
mod tests;
