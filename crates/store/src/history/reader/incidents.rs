//! Incidents: lists of them, and one with its timeline and targets.

use gather_core::time::Time;
use gather_core::watch::{State, WatchedNo};

use super::super::db::{Db, Row, values};
use super::super::error::HistoryError;
use super::super::incident::{EntryKind, IncidentEntry};
use super::super::words::{state_of, time};
use super::{HistoryReader, PAGE_ROWS_MAX};

/// An incident as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentBrief {
    /// Its number.
    pub id: i64,
    /// When it opened.
    pub opened: Time,
    /// When it closed.
    pub closed: Option<Time>,
    /// The worst state of its targets.
    pub worst: State,
    /// What its targets have in common; empty for one target.
    pub factor: Box<str>,
    /// What is wrong, for people.
    pub reason: Box<str>,
    /// Targets that joined so far.
    pub targets: u32,
    /// Those of them that are not well again.
    pub ongoing: u32,
    /// One of its targets: number and name.
    pub example: Option<(WatchedNo, Box<str>)>,
}

/// Which incidents are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IncidentsOf {
    /// All.
    Everything,
    /// Those that a target was part of.
    Target(WatchedNo),
}

/// A page of incidents, the newest first.
#[derive(Clone, Debug)]
pub struct IncidentPage {
    /// The incidents.
    pub incidents: Vec<IncidentBrief>,
    /// The next page is before this number; `None` at the end.
    pub next: Option<i64>,
}

/// A target of an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its number.
    pub target: WatchedNo,
    /// As people call it.
    pub name: Box<str>,
    /// Its URL, redacted.
    pub url: Box<str>,
    /// Its first failure.
    pub joined: Time,
    /// When it was well again.
    pub left: Option<Time>,
}

/// An incident with all that happened in it.
#[derive(Clone, Debug)]
pub struct IncidentDetail {
    /// The incident.
    pub incident: IncidentBrief,
    /// Its timeline, in order; the last [`PAGE_ROWS_MAX`] entries.
    pub entries: Vec<IncidentEntry>,
    /// Its targets, those that are not well again first; a page of them.
    pub members: Vec<Member>,
}

const BRIEF: &str = "incident.id, incident.opened_ms, incident.closed_ms, incident.worst,
    incident.factor, incident.reason, incident.targets, incident.ongoing,
    (SELECT min(member.target) FROM watch_incident_target AS member
        WHERE member.incident = incident.id) AS example
    FROM watch_incident AS incident";

impl HistoryReader {
    /// A page of incidents, the newest first: those with numbers below `before`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn incidents(
        &mut self,
        of: IncidentsOf,
        before: Option<i64>,
        limit: u32,
    ) -> Result<IncidentPage, HistoryError> {
        let limit = limit.clamp(1, PAGE_ROWS_MAX);
        let before = before.unwrap_or(i64::MAX);
        let mut incidents = match of {
            IncidentsOf::Everything => {
                let sql = format!("SELECT {BRIEF} WHERE id < ?1 ORDER BY id DESC LIMIT ?2");
                read(&mut self.db, &sql, values![before, limit + 1])?
            }
            IncidentsOf::Target(target) => {
                let sql = format!(
                    "SELECT {BRIEF} JOIN watch_incident_target AS of_target
                        ON of_target.incident = incident.id
                     WHERE of_target.target = ?3 AND of_target.incident < ?1
                     ORDER BY of_target.incident DESC LIMIT ?2"
                );
                read(&mut self.db, &sql, values![before, limit + 1, target.0])?
            }
        };
        let is_more = incidents.len() > limit as usize;
        incidents.truncate(limit as usize);
        let next = incidents.last().filter(|_| is_more).map(|last| last.id);
        Ok(IncidentPage { incidents, next })
    }

    /// One incident, with the targets from `offset` on, at most `limit`. `None` if there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn incident(
        &mut self,
        id: i64,
        offset: u32,
        limit: u32,
    ) -> Result<Option<IncidentDetail>, HistoryError> {
        self.db.snapshot(|db| {
            let sql = format!("SELECT {BRIEF} WHERE id = ?1");
            let Some(incident) = read(db, &sql, values![id])?.into_iter().next() else {
                return Ok(None);
            };
            let rows = db.query(
                "SELECT at_ms, kind, text FROM watch_incident_entry WHERE incident = ?1
                 ORDER BY id DESC LIMIT ?2",
                values![id, PAGE_ROWS_MAX],
            )?;
            let entry = |row: &Row| IncidentEntry {
                at: time(row.int(0)),
                kind: EntryKind::from_name(row.text(1)),
                text: row.text(2).into(),
            };
            let entries = rows.iter().rev().map(entry).collect();
            let members = members(db, id, offset, limit.clamp(1, PAGE_ROWS_MAX))?;
            Ok(Some(IncidentDetail { incident, entries, members }))
        })
    }
}

/// A page of the targets of an incident, those that are not well again first. Each half is a walk
/// along the primary key: with a hundred thousand targets they are not sorted for a page.
fn members(db: &mut Db, id: i64, offset: u32, limit: u32) -> Result<Vec<Member>, HistoryError> {
    let ongoing = "SELECT count(*) FROM watch_incident_target
                   WHERE incident = ?1 AND left_ms IS NULL";
    let ongoing = db.query_one(ongoing, values![id])?.map_or(0, |row| row.count(0));
    let mut members = Vec::new();
    for (half, before) in [("IS NULL", 0), ("IS NOT NULL", ongoing)] {
        let sql = format!(
            "SELECT member.target, target.name, target.url, member.joined_ms, member.left_ms
             FROM (SELECT target, joined_ms, left_ms FROM watch_incident_target
                WHERE incident = ?1 AND left_ms {half} ORDER BY target LIMIT ?2 OFFSET ?3) AS member
             JOIN watch_target AS target ON target.id = member.target ORDER BY member.target"
        );
        let left = limit - members.len() as u32;
        for row in db.query(&sql, values![id, left, offset.saturating_sub(before)])? {
            members.push(Member {
                target: WatchedNo(row.count(0)),
                name: row.text(1).into(),
                url: row.text(2).into(),
                joined: time(row.int(3)),
                left: row.int_opt(4).map(time),
            });
        }
    }
    Ok(members)
}

/// Open incidents, the newest first.
pub(super) fn open(db: &mut Db, limit: u32) -> Result<Vec<IncidentBrief>, HistoryError> {
    let sql = format!(
        "SELECT {BRIEF} WHERE incident.closed_ms IS NULL ORDER BY incident.id DESC LIMIT ?1"
    );
    read(db, &sql, values![limit])
}

fn read(
    db: &mut Db,
    sql: &str,
    values: &[super::super::db::Value],
) -> Result<Vec<IncidentBrief>, HistoryError> {
    let mut found = Vec::new();
    for row in db.query(sql, values)? {
        let example = match row.int_opt(8) {
            None => None,
            Some(target) => {
                let name = "SELECT name FROM watch_target WHERE id = ?1";
                let name = db.query_one(name, values![target])?;
                name.map(|name| (WatchedNo(row.count(8)), name.text(0).into()))
            }
        };
        found.push(IncidentBrief {
            id: row.int(0),
            opened: time(row.int(1)),
            closed: row.int_opt(2).map(time),
            worst: state_of(row.text(3)),
            factor: row.text(4).into(),
            reason: row.text(5).into(),
            targets: row.count(6),
            ongoing: row.count(7),
            example,
        });
    }
    Ok(found)
}
