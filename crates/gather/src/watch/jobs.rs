//! The jobs of a watch: their engines, their lists, their runs.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use gather_core::Record;
use gather_core::frontier::HostTrust;
use gather_core::time::{Duration, Time};
use gather_core::watch::{Every, Schedule, WatchedNo};
use gather_fetch::{HttpChoice, KeepBody};
use gather_store::history::{JobKind, JobRow};

use super::happening::Happening;
use super::judged;
use super::runs::{Told, UnderWay};
use super::spec::{Bodies, EngineSpec, Fitting, JobSchedule, JobSpec, RunKind, Work};
use crate::check;
use crate::engine::{Desk, Engine, EngineOptions};
use crate::platform::Descriptors;
use crate::run::RunError;

/// A job's place among the jobs; not the same after it was removed and added again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct JobNo(pub(crate) u16);

/// More jobs are refused.
pub(crate) const JOBS_MAX: usize = 10_000;
/// The most requests in flight that an engine is given unasked.
const FITTING_MAX: f64 = 16_384.0;
/// Targets that an engine holds at most, those that wait for their hosts included.
const OUTSTANDING: usize = 32_768;

/// All jobs.
#[derive(Default)]
pub(crate) struct Jobs {
    jobs: Vec<Option<Job>>,
    by_name: HashMap<Arc<str>, JobNo>,
    /// By their settings as text: jobs with the same settings share one.
    engines: HashMap<Box<str>, Desk>,
}

/// One job and what goes on of it.
pub(crate) struct Job {
    pub(crate) spec: JobSpec,
    /// Its list, while it is being read.
    pub(crate) reading: Option<UnderReading>,
    /// When its list is to be read again.
    pub(crate) read_at: Option<Time>,
    /// The targets it has, once its list was read.
    pub(crate) targets: Vec<WatchedNo>,
    /// Whether no list, or no whole run, of it was taken in since the watch knows it.
    pub(crate) is_new: bool,
    /// The next slot of a job that runs as a whole.
    pub(crate) run_at: Time,
    pub(crate) run: Option<UnderWay>,
    /// Until when it is under maintenance.
    pub(crate) maintained_until: Option<Time>,
    /// Records of the run, until its targets are known by number.
    pub(crate) told: Vec<Told>,
}

/// A list that is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnderReading {
    pub(crate) since: Time,
    pub(crate) then: Then,
}

/// What is done with a list that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// It is taken in.
    Use,
    /// It is read again: meanwhile the job has another list.
    Again,
}

impl Job {
    pub(crate) fn new(spec: JobSpec, now: Time) -> Self {
        let run_at = Self::new_run_at(&spec, now);
        Self {
            spec,
            reading: None,
            read_at: None,
            targets: Vec::new(),
            is_new: true,
            run_at,
            run: None,
            maintained_until: None,
            told: Vec::new(),
        }
    }

    /// The first slot of a job that runs as a whole.
    pub(crate) fn new_run_at(spec: &JobSpec, now: Time) -> Time {
        match &spec.work {
            Work::Run(_) => spec.timing(name_key(&spec.name)).next(now).unwrap_or(Time::NEVER),
            Work::Liveness(_) => Time::NEVER,
        }
    }

    /// What the history is told of it.
    pub(crate) fn row(&self, now: Time) -> JobRow {
        JobRow {
            name: (*self.spec.name).into(),
            kind: match &self.spec.work {
                Work::Liveness(_) => JobKind::Liveness,
                Work::Run(work) if work.kind == RunKind::Crawl => JobKind::Crawl,
                Work::Run(_) => JobKind::Fetch,
            },
            schedule: self.spec.schedule.to_string().into(),
            speaks_for: self.spec.schedule.longest_pause(now),
        }
    }
}

impl JobSpec {
    /// When the target of this key is due.
    pub(crate) fn timing(&self, key: u64) -> Schedule {
        match &self.schedule {
            JobSchedule::Every(interval) => Schedule::Every(Every::new(*interval, key)),
            JobSchedule::Cron(cron, _) => Schedule::Cron(Arc::clone(cron)),
        }
    }
}

/// The key of a job as a whole.
pub(crate) fn name_key(name: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(name.as_bytes())
}

impl Jobs {
    pub(crate) fn get(&self, no: JobNo) -> Option<&Job> {
        self.jobs.get(usize::from(no.0))?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, no: JobNo) -> Option<&mut Job> {
        self.jobs.get_mut(usize::from(no.0))?.as_mut()
    }

    pub(crate) fn find(&self, name: &str) -> Option<JobNo> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn numbers(&self) -> Vec<JobNo> {
        let mut all: Vec<JobNo> = self.by_name.values().copied().collect();
        all.sort_unstable();
        all
    }

    pub(crate) fn add(&mut self, job: Job) -> JobNo {
        let free = self.jobs.iter().position(Option::is_none);
        let index = free.unwrap_or_else(|| {
            self.jobs.push(None);
            self.jobs.len() - 1
        });
        let no = JobNo(
            u16::try_from(index).expect("fewer jobs than numbers: they are counted when read"),
        );
        self.by_name.insert(Arc::clone(&job.spec.name), no);
        self.jobs[index] = Some(job);
        no
    }

    pub(crate) fn remove(&mut self, no: JobNo) -> Option<Job> {
        let job = self.jobs.get_mut(usize::from(no.0))?.take()?;
        self.by_name.remove(&job.spec.name);
        Some(job)
    }

    /// The way to the engine of a job.
    pub(crate) fn desk(&self, no: JobNo) -> Option<&Desk> {
        match &self.get(no)?.spec.work {
            Work::Liveness(liveness) => self.engines.get(&liveness.engine.text),
            Work::Run(_) => None,
        }
    }

    /// Starts the engine of a job, unless it has one. `rate` is how many checks it begins a second.
    pub(crate) fn start_engine(
        &mut self,
        spec: &EngineSpec,
        rate: f64,
        to: &SyncSender<Happening>,
    ) -> Result<(), RunError> {
        if self.engines.contains_key(&spec.text) {
            return Ok(());
        }
        let engine = Engine::start(options(spec, rate))?;
        let to = to.clone();
        let desk = engine.desk(move |n, record: Option<Record>| {
            let target =
                WatchedNo(u32::try_from(n.0).expect("targets of a watch have small numbers"));
            // There is room for all that is under way; a scheduler that has ended needs no word.
            let _ = to.try_send(Happening::Answer { target, record: record.map(Box::new) });
        });
        self.engines.insert(spec.text.clone(), desk);
        Ok(())
    }

    /// Requests in flight, as the engines told last.
    pub(crate) fn in_flight(&self) -> u64 {
        self.engines.values().map(|desk| u64::from(desk.engine().in_flight())).sum()
    }

    /// Stops the engines that no job needs any more.
    pub(crate) fn drop_engines(&mut self) {
        let mut needed: Vec<&str> = Vec::new();
        for job in self.jobs.iter().flatten() {
            if let Work::Liveness(liveness) = &job.spec.work {
                needed.push(&liveness.engine.text);
            }
        }
        let unneeded: Vec<Box<str>> =
            self.engines.keys().filter(|text| !needed.contains(&&***text)).cloned().collect();
        for text in unneeded {
            self.engines.remove(&text);
        }
    }

    /// The next moment at which a job wants something.
    pub(crate) fn next_at(&self) -> Option<Time> {
        let jobs = self.jobs.iter().flatten();
        jobs.flat_map(|job| job.read_at.into_iter().chain([job.run_at])).min()
    }

    /// Whether a list was not read since the watch started.
    pub(crate) fn has_unread(&self) -> bool {
        let mut jobs = self.jobs.iter().flatten();
        jobs.any(|job| job.is_new && matches!(job.spec.work, Work::Liveness(_)))
    }

    /// The jobs that run as a whole.
    pub(crate) fn whole(&self) -> impl Iterator<Item = &Job> {
        self.jobs.iter().flatten().filter(|job| matches!(job.spec.work, Work::Run(_)))
    }

    /// Whether a run is under way.
    pub(crate) fn is_running(&self) -> bool {
        self.jobs.iter().flatten().any(|job| job.run.is_some())
    }

    /// Asks all runs to begin nothing further.
    pub(crate) fn drain(&self) {
        self.jobs.iter().flatten().filter_map(|job| job.run.as_ref()).for_each(UnderWay::drain);
    }

    /// Stops all engines.
    pub(crate) fn end(&mut self) {
        for (_, desk) in self.engines.drain() {
            // An engine that ended with a fault has told the records so.
            let _ended = desk.engine().close();
        }
    }
}

/// An engine for checks: each on a connection of its own, each tried once, no host held back for
/// being silent.
fn options(spec: &EngineSpec, rate: f64) -> EngineOptions {
    let (mut config, mut client) = (spec.config.clone(), spec.client.clone());
    config.retry.retries = 0;
    config.retry.retry_after_max = Duration::ZERO;
    check::prepare(&mut config, &mut client.keep, &spec.expect);
    // What a host says is a result; the scheduler leaves it alone as long as it asks for that.
    config.trust = HostTrust::Scheduled;
    if spec.bodies == Bodies::Whole {
        client.keep.body = KeepBody::All;
    }
    if client.keep.body == KeepBody::No {
        client.keep.body = KeepBody::UpTo(judged::BODY_BYTES_MAX as u64);
    }
    client.idle_max = 0;
    if client.net.http == HttpChoice::Auto {
        // A connection of HTTP/2 is shared by its nature.
        client.net.http = HttpChoice::Http1;
        let has_own =
            client.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("connection"));
        if !has_own {
            client.headers.push(("Connection".to_owned(), "close".to_owned()));
        }
    }
    if spec.fitting == Fitting::ToTargets {
        let all_silent = rate * config.timeout.as_secs_f64() * 1.25;
        let wanted = all_silent.ceil().min(FITTING_MAX) as u32;
        config.concurrency =
            NonZeroU32::new(config.concurrency.get().max(wanted)).unwrap_or(NonZeroU32::MIN);
    }
    EngineOptions {
        config,
        client,
        descriptors: Descriptors::Raise,
        outstanding: std::num::NonZeroUsize::new(OUTSTANDING),
        ..EngineOptions::default()
    }
}
