//! The sink of a SQLite database: a run is added to the file, one transaction for each group.

mod open;
mod schema;

use std::path::{Path, PathBuf};
use std::time::Duration;

use gather_core::Record;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, Transaction, TransactionBehavior, params};

use crate::database::{
    Cell, Counts, Group, JobColumns, Plan, RUN_COUNTS, Rows, TableOf, quoted, upsert,
};
use crate::error::{SinkError, SinkErrorKind};
use crate::json;
use crate::output;
use crate::sink::{Existing, OutputSpec, OutputTarget, Position, RunInfo, Sink};
use crate::value::Value;

/// How long another process's lock is waited for.
const LOCK_WAIT: Duration = Duration::from_secs(30);

/// The smallest page of a database.
const DATABASE_BYTES_MIN: u64 = 512;

/// Refuses what [`open`] would refuse, changing nothing.
pub(crate) fn check(spec: &OutputSpec) -> Result<(), SinkError> {
    let path = path_of(&spec.target)?;
    if !prepare_place(path)? {
        return Ok(());
    }
    let found = open::open_file(path, LOCK_WAIT).and_then(|connection| schema::look(&connection));
    found.map_err(schema::at(path))?.refused(path).map_or(Ok(()), Err)
}

/// Opens it.
pub(crate) fn open(spec: &OutputSpec, run: &RunInfo) -> Result<Box<dyn Sink>, SinkError> {
    Ok(Box::new(Sqlite::open(spec, run, LOCK_WAIT)?))
}

/// Whether there is something at `path`; an error where nothing can be.
fn prepare_place(path: &Path) -> Result<bool, SinkError> {
    output::check_directory(path)?;
    match path.metadata() {
        Ok(about) if about.is_dir() => Err(SinkError::found(SinkErrorKind::IsDirectory, path)),
        // SQLite would take it for an empty one and write over it.
        Ok(about) if (1..DATABASE_BYTES_MIN).contains(&about.len()) => {
            Err(SinkError::found(SinkErrorKind::NotDatabase, path))
        }
        Ok(_) => Ok(true),
        Err(_) => Ok(false),
    }
}

fn path_of(target: &OutputTarget) -> Result<&Path, SinkError> {
    match target {
        OutputTarget::File(path) => Ok(path),
        _ => Err(SinkError::of_target(SinkErrorKind::NotAFile, target)),
    }
}

/// An open database.
struct Sqlite {
    connection: Connection,
    path: PathBuf,
    name: String,
    group: Group,
    state: State,
    /// A sync failed: what is on the disk is unknown from here on.
    lost: bool,
}

/// What is known of the run and its tables.
struct State {
    run: i64,
    plan: Plan,
    job: Option<Box<str>>,
    pages: Typed,
    rows: Typed,
    origin: RunOrigin,
    /// What was committed, earlier parts of the run included.
    counts: Counts,
    /// Records of which the journal may know: those it knew of when the run went on, and those of
    /// every group since. The database can hold more, which a kill left: they come again.
    known: u64,
    insert_record: String,
}

/// A typed table of the job.
struct Typed {
    columns: JobColumns,
    /// Its name, once it is there.
    table: Option<String>,
}

/// Where the run's rows come from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RunOrigin {
    /// All from this sink.
    New,
    /// Some from before a crash: they may be written again.
    Resumed,
}

impl Sqlite {
    fn open(spec: &OutputSpec, run: &RunInfo, lock_wait: Duration) -> Result<Self, SinkError> {
        let path = path_of(&spec.target)?;
        prepare_place(path)?;
        let said = schema::at(path);
        let mut connection = open::open_file(path, lock_wait).map_err(&said)?;
        // Before anything is changed, the journal mode included.
        let found = schema::look(&connection).map_err(&said)?;
        found.refused(path).map_or(Ok(()), Err)?;
        open::prepare(&connection, spec.durability).map_err(&said)?;
        let state = State::begin(&mut connection, spec, run).map_err(&said)?;
        let state = state.ok_or_else(|| SinkError::found(SinkErrorKind::RunMissing, path))?;
        Ok(Self {
            connection,
            path: path.to_owned(),
            name: path.display().to_string(),
            group: Group::default(),
            state,
            lost: false,
        })
    }

    fn flush(&mut self) -> Result<Position, SinkError> {
        if self.lost {
            let error = SinkError::found(SinkErrorKind::Io, &self.path);
            return Err(error.because("an earlier sync failed"));
        }
        if !self.group.is_empty() {
            if let Err(error) = self.state.write(&mut self.connection, &self.group) {
                return Err(self.failed(&error));
            }
            self.group.clear();
        }
        Ok(self.position())
    }

    fn failed(&mut self, error: &rusqlite::Error) -> SinkError {
        self.lost |= open::is_failed_sync(error);
        open::sink_error(&self.path, error, Some(self.position()))
    }

    fn position(&self) -> Position {
        Position { parts: 0, bytes: 0, records: self.state.known }
    }
}

impl Sink for Sqlite {
    fn write(&mut self, record: &Record) -> Result<(), SinkError> {
        if self.group.must_go_before(record) {
            self.flush()?;
        }
        let State { plan, pages, rows, .. } = &mut self.state;
        self.group.add(record, plan, &mut pages.columns, &mut rows.columns);
        Ok(())
    }

    fn commit(&mut self) -> Result<Position, SinkError> {
        self.flush()
    }

    fn finish(mut self: Box<Self>) -> Result<Position, SinkError> {
        self.flush()?;
        if let Err(error) = self.state.end(&self.connection) {
            return Err(self.failed(&error));
        }
        Ok(self.position())
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl State {
    /// Makes what is missing, and the run's row. `None` where the run to resume is not there.
    fn begin(
        connection: &mut Connection,
        spec: &OutputSpec,
        run: &RunInfo,
    ) -> rusqlite::Result<Option<Self>> {
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut found = schema::look(&tx)?;
        if found == schema::Found::Ours && spec.existing == Existing::Overwrite {
            schema::remove(&tx)?;
            found = schema::Found::Free;
        }
        match found {
            schema::Found::Free => schema::create(&tx)?,
            _ => schema::update(&tx)?,
        }
        let (mut origin, mut counts, mut known) = (RunOrigin::New, Counts::default(), 0);
        if let Existing::Resume(position) = spec.existing {
            if let Some(run) = schema::find_run(&tx, &run.id)? {
                (origin, counts) = (RunOrigin::Resumed, schema::count(&tx, run)?);
            }
            if counts.records() < position.records {
                return Ok(None);
            }
            known = position.records;
        }
        let id = schema::run_row(&tx, run)?;
        let job = run.job.clone();
        let pages = Typed::find(&tx, TableOf::Pages, job.as_deref())?;
        let rows = Typed::find(&tx, TableOf::Rows, job.as_deref())?;
        tx.commit()?;
        let plan = Plan::new(&spec.fields);
        let insert_record = insert("record", 2, plan.columns().map(|column| column.name));
        Ok(Some(Self { run: id, plan, job, pages, rows, origin, counts, known, insert_record }))
    }

    /// Writes a group in one transaction, or nothing of it.
    fn write(&mut self, connection: &mut Connection, group: &Group) -> rusqlite::Result<()> {
        let written = self.try_write(connection, group);
        if written.is_err() {
            // What the job's table was given went with the transaction.
            self.pages.columns.forget_names();
            self.rows.columns.forget_names();
        }
        written
    }

    fn try_write(&mut self, connection: &mut Connection, group: &Group) -> rusqlite::Result<()> {
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        self.write_records(&tx, group)?;
        self.write_fields(&tx, group)?;
        let (run, job) = (self.run, self.job.as_deref());
        self.pages.write(&tx, run, job, &group.job)?;
        self.rows.write(&tx, run, job, &group.rows)?;
        for body in &group.bodies {
            let insert = "INSERT INTO body (sha256, bytes, content_type, body) VALUES (?, ?, ?, ?)
                          ON CONFLICT (sha256) DO NOTHING";
            let bytes = i64::try_from(body.bytes.len()).unwrap_or(i64::MAX);
            let values = params![body.sha256, bytes, body.content_type, &body.bytes[..]];
            tx.prepare_cached(insert)?.execute(values)?;
        }
        let counts = self.counts.and(group.counts);
        self.write_counts(&tx, counts)?;
        tx.commit()?;
        self.counts = counts;
        self.known += group.counts.records();
        Ok(())
    }

    fn write_records(&self, tx: &Transaction<'_>, group: &Group) -> rusqlite::Result<()> {
        let mut insert = Insert::new(tx, &self.insert_record, self.run)?;
        let mut forget = Vec::new();
        if self.origin == RunOrigin::Resumed {
            // A field or a row that is found no more must not stay.
            for table in ["field"].into_iter().chain(self.rows.table.as_deref()) {
                let delete = format!("DELETE FROM {} WHERE run = ? AND n = ?", quoted(table));
                forget.push(tx.prepare_cached(&delete)?);
            }
        }
        for row in group.records.iter() {
            if let Some(Cell::Int(n)) = row.clone().next() {
                for delete in &mut forget {
                    delete.execute([self.run, n])?;
                }
            }
            insert.row(row.enumerate())?;
        }
        Ok(())
    }

    fn write_fields(&self, tx: &Transaction<'_>, group: &Group) -> rusqlite::Result<()> {
        if group.fields.len() == 0 {
            return Ok(());
        }
        let sql = insert("field", 3, ["name", "type", "value", "number"].into_iter());
        let mut insert = Insert::new(tx, &sql, self.run)?;
        group.fields.iter().try_for_each(|row| insert.row(row.enumerate()))
    }

    fn write_counts(&self, tx: &Connection, counts: Counts) -> rusqlite::Result<()> {
        let set = RUN_COUNTS.map(|name| format!("{name} = ?")).join(", ");
        let [records, ok, failed, skipped] = counts.columns();
        tx.prepare_cached(&format!("UPDATE run SET {set} WHERE id = ?"))?
            .execute([records, ok, failed, skipped, self.run])?;
        Ok(())
    }

    /// The last words: when, and how many.
    fn end(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if self.origin == RunOrigin::Resumed {
            // Rows that were there and were written again were counted twice.
            self.counts = schema::count(connection, self.run)?;
            self.write_counts(connection, self.counts)?;
        }
        let now = "UPDATE run SET finished_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE id = ?";
        connection.execute(now, [self.run])?;
        schema::finish(connection)?;
        // Statistics for the planner where they are worth it; takes milliseconds.
        connection.execute_batch("PRAGMA analysis_limit = 400; PRAGMA optimize")
    }
}

impl Typed {
    fn find(tx: &Connection, of: TableOf, job: Option<&str>) -> rusqlite::Result<Self> {
        let mut columns = JobColumns::of(of);
        let table = schema::find_job(tx, job, &mut columns)?;
        Ok(Self { columns, table })
    }

    fn write(
        &mut self,
        tx: &Transaction<'_>,
        run: i64,
        job: Option<&str>,
        rows: &Rows,
    ) -> rusqlite::Result<()> {
        if rows.len() == 0 {
            return Ok(());
        }
        let of = self.columns.table_of();
        let table = match &self.table {
            Some(table) if !self.columns.has_new() => table.clone(),
            _ => {
                let table = schema::extend_job(tx, job, &mut self.columns)?;
                self.table = Some(table.clone());
                table
            }
        };
        let own = self.columns.list().iter().filter_map(|column| column.column.as_deref());
        let fixed = of.fixed()[2..].iter().copied();
        let sql = insert(&table, of.keys(), fixed.chain(own));
        let mut insert = Insert::new(tx, &sql, run)?;
        for mut row in rows.iter() {
            insert.clear(run)?;
            for at in 0..of.lead() {
                insert.bind(at, row.next().unwrap_or(Cell::Null))?;
            }
            for (at, cell) in row.job_cells() {
                insert.bind(at + of.lead(), cell)?;
            }
            insert.statement.raw_execute()?;
        }
        Ok(())
    }
}

/// An upsert whose key is `run`, `n` and what follows, up to `keys` columns.
fn insert<'a>(table: &str, keys: usize, columns: impl Iterator<Item = &'a str>) -> String {
    let columns: Vec<&str> = ["run", "n"].into_iter().chain(columns).collect();
    let places = vec!["?"; columns.len()].join(", ");
    upsert(table, &columns, keys, &format!("VALUES ({places})"))
}

/// A prepared insert whose first parameter is the run.
struct Insert<'c> {
    statement: CachedStatement<'c>,
    /// Which parameters may hold a value of the row before: two thirds of a row are null and stay so.
    is_set: Vec<bool>,
    /// For texts that must be formed first.
    scratch: Vec<u8>,
}

impl<'c> Insert<'c> {
    fn new(tx: &'c Transaction<'_>, sql: &str, run: i64) -> rusqlite::Result<Self> {
        let mut statement = tx.prepare_cached(sql)?;
        statement.raw_bind_parameter(1, run)?;
        let is_set = vec![true; statement.parameter_count()];
        Ok(Self { statement, is_set, scratch: Vec::new() })
    }

    /// Makes everything null but the run.
    fn clear(&mut self, run: i64) -> rusqlite::Result<()> {
        self.statement.clear_bindings();
        self.is_set.fill(false);
        self.statement.raw_bind_parameter(1, run)
    }

    fn row<'a>(&mut self, cells: impl Iterator<Item = (usize, Cell<'a>)>) -> rusqlite::Result<()> {
        for (at, cell) in cells {
            self.bind(at, cell)?;
        }
        self.statement.raw_execute()?;
        Ok(())
    }

    /// Binds a cell; `at` counts from 0, behind the run.
    fn bind(&mut self, at: usize, cell: Cell<'_>) -> rusqlite::Result<()> {
        let scratch = &mut self.scratch;
        let mut formed = |value: Value<'_>| {
            scratch.clear();
            json::plain(scratch, &value);
        };
        let was_set = std::mem::replace(&mut self.is_set[at], !matches!(cell, Cell::Null));
        let value = match cell {
            Cell::Null if !was_set => return Ok(()),
            Cell::Null => ValueRef::Null,
            Cell::Int(number) => ValueRef::Integer(number),
            Cell::Real(number) => ValueRef::Real(number),
            Cell::Flag(flag) => ValueRef::Integer(flag.into()),
            Cell::Text(text) | Cell::Json(text) => ValueRef::Text(text),
            Cell::Number(digits) => number(digits),
            Cell::Ip(ip) => {
                formed(Value::Ip(ip));
                ValueRef::Text(scratch)
            }
            Cell::Moment(us) => {
                match u64::try_from(us) {
                    Ok(us) => formed(Value::Moment(us)),
                    Err(_) => formed(Value::Date(us.div_euclid(1_000_000))),
                }
                ValueRef::Text(scratch)
            }
        };
        self.statement.raw_bind_parameter(at + 2, ToSqlOutput::Borrowed(value))
    }
}

/// A number as SQLite calculates with it. The digits stand in `field.value`.
fn number(digits: &[u8]) -> ValueRef<'_> {
    let text = std::str::from_utf8(digits).unwrap_or_default();
    match (text.parse(), text.parse()) {
        (Ok(whole), _) => ValueRef::Integer(whole),
        (_, Ok(real)) => ValueRef::Real(real),
        _ => ValueRef::Text(digits),
    }
}

#[cfg(test)]
mod tests;
