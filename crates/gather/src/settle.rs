//! How targets leave a shard: their records go out, and they are settled once those are committed.

use std::sync::atomic::Ordering;

use gather_core::frontier::Finishing;
use gather_core::{Failure, Outcome, Record, RecordError};
use tokio::sync::oneshot;

use crate::finish::{self, Ending};
use crate::pending::Pending;
use crate::shard::Shard;
use crate::shared::Failed;

impl Shard {
    /// Targets that end without a further try: their host is dead, refuses, or has no name.
    pub(crate) fn end_refused(&self) {
        loop {
            let ended = self.frontier.borrow_mut().next_ended();
            let Some((finishing, failure)) = ended else { break };
            self.end_untried(finishing, failure);
        }
        self.note_events();
    }

    fn note_events(&self) {
        let now = self.run.clock.now();
        let mut frontier = self.frontier.borrow_mut();
        while let Some(event) = frontier.next_event() {
            self.troubles.borrow_mut().note(event, now);
        }
    }

    fn end_untried(&self, mut finishing: Finishing<Pending>, failure: Failure) {
        self.feed.took_waiting(&mut finishing);
        let ending = self.ending(&finishing);
        let retryable = gather_core::classify::is_retryable(failure.kind);
        let error = RecordError::new(failure, retryable);
        let (mut pending, finishing) = finishing.split();
        let last = pending.past.as_mut().and_then(|past| past.last.take());
        // One that was tried ends as its last try did, with what that try brought.
        let record = |outcome| match last {
            Some(attempt) => finish::tried(pending.target, attempt, ending, outcome),
            None => finish::untried(pending.target, ending, outcome),
        };
        let record = match ending.attempts {
            0 if error.kind == gather_core::ErrorKind::HostParked => record(Outcome::Skipped(error)),
            _ => record(Outcome::Failed(error)),
        };
        self.deliver(record, pending.reply, finishing);
    }

    fn ending<P: AsPending>(&self, finishing: &Finishing<P>) -> Ending {
        let queued = self.run.clock.now().since(finishing.admitted_at());
        let before = finishing.payload().attempts_before();
        Ending { attempts: finishing.attempts() + before, queued }
    }

    /// Sends a record on its way; its target is settled once the record is committed.
    pub(crate) fn deliver(
        &self,
        record: Record,
        reply: Option<tokio::sync::oneshot::Sender<Record>>,
        finishing: Finishing<()>,
    ) {
        let failed = match record.outcome {
            Outcome::Failed(_) => Failed::Yes,
            Outcome::Ok | Outcome::Skipped(_) => Failed::No,
        };
        match reply {
            // Whoever asked may have stopped waiting.
            Some(reply) => {
                let _ = reply.send(record);
                self.frontier.borrow_mut().settle(finishing);
            }
            None => {
                self.outbox.push(record);
                self.finishing.borrow_mut().push_back(finishing);
            }
        }
        self.run.count_finished(failed);
    }

    /// Settles the targets whose records the writer has committed.
    pub(crate) fn settle_committed(&self) {
        let committed = self.written.committed[self.index].load(Ordering::Acquire);
        while self.settled.get() < committed {
            let Some(finishing) = self.finishing.borrow_mut().pop_front() else { break };
            self.frontier.borrow_mut().settle(finishing);
            self.settled.set(self.settled.get() + 1);
        }
    }
}
