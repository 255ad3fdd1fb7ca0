//! Notices: one message for one channel, the event it tells of, and silences.

use gather_core::ErrorKind;
use gather_core::time::{Duration, Time};
use gather_core::watch::State;
use serde::{Deserialize, Serialize};

use super::words;

/// One message for one channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// Its number in the outbox; 0 for one that is not there yet.
    pub id: i64,
    /// What makes it this notice and no other: one key is kept once, and given to receivers so
    /// that they can tell a repetition.
    pub key: Box<str>,
    /// The channel's name.
    pub channel: Box<str>,
    /// When it is to be tried next.
    pub due: Time,
    /// How often it was tried.
    pub tries: u32,
    /// What it tells.
    pub event: Event,
}

/// What became of a try to deliver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The receiver has it.
    Delivered,
    /// It is to be tried again.
    Again {
        /// When.
        at: Time,
        /// What went wrong, for people, redacted.
        error: Box<str>,
    },
    /// It will not be tried again.
    GivenUp {
        /// What went wrong, for people, redacted.
        error: Box<str>,
    },
}

macro_rules! event_kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// What a notice tells.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum EventKind { $($(#[$doc])* $variant,)+ }

        impl EventKind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// As written in a notice.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

event_kinds! {
    /// A target is down, or many with something in common.
    Down = "down",
    /// A target answers, though not as it should.
    Degraded = "degraded",
    /// It is well again.
    Up = "up",
    /// It changes too often to say.
    Flapping = "flapping",
    /// It is still not well.
    Reminder = "reminder",
    /// A value or a page changed.
    Changed = "changed",
    /// A rule that matched does no more.
    StoppedMatching = "stopped_matching",
    /// A certificate ends soon.
    Certificate = "certificate",
    /// Our own network is gone.
    Network = "network",
    /// It is back.
    NetworkBack = "network_back",
    /// Slots were missed.
    Missed = "missed",
    /// Somebody tries a channel.
    Test = "test",
}

/// What happened, as told to people and programs. As JSON, moments are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// What it is.
    pub kind: EventKind,
    /// When it happened.
    #[serde(with = "words::moment")]
    pub at: Time,
    /// The job; empty where it is about all.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub job: Box<str>,
    /// The target's name; none where it is about several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Box<str>>,
    /// Its URL, redacted.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub url: Box<str>,
    /// Its group; empty for none.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub group: Box<str>,
    /// Its tags, name and value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<(Box<str>, Box<str>)>,
    /// The state it is in now.
    #[serde(with = "words::state")]
    pub state: State,
    /// Since when.
    #[serde(with = "words::moment")]
    pub since: Time,
    /// How long it was not well: for `up` and `network_back`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasted: Option<Duration>,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub reason: Box<str>,
    /// The status of the response; 0 if there was none.
    #[serde(default, skip_serializing_if = "words::is_zero")]
    pub status_code: u16,
    /// What went wrong.
    #[serde(default, with = "words::kind", skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorKind>,
    /// The incident's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<i64>,
    /// What the targets have in common, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<Box<str>>,
    /// How many targets it is about.
    pub targets: u32,
    /// The field that changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<Box<str>>,
    /// Its value before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<Box<str>>,
    /// Its value now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<Box<str>>,
    /// Where to read more: a page of the status page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Box<str>>,
}

impl Event {
    /// An event of this kind at this moment about nothing in particular.
    pub fn new(kind: EventKind, at: Time, state: State) -> Self {
        Self {
            kind,
            at,
            job: Box::default(),
            target: None,
            url: Box::default(),
            group: Box::default(),
            tags: Vec::new(),
            state,
            since: at,
            lasted: None,
            reason: Box::default(),
            status_code: 0,
            error: None,
            incident: None,
            factor: None,
            targets: 1,
            field: None,
            old: None,
            new: None,
            link: None,
        }
    }
}

/// A notice as the status page lists it.
#[derive(Clone, Debug, PartialEq)]
pub struct NoticeBrief {
    /// The notice.
    pub notice: Notice,
    /// When it was delivered or given up; `None` while it waits.
    pub settled: Option<Time>,
    /// What went wrong last.
    pub error: Option<Box<str>>,
}

/// For whom nobody is told for a while, though checks go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Its number; 0 for one that is not there yet.
    pub id: i64,
    /// For whom.
    pub matches: SilenceMatch,
    /// Its begin.
    pub from: Time,
    /// Its end.
    pub until: Time,
    /// Why, for people.
    pub why: Box<str>,
}

impl Silence {
    /// Whether it is in force at this moment.
    pub fn is_open(&self, now: Time) -> bool {
        self.from <= now && now < self.until
    }
}

/// For whom a silence is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SilenceMatch {
    /// For every target.
    Everything,
    /// For targets of this name or URL.
    Target(Box<str>),
    /// For the targets of a job.
    Job(Box<str>),
    /// For a group.
    Group(Box<str>),
    /// For targets with a tag: its name and value.
    Tag(Box<str>, Box<str>),
}

impl SilenceMatch {
    /// Whether it is for a target with this job, name, URL, group and tags.
    pub fn matches(
        &self,
        job: &str,
        name: &str,
        url: &str,
        group: &str,
        tags: &[(Box<str>, Box<str>)],
    ) -> bool {
        match self {
            Self::Everything => true,
            Self::Target(of) => **of == *name || **of == *url,
            Self::Job(of) => **of == *job,
            Self::Group(of) => **of == *group,
            Self::Tag(of, value) => tags.iter().any(|tag| tag.0 == *of && tag.1 == *value),
        }
    }

    /// What it is for, and its name, as kept in tables.
    pub(super) fn columns(&self) -> (&'static str, String) {
        match self {
            Self::Everything => ("everything", String::new()),
            Self::Target(name) => ("target", name.to_string()),
            Self::Job(name) => ("job", name.to_string()),
            Self::Group(name) => ("group", name.to_string()),
            Self::Tag(name, value) => ("tag", format!("{name}={value}")),
        }
    }

    pub(super) fn from_columns(what: &str, name: &str) -> Self {
        match what {
            "target" => Self::Target(name.into()),
            "job" => Self::Job(name.into()),
            "group" => Self::Group(name.into()),
            "tag" => {
                let (name, value) = name.split_once('=').unwrap_or((name, ""));
                Self::Tag(name.into(), value.into())
            }
            _ => Self::Everything,
        }
    }
}
