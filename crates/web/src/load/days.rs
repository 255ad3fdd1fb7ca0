//! The last day of targets as rows show it, kept for a while: to read it takes a day's blocks of
//! the history for each target, which at 100,000 targets is more than a page may cost.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use gather_core::time::{Duration, Time};
use gather_core::watch::WatchedNo;
use gather_store::history::{HistoryError, HistoryReader, Past, Span};

use super::Spent;
use crate::say;
use crate::shown::Shown;
use crate::view::Strip;

/// How long a day is good enough: its bars are hours.
const FRESH: Duration = Duration::from_secs(60);
/// Days that are kept at most; about 1 kB each.
const DAYS_MAX: usize = 10_000;
/// Targets whose days are read together: what came last is read once for all of them.
pub(crate) const TARGETS_AT_ONCE: usize = 10;

/// The last day of one target.
#[derive(Clone, Debug)]
pub(crate) struct Day {
    pub(super) strip: Strip,
    pub(super) uptime: String,
    pub(super) p95: String,
}

/// Those that are known.
#[derive(Debug, Default)]
pub(crate) struct Days {
    known: Mutex<HashMap<u32, (Time, Day)>>,
}

/// How long a page may take to read days that are not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Of those that are left over, what is known is shown, however old.
    Within(Duration),
    /// All are read.
    Endless,
}

impl Days {
    /// The days of these targets, as far as they are known or read in time; and the targets that
    /// are still to be read.
    pub(super) fn of(
        &self,
        reader: &mut HistoryReader,
        targets: &[WatchedNo],
        now: Time,
        patience: Patience,
    ) -> Result<(Vec<Option<Day>>, Vec<WatchedNo>), HistoryError> {
        let begun = Instant::now();
        let mut days: HashMap<WatchedNo, Day> = HashMap::with_capacity(targets.len());
        let mut old = Vec::new();
        for target in targets {
            let known = self.get(*target);
            if known.as_ref().is_none_or(|(at, _)| now.since(*at) >= FRESH) {
                old.push(*target);
            }
            days.extend(known.map(|(_, day)| (*target, day)));
        }
        let mut later = Vec::new();
        for some in old.chunks(TARGETS_AT_ONCE) {
            let is_patient = match patience {
                Patience::Within(span) => begun.elapsed() < span,
                Patience::Endless => true,
            };
            match is_patient {
                true => days.extend(self.read(reader, some, now)?),
                false => later.extend_from_slice(some),
            }
        }
        Ok((targets.iter().map(|target| days.remove(target)).collect(), later))
    }

    /// Reads the days of these targets, and keeps them.
    pub(crate) fn read(
        &self,
        reader: &mut HistoryReader,
        targets: &[WatchedNo],
        now: Time,
    ) -> Result<Vec<(WatchedNo, Day)>, HistoryError> {
        let pasts = reader.pasts(targets, Span::Day, 24, now)?;
        let days = targets.iter().zip(&pasts).map(|(target, past)| (*target, Day::of(past)));
        let days: Vec<_> = days.collect();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() + days.len() > DAYS_MAX {
            known.retain(|_, (at, _)| now.since(*at) < FRESH);
        }
        let room = DAYS_MAX.saturating_sub(known.len());
        known.extend(days.iter().take(room).map(|(target, day)| (target.0, (now, day.clone()))));
        Ok(days)
    }

    fn get(&self, target: WatchedNo) -> Option<(Time, Day)> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&target.0).cloned()
    }
}

impl Day {
    fn of(past: &Past) -> Self {
        let hours: Vec<Spent> = past.buckets.iter().map(Spent::from).collect();
        let all = Spent::default().with_times(hours.iter());
        let bars: Vec<Shown> = hours.iter().map(Spent::shown).collect();
        let p95 = hours.iter().filter_map(|hour| hour.p95).max();
        Self {
            strip: Strip::new(&bars, format!("Last 24 hours: {}", all.told())),
            uptime: all.uptime_text(),
            p95: p95.map_or("–".into(), say::latency),
        }
    }
}
