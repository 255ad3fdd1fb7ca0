//! Where the slots of a time are: as they came, in parts, in hours; and who is in a block.

use super::block::{self, Slot, Wanted};
use super::db::{Db, Value, values};
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

/// Blocks that are asked for at once: a server is as far away for one as for all of them.
const BLOCKS_A_QUESTION: usize = 32;

/// Reads the blocks of these numbers, as far as there are any, in no order.
pub(super) fn blocks_of(
    db: &mut Db,
    table: &str,
    ids: impl Iterator<Item = i64>,
) -> Result<Vec<(i64, Vec<u8>)>, HistoryError> {
    blocks_where(db, table, "", &[], ids)
}

/// The same of those for which a condition holds; its values are `?33` and so on.
fn blocks_where(
    db: &mut Db,
    table: &str,
    condition: &str,
    values: &[Value],
    ids: impl Iterator<Item = i64>,
) -> Result<Vec<(i64, Vec<u8>)>, HistoryError> {
    let ids: Vec<Value> = ids.map(Value::from).collect();
    let places = (1..=BLOCKS_A_QUESTION).map(|at| format!("?{at}")).collect::<Vec<_>>().join(", ");
    let find = format!("SELECT id, block FROM {table} WHERE id IN ({places}){condition}");
    let mut blocks = Vec::new();
    for ids in ids.chunks(BLOCKS_A_QUESTION) {
        // One statement for all, so that it stays prepared: what is left over has no number.
        let mut all = ids.to_vec();
        all.resize(BLOCKS_A_QUESTION, Value::Int(-1));
        all.extend_from_slice(values);
        let rows = db.query(&find, &all)?;
        blocks.extend(rows.iter().map(|row| (row.int(0), row.blob(1).to_vec())));
    }
    Ok(blocks)
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
    periods(db, "watch_check_part")
}

/// The first and the last period or run of a table's blocks. Each end is a question of its own: of
/// both at once SQLite reads the whole table.
pub(super) fn periods(db: &mut Db, table: &str) -> Result<Option<(i64, i64)>, HistoryError> {
    let find = format!("SELECT (SELECT min(id) FROM {table}), (SELECT max(id) FROM {table})");
    let row = db.query_one(&find, &[])?;
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
    let ranges = |size: u32| {
        let mut ranges: Vec<u32> = targets.iter().map(|target| target / size).collect();
        ranges.dedup();
        ranges
    };
    // No hour at all if there are none.
    let (first, last) = periods(db, "watch_check_hour")?.unwrap_or((i64::MAX, i64::MIN));
    let first = first.max(from.div_euclid(HOUR_MS));
    let hours = first..=last.min((until - 1).div_euclid(HOUR_MS));
    let by_range = ranges(RANGE);
    let ids = hours.flat_map(|hour| by_range.iter().map(move |range| id(hour, *range)));
    for (_, block) in blocks_of(db, "watch_check_hour", ids)? {
        read(db, &block, Wanted::Of(targets), &mut slots)?;
    }
    if let Some((first, last)) = runs(db)? {
        let by_part = ranges(PART_RANGE);
        let ids = (first..=last).flat_map(|run| by_part.iter().map(move |part| id(run, *part)));
        let within = " AND first_ms < ?34 AND last_ms >= ?33";
        for (_, block) in blocks_where(db, "watch_check_part", within, values![from, until], ids)? {
            read(db, &block, Wanted::Of(targets), &mut slots)?;
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
