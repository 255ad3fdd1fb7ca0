//! What one HTTP try came to: a failed try is data, never an `Err`.

use std::any::Any;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use url::Url;

use crate::exchange::Exchange;
use crate::kind::ErrorKind;
use crate::time::Duration;

/// One HTTP try, from DNS to the last byte, with the redirects it followed on its own host.
#[derive(Debug)]
pub struct Attempt {
    /// The last URL asked for, where it is not the target's own.
    pub url: Option<Box<Url>>,
    /// How the try ended.
    pub end: End,
    /// The last response's head, if one was read; a failed try may have one.
    pub head: Option<Head>,
    /// What was read of the last response's body.
    pub body: BodySummary,
    /// How long each phase took.
    pub timings: Timings,
    /// The redirects followed before `url`, oldest first.
    pub chain: Vec<ChainLink>,
    /// The connection that was used, if there was one.
    pub connection: Option<ConnectionInfo>,
    /// Whether the server may have seen the request: decides if a POST may be repeated.
    pub sent: Sent,
    /// The redirects of this try and its last response as they came, if the run asked to keep them.
    pub exchanges: Vec<Exchange>,
}

impl Attempt {
    /// The same without the bytes of its body: what is kept of a try that is not the last.
    #[must_use]
    pub fn without_body(mut self: Box<Self>) -> Box<Self> {
        (self.body.bytes, self.body.hold) = (None, None);
        self.exchanges = Vec::new();
        self
    }
}

/// How a try ended.
#[derive(Debug)]
pub enum End {
    /// A whole response was read, whatever its status.
    Complete,
    /// A redirect to another host, to be fetched under that host's politeness.
    Hop(Box<Url>),
    /// No whole response.
    Failed(Failure),
}

/// Why there is no whole response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// One of the closed set.
    pub kind: ErrorKind,
    /// For people: lower case, no full stop, no secret.
    pub message: Box<str>,
}

impl Failure {
    /// A failure of this kind.
    pub fn new(kind: ErrorKind, message: impl Into<Box<str>>) -> Self {
        Self { kind, message: message.into() }
    }
}

/// Whether a request can have reached its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Not a byte of it left.
    No,
    /// It may have been seen.
    Maybe,
}

/// The head of a response.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// The status code.
    pub status: u16,
    /// The protocol spoken.
    pub version: HttpVersion,
    /// `Content-Type` as sent.
    pub content_type: Option<Arc<str>>,
    /// `Retry-After`, read (RFC 9110 section 10.2.3).
    pub retry_after: Option<RetryAfter>,
    /// All headers, if the run asked to keep them.
    pub headers: Option<Box<Headers>>,
}

/// Names and values as received, in order; bytes that are not UTF-8 are replaced.
pub type Headers = Vec<(Box<str>, Box<str>)>;

/// The protocol a response came by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    #[default]
    Http11,
    /// HTTP/2.
    Http2,
}

impl HttpVersion {
    /// As curl's `%{http_version}` writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "1.0",
            Self::Http11 => "1.1",
            Self::Http2 => "2",
        }
    }
}

/// A `Retry-After` that could be read. One that could not is `None` in [`Head`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter {
    /// How long to wait, from when the response was read. A date in the past is zero.
    pub delay: Duration,
}

/// What was read of a body.
#[derive(Debug, Default)]
pub struct BodySummary {
    /// Bytes received, before decoding.
    pub wire_bytes: u64,
    /// Bytes after decoding; the same as `wire_bytes` where nothing was encoded.
    pub decoded_bytes: u64,
    /// The decoded body, if the run asked to keep it.
    pub bytes: Option<Bytes>,
    /// What `bytes` take of a limit on memory, until this is dropped.
    pub hold: Option<Hold>,
    /// SHA-256 of the decoded body, if the run asked for it.
    pub sha256: Option<[u8; 32]>,
    /// Whether `bytes` is only the beginning.
    pub truncated: bool,
}

/// Something that is given back when the last clone of this is dropped.
#[derive(Clone)]
pub struct Hold(Arc<dyn Any + Send + Sync>);

impl Hold {
    /// Holds `what`.
    pub fn new(what: impl Any + Send + Sync) -> Self {
        Self(Arc::new(what))
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hold({})", Arc::strong_count(&self.0))
    }
}

/// How long each phase took, measured from the start of the try, as curl's `time_*`.
///
/// A phase that did not happen (a kept-alive connection, plain http) is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// Wall clock at the start of the try, in microseconds since 1970.
    pub started_unix_us: u64,
    /// Until the name was resolved.
    pub namelookup: Duration,
    /// Until the TCP connection stood.
    pub connect: Duration,
    /// Until TLS stood.
    pub appconnect: Duration,
    /// Until the first byte of the (last) response.
    pub starttransfer: Duration,
    /// Until the last byte.
    pub total: Duration,
}

/// A redirect that was followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainLink {
    /// Where it was met.
    pub url: Box<str>,
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
}

/// The connection a response came by.
#[derive(Clone, Debug)]
pub struct ConnectionInfo {
    /// The address dialled; a proxy's, where one is used.
    pub remote_ip: IpAddr,
    /// Whether it had served an earlier request.
    pub reused: bool,
    /// What TLS agreed on, for https.
    pub tls: Option<Arc<TlsInfo>>,
}

/// What is known of a TLS connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsInfo {
    /// `1.2` or `1.3`.
    pub version: &'static str,
    /// When the leaf certificate ends, in seconds since 1970.
    pub not_after_unix_s: Option<i64>,
    /// The DNS names the leaf certificate is for.
    pub san: Vec<Box<str>>,
    /// Who signed the leaf certificate: its distinguished name, as `O=Some Authority, CN=R1`.
    pub issuer: Option<Box<str>>,
}
