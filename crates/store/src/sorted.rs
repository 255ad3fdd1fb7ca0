//! Records put aside in a given order, in memory up to a limit and in temporary files beyond it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};

use gather_core::Record;

use crate::fields::Fields;
use crate::jsonl::Encoder;
use crate::read::{ReadError, Results, spooled};

/// Files that are merged at once: each has a descriptor and a buffer.
const FILES_MAX: usize = 64;
/// Bytes read from and written to a file at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// The order in which records that were put aside come back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// As they came.
    #[default]
    AsFound,
    /// By `n`; those of one `n` as they came.
    ByNumber,
}

/// Takes records, and gives them back in order. A merge sort: memory is bounded, the disk is not.
pub struct Sorter {
    order: Order,
    encoder: Encoder,
    pile: ByteSorter,
}

impl Sorter {
    /// Keeps at most about `bytes_max` bytes of records in memory.
    pub fn new(order: Order, bytes_max: usize) -> Self {
        let encoder = Encoder::for_spool(&Fields::held());
        Self { order, encoder, pile: ByteSorter::new(bytes_max) }
    }

    /// Takes a record that was read back from a result.
    ///
    /// # Errors
    /// When the temporary directory cannot take more.
    pub fn add(&mut self, record: &Record) -> io::Result<()> {
        let key = match self.order {
            Order::AsFound => 0,
            Order::ByNumber => record.n,
        };
        let Self { encoder, pile, .. } = self;
        pile.add(key, |bytes| encoder.encode(record, bytes))
    }

    /// The records in order.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn into_results(self) -> io::Result<Sorted> {
        self.pile.into_sorted().map(Sorted)
    }
}

/// Takes pieces of bytes by a key, and gives them back in its order; those of one key as they
/// came. In memory up to a limit, in temporary files beyond it.
pub struct ByteSorter {
    bytes_max: usize,
    /// Pieces in memory, one behind the other.
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    /// Sorted; what is in an earlier one came earlier.
    files: Vec<File>,
}

/// A piece in memory.
#[derive(Clone, Copy, Debug)]
struct Entry {
    key: u64,
    start: usize,
    end: usize,
}

impl ByteSorter {
    /// Keeps at most about `bytes_max` bytes in memory.
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, bytes: Vec::new(), entries: Vec::new(), files: Vec::new() }
    }

    /// Takes the piece that `write` appends.
    ///
    /// # Errors
    /// When the temporary directory cannot take more.
    pub fn add(&mut self, key: u64, write: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let start = self.bytes.len();
        write(&mut self.bytes);
        self.entries.push(Entry { key, start, end: self.bytes.len() });
        let used = self.bytes.len() + self.entries.len() * size_of::<Entry>();
        if used >= self.bytes_max {
            self.spill()?;
        }
        Ok(())
    }

    /// The pieces in order.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn into_sorted(mut self) -> io::Result<SortedBytes> {
        let lines = if self.files.is_empty() {
            self.sort();
            Lines::Memory { bytes: self.bytes, entries: self.entries.into_iter() }
        } else {
            self.spill()?;
            Lines::Files(Merge::new(self.files)?)
        };
        Ok(SortedBytes { lines, line: Vec::new() })
    }

    fn sort(&mut self) {
        // Stable: what came first stays first.
        self.entries.sort_by_key(|entry| entry.key);
    }

    /// Moves what is in memory to a file of its own.
    fn spill(&mut self) -> io::Result<()> {
        self.sort();
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, tempfile::tempfile()?);
        for entry in self.entries.drain(..) {
            put(&mut out, entry.key, &self.bytes[entry.start..entry.end])?;
        }
        self.bytes.clear();
        self.files.push(out.into_inner().map_err(io::IntoInnerError::into_error)?);
        if self.files.len() >= FILES_MAX {
            let mut out = BufWriter::with_capacity(BUFFER_BYTES, tempfile::tempfile()?);
            let mut merge = Merge::new(std::mem::take(&mut self.files))?;
            let mut line = Vec::new();
            while let Some(key) = merge.next(&mut line)? {
                put(&mut out, key, &line)?;
            }
            self.files.push(out.into_inner().map_err(io::IntoInnerError::into_error)?);
        }
        Ok(())
    }
}

fn put(out: &mut impl Write, key: u64, line: &[u8]) -> io::Result<()> {
    out.write_all(&key.to_le_bytes())?;
    out.write_all(&(line.len() as u64).to_le_bytes())?;
    out.write_all(line)
}

/// Records in order.
pub struct Sorted(SortedBytes);

impl Results for Sorted {
    fn next(&mut self) -> Result<Option<Record>, ReadError> {
        let next = self.0.next_piece();
        match next.map_err(|error| ReadError::io("a temporary file", &error))? {
            None => Ok(None),
            Some((_, line)) => spooled(line).map(Some),
        }
    }
}

/// Pieces in order.
pub struct SortedBytes {
    lines: Lines,
    line: Vec<u8>,
}

enum Lines {
    Memory { bytes: Vec<u8>, entries: std::vec::IntoIter<Entry> },
    Files(Merge),
}

impl SortedBytes {
    /// The next piece with its key; `None` behind the last.
    ///
    /// # Errors
    /// When a temporary file cannot be read.
    pub fn next_piece(&mut self) -> io::Result<Option<(u64, &[u8])>> {
        match &mut self.lines {
            Lines::Memory { bytes, entries } => {
                let next = entries.next();
                Ok(next.map(|entry| (entry.key, &bytes[entry.start..entry.end])))
            }
            Lines::Files(merge) => {
                let key = merge.next(&mut self.line)?;
                Ok(key.map(|key| (key, &self.line[..])))
            }
        }
    }
}

/// Files read together, always on from the one with the smallest key.
struct Merge {
    files: Vec<BufReader<File>>,
    /// The key that each file goes on with, and which file: of equal keys, the earlier file first.
    heads: BinaryHeap<Reverse<(u64, usize)>>,
}

impl Merge {
    fn new(files: Vec<File>) -> io::Result<Self> {
        let mut merge = Self { files: Vec::with_capacity(files.len()), heads: BinaryHeap::new() };
        for (at, mut file) in files.into_iter().enumerate() {
            file.seek(SeekFrom::Start(0))?;
            merge.files.push(BufReader::with_capacity(BUFFER_BYTES, file));
            merge.read_head(at)?;
        }
        Ok(merge)
    }

    fn read_head(&mut self, at: usize) -> io::Result<()> {
        let mut key = [0; 8];
        match self.files[at].read_exact(&mut key) {
            Ok(()) => self.heads.push(Reverse((u64::from_le_bytes(key), at))),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Reads the next record into `line`; its key.
    fn next(&mut self, line: &mut Vec<u8>) -> io::Result<Option<u64>> {
        let Some(Reverse((key, at))) = self.heads.pop() else { return Ok(None) };
        let mut length = [0; 8];
        self.files[at].read_exact(&mut length)?;
        let length = usize::try_from(u64::from_le_bytes(length)).map_err(io::Error::other)?;
        line.resize(length, 0);
        self.files[at].read_exact(line)?;
        self.read_head(at)?;
        Ok(Some(key))
    }
}

#[cfg(test)]
mod tests {
    use gather_core::{Held, Outcome};

    use super::*;
    use crate::fields::Field;

    /// A record as it is read back from `{"n":…,"input":…}`.
    fn record(n: u64, input: usize) -> Record {
        let members = Field::N.bit() | Field::Input.bit();
        Record {
            input: Some(input.to_string().into()),
            held: Some(Box::new(Held { members, others: Vec::new() })),
            ..Record::new(n, Outcome::Ok)
        }
    }

    fn sorted(order: Order, bytes_max: usize, numbers: &[u64]) -> Vec<(u64, usize)> {
        let mut sorter = Sorter::new(order, bytes_max);
        for (at, n) in numbers.iter().enumerate() {
            sorter.add(&record(*n, at)).unwrap();
        }
        let mut results = sorter.into_results().unwrap();
        let mut found = Vec::new();
        while let Some(record) = results.next().unwrap() {
            found.push((record.n, record.input().parse().unwrap()));
        }
        found
    }

    #[test]
    fn records_come_back_in_order_from_memory_and_from_files() {
        let numbers: Vec<u64> = (0..10_000).map(|at| at * 7919 % 4_001).collect();
        let as_found: Vec<(u64, usize)> =
            numbers.iter().enumerate().map(|(at, n)| (*n, at)).collect();
        let mut by_number = as_found.clone();
        by_number.sort();
        // One file each for 1 and 3 records: merged in several rounds.
        for bytes_max in [1, 100, 5_000, 100_000, usize::MAX] {
            let numbers = if bytes_max == 1 { &numbers[..200] } else { &numbers[..] };
            let mut expected = as_found[..numbers.len()].to_vec();
            assert_eq!(sorted(Order::AsFound, bytes_max, numbers), expected, "{bytes_max}");
            expected.sort();
            assert_eq!(sorted(Order::ByNumber, bytes_max, numbers), expected, "{bytes_max}");
        }
        assert_eq!(sorted(Order::ByNumber, usize::MAX, &numbers), by_number);
        assert_eq!(sorted(Order::ByNumber, 1, &[]), []);
    }
}
