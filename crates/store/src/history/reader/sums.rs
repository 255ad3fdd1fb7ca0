//! The sums of hours and days of all targets, one after the other: what SQL cannot read in a block.

use gather_core::time::{Duration, Time};
use gather_core::watch::WatchedNo;

use super::super::cells::{self, Entry};
use super::super::db::values;
use super::super::error::HistoryError;
use super::super::slots::{BLOCK_DAYS, DAY_HOURS, DAY_MS, HOUR_MS, first_id};
use super::super::words::{ms, time};
use super::HistoryReader;
use super::past::{Bucket, bucket};

/// Over what checks are added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SumsOf {
    /// Hours: kept for 90 days.
    Hours,
    /// Days (UTC): kept for five years.
    Days,
}

/// What a target was like for an hour or a day.
#[derive(Clone, Debug, PartialEq)]
pub struct Sum {
    /// The target.
    pub target: WatchedNo,
    /// Where the hour or day begins.
    pub from: Time,
    /// How long it is.
    pub step: Duration,
    /// What it comes to.
    pub sum: Bucket,
}

/// Blocks that are read at once.
const BLOCKS_A_PAGE: u32 = 64;

impl HistoryReader {
    /// Gives all hours or days that begin in this time, block by block: those of a target are in
    /// order, targets are not. An hour without a sum is no data. What is not added up yet, the
    /// last hour or the last day and a half, is not among them.
    ///
    /// # Errors
    /// When they cannot be read, or what `give` returns.
    pub fn sums<E: From<HistoryError>>(
        &mut self,
        of: SumsOf,
        (from, until): (Time, Time),
        mut give: impl FnMut(Sum) -> Result<(), E>,
    ) -> Result<(), E> {
        let (step, tables) = match of {
            SumsOf::Hours => (HOUR_MS, [("watch_hour", DAY_HOURS), ("watch_hour_new", 1)]),
            SumsOf::Days => (DAY_MS, [("watch_day", BLOCK_DAYS), ("watch_day_new", 1)]),
        };
        let periods =
            (ms(from) + step - 1).div_euclid(step)..(ms(until) + step - 1).div_euclid(step);
        for (table, periods_a_block) in tables {
            let end = first_id((periods.end - 1).div_euclid(periods_a_block) + 1);
            let mut next = first_id(periods.start.div_euclid(periods_a_block));
            loop {
                let find = format!(
                    "SELECT id, block FROM {table} WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3"
                );
                let rows = self.db.query(&find, values![next, end, BLOCKS_A_PAGE])?;
                let Some(last) = rows.last() else { break };
                next = last.int(0) + 1;
                for row in &rows {
                    let mut entries: Vec<Entry> = Vec::new();
                    let decoded = cells::decode(row.blob(1), None, &mut entries);
                    decoded.ok_or_else(|| self.db.damaged(format!("a block of {table}")))?;
                    for entry in entries.iter().filter(|entry| periods.contains(&entry.period)) {
                        give(Sum {
                            target: WatchedNo(entry.target),
                            from: time(entry.period * step),
                            step: Duration::from_millis(step.unsigned_abs()),
                            sum: bucket(&entry.cell),
                        })?;
                    }
                }
            }
        }
        Ok(())
    }
}
