//! Lists of targets: read on threads of their own, taken in as a difference.

use std::collections::HashSet;
use std::sync::Arc;

use gather_core::time::Time;
use gather_core::watch::{self as core_watch, MissedCause, Schedule, State, WatchedNo};
use gather_store::history::{Flapping, JobRow, Registered, TargetRow};

use super::happening::{Happening, Taken};
use super::jobs::{JobNo, Then, UnderReading};
use super::keeper::Asker;
use super::roster::{ListError, ListSpec, Listed, Roster};
use super::scheduler::Scheduler;
use super::spec::{Bodies, Canary, Work};
use super::watched::{self, Watched};
use crate::redact;

/// After a list that could not be read and has no interval of its own.
const AGAIN_AFTER: std::time::Duration = std::time::Duration::from_secs(30);
/// A check tells how fast a job is: over so many seconds of its schedule.
const RATE_OVER: std::time::Duration = std::time::Duration::from_secs(3600);

impl Scheduler {
    /// Reads the lists whose time has come.
    pub(super) fn read_lists_due(&mut self, now: Time) {
        for no in self.jobs.numbers() {
            let is_due = |job: &super::jobs::Job| job.read_at.is_some_and(|at| at <= now);
            if self.jobs.get(no).is_some_and(is_due) {
                self.read_list(no, now);
            }
        }
    }

    /// Reads the list of a job on a thread of its own; what it holds comes as
    /// [`Happening::Listed`].
    pub(super) fn read_list(&mut self, no: JobNo, now: Time) {
        let asker = self.keeper.asker();
        let to = self.to_self.clone();
        let Some(job) = self.jobs.get_mut(no) else { return };
        let Work::Liveness(liveness) = &job.spec.work else { return };
        job.read_at = None;
        if let Some(reading) = &mut job.reading {
            reading.then = Then::Again;
            return;
        }
        let reading = Reading {
            now,
            job: Arc::clone(&job.spec.name),
            row: job.row(now),
            list: liveness.list.clone(),
            client: liveness.engine.client.clone(),
            group: job.spec.group.clone(),
            asker,
        };
        let read = move || {
            let (job, since) = (Arc::clone(&reading.job), reading.now);
            let taken = reading.read();
            // A watch that is gone needs no word.
            let _ = to.send(Happening::Listed { job, since, taken });
        };
        match std::thread::Builder::new().name("list".to_owned()).spawn(read) {
            Ok(_) => job.reading = Some(UnderReading { since: now, then: Then::Use }),
            Err(_) => job.read_at = Some(now + AGAIN_AFTER),
        }
    }

    /// Takes in what a list holds: what is new is armed, what is gone is left, and all else goes on
    /// as it was.
    pub(super) fn listed(
        &mut self,
        name: &str,
        since: Time,
        taken: Result<Taken, ListError>,
        now: Time,
    ) {
        let Some(no) = self.jobs.find(name) else { return };
        let Some(job) = self.jobs.get_mut(no) else { return };
        // What was begun for a job of this name that was taken out meanwhile is not of this one.
        let Some(reading) = job.reading.take_if(|reading| reading.since == since) else { return };
        if reading.then == Then::Again {
            self.read_list(no, now);
            return;
        }
        let Work::Liveness(liveness) = &mut job.spec.work else { return };
        let refresh = liveness.list.refresh;
        job.read_at = refresh.map(|refresh| now + refresh);
        let taken = match taken {
            Ok(taken) => taken,
            Err(error) => {
                (self.note)(&error.to_string());
                job.read_at = Some(now + refresh.unwrap_or(AGAIN_AFTER));
                return;
            }
        };
        for note in &taken.notes {
            (self.note)(note);
        }
        if taken.bodies == Bodies::Whole {
            liveness.engine.keep_bodies();
        }
        let was_new = std::mem::replace(&mut job.is_new, false);
        let before = std::mem::take(&mut job.targets);
        if taken.listed.is_empty() && (was_new || !before.is_empty()) {
            (self.note)(&format!("job {name}: its list is empty, so nothing is checked"));
        }
        job.targets = taken.registered.numbers.clone();
        let engine = liveness.engine.clone();
        let rate = self.checks_a_second(no, taken.listed.len(), now);
        if let Err(error) = self.jobs.start_engine(&engine, rate, &self.to_self) {
            (self.note)(&format!("job {name}: {error}"));
        }
        let new: HashSet<WatchedNo> = taken.registered.new.iter().copied().collect();
        let kept: HashSet<WatchedNo> = taken.registered.numbers.iter().copied().collect();
        for gone in before.iter().filter(|gone| !kept.contains(gone)) {
            self.unwatch(*gone);
        }
        for (listed, target) in taken.listed.into_iter().zip(taken.registered.numbers) {
            let is_known = was_new && !new.contains(&target);
            self.watch(no, listed, target, is_known, now);
        }
        self.tell_counts();
        self.metrics.listed(self.clock.now().since(since));
    }

    /// Gives a target the schedule of its job.
    pub(super) fn reschedule(&mut self, job: JobNo, target: WatchedNo, now: Time) {
        let watched = self.watched.get(target.0 as usize).and_then(Option::as_ref);
        let (Some(job), Some(watched)) = (self.jobs.get(job), watched) else { return };
        self.agenda.add(target, job.spec.timing(watched.key), now);
    }

    pub(super) fn checks_a_second(&self, no: JobNo, targets: usize, now: Time) -> f64 {
        let Some(job) = self.jobs.get(no) else { return 0.0 };
        let slots = job.spec.timing(0).count(now, now + RATE_OVER);
        targets as f64 * f64::from(slots) / RATE_OVER.as_secs_f64()
    }

    /// Watches a target, or goes on watching it with what its list says now.
    fn watch(&mut self, job: JobNo, listed: Listed, target: WatchedNo, is_known: bool, now: Time) {
        let index = target.0 as usize;
        if self.watched.len() <= index {
            self.watched.resize_with(index + 1, || None);
        }
        let Some(spec) = self.jobs.get(job).map(|job| &job.spec) else { return };
        let timing = spec.timing(listed.key);
        let canary = match &spec.work {
            Work::Liveness(liveness) => liveness.canary,
            Work::Run(_) => Canary::No,
        };
        self.outages.set_canary(target, canary);
        if let Some(mut watched) = self.watched[index].take() {
            let is_changed = watched.target.tags != listed.target.tags;
            watched.take_in(job, listed, target, &self.note);
            if is_changed {
                self.place(target, &watched);
            }
            self.show(target, &watched);
            self.watched[index] = Some(watched);
            return;
        }
        if is_known {
            self.miss_since_last_time(target, &timing, now);
        }
        let mut watched = Watched::new(job, listed, target, &self.note);
        let stored = self.outages.remembered(target);
        watched.go_on(stored);
        self.outages.counted(None, Some(watched.state()));
        self.place(target, &watched);
        self.go_on_telling(target, &watched, now);
        self.show(target, &watched);
        self.watched[index] = Some(Box::new(watched));
        self.agenda.add(target, timing, now);
    }

    /// Gives a target series of its own, where that is wanted.
    fn show(&mut self, target: WatchedNo, watched: &Watched) {
        if self.probes.are_wanted() {
            let whom = self.whom(watched);
            self.probes.watch(target, &whom.job, &whom.group, &whom.name);
        }
    }

    /// What was wrong when the watch ended, and is not part of an incident that was open.
    fn go_on_telling(&mut self, target: WatchedNo, watched: &Watched, now: Time) {
        let since = watched.machine.since();
        if watched.flapping == Flapping::Yes {
            let whom = self.whom(watched);
            self.outages.set_flapping(&whom, Flapping::Yes);
        }
        if watched.state() != State::Up && watched.incident.is_none() {
            let (whom, state) = (self.whom(watched), watched.state());
            self.outages.still_wrong(target, &whom, state, watched.wrong(), since, now);
        }
    }

    /// Slots that came while nobody watched.
    fn miss_since_last_time(&mut self, target: WatchedNo, timing: &Schedule, now: Time) {
        let Some(since) = self.outages.checked_until(target) else { return };
        let cause = MissedCause::NotRunning;
        if let Some(missed) = core_watch::slots(timing, target, since, now, cause) {
            self.metrics.missed(&[missed]);
            self.batch.missed.push(missed);
        }
    }

    /// Watches a target no more. Its history stays.
    pub(super) fn unwatch(&mut self, target: WatchedNo) {
        self.agenda.remove(target);
        self.probes.unwatch(target);
        let watched = self.watched.get_mut(target.0 as usize).and_then(Option::take);
        let state = if let Some(watched) = watched {
            self.outages.set_canary(target, Canary::No);
            self.outages.set_flapping(&self.whom(&watched), Flapping::No);
            Some(watched.state())
        } else {
            self.whole.remove(&target).map(|known| known.state)
        };
        if state.is_some() {
            self.outages.counted(state, None);
            self.outages.forget(target, self.clock.now(), &mut self.batch);
        }
    }
}

/// What the thread needs that reads a list.
struct Reading {
    now: Time,
    job: Arc<str>,
    row: JobRow,
    list: ListSpec,
    client: gather_fetch::ClientOptions,
    group: Option<Box<str>>,
    asker: Asker,
}

impl Reading {
    fn read(self) -> Result<Taken, ListError> {
        let Roster { listed, notes } = Roster::read(&self.job, &self.list, &self.client)?;
        let keys = &self.client.redact_query;
        let rows: Vec<TargetRow> =
            listed.iter().map(|listed| row(listed, self.group.as_deref(), keys)).collect();
        let (job, now) = (self.row, self.now);
        let registered = self.asker.ask(move |history| history.register(&job, &rows, now));
        let registered: Registered = match registered {
            Some(Ok(registered)) => registered,
            Some(Err(error)) => return Err(ListError::of_history(&self.job, &error)),
            None => return Err(ListError::of_history(&self.job, &"the watch has ended")),
        };
        let bodies = match listed.iter().any(watched::expects_of_body) {
            true => Bodies::Whole,
            false => Bodies::AsExpected,
        };
        Ok(Taken { listed, notes, bodies, registered })
    }
}

/// What the history keeps of a target.
pub(super) fn row(
    listed: &Listed,
    group: Option<&str>,
    keys: &gather_fetch::RedactQuery,
) -> TargetRow {
    let target = &listed.target;
    let mut url = redact::url(&target.url).to_string();
    redact::text(&mut url, keys);
    let tags = target.tags.iter().flat_map(|tags| tags.iter());
    TargetRow {
        key: listed.key,
        name: listed.name().unwrap_or(&url).into(),
        group: listed.tag("group").or(group).unwrap_or_default().into(),
        tags: tags
            .filter(|(name, _)| !matches!(&**name, "name" | "group" | "expect"))
            .map(|(name, value)| ((**name).into(), value.clone()))
            .collect(),
        url: url.into(),
    }
}
