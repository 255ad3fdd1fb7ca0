//! Which incident a target that went down belongs to.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::{Change, Correlator, Factor, FactorKind, Open, Stage};
use crate::kind::ErrorKind;
use crate::time::{Duration, Time};
use crate::watch::WatchedNo;

/// Targets of a factor that are looked at, evenly over all of them.
const SAMPLE_MAX: usize = 512;
/// Failures that a factor must have to be more than chance.
const FAILING_MIN: usize = 2;
/// So many of a wide factor's targets must have been checked since the failure began.
const CHECKED_MIN: usize = 8;
/// Failures so long before another may be of the same wave: targets find out one after the other, as
/// their slots come.
const WAVE_MAX: Duration = Duration::from_secs(300);
/// A factor explains if so many of a hundred that were checked fail.
const SHARE_PERCENT: usize = 80;
/// A factor stands for an incident if so many of a hundred of its targets have it.
const COVER_PERCENT: usize = 90;

impl Correlator {
    /// Puts a target that waits into an incident, with all that waits for the same.
    pub(super) fn decide(&mut self, target: WatchedNo) {
        let Some(factor) = self.best_factor(target) else {
            let factor = Factor::new(FactorKind::Target, "");
            self.open_incident(factor, vec![target]);
            return;
        };
        let row = self.table.row(factor);
        let (named, kind) = (row.factor.clone(), row.factor.kind);
        let mut waiting = Vec::new();
        let mut known = BTreeSet::new();
        for &other in &row.targets {
            let Some(failing) = self.failing(other).filter(|it| kind.may_cause(it.kind)) else {
                continue;
            };
            match failing.stage {
                Stage::Suspect => {}
                Stage::Waiting(_) => waiting.push(other),
                Stage::In(id) => drop(known.insert(id)),
            }
        }
        waiting.sort_unstable();
        known.retain(|id| self.covers(factor, &named, &self.open[id]));
        let Some(id) = known.pop_first() else {
            self.open_incident(named, waiting);
            return;
        };
        for other in known {
            self.absorb(other, id);
        }
        let targets = self.put_in(id, waiting);
        self.changes.push(Change::Joined { id, targets });
        let open = self.open.get_mut(&id).expect("it was just found open");
        if open.factor != named {
            open.factor = named.clone();
            self.changes.push(Change::Widened { id, factor: named });
        }
    }

    /// What explains the failure of a target, if anything does.
    fn best_factor(&self, target: WatchedNo) -> Option<u32> {
        let member = self.members[target.index()].as_ref()?;
        let failing = member.failing?;
        let of = |&number: &u32| {
            let kind = self.table.row(number).factor.kind;
            if !kind.may_cause(failing.kind) {
                return None;
            }
            self.explained(number, failing.since).map(|bad| (bad, Reverse(kind), number))
        };
        member.factors.iter().filter_map(of).max().map(|(_, _, number)| number)
    }

    /// How many failures a factor explains: about as many as its targets fail, if nearly all do of
    /// those that were checked since it began. That is the first of its failures within
    /// [`WAVE_MAX`] before `since`.
    fn explained(&self, number: u32, since: Time) -> Option<usize> {
        let row = self.table.row(number);
        let kind = row.factor.kind;
        let step = row.targets.len().div_ceil(SAMPLE_MAX).max(1);
        let sample = || {
            let targets = row.targets.iter().step_by(step);
            targets.filter_map(|target| self.members[target.index()].as_ref())
        };
        let failures = || sample().filter_map(|it| it.failing).filter(|it| kind.may_cause(it.kind));
        let of_wave = failures().map(|it| it.since).filter(|&it| it + WAVE_MAX >= since);
        let began = of_wave.min().map_or(since, |first| first.min(since));
        let bad = failures().count();
        let is_fine = |member: &&super::Member| {
            member.failing.is_none() && member.last_good.is_some_and(|at| at >= began)
        };
        let checked = bad + sample().filter(is_fine).count();
        let least = if kind.is_narrow() { FAILING_MIN } else { CHECKED_MIN };
        let is_enough = bad * step >= FAILING_MIN && checked >= least.min(row.targets.len());
        (is_enough && bad * 100 >= checked * SHARE_PERCENT).then_some(bad * step)
    }

    /// Whether a factor may stand for an incident: it already does, or nearly all targets have it.
    fn covers(&self, number: u32, named: &Factor, open: &Open) -> bool {
        let has = |target: &&WatchedNo| {
            let member = self.members[target.index()].as_ref();
            member.is_some_and(|member| member.factors.contains(&number))
        };
        open.factor == *named
            || open.failing.iter().filter(has).count() * 100 >= open.failing.len() * COVER_PERCENT
    }

    fn open_incident(&mut self, factor: Factor, targets: Vec<WatchedNo>) {
        let id = self.next_id;
        self.next_id += 1;
        let kind = self.shared_kind(&targets);
        let open = Open {
            opened: Time::NEVER,
            factor: factor.clone(),
            kind,
            failing: BTreeSet::new(),
            targets: 0,
        };
        self.open.insert(id, open);
        let targets = self.put_in(id, targets);
        let at = self.open[&id].opened;
        self.changes.push(Change::Opened { id, at, factor, kind, targets });
    }

    /// Targets that waited are in the incident now.
    fn put_in(&mut self, id: i64, targets: Vec<WatchedNo>) -> Vec<(WatchedNo, Time)> {
        let mut joined = Vec::with_capacity(targets.len());
        for target in targets {
            let member = self.members[target.index()].as_mut().expect("what waits is known");
            let failing = member.failing.as_mut().expect("what waits fails");
            if let Stage::Waiting(at) = failing.stage {
                self.waiting.remove(&(at, target));
            }
            failing.stage = Stage::In(id);
            joined.push((target, failing.since));
        }
        let open = self.open.get_mut(&id).expect("only open incidents are joined");
        for &(target, since) in &joined {
            open.opened = open.opened.min(since);
            open.targets = open.targets.saturating_add(1);
            open.failing.insert(target);
        }
        joined
    }

    fn absorb(&mut self, id: i64, into: i64) {
        let Some(absorbed) = self.open.remove(&id) else { return };
        self.changes.push(Change::Absorbed { id, into });
        let targets: Vec<_> = absorbed.failing.into_iter().collect();
        let joined = self.put_in(into, targets);
        self.changes.push(Change::Joined { id: into, targets: joined });
    }

    /// Why nearly all of them fail.
    fn shared_kind(&self, targets: &[WatchedNo]) -> Option<ErrorKind> {
        let mut counts = BTreeMap::new();
        for &target in targets {
            if let Some(kind) = self.failing(target).and_then(|failing| failing.kind) {
                *counts.entry(kind).or_insert(0) += 1;
            }
        }
        let (kind, count) = counts.into_iter().max_by_key(|&(_, count)| count)?;
        (count * 100 >= targets.len() * COVER_PERCENT).then_some(kind)
    }

    /// What an incident's targets have in common now; `None` if it is not open.
    pub fn factor_of(&self, id: i64) -> Option<&Factor> {
        self.open.get(&id).map(|open| &open.factor)
    }

    /// How many targets have a factor.
    pub fn sharing(&self, factor: &Factor) -> usize {
        self.table.find(factor).map_or(0, |number| self.table.row(number).targets.len())
    }
}
