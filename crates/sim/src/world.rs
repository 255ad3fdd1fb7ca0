//! What is simulated: hosts, their targets, the settings of a run; and what it came to.

#[cfg(test)]
use std::collections::BTreeMap;

use gather_core::frontier::{HostEvent, HostTrust, LeaseId};
use gather_core::{Config, Duration, ErrorKind, Time};

use crate::disk::Disk;
use crate::run::Run;
use crate::server::Server;

/// One host of the world.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) server: Server,
    /// To the server and back, in milliseconds: from and to.
    pub(crate) latency: (f64, f64),
    /// The part of the latency before the server decides; the rest comes after it.
    pub(crate) way: f64,
    /// Its name is looked up, which takes so long and fails so.
    pub(crate) name: Option<(Duration, Option<ErrorKind>)>,
    /// The site that its robots.txt is redirected to.
    pub(crate) robots_at: Option<usize>,
}

impl Site {
    pub(crate) fn new(server: Server, latency_ms: f64) -> Self {
        let latency = (latency_ms, latency_ms);
        Self { server, latency, way: 0.5, name: None, robots_at: None }
    }
}

/// What happens in the world.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    Arrival(LeaseId, usize),
    Response(LeaseId),
    Named(usize),
    /// The record of this target is written, where there is no disk.
    Recorded(usize),
    /// It is time for a group of records to be committed.
    Commit,
    /// The disk has taken a group.
    Committed,
}

/// What a run came to.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) outcomes: Vec<Option<(String, Time)>>,
    pub(crate) requests: u64,
    pub(crate) host_requests: Vec<u64>,
    pub(crate) given_up: u64,
    pub(crate) events: Vec<HostEvent>,
    pub(crate) ended_at: Time,
    pub(crate) host_in_flight_max: Vec<u32>,
    pub(crate) host_gap_min: Vec<Duration>,
    /// How often it was killed, or its disk failed.
    pub(crate) crashes: u32,
    /// Requests that went out again for that.
    pub(crate) repeated: u64,
}

impl Report {
    #[cfg(test)]
    pub(crate) fn seconds(&self) -> f64 {
        self.ended_at.as_nanos() as f64 / 1e9
    }

    /// When the last (or first) of these targets ended, in seconds.
    #[cfg(test)]
    pub(crate) fn last(&self, range: impl Iterator<Item = usize>) -> f64 {
        range.map(|n| self.at(n)).fold(0.0, f64::max)
    }

    #[cfg(test)]
    pub(crate) fn first(&self, range: impl Iterator<Item = usize>) -> f64 {
        range.map(|n| self.at(n)).fold(f64::INFINITY, f64::min)
    }

    #[cfg(test)]
    pub(crate) fn count(&self, outcome: &str) -> usize {
        self.outcomes.iter().flatten().filter(|(told, _)| told == outcome).count()
    }

    #[cfg(test)]
    pub(crate) fn told(&self) -> String {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for (outcome, _) in self.outcomes.iter().flatten() {
            *counts.entry(outcome).or_default() += 1;
        }
        counts.iter().map(|(k, v)| format!("{k} {v}")).collect::<Vec<_>>().join(", ")
    }

    #[cfg(test)]
    fn at(&self, n: usize) -> f64 {
        self.outcomes[n].as_ref().expect("every target ended").1.as_nanos() as f64 / 1e9
    }
}

/// A run to be simulated.
pub(crate) struct World {
    pub(crate) config: Config,
    pub(crate) sites: Vec<Site>,
    /// Targets, by their site.
    pub(crate) targets: Vec<usize>,
    /// At most so many wait in the frontier before more are read.
    pub(crate) window: usize,
    /// Records take up to this long to be written.
    pub(crate) record_ms_max: u64,
    /// Permits change at random.
    pub(crate) shaky_permits: bool,
    pub(crate) trust: HostTrust,
    pub(crate) seed: u64,
    /// Whether some targets are asked for by POST: [`is_post`].
    pub(crate) has_posts: bool,
    /// Where records and the journal go, if they do.
    pub(crate) disk: Option<Disk>,
}

impl World {
    pub(crate) fn new(config: Config, seed: u64) -> Self {
        let config = Config { seed, ..config };
        Self {
            config,
            sites: Vec::new(),
            targets: Vec::new(),
            window: usize::MAX,
            record_ms_max: 0,
            shaky_permits: false,
            trust: HostTrust::Earned,
            seed,
            has_posts: false,
            disk: None,
        }
    }

    /// Adds `hosts` alike and returns their numbers.
    pub(crate) fn add(&mut self, hosts: usize, site: &Site) -> std::ops::Range<usize> {
        let first = self.sites.len();
        self.sites.resize(first + hosts, site.clone());
        first..first + hosts
    }

    /// Runs it to its end, in as many lives as that takes.
    pub(crate) fn run(self) -> Report {
        let mut run = Run::new(self);
        while let Ended::Crashed = run.go_on_to_the_end() {
            run = run.again();
        }
        run.finish()
    }

    /// Whether a target is asked for by POST, which must not be repeated.
    pub(crate) fn is_post(&self, n: usize) -> bool {
        self.has_posts && n < self.targets.len() && is_post(n)
    }
}

/// Every fifth is, where some are.
pub(crate) fn is_post(n: usize) -> bool {
    n % 5 == 4
}

/// How a life of a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// All is done.
    Whole,
    /// It was killed, the power was cut, or the disk failed.
    Crashed,
}
