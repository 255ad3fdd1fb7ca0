//! The bytes of an output: buffered, counted by record, cut back to a whole record on an error.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::{SinkError, SinkErrorKind};
use crate::sink::{Durability, Existing, OutputTarget, Position};

/// Bytes gathered before the system is called.
const BUFFER_BYTES: usize = 64 * 1024;

/// An opened output. Its length is always at the end of a whole record, as far as the system
/// lets it be (a pipe cannot be cut back).
pub(crate) struct Output {
    device: Box<dyn Device>,
    name: String,
    path: Option<PathBuf>,
    durability: Durability,
    /// Whole records that were accepted and not yet handed over.
    buffer: Vec<u8>,
    /// Where each record in `buffer` ends.
    ends: Vec<usize>,
    /// What was handed over.
    written: Position,
    /// A sync failed: what is on the disk is unknown from here on.
    lost: bool,
}

/// What bytes are handed to.
trait Device: Send {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Ends it after `len` bytes, where the next write goes on.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
    fn sync(&mut self) -> io::Result<()>;
}

/// Standard output. It keeps nothing back.
struct Stdout;
/// A regular file: it can be cut back.
struct Regular(File);
/// A named pipe, a terminal, `/dev/null`.
struct Stream(File);

impl Output {
    /// Opens, and checks what [`open`](crate::open) promises.
    pub(crate) fn open(
        target: &OutputTarget,
        existing: Existing,
        durability: Durability,
    ) -> Result<Self, SinkError> {
        let OutputTarget::File(path) = target else {
            return Ok(Self::new(Box::new(Stdout), None, durability));
        };
        let device = open_file(path, existing)?;
        Ok(Self::new(device, Some(path.clone()), durability))
    }

    fn new(device: Box<dyn Device>, path: Option<PathBuf>, durability: Durability) -> Self {
        let name = path.as_ref().map_or_else(|| "-".to_owned(), |path| path.display().to_string());
        Self {
            device,
            name,
            path,
            durability,
            buffer: Vec::with_capacity(BUFFER_BYTES * 2),
            ends: Vec::new(),
            written: Position::default(),
            lost: false,
        }
    }

    /// The path, or `-`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Accepts what `encode` appends as one record.
    pub(crate) fn record(&mut self, encode: impl FnOnce(&mut Vec<u8>)) -> Result<(), SinkError> {
        // Still full: an earlier write failed. Accepting more would grow without limit.
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush()?;
        }
        encode(&mut self.buffer);
        self.ends.push(self.buffer.len());
        if self.buffer.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }

    /// Accepts what stands before the first record (a header), which counts as none.
    pub(crate) fn preamble(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Hands over everything, as durably as asked.
    pub(crate) fn commit(&mut self) -> Result<Position, SinkError> {
        self.flush()?;
        if self.durability == Durability::Disk
            && let Err(source) = self.device.sync()
        {
            self.lost = true;
            return Err(self.error(source));
        }
        Ok(self.written)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        if self.lost {
            return Err(self.error(io::Error::other("an earlier sync failed")));
        }
        let mut sent = 0;
        let failed = loop {
            if sent == self.buffer.len() {
                break None;
            }
            match self.device.write(&self.buffer[sent..]) {
                Ok(0) => break Some(io::ErrorKind::WriteZero.into()),
                Ok(count) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Some(error),
            }
        };
        match failed {
            None => {
                self.advance(sent, self.ends.len());
                Ok(())
            }
            Some(source) => Err(self.cut_back(sent, source)),
        }
    }

    /// Ends the file after the last record that got through whole, and keeps the rest for later.
    fn cut_back(&mut self, sent: usize, source: io::Error) -> SinkError {
        let whole = self.ends.partition_point(|&end| end <= sent);
        let kept = whole.checked_sub(1).map_or(0, |last| self.ends[last]);
        let to = self.written.bytes + kept as u64;
        match self.device.truncate(to) {
            Ok(()) => self.advance(kept, whole),
            // Where it cannot be cut, what was sent must not be sent again.
            Err(_) => self.advance(sent, whole),
        }
        self.error(source)
    }

    fn advance(&mut self, bytes: usize, records: usize) {
        self.written.bytes += bytes as u64;
        self.written.records += records as u64;
        self.buffer.drain(..bytes);
        self.ends.drain(..records);
        for end in &mut self.ends {
            *end -= bytes;
        }
    }

    fn error(&self, source: io::Error) -> SinkError {
        SinkError::io(self.path.as_deref(), source, Some(self.written))
    }
}

impl Device for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut stdout = io::stdout().lock();
        let count = stdout.write(bytes)?;
        stdout.flush()?;
        Ok(count)
    }

    fn truncate(&mut self, _len: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Device for Regular {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.0.set_len(len)?;
        self.0.seek(SeekFrom::Start(len)).map(drop)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }
}

impl Device for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn truncate(&mut self, _len: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn open_file(path: &Path, existing: Existing) -> Result<Box<dyn Device>, SinkError> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if !directory.is_dir() {
        return Err(SinkError::found(SinkErrorKind::MissingDirectory, directory));
    }
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(|source| SinkError::io(Some(path), source, None))?;
    let said = |source| SinkError::io(Some(path), source, None);
    if !file.metadata().map_err(said)?.is_file() {
        return Ok(Box::new(Stream(file)));
    }
    // Before anything is replaced: the other run's file must survive. Where the file system
    // knows no locks there is nothing to ask.
    if let Err(TryLockError::WouldBlock) = file.try_lock() {
        return Err(SinkError::found(SinkErrorKind::Busy, path));
    }
    if file.metadata().map_err(said)?.len() > 0 {
        match existing {
            Existing::Refuse => return Err(SinkError::found(SinkErrorKind::Exists, path)),
            Existing::Overwrite => file.set_len(0).map_err(said)?,
        }
    }
    Ok(Box::new(Regular(file)))
}
