//! How a shard stops before its end: what it still waits for, and what becomes of the rest.

use gather_core::frontier::{Finishing, Lease, Signal};
use gather_core::{Duration, ErrorKind, Failure, Outcome, RecordError, Time};

use crate::finish::{self, Ending};
use crate::pending::Pending;
use crate::seat::Interrupt;
use crate::shard::Shard;
use crate::stop::Cause;

/// Requests in flight get so long to end after a first signal.
const DRAIN_GRACE: Duration = Duration::from_secs(10);
/// Waiting targets cancelled in one turn of the loop.
const CANCEL_TARGETS_MAX: usize = 1_000;

/// Whether the loop goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    On,
    Leave,
}

/// What a shard remembers of being stopped.
#[derive(Debug, Default)]
pub(crate) struct Stopping {
    since: Option<Time>,
    interrupted: bool,
}

impl Shard {
    /// Does what the stop signal asks, as far as it can be done now.
    pub(crate) fn follow_stop(&self, stopping: &mut Stopping) -> Turn {
        let now = self.run.clock.now();
        if let Some(deadline) = self.run.config.deadline {
            match now < Time::ZERO + deadline {
                true => self.look_again_at(Time::ZERO + deadline),
                false => self.run.stop.because(Cause::Deadline),
            }
        }
        let Some(cause) = self.run.stop.cause() else { return Turn::On };
        let since = *stopping.since.get_or_insert_with(|| {
            if !cause.cancels() {
                self.feed.end();
            }
            now
        });
        if cause.drains() && now < since + DRAIN_GRACE {
            self.look_again_at(since + DRAIN_GRACE);
        } else if !stopping.interrupted {
            stopping.interrupted = true;
            self.seats.interrupt_all(Interrupt::Stop);
        }
        if cause.cancels() {
            self.cancel_waiting(cause);
            return Turn::On;
        }
        // At once means at once: what is in flight goes with the loop.
        match self.in_use() == 0 || cause == Cause::Now {
            true => Turn::Leave,
            false => Turn::On,
        }
    }

    /// Records what waits as cancelled, a bounded number at a time.
    fn cancel_waiting(&self, cause: Cause) {
        for _ in 0..CANCEL_TARGETS_MAX {
            if self.outbox.is_behind() {
                return;
            }
            let waiting = self.frontier.borrow_mut().cancel_waiting();
            let Some(mut finishing) = waiting else { return };
            if finishing.payload().rules.is_some() {
                self.frontier.borrow_mut().settle(finishing);
                continue;
            }
            self.feed.took(finishing.payload_mut());
            let ending = self.ending(&finishing);
            let (pending, finishing) = finishing.split();
            let record = finish::untried(pending.target, ending, cancelled(cause));
            self.deliver(record, pending.asker, finishing);
        }
        self.bell.notify_one();
    }

    /// A try was cut short by the stop: cancelled with its record, or left pending without one.
    pub(crate) fn stop_lease(&self, lease: Lease<Box<Pending>>, now: Time) {
        let cause = self.run.stop.cause().unwrap_or(Cause::Now);
        if !cause.cancels() {
            self.frontier.borrow_mut().put_back(lease, now);
            self.bell.notify_one();
            return;
        }
        let finishing = self.frontier.borrow_mut().release(lease, Signal::Nothing, now);
        if finishing.payload().rules.is_some() {
            self.frontier.borrow_mut().settle(finishing);
            return;
        }
        let attempts = finishing.payload().tries(finishing.attempts());
        let ending = Ending { attempts, ..self.ending(&finishing) };
        let (pending, finishing) = finishing.split();
        let record = finish::untried(pending.target, ending, cancelled(cause));
        self.deliver(record, pending.asker, finishing);
    }

    /// What is known of a target that ends while it waits.
    pub(crate) fn ending(&self, finishing: &Finishing<Box<Pending>>) -> Ending {
        let pending = finishing.payload();
        let admitted_at = pending.admitted_at(finishing.admitted_at());
        Ending {
            attempts: pending.tries_waiting(finishing.attempts()),
            queued: self.run.clock.now().since(admitted_at),
        }
    }
}

fn cancelled(cause: Cause) -> Outcome {
    let message = match cause {
        Cause::FailFast => "the run was stopped at its first failure",
        _ => "the run was stopped for too many failures",
    };
    let failure = Failure::new(ErrorKind::Cancelled, message);
    Outcome::Skipped(RecordError::new(failure, true))
}
