//! Series of single targets, where they are asked for: what the last check of each said, under the
//! names that blackbox_exporter gave them.
//!
//! The scheduler writes into atomics it reaches without a lock. Whoever asks takes the list of targets,
//! eight bytes each, and writes one series after the other from it: nothing is put together first.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gather_core::attempt::Timings;
use gather_core::watch::WatchedNo;
use gather_core::{Duration, Health, Record};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::watch::judged;
use crate::watch::spec::TargetMetrics;

/// What the time of a request is spent on, in its order.
const PHASES: [&str; 5] = ["resolve", "connect", "tls", "processing", "transfer"];

/// Targets by number; none where a number is not watched.
type Table = Vec<Option<Arc<Probe>>>;

/// What the last check of a target said.
#[derive(Debug)]
struct Probe {
    job: Box<str>,
    group: Box<str>,
    target: Box<str>,
    /// The number of the health in [`Health::ALL`], from 1; 0 before the first check.
    health: AtomicU8,
    status_code: AtomicU16,
    took_us: AtomicU32,
    phases_us: [AtomicU32; PHASES.len()],
    /// When the certificate ends, in seconds since 1970; 0 without one.
    certificate_until_s: AtomicU64,
}

impl Probe {
    fn new(job: &str, group: &str, target: Box<str>) -> Self {
        Self {
            job: job.into(),
            group: group.into(),
            target,
            health: AtomicU8::new(0),
            status_code: AtomicU16::new(0),
            took_us: AtomicU32::new(0),
            phases_us: Default::default(),
            certificate_until_s: AtomicU64::new(0),
        }
    }

    fn checked(&self, record: &Record, health: Health) {
        let until = judged::certificate_until(record);
        let until_s = until.map_or(0, |until| until.as_nanos() / 1_000_000_000);
        self.certificate_until_s.store(until_s, Ordering::Relaxed);
        self.status_code.store(record.status_code, Ordering::Relaxed);
        self.took_us.store(us(record.timings.total), Ordering::Relaxed);
        for (into, took) in self.phases_us.iter().zip(phases(&record.timings)) {
            into.store(us(took), Ordering::Relaxed);
        }
        self.health.store(health as u8 + 1, Ordering::Relaxed);
    }

    fn health(&self) -> Option<Health> {
        let number = usize::from(self.health.load(Ordering::Relaxed));
        Health::ALL.get(number.checked_sub(1)?).copied()
    }

    /// Down is no success. Whether a target answers is not known while our own network is gone.
    fn success(&self) -> Option<f64> {
        match self.health()? {
            Health::Unknown => None,
            Health::Down => Some(0.0),
            Health::Up | Health::Degraded | Health::Limited => Some(1.0),
        }
    }

    fn certificate_until_s(&self) -> Option<f64> {
        let until_s = self.certificate_until_s.load(Ordering::Relaxed);
        (until_s > 0).then_some(until_s as f64)
    }
}

fn us(took: Duration) -> u32 {
    u32::try_from(took.as_micros()).unwrap_or(u32::MAX)
}

fn seconds(us: &AtomicU32) -> f64 {
    f64::from(us.load(Ordering::Relaxed)) / 1e6
}

/// How long each phase took; one that was not reached took no time.
fn phases(timings: &Timings) -> [Duration; PHASES.len()] {
    let ends = [
        timings.namelookup,
        timings.connect,
        timings.appconnect,
        timings.starttransfer,
        timings.total,
    ];
    let mut before = Duration::ZERO;
    ends.map(|end| {
        let took = end.saturating_sub(before);
        before = before.max(end);
        took
    })
}

/// The targets that are watched, as the scheduler knows them.
#[derive(Debug, Default)]
pub(crate) struct Probes {
    wanted: TargetMetrics,
    table: Table,
    /// How many targets have these labels, by their hash: series must differ.
    same: HashMap<u64, u32>,
    seen: Seen,
}

impl Probes {
    /// What whoever asks is shown.
    pub(crate) fn seen(&self) -> Seen {
        self.seen.clone()
    }

    /// Whether they are wanted from here on. Where they were not, there are none before targets are
    /// watched again.
    pub(crate) fn want(&mut self, wanted: TargetMetrics) {
        self.wanted = wanted;
        if wanted == TargetMetrics::No && !self.table.is_empty() {
            (self.table, self.same) = Default::default();
            *self.seen.lock() = Table::default();
        }
    }

    pub(crate) fn are_wanted(&self) -> bool {
        self.wanted == TargetMetrics::Yes
    }

    /// A target is watched under these names, or goes on under them.
    pub(crate) fn watch(&mut self, target: WatchedNo, job: &str, group: &str, name: &str) {
        if !self.are_wanted() {
            return;
        }
        let index = target.index();
        if self.table.len() <= index {
            self.table.resize(index + 1, None);
        }
        let numbered = || Box::from(format!("{name} #{}", target.0));
        if let Some(known) = &self.table[index] {
            let is_same_name = *known.target == *name || known.target == numbered();
            if *known.job == *job && *known.group == *group && is_same_name {
                return;
            }
            self.unwatch(target);
        }
        let others = self.same.entry(key(job, group, name)).or_default();
        // Targets of one name differ in what is sent.
        let shown = if *others == 0 { name.into() } else { numbered() };
        *others += 1;
        let probe = Arc::new(Probe::new(job, group, shown));
        let mut seen = self.seen.lock();
        if seen.len() <= index {
            seen.resize(index + 1, None);
        }
        seen[index] = Some(Arc::clone(&probe));
        self.table[index] = Some(probe);
    }

    pub(crate) fn unwatch(&mut self, target: WatchedNo) {
        let Some(probe) = self.table.get_mut(target.index()).and_then(Option::take) else { return };
        self.seen.lock()[target.index()] = None;
        let numbered = format!(" #{}", target.0);
        let name = probe.target.strip_suffix(&*numbered).unwrap_or(&probe.target);
        let key = key(&probe.job, &probe.group, name);
        if let Some(count) = self.same.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.same.remove(&key);
            }
        }
    }

    /// A check of a target said this.
    pub(crate) fn checked(&self, target: WatchedNo, record: &Record, health: Health) {
        if let Some(probe) = self.table.get(target.index()).and_then(Option::as_ref) {
            probe.checked(record, health);
        }
    }
}

fn key(job: &str, group: &str, name: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(format!("{job}\0{group}\0{name}").as_bytes())
}

/// The same targets, for whoever asks. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen(Arc<Mutex<Table>>);

impl Seen {
    /// Held while targets are added, taken out or listed, and never for a check.
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collector for Seen {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let probes: Vec<Arc<Probe>> = self.lock().iter().flatten().cloned().collect();
        if probes.is_empty() {
            return Ok(());
        }
        let checked = || probes.iter().filter(|probe| probe.health().is_some());
        let mut gauge = |name, help, of: &dyn Fn(&Probe) -> Option<f64>| {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for probe in checked() {
                let Some(value) = of(probe) else { continue };
                let labels =
                    [("job", &*probe.job), ("group", &*probe.group), ("target", &*probe.target)];
                ConstGauge::new(value).encode(metric.encode_family(&labels)?)?;
            }
            Ok::<_, fmt::Error>(())
        };
        gauge(
            "probe_success",
            "Whether the last check of a target found it anything but down.",
            &Probe::success,
        )?;
        gauge("probe_duration_seconds", "How long the last check of a target took.", &|probe| {
            Some(seconds(&probe.took_us))
        })?;
        gauge(
            "probe_http_status_code",
            "The status of the last answer of a target; 0 without one.",
            &|probe| Some(probe.status_code.load(Ordering::Relaxed).into()),
        )?;
        gauge(
            "probe_ssl_earliest_cert_expiry",
            "When the certificate of a target ends, in seconds since 1970.",
            &Probe::certificate_until_s,
        )?;
        let help = "How long the phases of the last check of a target took.";
        let name = "probe_http_duration_seconds";
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for probe in checked() {
            for (phase, took_us) in PHASES.iter().zip(&probe.phases_us) {
                let labels = [
                    ("job", &*probe.job),
                    ("group", &*probe.group),
                    ("target", &*probe.target),
                    ("phase", phase),
                ];
                ConstGauge::new(seconds(took_us)).encode(metric.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}
