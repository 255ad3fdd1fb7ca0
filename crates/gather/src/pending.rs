//! A target on its way through the engine, with what earlier tries left behind.

use gather_core::{Attempt, Record, Target};
use gather_fetch::TryState;
use tokio::sync::oneshot;

/// The frontier's payload.
pub(crate) struct Pending {
    pub(crate) target: Target,
    /// What a first try or a hop left behind; most targets never have it.
    pub(crate) past: Option<Box<Past>>,
    /// Who waits for the result; nobody for a target of a list.
    pub(crate) reply: Option<oneshot::Sender<Record>>,
    /// Whether the intake counts it as outstanding.
    pub(crate) credit: Credit,
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
    /// The redirects and the time that the next try goes on from.
    pub(crate) state: TryState,
    /// The last try that was not final.
    pub(crate) last: Option<Attempt>,
    /// Tries on hosts that redirected here.
    pub(crate) attempts: u32,
}

impl Pending {
    /// A target of a list.
    pub(crate) fn listed(target: Target) -> Self {
        Self { target, past: None, reply: None, credit: Credit::Owed }
    }

    /// A target that somebody waits for.
    pub(crate) fn asked(target: Target, reply: oneshot::Sender<Record>) -> Self {
        Self { target, past: None, reply: Some(reply), credit: Credit::None }
    }

    /// Tries on hosts that redirected here.
    pub(crate) fn attempts_before(&self) -> u32 {
        self.past.as_ref().map_or(0, |past| past.attempts)
    }
}
