//! Why and how a run is stopped before its end; said once, seen by every loop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use tokio::sync::Notify;

/// What ended a run early. The first cause wins; only [`Cause::Now`] overrides another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Cause {
    /// From outside: no new requests, those in flight may end.
    Drain = 1,
    /// The run's deadline: no new requests, those in flight are dropped.
    Deadline = 2,
    /// `fail_fast`: what is left is cancelled, each with its record.
    FailFast = 3,
    /// `max_failures`: likewise.
    MaxFailures = 4,
    /// Every output was closed by its reader.
    OutputClosed = 5,
    /// Our own fault: an output or the source failed.
    Fault = 6,
    /// From outside: at once.
    Now = 7,
}

impl Cause {
    const ALL: [Self; 7] = [
        Self::Drain,
        Self::Deadline,
        Self::FailFast,
        Self::MaxFailures,
        Self::OutputClosed,
        Self::Fault,
        Self::Now,
    ];

    /// Whether each unfinished target gets a record that says it was cancelled.
    pub(crate) fn cancels(self) -> bool {
        matches!(self, Self::FailFast | Self::MaxFailures)
    }

    /// Whether requests in flight may still end.
    pub(crate) fn drains(self) -> bool {
        matches!(self, Self::Drain)
    }
}

/// The stop signal of a run. Cheap to clone; may be kept beyond the run.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    cause: AtomicU8,
    panicked: AtomicBool,
    changed: Notify,
}

impl Stop {
    /// No new requests; those in flight may end within their own time, at most ten seconds.
    pub fn drain(&self) {
        self.because(Cause::Drain);
    }

    /// Ends at once: what is in flight is dropped and stays without a record.
    pub fn now(&self) {
        self.0.cause.store(Cause::Now as u8, Ordering::Release);
        self.0.changed.notify_waiters();
    }

    /// Whether the run was told to stop, by anyone.
    pub fn is_requested(&self) -> bool {
        self.cause().is_some()
    }

    /// Ends at once, for a defect that [`Self::has_panicked`] tells of.
    fn panicked(&self) {
        self.0.panicked.store(true, Ordering::Release);
        self.now();
    }

    /// Whether a thread or a task of the run panicked.
    pub(crate) fn has_panicked(&self) -> bool {
        self.0.panicked.load(Ordering::Acquire)
    }

    pub(crate) fn because(&self, cause: Cause) {
        let first =
            self.0.cause.compare_exchange(0, cause as u8, Ordering::AcqRel, Ordering::Acquire);
        if first.is_ok() {
            self.0.changed.notify_waiters();
        }
    }

    pub(crate) fn cause(&self) -> Option<Cause> {
        let cause = self.0.cause.load(Ordering::Acquire);
        Cause::ALL.into_iter().find(|known| *known as u8 == cause)
    }

    /// Resolves at the next change; to be created before `cause` is read.
    pub(crate) fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.0.changed.notified()
    }
}

/// Stops the run when it is dropped by a panic: the target that was being worked on is lost, and
/// nobody may wait for it.
pub(crate) struct StopOnPanic(pub(crate) Stop);

impl Drop for StopOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.panicked();
        }
    }
}
