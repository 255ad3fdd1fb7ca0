//! Counts of messages by channel and outcome: `gather_notifications_total{channel,outcome}`.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::channel::Channel;

/// What became of messages since the start, for each channel.
#[derive(Debug, Default)]
pub struct NotifyMetrics(Mutex<BTreeMap<Box<str>, NotifyCounts>>);

/// What became of the messages of one channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotifyCounts {
    /// Messages that were accepted.
    pub delivered: u64,
    /// Events in them: a digest has several.
    pub events: u64,
    /// Tries that failed, to be made again.
    pub failed: u64,
    /// Messages that were given up.
    pub given_up: u64,
}

impl NotifyCounts {
    /// Each outcome by its name, the label of the metric.
    pub fn outcomes(&self) -> [(&'static str, u64); 3] {
        [("delivered", self.delivered), ("failed", self.failed), ("given_up", self.given_up)]
    }
}

impl NotifyMetrics {
    /// The counts of every channel there was, by its name.
    pub fn counts(&self) -> Vec<(Box<str>, NotifyCounts)> {
        self.lock().iter().map(|(name, counts)| (name.clone(), *counts)).collect()
    }

    /// Each of these channels is there before its first message, so that this one is an increase.
    pub(super) fn begin(&self, channels: &[Channel]) {
        channels.iter().for_each(|channel| self.count(channel.name(), |_| ()));
    }

    pub(super) fn count(&self, channel: &str, add: impl FnOnce(&mut NotifyCounts)) {
        let mut channels = self.lock();
        match channels.get_mut(channel) {
            Some(counts) => add(counts),
            None => add(channels.entry(channel.into()).or_default()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Box<str>, NotifyCounts>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
