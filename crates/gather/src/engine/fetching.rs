//! One target on its way, as its caller sees it: a future of its record.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use gather_core::{Record, Target};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::entrance::{Entrance, PlaceWait};
use super::into_target::InvalidTarget;
use crate::asker::Back;

/// A target under way. Resolves to its record; dropping it cancels the target.
#[must_use = "dropping it cancels the target"]
pub struct Fetching {
    record: oneshot::Receiver<Record>,
    entrance: Arc<Entrance>,
    came: bool,
}

impl Fetching {
    pub(super) fn submit(
        entrance: &Arc<Entrance>,
        target: Target,
        place: OwnedSemaphorePermit,
    ) -> Result<Self, Stopped> {
        let (back, record) = oneshot::channel();
        entrance.submit(target, Back::One(back), place)?;
        Ok(Self { record, entrance: Arc::clone(entrance), came: false })
    }

    /// Waits for the record, in programs that are not async.
    ///
    /// # Errors
    /// [`Stopped`] if the engine stopped before there was one.
    pub fn wait(self) -> Result<Record, Stopped> {
        super::outcomes::block_on(self)
    }
}

impl Future for Fetching {
    type Output = Result<Record, Stopped>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let record = ready!(Pin::new(&mut self.record).poll(context));
        self.came = true;
        Poll::Ready(record.map(handed_over).map_err(|_| Stopped))
    }
}

/// The record as its caller may keep it: from here on its body is no part of the memory that the
/// bodies of the engine may take. A program that keeps bodies would bring it to a halt.
pub(super) fn handed_over(mut record: Record) -> Record {
    record.body = record.body.map(|body| Bytes::copy_from_slice(&body));
    record
}

impl Drop for Fetching {
    fn drop(&mut self) {
        if !self.came {
            self.record.close();
            self.entrance.shared().count_abandoned(1);
        }
    }
}

impl fmt::Debug for Fetching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetching").finish_non_exhaustive()
    }
}

/// One target to be fetched as soon as the engine has room. Dropping it cancels the target.
#[must_use = "nothing is fetched before it is polled"]
pub struct Fetch {
    entrance: Arc<Entrance>,
    state: State,
}

enum State {
    /// Waits for a place.
    Outside(Box<Target>, PlaceWait),
    Invalid(InvalidTarget),
    Inside(Fetching),
    Over,
}

impl Fetch {
    pub(super) fn new(entrance: Arc<Entrance>, target: Result<Target, InvalidTarget>) -> Self {
        let state = match target {
            Ok(target) => State::Outside(Box::new(target), PlaceWait::default()),
            Err(invalid) => State::Invalid(invalid),
        };
        Self { entrance, state }
    }

    /// Waits for the record, in programs that are not async.
    ///
    /// # Errors
    /// As [`Engine::fetch`](super::Engine::fetch).
    pub fn wait(self) -> Result<Record, FetchError> {
        super::outcomes::block_on(self)
    }
}

impl Future for Fetch {
    type Output = Result<Record, FetchError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { entrance, state } = self.get_mut();
        loop {
            if let State::Inside(fetching) = state {
                let record = ready!(Pin::new(fetching).poll(context));
                *state = State::Over;
                return Poll::Ready(record.map_err(FetchError::from));
            }
            let place = match state {
                State::Outside(_, wait) => Some(ready!(wait.poll(entrance, context))),
                _ => None,
            };
            match (std::mem::replace(state, State::Over), place) {
                (State::Outside(target, _), Some(place)) => {
                    *state = State::Inside(Fetching::submit(entrance, *target, place)?);
                }
                (State::Invalid(invalid), _) => {
                    return Poll::Ready(Err(FetchError::Invalid(invalid)));
                }
                _ => panic!("polled after it has resolved"),
            }
        }
    }
}

impl fmt::Debug for Fetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetch").finish_non_exhaustive()
    }
}

/// The engine has stopped: it was closed, or its `deadline` or `stop` rule ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the engine has stopped")
    }
}

impl std::error::Error for Stopped {}

/// Why there is no record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FetchError {
    /// It is nothing that can be fetched.
    Invalid(InvalidTarget),
    /// The engine has stopped.
    Stopped,
}

impl From<Stopped> for FetchError {
    fn from(Stopped: Stopped) -> Self {
        Self::Stopped
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(invalid) => invalid.fmt(f),
            Self::Stopped => Stopped.fmt(f),
        }
    }
}

impl std::error::Error for FetchError {}

/// Why a target was not accepted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SubmitError {
    /// It is nothing that can be fetched.
    Invalid(InvalidTarget),
    /// The engine is full. Here is the target again, to be submitted later.
    Busy(Box<Target>),
    /// The engine has stopped.
    Stopped,
}

impl From<Stopped> for SubmitError {
    fn from(Stopped: Stopped) -> Self {
        Self::Stopped
    }
}

impl fmt::Display for SubmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(invalid) => invalid.fmt(f),
            Self::Busy(_) => f.write_str("the engine is full"),
            Self::Stopped => Stopped.fmt(f),
        }
    }
}

impl std::error::Error for SubmitError {}
