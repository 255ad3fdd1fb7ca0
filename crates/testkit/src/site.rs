//! What a test server serves: addresses, limits, and pages beside the built-in paths.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::tls::Tls;

/// The description a [`crate::Server`] is started from; every field has a default.
#[derive(Clone, Debug)]
pub struct Site {
    /// The addresses to listen on, one for each host; port 0 picks a free one.
    pub hosts: Vec<SocketAddr>,
    /// Requests a second that `/limited` bears, for each host.
    pub rate_per_s: f64,
    /// Requests that `/limited` bears at once, for each host.
    pub burst: u32,
    /// Requests that `/window` answers in each [`Site::window`], for each host.
    pub window_requests_max: u32,
    /// The length of the fixed window of `/window`.
    pub window: Duration,
    /// What a refusal says about when to come back.
    pub retry_after: RetryAfter,
    /// A wait before every answer, in addition to what its path asks for.
    pub delay: Duration,
    /// Pages by exact path; they go before the built-in paths.
    pub pages: HashMap<String, Page>,
    /// Pages of the site to be crawled below `/site/`; see [`crate::crawled`].
    pub crawled_pages: u64,
    /// TLS on every host; plain HTTP without it.
    pub tls: Option<Tls>,
    /// How many HTTP/2 connections, the first ones, are told to go away at their first request,
    /// none of which was looked at.
    pub http2_turned_away: u64,
    /// How many requests are kept for [`crate::Server::requests`]; the first ones stay.
    pub log_requests_max: usize,
}

/// A fixed answer.
#[derive(Clone, Debug)]
pub struct Page {
    /// The status code.
    pub status: u16,
    /// Headers beside `Content-Length`.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// The `Retry-After` header of a refusal (RFC 9110, section 10.2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// No header.
    Absent,
    /// Delta seconds.
    Seconds(u64),
    /// An HTTP date this far ahead of the server's clock.
    Date(Duration),
    /// These bytes, whatever they are.
    Raw(String),
}

impl Default for Site {
    fn default() -> Self {
        Self {
            hosts: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))],
            rate_per_s: 50.0,
            burst: 5,
            window_requests_max: 10,
            window: Duration::from_secs(1),
            retry_after: RetryAfter::Seconds(1),
            delay: Duration::ZERO,
            pages: HashMap::new(),
            crawled_pages: 0,
            tls: None,
            http2_turned_away: 0,
            log_requests_max: 10_000,
        }
    }
}

impl Site {
    /// Listens on `count` addresses: 127.0.0.1, 127.0.0.2 and so on.
    #[must_use]
    pub fn on_hosts(mut self, count: usize) -> Self {
        self.hosts = (0..count).map(|index| SocketAddr::new(loopback(index), 0)).collect();
        self
    }

    /// Adds a page.
    #[must_use]
    pub fn page(mut self, path: &str, page: Page) -> Self {
        self.pages.insert(path.to_owned(), page);
        self
    }
}

impl Page {
    /// A page of HTML with status 200.
    pub fn html(body: &str) -> Self {
        let headers = vec![("Content-Type".to_owned(), "text/html; charset=utf-8".to_owned())];
        Self { status: 200, headers, body: body.as_bytes().to_vec() }
    }
}

/// The loopback address of a host: 250 to each third octet, so none ends in 0 or 255.
fn loopback(index: usize) -> IpAddr {
    let third = u8::try_from(index / 250).expect("at most 64,000 hosts");
    let last = u8::try_from(index % 250 + 1).expect("below 251");
    IpAddr::V4(Ipv4Addr::new(127, 0, third, last))
}
