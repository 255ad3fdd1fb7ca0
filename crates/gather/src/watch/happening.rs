//! What the scheduler is told: answers, records of runs, lists, and what the operator wants.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use gather_core::watch::WatchedNo;
use gather_core::{Record, Time};
use gather_store::history::{LastValue, Registered, RunRow, Silence};

use super::reload::{Refused, Reloaded};
use super::roster::{ListError, Listed};
use super::runs::Told;
use super::spec::{Bodies, WatchOptions};
use crate::summary::Summary;

/// One thing that happened.
pub(crate) enum Happening {
    /// A check has ended; without a record the engine had stopped.
    Answer { target: WatchedNo, record: Option<Box<Record>> },
    /// Records of the run of a slot.
    Told { job: Arc<str>, due: Time, records: Vec<Told> },
    /// A run has ended.
    RunEnded { job: Arc<str>, due: Time, ended: Box<Result<Summary, String>> },
    /// A list was read, which was begun at this moment.
    Listed { job: Arc<str>, since: Time, taken: Result<Taken, ListError> },
    /// The targets of a run that has ended have their numbers.
    Numbered {
        job: Arc<str>,
        run: Box<RunRow>,
        records: Vec<Told>,
        registered: Registered,
        /// What was recorded last, if this is the first run since the job was taken in.
        last: Vec<LastValue>,
    },
    /// Other silences are in force.
    Silences(Vec<Silence>),
    /// A configuration was read.
    Reload { options: Box<WatchOptions>, answer: SyncSender<Result<Reloaded, Refused>> },
    /// No further check, and an end once those under way are through.
    Stop,
}

/// A list that was read, its targets with their numbers in the history.
pub(crate) struct Taken {
    pub(crate) listed: Vec<Listed>,
    pub(crate) notes: Vec<String>,
    /// What its targets expect by themselves.
    pub(crate) bodies: Bodies,
    /// The numbers stand in the order of `listed`.
    pub(crate) registered: Registered,
}

/// Things that may wait for the scheduler: more than all engines together have under way.
pub(crate) const HAPPENINGS_MAX: usize = 1 << 17;
