//! What goes through the frontier: a job waiting, a lease handed out, a finishing target.

use crate::attempt::Failure;
use crate::target::HostKey;
use crate::time::{Duration, Time};

/// Whether the name of a host must be resolved before it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameNeeded {
    /// It is a name that nobody resolved yet.
    Yes,
    /// An address literal, a pinned name, or the proxy's business.
    No,
}

/// What a lease is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A target of the run.
    Target,
    /// A robots.txt, which goes before the targets that wait for it.
    Rules,
}

/// What a further try costs its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spends {
    /// One of its retries, and one of its host's budget.
    Retry,
    /// Nothing: it was refused by a 429.
    Nothing,
}

/// Whether the source may still bring targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// It is not read to its end.
    More,
    /// Everything was admitted.
    Done,
}

/// Whether a try may be cancelled so that other hosts get its permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withdraw {
    /// The request is safe: sending it again harms nobody.
    Allowed,
    /// It must be left to end by itself.
    Never,
}

/// Whether changes of hosts' clocks are remembered for a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clocks {
    Kept,
    Ignored,
}

/// Whether the hosts have to earn their permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostTrust {
    /// A host without an answer gets few permits, and is parked when it stays silent.
    Earned,
    /// All are alike and none is parked: in a liveness check the failure is the result.
    Given,
    /// The same, and a refusal closes no host either: who asks on a schedule leaves it alone as long
    /// as it wants.
    Scheduled,
}

/// What a try says about its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// A response that is no refusal.
    Answered,
    /// 429.
    RateLimited {
        /// How long the host asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// 503.
    Unavailable {
        /// How long the host asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// No connection: refused, unreachable, timed out, or TLS failed.
    NoConnection,
    /// Connected, and not a byte in time.
    NoAnswer,
    /// Cut off or garbled: the host is alive.
    Broken,
    /// Nothing about the host: a name failed, a policy forbade it, or we stopped.
    Nothing,
}

/// Names one lease; never used twice in a frontier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId {
    pub(super) slot: u32,
    pub(super) turn: u32,
}

/// A target as the frontier keeps it.
#[derive(Debug)]
pub(super) struct Job<P> {
    pub(super) payload: P,
    pub(super) admitted_at: Time,
    pub(super) attempts: u32,
    pub(super) retries_spent: u32,
    pub(super) last_failure: Option<Box<Failure>>,
}

impl<P> Job<P> {
    pub(super) fn new(payload: P, admitted_at: Time) -> Self {
        Self { payload, admitted_at, attempts: 0, retries_spent: 0, last_failure: None }
    }
}

/// One target handed out to be fetched. It holds a permit and a slot of its host until it is
/// given back, by value, to exactly one of `retry`, `hop`, `put_back` or `release`.
#[derive(Debug)]
#[must_use = "a dropped lease holds its permit for ever"]
pub struct Lease<P> {
    pub(super) job: Job<P>,
    pub(super) host: HostKey,
    pub(super) index: u32,
    pub(super) id: LeaseId,
    pub(super) leased_at: Time,
    pub(super) role: Role,
}

impl<P> Lease<P> {
    /// What it is for.
    pub fn role(&self) -> Role {
        self.role
    }

    /// What the engine admitted.
    pub fn payload(&self) -> &P {
        &self.job.payload
    }

    /// What the engine admitted, to be changed (a redirect was followed).
    pub fn payload_mut(&mut self) -> &mut P {
        &mut self.job.payload
    }

    /// The host that is asked.
    pub fn host(&self) -> &HostKey {
        &self.host
    }

    /// Its name among the leases.
    pub fn id(&self) -> LeaseId {
        self.id
    }

    /// Tries handed out for this target, this one included; those put back do not count.
    pub fn attempts(&self) -> u32 {
        self.job.attempts
    }

    /// Tries that spent a retry.
    pub fn retries_spent(&self) -> u32 {
        self.job.retries_spent
    }

    /// When the target came in.
    pub fn admitted_at(&self) -> Time {
        self.job.admitted_at
    }

    /// When this try was handed out.
    pub fn leased_at(&self) -> Time {
        self.leased_at
    }

    /// Keeps why this try failed: what the target ends with if its host is given up before the
    /// next one.
    pub fn remember(&mut self, failure: Failure) {
        self.job.last_failure = Some(Box::new(failure));
    }
}

/// A target without a host slot or permit whose record is being written.
#[derive(Debug)]
#[must_use = "a target that is not settled is lost from the accounts"]
pub struct Finishing<P> {
    pub(super) job: Job<P>,
    pub(super) host: HostKey,
}

impl<P> Finishing<P> {
    /// What the engine admitted.
    pub fn payload(&self) -> &P {
        &self.job.payload
    }

    /// What the engine admitted, to be changed.
    pub fn payload_mut(&mut self) -> &mut P {
        &mut self.job.payload
    }

    /// The host asked last, or that would have been asked.
    pub fn host(&self) -> &HostKey {
        &self.host
    }

    /// Tries made.
    pub fn attempts(&self) -> u32 {
        self.job.attempts
    }

    /// Tries that spent a retry.
    pub fn retries_spent(&self) -> u32 {
        self.job.retries_spent
    }

    /// When the target came in.
    pub fn admitted_at(&self) -> Time {
        self.job.admitted_at
    }
}

impl<P> Finishing<P> {
    /// The payload, to make a record of, apart from what is settled once that is committed.
    pub fn split(self) -> (P, Finishing<()>) {
        let Job { payload, admitted_at, attempts, retries_spent, last_failure } = self.job;
        let job = Job { payload: (), admitted_at, attempts, retries_spent, last_failure };
        (payload, Finishing { job, host: self.host })
    }
}

/// What to do now.
#[derive(Debug)]
pub enum Next<P> {
    /// Fetch this.
    Lease(Lease<P>),
    /// Nothing before this moment, unless a lease is given back, a name resolved or a target
    /// admitted. Then ask `next`, `next_name` and `give_up` again.
    At(Time),
    /// Nothing until a lease is given back, a name resolved or a target admitted.
    Full,
    /// Nothing waits.
    Empty,
}

/// Where the targets are. Every one is in exactly one of these places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All that ever came in.
    pub admitted: u64,
    /// In the queue of a host.
    pub waiting: u64,
    /// Handed out.
    pub leased: u64,
    /// Tried for the last time, or given up, and not yet recorded.
    pub finishing: u64,
    /// Recorded.
    pub settled: u64,
}

impl Counts {
    /// Whether no target is lost or counted twice.
    pub const fn balanced(&self) -> bool {
        self.admitted == self.waiting + self.leased + self.finishing + self.settled
    }
}

/// What happened to a host, for people.
#[derive(Clone, Debug, PartialEq)]
pub enum HostEvent {
    /// Nothing is sent to it before `until`.
    Closed {
        /// The host.
        host: HostKey,
        /// When it is asked again.
        until: Time,
        /// What it said.
        cause: CloseCause,
    },
    /// It is asked again after having been closed.
    Reopened {
        /// The host.
        host: HostKey,
    },
    /// It does not answer: nothing is sent before `until`, then one request.
    Parked {
        /// The host.
        host: HostKey,
        /// When it is probed.
        until: Time,
    },
    /// A parked host answered.
    Revived {
        /// The host.
        host: HostKey,
    },
    /// It is given up: its targets end.
    GivenUp {
        /// The host.
        host: HostKey,
    },
    /// What it seems to bear.
    RateLearned {
        /// The host.
        host: HostKey,
        /// Requests a second.
        per_second: f64,
    },
}

/// What closed a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseCause {
    /// 429.
    RateLimited,
    /// 503 with Retry-After, or three in a row.
    Unavailable,
}

impl HostEvent {
    /// The host it happened to.
    pub const fn host(&self) -> &HostKey {
        match self {
            Self::Closed { host, .. }
            | Self::Reopened { host }
            | Self::Parked { host, .. }
            | Self::Revived { host }
            | Self::GivenUp { host }
            | Self::RateLearned { host, .. } => host,
        }
    }
}
