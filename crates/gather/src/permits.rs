//! The global concurrency, exact over all shards: each request in flight holds one permit.
//!
//! A shard holds permits in its own counter, so that a decision touches no shared memory. It
//! gives back what it cannot use, and what it holds beyond its fair share once another shard
//! with work has less than that.

use std::sync::atomic::{AtomicU32, Ordering};

/// The permits no shard holds, and how many are asked for.
#[derive(Debug)]
pub(crate) struct Permits {
    total: AtomicU32,
    shards: u32,
    free: AtomicU32,
    wanted: AtomicU32,
}

impl Permits {
    /// `total` permits, all free.
    pub(crate) fn new(total: u32, shards: u32) -> Self {
        Self {
            total: AtomicU32::new(total),
            shards,
            free: AtomicU32::new(total),
            wanted: AtomicU32::new(0),
        }
    }

    /// All permits there are.
    pub(crate) fn total(&self) -> u32 {
        self.total.load(Ordering::Relaxed)
    }

    /// What a shard may hold while others want more. None, where there are fewer permits than
    /// shards: they take turns then.
    pub(crate) fn fair_share(&self) -> u32 {
        self.total() / self.shards
    }

    /// Takes up to `most` free permits, and says how many.
    pub(crate) fn take(&self, most: u32) -> u32 {
        let mut taken = 0;
        let _ = self.free.fetch_update(Ordering::AcqRel, Ordering::Acquire, |free| {
            taken = free.min(most);
            (taken > 0).then(|| free - taken)
        });
        taken
    }

    /// Whether there are permits that no shard holds.
    pub(crate) fn has_free(&self) -> bool {
        self.free.load(Ordering::Acquire) > 0
    }

    /// Gives `count` permits back.
    pub(crate) fn give(&self, count: u32) {
        self.free.fetch_add(count, Ordering::AcqRel);
    }

    /// Takes `count` permits, held by the caller, out of the run for good.
    pub(crate) fn retire(&self, count: u32) {
        self.total.fetch_sub(count, Ordering::AcqRel);
    }

    /// Says that the caller has work for `count` more permits, `before` of which it said already.
    pub(crate) fn want(&self, count: u32, before: u32) {
        if count > before {
            self.wanted.fetch_add(count - before, Ordering::AcqRel);
        } else if before > count {
            self.wanted.fetch_sub(before - count, Ordering::AcqRel);
        }
    }

    /// Whether a shard wants more.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Acquire) > 0
    }
}
