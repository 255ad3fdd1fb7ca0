//! What goes wrong, seen together: states counted, failures become incidents, incidents notices.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use gather_core::time::{Duration, Time};
use gather_core::watch::{
    Correlator, Factor, FactorKind, Network, SETTLE, State, Transition, WatchedNo,
};
use gather_core::{ErrorKind, Finding, HostKey, Record};
use gather_store::history::{
    Batch, Event, EventKind, Flapping, Incident, Known, Outbox, Silence, StoredState,
};

use super::spec::Canary;
use super::tell;
use crate::alerts::Planner;

/// Our own network, silences, incidents, and who is told of them.
pub(crate) struct Outages {
    counts: [u64; State::ALL.len()],
    /// What the history knew of each target when the watch started, until it is watched.
    stored: HashMap<WatchedNo, StoredState>,
    /// The last slot that the history has of each target, where that is later than `accounted`.
    last_slots: HashMap<WatchedNo, Time>,
    /// All slots before it are in the history.
    accounted: Option<Time>,
    pub(super) network: Network,
    pub(super) planner: Planner,
    pub(super) silences: Vec<Silence>,
    /// Until when a job is under maintenance.
    pub(super) maintenance: HashMap<Box<str>, Time>,
    /// Targets that change too often to say, by job and name.
    pub(super) flapping: HashSet<(Box<str>, Box<str>)>,
    pub(super) correlator: Correlator,
    pub(super) incidents: HashMap<i64, Open>,
    /// Targets that were told to be degraded and have not been well since: who, and since when.
    degraded: HashMap<WatchedNo, (Whom, Time)>,
    /// Targets that became degraded since the last turn.
    degrading: Vec<(WatchedNo, Whom, Event)>,
    /// Targets that are down, and why.
    pub(super) failing: HashMap<WatchedNo, (Whom, Wrong)>,
    /// Asked who was told of what is still wrong, until all lists were read.
    outbox: Option<RefCell<Outbox>>,
    /// Where the status page is.
    pub(super) page: Option<Box<str>>,
}

/// What moments in the history are rounded down to.
const ROUNDED: Duration = Duration::from_millis(1);

/// An incident that goes on.
pub(super) struct Open {
    pub(super) incident: Incident,
    /// What was told of it last.
    pub(super) event: Event,
}

/// What the history knew.
pub(crate) struct Before {
    pub(crate) states: Vec<(WatchedNo, StoredState)>,
    pub(crate) last_slots: Vec<(WatchedNo, Time)>,
    pub(crate) accounted: Option<Time>,
    pub(crate) last_incident: i64,
    pub(crate) silences: Vec<Silence>,
}

/// Who a target is, as notices name it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Whom {
    pub(crate) job: Box<str>,
    pub(crate) name: Box<str>,
    pub(crate) url: Box<str>,
    pub(crate) group: Box<str>,
    pub(crate) tags: Vec<(Box<str>, Box<str>)>,
}

/// Where a target is asked.
#[derive(Clone, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) host: &'a HostKey,
    pub(crate) address: Option<IpAddr>,
    pub(crate) issuer: Option<&'a str>,
    /// Who is asked for its name; none where it has an address instead.
    pub(crate) resolver: Option<String>,
}

/// What is wrong with a target.
#[derive(Clone, Debug)]
pub(crate) struct Wrong {
    pub(crate) reason: Box<str>,
    pub(crate) kind: Option<ErrorKind>,
    pub(crate) status_code: u16,
}

impl Wrong {
    pub(crate) fn of(finding: &Finding, record: &Record) -> Self {
        Self {
            reason: finding.reason.clone().unwrap_or_default(),
            kind: record.outcome.error().map(|error| error.kind),
            status_code: record.status_code,
        }
    }
}

impl Outages {
    pub(crate) fn new(
        before: Before,
        planner: Planner,
        outbox: Outbox,
        page: Option<Box<str>>,
    ) -> Self {
        Self {
            counts: [0; State::ALL.len()],
            stored: before.states.into_iter().collect(),
            last_slots: before.last_slots.into_iter().collect(),
            accounted: before.accounted,
            network: Network::default(),
            planner,
            silences: before.silences,
            maintenance: HashMap::new(),
            flapping: HashSet::new(),
            correlator: Correlator::new(before.last_incident + 1, SETTLE),
            incidents: HashMap::new(),
            degraded: HashMap::new(),
            degrading: Vec::new(),
            failing: HashMap::new(),
            outbox: Some(RefCell::new(outbox)),
            page,
        }
    }

    /// Targets by state.
    pub(crate) fn counts(&self) -> &[u64; State::ALL.len()] {
        &self.counts
    }

    /// Incidents that go on.
    pub(crate) fn open(&self) -> usize {
        self.incidents.len()
    }

    /// A target has another state, is watched from here on, or is no more.
    pub(crate) fn counted(&mut self, from: Option<State>, to: Option<State>) {
        if let Some(from) = from {
            self.counts[from as usize] -= 1;
        }
        if let Some(to) = to {
            self.counts[to as usize] += 1;
        }
    }

    /// What was known of a target before the watch started; told once.
    pub(crate) fn remembered(&mut self, target: WatchedNo) -> Option<StoredState> {
        self.stored.remove(&target)
    }

    /// Until when the slots of a target are in the history, if it was watched before.
    pub(crate) fn checked_until(&mut self, target: WatchedNo) -> Option<Time> {
        let accounted = self.accounted?;
        // Slots before it are there; the one at that very moment is not.
        let before = accounted - Duration::from_nanos(1);
        // The history keeps whole milliseconds: a slot came up to one later than it says.
        let last =
            self.last_slots.remove(&target).map(|last| last + ROUNDED - Duration::from_nanos(1));
        Some(last.map_or(before, |last| last.max(before)))
    }

    /// Other silences are in force.
    pub(crate) fn set_silences(&mut self, silences: Vec<Silence>) {
        self.silences = silences;
    }

    /// What a target shares with others, as far as it is known.
    pub(super) fn place(&mut self, target: WatchedNo, whom: &Whom, place: &Place<'_>) {
        let mut factors = vec![
            Factor::new(FactorKind::Host, place.host.as_str()),
            Factor::new(FactorKind::Job, &whom.job),
            Factor::new(FactorKind::Everything, ""),
        ];
        if !whom.group.is_empty() {
            factors.push(Factor::new(FactorKind::Group, &whom.group));
        }
        let asked = place.resolver.as_deref().map(|asked| Factor::new(FactorKind::Resolver, asked));
        let signed = place.issuer.map(|issuer| Factor::new(FactorKind::Issuer, issuer));
        factors.extend(asked.into_iter().chain(signed));
        factors.extend(place.address.into_iter().flat_map(Factor::of_address));
        self.correlator.place(target, &factors);
    }

    /// A good answer of a target that is not down.
    pub(super) fn good(&mut self, target: WatchedNo, at: Time) {
        self.correlator.well(target, at);
    }

    /// A target is watched no more.
    pub(super) fn forget(&mut self, target: WatchedNo, at: Time, batch: &mut Batch) {
        self.correlator.forget(target, at);
        self.degrading.retain(|(other, ..)| *other != target);
        if let Some((whom, since)) = self.degraded.remove(&target) {
            self.degraded_no_more(&whom, since, at, "it is watched no more", batch);
        }
    }

    /// A target has another state: what that means for incidents and notices.
    pub(super) fn changed(
        &mut self,
        target: WatchedNo,
        whom: &Whom,
        wrong: &Wrong,
        change: &Transition,
        batch: &mut Batch,
    ) {
        match change.to {
            State::Suspect => self.correlator.suspect(target, change.since, wrong.kind),
            State::Down => {
                self.failing.insert(target, (whom.clone(), wrong.clone()));
                self.correlator.down(target, change.since, change.at, wrong.kind);
            }
            State::Unknown => self.correlator.excuse(target, change.at),
            State::Up | State::Degraded | State::Limited => {
                self.correlator.well(target, change.at);
            }
        }
        self.weigh_degraded(target, whom, wrong, change, batch);
    }

    /// Who is told that a target is degraded is told when it is well again, whatever lies between.
    fn weigh_degraded(
        &mut self,
        target: WatchedNo,
        whom: &Whom,
        wrong: &Wrong,
        change: &Transition,
        batch: &mut Batch,
    ) {
        match change.to {
            State::Degraded => {
                let event = tell::degraded(whom, wrong, change);
                self.degrading.push((target, whom.clone(), event));
            }
            State::Up => {
                self.degrading.retain(|(other, ..)| *other != target);
                if let Some((whom, since)) = self.degraded.remove(&target) {
                    self.degraded_no_more(&whom, since, change.since, "", batch);
                }
            }
            _ => {}
        }
    }

    /// Tells who is degraded since the last turn, once the incidents have ended that ended with it.
    pub(super) fn degraded_turn(&mut self, now: Time, batch: &mut Batch) {
        for (target, whom, event) in std::mem::take(&mut self.degrading) {
            if !self.degraded.contains_key(&target) || !self.planner.goes_on(&event) {
                self.degraded.insert(target, (whom, event.since));
                self.happened(event, now, batch);
            }
        }
    }

    /// What was wrong with a target when the watch ended, and is part of no incident: one that is down
    /// becomes part of one; of one that is degraded, who was told of it is told of its end.
    pub(super) fn still_wrong(
        &mut self,
        target: WatchedNo,
        whom: &Whom,
        state: State,
        wrong: Wrong,
        since: Time,
        now: Time,
    ) {
        match state {
            State::Down => {
                let kind = wrong.kind;
                self.failing.insert(target, (whom.clone(), wrong));
                self.correlator.down(target, since, now, kind);
            }
            State::Degraded => {
                self.degraded.insert(target, (whom.clone(), since));
                let mut event = tell::of(whom, EventKind::Degraded, State::Degraded, now);
                event.since = since;
                event.reason = wrong.reason;
                self.resume(event, now);
            }
            _ => {}
        }
    }

    /// Who was told of an event before the watch started is told of its end, and not of it again.
    pub(super) fn resume(&mut self, event: Event, now: Time) {
        let Some(outbox) = &self.outbox else { return };
        self.planner.resume(event, now, &|key| {
            outbox.borrow_mut().knows(key).is_ok_and(|known| known == Known::Yes)
        });
    }

    /// Incidents of which no target is watched any more end: their targets were taken out while
    /// nobody watched.
    pub(super) fn forget_unwatched(&mut self, is_watched: &dyn Fn(WatchedNo) -> bool, at: Time) {
        let failing = self.correlator.standing().into_iter().flat_map(|standing| standing.failing);
        let gone: Vec<WatchedNo> =
            failing.map(|(target, _)| target).filter(|target| !is_watched(*target)).collect();
        for target in gone {
            self.correlator.forget(target, at);
        }
        // All lists were read: who is degraded is known.
        self.outbox = None;
    }

    /// Until when all slots were in the history when the watch started.
    pub(crate) fn accounted(&self) -> Option<Time> {
        self.accounted
    }

    /// Until when a job is under maintenance, or that it is no more.
    pub(super) fn set_maintenance(&mut self, job: &str, until: Option<Time>) {
        match until {
            Some(until) => drop(self.maintenance.insert(job.into(), until)),
            None => drop(self.maintenance.remove(job)),
        }
    }

    /// A target begins to change too often to say, or does so no more.
    pub(super) fn set_flapping(&mut self, whom: &Whom, flapping: Flapping) {
        let key = (whom.job.clone(), whom.name.clone());
        match flapping {
            Flapping::Yes => drop(self.flapping.insert(key)),
            Flapping::No => drop(self.flapping.remove(&key)),
        }
    }

    /// Other rules, other canaries.
    pub(crate) fn planner_mut(&mut self) -> &mut Planner {
        &mut self.planner
    }

    /// A target is a canary, or is none.
    pub(crate) fn set_canary(&mut self, target: WatchedNo, canary: Canary) {
        match canary {
            Canary::Yes => self.network.add_canary(target),
            Canary::No => self.network.remove_canary(target),
        }
    }
}

#[cfg(test)]
mod tests;
