//! What waits for a history that cannot be written, kept within bounds: checks go on, states are
//! kept, and what is left out is told as missed.

use std::collections::HashMap;

use gather_core::watch::{Missed, MissedCause, WatchedNo};
use gather_store::history::{Batch, EvidenceKind};

use super::missed;

/// So many rows of each kind may wait; beyond it, the older half is left out or drawn together.
pub(crate) struct Bounds {
    checks: usize,
    states: usize,
    missed: usize,
    evidence: usize,
    values: usize,
}

impl Bounds {
    /// Some 300 MB in all.
    pub(crate) const WATCH: Self = Self {
        checks: 2_000_000,
        states: 400_000,
        missed: 400_000,
        evidence: 8_000,
        values: 500_000,
    };
}

/// Whether something that happened will not be in the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeftOut {
    Nothing,
    Something,
}

/// Brings a batch back within bounds. Incidents, notices and runs are never left out.
pub(crate) fn bound(batch: &mut Batch, bounds: &Bounds) -> LeftOut {
    let mut left_out = LeftOut::Nothing;
    if batch.checks.len() >= bounds.checks {
        left_out = LeftOut::Something;
        let older = batch.checks.drain(..bounds.checks / 2);
        let slots = older.filter(|check| !check.is_confirmation).map(|check| Missed {
            target: check.target,
            from: check.due,
            until: check.due,
            slots: 1,
            cause: MissedCause::Overload,
        });
        missed::merge(&mut batch.missed, slots);
    }
    if batch.missed.len() >= bounds.missed {
        let spans = std::mem::take(&mut batch.missed);
        missed::merge(&mut batch.missed, spans.into_iter());
    }
    if batch.states.len() >= bounds.states {
        keep_last_states(batch);
    }
    if batch.evidence.len() >= bounds.evidence {
        left_out = LeftOut::Something;
        // How it looked when it was well is told again by the next good answer.
        batch.evidence.retain(|evidence| evidence.which != EvidenceKind::LastGood);
        let too_many = batch.evidence.len().saturating_sub(bounds.evidence / 2);
        batch.evidence.drain(..too_many);
    }
    if batch.values.len() >= bounds.values {
        left_out = LeftOut::Something;
        batch.values.drain(..bounds.values / 2);
    }
    left_out
}

/// Of several states of a target the last counts.
fn keep_last_states(batch: &mut Batch) {
    let last: HashMap<WatchedNo, usize> =
        batch.states.iter().enumerate().map(|(at, (target, _))| (*target, at)).collect();
    let mut at = 0;
    batch.states.retain(|(target, _)| {
        at += 1;
        last[target] == at - 1
    });
}

#[cfg(test)]
mod tests {
    use gather_core::watch::{Check, State};
    use gather_core::{Duration, Health, Time};
    use gather_store::history::StoredState;

    use super::*;

    const BOUNDS: Bounds = Bounds { checks: 4, states: 4, missed: 4, evidence: 4, values: 4 };

    fn check(target: u32, second: u64, is_confirmation: bool) -> Check {
        Check {
            target: WatchedNo(target),
            due: Time::from_millis(second * 1_000),
            lag: Duration::ZERO,
            took: Duration::ZERO,
            health: Health::Up,
            status_code: 200,
            kind: None,
            is_confirmation,
        }
    }

    #[test]
    fn slots_left_out_are_told_as_missed_and_the_last_state_stays() {
        let checks = vec![check(0, 1, false), check(0, 2, true), check(1, 3, false)];
        let mut batch = Batch { checks, ..Batch::default() };
        assert_eq!(bound(&mut batch, &BOUNDS), LeftOut::Nothing);
        assert_eq!(batch.checks.len(), 3);
        batch.checks.push(check(1, 4, false));
        assert_eq!(bound(&mut batch, &BOUNDS), LeftOut::Something);
        assert_eq!(batch.checks.len(), 2);
        // The confirmation is of no slot.
        let missed: Vec<_> = batch.missed.iter().map(|span| (span.target.0, span.slots)).collect();
        assert_eq!(missed, [(0, 1)]);

        let state = |target, state| (WatchedNo(target), StoredState { state, ..<_>::default() });
        batch.states = vec![
            state(0, State::Down),
            state(1, State::Down),
            state(0, State::Up),
            state(0, State::Degraded),
        ];
        assert_eq!(bound(&mut batch, &BOUNDS), LeftOut::Nothing);
        let states: Vec<_> = batch.states.iter().map(|(no, known)| (no.0, known.state)).collect();
        assert_eq!(states, [(1, State::Down), (0, State::Degraded)]);
    }
}
