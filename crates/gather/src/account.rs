//! The account of a run: what the records say, added up once, where they are written.

use std::collections::BTreeMap;

use gather_core::cache::CacheUse;
use gather_core::{ErrorKind, Outcome, Record};
use hdrhistogram::Histogram;

use crate::summary::{CacheCounts, Percentiles};

/// Longest time the distribution tells apart, in microseconds: an hour.
const LONGEST_US: u64 = 3_600_000_000;

/// Sums over all records of a run.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) ok: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
    pub(crate) by_kind: BTreeMap<ErrorKind, u64>,
    pub(crate) by_status: BTreeMap<u16, u64>,
    pub(crate) body_bytes: u64,
    /// Records that tell the answer of another.
    pub(crate) repeats: u64,
    pub(crate) cache: CacheCounts,
    time_total_us: Histogram<u64>,
}

impl Account {
    pub(crate) fn new() -> Self {
        let time_total_us = Histogram::new_with_bounds(1, LONGEST_US, 2)
            .expect("bounds and precision are constants that fit");
        Self {
            ok: 0,
            failed: 0,
            skipped: 0,
            by_kind: BTreeMap::new(),
            by_status: BTreeMap::new(),
            body_bytes: 0,
            repeats: 0,
            cache: CacheCounts::default(),
            time_total_us,
        }
    }

    /// Adds one record.
    pub(crate) fn add(&mut self, record: &Record) {
        match &record.outcome {
            Outcome::Ok => self.ok += 1,
            Outcome::Failed(_) => self.failed += 1,
            Outcome::Skipped(_) => self.skipped += 1,
        }
        if let Some(error) = record.outcome.error() {
            *self.by_kind.entry(error.kind).or_default() += 1;
        }
        if record.status_code != 0 {
            *self.by_status.entry(record.status_code).or_default() += 1;
        }
        // What follows is of what was asked and came, once.
        if record.same_as.is_some() {
            self.repeats += 1;
            return;
        }
        self.body_bytes += record.body_bytes;
        match record.cache {
            Some(CacheUse::Revalidated) => self.cache.revalidated += 1,
            Some(CacheUse::Fresh) => self.cache.fresh += 1,
            Some(CacheUse::Stored) => self.cache.stored += 1,
            None => {}
        }
        self.cache.unchanged += u64::from(record.unchanged);
        if record.attempts > 0 {
            let us = u64::try_from(record.timings.total.as_micros()).unwrap_or(LONGEST_US);
            self.time_total_us.saturating_record(us.max(1));
        }
    }

    /// The distribution of `time_total`: microseconds, and how often.
    pub(crate) fn times_us(&self) -> Vec<(u64, u64)> {
        let recorded = self.time_total_us.iter_recorded();
        recorded.map(|at| (at.value_iterated_to(), at.count_at_value())).collect()
    }

    /// Adds a distribution as [`times_us`](Self::times_us) tells it.
    pub(crate) fn add_times_us(&mut self, times: &[(u64, u64)]) {
        for (us, count) in times {
            self.time_total_us.saturating_record_n(*us, *count);
        }
    }

    /// All records added.
    pub(crate) fn records(&self) -> u64 {
        self.ok + self.failed + self.skipped
    }

    /// Failed and skipped by the names of their kinds.
    pub(crate) fn by_kind(&self) -> BTreeMap<&'static str, u64> {
        self.by_kind.iter().map(|(kind, count)| (kind.as_str(), *count)).collect()
    }

    /// The distribution of `time_total` over tried targets.
    pub(crate) fn time_total(&self) -> Percentiles {
        let at = |quantile| self.time_total_us.value_at_quantile(quantile) as f64 / 1e6;
        Percentiles {
            p50: at(0.50),
            p90: at(0.90),
            p95: at(0.95),
            p99: at(0.99),
            max: self.time_total_us.max() as f64 / 1e6,
        }
    }
}
