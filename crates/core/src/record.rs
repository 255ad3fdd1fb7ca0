//! The final result of a target, as written: exactly one per input.

use std::net::IpAddr;
use std::sync::Arc;

use crate::attempt::{ChainLink, Failure, Headers, Hold, HttpVersion, Timings, TlsInfo};
use crate::cache::{CacheUse, Ticket};
use crate::exchange::Exchange;
use crate::field::FieldValues;
use crate::health::Finding;
use crate::kind::ErrorKind;
use crate::target::{Place, Tags};
use crate::time::Duration;

/// How a target ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A whole response with an accepted status.
    Ok,
    /// Tried, without a good answer.
    Failed(RecordError),
    /// Never tried, or given up on purpose.
    Skipped(RecordError),
}

impl Outcome {
    /// `ok`, `failed` or `skipped`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed(_) => "failed",
            Self::Skipped(_) => "skipped",
        }
    }

    /// The error, unless it is ok.
    pub const fn error(&self) -> Option<&RecordError> {
        match self {
            Self::Ok => None,
            Self::Failed(error) | Self::Skipped(error) => Some(error),
        }
    }
}

/// The reason in a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordError {
    /// One of the closed set.
    pub kind: ErrorKind,
    /// For people.
    pub message: Box<str>,
    /// Whether the same request may succeed later.
    pub retryable: bool,
}

impl RecordError {
    /// The failure of a try, as a record tells it.
    pub fn new(failure: Failure, retryable: bool) -> Self {
        Self { kind: failure.kind, message: failure.message, retryable }
    }
}

/// Everything a sink may write of one target. Absent members are `None`, zero or empty.
#[derive(Clone, Debug)]
pub struct Record {
    /// The target's ordinal.
    pub n: u64,
    /// The input as given, when it is not the same text as `url`.
    pub input: Option<Box<str>>,
    /// The URL asked for first; empty if the input is no URL.
    pub url: String,
    /// The URL the answer came from, when it is another.
    pub final_url: Option<String>,
    /// Source and line, when there are several inputs or the line is broken.
    pub place: Option<Box<Place>>,
    /// The result.
    pub outcome: Outcome,
    /// How well the target is, where it was checked for that.
    pub health: Option<Box<Finding>>,
    /// When it is not GET.
    pub method: Option<Box<str>>,
    /// The last response's status; 0 if there was none.
    pub status_code: u16,
    /// The last response's protocol; meaningful if there was one.
    pub http_version: HttpVersion,
    /// The address dialled.
    pub remote_ip: Option<IpAddr>,
    /// As sent.
    pub content_type: Option<Arc<str>>,
    /// Bytes of the body after decoding.
    pub content_length: u64,
    /// Bytes of the body as received.
    pub body_bytes: u64,
    /// Tries made.
    pub attempts: u32,
    /// From admission to the start of the last try.
    pub time_queue: Duration,
    /// Phases of the last try.
    pub timings: Timings,
    /// For https.
    pub tls: Option<Arc<TlsInfo>>,
    /// Redirects followed.
    pub chain: Vec<ChainLink>,
    /// What only this target's answer is searched for: [`RequestSpec::extract`](crate::RequestSpec).
    pub extract: Option<Arc<str>>,
    /// What extraction found.
    pub fields: Option<Box<FieldValues>>,
    /// What extraction found in each part of the page that is a row. No member of a record: rows have
    /// an output of their own.
    pub rows: Vec<FieldValues>,
    /// From the input.
    pub tags: Option<Box<Tags>>,
    /// SHA-256 of the decoded body, where it was computed.
    pub sha256: Option<[u8; 32]>,
    /// Where the body was stored, where it was.
    pub body_path: Option<Box<str>>,
    /// Where in an archive the last response is, where one is written.
    pub archived: Option<Box<Archived>>,
    /// Whether what is kept of the body is only its beginning.
    pub truncated: bool,
    /// What the cache of the run did for it.
    pub cache: Option<CacheUse>,
    /// Whether the body is the same as that of the stored answer.
    pub unchanged: bool,
    /// The target whose answer it is, where an equal request was not sent again.
    pub same_as: Option<u64>,
    /// Its place in the cache. Taken out before a record is given away.
    pub ticket: Option<Arc<Ticket>>,
    /// Kept headers, where asked for.
    pub headers: Option<Box<Headers>>,
    /// The decoded body, where asked for. Never part of a record unless `--fields` names it.
    pub body: Option<bytes::Bytes>,
    /// What passed over the wire, redirects first, where an archive asks for it. Taken out before
    /// a record is given away.
    pub exchanges: Vec<Exchange>,
    /// What `body` and `exchanges` take of the run's memory for bodies. Taken out before a record is given away.
    pub hold: Option<Hold>,
    /// Of a record that was read back from a result: what stood there. `None` for one that is new.
    pub held: Option<Box<Held>>,
}

/// What a result said of a record, where that is more or less than a new record has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// The known members that stood there, a bit for each, numbered by who reads and writes them.
    pub members: u64,
    /// Names and values of other members, as JSON without line ends: unknown ones, and those that
    /// were computed from what is no longer there.
    pub others: Vec<(Box<str>, Box<str>)>,
}

/// A place in an archive: one record of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archived {
    /// The file as it was named.
    pub file: Arc<str>,
    /// Where the record begins, in bytes.
    pub offset: u64,
    /// How long it is there, compressed where the file is.
    pub length: u64,
}

impl Record {
    /// A record of which nothing but its number and result is known.
    pub fn new(n: u64, outcome: Outcome) -> Self {
        Self {
            n,
            input: None,
            url: String::new(),
            final_url: None,
            place: None,
            outcome,
            health: None,
            method: None,
            status_code: 0,
            http_version: HttpVersion::default(),
            remote_ip: None,
            content_type: None,
            content_length: 0,
            body_bytes: 0,
            attempts: 0,
            time_queue: Duration::ZERO,
            timings: Timings::default(),
            tls: None,
            chain: Vec::new(),
            extract: None,
            fields: None,
            rows: Vec::new(),
            tags: None,
            sha256: None,
            body_path: None,
            archived: None,
            truncated: false,
            cache: None,
            unchanged: false,
            same_as: None,
            ticket: None,
            headers: None,
            body: None,
            exchanges: Vec::new(),
            hold: None,
            held: None,
        }
    }

    /// The input as given.
    pub fn input(&self) -> &str {
        self.input.as_deref().unwrap_or(&self.url)
    }
}
