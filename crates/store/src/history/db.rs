//! Both databases behind one face: statements with values, rows, transactions.
//!
//! Statements are written as SQLite has them (`?1`, `INTEGER`, `BLOB`); for PostgreSQL the few
//! words that differ are replaced.

#[cfg(feature = "postgres")]
mod postgres;
mod sqlite;

use super::error::{HistoryError, HistoryErrorKind};
use super::rows::HistoryPlace;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The one writer: makes the tables.
    Watch,
    /// A second writer of small things.
    Beside,
    /// Reading only.
    Read,
}

/// A value of a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Int(i64),
    Real(f64),
    Text(Box<str>),
    Blob(Vec<u8>),
}

/// The type of a column, for rows that are put in bulk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Int,
    Text,
    Blob,
}

/// A row that was read.
#[derive(Debug)]
pub(super) struct Row(Vec<Value>);

/// How many rows are put in one: table, columns with their types, and what follows the values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bulk {
    pub(super) table: &'static str,
    pub(super) columns: &'static [(&'static str, Type)],
    /// `ON CONFLICT … DO UPDATE …`, or nothing.
    pub(super) conflict: &'static str,
}

/// A connection.
pub(super) struct Db {
    place: HistoryPlace,
    inner: Inner,
}

enum Inner {
    Sqlite(sqlite::Sqlite),
    #[cfg(feature = "postgres")]
    Postgres(Box<postgres::Postgres>),
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Db({})", self.place)
    }
}

impl Db {
    /// Connects.
    pub(super) fn open(place: &HistoryPlace, purpose: Purpose) -> Result<Self, HistoryError> {
        let inner = match place {
            HistoryPlace::Sqlite(path) => Inner::Sqlite(
                sqlite::Sqlite::open(path, purpose)
                    .map_err(|kind| HistoryError::new(place, kind))?,
            ),
            #[cfg(feature = "postgres")]
            HistoryPlace::Postgres(url) => {
                let opened = postgres::Postgres::open(url, purpose);
                Inner::Postgres(Box::new(opened.map_err(|kind| HistoryError::new(place, kind))?))
            }
            #[cfg(not(feature = "postgres"))]
            HistoryPlace::Postgres(_) => {
                let what = "this build has no PostgreSQL".into();
                return Err(HistoryError::new(place, HistoryErrorKind::Url { what }));
            }
        };
        Ok(Self { place: place.clone(), inner })
    }

    pub(super) fn place(&self) -> &HistoryPlace {
        &self.place
    }

    /// Something in the database is not as it was written.
    pub(super) fn damaged(&self, what: impl Into<Box<str>>) -> HistoryError {
        HistoryError::damaged(&self.place, what)
    }

    fn said(&self, kind: HistoryErrorKind) -> HistoryError {
        HistoryError::new(&self.place, kind)
    }

    /// Runs statements without values.
    pub(super) fn batch(&mut self, sql: &str) -> Result<(), HistoryError> {
        match &mut self.inner {
            Inner::Sqlite(sqlite) => sqlite.batch(sql),
            #[cfg(feature = "postgres")]
            Inner::Postgres(postgres) => postgres.batch(sql),
        }
        .map_err(|kind| self.said(kind))
    }

    /// Runs a statement; how many rows it changed.
    pub(super) fn exec(&mut self, sql: &str, values: &[Value]) -> Result<u64, HistoryError> {
        match &mut self.inner {
            Inner::Sqlite(sqlite) => sqlite.exec(sql, values),
            #[cfg(feature = "postgres")]
            Inner::Postgres(postgres) => postgres.exec(sql, values),
        }
        .map_err(|kind| self.said(kind))
    }

    /// Asks.
    pub(super) fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, HistoryError> {
        match &mut self.inner {
            Inner::Sqlite(sqlite) => sqlite.query(sql, values),
            #[cfg(feature = "postgres")]
            Inner::Postgres(postgres) => postgres.query(sql, values),
        }
        .map_err(|kind| self.said(kind))
    }

    /// Asks for one row at most.
    pub(super) fn query_one(
        &mut self,
        sql: &str,
        values: &[Value],
    ) -> Result<Option<Row>, HistoryError> {
        self.query(sql, values).map(|rows| rows.into_iter().next())
    }

    /// Puts many rows. With `conflict`, no two of them may have one key.
    pub(super) fn put(&mut self, bulk: &Bulk, rows: &[Vec<Value>]) -> Result<(), HistoryError> {
        if rows.is_empty() {
            return Ok(());
        }
        match &mut self.inner {
            Inner::Sqlite(sqlite) => sqlite.put(bulk, rows),
            #[cfg(feature = "postgres")]
            Inner::Postgres(postgres) => postgres.put(bulk, rows),
        }
        .map_err(|kind| self.said(kind))
    }

    /// Does it in one transaction, or nothing of it.
    pub(super) fn transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, HistoryError>,
    ) -> Result<T, HistoryError> {
        self.begin("BEGIN IMMEDIATE", "BEGIN")?;
        self.end(work)
    }

    /// Reads in one transaction: all of it as at one moment.
    pub(super) fn snapshot<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, HistoryError>,
    ) -> Result<T, HistoryError> {
        self.begin("BEGIN DEFERRED", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
        self.end(work)
    }

    fn begin(&mut self, sqlite: &str, postgres: &str) -> Result<(), HistoryError> {
        let begin = if self.is_sqlite() { sqlite } else { postgres };
        self.batch(begin)
    }

    fn end<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, HistoryError>,
    ) -> Result<T, HistoryError> {
        let done = work(self).and_then(|done| self.batch("COMMIT").map(|()| done));
        if done.is_err() {
            // What it says beyond the first error helps nobody; a broken connection has undone it.
            let _undone = self.batch("ROLLBACK");
        }
        done
    }

    pub(super) fn is_sqlite(&self) -> bool {
        matches!(self.inner, Inner::Sqlite(_))
    }

    /// Takes the lock that only one watch of a PostgreSQL schema can have: who has it, if not us.
    /// In SQLite a file beside the database does this.
    pub(super) fn lock(&mut self) -> Result<(), HistoryError> {
        match &mut self.inner {
            Inner::Sqlite(_) => Ok(()),
            #[cfg(feature = "postgres")]
            Inner::Postgres(postgres) => postgres.lock().map_err(|kind| self.said(kind)),
        }
    }
}

impl Row {
    fn at(&self, at: usize) -> &Value {
        self.0.get(at).unwrap_or(&Value::Null)
    }

    /// An integer; 0 where there is none.
    pub(super) fn int(&self, at: usize) -> i64 {
        self.int_opt(at).unwrap_or(0)
    }

    pub(super) fn int_opt(&self, at: usize) -> Option<i64> {
        match self.at(at) {
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn real_opt(&self, at: usize) -> Option<f64> {
        match self.at(at) {
            Value::Real(number) => Some(*number),
            _ => None,
        }
    }

    /// A number that counts something: from 0 to 2^32 - 1.
    pub(super) fn count(&self, at: usize) -> u32 {
        u32::try_from(self.int(at).max(0)).unwrap_or(u32::MAX)
    }

    /// A text; empty where there is none.
    pub(super) fn text(&self, at: usize) -> &str {
        self.text_opt(at).unwrap_or("")
    }

    pub(super) fn text_opt(&self, at: usize) -> Option<&str> {
        match self.at(at) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Bytes; none where there are none.
    pub(super) fn blob(&self, at: usize) -> &[u8] {
        match self.at(at) {
            Value::Blob(bytes) => bytes,
            _ => &[],
        }
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Int(number.into())
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<Box<str>> for Value {
    fn from(text: Box<str>) -> Self {
        Self::Text(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Blob(bytes)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Values of a statement.
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::history::db::Value::from($value)),*] };
}
pub(super) use values;
