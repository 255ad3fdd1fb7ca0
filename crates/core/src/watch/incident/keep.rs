//! Incidents that outlive a restart.

use super::{Correlator, Factor, Failing, Open, Stage};
use crate::kind::ErrorKind;
use crate::time::Time;
use crate::watch::WatchedNo;

/// An incident that is open, as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// Its number.
    pub id: i64,
    /// Since when.
    pub opened: Time,
    /// What its targets have in common.
    pub factor: Factor,
    /// Why, if nearly all failed for the same reason when it opened.
    pub kind: Option<ErrorKind>,
    /// How many were ever in it.
    pub targets: u32,
    /// Those that fail, and since when.
    pub failing: Vec<(WatchedNo, Time)>,
}

impl Correlator {
    /// The open incidents. Targets that are down and in none of them are to be told again by
    /// [`down`](Self::down) after a restart: they still waited.
    pub fn standing(&self) -> Vec<Standing> {
        let keep = |(&id, open): (&i64, &Open)| Standing {
            id,
            opened: open.opened,
            factor: open.factor.clone(),
            kind: open.kind,
            targets: open.targets,
            failing: open
                .failing
                .iter()
                .filter_map(|&target| Some((target, self.failing(target)?.since)))
                .collect(),
        };
        self.open.iter().map(keep).collect()
    }

    /// Goes on with an incident of before, without telling it again. One without a failing target, or of a number that is open, is left out.
    pub fn restore(&mut self, standing: Standing) {
        let Standing { id, opened, factor, kind, targets, failing } = standing;
        if failing.is_empty() || self.open.contains_key(&id) {
            return;
        }
        for &(target, since) in &failing {
            let stage = Stage::In(id);
            self.member(target).failing = Some(Failing { since, kind, stage });
        }
        let failing = failing.into_iter().map(|(target, _)| target).collect();
        self.open.insert(id, Open { opened, factor, kind, failing, targets });
        self.next_id = self.next_id.max(id.saturating_add(1));
    }
}
