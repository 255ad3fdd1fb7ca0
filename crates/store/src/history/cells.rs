//! Checks added up: of each target and hour or day how many, how long, how fast.
//!
//! # Format 1
//!
//! A zstd frame, with numbers as in a block of checks. First the byte 1 and the number of cells;
//! then columns, each behind its length in bytes, with one number for each cell, sorted by target
//! and period: `target` (the distance to the one before, the first to 0), `period` (hours or days
//! since 1970: signed, the distance to that of the cell before), five of checks (up, degraded,
//! limited, unknown, down), `missed` (slots), seven of milliseconds (the same five, no data,
//! maintenance), `took` (see below), `carry` (0: nothing is left to say; else the health's number
//! + 1, and signed the milliseconds from 1970 to its check).
//!
//! `took` holds the durations of checks that were answered (up, degraded) as counts of steps: first
//! how many steps, then of each the distance to the step before and the count. Step s stands for
//! the codes 8 s to 8 s + 7 of a block of checks: what is read from it is off by 3.2 % at most.

use super::block::{Effort, Slot, What, compress, decompress, health_number, health_of};
use super::pack::{Took, Unpack, put, put_bytes, put_signed};
use super::walk::{Carry, Times, Walk};

use gather_core::health::Health;
use gather_core::time::Duration;

const FORMAT: u8 = 1;
/// Codes of a duration in one step, as a power of two.
const STEP_BITS: u32 = 3;

/// What a target was like for a period.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cell {
    /// Checks by the number of their health.
    pub(super) checks: [u64; 5],
    pub(super) missed: u64,
    pub(super) times: Times,
    pub(super) took: Sketch,
    /// What the last check says about the next period.
    pub(super) carry: Option<Carry>,
}

/// A cell and what it is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) target: u32,
    /// Hours or days since 1970.
    pub(super) period: i64,
    pub(super) cell: Cell,
}

/// Durations, as counts of steps in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sketch(Vec<(u16, u64)>);

impl Sketch {
    pub(super) fn add(&mut self, took: Took) {
        let step = took.0 >> STEP_BITS;
        self.count(step, 1);
    }

    fn count(&mut self, step: u16, more: u64) {
        match self.0.binary_search_by_key(&step, |(step, _)| *step) {
            Ok(at) => self.0[at].1 += more,
            Err(at) => self.0.insert(at, (step, more)),
        }
    }

    pub(super) fn sum(&mut self, other: &Self) {
        other.0.iter().for_each(|(step, count)| self.count(*step, *count));
    }

    /// The duration that this share of all is not above (nearest rank).
    pub(super) fn percentile(&self, share: f64) -> Option<Duration> {
        let all: u64 = self.0.iter().map(|(_, count)| count).sum();
        let wanted = ((all as f64 * share).ceil() as u64).clamp(1, all.max(1));
        let mut seen = 0;
        let (step, _) = self.0.iter().find(|(_, count)| {
            seen += count;
            seen >= wanted
        })?;
        let middle = (step << STEP_BITS) | (1 << (STEP_BITS - 1));
        Some(Took(middle).least())
    }
}

impl Cell {
    /// What slots say of a time.
    pub(super) fn of(walk: &Walk<'_>, slots: &[Slot]) -> Self {
        let mut cell = Self::default();
        let mut times = Times::default();
        cell.carry = walk.run(slots, |from, until, condition| times.add(condition, until - from));
        cell.times = times;
        slots.iter().for_each(|slot| cell.count(slot));
        cell
    }

    /// Counts a slot, without its time.
    pub(super) fn count(&mut self, slot: &Slot) {
        match slot.what {
            What::Check { health, .. } => {
                self.checks[usize::from(health_number(health))] += 1;
                if matches!(health, Health::Up | Health::Degraded) {
                    self.took.add(slot.took);
                }
            }
            What::Missed(_) => self.missed += u64::from(slot.slots),
        }
    }

    /// Adds what was next.
    pub(super) fn sum(&mut self, next: &Self) {
        self.checks.iter_mut().zip(next.checks).for_each(|(count, more)| *count += more);
        self.missed += next.missed;
        self.times.sum(&next.times);
        self.took.sum(&next.took);
        self.carry = next.carry;
    }

    /// Whether it says nothing but that there is no data.
    pub(super) fn is_empty(&self) -> bool {
        let [up, degraded, limited, unknown, down, _, maintenance] = self.times.ms;
        let times = up + degraded + limited + unknown + down + maintenance;
        times == 0 && self.missed == 0 && self.checks == [0; 5] && self.carry.is_none()
    }
}

/// How many columns there are.
const COLUMNS: usize = 17;

/// Encodes cells that are sorted by target and period.
pub(super) fn encode(entries: &[Entry]) -> Vec<u8> {
    let mut columns: [Vec<u8>; COLUMNS] = Default::default();
    let (mut target, mut period) = (0, 0);
    for entry in entries {
        let mut column = columns.iter_mut();
        let mut next = || column.next().expect("as many as are counted");
        put(next(), u64::from(entry.target - target));
        put_signed(next(), entry.period - period);
        (target, period) = (entry.target, entry.period);
        let cell = &entry.cell;
        cell.checks.iter().for_each(|count| put(next(), *count));
        put(next(), cell.missed);
        cell.times.ms.iter().for_each(|ms| put(next(), *ms));
        let steps = next();
        put(steps, cell.took.0.len() as u64);
        let mut step_before = 0;
        for (step, count) in &cell.took.0 {
            put(steps, u64::from(step - step_before));
            put(steps, *count);
            step_before = *step;
        }
        let carry = next();
        match cell.carry {
            None => put(carry, 0),
            Some(said) => {
                put(carry, u64::from(health_number(said.health)) + 1);
                put_signed(carry, said.due);
            }
        }
    }
    let mut all = vec![FORMAT];
    put(&mut all, entries.len() as u64);
    columns.iter().for_each(|column| put_bytes(&mut all, column));
    compress(&all, Effort::Thorough)
}

/// Decodes cells: those of one target, or all. `None` if they are damaged.
pub(super) fn decode(block: &[u8], wanted: Option<u32>, into: &mut Vec<Entry>) -> Option<()> {
    let bytes = decompress(block)?;
    let mut from = Unpack(&bytes);
    if from.byte()? != FORMAT {
        return None;
    }
    let count = from.length()?;
    let mut columns = [Unpack(&[]); COLUMNS];
    for column in &mut columns {
        *column = Unpack(from.bytes()?);
    }
    let (mut target, mut period) = (0_u32, 0_i64);
    for _ in 0..count {
        let mut column = columns.iter_mut();
        let mut next = || column.next().expect("as many as are counted");
        target = target.checked_add(next().small()?)?;
        period = period.checked_add(next().signed()?)?;
        let mut cell = Cell::default();
        for count in &mut cell.checks {
            *count = next().number()?;
        }
        cell.missed = next().number()?;
        for ms in &mut cell.times.ms {
            *ms = next().number()?;
        }
        let steps = next();
        let mut step = 0_u16;
        for _ in 0..steps.length()? {
            step = step.checked_add(u16::try_from(steps.small()?).ok()?)?;
            cell.took.0.push((step, steps.number()?));
        }
        let carry = next();
        cell.carry = match carry.number()? {
            0 => None,
            number => {
                let health = health_of(u8::try_from(number - 1).ok()?)?;
                Some(Carry { due: carry.signed()?, health })
            }
        };
        match wanted {
            Some(wanted) if target < wanted => continue,
            Some(wanted) if target > wanted => break,
            _ => into.push(Entry { target, period, cell }),
        }
    }
    Some(())
}
