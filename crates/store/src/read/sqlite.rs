//! Records of one run of a SQLite database, as our sink of it writes them.
//!
//! All of it is read in one transaction: a run that goes on meanwhile changes nothing of it.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use gather_core::Record;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};

use super::draft::{Decimals, Draft, Given, Shape, Wrong};
use super::error::{ReadError, ReadErrorKind};
use super::{Bodies, ResultSpec, Results, RunAbout, Standing, column_member, composite, no_run};
use crate::sink::RunInfo;

/// Records read at once.
const PAGE_RECORDS: i64 = 500;
/// The same where bodies come with them.
const PAGE_BODIES: i64 = 32;
/// How long another process's lock is waited for.
const BUSY: Duration = Duration::from_secs(10);
/// Runs that are named where the one asked for is not there.
const RUNS_NAMED_MAX: usize = 5;

/// Records of a run.
pub(crate) struct SqliteRows {
    connection: Connection,
    name: Box<str>,
    run: RunInfo,
    /// The key of the run.
    id: i64,
    standing: Standing,
    bodies: Bodies,
    /// The number of the last record read.
    after: Option<i64>,
    page: VecDeque<Result<Record, ReadError>>,
}

impl SqliteRows {
    /// Finds the run.
    ///
    /// # Errors
    /// When the file is no database with results, or does not hold the run.
    pub(crate) fn open(path: &Path, spec: &ResultSpec) -> Result<Self, ReadError> {
        let name = path.display().to_string();
        let connection = connect(path, &name)?;
        let (id, run, standing) = find_run(&connection, &name, spec.run.as_deref())?;
        Ok(Self {
            connection,
            name: name.as_str().into(),
            run,
            id,
            standing,
            bodies: spec.bodies,
            after: None,
            page: VecDeque::new(),
        })
    }

    fn read_page(&mut self) -> Result<(), ReadError> {
        let page = self.rows().map_err(|error| said(&self.name, &error))?;
        self.page.extend(page);
        Ok(())
    }

    fn rows(&mut self) -> rusqlite::Result<Vec<Result<Record, ReadError>>> {
        let body = match self.bodies {
            Bodies::Read => ", (SELECT body FROM body WHERE body.sha256 = record.sha256) AS body",
            Bodies::Leave => "",
        };
        let select = format!(
            "SELECT *{body} FROM record WHERE run = ? AND (? IS NULL OR n > ?) ORDER BY n LIMIT ?"
        );
        let mut records = self.connection.prepare_cached(&select)?;
        let names: Vec<String> = records.column_names().map(column_member).collect();
        let mut drafts: Vec<(i64, Result<Draft, Wrong>)> = Vec::new();
        let most = match self.bodies {
            Bodies::Read => PAGE_BODIES,
            Bodies::Leave => PAGE_RECORDS,
        };
        let mut rows = records.query(params![self.id, self.after, self.after, most])?;
        while let Some(row) = rows.next()? {
            let n: i64 = row.get("n")?;
            drafts.push((n, draft_of(row, &names)?));
        }
        let Some(last) = drafts.last().map(|(n, _)| *n) else { return Ok(Vec::new()) };
        let mut fields = self.connection.prepare_cached(
            "SELECT n, name, type, value FROM field
             WHERE run = ? AND (? IS NULL OR n > ?) AND n <= ? ORDER BY n",
        )?;
        let mut rows = fields.query(params![self.id, self.after, self.after, last])?;
        let mut at = 0;
        while let Some(row) = rows.next()? {
            let n: i64 = row.get(0)?;
            while drafts.get(at).is_some_and(|(known, _)| *known < n) {
                at += 1;
            }
            let Some((known, draft)) = drafts.get_mut(at) else { break };
            if *known == n
                && let Ok(of) = draft
                && let Err(wrong) = add_field(of, row)?
            {
                *draft = Err(wrong);
            }
        }
        self.after = Some(last);
        let name = &self.name;
        let finished = drafts.into_iter().map(|(n, draft)| {
            let record = draft.and_then(Draft::finish);
            record.map_err(|wrong| {
                ReadError::new(ReadErrorKind::Row, name, format!("record n = {n}: {wrong}"))
            })
        });
        Ok(finished.collect())
    }
}

impl Results for SqliteRows {
    fn next(&mut self) -> Result<Option<Record>, ReadError> {
        if self.page.is_empty() {
            self.read_page()?;
        }
        self.page.pop_front().transpose()
    }

    fn run(&self) -> Option<&RunInfo> {
        Some(&self.run)
    }

    fn standing(&self) -> Standing {
        self.standing
    }
}

/// Connects to a database of ours, and begins to read.
fn connect(path: &Path, name: &str) -> Result<Connection, ReadError> {
    let said = |error: rusqlite::Error| said(name, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(said)?;
    connection.busy_timeout(BUSY).map_err(said)?;
    connection.execute_batch("BEGIN").map_err(said)?;
    let ours = "SELECT count(*) FROM sqlite_master WHERE type = 'table'
                AND name IN ('gather', 'run', 'record', 'field')";
    let ours: i64 = connection.query_row(ours, [], |row| row.get(0)).map_err(said)?;
    if ours < 4 {
        let message = "is a database without results of gather";
        return Err(ReadError::new(ReadErrorKind::Form, name, message));
    }
    Ok(connection)
}

/// The runs it holds, the earliest first.
pub(super) fn runs(path: &Path) -> Result<Vec<RunAbout>, ReadError> {
    let name = path.display().to_string();
    let connection = connect(path, &name)?;
    let list = || -> rusqlite::Result<Vec<RunAbout>> {
        let mut list = connection.prepare(
            "SELECT name, job, started_at, finished_at IS NULL FROM run ORDER BY started_at, id",
        )?;
        let about = list.query_map([], |row| {
            let (id, job, started): (String, Option<String>, String) =
                (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(RunAbout {
                id: id.into(),
                job: job.map(Into::into),
                started_unix_us: composite::moment_us(&started).unwrap_or(0),
                standing: if row.get(3)? { Standing::Unfinished } else { Standing::Ended },
            })
        })?;
        about.collect()
    };
    list().map_err(|error| said(&name, &error))
}

fn find_run(
    connection: &Connection,
    name: &str,
    wanted: Option<&str>,
) -> Result<(i64, RunInfo, Standing), ReadError> {
    let said = |error: rusqlite::Error| said(name, &error);
    let find =
        "SELECT id, name, started_at, finished_at IS NULL FROM run WHERE ? IS NULL OR name = ?
                ORDER BY started_at DESC, id DESC LIMIT 1";
    let found = connection.query_row(find, params![wanted, wanted], |row| {
        let (id, run, started): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let started = composite::moment_us(&started).unwrap_or(0);
        let standing = if row.get(3)? { Standing::Unfinished } else { Standing::Ended };
        Ok((id, RunInfo { id: run.into(), ..RunInfo::new(started, 0) }, standing))
    });
    if let Some(found) = found.optional().map_err(said)? {
        return Ok(found);
    }
    let mut list = connection.prepare("SELECT name FROM run ORDER BY id DESC").map_err(said)?;
    let names = list.query_map([], |row| row.get(0)).map_err(said)?;
    let names: Result<Vec<String>, _> = names.take(RUNS_NAMED_MAX).collect();
    let names = names.map_err(said)?;
    Err(no_run(name, wanted, &names))
}

fn draft_of(row: &Row<'_>, names: &[String]) -> rusqlite::Result<Result<Draft, Wrong>> {
    let mut draft = Draft::new(Shape::Row, Decimals::Text);
    for (at, name) in names.iter().enumerate() {
        // Columns that only a database has.
        if matches!(name.as_str(), "run" | "host") {
            continue;
        }
        if let Err(wrong) = set(&mut draft, name, row.get_ref(at)?) {
            return Ok(Err(wrong));
        }
    }
    Ok(Ok(draft))
}

fn set(draft: &mut Draft, name: &str, value: ValueRef<'_>) -> Result<(), Wrong> {
    match value {
        ValueRef::Null => Ok(()),
        ValueRef::Integer(number) => match (name, number) {
            ("error.retryable" | "truncated", 0) => draft.member(name, Given::Json("false")),
            ("error.retryable" | "truncated", _) => draft.member(name, Given::Json("true")),
            _ => draft.member(name, Given::Json(&number.to_string())),
        },
        ValueRef::Real(number) => draft.member(name, Given::Json(&number.to_string())),
        ValueRef::Text(text) => {
            let text = std::str::from_utf8(text)
                .map_err(|error| format!("{name} is not UTF-8: {error}"))?;
            draft.member(name, Given::Text(text))
        }
        ValueRef::Blob(bytes) if name == "body" => {
            draft.body(bytes);
            Ok(())
        }
        ValueRef::Blob(_) => Err(format!("{name} is no text")),
    }
}

/// Adds an extracted field: n, name, type, value.
fn add_field(draft: &mut Draft, row: &Row<'_>) -> rusqlite::Result<Result<(), Wrong>> {
    let (name, kind): (String, String) = (row.get(1)?, row.get(2)?);
    let value: Option<String> = row.get(3)?;
    Ok(draft.extracted(&name, &kind, value.as_deref()))
}

fn said(name: &str, error: &rusqlite::Error) -> ReadError {
    ReadError::new(ReadErrorKind::Io, name, format!("cannot be read: {error}"))
}
