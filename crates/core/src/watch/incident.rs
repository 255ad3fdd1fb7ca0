//! What failed together: targets that go down become incidents with what they have in common.

mod factor;
mod judge;
mod keep;

use std::collections::{BTreeMap, BTreeSet};

use super::WatchedNo;
use crate::kind::ErrorKind;
use crate::time::{Duration, Time};

use factor::Table;
pub use factor::{Factor, FactorKind};
pub use keep::Standing;

/// From a target's going down until its incident is told, so that what fails with it is in it.
/// Confirmation took seconds before that, and what is suspect by then counts already.
pub const SETTLE: Duration = Duration::from_secs(5);

/// One thing that happened to an incident.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// It is there, with its first targets and since when each has failed.
    Opened {
        /// Its number.
        id: i64,
        /// Since the first of the failures.
        at: Time,
        /// What the targets have in common.
        factor: Factor,
        /// Why, if at least nine in ten failed for the same reason.
        kind: Option<ErrorKind>,
        /// The targets, and since when they fail.
        targets: Vec<(WatchedNo, Time)>,
    },
    /// More targets.
    Joined {
        /// Its number.
        id: i64,
        /// The targets, and since when they fail.
        targets: Vec<(WatchedNo, Time)>,
    },
    /// Its targets have something else in common, now that there are more.
    Widened {
        /// Its number.
        id: i64,
        /// What they have in common.
        factor: Factor,
    },
    /// It was part of another one all along: its targets are in that one now.
    Absorbed {
        /// Its number.
        id: i64,
        /// The other one's.
        into: i64,
    },
    /// A target is well again, or is not watched any more.
    Left {
        /// Its number.
        id: i64,
        /// The target.
        target: WatchedNo,
        /// When.
        at: Time,
    },
    /// All its targets are well again.
    Closed {
        /// Its number.
        id: i64,
        /// Since when.
        opened: Time,
        /// Until when.
        at: Time,
    },
}

/// What is known of one target.
#[derive(Clone, Debug)]
struct Member {
    /// Numbers of its factors.
    factors: Box<[u32]>,
    last_good: Option<Time>,
    failing: Option<Failing>,
}

/// A target that fails, confirmed or not.
#[derive(Clone, Copy, Debug)]
struct Failing {
    since: Time,
    kind: Option<ErrorKind>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Suspect,
    /// Down, and its incident is to be decided at this moment.
    Waiting(Time),
    /// In the incident of this number.
    In(i64),
}

#[derive(Clone, Debug)]
struct Open {
    opened: Time,
    factor: Factor,
    /// Why, if nearly all failed for the same reason when it opened.
    kind: Option<ErrorKind>,
    /// Those that fail.
    failing: BTreeSet<WatchedNo>,
    /// How many were ever in it.
    targets: u32,
}

/// Joins targets that are down into incidents.
///
/// A **factor** is what several targets share: host, address, network, issuer, resolver, group,
/// job, or that they are watched at all. It explains a failure if at least two of its targets fail
/// and, of those that were checked since the failure began, at least four in five: that is the base
/// rate, so a job of a thousand is not named for two. Of several, the one that explains the most
/// failures is named, and of equals the most specific. An issuer is charged with failures of TLS
/// only, a resolver with those of names only.
///
/// What has nothing in common with others is an incident of its own target.
#[derive(Debug)]
pub struct Correlator {
    members: Vec<Option<Member>>,
    table: Table,
    open: BTreeMap<i64, Open>,
    waiting: BTreeSet<(Time, WatchedNo)>,
    changes: Vec<Change>,
    next_id: i64,
    settle: Duration,
}

impl Correlator {
    /// Without targets. `next_id` is the number of the next incident: above all that ever were.
    /// `settle` is how long to wait for what fails too, usually [`SETTLE`].
    pub fn new(next_id: i64, settle: Duration) -> Self {
        Self {
            members: Vec::new(),
            table: Table::default(),
            open: BTreeMap::new(),
            waiting: BTreeSet::new(),
            changes: Vec::new(),
            next_id,
            settle,
        }
    }

    /// Says what a target shares with others. Called again where that has changed.
    pub fn place(&mut self, target: WatchedNo, factors: &[Factor]) {
        let numbers: Box<[u32]> = factors.iter().map(|factor| self.table.number(factor)).collect();
        let member = self.member(target);
        let before = std::mem::replace(&mut member.factors, numbers.clone());
        for &number in before.iter().filter(|number| !numbers.contains(number)) {
            self.table.leave(number, target);
        }
        for &number in numbers.iter().filter(|number| !before.contains(number)) {
            self.table.join(number, target);
        }
    }

    /// A target is not watched any more: it leaves its incident.
    pub fn forget(&mut self, target: WatchedNo, at: Time) {
        self.end_failing(target, at);
        let member = self.members.get_mut(target.index()).and_then(Option::take);
        for &number in member.iter().flat_map(|member| member.factors.iter()) {
            self.table.leave(number, target);
        }
    }

    /// A target is suspect since `since`.
    pub fn suspect(&mut self, target: WatchedNo, since: Time, kind: Option<ErrorKind>) {
        let failing = &mut self.member(target).failing;
        if failing.is_none() {
            *failing = Some(Failing { since, kind, stage: Stage::Suspect });
        }
    }

    /// A target is down since `since`, as is known at `at`.
    pub fn down(&mut self, target: WatchedNo, since: Time, at: Time, kind: Option<ErrorKind>) {
        let decide_at = at + self.settle;
        let failing = &mut self.member(target).failing;
        if failing.is_some_and(|failing| failing.stage != Stage::Suspect) {
            return;
        }
        *failing = Some(Failing { since, kind, stage: Stage::Waiting(decide_at) });
        self.waiting.insert((decide_at, target));
    }

    /// A check of a target was good, or it is well again. To be called for each good check of a
    /// target that is not down, and when a target that was down no longer is.
    pub fn well(&mut self, target: WatchedNo, at: Time) {
        self.end_failing(target, at);
        self.member(target).last_good = Some(at);
    }

    /// A target was thought to fail, and it was our own network: it leaves its incident, and is
    /// told to nobody if it was not yet.
    pub fn excuse(&mut self, target: WatchedNo, at: Time) {
        if let Some(Failing { stage: Stage::Waiting(decide_at), .. }) = self.failing(target) {
            self.waiting.remove(&(decide_at, target));
            self.member(target).failing = None;
        }
        self.end_failing(target, at);
    }

    /// The incident a target is in.
    pub fn incident_of(&self, target: WatchedNo) -> Option<i64> {
        match self.members.get(target.index())?.as_ref()?.failing?.stage {
            Stage::In(id) => Some(id),
            Stage::Suspect | Stage::Waiting(_) => None,
        }
    }

    /// How many incidents are open.
    pub fn open_incidents(&self) -> usize {
        self.open.len()
    }

    /// When [`turn`](Self::turn) has something to decide.
    pub fn next_at(&self) -> Option<Time> {
        self.waiting.first().map(|&(at, _)| at)
    }

    /// What has happened by `now`, in order. To be called after each batch of checks.
    pub fn turn(&mut self, now: Time) -> Vec<Change> {
        while let Some(&(at, target)) = self.waiting.first()
            && at <= now
        {
            self.decide(target);
        }
        std::mem::take(&mut self.changes)
    }

    fn member(&mut self, target: WatchedNo) -> &mut Member {
        if self.members.len() <= target.index() {
            self.members.resize_with(target.index() + 1, || None);
        }
        self.members[target.index()].get_or_insert_with(|| Member {
            factors: Box::default(),
            last_good: None,
            failing: None,
        })
    }

    fn failing(&self, target: WatchedNo) -> Option<Failing> {
        self.members.get(target.index())?.as_ref()?.failing
    }

    fn end_failing(&mut self, target: WatchedNo, at: Time) {
        // It was down, so people are told, though it is over before what failed with it is known.
        if let Some(Failing { stage: Stage::Waiting(_), .. }) = self.failing(target) {
            self.decide(target);
        }
        let Some(failing) = self.failing(target) else { return };
        self.member(target).failing = None;
        let Stage::In(id) = failing.stage else { return };
        self.changes.push(Change::Left { id, target, at });
        let Some(open) = self.open.get_mut(&id) else { return };
        open.failing.remove(&target);
        if open.failing.is_empty() {
            let opened = open.opened;
            self.open.remove(&id);
            self.changes.push(Change::Closed { id, opened, at });
        }
    }
}

#[cfg(test)]
mod tests;
