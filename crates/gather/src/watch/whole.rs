//! Jobs that run as a whole: their slots, their records as checks, their values and changes.

use std::sync::Arc;

use gather_core::time::Time;
use gather_core::watch::{self, Check, Missed, MissedCause, State, WatchedNo};
use gather_core::{Duration, Health, human};
use gather_store::history::{
    EventKind, HistoryError, LastValue, Registered, RunEnd, RunRow, StoredState, TargetRow,
    ValueRow,
};

use super::happening::Happening;
use super::jobs::{JobNo, name_key};
use super::outages::{Whom, Wrong};
use super::runs::{Told, UnderWay};
use super::scheduler::Scheduler;
use super::spec::{Begin, RunKind, Work};
use super::tell::{self, Ending};
use super::values::News;
use crate::summary::{Ended, Summary};

/// Records of a run that are kept as checks of targets; of a longer list the rest has its outputs.
const TOLD_MAX: usize = 100_000;

impl Scheduler {
    /// Begins the runs that are due. One that is still under way makes its next slot missed.
    pub(super) fn begin_runs(&mut self, now: Time) {
        for no in self.jobs.numbers() {
            let Some(job) = self.jobs.get(no) else { continue };
            if job.run_at > now {
                continue;
            }
            let due = job.run_at;
            match job.run.is_some() {
                true => self.miss_run(no, due),
                false => self.begin_run(no, due, Begin::Anew, now),
            }
            if let Some(job) = self.jobs.get_mut(no) {
                let timing = job.spec.timing(name_key(&job.spec.name));
                job.run_at = timing.next(now).unwrap_or(Time::NEVER);
            }
        }
    }

    /// Begins a run of a job.
    pub(super) fn begin_run(&mut self, no: JobNo, due: Time, begin: Begin, now: Time) {
        let to = self.to_self.clone();
        let Some(job) = self.jobs.get_mut(no) else { return };
        let Work::Run(work) = &job.spec.work else { return };
        job.told = Vec::new();
        match UnderWay::begin(&job.spec.name, work, due, begin, now, &to) {
            Ok(run) => job.run = Some(run),
            Err(error) => {
                let row = row(&job.spec.name, due, now, RunEnd::Failed, Some(error.to_string()));
                self.batch.runs.push(row);
                return;
            }
        }
        let row = row(&job.spec.name, due, now, RunEnd::Running, None);
        self.batch.runs.push(row);
    }

    /// Goes on where an earlier watch ended: a run that it did not bring to its end is finished, and
    /// slots since then are missed.
    pub(super) fn go_on_with(&mut self, last_runs: &[LastRun], now: Time) {
        for last in last_runs {
            let Some(no) = self.jobs.find(&last.job) else { continue };
            let Some(job) = self.jobs.get_mut(no) else { continue };
            // Slots that were missed while it was watched are in the history.
            let since = self.outages.accounted().map_or(last.due, |until| until.max(last.due));
            let timing = job.spec.timing(name_key(&last.job));
            let slots = timing.count(since, now);
            if slots > 0 {
                let slots = human::counted(slots.into(), "slot");
                (self.note)(&format!("job {}: {slots} missed while nobody watched", last.job));
            }
            let of = |target: &WatchedNo| {
                watch::slots(&timing, *target, since, now, MissedCause::NotRunning)
            };
            let missed: Vec<Missed> = last.targets.iter().filter_map(of).collect();
            job.targets.clone_from(&last.targets);
            self.metrics.missed(&missed);
            self.batch.missed.extend(missed);
            if !last.is_whole {
                self.begin_run(no, last.due, Begin::GoOn, now);
            }
        }
    }

    fn miss_run(&mut self, no: JobNo, due: Time) {
        let Some(job) = self.jobs.get(no) else { return };
        let cause = MissedCause::Overlap;
        let missed: Vec<Missed> = job
            .targets
            .iter()
            .map(|target| Missed { target: *target, from: due, until: due, slots: 1, cause })
            .collect();
        (self.note)(&format!(
            "job {}: the slot is missed, its run of before is still under way",
            job.spec.name
        ));
        self.metrics.missed(&missed);
        self.batch.missed.extend(missed);
    }

    /// Takes in records of the run of a slot.
    pub(super) fn told(&mut self, name: &str, due: Time, records: Vec<Told>) {
        let Some(no) = self.jobs.find(name) else { return };
        let Some(job) = self.jobs.get_mut(no) else { return };
        if job.run.as_ref().is_none_or(|run| run.due != due) {
            return;
        }
        let room = TOLD_MAX.saturating_sub(job.told.len());
        job.told.extend(records.into_iter().take(room));
    }

    /// A run has ended: its records become checks once its targets have their numbers.
    pub(super) fn run_ended(
        &mut self,
        name: &Arc<str>,
        due: Time,
        ended: Result<Summary, String>,
        now: Time,
    ) {
        let asker = self.keeper.asker();
        let to = self.to_self.clone();
        let Some(no) = self.jobs.find(name) else { return };
        let Some(job) = self.jobs.get_mut(no) else { return };
        // The run of a job of this name that was taken out meanwhile is not of this one.
        let Some(run) = job.run.take_if(|run| run.due == due) else { return };
        let started = run.started;
        run.join();
        let row = ended_row(name, due, started, now, &ended);
        if let Some(message) = &row.message {
            (self.note)(&format!("job {name}: {message}"));
        }
        self.batch.runs.push(row.clone());
        let records = std::mem::take(&mut job.told);
        let is_whole = matches!(&ended, Ok(summary) if summary.ended == Ended::Finished);
        let is_crawl = matches!(&job.spec.work, Work::Run(work) if work.kind == RunKind::Crawl);
        // The pages of a crawl are in its outputs; they are no targets. And what a run that was cut short
        // did not come to is not gone.
        if is_crawl || !is_whole || records.is_empty() {
            return;
        }
        let rows: Vec<TargetRow> = records
            .iter()
            .map(|told| target_row(&job.spec.name, told, job.spec.group.as_deref()))
            .collect();
        let is_new = job.is_new;
        let (job, name, note) = (job.row(now), Arc::clone(name), Arc::clone(&self.note));
        let number = move || {
            let registered = asker.ask(move |history| {
                let registered = history.register(&job, &rows, now)?;
                // A job is also new where a reload brings it back.
                let last = if is_new { history.last_values(&job.name)? } else { Vec::new() };
                Ok::<_, HistoryError>((registered, last))
            });
            match registered {
                Some(Ok((registered, last))) => {
                    // A watch that is gone needs no word.
                    let _ = to.send(Happening::Numbered {
                        job: name,
                        run: Box::new(row),
                        records,
                        registered,
                        last,
                    });
                }
                Some(Err(error)) => {
                    note(&format!("job {name}: its records are in its outputs alone: {error}"));
                }
                None => {}
            }
        };
        // Without a thread the records are in the outputs alone.
        let _ = std::thread::Builder::new().name("number".to_owned()).spawn(number);
    }

    /// The targets of a run have their numbers: its records are checks of them.
    pub(super) fn numbered(
        &mut self,
        name: &str,
        mut run: RunRow,
        records: Vec<Told>,
        registered: &Registered,
        last: Vec<LastValue>,
        now: Time,
    ) {
        let Some(no) = self.jobs.find(name) else { return };
        let Some(job) = self.jobs.get_mut(no) else { return };
        let group = job.spec.group.clone().unwrap_or_default();
        job.targets = registered.numbers.clone();
        job.is_new = false;
        self.values.go_on(last);
        for gone in &registered.gone {
            self.unwatch(*gone);
        }
        for (told, target) in records.into_iter().zip(&registered.numbers) {
            run.changes += self.take_in_told((name, &group), *target, told, now);
        }
        if run.changes > 0 {
            self.batch.runs.push(run);
        }
    }

    /// Takes in a record of a run; how many of its values are others than before.
    fn take_in_told(
        &mut self,
        (job, group): (&str, &str),
        target: WatchedNo,
        told: Told,
        now: Time,
    ) -> u64 {
        // The system's clock may have been set since the watch read it.
        let at = told.at.min(now);
        let check = Check {
            target,
            due: at,
            lag: Duration::ZERO,
            took: told.took,
            health: told.finding.health,
            status_code: told.status_code,
            kind: told.kind,
            is_confirmation: false,
        };
        self.checked(check);
        let TargetRow { name, url, group, tags, .. } = target_row(job, &told, Some(group));
        let whom = Whom { job: job.into(), name, url, group, tags };
        self.weigh_told(target, &whom, &told, now);
        if let Some(ending) = told.certificate_until.and_then(|until| Ending::at(until, now)) {
            self.outages.certificate(&whom, ending, now, &mut self.batch);
        }
        let mut changes = 0;
        for super::runs::Found { field, value, number } in told.values {
            let row = ValueRow { target, field, value, number, at };
            changes += u64::from(self.value(&whom, row, now) == Change::Yes);
        }
        changes
    }

    /// The state of a target of a run: its tries were repeated in the run, so one record is enough.
    fn weigh_told(&mut self, target: WatchedNo, whom: &Whom, told: &Told, now: Time) {
        let mut known = match self.whole.remove(&target) {
            Some(known) => known,
            None => self.told_before(target, whom, now),
        };
        let to = match told.finding.health {
            Health::Up => State::Up,
            Health::Degraded => State::Degraded,
            Health::Limited => State::Limited,
            Health::Down => State::Down,
            Health::Unknown => known.state,
        };
        if to != known.state || known.since == Time::ZERO {
            self.outages.counted((known.since != Time::ZERO).then_some(known.state), Some(to));
            let transition = gather_core::watch::Transition {
                from: known.state,
                from_since: known.since,
                to,
                since: told.at.min(now),
                at: now,
            };
            let wrong = told.wrong();
            self.outages.changed(target, whom, &wrong, &transition, &mut self.batch);
            (known.state, known.since) = (to, told.at.min(now));
            known.reason = told.finding.reason.clone();
            (known.kind, known.status_code) = (told.kind, told.status_code);
            self.batch.states.push((target, known.clone()));
        }
        self.whole.insert(target, known);
    }

    /// What was known of a target of a run before the watch started, and is told on from there.
    fn told_before(&mut self, target: WatchedNo, whom: &Whom, now: Time) -> StoredState {
        let known = self.outages.remembered(target).filter(|known| known.since != Time::ZERO);
        let Some(known) = known else { return StoredState::default() };
        self.outages.counted(None, Some(known.state));
        if known.incident.is_none() {
            let wrong = Wrong {
                reason: known.reason.clone().unwrap_or_default(),
                kind: known.kind,
                status_code: known.status_code,
            };
            self.outages.still_wrong(target, whom, known.state, wrong, known.since, now);
        }
        known
    }

    /// A value of a field, and who is told of it.
    fn value(&mut self, whom: &Whom, row: ValueRow, now: Time) -> Change {
        let news = self.values.take_in(row.target, &row.field, row.value.as_deref());
        let change = if news == News::None { Change::No } else { Change::Yes };
        let told = match news {
            News::None | News::MatchesAgain => None,
            News::Changed { old } => Some((EventKind::Changed, old)),
            News::StoppedMatching { old } => Some((EventKind::StoppedMatching, old)),
        };
        if let Some((kind, old)) = told {
            let mut event = tell::of(whom, kind, State::Up, row.at);
            event.field = Some(row.field.clone());
            (event.old, event.new) = (Some(old), row.value.clone());
            self.outages.happened(event, now, &mut self.batch);
        }
        self.batch.values.push(row);
        change
    }
}

/// How far a job that runs as a whole had come when an earlier watch ended.
pub(super) struct LastRun {
    pub(super) job: Arc<str>,
    pub(super) due: Time,
    /// Whether it was brought to its end.
    pub(super) is_whole: bool,
    /// Its targets, as they were then.
    pub(super) targets: Vec<WatchedNo>,
}

/// Whether a value is another one than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Yes,
    No,
}

fn row(job: &str, due: Time, started: Time, end: RunEnd, message: Option<String>) -> RunRow {
    RunRow {
        job: job.into(),
        run: format!("{}", due.as_nanos() / 1_000_000).into(),
        due,
        started,
        ended: None,
        end,
        ok: 0,
        failed: 0,
        skipped: 0,
        changes: 0,
        message: message.map(Into::into),
    }
}

/// The end of a run whose job is not in the configuration any more.
pub(super) fn taken_out(job: &str, due: Time, started: Time, now: Time) -> RunRow {
    let message = Some("its job was taken out of the configuration".to_owned());
    RunRow { ended: Some(now), ..row(job, due, started, RunEnd::Stopped, message) }
}

fn ended_row(
    job: &str,
    due: Time,
    started: Time,
    now: Time,
    ended: &Result<Summary, String>,
) -> RunRow {
    let plain = row(job, due, started, RunEnd::Failed, None);
    match ended {
        Ok(summary) => RunRow {
            ended: Some(now),
            end: match summary.ended {
                Ended::Stopped | Ended::Deadline => RunEnd::Stopped,
                _ => RunEnd::Finished,
            },
            ok: summary.ok,
            failed: summary.failed,
            skipped: summary.skipped,
            ..plain
        },
        Err(error) => RunRow { ended: Some(now), message: Some(error.as_str().into()), ..plain },
    }
}

fn target_row(job: &str, told: &Told, group: Option<&str>) -> TargetRow {
    TargetRow {
        key: told.key(job),
        name: told.name().into(),
        url: told.url.clone(),
        group: told.tag("group").or(group).unwrap_or_default().into(),
        tags: told
            .tags
            .iter()
            .filter(|(name, _)| !matches!(&**name, "name" | "group"))
            .cloned()
            .collect(),
    }
}
