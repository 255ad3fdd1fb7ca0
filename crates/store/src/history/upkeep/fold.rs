//! Cells of single hours become a block of a day, and its sum a cell of the day; days become
//! blocks of 32.

use super::super::cells::{self, Cell, Entry};
use super::super::db::{Bulk, Db, values};
use super::super::error::HistoryError;
use super::super::slots::{BLOCK_DAYS, DAY_HOURS, RANGE, blocks_of, id};
use super::super::walk::Condition;
use super::super::writer::Known;
use super::hour::{HOURS_NEW, cells_of};
use super::{Progress, Step};

pub(super) const HOURS: Bulk = cells_of("watch_hour");
pub(super) const DAYS_NEW: Bulk = cells_of("watch_day_new");
pub(super) const DAYS: Bulk = cells_of("watch_day");

/// Ranges that are folded in one step.
const RANGES_A_STEP: u32 = 16;

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// Folds the hours of the next ranges of a day.
pub(super) fn day_step(
    progress: &mut Progress,
    db: &mut Db,
    known: &Known,
) -> Result<Step, HistoryError> {
    let day = progress.day.unwrap_or(0);
    let hours = day * DAY_HOURS..(day + 1) * DAY_HOURS;
    let ranges = (known.targets.len() as u32).div_ceil(RANGE);
    let next = (progress.day_range + RANGES_A_STEP).min(ranges);
    let (mut blocks, mut sums) = (Vec::new(), Vec::new());
    for range in progress.day_range..next {
        let entries = take(db, HOURS_NEW.table, hours.clone(), range)?;
        if entries.is_empty() {
            continue;
        }
        let of_target = entries.chunk_by(|a, b| a.target == b.target);
        let days: Vec<Entry> = of_target.map(|hours| sum(hours, day)).collect();
        blocks.push(values![id(day, range), cells::encode(&entries)].to_vec());
        sums.push(values![id(day, range), cells::encode(&days)].to_vec());
    }
    db.put(&HOURS, &blocks)?;
    db.put(&DAYS_NEW, &sums)?;
    progress.day_range = next;
    if next >= ranges {
        (progress.day, progress.day_range) = (Some(day + 1), 0);
    }
    Ok(Step::Done)
}

/// Folds the days of the next ranges of a block of days.
pub(super) fn month_step(
    progress: &mut Progress,
    db: &mut Db,
    known: &Known,
) -> Result<Step, HistoryError> {
    let month = progress.month.unwrap_or(0);
    let days = month * BLOCK_DAYS..(month + 1) * BLOCK_DAYS;
    let ranges = (known.targets.len() as u32).div_ceil(RANGE);
    let next = (progress.month_range + RANGES_A_STEP).min(ranges);
    let mut blocks = Vec::new();
    for range in progress.month_range..next {
        let entries = take(db, DAYS_NEW.table, days.clone(), range)?;
        if !entries.is_empty() {
            blocks.push(values![id(month, range), cells::encode(&entries)].to_vec());
        }
    }
    db.put(&DAYS, &blocks)?;
    progress.month_range = next;
    if next >= ranges {
        (progress.month, progress.month_range) = (Some(month + 1), 0);
    }
    Ok(Step::Done)
}

/// Takes the cells of single periods out of their table, sorted by target and period.
fn take(
    db: &mut Db,
    table: &str,
    periods: std::ops::Range<i64>,
    range: u32,
) -> Result<Vec<Entry>, HistoryError> {
    let mut entries = Vec::new();
    let delete = format!("DELETE FROM {table} WHERE id = ?1");
    for (number, block) in blocks_of(db, table, periods.map(|period| id(period, range)))? {
        let decoded = cells::decode(&block, None, &mut entries);
        decoded.ok_or_else(|| db.damaged(format!("block {number} of {table}")))?;
        db.exec(&delete, values![number])?;
    }
    entries.sort_by_key(|entry| (entry.target, entry.period));
    Ok(entries)
}

/// The hours of a target as its day. Hours without a cell are no data.
pub(super) fn sum(hours: &[Entry], day: i64) -> Entry {
    let mut cell = Cell::default();
    hours.iter().for_each(|hour| cell.sum(&hour.cell));
    cell.carry = None;
    cell.times.add(Condition::NoData, DAY_MS - cell.times.total_ms());
    Entry { target: hours[0].target, period: day, cell }
}
