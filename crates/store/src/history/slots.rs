//! Where the slots of a time are: as they came, in parts, in hours; and who is in a block.

use super::block::{self, Slot, Wanted};
use super::db::{Db, values};
use super::error::HistoryError;

/// Milliseconds of an hour.
pub(super) const HOUR_MS: i64 = 3_600_000;
/// Milliseconds of a day.
pub(super) const DAY_MS: i64 = 24 * HOUR_MS;
/// Hours of a day.
pub(super) const DAY_HOURS: i64 = 24;
/// Days that stand in one block.
pub(super) const BLOCK_DAYS: i64 = 32;

/// Targets in one block of an hour, and of all cells.
pub(super) const RANGE: u32 = 64;
/// Targets in one part; a multiple of [`RANGE`].
pub(super) const PART_RANGE: u32 = 1_024;
/// Bits of a block's number that say which range of targets it has.
const RANGE_BITS: u32 = 20;

/// The number of a block: a period or run, and a range of targets.
pub(super) fn id(period: i64, range: u32) -> i64 {
    (period << RANGE_BITS) | i64::from(range)
}

/// The period or run of a block's number.
pub(super) fn period_of(id: i64) -> i64 {
    id >> RANGE_BITS
}

/// The first number of a period: those of the one before are below it.
pub(super) fn first_id(period: i64) -> i64 {
    id(period, 0)
}

/// Reads the block of this number, if there is one.
pub(super) fn block_of(db: &mut Db, table: &str, id: i64) -> Result<Option<Vec<u8>>, HistoryError> {
    let find = format!("SELECT block FROM {table} WHERE id = ?1");
    Ok(db.query_one(&find, values![id])?.map(|row| row.blob(0).to_vec()))
}

/// Reads the slots of a block into a list.
pub(super) fn read(
    db: &Db,
    block: &[u8],
    wanted: Wanted<'_>,
    into: &mut Vec<Slot>,
) -> Result<(), HistoryError> {
    block::decode(block, wanted, into).ok_or_else(|| db.damaged("a block of checks"))
}

/// The first and the last run of parts; `None` if there are no parts.
pub(super) fn runs(db: &mut Db) -> Result<Option<(i64, i64)>, HistoryError> {
    let row = db.query_one("SELECT min(id), max(id) FROM watch_check_part", &[])?;
    Ok(row.and_then(|row| Some((period_of(row.int_opt(0)?), period_of(row.int_opt(1)?)))))
}

/// The slots of these targets in this time, sorted. The targets are given in order; both ends of
/// the time in milliseconds since 1970, the second is not part of it.
pub(super) fn of_targets(
    db: &mut Db,
    targets: &[u32],
    from: i64,
    until: i64,
) -> Result<Vec<Slot>, HistoryError> {
    let mut slots = Vec::new();
    for hour in from.div_euclid(HOUR_MS)..=(until - 1).div_euclid(HOUR_MS) {
        for targets in targets.chunk_by(|a, b| a / RANGE == b / RANGE) {
            if let Some(block) = block_of(db, "watch_check_hour", id(hour, targets[0] / RANGE))? {
                read(db, &block, Wanted::Of(targets), &mut slots)?;
            }
        }
    }
    if let Some((first, last)) = runs(db)? {
        let find = "SELECT block FROM watch_check_part
                    WHERE id = ?1 AND first_ms < ?3 AND last_ms >= ?2";
        for run in first..=last {
            for targets in targets.chunk_by(|a, b| a / PART_RANGE == b / PART_RANGE) {
                let part = id(run, targets[0] / PART_RANGE);
                if let Some(row) = db.query_one(find, values![part, from, until])? {
                    read(db, row.blob(0), Wanted::Of(targets), &mut slots)?;
                }
            }
        }
    }
    let find = "SELECT block FROM watch_check_batch WHERE first_ms < ?2 AND last_ms >= ?1";
    for row in db.query(find, values![from, until])? {
        read(db, row.blob(0), Wanted::Of(targets), &mut slots)?;
    }
    slots.retain(|slot| (from..until).contains(&slot.due));
    block::sort(&mut slots);
    Ok(slots)
}

/// The maintenance windows of a target that touch this time, in order and without overlap.
pub(super) fn windows(
    db: &mut Db,
    job: i64,
    target: u32,
    from: i64,
    until: i64,
) -> Result<Vec<(i64, i64)>, HistoryError> {
    let rows = db.query(
        "SELECT from_ms, until_ms FROM watch_maintenance
         WHERE from_ms < ?2 AND until_ms > ?1 AND (what = 'everything'
            OR what = 'job' AND name = (SELECT name FROM watch_job WHERE id = ?3)
            OR what = 'target' AND name = ?4)
         ORDER BY from_ms",
        values![from, until, job, target.to_string()],
    )?;
    Ok(merged(rows.iter().map(|row| (row.int(0), row.int(1)))))
}

/// Windows in the order of their begin, made one where they touch.
pub(super) fn merged(windows: impl Iterator<Item = (i64, i64)>) -> Vec<(i64, i64)> {
    let mut merged: Vec<(i64, i64)> = Vec::new();
    for (from, until) in windows {
        match merged.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(until),
            _ => merged.push((from, until)),
        }
    }
    merged
}
