//! The API: what the pages say, for programs. Durations are seconds, moments RFC 3339 in UTC.

use gather_core::time::{Duration, Time};
use gather_core::watch::{State, WatchedNo};
use gather_store::history::{
    Evidence, EvidenceKind, Flapping, HistoryError, HistoryReader, IncidentBrief, IncidentsOf,
    RunRow, Span, StateCounts, TargetBrief, Upkeep,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::load::{Filter, Spent};
use crate::say::rfc3339;

/// Rows of a page if none are asked for, and at most.
const LIMIT: u32 = 100;
const LIMIT_MAX: u32 = 1_000;
/// Incidents of a target.
const INCIDENTS_MAX: u32 = 20;
/// Values of a field.
const VALUES_MAX: u32 = 100;
/// Bytes of all values of a target; a value may have 16 KiB, and older ones are left out.
const VALUES_BYTES_MAX: usize = 1 << 20;

/// How many targets a page has.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Page {
    limit: Option<u32>,
}

/// Which incidents a page has.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct IncidentsPage {
    limit: Option<u32>,
    before: Option<i64>,
}

/// Which targets of an incident a page has.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct MembersPage {
    limit: Option<u32>,
    from: u32,
}

/// Which changes of values a page has.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ChangesPage {
    job: Option<String>,
    limit: Option<u32>,
    before: Option<i64>,
}

fn limit(asked: Option<u32>) -> u32 {
    asked.unwrap_or(LIMIT).clamp(1, LIMIT_MAX)
}

/// `GET /api/v1/summary`.
pub(crate) fn summary(reader: &mut HistoryReader, now: Time) -> Result<Value, HistoryError> {
    let overview = reader.overview(now)?;
    let groups: Vec<_> = overview
        .groups
        .iter()
        .map(|group| json!({ "group": group.name, "targets": counts(&group.counts) }))
        .collect();
    let incidents: Vec<_> = overview.incidents.iter().map(|one| incident_of(one, now)).collect();
    Ok(json!({
        "state": overview.counts.worst().map(State::as_str),
        "targets": counts(&overview.counts),
        "checked_at": moment(overview.written),
        "accounted_until": overview.accounted_until.and_then(moment),
        "incidents_open": overview.incidents_open,
        "incidents": incidents,
        "groups": groups,
        "groups_total": overview.groups_total,
    }))
}

/// `GET /api/v1/targets`.
pub(crate) fn targets(
    reader: &mut HistoryReader,
    filter: &Filter,
    page: Page,
) -> Result<Value, HistoryError> {
    let found = reader.targets(&filter.as_query(limit(page.limit)))?;
    let targets: Vec<_> = found.targets.iter().map(|one| Value::Object(target_of(one))).collect();
    Ok(json!({ "targets": targets, "next": found.next.map(|next| next.to_text()) }))
}

/// `GET /api/v1/targets/5`.
pub(crate) fn target(
    reader: &mut HistoryReader,
    number: u32,
    now: Time,
) -> Result<Option<Value>, HistoryError> {
    let number = WatchedNo(number);
    let Some(detail) = reader.target(number)? else { return Ok(None) };
    let mut object = target_of(&detail.brief);
    object.insert("schedule".into(), json!(detail.schedule));
    object.insert("known_since".into(), json!(moment(detail.known_since)));
    put(&mut object, "gone_at", detail.gone.and_then(moment));
    let mut periods = Map::new();
    for span in [Span::Day, Span::Week, Span::Month, Span::Quarter] {
        let past = reader.past(number, span, 1, now)?;
        periods.insert(span.as_str().into(), period(&Spent::from(&past.total)));
    }
    object.insert("periods".into(), periods.into());
    let incidents = reader.incidents(IncidentsOf::Target(number), None, INCIDENTS_MAX)?.incidents;
    let incidents: Vec<_> = incidents.iter().map(|one| incident_of(one, now)).collect();
    object.insert("incidents".into(), incidents.into());
    for evidence in [&detail.first_failure, &detail.last_good].into_iter().flatten() {
        let name = match evidence.which {
            EvidenceKind::FirstFailure => "first_failure",
            EvidenceKind::LastGood => "last_good",
        };
        object.insert(name.into(), evidence_of(evidence));
    }
    let mut fields = Map::new();
    let mut left = VALUES_BYTES_MAX;
    for field in reader.fields(number)? {
        let values = reader.values(number, &field, None, VALUES_MAX)?;
        let values: Vec<_> = values
            .iter()
            .take_while(|value| {
                let bytes = value.value.as_ref().map_or(0, |value| value.len());
                left = left.saturating_sub(bytes);
                left > 0
            })
            .map(|value| {
                json!({ "value": value.value, "number": value.number, "from": moment(value.from),
                        "seen": moment(value.seen), "times": value.times })
            })
            .collect();
        fields.insert(field.into(), values.into());
    }
    if !fields.is_empty() {
        object.insert("fields".into(), fields.into());
    }
    Ok(Some(object.into()))
}

/// `GET /api/v1/incidents`.
pub(crate) fn incidents(
    reader: &mut HistoryReader,
    page: IncidentsPage,
    now: Time,
) -> Result<Value, HistoryError> {
    let found = reader.incidents(IncidentsOf::Everything, page.before, limit(page.limit))?;
    let incidents: Vec<_> = found.incidents.iter().map(|one| incident_of(one, now)).collect();
    Ok(json!({ "incidents": incidents, "next": found.next }))
}

/// `GET /api/v1/incidents/12`.
pub(crate) fn incident(
    reader: &mut HistoryReader,
    id: i64,
    page: MembersPage,
    now: Time,
) -> Result<Option<Value>, HistoryError> {
    let limit = page.limit.unwrap_or(LIMIT_MAX).clamp(1, LIMIT_MAX);
    let Some(detail) = reader.incident(id, page.from, limit)? else { return Ok(None) };
    let mut object = incident_of(&detail.incident, now);
    let entries: Vec<_> = detail
        .entries
        .iter()
        .map(|entry| json!({ "at": moment(entry.at), "kind": entry.kind.as_str(), "text": entry.text }))
        .collect();
    let members: Vec<_> = detail
        .members
        .iter()
        .map(|member| {
            json!({ "target": member.target.0, "name": member.name, "url": member.url,
                    "joined_at": moment(member.joined), "left_at": member.left.and_then(moment) })
        })
        .collect();
    object["timeline"] = entries.into();
    object["members"] = members.into();
    let next = page.from.saturating_add(limit);
    object["next"] = (next < detail.incident.targets).then_some(next).into();
    Ok(Some(object))
}

/// `GET /api/v1/jobs`.
pub(crate) fn jobs(reader: &mut HistoryReader, now: Time) -> Result<Value, HistoryError> {
    let overview = reader.overview(now)?;
    let jobs: Vec<_> = overview
        .jobs
        .iter()
        .map(|job| {
            json!({ "job": job.name, "kind": job.kind.as_str(), "schedule": job.schedule,
                    "targets": counts(&job.counts), "last_run": job.last_run.as_ref().map(run) })
        })
        .collect();
    let gaps: Vec<_> = overview
        .gaps
        .iter()
        .map(|gap| {
            json!({ "cause": gap.cause, "from": moment(gap.from), "until": moment(gap.until),
                    "targets": gap.targets, "slots": gap.slots })
        })
        .collect();
    Ok(json!({ "jobs": jobs, "missed": gaps }))
}

/// `GET /api/v1/changes`.
pub(crate) fn changes(
    reader: &mut HistoryReader,
    page: &ChangesPage,
) -> Result<Value, HistoryError> {
    let limit = limit(page.limit);
    let found = reader.changes(page.job.as_deref(), page.before, limit)?;
    let next = found.last().filter(|_| found.len() == limit as usize).map(|last| last.id);
    let changes: Vec<_> = found
        .iter()
        .map(|change| {
            json!({ "change": change.id, "at": moment(change.at), "target": change.target.0,
                    "name": change.name, "field": change.field, "old": change.old,
                    "new": change.new, "old_number": change.numbers.0,
                    "new_number": change.numbers.1 })
        })
        .collect();
    Ok(json!({ "changes": changes, "next": next }))
}

fn run(run: &RunRow) -> Value {
    json!({ "run": run.run, "due_at": moment(run.due), "started_at": moment(run.started),
            "ended_at": run.ended.and_then(moment), "state": run.end.as_str(), "ok": run.ok,
            "failed": run.failed, "skipped": run.skipped, "changes": run.changes,
            "message": run.message })
}

fn counts(counts: &StateCounts) -> Value {
    let mut object = Map::new();
    for state in State::ALL {
        object.insert(state.as_str().into(), counts.of(*state).into());
    }
    object.insert("maintenance".into(), counts.maintenance().into());
    object.insert("total".into(), counts.total().into());
    object.into()
}

fn target_of(target: &TargetBrief) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("target".into(), target.target.0.into());
    object.insert("name".into(), json!(target.name));
    object.insert("url".into(), json!(target.url));
    object.insert("job".into(), json!(target.job));
    let tags = target.tags.iter().map(|(name, value)| (name.to_string(), json!(value)));
    let tags: Map<String, Value> = tags.collect();
    put(&mut object, "group", (!target.group.is_empty()).then_some(&target.group));
    put(&mut object, "tags", (!tags.is_empty()).then_some(tags));
    object.insert("state".into(), target.state.as_str().into());
    put(&mut object, "since", moment(target.since));
    put(&mut object, "reason", target.reason.as_ref());
    put(&mut object, "kind", target.kind.map(|kind| kind.as_str()));
    put(&mut object, "status_code", (target.status_code > 0).then_some(target.status_code));
    put(&mut object, "incident", target.incident);
    put(&mut object, "is_flapping", (target.flapping == Flapping::Yes).then_some(true));
    put(&mut object, "in_maintenance", (target.maintenance == Upkeep::Open).then_some(true));
    object
}

fn incident_of(incident: &IncidentBrief, now: Time) -> Value {
    let lasted = incident.closed.unwrap_or(now).since(incident.opened);
    json!({ "incident": incident.id, "opened_at": moment(incident.opened),
            "closed_at": incident.closed.and_then(moment), "lasted": seconds(lasted),
            "worst": incident.worst.as_str(), "factor": incident.factor, "reason": incident.reason,
            "targets": incident.targets, "ongoing": incident.ongoing })
}

fn period(spent: &Spent) -> Value {
    json!({ "uptime": spent.uptime(), "coverage": spent.coverage(),
            "time_total_p50": spent.p50.map(seconds), "time_total_p95": spent.p95.map(seconds),
            "checks": spent.all(), "failures": spent.failures(), "missed": spent.missed })
}

/// Under the names that records have.
fn evidence_of(evidence: &Evidence) -> Value {
    let answer = &evidence.answer;
    let mut object = Map::new();
    put(&mut object, "at", moment(evidence.at));
    put(&mut object, "url", (!answer.url.is_empty()).then_some(&answer.url));
    put(&mut object, "remote_ip", answer.address.map(|address| address.to_string()));
    put(&mut object, "status_code", (answer.status_code > 0).then_some(answer.status_code));
    put(
        &mut object,
        "http_version",
        (!answer.http_version.is_empty()).then_some(&answer.http_version),
    );
    put(&mut object, "kind", answer.kind.map(|kind| kind.as_str()));
    put(&mut object, "message", answer.message.as_ref());
    put(&mut object, "time_namelookup", answer.phases.namelookup.map(seconds));
    put(&mut object, "time_connect", answer.phases.connect.map(seconds));
    put(&mut object, "time_appconnect", answer.phases.appconnect.map(seconds));
    put(&mut object, "time_starttransfer", answer.phases.starttransfer.map(seconds));
    put(&mut object, "time_total", answer.phases.total.map(seconds));
    put(&mut object, "certificate_until", answer.certificate_until.and_then(moment));
    put(&mut object, "headers", (!answer.headers.is_empty()).then_some(&answer.headers));
    let body = String::from_utf8_lossy(&evidence.body);
    put(&mut object, "body", (!body.is_empty()).then_some(body));
    object.into()
}

/// What is not known is left out.
fn put(object: &mut Map<String, Value>, name: &str, value: Option<impl serde::Serialize>) {
    if let Some(value) = value {
        object.insert(name.into(), json!(value));
    }
}

/// None for what never was.
fn moment(time: Time) -> Option<String> {
    (time > Time::ZERO).then(|| rfc3339(time))
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}
