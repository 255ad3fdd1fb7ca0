//! The way into a running engine: a place for each target, and the inbox of its host's shard.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use gather_core::{Target, TargetNo};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, mpsc};

use super::fetching::Stopped;
use super::into_target::{IntoTarget, InvalidTarget};
use crate::asker::{Asker, Back};
use crate::pending::Pending;
use crate::shared::Shared;

/// What a call needs of an engine. It does not keep the engine alive.
pub(crate) struct Entrance {
    shared: Arc<Shared>,
    inboxes: Vec<mpsc::WeakSender<Box<Pending>>>,
    places: Arc<Semaphore>,
    places_max: usize,
    asked: AtomicU64,
}

impl Entrance {
    pub(super) fn new(
        shared: Arc<Shared>,
        inboxes: &[mpsc::Sender<Box<Pending>>],
        places_max: usize,
    ) -> Self {
        Self {
            shared,
            inboxes: inboxes.iter().map(mpsc::Sender::downgrade).collect(),
            places: Arc::new(Semaphore::new(places_max)),
            places_max,
            asked: AtomicU64::new(0),
        }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(super) fn inboxes(&self) -> &[mpsc::WeakSender<Box<Pending>>] {
        &self.inboxes
    }

    /// Targets that have a place.
    pub(super) fn outstanding(&self) -> usize {
        self.places_max - self.places.available_permits()
    }

    /// The target that a caller means, numbered `n` or in the order of the calls.
    pub(super) fn read(
        &self,
        target: impl IntoTarget,
        n: Option<TargetNo>,
    ) -> Result<Target, InvalidTarget> {
        let n = n.unwrap_or_else(|| TargetNo(self.asked.fetch_add(1, Ordering::Relaxed)));
        let target = target.into_target(n)?;
        let bytes_max = self.shared.config.caps.url_bytes_max;
        if target.url.as_str().len() > bytes_max as usize {
            return Err(InvalidTarget::too_long(target.url.as_str(), bytes_max));
        }
        Ok(target)
    }

    /// A place, if one is free.
    pub(super) fn try_place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// Sends a target to its shard.
    ///
    /// # Errors
    /// When the engine has stopped; `back` has been told so then.
    pub(super) fn submit(
        &self,
        target: Target,
        back: Back,
        place: OwnedSemaphorePermit,
    ) -> Result<(), Stopped> {
        let shard = self.shared.owners.give_to_owner(&target.host);
        let asker = Asker::new(target.n, back, place);
        let pending = Pending::asked(target, asker);
        let inbox = self.inboxes[shard].upgrade().ok_or(Stopped)?;
        self.shared.count_inputs(1);
        inbox.try_send(pending).map_err(|error| {
            self.shared.count_forgotten();
            match error {
                TrySendError::Closed(_) => Stopped,
                TrySendError::Full(_) => unreachable!("an inbox has room for every place"),
            }
        })
    }
}

/// Waits for a place.
#[derive(Default)]
pub(super) struct PlaceWait(Option<Pin<Box<Acquire>>>);

type Acquire = dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send;

impl PlaceWait {
    pub(super) fn poll(
        &mut self,
        entrance: &Entrance,
        context: &mut Context<'_>,
    ) -> Poll<OwnedSemaphorePermit> {
        if self.0.is_none()
            && let Some(place) = entrance.try_place()
        {
            return Poll::Ready(place);
        }
        let places = &entrance.places;
        let wait = self.0.get_or_insert_with(|| Box::pin(Arc::clone(places).acquire_owned()));
        let place = ready!(wait.as_mut().poll(context));
        self.0 = None;
        Poll::Ready(place.expect("the places are never closed"))
    }
}
