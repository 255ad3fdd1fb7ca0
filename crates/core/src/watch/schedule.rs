//! When a target is due: at an interval with a phase of its own, or by a cron expression.

mod text;
mod windows;

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::time::{Duration, Time};

pub use text::{BadSchedule, Zones, parse_cron, parse_every, parse_window};
pub use windows::{Days, Window, Windows};

/// Slots: the moments at which a target is to be checked.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// At an interval.
    Every(Every),
    /// By the calendar.
    Cron(Arc<Cron>),
}

impl Schedule {
    /// The first slot after `after`; `None` if there is none.
    pub fn next(&self, after: Time) -> Option<Time> {
        match self {
            Self::Every(every) => every.next(after),
            Self::Cron(cron) => cron.next(after),
        }
    }

    /// How many slots there are in (`after`, `until`], at most `u32::MAX`, and for cron at most
    /// [`Cron::COUNT_MAX`]. O(1) for an interval, one step a slot for cron.
    pub fn count(&self, after: Time, until: Time) -> u32 {
        match self {
            Self::Every(every) => every.count(after, until),
            Self::Cron(cron) => cron.count(after, until),
        }
    }

    /// The last slot in (`after`, `until`].
    pub fn last(&self, after: Time, until: Time) -> Option<Time> {
        match self {
            Self::Every(every) => every.last(until).filter(|&at| at > after),
            Self::Cron(cron) => cron.last(after, until),
        }
    }
}

/// A fixed interval, and where in it the target has its slots: at `phase`, `phase + interval`, …
/// after the Unix epoch. So slots are the same after a restart, and targets are spread evenly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Every {
    interval_ns: u64,
    phase_ns: u64,
}

impl Every {
    /// The shortest interval, against a zero and a typing error.
    pub const INTERVAL_MIN: Duration = Duration::from_millis(100);
    /// The longest interval.
    pub const INTERVAL_MAX: Duration = Duration::from_secs(366 * 86_400);

    /// Slots at this interval for the target of this key, which must be stable. The interval is
    /// brought between its limits.
    pub fn new(interval: Duration, key: u64) -> Self {
        let interval = interval.clamp(Self::INTERVAL_MIN, Self::INTERVAL_MAX);
        let interval_ns = u64::try_from(interval.as_nanos()).expect("a year has fewer nanoseconds");
        Self { interval_ns, phase_ns: mix(key) % interval_ns }
    }

    /// Slots at this interval, the first of them `phase` after the epoch.
    pub fn with_phase(interval: Duration, phase: Duration) -> Self {
        let Self { interval_ns, .. } = Self::new(interval, 0);
        let phase_ns = u64::try_from(phase.as_nanos()).unwrap_or(u64::MAX) % interval_ns;
        Self { interval_ns, phase_ns }
    }

    /// From one slot to the next.
    pub const fn interval(self) -> Duration {
        Duration::from_nanos(self.interval_ns)
    }

    /// From the epoch to the first slot.
    pub const fn phase(self) -> Duration {
        Duration::from_nanos(self.phase_ns)
    }

    /// Slots at or before `at`, counted from the epoch.
    const fn slots_until(self, at: Time) -> u64 {
        match at.as_nanos().checked_sub(self.phase_ns) {
            Some(ns) => ns / self.interval_ns + 1,
            None => 0,
        }
    }

    /// The first slot after `after`; none after the year 2554, where time ends.
    pub fn next(self, after: Time) -> Option<Time> {
        let ns = self.slots_until(after).checked_mul(self.interval_ns)?;
        ns.checked_add(self.phase_ns).map(Time::from_nanos)
    }

    /// The last slot at or before `until`.
    pub fn last(self, until: Time) -> Option<Time> {
        let before = self.slots_until(until).checked_sub(1)?;
        Some(Time::from_nanos(before * self.interval_ns + self.phase_ns))
    }

    /// How many slots there are in (`after`, `until`], at most `u32::MAX`.
    pub fn count(self, after: Time, until: Time) -> u32 {
        let slots = self.slots_until(until).saturating_sub(self.slots_until(after));
        u32::try_from(slots).unwrap_or(u32::MAX)
    }
}

/// Spreads keys that differ little over all numbers (the finisher of splitmix64).
const fn mix(key: u64) -> u64 {
    let key = (key ^ (key >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let key = (key ^ (key >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    key ^ (key >> 31)
}

/// A cron expression in a time zone.
///
/// Where the clock goes forward, a slot at a fixed hour that is left out is at the first moment
/// after the gap. Where it goes back, such a slot is at the first of the two, once; with a wildcard
/// or a step in the hour or the minute, both hours have their slots.
#[derive(Clone, Debug)]
pub struct Cron {
    pattern: croner::Cron,
    zone: TimeZone,
}

impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        self.pattern.as_str() == other.pattern.as_str() && self.zone == other.zone
    }
}

impl Cron {
    /// Slots are counted up to here.
    pub const COUNT_MAX: u32 = 100_000;

    /// The first slot after `after`; none if the expression never comes true again.
    pub fn next(&self, after: Time) -> Option<Time> {
        let from = to_zoned(after, &self.zone)?;
        let next = self.pattern.find_next_occurrence(&from, false).ok()?;
        to_time(&next.timestamp())
    }

    /// How many slots there are in (`after`, `until`], at most [`COUNT_MAX`](Self::COUNT_MAX).
    pub fn count(&self, after: Time, until: Time) -> u32 {
        let most = Self::COUNT_MAX as usize;
        u32::try_from(self.slots(after, until).take(most).count()).unwrap_or(u32::MAX)
    }

    /// The last slot in (`after`, `until`].
    pub fn last(&self, after: Time, until: Time) -> Option<Time> {
        let from = to_zoned(until, &self.zone)?;
        let last = self.pattern.find_previous_occurrence(&from, true).ok()?;
        to_time(&last.timestamp()).filter(|&at| at > after)
    }

    fn slots(&self, after: Time, until: Time) -> impl Iterator<Item = Time> {
        std::iter::successors(self.next(after), |&at| self.next(at))
            .take_while(move |&at| at <= until)
    }
}

/// The second of a moment, on the clocks of a zone.
fn to_zoned(at: Time, zone: &TimeZone) -> Option<jiff::Zoned> {
    // Slots are at whole seconds, so that what comes after this second comes after `at`.
    let second = i64::try_from(at.as_nanos() / 1_000_000_000).ok()?;
    let timestamp = Timestamp::from_second(second).ok()?;
    Some(timestamp.to_zoned(zone.clone()))
}

/// The moment; none if it is before the epoch.
fn to_time(at: &Timestamp) -> Option<Time> {
    u64::try_from(at.as_nanosecond()).ok().map(Time::from_nanos)
}

#[cfg(test)]
mod tests;
