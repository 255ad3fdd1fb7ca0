//! One target's walk through a slot: fetch, classify, and where it goes from there.

use std::future::pending;
use std::pin::pin;
use std::rc::Rc;

use gather_core::classify::{self, Budget, Context, Step};
use gather_core::config::UnsafeMethods;
use gather_core::frontier::{Lease, Signal, Spends};
use gather_core::{Attempt, End, Outcome, TargetNo, Time};
use gather_fetch::LocalShortage;

use crate::asker::Asker;
use crate::cache;
use crate::finish::{self, Ending};
use crate::pending::Pending;
use crate::seat::Interrupt;
use crate::shard::Shard;
use crate::stop::StopOnPanic;
use crate::tally::add;

/// What a seat gives back: an attempt, what this machine lacked for one, or why it was cut short.
type Tried = Result<Result<Box<Attempt>, LocalShortage>, Interrupt>;

/// Whether a lease may be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begun {
    Yes,
    No,
}

/// Resolves when the asker, if there is one, has stopped waiting.
async fn gone(asker: Option<&mut Asker>) {
    match asker {
        Some(asker) => asker.gone().await,
        None => pending().await,
    }
}

impl Shard {
    /// Walks one lease after the other for as long as there is one to be had.
    ///
    /// The tries are driven from here, in one future: one that is awaited by another is moved into
    /// it, and a try has kilobytes.
    pub(crate) async fn slot(self: Rc<Self>, first: Lease<Box<Pending>>) {
        let _stop = StopOnPanic(self.run.stop.clone());
        let seat = self.seats.take();
        let mut next = Some(first);
        let mut started = self.run.clock.now();
        while let Some(mut lease) = next {
            let mut begun = Begun::Yes;
            if self.must_announce(lease.payload()) {
                begun = self.announce(lease.payload().target.n).await;
                started = self.run.clock.now();
            }
            let now = if begun == Begun::No || self.begin(&mut lease) == Begun::No {
                self.take_back(lease.payload());
                self.stop_lease(lease, started);
                self.run.clock.now()
            } else {
                // Watched from outside the lease, which the try borrows.
                let mut asker = lease.payload_mut().asker.take();
                let tried = {
                    let pending = lease.payload();
                    let state = pending.state(&seat.progress, self.run.clock.instant(started));
                    let try_ = pin!(self.client.fetch(&pending.target, &state, None));
                    let gone = pin!(gone(asker.as_deref_mut()));
                    seat.hold(lease.id(), lease.leased_at(), &pending.target, try_, gone).await
                };
                lease.payload_mut().asker = asker;
                self.end(lease, tried, started)
            };
            self.end_refused();
            // The clock is read once between two tries: when the first is over.
            next = self.next_lease(now);
            if next.is_none() {
                self.tell_finished();
            }
            started = next.as_ref().map_or(Time::ZERO, Lease::leased_at);
        }
        self.seats.leave(seat);
    }

    /// Whether the journal must know of a request before it is sent: it may not be repeated.
    fn must_announce(&self, pending: &Pending) -> bool {
        self.run.notes.is_some()
            && self.run.config.retry.unsafe_methods == UnsafeMethods::OnlyUnsent
            && !pending.target.method().is_idempotent()
    }

    /// Has the journal know of a request before it is sent, together with those of other slots.
    async fn announce(&self, n: TargetNo) -> Begun {
        let Some(notes) = &self.run.notes else { return Begun::Yes };
        let written = notes.begin(n.0);
        self.run.want_commit();
        match written.await {
            Ok(()) => Begun::Yes,
            // The journal cannot be written, and the run ends.
            Err(_) => Begun::No,
        }
    }

    /// It was not sent, or it was refused: it may be sent again.
    fn take_back(&self, pending: &Pending) {
        if self.must_announce(pending)
            && let Some(notes) = &self.run.notes
        {
            notes.over(pending.target.n.0);
        }
    }

    /// Counts a try that begins, unless the run was stopped: no new requests then.
    fn begin(&self, lease: &mut Lease<Box<Pending>>) -> Begun {
        if self.run.stop.cause().is_some() {
            return Begun::No;
        }
        self.tally.start_try();
        if let Some(past) = &mut lease.payload_mut().past
            && std::mem::take(&mut past.retries)
        {
            add(&self.tally.retries, 1);
        }
        Begun::Yes
    }

    /// What follows from the end of a try; answers when that was.
    fn end(&self, lease: Lease<Box<Pending>>, tried: Tried, started: Time) -> Time {
        let now = match &tried {
            // The clock was read for its total.
            Ok(Ok(attempt)) => started + attempt.timings.total,
            Ok(Err(_)) | Err(_) => self.run.clock.now(),
        };
        self.tally.end_try(now.since(started));
        match tried {
            Ok(Ok(attempt)) => self.conclude(lease, attempt, started, now),
            Ok(Err(shortage)) => {
                self.take_back(lease.payload());
                self.frontier.borrow_mut().put_back(lease, now);
                self.bear_shortage(shortage);
            }
            Err(Interrupt::Withdraw) => {
                add(&self.tally.given_up, 1);
                self.frontier.borrow_mut().put_back(lease, now);
            }
            Err(Interrupt::Abandoned) => self.abandon(lease, now),
            Err(Interrupt::Stop) => self.stop_lease(lease, now),
        }
        now
    }

    /// Classifies the attempt and sends the target where the verdict says.
    fn conclude(
        &self,
        mut lease: Lease<Box<Pending>>,
        mut attempt: Box<Attempt>,
        started: Time,
        now: Time,
    ) {
        if lease.payload().rules.is_some() {
            return self.conclude_rules(lease, attempt, now);
        }
        if let Some(plain) = self.falls_back(&lease, &attempt) {
            return self.fall_back(lease, plain, now);
        }
        // A 304 that confirms a stored answer is judged as that answer.
        let confirms = cache::confirmed(&lease.payload().target, &attempt).is_some();
        let stand_in = attempt.head.as_mut().filter(|_| confirms);
        let status = stand_in.map(|head| std::mem::replace(&mut head.status, cache::OK));
        let verdict = {
            let budget = match self.frontier.borrow().may_retry(&lease) {
                true => Budget::Left,
                false => Budget::Spent,
            };
            let context = Context {
                config: &self.run.config,
                method: lease.payload().target.method(),
                retries_spent: lease.retries_spent(),
                budget,
                now,
            };
            classify::classify(&attempt, &context, &mut self.rng.borrow_mut())
        };
        if let (Some(head), Some(status)) = (&mut attempt.head, status) {
            head.status = status;
        }
        if let Signal::RateLimited { .. } = verdict.signal {
            add(&self.tally.rate_limited, 1);
        }
        match verdict.step {
            Step::Final(outcome) => {
                self.finish(lease, attempt, outcome, verdict.signal, started, now);
            }
            Step::Hop => self.hop(lease, attempt, verdict.signal, now),
            Step::Retry { at, spends } => {
                if let End::Failed(failure) = &attempt.end {
                    lease.remember(failure.clone());
                }
                self.take_back(lease.payload());
                let past = lease.payload_mut().past.get_or_insert_default();
                // The next try has its whole time again.
                (past.is_between, past.time_left) = (false, None);
                past.retries = spends == Spends::Retry;
                past.last = Some(attempt.without_body());
                self.frontier.borrow_mut().retry(lease, verdict.signal, at, spends, now);
            }
        }
    }

    fn finish(
        &self,
        lease: Lease<Box<Pending>>,
        mut attempt: Box<Attempt>,
        outcome: Outcome,
        signal: Signal,
        started: Time,
        now: Time,
    ) {
        let finishing = self.frontier.borrow_mut().release(lease, signal, now);
        let ending = Ending {
            attempts: finishing.payload().tries(finishing.attempts()),
            queued: started.since(finishing.payload().admitted_at(finishing.admitted_at())),
        };
        if self.closes_idle() && self.frontier.borrow().host_waiting(finishing.host()) == 0 {
            self.client.close_idle(finishing.host());
        }
        let (mut pending, finishing) = finishing.split();
        let exchanges = pending.take_exchanges(std::mem::take(&mut attempt.exchanges));
        let mut record = finish::tried(pending.target, attempt, ending, outcome);
        record.exchanges = exchanges;
        self.deliver(record, pending.asker, finishing);
    }

    /// Whether connections of a host without work are closed at once: once nothing more of it can
    /// come. Before that, age closes them.
    fn closes_idle(&self) -> bool {
        self.feed.is_all_handed()
    }
}
