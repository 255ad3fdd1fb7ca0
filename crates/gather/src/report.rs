//! What a shard tells of itself while it runs and when it ends.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::live::{HostLive, InFlight};
use crate::stall::Stall;
use crate::tally::Troubles;

/// What held a shard's requests back at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Brake {
    /// Every permit was in use.
    Concurrency,
    /// Hosts with work had all that one host may have.
    HostConcurrency,
    /// The global rate.
    Rate,
    /// Hosts' intervals, closed or parked hosts, or backoffs.
    Hosts,
    /// Nothing waited: the source was not read on quickly enough.
    Input,
    /// The writer was behind.
    Output,
    /// Nothing waited and nothing was left to read: the last answers.
    Latency,
}

/// A shard's account of itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct ShardFacts {
    pub(crate) in_flight: u32,
    pub(crate) peak: u32,
    pub(crate) requests: u64,
    pub(crate) retries: u64,
    pub(crate) rate_limited: u64,
    pub(crate) given_up: u64,
    pub(crate) descriptor_refusals: u64,
    pub(crate) connections_opened: u64,
    pub(crate) connections_reused: u64,
    /// Sum of the time of all tries.
    pub(crate) trying: Duration,
    /// CPU time of the loop's thread.
    pub(crate) busy: Duration,
    pub(crate) stall: Stall,
    pub(crate) brakes: BTreeMap<Brake, u64>,
    pub(crate) troubles: Troubles,
    pub(crate) hosts: Vec<HostLive>,
    pub(crate) oldest: Vec<InFlight>,
}

/// Where a shard leaves its account for others to read.
#[derive(Debug, Default)]
pub(crate) struct ShardReport(Mutex<ShardFacts>);

impl ShardReport {
    pub(crate) fn publish(&self, facts: ShardFacts) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = facts;
    }

    pub(crate) fn read(&self) -> ShardFacts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
