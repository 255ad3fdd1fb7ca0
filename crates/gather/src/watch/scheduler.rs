//! The thread that decides: begins what is due, takes in what came of it, hands both to the history.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use gather_core::watch::{Agenda, MissedCause, Start, WatchedNo};
use gather_core::{HostKey, Time};
use gather_store::history::{Batch, EvidenceGate, StoredState};

use super::happening::Happening;
use super::jobs::Jobs;
use super::keeper::{COMMIT_EVERY, Keeper, Note, empty};
use super::metrics::{Metrics, Probes};
use super::outages::Outages;
use super::pulse::Pulse;
use super::values::Values;
use super::waiting::{self, Bounds, LeftOut};
use super::watched::Watched;
use crate::calendar::Calendar;
use crate::engine::SubmitError;

/// The shortest time between two turns that had something to do: what becomes due or is answered
/// meanwhile is dealt with together, for one wake of each thread instead of one for each check.
const TURN_MIN: Duration = Duration::from_millis(10);
/// The longest time between two turns.
const TURN_MAX: Duration = Duration::from_millis(250);
/// Until a check that found its engine full is tried again.
const AGAIN_AFTER: Duration = Duration::from_millis(50);
/// Things taken in one turn, so that what is due is not kept waiting.
const TAKEN_MAX: usize = 4096;
/// Checks begun in one turn, likewise.
const BEGUN_MAX: usize = 4096;
/// How long checks under way may take when the watch is stopped.
const DRAIN_MAX: Duration = Duration::from_secs(10);

/// Everything the scheduler's thread owns.
pub(crate) struct Scheduler {
    pub(super) clock: Calendar,
    pub(super) agenda: Agenda,
    /// By number; empty where a number's target is not watched any more.
    pub(super) watched: Vec<Option<Box<Watched>>>,
    pub(super) jobs: Jobs,
    pub(super) outages: Outages,
    /// States of the targets of jobs that run as a whole.
    pub(super) whole: HashMap<WatchedNo, StoredState>,
    /// What was recorded last of each field.
    pub(super) values: Values,
    /// Hosts that asked to be left alone, and until when.
    pub(super) closed: HashMap<HostKey, Time>,
    /// Which good answers are kept.
    pub(super) gate: EvidenceGate,
    pub(super) batch: Box<Batch>,
    pub(super) keeper: Keeper,
    pub(super) metrics: Arc<Metrics>,
    /// Targets with series of their own.
    pub(super) probes: Probes,
    pub(super) pulse: Arc<Pulse>,
    pub(super) to_self: SyncSender<Happening>,
    pub(super) note: Note,
    /// When the watch was asked to stop.
    stopping: Option<Time>,
    committed_at: Time,
    /// When a job wants something.
    jobs_at: Time,
    /// Whether every list was read since the watch started.
    all_read: bool,
    is_stepped: bool,
    /// Whether rows were left out because the history could not be written.
    is_leaving_out: bool,
}

/// What a scheduler begins with.
pub(crate) struct Parts {
    pub(crate) clock: Calendar,
    pub(crate) keeper: Keeper,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) probes: Probes,
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) outages: Outages,
    pub(crate) gate: EvidenceGate,
    pub(crate) to_self: SyncSender<Happening>,
    pub(crate) note: Note,
}

impl Scheduler {
    pub(crate) fn new(parts: Parts) -> Self {
        let now = parts.clock.now();
        Self {
            clock: parts.clock,
            agenda: Agenda::default(),
            watched: Vec::new(),
            jobs: Jobs::default(),
            outages: parts.outages,
            whole: HashMap::new(),
            values: Values::default(),
            closed: HashMap::new(),
            gate: parts.gate,
            batch: empty(now),
            keeper: parts.keeper,
            metrics: parts.metrics,
            probes: parts.probes,
            pulse: parts.pulse,
            to_self: parts.to_self,
            note: parts.note,
            stopping: None,
            committed_at: now,
            jobs_at: Time::ZERO,
            all_read: false,
            is_stepped: false,
            is_leaving_out: false,
        }
    }

    /// Goes on until it is stopped.
    pub(crate) fn run(mut self, happenings: &Receiver<Happening>) {
        loop {
            let now = self.clock.now();
            self.pulse.turned();
            if self.stopping.is_none() {
                self.begin_due(now);
                self.look_at_jobs(now);
            }
            self.turn(now);
            if now >= self.committed_at + COMMIT_EVERY {
                self.commit(now);
            }
            if self.is_through(now) {
                break;
            }
            gather_more(TURN_MIN);
            match happenings.recv_timeout(self.wait(self.clock.now())) {
                Ok(first) => {
                    self.happen(first);
                    happenings.try_iter().take(TAKEN_MAX).for_each(|next| self.happen(next));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.end();
    }

    /// Begins the runs and reads the lists whose moment has come.
    fn look_at_jobs(&mut self, now: Time) {
        if now < self.jobs_at {
            return;
        }
        self.begin_runs(now);
        self.read_lists_due(now);
        self.jobs_at = self.jobs.next_at().unwrap_or(Time::NEVER);
    }

    /// Incidents and notices that are due; targets remember the incident they are part of.
    fn turn(&mut self, now: Time) {
        for (target, incident) in self.outages.turn(now, &mut self.batch) {
            let watched = self.watched.get_mut(target.index()).and_then(Option::as_mut);
            if let Some(watched) = watched {
                watched.incident = incident;
                self.batch.states.push((target, watched.stored()));
            } else if let Some(stored) = self.whole.get_mut(&target) {
                stored.incident = incident;
                self.batch.states.push((target, stored.clone()));
            }
        }
    }

    /// Until the next moment at which there is something to do.
    fn wait(&mut self, now: Time) -> Duration {
        if self.stopping.is_some() {
            return TURN_MAX;
        }
        let due = self.agenda.next_at().map_or(self.jobs_at, |due| due.min(self.jobs_at));
        due.since(now).min(TURN_MAX)
    }

    fn happen(&mut self, what: Happening) {
        let now = self.clock.now();
        if !matches!(what, Happening::Answer { .. }) {
            // It may change when a job wants something.
            self.jobs_at = Time::ZERO;
        }
        match what {
            Happening::Answer { target, record: Some(record) } => self.answer(target, &record, now),
            Happening::Answer { target, record: None } => {
                self.agenda.give_up(target, now, MissedCause::Stopped);
            }
            Happening::Told { job, due, records } => self.told(&job, due, records),
            Happening::RunEnded { job, due, ended } => self.run_ended(&job, due, *ended, now),
            Happening::Listed { job, since, taken } => self.listed(&job, since, taken, now),
            Happening::Numbered { job, run, records, registered, last } => {
                self.numbered(&job, *run, records, &registered, last, now);
            }
            Happening::Reload { options, answer } => {
                let reloaded = self.reload(*options, now);
                // Whoever asked may have stopped waiting.
                let _ = answer.send(reloaded);
            }
            Happening::Silences(silences) => self.outages.set_silences(silences),
            Happening::Stop => {
                self.stopping.get_or_insert(now);
                self.jobs.drain();
            }
        }
    }

    fn begin_due(&mut self, now: Time) {
        for _ in 0..BEGUN_MAX {
            let Some(start) = self.agenda.start(now) else { return };
            self.begin(start, now);
        }
    }

    fn begin(&mut self, start: Start, now: Time) {
        let Some(watched) = self.watched[start.target.0 as usize].as_ref() else { return };
        let Some(desk) = self.jobs.desk(watched.job) else {
            self.agenda.give_up(start.target, now, MissedCause::Stopped);
            return;
        };
        if !start.is_confirmation && self.closed.get(&watched.target.host).is_some_and(|u| *u > now)
        {
            self.agenda.give_up(start.target, now, MissedCause::HostClosed);
            return;
        }
        let target = match start.is_confirmation {
            true => watched.asked_elsewhere(),
            false => watched.target.clone(),
        };
        match desk.try_submit(target) {
            Ok(()) => {}
            Err(SubmitError::Busy(_)) => self.agenda.put_back(start.target, now + AGAIN_AFTER),
            // Told through the desk's function, which says that there is no record.
            Err(SubmitError::Stopped) => {}
            Err(SubmitError::Invalid(_)) => {
                self.agenda.give_up(start.target, now, MissedCause::Stopped);
            }
        }
    }

    /// Hands all that happened to the history, if it has room.
    fn commit(&mut self, now: Time) {
        self.committed_at = now;
        self.look_at_clock();
        let missed = self.agenda.take_missed();
        self.metrics.missed(&missed);
        self.batch.missed.extend(missed);
        self.batch.accounted_until = self.accounted_until(now);
        self.batch.at = now;
        self.maintain(now);
        self.tell_counts();
        match self.keeper.offer(std::mem::replace(&mut self.batch, empty(now))) {
            Ok(()) => self.is_leaving_out = false,
            Err(batch) => {
                self.batch = batch;
                self.leave_out();
            }
        }
    }

    /// Says how many targets, checks and incidents there are now.
    pub(super) fn tell_counts(&self) {
        let (begun, in_flight) = (self.agenda.open(), self.jobs.in_flight());
        self.metrics.now(self.outages.counts(), begun, in_flight, self.outages.open());
    }

    /// All slots before it are in this batch or earlier ones. As long as a list was not read since
    /// the watch started, that is what it was when it ended.
    fn accounted_until(&mut self, now: Time) -> Time {
        if !self.all_read {
            if self.jobs.has_unread() {
                return self.outages.accounted().unwrap_or(now);
            }
            self.all_read = true;
            let (watched, whole) = (&self.watched, &self.whole);
            let is_watched = |target: WatchedNo| {
                watched.get(target.index()).is_some_and(Option::is_some)
                    || whole.contains_key(&target)
            };
            // Targets of jobs that run as a whole are known when their first run has ended.
            if self.jobs.whole().next().is_none() {
                self.outages.forget_unwatched(&is_watched, now);
            }
        }
        self.agenda.accounted_until(now)
    }

    /// Says once that the system's clock was set: slots go on as if it had not been.
    fn look_at_clock(&mut self) {
        if let Some(step) = self.clock.step()
            && !std::mem::replace(&mut self.is_stepped, true)
        {
            let text = format!(
                "the system's clock was set by {step:+.0} s; slots go on as before until the next start"
            );
            (self.note)(&text);
        }
    }

    /// A history that cannot be written for so long that memory would fill.
    fn leave_out(&mut self) {
        let left_out = waiting::bound(&mut self.batch, &Bounds::WATCH);
        if left_out == LeftOut::Something && !self.is_leaving_out {
            self.is_leaving_out = true;
            (self.note)("the history cannot be written for so long that checks are left out of it");
        }
    }

    /// Whether it was stopped, and what was under way has ended or takes too long.
    fn is_through(&self, now: Time) -> bool {
        self.stopping.is_some_and(|since| {
            let is_idle = self.agenda.open() == 0 && !self.jobs.is_running();
            is_idle || now.since(since) >= DRAIN_MAX
        })
    }

    fn end(mut self) {
        let now = self.clock.now();
        let missed = self.agenda.take_missed();
        self.batch.missed.extend(missed);
        self.batch.accounted_until = self.accounted_until(now);
        self.batch.at = now;
        self.jobs.end();
        let last = std::mem::replace(&mut self.batch, empty(now));
        self.keeper.finish(last);
    }
}

/// Lets things come together before the next turn.
#[expect(clippy::disallowed_methods, reason = "a thread of its own, which has nothing else to do")]
fn gather_more(pause: Duration) {
    std::thread::sleep(pause);
}
