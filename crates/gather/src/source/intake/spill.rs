//! Queues of targets that begin in memory and go on, together, in one temporary file.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use gather_core::target::Target;

use super::codec::{Codec, LENGTH_BYTES, encode_unparsed, entry_length, split_entry};
use crate::source::Unparsed;

/// All queues of an intake. In memory are at most about `buffer_bytes_max` of their targets, as
/// bytes, and where the others stand in the file.
pub(super) struct Spill {
    dir: PathBuf,
    buffer_bytes_max: usize,
    /// Made when it is first needed.
    file: Option<File>,
    file_end: u64,
    /// Bytes in the file that were not read back yet.
    live_bytes: u64,
    buffered_bytes: usize,
    queues: Vec<Queue>,
    free: Vec<usize>,
    codec: Codec,
}

/// Names a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct QueueId(usize);

/// First in, first out: the extents, then the tail.
#[derive(Default)]
struct Queue {
    extents: VecDeque<Extent>,
    tail: Vec<u8>,
    /// Where in `tail` the first entry stands that was not taken yet.
    tail_start: usize,
    tail_count: u64,
    count: u64,
}

/// Entries that stand one after the other in the file.
struct Extent {
    offset: u64,
    length: u64,
    count: u64,
}

/// Read beyond what is expected to be needed, because entries differ in length.
const SLACK_BYTES: u64 = 256;

impl Spill {
    pub(super) fn new(dir: PathBuf, buffer_bytes_max: usize) -> Self {
        Self {
            dir,
            buffer_bytes_max,
            file: None,
            file_end: 0,
            live_bytes: 0,
            buffered_bytes: 0,
            queues: Vec::new(),
            free: Vec::new(),
            codec: Codec::new(),
        }
    }

    /// A new, empty queue.
    pub(super) fn open_queue(&mut self) -> QueueId {
        QueueId(self.free.pop().unwrap_or_else(|| {
            self.queues.push(Queue::default());
            self.queues.len() - 1
        }))
    }

    /// Gives up an empty queue.
    pub(super) fn close_queue(&mut self, id: QueueId) {
        debug_assert!(self.is_empty(id), "a queue is closed when all of it was taken");
        self.queues[id.0] = Queue::default();
        self.free.push(id.0);
    }

    pub(super) fn is_empty(&self, id: QueueId) -> bool {
        self.queues[id.0].count == 0
    }

    /// Appends a target.
    pub(super) fn push(&mut self, id: QueueId, target: &Target) -> io::Result<()> {
        self.append(id, |codec, tail| codec.encode(target, tail))
    }

    /// Appends the target of an input that is parsed when it is taken.
    pub(super) fn push_unparsed(&mut self, id: QueueId, unparsed: &Unparsed) -> io::Result<()> {
        self.append(id, |_, tail| encode_unparsed(unparsed, tail))
    }

    /// The target of an input that needs not be set aside.
    pub(super) fn parse(&mut self, unparsed: &Unparsed) -> io::Result<Target> {
        self.codec.target(unparsed).ok_or_else(damaged)
    }

    fn append(
        &mut self,
        id: QueueId,
        encode: impl FnOnce(&mut Codec, &mut Vec<u8>),
    ) -> io::Result<()> {
        let queue = &mut self.queues[id.0];
        let before = queue.tail.len();
        encode(&mut self.codec, &mut queue.tail);
        self.buffered_bytes += queue.tail.len() - before;
        queue.tail_count += 1;
        queue.count += 1;
        if self.buffered_bytes > self.buffer_bytes_max { self.flush() } else { Ok(()) }
    }

    /// Takes the first targets of a queue: at most `max`, at least one if there is one.
    pub(super) fn pop(
        &mut self,
        id: QueueId,
        max: usize,
        into: &mut impl Extend<Target>,
    ) -> io::Result<usize> {
        if max == 0 || self.is_empty(id) {
            return Ok(0);
        }
        let taken = if self.queues[id.0].extents.is_empty() {
            self.pop_tail(id, max, into)?
        } else {
            self.pop_extent(id, max, into)?
        };
        self.queues[id.0].count -= taken as u64;
        Ok(taken)
    }

    /// Bytes of waiting targets in memory.
    pub(super) fn buffered_bytes(&self) -> usize {
        self.buffered_bytes
    }

    /// Bytes the file occupies.
    pub(super) fn file_bytes(&self) -> u64 {
        self.file_end
    }

    fn pop_tail(
        &mut self,
        id: QueueId,
        max: usize,
        into: &mut impl Extend<Target>,
    ) -> io::Result<usize> {
        let queue = &mut self.queues[id.0];
        let (taken, bytes) = decode(&mut self.codec, &queue.tail[queue.tail_start..], max, into)?;
        queue.tail_start += bytes;
        queue.tail_count -= taken as u64;
        // Move what is left to the front only when that is the smaller half.
        if queue.tail_start * 2 >= queue.tail.len() {
            self.buffered_bytes -= queue.tail_start;
            queue.tail.drain(..queue.tail_start);
            queue.tail_start = 0;
            queue.tail.shrink_to(queue.tail.len() * 2);
        }
        Ok(taken)
    }

    fn pop_extent(
        &mut self,
        id: QueueId,
        max: usize,
        into: &mut impl Extend<Target>,
    ) -> io::Result<usize> {
        let queue = &mut self.queues[id.0];
        let extent = queue.extents.front_mut().expect("the caller looked");
        let file = self.file.as_mut().ok_or_else(damaged)?;
        let expected = extent.length / extent.count * max as u64;
        let length = (expected + expected / 8 + SLACK_BYTES).min(extent.length);
        let mut bytes = read_at(file, extent.offset, length)?;
        let whole = entry_length(&bytes).ok_or_else(damaged)? + LENGTH_BYTES;
        if whole > bytes.len() {
            bytes = read_at(file, extent.offset, whole as u64)?;
        }
        let (taken, used) = decode(&mut self.codec, &bytes, max, into)?;
        if taken == 0 {
            return Err(damaged());
        }
        extent.offset += used as u64;
        extent.length -= used as u64;
        extent.count -= taken as u64;
        self.live_bytes -= used as u64;
        if extent.count == 0 {
            queue.extents.pop_front();
        }
        if self.live_bytes == 0 {
            file.set_len(0)?;
            self.file_end = 0;
        }
        Ok(taken)
    }

    /// Writes all tails to the file, each in one piece.
    fn flush(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile_in(&self.dir)?),
        };
        file.seek(SeekFrom::Start(self.file_end))?;
        let mut out = BufWriter::with_capacity(64 << 10, file);
        for queue in &mut self.queues {
            let bytes = &queue.tail[queue.tail_start..];
            if bytes.is_empty() {
                continue;
            }
            out.write_all(bytes)?;
            let length = bytes.len() as u64;
            match queue.extents.back_mut() {
                Some(last) if last.offset + last.length == self.file_end => {
                    last.length += length;
                    last.count += queue.tail_count;
                }
                _ => queue.extents.push_back(Extent {
                    offset: self.file_end,
                    length,
                    count: queue.tail_count,
                }),
            }
            self.file_end += length;
            self.live_bytes += length;
            queue.tail = Vec::new();
            queue.tail_start = 0;
            queue.tail_count = 0;
        }
        self.buffered_bytes = 0;
        out.flush()
    }
}

/// Takes whole entries from the front of `bytes`: how many, and their length together.
fn decode(
    codec: &mut Codec,
    bytes: &[u8],
    max: usize,
    into: &mut impl Extend<Target>,
) -> io::Result<(usize, usize)> {
    let mut rest = bytes;
    let mut taken = 0;
    while taken < max
        && let Some((entry, after)) = split_entry(rest)
    {
        into.extend([codec.decode(entry).ok_or_else(damaged)?]);
        rest = after;
        taken += 1;
    }
    Ok((taken, bytes.len() - rest.len()))
}

fn read_at(file: &mut File, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    let length = usize::try_from(length).map_err(|_| damaged())?;
    let mut bytes = vec![0; length];
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the temporary file was damaged")
}
