//! How far pages are from the start of a crawl, under a limit on that.
//!
//! A page may be found over a long way first and over a shorter one later. Its depth is then
//! corrected, and so is that of what it links to, as far as it becomes less: a page that was too
//! deep may come within the limit. So the pages wanted are exactly those within the limit, in
//! whatever order the answers come.

use std::collections::VecDeque;

/// How far a crawl goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Links from a start URL; `None` is any number.
    pub depth_max: Option<u32>,
    /// Pages to be fetched, start URLs included.
    pub pages_max: u64,
    /// Bytes of bodies, as received, after which no further page is begun.
    pub bytes_max: u64,
}

impl Default for Limits {
    /// No limit on depth and bytes; 100 million pages.
    fn default() -> Self {
        Self { depth_max: None, pages_max: 100_000_000, bytes_max: u64::MAX }
    }
}

/// A page, numbered in the order in which they were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageNo(u32);

impl PageNo {
    /// The page of this number.
    pub fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number, from 0.
    pub fn get(self) -> u32 {
        self.0
    }
}

/// What following a link adds to the depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkCost {
    /// One.
    One,
    /// Nothing: the next page of a list is no deeper than the list.
    Nothing,
}

impl LinkCost {
    /// The depth of what a page of this depth links to.
    pub fn add_to(self, depth: u32) -> u32 {
        match self {
            Self::One => depth.saturating_add(1),
            Self::Nothing => depth,
        }
    }
}

/// A page that came within the limit; each does so once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its number.
    pub page: PageNo,
    /// Links from the start URL nearest to it, as far as is known.
    pub depth: u32,
    /// The page that links to it on that way; `None` for a start URL.
    pub parent: Option<PageNo>,
}

/// The depth of every page found: 12 bytes each. What they link to is kept elsewhere, and asked for.
#[derive(Debug)]
pub struct Ways {
    depth_max: u32,
    pages: Vec<Way>,
}

#[derive(Clone, Copy, Debug)]
struct Way {
    depth: u32,
    parent: Option<PageNo>,
    is_wanted: bool,
}

impl Ways {
    /// Without pages.
    pub fn new(depth_max: u32) -> Self {
        Self { depth_max, pages: Vec::new() }
    }

    /// One more page, that no way leads to so far.
    ///
    /// # Panics
    /// Beyond 2^31 pages.
    pub fn add(&mut self) -> PageNo {
        let number = u32::try_from(self.pages.len()).expect("fewer than 2^31 pages");
        assert!(number < 1 << 31, "fewer than 2^31 pages");
        self.pages.push(Way { depth: u32::MAX, parent: None, is_wanted: false });
        PageNo(number)
    }

    /// How far a page is from the start, as far as is known; `u32::MAX` if no way leads to it.
    pub fn depth(&self, page: PageNo) -> u32 {
        self.pages[page.0 as usize].depth
    }

    /// A way of this length leads to a page. If it is the shortest so far, what the page links to,
    /// as `links_of` knows it, may be nearer, too. Returns the pages that came within the limit.
    ///
    /// # Errors
    /// Those of `links_of`; the ways should not be used then.
    pub fn reach<E>(
        &mut self,
        page: PageNo,
        depth: u32,
        parent: Option<PageNo>,
        mut links_of: impl FnMut(PageNo) -> Result<Vec<(PageNo, LinkCost)>, E>,
    ) -> Result<Vec<Wanted>, E> {
        let mut wanted = Vec::new();
        let mut nearer = VecDeque::from([(page, depth, parent)]);
        while let Some((page, depth, parent)) = nearer.pop_front() {
            let way = &mut self.pages[page.0 as usize];
            if depth >= way.depth {
                continue;
            }
            (way.depth, way.parent) = (depth, parent);
            if depth > self.depth_max {
                continue;
            }
            if !std::mem::replace(&mut way.is_wanted, true) {
                wanted.push(Wanted { page, depth, parent });
            }
            for (to, cost) in links_of(page)? {
                nearer.push_back((to, cost.add_to(depth), Some(page)));
            }
        }
        Ok(wanted)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

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
                    let over = cost.add_to(depth);
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

    /// Pages as they are found, and what those that were read link to.
    struct Crawl {
        ways: Ways,
        /// By the number of the graph.
        numbers: Vec<Option<PageNo>>,
        /// By the number of the page.
        names: Vec<usize>,
        links: Vec<Vec<(PageNo, LinkCost)>>,
        waiting: VecDeque<Wanted>,
    }

    impl Crawl {
        fn new(pages: usize, depth_max: u32) -> Self {
            let ways = Ways::new(depth_max);
            let (names, links, waiting) = (Vec::new(), Vec::new(), VecDeque::new());
            Self { ways, numbers: vec![None; pages], names, links, waiting }
        }

        fn number(&mut self, name: usize) -> PageNo {
            *self.numbers[name].get_or_insert_with(|| {
                self.names.push(name);
                self.links.push(Vec::new());
                self.ways.add()
            })
        }

        fn reach(&mut self, page: PageNo, depth: u32, parent: Option<PageNo>) {
            let links = &self.links;
            let links_of = |page: PageNo| Ok::<_, Infallible>(links[page.get() as usize].clone());
            let Ok(wanted) = self.ways.reach(page, depth, parent, links_of);
            self.waiting.extend(wanted);
        }

        fn read(&mut self, page: PageNo, links: &[(usize, LinkCost)]) {
            let links: Vec<_> = links.iter().map(|&(to, cost)| (self.number(to), cost)).collect();
            self.links[page.get() as usize].clone_from(&links);
            for (to, cost) in links {
                self.reach(to, cost.add_to(self.ways.depth(page)), Some(page));
            }
        }
    }

    /// Crawls the graph with answers in a random order, and returns what was fetched.
    fn crawl(
        graph: &Graph,
        starts: &[usize],
        depth_max: u32,
        rng: &mut Rng,
    ) -> (Vec<usize>, Crawl) {
        let mut crawl = Crawl::new(graph.len(), depth_max);
        for &start in starts {
            let page = crawl.number(start);
            crawl.reach(page, 0, None);
        }
        let (mut in_flight, mut fetched) = (Vec::new(), Vec::new());
        loop {
            while in_flight.len() < 8 || rng.bool() {
                let Some(wanted) = crawl.waiting.pop_front() else { break };
                fetched.push(crawl.names[wanted.page.get() as usize]);
                in_flight.push(wanted.page);
            }
            if in_flight.is_empty() {
                return (fetched, crawl);
            }
            let page = in_flight.swap_remove(rng.usize(..in_flight.len()));
            crawl.read(page, &graph[crawl.names[page.get() as usize]]);
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
            let depth_max = if rng.bool() { rng.u32(0..12) } else { u32::MAX - 1 };
            let far = distances(&graph, &starts);
            let within = |depth: u32| depth <= depth_max;
            let expected: Vec<usize> =
                (0..graph.len()).filter(|&n| far[n].is_some_and(within)).collect();
            for _ in 0..3 {
                let (mut fetched, crawl) = crawl(&graph, &starts, depth_max, &mut rng);
                fetched.sort_unstable();
                assert_eq!(fetched, expected, "GATHER_SIM_SEED={seed}");
                check_depths(&crawl, &far, seed);
            }
        }
    }

    /// Every depth told at the end is that of a shortest way, and so is the parent.
    fn check_depths(crawl: &Crawl, far: &[Option<u32>], seed: u64) {
        for (way, &name) in crawl.ways.pages.iter().zip(&crawl.names) {
            if !way.is_wanted {
                continue;
            }
            assert_eq!(Some(way.depth), far[name], "GATHER_SIM_SEED={seed}");
            let Some(parent) = way.parent else { continue };
            let above = crawl.ways.depth(parent);
            assert!(way.depth == above || way.depth == above + 1, "GATHER_SIM_SEED={seed}");
        }
    }

    #[test]
    fn a_shorter_way_found_later_brings_pages_within_the_limit() {
        // s -> a -> b -> c, and t -> b.
        let one = |to| vec![(to, LinkCost::One)];
        let graph: Graph = vec![one(2), one(3), one(3), one(4), Vec::new()];
        let mut crawl = Crawl::new(graph.len(), 2);
        for start in [0, 1] {
            let page = crawl.number(start);
            crawl.reach(page, 0, None);
        }
        let page = |crawl: &Crawl, name: usize| crawl.numbers[name].expect("it was found");
        crawl.waiting.clear();
        for name in [0, 2, 3] {
            crawl.read(page(&crawl, name), &graph[name]);
        }
        // `c` is three links away, until `t` turns out to link to `b`.
        assert!(!crawl.waiting.iter().any(|wanted| wanted.page == page(&crawl, 4)));
        crawl.waiting.clear();
        crawl.read(page(&crawl, 1), &graph[1]);
        let expected = Wanted { page: page(&crawl, 4), depth: 2, parent: Some(page(&crawl, 3)) };
        assert_eq!(crawl.waiting, [expected]);
        assert_eq!(crawl.ways.depth(page(&crawl, 3)), 1);
    }
}
