//! A file that only grows and is read back anywhere, cut to what was committed when it is opened
//! again.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

/// What is appended waits in memory up to this many bytes.
const WAITING_MAX: usize = 64 << 10;

/// A file that grows at its end. It blocks.
#[derive(Debug)]
pub struct Pile {
    file: File,
    /// The same file, to be synced while something else is appended.
    synced: Arc<File>,
    waiting: Vec<u8>,
    written: u64,
}

impl Pile {
    /// One without a name, that is safe to lose.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn nameless() -> io::Result<Self> {
        Self::of(tempfile::tempfile()?, 0)
    }

    /// A new one, for the owner alone; one that is there is replaced.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Self::of(options.open(path)?, 0)
    }

    /// One that is there, cut back to its first `bytes`.
    ///
    /// # Errors
    /// When it cannot be opened, or is shorter than that ([`io::ErrorKind::UnexpectedEof`]).
    pub fn open(path: &Path, bytes: u64) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        if file.metadata()?.len() < bytes {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is shorter than it was"));
        }
        file.set_len(bytes)?;
        Self::of(file, bytes)
    }

    fn of(file: File, written: u64) -> io::Result<Self> {
        let synced = Arc::new(file.try_clone()?);
        Ok(Self { file, synced, waiting: Vec::new(), written })
    }

    /// Its length in bytes, with what waits to be written.
    pub fn bytes(&self) -> u64 {
        self.written + self.waiting.len() as u64
    }

    /// Adds to its end; where that begins.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<u64> {
        let at = self.bytes();
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= WAITING_MAX {
            self.flush()?;
        }
        Ok(at)
    }

    /// Reads what stands at `at`, less than asked for only at its end.
    ///
    /// # Errors
    /// When it cannot be read, or what waits cannot be written.
    pub fn read(&mut self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        if at.saturating_add(into.len() as u64) > self.written {
            self.flush()?;
        }
        let left = usize::try_from(self.written.saturating_sub(at)).unwrap_or(usize::MAX);
        let into = &mut into[..];
        let count = into.len().min(left);
        self.file.seek(SeekFrom::Start(at))?;
        self.file.read_exact(&mut into[..count])?;
        Ok(count)
    }

    /// Reads exactly what stands at `at`.
    ///
    /// # Errors
    /// As [`read`](Self::read), and when there is less.
    pub fn read_exact(&mut self, at: u64, into: &mut [u8]) -> io::Result<()> {
        match self.read(at, into)? == into.len() {
            true => Ok(()),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Hands over what waits to the system; what to sync, and its length.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn flush(&mut self) -> io::Result<(Arc<File>, u64)> {
        if !self.waiting.is_empty() {
            self.file.seek(SeekFrom::Start(self.written))?;
            self.file.write_all(&self.waiting)?;
            self.written += self.waiting.len() as u64;
            self.waiting.clear();
        }
        Ok((Arc::clone(&self.synced), self.written))
    }

    /// All of it, to be read from its beginning before anything else is done with it.
    ///
    /// # Errors
    /// When what waits cannot be written.
    pub(crate) fn whole(&mut self) -> io::Result<File> {
        self.flush()?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.try_clone()
    }

    /// Cuts off what stands behind `bytes`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.flush()?;
        self.file.set_len(bytes)?;
        self.written = bytes;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_appended_is_read_back_and_cut() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("pile");
        let mut pile = Pile::create(&path).expect("made");
        assert_eq!(pile.append(b"first").expect("written"), 0);
        assert_eq!(pile.append(&[7; 100_000]).expect("written"), 5);
        assert_eq!(pile.append(b"last").expect("written"), 100_005);
        let mut text = [0; 5];
        pile.read_exact(0, &mut text).expect("read");
        assert_eq!(&text, b"first");
        assert_eq!(pile.read(100_005, &mut text).expect("read"), 4);
        assert_eq!(&text[..4], b"last");
        assert!(pile.read_exact(100_005, &mut text).is_err());
        pile.append(b"more").expect("written");
        pile.flush().expect("written");
        drop(pile);
        let mut pile = Pile::open(&path, 100_009).expect("opened");
        assert_eq!(pile.bytes(), 100_009);
        assert_eq!(pile.append(b"!").expect("written"), 100_009);
        pile.cut(5).expect("cut");
        assert_eq!(std::fs::read(&path).expect("read"), b"first");
        drop(pile);
        let error = Pile::open(&path, 6).expect_err("it is shorter");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
