//! The one writer: takes finished records in batches, writes them to every sink, commits groups.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gather_core::Record;
use gather_store::{BodyStore, Position, Sink, SinkError, SinkErrorKind};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use crate::account::Account;
use crate::cache;
use crate::journal::{Growing, JournalError, Keeper};
use crate::repeats::Firsts;
use crate::run::RunError;
use crate::shared::Shared;
use crate::source::SourceError;
use crate::stop::Cause;

/// Batches under way to the writer, as many records as may be uncommitted; more make the shards pause.
pub(crate) const BATCHES_MAX: usize = 4;
/// Records in a batch, beyond which a shard sends it at once.
pub(crate) const BATCH_RECORDS: usize = 256;
/// Records between two commits, at most.
const COMMIT_RECORDS: usize = 1_000;
/// The same where a commit waits for the disk, which costs more than to write the records: three
/// batches. Of what may be uncommitted this leaves a quarter to be written meanwhile, and it is
/// reached, whatever a shard still holds back of a batch.
const COMMIT_RECORDS_DURABLY: usize = 700;
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

/// Where batches go, and the threads that take them before the writer does.
pub(crate) type Takers = (mpsc::Sender<Batch>, Vec<JoinHandle<()>>);

/// An open output, and what it is shown.
pub(crate) struct Outlet {
    pub(crate) sink: Box<dyn Sink>,
    pub(crate) view: Option<View>,
}

/// What the writer shares with the rest of the run.
pub(crate) struct Written {
    /// Sums over what was written.
    pub(crate) account: Mutex<Account>,
    /// Records committed, by shard: those targets are settled. The last are those of no shard.
    pub(crate) committed: Vec<AtomicU64>,
}

impl Written {
    /// `account` is that of the records which are there already.
    pub(crate) fn new(shards: usize, account: Account) -> Self {
        Self {
            account: Mutex::new(account),
            committed: (0..=shards).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Records committed, in all.
    pub(crate) fn committed(&self) -> u64 {
        self.committed.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// A copy of the sums so far.
    pub(crate) fn account(&self) -> Account {
        self.account.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

pub(crate) struct Writer {
    pub(crate) outlets: Vec<Outlet>,
    pub(crate) bodies: Option<BodyStore>,
    pub(crate) cache: Option<cache::Keeper>,
    pub(crate) judge: Option<Judge>,
    pub(crate) on_record: Option<OnRecord>,
    pub(crate) written: Arc<Written>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) journal: Option<Kept>,
    /// What makes the inputs grow, if anything does.
    pub(crate) growing: Option<Arc<dyn Growing>>,
    /// What answers repeats, where equal requests are sent once.
    pub(crate) firsts: Option<Firsts>,
}

/// The journal of a run, and a clock to commit by.
pub(crate) struct Kept {
    pub(crate) keeper: Keeper,
    /// Only waits: for a batch, or until a commit is due.
    pub(crate) runtime: Runtime,
}

/// Why records could not be written.
#[derive(Debug)]
pub(crate) enum WriteError {
    Sink(SinkError),
    Journal(JournalError),
    Growing(SourceError),
}

impl From<SourceError> for WriteError {
    fn from(error: SourceError) -> Self {
        Self::Growing(error)
    }
}

impl From<SinkError> for WriteError {
    fn from(error: SinkError) -> Self {
        Self::Sink(error)
    }
}

impl From<JournalError> for WriteError {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

impl From<WriteError> for RunError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Sink(error) => Self::Output(error),
            WriteError::Journal(error) => Self::Journal(error),
            WriteError::Growing(error) => Self::Source(error),
        }
    }
}

/// What the writer does next.
enum Turn {
    Write(Batch),
    Commit,
    Leave,
}

impl Writer {
    /// Writes until every shard has gone, then commits and closes the sinks.
    ///
    /// # Errors
    /// The first fault of the journal, or of a sink that was not closed by its reader. The run is
    /// told to stop, and batches are still taken, so that no shard waits for ever.
    pub(crate) fn run(mut self, mut batches: mpsc::Receiver<Batch>) -> Result<(), WriteError> {
        let outcome = self.write_all(&mut batches);
        if outcome.is_err() {
            self.shared.stop.because(Cause::Fault);
            while batches.blocking_recv().is_some() {}
        }
        let mut closed = outcome;
        let mut positions = Vec::new();
        for outlet in self.outlets.drain(..) {
            let name = outlet.sink.name().into();
            closed = closed.and(match outlet.sink.finish() {
                Ok(position) => {
                    positions.push((name, position));
                    Ok(())
                }
                Err(error) if error.kind != SinkErrorKind::Closed => Err(error.into()),
                Err(_) => Ok(()),
            });
        }
        closed?;
        let grown = self.commit_inputs()?;
        let Some(Kept { mut keeper, .. }) = self.journal else { return Ok(()) };
        positions.extend(grown);
        let account = self.written.account();
        if !self.shared.has_finished() {
            return Ok(keeper.commit(&positions, &account, &self.shared)?);
        }
        keeper.finish(&positions, &account, &self.shared)?;
        if let Some(firsts) = self.firsts {
            firsts.remove();
        }
        Ok(self.growing.map_or(Ok(()), |growing| growing.finish())?)
    }

    fn write_all(&mut self, batches: &mut mpsc::Receiver<Batch>) -> Result<(), WriteError> {
        let mut uncommitted = Uncommitted::new(self.written.committed.len());
        loop {
            match self.next(batches, &uncommitted) {
                Turn::Write(batch) => {
                    uncommitted.add(&batch);
                    self.write(batch)?;
                    let is_wanted = self.shared.wants_commit() && batches.is_empty();
                    if is_wanted || uncommitted.is_due(self.commit_records()) {
                        self.commit(&mut uncommitted)?;
                    }
                }
                Turn::Commit => self.commit(&mut uncommitted)?,
                Turn::Leave => {
                    self.answer_repeats(&mut uncommitted)?;
                    return self.commit(&mut uncommitted);
                }
            }
        }
    }

    /// Every first has its record now: those that waited for one get theirs, unless the run was
    /// stopped and goes on later.
    fn answer_repeats(&mut self, uncommitted: &mut Uncommitted) -> Result<(), WriteError> {
        let stop = self.shared.stop.clone();
        let is_stopped = || !stop.cause().is_none_or(Cause::cancels);
        let Some(mut firsts) = self.firsts.take_if(|_| !is_stopped()) else { return Ok(()) };
        let mut answers = firsts.answers()?;
        self.firsts = Some(firsts);
        while let Some(firsts) = self.firsts.as_mut().filter(|_| !is_stopped()) {
            let records = firsts.some_of(&mut answers)?;
            let count = records.len();
            if count == 0 {
                break;
            }
            // They are of no shard; the place behind those of the shards is theirs.
            let batch = Batch { shard: self.shared.shards(), records };
            uncommitted.add(&batch);
            self.write(batch)?;
            self.firsts.iter().for_each(|firsts| firsts.count_answered(count));
            if uncommitted.is_due(self.commit_records()) {
                self.commit(uncommitted)?;
            }
        }
        Ok(())
    }

    /// Waits for the next batch, but not longer than what was written may wait.
    fn next(&self, batches: &mut mpsc::Receiver<Batch>, uncommitted: &Uncommitted) -> Turn {
        match (batches.try_recv(), &self.journal) {
            (Ok(batch), _) => Turn::Write(batch),
            (Err(_), Some(Kept { runtime, .. })) => {
                runtime.block_on(self.next_or_due(batches, uncommitted))
            }
            // Nothing is under way: what was written may as well be seen now.
            (Err(_), None) if uncommitted.records > 0 => Turn::Commit,
            (Err(_), None) => batches.blocking_recv().map_or(Turn::Leave, Turn::Write),
        }
    }

    /// The next batch, or a commit: since records have waited long enough, or somebody waits for
    /// it; for the clocks of hosts it is made soon.
    async fn next_or_due(
        &self,
        batches: &mut mpsc::Receiver<Batch>,
        uncommitted: &Uncommitted,
    ) -> Turn {
        let mut due = (uncommitted.records > 0).then(|| uncommitted.since + COMMIT_EVERY);
        loop {
            let is_due = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                batch = batches.recv() => return batch.map_or(Turn::Leave, Turn::Write),
                () = self.shared.commit_wanted.notified() => {
                    if self.shared.wants_commit() {
                        return Turn::Commit;
                    }
                    let soon = uncommitted.committed_at + COMMIT_EVERY;
                    due = Some(due.map_or(soon, |due| due.min(soon)));
                }
                () = is_due => return Turn::Commit,
            }
        }
    }

    fn commit_records(&self) -> usize {
        if self.journal.is_some() { COMMIT_RECORDS_DURABLY } else { COMMIT_RECORDS }
    }

    fn write(&mut self, mut batch: Batch) -> Result<(), WriteError> {
        self.archive(&mut batch)?;
        for record in &mut batch.records {
            if let Some(cache) = &mut self.cache {
                cache.load_body(record);
            }
            if let Some(judge) = &mut self.judge {
                judge(record);
            }
            if let Some(Kept { keeper, .. }) = &mut self.journal {
                keeper.wrote(record.n);
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
                        Err(error) if error.kind != SinkErrorKind::Closed => {
                            return Err(error.into());
                        }
                        Ok(()) | Err(_) => {}
                    }
                }
            }
            if let Some(firsts) = &mut self.firsts {
                firsts.keep(record)?;
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

    /// Flushes every sink, and then says so in the journal: never the other way round. A sink that
    /// its reader has closed (`| head`) is no fault: it gets nothing more, and when none is left the
    /// run ends.
    fn commit(&mut self, uncommitted: &mut Uncommitted) -> Result<(), WriteError> {
        let has_records = uncommitted.records > 0;
        let keeper = self.journal.as_ref().map(|kept| &kept.keeper);
        let has_news = keeper.is_some_and(|keeper| has_records || keeper.has_notes(&self.shared));
        // Before the sinks: what a record led to is known to be found when the record is.
        let mut positions = if has_news { self.commit_inputs()? } else { Vec::new() };
        if has_records || self.journal.is_none() {
            positions.extend(self.commit_sinks()?);
        }
        if let Some(Kept { keeper, .. }) = self.journal.as_mut().filter(|_| has_news) {
            keeper.commit(&positions, &self.written.account(), &self.shared)?;
        }
        // Last: a target that is fetched again after a kill must not find its own answer there.
        if let Some(cache) = &mut self.cache {
            cache.commit()?;
        }
        uncommitted.settle(&self.written);
        self.shared.count_committed(self.written.committed());
        Ok(())
    }

    /// What must be known of inputs when a record of one is.
    fn commit_inputs(&mut self) -> Result<Vec<(Box<str>, Position)>, WriteError> {
        let mut positions = match &self.growing {
            Some(growing) => growing.commit()?,
            None => Vec::new(),
        };
        if let Some(firsts) = &mut self.firsts {
            positions.extend(firsts.commit()?);
        }
        Ok(positions)
    }

    fn commit_sinks(&mut self) -> Result<Vec<(Box<str>, Position)>, SinkError> {
        // Bodies first: a record that is committed finds its body.
        if let Some(bodies) = &mut self.bodies {
            bodies.commit()?;
        }
        let before = self.outlets.len();
        let mut positions: Vec<(Box<str>, Position)> = Vec::with_capacity(before);
        for outlet in self.outlets.iter_mut().filter(|outlet| outlet.sink.keeps_bodies()) {
            let position = outlet.sink.commit()?;
            positions.push((outlet.sink.name().into(), position));
        }
        let mut fault = None;
        self.outlets.retain_mut(|outlet| {
            if outlet.sink.keeps_bodies() {
                return true;
            }
            match outlet.sink.commit() {
                Ok(position) => positions.push((outlet.sink.name().into(), position)),
                Err(error) if error.kind == SinkErrorKind::Closed => return false,
                Err(error) => {
                    fault.get_or_insert(error);
                }
            }
            true
        });
        if before > 0 && self.outlets.is_empty() && self.bodies.is_none() {
            self.shared.stop.because(Cause::OutputClosed);
        }
        if let Some(error) = fault {
            return Err(error);
        }
        Ok(positions)
    }
}

/// Records written since the last commit, by shard.
struct Uncommitted {
    by_shard: Vec<u64>,
    records: usize,
    since: Instant,
    committed_at: Instant,
}

impl Uncommitted {
    fn new(shards: usize) -> Self {
        let now = Instant::now();
        Self { by_shard: vec![0; shards], records: 0, since: now, committed_at: now }
    }

    fn add(&mut self, batch: &Batch) {
        if self.records == 0 {
            self.since = Instant::now();
        }
        self.by_shard[batch.shard] += batch.records.len() as u64;
        self.records += batch.records.len();
    }

    fn is_due(&self, records_max: usize) -> bool {
        self.records >= records_max || self.since.elapsed() >= COMMIT_EVERY
    }

    fn settle(&mut self, written: &Written) {
        for (count, committed) in self.by_shard.iter_mut().zip(&written.committed) {
            committed.fetch_add(std::mem::take(count), Ordering::Release);
        }
        self.records = 0;
        self.committed_at = Instant::now();
    }
}
