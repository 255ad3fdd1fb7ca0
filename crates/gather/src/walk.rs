//! One target's walk through a slot: fetch, classify, and where it goes from there.

use std::rc::Rc;

use gather_core::classify::{self, Context, Verdict};
use gather_core::frontier::{Lease, Signal, Spends};
use gather_core::target::SchemeFrom;
use gather_core::{Attempt, End, ErrorKind, HostKey, Time};

use crate::finish::{self, Ending};
use crate::pending::{Past, Pending};
use crate::seat::{Interrupt, Seat};
use crate::shard::Shard;
use crate::tally::add;

impl Shard {
    /// Walks one lease after the other for as long as there is one to be had.
    pub(crate) async fn slot(self: Rc<Self>, first: Lease<Pending>) {
        let seat = self.seats.take();
        let mut next = Some(first);
        while let Some(lease) = next {
            self.walk(lease, &seat).await;
            self.end_refused();
            next = self.next_lease();
        }
        self.seats.leave(seat);
        self.slot_left();
    }

    /// One try, and what follows from it.
    async fn walk(&self, mut lease: Lease<Pending>, seat: &Seat) {
        let started = self.run.clock.now();
        self.tally.start_try();
        let tried = self.fetch(&mut lease, seat).await;
        let now = self.run.clock.now();
        self.tally.end_try(now.since(started));
        match tried {
            Ok(Ok(attempt)) => self.conclude(lease, attempt, started, now),
            Ok(Err(shortage)) => {
                self.frontier.borrow_mut().put_back(lease, now);
                self.bear_shortage(shortage);
            }
            Err(Interrupt::Withdraw) => {
                add(&self.tally.given_up, 1);
                self.frontier.borrow_mut().put_back(lease, now);
            }
            Err(Interrupt::Stop) => self.stop_lease(lease, now),
        }
    }

    async fn fetch(
        &self,
        lease: &mut Lease<Pending>,
        seat: &Seat,
    ) -> Result<Result<Attempt, gather_fetch::LocalShortage>, Interrupt> {
        let (id, since) = (lease.id(), lease.leased_at());
        let pending = lease.payload();
        let fresh;
        let state = match &pending.past {
            Some(past) => &past.state,
            None => {
                fresh = gather_fetch::TryState::default();
                &fresh
            }
        };
        let try_ = self.client.fetch(&pending.target, state, &seat.progress);
        seat.hold(id, since, &pending.target, try_).await
    }

    /// Classifies the attempt and sends the target where the verdict says.
    fn conclude(&self, mut lease: Lease<Pending>, attempt: Attempt, started: Time, now: Time) {
        if let Some(plain) = self.plain_http(&lease, &attempt) {
            return self.fall_back(lease, plain, now);
        }
        let jitter = lease.jitter();
        let context = Context {
            config: &self.run.config,
            method: lease.payload().target.method(),
            retries_spent: lease.retries_spent(),
            jitter,
        };
        match classify::classify(&attempt, &context) {
            Verdict::Retry { after, spends, signal } => {
                if spends == Spends::Retry {
                    add(&self.tally.retries, 1);
                } else {
                    add(&self.tally.rate_limited, 1);
                }
                if let End::Failed(failure) = &attempt.end {
                    lease.remember(failure.clone());
                }
                past(&mut lease).last = Some(attempt);
                self.frontier.borrow_mut().retry(lease, signal, now + after, spends, now);
            }
            Verdict::Hop { url, signal } => self.hop(lease, attempt, url, signal, now),
            Verdict::Final { outcome, signal } => {
                let finishing = self.frontier.borrow_mut().release(lease, signal, now);
                let ending = Ending {
                    attempts: finishing.attempts() + finishing.payload().attempts_before(),
                    queued: started.since(finishing.admitted_at()),
                };
                let (pending, finishing) = finishing.split();
                let record = finish::tried(pending.target, attempt, ending, outcome);
                self.deliver(record, pending.reply, finishing);
            }
        }
    }
}

/// What earlier tries of the target left behind.
fn past(lease: &mut Lease<Pending>) -> &mut Past {
    lease.payload_mut().past.get_or_insert_default()
}
