//! What is known of a crawl: the pages found, and which of them are still to be read for links.
//!
//! Three sides meet here, each on threads of its own: the source takes pages off the list and waits
//! for more, readers say what a record leads to, and the writer has all of it made durable before the
//! record is. One lock is held for as long as one of them needs.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use gather_core::crawl::{Limits, PageNo, Traps, Wanted};
use gather_core::target::SchemeFrom;
use gather_core::{Provenance, Target};
use gather_store::{Met, Near, Position, Seen};
use url::Url;

use super::list::{Entry, List};
use super::page::{Judged, Key};
use crate::repeats::text_of;
use crate::source::{Broken, InputLog, Item, Ledger, Progress, SourceError};
use crate::summary::CrawlCounts;

/// What is set in a page's mark: a public address led there.
const PUBLIC: u32 = 1;

/// The pages of a crawl.
pub(super) struct Map {
    state: Mutex<State>,
    /// Rings when there is more to read, or an end.
    news: Condvar,
    /// Where the list is, and its name in the journal; nowhere if it has none.
    place: Option<(PathBuf, Arc<str>)>,
    /// Where the journal hears of the list.
    log: Option<Arc<InputLog>>,
}

/// Which pages are known.
pub(super) enum Known {
    /// Those met; how far they are does not matter.
    Any(Seen),
    /// Those within a limit, and what they link to. The page of each line of the list.
    Near(Box<Near>, Vec<PageNo>),
}

pub(super) struct State {
    pub(super) known: Known,
    pub(super) list: List,
    traps: Traps,
    limits: Limits,
    counts: CrawlCounts,
    /// Handed out, and not read for links.
    open: u64,
    /// Lines that were handed out before the run went on: they are, whatever the limit on bytes.
    before: u64,
    bytes: u64,
    /// Blocks of the list that were handed out: the journal hears of them with the next commit.
    ledger: Option<Ledger>,
    told: Arc<InputLog>,
    has_ended: bool,
    is_closed: bool,
    failed: bool,
}

impl State {
    pub(super) fn new(known: Known, list: List, traps: Traps, limits: Limits) -> Self {
        Self {
            known,
            list,
            traps,
            limits,
            counts: CrawlCounts::default(),
            open: 0,
            before: 0,
            bytes: 0,
            ledger: None,
            told: Arc::default(),
            has_ended: false,
            is_closed: false,
            failed: false,
        }
    }

    /// What of the list is handed out goes through a ledger like inputs that are read.
    pub(super) fn keep_ledger(&mut self, ledger: impl FnOnce(Arc<InputLog>) -> Ledger) {
        self.ledger = Some(ledger(Arc::clone(&self.told)));
    }

    /// So many lines were handed out before, and so many bytes came.
    pub(super) fn go_on(&mut self, lines: u64, bytes: u64) {
        (self.before, self.bytes) = (lines, bytes);
    }

    /// A line that was in the list before: its page counts.
    pub(super) fn recall(&mut self, entry: &Entry) -> io::Result<()> {
        let is_page = entry.error.is_none() && !entry.sitemap;
        if let (true, Ok(url)) = (is_page, Url::parse(&entry.url)) {
            // It was admitted then.
            let _ = self.traps.count(&url);
        }
        let key = key_of(entry);
        match &mut self.known {
            Known::Any(seen) => drop(seen.meet(key.text().as_bytes())?),
            Known::Near(near, pages) => pages.push(near.number_of(key.text(), mark(entry.from()))?),
        }
        Ok(())
    }

    /// A start URL, or what was meant to be one.
    pub(super) fn start(&mut self, item: Item) -> io::Result<()> {
        let entry = match item {
            Item::Target(Target { url, scheme_from, .. }) => {
                let guess = scheme_from == SchemeFrom::Guess;
                Entry { url: url.into(), guess, ..Entry::default() }
            }
            Item::Broken(Broken { input, kind, message, .. }) => {
                let error = Some((kind.as_str().to_owned(), message.into()));
                Entry { url: input.into(), error, ..Entry::default() }
            }
        };
        self.begin_at(entry)
    }

    /// A sitemap that somebody named; `from` says whose word it is.
    pub(super) fn sitemap(&mut self, key: &Key, from: Provenance) -> io::Result<()> {
        let public = from == Provenance::Public;
        self.begin_at(Entry {
            url: key.url().to_owned(),
            sitemap: true,
            public,
            ..Entry::default()
        })
    }

    fn begin_at(&mut self, entry: Entry) -> io::Result<()> {
        let key = key_of(&entry);
        match &mut self.known {
            Known::Any(seen) => match seen.meet(key.text().as_bytes())? {
                Met::First => self.add(entry, None),
                Met::Again => Ok(()),
            },
            Known::Near(near, _) => {
                let page = near.number_of(key.text(), mark(entry.from()))?;
                let wanted = near.start(page)?;
                // Pages that were found over longer ways may have come within the limit, too.
                let (own, others) = wanted
                    .split_at(usize::from(wanted.first().is_some_and(|first| first.page == page)));
                if !own.is_empty() {
                    self.add(entry, Some(page))?;
                }
                self.add_wanted(others)
            }
        }
    }

    /// What the record of line `n` leads to.
    fn expand(&mut self, n: u64, judged: Judged) -> io::Result<()> {
        self.counts.links_outside += judged.outside;
        self.counts.links_nofollow += judged.nofollow;
        self.counts.duplicates += u64::from(judged.canonical.is_some());
        self.counts.sitemaps += u64::from(judged.is_sitemap);
        if let Some(url) = &judged.start {
            self.begin_at(Entry { url: url.as_str().to_owned(), ..Entry::default() })?;
        }
        if judged.links.is_empty() {
            return Ok(());
        }
        let Known::Near(near, pages) = &mut self.known else {
            return self.expand_any(&judged);
        };
        let index = usize::try_from(n).map_err(io::Error::other)?;
        let page = *pages.get(index).ok_or(io::ErrorKind::InvalidData)?;
        let links: io::Result<Vec<_>> = judged
            .links
            .iter()
            .map(|(key, cost)| Ok((near.number_of(key.text(), mark(judged.from))?, *cost)))
            .collect();
        let wanted = near.expand(page, &links?)?;
        self.add_wanted(&wanted)
    }

    fn expand_any(&mut self, judged: &Judged) -> io::Result<()> {
        for (key, cost) in &judged.links {
            let Known::Any(seen) = &mut self.known else { unreachable!("it was seen to be") };
            if seen.meet(key.text().as_bytes())? == Met::Again {
                continue;
            }
            let (depth, parent) = (cost.add_to(judged.depth), Some(judged.url.clone()));
            self.add(entry_of(key, depth, parent, judged.from), None)?;
        }
        Ok(())
    }

    /// Pages that came within the limit on the depth.
    fn add_wanted(&mut self, wanted: &[Wanted]) -> io::Result<()> {
        for &Wanted { page, depth, parent } in wanted {
            let Known::Near(near, _) = &mut self.known else { continue };
            let (text, mark) = near.text(page)?;
            let parent = parent.map(|parent| near.text(parent)).transpose()?;
            let parent = parent.map(|(text, _)| Key::of(text).url().to_owned());
            let from = if mark & PUBLIC != 0 { Provenance::Public } else { Provenance::Operator };
            self.add(entry_of(&Key::of(text), depth, parent, from), Some(page))?;
        }
        Ok(())
    }

    /// Adds to the list what is neither one of too many nor beyond a limit.
    fn add(&mut self, entry: Entry, page: Option<PageNo>) -> io::Result<()> {
        if !self.admits(&entry) {
            return Ok(());
        }
        self.list.append(&entry)?;
        if let (Known::Near(_, pages), Some(page)) = (&mut self.known, page) {
            pages.push(page);
        }
        Ok(())
    }

    fn admits(&mut self, entry: &Entry) -> bool {
        if self.list.lines() >= self.limits.pages_max {
            self.counts.left_out += 1;
            return false;
        }
        let is_page = entry.error.is_none() && !entry.sitemap;
        if let (true, Ok(url)) = (is_page, Url::parse(&entry.url))
            && self.traps.count(&url).is_err()
        {
            self.counts.trapped += 1;
            return false;
        }
        true
    }

    /// Whether nothing more of the list is handed out, for the limit on bytes.
    fn is_full(&self) -> bool {
        self.bytes >= self.limits.bytes_max && self.list.next() >= self.before
    }
}

impl Map {
    pub(super) fn new(state: State, path: Option<PathBuf>, log: Option<Arc<InputLog>>) -> Self {
        let place = path.map(|path| {
            let name = text_of(&path).into();
            (path, name)
        });
        Self { state: Mutex::new(state), news: Condvar::new(), place, log }
    }

    /// The next items of the list. Waits while there are none, as long as there may be more.
    pub(super) fn read(&self, into: &mut Vec<Item>, max: usize) -> Result<Progress, SourceError> {
        let mut state = self.lock();
        let start = into.len();
        loop {
            if state.failed {
                return Ok(Progress::End);
            }
            self.read_now(&mut state, into, start + max).map_err(|error| self.failed(error))?;
            if state.is_closed {
                return Ok(Progress::End);
            }
            if into.len() > start {
                return Ok(Progress::More);
            }
            if state.open == 0 {
                state.has_ended = true;
                return Ok(Progress::End);
            }
            state = self.news.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn read_now(&self, state: &mut State, into: &mut Vec<Item>, end: usize) -> io::Result<()> {
        while into.len() < end && !state.is_full() {
            let Some(line) = state.list.read()? else { break };
            if let Some(ledger) = &mut state.ledger {
                let is_finished = ledger.is_finished();
                let name = self.place.as_ref().map(|(_, name)| name);
                ledger.pass(&line, name, state.list.next());
                if is_finished {
                    continue;
                }
            }
            into.push(state.list.item(&line)?);
            state.open += 1;
        }
        Ok(())
    }

    /// What the record of line `n` leads to, and the sitemaps that were told meanwhile.
    pub(super) fn take_in(
        &self,
        n: u64,
        body_bytes: u64,
        judged: Judged,
        sitemaps: &[(Key, Provenance)],
    ) -> Result<(), SourceError> {
        let mut state = self.lock();
        let taken = sitemaps
            .iter()
            .try_for_each(|(key, from)| state.sitemap(key, *from))
            .and_then(|()| state.expand(n, judged));
        state.bytes = state.bytes.saturating_add(body_bytes);
        state.open = state.open.saturating_sub(1);
        state.failed |= taken.is_err();
        drop(state);
        self.news.notify_all();
        taken.map_err(|error| self.failed(error))
    }

    /// Nothing comes any more, and nobody reads on.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.news.notify_all();
    }

    /// Makes durable what was found, and tells the journal how much of it was handed out.
    pub(super) fn commit(&self) -> Result<Vec<(Box<str>, Position)>, SourceError> {
        let (Some((path, _)), Some(log)) = (&self.place, &self.log) else {
            return Ok(Vec::new());
        };
        let said = |error| self.failed(error);
        let mut state = self.lock();
        let (list, list_bytes) = state.list.flush().map_err(said)?;
        let links = match &mut state.known {
            Known::Any(_) => None,
            Known::Near(near, _) => Some(near.flush().map_err(said)?),
        };
        let lines = state.list.lines();
        if let Some(ledger) = &state.ledger {
            ledger.publish()?;
        }
        let mut blocks = Vec::new();
        state.told.take(&mut blocks);
        let has_ended = state.has_ended;
        drop(state);
        list.sync_data().map_err(said)?;
        let position = |bytes| Position { parts: 0, bytes, records: lines };
        let mut positions = vec![(text_of(path), position(list_bytes))];
        if let Some((file, bytes)) = links {
            file.sync_data().map_err(said)?;
            positions.push((text_of(&links_of(path)), position(bytes)));
        }
        blocks.into_iter().for_each(|block| log.add(block));
        if has_ended {
            log.end();
        }
        Ok(positions)
    }

    /// Every page that was handed out has its record; the others are no inputs.
    pub(super) fn finish(&self) -> Result<(), SourceError> {
        let cut = self.lock().list.cut_unread();
        cut.map_err(|error| self.failed(error))
    }

    pub(super) fn counts(&self) -> CrawlCounts {
        let state = self.lock();
        let unread = state.list.lines() - state.list.next();
        let left_out = if state.is_full() { unread } else { 0 };
        CrawlCounts { left_out: state.counts.left_out + left_out, ..state.counts }
    }

    fn failed(&self, error: io::Error) -> SourceError {
        let file = self.place.as_ref().map(|(_, name)| name.to_string());
        SourceError::Pages { file: file.unwrap_or_default(), error }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the pages of a list link to, beside it.
pub(super) fn links_of(list: &Path) -> PathBuf {
    list.with_extension("links")
}

fn mark(from: Provenance) -> u32 {
    if from == Provenance::Public { PUBLIC } else { 0 }
}

fn entry_of(key: &Key, depth: u32, parent: Option<String>, from: Provenance) -> Entry {
    let (url, sitemap) = (key.url().to_owned(), key.is_sitemap());
    Entry { url, depth, parent, sitemap, public: from == Provenance::Public, ..Entry::default() }
}

/// The text under which an entry is met.
fn key_of(entry: &Entry) -> Key {
    match (&entry.error, entry.sitemap, Url::parse(&entry.url)) {
        (Some(_), ..) => Key::of(format!("invalid {}", entry.url)),
        (None, true, Ok(url)) => Key::sitemap(&url),
        (None, ..) => Key::of(entry.url.clone()),
    }
}

#[cfg(test)]
mod tests {
    use gather_core::crawl::{LinkCost, TrapLimits};
    use gather_store::{Pile, SeenLimits};

    use super::*;

    fn state(limits: Limits) -> State {
        let pile = || Pile::nameless().expect("made");
        let known = match limits.depth_max {
            None => Known::Any(Seen::new(SeenLimits::default(), 1)),
            Some(depth) => {
                let near = Near::new(pile(), depth, 1).expect("empty");
                Known::Near(Box::new(near), Vec::new())
            }
        };
        let traps = Traps::new(TrapLimits { pattern_pages_max: 3, ..TrapLimits::default() });
        State::new(known, List::new(pile()), traps, limits)
    }

    fn target(text: &str) -> Item {
        let url = Url::parse(text).expect("a URL");
        Item::Target(Target::new(gather_core::TargetNo(0), url).expect("http"))
    }

    fn judged(url: &str, depth: u32, links: &[&str]) -> Judged {
        let link = |link: &&str| (Key::of((*link).to_owned()), LinkCost::One);
        Judged {
            links: links.iter().map(link).collect(),
            canonical: None,
            url: url.to_owned(),
            depth,
            from: Provenance::Public,
            is_sitemap: false,
            start: None,
            outside: 0,
            nofollow: 0,
        }
    }

    /// What is handed out next.
    fn handed(map: &Map) -> Vec<String> {
        let mut items = Vec::new();
        let progress = map.read(&mut items, 100).expect("read");
        if items.is_empty() {
            assert_eq!(progress, Progress::End);
        }
        items
            .into_iter()
            .map(|item| match item {
                Item::Target(target) => {
                    let from = if target.from == Provenance::Public { " public" } else { "" };
                    format!("{} {}{from}", target.n.0, target.url)
                }
                Item::Broken(broken) => format!("{} broken {}", broken.n.0, broken.input),
            })
            .collect()
    }

    #[test]
    fn pages_are_handed_out_once_and_it_ends_when_all_were_read() {
        for depth_max in [None, Some(2)] {
            let mut state = state(Limits { depth_max, ..Limits::default() });
            state.start(target("http://a/")).expect("kept");
            state.start(target("http://a/")).expect("kept");
            state
                .sitemap(&Key::of("sitemap http://a/".to_owned()), Provenance::Operator)
                .expect("kept");
            let map = Map::new(state, None, None);
            assert_eq!(handed(&map), ["0 http://a/", "1 http://a/"], "a page and a sitemap");
            map.take_in(1, 0, judged("http://a/", 0, &[]), &[]).expect("kept");
            let links = ["http://a/x", "http://a/y", "http://a/", "http://a/x"];
            map.take_in(0, 0, judged("http://a/", 0, &links), &[]).expect("kept");
            assert_eq!(handed(&map), ["2 http://a/x public", "3 http://a/y public"]);
            map.take_in(2, 0, judged("http://a/x", 1, &["http://a/y"]), &[]).expect("kept");
            map.take_in(3, 0, judged("http://a/y", 1, &["http://a/1/z"]), &[]).expect("kept");
            assert_eq!(handed(&map), ["4 http://a/1/z public"]);
            // Beyond the depth, where there is one; else of a pattern that has its fill.
            let links: Vec<String> = (2..6).map(|n| format!("http://a/{n}/z")).collect();
            let links: Vec<&str> = links.iter().map(String::as_str).collect();
            map.take_in(4, 0, judged("http://a/1/z", 2, &links), &[]).expect("kept");
            match depth_max {
                None => {
                    assert_eq!(handed(&map).len(), 2);
                    assert_eq!(map.counts().trapped, 2);
                }
                Some(_) => assert!(handed(&map).is_empty()),
            }
        }
    }

    #[test]
    fn limits_on_pages_and_bytes() {
        let mut limited = state(Limits { pages_max: 2, ..Limits::default() });
        for url in ["http://a/", "http://b/", "http://c/"] {
            limited.start(target(url)).expect("kept");
        }
        let map = Map::new(limited, None, None);
        assert_eq!((handed(&map).len(), map.counts().left_out), (2, 1));
        let mut limited = state(Limits { bytes_max: 10, ..Limits::default() });
        limited.start(target("http://a/")).expect("kept");
        let map = Map::new(limited, None, None);
        assert_eq!(handed(&map).len(), 1);
        map.take_in(0, 10, judged("http://a/", 0, &["http://a/x"]), &[]).expect("kept");
        assert!(handed(&map).is_empty());
        assert_eq!(map.counts().left_out, 1);
        map.finish().expect("cut");
        assert_eq!(map.counts().left_out, 0);
    }
}
