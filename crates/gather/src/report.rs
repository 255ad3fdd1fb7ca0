//! What a shard tells of itself while it runs and when it ends.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gather_core::frontier::HostWork;

use crate::live::{HostLive, InFlight};
use crate::redact;
use crate::shard::Shard;
use crate::stall::{Heartbeat, Stall};
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

/// How often each brake was on, beat by beat.
#[derive(Debug, Default)]
pub(crate) struct Brakes {
    /// What stopped the last attempt to start something, since the last beat.
    on: Cell<Option<Brake>>,
    counted: Cell<u32>,
    beats: RefCell<BTreeMap<Brake, u64>>,
}

impl Brakes {
    /// Nothing could be started, because of this.
    pub(crate) fn note(&self, brake: Brake) {
        self.on.set(Some(brake));
    }

    /// Whether more targets of other hosts would help, and not an output that catches up, or time.
    pub(crate) fn is_for_want_of_hosts(&self) -> bool {
        matches!(self.on.get(), Some(Brake::HostConcurrency | Brake::Hosts | Brake::Input))
    }

    /// Counts one beat.
    pub(crate) fn count(&self, output_behind: bool) {
        self.counted.set(self.counted.get().wrapping_add(1));
        let brake = if output_behind { Some(Brake::Output) } else { self.on.get() };
        if let Some(brake) = brake {
            *self.beats.borrow_mut().entry(brake).or_default() += 1;
        }
    }

    /// Beats counted.
    pub(crate) fn counted(&self) -> u32 {
        self.counted.get()
    }

    /// Beats by brake.
    pub(crate) fn beats(&self) -> BTreeMap<Brake, u64> {
        self.beats.borrow().clone()
    }
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

    pub(crate) fn in_flight(&self) -> u32 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).in_flight
    }

    pub(crate) fn read(&self) -> ShardFacts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Hosts shown.
const HOSTS_MAX: usize = 5;
/// Targets in flight longest that are named.
const OLDEST_MAX: usize = 5;

impl Shard {
    /// Leaves an account of this moment.
    pub(crate) fn publish(&self, heartbeat: &Heartbeat) {
        let pool = self.client.stats();
        let tally = &self.tally;
        let oldest = match self.run.wants_names() {
            true => {
                let mut oldest = self.seats.oldest(self.run.clock.now(), OLDEST_MAX);
                oldest
                    .iter_mut()
                    .for_each(|one| redact::text(&mut one.url, &self.run.redact_query));
                oldest
            }
            false => Vec::new(),
        };
        self.report.publish(ShardFacts {
            in_flight: tally.in_flight.get(),
            peak: tally.peak.get(),
            requests: tally.requests.get(),
            retries: tally.retries.get(),
            rate_limited: tally.rate_limited.get(),
            given_up: tally.given_up.get(),
            descriptor_refusals: tally.descriptor_refusals.get(),
            connections_opened: pool.opened,
            connections_reused: pool.reused,
            trying: tally.trying.get(),
            busy: heartbeat.busy(),
            stall: heartbeat.longest(),
            brakes: self.brakes.beats(),
            troubles: self.troubles.borrow().clone(),
            hosts: self.busiest_hosts(),
            oldest,
        });
    }

    fn busiest_hosts(&self) -> Vec<HostLive> {
        let now = self.run.clock.now();
        let troubles = self.troubles.borrow();
        let busiest = self.frontier.borrow().busiest(HOSTS_MAX, now);
        let live = |work: HostWork| {
            let trouble = troubles.get(&work.host);
            let interval = work.interval.as_secs_f64();
            let paced = (interval > 0.0).then(|| 1.0 / interval);
            let per_second_max = paced.or_else(|| trouble?.learned_per_second);
            let left = work.held_until.map(|until| until.since(now).as_secs_f64());
            let held = left.and_then(|left| Some(format!("{} for {left:.1} s", trouble?.held()?)));
            HostLive {
                host: work.host.to_string(),
                waiting: work.waiting,
                in_flight: work.in_flight,
                held: held.or_else(|| per_second_max.map(|rate| format!("at most {rate:.1}/s"))),
                per_second_max,
            }
        };
        busiest.into_iter().map(live).collect()
    }
}
