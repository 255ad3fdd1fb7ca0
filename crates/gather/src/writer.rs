//! The one writer: takes finished records in batches, writes them to every sink, commits groups.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gather_core::Record;
use gather_store::{BodyStore, Sink, SinkError, SinkErrorKind};
use tokio::sync::mpsc;

use crate::account::Account;
use crate::cache::Keeper;
use crate::stop::{Cause, Stop};

/// Batches under way to the writer; more make the shards pause.
pub(crate) const BATCHES_MAX: usize = 8;
/// Records in a batch, beyond which a shard sends it at once.
pub(crate) const BATCH_RECORDS: usize = 256;
/// Records between two commits, at most.
const COMMIT_RECORDS: usize = 1_000;
/// Time between two commits, at most, while records keep coming.
const COMMIT_EVERY: Duration = Duration::from_millis(250);

/// Decides whether a sink is shown a record.
pub type View = Box<dyn Fn(&Record) -> bool + Send>;
/// Completes each record before it is written.
pub type Judge = Box<dyn FnMut(&mut Record) + Send>;
/// Is shown every record as it is written.
pub type OnRecord = Box<dyn FnMut(&Record) + Send>;

/// Finished records of one shard, in the order in which they ended.
pub(crate) struct Batch {
    pub(crate) shard: usize,
    pub(crate) records: Vec<Record>,
}

/// An open output, and what it is shown.
pub(crate) struct Outlet {
    pub(crate) sink: Box<dyn Sink>,
    pub(crate) view: Option<View>,
}

/// What the writer shares with the rest of the run.
pub(crate) struct Written {
    /// Sums over what was written.
    pub(crate) account: Mutex<Account>,
    /// Records committed, by shard: those targets are settled.
    pub(crate) committed: Vec<AtomicU64>,
}

impl Written {
    pub(crate) fn new(shards: usize) -> Self {
        Self {
            account: Mutex::new(Account::new()),
            committed: (0..shards).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// A copy of the sums so far.
    pub(crate) fn account(&self) -> Account {
        self.account.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

pub(crate) struct Writer {
    pub(crate) outlets: Vec<Outlet>,
    pub(crate) bodies: Option<BodyStore>,
    pub(crate) cache: Option<Keeper>,
    pub(crate) judge: Option<Judge>,
    pub(crate) on_record: Option<OnRecord>,
    pub(crate) written: Arc<Written>,
    pub(crate) stop: Stop,
}

impl Writer {
    /// Writes until every shard has gone, then commits and closes the sinks.
    ///
    /// # Errors
    /// The first fault of a sink that was not closed by its reader. The run is told to stop, and
    /// batches are still taken, so that no shard waits for ever.
    pub(crate) fn run(mut self, mut batches: mpsc::Receiver<Batch>) -> Result<(), SinkError> {
        let outcome = self.write_all(&mut batches);
        if outcome.is_err() {
            self.stop.because(Cause::Fault);
            while batches.blocking_recv().is_some() {}
        }
        let mut closed = outcome;
        for outlet in self.outlets.drain(..) {
            closed = closed.and(match outlet.sink.finish() {
                Err(error) if error.kind != SinkErrorKind::Closed => Err(error),
                Ok(_) | Err(_) => Ok(()),
            });
        }
        closed
    }

    fn write_all(&mut self, batches: &mut mpsc::Receiver<Batch>) -> Result<(), SinkError> {
        let mut uncommitted = Uncommitted::new(self.written.committed.len());
        loop {
            let batch = match batches.try_recv() {
                Ok(batch) => batch,
                Err(_) => {
                    // Nothing is under way: what was written may as well be seen now.
                    self.commit(&mut uncommitted)?;
                    match batches.blocking_recv() {
                        Some(batch) => batch,
                        None => return self.commit(&mut uncommitted),
                    }
                }
            };
            uncommitted.add(&batch);
            self.write(batch)?;
            if uncommitted.is_due() {
                self.commit(&mut uncommitted)?;
            }
        }
    }

    fn write(&mut self, mut batch: Batch) -> Result<(), SinkError> {
        self.archive(&mut batch)?;
        for record in &mut batch.records {
            if let Some(cache) = &mut self.cache {
                cache.load_body(record);
            }
            if let Some(judge) = &mut self.judge {
                judge(record);
            }
            self.store_body(record)?;
            match &mut self.cache {
                Some(cache) => cache.keep(record),
                None => record.ticket = None,
            }
            let others = self.outlets.iter_mut().filter(|outlet| !outlet.sink.keeps_bodies());
            for outlet in others {
                if outlet.view.as_ref().is_none_or(|shows| shows(record)) {
                    // One that its reader has closed is found out by the next commit.
                    match outlet.sink.write(record) {
                        Err(error) if error.kind != SinkErrorKind::Closed => return Err(error),
                        Ok(()) | Err(_) => {}
                    }
                }
            }
            // Whoever keeps a copy of the body keeps it on his own account.
            let hold = record.hold.take();
            if let Some(show) = &mut self.on_record {
                show(record);
            }
            drop(hold);
        }
        let mut account = self.written.account.lock().unwrap_or_else(PoisonError::into_inner);
        batch.records.iter().for_each(|record| account.add(record));
        Ok(())
    }

    /// Writes the batch to the outputs that keep bodies, and hands it over: before the records
    /// that point into them are written anywhere.
    fn archive(&mut self, batch: &mut Batch) -> Result<(), SinkError> {
        for outlet in self.outlets.iter_mut().filter(|outlet| outlet.sink.keeps_bodies()) {
            for record in &mut batch.records {
                outlet.sink.write(record)?;
                // A stored answer that nothing passed for stays where it is.
                if let Some(archived) = outlet.sink.archived() {
                    record.archived = Some(Box::new(archived));
                }
            }
            outlet.sink.flush()?;
        }
        batch.records.iter_mut().for_each(|record| record.exchanges = Vec::new());
        Ok(())
    }

    fn store_body(&mut self, record: &mut Record) -> Result<(), SinkError> {
        let (Some(bodies), Some(body)) = (&mut self.bodies, &record.body) else { return Ok(()) };
        let stored = bodies.store(body, record.content_type.as_deref())?;
        record.sha256 = Some(stored.sha256);
        record.body_path = Some(stored.path.to_string_lossy().into());
        Ok(())
    }

    /// Flushes every sink. One that its reader has closed (`| head`) is no fault: it gets nothing
    /// more, and when none is left the run ends.
    fn commit(&mut self, uncommitted: &mut Uncommitted) -> Result<(), SinkError> {
        // Bodies first: a record that is committed finds its body.
        if let Some(bodies) = &mut self.bodies {
            bodies.commit()?;
        }
        for outlet in self.outlets.iter_mut().filter(|outlet| outlet.sink.keeps_bodies()) {
            outlet.sink.commit()?;
        }
        let mut fault = None;
        let before = self.outlets.len();
        self.outlets.retain_mut(|outlet| match outlet.sink.commit() {
            _ if outlet.sink.keeps_bodies() => true,
            Ok(_) => true,
            Err(error) if error.kind == SinkErrorKind::Closed => false,
            Err(error) => {
                fault.get_or_insert(error);
                true
            }
        });
        if before > 0 && self.outlets.is_empty() && self.bodies.is_none() {
            self.stop.because(Cause::OutputClosed);
        }
        match fault {
            Some(error) => Err(error),
            None => {
                if let Some(cache) = &mut self.cache {
                    cache.commit()?;
                }
                uncommitted.settle(&self.written);
                Ok(())
            }
        }
    }
}

/// Records written since the last commit, by shard.
struct Uncommitted {
    by_shard: Vec<u64>,
    records: usize,
    since: Instant,
}

impl Uncommitted {
    fn new(shards: usize) -> Self {
        Self { by_shard: vec![0; shards], records: 0, since: Instant::now() }
    }

    fn add(&mut self, batch: &Batch) {
        if self.records == 0 {
            self.since = Instant::now();
        }
        self.by_shard[batch.shard] += batch.records.len() as u64;
        self.records += batch.records.len();
    }

    fn is_due(&self) -> bool {
        self.records >= COMMIT_RECORDS || self.since.elapsed() >= COMMIT_EVERY
    }

    fn settle(&mut self, written: &Written) {
        for (count, committed) in self.by_shard.iter_mut().zip(&written.committed) {
            committed.fetch_add(std::mem::take(count), Ordering::Release);
        }
        self.records = 0;
    }
}
