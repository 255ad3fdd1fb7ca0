//! Incidents: outages of one or many targets, with what happened in them.

use gather_core::time::Time;
use gather_core::watch::{State, WatchedNo};

/// An incident as it is now, with what is new since it was last written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// Its number, given by the watch: above [`History::last_incident`](super::History::last_incident).
    pub id: i64,
    /// When it opened: the first failure.
    pub opened: Time,
    /// When it closed.
    pub closed: Option<Time>,
    /// The worst state of its targets.
    pub worst: State,
    /// What its targets have in common, for people: `address 203.0.113.7`; empty for one target.
    pub factor: Box<str>,
    /// What is wrong, for people.
    pub reason: Box<str>,
    /// Targets that joined so far.
    pub targets: u32,
    /// Those of them that are not well again.
    pub ongoing: u32,
    /// New in the timeline.
    pub entries: Vec<IncidentEntry>,
    /// Targets that joined since it was last written, and when each failed first.
    pub joined: Vec<(WatchedNo, Time)>,
    /// Targets that are well again since, and when.
    pub left: Vec<(WatchedNo, Time)>,
}

/// One line of an incident's timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentEntry {
    /// When.
    pub at: Time,
    /// What happened.
    pub kind: EntryKind,
    /// For people; may be empty.
    pub text: Box<str>,
}

/// What happened in an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// It opened.
    Opened,
    /// Targets joined it.
    Joined,
    /// What its targets have in common became wider: an address, then its network.
    Widened,
    /// Targets are well again.
    Left,
    /// It closed.
    Closed,
    /// Somebody was told.
    Noticed,
    /// Somebody wrote something about it.
    Remark,
}

impl EntryKind {
    /// As written in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Joined => "joined",
            Self::Widened => "widened",
            Self::Left => "left",
            Self::Closed => "closed",
            Self::Noticed => "noticed",
            Self::Remark => "remark",
        }
    }

    pub(super) fn from_name(name: &str) -> Self {
        match name {
            "opened" => Self::Opened,
            "joined" => Self::Joined,
            "widened" => Self::Widened,
            "left" => Self::Left,
            "closed" => Self::Closed,
            "noticed" => Self::Noticed,
            _ => Self::Remark,
        }
    }
}
