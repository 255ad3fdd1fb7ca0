//! What becomes of the links of one page: pure CPU, on a thread of its own.

use std::collections::HashMap;

use gather_core::crawl::{Canonical, LinkCost, PageNo, Scope, Traps};
use gather_extract::{Follow, LinkKind, LinkLimits, links_of};
use url::Url;

use super::Nofollow;

/// What the links of every page are judged by.
pub(super) struct Rules {
    pub(super) scope: Scope,
    pub(super) canonical: Canonical,
    /// Only looks: what it counts it counts elsewhere.
    pub(super) traps: Traps,
    pub(super) nofollow: Nofollow,
    pub(super) links: LinkLimits,
    /// Whose `<meta name=…>` counts beside that of `robots`.
    pub(super) agent: String,
}

/// What a page links to, as far as it belongs to the crawl.
pub(super) struct Judged {
    pub(super) page: PageNo,
    /// Canonical URLs, each once.
    pub(super) links: Vec<(String, LinkCost)>,
    pub(super) outside: u64,
    pub(super) nofollow: u64,
}

impl Rules {
    /// The links of a page whose answer came from `url`.
    pub(super) fn judge(&self, page: PageNo, body: &[u8], url: &Url) -> Judged {
        let mut judged = Judged { page, links: Vec::new(), outside: 0, nofollow: 0 };
        // A redirect may have led out of the crawl.
        if self.scope.admits(url).is_err() {
            return judged;
        }
        // Links are ASCII in all but a few pages, whatever their encoding.
        let html = String::from_utf8_lossy(body);
        let found = links_of(&html, url, &self.agent, self.links);
        let is_heard = self.nofollow == Nofollow::Heard;
        let mut places: HashMap<String, usize> = HashMap::new();
        for link in found.links {
            if is_heard && (link.follow == Follow::No || found.follow == Follow::No) {
                judged.nofollow += 1;
                continue;
            }
            let url = self.canonical.apply(link.url);
            if self.scope.admits(&url).is_err() || self.traps.look(&url).is_err() {
                judged.outside += 1;
                continue;
            }
            let cost = match link.kind {
                LinkKind::Next => LinkCost::Nothing,
                LinkKind::Anchor | LinkKind::Frame => LinkCost::One,
            };
            match places.get(url.as_str()) {
                // Of several links to a page the cheapest counts.
                Some(&at) if cost == LinkCost::Nothing => judged.links[at].1 = cost,
                Some(_) => {}
                None => {
                    places.insert(url.as_str().to_owned(), judged.links.len());
                    judged.links.push((url.into(), cost));
                }
            }
        }
        judged
    }
}

/// Whether a content type is one of HTML.
pub(super) fn is_html(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    ["text/html", "application/xhtml+xml"].iter().any(|html| kind.eq_ignore_ascii_case(html))
}
