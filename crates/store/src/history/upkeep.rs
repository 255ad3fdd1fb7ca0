//! What is done beside the writing, in small steps: blocks rewritten, checks added up, old rows
//! removed.
//!
//! Batches become parts (by range of targets, after two minutes), parts become hours once all
//! slots of the hour are accounted for, and with an hour its cells; the cells of a day become one
//! block, and its sum the day's cell. Each step is one transaction that also says how far it came,
//! so a crash repeats nothing and loses nothing. What comes late is added to the blocks of its hour.

mod fold;
mod hour;
mod late;
mod pack;
mod retain;

use std::time::Instant;

use gather_core::time::{Duration, Time};

use super::Kept;
use super::db::{Db, values};
use super::error::HistoryError;
use super::slots::{BLOCK_DAYS, DAY_HOURS, HOUR_MS};
use super::words::ms;
use super::writer::{History, Known};

/// How far the rewriting is. What has not begun is `None`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    /// The next hour to be added up, in hours since 1970, and the next part of its targets.
    pub(super) hour: Option<i64>,
    pub(super) hour_part: u32,
    /// The next day whose hours become one block, in days since 1970, and its next range.
    pub(super) day: Option<i64>,
    pub(super) day_range: u32,
    /// The next block of days, and its next range.
    pub(super) month: Option<i64>,
    pub(super) month_range: u32,
    /// When old rows were looked for last, in milliseconds since 1970.
    retained: i64,
}

/// Whether there is more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Something was done.
    Done,
    /// There is nothing to do.
    Idle,
}

/// Slots that come so many hours late are still added up: only then a day becomes one block.
const LATE_HOURS_MAX: i64 = 12;

/// How long an hour waits for slots that are not accounted for.
const HOUR_WAIT_MS: i64 = 2 * HOUR_MS;

impl Progress {
    pub(super) fn load(db: &mut Db) -> Result<Self, HistoryError> {
        let mut progress = Self::default();
        for row in db.query("SELECT name, value FROM watch_progress", &[])? {
            match row.text(0) {
                "hour" => progress.hour = row.int_opt(1),
                "hour_part" => progress.hour_part = row.count(1),
                "day" => progress.day = row.int_opt(1),
                "day_range" => progress.day_range = row.count(1),
                "month" => progress.month = row.int_opt(1),
                "month_range" => progress.month_range = row.count(1),
                _ => {}
            }
        }
        Ok(progress)
    }

    /// Writes how far it is, within the transaction of the step.
    fn save(&self, db: &mut Db) -> Result<(), HistoryError> {
        let marks = [
            ("hour", self.hour),
            ("hour_part", Some(self.hour_part.into())),
            ("day", self.day),
            ("day_range", Some(self.day_range.into())),
            ("month", self.month),
            ("month_range", Some(self.month_range.into())),
        ];
        for (name, value) in marks {
            if let Some(value) = value {
                db.exec(
                    "INSERT INTO watch_progress VALUES (?1, ?2)
                     ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                    values![name, value],
                )?;
            }
        }
        Ok(())
    }
}

/// The next hour and the next day that have no cells yet.
pub(super) fn done(db: &mut Db) -> Result<(Option<i64>, Option<i64>), HistoryError> {
    let progress = Progress::load(db)?;
    Ok((progress.hour, progress.day))
}

impl History {
    /// Rewrites, adds up and removes what is due, in steps of some milliseconds, until there is
    /// nothing to do or `budget` is used up. To be called about once a second.
    ///
    /// # Errors
    /// When the history cannot be read or written. A step is done wholly or not at all.
    pub fn upkeep(&mut self, now: Time, budget: Duration) -> Result<(), HistoryError> {
        let start = Instant::now();
        while self.step(ms(now))? == Step::Done && start.elapsed() < budget {}
        Ok(())
    }

    /// How long things are kept from now on.
    pub fn keep(&mut self, kept: Kept) {
        self.kept = kept;
    }

    fn step(&mut self, now: i64) -> Result<Step, HistoryError> {
        let Self { db, known, kept, upkeep, .. } = self;
        let mut next = *upkeep;
        let step = db.transaction(|db| {
            let step = next.step(db, known, kept, now)?;
            if step == Step::Done {
                next.save(db)?;
            }
            Ok(step)
        })?;
        *upkeep = next;
        Ok(step)
    }
}

impl Progress {
    fn step(
        &mut self,
        db: &mut Db,
        known: &Known,
        kept: &Kept,
        now: i64,
    ) -> Result<Step, HistoryError> {
        let due = self.hour.map(|hour| (hour + 1) * HOUR_MS);
        let accounted = db.query_one("SELECT accounted_ms FROM watch_about", &[])?;
        let accounted = accounted.and_then(|row| row.int_opt(0)).unwrap_or(0);
        let is_ready = |end: i64| accounted >= end || now >= end + HOUR_WAIT_MS;
        let end = due.filter(|end| is_ready(*end));
        if pack::step(self, db, end)? == Step::Done {
            return Ok(Step::Done);
        }
        if end.is_some() {
            return hour::step(self, db, known);
        }
        if let (Some(hour), Some(day)) = (self.hour, self.day) {
            if hour > (day + 1) * DAY_HOURS + LATE_HOURS_MAX {
                return fold::day_step(self, db, known);
            }
            if self.month.is_some_and(|month| day >= (month + 1) * BLOCK_DAYS) {
                return fold::month_step(self, db, known);
            }
        }
        retain::step(self, db, kept, now)
    }
}
