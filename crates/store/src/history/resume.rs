//! What a watch asks its history for when it starts: open incidents, last values, evidence kept.

use std::collections::HashMap;

use gather_core::time::{Duration, Time};
use gather_core::watch::WatchedNo;

use super::block::{Slot, What};
use super::db::{Row, values};
use super::error::HistoryError;
use super::evidence::EvidenceKind;
use super::incident::Incident;
use super::words::{ms, state_of, time};
use super::writer::History;

/// An incident that is open, with those of its targets that are not well again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenIncident {
    /// The incident, with nothing new in it.
    pub incident: Incident,
    /// Its targets that are not well again, and when each failed first.
    pub members: Vec<(WatchedNo, Time)>,
}

/// The value of a field that was recorded last.
#[derive(Clone, Debug, PartialEq)]
pub struct LastValue {
    /// The target.
    pub target: WatchedNo,
    /// The field.
    pub field: Box<str>,
    /// The value; `None` where the rule did not match.
    pub value: Option<Box<str>>,
    /// The value as a number, if it is one.
    pub number: Option<f64>,
    /// The value before it; `None` for the first, and where the rule did not match then.
    pub earlier: Option<Box<str>>,
    /// When it was seen first.
    pub from: Time,
    /// When it was seen last.
    pub seen: Time,
}

impl History {
    /// The highest number that an incident has; 0 if there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn last_incident(&mut self) -> Result<i64, HistoryError> {
        let row = self.db.query_one("SELECT max(id) FROM watch_incident", &[])?;
        Ok(row.map_or(0, |row| row.int(0)))
    }

    /// The incidents that are open, by number.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn open_incidents(&mut self) -> Result<Vec<OpenIncident>, HistoryError> {
        let rows = self.db.query(
            "SELECT id, opened_ms, worst, factor, reason, targets, ongoing FROM watch_incident
             WHERE closed_ms IS NULL ORDER BY id",
            &[],
        )?;
        let mut open: Vec<OpenIncident> = rows.iter().map(open_incident).collect();
        let members = self.db.query(
            "SELECT member.incident, member.target, member.joined_ms
             FROM watch_incident_target AS member
             JOIN watch_incident AS incident ON incident.id = member.incident
             WHERE incident.closed_ms IS NULL AND member.left_ms IS NULL
             ORDER BY member.incident, member.target",
            &[],
        )?;
        for member in members {
            if let Ok(at) = open.binary_search_by_key(&member.int(0), |open| open.incident.id) {
                open[at].members.push((WatchedNo(member.count(1)), time(member.int(2))));
            }
        }
        Ok(open)
    }

    /// The targets of a job that were listed when it was taken in last, by number.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn targets_of(&mut self, job: &str) -> Result<Vec<WatchedNo>, HistoryError> {
        let rows = self.db.query(
            "SELECT target.id FROM watch_job AS job
             JOIN watch_target AS target ON target.job = job.id
             JOIN watch_state AS state ON state.target = target.id
             WHERE job.name = ?1 AND state.listed = 1 ORDER BY target.id",
            values![job],
        )?;
        Ok(rows.iter().map(|row| WatchedNo(row.count(0))).collect())
    }

    /// The last value of each field of a job's targets.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn last_values(&mut self, job: &str) -> Result<Vec<LastValue>, HistoryError> {
        // Only the last ones are read: a price has a row for each of its changes.
        let rows = self.db.query(
            "SELECT one.target, one.field, one.value, one.number, one.at_ms, one.seen_ms, before.value
             FROM watch_value AS one LEFT JOIN watch_value AS before ON before.id = one.earlier
             WHERE one.last = 1 AND one.job = (SELECT id FROM watch_job WHERE name = ?1)
             ORDER BY one.target, one.field",
            values![job],
        )?;
        let last = |row: &Row| LastValue {
            target: WatchedNo(row.count(0)),
            field: row.text(1).into(),
            value: row.text_opt(2).map(Into::into),
            number: row.real_opt(3),
            from: time(row.int(4)),
            seen: time(row.int(5)),
            earlier: row.text_opt(6).map(Into::into),
        };
        Ok(rows.iter().map(last).collect())
    }

    /// Which good answers are to be kept as evidence: knows of those that are.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn evidence_gate(&mut self) -> Result<EvidenceGate, HistoryError> {
        let rows = self.db.query(
            "SELECT target, at_ms FROM watch_evidence WHERE which = ?1",
            values![EvidenceKind::LastGood.number()],
        )?;
        let kept = rows.iter().map(|row| (row.count(0), row.int(1))).collect();
        Ok(EvidenceGate { kept, window: 0, admitted: 0 })
    }
}

fn open_incident(row: &Row) -> OpenIncident {
    let incident = Incident {
        id: row.int(0),
        opened: time(row.int(1)),
        closed: None,
        worst: state_of(row.text(2)),
        factor: row.text(3).into(),
        reason: row.text(4).into(),
        targets: row.count(5),
        ongoing: row.count(6),
        entries: Vec::new(),
        joined: Vec::new(),
        left: Vec::new(),
    };
    OpenIncident { incident, members: Vec::new() }
}

impl Slot {
    /// Whether it is beside the slots of its target: a confirmation.
    pub(super) fn is_extra(&self) -> bool {
        matches!(self.what, What::Check { is_confirmation: true, .. })
    }
}

/// Good answers that are kept in a second at most: all targets have one after a while, and a check
/// costs nothing meanwhile.
const GOOD_A_SECOND_MAX: u32 = 3;
/// A good answer that was kept is good enough for so long.
const GOOD_FOR: Duration = Duration::from_secs(86_400);

/// Says which good answers are to be kept as evidence, without a question to the database: of
/// each target one a day, and three a second of all.
#[derive(Clone, Debug)]
pub struct EvidenceGate {
    /// When the last one was kept, in milliseconds since 1970, by target.
    kept: HashMap<u32, i64>,
    /// The second that is counted.
    window: i64,
    admitted: u32,
}

impl EvidenceGate {
    /// Whether a good answer at this moment is to be given to the next batch. It counts as kept if
    /// so.
    pub fn admits(&mut self, target: WatchedNo, at: Time) -> bool {
        let now = ms(at);
        if self.window != now / 1_000 {
            (self.window, self.admitted) = (now / 1_000, 0);
        }
        let good_for = i64::try_from(GOOD_FOR.as_millis()).unwrap_or(i64::MAX);
        let is_old = self.kept.get(&target.0).is_none_or(|kept| now - kept >= good_for);
        if !is_old || self.admitted >= GOOD_A_SECOND_MAX {
            return false;
        }
        self.admitted += 1;
        self.kept.insert(target.0, now);
        true
    }
}
