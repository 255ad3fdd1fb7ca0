//! Cells of an hour, also of one that came so late that its day is one block already.

use super::super::cells::{self, Entry};
use super::super::db::{Db, values};
use super::super::error::HistoryError;
use super::super::slots::{BLOCK_DAYS, DAY_HOURS, block_of, id};
use super::Progress;
use super::fold::{DAYS, DAYS_NEW, HOURS, sum};
use super::hour::HOURS_NEW;

/// Whether the hours of this day and range are one block.
fn is_folded(progress: &Progress, day: i64, range: u32) -> bool {
    progress.day.is_some_and(|next| day < next || day == next && range < progress.day_range)
}

/// Whether its sum is in a block of days.
fn is_in_days(progress: &Progress, day: i64, range: u32) -> bool {
    let month = day.div_euclid(BLOCK_DAYS);
    progress.month.is_some_and(|next| month < next || month == next && range < progress.month_range)
}

/// The cells of an hour and a range of targets.
pub(super) fn read(
    db: &mut Db,
    progress: &Progress,
    hour: i64,
    range: u32,
) -> Result<Vec<Entry>, HistoryError> {
    let day = hour.div_euclid(DAY_HOURS);
    let mut entries = match is_folded(progress, day, range) {
        true => decoded(db, HOURS.table, id(day, range))?,
        false => decoded(db, HOURS_NEW.table, id(hour, range))?,
    };
    entries.retain(|entry| entry.period == hour);
    Ok(entries)
}

/// Puts the cells of an hour and a range of targets in their place: those that are there are
/// replaced. Where their day is one block they go into it, and its sum is made anew.
pub(super) fn put(
    db: &mut Db,
    progress: &Progress,
    (hour, range): (i64, u32),
    cells: Vec<Entry>,
) -> Result<(), HistoryError> {
    if cells.is_empty() {
        return Ok(());
    }
    let day = hour.div_euclid(DAY_HOURS);
    if !is_folded(progress, day, range) {
        let row = values![id(hour, range), cells::encode(&cells)].to_vec();
        return db.put(&HOURS_NEW, &[row]);
    }
    let mut hours = decoded(db, HOURS.table, id(day, range))?;
    let (sums, sums_id) = match is_in_days(progress, day, range) {
        true => (&DAYS, id(day.div_euclid(BLOCK_DAYS), range)),
        false => (&DAYS_NEW, id(day, range)),
    };
    let mut days = decoded(db, sums.table, sums_id)?;
    if hours.is_empty() && days.iter().any(|entry| entry.period == day) {
        // Its hours are gone by their age: the sum stays as it was.
        return Ok(());
    }
    for cell in cells {
        merge(&mut hours, cell);
    }
    hours.sort_by_key(|entry| (entry.target, entry.period));
    days.retain(|entry| entry.period != day);
    days.extend(hours.chunk_by(|a, b| a.target == b.target).map(|hours| sum(hours, day)));
    days.sort_by_key(|entry| (entry.target, entry.period));
    db.put(&HOURS, &[values![id(day, range), cells::encode(&hours)].to_vec()])?;
    db.put(sums, &[values![sums_id, cells::encode(&days)].to_vec()])
}

/// Puts a cell in the place of the one of its target and hour. Where the checks that one was made
/// of are gone by their age, only the slots that are known to be missed since are added to it.
fn merge(hours: &mut Vec<Entry>, late: Entry) {
    let is_same = |known: &&mut Entry| (known.target, known.period) == (late.target, late.period);
    match hours.iter_mut().find(is_same) {
        None => hours.push(late),
        Some(known) => {
            let checks = |entry: &Entry| entry.cell.checks.iter().sum::<u64>();
            if checks(&late) < checks(known) {
                known.cell.missed += late.cell.missed;
            } else {
                *known = late;
            }
        }
    }
}

fn decoded(db: &mut Db, table: &str, number: i64) -> Result<Vec<Entry>, HistoryError> {
    let mut entries = Vec::new();
    if let Some(block) = block_of(db, table, number)? {
        let decoded = cells::decode(&block, None, &mut entries);
        decoded.ok_or_else(|| db.damaged(format!("block {number} of {table}")))?;
    }
    Ok(entries)
}
