//! What each kind of host answers to a path.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{market, pages};

/// Requests a second that a strict host bears.
const STRICT_RATE_PER_SECOND: f64 = 10.0;
/// How many it bears at once.
const STRICT_BURST: f64 = 5.0;
/// Paths of which a flaky host remembers how often they were asked for.
const FLAKY_PATHS_MAX: usize = 1024;

/// What a host is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An API that takes a second.
    Partner,
    /// Any number of listing pages.
    Market,
    /// Listing pages with products.
    Shop,
    /// An API of prices.
    Prices,
    /// Answers 429 above its rate.
    Strict,
    /// Every other request for a path fails.
    Flaky,
    /// Redirects.
    Moved,
    /// 404 and 410.
    Gone,
    /// Resets, cuts its answers short, speaks no HTTP.
    Broken,
    /// Accepts and says nothing.
    Silent,
    /// Refuses connections.
    Closed,
}

impl Kind {
    /// For people.
    pub(super) const fn about(self) -> &'static str {
        match self {
            Self::Partner => "partner API that takes a second",
            Self::Market => "market with 1,000,000 listing pages",
            Self::Shop => "shop with listing pages",
            Self::Prices => "price API",
            Self::Strict => "429 with Retry-After above 10 requests a second",
            Self::Flaky => "5xx at every other request for a path",
            Self::Moved => "redirects, one to another host, one in a loop",
            Self::Gone => "404 and 410 among good pages",
            Self::Broken => "resets, short bodies, no HTTP",
            Self::Silent => "accepts and never answers",
            Self::Closed => "refuses connections",
        }
    }
}

/// What goes back over the connection.
#[derive(Debug)]
pub(super) enum Reply {
    /// A whole response after a while.
    Page(Page, Duration),
    /// These bytes, and the end.
    Raw(&'static [u8]),
    /// A reset of the connection.
    Reset,
    /// Nothing, for as long as the client waits.
    Silence,
}

/// A response.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    /// One more header, with its value.
    pub(super) header: Option<(&'static str, String)>,
    pub(super) body: String,
}

impl Page {
    fn html(body: String) -> Self {
        Self { status: 200, content_type: "text/html; charset=utf-8", header: None, body }
    }

    fn json(body: String) -> Self {
        Self { status: 200, content_type: "application/json", header: None, body }
    }

    fn error(status: u16) -> Self {
        Self { status, ..Self::html(pages::error(status)) }
    }

    fn redirect(status: u16, location: &str) -> Self {
        Self { header: Some(("location", location.to_owned())), ..Self::error(status) }
    }

    fn after_ms(self, delay_ms: u64) -> Reply {
        Reply::Page(self, Duration::from_millis(delay_ms))
    }
}

/// One host of the site.
#[derive(Debug)]
pub(super) struct Host {
    kind: Kind,
    /// Its number among those of its kind.
    number: usize,
    /// A URL on another host.
    elsewhere: Option<String>,
    bucket: Mutex<Bucket>,
    asked: Mutex<HashMap<String, u32>>,
}

/// A token bucket: what a strict host still bears.
#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Option<Instant>,
}

impl Host {
    pub(super) fn new(kind: Kind, number: usize, elsewhere: Option<String>) -> Self {
        Self {
            kind,
            number,
            elsewhere,
            bucket: Mutex::new(Bucket { tokens: STRICT_BURST, at: None }),
            asked: Mutex::default(),
        }
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// The answer to a request for `path` at `now`.
    pub(super) fn answer(&self, path: &str, now: Instant) -> Reply {
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
        match (self.kind, directory) {
            (Kind::Silent, _) => Reply::Silence,
            (Kind::Closed, _) => Reply::Reset,
            (Kind::Partner, "/v1") if name == "stock" => {
                Page::json(pages::stock(self.number)).after_ms(1000)
            }
            (Kind::Partner, "/v1/offers") => {
                let offer = name.parse().ok().and_then(|number| pages::offer(self.number, number));
                offer.map_or(Page::error(404), Page::json).after_ms(1000)
            }
            (Kind::Market, "") if name.is_empty() => Page::redirect(302, "/list/1").after_ms(0),
            (Kind::Market, "/list") => {
                let page = name.parse().ok().and_then(market::listing);
                page.map_or(Page::error(404), Page::html).after_ms(0)
            }
            (Kind::Shop, "") if name.is_empty() => Page::redirect(302, "/page/1").after_ms(5),
            (Kind::Shop, "/page") => {
                let page = name.parse().ok().and_then(|page| pages::listing(self.number, page));
                page.map_or(Page::error(404), Page::html).after_ms(40)
            }
            (Kind::Shop, "/p") => {
                let page = pages::product(self.number, name);
                page.map_or(Page::error(404), Page::html).after_ms(40)
            }
            (Kind::Prices, "/price") => {
                let price = pages::price(self.number, name);
                price.map_or(Page::error(404), Page::json).after_ms(60)
            }
            (Kind::Strict, "/item") => self.strict(name, now).after_ms(10),
            (Kind::Flaky, "/report") => self.flaky(name).after_ms(30),
            (Kind::Moved, _) => self.moved(directory, name).after_ms(10),
            (Kind::Gone, "/page") => Page::html(pages::plain("Still here")).after_ms(20),
            (Kind::Gone, "") if name == "gone" => Page::error(410).after_ms(20),
            (Kind::Broken, "") => broken(name),
            _ => Page::error(404).after_ms(5),
        }
    }

    fn strict(&self, name: &str, now: Instant) -> Page {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let since = bucket.at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        bucket.at = Some(now);
        bucket.tokens =
            (bucket.tokens + since.as_secs_f64() * STRICT_RATE_PER_SECOND).min(STRICT_BURST);
        if bucket.tokens < 1.0 {
            return Page { header: Some(("retry-after", "1".to_owned())), ..Page::error(429) };
        }
        bucket.tokens -= 1.0;
        Page::json(format!("{{\"item\":\"{}\"}}", pages::escape(name)))
    }

    /// Fails the first request for a path, the third, the fifth…
    fn flaky(&self, name: &str) -> Page {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.len() >= FLAKY_PATHS_MAX {
            asked.clear();
        }
        let times = asked.entry(name.to_owned()).or_default();
        *times = times.wrapping_add(1);
        if *times % 2 == 1 {
            Page::error([500, 502][self.number % 2])
        } else {
            Page::html(pages::plain("At the second try"))
        }
    }

    fn moved(&self, directory: &str, name: &str) -> Page {
        match (directory, name) {
            ("/old", name) => Page::redirect(301, &format!("/new/{}", pages::escape(name))),
            ("/new", _) => Page::html(pages::plain("The new place")),
            ("", "loop") => Page::redirect(302, "/loop"),
            ("", "elsewhere") => Page::redirect(302, self.elsewhere.as_deref().unwrap_or("/new/1")),
            _ => Page::error(404),
        }
    }
}

fn broken(name: &str) -> Reply {
    match name {
        "reset" => Reply::Reset,
        "cut" => Reply::Raw(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 4000\r\n\r\n<html>half",
        ),
        "garbage" => Reply::Raw(b"220 mail.example ESMTP ready\r\n"),
        "well" => Page::html(pages::plain("This one works")).after_ms(20),
        _ => Page::error(404).after_ms(5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(host: &Host, path: &str, now: Instant) -> u16 {
        match host.answer(path, now) {
            Reply::Page(page, _) => page.status,
            other => panic!("no page but {other:?}"),
        }
    }

    #[test]
    fn a_strict_host_bears_its_burst_and_its_rate() {
        let host = Host::new(Kind::Strict, 0, None);
        let start = Instant::now();
        let ok_of_twenty = |ms| {
            let now = start + Duration::from_millis(ms);
            (0..20).filter(|_| status(&host, "/item/1", now) == 200).count()
        };
        // After half a second five more; however long it rests, no more than the burst.
        let cases = [(0, 5), (0, 0), (100, 1), (600, 5), (9000, 5)];
        for (ms, expected) in cases {
            assert_eq!(ok_of_twenty(ms), expected, "at {ms} ms");
        }
    }

    #[test]
    fn a_refusal_says_when_to_come_back() {
        let host = Host::new(Kind::Strict, 0, None);
        let now = Instant::now();
        let answers = (0..6).map(|_| host.answer("/item/1", now));
        let Some(Reply::Page(page, _)) = answers.last() else { panic!("no page") };
        assert_eq!((page.status, page.header), (429, Some(("retry-after", "1".to_owned()))));
    }

    #[test]
    fn a_partner_takes_a_second() {
        let reply = Host::new(Kind::Partner, 3, None).answer("/v1/stock", Instant::now());
        let Reply::Page(page, delay) = reply else { panic!("no page") };
        assert_eq!((page.status, delay), (200, Duration::from_secs(1)));
        let body: serde_json::Value = serde_json::from_str(&page.body).unwrap();
        assert_eq!(body["partner"], "partner-4");
        assert_eq!(body["items"].as_array().unwrap().len(), 3);
    }

    #[test]
    fn what_is_asked_for_is_not_echoed_raw() {
        let host = Host::new(Kind::Moved, 0, None);
        let reply = host.answer("/old/<x>\u{7f}1", Instant::now());
        let Reply::Page(page, _) = reply else { panic!("no page") };
        assert_eq!(page.header, Some(("location", "/new/x1".to_owned())));
    }
}
