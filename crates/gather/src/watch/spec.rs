//! What a watch is told: its jobs, where its history is, whom it tells.

use std::fmt;
use std::sync::Arc;

use gather_core::watch::{Cron, Policy, Windows};
use gather_core::{Config, Duration, Time};
use gather_fetch::{ClientOptions, NetOptions};
use gather_store::history::{HistoryPlace, Kept};

use super::roster::ListSpec;
use crate::alerts::{Channel, Routes};
use crate::check::Expect;
use crate::run::RunOptions;

/// Everything a watch is told. It can be told again, while it goes on: [`Watch::reload`](super::Watch::reload).
#[derive(Debug)]
pub struct WatchOptions {
    /// Where checks, incidents and notices are kept.
    pub place: HistoryPlace,
    /// How long they are kept there.
    pub kept: Kept,
    /// What is done when.
    pub jobs: Vec<JobSpec>,
    /// Who can be told.
    pub channels: Vec<Channel>,
    /// Who is told of what is about no job, as our own network.
    pub routes: Routes,
    /// How notices leave: proxies, certificates, addresses.
    pub net: NetOptions,
    /// Where the status page is: notices link to it.
    pub page: Option<Box<str>>,
    /// Whether each target of a liveness job has series of its own among the metrics.
    pub target_metrics: TargetMetrics,
}

/// Whether targets have series of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TargetMetrics {
    /// Metrics are of the watch as a whole.
    #[default]
    No,
    /// Nine series for each target, of what its last check said.
    Yes,
}

impl WatchOptions {
    /// Who is told what, by job.
    pub(crate) fn routes_by_job(&self) -> Vec<(Box<str>, Routes)> {
        self.jobs.iter().map(|job| (Box::from(&*job.name), job.routes.clone())).collect()
    }
}

/// One job.
#[derive(Debug)]
pub struct JobSpec {
    /// Its name: unique.
    pub name: Arc<str>,
    /// When its checks or runs are due.
    pub schedule: JobSchedule,
    /// When nobody is told, and uptime is not counted.
    pub maintenance: Windows,
    /// The group of targets that name none.
    pub group: Option<Box<str>>,
    /// Who is told what.
    pub routes: Routes,
    /// What it does.
    pub work: Work,
}

/// When a job is due.
#[derive(Clone, Debug, PartialEq)]
pub enum JobSchedule {
    /// So often; each target at a moment of its own within the interval, always the same one.
    Every(Duration),
    /// At these moments, all targets at once; and the expression with its zone, as written.
    Cron(Arc<Cron>, Box<str>),
}

impl JobSchedule {
    /// The longest time between two slots, as far as the next few tell: so long a check speaks for
    /// its target.
    pub fn longest_pause(&self, now: Time) -> Duration {
        const LOOKED_AT: usize = 50;
        match self {
            Self::Every(interval) => *interval,
            Self::Cron(schedule, _) => {
                let (mut longest, mut last) = (Duration::ZERO, None);
                let mut at = now;
                for _ in 0..LOOKED_AT {
                    let Some(next) = schedule.next(at) else { break };
                    longest = longest.max(last.map_or(Duration::ZERO, |last| next.since(last)));
                    (last, at) = (Some(next), next);
                }
                longest.max(Duration::from_secs(60))
            }
        }
    }
}

impl fmt::Display for JobSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every(interval) => {
                write!(f, "every {}", crate::human::seconds(interval.as_secs_f64()))
            }
            Self::Cron(_, text) => write!(f, "cron {text}"),
        }
    }
}

/// What a job does.
#[derive(Debug)]
pub enum Work {
    /// Checks each target of a list in slots of its own.
    Liveness(Box<Liveness>),
    /// Fetches a whole list, or crawls, at each slot.
    Run(RunWork),
}

/// Checks of single targets.
#[derive(Clone, Debug)]
pub struct Liveness {
    /// What is checked.
    pub list: ListSpec,
    /// How: jobs with the same text share connections, names and politeness.
    pub engine: EngineSpec,
    /// What is expected of every answer.
    pub expect: Vec<Expect>,
    /// When a failure is believed.
    pub policy: Policy,
    /// Whether these targets are known to be well whenever our own network is.
    pub canary: Canary,
}

/// Whether the failures of a job's targets mean that our own network is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Canary {
    /// They mean what they say.
    #[default]
    No,
    /// If all of them fail, nothing else can be told.
    Yes,
}

/// How targets are asked.
#[derive(Clone, Debug)]
pub struct EngineSpec {
    /// Concurrency, timeouts, politeness.
    pub config: Config,
    /// What is sent.
    pub client: ClientOptions,
    /// What is expected by any job that shares it: decides what is kept of an answer.
    pub expect: Vec<Expect>,
    /// Whether concurrency may grow with the number of targets.
    pub fitting: Fitting,
    /// The settings as text, without secrets: equal texts are equal settings.
    pub text: Box<str>,
    /// What is kept of a body.
    pub bodies: Bodies,
}

/// What is kept of the body of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bodies {
    /// All of it where something is expected of it by [`EngineSpec::expect`], else its begin.
    #[default]
    AsExpected,
    /// All of it: a target expects something of it by itself.
    Whole,
}

impl EngineSpec {
    /// Keeps bodies whole from now on.
    pub(crate) fn keep_bodies(&mut self) {
        if self.bodies == Bodies::AsExpected {
            self.bodies = Bodies::Whole;
            self.text = format!("{}\nbodies=whole", self.text).into();
        }
    }
}

/// Whether the requests in flight follow from the targets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fitting {
    /// As many as `config.concurrency` says.
    #[default]
    Given,
    /// At least so many, and enough for every target to be silent until its time is over.
    ToTargets,
}

/// A run at each slot.
pub struct RunWork {
    /// Whether it crawls.
    pub kind: RunKind,
    /// What starts it: is called at each slot, with the moment it was due.
    pub start: Start,
    /// What is expected of every answer.
    pub expect: Vec<Expect>,
    /// The settings as text, without secrets: equal texts are equal settings.
    pub text: Box<str>,
}

/// Makes the options of the run of a slot; the error says why there can be none.
pub type Start = Arc<dyn Fn(Time, Begin) -> Result<Prepared, String> + Send + Sync>;

/// A run that can start.
pub struct Prepared {
    /// What it starts with.
    pub options: RunOptions,
    /// What is done once it has ended well: a report is written.
    pub after: Option<After>,
}

/// What is done after a run; the error says why it could not be.
pub type After = Box<dyn FnOnce() -> Result<(), String> + Send>;

/// How a run begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// With nothing done.
    Anew,
    /// With what an earlier watch had done of it when it ended.
    GoOn,
}

/// Which run it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunKind {
    /// Over a list.
    Fetch,
    /// Along links.
    Crawl,
}

impl RunKind {
    /// As written in a configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Crawl => "crawl",
        }
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").finish_non_exhaustive()
    }
}

impl fmt::Debug for RunWork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunWork").field("kind", &self.kind).finish_non_exhaustive()
    }
}
