//! Extraction on threads of its own, between the shards and the writer.
//!
//! Shards hand their batches to this pool instead of to the writer, and the pool hands them on with
//! what its rules found. Its queue is bounded: while it is full the shards start nothing new, and
//! bodies that wait here count against the run's memory for bodies.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use gather_core::{Outcome, Record};
use gather_extract::Rules;
use gather_fetch::{Keep, KeepBody, KeepHeaders};
use tokio::sync::mpsc;

use crate::cache;
use crate::extracted::{self, Applied, PageRules};
use crate::platform;
use crate::run::RunError;
use crate::shared::Shared;
use crate::stop::{Cause, StopOnPanic};
use crate::stored::StoredBodies;
use crate::writer::Batch;

/// Batches waiting for a thread; more make the shards pause.
const BATCHES_MAX: usize = 4;
/// Records a thread takes at once: large pages take it a tenth of a second.
const RECORDS_AT_ONCE: usize = 16;

/// What a run's records are searched for.
pub(crate) struct Extractor {
    rules: PageRules,
    /// What others want of responses; the rest is dropped again.
    others: Keep,
    /// Of a body that was stored earlier.
    body_bytes_max: u64,
    run: Arc<Shared>,
}

/// Has kept of responses what the rules need.
pub(crate) fn keep(rules: &Rules, keep: &mut Keep) {
    keep.body = KeepBody::All;
    if rules.needs_headers() {
        keep.headers = KeepHeaders::All;
    }
}

impl Extractor {
    /// What `others` do not want of responses is dropped after the rules.
    pub(crate) fn new(
        rules: Arc<Rules>,
        others: Keep,
        body_bytes_max: u64,
        run: &Arc<Shared>,
    ) -> Self {
        run.extracts.store(true, Ordering::Relaxed);
        Self { rules: PageRules::new(rules), others, body_bytes_max, run: Arc::clone(run) }
    }

    /// Starts a thread for each processor: where shards send their batches now, and the threads.
    ///
    /// # Errors
    /// A thread that cannot be started.
    pub(crate) fn start(
        self,
        writer: mpsc::Sender<Batch>,
    ) -> Result<(mpsc::Sender<Batch>, Vec<JoinHandle<()>>), RunError> {
        let (batches, received) = mpsc::channel(BATCHES_MAX);
        let queue = Arc::new(Mutex::new(Queue::new(received)));
        let extractor = Arc::new(self);
        let processors = thread::available_parallelism().map_or(1, |count| count.get());
        let threads = (0..processors).map(|_| {
            let (extractor, queue, writer) =
                (Arc::clone(&extractor), Arc::clone(&queue), writer.clone());
            let work = move || extractor.work(&queue, &writer);
            thread::Builder::new().name("gather-extract".into()).spawn(work)
        });
        let threads = threads.collect::<Result<_, _>>().map_err(RunError::Thread)?;
        Ok((batches, threads))
    }

    /// Extracts until every shard has gone.
    fn work(&self, queue: &Mutex<Queue>, writer: &mpsc::Sender<Batch>) {
        let _stop = StopOnPanic(self.run.stop.clone());
        platform::come_after_loops();
        let mut bodies = StoredBodies::new(self.body_bytes_max);
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(mut batch) = next else { return };
            // Who stops at once wants no more of it: what is not extracted stays to be done.
            batch.records.retain_mut(|record| self.extract(record, &mut bodies) == Done::Yes);
            if writer.blocking_send(batch).is_err() {
                return;
            }
        }
    }

    fn extract(&self, record: &mut Record, bodies: &mut StoredBodies) -> Done {
        match self.apply(record, bodies) {
            Some(Applied::BrokenOff) => return Done::No,
            Some(Applied::Failed) => self.run.count_failed_late(),
            Some(Applied::Found) | None => {}
        }
        match self.others.body {
            KeepBody::All => {}
            KeepBody::No => (record.body, record.hold) = (None, None),
            KeepBody::UpTo(most) => {
                let most = usize::try_from(most).unwrap_or(usize::MAX);
                if let Some(body) = record.body.as_mut().filter(|body| body.len() > most) {
                    body.truncate(most);
                    record.truncated = true;
                }
            }
        }
        if self.others.headers == KeepHeaders::No {
            record.headers = None;
        }
        Done::Yes
    }

    /// `None` where the rules are not meant for it.
    fn apply(&self, record: &mut Record, bodies: &mut StoredBodies) -> Option<Applied> {
        let is_reused = cache::is_reused(record);
        if !(extracted::is_page(record) || is_reused && record.outcome == Outcome::Ok) {
            return None;
        }
        // A 304 has a body of its own, which is empty.
        if is_reused {
            let stored = record.ticket.as_ref().and_then(|ticket| ticket.stored.as_ref());
            let Some(body) = stored.and_then(|stored| cache::read(bodies, stored)) else {
                let message = "its stored body is gone; the next run fetches it anew";
                return Some(extracted::fail(record, message.to_owned()));
            };
            record.body = Some(body);
        }
        let must_end = || matches!(self.run.stop.cause(), Some(Cause::Now | Cause::Fault));
        Some(self.rules.apply(record, &must_end))
    }
}

/// Whether a record goes on to the writer.
#[derive(PartialEq, Eq)]
enum Done {
    Yes,
    No,
}

/// Records waiting for a thread.
struct Queue {
    batches: mpsc::Receiver<Batch>,
    /// What is left of the batch that was received last, and its shard.
    waiting: VecDeque<Record>,
    shard: usize,
}

impl Queue {
    fn new(batches: mpsc::Receiver<Batch>) -> Self {
        Self { batches, waiting: VecDeque::new(), shard: 0 }
    }

    /// The next few records; `None` once every shard has gone. Whoever waits here holds the others
    /// up, for whom there is nothing either.
    fn next(&mut self) -> Option<Batch> {
        if self.waiting.is_empty() {
            let batch = self.batches.blocking_recv()?;
            (self.shard, self.waiting) = (batch.shard, batch.records.into());
        }
        let count = self.waiting.len().min(RECORDS_AT_ONCE);
        Some(Batch { shard: self.shard, records: self.waiting.drain(..count).collect() })
    }
}
