//! Which texts were met before: an exact set in flat memory, on disk beyond it; and, where that is
//! asked for, what was said of each when it was met first.
//!
//! A text is known by its 128-bit fingerprint under a seed of the set's own. Among a thousand
//! million texts the odds that any two share one are 1 in 10^21, far below those of a disk or a
//! memory that lies; with the seed unknown nobody can look for two that do.
//!
//! The newest fingerprints are a table in memory. When it is full it goes to disk as a sorted run;
//! runs of a size are merged, so that there are few. A filter of fixed size tells for most new
//! texts that no run has them, and one page is read of a run that may have one.

mod filter;
mod run;

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::io;

use xxhash_rust::xxh3::xxh3_128_with_seed;

use self::filter::Filter;
use self::run::{Run, RunWriter};

/// Runs of a size before they are merged: fewer are read for a lookup, more are written for less.
const RUNS_MERGED: usize = 4;

/// What an entry takes: itself in the table and, when that is sorted, once more, and what a table has
/// free.
const fn entry_bytes<V>() -> usize {
    2 * size_of::<(u128, V)>() + 8
}

/// What is kept beside a fingerprint.
pub trait Mark: Copy {
    /// Bytes it takes on disk.
    const BYTES: usize;

    /// Writes it into as many bytes.
    fn put(self, into: &mut [u8]);

    /// What [`put`](Self::put) wrote there.
    fn take(from: &[u8]) -> Self;
}

/// Nothing.
impl Mark for () {
    const BYTES: usize = 0;

    fn put(self, _: &mut [u8]) {}

    fn take(_: &[u8]) -> Self {}
}

/// A number.
impl Mark for u64 {
    const BYTES: usize = size_of::<Self>();

    fn put(self, into: &mut [u8]) {
        into.copy_from_slice(&self.to_le_bytes());
    }

    fn take(from: &[u8]) -> Self {
        Self::from_le_bytes(from.try_into().expect("as many bytes as were put"))
    }
}

/// A fingerprint is a hash already.
#[derive(Default)]
pub(crate) struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, fingerprint: u128) {
        self.0 = fingerprint as u64;
    }
}

/// What stands for a text.
pub(crate) fn fingerprint(text: &[u8], seed: u64) -> u128 {
    xxh3_128_with_seed(text, seed)
}

/// Whether a text was met before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Met {
    /// For the first time.
    First,
    /// Once more.
    Again,
}

/// How much memory a set takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenLimits {
    /// The table of the newest texts, and what sorting it takes: 26,000 texts for each MiB.
    pub table_bytes_max: usize,
    /// The filter over what is on disk. With 10 bits for each text one lookup in a hundred reads in
    /// vain; with fewer, more do.
    pub filter_bytes: usize,
}

impl Default for SeenLimits {
    /// 16 MiB and, once something is on disk, 16 MiB more: good for 10 million texts, and not slow
    /// for 100 million.
    fn default() -> Self {
        Self { table_bytes_max: 16 << 20, filter_bytes: 16 << 20 }
    }
}

/// A set of texts that only grows. It blocks on its temporary files, which have no name and are
/// safe to lose; merging them may take a second for ten million texts.
pub struct Seen<V = ()> {
    limits: SeenLimits,
    seed: u64,
    table: HashMap<u128, V, BuildHasherDefault<AsIs>>,
    table_max: usize,
    /// Made when the first run is written.
    filter: Option<Filter>,
    /// By size: those of a level are about four times those of the level before.
    levels: Vec<Vec<Run<V>>>,
    count: u64,
    page: Vec<u8>,
}

impl Seen {
    /// Adds a text, and says whether it was there.
    ///
    /// # Errors
    /// As [`meet_as`](Self::meet_as).
    pub fn meet(&mut self, text: &[u8]) -> io::Result<Met> {
        Ok(match self.meet_as(text, ())? {
            None => Met::First,
            Some(()) => Met::Again,
        })
    }
}

impl<V: Mark> Seen<V> {
    /// An empty set. `seed` should be drawn at random, and be the same where a set is built again.
    pub fn new(limits: SeenLimits, seed: u64) -> Self {
        Self {
            limits,
            seed,
            table: HashMap::default(),
            table_max: (limits.table_bytes_max / entry_bytes::<V>()).max(1),
            filter: None,
            levels: Vec::new(),
            count: 0,
            page: Vec::new(),
        }
    }

    /// Adds a text with this mark, unless it is there: then the mark it was added with.
    ///
    /// # Errors
    /// When a temporary file cannot be made, written or read. The set should not be used then.
    pub fn meet_as(&mut self, text: &[u8], mark: V) -> io::Result<Option<V>> {
        let fingerprint = fingerprint(text, self.seed);
        if let Some(first) = self.table.get(&fingerprint) {
            return Ok(Some(*first));
        }
        if let Some(first) = self.find_on_disk(fingerprint)? {
            return Ok(Some(first));
        }
        if self.table.len() >= self.table_max {
            self.spill()?;
        }
        self.table.insert(fingerprint, mark);
        self.count += 1;
        Ok(None)
    }

    /// Different texts met.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Memory taken, in bytes: table, filter, and the index of what is on disk (8 bytes for 256
    /// texts).
    pub fn memory_bytes(&self) -> usize {
        // A table is filled to seven eighths, and has a byte of its own for each place.
        let table = self.table.capacity() * 8 / 7 * (size_of::<(u128, V)>() + 1);
        let filter = self.filter.as_ref().map_or(0, |_| self.limits.filter_bytes);
        table + filter + self.levels.iter().flatten().map(Run::memory_bytes).sum::<usize>()
    }

    fn find_on_disk(&mut self, fingerprint: u128) -> io::Result<Option<V>> {
        if !self.filter.as_ref().is_some_and(|filter| filter.may_contain(fingerprint)) {
            return Ok(None);
        }
        // The largest runs have most.
        for run in self.levels.iter().rev().flatten() {
            if let Some(mark) = run.find(fingerprint, &mut self.page)? {
                return Ok(Some(mark));
            }
        }
        Ok(None)
    }

    /// Writes the table as a run, and merges what is too many.
    fn spill(&mut self) -> io::Result<()> {
        let filter = self.filter.get_or_insert_with(|| Filter::new(self.limits.filter_bytes));
        let mut sorted: Vec<(u128, V)> = self.table.drain().collect();
        sorted.sort_unstable_by_key(|(fingerprint, _)| *fingerprint);
        let mut writer = RunWriter::create()?;
        for (fingerprint, mark) in sorted {
            filter.insert(fingerprint);
            writer.push(fingerprint, mark)?;
        }
        let mut run = writer.finish()?;
        for level in 0.. {
            if level == self.levels.len() {
                self.levels.push(Vec::new());
            }
            self.levels[level].push(run);
            if self.levels[level].len() < RUNS_MERGED {
                break;
            }
            run = run::merge(std::mem::take(&mut self.levels[level]))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use proptest::prelude::*;

    use super::*;

    fn tiny() -> Seen {
        Seen::new(SeenLimits { table_bytes_max: 10 * entry_bytes::<()>(), filter_bytes: 64 }, 7)
    }

    proptest! {
        #[test]
        fn it_is_an_exact_set(texts in prop::collection::vec("[a-c]{0,5}", 0..600)) {
            let (mut seen, mut expected) = (tiny(), HashSet::new());
            for text in &texts {
                let met = if expected.insert(text) { Met::First } else { Met::Again };
                prop_assert_eq!(seen.meet(text.as_bytes()).expect("a disk"), met);
            }
            prop_assert_eq!(seen.count(), expected.len() as u64);
        }

        #[test]
        fn each_text_keeps_the_mark_it_was_met_with_first(
            texts in prop::collection::vec("[a-c]{0,5}", 0..600)
        ) {
            let bytes = 10 * entry_bytes::<u64>();
            let limits = SeenLimits { table_bytes_max: bytes, filter_bytes: 64 };
            let (mut seen, mut expected) = (Seen::new(limits, 7), HashMap::new());
            for (text, n) in texts.iter().zip(0_u64..) {
                let first = expected.get(text).copied();
                prop_assert_eq!(seen.meet_as(text.as_bytes(), n).expect("a disk"), first);
                expected.entry(text).or_insert(n);
            }
        }
    }

    #[test]
    fn it_stays_exact_and_small_far_beyond_its_memory() {
        let mut seen =
            Seen::new(SeenLimits { table_bytes_max: 64 << 10, filter_bytes: 64 << 10 }, 1);
        let url = |n: u64| format!("https://a.example/page/{n}");
        for n in 0..100_000 {
            assert_eq!(seen.meet(url(n).as_bytes()).expect("a disk"), Met::First, "{n}");
            if n % 3 == 0 {
                assert_eq!(seen.meet(url(n / 2).as_bytes()).expect("a disk"), Met::Again, "{n}");
            }
        }
        assert!((0..100_000).all(|n| seen.meet(url(n).as_bytes()).expect("a disk") == Met::Again));
        assert_eq!(seen.count(), 100_000);
        assert!(seen.memory_bytes() < 200 << 10, "{} bytes", seen.memory_bytes());
        assert!(seen.levels.iter().all(|level| level.len() < RUNS_MERGED));
    }

    #[test]
    fn without_much_to_keep_there_is_no_file() {
        let mut seen: Seen = Seen::new(SeenLimits::default(), 1);
        for n in 0_u32..1_000 {
            assert_eq!(seen.meet(&n.to_le_bytes()).expect("no disk"), Met::First);
        }
        assert!(seen.levels.is_empty() && seen.filter.is_none());
    }
}
