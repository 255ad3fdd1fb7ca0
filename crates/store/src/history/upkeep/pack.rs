//! Batches become parts: the same slots by range of targets, so that one target is found quickly.

use super::super::block::{self, Effort, Slot, Wanted};
use super::super::db::{Bulk, Db, Type, values};
use super::super::error::HistoryError;
use super::super::slots::{self, BLOCK_DAYS, DAY_HOURS, HOUR_MS, PART_RANGE};
use super::{Progress, Step};

/// Batches become parts when there are so many: two minutes.
const BATCHES_MIN: i64 = 120;
/// Or so many slots.
const SLOTS_MIN: i64 = 200_000;

/// Targets in one frame of a part.
const FRAME_TARGETS: u32 = 256;

/// Puts a block of slots; one of the same number is replaced.
const PARTS: Bulk = Bulk {
    table: "watch_check_part",
    columns: &[
        ("id", Type::Int),
        ("first_ms", Type::Int),
        ("last_ms", Type::Int),
        ("n", Type::Int),
        ("block", Type::Blob),
    ],
    conflict: "ON CONFLICT (id) DO UPDATE SET first_ms = excluded.first_ms,
        last_ms = excluded.last_ms, n = excluded.n, block = excluded.block",
};

/// Packs what came, if it is enough or the hour that ends at `end` needs it.
pub(super) fn step(
    progress: &mut Progress,
    db: &mut Db,
    end: Option<i64>,
) -> Result<Step, HistoryError> {
    let about = db.query_one(
        "SELECT count(*), CAST(sum(n) AS bigint), min(first_ms), max(id) FROM watch_check_batch",
        &[],
    )?;
    let Some(about) = about else { return Ok(Step::Idle) };
    let Some(first) = about.int_opt(2) else { return Ok(Step::Idle) };
    if progress.hour.is_none() {
        let hour = first.div_euclid(HOUR_MS);
        progress.hour = Some(hour);
        progress.day = Some(hour.div_euclid(DAY_HOURS));
        progress.month = Some(hour.div_euclid(DAY_HOURS).div_euclid(BLOCK_DAYS));
        return Ok(Step::Done);
    }
    // What is of an hour that is done already waits for the next one.
    let is_needed = end.is_some_and(|end| first < end);
    if about.int(0) < BATCHES_MIN && about.int(1) < SLOTS_MIN && !is_needed {
        return Ok(Step::Idle);
    }
    // At most so many at once: a batch alone may be large after a long stop.
    let mut slots = Vec::new();
    let mut last = 0;
    let find = "SELECT id, n, block FROM watch_check_batch WHERE id > ?1 ORDER BY id LIMIT 32";
    'read: loop {
        let rows = db.query(find, values![last])?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            if !slots.is_empty() && slots.len() as i64 + row.int(1) > 2 * SLOTS_MIN {
                break 'read;
            }
            slots::read(db, row.blob(2), Wanted::All, &mut slots)?;
            last = row.int(0);
        }
    }
    block::sort(&mut slots);
    let run = slots::runs(db)?.map_or(0, |(_, last)| last + 1);
    put(db, run, &slots)?;
    db.exec("DELETE FROM watch_check_batch WHERE id <= ?1", values![last])?;
    Ok(Step::Done)
}

/// Puts sorted slots as the parts of a run.
pub(super) fn put(db: &mut Db, run: i64, slots: &[Slot]) -> Result<(), HistoryError> {
    let by_part = slots.chunk_by(|a, b| a.target / PART_RANGE == b.target / PART_RANGE);
    let rows = by_part.map(|part| {
        let first = part.iter().map(|slot| slot.due).min().unwrap_or(0);
        let last = part.iter().map(Slot::until).max().unwrap_or(0);
        let id = slots::id(run, part[0].target / PART_RANGE);
        let block = block::encode(part, Effort::Quick, FRAME_TARGETS);
        values![id, first, last, part.len() as i64, block].to_vec()
    });
    db.put(&PARTS, &rows.collect::<Vec<_>>())
}
