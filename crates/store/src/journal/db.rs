//! The tables of a journal: what is written to SQLite, and what is read back and checked.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Params, Transaction, config::DbConfig};

use super::book::State;
use super::done::{CHUNK_BYTES, Done};
use super::error::{JournalError, JournalErrorKind};
use super::kept::Kept;
use super::sum::Column::Bytes;
use super::sum::sum;
use super::{APPLICATION_ID, Block, FORMAT, HostRow, lock};
use crate::sink::{Position, RunInfo};

const TABLES: &str = "
CREATE TABLE run (id TEXT NOT NULL, started_us INTEGER NOT NULL, program TEXT NOT NULL,
    salt BLOB NOT NULL, sum INTEGER NOT NULL) STRICT;
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL, secret INTEGER NOT NULL,
    sum INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE sink (name TEXT PRIMARY KEY, parts INTEGER NOT NULL, bytes INTEGER NOT NULL,
    records INTEGER NOT NULL, sum INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE state (only INTEGER PRIMARY KEY CHECK (only = 1), commits INTEGER NOT NULL,
    prefix INTEGER NOT NULL, done INTEGER NOT NULL, inputs INTEGER NOT NULL,
    read_to_end INTEGER NOT NULL, finished INTEGER NOT NULL, sums TEXT NOT NULL,
    sum INTEGER NOT NULL) STRICT;
CREATE TABLE done (chunk INTEGER PRIMARY KEY, bits BLOB NOT NULL, sum INTEGER NOT NULL) STRICT;
CREATE TABLE input (block INTEGER PRIMARY KEY, items INTEGER NOT NULL, hash INTEGER NOT NULL,
    source TEXT NOT NULL, line INTEGER NOT NULL, sum INTEGER NOT NULL) STRICT;
CREATE TABLE begun (n INTEGER PRIMARY KEY, sum INTEGER NOT NULL) STRICT;
CREATE TABLE host (host TEXT PRIMARY KEY, state TEXT NOT NULL, sum INTEGER NOT NULL)
    STRICT, WITHOUT ROWID;
";

/// A connection that has the journal to itself.
pub(super) struct Db(Connection);

/// The tables within one transaction.
pub(super) struct Tables<'a>(Transaction<'a>);

impl Db {
    /// Connects to a file that exists, and takes the lock on it.
    pub(super) fn connect(path: &Path) -> Result<Self, JournalError> {
        let said = |error| failed(path, &error);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(said)?;
        connection.busy_timeout(Duration::ZERO).map_err(said)?;
        connection
            .execute_batch(
                "PRAGMA locking_mode = EXCLUSIVE; PRAGMA trusted_schema = OFF;
                 PRAGMA cell_size_check = ON;",
            )
            .map_err(said)?;
        // Before anything of it is changed: it may be a database of somebody's.
        let number = |sql: &str| connection.query_row(sql, (), |row| row.get::<_, i64>(0));
        let application = number("PRAGMA application_id").map_err(said)?;
        let is_empty =
            application == 0 && number("SELECT count(*) FROM sqlite_schema").map_err(said)? == 0;
        if application != i64::from(APPLICATION_ID) && !is_empty {
            return Err(JournalError::new(path, JournalErrorKind::NotAJournal));
        }
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN IMMEDIATE; COMMIT;",
            )
            .map_err(said)?;
        Ok(Self(connection))
    }

    /// Makes the tables of a new journal and its first rows.
    pub(super) fn fill(
        &mut self,
        path: &Path,
        run: &RunInfo,
        salt: &[u8],
        first: impl FnOnce(&Tables<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), JournalError> {
        self.write(path, |tables| {
            tables.0.execute_batch(TABLES)?;
            tables.0.pragma_update(None, "application_id", APPLICATION_ID)?;
            tables.0.pragma_update(None, "user_version", FORMAT)?;
            let (started, program) = (run.started_unix_us.cast_signed(), PROGRAM);
            let columns = [(*run.id).into(), started.into(), program.into(), Bytes(salt)];
            tables.put(
                "INSERT INTO run VALUES (?1, ?2, ?3, ?4, ?5)",
                (&*run.id, started, program, salt, sum(&columns)),
            )?;
            first(tables)
        })?;
        // So that the file is a journal by itself, whatever becomes of the log beside it.
        let truncated = self.0.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()));
        truncated.map_err(|error| failed(path, &error))
    }

    /// Writes in one transaction.
    pub(super) fn write(
        &mut self,
        path: &Path,
        changes: impl FnOnce(&Tables<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), JournalError> {
        let in_one = || {
            let tables = Tables(self.0.transaction()?);
            changes(&tables)?;
            tables.0.commit()
        };
        in_one().map_err(|error| failed(path, &error))
    }

    /// A write failed: what is on the disk is unknown, and nothing is to be copied from there.
    pub(super) fn give_up(&self) {
        // It is only asked to do less; if it does not, the next opening checks every row.
        let _ = self.0.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
    }

    /// Random bytes that the secrets of a run are hashed with.
    pub(super) fn salt(&self, path: &Path) -> Result<Box<[u8]>, JournalError> {
        let salt = self.0.query_row("SELECT randomblob(16)", (), |row| row.get::<_, Vec<u8>>(0));
        salt.map(Into::into).map_err(|error| failed(path, &error))
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.0
    }
}

/// What began a run.
const PROGRAM: &str = concat!("gather ", env!("CARGO_PKG_VERSION"));

impl Tables<'_> {
    fn put(&self, sql: &str, values: impl Params) -> rusqlite::Result<()> {
        self.0.prepare_cached(sql)?.execute(values).map(drop)
    }

    pub(super) fn settings(&self, settings: &[Kept]) -> rusqlite::Result<()> {
        self.put("DELETE FROM setting", ())?;
        settings.iter().try_for_each(|Kept { name, value, is_secret }| {
            let secret = i64::from(*is_secret);
            let sum = sum(&[(**name).into(), (**value).into(), secret.into()]);
            self.put("INSERT INTO setting VALUES (?1, ?2, ?3, ?4)", (name, value, secret, sum))
        })
    }

    pub(super) fn sink(&self, name: &str, position: &Position) -> rusqlite::Result<()> {
        let Position { parts, bytes, records } = *position;
        let (parts, bytes) = (i64::from(parts), bytes.cast_signed());
        let records = records.cast_signed();
        let sum = sum(&[name.into(), parts.into(), bytes.into(), records.into()]);
        self.put(
            "INSERT OR REPLACE INTO sink VALUES (?1, ?2, ?3, ?4, ?5)",
            (name, parts, bytes, records, sum),
        )
    }

    pub(super) fn state(&self, state: &State, done: &Done) -> rusqlite::Result<()> {
        let numbers = [
            state.commits.cast_signed(),
            done.prefix().cast_signed(),
            done.count().cast_signed(),
            state.inputs.cast_signed(),
            i64::from(state.read_to_end),
            i64::from(state.finished),
        ];
        let [commits, prefix, count, inputs, read_to_end, finished] = numbers;
        let [a, b, c, d, e, f] = numbers.map(Into::into);
        let sum = sum(&[a, b, c, d, e, f, (*state.sums).into()]);
        self.put(
            "INSERT OR REPLACE INTO state VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            (commits, prefix, count, inputs, read_to_end, finished, &state.sums, sum),
        )
    }

    pub(super) fn chunk(&self, chunk: u64, bits: &[u8; CHUNK_BYTES]) -> rusqlite::Result<()> {
        let chunk = chunk.cast_signed();
        let sum = sum(&[chunk.into(), Bytes(bits)]);
        self.put("INSERT OR REPLACE INTO done VALUES (?1, ?2, ?3)", (chunk, &bits[..], sum))
    }

    pub(super) fn drop_chunks_before(&self, chunk: u64) -> rusqlite::Result<()> {
        self.put("DELETE FROM done WHERE chunk < ?1", (chunk.cast_signed(),))
    }

    pub(super) fn block(&self, block: &Block) -> rusqlite::Result<()> {
        let [number, items, hash, line] =
            [block.block, block.items, block.hash, block.line].map(u64::cast_signed);
        let source = &*block.source;
        let sum = sum(&[number.into(), items.into(), hash.into(), source.into(), line.into()]);
        self.put(
            "INSERT OR REPLACE INTO input VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (number, items, hash, source, line, sum),
        )
    }

    pub(super) fn begun(&self, n: u64) -> rusqlite::Result<()> {
        let n = n.cast_signed();
        self.put("INSERT OR REPLACE INTO begun VALUES (?1, ?2)", (n, sum(&[n.into()])))
    }

    pub(super) fn over(&self, n: u64) -> rusqlite::Result<()> {
        self.put("DELETE FROM begun WHERE n = ?1", (n.cast_signed(),))
    }

    pub(super) fn host(&self, row: &HostRow) -> rusqlite::Result<()> {
        let host = &*row.host;
        let Some(state) = row.state.as_deref() else {
            return self.put("DELETE FROM host WHERE host = ?1", (host,));
        };
        let sum = sum(&[host.into(), state.into()]);
        self.put("INSERT OR REPLACE INTO host VALUES (?1, ?2, ?3)", (host, state, sum))
    }
}

/// What SQLite says about the journal at `path`.
pub(super) fn failed(path: &Path, error: &rusqlite::Error) -> JournalError {
    use rusqlite::ErrorCode;
    let kind = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            JournalErrorKind::Busy { pid: lock::holder(path) }
        }
        Some(ErrorCode::NotADatabase) => JournalErrorKind::NotAJournal,
        Some(ErrorCode::DatabaseCorrupt) => JournalErrorKind::Damaged { what: error.to_string() },
        Some(ErrorCode::DiskFull) => JournalErrorKind::DiskFull,
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            JournalErrorKind::Io { what: error.to_string() }
        }
        _ => JournalErrorKind::Other { what: error.to_string() },
    };
    JournalError::new(path, kind)
}
