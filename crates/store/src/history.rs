//! What `gather watch` remembers: checks, states, incidents, evidence, values, notices; in SQLite
//! or PostgreSQL.
//!
//! One [`History`] writes, about once a second, everything that happened since in one transaction;
//! any number of [`HistoryReader`]s read meanwhile, and an [`Outbox`] settles notices. Checks are
//! kept in compressed columns (`block.rs`): as they came, then by range of targets, then by hour;
//! [`History::upkeep`] rewrites them, and adds them up by hour and day. `docs/history.md` has the
//! tables.
//!
//! Time is counted by checks: a check speaks for its target from the moment it was due until the
//! next slot, and at most for the job's [`speaks_for`](JobRow::speaks_for). What no check speaks
//! for is no data, and never up.
//!
//! Moments have the Unix epoch as origin, and are kept in whole milliseconds.

mod batch;
mod block;
mod cells;
mod db;
mod error;
mod evidence;
mod incident;
mod lock;
mod notice;
mod outbox;
mod pack;
mod reader;
mod register;
mod resume;
mod rows;
mod schema;
mod slots;
mod upkeep;
mod walk;
mod words;
mod writer;

use gather_core::time::Duration;

pub use self::error::{HistoryError, HistoryErrorKind};
pub use self::evidence::{Answer, Evidence, EvidenceKind, Phases};
pub use self::incident::{EntryKind, Incident, IncidentEntry};
pub use self::notice::{Delivery, Event, EventKind, Notice, NoticeBrief, Silence, SilenceMatch};
pub use self::outbox::{Ended, Known, Outbox};
pub use self::reader::{
    Bucket, Change, CheckSeen, Cursor, Gap, GroupOverview, HistoryReader, IncidentBrief,
    IncidentDetail, IncidentPage, IncidentsOf, JobOverview, Member, Overview, PAGE_ROWS_MAX, Past,
    Span, StateCounts, Sum, SumsOf, TargetBrief, TargetDetail, TargetPage, TargetQuery,
    ValueChange, ValueSeen,
};
pub use self::resume::{EvidenceGate, LastValue, OpenIncident};
pub use self::rows::{
    Batch, Covers, Flapping, HistoryPlace, JobKind, JobRow, MaintenanceSpan, Registered, RunEnd,
    RunRow, StoredState, TargetRow, Upkeep, ValueRow,
};
pub use self::walk::{Condition, Times};
pub use self::writer::History;

/// Bytes of a body that are kept as evidence.
pub const EVIDENCE_BODY_BYTES_MAX: usize = 4_096;
/// Bytes of headers that are kept as evidence.
pub const EVIDENCE_HEADER_BYTES_MAX: usize = 16_384;
/// First failures of a target that are kept.
pub const EVIDENCE_FAILURES_MAX: i64 = 20;
/// Bytes of a reason or another text for people that are kept.
pub const TEXT_BYTES_MAX: usize = 2_048;
/// Bytes of a value that are kept.
pub const VALUE_BYTES_MAX: usize = 16_384;
/// Numbers of a state machine that are kept.
pub const MACHINE_PARTS_MAX: usize = 64;

/// How long things are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Checks one by one; at least [`Kept::CHECKS_MIN`], so that all of them are in sums before.
    pub checks: Duration,
    /// Sums of hours; at least [`Kept::HOURS_MIN`], for the page shows a week of them.
    pub hours: Duration,
    /// Sums of days, and with them incidents, changes of states and values; at least
    /// [`Kept::DAYS_MIN`], for the page shows 90 of them.
    pub days: Duration,
}

impl Kept {
    /// The least that checks are kept.
    pub const CHECKS_MIN: Duration = Duration::from_secs(2 * 86_400);
    /// The least that hours are kept.
    pub const HOURS_MIN: Duration = Duration::from_secs(8 * 86_400);
    /// The least that days are kept.
    pub const DAYS_MIN: Duration = Duration::from_secs(92 * 86_400);
    /// The most that any of them is kept: what is older than 1970 is nothing.
    pub const MAX: Duration = Duration::from_secs(50 * 366 * 86_400);
}

impl Default for Kept {
    /// A week, 90 days, and five years.
    fn default() -> Self {
        let days = |days: u64| Duration::from_secs(days * 86_400);
        Self { checks: days(7), hours: days(90), days: days(5 * 365) }
    }
}

/// How long delivered notices are kept.
pub const NOTICES_KEPT: Duration = Duration::from_secs(30 * 86_400);

/// Missed slots that are not further apart belong to one gap.
const GAP_JOIN: Duration = Duration::from_secs(600);
