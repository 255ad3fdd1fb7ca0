//! What a shard counts besides its records; read when it ends, and for progress.

use std::cell::Cell;
use std::collections::HashMap;
use std::time::Duration;

use gather_core::frontier::HostEvent;
use gather_core::{HostKey, Time};

/// Counters of one shard.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) requests: Cell<u64>,
    pub(crate) retries: Cell<u64>,
    pub(crate) rate_limited: Cell<u64>,
    pub(crate) given_up: Cell<u64>,
    pub(crate) descriptor_refusals: Cell<u64>,
    pub(crate) in_flight: Cell<u32>,
    pub(crate) peak: Cell<u32>,
    /// Sum of the time of all tries.
    pub(crate) trying: Cell<Duration>,
}

impl Tally {
    /// A try starts.
    pub(crate) fn start_try(&self) {
        add(&self.requests, 1);
        self.in_flight.set(self.in_flight.get() + 1);
        self.peak.set(self.peak.get().max(self.in_flight.get()));
    }

    /// A try ends, `took` after its start.
    pub(crate) fn end_try(&self, took: Duration) {
        self.in_flight.set(self.in_flight.get() - 1);
        self.trying.set(self.trying.get() + took);
    }
}

/// Adds to a counter.
pub(crate) fn add(counter: &Cell<u64>, count: u64) {
    counter.set(counter.get() + count);
}

/// Hosts remembered one by one; further ones are only counted.
const TROUBLES_MAX: usize = 1_000;

/// What hosts that were closed or parked cost, host by host.
#[derive(Clone, Debug, Default)]
pub(crate) struct Troubles {
    by_host: HashMap<HostKey, Trouble>,
    beyond: u64,
}

/// One host's trouble.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Trouble {
    pub(crate) closed: u32,
    pub(crate) closed_for: Duration,
    pub(crate) parked: u32,
    pub(crate) parked_for: Duration,
    pub(crate) learned_per_second: Option<f64>,
    since: Option<(Held, Time)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Closed,
    Parked,
}

impl Trouble {
    fn let_go(&mut self, now: Time) {
        match self.since.take() {
            Some((Held::Closed, since)) => self.closed_for += now.since(since),
            Some((Held::Parked, since)) => self.parked_for += now.since(since),
            None => {}
        }
    }

    /// Why the host is held up at this moment.
    pub(crate) fn held(&self) -> Option<&'static str> {
        self.since.map(|(held, _)| match held {
            Held::Closed => "closed after a refusal",
            Held::Parked => "parked, as it does not answer,",
        })
    }
}

impl Troubles {
    /// Takes one event of the frontier into the account.
    pub(crate) fn note(&mut self, event: HostEvent, now: Time) {
        let host = event.host().clone();
        if !self.by_host.contains_key(&host) && self.by_host.len() >= TROUBLES_MAX {
            self.beyond += 1;
            return;
        }
        let trouble = self.by_host.entry(host).or_default();
        match event {
            HostEvent::Closed { .. } => {
                trouble.let_go(now);
                trouble.closed += 1;
                trouble.since = Some((Held::Closed, now));
            }
            HostEvent::Parked { .. } => {
                trouble.let_go(now);
                trouble.parked += 1;
                trouble.since = Some((Held::Parked, now));
            }
            // A host that is given up keeps nobody waiting any more.
            HostEvent::Reopened { .. } | HostEvent::Revived { .. } | HostEvent::GivenUp { .. } => {
                trouble.let_go(now);
            }
            HostEvent::RateLearned { per_second, .. } => {
                trouble.learned_per_second = Some(per_second);
            }
        }
    }

    /// Ends what is still going on.
    pub(crate) fn close(&mut self, now: Time) {
        self.by_host.values_mut().for_each(|trouble| trouble.let_go(now));
    }

    pub(crate) fn get(&self, host: &HostKey) -> Option<&Trouble> {
        self.by_host.get(host)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&HostKey, &Trouble)> {
        self.by_host.iter()
    }

    /// Hosts in trouble, the ones not remembered included.
    pub(crate) fn count(&self) -> u64 {
        self.by_host.len() as u64 + self.beyond
    }
}
