//! The words of the watch: targets by number, states, checks and what took their place.

use crate::ErrorKind;
use crate::health::Health;
use crate::time::{Duration, Time};

/// A target's number in the history: dense, from 0, never given to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchedNo(pub u32);

/// The state of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Nothing is known yet, or our own side failed.
    Unknown,
    /// It answers as it should.
    Up,
    /// It answers, though not as it should.
    Degraded,
    /// It answers that it is asked too much.
    Limited,
    /// It failed, which is not confirmed.
    Suspect,
    /// It is down.
    Down,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Unknown, Self::Up, Self::Degraded, Self::Limited, Self::Suspect, Self::Down];

    /// As written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Limited => "limited",
            Self::Suspect => "suspect",
            Self::Down => "down",
        }
    }

    /// The state of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// What came of a slot, or of a confirmation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// The target.
    pub target: WatchedNo,
    /// When it was due.
    pub due: Time,
    /// How much later it began.
    pub lag: Duration,
    /// How long it took.
    pub took: Duration,
    /// How the target was.
    pub health: Health,
    /// The status of the response; 0 if there was none.
    pub status_code: u16,
    /// What went wrong.
    pub kind: Option<ErrorKind>,
    /// Whether it was beside the slots, to confirm a failure.
    pub is_confirmation: bool,
}

/// Why a slot has no check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MissedCause {
    /// The watch did not run.
    NotRunning,
    /// The check before it was still under way.
    Overlap,
    /// Politeness kept it from its host.
    HostClosed,
    /// There was more to do than could be done.
    Overload,
    /// The watch was being stopped.
    Stopped,
    /// Our own network was gone.
    Network,
}

impl MissedCause {
    /// As written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotRunning => "not_running",
            Self::Overlap => "overlap",
            Self::HostClosed => "host_closed",
            Self::Overload => "overload",
            Self::Stopped => "stopped",
            Self::Network => "network",
        }
    }
}

/// Slots of a target that have no check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed {
    /// The target.
    pub target: WatchedNo,
    /// The first of the slots.
    pub from: Time,
    /// The last of the slots.
    pub until: Time,
    /// How many.
    pub slots: u32,
    /// Why.
    pub cause: MissedCause,
}
