//! Reads a SQLite database: the table `record` holds the records of many runs, `run` their sums.

use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::{Columns, Extent, Row, Rows};
use crate::bodies::hex;
use crate::error::VerifyError;
use crate::report::{Fault, Problem};

const SELECT: &str = "SELECT n, status_code, attempts, content_length, input, outcome, error_kind, \
                      sha256, body_path, url, final_url, truncated FROM record WHERE run = ? ORDER BY n";

/// Reads the records of this run, or of the newest.
pub(super) fn read(
    path: &Path,
    run: Option<&str>,
    rows: &mut dyn Rows,
) -> Result<Extent, VerifyError> {
    std::fs::metadata(path).map_err(VerifyError::read(path))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(failed(path))?;
    check_pages(&db, rows).map_err(failed(path))?;
    check_length(&db, path, rows)?;
    let Some(run) = find_run(&db, path, run, rows)? else { return Ok(Extent::default()) };
    let found = read_records(&db, path, run, rows)?;
    check_sums(&db, run, found, rows).map_err(failed(path))?;
    check_bodies(&db, run, rows).map_err(failed(path))?;
    check_rows(&db, run, rows).map_err(failed(path))?;
    Ok(Extent { bytes: 0, files: 1 })
}

fn failed(path: &Path) -> impl Fn(rusqlite::Error) -> VerifyError {
    move |error| VerifyError::Read {
        path: path.to_owned(),
        source: std::io::Error::other(error.to_string()),
    }
}

/// What SQLite itself finds wrong with its file.
fn check_pages(db: &Connection, rows: &mut dyn Rows) -> rusqlite::Result<()> {
    let mut check = db.prepare("PRAGMA quick_check(10)")?;
    let mut found = check.query([])?;
    while let Some(row) = found.next()? {
        let said: String = row.get(0)?;
        if said != "ok" {
            rows.fault(Fault::new(Problem::Torn, "", format!("the database is damaged: {said}")));
        }
    }
    Ok(())
}

/// The file has all its pages, unless some are still beside it. SQLite reads a missing end as zeros.
fn check_length(db: &Connection, path: &Path, rows: &mut dyn Rows) -> Result<(), VerifyError> {
    let pragma =
        |name: &str| db.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
    let pages = pragma("page_count").map_err(failed(path))?;
    let page = pragma("page_size").map_err(failed(path))?;
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    let has_more = std::fs::metadata(&wal).is_ok_and(|about| about.len() > 0);
    let found = std::fs::metadata(path).map_err(VerifyError::read(path))?.len();
    let expected = (pages * page).unsigned_abs();
    if found < expected && !has_more {
        let fault = Fault::new(Problem::Torn, "", "the file is shorter than the pages it has");
        let bytes = |bytes: u64| format!("{bytes} bytes");
        rows.fault(fault.expected(bytes(expected)).found(bytes(found)));
    }
    Ok(())
}

fn find_run(
    db: &Connection,
    path: &Path,
    run: Option<&str>,
    rows: &mut dyn Rows,
) -> Result<Option<i64>, VerifyError> {
    let tables = "SELECT count(*) FROM sqlite_master WHERE name IN ('gather', 'run', 'record')";
    let tables: i64 = db.query_row(tables, [], |row| row.get(0)).map_err(failed(path))?;
    if tables < 3 {
        let message = format!("{} has no records of gather", path.display());
        return Err(VerifyError::usage(message, "name a database that a run wrote with -o"));
    }
    let found = match run {
        Some(name) => {
            db.query_row("SELECT id FROM run WHERE name = ?", [name], |row| row.get(0)).optional()
        }
        None => db.query_row("SELECT max(id) FROM run", [], |row| row.get(0)),
    };
    let found: Option<i64> = found.map_err(failed(path))?;
    if found.is_none() {
        let message = match run {
            Some(name) => format!("the run {name} is not in the database"),
            None => "there is no run in the database".to_owned(),
        };
        rows.fault(Fault::new(Problem::OtherRun, "", message));
    }
    Ok(found)
}

/// What records add up to: all, ok, failed, skipped.
type Sums = [i64; 4];

fn read_records(
    db: &Connection,
    path: &Path,
    run: i64,
    rows: &mut dyn Rows,
) -> Result<Sums, VerifyError> {
    rows.columns(Columns { outcome: true, status: true, sha256: true, kind: true });
    let mut statement = db.prepare(SELECT).map_err(failed(path))?;
    let mut found = statement.query([run]).map_err(failed(path))?;
    let mut sums = Sums::default();
    loop {
        let row = match found.next() {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(sums),
            Err(error) => {
                let message = format!("the records cannot be read on: {error}");
                rows.fault(Fault::new(Problem::Torn, "", message));
                return Ok(sums);
            }
        };
        sums[0] += 1;
        match record(row) {
            Ok(record) => {
                let at = match record.outcome {
                    Some("ok") => 1,
                    Some("failed") => 2,
                    Some("skipped") => 3,
                    _ => 0,
                };
                sums[at] += i64::from(at > 0);
                rows.row(&record)?;
            }
            Err(why) => rows.fault(Fault::new(Problem::Torn, "", why)),
        }
    }
}

fn record<'a>(row: &'a rusqlite::Row<'_>) -> Result<Row<'a>, String> {
    let wrong = |name: &str, what: &str| format!("the column {name} holds no {what}");
    let value = |name: &str| row.get_ref(name).map_err(|error| error.to_string());
    let number = |name: &str| match value(name)? {
        ValueRef::Null => Ok(None),
        ValueRef::Integer(number) => {
            u64::try_from(number).map(Some).map_err(|_| wrong(name, "count"))
        }
        _ => Err(wrong(name, "number")),
    };
    let text = |name: &str| match value(name)? {
        ValueRef::Null => Ok(None),
        ValueRef::Text(text) => {
            std::str::from_utf8(text).map(Some).map_err(|_| wrong(name, "UTF-8"))
        }
        _ => Err(wrong(name, "text")),
    };
    let n = number("n")?;
    Ok(Row {
        at: n.unwrap_or_default(),
        n,
        input: text("input")?,
        outcome: text("outcome")?,
        status: number("status_code")?,
        attempts: number("attempts")?,
        kind: text("error_kind")?,
        sha256: text("sha256")?,
        body_path: text("body_path")?,
        content_length: number("content_length")?,
        is_truncated: number("truncated")? == Some(1),
        url: text("url")?,
        final_url: text("final_url")?,
        ..Row::default()
    })
}

/// The row of the run counts what its records are.
fn check_sums(db: &Connection, run: i64, found: Sums, rows: &mut dyn Rows) -> rusqlite::Result<()> {
    let select = "SELECT records, ok, failed, skipped FROM run WHERE id = ?";
    let said: Sums = db
        .query_row(select, [run], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?]))?;
    for (what, (said, found)) in
        ["records", "ok", "failed", "skipped"].into_iter().zip(said.into_iter().zip(found))
    {
        super::check_run_sum(what, said, found, rows);
    }
    Ok(())
}

/// The rows of each page are counted from 1 without a gap, and the page has a record.
fn check_rows(db: &Connection, run: i64, rows: &mut dyn Rows) -> rusqlite::Result<()> {
    let has_jobs = "SELECT count(*) FROM sqlite_master WHERE name = 'job'";
    if db.query_row(has_jobs, [], |row| row.get::<_, i64>(0))? == 0 {
        return Ok(());
    }
    let find = super::ROWS_TABLE.replace('$', "?");
    let table: Option<String> = db.query_row(&find, [run], |row| row.get(0)).optional()?;
    let Some(table) = table else { return Ok(()) };
    let mut statement = db.prepare(&super::wrong_rows(&table).replace('$', "?"))?;
    let mut found = statement.query([run])?;
    while let Some(row) = found.next()? {
        super::check_page_rows(&table, [row.get(0)?, row.get(1)?, row.get(2)?], rows);
    }
    Ok(())
}

/// Each body of the run's records that is in the table `body` is what its hash says.
fn check_bodies(db: &Connection, run: i64, rows: &mut dyn Rows) -> rusqlite::Result<()> {
    use sha2::Digest;
    let select = "SELECT sha256, bytes, body FROM body \
                  WHERE sha256 IN (SELECT sha256 FROM record WHERE run = ?)";
    let mut statement = db.prepare(select)?;
    let mut found = statement.query(params![run])?;
    while let Some(row) = found.next()? {
        let (sha256, bytes): (String, i64) = (row.get(0)?, row.get(1)?);
        let body = row.get_ref(2)?.as_blob().unwrap_or_default();
        let hash = hex(&sha2::Sha256::digest(body));
        super::check_stored_body(&sha256, bytes, &hash, body.len(), rows);
    }
    Ok(())
}
