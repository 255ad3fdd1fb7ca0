//! What is in a SQLite file: nothing, our tables, or somebody else's; and making it ours.

use std::path::Path;

use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::database::{
    Counts, Dialect, JobColumns, NAMES, SCHEMA_VERSION, VIEWS, add_column, job_table, late_indexes,
    missing_columns, quoted, table_name, tables,
};
use crate::error::{SinkError, SinkErrorKind};
use crate::json;
use crate::sink::RunInfo;
use crate::sqlite::open;
use crate::value::Value;

/// Moments are text (ISO 8601, milliseconds, UTC): `sqlite3` shows them as they are read, its date
/// functions take them, and their order is that of time.
const DIALECT: Dialect = Dialect {
    int: "INTEGER",
    real: "REAL",
    flag: "INTEGER",
    text: "TEXT",
    ip: "TEXT",
    moment: "TEXT",
    json: "TEXT",
    foreign_json: "TEXT",
    number: "NUMERIC",
    blob: "BLOB",
    serial: "INTEGER PRIMARY KEY",
    clustered: " WITHOUT ROWID",
    url_index: "(url, run DESC, n DESC)",
};

/// "gath", for `file` and for whoever looks at the header.
const APPLICATION_ID: i32 = 0x6761_7468;

/// What is in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// None of our names.
    Free,
    /// Our tables.
    Ours,
    /// A table or view that has one of our names and is not ours.
    Foreign(String),
    /// Our tables, in a form of a later version.
    Newer,
}

/// Looks at what is there.
pub(super) fn look(connection: &Connection) -> rusqlite::Result<Found> {
    let mut list = connection.prepare("SELECT lower(name) FROM sqlite_master")?;
    let names: Vec<String> = list.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let Some(known) = names.iter().find(|name| NAMES.contains(&name.as_str())) else {
        return Ok(Found::Free);
    };
    let columns = "SELECT count(*) FROM pragma_table_info('gather') WHERE name = 'schema_version'";
    if connection.query_row(columns, [], |row| row.get::<_, i64>(0))? == 0 {
        return Ok(Found::Foreign(known.clone()));
    }
    let version = "SELECT schema_version FROM gather";
    let version: Option<i64> = connection.query_row(version, [], |row| row.get(0)).optional()?;
    Ok(if version.is_some_and(|version| version <= SCHEMA_VERSION) {
        Found::Ours
    } else {
        Found::Newer
    })
}

impl Found {
    /// The error, where it cannot be written to.
    pub(super) fn refused(&self, path: &Path) -> Option<SinkError> {
        match self {
            Self::Free | Self::Ours => None,
            Self::Foreign(name) => {
                let error = SinkError::found(SinkErrorKind::Foreign, path);
                Some(error.because(name.clone()))
            }
            Self::Newer => Some(SinkError::found(SinkErrorKind::Newer, path)),
        }
    }
}

/// Makes tables, indexes and views.
pub(super) fn create(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    for statement in tables(&DIALECT) {
        tx.execute_batch(&statement)?;
    }
    for (name, select) in VIEWS {
        tx.execute_batch(&format!("CREATE VIEW {name} AS\n{select}"))?;
    }
    let id: i32 = tx.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if id == 0 {
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    Ok(())
}

/// Adds the columns and views that an earlier version did not know.
pub(super) fn update(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    let there = names(tx, "SELECT name FROM pragma_table_info('record')", &[])?;
    let mut missing = missing_columns(&DIALECT, &there).into_iter();
    missing.try_for_each(|statement| tx.execute_batch(&statement))?;
    // Where somebody's own table has the name, it keeps it.
    let taken = names(tx, "SELECT lower(name) FROM sqlite_master", &[])?;
    let mut views = VIEWS.iter().filter(|(name, _)| !taken.iter().any(|taken| taken == name));
    views.try_for_each(|(name, select)| {
        tx.execute_batch(&format!("CREATE VIEW {name} AS\n{select}"))
    })
}

/// Makes the indexes that only a finished run has need of.
pub(super) fn finish(connection: &Connection) -> rusqlite::Result<()> {
    late_indexes(&DIALECT).iter().try_for_each(|statement| connection.execute_batch(statement))
}

/// Removes everything of ours, and nothing else.
pub(super) fn remove(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut list = tx.prepare("SELECT table_name FROM job")?;
    let jobs: Vec<String> = list.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    // One of these names may be somebody's own table, in a database that we shared before it was ours.
    let views = names(tx, "SELECT lower(name) FROM sqlite_master WHERE type = 'view'", &[])?;
    for (name, _) in VIEWS.iter().filter(|(name, _)| views.iter().any(|view| view == name)) {
        tx.execute_batch(&format!("DROP VIEW {name}"))?;
    }
    let is_view = |name: &&&str| VIEWS.iter().any(|(view, _)| view == *name);
    let ours = NAMES.iter().filter(|name| !is_view(name)).map(|name| (*name).to_owned());
    for table in jobs.into_iter().chain(ours) {
        tx.execute_batch(&format!("DROP TABLE IF EXISTS {}", quoted(&table)))?;
    }
    Ok(())
}

/// The row of the run: made if it is missing, else it goes on.
pub(super) fn run_row(tx: &Transaction<'_>, run: &RunInfo) -> rusqlite::Result<i64> {
    let mut started = Vec::new();
    json::plain(&mut started, &Value::Moment(run.started_unix_us));
    let started = String::from_utf8(started).expect("digits and letters");
    tx.query_row(
        "INSERT INTO run (name, job, started_at, gather, settings) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (name) DO UPDATE SET finished_at = NULL RETURNING id",
        params![run.id, run.job, started, env!("CARGO_PKG_VERSION"), run.settings],
        |row| row.get(0),
    )
}

/// The run of this name, if it is there.
pub(super) fn find_run(connection: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    let find = "SELECT id FROM run WHERE name = ?";
    connection.query_row(find, [name], |row| row.get(0)).optional()
}

/// Counts the records of a run.
pub(super) fn count(connection: &Connection, run: i64) -> rusqlite::Result<Counts> {
    let sum = |outcome: &str| -> rusqlite::Result<u64> {
        let count = "SELECT count(*) FROM record WHERE run = ? AND outcome = ?";
        let count: i64 = connection.query_row(count, params![run, outcome], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    };
    Ok(Counts { ok: sum("ok")?, failed: sum("failed")?, skipped: sum("skipped")? })
}

/// The table of a job: its name and what is known of its columns. `None` where it has none yet.
pub(super) fn find_job(
    connection: &Connection,
    job: Option<&str>,
    columns: &mut JobColumns,
) -> rusqlite::Result<Option<String>> {
    let find = "SELECT table_name FROM job WHERE name = ?";
    let key = columns.table_of().key(job);
    let Some(table) =
        connection.query_row(find, [key], |row| row.get::<_, String>(0)).optional()?
    else {
        return Ok(None);
    };
    let mut list = connection.prepare_cached(
        "SELECT origin, name, type, column_name FROM job_column WHERE table_name = ?",
    )?;
    let mut rows = list.query([&table])?;
    while let Some(row) = rows.next()? {
        let text = |at: usize| row.get::<_, String>(at);
        columns.known(&text(0)?, &text(1)?, &text(2)?, text(3)?);
    }
    Ok(Some(table))
}

/// Makes the job's table where it is missing, and the columns it lacks. Its name.
pub(super) fn extend_job(
    tx: &Transaction<'_>,
    job: Option<&str>,
    columns: &mut JobColumns,
) -> rusqlite::Result<String> {
    let of = columns.table_of();
    // Another process may have added some meanwhile; from here on it cannot.
    columns.forget_names();
    let table = match find_job(tx, job, columns)? {
        Some(table) => table,
        None => {
            let taken = names(tx, "SELECT lower(name) FROM sqlite_master", &[])?;
            let table = table_name(of, job, |name| !taken.iter().any(|taken| taken == name));
            tx.execute_batch(&job_table(&DIALECT, of, &table))?;
            let insert = "INSERT INTO job (name, table_name) VALUES (?, ?)";
            tx.execute(insert, [&of.key(job), &table])?;
            table
        }
    };
    let taken = names(
        tx,
        "SELECT lower(name) FROM pragma_table_info(?)",
        &[SqlValue::Text(table.clone())],
    )?;
    for column in columns.name_new(taken) {
        tx.execute_batch(&add_column(&DIALECT, &table, &column))?;
        tx.execute(
            "INSERT INTO job_column (table_name, column_name, origin, name, type)
             VALUES (?, ?, ?, ?, ?)",
            params![
                table,
                column.column,
                column.origin.as_str(),
                column.name,
                column.kind.as_str()
            ],
        )?;
    }
    Ok(table)
}

fn names(
    connection: &Connection,
    select: &str,
    values: &[SqlValue],
) -> rusqlite::Result<Vec<String>> {
    let mut list = connection.prepare(select)?;
    list.query_map(rusqlite::params_from_iter(values), |row| row.get(0))?.collect()
}

/// [`open::sink_error`] without anything kept yet.
pub(super) fn at(path: &Path) -> impl Fn(rusqlite::Error) -> SinkError + '_ {
    move |error| open::sink_error(path, &error, None)
}
