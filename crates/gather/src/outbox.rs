//! Finished records on their way from a shard to the writer, in batches.

use std::cell::{Cell, RefCell};

use gather_core::Record;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::writer::{BATCH_RECORDS, Batch};

/// A shard's end of the way to the writer. While the writer is behind, the shard takes no new
/// lease, so what waits here is at most what was in flight.
pub(crate) struct Outbox {
    shard: usize,
    waiting: RefCell<Vec<Record>>,
    writer: mpsc::Sender<Batch>,
    behind: Cell<bool>,
}

impl Outbox {
    pub(crate) fn new(shard: usize, writer: mpsc::Sender<Batch>) -> Self {
        Self { shard, waiting: RefCell::default(), writer, behind: Cell::new(false) }
    }

    /// Adds a record; sends the batch if it is full.
    // Inlined, a record is moved once.
    #[inline]
    pub(crate) fn push(&self, record: Record) {
        let mut waiting = self.waiting.borrow_mut();
        waiting.push(record);
        let full = waiting.len() >= BATCH_RECORDS;
        drop(waiting);
        if full {
            self.flush();
        }
    }

    /// Sends what there is, unless the writer is behind.
    pub(crate) fn flush(&self) {
        if self.waiting.borrow().is_empty() {
            return;
        }
        match self.writer.try_reserve() {
            Ok(permit) => permit.send(self.batch()),
            Err(TrySendError::Full(())) => self.behind.set(true),
            // The writer outlives the shards; if it is gone the run is over.
            Err(TrySendError::Closed(())) => self.waiting.borrow_mut().clear(),
        }
    }

    fn batch(&self) -> Batch {
        let next = Vec::with_capacity(BATCH_RECORDS);
        self.behind.set(false);
        Batch { shard: self.shard, records: self.waiting.replace(next) }
    }

    /// Whether the writer is behind, so that nothing new may be started.
    pub(crate) fn is_behind(&self) -> bool {
        self.behind.get()
    }

    /// Waits for the writer, and sends what there is.
    pub(crate) async fn send(&self) {
        match self.writer.reserve().await {
            Ok(permit) => permit.send(self.batch()),
            Err(_) => {
                self.waiting.borrow_mut().clear();
                self.behind.set(false);
            }
        }
    }

    /// Whether everything is on its way.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.borrow().is_empty()
    }
}
