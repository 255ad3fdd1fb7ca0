//! The wall clock, told from the monotonic one: it is read now and then, not for each request.

use std::cell::Cell;
use std::time::{Duration, Instant, SystemTime};

/// After so long it is read again, so that a clock that is set is followed.
const READ_EVERY: Duration = Duration::from_millis(100);

/// Tells the wall clock of moments near the present.
#[derive(Debug)]
pub(crate) struct WallClock {
    /// When it was read, and what it showed in microseconds since 1970.
    read: Cell<(Instant, u64)>,
}

impl WallClock {
    pub(crate) fn new() -> Self {
        Self { read: Cell::new(read()) }
    }

    /// Microseconds since 1970 at `moment`.
    pub(crate) fn unix_us(&self, moment: Instant) -> u64 {
        if moment.saturating_duration_since(self.read.get().0) >= READ_EVERY {
            self.read.set(read());
        }
        let (at, unix_us) = self.read.get();
        let us = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        match moment.checked_duration_since(at) {
            Some(since) => unix_us.saturating_add(us(since)),
            None => unix_us.saturating_sub(us(at.duration_since(moment))),
        }
    }
}

fn read() -> (Instant, u64) {
    let now = Instant::now();
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    (now, u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_before_and_after_a_reading_keep_their_distance() {
        let clock = WallClock::new();
        let (at, unix_us) = clock.read.get();
        let ms = Duration::from_millis;
        assert_eq!(clock.unix_us(at + ms(7)), unix_us + 7_000);
        assert_eq!(clock.unix_us(at - ms(7)), unix_us - 7_000);
        // Read again: both readings are of the present, and the moment lies ahead of them.
        let ahead = clock.unix_us(at + ms(200));
        assert!(clock.read.get().0 > at);
        assert!(ahead >= unix_us, "{ahead} before {unix_us}");
    }
}
