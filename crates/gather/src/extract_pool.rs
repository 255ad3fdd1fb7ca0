//! Extraction on threads of its own, between the shards and the writer.
//!
//! Shards hand their batches to this pool instead of to the writer, and the pool hands them on with
//! what its rules found. Its queue is bounded: while it is full the shards start nothing new, and
//! bodies that wait here count against the run's memory for bodies.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use gather_core::{ErrorKind, Failure, Outcome, Record, RecordError};
use gather_extract::{Extraction, Limits, Page, Rules, Stopped, Work};
use gather_fetch::{Keep, KeepBody, KeepHeaders};
use tokio::sync::mpsc;
use url::Url;

use crate::platform;
use crate::run::RunError;
use crate::shared::Shared;
use crate::stop::{Cause, StopOnPanic};
use crate::writer::Batch;

/// Batches waiting for a thread; more make the shards pause.
const BATCHES_MAX: usize = 4;
/// Records a thread takes at once: large pages take it a tenth of a second.
const RECORDS_AT_ONCE: usize = 16;
/// The longest that one page may take, whatever its steps. The usual page takes a millisecond.
const PAGE_TIME_MAX: Duration = Duration::from_secs(10);

/// What a run's records are searched for.
pub(crate) struct Extractor {
    rules: Arc<Rules>,
    limits: Limits,
    /// Whether body and headers are in the record for others, too.
    keep: Keep,
    run: Arc<Shared>,
}

impl Extractor {
    /// Has everything kept of responses that the rules need; it is dropped again after them.
    pub(crate) fn new(rules: Arc<Rules>, keep: &mut Keep, run: &Arc<Shared>) -> Self {
        let others = *keep;
        keep.body = KeepBody::All;
        if rules.needs_headers() {
            keep.headers = KeepHeaders::All;
        }
        Self { rules, limits: Limits::default(), keep: others, run: Arc::clone(run) }
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
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(mut batch) = next else { return };
            // Who stops at once wants no more of it: what is not extracted stays to be done.
            batch.records.retain_mut(|record| self.extract(record) == Done::Yes);
            if writer.blocking_send(batch).is_err() {
                return;
            }
        }
    }

    fn extract(&self, record: &mut Record) -> Done {
        let is_meant = record.outcome == Outcome::Ok && (200..300).contains(&record.status_code);
        if is_meant {
            // A defect in reading one page is no reason to lose the others.
            match catch_unwind(AssertUnwindSafe(|| self.search(record))) {
                Ok(Ok(found)) => self.take(record, found),
                Ok(Err(Stopped::Time)) if self.must_end() => return Done::No,
                Ok(Err(stopped)) => self.fail(record, stopped.to_string()),
                Err(_) => {
                    let message = "extraction failed by a defect of gather, please report it";
                    self.fail(record, message.to_owned());
                }
            }
        }
        match self.keep.body {
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
        if self.keep.headers == KeepHeaders::No {
            record.headers = None;
        }
        Done::Yes
    }

    fn search(&self, record: &Record) -> Result<Extraction, Stopped> {
        let url = Url::parse(record.final_url.as_deref().unwrap_or(&record.url)).ok();
        let page = Page {
            body: record.body.as_deref().unwrap_or_default(),
            content_type: record.content_type.as_deref(),
            final_url: url.as_ref(),
            headers: record.headers.as_deref().map_or(&[], Vec::as_slice),
        };
        let until = Instant::now() + PAGE_TIME_MAX;
        let is_over = || Instant::now() >= until || self.must_end();
        self.rules.extract(&page, &self.limits, &Work::new(self.limits.steps_max, &is_over))
    }

    /// Whether the run ends now, without waiting for what is under way.
    fn must_end(&self) -> bool {
        matches!(self.run.stop.cause(), Some(Cause::Now | Cause::Fault))
    }

    fn take(&self, record: &mut Record, found: Extraction) {
        let Extraction { fields, rows, missing } = found;
        if !fields.is_empty() {
            record.fields = Some(Box::new(fields));
        }
        match missing.split_first() {
            None => record.rows = rows,
            Some((first, others)) => {
                let more = match others.len() {
                    0 => String::new(),
                    count => format!(", and {count} more"),
                };
                self.fail(record, format!("{first}{more}"));
            }
        }
    }

    fn fail(&self, record: &mut Record, message: String) {
        let failure = Failure::new(ErrorKind::ExtractFailed, message);
        record.outcome = Outcome::Failed(RecordError::new(failure, false));
        self.run.count_failed_late();
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
