//! What the watch tells of itself, in Prometheus' text form.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use gather_core::watch::{Check, Missed, MissedCause, State};
use gather_core::{Duration, Health};

use super::keeper::Counts;
use crate::alerts::NotifyCounts;

/// Bounds of the histograms, in seconds.
const BOUNDS: [f64; 16] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0];

/// Counts how long something took, by the bounds above.
#[derive(Debug, Default)]
struct Histogram {
    counts: [AtomicU64; BOUNDS.len() + 1],
    sum_us: AtomicU64,
}

impl Histogram {
    fn add(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let slot = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        self.counts[slot].fetch_add(1, Ordering::Relaxed);
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    fn write(&self, out: &mut String, name: &str, help: &str) {
        head(out, name, "histogram", help);
        let mut sum = 0;
        let bounds = BOUNDS.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
        for (count, bound) in self.counts.iter().zip(bounds) {
            sum += count.load(Ordering::Relaxed);
            line(out, format_args!("{name}_bucket{{le=\"{bound}\"}} {sum}"));
        }
        let seconds = self.sum_us.load(Ordering::Relaxed) as f64 / 1e6;
        line(out, format_args!("{name}_sum {seconds}"));
        line(out, format_args!("{name}_count {sum}"));
    }
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    line(out, format_args!("# HELP {name} {help}"));
    line(out, format_args!("# TYPE {name} {kind}"));
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a string takes everything");
    out.push('\n');
}

/// Counters of the watch. Cheap to add to; read by whoever asks for the metrics.
#[derive(Debug, Default)]
pub struct Metrics {
    took: Histogram,
    lag: Histogram,
    confirmed: Histogram,
    list_reads: AtomicU64,
    list_read_us: AtomicU64,
    by_health: [AtomicU64; Health::ALL.len()],
    missed: [AtomicU64; MissedCause::ALL.len()],
    states: [AtomicU64; State::ALL.len()],
    in_flight: AtomicU64,
    incidents: AtomicU64,
    reload_failed: AtomicBool,
    reloaded_at_s: AtomicU64,
    /// What other parts tell: each writes its own lines.
    others: Mutex<Vec<Other>>,
}

/// Writes metrics of its own.
#[derive(Clone)]
struct Other(Arc<dyn Fn(&mut String) + Send + Sync>);

impl std::fmt::Debug for Other {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Other")
    }
}

impl Metrics {
    pub(crate) fn checked(&self, check: &Check) {
        self.took.add(check.took);
        if !check.is_confirmation {
            self.lag.add(check.lag);
        }
        let at = Health::ALL.iter().position(|health| *health == check.health).unwrap_or_default();
        self.by_health[at].fetch_add(1, Ordering::Relaxed);
    }

    /// A target is known to be down, so long after its first failure began.
    pub(crate) fn confirmed(&self, took: Duration) {
        self.confirmed.add(took);
    }

    /// A list was read and taken over, which took so long.
    pub(crate) fn listed(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.list_read_us.store(us, Ordering::Relaxed);
        self.list_reads.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn missed(&self, missed: &[Missed]) {
        for one in missed {
            self.missed[one.cause as usize].fetch_add(one.slots.into(), Ordering::Relaxed);
        }
    }

    pub(crate) fn states(&self, counts: &[u64; State::ALL.len()], in_flight: usize, open: usize) {
        for (gauge, count) in self.states.iter().zip(counts) {
            gauge.store(*count, Ordering::Relaxed);
        }
        self.in_flight.store(in_flight as u64, Ordering::Relaxed);
        self.incidents.store(open as u64, Ordering::Relaxed);
    }

    /// The configuration was read at this moment, in seconds since 1970, and is in force.
    pub fn reloaded(&self, unix_s: u64) {
        self.reload_failed.store(false, Ordering::Relaxed);
        self.reloaded_at_s.store(unix_s, Ordering::Relaxed);
    }

    /// A changed configuration was refused: the one of before is in force.
    pub fn refused(&self) {
        self.reload_failed.store(true, Ordering::Relaxed);
    }

    /// Has another part write its metrics with these.
    pub fn with(&self, other: Arc<dyn Fn(&mut String) + Send + Sync>) {
        self.others.lock().unwrap_or_else(PoisonError::into_inner).push(Other(other));
    }

    /// All, in Prometheus' text form (version 0.0.4).
    pub fn text(&self) -> String {
        let mut out = String::with_capacity(8 << 10);
        head(&mut out, "gather_build_info", "gauge", "Always 1; says which version runs.");
        let version = env!("CARGO_PKG_VERSION");
        line(&mut out, format_args!("gather_build_info{{version=\"{version}\"}} 1"));
        self.checks(&mut out);
        self.gauges(&mut out);
        let others = self.others.lock().unwrap_or_else(PoisonError::into_inner).clone();
        others.iter().for_each(|other| other.0(&mut out));
        out
    }

    fn checks(&self, out: &mut String) {
        let name = "gather_check_duration_seconds";
        self.took.write(out, name, "How long checks took, from the begin of the request.");
        let name = "gather_schedule_lag_seconds";
        self.lag.write(out, name, "From a slot's moment until its check began.");
        let name = "gather_down_confirmed_seconds";
        self.confirmed.write(out, name, "From the begin of a first failure until it was believed.");
        head(out, "gather_list_reads_total", "counter", "Lists of targets that were read.");
        let reads = self.list_reads.load(Ordering::Relaxed);
        line(out, format_args!("gather_list_reads_total {reads}"));
        head(
            out,
            "gather_list_read_seconds",
            "gauge",
            "How long the last list took to be read and taken over.",
        );
        let seconds = self.list_read_us.load(Ordering::Relaxed) as f64 / 1e6;
        line(out, format_args!("gather_list_read_seconds {seconds}"));
        head(out, "gather_checks_total", "counter", "Checks by what they said.");
        for (health, count) in Health::ALL.iter().zip(&self.by_health) {
            let count = count.load(Ordering::Relaxed);
            line(
                out,
                format_args!("gather_checks_total{{outcome=\"{}\"}} {count}", health.as_str()),
            );
        }
        head(out, "gather_checks_missed_total", "counter", "Slots without a check, by cause.");
        for (cause, count) in MissedCause::ALL.iter().zip(&self.missed) {
            let (cause, count) = (cause.as_str(), count.load(Ordering::Relaxed));
            line(out, format_args!("gather_checks_missed_total{{cause=\"{cause}\"}} {count}"));
        }
    }

    fn gauges(&self, out: &mut String) {
        head(out, "gather_targets", "gauge", "Targets that are watched, by state.");
        for (state, count) in State::ALL.iter().zip(&self.states) {
            let (state, count) = (state.as_str(), count.load(Ordering::Relaxed));
            line(out, format_args!("gather_targets{{state=\"{state}\"}} {count}"));
        }
        let gauges = [
            ("gather_in_flight", "Checks under way.", self.in_flight.load(Ordering::Relaxed)),
            (
                "gather_incidents_open",
                "Incidents that go on.",
                self.incidents.load(Ordering::Relaxed),
            ),
            (
                "gather_config_last_reload_successful",
                "Whether the configuration in force is the one in the file.",
                u64::from(!self.reload_failed.load(Ordering::Relaxed)),
            ),
            (
                "gather_config_last_reload_success_timestamp_seconds",
                "When the configuration in force was read.",
                self.reloaded_at_s.load(Ordering::Relaxed),
            ),
        ];
        for (name, help, value) in gauges {
            head(out, name, "gauge", help);
            line(out, format_args!("{name} {value}"));
        }
    }
}

/// What the history's thread tells.
pub(crate) fn of_history(out: &mut String, told: &Counts) {
    let name = "gather_store_write_seconds";
    head(out, name, "summary", "Time spent writing the history.");
    let seconds = told.write_ns.load(Ordering::Relaxed) as f64 / 1e9;
    line(out, format_args!("{name}_sum {seconds}"));
    line(out, format_args!("{name}_count {}", told.writes.load(Ordering::Relaxed)));
    let name = "gather_store_write_failures_total";
    head(out, name, "counter", "Writes that did not succeed at once.");
    line(out, format_args!("{name} {}", told.failures.load(Ordering::Relaxed)));
}

/// What the deliverer of notices tells.
pub(crate) fn of_notices(out: &mut String, counts: &[(Box<str>, NotifyCounts)]) {
    let name = "gather_notifications_total";
    head(out, name, "counter", "Messages by channel and what came of them.");
    for (channel, counts) in counts {
        for (outcome, count) in counts.outcomes() {
            let channel = channel.replace(['\\', '"', '\n'], "_");
            line(
                out,
                format_args!("{name}{{channel=\"{channel}\",outcome=\"{outcome}\"}} {count}"),
            );
        }
    }
}
