//! Hosts of a report: how many targets each had, and how long they took.

use std::collections::HashMap;

use gather_core::{Outcome, Record};
use serde::Serialize;

use super::quantiles::Quantiles;
use super::table::host_of;
use super::{Outcomes, Times};

/// Hosts that are told apart; all others are one.
const HOSTS_MAX: usize = 20_000;
/// Hosts that are shown.
const SHOWN_MAX: usize = 50;
/// Hosts that are shown for their many targets.
const BUSIEST_MAX: usize = 20;
/// The name of all others.
const OTHERS: &str = "all other hosts";

/// One host.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HostLine {
    /// Its name, with the port where it is not the usual one.
    pub host: String,
    /// Its targets.
    pub targets: u64,
    /// How they ended.
    pub outcomes: Outcomes,
    /// How long they took.
    pub times: Times,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Hosts(HashMap<String, Host>);

#[derive(Clone, Debug, Default)]
struct Host {
    outcomes: Outcomes,
    times: Quantiles,
}

impl Hosts {
    pub(super) fn add(&mut self, record: &Record) {
        let mut name = host_of(record);
        if name.is_empty() {
            return;
        }
        if self.0.len() >= HOSTS_MAX && !self.0.contains_key(&name) {
            OTHERS.clone_into(&mut name);
        }
        let host = self.0.entry(name).or_default();
        match record.outcome {
            Outcome::Ok => host.outcomes.ok += 1,
            Outcome::Failed(_) => host.outcomes.failed += 1,
            Outcome::Skipped(_) => host.outcomes.skipped += 1,
        }
        if record.attempts > 0 {
            host.times.add(record.timings.total.as_secs_f64());
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// The slowest by their 95th percentile; of equals by name.
    pub(super) fn slowest_first(&self) -> Vec<HostLine> {
        let mut lines = self.lines();
        lines.sort_by(|a, b| b.times.p95.total_cmp(&a.times.p95).then_with(|| a.host.cmp(&b.host)));
        lines.truncate(SHOWN_MAX);
        lines
    }

    /// Those with the most targets, where not all can be shown.
    pub(super) fn busiest_first(&self) -> Vec<HostLine> {
        if self.0.len() <= SHOWN_MAX {
            return Vec::new();
        }
        let mut lines = self.lines();
        lines.sort_by(|a, b| b.targets.cmp(&a.targets).then_with(|| a.host.cmp(&b.host)));
        lines.truncate(BUSIEST_MAX);
        lines
    }

    fn lines(&self) -> Vec<HostLine> {
        self.0
            .iter()
            .map(|(name, host)| HostLine {
                host: name.clone(),
                targets: host.outcomes.all(),
                outcomes: host.outcomes,
                times: if host.times.count() == 0 {
                    Times::default()
                } else {
                    (&host.times).into()
                },
            })
            .collect()
    }
}
