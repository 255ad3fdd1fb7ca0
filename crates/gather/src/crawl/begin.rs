//! How a crawl begins: at what its source names, or where its journal says that it stopped.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gather_core::Config;
use gather_core::crawl::{Scope, Traps};
use gather_fetch::Keep;
use gather_store::{Near, Pile, Position, Seen, SeenLimits};
use tokio::sync::mpsc;

use super::list::{List, parsed};
use super::map::{Known, Map, State};
use super::page::{Key, Rules};
use super::readers::Readers;
use super::{CrawlSpec, OfRobots, links_beside, pages_beside};
use crate::journal::{Growing, Inputs, KeptInputs, PastInputs, reads_stdin};
use crate::repeats::text_of;
use crate::run::RunError;
use crate::shared::Shared;
use crate::source::{self, Finished, Item, Ledger, Progress, Source, SourceError, SourceSpec};
use crate::summary::CrawlCounts;
use crate::writer::{Batch, Takers};

/// Start URLs read at once.
const STARTS_AT_ONCE: usize = 256;

/// The inputs of a crawl.
pub(crate) struct Crawled {
    spec: CrawlSpec,
    starts: SourceSpec,
    agent: String,
    /// Files that get their names once the outputs are open.
    unnamed: Vec<(PathBuf, PathBuf)>,
    grown: Option<Arc<Grown>>,
}

/// A crawl under way.
pub(super) struct Grown {
    pub(super) map: Arc<Map>,
    pub(super) rules: Rules,
    reads_robots: OfRobots,
}

impl Crawled {
    pub(crate) fn new(spec: CrawlSpec, starts: SourceSpec, config: &Config) -> Self {
        let robots = config.robots.as_ref();
        let agent = robots.map_or_else(String::new, |robots| robots.agent.as_str().to_owned());
        Self { spec, starts, agent, unnamed: Vec::new(), grown: None }
    }

    /// Reads the start URLs, each in its one spelling.
    fn each_start(
        &self,
        mut on_start: impl FnMut(Item) -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        let mut source = source::open(&self.starts).map_err(RunError::Source)?;
        loop {
            let mut items = Vec::new();
            let progress = source.read(&mut items, STARTS_AT_ONCE).map_err(RunError::Source)?;
            for mut item in items {
                if let Item::Target(target) = &mut item {
                    target.url = self.spec.canonical.apply(target.url.clone());
                }
                on_start(item)?;
            }
            if progress == Progress::End {
                return Ok(());
            }
        }
    }

    fn rules(&self) -> Rules {
        let spec = &self.spec;
        let (include, exclude) = (spec.include.clone(), spec.exclude.clone());
        Rules {
            scope: Scope::new([], spec.reach, include, exclude, spec.links.url_bytes_max).into(),
            canonical: spec.canonical.clone(),
            traps: Traps::new(spec.traps),
            nofollow: spec.nofollow,
            duplicates: spec.duplicates,
            links: spec.links,
            sitemaps: spec.sitemap_limits,
            agent: self.agent.clone(),
        }
    }

    fn state(&self, list: Pile, links: Option<Pile>) -> io::Result<State> {
        let seed = fastrand::u64(..);
        let known = match (self.spec.limits.depth_max, links) {
            (Some(depth), Some(links)) => {
                let near = Near::new(links, depth, seed)?;
                Known::Near(Box::new(near), Vec::new())
            }
            _ => Known::Any(Seen::new(SeenLimits::default(), seed)),
        };
        let traps = Traps::new(self.spec.traps);
        Ok(State::new(known, List::new(list), traps, self.spec.limits))
    }

    /// Takes in what the crawl begins with. Done again, it adds what is new.
    fn start(&self, state: &mut State, rules: &Rules, path: Option<&Path>) -> Result<(), RunError> {
        self.each_start(|item| {
            if let Item::Target(target) = &item {
                rules.begin_at(&target.url);
            }
            state.start(item).map_err(|error| no_pages(path, error))
        })?;
        for url in &self.spec.sitemaps.named {
            let key = Key::sitemap(&self.spec.canonical.apply(url.clone()));
            let from = gather_core::Provenance::Operator;
            state.sitemap(&key, from).map_err(|error| no_pages(path, error))?;
        }
        Ok(())
    }

    fn grow(&mut self, map: Map, rules: Rules) -> Box<dyn Source> {
        let map = Arc::new(map);
        let reads_robots = self.spec.sitemaps.of_robots;
        self.grown = Some(Arc::new(Grown { map: Arc::clone(&map), rules, reads_robots }));
        Box::new(Pages(map))
    }

    fn has_links(&self) -> bool {
        self.spec.limits.depth_max.is_some()
    }

    /// A file that gets its name later.
    fn create(&mut self, path: &Path) -> io::Result<Pile> {
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let pile = Pile::create(&part)?;
        self.unnamed.push((part, path.to_owned()));
        Ok(pile)
    }
}

impl Inputs for Crawled {
    fn anew(&mut self, kept: Option<KeptInputs<'_>>) -> Result<Box<dyn Source>, RunError> {
        let path = kept.map(|kept| pages_beside(kept.journal));
        let said = |error| no_pages(path.as_deref(), error);
        let (list, links) = match kept {
            None => (Pile::nameless(), self.has_links().then(Pile::nameless)),
            Some(kept) => {
                let list = self.create(&pages_beside(kept.journal));
                let links = links_beside(kept.journal);
                (list, self.has_links().then(|| self.create(&links)))
            }
        };
        let links = links.transpose().map_err(said)?;
        let mut state = self.state(list.map_err(said)?, links).map_err(said)?;
        let rules = self.rules();
        self.start(&mut state, &rules, path.as_deref())?;
        let log = kept.map(|kept| Arc::clone(kept.log));
        if kept.is_some() {
            let finished = Finished::These(Arc::default());
            state.keep_ledger(|told| Ledger::new(Arc::default(), finished, told));
        }
        Ok(self.grow(Map::new(state, path, log), rules))
    }

    fn begin(&mut self) -> Result<(), RunError> {
        for (part, path) in self.unnamed.drain(..) {
            let named = std::fs::rename(&part, &path).and_then(|()| gather_store::sync_name(&path));
            named.map_err(|error| no_pages(Some(&path), error))?;
        }
        Ok(())
    }

    fn again(
        &mut self,
        kept: KeptInputs<'_>,
        past: PastInputs<'_>,
    ) -> Result<Box<dyn Source>, RunError> {
        let path = pages_beside(kept.journal);
        let said = |error| no_pages(Some(&path), error);
        let open = |path: &Path| {
            // Without it nothing may be cut off.
            let position = (past.position)(&text_of(path)).ok_or_else(|| {
                io::Error::new(io::ErrorKind::InvalidData, "the journal does not say where it ends")
            })?;
            Pile::open(path, position.bytes)
        };
        let links = self.has_links().then(|| open(&links_beside(kept.journal)));
        let links = links.transpose().map_err(said)?;
        let mut state = self.state(open(&path).map_err(said)?, links).map_err(said)?;
        let mut ledger = Ledger::new(Arc::clone(&past.before), Finished::All, Arc::default());
        let name = text_of(&path).into();
        let rules = self.rules();
        while let Some(line) = state.list.read().map_err(said)? {
            ledger.pass(&line, Some(&name), state.list.next());
            let entry = parsed(&line).map_err(said)?;
            state.recall(&entry).map_err(said)?;
            if let Some(url) = entry.start() {
                rules.begin_at(&url);
            }
        }
        ledger.publish().map_err(RunError::Source)?;
        let read_before = past
            .before
            .last()
            .map_or(0, |last| last.block * gather_store::journal::BLOCK_ITEMS + last.items);
        let inputs = state.list.next();
        if inputs < read_before {
            return Err(RunError::Source(SourceError::Shorter { inputs, read_before }));
        }
        state.list.rewind();
        state.go_on(read_before, past.body_bytes);
        let PastInputs { before, done, .. } = past;
        state.keep_ledger(|told| Ledger::new(before, Finished::These(done), told));
        // Standard input was read to its end before anything else, and is in the list; unless it was
        // killed before anything was committed.
        if inputs == 0 || !reads_stdin(&self.starts) {
            self.start(&mut state, &rules, Some(&path))?;
        }
        let log = Some(Arc::clone(kept.log));
        Ok(self.grow(Map::new(state, Some(path), log), rules))
    }

    fn files(&self, journal: &Path) -> Vec<Box<str>> {
        let links = self.has_links().then(|| text_of(&links_beside(journal)));
        [text_of(&pages_beside(journal))].into_iter().chain(links).collect()
    }

    fn growing(&self) -> Option<Arc<dyn Growing>> {
        self.grown.clone().map(|grown| grown as _)
    }
}

impl Growing for Grown {
    fn start(
        self: Arc<Self>,
        keep: &mut Keep,
        run: &Arc<Shared>,
        writer: mpsc::Sender<Batch>,
    ) -> Result<Takers, RunError> {
        if self.reads_robots == OfRobots::Read {
            run.want_sitemaps();
        }
        Readers::new(self, keep, run).start(writer)
    }

    fn commit(&self) -> Result<Vec<(Box<str>, Position)>, SourceError> {
        self.map.commit()
    }

    fn finish(&self) -> Result<(), SourceError> {
        self.map.finish()
    }

    fn counts(&self) -> CrawlCounts {
        self.map.counts()
    }
}

/// The pages to be fetched, as they are found. It ends when all were read and none is left.
struct Pages(Arc<Map>);

impl Source for Pages {
    fn may_have_rules(&self) -> bool {
        false
    }

    fn read(&mut self, into: &mut Vec<Item>, max: usize) -> Result<Progress, SourceError> {
        self.0.read(into, max)
    }
}

fn no_pages(path: Option<&Path>, error: io::Error) -> RunError {
    let file = path.map(|path| path.display().to_string()).unwrap_or_default();
    RunError::Source(SourceError::Pages { file, error })
}
