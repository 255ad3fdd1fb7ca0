//! Where a try sits while it is in flight: how it is interrupted, and how it is asked who it is.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use gather_core::frontier::LeaseId;
use gather_core::{Target, Time};
use gather_fetch::Progress;

use crate::live::InFlight;

/// Why a try ends before its own end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interrupt {
    /// Other work has more use for its permit: it goes back to its queue.
    Withdraw,
    /// The run was stopped.
    Stop,
    /// Whoever asked for it has stopped waiting.
    Abandoned,
}

/// One try in flight. Made once per slot, used for one lease after the other.
#[derive(Default)]
pub(crate) struct Seat {
    pub(crate) progress: Rc<Progress>,
    lease: Cell<Option<(LeaseId, Time)>>,
    interrupt: Cell<Option<Interrupt>>,
    asked: Cell<bool>,
    name: RefCell<Option<String>>,
    waker: RefCell<Option<Waker>>,
}

impl Seat {
    /// Runs `try_` of `target` to its end, to an interrupt, or until its asker is `gone`.
    pub(crate) async fn hold<F: Future>(
        &self,
        lease: LeaseId,
        since: Time,
        target: &Target,
        mut try_: Pin<&mut F>,
        mut gone: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<F::Output, Interrupt> {
        self.lease.set(Some((lease, since)));
        self.interrupt.set(None);
        self.name.borrow_mut().take();
        let ended = poll_fn(|context| {
            if let Some(interrupt) = self.interrupt.take() {
                return Poll::Ready(Err(interrupt));
            }
            if self.asked.take() {
                *self.name.borrow_mut() = Some(crate::redact::url(&target.url).to_string());
            }
            if let Poll::Ready(ended) = try_.as_mut().poll(context) {
                return Poll::Ready(Ok(ended));
            }
            self.remember(context.waker());
            gone.as_mut().poll(context).map(|()| Err(Interrupt::Abandoned))
        })
        .await;
        self.lease.set(None);
        ended
    }

    fn remember(&self, waker: &Waker) {
        let mut known = self.waker.borrow_mut();
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *known = Some(waker.clone());
        }
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }
}

/// All seats of a shard: as many as were ever taken at once.
#[derive(Default)]
pub(crate) struct Seats {
    all: RefCell<Vec<Rc<Seat>>>,
    empty: RefCell<Vec<Rc<Seat>>>,
}

impl Seats {
    pub(crate) fn take(&self) -> Rc<Seat> {
        if let Some(seat) = self.empty.borrow_mut().pop() {
            return seat;
        }
        let seat = Rc::new(Seat::default());
        self.all.borrow_mut().push(Rc::clone(&seat));
        seat
    }

    pub(crate) fn leave(&self, seat: Rc<Seat>) {
        self.empty.borrow_mut().push(seat);
    }

    /// Interrupts the try of this lease, if it is still in flight.
    pub(crate) fn interrupt(&self, lease: LeaseId, interrupt: Interrupt) {
        let all = self.all.borrow();
        let seat = all.iter().find(|seat| seat.lease.get().is_some_and(|(id, _)| id == lease));
        if let Some(seat) = seat {
            seat.interrupt.set(Some(interrupt));
            seat.wake();
        }
    }

    /// Interrupts every try in flight.
    pub(crate) fn interrupt_all(&self, interrupt: Interrupt) {
        for seat in self.all.borrow().iter().filter(|seat| seat.lease.get().is_some()) {
            seat.interrupt.set(Some(interrupt));
            seat.wake();
        }
    }

    /// The tries in flight longest, oldest first. Their names are asked for, and told from the
    /// next call on: a name costs nothing until somebody wants it.
    pub(crate) fn oldest(&self, now: Time, most: usize) -> Vec<InFlight> {
        let all = self.all.borrow();
        let mut seats: Vec<_> =
            all.iter().filter_map(|seat| Some((seat.lease.get()?.1, seat))).collect();
        let most = most.min(seats.len());
        if most == 0 {
            return Vec::new();
        }
        seats.select_nth_unstable_by_key(most - 1, |(since, _)| *since);
        seats.truncate(most);
        seats.sort_by_key(|(since, _)| *since);
        let tell = |(since, seat): (Time, &Rc<Seat>)| {
            seat.asked.set(true);
            seat.wake();
            let url = seat.name.borrow_mut().take()?;
            Some(InFlight { url, phase: seat.progress.phase().as_str(), age: age(now, since) })
        };
        seats.into_iter().filter_map(tell).collect()
    }
}

fn age(now: Time, since: Time) -> Duration {
    now.since(since)
}
