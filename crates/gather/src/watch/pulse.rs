//! A sign of life of the scheduler, for whoever restarts a watch that hangs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Shared by the scheduler, which beats, and whoever looks.
#[derive(Debug)]
pub(crate) struct Pulse {
    start: Instant,
    beat_ms: AtomicU64,
}

impl Pulse {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), beat_ms: AtomicU64::new(0) }
    }

    pub(crate) fn beat(&self) {
        let ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.beat_ms.store(ms, Ordering::Relaxed);
    }

    /// How long ago the last beat was.
    pub(crate) fn age(&self) -> Duration {
        let beat = Duration::from_millis(self.beat_ms.load(Ordering::Relaxed));
        self.start.elapsed().saturating_sub(beat)
    }
}
