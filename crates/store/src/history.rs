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

/// How long checks are kept one by one.
pub const CHECKS_KEPT: Duration = Duration::from_secs(7 * 86_400);
/// How long hours are kept.
pub const HOURS_KEPT: Duration = Duration::from_secs(90 * 86_400);
/// How long days are kept, and with them incidents, changes of states and values.
pub const DAYS_KEPT: Duration = Duration::from_secs(5 * 365 * 86_400);
/// How long delivered notices are kept.
pub const NOTICES_KEPT: Duration = Duration::from_secs(30 * 86_400);

/// Missed slots that are not further apart belong to one gap.
const GAP_JOIN: Duration = Duration::from_secs(600);
