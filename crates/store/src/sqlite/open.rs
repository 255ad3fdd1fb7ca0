//! Opening a SQLite file, and what its errors mean: shared by all that keep something in one.

use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};

use crate::error::{SinkError, SinkErrorKind};
use crate::sink::{Durability, Position};

/// Opens a file for writing, and makes it if it is missing. Nothing in it is changed yet.
///
/// Whoever holds the lock is waited for, at most `lock_wait`, here and at every later statement.
pub(crate) fn open_file(path: &Path, lock_wait: Duration) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(lock_wait)?;
    Ok(connection)
}

/// Prepares a connection for writing: readers are never blocked (WAL), and a commit goes as far as
/// asked.
pub(crate) fn prepare(connection: &Connection, durability: Durability) -> rusqlite::Result<()> {
    // Where the file system cannot share memory, the file keeps its rollback journal: readers then
    // wait for commits, and nothing else changes.
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    let synchronous = match durability {
        Durability::System => "NORMAL",
        Durability::Disk => "FULL",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // Pages, 32 MB: at 4 MB a bulk of records waits for the disk twice as often.
    connection.pragma_update(None, "wal_autocheckpoint", 8_000)?;
    // Kibibytes, negated.
    connection.pragma_update(None, "cache_size", -16_384)
}

/// What an error of SQLite means for the file at `path`.
pub(crate) fn sink_error(
    path: &Path,
    error: &rusqlite::Error,
    kept: Option<Position>,
) -> SinkError {
    let kind = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => SinkErrorKind::Locked,
        Some(ErrorCode::DiskFull) => SinkErrorKind::DiskFull,
        Some(ErrorCode::NotADatabase) => SinkErrorKind::NotDatabase,
        Some(ErrorCode::DatabaseCorrupt) => SinkErrorKind::Corrupt,
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => SinkErrorKind::Denied,
        _ => SinkErrorKind::Io,
    };
    let source = Some(io::Error::other(error.to_string()));
    SinkError { kind, path: Some(path.to_owned()), source, kept }
}

/// Whether a sync failed: what is on the disk is then unknown, and nothing may be tried again.
pub(crate) fn is_failed_sync(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_extended_error_code(),
        Some(ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC)
    )
}
