//! A run while it goes on: a snapshot for progress, published a few times a second.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A handle to the latest snapshot of a run. Cheap to clone; reading never waits for a loop.
#[derive(Clone, Debug, Default)]
pub struct Live(Arc<Mutex<Snapshot>>);

impl Live {
    /// The latest snapshot.
    pub fn snapshot(&self) -> Snapshot {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn publish(&self, snapshot: Snapshot) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = snapshot;
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
    /// Why it is held up, if it is: `closed for 2.0 s after 429`, `parked`, `at most 5/s`.
    pub held: Option<String>,
}

/// One target that has been in flight for long.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct InFlight {
    /// Its URL, without credentials.
    pub url: String,
    /// What it is waiting for: `dns`, `connect`, `tls`, `first_byte` or `body`.
    pub phase: &'static str,
    /// Since its try started.
    pub age: Duration,
}
