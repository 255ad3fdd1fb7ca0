//! The pages found, in their order: a file of inputs that is read while it grows.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::Arc;

use gather_core::target::{Place, SchemeFrom};
use gather_core::{ErrorKind, Provenance, Target, TargetNo};
use gather_store::Pile;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::source::{Broken, Item};

/// Bytes of the list read at once.
const READ_BYTES: usize = 64 << 10;

/// A line of the list. Other programs may read it: it is an input of gather like any other.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Entry {
    /// As it is asked for; of what is no URL, its text.
    pub(super) url: String,
    #[serde(default)]
    pub(super) depth: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) parent: Option<String>,
    /// It is a sitemap.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) sitemap: bool,
    /// Its scheme was not given.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) guess: bool,
    /// A public address led there: it must not lead into a private network.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) public: bool,
    /// Why it cannot be fetched: kind, message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<(String, String)>,
}

impl Entry {
    /// The URL of a page that the crawl began with.
    pub(super) fn start(&self) -> Option<Url> {
        let is_start = self.depth == 0 && self.parent.is_none() && !self.sitemap;
        let url = if self.error.is_none() { Url::parse(&self.url).ok() } else { None };
        url.filter(|_| is_start)
    }

    /// Whose word its URL is.
    pub(super) fn from(&self) -> Provenance {
        if self.public { Provenance::Public } else { Provenance::Operator }
    }
}

/// The list: appended to at one end, read from the other.
pub(super) struct List {
    pile: Pile,
    lines: u64,
    /// How far it was read, in bytes and lines.
    at: u64,
    next: u64,
    /// Read from the file, and not handed out.
    ahead: VecDeque<u8>,
    depth: Arc<str>,
    parent: Arc<str>,
    sitemap: Arc<str>,
}

impl List {
    /// One that has so many lines already, to be read from its beginning.
    pub(super) fn new(pile: Pile) -> Self {
        let ahead = VecDeque::new();
        let [depth, parent, sitemap] = ["depth", "parent", "sitemap"].map(Arc::from);
        Self { pile, lines: 0, at: 0, next: 0, ahead, depth, parent, sitemap }
    }

    /// Lines in it.
    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    /// The number of the line that is read next.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    pub(super) fn append(&mut self, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry).map_err(io::Error::other)?;
        line.push(b'\n');
        self.pile.append(&line)?;
        self.lines += 1;
        Ok(())
    }

    /// The next line, without its end; `None` if all were read.
    pub(super) fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut looked_at = 0;
        loop {
            if let Some(end) = self.ahead.range(looked_at..).position(|byte| *byte == b'\n') {
                let end = looked_at + end;
                let line = self.ahead.drain(..end).collect();
                self.ahead.pop_front();
                self.at += end as u64 + 1;
                self.next += 1;
                return Ok(Some(line));
            }
            looked_at = self.ahead.len();
            let mut bytes = [0; READ_BYTES];
            let count = self.pile.read(self.at + looked_at as u64, &mut bytes)?;
            if count == 0 {
                return Ok(None);
            }
            self.ahead.extend(&bytes[..count]);
        }
    }

    /// Reads it from its beginning once more; all lines that were read are those it has.
    pub(super) fn rewind(&mut self) {
        self.lines = self.next;
        (self.at, self.next) = (0, 0);
        self.ahead.clear();
    }

    /// Hands over what waits to the system; what to sync, and its length.
    pub(super) fn flush(&mut self) -> io::Result<(Arc<File>, u64)> {
        self.pile.flush()
    }

    /// Cuts off what was not read.
    pub(super) fn cut_unread(&mut self) -> io::Result<()> {
        self.lines = self.next;
        self.ahead.clear();
        self.pile.cut(self.at)
    }

    /// The item of a line, the one that was read last.
    pub(super) fn item(&self, line: &[u8]) -> io::Result<Item> {
        let entry = parsed(line)?;
        let n = TargetNo(self.next - 1);
        if let Some((kind, message)) = entry.error {
            let kind = ErrorKind::from_name(&kind).ok_or_else(damaged)?;
            let place = Place { source: None, line: self.next };
            let (input, message) = (entry.url.into(), message.into());
            return Ok(Item::Broken(Broken { n, place, input, kind, message }));
        }
        let url = Url::parse(&entry.url).map_err(|_| damaged())?;
        let mut target = Target::new(n, url).ok_or_else(damaged)?;
        target.from = entry.from();
        if entry.guess {
            target.scheme_from = SchemeFrom::Guess;
            target.input = Some(entry.url.into());
        }
        let mut tags = vec![(Arc::clone(&self.depth), entry.depth.to_string().into())];
        tags.extend(entry.parent.map(|parent| (Arc::clone(&self.parent), parent.into())));
        if entry.sitemap {
            tags.push((Arc::clone(&self.sitemap), "true".into()));
        }
        target.tags = Some(Box::new(tags));
        Ok(Item::Target(target))
    }
}

/// What a line says.
pub(super) fn parsed(line: &[u8]) -> io::Result<Entry> {
    serde_json::from_slice(line).map_err(|_| damaged())
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is not as it was written")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(n: usize) -> Entry {
        let parent = (n > 0).then(|| "http://a.example/".to_owned());
        let url = format!("http://a.example/{n}?{}", "x".repeat(n % 3_000));
        Entry { url, depth: 1, parent, ..Entry::default() }
    }

    #[test]
    fn it_is_read_while_it_grows_and_from_its_beginning_again() {
        let mut list = List::new(Pile::nameless().expect("made"));
        let mut read = 0;
        let mut told = Vec::new();
        for n in 0..500 {
            list.append(&page(n)).expect("written");
            if n % 7 == 0 {
                while let Some(line) = list.read().expect("read") {
                    assert_eq!(list.next(), read + 1);
                    told.push(parsed(&line).expect("as written").url);
                    read += 1;
                }
                assert_eq!(read, n as u64 + 1);
            }
        }
        while let Some(line) = list.read().expect("read") {
            told.push(parsed(&line).expect("as written").url);
        }
        assert_eq!(told, (0..500).map(|n| page(n).url).collect::<Vec<_>>());
        list.rewind();
        for n in 0..10 {
            let line = list.read().expect("read").expect("there");
            let Item::Target(target) = list.item(&line).expect("a page") else { panic!("broken") };
            assert_eq!((target.n.0, target.url.as_str()), (n as u64, &*page(n).url));
            assert_eq!(target.tags.expect("some").len(), 1 + usize::from(n > 0));
        }
        list.cut_unread().expect("cut");
        assert_eq!((list.lines(), list.read().expect("read")), (10, None));
    }
}
