//! Standard input, kept in a file while it is read: what came through a pipe can be read again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The file that standard input is kept in. It is under its name only when it is whole, and
/// durably so; until then `.part` is added.
#[derive(Clone, Debug)]
pub struct Spool(Arc<Mutex<Spooled>>);

#[derive(Debug)]
struct Spooled {
    path: PathBuf,
    file: File,
    bytes: u64,
    /// Whether standard input is at its end.
    ended: bool,
    /// Whether the file may have its name then: it is known to be what was read before.
    approved: bool,
}

impl Spool {
    /// Begins an empty one; one that is there goes. It gets its name once it is whole and
    /// [approved](Self::approve).
    ///
    /// # Errors
    /// When it cannot be written.
    #[expect(clippy::disallowed_methods, reason = "called before a run starts")]
    pub fn begin(path: &Path) -> io::Result<Self> {
        remove(path)?;
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(part(path))?;
        Ok(Self::new(Spooled {
            path: path.to_owned(),
            file,
            bytes: 0,
            ended: false,
            approved: false,
        }))
    }

    /// One that is whole; `None` if there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    #[expect(clippy::disallowed_methods, reason = "called before a run starts")]
    pub fn whole(path: &Path) -> io::Result<Option<Self>> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let bytes = file.metadata()?.len();
        Ok(Some(Self::new(Spooled {
            path: path.to_owned(),
            file,
            bytes,
            ended: true,
            approved: true,
        })))
    }

    fn new(spooled: Spooled) -> Self {
        Self(Arc::new(Mutex::new(spooled)))
    }

    /// What is read is what is to be kept: it was compared with what was there before, if
    /// anything was.
    ///
    /// # Errors
    /// When the file cannot be given its name.
    pub fn approve(&self) -> io::Result<()> {
        let mut spooled = self.lock();
        let was_approved = std::mem::replace(&mut spooled.approved, true);
        if spooled.ended && !was_approved { spooled.name() } else { Ok(()) }
    }

    /// Standard input from its beginning: first what is in the file, then what is still to come.
    pub(super) fn reader(&self) -> impl Read + Send + use<> {
        Reader { spool: self.clone(), rest: io::stdin(), at: 0 }
    }

    fn lock(&self) -> MutexGuard<'_, Spooled> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes a spool that is of no more use.
///
/// # Errors
/// When it is there and cannot be removed.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    for path in [path, &part(path)] {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn part(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

struct Reader<R> {
    spool: Spool,
    rest: R,
    at: u64,
}

impl<R: Read> Read for Reader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.spool.lock().read(self.at, &mut self.rest, into)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Spooled {
    fn read(&mut self, at: u64, rest: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
        if at < self.bytes {
            self.file.seek(SeekFrom::Start(at))?;
            return self.file.read(into);
        }
        if self.ended || into.is_empty() {
            return Ok(0);
        }
        let count = rest.read(into)?;
        if count == 0 {
            self.ended = true;
            if self.approved {
                self.name()?;
            }
        } else {
            // Opened for appending: where it was read does not matter.
            self.file.write_all(&into[..count])?;
            self.bytes += count as u64;
        }
        Ok(count)
    }

    fn name(&self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(part(&self.path), &self.path)?;
        gather_store::sync_name(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn what_was_read_can_be_read_again_and_the_rest_goes_on() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("r.stdin");
        let spool = Spool::begin(&path).expect("it begins");
        let mut pipe = Cursor::new(b"one\ntwo\nthree\n".to_vec());
        let mut first = Reader { spool: spool.clone(), rest: &mut pipe, at: 0 };
        let mut head = [0; 6];
        first.read_exact(&mut head).expect("it is there");
        drop(first);
        assert!(Spool::whole(&path).expect("readable").is_none(), "not whole yet");
        let mut second = Reader { spool: spool.clone(), rest: &mut pipe, at: 0 };
        let mut text = String::new();
        second.read_to_string(&mut text).expect("it ends");
        assert_eq!(text, "one\ntwo\nthree\n");
        assert!(Spool::whole(&path).expect("readable").is_none(), "not approved yet");
        spool.approve().expect("named");
        let spool = Spool::whole(&path).expect("readable").expect("whole");
        for _ in 0..2 {
            let mut text = String::new();
            let mut again = Reader { spool: spool.clone(), rest: io::empty(), at: 0 };
            again.read_to_string(&mut text).expect("it ends");
            assert_eq!(text, "one\ntwo\nthree\n");
        }
        remove(&path).expect("removed");
        assert!(!path.exists() && !part(&path).exists());
    }
}
