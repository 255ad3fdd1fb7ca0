//! Pages read for their links on threads of their own, between the shards and the writer.
//!
//! Shards hand their batches to these threads instead of to the writer, and they hand them on once
//! what the pages lead to is known. Their queue is bounded: while it is full the shards start nothing
//! new, and bodies that wait here count against the run's memory for bodies.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use gather_core::{HostKey, Provenance, Record};
use gather_fetch::{Keep, KeepBody};
use tokio::sync::mpsc;
use url::Url;

use super::begin::Grown;
use super::page::{Judged, Key};
use crate::journal::GrowingThreads;
use crate::run::RunError;
use crate::shared::Shared;
use crate::source::SourceError;
use crate::stop::{Cause, StopOnPanic};
use crate::writer::Batch;

/// Batches waiting for a thread; more make the shards pause.
const BATCHES_MAX: usize = 4;
/// Records a thread takes at once.
const RECORDS_AT_ONCE: usize = 16;

/// What every thread has.
pub(super) struct Readers {
    pub(super) grown: Arc<Grown>,
    /// What of a body is in the record for others, too.
    pub(super) keep: KeepBody,
    pub(super) run: Arc<Shared>,
}

impl Readers {
    /// Has bodies kept; they are dropped again after they were read.
    pub(super) fn new(grown: Arc<Grown>, keep: &mut Keep, run: &Arc<Shared>) -> Self {
        let others = std::mem::replace(&mut keep.body, KeepBody::All);
        Self { grown, keep: others, run: Arc::clone(run) }
    }

    /// Starts a thread for each processor.
    pub(super) fn start(self, writer: mpsc::Sender<Batch>) -> Result<GrowingThreads, RunError> {
        let (batches, received) = mpsc::channel(BATCHES_MAX);
        let queue = Arc::new(Mutex::new(Queue::new(received)));
        let readers = Arc::new(self);
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let threads = (0..processors).map(|_| {
            let (readers, queue) = (Arc::clone(&readers), Arc::clone(&queue));
            let writer = writer.clone();
            let work = move || readers.work(&queue, &writer);
            thread::Builder::new().name("gather-links".into()).spawn(work)
        });
        let threads = threads.collect::<Result<_, _>>().map_err(RunError::Thread)?;
        Ok((batches, threads))
    }

    /// Reads until every shard has gone.
    fn work(&self, queue: &Mutex<Queue>, writer: &mpsc::Sender<Batch>) {
        let _stop = StopOnPanic(self.run.stop.clone());
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(mut batch) = next else { return self.grown.map.close() };
            batch.records.retain_mut(|record| match self.read(record) {
                Ok(()) => true,
                // A page whose links were lost stays to be fetched.
                Err(error) => {
                    self.run.fail_source(error);
                    self.run.stop.because(Cause::Fault);
                    false
                }
            });
            if writer.blocking_send(batch).is_err() {
                return self.grown.map.close();
            }
        }
    }

    fn read(&self, record: &mut Record) -> Result<(), SourceError> {
        let judged = self.judge(record);
        if let Some(canonical) = &judged.canonical {
            let tags = record.tags.get_or_insert_default();
            tags.push(("canonical".into(), canonical.as_str().into()));
        }
        let sitemaps = self.run.take_sitemaps();
        let sitemaps: Vec<_> =
            sitemaps.iter().filter_map(|(host, text)| self.sitemap(host, text)).collect();
        self.grown.map.take_in(record.n, record.body_bytes, judged, &sitemaps)?;
        match self.keep {
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
        Ok(())
    }

    /// A defect in reading one page is no reason to lose the others.
    fn judge(&self, record: &Record) -> Judged {
        let redacted = &self.run.redact_query;
        let judged = catch_unwind(AssertUnwindSafe(|| self.grown.rules.judge(record, redacted)));
        judged.unwrap_or_else(|_| {
            tracing::error!(url = record.url, "a page could not be read: a defect of gather");
            let bare = Record { body: None, ..record.clone() };
            self.grown.rules.judge(&bare, redacted)
        })
    }

    fn sitemap(&self, host: &HostKey, text: &str) -> Option<(Key, Provenance)> {
        let host = Url::parse(&format!("{host}/robots.txt")).ok()?;
        let key = self.grown.rules.sitemap_of_robots(&host, text)?;
        // What a site says of another may not lead into a private network.
        let is_own = Url::parse(key.url()).is_ok_and(|url| url.host_str() == host.host_str());
        Some((key, if is_own { Provenance::Operator } else { Provenance::Public }))
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
