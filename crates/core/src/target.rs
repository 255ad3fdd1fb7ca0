//! What is to be fetched: the target, and the host that politeness is owed to.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use url::{Position, Url};

use crate::address::Provenance;
use crate::cache::Ticket;
use crate::time::Duration;

/// The ordinal of an input within its run, from 0. It names the target in every record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetNo(pub u64);

/// The two schemes that are fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// As written in a URL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port meant when a URL names none.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Scheme, host and port: the key of politeness, pooling and sharding (RFC 6454's origin).
///
/// Cheap to clone. Equality, order and hash are those of its text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostKey(Arc<str>);

impl HostKey {
    /// The key of a URL; `None` if it is not http or https, or names no host.
    pub fn of(url: &Url) -> Option<Self> {
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return None,
        };
        Some(Self::new(scheme, url.host_str()?, url.port().unwrap_or(scheme.default_port())))
    }

    /// The key of these parts. `host` is as in a parsed URL: lower case, IPv6 in brackets.
    pub fn new(scheme: Scheme, host: &str, port: u16) -> Self {
        Self(format!("{}://{host}:{port}", scheme.as_str()).into())
    }

    /// `scheme://host:port`, the port always written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The scheme.
    pub fn scheme(&self) -> Scheme {
        if self.0.starts_with("https:") { Scheme::Https } else { Scheme::Http }
    }

    /// The host, IPv6 in brackets.
    pub fn host(&self) -> &str {
        self.split().0
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.split().1
    }

    fn split(&self) -> (&str, u16) {
        let authority = &self.0[self.scheme().as_str().len() + "://".len()..];
        let (host, port) = authority.rsplit_once(':').expect("a key is built with its port");
        (host, port.parse().expect("a key is built from a u16 port"))
    }
}

/// Whether a URL names a user, or a password, before its host.
pub fn has_userinfo(url: &Url) -> bool {
    !url[Position::BeforeUsername..Position::BeforeHost].is_empty()
}

impl fmt::Debug for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A map by host. Its hash is seeded at random for each process and costs a quarter of the
/// standard one, which counts where every target looks its host up.
pub type HostMap<V> = HashMap<HostKey, V, foldhash::fast::RandomState>;

/// A request method (RFC 9110 section 9).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Method(Cow<'static, str>);

impl Method {
    /// GET, the default.
    pub const GET: Self = Self(Cow::Borrowed("GET"));
    /// HEAD.
    pub const HEAD: Self = Self(Cow::Borrowed("HEAD"));
    /// POST.
    pub const POST: Self = Self(Cow::Borrowed("POST"));

    /// A method by its name; `None` unless it is a token (RFC 9110 section 5.6.2).
    pub fn from_name(name: &str) -> Option<Self> {
        let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        (!name.is_empty() && name.bytes().all(is_token)).then(|| Self(Cow::Owned(name.to_owned())))
    }

    /// The name as sent.
    pub fn as_str(&self) -> &str {
        if self.0.is_empty() { "GET" } else { &self.0 }
    }

    /// Whether sending it twice is the same as sending it once (RFC 9110 section 9.2.2).
    pub fn is_idempotent(&self) -> bool {
        matches!(self.as_str(), "GET" | "HEAD" | "PUT" | "DELETE" | "OPTIONS" | "TRACE")
    }

    /// Whether it asks for nothing but an answer (RFC 9110 section 9.2.1).
    pub fn is_safe(&self) -> bool {
        matches!(self.as_str(), "GET" | "HEAD" | "OPTIONS" | "TRACE")
    }
}

/// What one target asks for beyond its URL, where it differs from the run's default.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RequestSpec {
    /// The method; GET when not said.
    pub method: Option<Method>,
    /// Headers added to (or, by name, put in place of) those of the run.
    pub headers: Vec<(String, String)>,
    /// The body to send.
    pub body: Option<Bytes>,
    /// In place of the run's `timeout`.
    pub timeout: Option<Duration>,
    /// An address that is dialled last, where the host has others.
    pub avoid: Option<IpAddr>,
    /// What is looked for in its answer beside what the run looks for: a JSON object of names and
    /// rules. Runs heed it; who asks an engine for single targets applies rules himself.
    pub extract: Option<Arc<str>>,
}

impl fmt::Debug for RequestSpec {
    // Header values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("RequestSpec")
            .field("method", &self.method)
            .field("header_names", &names)
            .field("body_bytes", &self.body.as_ref().map(Bytes::len))
            .field("timeout", &self.timeout)
            .field("avoid", &self.avoid)
            .field("extract", &self.extract)
            .finish()
    }
}

/// Whether the scheme was in the input or guessed by us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SchemeFrom {
    /// The input named it.
    #[default]
    Input,
    /// The input was a bare host: https is tried first, then http if it cannot connect.
    Guess,
}

/// Where an input stands: the source's name and the line in it, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file as the user named it, `-` for standard input; `None` for an argument.
    pub source: Option<Arc<str>>,
    /// The line, from 1.
    pub line: u64,
}

/// One input, numbered: what is to be fetched.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its ordinal in the run.
    pub n: TargetNo,
    /// What to fetch, parsed.
    pub url: Url,
    /// Who to be polite to. Always `HostKey::of(&url)`.
    pub host: HostKey,
    /// The input as given, when it is not the same text as `url`.
    pub input: Option<Box<str>>,
    /// Whether the scheme may be changed to http when https cannot connect.
    pub scheme_from: SchemeFrom,
    /// Method, headers, body and timeout, when they are not the run's.
    pub request: Option<Arc<RequestSpec>>,
    /// What the record should carry along: other columns, template values, a name.
    pub tags: Option<Box<Tags>>,
    /// Where it came from; kept when there are several inputs.
    pub place: Option<Box<Place>>,
    /// What the cache of the run has for it, where it has one.
    pub cache: Option<Arc<Ticket>>,
    /// Where its URL came from: what a page of a crawl led to may not be the operator's word.
    pub from: Provenance,
}

/// Names and values that go from the input to the record, in the input's order.
pub type Tags = Vec<(Arc<str>, Box<str>)>;

impl Target {
    /// A target of a URL alone; `None` if it is not http or https.
    pub fn new(n: TargetNo, url: Url) -> Option<Self> {
        let host = HostKey::of(&url)?;
        Some(Self::of_host(n, url, host))
    }

    /// The same where the key of the URL's host is at hand.
    pub fn of_host(n: TargetNo, url: Url, host: HostKey) -> Self {
        Self {
            n,
            url,
            host,
            input: None,
            scheme_from: SchemeFrom::Input,
            request: None,
            tags: None,
            place: None,
            cache: None,
            from: Provenance::Operator,
        }
    }

    /// The input as given.
    pub fn input(&self) -> &str {
        self.input.as_deref().unwrap_or(self.url.as_str())
    }

    /// The method to send.
    pub fn method(&self) -> &Method {
        const GET: &Method = &Method::GET;
        self.request.as_ref().and_then(|request| request.method.as_ref()).unwrap_or(GET)
    }
}
