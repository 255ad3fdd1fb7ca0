//! A heartbeat on an event loop: how long was the longest time it did not turn.

use std::time::{Duration, Instant};

use crate::platform;

/// How often a loop is asked for a sign of life.
pub(crate) const BEAT: Duration = Duration::from_millis(10);

/// Measures one loop. `beat` is to be called every [`BEAT`] from the loop it measures.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    last_wall: Instant,
    last_cpu: Duration,
    longest: Stall,
    busy: Duration,
}

/// A time during which a loop did not turn.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stall {
    /// CPU time of the loop's thread in it: what our own code did in one go.
    pub(crate) cpu: Duration,
    /// By the wall clock: also what other processes took.
    pub(crate) wall: Duration,
}

impl Heartbeat {
    /// To be made on the loop's own thread.
    pub(crate) fn start() -> Self {
        Self {
            last_wall: Instant::now(),
            last_cpu: platform::thread_cpu_time(),
            longest: Stall::default(),
            busy: Duration::ZERO,
        }
    }

    /// A sign of life. What came later than [`BEAT`] after the last one was a stall; of its wall
    /// time, as much is ours as this thread used the processor.
    pub(crate) fn beat(&mut self) {
        let (wall, cpu) = (Instant::now(), platform::thread_cpu_time());
        let late = wall.duration_since(self.last_wall).saturating_sub(BEAT);
        let used = cpu.saturating_sub(self.last_cpu);
        self.busy += used;
        self.longest.wall = self.longest.wall.max(late);
        self.longest.cpu = self.longest.cpu.max(late.min(used));
        (self.last_wall, self.last_cpu) = (wall, cpu);
    }

    /// A pause that is not a stall: the loop had nothing to do and was not asked to beat.
    pub(crate) fn resume(&mut self) {
        self.last_wall = Instant::now();
        self.last_cpu = platform::thread_cpu_time();
    }

    /// The longest stalls, by either clock.
    pub(crate) fn longest(&self) -> Stall {
        self.longest
    }

    /// CPU time used between beats.
    pub(crate) fn busy(&self) -> Duration {
        self.busy
    }
}
