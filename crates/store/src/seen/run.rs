//! A sorted run of fingerprints with their marks in a temporary file, and the merging of several.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::sync::Mutex;
use std::sync::PoisonError;

use super::Mark;

const KEY_BYTES: usize = size_of::<u128>();
/// Fingerprints in a page, which is read at once: 4 KiB without marks.
const PAGE_KEYS: usize = 256;
const BUFFER_BYTES: usize = 256 << 10;

/// A fingerprint and its mark on disk.
const fn entry_bytes<V: Mark>() -> usize {
    KEY_BYTES + V::BYTES
}

/// Fingerprints on disk, in order, each once.
pub(super) struct Run<V> {
    /// Read by one at a time; the lock is never waited for.
    file: Mutex<File>,
    keys: u64,
    /// The upper half of the first fingerprint of each page.
    fences: Vec<u64>,
    marks: PhantomData<V>,
}

impl<V: Mark> Run<V> {
    /// The mark of a fingerprint that is in it. `page` is a buffer to be used again.
    pub(super) fn find(&self, key: u128, page: &mut Vec<u8>) -> io::Result<Option<V>> {
        let upper = (key >> 64) as u64;
        // Two pages only if the upper half is the very fence between them.
        let first = self.fences.partition_point(|fence| *fence < upper).saturating_sub(1);
        let end = self.fences.partition_point(|fence| *fence <= upper);
        for at in first..end {
            self.read_page(at as u64, page)?;
            if let Some(mark) = find_in(page, key) {
                return Ok(Some(mark));
            }
        }
        Ok(None)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.fences.capacity() * size_of::<u64>()
    }

    fn read_page(&self, at: u64, page: &mut Vec<u8>) -> io::Result<()> {
        let before = at * PAGE_KEYS as u64;
        let keys = (self.keys - before).min(PAGE_KEYS as u64);
        page.resize(keys as usize * entry_bytes::<V>(), 0);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(before * entry_bytes::<V>() as u64))?;
        file.read_exact(page)
    }

    fn into_entries(self) -> io::Result<Entries> {
        let mut file = self.file.into_inner().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(0))?;
        Ok(Entries { file: BufReader::with_capacity(BUFFER_BYTES, file), left: self.keys })
    }
}

/// Looks a page through by halves.
fn find_in<V: Mark>(page: &[u8], key: u128) -> Option<V> {
    let (mut low, mut high) = (0, page.len() / entry_bytes::<V>());
    while low < high {
        let middle = low.midpoint(high);
        let (there, mark) = entry(&page[middle * entry_bytes::<V>()..]);
        match there.cmp(&key) {
            std::cmp::Ordering::Equal => return Some(mark),
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
        }
    }
    None
}

/// The fingerprint and the mark that stand at the beginning of these bytes.
fn entry<V: Mark>(bytes: &[u8]) -> (u128, V) {
    let (key, rest) = bytes.split_first_chunk::<KEY_BYTES>().expect("a page has whole entries");
    (u128::from_be_bytes(*key), V::take(&rest[..V::BYTES]))
}

/// Writes a run from its first fingerprint to its last.
pub(super) struct RunWriter<V> {
    file: BufWriter<File>,
    keys: u64,
    fences: Vec<u64>,
    /// The entry that is written.
    entry: Vec<u8>,
    marks: PhantomData<V>,
}

impl<V: Mark> RunWriter<V> {
    pub(super) fn create() -> io::Result<Self> {
        let file = BufWriter::with_capacity(BUFFER_BYTES, tempfile::tempfile()?);
        let entry = vec![0; entry_bytes::<V>()];
        Ok(Self { file, keys: 0, fences: Vec::new(), entry, marks: PhantomData })
    }

    /// The next fingerprint; greater than the one before.
    pub(super) fn push(&mut self, key: u128, mark: V) -> io::Result<()> {
        if self.keys.is_multiple_of(PAGE_KEYS as u64) {
            self.fences.push((key >> 64) as u64);
        }
        self.keys += 1;
        self.entry[..KEY_BYTES].copy_from_slice(&key.to_be_bytes());
        mark.put(&mut self.entry[KEY_BYTES..]);
        self.file.write_all(&self.entry)
    }

    pub(super) fn finish(self) -> io::Result<Run<V>> {
        let Self { file, keys, mut fences, .. } = self;
        fences.shrink_to_fit();
        let file = Mutex::new(file.into_inner().map_err(io::IntoInnerError::into_error)?);
        Ok(Run { file, keys, fences, marks: PhantomData })
    }
}

/// One run of all that several hold. No fingerprint is in two of them.
pub(super) fn merge<V: Mark>(runs: Vec<Run<V>>) -> io::Result<Run<V>> {
    let mut inputs = runs.into_iter().map(Run::into_entries).collect::<io::Result<Vec<_>>>()?;
    let mut heads: Vec<Option<V>> = vec![None; inputs.len()];
    let mut next = BinaryHeap::with_capacity(inputs.len());
    let mut advance = |index: usize, heads: &mut [Option<V>]| -> io::Result<_> {
        Ok(inputs[index].next::<V>()?.map(|(key, mark)| {
            heads[index] = Some(mark);
            Reverse((key, index))
        }))
    };
    for index in 0..heads.len() {
        next.extend(advance(index, &mut heads)?);
    }
    let mut merged = RunWriter::create()?;
    while let Some(Reverse((key, index))) = next.pop() {
        merged.push(key, heads[index].expect("what has a head has its mark"))?;
        next.extend(advance(index, &mut heads)?);
    }
    merged.finish()
}

/// The entries of a run, one after the other.
struct Entries {
    file: BufReader<File>,
    left: u64,
}

impl Entries {
    fn next<V: Mark>(&mut self) -> io::Result<Option<(u128, V)>> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let mut bytes = [0; KEY_BYTES + MARK_BYTES_MAX];
        let bytes = &mut bytes[..entry_bytes::<V>()];
        self.file.read_exact(bytes)?;
        Ok(Some(entry(bytes)))
    }
}

/// The largest mark.
const MARK_BYTES_MAX: usize = size_of::<u64>();

#[cfg(test)]
mod tests {
    use super::*;

    fn run(keys: impl Iterator<Item = u128>) -> Run<u64> {
        let mut writer = RunWriter::create().expect("a temporary file");
        keys.for_each(|key| writer.push(key, (key >> 3) as u64).expect("written"));
        writer.finish().expect("written")
    }

    #[test]
    fn every_key_is_found_and_no_other() {
        // Also where many share their upper half, so that fences are equal.
        for shift in [64, 40, 0] {
            let key = |n: u128| n << shift;
            let runs = (0..3).map(|m| run((0..1000).map(|n| key(2 * (3 * n + m)))));
            let merged = merge(runs.collect()).expect("merged");
            assert_eq!(merged.keys, 3000);
            let mut page = Vec::new();
            for n in 0..6000 {
                let found = merged.find(key(n), &mut page).expect("read");
                let mark = (n % 2 == 0).then_some((key(n) >> 3) as u64);
                assert_eq!(found, mark, "{n} << {shift}");
            }
        }
    }

    #[test]
    fn a_run_may_be_empty() {
        let empty = merge(vec![run([].into_iter())]).expect("merged");
        assert_eq!(empty.find(1, &mut Vec::new()).expect("read"), None);
    }
}
