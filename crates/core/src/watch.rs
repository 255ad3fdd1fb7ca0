//! Watching targets over time: when each is due, how it is, and what failed together.
//!
//! Decisions only. Moments are [`Time`] with the Unix epoch as origin, so that schedules, states
//! and incidents mean the same after a restart.

pub mod schedule;
pub mod state;

use crate::health::Health;
use crate::kind::ErrorKind;
use crate::time::{Duration, Time};

pub use schedule::{Cron, Every, Schedule};
pub use state::{Machine, Next, Policy, Reaction, Seen, Transition};

/// A target's number in the history: dense, from 0, never given to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchedNo(pub u32);

impl WatchedNo {
    /// As the index of a table.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// How a target is, after what its checks said was confirmed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum State {
    /// No check has said anything about it yet.
    #[default]
    Unknown,
    /// It answers as it should.
    Up,
    /// It answers, though not as it should; confirmed.
    Degraded,
    /// It answers that we ask too much, or wants to see a person.
    Limited,
    /// Its last check failed, and that is not confirmed yet.
    Suspect,
    /// It fails; confirmed.
    Down,
}

impl State {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 6] =
        [Self::Unknown, Self::Up, Self::Degraded, Self::Limited, Self::Suspect, Self::Down];

    /// As written everywhere.
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

    /// The state of this name; `None` if there is none.
    #[expect(clippy::should_implement_trait, reason = "an unknown name is no error to report")]
    pub fn from_str(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Its number, from 0, for compact storage. It never changes its meaning.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The state of this number; `None` if there is none.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Whether it fails, confirmed or not.
    pub const fn is_failing(self) -> bool {
        matches!(self, Self::Suspect | Self::Down)
    }
}

impl From<Health> for State {
    /// What a check of this health says where nothing needs to be confirmed.
    fn from(health: Health) -> Self {
        match health {
            Health::Up => Self::Up,
            Health::Degraded => Self::Degraded,
            Health::Limited => Self::Limited,
            Health::Unknown => Self::Unknown,
            Health::Down => Self::Down,
        }
    }
}

/// What came of a slot, or of a confirmation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// Of which target.
    pub target: WatchedNo,
    /// When it was due.
    pub due: Time,
    /// How long after that it began.
    pub lag: Duration,
    /// How long it took, from its beginning to its end.
    pub took: Duration,
    /// How the target was.
    pub health: Health,
    /// The status of its last response; 0 if there was none.
    pub status_code: u16,
    /// Why it has no good answer, if it has none.
    pub kind: Option<ErrorKind>,
    /// Whether it is a confirmation, outside the slots.
    pub is_confirmation: bool,
}

/// Why a slot has no check. A new one is added at the end: the numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum MissedCause {
    /// The watch was not running.
    NotRunning,
    /// The check of the slot before was still under way.
    Overlap,
    /// Its host may not be asked now: it refused, or its limit is used up.
    HostClosed,
    /// We could not keep up.
    Overload,
    /// The watch was stopped, or the target removed, before it could begin.
    Stopped,
    /// Our own network was gone.
    Network,
}

impl MissedCause {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 6] = [
        Self::NotRunning,
        Self::Overlap,
        Self::HostClosed,
        Self::Overload,
        Self::Stopped,
        Self::Network,
    ];

    /// As written everywhere.
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

    /// The cause of this name; `None` if there is none.
    #[expect(clippy::should_implement_trait, reason = "an unknown name is no error to report")]
    pub fn from_str(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == name)
    }

    /// Its number, from 0, for compact storage. It never changes its meaning.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The cause of this number; `None` if there is none.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// Slots of one target without a check, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed {
    /// Of which target.
    pub target: WatchedNo,
    /// When the first of them was due.
    pub from: Time,
    /// When the last of them was due: `from` if there is one.
    pub until: Time,
    /// How many; at least 1.
    pub slots: u32,
    /// Why.
    pub cause: MissedCause,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_lead_back() {
        for state in State::ALL {
            assert_eq!(State::from_str(state.as_str()), Some(state));
            assert_eq!(State::from_number(state.number()), Some(state));
        }
        for cause in MissedCause::ALL {
            assert_eq!(MissedCause::from_str(cause.as_str()), Some(cause));
            assert_eq!(MissedCause::from_number(cause.number()), Some(cause));
        }
        assert_eq!((State::from_str("fine"), State::from_number(6)), (None, None));
        assert_eq!((MissedCause::from_str(""), MissedCause::from_number(6)), (None, None));
    }
}
