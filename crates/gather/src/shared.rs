//! What the shards of one run share: counters and signals, never a target.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use gather_core::Config;
use gather_core::config::StopRule;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::permits::Permits;
use crate::rate::RateGate;
use crate::stop::{Cause, Stop};

/// Finished targets before a share of failures is judged.
const SHARE_SAMPLE_MIN: u64 = 20;

pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) stop: Stop,
    pub(crate) permits: Permits,
    pub(crate) rate: Option<RateGate>,
    /// Handed to a shard, and without a record so far.
    pub(crate) unfinished: AtomicU64,
    /// Whether no further target will be handed to a shard.
    pub(crate) all_handed: AtomicBool,
    /// Hosts with work, by shard.
    pub(crate) hosts: Vec<AtomicU32>,
    finished: AtomicU64,
    failed: AtomicU64,
    wakes: Vec<Notify>,
}

impl Shared {
    pub(crate) fn new(config: Config, stop: Stop, permits: u32, shards: usize) -> Self {
        Self {
            clock: Clock::start(),
            stop,
            permits: Permits::new(permits, u32::try_from(shards).unwrap_or(u32::MAX)),
            rate: config.rate.map(RateGate::new),
            unfinished: AtomicU64::new(0),
            all_handed: AtomicBool::new(false),
            hosts: (0..shards).map(|_| AtomicU32::new(0)).collect(),
            finished: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            wakes: (0..shards).map(|_| Notify::new()).collect(),
            config,
        }
    }

    /// The bell of one shard.
    pub(crate) fn wake(&self, shard: usize) -> &Notify {
        &self.wakes[shard]
    }

    /// Rings every shard's bell.
    pub(crate) fn wake_all(&self) {
        self.wakes.iter().for_each(Notify::notify_one);
    }

    /// Hosts with work in shards other than this one.
    pub(crate) fn hosts_elsewhere(&self, shard: usize) -> u32 {
        let others = self.hosts.iter().enumerate().filter(|(index, _)| *index != shard);
        others.map(|(_, hosts)| hosts.load(Ordering::Relaxed)).sum()
    }

    /// Counts a target that has its record; wakes everybody when it was the last one.
    pub(crate) fn count_finished(&self, failed: Failed) {
        let finished = self.finished.fetch_add(1, Ordering::Relaxed) + 1;
        if failed == Failed::Yes {
            let failures = self.failed.fetch_add(1, Ordering::Relaxed) + 1;
            self.judge(failures, finished);
        }
        if self.unfinished.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.wake_all();
        }
    }

    fn judge(&self, failures: u64, finished: u64) {
        let share = || failures as f64 / finished as f64;
        match self.config.stop {
            StopRule::Never => {}
            StopRule::FirstFailure => self.stop.because(Cause::FailFast),
            StopRule::MoreThan(most) if failures > most => self.stop.because(Cause::MaxFailures),
            StopRule::MoreThanShare(most) if finished >= SHARE_SAMPLE_MIN && share() > most => {
                self.stop.because(Cause::MaxFailures);
            }
            StopRule::MoreThan(_) | StopRule::MoreThanShare(_) => {}
        }
    }

    /// Whether nothing is left to do, in any shard.
    pub(crate) fn is_done(&self) -> bool {
        self.all_handed.load(Ordering::Acquire) && self.unfinished.load(Ordering::Acquire) == 0
    }
}

/// Whether a finished target counts as a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    Yes,
    No,
}
