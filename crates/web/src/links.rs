//! Where pages lead: as a server answers them, or as files beside each other.

use std::collections::HashSet;
use std::fmt::Write;

use gather_core::watch::WatchedNo;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use xxhash_rust::xxh3::xxh3_64;

/// Who answers the links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A server.
    Server,
    /// Nobody: the pages are files.
    Static,
}

/// All but what RFC 3986 calls unreserved.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What has files of its own; everything else leads to a page that says so.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written {
    pub(crate) targets: HashSet<u32>,
    pub(crate) incidents: HashSet<i64>,
}

/// The page that everything leads to that has no file.
pub(crate) const BEYOND: &str = "beyond";

/// Makes links that are relative, so that they hold below any path and in any folder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Links<'a> {
    pub(crate) mode: Mode,
    /// The way from the page to the site's root: empty, or `../` so many times.
    pub(crate) root: &'static str,
    /// None for a server, which has everything.
    pub(crate) written: Option<&'a Written>,
}

impl Links<'_> {
    fn has_target(&self, target: WatchedNo) -> bool {
        self.written.is_none_or(|written| written.targets.contains(&target.0))
    }

    /// The overview.
    pub(crate) fn home(&self) -> String {
        match self.mode {
            Mode::Server => format!("{}.", self.root),
            Mode::Static => format!("{}index.html", self.root),
        }
    }

    /// A page of the menu.
    pub(crate) fn page(&self, name: &str) -> String {
        match self.mode {
            Mode::Server => format!("{}{name}", self.root),
            Mode::Static => format!("{}{name}.html", self.root),
        }
    }

    pub(crate) fn target(&self, target: WatchedNo) -> String {
        match self.has_target(target) {
            true => self.page(&format!("targets/{}", target.0)),
            false => self.page(BEYOND),
        }
    }

    /// The list of all targets that are shown as this; of all, for none.
    pub(crate) fn state(&self, class: Option<&str>) -> String {
        match (self.mode, class) {
            (Mode::Server, Some(class)) => format!("{}?state={class}", self.home()),
            (Mode::Static, Some(class)) => self.page(&format!("state-{class}")),
            (_, None) => self.home(),
        }
    }

    /// One of the periods of a target's page, as a table.
    pub(crate) fn period(&self, target: WatchedNo, period: &str) -> String {
        match self.mode {
            Mode::Server => self.page(&format!("targets/{}/{period}", target.0)),
            Mode::Static => self.page(&format!("targets/{}-{period}", target.0)),
        }
    }

    /// A span within a period of a target: its own page, or its line in the period's table.
    pub(crate) fn span(&self, target: WatchedNo, period: &str, span: &str) -> String {
        match self.mode {
            Mode::Server => self.period(target, span),
            Mode::Static => self.period(target, period),
        }
    }

    /// A target's page with the chart of another period.
    pub(crate) fn chart(&self, target: WatchedNo, period: &str) -> Option<String> {
        match self.mode {
            Mode::Server => Some(format!("{}?chart={period}#answers", self.target(target))),
            Mode::Static => None,
        }
    }

    pub(crate) fn group(&self, name: &str) -> String {
        self.named("group", name)
    }

    pub(crate) fn job(&self, name: &str) -> String {
        self.named("job", name)
    }

    pub(crate) fn incident(&self, id: i64) -> String {
        let is_there = self.written.is_none_or(|written| written.incidents.contains(&id));
        self.page(&if is_there { format!("incidents/{id}") } else { BEYOND.into() })
    }

    fn named(&self, what: &str, name: &str) -> String {
        match self.mode {
            Mode::Server => format!("{}{what}?name={}", self.root, encoded(name)),
            Mode::Static => format!("{}{}", self.root, file_of(what, name)),
        }
    }
}

/// The file of a group or job: readable, and of its own name only.
pub(crate) fn file_of(what: &str, name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let slug: String = name.chars().take(40).map(plain).collect();
    format!("{what}s/{}-{:08x}.html", slug.trim_matches('-'), xxh3_64(name.as_bytes()) >> 32)
}

/// Text as the value of a query.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, QUERY).to_string()
}

/// `?a=1&b=2` of what is not empty; empty where nothing is left.
pub(crate) fn query(members: &[(&str, &str)]) -> String {
    let mut query = String::new();
    for (name, value) in members.iter().filter(|(_, value)| !value.is_empty()) {
        let mark = if query.is_empty() { '?' } else { '&' };
        write!(query, "{mark}{name}={}", encoded(value)).expect("a string takes everything");
    }
    query
}

/// A link's target, if it is one that may be followed.
pub(crate) fn outward(url: &str) -> Option<String> {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    is_web.then(|| url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_hold_below_any_path() {
        let written = Written { targets: [5].into(), incidents: [7].into() };
        let server = Links { mode: Mode::Server, root: "../", written: None };
        let files = Links { mode: Mode::Static, root: "../", written: Some(&written) };
        let no = WatchedNo(5);
        for (link, expected) in [
            (server.home(), "../."),
            (files.home(), "../index.html"),
            (server.page("jobs"), "../jobs"),
            (files.target(no), "../targets/5.html"),
            (files.target(WatchedNo(6)), "../beyond.html"),
            (files.incident(7), "../incidents/7.html"),
            (files.incident(8), "../beyond.html"),
            (server.incident(8), "../incidents/8"),
            (server.state(Some("down")), "../.?state=down"),
            (files.state(Some("down")), "../state-down.html"),
            (server.period(no, "7d"), "../targets/5/7d"),
            (files.period(no, "7d"), "../targets/5-7d.html"),
            (server.span(no, "7d", "2026-11-25"), "../targets/5/2026-11-25"),
            (files.span(no, "7d", "2026-11-25"), "../targets/5-7d.html"),
            (server.group("a/b & c"), "../group?name=a%2Fb%20%26%20c"),
            (files.job("Nightly prices"), "../jobs/nightly-prices-a13ea3f2.html"),
        ] {
            assert_eq!(link, expected);
        }
        assert_eq!(query(&[("a", "1"), ("b", ""), ("c", "ü")]), "?a=1&c=%C3%BC");
        assert_eq!(query(&[]), "");
        assert_eq!(outward("javascript:alert(1)"), None);
        assert_eq!(outward("https://a.example/"), Some("https://a.example/".into()));
    }

    #[test]
    fn names_that_look_alike_have_files_of_their_own() {
        let names = ["", "a", "A", "a-", "../a", "ä", "ö"];
        let files: std::collections::BTreeSet<_> =
            names.iter().map(|name| file_of("group", name)).collect();
        assert_eq!(files.len(), names.len());
        assert!(files.iter().all(|file| !file.contains("..")), "{files:?}");
    }
}
