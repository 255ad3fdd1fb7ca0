//! Answers to compare the next run's with: a small SQLite file of validators, and where bodies are.
//!
//! Two connections to one file: lookups by the thread that hands out targets, changes by the writer.
//! Several runs may share it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gather_core::cache::Stored;
use gather_core::record::Archived;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, Row, params};

use crate::error::{SinkError, SinkErrorKind};

/// `gthc`: what the file says it is (SQLite's `application_id`).
const APPLICATION_ID: i64 = 0x6774_6863;
/// The form of its table (SQLite's `user_version`).
const VERSION: i64 = 1;
/// How long another run may hold the file.
const BUSY: Duration = Duration::from_secs(10);

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS answer (
        key BLOB PRIMARY KEY,
        url TEXT NOT NULL,
        etag TEXT,
        last_modified TEXT,
        content_type TEXT,
        sha256 BLOB NOT NULL,
        body_bytes INTEGER NOT NULL,
        body_path TEXT,
        warc_file TEXT,
        warc_offset INTEGER,
        warc_length INTEGER,
        born_unix_us INTEGER NOT NULL,
        fresh_until_unix_us INTEGER NOT NULL
    ) WITHOUT ROWID";

/// Looks answers up.
#[derive(Debug)]
pub struct CacheReader {
    connection: Connection,
    path: PathBuf,
}

/// Keeps answers: what is put is written by the next commit.
#[derive(Debug)]
pub struct CacheWriter {
    connection: Connection,
    path: PathBuf,
    pending: Vec<Change>,
}

#[derive(Debug)]
enum Change {
    Put([u8; 32], Box<str>, Box<Stored>),
    Remove([u8; 32]),
}

/// Opens the cache in this file, which is made if it does not exist.
///
/// # Errors
/// When its directory is missing or not writable, or it is another kind of file.
pub fn open_cache(path: &Path) -> Result<(CacheReader, CacheWriter), SinkError> {
    let said = |error| failed(path, error);
    crate::output::check_directory(path)?;
    let connection = Connection::open(path).map_err(said)?;
    connection.busy_timeout(BUSY).map_err(said)?;
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(said)?;
    let is_ours = pragma("application_id").map_err(said)? == APPLICATION_ID
        && pragma("user_version").map_err(said)? == VERSION;
    if tables > 0 && !is_ours {
        return Err(SinkError::found(SinkErrorKind::NotACache, path));
    }
    connection
        .pragma_update(None, "journal_mode", "wal")
        // What the last group loses in a power cut is fetched in full next time.
        .and_then(|()| connection.pragma_update(None, "synchronous", "normal"))
        .and_then(|()| connection.pragma_update(None, "application_id", APPLICATION_ID))
        .and_then(|()| connection.pragma_update(None, "user_version", VERSION))
        .and_then(|()| connection.execute_batch(SCHEMA))
        .map_err(said)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let reader = Connection::open_with_flags(path, flags).map_err(said)?;
    reader.busy_timeout(BUSY).map_err(said)?;
    Ok((
        CacheReader { connection: reader, path: path.to_owned() },
        CacheWriter { connection, path: path.to_owned(), pending: Vec::new() },
    ))
}

impl CacheReader {
    /// The answer of this key.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn find(&self, key: &[u8; 32]) -> Result<Option<Stored>, SinkError> {
        let said = |error| failed(&self.path, error);
        let mut find = self
            .connection
            .prepare_cached(
                "SELECT etag, last_modified, content_type, sha256, body_bytes, body_path, \
                 warc_file, warc_offset, warc_length, born_unix_us, fresh_until_unix_us \
                 FROM answer WHERE key = ?1",
            )
            .map_err(said)?;
        find.query_row([key.as_slice()], stored).optional().map_err(said)
    }
}

impl CacheWriter {
    /// Keeps an answer in place of an earlier one. `url` is for people who look into the file.
    pub fn put(&mut self, key: [u8; 32], url: &str, stored: Stored) {
        self.pending.push(Change::Put(key, url.into(), Box::new(stored)));
    }

    /// Forgets an answer.
    pub fn remove(&mut self, key: [u8; 32]) {
        self.pending.push(Change::Remove(key));
    }

    /// Writes what was put and removed since the last commit; it is as much as one group of
    /// records.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn commit(&mut self) -> Result<(), SinkError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let Self { connection, path, pending } = self;
        let mut write = || {
            let transaction = connection.transaction()?;
            for change in pending.iter() {
                apply(&transaction, change)?;
            }
            transaction.commit()
        };
        write().map_err(|error| failed(path, error))?;
        pending.clear();
        Ok(())
    }
}

fn apply(connection: &Connection, change: &Change) -> rusqlite::Result<()> {
    let (key, url, stored) = match change {
        Change::Put(key, url, stored) => (key, url, stored),
        Change::Remove(key) => {
            let mut remove = connection.prepare_cached("DELETE FROM answer WHERE key = ?1")?;
            return remove.execute([key.as_slice()]).map(drop);
        }
    };
    let archived = stored.archived.as_ref();
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO answer VALUES \
             (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            key.as_slice(),
            url,
            stored.etag,
            stored.last_modified,
            stored.content_type.as_deref(),
            stored.sha256.as_slice(),
            stored.body_bytes.cast_signed(),
            stored.body_path,
            archived.map(|archived| &*archived.file),
            archived.map(|archived| archived.offset.cast_signed()),
            archived.map(|archived| archived.length.cast_signed()),
            stored.born_unix_us.cast_signed(),
            stored.fresh_until_unix_us.min(i64::MAX.cast_unsigned()).cast_signed(),
        ])
        .map(drop)
}

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let number = |at| row.get::<_, i64>(at).map(i64::cast_unsigned);
    let text = |at| row.get::<_, Option<Box<str>>>(at);
    let archived = match text(6)? {
        None => None,
        Some(file) => Some(Archived { file: file.into(), offset: number(7)?, length: number(8)? }),
    };
    Ok(Stored {
        etag: text(0)?,
        last_modified: text(1)?,
        content_type: text(2)?.map(Into::into),
        sha256: row.get(3)?,
        body_bytes: number(4)?,
        body_path: text(5)?,
        archived,
        born_unix_us: number(9)?,
        fresh_until_unix_us: number(10)?,
    })
}

fn failed(path: &Path, error: rusqlite::Error) -> SinkError {
    if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) {
        return SinkError::found(SinkErrorKind::NotACache, path);
    }
    SinkError::io(Some(path), io::Error::other(error), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(n: u8) -> Stored {
        Stored {
            etag: Some(format!("\"{n}\"").into()),
            last_modified: n.is_multiple_of(2).then(|| "Sun, 06 Nov 1994 08:49:37 GMT".into()),
            content_type: Some("text/html".into()),
            sha256: [n; 32],
            body_bytes: u64::from(n),
            body_path: n.is_multiple_of(2).then(|| "bodies/ab/cd.html".into()),
            archived: n.is_multiple_of(3).then(|| Archived {
                file: "a.warc.gz".into(),
                offset: 1 << 40,
                length: 7,
            }),
            born_unix_us: 1,
            fresh_until_unix_us: 2,
        }
    }

    #[test]
    fn what_is_committed_is_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cache.db");
        for round in 0..2 {
            let (reader, mut writer) = open_cache(&path).unwrap();
            for n in 0..6 {
                let before = (round == 1 && n != 3).then(|| answer(n));
                assert_eq!(reader.find(&[n; 32]).unwrap(), before, "{round} {n}");
                writer.put([n; 32], "http://a.example/", answer(n + 1));
                writer.put([n; 32], "http://a.example/", answer(n));
            }
            writer.remove([3; 32]);
            writer.commit().unwrap();
            assert_eq!(reader.find(&[3; 32]).unwrap(), None);
            assert_eq!(reader.find(&[4; 32]).unwrap(), Some(answer(4)));
            let forever = Stored { fresh_until_unix_us: u64::MAX, ..answer(9) };
            writer.put([9; 32], "", forever);
            writer.commit().unwrap();
            let found = reader.find(&[9; 32]).unwrap().unwrap();
            assert_eq!(found.fresh_until_unix_us, i64::MAX.cast_unsigned());
        }
    }

    #[test]
    fn another_kind_of_file_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let text = dir.path().join("text");
        std::fs::write(&text, "no database, and long enough to be seen as none".repeat(30))
            .unwrap();
        let other = dir.path().join("other.db");
        let made = Connection::open(&other).unwrap();
        made.execute_batch("CREATE TABLE mine (a)").unwrap();
        drop(made);
        for path in [text, other, dir.path().join("none/cache.db")] {
            let before = std::fs::read(&path).ok();
            let error = open_cache(&path).unwrap_err();
            assert!(error.path.is_some(), "{error}");
            assert_eq!(std::fs::read(&path).ok(), before, "{error}");
        }
    }
}
