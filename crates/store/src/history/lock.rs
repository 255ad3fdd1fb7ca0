//! One watch at a time: a locked file beside the database, which names the process that holds it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use super::error::{HistoryError, HistoryErrorKind};
use super::rows::HistoryPlace;

/// The lock; the system frees it when this is dropped or the process ends, however it ends.
#[derive(Debug)]
pub(super) struct WatchLock {
    _file: File,
}

impl WatchLock {
    /// Takes the lock on this database, or says who has it.
    pub(super) fn take(place: &HistoryPlace, path: &Path) -> Result<Self, HistoryError> {
        let io = |error| HistoryError::io(place, &error);
        let name = path_of(path);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&name).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Whoever holds it has written it, or is about to.
                let _length = (&file).take(64).read_to_string(&mut holder);
                let holder = holder.trim();
                let holder = (!holder.is_empty()).then(|| holder.into());
                return Err(HistoryError::new(place, HistoryErrorKind::Busy { holder }));
            }
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(io)?;
        writeln!(file, "process {}", std::process::id()).map_err(io)?;
        Ok(Self { _file: file })
    }
}

/// `gather.db` is locked by `gather.db.lock`, which stays there: removing it could free the lock of
/// somebody who has just taken it.
fn path_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}
