//! The words of a watch: targets by number, states, checks, and slots without one.

use crate::health::Health;
use crate::kind::ErrorKind;
use crate::time::{Duration, Time};

/// A target's number in the history: dense, from 0, and never given to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchedNo(pub u32);

impl WatchedNo {
    /// As the index of a table.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$of])* $variant,)+ }

        impl $name {
            /// All of them, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// As written in tables, pages and JSON.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The one of this name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == name)
            }

            /// The one of this number, as in [`Self::ALL`].
            pub fn from_number(number: u8) -> Option<Self> {
                Self::ALL.get(usize::from(number)).copied()
            }
        }
    };
}

words! {
    /// What is believed of a target, after its checks were weighed.
    State {
        /// Never checked, or our own side keeps it from being checked.
        Unknown = "unknown",
        /// It answers as it should.
        Up = "up",
        /// It answers, though not as it should.
        Degraded = "degraded",
        /// It says that we ask too much, or wants to see a person: that is not down.
        Limited = "limited",
        /// It failed, and is checked again at once.
        Suspect = "suspect",
        /// It failed, and failed again.
        Down = "down",
    }
}

impl State {
    /// Whether it fails, confirmed or not.
    pub const fn is_failing(self) -> bool {
        matches!(self, Self::Suspect | Self::Down)
    }
}

words! {
    /// Why a slot has no check.
    MissedCause {
        /// The watch did not run.
        NotRunning = "not_running",
        /// The check of the slot before was still under way.
        Overlap = "overlap",
        /// The host had asked to be left alone.
        HostClosed = "host_closed",
        /// Our own side was too slow.
        Overload = "overload",
        /// The watch was stopped before the check had ended.
        Stopped = "stopped",
        /// Our own network was gone.
        Network = "network",
    }
}

/// What came of one slot, or of a confirmation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// The target.
    pub target: WatchedNo,
    /// The slot's moment; of a confirmation, when it was asked for.
    pub due: Time,
    /// From then until its request began.
    pub lag: Duration,
    /// From then to its end.
    pub took: Duration,
    /// What it says.
    pub health: Health,
    /// The status of the response; 0 if there was none.
    pub status_code: u16,
    /// What went wrong.
    pub kind: Option<ErrorKind>,
    /// Whether it is a confirmation, and no slot's.
    pub is_confirmation: bool,
}

/// Slots of a target without a check, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed {
    /// The target.
    pub target: WatchedNo,
    /// The first slot.
    pub from: Time,
    /// The last slot.
    pub until: Time,
    /// How many.
    pub slots: u32,
    /// Why.
    pub cause: MissedCause,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        for (number, state) in (0..).zip(State::ALL) {
            assert_eq!(State::from_name(state.as_str()), Some(*state));
            assert_eq!(State::from_number(number), Some(*state));
        }
        for cause in MissedCause::ALL {
            assert_eq!(MissedCause::from_name(cause.as_str()), Some(*cause));
            assert_eq!(MissedCause::from_number(*cause as u8), Some(*cause));
        }
        assert_eq!(State::from_name("fine"), None);
    }
}
