//! A watch that goes on: started, told something new, asked how it is, stopped.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use gather_core::watch::WatchedNo;
use gather_store::history::{History, HistoryError, HistoryReader, OpenIncident, Outbox, RunEnd};

use super::happening::{HAPPENINGS_MAX, Happening};
use super::keeper::{Keeper, Note};
use super::metrics::{Metrics, Probes};
use super::outages::{Before, Outages, Whom, Wrong};
use super::pulse::Pulse;
use super::reload::{Refused, Reloaded};
use super::scheduler::{Parts, Scheduler};
use super::spec::WatchOptions;
use super::whole::LastRun;
use crate::alerts::{DeliverError, Deliverer, DelivererOptions, Planner};
use crate::calendar::Calendar;

/// Why a watch cannot start.
#[derive(Debug)]
#[non_exhaustive]
pub enum WatchError {
    /// Its history cannot be opened or read.
    History(HistoryError),
    /// Notices cannot be delivered.
    Notices(DeliverError),
    /// A thread cannot be started.
    Thread(std::io::Error),
    /// Its jobs cannot be.
    Refused(Refused),
}

impl fmt::Display for WatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::History(error) => error.fmt(f),
            Self::Notices(error) => error.fmt(f),
            Self::Thread(error) => write!(f, "cannot start a thread: {error}"),
            Self::Refused(refused) => refused.fmt(f),
        }
    }
}

impl std::error::Error for WatchError {}

impl From<HistoryError> for WatchError {
    fn from(error: HistoryError) -> Self {
        Self::History(error)
    }
}

/// Jobs on their schedules, until it is stopped.
pub struct Watch {
    to: SyncSender<Happening>,
    thread: Option<JoinHandle<()>>,
    deliverer: Deliverer,
    metrics: Arc<Metrics>,
    pulse: Arc<Pulse>,
}

impl Watch {
    /// Opens the history, goes on with what it knows, and begins to watch. `note` is told what the
    /// operator should know, from any thread.
    ///
    /// # Errors
    /// When the history cannot be opened, another watch has it open, or a thread cannot be started.
    pub fn start(
        options: WatchOptions,
        note: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<Self, WatchError> {
        let note: Note = Arc::new(note);
        let clock = Calendar::read();
        let now = clock.now();
        let mut history = History::open(&options.place, now)?;
        history.keep(options.kept);
        let before = before(&mut history, &options)?;
        let gate = history.evidence_gate()?;
        let last_runs = last_runs(&options, &mut history)?;
        let pulse = Arc::new(Pulse::new());
        let deliverer = deliverer(&options, &pulse)?;
        let (to, happenings) = sync_channel(HAPPENINGS_MAX);
        let outbox = Outbox::open(&options.place)?;
        let way = (to.clone(), Arc::clone(&pulse));
        let keeper = Keeper::start(history, outbox, clock, Arc::clone(&note), way);
        let keeper = keeper.map_err(WatchError::Thread)?;
        let probes = Probes::default();
        let metrics = Metrics::new(deliverer.metrics(), keeper.told(), probes.seen());
        let metrics = Arc::new(metrics);
        let planner =
            Planner::new(options.routes_by_job(), options.routes.clone(), &options.channels);
        let asked = Outbox::open(&options.place)?;
        let mut outages = Outages::new(before.known, planner, asked, options.page.clone());
        let known = known(&before.incidents, &options)?;
        outages.go_on(before.incidents, known, now);
        let parts = Parts {
            clock,
            keeper,
            metrics: Arc::clone(&metrics),
            probes,
            pulse: Arc::clone(&pulse),
            outages,
            gate,
            to_self: to.clone(),
            note,
        };
        let mut scheduler = Scheduler::new(parts);
        scheduler.reload(options, now).map_err(WatchError::Refused)?;
        scheduler.go_on_with(&last_runs, now);
        let run = move || scheduler.run(&happenings);
        let thread = std::thread::Builder::new().name("watch".to_owned()).spawn(run);
        let thread = Some(thread.map_err(WatchError::Thread)?);
        Ok(Self { to, thread, deliverer, metrics, pulse })
    }

    /// Takes over another configuration as a difference.
    ///
    /// # Errors
    /// When it cannot be; what was in force stays so.
    pub fn reload(&self, options: WatchOptions) -> Result<Reloaded, Refused> {
        // Before anything changes: channels must be there before anybody is told by them.
        super::reload::check(&options)?;
        self.deliverer
            .set_channels(options.channels.clone())
            .map_err(|error| Refused(error.to_string()))?;
        let (answer, answered) = sync_channel(1);
        let ended = || Refused("the watch has ended".to_owned());
        let reload = Happening::Reload { options: Box::new(options), answer };
        self.to.send(reload).map_err(|_| ended())?;
        answered.recv().map_err(|_| ended())?
    }

    /// Counters and gauges.
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// Says whether all is well: the scheduler turns and the history is written. The error says what
    /// is not.
    pub fn health(&self) -> impl Fn() -> Result<(), String> + Send + Sync + 'static {
        let pulse = Arc::clone(&self.pulse);
        move || pulse.is_well()
    }

    /// Says whether the scheduler turns: where it does not, only a new start helps.
    pub fn turns(&self) -> impl Fn() -> Result<(), String> + Send + Sync + 'static {
        let pulse = Arc::clone(&self.pulse);
        move || pulse.turns()
    }

    /// Begins no further check, waits for those under way for at most 10 s, and writes what came of
    /// them.
    pub fn stop(mut self) {
        // One that has ended needs no word.
        let _ = self.to.send(Happening::Stop);
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

fn deliverer(options: &WatchOptions, pulse: &Arc<Pulse>) -> Result<Deliverer, WatchError> {
    let pulse = Arc::clone(pulse);
    let options = DelivererOptions {
        place: options.place.clone(),
        channels: options.channels.clone(),
        net: options.net.clone(),
        health: Arc::new(move || pulse.is_well()),
    };
    Deliverer::start(options).map_err(WatchError::Notices)
}

struct Earlier {
    known: Before,
    incidents: Vec<gather_store::history::OpenIncident>,
}

fn before(history: &mut History, options: &WatchOptions) -> Result<Earlier, WatchError> {
    let accounted = history.accounted_until()?;
    let last_slots = match accounted {
        Some(accounted) => history.last_slots(accounted)?,
        None => Vec::new(),
    };
    let now = Calendar::read().now();
    let silences = Outbox::open(&options.place)?.silences(now)?;
    let known = Before {
        states: history.states()?,
        last_slots,
        accounted,
        last_incident: history.last_incident()?,
        silences,
    };
    Ok(Earlier { known, incidents: history.open_incidents()? })
}

/// Targets of one incident that are looked up: enough to tell what it is about.
const LOOKED_UP_MAX: usize = 100;

/// Who the targets of these incidents are.
fn known(
    incidents: &[OpenIncident],
    options: &WatchOptions,
) -> Result<HashMap<WatchedNo, (Whom, Wrong)>, WatchError> {
    let mut reader = HistoryReader::open(&options.place)?;
    let mut known = HashMap::new();
    for (target, _) in incidents.iter().flat_map(|open| open.members.iter().take(LOOKED_UP_MAX)) {
        let Some(detail) = reader.target(*target)? else { continue };
        let brief = detail.brief;
        let wrong = Wrong {
            reason: brief.reason.unwrap_or_default(),
            kind: brief.kind,
            status_code: brief.status_code,
        };
        let whom = Whom {
            job: brief.job,
            name: brief.name,
            url: brief.url,
            group: brief.group,
            tags: brief.tags,
        };
        known.insert(*target, (whom, wrong));
    }
    Ok(known)
}

/// The last run of each job that runs as a whole.
fn last_runs(options: &WatchOptions, history: &mut History) -> Result<Vec<LastRun>, WatchError> {
    let mut reader = HistoryReader::open(&options.place)?;
    let mut last_runs = Vec::new();
    for job in &options.jobs {
        let Some(run) = reader.runs(&job.name, None, 1)?.into_iter().next() else { continue };
        last_runs.push(LastRun {
            job: Arc::clone(&job.name),
            due: run.due,
            is_whole: !matches!(run.end, RunEnd::Running | RunEnd::Stopped),
            targets: history.targets_of(&job.name)?,
        });
    }
    Ok(last_runs)
}
