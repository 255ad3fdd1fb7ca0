//! Entries in the order of their numbers, in flat memory: sorted in chunks, merged from a file.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use crate::entry::Entry;

/// Entries sorted in memory at once: 10 MB of them.
const CHUNK_ENTRIES: usize = 1 << 18;
/// Entries of each chunk that are in memory while chunks are merged: 40 KB.
const BLOCK_ENTRIES: usize = 1 << 10;

/// Takes entries in any order.
pub(crate) struct Sorter {
    chunk: Vec<Entry>,
    chunk_entries: usize,
    /// The chunks before, one after the other; unnamed, gone with the process.
    file: Option<File>,
    chunks: Vec<Chunk>,
    buffer: Vec<u8>,
}

/// Where a sorted chunk stands in the file, in entries.
#[derive(Clone, Copy)]
struct Chunk {
    start: u64,
    end: u64,
}

impl Sorter {
    pub(crate) fn new() -> Self {
        Self::with_chunks_of(CHUNK_ENTRIES)
    }

    fn with_chunks_of(chunk_entries: usize) -> Self {
        let (chunk, chunks, buffer) = (Vec::new(), Vec::new(), Vec::new());
        Self { chunk, chunk_entries, file: None, chunks, buffer }
    }

    pub(crate) fn push(&mut self, entry: Entry) -> io::Result<()> {
        if self.chunk.len() == self.chunk_entries {
            self.spill()?;
        }
        self.chunk.push(entry);
        Ok(())
    }

    fn spill(&mut self) -> io::Result<()> {
        self.chunk.sort_unstable_by_key(order);
        self.buffer.clear();
        for entry in self.chunk.drain(..) {
            self.buffer.extend_from_slice(&entry.to_bytes());
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile()?),
        };
        file.write_all(&self.buffer)?;
        let start = self.chunks.last().map_or(0, |chunk| chunk.end);
        let end = start + (self.buffer.len() / Entry::BYTES) as u64;
        self.chunks.push(Chunk { start, end });
        Ok(())
    }

    /// All entries, by number, and by place where numbers are equal.
    pub(crate) fn finish(mut self) -> io::Result<Sorted> {
        if self.file.is_some() {
            self.spill()?;
            self.chunk = Vec::new();
        }
        self.chunk.sort_unstable_by_key(order);
        let (chunk, chunks, file) = (self.chunk, self.chunks, self.file);
        let (blocks, heads) = (Vec::new(), BinaryHeap::new());
        let mut sorted = Sorted { chunk, given: 0, file, chunks, blocks, heads };
        sorted.rewind()?;
        Ok(sorted)
    }
}

fn order(entry: &Entry) -> (u64, u64) {
    (entry.n, entry.at)
}

/// Gives entries in order.
pub(crate) struct Sorted {
    /// All of them, where they fit in memory, and how many of them were given.
    chunk: Vec<Entry>,
    given: usize,
    file: Option<File>,
    chunks: Vec<Chunk>,
    blocks: Vec<Block>,
    /// The first entry of each block that has one: number, place, block.
    heads: BinaryHeap<Reverse<(u64, u64, usize)>>,
}

/// What is in memory of a chunk, backwards, and which entries of the file come next.
struct Block {
    entries: Vec<Entry>,
    next: u64,
    end: u64,
}

impl Sorted {
    /// Begins with the first entry again.
    pub(crate) fn rewind(&mut self) -> io::Result<()> {
        self.given = 0;
        self.heads.clear();
        self.blocks.clear();
        for at in 0..self.chunks.len() {
            let Chunk { start, end } = self.chunks[at];
            self.blocks.push(Block { entries: Vec::new(), next: start, end });
            self.refill(at)?;
        }
        Ok(())
    }

    /// The next entry; `None` after the last.
    pub(crate) fn next(&mut self) -> io::Result<Option<Entry>> {
        let Some(Reverse((_, _, at))) = self.heads.pop() else {
            let entry = self.chunk.get(self.given).copied();
            self.given += usize::from(entry.is_some());
            return Ok(entry);
        };
        let entry = self.blocks[at].entries.pop();
        self.refill(at)?;
        Ok(entry)
    }

    /// Puts the head of a block among the heads, read from the file where none is in memory.
    fn refill(&mut self, at: usize) -> io::Result<()> {
        let block = &mut self.blocks[at];
        if block.entries.is_empty() && block.next < block.end {
            let left = usize::try_from(block.end - block.next).unwrap_or(usize::MAX);
            let mut bytes = vec![0; left.min(BLOCK_ENTRIES) * Entry::BYTES];
            let file = self.file.as_mut().expect("chunks stand in a file");
            file.seek(SeekFrom::Start(block.next * Entry::BYTES as u64))?;
            file.read_exact(&mut bytes)?;
            let (entries, _) = bytes.as_chunks::<{ Entry::BYTES }>();
            block.entries.extend(entries.iter().rev().map(Entry::from_bytes));
            block.next += block.entries.len() as u64;
        }
        if let Some(head) = block.entries.last() {
            self.heads.push(Reverse((head.n, head.at, at)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Outcome;

    fn entry(n: u64, at: u64) -> Entry {
        let outcome = [Outcome::Unsaid, Outcome::Ok, Outcome::Failed, Outcome::Skipped];
        Entry {
            n,
            at,
            input: n.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            sha256: !n,
            kind: n as u32,
            status: n as u16,
            outcome: outcome[n as usize % 4],
        }
    }

    #[test]
    fn entries_come_in_order_whether_they_fit_or_not() {
        for (entries, chunk) in [(0, 4), (1, 4), (4, 4), (5, 4), (1000, 7), (1000, 1000)] {
            let mut sorter = Sorter::with_chunks_of(chunk);
            // 7919 is prime: each number below comes up, in a far from sorted order.
            let numbers = (0..entries).map(|at| (at * 7919 % entries.max(1)) / 2);
            let mut expected: Vec<Entry> = numbers.zip(0..).map(|(n, at)| entry(n, at)).collect();
            for entry in &expected {
                sorter.push(*entry).unwrap();
            }
            expected.sort_by_key(order);
            let mut sorted = sorter.finish().unwrap();
            let found: Vec<Entry> = std::iter::from_fn(|| sorted.next().unwrap()).collect();
            assert!(found == expected, "{entries} in chunks of {chunk}");
        }
    }
}
