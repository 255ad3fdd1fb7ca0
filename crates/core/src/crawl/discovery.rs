//! Pages found, each once, and how far from the start each of them is.
//!
//! A page may be found over a long way first and over a shorter one later. Its depth is then
//! corrected, and so is that of what it links to, as far as it becomes less: a page that was too
//! deep may come within the limit. So the pages fetched are exactly those within the depth limit,
//! in whatever order the answers come.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// How far a crawl goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Links from a start URL; `None` is any number.
    pub depth_max: Option<u32>,
    /// Pages to be fetched, start URLs included.
    pub pages_max: u32,
    /// Bytes of bodies after which no further page is handed out.
    pub bytes_max: u64,
}

impl Default for Limits {
    /// No limit on depth and bytes; 100 million pages.
    fn default() -> Self {
        Self { depth_max: None, pages_max: 100_000_000, bytes_max: u64::MAX }
    }
}

/// A page of a crawl, numbered in the order in which they were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageNo(u32);

impl PageNo {
    /// The number, from 0.
    pub fn get(self) -> u32 {
        self.0
    }
}

/// A link to a page, by its canonical URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link<'a> {
    /// Where it leads.
    pub url: &'a str,
    /// What it costs to follow.
    pub cost: LinkCost,
}

/// What following a link adds to the depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkCost {
    /// One.
    One,
    /// Nothing: the next page of a list is no deeper than the list.
    Nothing,
}

/// A page to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its number.
    pub page: PageNo,
    /// Its canonical URL.
    pub url: Arc<str>,
    /// Links from the start URL nearest to it, as far as is known.
    pub depth: u32,
    /// The page that links to it on that way; `None` for a start URL.
    pub parent: Option<PageNo>,
}

/// All pages of a crawl. Memory grows with the pages found and, under a depth limit, with their
/// links (4 bytes each).
#[derive(Debug)]
pub struct Discovery {
    limits: Limits,
    by_url: HashMap<Arc<str>, u32>,
    pages: Vec<Page>,
    waiting: VecDeque<u32>,
    handed: u32,
    dropped: u64,
    bytes: u64,
}

#[derive(Debug)]
struct Page {
    url: Arc<str>,
    depth: u32,
    /// `u32::MAX` for a start URL.
    parent: u32,
    is_wanted: bool,
    /// What it links to, and whether that costs nothing, in the last bit. Kept as long as its
    /// depth may still become less and that mean something.
    links: Vec<u32>,
}

impl Discovery {
    /// Without pages.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            by_url: HashMap::new(),
            pages: Vec::new(),
            waiting: VecDeque::new(),
            handed: 0,
            dropped: 0,
            bytes: 0,
        }
    }

    /// A start URL, canonical.
    pub fn start(&mut self, url: &str) {
        let page = self.number_of(url);
        self.reach(page, 0, u32::MAX);
    }

    /// The links of a page, canonical and within the scope. Called again for a page, it adds to
    /// what is known of it.
    pub fn expand<'a>(&mut self, page: PageNo, links: impl IntoIterator<Item = Link<'a>>) {
        let from = page.0 as usize;
        for link in links {
            let to = self.number_of(link.url);
            let depth = match link.cost {
                LinkCost::One => self.pages[from].depth.saturating_add(1),
                LinkCost::Nothing => self.pages[from].depth,
            };
            // Once all are within the limit whatever happens, nothing is gained by a shorter way.
            if self.limits.depth_max.is_some() && self.pages[from].depth > 0 {
                let free = u32::from(link.cost == LinkCost::Nothing);
                self.pages[from].links.push(to << 1 | free);
            }
            self.reach(to, depth, page.0);
        }
    }

    /// A body of so many bytes was read.
    pub fn count_bytes(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// The next page to be fetched; each is handed out once.
    pub fn next_page(&mut self) -> Option<Found> {
        if self.handed >= self.limits.pages_max || self.bytes >= self.limits.bytes_max {
            self.dropped += self.waiting.len() as u64;
            self.waiting.clear();
            return None;
        }
        let index = self.waiting.pop_front()?;
        self.handed += 1;
        let page = &self.pages[index as usize];
        Some(Found {
            page: PageNo(index),
            url: Arc::clone(&page.url),
            depth: page.depth,
            parent: (page.parent != u32::MAX).then_some(PageNo(page.parent)),
        })
    }

    /// How far a page is from the start, as far as is known.
    pub fn depth(&self, page: PageNo) -> u32 {
        self.pages[page.0 as usize].depth
    }

    /// The page that links to it on the shortest way known.
    pub fn parent(&self, page: PageNo) -> Option<PageNo> {
        let parent = self.pages[page.0 as usize].parent;
        (parent != u32::MAX).then_some(PageNo(parent))
    }

    /// The canonical URL of a page.
    pub fn url(&self, page: PageNo) -> &Arc<str> {
        &self.pages[page.0 as usize].url
    }

    /// The page of this number, if there is one.
    pub fn page_at(&self, number: u64) -> Option<PageNo> {
        let index = u32::try_from(number).ok()?;
        ((index as usize) < self.pages.len()).then_some(PageNo(index))
    }

    /// Pages to be handed out.
    pub fn waiting(&self) -> u64 {
        self.waiting.len() as u64
    }

    /// Pages handed out.
    pub fn handed(&self) -> u32 {
        self.handed
    }

    /// Pages within the depth limit that were not handed out for the other limits.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The number of a URL's page, made if it is new.
    fn number_of(&mut self, url: &str) -> u32 {
        if let Some(&known) = self.by_url.get(url) {
            return known;
        }
        let index = u32::try_from(self.pages.len()).expect("fewer than 2^31 pages");
        assert!(index < 1 << 31, "fewer than 2^31 pages");
        let url: Arc<str> = url.into();
        self.by_url.insert(Arc::clone(&url), index);
        self.pages.push(Page {
            url,
            depth: u32::MAX,
            parent: u32::MAX,
            is_wanted: false,
            links: Vec::new(),
        });
        index
    }

    /// A way of this length leads to a page. If it is the shortest so far, what the page links to
    /// may be nearer, too.
    fn reach(&mut self, page: u32, depth: u32, parent: u32) {
        let mut nearer = VecDeque::from([(page, depth, parent)]);
        while let Some((page, depth, parent)) = nearer.pop_front() {
            let depth_max = self.limits.depth_max.unwrap_or(u32::MAX);
            let entry = &mut self.pages[page as usize];
            if depth >= entry.depth {
                continue;
            }
            (entry.depth, entry.parent) = (depth, parent);
            if depth > depth_max {
                continue;
            }
            if !std::mem::replace(&mut entry.is_wanted, true) {
                self.waiting.push_back(page);
            }
            for &link in &entry.links {
                let (to, is_free) = (link >> 1, link & 1 == 1);
                nearer.push_back((to, depth.saturating_add(u32::from(!is_free)), page));
            }
            if depth == 0 {
                // It cannot come any nearer.
                entry.links = Vec::new();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::*;

    /// A site: for each page its links.
    type Graph = Vec<Vec<(usize, LinkCost)>>;

    fn random_graph(rng: &mut Rng) -> Graph {
        let pages = rng.usize(1..60);
        let shape = rng.u8(0..3);
        let links = |page: usize, rng: &mut Rng| {
            let mut links = Vec::new();
            for _ in 0..rng.usize(0..5) {
                let to = match shape {
                    0 => rng.usize(..pages),
                    // Mostly deep: far pages are found over long ways.
                    1 => (page + rng.usize(0..3)).min(pages - 1),
                    _ => page.saturating_sub(rng.usize(0..4)),
                };
                let free = rng.u8(..) < 40;
                links.push((to, if free { LinkCost::Nothing } else { LinkCost::One }));
            }
            if page + 1 < pages && rng.bool() {
                links.push((page + 1, LinkCost::One));
            }
            links
        };
        (0..pages).map(|page| links(page, rng)).collect()
    }

    /// The length of the shortest way to each page, by the definition: relaxed until nothing
    /// changes.
    fn distances(graph: &Graph, starts: &[usize]) -> Vec<Option<u32>> {
        let mut far: Vec<Option<u32>> = vec![None; graph.len()];
        starts.iter().for_each(|&start| far[start] = Some(0));
        loop {
            let mut changed = false;
            for (from, links) in graph.iter().enumerate() {
                let Some(depth) = far[from] else { continue };
                for &(to, cost) in links {
                    let over = depth + u32::from(cost == LinkCost::One);
                    if far[to].is_none_or(|known| over < known) {
                        far[to] = Some(over);
                        changed = true;
                    }
                }
            }
            if !changed {
                return far;
            }
        }
    }

    /// Crawls the graph with answers in a random order, and returns what was fetched.
    fn crawl(
        graph: &Graph,
        starts: &[usize],
        limits: Limits,
        rng: &mut Rng,
    ) -> (Vec<usize>, Discovery) {
        let mut discovery = Discovery::new(limits);
        let urls: Vec<String> = (0..graph.len()).map(|n| format!("http://a/{n}")).collect();
        starts.iter().for_each(|&start| discovery.start(&urls[start]));
        let (mut in_flight, mut fetched) = (Vec::new(), Vec::new());
        loop {
            while in_flight.len() < 8 || rng.bool() {
                let Some(found) = discovery.next_page() else { break };
                let number: usize = found.url[9..].parse().expect("our own URL");
                fetched.push(number);
                in_flight.push((found.page, number));
            }
            if in_flight.is_empty() {
                return (fetched, discovery);
            }
            let (page, number) = in_flight.swap_remove(rng.usize(..in_flight.len()));
            let links = graph[number].iter().map(|&(to, cost)| Link { url: &urls[to], cost });
            discovery.expand(page, links);
        }
    }

    #[test]
    fn what_is_fetched_does_not_depend_on_the_order_of_answers() {
        let one = std::env::var("GATHER_SIM_SEED").ok().and_then(|seed| seed.parse().ok());
        for seed in one.map_or(0..4000, |seed| seed..seed + 1) {
            let mut rng = Rng::with_seed(seed);
            let graph = random_graph(&mut rng);
            let starts: Vec<usize> =
                (0..rng.usize(1..3)).map(|_| rng.usize(..graph.len())).collect();
            let depth_max = rng.bool().then(|| rng.u32(0..12));
            let limits = Limits { depth_max, ..Limits::default() };
            let far = distances(&graph, &starts);
            let within = |depth: u32| depth_max.is_none_or(|most| depth <= most);
            let expected: Vec<usize> =
                (0..graph.len()).filter(|&n| far[n].is_some_and(within)).collect();
            for _ in 0..3 {
                let (mut fetched, discovery) = crawl(&graph, &starts, limits, &mut rng);
                fetched.sort_unstable();
                assert_eq!(fetched, expected, "GATHER_SIM_SEED={seed}");
                if depth_max.is_some() {
                    check_depths(&discovery, &far, seed);
                }
            }
        }
    }

    /// Under a depth limit every depth told at the end is that of a shortest way, and so is the
    /// parent.
    fn check_depths(discovery: &Discovery, far: &[Option<u32>], seed: u64) {
        for (index, page) in discovery.pages.iter().enumerate().filter(|(_, page)| page.is_wanted) {
            let number: usize = page.url[9..].parse().expect("our own URL");
            let no = PageNo(u32::try_from(index).expect("few pages"));
            assert_eq!(Some(discovery.depth(no)), far[number], "GATHER_SIM_SEED={seed}");
            let Some(parent) = discovery.parent(no) else { continue };
            let above = discovery.depth(parent);
            assert!(page.depth == above || page.depth == above + 1, "GATHER_SIM_SEED={seed}");
        }
    }

    #[test]
    fn limits_on_pages_and_bytes() {
        let mut rng = Rng::with_seed(1);
        let graph: Graph = (0..100).map(|n| vec![((n + 1) % 100, LinkCost::One)]).collect();
        let limits = Limits { pages_max: 7, ..Limits::default() };
        let (fetched, discovery) = crawl(&graph, &[0], limits, &mut rng);
        assert_eq!((fetched.len(), discovery.handed(), discovery.dropped()), (7, 7, 1));
        let mut discovery = Discovery::new(Limits { bytes_max: 10, ..Limits::default() });
        discovery.start("http://a/1");
        discovery.start("http://a/2");
        assert!(discovery.next_page().is_some());
        discovery.count_bytes(10);
        assert!(discovery.next_page().is_none());
        assert_eq!(discovery.dropped(), 1);
    }

    #[test]
    fn a_shorter_way_found_later_brings_pages_within_the_limit() {
        let mut discovery = Discovery::new(Limits { depth_max: Some(2), ..Limits::default() });
        let link = |url| Link { url, cost: LinkCost::One };
        discovery.start("s");
        discovery.start("t");
        let (s, t) =
            (discovery.next_page().expect("s").page, discovery.next_page().expect("t").page);
        discovery.expand(s, [link("a")]);
        let a = discovery.next_page().expect("a");
        discovery.expand(a.page, [link("b")]);
        let b = discovery.next_page().expect("b");
        // `c` is three links away, until `t` turns out to link to `b`.
        discovery.expand(b.page, [link("c")]);
        assert_eq!(discovery.next_page(), None);
        discovery.expand(t, [link("b")]);
        let c = discovery.next_page().expect("c");
        assert_eq!((&*c.url, c.depth, c.parent), ("c", 2, Some(b.page)));
        assert_eq!((discovery.depth(b.page), discovery.parent(b.page)), (1, Some(t)));
    }
}
