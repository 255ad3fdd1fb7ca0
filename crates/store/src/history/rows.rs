//! What a watch gives to its history: jobs, targets, states, and one batch of all that happened.

use std::path::PathBuf;

use gather_core::ErrorKind;
use gather_core::time::{Duration, Time};
use gather_core::watch::{Check, Missed, State, WatchedNo};

use super::evidence::Evidence;
use super::incident::Incident;
use super::notice::Notice;
use crate::sink::DatabaseUrl;

/// Where a history is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryPlace {
    /// A SQLite file; made if it does not exist. Its directory must.
    Sqlite(PathBuf),
    /// A PostgreSQL database. `?schema=NAME` chooses the schema.
    Postgres(DatabaseUrl),
}

impl std::fmt::Display for HistoryPlace {
    /// As messages name it: without a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// Each target is checked in slots of its own.
    Liveness,
    /// A list is fetched as a run.
    Fetch,
    /// A site is crawled as a run.
    Crawl,
}

impl JobKind {
    /// As written in `gather.toml`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Liveness => "liveness",
            Self::Fetch => "fetch",
            Self::Crawl => "crawl",
        }
    }

    pub(super) fn from_name(name: &str) -> Self {
        match name {
            "fetch" => Self::Fetch,
            "crawl" => Self::Crawl,
            _ => Self::Liveness,
        }
    }
}

/// A job, as its configuration has it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRow {
    /// Its name: unique.
    pub name: Box<str>,
    /// What it does.
    pub kind: JobKind,
    /// Its schedule as people read it: `every 1m`, `cron 0 6 * * * Europe/Berlin`.
    pub schedule: Box<str>,
    /// How long a check speaks for its target when no other follows: one interval, or the longest
    /// distance between two slots. After that there is no data.
    pub speaks_for: Duration,
}

/// A target, as its job has it now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetRow {
    /// A stable hash of what it is (job, name or URL, method, body): it is known again by this.
    pub key: u64,
    /// As people call it.
    pub name: Box<str>,
    /// Its URL, redacted.
    pub url: Box<str>,
    /// Its group; empty for none.
    pub group: Box<str>,
    /// Its tags, name and value.
    pub tags: Vec<(Box<str>, Box<str>)>,
}

/// What became of a job's targets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registered {
    /// The number of each target, in the order given. Two of one key have one number.
    pub numbers: Vec<WatchedNo>,
    /// Those that were not there before this call, never or no more. The latter keep their history.
    pub new: Vec<WatchedNo>,
    /// Those that are there no more. They keep their history.
    pub gone: Vec<WatchedNo>,
}

/// What is remembered of a target's state: written only when it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredState {
    /// The state.
    pub state: State,
    /// Since when.
    pub since: Time,
    /// The state machine, as numbers; empty for one that has seen nothing. At most
    /// [`MACHINE_PARTS_MAX`](super::MACHINE_PARTS_MAX).
    pub machine: Box<[u64]>,
    /// The open incident it belongs to.
    pub incident: Option<i64>,
    /// Why it is as it is, for people; none where it is up.
    pub reason: Option<Box<str>>,
    /// The kind of failure behind it.
    pub kind: Option<ErrorKind>,
    /// The status of the response behind it; 0 if there was none.
    pub status_code: u16,
    /// Whether it changes too often to say.
    pub flapping: Flapping,
    /// Whether a maintenance window is open for it.
    pub maintenance: Upkeep,
}

/// Whether a target changes its state too often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flapping {
    /// It does not.
    #[default]
    No,
    /// It does.
    Yes,
}

/// Whether a maintenance window is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Upkeep {
    /// None is.
    #[default]
    None,
    /// One is.
    Open,
}

impl Default for StoredState {
    fn default() -> Self {
        Self {
            state: State::Unknown,
            since: Time::ZERO,
            machine: Box::default(),
            incident: None,
            reason: None,
            kind: None,
            status_code: 0,
            flapping: Flapping::No,
            maintenance: Upkeep::None,
        }
    }
}

/// A maintenance window that opened, or whose end is known better: uptime is not counted in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaintenanceSpan {
    /// Whom it covers.
    pub covers: Covers,
    /// Its begin.
    pub from: Time,
    /// Its end. A span of the same cover and begin that was given before is replaced.
    pub until: Time,
    /// For people.
    pub why: Box<str>,
}

/// Whom a maintenance window covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Covers {
    /// Every target.
    Everything,
    /// The targets of a job.
    Job(Box<str>),
    /// One target.
    Target(WatchedNo),
}

/// The value of a field of a target, as a run extracted it.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueRow {
    /// The target.
    pub target: WatchedNo,
    /// The field's name.
    pub field: Box<str>,
    /// The value as text; `None` where the rule matched no more. At most
    /// [`VALUE_BYTES_MAX`](super::VALUE_BYTES_MAX), the rest is cut off.
    pub value: Option<Box<str>>,
    /// The value as a number, if it is one: for charts.
    pub number: Option<f64>,
    /// When it was seen.
    pub at: Time,
}

/// How a run of a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunEnd {
    /// It goes on.
    Running,
    /// All its targets have their record.
    Finished,
    /// It was stopped before its end, and may go on.
    Stopped,
    /// Our own side failed.
    Failed,
}

impl RunEnd {
    /// As written in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }

    pub(super) fn from_name(name: &str) -> Self {
        match name {
            "finished" => Self::Finished,
            "stopped" => Self::Stopped,
            "failed" => Self::Failed,
            _ => Self::Running,
        }
    }
}

/// A run of a job, at its begin, its end or in between: written again in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// The job's name.
    pub job: Box<str>,
    /// The run's name, as in its outputs.
    pub run: Box<str>,
    /// The slot it is the run of.
    pub due: Time,
    /// When it began.
    pub started: Time,
    /// When it ended.
    pub ended: Option<Time>,
    /// How.
    pub end: RunEnd,
    /// Records with a good answer.
    pub ok: u64,
    /// Records of failures.
    pub failed: u64,
    /// Records of what was not tried.
    pub skipped: u64,
    /// Values that changed.
    pub changes: u64,
    /// For people: what went wrong.
    pub message: Option<Box<str>>,
}

/// All that happened since the last batch: written in one transaction.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Checks, in any order. Of moments whole milliseconds are kept, and of durations at least
    /// eight binary digits (an error of 0.4 % at most).
    pub checks: Vec<Check>,
    /// Slots without a check, as spans.
    pub missed: Vec<Missed>,
    /// States that changed; of several of one target the last counts.
    pub states: Vec<(WatchedNo, StoredState)>,
    /// First failures and last good answers.
    pub evidence: Vec<Evidence>,
    /// Incidents that opened, changed or closed, with what is new in their timelines.
    pub incidents: Vec<Incident>,
    /// Notices to deliver. Those whose key is known are left as they are.
    pub notices: Vec<Notice>,
    /// Values of fields.
    pub values: Vec<ValueRow>,
    /// Runs of jobs.
    pub runs: Vec<RunRow>,
    /// Maintenance windows.
    pub maintenance: Vec<MaintenanceSpan>,
    /// All slots due before it are in the history, with this batch. It never goes back.
    pub accounted_until: Time,
    /// Now: what the status page shows as the last moment written.
    pub at: Time,
}
