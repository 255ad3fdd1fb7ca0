//! The global rate (`--rate`): one clock for all shards, touched once a request and only if set.

use std::sync::atomic::{AtomicU64, Ordering};

use gather_core::Time;
use gather_core::config::Rate;

/// Grants one request every `interval`, whichever shard asks.
#[derive(Debug)]
pub(crate) struct RateGate {
    next_ns: AtomicU64,
    interval_ns: u64,
}

impl RateGate {
    pub(crate) fn new(rate: Rate) -> Self {
        let interval_ns = u64::try_from(rate.interval().as_nanos()).unwrap_or(u64::MAX);
        Self { next_ns: AtomicU64::new(0), interval_ns }
    }

    /// When the next request may go.
    pub(crate) fn next_at(&self) -> Time {
        Time::from_nanos(self.next_ns.load(Ordering::Acquire))
    }

    /// Takes the turn that is due at `now`, if no other shard was quicker.
    pub(crate) fn take(&self, now: Time) -> bool {
        let now = now.as_nanos();
        self.next_ns
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |next| {
                // A loop that wakes late catches up by at most one turn: the mean rate holds
                // without a burst.
                (next <= now)
                    .then(|| next.max(now.saturating_sub(self.interval_ns)) + self.interval_ns)
            })
            .is_ok()
    }

    /// Gives back a turn that was taken but not used.
    pub(crate) fn untake(&self) {
        self.next_ns.fetch_sub(self.interval_ns, Ordering::AcqRel);
    }
}
