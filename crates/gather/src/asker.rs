//! Who waits for a target: the way back for its record, and the place it takes meanwhile.

use std::sync::Arc;

use gather_core::{Record, TargetNo};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

/// Somebody outside the shards who asked for one target.
///
/// Dropped without an answer, it tells them that none will come.
pub(crate) struct Asker {
    n: TargetNo,
    back: Option<Back>,
    /// Its place among the targets of the engine. Free again before it is answered, so that who
    /// was answered can ask again at once.
    place: Option<OwnedSemaphorePermit>,
}

/// The way back.
pub(crate) enum Back {
    /// To somebody who waits for this target alone.
    One(oneshot::Sender<Record>),
    /// To somebody who waits for any of several; the channel has room for all of them.
    Any(mpsc::Sender<Answer>),
    /// To somebody who never stops waiting: called on the shard's thread, must not block.
    Hook(Arc<Hook>),
}

/// Is told what came of a target: its record, or `None` where the engine stopped before there was
/// one.
pub(crate) type Hook = dyn Fn(TargetNo, Option<Box<Record>>) + Send + Sync;

/// What came of one target of several.
pub(crate) enum Answer {
    Record(Box<Record>),
    /// The engine stopped before there was a record.
    Nothing,
}

impl Asker {
    pub(crate) fn new(n: TargetNo, back: Back, place: OwnedSemaphorePermit) -> Self {
        Self { n, back: Some(back), place: Some(place) }
    }

    /// Sends the record. Whoever asked may have stopped waiting.
    pub(crate) fn answer(mut self, record: Record) {
        self.place.take();
        match self.back.take() {
            Some(Back::One(back)) => drop(back.send(record)),
            Some(Back::Any(back)) => drop(back.try_send(Answer::Record(Box::new(record)))),
            Some(Back::Hook(hook)) => hook(self.n, Some(Box::new(record))),
            None => {}
        }
    }

    /// Whether whoever asked has stopped waiting.
    pub(crate) fn is_gone(&self) -> bool {
        match &self.back {
            Some(Back::One(back)) => back.is_closed(),
            Some(Back::Any(back)) => back.is_closed(),
            Some(Back::Hook(_)) => false,
            None => true,
        }
    }

    /// Resolves once whoever asked has stopped waiting.
    pub(crate) async fn gone(&mut self) {
        match &mut self.back {
            Some(Back::One(back)) => back.closed().await,
            Some(Back::Any(back)) => back.closed().await,
            Some(Back::Hook(_)) => std::future::pending().await,
            None => {}
        }
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        self.place.take();
        match self.back.take() {
            // If they are gone, there is nobody to tell.
            Some(Back::Any(back)) => drop(back.try_send(Answer::Nothing)),
            Some(Back::Hook(hook)) => hook(self.n, None),
            Some(Back::One(_)) | None => {}
        }
    }
}
