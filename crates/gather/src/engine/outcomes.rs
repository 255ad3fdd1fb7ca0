//! Many targets on their way: read ahead as far as allowed, records in the order they end.

use std::fmt;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use futures_core::Stream;
use gather_core::{Record, Target, TargetNo};
use tokio::sync::mpsc;

use super::entrance::PlaceWait;
use super::fetching::{Stopped, handed_over};
use super::into_target::IntoTarget;
use super::{Engine, Inner};
use crate::asker::{Answer, Back};

/// The records of many targets, in the order in which they end: a [`Stream`], with a
/// [`next`](Self::next) of its own. It keeps the engine alive; dropping it cancels what is under
/// way.
///
/// Nothing is read or submitted but while it is polled; what is under way goes on regardless.
#[must_use = "nothing is fetched before it is polled"]
pub struct Outcomes<S> {
    engine: Engine,
    /// `None` once it is read to its end.
    targets: Option<Pin<Box<S>>>,
    next_n: u64,
    /// Read, and not submitted for want of a place.
    outside: Option<(Target, PlaceWait)>,
    back: mpsc::Sender<Answer>,
    answers: mpsc::Receiver<Answer>,
    /// Submitted, and without an answer that was read.
    under_way: usize,
    ended: Ended,
}

/// Whether all targets got their records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    NotYet,
    /// The engine stopped, which is still to be said.
    Stopped,
    Told,
}

impl<S> Outcomes<S>
where
    S: Stream,
    S::Item: IntoTarget,
{
    pub(super) fn new(engine: Engine, targets: S) -> Self {
        let (back, answers) = mpsc::channel(engine.0.read_ahead);
        Self {
            engine,
            targets: Some(Box::pin(targets)),
            next_n: 0,
            outside: None,
            back,
            answers,
            under_way: 0,
            ended: Ended::NotYet,
        }
    }

    /// The next record; `None` when each target has had its own.
    ///
    /// # Errors
    /// [`Stopped`] as the last item if the engine stopped before every target had its record.
    pub async fn next(&mut self) -> Option<Result<Record, Stopped>> {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Record, Stopped>>> {
        loop {
            if let Some(skipped) = self.submit(context) {
                return Poll::Ready(Some(Ok(skipped)));
            }
            if self.under_way == 0 && self.targets.is_none() && self.outside.is_none() {
                let stopped = self.ended == Ended::Stopped;
                self.ended = Ended::Told;
                return Poll::Ready(stopped.then_some(Err(Stopped)));
            }
            match self.answers.poll_recv(context) {
                Poll::Ready(Some(Answer::Record(record))) => {
                    self.under_way -= 1;
                    return Poll::Ready(Some(Ok(handed_over(*record))));
                }
                Poll::Ready(Some(Answer::Nothing)) => {
                    self.under_way -= 1;
                    self.ended = Ended::Stopped;
                    (self.targets, self.outside) = (None, None);
                }
                Poll::Ready(None) => unreachable!("this end keeps a sender of its own"),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Reads and submits as far ahead as it may; stops at an input that needs no engine.
    fn submit(&mut self, context: &mut Context<'_>) -> Option<Record> {
        let Inner { entrance, read_ahead, .. } = &*self.engine.0;
        while self.under_way < *read_ahead {
            if let Some((_, wait)) = &mut self.outside {
                let Poll::Ready(place) = wait.poll(entrance, context) else { return None };
                let (target, _) = self.outside.take()?;
                self.under_way += 1;
                // If the engine has stopped, that comes back as the answer.
                let _ = entrance.submit(target, Back::Any(self.back.clone()), place);
                continue;
            }
            let Poll::Ready(target) = self.targets.as_mut()?.as_mut().poll_next(context) else {
                return None;
            };
            let Some(target) = target else {
                self.targets = None;
                return None;
            };
            let n = TargetNo(self.next_n);
            self.next_n += 1;
            match entrance.read(target, Some(n)) {
                Ok(target) => self.outside = Some((target, PlaceWait::default())),
                Err(invalid) => return Some(invalid.record(n)),
            }
        }
        None
    }
}

impl<S> Stream for Outcomes<S>
where
    S: Stream,
    S::Item: IntoTarget,
{
    type Item = Result<Record, Stopped>;

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Record, Stopped>>> {
        self.get_mut().poll(context)
    }
}

impl<S> Drop for Outcomes<S> {
    fn drop(&mut self) {
        self.answers.close();
        self.engine.0.entrance.shared().count_abandoned(self.under_way);
    }
}

impl<S> fmt::Debug for Outcomes<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcomes").field("under_way", &self.under_way).finish_non_exhaustive()
    }
}

/// An iterator as a stream that is always ready.
#[derive(Clone, Debug)]
pub struct FromIter<I>(I);

impl<I> FromIter<I> {
    pub(super) fn new(items: I) -> Self {
        Self(items)
    }
}

// The iterator is never pinned.
impl<I> Unpin for FromIter<I> {}

impl<I: Iterator> Stream for FromIter<I> {
    type Item = I::Item;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
        Poll::Ready(self.0.next())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

/// The records of many targets, for programs that are not async: an iterator that blocks until
/// the next one is there. Dropping it cancels what is under way.
#[derive(Debug)]
#[must_use = "nothing is fetched before it is asked for the first record"]
pub struct FetchAll<I>(Outcomes<FromIter<I>>);

impl<I> FetchAll<I> {
    pub(super) fn new(outcomes: Outcomes<FromIter<I>>) -> Self {
        Self(outcomes)
    }
}

impl<I> Iterator for FetchAll<I>
where
    I: Iterator,
    I::Item: IntoTarget,
{
    type Item = Result<Record, Stopped>;

    fn next(&mut self) -> Option<Self::Item> {
        block_on(self.0.next())
    }
}

/// Polls `future` on this thread, which sleeps in between.
pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
