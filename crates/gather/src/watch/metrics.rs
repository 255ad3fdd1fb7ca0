//! What the watch tells of itself, for Prometheus: counted by whoever does it, written for whoever asks.
//!
//! Nothing here is locked where checks are counted: a check adds to a few atomics. Whoever asks reads them
//! one by one, and writes as it reads.

mod histogram;
mod probes;

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};

use gather_core::watch::{Check, Missed, MissedCause, State};
use gather_core::{Duration, ErrorKind, Health};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, prometheus_text, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

pub(crate) use self::histogram::Histogram;
pub(crate) use self::probes::{Probes, Seen};
use super::keeper::Counts;
use crate::alerts::NotifyMetrics;

/// The form in which metrics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricsFormat {
    /// Prometheus' text, version 0.0.4.
    Text,
    /// OpenMetrics' text, version 1.0.0.
    OpenMetrics,
}

/// Labels of one series.
type Labels<const N: usize> = [(&'static str, &'static str); N];
/// A number of things that there are now.
type Level = Gauge<u64, AtomicU64>;

/// Counters and gauges of a watch. Cheap to add to; read by whoever asks.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    took: Histogram,
    lag: Histogram,
    confirmed: Histogram,
    checks: Checks,
    missed: Vec<Counter>,
    states: Vec<Level>,
    in_flight: Level,
    queued: Level,
    incidents: Level,
    list_reads: Counter,
    list_read: Gauge<f64, AtomicU64>,
    reload_successful: Level,
    reloaded_at: Level,
}

impl Metrics {
    /// Nothing counted yet; `seen` are the targets with series of their own.
    pub(crate) fn new(notices: Arc<NotifyMetrics>, history: &Counts, seen: Seen) -> Self {
        let mut all = Registering(Registry::default());
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        all.0.register("gather_build", "Always 1; says which version runs", version);
        let missed = all.family(
            "gather_checks_missed",
            "Slots without a check, by cause",
            MissedCause::ALL.iter().map(|cause| [("cause", cause.as_str())]),
        );
        let states = all.family(
            "gather_targets",
            "Targets that are watched, by state",
            State::ALL.iter().map(|state| [("state", state.as_str())]),
        );
        let metrics = Self {
            took: all.one(
                "gather_check_duration_seconds",
                "How long checks took, from the begin of the request",
            ),
            lag: all
                .one("gather_schedule_lag_seconds", "From a slot's moment until its check began"),
            confirmed: all.one(
                "gather_down_confirmed_seconds",
                "From the begin of a first failure until it was believed",
            ),
            checks: Checks::new(&mut all),
            missed,
            states,
            in_flight: all.one("gather_in_flight", "Requests of checks under way"),
            queued: all.one(
                "gather_queue_depth",
                "Checks that are due and wait for a connection or for their host",
            ),
            incidents: all.one("gather_incidents_open", "Incidents that go on"),
            list_reads: all.one("gather_list_reads", "Lists of targets that were read"),
            list_read: all.one(
                "gather_list_read_seconds",
                "How long the last list took to be read and taken over",
            ),
            reload_successful: all.one(
                "gather_config_last_reload_successful",
                "Whether the configuration in force is the one in the file",
            ),
            reloaded_at: all.one(
                "gather_config_last_reload_success_timestamp_seconds",
                "When the configuration in force was read",
            ),
            registry: Registry::default(),
        };
        all.0.register(
            "gather_store_write_seconds",
            "How long batches took to be written into the history",
            history.write.clone(),
        );
        all.0.register(
            "gather_store_write_failures",
            "Writes into the history that did not succeed at once",
            history.failures.clone(),
        );
        all.0.register_collector(Box::new(Notices(notices)));
        all.0.register_collector(Box::new(seen));
        Self { registry: all.0, ..metrics }
    }

    pub(crate) fn checked(&self, check: &Check) {
        self.took.add(check.took);
        if !check.is_confirmation {
            self.lag.add(check.lag);
        }
        self.checks.of(check.health, check.kind).inc();
    }

    /// A target is known to be down, so long after its first failure began.
    pub(crate) fn confirmed(&self, took: Duration) {
        self.confirmed.add(took);
    }

    /// A list was read and taken over, which took so long.
    pub(crate) fn listed(&self, took: Duration) {
        self.list_read.set(took.as_secs_f64());
        self.list_reads.inc();
    }

    pub(crate) fn missed(&self, missed: &[Missed]) {
        for one in missed {
            self.missed[one.cause as usize].inc_by(one.slots.into());
        }
    }

    /// How things are now: targets by state, checks begun and not ended, those of them that are
    /// requests already, incidents that go on.
    pub(crate) fn now(
        &self,
        counts: &[u64; State::ALL.len()],
        begun: usize,
        in_flight: u64,
        incidents: usize,
    ) {
        for (gauge, count) in self.states.iter().zip(counts) {
            gauge.set(*count);
        }
        self.in_flight.set(in_flight);
        self.queued.set((begun as u64).saturating_sub(in_flight));
        self.incidents.set(incidents as u64);
    }

    /// The configuration was read at this moment, in seconds since 1970, and is in force.
    pub fn reloaded(&self, unix_s: u64) {
        self.reload_successful.set(1);
        self.reloaded_at.set(unix_s);
    }

    /// A changed configuration was refused: the one of before is in force.
    pub fn refused(&self) {
        self.reload_successful.set(0);
    }

    /// Whether the configuration in force is the one in the file.
    pub fn is_reloaded(&self) -> bool {
        self.reload_successful.get() == 1
    }

    /// Writes all of them, in pieces of a few kilobytes.
    ///
    /// # Errors
    /// What `out` fails with.
    pub fn write(&self, format: MetricsFormat, mut out: &mut dyn fmt::Write) -> fmt::Result {
        match format {
            MetricsFormat::Text => prometheus_text::encode(&mut out, &self.registry),
            MetricsFormat::OpenMetrics => text::encode(&mut out, &self.registry),
        }
    }
}

/// A registry that hands back what it was given.
struct Registering(Registry);

impl Registering {
    /// One metric without labels.
    fn one<M: EncodeMetric + Clone + Default + fmt::Debug + Send + Sync + 'static>(
        &mut self,
        name: &str,
        help: &str,
    ) -> M {
        let metric = M::default();
        self.0.register(name, help, metric.clone());
        metric
    }

    /// A series for each of these labels, in their order: adding to one asks for no lock.
    fn family<M, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        labels: impl Iterator<Item = Labels<N>>,
    ) -> Vec<M>
    where
        M: EncodeMetric
            + prometheus_client::metrics::TypedMetric
            + Clone
            + Default
            + fmt::Debug
            + Send
            + Sync
            + 'static,
    {
        let family = Family::<Labels<N>, M>::default();
        let all = labels.map(|labels| family.get_or_create_owned(&labels)).collect();
        self.0.register(name, help, family);
        all
    }
}

/// Checks by what they said and why. A series is made when it is first needed, and found without a
/// lock from then on.
#[derive(Debug)]
struct Checks {
    family: Family<Labels<2>, Counter>,
    /// By health, and by kind within it; first what has no kind.
    series: Vec<OnceLock<Counter>>,
}

impl Checks {
    fn new(all: &mut Registering) -> Self {
        let places = Health::ALL.len() * Self::REASONS;
        let series = (0..places).map(|_| OnceLock::new()).collect();
        let checks = Self { family: Family::default(), series };
        // Each outcome is there from the start, so that its first check is an increase.
        for health in Health::ALL {
            checks.of(health, None);
        }
        let help = "Checks by what they said, and why";
        all.0.register("gather_checks", help, checks.family.clone());
        checks
    }

    /// No kind, or one of them.
    const REASONS: usize = 1 + ErrorKind::ALL.len();

    fn of(&self, health: Health, kind: Option<ErrorKind>) -> &Counter {
        let place = health as usize * Self::REASONS + kind.map_or(0, |kind| 1 + kind as usize);
        self.series[place].get_or_init(|| {
            let reason = kind.map_or(without_kind(health), ErrorKind::as_str);
            self.family.get_or_create_owned(&[("outcome", health.as_str()), ("reason", reason)])
        })
    }
}

/// Why a check says this although its request did not fail.
const fn without_kind(health: Health) -> &'static str {
    match health {
        Health::Up => "ok",
        Health::Degraded | Health::Down => "expect",
        Health::Limited => "challenge",
        Health::Unknown => "network",
    }
}

/// What the deliverer of notices counts.
#[derive(Debug)]
struct Notices(Arc<NotifyMetrics>);

impl Collector for Notices {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Messages by channel and what came of them.";
        let mut metric =
            encoder.encode_descriptor("gather_notifications", help, None, MetricType::Counter)?;
        for (channel, counts) in self.0.counts() {
            for (outcome, count) in counts.outcomes() {
                let labels = [("channel", &*channel), ("outcome", outcome)];
                ConstCounter::new(count).encode(metric.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
