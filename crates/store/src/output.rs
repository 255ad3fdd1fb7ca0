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
        let (device, written) = open_file(path, existing)?;
        if durability == Durability::Disk {
            sync_name(path).map_err(|source| SinkError::io(Some(path), source, None))?;
        }
        Ok(Self { written, ..Self::new(device, Some(path.clone()), durability) })
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

    /// Accepts what `encode` appends as one record; on an error it was not called.
    pub(crate) fn record(&mut self, encode: impl FnOnce(&mut Vec<u8>)) -> Result<(), SinkError> {
        // Before, not after: so an error says that this record was not accepted, and one that
        // lasts cannot fill the memory.
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush()?;
        }
        encode(&mut self.buffer);
        self.ends.push(self.buffer.len());
        Ok(())
    }

    /// Accepts what stands before the first record (a header), which counts as none. Where a run
    /// goes on, it stands there already.
    pub(crate) fn preamble(&mut self, bytes: &[u8]) {
        if self.written.bytes == 0 {
            self.buffer.extend_from_slice(bytes);
        }
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

/// Refuses what [`Output::open`] would refuse, changing nothing.
pub(crate) fn check(target: &OutputTarget, existing: Existing) -> Result<(), SinkError> {
    let OutputTarget::File(path) = target else { return Ok(()) };
    check_directory(path)?;
    match path.metadata() {
        // Opening and closing a pipe would tell its reader that all is over.
        Ok(about) if !about.is_file() && !about.is_dir() => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return match existing {
                Existing::Resume(position) if position.bytes > 0 => {
                    Err(SinkError::changed(path, position))
                }
                // Whether it can be made is seen when it is.
                _ => Ok(()),
            };
        }
        _ => {}
    }
    let file = OpenOptions::new()
        .write(true)
        .open(path)
        .map_err(|source| SinkError::io(Some(path), source, None))?;
    check_file(path, &file, existing).map(drop)
}

fn open_file(path: &Path, existing: Existing) -> Result<(Box<dyn Device>, Position), SinkError> {
    check_directory(path)?;
    let said = |source| SinkError::io(Some(path), source, None);
    let file =
        OpenOptions::new().write(true).create(true).truncate(false).open(path).map_err(said)?;
    match check_file(path, &file, existing)? {
        FileKind::Stream => Ok((Box::new(Stream(file)), Position::default())),
        FileKind::Regular => {
            let position = match existing {
                Existing::Resume(position) => position,
                Existing::Refuse | Existing::Overwrite => Position::default(),
            };
            let mut device = Regular(file);
            device.truncate(position.bytes).map_err(said)?;
            Ok((Box::new(device), position))
        }
    }
}

/// Makes a new file's name survive a power cut, like what is written to it.
///
/// # Errors
/// When its directory cannot be synced, although it can be read.
#[cfg(unix)]
pub fn sync_name(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let synced = File::open(parent.unwrap_or(Path::new("."))).and_then(|dir| dir.sync_all());
    match synced {
        // A directory that may not be read, or a file system that knows no such thing.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::PermissionDenied
                    | io::ErrorKind::InvalidInput
                    | io::ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        synced => synced,
    }
}

/// Elsewhere a directory cannot be synced.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn sync_name(_path: &Path) -> io::Result<()> {
    Ok(())
}

pub(crate) enum FileKind {
    Regular,
    Stream,
}

/// Refuses a path whose directory is missing.
pub(crate) fn check_directory(path: &Path) -> Result<(), SinkError> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() && !parent.is_dir() => {
            Err(SinkError::found(SinkErrorKind::MissingDirectory, parent))
        }
        _ => Ok(()),
    }
}

/// Locks the file, so that no other run writes it, and refuses one that is to be left alone.
pub(crate) fn check_file(
    path: &Path,
    file: &File,
    existing: Existing,
) -> Result<FileKind, SinkError> {
    let said = |source| SinkError::io(Some(path), source, None);
    if !file.metadata().map_err(said)?.is_file() {
        return Ok(FileKind::Stream);
    }
    // Where the file system knows no locks there is nothing to ask.
    if let Err(TryLockError::WouldBlock) = file.try_lock() {
        return Err(SinkError::found(SinkErrorKind::Busy, path));
    }
    // Only now: the other run may have just written.
    let bytes = file.metadata().map_err(said)?.len();
    match existing {
        Existing::Refuse if bytes > 0 => Err(SinkError::found(SinkErrorKind::Exists, path)),
        Existing::Resume(position) if bytes < position.bytes => {
            Err(SinkError::changed(path, position))
        }
        Existing::Refuse | Existing::Overwrite | Existing::Resume(_) => Ok(FileKind::Regular),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A disk of a given size.
    struct SmallDisk {
        bytes: Arc<Mutex<Vec<u8>>>,
        size: Arc<Mutex<usize>>,
        cuts: Cuts,
        syncs: Vec<io::ErrorKind>,
    }

    #[derive(Clone, Copy, PartialEq)]
    enum Cuts {
        Possible,
        Impossible,
    }

    impl Device for SmallDisk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut held = self.bytes.lock().unwrap();
            let fits = (*self.size.lock().unwrap() - held.len()).min(bytes.len());
            if fits == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            // In two pieces, as a system may.
            let fits = fits.div_ceil(2);
            held.extend_from_slice(&bytes[..fits]);
            Ok(fits)
        }

        fn truncate(&mut self, len: u64) -> io::Result<()> {
            match self.cuts {
                Cuts::Possible => {
                    self.bytes.lock().unwrap().truncate(usize::try_from(len).unwrap());
                    Ok(())
                }
                Cuts::Impossible => Err(io::ErrorKind::Unsupported.into()),
            }
        }

        fn sync(&mut self) -> io::Result<()> {
            self.syncs.pop().map_or(Ok(()), |kind| Err(kind.into()))
        }
    }

    struct Disk {
        output: Output,
        bytes: Arc<Mutex<Vec<u8>>>,
        size: Arc<Mutex<usize>>,
    }

    impl Disk {
        fn new(size: usize, cuts: Cuts, syncs: Vec<io::ErrorKind>) -> Self {
            let (bytes, size) = (Arc::default(), Arc::new(Mutex::new(size)));
            let device =
                SmallDisk { bytes: Arc::clone(&bytes), size: Arc::clone(&size), cuts, syncs };
            let path = Some(PathBuf::from("out.jsonl"));
            Self { output: Output::new(Box::new(device), path, Durability::Disk), bytes, size }
        }

        fn record(&mut self, text: &str) {
            self.output.record(|buffer| buffer.extend_from_slice(text.as_bytes())).unwrap();
        }

        fn held(&self) -> String {
            String::from_utf8(self.bytes.lock().unwrap().clone()).unwrap()
        }
    }

    #[test]
    fn a_full_disk_keeps_whole_records_and_goes_on_where_it_stopped() {
        for size in 0..30 {
            let mut disk = Disk::new(size, Cuts::Possible, Vec::new());
            disk.output.preamble(b"head\n");
            disk.record("first\n");
            disk.record("second\n");
            let error = disk.output.commit().err();
            let expected = match size {
                0..11 => "",
                11..18 => "head\nfirst\n",
                _ => "head\nfirst\nsecond\n",
            };
            assert_eq!(disk.held(), expected, "a disk of {size} bytes");
            if let Some(error) = &error {
                assert_eq!(error.kind, SinkErrorKind::DiskFull);
                assert_eq!(error.kept.unwrap().bytes, expected.len() as u64);
            }
            assert_eq!(error.is_none(), size >= 18);
            *disk.size.lock().unwrap() = 1000;
            disk.record("third\n");
            let position = disk.output.commit().unwrap();
            assert_eq!(disk.held(), "head\nfirst\nsecond\nthird\n", "a disk of {size} bytes");
            assert_eq!(position, Position { parts: 0, bytes: 24, records: 3 });
        }
    }

    #[test]
    fn what_cannot_be_cut_back_is_not_sent_twice() {
        let mut disk = Disk::new(8, Cuts::Impossible, Vec::new());
        disk.record("first\n");
        disk.record("second\n");
        disk.output.commit().unwrap_err();
        assert_eq!(disk.held(), "first\nse");
        *disk.size.lock().unwrap() = 1000;
        disk.output.commit().unwrap();
        assert_eq!(disk.held(), "first\nsecond\n");
    }

    #[test]
    fn a_full_disk_does_not_fill_memory() {
        let mut disk = Disk::new(0, Cuts::Possible, Vec::new());
        let line = "x".repeat(1000);
        let refused = (0..1000)
            .filter(|_| disk.output.record(|b| b.extend_from_slice(line.as_bytes())).is_err())
            .count();
        assert!(refused > 900);
        assert!(disk.output.buffer.len() <= BUFFER_BYTES + line.len());
    }

    #[cfg(unix)]
    #[test]
    fn a_closed_pipe_is_said_to_be_closed() {
        let (reader, writer) = io::pipe().unwrap();
        let file = File::from(std::os::fd::OwnedFd::from(writer));
        let mut output = Output::new(Box::new(Stream(file)), None, Durability::Disk);
        output.record(|buffer| buffer.extend_from_slice(b"read\n")).unwrap();
        output.commit().unwrap();
        drop(reader);
        output.record(|buffer| buffer.extend_from_slice(b"unread\n")).unwrap();
        let error = output.commit().unwrap_err();
        assert_eq!(error.kind, SinkErrorKind::Closed);
        assert_eq!(error.kept, Some(Position { parts: 0, bytes: 5, records: 1 }));
    }

    #[test]
    fn a_failed_sync_is_never_tried_again() {
        let mut disk = Disk::new(1000, Cuts::Possible, vec![io::ErrorKind::Other]);
        disk.record("first\n");
        assert_eq!(disk.output.commit().unwrap_err().kind, SinkErrorKind::Io);
        let again = disk.output.commit().unwrap_err();
        assert!(again.to_string().contains("an earlier sync failed"), "{again}");
    }
}
