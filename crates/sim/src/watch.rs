//! An observer that outlives crashes: what no life of a run may do, whatever it remembers.

use std::time::Duration;

use gather_core::{Attempt, End, Sent, Time};

use crate::world::{Report, World};

/// What was seen so far.
pub(crate) struct Watch {
    /// Until when a site has asked not to be asked; and as much of it as is surely in the journal.
    refused_until: Vec<(Time, Time)>,
    /// Whether a request of this target that must not be repeated may have been seen.
    seen: Vec<bool>,
    posts: Vec<bool>,
    targets: usize,
    /// Targets that earlier lives have finished.
    pub(crate) done_before: usize,
}

impl Watch {
    pub(crate) fn new(world: &World) -> Self {
        let targets = world.targets.len();
        Self {
            refused_until: vec![(Time::ZERO, Time::ZERO); world.sites.len()],
            seen: vec![false; targets],
            posts: (0..targets).map(|n| world.is_post(n)).collect(),
            targets,
            done_before: 0,
        }
    }

    /// A request goes out.
    pub(crate) fn sent(&mut self, site: usize, n: usize, now: Time) {
        let until = self.refused_until[site].0;
        assert!(now >= until, "site {site} was asked at {now:?} and had refused until {until:?}");
        if self.posts.get(n).copied().unwrap_or(false) {
            assert!(!self.seen[n], "target {n} was posted twice");
            self.seen[n] = true;
        }
    }

    /// It was answered, or failed.
    pub(crate) fn answered(
        &mut self,
        site: usize,
        n: usize,
        attempt: &Attempt,
        retry_after_max: Duration,
        now: Time,
    ) {
        let head = attempt.head.as_ref();
        let refusal = head.filter(|head| matches!(head.status, 429 | 503));
        let wait = refusal.and_then(|head| head.retry_after).map(|after| after.delay);
        if let Some(wait) = wait.filter(|wait| *wait <= retry_after_max) {
            let until = &mut self.refused_until[site].0;
            *until = (*until).max(now + wait);
        }
        // Refused, led on, or never sent: it may be sent again.
        let is_unseen = attempt.sent == Sent::No || matches!(attempt.end, End::Hop(_));
        if let Some(seen) = self.seen.get_mut(n).filter(|_| is_unseen || refusal.is_some()) {
            *seen = false;
        }
    }

    /// All that was known is in the journal.
    pub(crate) fn committed(&mut self) {
        self.refused_until.iter_mut().for_each(|(now, kept)| *kept = *now);
    }

    /// What was not in the journal is forgotten; what was sent is not.
    pub(crate) fn crashed(&mut self) {
        self.refused_until.iter_mut().for_each(|(now, kept)| *now = *kept);
    }

    /// A new life has these targets to do.
    pub(crate) fn reopened(&mut self, unread: impl Iterator<Item = usize>, report: &mut Report) {
        let mut is_done = vec![true; self.targets];
        unread.for_each(|n| is_done[n] = false);
        self.done_before = is_done.iter().filter(|is_done| **is_done).count();
        for (n, (outcome, is_done)) in report.outcomes.iter_mut().zip(is_done).enumerate() {
            match (&outcome, is_done) {
                (Some(told), false) => panic!("target {n} was settled and is lost: {told:?}"),
                // It was committed, and nobody was told.
                (None, true) => *outcome = Some(("committed".to_owned(), Time::ZERO)),
                _ => {}
            }
        }
    }
}
