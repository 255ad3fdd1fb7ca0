//! Which inputs are finished: a watermark, and one bit each for those behind it.

use std::collections::VecDeque;

use super::CHUNK_BITS;

const WORDS: usize = (CHUNK_BITS / 64) as usize;
/// A chunk of the bitmap in the journal.
#[cfg(feature = "sqlite")]
pub(super) const CHUNK_BYTES: usize = (CHUNK_BITS / 8) as usize;

/// A set of finished inputs. Chunks that are full, or have nothing in them, take no memory.
#[derive(Clone, Debug, Default)]
pub struct Done {
    /// Chunks at the beginning that are full.
    full: u64,
    /// Those from there on.
    chunks: VecDeque<Chunk>,
    count: u64,
}

#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "sqlite"), expect(dead_code, reason = "only a journal makes them"))]
enum Chunk {
    Empty,
    Some { words: Box<[u64; WORDS]>, count: u64 },
    Full,
}

impl Done {
    /// How many are finished.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// All inputs before this one are finished; a multiple of [`CHUNK_BITS`].
    pub fn prefix(&self) -> u64 {
        self.full * CHUNK_BITS
    }

    /// Whether this input is finished.
    pub fn contains(&self, n: u64) -> bool {
        let (chunk, bit) = (n / CHUNK_BITS, n % CHUNK_BITS);
        let Some(at) = chunk.checked_sub(self.full) else { return true };
        match usize::try_from(at).ok().and_then(|at| self.chunks.get(at)) {
            None | Some(Chunk::Empty) => false,
            Some(Chunk::Full) => true,
            Some(Chunk::Some { words, .. }) => words[word(bit)] & mask(bit) != 0,
        }
    }
}

/// What only an open journal does.
#[cfg(feature = "sqlite")]
impl Done {
    /// The set of all inputs before `prefix`, a multiple of [`CHUNK_BITS`].
    pub(super) fn before(prefix: u64) -> Self {
        Self { full: prefix / CHUNK_BITS, count: prefix, chunks: VecDeque::new() }
    }

    /// Adds an input; false if it was in already.
    pub(super) fn insert(&mut self, n: u64) -> bool {
        let (chunk, bit) = (n / CHUNK_BITS, n % CHUNK_BITS);
        if chunk < self.full {
            return false;
        }
        let added = self.chunk_mut(chunk).insert(bit);
        self.count += u64::from(added);
        while matches!(self.chunks.front(), Some(Chunk::Full)) {
            self.chunks.pop_front();
            self.full += 1;
        }
        added
    }

    /// Puts a chunk in place, as it stands in the journal; false if it belongs to the prefix.
    pub(super) fn put(&mut self, chunk: u64, bytes: &[u8; CHUNK_BYTES]) -> bool {
        if chunk < self.full {
            return false;
        }
        let mut words = Box::new([0; WORDS]);
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        let count: u64 = words.iter().map(|word| u64::from(word.count_ones())).sum();
        self.count += count;
        *self.chunk_mut(chunk) = Chunk::of(words, count);
        true
    }

    /// The bits of a chunk behind the prefix, as the journal keeps them.
    pub(super) fn bytes(&self, chunk: u64) -> [u8; CHUNK_BYTES] {
        let mut bytes = [0; CHUNK_BYTES];
        let at = chunk.checked_sub(self.full).and_then(|at| usize::try_from(at).ok());
        match at.and_then(|at| self.chunks.get(at)) {
            None | Some(Chunk::Empty) => {}
            Some(Chunk::Full) => bytes.fill(0xff),
            Some(Chunk::Some { words, .. }) => {
                for (to, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(words.iter()) {
                    *to = word.to_le_bytes();
                }
            }
        }
        bytes
    }

    /// The highest finished input and one more; 0 if there is none.
    pub(super) fn end(&self) -> u64 {
        let last = self.chunks.iter().rposition(|chunk| !matches!(chunk, Chunk::Empty));
        let Some(at) = last else { return self.prefix() };
        let start = (self.full + at as u64) * CHUNK_BITS;
        match &self.chunks[at] {
            Chunk::Empty => start,
            Chunk::Full => start + CHUNK_BITS,
            Chunk::Some { words, .. } => {
                let (at, word) = words
                    .iter()
                    .enumerate()
                    .rfind(|(_, word)| **word != 0)
                    .expect("a chunk that is not empty has a bit set");
                start + (at as u64 + 1) * 64 - u64::from(word.leading_zeros())
            }
        }
    }

    fn chunk_mut(&mut self, chunk: u64) -> &mut Chunk {
        let at = usize::try_from(chunk - self.full).expect("a bitmap fits into memory");
        if at >= self.chunks.len() {
            self.chunks.resize_with(at + 1, || Chunk::Empty);
        }
        &mut self.chunks[at]
    }
}

#[cfg(feature = "sqlite")]
impl Chunk {
    fn of(words: Box<[u64; WORDS]>, count: u64) -> Self {
        match count {
            0 => Self::Empty,
            CHUNK_BITS => Self::Full,
            _ => Self::Some { words, count },
        }
    }

    fn insert(&mut self, bit: u64) -> bool {
        match self {
            Self::Full => return false,
            Self::Empty => {
                let mut words = Box::new([0; WORDS]);
                words[word(bit)] |= mask(bit);
                *self = Self::of(words, 1);
                return true;
            }
            Self::Some { words, count } => {
                if words[word(bit)] & mask(bit) != 0 {
                    return false;
                }
                words[word(bit)] |= mask(bit);
                *count += 1;
                if *count < CHUNK_BITS {
                    return true;
                }
            }
        }
        *self = Self::Full;
        true
    }
}

fn word(bit: u64) -> usize {
    (bit / 64) as usize
}

fn mask(bit: u64) -> u64 {
    1 << (bit % 64)
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Inserts in this order and compares with a plain set, also after a way through bytes.
    fn check(order: &[u64]) {
        let mut done = Done::default();
        let mut plain = BTreeSet::new();
        for &n in order {
            assert_eq!(done.insert(n), plain.insert(n), "{n}");
        }
        let mut again = Done::before(done.prefix());
        for chunk in done.full..done.full + done.chunks.len() as u64 {
            assert!(again.put(chunk, &done.bytes(chunk)));
        }
        for done in [&done, &again] {
            assert_eq!(done.count(), plain.len() as u64);
            assert_eq!(done.end(), plain.last().map_or(0, |last| last + 1));
            for n in 0..done.end() + 2 * CHUNK_BITS {
                assert_eq!(done.contains(n), plain.contains(&n), "{n}");
            }
        }
    }

    #[test]
    fn it_is_a_set_in_any_order() {
        let all: Vec<u64> = (0..3 * CHUNK_BITS + 7).collect();
        let backwards: Vec<u64> = all.iter().copied().rev().collect();
        check(&[]);
        check(&all);
        check(&backwards);
        check(&[5, 5, CHUNK_BITS - 1, CHUNK_BITS, 9 * CHUNK_BITS + 63, 9 * CHUNK_BITS + 64]);
        let mut shuffled = all;
        fastrand::Rng::with_seed(3).shuffle(&mut shuffled);
        check(&shuffled[..9_000]);
        check(&shuffled);
    }

    #[test]
    fn a_finished_beginning_takes_no_memory() {
        let mut done = Done::default();
        (0..1_000_000).for_each(|n| assert!(done.insert(n)));
        assert_eq!(done.prefix(), 1_000_000 / CHUNK_BITS * CHUNK_BITS);
        assert_eq!(done.chunks.len(), 1);
    }
}
