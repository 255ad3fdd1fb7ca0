//! Signs of life of the scheduler and of the thread that writes the history.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The scheduler turns at least once a second; one that did not for so long hangs.
const UNTURNED_MAX: Duration = Duration::from_secs(10);
/// The history is written once a second; what is not in it is told to nobody.
const UNWRITTEN_MAX: Duration = Duration::from_secs(60);

/// Shared by those who beat and whoever looks.
#[derive(Debug)]
pub(crate) struct Pulse {
    start: Instant,
    turned_ms: AtomicU64,
    written_ms: AtomicU64,
}

impl Pulse {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), turned_ms: AtomicU64::new(0), written_ms: AtomicU64::new(0) }
    }

    /// The scheduler turned.
    pub(crate) fn turned(&self) {
        self.turned_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    /// A batch is in the history.
    pub(crate) fn written(&self) {
        self.written_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    /// Whether the scheduler turns. Only a new start helps where it does not.
    pub(crate) fn turns(&self) -> Result<(), String> {
        turns(self.age(&self.turned_ms))
    }

    /// Whether all is well: the scheduler turns, and what it finds can be told.
    pub(crate) fn is_well(&self) -> Result<(), String> {
        self.turns()?;
        writes(self.age(&self.written_ms))
    }

    fn age(&self, beat_ms: &AtomicU64) -> Duration {
        let beat = Duration::from_millis(beat_ms.load(Ordering::Relaxed));
        self.start.elapsed().saturating_sub(beat)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

fn turns(age: Duration) -> Result<(), String> {
    match age <= UNTURNED_MAX {
        true => Ok(()),
        false => Err(format!("the scheduler has not turned for {:.0} s", age.as_secs_f64())),
    }
}

fn writes(age: Duration) -> Result<(), String> {
    match age <= UNWRITTEN_MAX {
        true => Ok(()),
        false => Err(format!(
            "the history has not been written for {:.0} s, so nobody is told of anything",
            age.as_secs_f64()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_turn_or_write_is_not_well() {
        let s = Duration::from_secs;
        assert_eq!(turns(s(10)), Ok(()));
        assert_eq!(turns(s(11)), Err("the scheduler has not turned for 11 s".to_owned()));
        assert_eq!(writes(s(60)), Ok(()));
        assert!(writes(s(61)).is_err_and(|why| why.contains("not been written for 61 s")));
    }
}
