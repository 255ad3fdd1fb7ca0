//! Parts become hours: of each range of targets its slots in one block, and what they come to.

use std::collections::BTreeMap;

use super::super::block::{self, Effort, Slot, Wanted};
use super::super::cells::{Cell, Entry};
use super::super::db::{Bulk, Db, Type, values};
use super::super::error::HistoryError;
use super::super::slots::{self, HOUR_MS, PART_RANGE, RANGE, block_of, id};
use super::super::walk::{Carry, Walk};
use super::super::writer::Known;
use super::{LATE_HOURS_MAX, Progress, Step, late, pack};

/// Targets in one frame of an hour.
const FRAME_TARGETS: u32 = 16;
/// Parts of targets that are added up in one step.
const PARTS_A_STEP: u32 = 1;

pub(super) const HOURS: Bulk = Bulk {
    table: "watch_check_hour",
    columns: &[("id", Type::Int), ("n", Type::Int), ("block", Type::Blob)],
    conflict: "ON CONFLICT (id) DO UPDATE SET n = excluded.n, block = excluded.block",
};

pub(super) const HOURS_NEW: Bulk = cells_of("watch_hour_new");

/// How cells are put into a table.
pub(super) const fn cells_of(table: &'static str) -> Bulk {
    Bulk {
        table,
        columns: &[("id", Type::Int), ("block", Type::Blob)],
        conflict: "ON CONFLICT (id) DO UPDATE SET block = excluded.block",
    }
}

/// Adds up the next targets of the hour, or goes on to the next hour.
pub(super) fn step(
    progress: &mut Progress,
    db: &mut Db,
    known: &Known,
) -> Result<Step, HistoryError> {
    let hour = progress.hour.unwrap_or(0);
    let parts = (known.targets.len() as u32).div_ceil(PART_RANGE);
    if progress.hour_part == 0 && is_silent(db, hour)? {
        progress.hour = Some(hour + 1);
        return Ok(Step::Done);
    }
    for _ in 0..PARTS_A_STEP {
        if progress.hour_part >= parts {
            break;
        }
        part(db, known, progress, hour)?;
        progress.hour_part += 1;
    }
    if progress.hour_part >= parts {
        (progress.hour, progress.hour_part) = (Some(hour + 1), 0);
    }
    Ok(Step::Done)
}

/// Whether nothing is known of an hour: while the watch does not run for days, hours cost nothing.
fn is_silent(db: &mut Db, hour: i64) -> Result<bool, HistoryError> {
    let part = "SELECT 1 FROM watch_check_part WHERE first_ms < ?1 LIMIT 1";
    if db.query_one(part, values![(hour + 1) * HOUR_MS])?.is_some() {
        return Ok(false);
    }
    let window = "SELECT 1 FROM watch_maintenance WHERE from_ms < ?2 AND until_ms > ?1 LIMIT 1";
    if db.query_one(window, values![hour * HOUR_MS, (hour + 1) * HOUR_MS])?.is_some() {
        return Ok(false);
    }
    let (first, next) = (slots::first_id(hour - 1), slots::first_id(hour));
    let before = "SELECT 1 FROM watch_hour_new WHERE id >= ?1 AND id < ?2 LIMIT 1";
    Ok(db.query_one(before, values![first, next])?.is_none())
}

/// Adds up a part of the targets: their slots of this hour, and what came late of earlier ones.
fn part(db: &mut Db, known: &Known, progress: &Progress, hour: i64) -> Result<(), HistoryError> {
    let (end, part) = ((hour + 1) * HOUR_MS, progress.hour_part);
    let mut slots = Vec::new();
    if let Some((first, last)) = slots::runs(db)? {
        let find = "SELECT block FROM watch_check_part WHERE id = ?1 AND first_ms < ?2";
        for run in first..=last {
            let number = id(run, part);
            let Some(row) = db.query_one(find, values![number, end])? else { continue };
            let before = slots.len();
            slots::read(db, row.blob(0), Wanted::All, &mut slots)?;
            // What is of later hours stays where it is.
            let later = slots[before..].iter().filter(|slot| slot.due >= end);
            let later: Vec<Slot> = later.copied().collect();
            db.exec("DELETE FROM watch_check_part WHERE id = ?1", values![number])?;
            if !later.is_empty() {
                pack::put(db, run, &later)?;
                slots.retain(|slot| slot.due < end);
            }
        }
    }
    // From the hour of what came latest on, since each needs what was said before it.
    let first = slots.iter().map(|slot| slot.due.div_euclid(HOUR_MS)).min().unwrap_or(hour);
    let mut by_hour: BTreeMap<i64, BTreeMap<u32, Vec<Slot>>> = BTreeMap::new();
    for hour in first.min(hour).max(hour - LATE_HOURS_MAX)..=hour {
        let ranges = part * PART_RANGE / RANGE..(part + 1) * PART_RANGE / RANGE;
        by_hour.insert(hour, ranges.map(|range| (range, Vec::new())).collect());
    }
    for slot in slots {
        let ranges = by_hour.entry(slot.due.div_euclid(HOUR_MS)).or_default();
        ranges.entry(slot.target / RANGE).or_default().push(slot);
    }
    for (hour, ranges) in by_hour {
        add_up(db, known, progress, hour, ranges)?;
    }
    Ok(())
}

/// Puts slots into their hour, and adds it up anew.
fn add_up(
    db: &mut Db,
    known: &Known,
    progress: &Progress,
    hour: i64,
    ranges: BTreeMap<u32, Vec<Slot>>,
) -> Result<(), HistoryError> {
    let windows = Windows::load(db, hour)?;
    let mut blocks = Vec::new();
    for (range, mut slots) in ranges {
        let number = id(hour, range);
        if let Some(block) = block_of(db, HOURS.table, number)? {
            slots::read(db, &block, Wanted::All, &mut slots)?;
        }
        block::sort(&mut slots);
        if !slots.is_empty() {
            let block = block::encode(&slots, Effort::Thorough, FRAME_TARGETS);
            blocks.push(values![number, slots.len() as i64, block].to_vec());
        }
        let before = late::read(db, progress, hour - 1, range)?;
        let cells = cells(known, (hour, range), &slots, &windows, &before);
        late::put(db, progress, (hour, range), cells)?;
    }
    db.put(&HOURS, &blocks)
}

/// What the slots of an hour and of a range of targets come to.
fn cells(
    known: &Known,
    (hour, range): (i64, u32),
    slots: &[Slot],
    windows: &Windows,
    before: &[Entry],
) -> Vec<Entry> {
    let carries: BTreeMap<u32, Carry> = before
        .iter()
        .filter_map(|entry| entry.cell.carry.map(|carry| (entry.target, carry)))
        .collect();
    let mut entries = Vec::new();
    let mut rest = slots;
    let targets = range * RANGE..((range + 1) * RANGE).min(known.targets.len() as u32);
    for target in targets {
        let own = rest.iter().take_while(|slot| slot.target == target).count();
        let (own, others) = rest.split_at(own);
        rest = others;
        let job = known.targets[target as usize].job;
        let speaks = known.speaks(job);
        let until = (hour + 1) * HOUR_MS;
        let carry = carries.get(&target).copied();
        let windows = windows.of(job, target);
        let walk = Walk { from: hour * HOUR_MS, until, speaks, carry, windows: &windows };
        let mut cell = Cell::of(&walk, own);
        // What has nothing to say about the next hour need not be carried there.
        cell.carry = cell.carry.filter(|carry| carry.due.saturating_add(speaks) > until);
        if !cell.is_empty() {
            entries.push(Entry { target, period: hour, cell });
        }
    }
    entries
}

/// The maintenance windows that touch an hour.
struct Windows(Vec<Window>);

struct Window {
    covers: Covers,
    from: i64,
    until: i64,
}

#[derive(PartialEq, Eq)]
enum Covers {
    Everything,
    Job(u32),
    Target(u32),
}

impl Windows {
    fn load(db: &mut Db, hour: i64) -> Result<Self, HistoryError> {
        let (from, until) = (hour * HOUR_MS, (hour + 1) * HOUR_MS);
        let rows = db.query(
            "SELECT span.what, span.name, span.from_ms, span.until_ms, job.id
             FROM watch_maintenance AS span
             LEFT JOIN watch_job AS job ON span.what = 'job' AND job.name = span.name
             WHERE span.from_ms < ?2 AND span.until_ms > ?1 ORDER BY span.from_ms",
            values![from, until],
        )?;
        let windows = rows.iter().filter_map(|row| {
            let covers = match row.text(0) {
                "everything" => Covers::Everything,
                "job" => Covers::Job(u32::try_from(row.int_opt(4)?).ok()?),
                _ => Covers::Target(row.text(1).parse().ok()?),
            };
            Some(Window { covers, from: row.int(2), until: row.int(3) })
        });
        Ok(Self(windows.collect()))
    }

    fn of(&self, job: u32, target: u32) -> Vec<(i64, i64)> {
        let covering = self.0.iter().filter(|window| {
            [Covers::Everything, Covers::Job(job), Covers::Target(target)].contains(&window.covers)
        });
        slots::merged(covering.map(|window| (window.from, window.until)))
    }
}
