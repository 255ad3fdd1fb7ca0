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
    start_unix_us: u64,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self::start_at(unix_us())
    }

    /// Starts now, which is this moment of the calendar.
    pub(crate) fn start_at(start_unix_us: u64) -> Self {
        Self { start: Instant::now(), start_unix_us }
    }

    /// A moment of the run in the calendar. What changes the system's clock meanwhile is not seen.
    pub(crate) fn unix_us_of(&self, at: Time) -> u64 {
        self.start_unix_us.saturating_add(at.as_nanos() / 1_000)
    }

    /// A moment of the calendar in the run; its start, if it was before that.
    pub(crate) fn time_of(&self, unix_us: u64) -> Time {
        Time::from_nanos(unix_us.saturating_sub(self.start_unix_us).saturating_mul(1_000))
    }

    pub(crate) fn now(&self) -> Time {
        Time::ZERO + self.start.elapsed()
    }

    pub(crate) fn instant(&self, at: Time) -> std::time::Instant {
        let far = std::time::Duration::from_secs(86_400 * 365);
        self.start.into_std() + at.since(Time::ZERO).min(far)
    }
}
