//! Threads between the shards and the writer, for what would hold up an event loop.
//!
//! Shards hand their batches to these threads instead of to the writer, and they hand them on. Their
//! queue is bounded: while it is full the shards start nothing new, and bodies that wait here count
//! against the run's memory for bodies.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use gather_core::Record;
use gather_fetch::KeepBody;
use tokio::sync::mpsc;

use crate::platform;
use crate::run::RunError;
use crate::stop::{Stop, StopOnPanic};
use crate::writer::{Batch, Takers};

/// Batches waiting for a thread; more make the shards pause.
const BATCHES_MAX: usize = 4;
/// Records a thread takes at once: large pages take it a tenth of a second.
const RECORDS_AT_ONCE: usize = 16;

/// What is done with each record.
pub(crate) trait Work: Send + Sync + 'static {
    /// What a thread has for itself.
    type Own;

    /// That of a thread which begins.
    fn own(&self) -> Self::Own;

    /// Whether the record goes on to the writer.
    fn take(&self, record: &mut Record, own: &mut Self::Own) -> Done;

    /// No more records come.
    fn end(&self) {}
}

/// Whether a record goes on to the writer.
#[derive(PartialEq, Eq)]
pub(crate) enum Done {
    Yes,
    /// It stays to be fetched.
    No,
}

/// Starts a thread for each processor, all of this name. One that panics stops the run.
///
/// # Errors
/// A thread that cannot be started.
pub(crate) fn start<W: Work>(
    name: &str,
    work: W,
    stop: &Stop,
    writer: mpsc::Sender<Batch>,
) -> Result<Takers, RunError> {
    let (batches, received) = mpsc::channel(BATCHES_MAX);
    let shared = Arc::new((work, Mutex::new(Queue::new(received))));
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let threads = (0..processors).map(|_| {
        let (shared, stop, writer) = (Arc::clone(&shared), stop.clone(), writer.clone());
        thread::Builder::new().name(name.into()).spawn(move || {
            let _stop = StopOnPanic(stop);
            let (work, queue) = &*shared;
            turn(work, queue, &writer);
            work.end();
        })
    });
    let threads = threads.collect::<Result<_, _>>().map_err(RunError::Thread)?;
    Ok((batches, threads))
}

/// Works until every shard has gone, or the writer.
fn turn<W: Work>(work: &W, queue: &Mutex<Queue>, writer: &mpsc::Sender<Batch>) {
    platform::come_after_loops();
    let mut own = work.own();
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some(mut batch) = next else { return };
        batch.records.retain_mut(|record| work.take(record, &mut own) == Done::Yes);
        if writer.blocking_send(batch).is_err() {
            return;
        }
    }
}

/// Leaves of a body what others want of it.
pub(crate) fn leave(keep: KeepBody, record: &mut Record) {
    match keep {
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
