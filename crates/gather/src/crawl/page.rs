//! What a record leads to: pure CPU, on a thread of its own.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use gather_core::crawl::{Canonical, LinkCost, Scope, Traps, registrable_domain};
use gather_core::{ErrorKind, Outcome, Provenance, Record};
use gather_extract::{
    Follow, LinkKind, LinkLimits, SitemapEntry, SitemapLimits, links_of, read_sitemap,
};
use gather_fetch::RedactQuery;
use url::Url;

use super::{Duplicates, Nofollow};
use crate::redact;

/// What stands before the URL of a sitemap, so that a page may have the same.
const SITEMAP: &str = "sitemap ";

/// What the links of every page are judged by.
pub(super) struct Rules {
    /// Grows where a start URL redirects within its domain.
    pub(super) scope: RwLock<Scope>,
    pub(super) canonical: Canonical,
    /// Only looks: what it counts it counts elsewhere.
    pub(super) traps: Traps,
    pub(super) nofollow: Nofollow,
    pub(super) duplicates: Duplicates,
    pub(super) links: LinkLimits,
    pub(super) sitemaps: SitemapLimits,
    /// Whose `<meta name=…>` counts beside that of `robots`; empty if robots.txt is not obeyed.
    pub(super) agent: String,
}

/// What can be found: a page or a sitemap by its URL, and where both are met as one text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key(String);

impl Key {
    pub(super) fn page(url: &Url) -> Self {
        Self(url.as_str().to_owned())
    }

    pub(super) fn sitemap(url: &Url) -> Self {
        Self(format!("{SITEMAP}{url}"))
    }

    /// What was met under this text.
    pub(super) fn of(text: String) -> Self {
        Self(text)
    }

    /// As it is met.
    pub(super) fn text(&self) -> &str {
        &self.0
    }

    pub(super) fn is_sitemap(&self) -> bool {
        self.0.starts_with(SITEMAP)
    }

    pub(super) fn url(&self) -> &str {
        self.0.strip_prefix(SITEMAP).unwrap_or(&self.0)
    }
}

/// What a record leads to, as far as it belongs to the crawl.
#[derive(Debug)]
pub(super) struct Judged {
    /// Each once.
    pub(super) links: Vec<(Key, LinkCost)>,
    /// The page in whose place this one stands.
    pub(super) canonical: Option<String>,
    /// The page as its record tells it.
    pub(super) url: String,
    /// How far it is from the start.
    pub(super) depth: u32,
    pub(super) from: Provenance,
    pub(super) is_sitemap: bool,
    /// Where a start URL redirected to: a start, too.
    pub(super) start: Option<Url>,
    pub(super) outside: u64,
    pub(super) nofollow: u64,
}

impl Rules {
    /// What the page of a record links to; nothing if it has none, or is no page.
    /// Records tell URLs without the values of `redacted`.
    pub(super) fn judge(&self, record: &Record, redacted: &RedactQuery) -> Judged {
        let tag = |name: &str| {
            let tags = record.tags.iter().flat_map(|tags| tags.iter());
            tags.clone().find(|(known, _)| &**known == name).map(|(_, value)| &**value)
        };
        let mut judged = Judged {
            links: Vec::new(),
            canonical: None,
            url: record.url.clone(),
            depth: tag("depth").and_then(|depth| depth.parse().ok()).unwrap_or(0),
            from: record.remote_ip.map_or(Provenance::Operator, Provenance::of_answer),
            is_sitemap: tag("sitemap").is_some(),
            start: None,
            outside: 0,
            nofollow: 0,
        };
        // A page in which a field is missing is a page all the same.
        let came = match &record.outcome {
            Outcome::Ok => true,
            other => other.error().is_some_and(|error| error.kind == ErrorKind::ExtractFailed),
        };
        let url = Url::parse(record.final_url.as_deref().unwrap_or(&record.url));
        let is_whole = came && (200..300).contains(&record.status_code) && !record.truncated;
        let (Some(body), true, Ok(url)) = (&record.body, is_whole, url) else { return judged };
        if judged.depth == 0 && tag("parent").is_none() && !judged.is_sitemap {
            judged.start = self.start_of(&judged.url, &url);
        }
        if judged.is_sitemap {
            self.judge_sitemap(body, &url, &mut judged);
        } else if record.content_type.as_deref().is_none_or(is_html) && self.admits(&url) {
            // A redirect may have led out of the crawl.
            self.judge_page(body, &url, redacted, &mut judged);
        }
        judged
    }

    /// Where a start URL redirected to, if that is out of the scope and within the domain: somebody
    /// who types `example.com` means `www.example.com` as well, if that is where the site is.
    fn start_of(&self, start: &str, url: &Url) -> Option<Url> {
        let start = Url::parse(start).ok()?;
        let url = self.canonical.apply(url.clone());
        let is_near = registrable_domain(&start) == registrable_domain(&url);
        if !is_near || self.admits(&url) {
            return None;
        }
        self.begin_at(&url);
        Some(url)
    }

    /// One more start URL.
    pub(super) fn begin_at(&self, url: &Url) {
        self.scope.write().unwrap_or_else(PoisonError::into_inner).start_at(url);
    }

    /// The sitemap that a robots.txt names.
    pub(super) fn sitemap_of_robots(&self, host: &Url, text: &str) -> Option<Key> {
        let url = host.join(text).ok()?;
        self.admits_sitemap(&url, host).then(|| Key::sitemap(&self.canonical.apply(url)))
    }

    fn judge_page(&self, body: &[u8], url: &Url, redacted: &RedactQuery, judged: &mut Judged) {
        // Links are ASCII in all but a few pages, whatever their encoding.
        let html = String::from_utf8_lossy(body);
        let found = links_of(&html, url, &self.agent, self.links);
        let mut links = Links::default();
        let other = |canonical| self.other(canonical, url, redacted, judged);
        if let Some(canonical) = found.canonical.and_then(other) {
            judged.canonical = Some(canonical.as_str().to_owned());
            links.add(Key::page(&canonical), LinkCost::Nothing);
            judged.links = links.all;
            return;
        }
        let is_heard = self.nofollow == Nofollow::Heard;
        for link in found.links {
            if is_heard && (link.follow == Follow::No || found.follow == Follow::No) {
                judged.nofollow += 1;
                continue;
            }
            let url = self.canonical.apply(link.url);
            if !self.admits(&url) {
                judged.outside += 1;
                continue;
            }
            let cost = match link.kind {
                LinkKind::Next => LinkCost::Nothing,
                LinkKind::Anchor | LinkKind::Frame => LinkCost::One,
            };
            links.add(Key::page(&url), cost);
        }
        judged.links = links.all;
    }

    /// The page that the one at `url` names as canonical, if it is another one of the crawl.
    fn other(
        &self,
        canonical: Url,
        url: &Url,
        redacted: &RedactQuery,
        judged: &Judged,
    ) -> Option<Url> {
        if self.duplicates == Duplicates::Ignored {
            return None;
        }
        let canonical = self.canonical.apply(canonical);
        let mut told = canonical.as_str().to_owned();
        redact::text(&mut told, redacted);
        // A page that redirects to one that names it is no duplicate of itself.
        let is_itself = told == judged.url || told == self.canonical.apply(url.clone()).as_str();
        (!is_itself && self.admits(&canonical)).then_some(canonical)
    }

    fn judge_sitemap(&self, body: &[u8], url: &Url, judged: &mut Judged) {
        let mut links = Links::default();
        let mut outside = 0;
        let end = read_sitemap(body, self.sitemaps, |entry| match entry {
            SitemapEntry::Page { url: page, .. } => match url.join(&page) {
                Ok(page) => {
                    let page = self.canonical.apply(page);
                    match self.admits(&page) {
                        true => links.add(Key::page(&page), LinkCost::One),
                        false => outside += 1,
                    }
                }
                Err(_) => outside += 1,
            },
            SitemapEntry::Sitemap { url: other } => match url.join(&other) {
                Ok(other) if self.admits_sitemap(&other, url) => {
                    links.add(Key::sitemap(&self.canonical.apply(other)), LinkCost::Nothing);
                }
                Ok(_) | Err(_) => outside += 1,
            },
        });
        tracing::debug!(%url, ?end, pages = links.all.len(), "read a sitemap");
        (judged.links, judged.outside) = (links.all, outside);
    }

    fn admits(&self, url: &Url) -> bool {
        let scope = self.scope.read().unwrap_or_else(PoisonError::into_inner);
        scope.admits(url).is_ok() && self.traps.look(url).is_ok()
    }

    /// Sitemaps may be where their pages are, and within the domain of who names them.
    fn admits_sitemap(&self, url: &Url, by: &Url) -> bool {
        let is_near = registrable_domain(url) == registrable_domain(by);
        matches!(url.scheme(), "http" | "https")
            && url.as_str().len() <= self.links.url_bytes_max
            && (is_near || self.admits(url))
    }
}

/// Links, each once, at the lowest cost.
#[derive(Default)]
struct Links {
    all: Vec<(Key, LinkCost)>,
    places: HashMap<Key, usize>,
}

impl Links {
    fn add(&mut self, key: Key, cost: LinkCost) {
        match self.places.get(&key) {
            Some(&at) if cost == LinkCost::Nothing => self.all[at].1 = cost,
            Some(_) => {}
            None => {
                self.places.insert(key.clone(), self.all.len());
                self.all.push((key, cost));
            }
        }
    }
}

/// Whether a content type is one of HTML.
fn is_html(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    ["text/html", "application/xhtml+xml"].iter().any(|html| kind.eq_ignore_ascii_case(html))
}
