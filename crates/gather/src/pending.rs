//! A target on its way through the engine, with what earlier tries left behind.

use std::rc::Rc;
use std::time::Instant;

use gather_core::attempt::ChainLink;
use gather_core::{Attempt, Duration, Exchange, Provenance, Target, Time};
use gather_fetch::{Progress, TryState};
use url::Url;

use crate::asker::Asker;
use crate::obey::{ROBOTS_GET, Rules};

/// The frontier's payload. Boxed there: a lease is handed on by value, again and again.
pub(crate) struct Pending {
    pub(crate) target: Target,
    /// What a first try or a hop left behind; most targets never have it.
    pub(crate) past: Option<Box<Past>>,
    /// Who waits for the result; nobody for a target of a list.
    pub(crate) asker: Option<Box<Asker>>,
    /// Whether the intake counts it as outstanding.
    pub(crate) credit: Credit,
    /// Set if it is no target of the run, but the request for a robots.txt.
    pub(crate) rules: Option<Box<Rules>>,
}

/// Whether the intake is owed word that a target has left its host's queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Credit {
    Owed,
    None,
}

/// What earlier tries of a target left behind.
#[derive(Default)]
pub(crate) struct Past {
    /// Where the next try goes on after a redirect.
    pub(crate) url: Option<Url>,
    /// The redirects so far.
    pub(crate) chain: Vec<ChainLink>,
    /// The redirects as they came, where they are to be archived.
    pub(crate) exchanges: Vec<Exchange>,
    /// Where that URL came from.
    pub(crate) from: Provenance,
    /// What is left of the time for one try after a redirect.
    pub(crate) time_left: Option<Duration>,
    /// The last try that was not final.
    pub(crate) last: Option<Box<Attempt>>,
    /// Leases that were only a part of a try, because it went on at another host.
    pub(crate) hops: u32,
    /// Whether it waits to go on with a try that began at another host.
    pub(crate) is_between: bool,
    /// Whether its next try is a retry, to be counted once it is made.
    pub(crate) retries: bool,
    /// Leases in another shard.
    pub(crate) leases_elsewhere: u32,
    /// When it came in, where that was in another shard.
    pub(crate) admitted_at: Option<Time>,
}

impl Pending {
    /// A target of a list.
    pub(crate) fn listed(target: Target) -> Box<Self> {
        Box::new(Self { credit: Credit::Owed, ..Self::bare(target) })
    }

    /// A target that somebody waits for.
    pub(crate) fn asked(target: Target, asker: Asker) -> Box<Self> {
        Box::new(Self { asker: Some(Box::new(asker)), ..Self::bare(target) })
    }

    pub(crate) fn bare(target: Target) -> Self {
        Self { target, past: None, asker: None, credit: Credit::None, rules: None }
    }

    /// Whether whoever asked for it has stopped waiting.
    pub(crate) fn is_unwanted(&self) -> bool {
        self.asker.as_ref().is_some_and(|asker| asker.is_gone())
    }

    /// Tries made by a target that is in flight or has come to its end, when this shard's frontier
    /// counts so many leases.
    pub(crate) fn tries(&self, leases: u32) -> u32 {
        match &self.past {
            Some(past) => (leases + past.leases_elsewhere).saturating_sub(past.hops),
            None => leases,
        }
    }

    /// The exchanges of its redirects at other hosts, before those of its last try.
    pub(crate) fn take_exchanges(&mut self, last: Vec<Exchange>) -> Vec<Exchange> {
        let Some(past) = &mut self.past else { return last };
        let mut all = std::mem::take(&mut past.exchanges);
        all.extend(last);
        all
    }

    /// The same for a target that waits: the try that a redirect divided has begun, too.
    pub(crate) fn tries_waiting(&self, leases: u32) -> u32 {
        let is_between = self.past.as_ref().is_some_and(|past| past.is_between);
        self.tries(leases) + u32::from(is_between)
    }

    /// Where its next try stands when it begins, at `started`.
    pub(crate) fn state(&self, progress: &Rc<Progress>, started: Instant) -> TryState {
        let progress = Rc::clone(progress);
        let started = Some(started);
        let plain_get = self.rules.as_ref().map(|_| ROBOTS_GET);
        match &self.past {
            Some(past) => TryState {
                url: past.url.clone(),
                chain: past.chain.clone(),
                from: past.from.and(self.target.from),
                time_left: past.time_left,
                plain_get,
                progress,
                started,
            },
            // Member by member: a default would allocate a progress.
            None => TryState {
                url: None,
                chain: Vec::new(),
                from: self.target.from,
                time_left: None,
                plain_get,
                progress,
                started,
            },
        }
    }

    /// When it came in; `here` is when it came into this shard.
    pub(crate) fn admitted_at(&self, here: Time) -> Time {
        self.past.as_ref().and_then(|past| past.admitted_at).unwrap_or(here)
    }
}
