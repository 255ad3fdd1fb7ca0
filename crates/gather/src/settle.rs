//! How targets leave a shard: their records go out, and they are settled once those are committed.

use std::sync::atomic::Ordering;

use gather_core::frontier::{Finishing, Lease, Signal};
use gather_core::{
    Duration, ErrorKind, Failure, Outcome, Record, RecordError, Target, Time, classify,
};

use crate::asker::Asker;
use crate::finish::{self, Ending};
use crate::pending::Pending;
use crate::redact;
use crate::shard::Shard;
use crate::shared::Failed;

impl Shard {
    /// Targets that end without a further try: their host is dead, refuses, or has no name.
    pub(crate) fn end_refused(&self) {
        loop {
            let ended = self.frontier.borrow_mut().next_ended();
            let Some((finishing, failure)) = ended else { break };
            match finishing.payload().rules {
                Some(_) => self.rules_refused(finishing, &failure),
                None => self.end_untried(finishing, failure),
            }
        }
        self.note_events();
    }

    pub(crate) fn note_events(&self) {
        let mut frontier = self.frontier.borrow_mut();
        while let Some(event) = frontier.next_event() {
            self.troubles.borrow_mut().note(event, self.run.clock.now());
        }
    }

    /// Ends a target that is not tried again: for what failed, or for what its host asks.
    pub(crate) fn end_untried(&self, mut finishing: Finishing<Box<Pending>>, failure: Failure) {
        self.feed.took(finishing.payload_mut());
        if let Some(plain) = self.plain_http(finishing.payload(), failure.kind) {
            return self.start_over(finishing, plain);
        }
        let ending = self.ending(&finishing);
        let (mut pending, finishing) = finishing.split();
        let exchanges = pending.take_exchanges(Vec::new());
        let past = pending.past.take().unwrap_or_default();
        let outcome = classify::conclude(failure);
        // One that was tried tells of its last try, or of the redirects that led to a dead end.
        let mut record = match past.last {
            Some(attempt) if !past.is_between => {
                finish::tried(pending.target, attempt, ending, outcome)
            }
            _ => finish::led_on(
                finish::untried(pending.target, ending, outcome),
                past.chain,
                past.url.as_ref(),
            ),
        };
        record.exchanges = exchanges;
        self.deliver(record, pending.asker, finishing);
    }

    /// Sends a record on its way; its target is settled once the record is committed.
    pub(crate) fn deliver(
        &self,
        mut record: Record,
        asker: Option<Box<Asker>>,
        finishing: Finishing<()>,
    ) {
        redact::record(&mut record, &self.run.redact_query);
        let failed = match record.outcome {
            Outcome::Failed(_) => Failed::Yes,
            Outcome::Ok | Outcome::Skipped(_) => Failed::No,
        };
        match asker {
            Some(asker) => {
                record.hold = None;
                asker.answer(record);
                self.frontier.borrow_mut().settle(finishing);
            }
            None => {
                self.outbox.push(record);
                self.finishing.borrow_mut().push_back(Some(finishing));
            }
        }
        match failed {
            Failed::Yes => self.run.count_finished(failed),
            Failed::No => self.count_good(),
        }
    }

    /// Counts a target that has its record; the run hears of some together.
    fn count_good(&self) {
        self.untold.set(self.untold.get() + 1);
        if self.untold.get() >= self.run.untold_max() {
            self.tell_finished();
        }
    }

    /// Tells the run of targets that were only counted here.
    pub(crate) fn tell_finished(&self) {
        let untold = self.untold.take();
        if untold > 0 {
            self.run.count_good(untold);
        }
    }

    /// A target whose stored answer is fresh ends without being asked for.
    pub(crate) fn end_fresh(&self, target: Target) {
        let mut pending = Pending::listed(target);
        self.feed.took(&mut pending);
        self.push_untracked(finish::fresh(pending.target));
        self.run.count_finished(Failed::No);
    }

    /// Sends on the record of what the frontier never saw.
    pub(crate) fn push_untracked(&self, mut record: Record) {
        redact::record(&mut record, &self.run.redact_query);
        self.outbox.push(record);
        self.finishing.borrow_mut().push_back(None);
    }

    /// Nobody waits for this target any more: it leaves without a record.
    pub(crate) fn abandon(&self, lease: Lease<Box<Pending>>, now: Time) {
        let finishing = self.frontier.borrow_mut().release(lease, Signal::Nothing, now);
        self.forget(finishing);
    }

    /// Takes out what waits in vain, if anybody has stopped waiting since it was last done.
    pub(crate) fn forget_abandoned(&self, now: Time) {
        let abandoned = self.run.abandoned();
        if self.swept.replace(abandoned) == abandoned {
            return;
        }
        let unwanted =
            self.frontier.borrow_mut().take_waiting(|pending| pending.is_unwanted(), now);
        unwanted.into_iter().for_each(|finishing| self.forget(finishing));
    }

    fn forget(&self, finishing: Finishing<Box<Pending>>) {
        self.frontier.borrow_mut().settle(finishing);
        self.run.count_forgotten();
    }

    /// The request of this target may have been sent by a run that was then killed, and may not be
    /// sent again.
    pub(crate) fn end_interrupted(&self, mut pending: Box<Pending>) {
        self.feed.took(&mut pending);
        let message = "it was under way when the run was killed, and may have had its effect";
        let failure = Failure::new(ErrorKind::Interrupted, message);
        let outcome = Outcome::Failed(RecordError::new(failure, true));
        let ending = Ending { attempts: 1, queued: Duration::ZERO };
        self.outbox.push(finish::untried(pending.target, ending, outcome));
        self.run.count_finished(Failed::Yes);
    }

    /// Tells the journal which clocks of hosts have changed.
    pub(crate) fn tell_clocks(&self) {
        let Some(notes) = &self.run.notes else { return };
        let changed = self.frontier.borrow_mut().changed_clocks();
        if !changed.is_empty() {
            notes.clocks(changed);
            self.run.commit_wanted.notify_one();
        }
    }

    /// Settles the targets whose records the writer has committed.
    pub(crate) fn settle_committed(&self) {
        let committed = self.written.committed[self.index].load(Ordering::Acquire);
        while self.settled.get() < committed {
            let Some(finishing) = self.finishing.borrow_mut().pop_front() else { break };
            if let Some(finishing) = finishing {
                self.frontier.borrow_mut().settle(finishing);
            }
            self.settled.set(self.settled.get() + 1);
        }
    }
}
