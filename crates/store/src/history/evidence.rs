//! Evidence: what the first failure and the last good answer of a target looked like.

use std::net::IpAddr;

use gather_core::ErrorKind;
use gather_core::time::{Duration, Time};
use gather_core::watch::WatchedNo;
use serde::{Deserialize, Serialize};

use super::words;

/// Which answer of a target it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvidenceKind {
    /// The first failure of an outage; the last 20 of a target are kept.
    FirstFailure,
    /// The last good answer that was kept: one for each target.
    LastGood,
}

impl EvidenceKind {
    pub(super) const fn number(self) -> i64 {
        match self {
            Self::FirstFailure => 0,
            Self::LastGood => 1,
        }
    }
}

/// One answer, or what came in place of one. Headers and URL are redacted by whoever gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The target.
    pub target: WatchedNo,
    /// Which answer.
    pub which: EvidenceKind,
    /// When it was asked for.
    pub at: Time,
    /// What it looked like.
    pub answer: Answer,
    /// The first bytes of the body: at most
    /// [`EVIDENCE_BODY_BYTES_MAX`](super::EVIDENCE_BODY_BYTES_MAX), the rest is cut off.
    pub body: Box<[u8]>,
}

/// What an answer looked like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Answer {
    /// The URL that answered, redacted.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub url: Box<str>,
    /// The address that was dialled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The status; 0 if there was no response.
    #[serde(skip_serializing_if = "words::is_zero")]
    pub status_code: u16,
    /// `1.1` or `2`; empty if there was no response.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub http_version: Box<str>,
    /// What went wrong.
    #[serde(with = "words::kind", skip_serializing_if = "Option::is_none")]
    pub kind: Option<ErrorKind>,
    /// The same for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<Box<str>>,
    /// How long its phases took.
    pub phases: Phases,
    /// The response's headers, in order: at most 16 KiB of them, the rest is cut off.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(Box<str>, Box<str>)>,
    /// When the certificate ends.
    #[serde(with = "words::moment_opt", skip_serializing_if = "Option::is_none")]
    pub certificate_until: Option<Time>,
}

/// Moments within a check, since its begin; `None` for what was not reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Phases {
    /// The name was looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namelookup: Option<Duration>,
    /// The connection stood.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect: Option<Duration>,
    /// TLS stood.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub appconnect: Option<Duration>,
    /// The first byte came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starttransfer: Option<Duration>,
    /// The end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<Duration>,
}
