//! A crawl: pages found by their links, each fetched once, through an [`Engine`].
//!
//! ```no_run
//! use std::ops::ControlFlow;
//!
//! use gather::core::config::RobotsConfig;
//! use gather::crawl::{CrawlSpec, crawl};
//! use gather::{Engine, EngineOptions, Url};
//!
//! let mut options = EngineOptions::with_concurrency(50);
//! options.config.robots = Some(RobotsConfig::of(&options.client.user_agent));
//! let engine = Engine::start(options)?;
//! let spec = CrawlSpec::new([Url::parse("https://a.example/")?]);
//! let told = crawl(&engine, spec, |record| {
//!     println!("{} {}", record.status_code, record.url);
//!     ControlFlow::Continue(())
//! })?;
//! println!("{} pages", told.records);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Every page found has exactly one record: `found == records + trapped + left`. Its `n` is the
//! order in which it was found, and its tags say how far it is from the start (`depth`) and which
//! page led to it (`parent`). robots.txt is obeyed if the engine does so.

mod feed;
mod page;

use std::cell::RefCell;
use std::fmt;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use gather_core::crawl::{
    Canonical, Discovery, Glob, Limits, Link, PageNo, Reach, Scope, TrapLimits, Traps,
};
use gather_core::{Outcome, Record};
use gather_extract::LinkLimits;
use tokio::task::JoinSet;
use url::Url;

use self::feed::{Feed, Found};
use self::page::{Judged, Rules};
use crate::engine::{Engine, Stopped};

/// Pages read for their links at once, for each processor; beyond it no record is taken.
const PARSED_PER_PROCESSOR: usize = 2;

/// What belongs to a crawl, and how far it goes.
#[derive(Clone, Debug)]
pub struct CrawlSpec {
    /// Where it begins. They belong to it whatever the patterns say.
    pub starts: Vec<Url>,
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
    /// How many links of a page are read, and how long they may be.
    pub links: LinkLimits,
}

impl CrawlSpec {
    /// A crawl of the hosts of these URLs, without limits but those on traps.
    pub fn new(starts: impl IntoIterator<Item = Url>) -> Self {
        Self {
            starts: starts.into_iter().collect(),
            reach: Reach::default(),
            include: Vec::new(),
            exclude: Vec::new(),
            canonical: Canonical::default(),
            limits: Limits::default(),
            traps: TrapLimits::default(),
            nofollow: Nofollow::Heard,
            links: LinkLimits::default(),
        }
    }
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

/// What a crawl came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CrawlSummary {
    /// Pages found within the scope and the depth.
    pub found: u64,
    /// Records, one for each page that was tried or refused.
    pub records: u64,
    /// Pages that were not fetched since there are too many like them.
    pub trapped: u64,
    /// Pages left out by a limit on pages or bytes, or since the crawl was stopped.
    pub left: u64,
    /// Links that lead out of the scope, or that alone show a trap.
    pub links_outside: u64,
    /// Links not followed for `nofollow`.
    pub links_nofollow: u64,
}

/// Why a crawl ended early.
#[derive(Debug)]
#[non_exhaustive]
pub enum CrawlError {
    /// The engine was stopped.
    Stopped(CrawlSummary),
    /// Its event loop could not be made.
    Loop(std::io::Error),
    /// A defect: reading a page ended unexpectedly.
    Panic,
}

impl fmt::Display for CrawlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped(told) => {
                write!(f, "{Stopped} after {} of {} pages", told.records, told.found)
            }
            Self::Loop(error) => write!(f, "an event loop cannot be started: {error}"),
            Self::Panic => f.write_str(
                "reading a page ended unexpectedly: a defect of gather, please report it",
            ),
        }
    }
}

impl std::error::Error for CrawlError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Loop(error) => Some(error),
            Self::Stopped(_) | Self::Panic => None,
        }
    }
}

/// Crawls until no page is left, and hands over each record as it comes. Blocks; not for use on
/// the thread of an executor. The engine must keep bodies ([`EngineOptions`] does by default).
/// Pages are read for their links on threads of their own, as many as there are processors.
///
/// [`EngineOptions`]: crate::EngineOptions
///
/// # Errors
/// When the engine was stopped, or on a defect. Breaking off by [`ControlFlow::Break`] is none.
pub fn crawl(
    engine: &Engine,
    spec: CrawlSpec,
    on_record: impl FnMut(Record) -> ControlFlow<()>,
) -> Result<CrawlSummary, CrawlError> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(processors)
        .build()
        .map_err(CrawlError::Loop)?;
    runtime.block_on(Crawl::new(spec, engine, processors).run(engine, on_record))
}

struct Crawl {
    rules: Arc<Rules>,
    found: Rc<RefCell<Found>>,
    reading: JoinSet<Judged>,
    reading_max: usize,
    told: CrawlSummary,
}

impl Crawl {
    fn new(spec: CrawlSpec, engine: &Engine, processors: usize) -> Self {
        let CrawlSpec { starts, reach, include, exclude, canonical, links, nofollow, .. } = spec;
        let starts: Vec<Url> = starts.into_iter().map(|url| canonical.apply(url)).collect();
        let scope = Scope::new(&starts, reach, include, exclude, links.url_bytes_max);
        let mut discovery = Discovery::new(spec.limits);
        starts.iter().for_each(|url| discovery.start(url.as_str()));
        let traps = Traps::new(spec.traps);
        let agent = engine.robots_agent();
        let looks = Traps::new(spec.traps);
        let rules = Rules { scope, canonical, traps: looks, nofollow, links, agent };
        Self {
            rules: Arc::new(rules),
            found: Rc::new(RefCell::new(Found::new(discovery, traps))),
            reading: JoinSet::new(),
            reading_max: processors * PARSED_PER_PROCESSOR,
            told: CrawlSummary::default(),
        }
    }

    async fn run(
        mut self,
        engine: &Engine,
        mut on_record: impl FnMut(Record) -> ControlFlow<()>,
    ) -> Result<CrawlSummary, CrawlError> {
        let mut outcomes = engine.run_stream(Feed::new(&self.found));
        loop {
            tokio::select! {
                Some(read) = self.reading.join_next(), if !self.reading.is_empty() => {
                    self.expand(read.map_err(|_| CrawlError::Panic)?);
                }
                record = outcomes.next(), if self.reading.len() < self.reading_max => {
                    match record {
                        Some(Ok(record)) => {
                            self.read(&record);
                            if on_record(record).is_break() {
                                return Ok(self.told());
                            }
                        }
                        Some(Err(Stopped)) => return Err(CrawlError::Stopped(self.told())),
                        // The feed ends only when every page handed out was read.
                        None => return Ok(self.told()),
                    }
                }
            }
        }
    }

    /// Has the page of a record read for its links.
    fn read(&mut self, record: &Record) {
        self.told.records += 1;
        let page = self.found.borrow().page_of(record.n);
        self.found.borrow_mut().discovery.count_bytes(record.body_bytes);
        let body = record.body.clone().filter(|_| matches!(record.outcome, Outcome::Ok));
        let is_html = record.content_type.as_deref().is_none_or(page::is_html);
        let url = Url::parse(record.final_url.as_deref().unwrap_or(&record.url));
        let (Some(body), true, Ok(url)) = (body, is_html, url) else {
            return self.found.borrow_mut().is_read();
        };
        let rules = Arc::clone(&self.rules);
        self.reading.spawn_blocking(move || rules.judge(page, &body, &url));
    }

    /// What a page links to is known.
    fn expand(&mut self, judged: Judged) {
        self.told.links_outside += judged.outside;
        self.told.links_nofollow += judged.nofollow;
        let mut found = self.found.borrow_mut();
        let links = judged.links.iter().map(|(url, cost)| Link { url, cost: *cost });
        found.discovery.expand(judged.page, links);
        found.is_read();
    }

    fn told(&self) -> CrawlSummary {
        let found = self.found.borrow();
        let (handed, trapped) = (u64::from(found.discovery.handed()), found.trapped);
        CrawlSummary {
            found: handed + found.discovery.waiting() + found.discovery.dropped(),
            trapped,
            left: handed - trapped - self.told.records
                + found.discovery.waiting()
                + found.discovery.dropped(),
            ..self.told
        }
    }
}

/// The number of a page as a record's `n`.
fn number(page: PageNo) -> u64 {
    u64::from(page.get())
}
