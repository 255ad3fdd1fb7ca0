//! Maintenance windows: the times at which nobody is told and nothing counts.

use std::sync::Arc;

use jiff::ToSpan;
use jiff::civil::{Date, Time as Clock, Weekday};
use jiff::tz::TimeZone;

use super::{Cron, to_time, to_zoned};
use crate::time::{Duration, Time};

/// Days of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days(u8);

impl Days {
    /// No day.
    pub const NONE: Self = Self(0);
    /// Every day.
    pub const ALL: Self = Self(0x7f);

    /// These and `day`.
    #[must_use]
    pub fn with(self, day: Weekday) -> Self {
        Self(self.0 | Self::bit(day))
    }

    /// Whether `day` is among them.
    pub fn has(self, day: Weekday) -> bool {
        self.0 & Self::bit(day) != 0
    }

    fn bit(day: Weekday) -> u8 {
        1 << day.to_monday_zero_offset()
    }
}

/// A time that recurs, or one that does not.
#[derive(Clone, Debug, PartialEq)]
pub enum Window {
    /// From a time on the clock to another, on some days of the week.
    Weekly {
        /// The days on which it begins.
        days: Days,
        /// When it begins.
        from: Clock,
        /// When it ends: on the next day, unless it is later than `from`.
        until: Clock,
        /// Whose clock.
        zone: TimeZone,
    },
    /// Once, from a moment to another, which is not part of it.
    Once {
        /// When it begins.
        from: Time,
        /// When it is over.
        until: Time,
    },
    /// At each slot of a cron expression, for a while.
    Cron {
        /// When it begins.
        cron: Arc<Cron>,
        /// For how long.
        lasts: Duration,
    },
}

impl Window {
    /// Begin and end of the one that `at` lies in; of several that overlap the first and the last.
    fn around(&self, at: Time) -> Option<(Time, Time)> {
        match self {
            Self::Weekly { .. } => self
                .spans(at, -2..=0)
                .filter(|&(from, until)| from <= at && at < until)
                .reduce(|one, other| (one.0.min(other.0), one.1.max(other.1))),
            Self::Once { from, until } => (*from <= at && at < *until).then_some((*from, *until)),
            Self::Cron { cron, lasts } => {
                cron.last(at - *lasts, at).map(|begun| (begun, begun + *lasts))
            }
        }
    }

    /// When the next one begins, after `at`.
    fn next_start(&self, at: Time) -> Option<Time> {
        match self {
            // Eight days: the same day of the next week.
            Self::Weekly { .. } => self.spans(at, -1..=8).map(|it| it.0).find(|&from| from > at),
            Self::Once { from, .. } => (*from > at).then_some(*from),
            Self::Cron { cron, .. } => cron.next(at),
        }
    }

    /// Those that begin on the days around `at`, in order.
    fn spans(
        &self,
        at: Time,
        days_around: std::ops::RangeInclusive<i64>,
    ) -> impl Iterator<Item = (Time, Time)> {
        let weekly = match self {
            Self::Weekly { days, from, until, zone } => {
                to_zoned(at, zone).map(|zoned| (zoned.date(), *days, *from, *until, zone))
            }
            Self::Once { .. } | Self::Cron { .. } => None,
        };
        weekly.into_iter().flat_map(move |(today, days, from, until, zone)| {
            days_around.clone().filter_map(move |day| {
                let date = today.checked_add(day.days()).ok()?;
                let last = if until > from { date } else { date.tomorrow().ok()? };
                days.has(date.weekday())
                    .then_some((moment(date, from, zone)?, moment(last, until, zone)?))
            })
        })
    }
}

/// When the clocks of a zone say so: after a gap, and at the first of two.
fn moment(date: Date, clock: Clock, zone: &TimeZone) -> Option<Time> {
    to_time(&date.to_datetime(clock).to_zoned(zone.clone()).ok()?.timestamp())
}

/// Several windows as one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Windows(pub Vec<Window>);

impl Windows {
    /// Windows that follow on each other are followed so far.
    const STEPS_MAX: usize = 64;

    /// Whether `at` lies in one of them.
    pub fn is_in(&self, at: Time) -> bool {
        self.0.iter().any(|window| window.around(at).is_some())
    }

    /// When the one that `at` lies in began; the earliest, where there are several.
    pub fn since(&self, at: Time) -> Option<Time> {
        self.0.iter().filter_map(|window| window.around(at)).map(|(from, _)| from).min()
    }

    /// When the next one begins or, within one, when all are over. None if that never comes, or
    /// only after 64 windows that follow on each other without a pause.
    pub fn next_change(&self, at: Time) -> Option<Time> {
        let end_at =
            |at| self.0.iter().filter_map(|window| window.around(at)).map(|(_, until)| until).max();
        let Some(mut end) = end_at(at) else {
            return self.0.iter().filter_map(|window| window.next_start(at)).min();
        };
        for _ in 0..Self::STEPS_MAX {
            match end_at(end) {
                Some(later) => end = later,
                None => return Some(end),
            }
        }
        None
    }
}
