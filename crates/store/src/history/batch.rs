//! The pieces of a batch, each put into its tables.

use std::collections::{BTreeMap, HashMap};

use gather_core::human::cut;
use gather_core::watch::{Missed, WatchedNo};

use super::block::{Effort, compress};
use super::db::{Bulk, Db, Type, values};
use super::error::HistoryError;
use super::evidence::{Evidence, EvidenceKind};
use super::incident::Incident;
use super::notice::Notice;
use super::register::write_counts;
use super::rows::{Covers, MaintenanceSpan, RunRow, StoredState, ValueRow};
use super::words::ms;
use super::writer::{Age, Known, Listed, marks, place, write_machine};
use super::{
    EVIDENCE_BODY_BYTES_MAX, EVIDENCE_FAILURES_MAX, EVIDENCE_HEADER_BYTES_MAX, GAP_JOIN,
    TEXT_BYTES_MAX, VALUE_BYTES_MAX,
};

const STATES: Bulk = Bulk {
    table: "watch_state",
    columns: &[
        ("target", Type::Int),
        ("job", Type::Int),
        ("grp", Type::Int),
        ("rank", Type::Int),
        ("listed", Type::Int),
        ("state", Type::Text),
        ("since_ms", Type::Int),
        ("marks", Type::Int),
        ("status_code", Type::Int),
        ("incident", Type::Int),
        ("kind", Type::Text),
        ("reason", Type::Text),
        ("machine", Type::Blob),
    ],
    conflict: "ON CONFLICT (target) DO UPDATE SET rank = excluded.rank, state = excluded.state,
        since_ms = excluded.since_ms, marks = excluded.marks, status_code = excluded.status_code,
        incident = excluded.incident, kind = excluded.kind, reason = excluded.reason,
        machine = excluded.machine",
};

const CHANGES: Bulk = Bulk {
    table: "watch_change",
    columns: &[
        ("target", Type::Int),
        ("at_ms", Type::Int),
        ("state_before", Type::Text),
        ("state", Type::Text),
        ("reason", Type::Text),
    ],
    conflict: "",
};

/// The last state of each target, by its number.
pub(super) fn latest(states: &[(WatchedNo, StoredState)]) -> Vec<(u32, &StoredState)> {
    let latest: BTreeMap<u32, &StoredState> =
        states.iter().map(|(number, state)| (number.0, state)).collect();
    latest.into_iter().collect()
}

/// States, the changes they are, and how many there are of each.
pub(super) fn states(
    db: &mut Db,
    known: &Known,
    states: &[(u32, &StoredState)],
) -> Result<(), HistoryError> {
    let (mut rows, mut changes) = (Vec::with_capacity(states.len()), Vec::new());
    let mut counts: HashMap<(u32, u32, u8), i64> = HashMap::new();
    for (number, state) in states {
        let Some(target) = known.targets.get(*number as usize) else {
            return Err(db.damaged(format!("target {number} was never registered")));
        };
        let listed = i64::from(target.listed == Listed::Yes);
        let (name, rank) = (state.state.as_str(), place(state.state, state.maintenance));
        rows.push(vec![
            (*number).into(),
            target.job.into(),
            target.grp.into(),
            u32::from(rank).into(),
            listed.into(),
            name.into(),
            ms(state.since).into(),
            marks(state).into(),
            i64::from(state.status_code).into(),
            state.incident.into(),
            state.kind.map(gather_core::ErrorKind::as_str).into(),
            short(state.reason.as_deref()).into(),
            write_machine(&state.machine).into(),
        ]);
        if target.listed == Listed::Yes && target.rank != rank {
            *counts.entry((target.job, target.grp, target.rank)).or_default() -= 1;
            *counts.entry((target.job, target.grp, rank)).or_default() += 1;
        }
        // The first state of a target is no change: where all are well that would be one row each.
        if target.state != state.state && target.age == Age::Old {
            let (at, before) = (ms(state.since), target.state.as_str());
            let reason = short(state.reason.as_deref());
            changes.push(values![*number, at, before, name, reason].to_vec());
        }
    }
    db.put(&STATES, &rows)?;
    db.put(&CHANGES, &changes)?;
    write_counts(db, &counts)
}

/// Incidents as they are now, and what is new in them.
pub(super) fn incidents(db: &mut Db, incidents: &[Incident]) -> Result<(), HistoryError> {
    for incident in incidents {
        db.exec(
            "INSERT INTO watch_incident VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (id) DO UPDATE SET opened_ms = excluded.opened_ms,
                closed_ms = excluded.closed_ms, worst = excluded.worst, factor = excluded.factor,
                reason = excluded.reason, targets = excluded.targets, ongoing = excluded.ongoing",
            values![
                incident.id,
                ms(incident.opened),
                incident.closed.map(ms),
                incident.worst.as_str(),
                cut(&incident.factor, TEXT_BYTES_MAX),
                cut(&incident.reason, TEXT_BYTES_MAX),
                incident.targets,
                incident.ongoing
            ],
        )?;
        let entries = incident.entries.iter().map(|entry| {
            let (at, kind) = (ms(entry.at), entry.kind.as_str());
            values![incident.id, at, kind, cut(&entry.text, TEXT_BYTES_MAX)].to_vec()
        });
        db.put(&ENTRIES, &entries.collect::<Vec<_>>())?;
        let joined: BTreeMap<u32, i64> =
            incident.joined.iter().map(|(number, at)| (number.0, ms(*at))).collect();
        let joined = joined.into_iter().map(|(no, at)| values![incident.id, no, at].to_vec());
        db.put(&MEMBERS, &joined.collect::<Vec<_>>())?;
        let leave = "UPDATE watch_incident_target SET left_ms = ?3
                     WHERE incident = ?1 AND target = ?2";
        for (number, at) in &incident.left {
            db.exec(leave, values![incident.id, number.0, ms(*at)])?;
        }
    }
    Ok(())
}

const ENTRIES: Bulk = Bulk {
    table: "watch_incident_entry",
    columns: &[
        ("incident", Type::Int),
        ("at_ms", Type::Int),
        ("kind", Type::Text),
        ("text", Type::Text),
    ],
    conflict: "",
};

const MEMBERS: Bulk = Bulk {
    table: "watch_incident_target",
    columns: &[("incident", Type::Int), ("target", Type::Int), ("joined_ms", Type::Int)],
    conflict: "ON CONFLICT (incident, target) DO UPDATE SET left_ms = NULL",
};

/// First failures and last good answers.
pub(super) fn evidence(db: &mut Db, evidence: &[Evidence]) -> Result<(), HistoryError> {
    for seen in evidence {
        let mut answer = seen.answer.clone();
        let mut bytes = 0;
        answer.headers.retain(|(name, value)| {
            bytes += name.len() + value.len();
            bytes <= EVIDENCE_HEADER_BYTES_MAX
        });
        let answer = serde_json::to_string(&answer).expect("strings and numbers");
        let body = &seen.body[..seen.body.len().min(EVIDENCE_BODY_BYTES_MAX)];
        let body = compress(body, Effort::Thorough);
        let (number, which, at) = (seen.target.0, seen.which.number(), ms(seen.at));
        db.exec(
            "INSERT INTO watch_evidence VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (target, which, at_ms) DO UPDATE SET answer = excluded.answer,
                body = excluded.body",
            values![number, which, at, answer, body],
        )?;
        let keep = match seen.which {
            EvidenceKind::FirstFailure => EVIDENCE_FAILURES_MAX,
            EvidenceKind::LastGood => 1,
        };
        db.exec(
            "DELETE FROM watch_evidence WHERE target = ?1 AND which = ?2 AND at_ms <
             (SELECT min(at_ms) FROM (SELECT at_ms FROM watch_evidence
                WHERE target = ?1 AND which = ?2 ORDER BY at_ms DESC LIMIT ?3) AS kept)",
            values![number, which, keep],
        )?;
    }
    Ok(())
}

/// Notices that are not there yet.
pub(super) fn notices(db: &mut Db, notices: &[Notice]) -> Result<(), HistoryError> {
    for notice in notices {
        let event = serde_json::to_string(&notice.event).expect("strings and numbers");
        db.exec(
            "INSERT INTO watch_notice (key, channel, due_ms, tries, event, incident, delivered)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0) ON CONFLICT (key) DO NOTHING",
            values![
                notice.key.clone(),
                notice.channel.clone(),
                ms(notice.due),
                notice.tries,
                event,
                notice.event.incident
            ],
        )?;
    }
    Ok(())
}

/// Values: a new row where one changed, else the last one was seen again. The last is the one that
/// was written last, also where a clock was set back.
pub(super) fn values(db: &mut Db, known: &Known, values: &[ValueRow]) -> Result<(), HistoryError> {
    for row in values {
        let (number, at) = (row.target.0, ms(row.at));
        let Some(target) = known.targets.get(number as usize) else {
            return Err(db.damaged(format!("target {number} was never registered")));
        };
        let value = row.value.as_deref().map(|value| cut(value, VALUE_BYTES_MAX));
        let find = "SELECT id, value FROM watch_value
                    WHERE target = ?1 AND field = ?2 AND last = 1";
        let last = db.query_one(find, values![number, row.field.clone()])?;
        let earlier = match last {
            Some(last) if last.text_opt(1) == value => {
                let seen = "UPDATE watch_value SET seen_ms = ?2, times = times + 1 WHERE id = ?1";
                db.exec(seen, values![last.int(0), at])?;
                continue;
            }
            Some(last) => {
                let no_more = "UPDATE watch_value SET last = 0 WHERE id = ?1";
                db.exec(no_more, values![last.int(0)])?;
                Some(last.int(0))
            }
            None => None,
        };
        db.exec(
            "INSERT INTO watch_value (job, target, field, at_ms, seen_ms, times, value, number,
                earlier, last)
             VALUES (?1, ?2, ?3, ?4, ?4, 1, ?5, ?6, ?7, 1)",
            values![target.job, number, row.field.clone(), at, value, row.number, earlier],
        )?;
    }
    Ok(())
}

fn short(text: Option<&str>) -> Option<&str> {
    text.map(|text| cut(text, TEXT_BYTES_MAX))
}

/// Runs, as they are now.
pub(super) fn runs(db: &mut Db, runs: &[RunRow]) -> Result<(), HistoryError> {
    for run in runs {
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        db.exec(
            "INSERT INTO watch_run (job, run, due_ms, started_ms, ended_ms, state, ok, failed,
                skipped, changes, message)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT (job, run) DO UPDATE SET ended_ms = excluded.ended_ms,
                state = excluded.state, ok = excluded.ok, failed = excluded.failed,
                skipped = excluded.skipped, changes = excluded.changes,
                message = excluded.message",
            values![
                run.job.clone(),
                run.run.clone(),
                ms(run.due),
                ms(run.started),
                run.ended.map(ms),
                run.end.as_str(),
                count(run.ok),
                count(run.failed),
                count(run.skipped),
                count(run.changes),
                short(run.message.as_deref())
            ],
        )?;
    }
    Ok(())
}

/// Maintenance windows.
pub(super) fn maintenance(db: &mut Db, spans: &[MaintenanceSpan]) -> Result<(), HistoryError> {
    for span in spans {
        let (what, name) = match &span.covers {
            Covers::Everything => ("everything", String::new()),
            Covers::Job(job) => ("job", job.to_string()),
            Covers::Target(number) => ("target", number.0.to_string()),
        };
        db.exec(
            "INSERT INTO watch_maintenance VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (what, name, from_ms) DO UPDATE SET until_ms = excluded.until_ms,
                why = excluded.why",
            values![what, name, ms(span.from), ms(span.until), span.why.clone()],
        )?;
    }
    Ok(())
}

/// What the missed spans of a batch come to, by cause: one row as long as it goes on.
pub(super) fn gaps(db: &mut Db, missed: &[Missed]) -> Result<(), HistoryError> {
    let mut gaps: BTreeMap<&str, (i64, i64, i64, i64)> = BTreeMap::new();
    for span in missed {
        let (from, until) = (ms(span.from), ms(span.until));
        let gap = gaps.entry(span.cause.as_str()).or_insert((from, until, 0, 0));
        *gap = (gap.0.min(from), gap.1.max(until), gap.2 + 1, gap.3 + i64::from(span.slots));
    }
    for (cause, (from, until, targets, slots)) in gaps {
        let find = "SELECT id FROM watch_gap WHERE cause = ?1 AND until_ms >= ?2 AND from_ms <= ?3
                    ORDER BY until_ms DESC LIMIT 1";
        let join = i64::try_from(GAP_JOIN.as_millis()).unwrap_or(0);
        match db.query_one(find, values![cause, from - join, until])? {
            Some(row) => db.exec(
                "UPDATE watch_gap SET from_ms = CASE WHEN from_ms < ?2 THEN from_ms ELSE ?2 END,
                    until_ms = CASE WHEN until_ms > ?3 THEN until_ms ELSE ?3 END,
                    targets = CASE WHEN targets > ?4 THEN targets ELSE ?4 END,
                    slots = slots + ?5 WHERE id = ?1",
                values![row.int(0), from, until, targets, slots],
            )?,
            None => db.exec(
                "INSERT INTO watch_gap (cause, from_ms, until_ms, targets, slots)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
                values![cause, from, until, targets, slots],
            )?,
        };
    }
    Ok(())
}
