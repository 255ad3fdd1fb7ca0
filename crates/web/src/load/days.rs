//! The last day of targets as rows show it, kept for a while: to read it takes a day's blocks of
//! the history for each target, which at 100,000 targets is more than a page may cost.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use gather_core::time::{Duration, Time};
use gather_core::watch::WatchedNo;
use gather_store::history::{HistoryError, HistoryReader, Span};

use super::Spent;
use crate::say;
use crate::shown::Shown;
use crate::view::Strip;

/// How long a day is good enough: its bars are hours.
const FRESH: Duration = Duration::from_secs(60);
/// Days that are kept at most; about 1 kB each.
const DAYS_MAX: usize = 10_000;

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
        let (mut days, mut later) = (Vec::with_capacity(targets.len()), Vec::new());
        for target in targets {
            let known = self.get(*target);
            let is_fresh = known.as_ref().is_some_and(|(at, _)| now.since(*at) < FRESH);
            let is_patient = match patience {
                Patience::Within(span) => begun.elapsed() < span,
                Patience::Endless => true,
            };
            days.push(match known {
                Some((_, day)) if is_fresh => Some(day),
                _ if is_patient => Some(self.read(reader, *target, now)?),
                known => {
                    later.push(*target);
                    known.map(|(_, day)| day)
                }
            });
        }
        Ok((days, later))
    }

    /// Reads the day of a target, and keeps it.
    pub(crate) fn read(
        &self,
        reader: &mut HistoryReader,
        target: WatchedNo,
        now: Time,
    ) -> Result<Day, HistoryError> {
        let past = reader.past(target, Span::Week, 168, now)?;
        let skipped = past.buckets.len().saturating_sub(24);
        let hours: Vec<Spent> = past.buckets.iter().skip(skipped).map(Spent::from).collect();
        let all = Spent::default().with_times(hours.iter());
        let bars: Vec<Shown> = hours.iter().map(Spent::shown).collect();
        let p95 = hours.iter().filter_map(|hour| hour.p95).max();
        let day = Day {
            strip: Strip::new(&bars, format!("Last 24 hours: {}", all.told())),
            uptime: all.uptime_text(),
            p95: p95.map_or("–".into(), say::latency),
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= DAYS_MAX {
            known.retain(|_, (at, _)| now.since(*at) < FRESH);
        }
        if known.len() < DAYS_MAX {
            known.insert(target.0, (now, day.clone()));
        }
        Ok(day)
    }

    fn get(&self, target: WatchedNo) -> Option<(Time, Day)> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&target.0).cloned()
    }
}
