//! robots.txt (RFC 9309): what a site asks of the crawler that reads it.
//!
//! Only what concerns one crawler is kept of a file: the rules of its groups, or those for `*` if
//! no group names it. Everything is linear in the file, whatever stands in it, and one decision is
//! bounded by [`STEPS_MAX`].

mod cache;
mod lines;
mod pattern;
mod reading;

use std::fmt;

use url::{Position, Url};

pub use self::cache::RobotsCache;
use self::lines::{Field, Lines};
use self::pattern::Rule;
pub use self::reading::{Reading, TRIES_AGAIN_MAX, read, unreachable};
use crate::time::Duration;

/// How much of a file is read (RFC 9309 section 2.5 asks for at least as much). What is beyond it
/// is cut off at the end of a line.
pub const BYTES_MAX: usize = 500 << 10;

/// Bytes compared for one decision at most. A site whose rules need more for a URL, some hundred
/// wildcards for a URL of 8 KiB, is not asked for that URL.
pub const STEPS_MAX: u64 = 4 << 20;

/// Sitemaps remembered of one file.
const SITEMAPS_MAX: usize = 1_000;

/// A crawler as robots.txt names it: a product token (RFC 9309 section 2.2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent(Box<str>);

impl Agent {
    /// The token that a `User-Agent` header begins with: `gather` of `gather/0.1 (+https://…)`.
    /// Of one that begins with none, only the rules for `*` count.
    pub fn of(user_agent: &str) -> Self {
        let token = lines::token(user_agent.as_bytes());
        Self(String::from_utf8_lossy(token).to_ascii_lowercase().into())
    }

    /// In lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn is(&self, token: &[u8]) -> bool {
        !self.0.is_empty() && token.eq_ignore_ascii_case(self.0.as_bytes())
    }
}

/// Whether a URL may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It may.
    Allowed,
    /// The site asks not to.
    Disallowed,
}

/// What one robots.txt says to one crawler.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Robots {
    /// The most specific first, and of equal ones those that allow.
    rules: Box<[Rule]>,
    crawl_delay: Option<Duration>,
    sitemaps: Box<[Box<str>]>,
}

impl Robots {
    /// Reads a file. There is no file that cannot be read: what is no rule is passed over.
    pub fn parse(bytes: &[u8], agent: &Agent) -> Self {
        let (mut own, mut any) = (Rules::default(), Rules::default());
        let (mut is_named, mut group) = (false, Group::default());
        let mut sitemaps = Vec::new();
        for (field, value) in Lines::of(whole_lines(bytes)) {
            match field {
                Field::UserAgent => {
                    // A rule ends the names of a group; what else stands between them does not.
                    if std::mem::take(&mut group.has_rules) {
                        group = Group::default();
                    }
                    group.is_any |= lines::is_any(value);
                    group.is_own |= agent.is(lines::token(value));
                    is_named |= group.is_own;
                }
                Field::Rule(access) => {
                    group.has_rules = true;
                    group.note(&mut own, &mut any, |rules| rules.add(access, value));
                }
                Field::CrawlDelay => {
                    if let Some(delay) = seconds(value) {
                        group.note(&mut own, &mut any, |rules| rules.slow_down(delay));
                    }
                }
                Field::Sitemap => {
                    if let Ok(url) = std::str::from_utf8(value)
                        && !url.is_empty()
                        && sitemaps.len() < SITEMAPS_MAX
                    {
                        sitemaps.push(url.into());
                    }
                }
            }
        }
        let Rules { mut rules, crawl_delay } = if is_named { own } else { any };
        rules.sort_by_key(Rule::precedence);
        Self { rules: rules.into(), crawl_delay, sitemaps: sitemaps.into() }
    }

    /// A site without a robots.txt.
    pub fn allow_all() -> Self {
        Self::default()
    }

    /// Whether `url`, which must be one of this site, may be asked for: the longest matching rule
    /// decides, and of two of a length the one that allows (RFC 9309 section 2.2.2). robots.txt
    /// itself always may.
    pub fn access(&self, url: &Url) -> Access {
        let path = &url[Position::BeforePath..Position::AfterQuery];
        self.judge(&pattern::normal_path(path)).0
    }

    /// The decision about a normal path, and how many bytes were compared for it.
    fn judge(&self, path: &str) -> (Access, u64) {
        let mut steps = 0;
        if path == "/robots.txt" {
            return (Access::Allowed, steps);
        }
        for rule in &self.rules {
            if rule.matches(path, &mut steps) {
                return (rule.access, steps);
            }
            if steps > STEPS_MAX {
                return (Access::Disallowed, steps);
            }
        }
        (Access::Allowed, steps)
    }

    /// Whether it leaves everything open.
    pub fn forbids_nothing(&self) -> bool {
        self.rules.iter().all(|rule| rule.access == Access::Allowed)
    }

    /// The time between two requests that the site asks for, as written. The longest, if it says
    /// several.
    pub fn crawl_delay(&self) -> Option<Duration> {
        self.crawl_delay
    }

    /// The sitemaps that the file names, as written; at most 1,000.
    pub fn sitemaps(&self) -> impl Iterator<Item = &str> {
        self.sitemaps.iter().map(AsRef::as_ref)
    }

    /// About how much memory it takes, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let sitemaps: usize =
            self.sitemaps.iter().map(|url| url.len() + size_of::<Box<str>>()).sum();
        let rules: usize = self.rules.iter().map(Rule::memory_bytes).sum();
        size_of::<Self>() + sitemaps + rules
    }
}

impl fmt::Debug for Robots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Robots")
            .field("rules", &self.rules)
            .field("crawl_delay", &self.crawl_delay)
            .field("sitemaps", &self.sitemaps.len())
            .finish()
    }
}

/// The rules of all groups that name the same crawler, merged (RFC 9309 section 2.2.1).
#[derive(Default)]
struct Rules {
    rules: Vec<Rule>,
    crawl_delay: Option<Duration>,
}

impl Rules {
    fn add(&mut self, access: Access, pattern: &[u8]) {
        self.rules.extend(Rule::new(access, pattern));
    }

    fn slow_down(&mut self, delay: Duration) {
        self.crawl_delay = self.crawl_delay.max(Some(delay));
    }
}

/// Whom the lines at hand are for.
#[derive(Default)]
struct Group {
    is_own: bool,
    is_any: bool,
    has_rules: bool,
}

impl Group {
    fn note(&self, own: &mut Rules, any: &mut Rules, note: impl Fn(&mut Rules)) {
        if self.is_own {
            note(own);
        }
        if self.is_any {
            note(any);
        }
    }
}

/// The file as far as it is read: whole lines within the limit.
fn whole_lines(bytes: &[u8]) -> &[u8] {
    // A line that ends with the limit is whole.
    let Some(cut) = bytes.get(..=BYTES_MAX) else { return bytes };
    let end = cut.iter().rposition(|&byte| lines::ends_line(byte));
    &cut[..end.unwrap_or(0)]
}

fn seconds(value: &[u8]) -> Option<Duration> {
    let seconds: f64 = std::str::from_utf8(value).ok()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests;
