//! From a request to the reply that its path promises.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::time::Instant;

use crate::limits::Limits;
use crate::request::{Request, parse_duration, percent_decode};
use crate::site::{Page, RetryAfter, Site};
use crate::{crawled, encode, misbehave};

/// The largest body that is built in memory.
const BODY_BYTES_MAX: u64 = 64 << 20;

/// What goes back for one request, and how.
#[derive(Debug)]
pub(crate) struct Reply {
    /// Goes out once the server has had so many requests in flight at one moment.
    pub(crate) crowd: u64,
    /// After the crowd.
    pub(crate) wait: Duration,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    pub(crate) framing: Framing,
    pub(crate) delivery: Delivery,
    pub(crate) after: After,
}

/// How the end of the body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length,
    Chunked,
    UntilClose,
}

/// How the reply goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// As it should be.
    Whole,
    /// Interim responses first, then as it should be.
    After(&'static str),
    /// Not a byte.
    Silent,
    /// The head and nothing more.
    HeadOnly,
    /// This many bytes of head and body, then a FIN.
    Cut(usize),
    /// This many bytes of head and body, then a RST.
    Reset(usize),
    /// The body at this many bytes a second.
    Drip(u64),
    /// The body again and again.
    Endless,
    /// These bytes instead of an HTTP response.
    Raw(Bytes),
    /// HTTP/2: the connection is told to go away.
    GoAway,
    /// HTTP/2: the stream is reset with this code.
    ResetStream(u32),
}

/// What happens to the connection after the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    Keep,
    Close,
    /// Promises to keep it and closes it after this time.
    CloseSilently(Duration),
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            crowd: 0,
            wait: Duration::ZERO,
            status,
            headers: Vec::new(),
            body: body.into(),
            framing: Framing::Length,
            delivery: Delivery::Whole,
            after: After::Keep,
        }
    }

    /// Whether it may not go out at once.
    pub(crate) fn waits(&self) -> bool {
        self.crowd > 0 || !self.wait.is_zero()
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn deliver(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    pub(crate) fn frame(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self
    }

    pub(crate) fn then(mut self, after: After) -> Self {
        self.after = after;
        self
    }

    fn page(page: &Page) -> Self {
        let mut reply = Self::new(page.status, page.body.clone());
        reply.headers.clone_from(&page.headers);
        reply
    }
}

/// The reply to `request`; the only place that knows the paths.
pub(crate) fn answer(request: &Request, site: &Site, limits: &mut Limits, now: Instant) -> Reply {
    let page = site.pages.get(request.path());
    let path = request.path().trim_start_matches('/');
    let (name, rest) = path.split_once('/').unwrap_or((path, ""));
    let mut reply = page
        .map(Reply::page)
        .or_else(|| limited(name, request, site, limits, now))
        .or_else(|| {
            (name == "site").then(|| crawled::answer(request.path(), site.crawled_pages))?
        })
        .or_else(|| {
            let is_crawled = site.crawled_pages > 0 && name == "robots.txt";
            is_crawled.then(crawled::robots)
        })
        .or_else(|| plain(name, rest, request))
        .or_else(|| encoded(name, rest, request))
        .or_else(|| misbehave::answer(name, request))
        .unwrap_or_else(|| Reply::new(404, "no such path\n"));
    reply.wait += site.delay + request.query("delay").and_then(parse_duration).unwrap_or_default();
    reply
}

/// Bytes that differ from place to place, so that a shifted body shows.
pub(crate) fn filler(size: u64) -> Bytes {
    let size = usize::try_from(size.min(BODY_BYTES_MAX)).expect("64 MiB fit in memory");
    let alphabet = b"abcdefghijklmnopqrstuvwxyz0123456789\n";
    alphabet.iter().copied().cycle().take(size).collect()
}

/// The framing that the query asks for.
pub(crate) fn framing(request: &Request) -> Framing {
    match (request.query("chunked"), request.query("until_close")) {
        (Some(_), _) => Framing::Chunked,
        (None, Some(_)) => Framing::UntilClose,
        (None, None) => Framing::Length,
    }
}

/// Paths whose answer depends on what was asked before.
fn limited(
    name: &str,
    request: &Request,
    site: &Site,
    limits: &mut Limits,
    now: Instant,
) -> Option<Reply> {
    let size = request.number("size", 2);
    let granted = match name {
        "limited" => limits.take_token(now),
        "window" => limits.enter_window(now),
        "429" => false,
        "503" => return Some(refusal(503, request, &site.retry_after)),
        "validated" => return Some(validated(request, limits.asked_before(&request.target))),
        "flaky" => return Some(flaky(request, limits.asked_before(&request.target))),
        _ => return None,
    };
    Some(if granted {
        Reply::new(200, filler(size))
    } else {
        refusal(429, request, &site.retry_after)
    })
}

fn refusal(status: u16, request: &Request, retry_after: &RetryAfter) -> Reply {
    let asked = request.query("retry_after").map(percent_decode);
    let value = asked.or_else(|| match retry_after {
        RetryAfter::Absent => None,
        RetryAfter::Seconds(seconds) => Some(seconds.to_string()),
        RetryAfter::Date(ahead) => Some(httpdate::fmt_http_date(SystemTime::now() + *ahead)),
        RetryAfter::Raw(text) => Some(text.clone()),
    });
    let reply = Reply::new(status, "come back later\n");
    match value {
        Some(value) => reply.header("Retry-After", value),
        None => reply,
    }
}

fn flaky(request: &Request, asked_before: u32) -> Reply {
    if u64::from(asked_before) >= request.number("fail", 1) {
        return Reply::new(200, "ok");
    }
    match request.query("how") {
        Some("reset") => Reply::new(200, "ok").deliver(Delivery::Reset(0)),
        Some("close") => Reply::new(200, "ok").deliver(Delivery::Cut(0)),
        _ => {
            let reply = Reply::new(status(request, 503), "not yet\n");
            match request.query("retry_after") {
                Some(value) => reply.header("Retry-After", percent_decode(value)),
                None => reply,
            }
        }
    }
}

/// An answer that can be asked for conditionally (RFC 9110 section 13.2.2).
fn validated(request: &Request, asked_before: u32) -> Reply {
    let changes = request.query("changes").map(|_| request.number("changes", 1));
    let version = u8::from(changes.is_some_and(|after| u64::from(asked_before) >= after));
    let etag = request.query("etag").map(|tag| format!("\"{tag}-{version}\""));
    let modified =
        request.query("modified").map(|_| format!("Sun, 06 Nov 1994 08:49:3{version} GMT"));
    let is_known = match (request.header("If-None-Match"), request.header("If-Modified-Since")) {
        (Some(tags), _) => etag.as_ref().is_some_and(|etag| tags.contains(etag.as_str())),
        (None, Some(since)) => modified.as_deref() == Some(since),
        (None, None) => false,
    };
    let is_known = is_known && request.query("no304").is_none();
    let body = if is_known { String::new() } else { format!("version {version}\n") };
    let mut reply = Reply::new(if is_known { 304 } else { 200 }, body);
    let asked = |name| request.query(name).map(percent_decode);
    for (name, value) in [
        ("ETag", etag),
        ("Last-Modified", modified),
        ("Cache-Control", asked("cc")),
        ("Expires", asked("expires")),
        ("Vary", asked("vary")),
    ] {
        if let Some(value) = value {
            reply = reply.header(name, value);
        }
    }
    reply.header("Content-Type", "text/plain")
}

/// Well-behaved paths without memory.
fn plain(name: &str, rest: &str, request: &Request) -> Option<Reply> {
    Some(match name {
        "ok" | "close" | "idle-close" => ok(name, request),
        "delay" => {
            let mut reply = ok(name, request);
            reply.wait = parse_duration(rest)?;
            reply
        }
        "crowd" => {
            let mut reply = ok(name, request);
            reply.crowd = rest.parse().ok()?;
            reply
        }
        "status" => {
            let status = rest.parse().ok().filter(|status| (200..=999).contains(status))?;
            Reply::new(status, format!("status {status}\n"))
        }
        "redirect" => match rest.parse::<u32>().ok()? {
            0 => Reply::new(200, "arrived"),
            left => redirect(request, format!("/redirect/{}", left - 1)),
        },
        "redirect-loop" => redirect(request, request.target.clone()),
        "redirect-to" => redirect(request, percent_decode(request.query("url")?)),
        "echo" => Reply::new(200, echo(request)).header("Content-Type", "application/json"),
        "json" => price(rest.strip_prefix("price/")?),
        "set-cookie" => {
            let name = request.query("name").unwrap_or("id");
            let value = request.query("value").unwrap_or("1");
            let cookies = request.header("Cookie").unwrap_or_default().to_owned();
            Reply::new(200, cookies).header("Set-Cookie", format!("{name}={value}; Path=/"))
        }
        "etag" => {
            let known = request.header("If-None-Match").is_some_and(|tags| tags.contains("\"v1\""));
            let status = if known { 304 } else { 200 };
            Reply::new(status, if known { "" } else { "tagged" }).header("ETag", "\"v1\"")
        }
        "early-hints" => ok(name, request).deliver(Delivery::After(
            "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n",
        )),
        _ => return None,
    })
}

fn ok(name: &str, request: &Request) -> Reply {
    let reply = Reply::new(200, filler(request.number("size", 2))).frame(framing(request));
    match name {
        "close" => reply.then(After::Close),
        "idle-close" => {
            let idle = Duration::from_millis(request.number("ms", 0));
            reply.then(After::CloseSilently(idle))
        }
        _ => reply,
    }
}

fn status(request: &Request, default: u16) -> u16 {
    request.query("status").and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn redirect(request: &Request, location: String) -> Reply {
    Reply::new(status(request, 302), "elsewhere\n").header("Location", location)
}

fn echo(request: &Request) -> String {
    let headers: Vec<_> = request.headers.iter().map(|(name, value)| [name, value]).collect();
    let echoed = serde_json::json!({
        "method": request.method,
        "target": request.target,
        "version": request.version,
        "headers": headers,
        "body": String::from_utf8_lossy(&request.body),
        "body_bytes": request.body_bytes,
        "connection": request.connection,
        "host_index": request.host_index,
    });
    echoed.to_string()
}

fn price(symbol: &str) -> Reply {
    let cents = symbol.bytes().fold(7_u64, |sum, byte| sum * 31 % 99_991 + u64::from(byte));
    let price = format!("{}.{:02}", cents / 100, cents % 100);
    let body = serde_json::json!({ "symbol": symbol, "price": price, "currency": "EUR" });
    Reply::new(200, body.to_string()).header("Content-Type", "application/json")
}

/// Paths with a content coding.
fn encoded(name: &str, rest: &str, request: &Request) -> Option<Reply> {
    let body = match name {
        "encoding" if request.query("garbage").is_some() => filler(request.number("size", 100)),
        "encoding" => encode::chain(rest, &filler(request.number("size", 100)))?,
        "bomb" => encode::bomb(rest, request.number("mb", 64))?,
        _ => return None,
    };
    let trim = usize::try_from(request.number("trim", 0)).unwrap_or(usize::MAX);
    let body = body.slice(..body.len().saturating_sub(trim));
    let names = rest.replace("-raw", "").replace(',', ", ");
    let reply = Reply::new(status(request, 200), body).frame(framing(request));
    let reply = reply.header("Content-Encoding", names);
    Some(match request.query("to") {
        Some(to) => reply.header("Location", percent_decode(to)),
        None => reply,
    })
}
