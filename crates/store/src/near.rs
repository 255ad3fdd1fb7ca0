//! The pages of a crawl that has a limit on its depth, and what they link to: in memory how far each
//! is, on disk the rest.
//!
//! What is appended to the file is what happened, in its order: a text was met, a start was named,
//! links of a page became known. Read again from its beginning, it comes to the same pages in the
//! same order.

use std::collections::HashMap;
use std::fs::File;
use std::hash::BuildHasherDefault;
use std::io;
use std::sync::Arc;

use gather_core::crawl::{LinkCost, PageNo, Wanted, Ways};

use crate::pile::Pile;
use crate::seen::{AsIs, fingerprint};

/// A text was met for the first time: its length and mark, then itself. Pages are numbered by these.
const TEXT: u8 = b't';
/// A start was named: its number.
const START: u8 = b's';
/// Links of a page became known: its number, how many they are, and each with [`FREE`] or not.
const LINKS: u8 = b'l';
/// Set in a link that costs nothing.
const FREE: u32 = 1 << 31;
/// Bytes of what begins an entry: its kind and two numbers.
const HEAD: usize = 9;
/// Longer texts are not met: `url_bytes_max` is far less.
const TEXT_BYTES_MAX: u32 = 1 << 20;

/// Pages by their texts, how far they are, and what they link to. Memory: about 70 bytes a page.
pub struct Near {
    pile: Pile,
    seed: u64,
    numbers: HashMap<u128, PageNo, BuildHasherDefault<AsIs>>,
    /// Where the entries of each page are.
    places: Vec<Place>,
    ways: Ways,
}

#[derive(Clone, Copy, Default)]
struct Place {
    text: u64,
    /// The links that became known last; 0 if none did.
    links: u64,
}

impl Near {
    /// Begins with what stands in `pile`.
    ///
    /// # Errors
    /// When it cannot be read, or is not as it was written ([`io::ErrorKind::InvalidData`]).
    pub fn new(pile: Pile, depth_max: u32, seed: u64) -> io::Result<Self> {
        let end = pile.bytes();
        let (numbers, places, ways) = (HashMap::default(), Vec::new(), Ways::new(depth_max));
        let mut near = Self { pile, seed, numbers, places, ways };
        let mut at = 0;
        while at < end {
            at += near.replay(at)?;
        }
        Ok(near)
    }

    /// The number of a text, made if it is met for the first time; `mark` is then kept with it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn number_of(&mut self, text: &str, mark: u32) -> io::Result<PageNo> {
        let key = fingerprint(text.as_bytes(), self.seed);
        if let Some(&known) = self.numbers.get(&key) {
            return Ok(known);
        }
        let length = u32::try_from(text.len()).map_err(|_| damaged())?;
        let at = self.append(TEXT, length, mark, text.as_bytes())?;
        Ok(self.add(key, at))
    }

    /// A text is a start. Returns what came within the limit.
    ///
    /// # Errors
    /// When it cannot be written or read.
    pub fn start(&mut self, page: PageNo) -> io::Result<Vec<Wanted>> {
        self.append(START, page.get(), 0, &[])?;
        self.reach(page, 0, None)
    }

    /// What a page links to. Returns what came within the limit.
    ///
    /// # Errors
    /// When it cannot be written or read.
    pub fn expand(
        &mut self,
        page: PageNo,
        links: &[(PageNo, LinkCost)],
    ) -> io::Result<Vec<Wanted>> {
        let count = u32::try_from(links.len()).map_err(|_| damaged())?;
        let bytes: Vec<u8> = links.iter().flat_map(|link| packed(*link).to_le_bytes()).collect();
        let at = self.append(LINKS, page.get(), count, &bytes)?;
        self.places[page.get() as usize].links = at;
        self.reach_all(page, links)
    }

    /// The text of a page, and its mark.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn text(&mut self, page: PageNo) -> io::Result<(String, u32)> {
        let at = self.places[page.get() as usize].text;
        let (_, length, mark) = self.head(at)?;
        let mut bytes = vec![0; length as usize];
        self.pile.read_exact(at + HEAD as u64, &mut bytes)?;
        String::from_utf8(bytes).map(|text| (text, mark)).map_err(|_| damaged())
    }

    /// How far a page is, as far as is known.
    pub fn depth(&self, page: PageNo) -> u32 {
        self.ways.depth(page)
    }

    /// Hands over what waits to the system; what to sync, and its length.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn flush(&mut self) -> io::Result<(Arc<File>, u64)> {
        self.pile.flush()
    }

    fn add(&mut self, key: u128, at: u64) -> PageNo {
        let page = self.ways.add();
        self.numbers.insert(key, page);
        self.places.push(Place { text: at, links: 0 });
        page
    }

    fn append(&mut self, kind: u8, first: u32, second: u32, rest: &[u8]) -> io::Result<u64> {
        let mut head = [kind; HEAD];
        head[1..5].copy_from_slice(&first.to_le_bytes());
        head[5..].copy_from_slice(&second.to_le_bytes());
        let at = self.pile.append(&head)?;
        self.pile.append(rest)?;
        Ok(at)
    }

    fn head(&mut self, at: u64) -> io::Result<(u8, u32, u32)> {
        let mut head = [0; HEAD];
        self.pile.read_exact(at, &mut head)?;
        let [kind, a, b, c, d, e, f, g, h] = head;
        Ok((kind, u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])))
    }

    fn reach(
        &mut self,
        page: PageNo,
        depth: u32,
        parent: Option<PageNo>,
    ) -> io::Result<Vec<Wanted>> {
        let Self { pile, places, ways, .. } = self;
        let count = places.len();
        ways.reach(page, depth, parent, |page| match places[page.get() as usize].links {
            0 => Ok(Vec::new()),
            at => links_at(pile, at, count),
        })
    }

    fn reach_all(&mut self, page: PageNo, links: &[(PageNo, LinkCost)]) -> io::Result<Vec<Wanted>> {
        let mut wanted = Vec::new();
        for &(to, cost) in links {
            let depth = cost.add_to(self.ways.depth(page));
            wanted.extend(self.reach(to, depth, Some(page))?);
        }
        Ok(wanted)
    }

    /// Does what an entry says; its length.
    fn replay(&mut self, at: u64) -> io::Result<u64> {
        let (kind, first, second) = self.head(at)?;
        let known = self.places.len();
        let is_known = |page: u32| if (page as usize) < known { Ok(()) } else { Err(damaged()) };
        let length = match kind {
            TEXT if first <= TEXT_BYTES_MAX => {
                let mut bytes = vec![0; first as usize];
                self.pile.read_exact(at + HEAD as u64, &mut bytes)?;
                self.add(fingerprint(&bytes, self.seed), at);
                u64::from(first)
            }
            START => {
                is_known(first)?;
                self.reach(PageNo::new(first), 0, None)?;
                0
            }
            LINKS => {
                is_known(first)?;
                let links = links_at(&mut self.pile, at, known)?;
                self.places[first as usize].links = at;
                self.reach_all(PageNo::new(first), &links)?;
                u64::from(second) * 4
            }
            _ => return Err(damaged()),
        };
        Ok(HEAD as u64 + length)
    }
}

/// The links of the entry at `at`, among so many pages.
fn links_at(pile: &mut Pile, at: u64, pages: usize) -> io::Result<Vec<(PageNo, LinkCost)>> {
    let mut count = [0; 4];
    pile.read_exact(at + HEAD as u64 - 4, &mut count)?;
    let length = u64::from(u32::from_le_bytes(count)) * 4;
    if at + HEAD as u64 + length > pile.bytes() {
        return Err(damaged());
    }
    let mut bytes = vec![0; usize::try_from(length).map_err(|_| damaged())?];
    pile.read_exact(at + HEAD as u64, &mut bytes)?;
    let (links, _) = bytes.as_chunks::<4>();
    links
        .iter()
        .map(|bytes| {
            let link = u32::from_le_bytes(*bytes);
            let cost = if link & FREE != 0 { LinkCost::Nothing } else { LinkCost::One };
            let page = link & !FREE;
            if (page as usize) < pages { Ok((PageNo::new(page), cost)) } else { Err(damaged()) }
        })
        .collect()
}

fn packed((page, cost): (PageNo, LinkCost)) -> u32 {
    match cost {
        LinkCost::One => page.get(),
        LinkCost::Nothing => page.get() | FREE,
    }
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is not as it was written")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pages that came within the limit: their texts and depths.
    fn told(near: &mut Near, wanted: &[Wanted]) -> Vec<(String, u32)> {
        wanted.iter().map(|one| (near.text(one.page).expect("read").0, one.depth)).collect()
    }

    #[test]
    fn it_comes_to_the_same_pages_when_it_is_read_again() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("links");
        let mut near = Near::new(Pile::create(&path).expect("made"), 2, 1).expect("empty");
        let mut all = Vec::new();
        let number = |near: &mut Near, text: &str| near.number_of(text, 7).expect("written");
        for start in ["s", "t"] {
            let page = number(&mut near, start);
            all.extend(near.start(page).expect("written"));
        }
        for (from, to, cost) in [
            ("s", "a", LinkCost::One),
            ("a", "b", LinkCost::One),
            ("b", "b2", LinkCost::Nothing),
            ("b", "c", LinkCost::One),
            ("t", "b", LinkCost::One),
        ] {
            let (from, to) = (number(&mut near, from), number(&mut near, to));
            let before = near.places[from.get() as usize].links;
            let mut links = match before {
                0 => Vec::new(),
                at => links_at(&mut near.pile, at, near.places.len()).expect("read"),
            };
            links.push((to, cost));
            all.extend(near.expand(from, &links).expect("written"));
        }
        let expected = [("s", 0), ("t", 0), ("a", 1), ("b", 2), ("b2", 2), ("c", 2)];
        let expected: Vec<_> = expected.map(|(text, depth)| (text.to_owned(), depth)).into();
        assert_eq!(told(&mut near, &all), expected);
        let (_, bytes) = near.flush().expect("written");
        let pile = Pile::open(&path, bytes).expect("opened");
        let mut near = Near::new(pile, 2, 9).expect("read");
        for (text, depth) in &expected[3..] {
            let page = number(&mut near, text);
            assert!(near.depth(page) <= *depth, "{text}");
        }
        let a = number(&mut near, "a");
        // All that is within the limit was known to be, but not what begins now.
        assert_eq!(near.start(a).expect("written"), []);
        let b = number(&mut near, "b");
        assert_eq!((near.depth(b), near.places.len()), (1, 6));
        assert_eq!(near.text(b).expect("read"), ("b".to_owned(), 7));
    }

    #[test]
    fn what_was_never_written_so_is_refused() {
        for bytes in [&b"t\xff\xff\xff\xff0000"[..], b"l\0\0\0\0\0\0\0\0", b"x00000000", b"s0"] {
            let mut pile = Pile::nameless().expect("made");
            pile.append(bytes).expect("written");
            assert!(Near::new(pile, 2, 1).is_err(), "{bytes:?}");
        }
    }
}
