//! The run's clock: the only place where the engine turns real time into core's numbers.

use std::time::{SystemTime, UNIX_EPOCH};

use gather_core::Time;
use tokio::time::Instant;

/// Microseconds since 1970, by the system's clock.
pub(crate) fn unix_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Counts from the start of the run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    pub(crate) fn now(&self) -> Time {
        Time::ZERO + self.start.elapsed()
    }

    pub(crate) fn instant(&self, at: Time) -> std::time::Instant {
        let far = std::time::Duration::from_secs(86_400 * 365);
        self.start.into_std() + at.since(Time::ZERO).min(far)
    }
}
