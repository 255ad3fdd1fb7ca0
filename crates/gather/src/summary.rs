//! What a run did, counted: the closing summary, for people and as JSON.

use std::collections::BTreeMap;

use serde::Serialize;

/// How a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Ended {
    /// Every input has its record.
    #[default]
    Finished,
    /// It was finished before, and there was nothing left to go on with.
    FinishedBefore,
    /// `fail_fast`: the rest was cancelled, each with its record.
    FailFast,
    /// `max_failures`: the rest was cancelled, each with its record.
    MaxFailures,
    /// The deadline passed; what was not finished is pending and has no record.
    Deadline,
    /// Every output was closed by its reader (`| head`); what was not finished is pending.
    OutputClosed,
    /// Stopped from outside; what was not finished is pending and has no record.
    Stopped,
}

/// What the cache of a run did, in records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CacheCounts {
    /// Answers that their server confirmed (304).
    pub revalidated: u64,
    /// Answers that were fresh, so that nothing was asked.
    pub fresh: u64,
    /// Answers that came and are stored from now on.
    pub stored: u64,
    /// Bodies that are the same as before, however that was found out.
    pub unchanged: u64,
}

/// What a crawl passed over, beside the pages it found. Of a run that went on, since then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CrawlCounts {
    /// Pages that were not fetched since there are too many like them.
    pub trapped: u64,
    /// Pages found and left out by a limit on pages or bytes.
    pub left_out: u64,
    /// Pages that name another one as canonical; their links were not followed.
    pub duplicates: u64,
    /// Links that lead out of the scope, or that alone show a trap.
    pub links_outside: u64,
    /// Links not followed for `nofollow`.
    pub links_nofollow: u64,
    /// Sitemaps read, indexes included.
    pub sitemaps: u64,
}

/// The closing account of a run. Times are seconds.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// How it ended.
    pub ended: Ended,
    /// Inputs read. `inputs == ok + failed + skipped + pending`, or the run is defective.
    pub inputs: u64,
    /// Targets with an accepted answer.
    pub ok: u64,
    /// Targets without one.
    pub failed: u64,
    /// Targets never tried, or given up on purpose.
    pub skipped: u64,
    /// Of the inputs, those that had their record before this run went on. They are part of all
    /// sums over records; pace, traffic and machine are those of this part of the run.
    pub done_before: u64,
    /// Inputs read but left without a record by a deadline or a signal.
    pub pending: u64,
    /// Failed and skipped targets by error kind.
    pub by_kind: BTreeMap<&'static str, u64>,
    /// Finished targets by status code.
    pub by_status: BTreeMap<u16, u64>,
    /// Targets that were not asked, since an equal request was; part of all sums over records.
    pub repeats: u64,
    /// What the cache did; all zero without one.
    pub cache: CacheCounts,
    /// What a crawl passed over; nothing where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crawl: Option<CrawlCounts>,
    /// Wall time of the run.
    pub wall: f64,
    /// Concurrency asked for, and what the machine allowed.
    pub concurrency: Concurrency,
    /// What the same tries would have taken one by one.
    pub one_by_one: f64,
    /// `one_by_one / wall`.
    pub speedup: f64,
    /// Distribution of `time_total` over tried targets.
    pub time_total: Percentiles,
    /// HTTP tries sent, retries and given-up probes included.
    pub requests: u64,
    /// Tries beyond the first that a failure caused.
    pub retries: u64,
    /// Answers with status 429.
    pub rate_limited: u64,
    /// Tries withdrawn from a silent host in favour of hosts that answer.
    pub given_up: u64,
    /// Times the system refused a descriptor or a port; each was waited out.
    pub descriptor_refusals: u64,
    /// Connections opened.
    pub connections_opened: u64,
    /// Requests sent over a connection that had served another.
    pub connections_reused: u64,
    /// Bytes of bodies received.
    pub body_bytes: u64,
    /// The most bytes of bodies that were in memory at once; 0 if none was kept.
    pub bodies_bytes_max: u64,
    /// Hosts that were closed or parked, the longest first; at most 20.
    pub hosts: Vec<HostTrouble>,
    /// How many hosts were closed or parked in all.
    pub hosts_in_trouble: u64,
    /// What bound the run's time, and what would lift it.
    pub bound: Bound,
    /// The longest time an event loop did not turn.
    pub loop_stall: LoopStall,
    /// Peak resident memory of the process, in bytes; 0 where the system does not tell.
    pub peak_memory_bytes: u64,
}

/// Concurrency: asked for, allowed and reached.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Concurrency {
    /// As configured.
    pub asked: u32,
    /// What the descriptor limit left of it.
    pub allowed: u32,
    /// Mean number of requests in flight over the run.
    pub mean: f64,
    /// Most requests in flight at once.
    pub peak: u32,
}

/// A distribution, in seconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Percentiles {
    /// Half took at most this.
    pub p50: f64,
    /// Nine in ten.
    pub p90: f64,
    /// 95 in a hundred.
    pub p95: f64,
    /// 99 in a hundred.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

/// What one host kept the run waiting for.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct HostTrouble {
    /// Scheme, host and port.
    pub host: String,
    /// Times it was closed after 429 or 503.
    pub closed: u32,
    /// For how long in all.
    pub closed_for: f64,
    /// Times it was parked as dead.
    pub parked: u32,
    /// For how long in all.
    pub parked_for: f64,
    /// The rate it was found to bear, in requests a second.
    pub learned_rate: Option<f64>,
}

/// What bound the run's time.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Bound {
    /// A short name: `concurrency`, `host_concurrency`, `host_rate`, `rate`, `host_refusals`,
    /// `dead_hosts`, `input`, `output`, `cpu` or `latency`.
    pub by: &'static str,
    /// For people: what it was, and what would lift it.
    pub message: String,
}

/// The longest time between two turns of an event loop, beyond what was due.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct LoopStall {
    /// By the loop thread's own CPU clock: what our code did in one go.
    pub cpu: f64,
    /// By the wall clock: includes what other processes took.
    pub wall: f64,
}
