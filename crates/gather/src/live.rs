//! A run while it goes on: a snapshot for progress, published a few times a second.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gather_core::Time;

use crate::report::ShardReport;
use crate::shared::Shared;
use crate::writer::Written;

/// A view of a run while it goes on. Cheap to clone; looking never waits for an event loop.
#[derive(Clone)]
pub struct Live {
    shared: Arc<Shared>,
    written: Arc<Written>,
    reports: Vec<Arc<ShardReport>>,
    past: Arc<Mutex<Past>>,
    silence: Duration,
}

/// Looks at a run that were taken before.
#[derive(Default)]
struct Past {
    /// When, and how many records there were; over the last [`RATE_WINDOW`].
    looks: VecDeque<(Duration, u64)>,
    /// When the number of records last changed.
    moved: Duration,
}

/// The rate is the mean over so long.
const RATE_WINDOW: Duration = Duration::from_secs(3);
/// Looks kept within it.
const LOOKS_MAX: usize = 64;
/// After so long without a finished target, those in flight longest are named.
const SILENCE: Duration = Duration::from_secs(5);
/// Hosts named.
const HOSTS_MAX: usize = 5;

impl Live {
    pub(crate) fn new(
        shared: Arc<Shared>,
        written: Arc<Written>,
        reports: Vec<Arc<ShardReport>>,
    ) -> Self {
        Self { shared, written, reports, past: Arc::default(), silence: SILENCE }
    }

    /// A view that names the targets in flight longest after another silence than 5 s.
    #[must_use]
    pub fn with_silence(self, silence: Duration) -> Self {
        Self { silence, ..self }
    }

    /// Where the run stands now. To be called a few times a second: rates and silences are seen
    /// between calls.
    pub fn snapshot(&self) -> Snapshot {
        let elapsed = self.shared.clock.now().since(Time::ZERO);
        let account = self.written.account();
        let records = account.records();
        let (per_second, silent) = self.look(elapsed, records);
        self.shared.want_names(silent);
        let mut snapshot = Snapshot {
            elapsed,
            inputs: self.shared.inputs(),
            read_to_end: self.shared.is_fed(),
            ok: account.ok,
            failed: account.failed,
            skipped: account.skipped,
            by_kind: account.by_kind(),
            per_second,
            ..Snapshot::default()
        };
        for facts in self.reports.iter().map(|report| report.read()) {
            snapshot.in_flight += facts.in_flight;
            snapshot.hosts.extend(facts.hosts);
            if silent {
                snapshot.oldest.extend(facts.oldest);
            }
        }
        snapshot.hosts.sort_by_key(|host| Reverse(host.waiting + u64::from(host.in_flight)));
        snapshot.hosts.truncate(HOSTS_MAX);
        snapshot.oldest.sort_by_key(|oldest| Reverse(oldest.age));
        snapshot.oldest.truncate(HOSTS_MAX);
        snapshot.eta = self.eta(&snapshot);
        snapshot
    }

    /// Records a second, and whether nothing has finished for a while.
    fn look(&self, elapsed: Duration, records: u64) -> (f64, bool) {
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        if past.looks.back().is_none_or(|(_, last)| *last != records) {
            past.moved = elapsed;
        }
        while past.looks.len() >= LOOKS_MAX
            || past.looks.front().is_some_and(|(at, _)| elapsed.saturating_sub(*at) > RATE_WINDOW)
        {
            past.looks.pop_front();
        }
        past.looks.push_back((elapsed, records));
        let (since, before) = past.looks.front().copied().unwrap_or_default();
        let window = elapsed.saturating_sub(since).as_secs_f64();
        let per_second =
            if window > 0.0 { records.saturating_sub(before) as f64 / window } else { 0.0 };
        (per_second, elapsed.saturating_sub(past.moved) > self.silence)
    }

    /// What is left at the present rate, or at the slowest host's own, whichever is longer.
    fn eta(&self, snapshot: &Snapshot) -> Option<Duration> {
        let done = snapshot.ok + snapshot.failed + snapshot.skipped;
        let left = snapshot.inputs.saturating_sub(done);
        if !snapshot.read_to_end || snapshot.per_second <= 0.0 {
            return None;
        }
        let all = left as f64 / snapshot.per_second;
        let slowest = snapshot.hosts.iter().filter_map(HostLive::seconds_left);
        Duration::try_from_secs_f64(slowest.fold(all, f64::max)).ok()
    }
}

impl HostLive {
    /// What is left of it at the rate it is known to bear.
    fn seconds_left(&self) -> Option<f64> {
        let per_second = self.per_second_max.filter(|rate| *rate > 0.0)?;
        Some(self.waiting as f64 / per_second)
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").finish_non_exhaustive()
    }
}

/// Where a run stands.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Snapshot {
    /// Since the start.
    pub elapsed: Duration,
    /// Inputs read so far.
    pub inputs: u64,
    /// Whether the source was read to its end, so that `inputs` is final.
    pub read_to_end: bool,
    /// Finished well.
    pub ok: u64,
    /// Finished badly.
    pub failed: u64,
    /// Not tried.
    pub skipped: u64,
    /// Failed and skipped by kind.
    pub by_kind: BTreeMap<&'static str, u64>,
    /// Requests in flight.
    pub in_flight: u32,
    /// Targets finished a second, over the last few seconds.
    pub per_second: f64,
    /// Hosts with the most work left, the largest first; at most 5.
    pub hosts: Vec<HostLive>,
    /// Time left, where it can be told: knows about rates, closed hosts and the largest host.
    pub eta: Option<Duration>,
    /// Targets in flight longest, the oldest first; at most 5. Filled when nothing has finished
    /// for a while.
    pub oldest: Vec<InFlight>,
}

/// One host in a [`Snapshot`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct HostLive {
    /// Scheme, host and port.
    pub host: String,
    /// Targets waiting.
    pub waiting: u64,
    /// Requests in flight.
    pub in_flight: u32,
    /// The requests a second it may get or was found to bear, if there is such a bound.
    pub per_second_max: Option<f64>,
    /// Why it is held up, if it is: `closed for 2.0 s after 429`, `parked`, `at most 5/s`.
    pub held: Option<String>,
}

/// One target that has been in flight for long.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct InFlight {
    /// Its URL, without credentials.
    pub url: String,
    /// What it is waiting for: `dns`, `connect`, `tls`, `first byte` or `body`.
    pub phase: &'static str,
    /// Since its try started.
    pub age: Duration,
}
