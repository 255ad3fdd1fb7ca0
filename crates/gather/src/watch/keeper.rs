//! The thread that writes the history: a slow disk delays rows, and never a check.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gather_core::Time;
use gather_store::history::{Batch, History, HistoryError, Outbox, Silence};
use prometheus_client::metrics::counter::Counter;

use super::happening::Happening;
use super::metrics::Histogram;
use super::pulse::Pulse;
use crate::calendar::Calendar;

/// Between two commits.
pub(crate) const COMMIT_EVERY: Duration = Duration::from_secs(1);
/// Batches under way to the history.
const BATCHES_MAX: usize = 2;
/// What upkeep may take of a second.
const UPKEEP_BUDGET: Duration = Duration::from_millis(50);
/// After a batch that could not be written.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// What is asked of the thread.
enum Order {
    Write(Box<Batch>),
    /// Writes it, and ends: who asks later is told that the thread has ended.
    Last(Box<Batch>),
    /// Something else that only the writer may do.
    Do(Box<dyn FnOnce(&mut History) + Send>),
}

/// The way to the history's thread.
pub(crate) struct Keeper {
    orders: Option<SyncSender<Order>>,
    thread: Option<JoinHandle<()>>,
    told: Arc<Counts>,
}

/// What the thread tells of itself.
#[derive(Default)]
pub(crate) struct Counts {
    /// Batches that could not be written at the first try.
    pub(crate) failures: Counter,
    /// Whether the watch ends: what cannot be written is given up.
    ends: AtomicBool,
    /// How long each try to write a batch took.
    pub(crate) write: Histogram,
}

/// Says what the operator should know.
pub(crate) type Note = Arc<dyn Fn(&str) + Send + Sync>;

impl Keeper {
    /// Takes the history to a thread of its own, which tells the scheduler of silences and gives signs
    /// of life.
    pub(crate) fn start(
        history: History,
        outbox: Outbox,
        clock: Calendar,
        note: Note,
        (to, pulse): (SyncSender<Happening>, Arc<Pulse>),
    ) -> std::io::Result<Self> {
        let (orders, received) = sync_channel(BATCHES_MAX);
        let told = Arc::new(Counts::default());
        let telling = Arc::clone(&told);
        let silences = Silences { outbox, to, known: Vec::new() };
        let telling = Telling { counts: telling, pulse, note };
        let run = move || keep(history, silences, &received, clock, &telling);
        let thread = std::thread::Builder::new().name("history".to_owned()).spawn(run)?;
        Ok(Self { orders: Some(orders), thread: Some(thread), told })
    }

    /// Hands a batch over, if the thread has room for it; else it comes back to be added to.
    pub(crate) fn offer(&self, batch: Box<Batch>) -> Result<(), Box<Batch>> {
        let Some(orders) = &self.orders else { return Err(batch) };
        match orders.try_send(Order::Write(batch)) {
            Ok(()) => Ok(()),
            Err(
                TrySendError::Full(Order::Write(batch))
                | TrySendError::Disconnected(Order::Write(batch)),
            ) => Err(batch),
            Err(_) => unreachable!("what comes back is what was sent"),
        }
    }

    /// A way to ask for what only the writer may do, from any thread.
    pub(crate) fn asker(&self) -> Asker {
        Asker(self.orders.clone())
    }

    /// What the thread tells of itself.
    pub(crate) fn told(&self) -> &Arc<Counts> {
        &self.told
    }

    /// Writes the last batch, and waits for the thread's end.
    pub(crate) fn finish(mut self, last: Box<Batch>) {
        self.told.ends.store(true, Ordering::Relaxed);
        if let Some(orders) = self.orders.take() {
            // A thread that is gone has said why.
            let _ = orders.send(Order::Last(last));
        }
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

/// Asks for what only the writer of the history may do.
#[derive(Clone)]
pub(crate) struct Asker(Option<SyncSender<Order>>);

impl Asker {
    /// Waits until it is done, after all batches before it; `None` if the thread has ended.
    pub(crate) fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut History) -> T + Send + 'static,
    ) -> Option<T> {
        let (answer, answered) = sync_channel(1);
        let order = Order::Do(Box::new(move |history| {
            // Whoever asked waits.
            let _ = answer.send(question(history));
        }));
        self.0.as_ref()?.send(order).ok()?;
        answered.recv().ok()
    }
}

/// Where the thread tells how it is.
struct Telling {
    counts: Arc<Counts>,
    pulse: Arc<Pulse>,
    note: Note,
}

/// Looks whether somebody silenced something meanwhile.
struct Silences {
    outbox: Outbox,
    to: SyncSender<Happening>,
    known: Vec<Silence>,
}

impl Silences {
    fn look(&mut self, clock: Calendar) -> Result<(), HistoryError> {
        let found = self.outbox.silences(clock.now())?;
        if found != self.known {
            self.known.clone_from(&found);
            // A full scheduler is told the next time; one that has ended needs no word.
            if self.to.try_send(Happening::Silences(found)).is_err() {
                self.known.clear();
            }
        }
        Ok(())
    }
}

fn keep(
    mut history: History,
    mut silences: Silences,
    orders: &Receiver<Order>,
    clock: Calendar,
    telling: &Telling,
) {
    let note = &telling.note;
    loop {
        match orders.recv_timeout(COMMIT_EVERY) {
            Ok(Order::Write(batch)) => write(&mut history, &batch, telling),
            Ok(Order::Last(batch)) => return write(&mut history, &batch, telling),
            Ok(Order::Do(what)) => what(&mut history),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if let Err(error) = history.upkeep(clock.now(), UPKEEP_BUDGET) {
            note(&format!("the history could not be tidied: {error}"));
        }
        if let Err(error) = silences.look(clock) {
            note(&format!("silences could not be read: {error}"));
        }
    }
}

/// Writes a batch, again and again until it is written: nothing of it may be lost, and checks go
/// on meanwhile.
fn write(history: &mut History, batch: &Batch, telling: &Telling) {
    let Telling { counts: told, pulse, note } = telling;
    let mut last: Option<HistoryError> = None;
    loop {
        let began = Instant::now();
        let written = history.write(batch);
        told.write.add(began.elapsed());
        let Err(error) = written else {
            pulse.written();
            if last.is_some() {
                note("the history is written again");
            }
            return;
        };
        told.failures.inc();
        if last.is_none() {
            note(&format!("the history cannot be written, and is tried again: {error}"));
        }
        if told.ends.load(Ordering::Relaxed) {
            note("the history was not written to its end");
            return;
        }
        last = Some(error);
        wait();
    }
}

/// Waits a moment.
#[expect(clippy::disallowed_methods, reason = "a thread of its own, which has nothing else to do")]
fn wait() {
    std::thread::sleep(RETRY_AFTER);
}

/// A batch is empty only before its first second.
pub(crate) fn empty(at: Time) -> Box<Batch> {
    Box::new(Batch { accounted_until: at, at, ..Batch::default() })
}
