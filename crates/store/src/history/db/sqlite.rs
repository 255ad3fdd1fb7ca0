//! A connection to a SQLite file.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::functions::FunctionFlags;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode, OpenFlags, ToSql};

use super::super::error::HistoryErrorKind;
use super::{Bulk, Purpose, Row, Value};

/// How long another connection's lock is waited for: those of ours are held for milliseconds.
const LOCK_WAIT: Duration = Duration::from_secs(30);
/// Statements that are kept prepared.
const STATEMENTS_MAX: usize = 128;

pub(super) struct Sqlite(Connection);

impl Sqlite {
    pub(super) fn open(path: &Path, purpose: Purpose) -> Result<Self, HistoryErrorKind> {
        let flags = match purpose {
            Purpose::Watch => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
            Purpose::Beside => OpenFlags::SQLITE_OPEN_READ_WRITE,
            Purpose::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
        };
        if purpose == Purpose::Watch {
            if path.parent().is_some_and(|parent| parent != Path::new("") && !parent.is_dir()) {
                return Err(HistoryErrorKind::MissingDirectory);
            }
            make(path)?;
        } else if !path.exists() {
            return Err(HistoryErrorKind::Missing);
        }
        let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(said)?;
        connection.busy_timeout(LOCK_WAIT).map_err(said)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        Self::prepare(&connection, purpose).map_err(said)?;
        Ok(Self(connection))
    }

    fn prepare(connection: &Connection, purpose: Purpose) -> rusqlite::Result<()> {
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.pragma_update(None, "trusted_schema", "OFF")?;
        // SQLite's own knows the letters of ASCII only.
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
        connection.create_scalar_function("lower", 1, flags, |values| {
            Ok(values.get_raw(0).as_str_or_null()?.map(str::to_lowercase))
        })?;
        if purpose == Purpose::Read {
            return connection.pragma_update(None, "cache_size", -8_192);
        }
        if purpose == Purpose::Watch {
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        }
        // An alert that was written must not come again after a power cut: one sync a second.
        connection.pragma_update(None, "synchronous", "FULL")?;
        // Pages, 1.5 MB: the log is part of what a check costs on disk.
        connection.pragma_update(None, "wal_autocheckpoint", 384)?;
        // Bytes: after a large batch the log is cut back to this.
        connection.pragma_update_and_check(None, "journal_size_limit", 1 << 20, |_| Ok(()))?;
        // Kibibytes, negated.
        connection.pragma_update(None, "cache_size", -16_384)
    }

    pub(super) fn batch(&mut self, sql: &str) -> Result<(), HistoryErrorKind> {
        self.0.execute_batch(sql).map_err(said)
    }

    pub(super) fn exec(&mut self, sql: &str, values: &[Value]) -> Result<u64, HistoryErrorKind> {
        let run = || {
            let mut statement = self.0.prepare_cached(sql)?;
            bind(&mut statement, values)?;
            statement.raw_execute()
        };
        run().map(|rows| rows as u64).map_err(said)
    }

    pub(super) fn query(
        &mut self,
        sql: &str,
        values: &[Value],
    ) -> Result<Vec<Row>, HistoryErrorKind> {
        let run = || {
            let mut statement = self.0.prepare_cached(sql)?;
            bind(&mut statement, values)?;
            let columns = statement.column_count();
            let mut found = Vec::new();
            let mut rows = statement.raw_query();
            while let Some(row) = rows.next()? {
                let cells = (0..columns).map(|at| row.get_ref(at).map(value));
                found.push(Row(cells.collect::<rusqlite::Result<_>>()?));
            }
            Ok(found)
        };
        run().map_err(said)
    }

    pub(super) fn put(&mut self, bulk: &Bulk, rows: &[Vec<Value>]) -> Result<(), HistoryErrorKind> {
        let names: Vec<_> = bulk.columns.iter().map(|(name, _)| *name).collect();
        let places = vec!["?"; names.len()].join(", ");
        let (table, names, conflict) = (bulk.table, names.join(", "), bulk.conflict);
        let sql = format!("INSERT INTO {table} ({names}) VALUES ({places}) {conflict}");
        let run = || {
            let mut statement = self.0.prepare_cached(&sql)?;
            for row in rows {
                bind(&mut statement, row)?;
                statement.raw_execute()?;
            }
            Ok(())
        };
        run().map_err(said)
    }
}

/// Makes the file, for its user alone: it holds what pages said. One that is there stays as it is.
fn make(path: &Path) -> Result<(), HistoryErrorKind> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(HistoryErrorKind::of_io(&error))
        }
        _ => Ok(()),
    }
}

fn bind(statement: &mut CachedStatement<'_>, values: &[Value]) -> rusqlite::Result<()> {
    values
        .iter()
        .enumerate()
        .try_for_each(|(at, value)| statement.raw_bind_parameter(at + 1, value))
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Real(number) => ValueRef::Real(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn value(cell: ValueRef<'_>) -> Value {
    match cell {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it ends an error's way")]
fn said(error: rusqlite::Error) -> HistoryErrorKind {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => HistoryErrorKind::Locked,
        Some(ErrorCode::DiskFull) => HistoryErrorKind::DiskFull,
        Some(ErrorCode::NotADatabase) => HistoryErrorKind::NotDatabase,
        Some(ErrorCode::DatabaseCorrupt) => {
            HistoryErrorKind::Damaged { what: error.to_string().into() }
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            HistoryErrorKind::Denied
        }
        _ => HistoryErrorKind::Other { what: error.to_string().into() },
    }
}
