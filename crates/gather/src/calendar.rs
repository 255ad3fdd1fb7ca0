//! The watch's clock: the calendar as it was at the start, and from there on what really passed.
//!
//! A system clock that is set an hour back must not stop all checks for an hour, nor one that is
//! set forward skip them. So the calendar is read once, and again only where it is asked for.

use gather_core::Time;
use std::time::Instant;

use crate::clock::unix_us;

/// A clock that is off by less is not worth a word.
#[cfg(feature = "watch")]
const STEP_MIN: gather_core::Duration = gather_core::Duration::from_secs(2);

/// Tells moments since 1970.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Calendar {
    start: Instant,
    start_unix_us: u64,
}

impl Calendar {
    pub(crate) fn read() -> Self {
        Self { start: Instant::now(), start_unix_us: unix_us() }
    }

    pub(crate) fn now(&self) -> Time {
        self.at_start() + self.start.elapsed()
    }

    fn at_start(&self) -> Time {
        Time::from_nanos(self.start_unix_us.saturating_mul(1_000))
    }

    /// How far the system's clock was set since it was read, in seconds, where that is worth a
    /// word; positive if it was set forward.
    #[cfg(feature = "watch")]
    pub(crate) fn step(&self) -> Option<f64> {
        let system = Time::from_nanos(unix_us().saturating_mul(1_000));
        let ours = self.now();
        let step = system.since(ours).as_secs_f64() - ours.since(system).as_secs_f64();
        (step.abs() >= STEP_MIN.as_secs_f64()).then_some(step)
    }
}
