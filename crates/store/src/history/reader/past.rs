//! The past of a target in equal times: how long it was how, how many checks, how fast.

use std::ops::RangeInclusive;

use gather_core::time::{Duration, Time};
use gather_core::watch::{Check, Missed, WatchedNo};

use super::super::block::Slot;
use super::super::cells::{self, Cell, Entry};
use super::super::db::{Db, values};
use super::super::error::HistoryError;
use super::super::slots::{self, BLOCK_DAYS, DAY_HOURS, DAY_MS, HOUR_MS, RANGE, id, of_targets};
use super::super::upkeep;
use super::super::walk::{Condition, Times, Walk};
use super::super::words::{ms, time};
use super::{HistoryReader, PAGE_ROWS_MAX};

/// How far back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Span {
    /// 24 hours: up to 24 buckets from hours, more of them from single checks.
    Day,
    /// 7 days, from hours.
    Week,
    /// 30 days, from hours.
    Month,
    /// 90 days, from hours.
    Quarter,
    /// 365 days, from days.
    Year,
}

impl Span {
    /// All, from the shortest.
    pub const ALL: [Self; 5] = [Self::Day, Self::Week, Self::Month, Self::Quarter, Self::Year];

    /// As people write it: `24h`, `7d`, `30d`, `90d`, `1y`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
            Self::Quarter => "90d",
            Self::Year => "1y",
        }
    }

    /// The span of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|span| span.as_str() == name)
    }

    const fn days(self) -> i64 {
        match self {
            Self::Day => 1,
            Self::Week => 7,
            Self::Month => 30,
            Self::Quarter => 90,
            Self::Year => 365,
        }
    }

    /// What a bucket's length is a multiple of, in milliseconds: single checks fall anywhere.
    const fn grain(self, buckets: i64) -> i64 {
        match self {
            Self::Day if buckets > 24 => 60_000,
            Self::Day | Self::Week | Self::Month | Self::Quarter => HOUR_MS,
            Self::Year => DAY_MS,
        }
    }
}

/// What a target was like in a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// How long in each condition. What is still to come is not in it.
    pub times: Times,
    /// Checks: up, degraded, limited, unknown, down.
    pub checks: [u64; 5],
    /// Slots without a check.
    pub missed: u64,
    /// Half of the answered checks took no longer; 3.2 % more or less.
    pub p50: Option<Duration>,
    /// 95 % of the answered checks took no longer; 3.2 % more or less.
    pub p95: Option<Duration>,
}

/// The past of a target, in equal times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// Where the first bucket begins.
    pub from: Time,
    /// How long each is; the last one ends at or after now.
    pub step: Duration,
    /// The buckets, in order.
    pub buckets: Vec<Bucket>,
    /// All of them together.
    pub total: Bucket,
}

/// A slot of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckSeen {
    /// A check.
    Check(Check),
    /// A span without checks.
    Missed(Missed),
}

/// Buckets of a past at most.
const BUCKETS_MAX: u32 = 400;

impl HistoryReader {
    /// The past of a target in about `buckets` equal times (1 to 400, fewer where they would be
    /// shorter than what is kept), up to now. For a target that there is not, all is no data.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn past(
        &mut self,
        target: WatchedNo,
        span: Span,
        buckets: u32,
        now: Time,
    ) -> Result<Past, HistoryError> {
        let frame = Frame::new(span, buckets, ms(now));
        self.db.snapshot(|db| frame.pasts(db, &[target]).map(|mut pasts| pasts.remove(0)))
    }

    /// The same for several targets, in their order; at most [`PAGE_ROWS_MAX`].
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn pasts(
        &mut self,
        targets: &[WatchedNo],
        span: Span,
        buckets: u32,
        now: Time,
    ) -> Result<Vec<Past>, HistoryError> {
        let frame = Frame::new(span, buckets, ms(now));
        let targets = &targets[..targets.len().min(PAGE_ROWS_MAX as usize)];
        self.db.snapshot(|db| frame.pasts(db, targets))
    }

    /// What a target was like between these moments, each to the next: days of a time zone, which
    /// need not be equally long. They are in order; a moment within an hour counts as that hour's
    /// end. At most 400 buckets; what is still to come is not in them.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn between(
        &mut self,
        target: WatchedNo,
        moments: &[Time],
        now: Time,
    ) -> Result<Vec<Bucket>, HistoryError> {
        let moments = &moments[..moments.len().min(BUCKETS_MAX as usize + 1)];
        let edges: Vec<i64> = moments.iter().map(|moment| ceil(ms(*moment), HOUR_MS)).collect();
        if edges.len() < 2 {
            return Ok(Vec::new());
        }
        let frame = Frame { span: Span::Quarter, edges, now: ms(now) };
        let pasts = self.db.snapshot(|db| frame.pasts(db, &[target]))?;
        Ok(pasts.into_iter().flat_map(|past| past.buckets).collect())
    }

    /// The last slots of a target in the 24 hours before `before`, the newest first, at most
    /// `limit`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn checks(
        &mut self,
        target: WatchedNo,
        before: Time,
        limit: u32,
    ) -> Result<Vec<CheckSeen>, HistoryError> {
        let before = ms(before);
        let slots = self.db.snapshot(|db| of_targets(db, &[target.0], before - DAY_MS, before))?;
        let seen = |slot: &Slot| match slot.as_check() {
            Some(check) => Some(CheckSeen::Check(check)),
            None => slot.as_missed().map(CheckSeen::Missed),
        };
        Ok(slots.iter().rev().take(limit.min(PAGE_ROWS_MAX) as usize).filter_map(seen).collect())
    }
}

/// The next multiple of a length, or the number itself if it is one.
fn ceil(ms: i64, length: i64) -> i64 {
    (ms + length - 1).div_euclid(length) * length
}

/// Buckets that are being filled: one from each edge to the next.
struct Filling<'a> {
    edges: &'a [i64],
    cells: Vec<Cell>,
}

impl Filling<'_> {
    /// The number of the bucket of a moment.
    fn index(&self, ms: i64) -> Option<usize> {
        self.edges.partition_point(|edge| *edge <= ms).checked_sub(1)
    }

    /// The bucket of a moment.
    fn at(&mut self, ms: i64) -> Option<&mut Cell> {
        let at = self.index(ms)?;
        self.cells.get_mut(at)
    }

    /// Adds what a time from this moment on came to, if it begins in a bucket.
    fn sum(&mut self, from: i64, sum: &Cell) {
        if let Some(cell) = self.at(from) {
            cell.sum(sum);
        }
    }

    /// Adds a time, to all buckets that it touches.
    fn time(&mut self, mut from: i64, until: i64, condition: Condition) {
        while from < until {
            let next = self.edges.partition_point(|edge| *edge <= from);
            let end = self.edges.get(next).map_or(until, |edge| until.min(*edge));
            if let Some(cell) = self.at(from) {
                cell.times.add(condition, end - from);
            }
            from = end;
        }
    }

    /// Adds single slots of a time.
    fn walk(&mut self, walk: &Walk<'_>, slots: &[Slot]) {
        walk.run(slots, |from, until, condition| self.time(from, until, condition));
        for slot in slots {
            if let Some(cell) = self.at(slot.due) {
                cell.count(slot);
            }
        }
    }

    /// What nothing was said of, until now, is no data.
    fn finish(mut self, now: i64) -> Past {
        let mut all = Cell::default();
        for (cell, edges) in self.cells.iter_mut().zip(self.edges.windows(2)) {
            let passed = (now - edges[0]).clamp(0, edges[1] - edges[0]);
            cell.times.add(Condition::NoData, passed - cell.times.total_ms());
            all.sum(cell);
        }
        let (from, next) = (self.edges[0], self.edges[1]);
        Past {
            from: time(from),
            step: Duration::from_millis((next - from).unsigned_abs()),
            buckets: self.cells.iter().map(bucket).collect(),
            total: bucket(&all),
        }
    }
}

pub(super) fn bucket(cell: &Cell) -> Bucket {
    Bucket {
        times: cell.times,
        checks: cell.checks,
        missed: cell.missed,
        p50: cell.took.percentile(0.5),
        p95: cell.took.percentile(0.95),
    }
}

/// The times that are asked for.
struct Frame {
    span: Span,
    /// At least two, in order.
    edges: Vec<i64>,
    now: i64,
}

/// Where a past comes from: days before the first moment, hours before the second, single checks
/// after it.
struct Sources {
    hours: i64,
    single: i64,
}

impl Frame {
    fn new(span: Span, buckets: u32, now: i64) -> Self {
        let length = span.days() * DAY_MS;
        let wanted = i64::from(buckets.clamp(1, BUCKETS_MAX));
        let grain = span.grain(wanted);
        let step = (length + wanted * grain - 1).div_euclid(wanted * grain) * grain;
        let count = (length + step - 1).div_euclid(step);
        let until = ceil(now, grain);
        Self { span, edges: (0..=count).map(|at| until - (count - at) * step).collect(), now }
    }

    fn from(&self) -> i64 {
        self.edges[0]
    }

    fn sources(&self, db: &mut Db) -> Result<Sources, HistoryError> {
        let (from, now) = (self.from(), self.now);
        let (hours, days) = upkeep::done(db)?;
        // Everything before this hour has cells, and everything before this day has those of days.
        let hours = hours.map_or(from, |hour| hour * HOUR_MS);
        let days = days.map_or(from, |day| day * DAY_MS);
        let is_hourly = self.edges.iter().all(|edge| edge % HOUR_MS == 0);
        let single = if is_hourly { hours.clamp(from, now.max(from)) } else { from };
        let hours = if self.span == Span::Year { days.clamp(from, single) } else { from };
        Ok(Sources { hours, single })
    }

    fn pasts(&self, db: &mut Db, targets: &[WatchedNo]) -> Result<Vec<Past>, HistoryError> {
        let sources = self.sources(db)?;
        let mut sorted: Vec<u32> = targets.iter().map(|target| target.0).collect();
        sorted.sort_unstable();
        sorted.dedup();
        // From a whole hour on, to have what was said last; what is before the buckets falls out.
        let begin = sources.single.div_euclid(HOUR_MS) * HOUR_MS;
        let slots = of_targets(db, &sorted, begin, self.now)?;
        let of = |target: u32| {
            let first = slots.partition_point(|slot| slot.target < target);
            let end = slots.partition_point(|slot| slot.target <= target);
            &slots[first..end]
        };
        targets.iter().map(|target| self.past(db, target.0, &sources, of(target.0))).collect()
    }

    fn past(
        &self,
        db: &mut Db,
        target: u32,
        sources: &Sources,
        slots: &[Slot],
    ) -> Result<Past, HistoryError> {
        let cells = vec![Cell::default(); self.edges.len() - 1];
        let mut filling = Filling { edges: &self.edges, cells };
        let about = db.query_one(
            "SELECT target.job, job.speaks_ms FROM watch_target AS target
             JOIN watch_job AS job ON job.id = target.job WHERE target.id = ?1",
            values![target],
        )?;
        let Some(about) = about else { return Ok(filling.finish(self.now)) };
        for entry in days_of(db, target, self.from(), sources.hours)? {
            filling.sum(entry.period * DAY_MS, &entry.cell);
        }
        let hour = sources.single.div_euclid(HOUR_MS);
        let mut carry = None;
        // One more, for what was said last before the first single check.
        let from = sources.hours.min((hour - 1) * HOUR_MS);
        for entry in hours_of(db, target, from, sources.single)? {
            if entry.period == hour - 1 {
                carry = entry.cell.carry;
            }
            if entry.period * HOUR_MS >= sources.hours {
                filling.sum(entry.period * HOUR_MS, &entry.cell);
            }
        }
        let (from, until) = (hour * HOUR_MS, self.now.max(hour * HOUR_MS));
        let windows = slots::windows(db, about.int(0), target, from, until)?;
        let walk = Walk { from, until, speaks: about.int(1), carry, windows: &windows };
        filling.walk(&walk, slots);
        Ok(filling.finish(self.now))
    }
}

/// The hours of a target in a time of whole hours.
fn hours_of(db: &mut Db, target: u32, from: i64, until: i64) -> Result<Vec<Entry>, HistoryError> {
    let (first, last) = (from.div_euclid(HOUR_MS), until.div_euclid(HOUR_MS));
    let blocks = first.div_euclid(DAY_HOURS)..=(last - 1).div_euclid(DAY_HOURS);
    let mut found = Vec::new();
    read_cells(db, "watch_hour", blocks, target, &mut found)?;
    between(db, "watch_hour_new", (first, last), target, &mut found)?;
    found.retain(|entry| (first..last).contains(&entry.period));
    Ok(found)
}

/// The days of a target in a time of whole days.
fn days_of(db: &mut Db, target: u32, from: i64, until: i64) -> Result<Vec<Entry>, HistoryError> {
    let (first, last) = (from.div_euclid(DAY_MS), until.div_euclid(DAY_MS));
    let blocks = first.div_euclid(BLOCK_DAYS)..=(last - 1).div_euclid(BLOCK_DAYS);
    let mut found = Vec::new();
    read_cells(db, "watch_day", blocks, target, &mut found)?;
    between(db, "watch_day_new", (first, last), target, &mut found)?;
    found.retain(|entry| (first..last).contains(&entry.period));
    Ok(found)
}

/// Blocks of one period each, which are not yet together in larger ones.
fn between(
    db: &mut Db,
    table: &str,
    (first, last): (i64, i64),
    target: u32,
    into: &mut Vec<Entry>,
) -> Result<(), HistoryError> {
    let Some((least, most)) = slots::periods(db, table)? else { return Ok(()) };
    let (first, last) = (first.max(least), last.min(most + 1));
    read_cells(db, table, first..=last - 1, target, into)
}

fn read_cells(
    db: &mut Db,
    table: &str,
    periods: RangeInclusive<i64>,
    target: u32,
    into: &mut Vec<Entry>,
) -> Result<(), HistoryError> {
    let ids = periods.map(|period| id(period, target / RANGE));
    for (number, block) in slots::blocks_of(db, table, ids)? {
        let decoded = cells::decode(&block, Some(target), into);
        decoded.ok_or_else(|| db.damaged(format!("block {number} of {table}")))?;
    }
    Ok(())
}
