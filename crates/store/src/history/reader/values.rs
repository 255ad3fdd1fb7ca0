//! Values over time, runs, notices and silences.

use gather_core::time::Time;
use gather_core::watch::WatchedNo;

use super::super::db::{Db, Row, values};
use super::super::error::HistoryError;
use super::super::notice::{NoticeBrief, Silence};
use super::super::outbox;
use super::super::rows::{RunEnd, RunRow};
use super::super::words::{ms, time};
use super::{HistoryReader, PAGE_ROWS_MAX};

/// A value of a field, from when it was seen first to when it was seen last.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueSeen {
    /// The value as text; `None` where the rule did not match.
    pub value: Option<Box<str>>,
    /// The value as a number, if it is one.
    pub number: Option<f64>,
    /// When it was seen first.
    pub from: Time,
    /// When it was seen last.
    pub seen: Time,
    /// How often it was seen.
    pub times: u64,
}

/// A value that took another's place.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueChange {
    /// Its number: later changes have greater ones.
    pub id: i64,
    /// The target.
    pub target: WatchedNo,
    /// As people call it.
    pub name: Box<str>,
    /// The field.
    pub field: Box<str>,
    /// When.
    pub at: Time,
    /// The value before.
    pub old: Option<Box<str>>,
    /// The value since then.
    pub new: Option<Box<str>>,
    /// Both as numbers, where they are.
    pub numbers: (Option<f64>, Option<f64>),
}

/// The columns of [`run`].
pub(super) const RUN: &str = "job, run, due_ms, started_ms, ended_ms, state, ok, failed, skipped,
    changes, message";

/// Reads [`RUN`].
pub(super) fn run(row: &Row) -> RunRow {
    RunRow {
        job: row.text(0).into(),
        run: row.text(1).into(),
        due: time(row.int(2)),
        started: time(row.int(3)),
        ended: row.int_opt(4).map(time),
        end: RunEnd::from_name(row.text(5)),
        ok: row.int(6).cast_unsigned(),
        failed: row.int(7).cast_unsigned(),
        skipped: row.int(8).cast_unsigned(),
        changes: row.int(9).cast_unsigned(),
        message: row.text_opt(10).map(Into::into),
    }
}

/// The columns of [`brief`], and where they come from.
const NOTICE: &str = "id, key, channel, due_ms, tries, event, settled_ms, error FROM watch_notice";

/// Reads [`NOTICE`].
fn brief(db: &Db, row: &Row) -> Result<NoticeBrief, HistoryError> {
    let settled = row.int_opt(6).map(time);
    let error = row.text_opt(7).map(Into::into);
    Ok(NoticeBrief { notice: outbox::notice(db, row)?, settled, error })
}

impl HistoryReader {
    /// The fields that a target has values of, by name; at most 100.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn fields(&mut self, target: WatchedNo) -> Result<Vec<Box<str>>, HistoryError> {
        let rows = self.db.query(
            "SELECT field FROM watch_value WHERE target = ?1 AND last = 1
             ORDER BY field LIMIT 100",
            values![target.0],
        )?;
        let mut fields: Vec<Box<str>> = rows.iter().map(|row| row.text(0).into()).collect();
        fields.sort_unstable();
        Ok(fields)
    }

    /// The values of a field of a target, the newest first, at most `limit`, of those that were
    /// seen first before `before`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn values(
        &mut self,
        target: WatchedNo,
        field: &str,
        before: Option<Time>,
        limit: u32,
    ) -> Result<Vec<ValueSeen>, HistoryError> {
        let before = before.map_or(i64::MAX, ms);
        let rows = self.db.query(
            "SELECT value, number, at_ms, seen_ms, times FROM watch_value
             WHERE target = ?1 AND field = ?2 AND at_ms < ?3
             ORDER BY at_ms DESC, id DESC LIMIT ?4",
            values![target.0, field, before, limit.min(PAGE_ROWS_MAX)],
        )?;
        let read = |row: &Row| ValueSeen {
            value: row.text_opt(0).map(Into::into),
            number: row.real_opt(1),
            from: time(row.int(2)),
            seen: time(row.int(3)),
            times: row.int(4).cast_unsigned(),
        };
        Ok(rows.iter().map(read).collect())
    }

    /// What changed in the values of a job (of all, for none), the newest first, at most `limit`,
    /// of changes with numbers below `before`. The first value of a field is no change.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn changes(
        &mut self,
        job: Option<&str>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<ValueChange>, HistoryError> {
        let before = before.unwrap_or(i64::MAX);
        let of_job = match job {
            Some(_) => "AND value.job = (SELECT id FROM watch_job WHERE name = ?3)",
            None => "",
        };
        let sql = format!(
            "SELECT value.target, target.name, value.field, value.at_ms, earlier.value,
                value.value, earlier.number, value.number, value.id
             FROM watch_value AS value
             JOIN watch_target AS target ON target.id = value.target
             JOIN watch_value AS earlier ON earlier.id = value.earlier
             WHERE value.earlier IS NOT NULL AND value.id < ?1 {of_job}
             ORDER BY value.id DESC LIMIT ?2"
        );
        let limit = limit.min(PAGE_ROWS_MAX);
        let rows = match job {
            Some(job) => self.db.query(&sql, values![before, limit, job])?,
            None => self.db.query(&sql, values![before, limit])?,
        };
        let read = |row: &Row| ValueChange {
            target: WatchedNo(row.count(0)),
            name: row.text(1).into(),
            field: row.text(2).into(),
            at: time(row.int(3)),
            old: row.text_opt(4).map(Into::into),
            new: row.text_opt(5).map(Into::into),
            numbers: (row.real_opt(6), row.real_opt(7)),
            id: row.int(8),
        };
        Ok(rows.iter().map(read).collect())
    }

    /// The silences in force, and those to come; at most 1,000.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn silences(&mut self, now: Time) -> Result<Vec<Silence>, HistoryError> {
        outbox::silences(&mut self.db, now)
    }

    /// Notices, the newest first, at most `limit`, of those with numbers below `before`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn notices(
        &mut self,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<NoticeBrief>, HistoryError> {
        let sql = format!("SELECT {NOTICE} WHERE id < ?1 ORDER BY id DESC LIMIT ?2");
        let before = before.unwrap_or(i64::MAX);
        let rows = self.db.query(&sql, values![before, limit.min(PAGE_ROWS_MAX)])?;
        rows.iter().map(|row| brief(&self.db, row)).collect()
    }

    /// The notices of an incident that are kept, the newest first, at most `limit`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn notices_of(
        &mut self,
        incident: i64,
        limit: u32,
    ) -> Result<Vec<NoticeBrief>, HistoryError> {
        let sql = format!("SELECT {NOTICE} WHERE incident = ?1 ORDER BY id DESC LIMIT ?2");
        let rows = self.db.query(&sql, values![incident, limit.min(PAGE_ROWS_MAX)])?;
        rows.iter().map(|row| brief(&self.db, row)).collect()
    }
}
