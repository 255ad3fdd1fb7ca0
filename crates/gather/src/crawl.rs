//! A crawl: a [`Run`](crate::Run) whose list grows by the links of its pages, each fetched once.
//!
//! ```no_run
//! use gather::core::config::RobotsConfig;
//! use gather::crawl::CrawlSpec;
//! use gather::source::SourceSpec;
//! use gather::{Run, RunOptions};
//!
//! let mut options = RunOptions::default();
//! options.source = SourceSpec { arguments: vec!["https://a.example/".into()], ..Default::default() };
//! options.crawl = Some(CrawlSpec::default());
//! options.config.robots = Some(RobotsConfig::of(&options.client.user_agent));
//! options.on_record = Some(Box::new(|record| println!("{} {}", record.status_code, record.url)));
//! let summary = Run::start(options)?.wait()?;
//! println!("{} pages", summary.inputs);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Every page found has exactly one record: what was named and what was found are the inputs of the
//! run. Its `n` is the order in which it was found, and its tags say how far it is from the start
//! (`depth`) and which page led to it (`parent`). The pages are a file of inputs, JSON lines, that is
//! only appended to: beside the journal where there is one ([`pages_beside`]), and before a record is
//! committed, what its page led to is. So a crawl goes on after it was killed like a list.

mod begin;
mod list;
mod map;
mod page;
mod readers;

use std::path::{Path, PathBuf};

use gather_core::crawl::{Canonical, Glob, Limits, Reach, TrapLimits};
use gather_extract::{LinkLimits, SitemapLimits};
use url::Url;

pub(crate) use self::begin::Crawled;

/// What belongs to a crawl, and how far it goes. It begins at what the run's source names; that
/// belongs to it whatever the patterns say.
#[derive(Clone, Debug, Default)]
pub struct CrawlSpec {
    /// How far from the start URLs it goes.
    pub reach: Reach,
    /// Patterns of which a URL must match one, if there are any.
    pub include: Vec<Glob>,
    /// Patterns of which a URL must match none.
    pub exclude: Vec<Glob>,
    /// Which URLs are one.
    pub canonical: Canonical,
    /// Depth, pages and bytes.
    pub limits: Limits,
    /// What is taken for a trap.
    pub traps: TrapLimits,
    /// Whether pages and links that say `nofollow` are heard.
    pub nofollow: Nofollow,
    /// Whether pages that name another one as canonical are duplicates.
    pub duplicates: Duplicates,
    /// How many links of a page are read, and how long they may be.
    pub links: LinkLimits,
    /// Which sitemaps are read.
    pub sitemaps: Sitemaps,
    /// How much of a sitemap is read.
    pub sitemap_limits: SitemapLimits,
}

/// Whether `rel=nofollow`, and `nofollow` in a page's `<meta name=robots>`, are heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nofollow {
    /// Such links are not followed.
    #[default]
    Heard,
    /// They are followed like others.
    Ignored,
}

/// What a page is that names another page of the crawl as canonical (`<link rel=canonical>`,
/// RFC 6596).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Duplicates {
    /// A duplicate: the other page is found in its place, and its own links are not followed.
    #[default]
    Known,
    /// A page like others.
    Ignored,
}

/// Which sitemaps are read. Each is a target with a record of its own, and the pages in it are as
/// far from the start as those that a start URL links to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sitemaps {
    /// Those named here.
    pub named: Vec<Url>,
    /// Those that the robots.txt of a host in the crawl names, where robots.txt is obeyed.
    pub of_robots: OfRobots,
}

/// Whether the sitemaps that a robots.txt names are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OfRobots {
    /// They are.
    #[default]
    Read,
    /// They are not.
    Left,
}

impl Default for Sitemaps {
    /// Those of robots.txt.
    fn default() -> Self {
        Self { named: Vec::new(), of_robots: OfRobots::Read }
    }
}

/// Where a crawl with this journal keeps the pages it found: `results.jsonl.pages` beside
/// `results.jsonl.journal`.
pub fn pages_beside(journal: &Path) -> PathBuf {
    with_end(journal, "pages")
}

/// Where a crawl with this journal and a limit on its depth keeps what pages link to.
pub(crate) fn links_beside(journal: &Path) -> PathBuf {
    with_end(journal, "links")
}

fn with_end(journal: &Path, end: &str) -> PathBuf {
    let text = journal.as_os_str().to_owned();
    let mut name = match text.to_str().and_then(|text| text.strip_suffix(".journal")) {
        Some(output) => output.into(),
        None => text,
    };
    name.push(".");
    name.push(end);
    name.into()
}
