//! The memory that bodies may take, all tries of a run together: reading pauses while it is full.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use gather_core::attempt::Hold;
use tokio::sync::Notify;

/// A limit on the bytes of bodies that are being read or wait to be used.
///
/// A body holds its part until its [`Hold`] is dropped. So that bodies which
/// wait for each other's memory cannot wait for ever, one goes on beyond the limit when all of it
/// is held by bodies that are still being read. Streams of a shared connection never wait, since
/// they would hold up each other; that nothing begins while it is full bounds them.
#[derive(Debug)]
pub struct MemoryBudget {
    bytes_max: u64,
    used: AtomicU64,
    used_max: AtomicU64,
    /// The part of `used` whose bodies are whole, so that it will be freed.
    whole: AtomicU64,
    /// Whether some body goes on beyond the limit.
    exempt: AtomicBool,
    freed: Notify,
    /// What bodies that grow as bombs do may look back into, and what is kept of them, all together.
    bomb_windows: Pool,
    bomb_bodies: Pool,
}

/// The largest window of any coding, so that one is always decoded.
const BOMB_WINDOWS_BYTES_MAX: u64 = 16 << 20;
/// Beyond it they are counted, and decoded once more where they turn out to be none.
const BOMB_BODIES_BYTES_MAX: u64 = 4 << 20;

/// Bytes of which so many are given out at most.
#[derive(Debug)]
struct Pool {
    bytes_max: u64,
    used: AtomicU64,
    freed: Notify,
}

impl Pool {
    fn new(bytes_max: u64) -> Self {
        Self { bytes_max, used: AtomicU64::new(0), freed: Notify::new() }
    }
}

/// One body's part of a pool.
#[derive(Debug)]
pub(crate) struct Part {
    budget: Arc<MemoryBudget>,
    pool: fn(&MemoryBudget) -> &Pool,
    held: u64,
}

impl Part {
    /// For what a body that grows as bombs do looks back into.
    pub(crate) fn of_window(budget: &Arc<MemoryBudget>) -> Self {
        Self { budget: Arc::clone(budget), pool: |budget| &budget.bomb_windows, held: 0 }
    }

    /// Holds `bytes` in all, if there is room.
    pub(crate) fn try_hold(&mut self, bytes: u64) -> Grown {
        let more = bytes.saturating_sub(self.held);
        let pool = (self.pool)(&self.budget);
        let grown = |used: u64| Some(used + more).filter(|sum| *sum <= pool.bytes_max);
        match pool.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, grown) {
            Ok(_) => {
                self.held += more;
                Grown::Yes
            }
            Err(_) => Grown::No,
        }
    }

    /// Waits for room until `bytes` are held, all of them at once: who waits holds nothing that
    /// another waits for.
    pub(crate) async fn hold(&mut self, bytes: u64) {
        let budget = Arc::clone(&self.budget);
        let pool = (self.pool)(&budget);
        loop {
            let mut freed = pin!(pool.freed.notified());
            freed.as_mut().enable();
            if self.try_hold(bytes.min(pool.bytes_max)) == Grown::Yes {
                return;
            }
            freed.await;
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let pool = (self.pool)(&self.budget);
        pool.used.fetch_sub(self.held, Ordering::AcqRel);
        pool.freed.notify_waiters();
    }
}

impl MemoryBudget {
    /// A budget of so many bytes.
    pub fn new(bytes_max: u64) -> Self {
        Self {
            bytes_max,
            used: AtomicU64::new(0),
            used_max: AtomicU64::new(0),
            whole: AtomicU64::new(0),
            exempt: AtomicBool::new(false),
            freed: Notify::new(),
            bomb_windows: Pool::new(BOMB_WINDOWS_BYTES_MAX),
            bomb_bodies: Pool::new(BOMB_BODIES_BYTES_MAX),
        }
    }

    /// Whether it is used up and some of it will be freed: the moment to begin nothing new.
    pub fn is_full(&self) -> bool {
        self.used() >= self.bytes_max && self.whole.load(Ordering::Acquire) > 0
    }

    /// Bytes held now.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// The most bytes that were held at once.
    pub fn used_max(&self) -> u64 {
        self.used_max.load(Ordering::Relaxed)
    }
}

/// One body's part of the budget.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<MemoryBudget>,
    held: u64,
    is_whole: bool,
    is_exempt: bool,
}

impl Share {
    pub(crate) fn new(budget: &Arc<MemoryBudget>) -> Self {
        Self { budget: Arc::clone(budget), held: 0, is_whole: false, is_exempt: false }
    }

    /// A part of what is kept of bodies that grow as bombs do.
    pub(crate) fn of_bombs(&self) -> Part {
        Part { budget: Arc::clone(&self.budget), pool: |budget| &budget.bomb_bodies, held: 0 }
    }

    /// Holds at least `bytes`, if there is room.
    pub(crate) fn try_grow(&mut self, bytes: u64) -> Grown {
        let more = bytes.saturating_sub(self.held);
        if more == 0 {
            return Grown::Yes;
        }
        let budget = &self.budget;
        let grown = |used: u64| Some(used + more).filter(|sum| *sum <= budget.bytes_max);
        match budget.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, grown) {
            Ok(before) => {
                budget.used_max.fetch_max(before + more, Ordering::Relaxed);
                self.held = bytes;
                Grown::Yes
            }
            Err(_) if self.may_exceed() => {
                self.grow_anyway(bytes);
                Grown::Yes
            }
            Err(_) => Grown::No,
        }
    }

    /// Waits for room until `bytes` are held.
    pub(crate) async fn grow(&mut self, bytes: u64) {
        let budget = Arc::clone(&self.budget);
        loop {
            let mut freed = pin!(budget.freed.notified());
            freed.as_mut().enable();
            if self.try_grow(bytes) == Grown::Yes {
                return;
            }
            freed.await;
        }
    }

    /// Holds at least `bytes`, whether there is room or not: they are there already.
    pub(crate) fn grow_anyway(&mut self, bytes: u64) {
        let more = bytes.saturating_sub(self.held);
        if more > 0 {
            let before = self.budget.used.fetch_add(more, Ordering::AcqRel);
            self.budget.used_max.fetch_max(before + more, Ordering::Relaxed);
            self.held = bytes;
        }
    }

    /// The body is whole, of so many bytes: they are held until what this returns is dropped.
    pub(crate) fn keep(mut self, bytes: u64) -> Hold {
        self.grow_anyway(bytes);
        let surplus = self.held - bytes;
        self.held = bytes;
        self.is_whole = true;
        self.budget.whole.fetch_add(bytes, Ordering::AcqRel);
        self.budget.used.fetch_sub(surplus, Ordering::AcqRel);
        self.end_exemption();
        self.budget.freed.notify_waiters();
        Hold::new(self)
    }

    /// Whether nothing will be freed unless this body goes on.
    fn may_exceed(&mut self) -> bool {
        let budget = &self.budget;
        let is_stuck = || budget.whole.load(Ordering::Acquire) == 0;
        if !self.is_exempt && is_stuck() {
            self.is_exempt = !budget.exempt.swap(true, Ordering::AcqRel);
        }
        self.is_exempt
    }

    fn end_exemption(&mut self) {
        if std::mem::take(&mut self.is_exempt) {
            self.budget.exempt.store(false, Ordering::Release);
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.end_exemption();
        if self.is_whole {
            self.budget.whole.fetch_sub(self.held, Ordering::AcqRel);
        }
        self.budget.used.fetch_sub(self.held, Ordering::AcqRel);
        self.budget.freed.notify_waiters();
    }
}

/// Whether there was room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grown {
    Yes,
    No,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_grows_as_bombs_do_shares_little() {
        let budget = Arc::new(MemoryBudget::new(u64::MAX));
        let (mut first, mut second) = (Part::of_window(&budget), Part::of_window(&budget));
        first.hold(BOMB_WINDOWS_BYTES_MAX).await;
        assert_eq!(second.try_hold(1), Grown::No);
        let mut waiting = tokio::task::spawn(async move {
            second.hold(5).await;
            second
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(first);
        drop((&mut waiting).await.expect("no panic"));
        // What is kept of them is of another pool.
        let share = Share::new(&budget);
        let (mut one, mut two) = (share.of_bombs(), share.of_bombs());
        assert_eq!(one.try_hold(BOMB_BODIES_BYTES_MAX), Grown::Yes);
        assert_eq!((two.try_hold(1), one.try_hold(7)), (Grown::No, Grown::Yes));
        drop(one);
        assert_eq!(two.try_hold(1), Grown::Yes);
        assert_eq!(Part::of_window(&budget).try_hold(BOMB_WINDOWS_BYTES_MAX), Grown::Yes);
    }

    #[tokio::test]
    async fn a_share_is_held_until_its_hold_is_dropped() {
        let budget = Arc::new(MemoryBudget::new(100));
        let mut first = Share::new(&budget);
        assert_eq!(first.try_grow(80), Grown::Yes);
        let body = first.keep(60);
        assert_eq!(budget.used(), 60, "what was not needed is free");
        let mut second = Share::new(&budget);
        assert_eq!(second.try_grow(50), Grown::No, "the first will be freed: wait for it");
        let clone = body.clone();
        drop(body);
        assert_eq!(second.try_grow(50), Grown::No);
        let mut waiting = tokio::task::spawn(async move {
            second.grow(50).await;
            second
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(clone);
        let second = (&mut waiting).await.expect("no panic");
        assert_eq!((budget.used(), budget.used_max()), (50, 80));
        drop(second);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn one_body_goes_on_where_all_would_wait_for_each_other() {
        let budget = Arc::new(MemoryBudget::new(100));
        let mut shares: Vec<_> = (0..3).map(|_| Share::new(&budget)).collect();
        assert!(shares.iter_mut().all(|share| share.try_grow(30) == Grown::Yes));
        assert_eq!(shares[0].try_grow(60), Grown::Yes, "nobody else will free anything");
        assert_eq!(shares[1].try_grow(60), Grown::No, "the first will");
        assert_eq!(shares[0].try_grow(90), Grown::Yes, "it goes on to its end");
        let body = shares.remove(0).keep(90);
        assert_eq!(shares[0].try_grow(60), Grown::No, "the first will be freed");
        drop(body);
        assert_eq!(shares[0].try_grow(60), Grown::Yes);
        drop(shares);
        assert_eq!((budget.used(), budget.used_max()), (0, 150));
    }
}
