//! A sorted run of fingerprints in a temporary file, and the merging of several.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::sync::Mutex;
use std::sync::PoisonError;

const KEY_BYTES: usize = size_of::<u128>();
/// Fingerprints in a page: what is read at once, 4 KiB.
const PAGE_KEYS: usize = 256;
const BUFFER_BYTES: usize = 256 << 10;

/// Fingerprints on disk, in order, each once.
pub(super) struct Run {
    /// Read by one at a time; the lock is never waited for.
    file: Mutex<File>,
    keys: u64,
    /// The upper half of the first fingerprint of each page.
    fences: Vec<u64>,
}

impl Run {
    /// Whether a fingerprint is in it. `page` is a buffer to be used again.
    pub(super) fn contains(&self, key: u128, page: &mut Vec<u8>) -> io::Result<bool> {
        let upper = (key >> 64) as u64;
        // Two pages only if the upper half is the very fence between them.
        let first = self.fences.partition_point(|fence| *fence < upper).saturating_sub(1);
        let end = self.fences.partition_point(|fence| *fence <= upper);
        for at in first..end {
            self.read_page(at as u64, page)?;
            let (keys, _) = page.as_chunks::<KEY_BYTES>();
            if keys.binary_search_by_key(&key, |bytes| u128::from_be_bytes(*bytes)).is_ok() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.fences.capacity() * size_of::<u64>()
    }

    fn read_page(&self, at: u64, page: &mut Vec<u8>) -> io::Result<()> {
        let before = at * PAGE_KEYS as u64;
        let keys = (self.keys - before).min(PAGE_KEYS as u64);
        page.resize(keys as usize * KEY_BYTES, 0);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(before * KEY_BYTES as u64))?;
        file.read_exact(page)
    }

    fn into_keys(self) -> io::Result<Keys> {
        let mut file = self.file.into_inner().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(0))?;
        Ok(Keys { file: BufReader::with_capacity(BUFFER_BYTES, file), left: self.keys })
    }
}

/// Writes a run from its first fingerprint to its last.
pub(super) struct RunWriter {
    file: BufWriter<File>,
    keys: u64,
    fences: Vec<u64>,
}

impl RunWriter {
    pub(super) fn create() -> io::Result<Self> {
        let file = BufWriter::with_capacity(BUFFER_BYTES, tempfile::tempfile()?);
        Ok(Self { file, keys: 0, fences: Vec::new() })
    }

    /// The next fingerprint; greater than the one before.
    pub(super) fn push(&mut self, key: u128) -> io::Result<()> {
        if self.keys.is_multiple_of(PAGE_KEYS as u64) {
            self.fences.push((key >> 64) as u64);
        }
        self.keys += 1;
        self.file.write_all(&key.to_be_bytes())
    }

    pub(super) fn finish(self) -> io::Result<Run> {
        let Self { file, keys, mut fences } = self;
        fences.shrink_to_fit();
        let file = Mutex::new(file.into_inner().map_err(io::IntoInnerError::into_error)?);
        Ok(Run { file, keys, fences })
    }
}

/// One run of all that several hold. No fingerprint is in two of them.
pub(super) fn merge(runs: Vec<Run>) -> io::Result<Run> {
    let mut inputs = runs.into_iter().map(Run::into_keys).collect::<io::Result<Vec<_>>>()?;
    let mut next = BinaryHeap::with_capacity(inputs.len());
    for (index, input) in inputs.iter_mut().enumerate() {
        next.extend(input.next()?.map(|key| Reverse((key, index))));
    }
    let mut merged = RunWriter::create()?;
    while let Some(Reverse((key, index))) = next.pop() {
        merged.push(key)?;
        next.extend(inputs[index].next()?.map(|key| Reverse((key, index))));
    }
    merged.finish()
}

/// The fingerprints of a run, one after the other.
struct Keys {
    file: BufReader<File>,
    left: u64,
}

impl Keys {
    fn next(&mut self) -> io::Result<Option<u128>> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let mut bytes = [0; KEY_BYTES];
        self.file.read_exact(&mut bytes)?;
        Ok(Some(u128::from_be_bytes(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(keys: impl Iterator<Item = u128>) -> Run {
        let mut writer = RunWriter::create().expect("a temporary file");
        keys.for_each(|key| writer.push(key).expect("written"));
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
                let found = merged.contains(key(n), &mut page).expect("read");
                assert_eq!(found, n % 2 == 0, "{n} << {shift}");
            }
        }
    }

    #[test]
    fn a_run_may_be_empty() {
        let empty = merge(vec![run([].into_iter())]).expect("merged");
        assert!(!empty.contains(1, &mut Vec::new()).expect("read"));
    }
}
