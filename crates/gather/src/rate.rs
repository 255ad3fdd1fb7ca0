//! The global rate (`--rate`): one clock for all shards, touched once a request and only if set.

use std::sync::atomic::{AtomicU64, Ordering};

use gather_core::Time;
use gather_core::config::Rate;

/// What late timers lost is caught up for so long, so that the mean rate holds.
const LATE_NS_MAX: u64 = 10_000_000;

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
                let from = next.max(now.saturating_sub(LATE_NS_MAX));
                (next <= now).then(|| from.saturating_add(self.interval_ns))
            })
            .is_ok()
    }

    /// Gives back a turn that was taken but not used.
    pub(crate) fn untake(&self) {
        self.next_ns.fetch_sub(self.interval_ns, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Requests granted within a second by a loop that wakes every `wake_us`, and the most in one
    /// go.
    fn check(per_second: f64, wake_us: u64) -> (u32, u32) {
        let rate = Rate::new(per_second, Duration::from_secs(1)).expect("a rate");
        let gate = RateGate::new(rate);
        let (mut granted, mut most) = (0, 0);
        for wake in 0..1_000_000 / wake_us {
            let now = Time::ZERO + Duration::from_micros(1_000_000 + wake * wake_us);
            let at_once = (0..).take_while(|_| gate.take(now)).count() as u32;
            granted += at_once;
            most = most.max(at_once);
        }
        (granted, most)
    }

    #[test]
    fn late_timers_lose_nothing_and_make_no_bursts() {
        for (per_second, wake_us, most_max) in [(10, 1_100, 1), (50, 9_000, 1), (5_000, 1_300, 51)]
        {
            let (granted, most) = check(f64::from(per_second), wake_us);
            let expected = per_second - 10.min(per_second / 100)..=per_second + most_max;
            assert!(expected.contains(&granted) && most <= most_max, "{granted} {most}");
        }
    }

    #[test]
    fn a_turn_given_back_is_there_for_the_next() {
        let rate = Rate::new(1.0, Duration::from_secs(1)).expect("a rate");
        let gate = RateGate::new(rate);
        let now = Time::ZERO + Duration::from_secs(5);
        assert!(gate.take(now) && !gate.take(now));
        gate.untake();
        assert!(gate.take(now) && !gate.take(now));
    }
}
