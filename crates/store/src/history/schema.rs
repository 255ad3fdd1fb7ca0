//! The tables of a history: made, looked at, brought up to date. `docs/history.md` explains them.

use gather_core::time::Time;

use super::db::{Db, values};
use super::error::{HistoryError, HistoryErrorKind};
use super::words::ms;

/// The version of the tables that this build makes.
pub(super) const SCHEMA_VERSION: i64 = 1;

const TABLES: &str = "
CREATE TABLE watch_about (one INTEGER PRIMARY KEY CHECK (one = 1),
    schema_version INTEGER NOT NULL, created_ms INTEGER NOT NULL, batch INTEGER NOT NULL,
    accounted_ms INTEGER, written_ms INTEGER NOT NULL) STRICT;
CREATE TABLE watch_progress (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
CREATE TABLE watch_job (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
    schedule TEXT NOT NULL, speaks_ms INTEGER NOT NULL, listed INTEGER NOT NULL) STRICT;
CREATE TABLE watch_group (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE watch_target (id INTEGER PRIMARY KEY, key INTEGER NOT NULL, job INTEGER NOT NULL,
    grp INTEGER NOT NULL, name TEXT NOT NULL, url TEXT NOT NULL, tags TEXT NOT NULL,
    content INTEGER NOT NULL, since_ms INTEGER NOT NULL, gone_ms INTEGER) STRICT;
CREATE TABLE watch_tag (id INTEGER PRIMARY KEY, tag TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE watch_target_tag (tag INTEGER NOT NULL, target INTEGER NOT NULL,
    PRIMARY KEY (tag, target)) STRICT, WITHOUT ROWID;
CREATE INDEX watch_target_tag_target ON watch_target_tag (target);
CREATE TABLE watch_state (target INTEGER PRIMARY KEY, job INTEGER NOT NULL, grp INTEGER NOT NULL,
    rank INTEGER NOT NULL, listed INTEGER NOT NULL, state TEXT NOT NULL, since_ms INTEGER NOT NULL,
    marks INTEGER NOT NULL, status_code INTEGER NOT NULL, incident INTEGER, kind TEXT, reason TEXT,
    machine BLOB) STRICT;
CREATE INDEX watch_state_rank ON watch_state (rank, target, job, grp) WHERE listed = 1;
CREATE TABLE watch_count (job INTEGER NOT NULL, grp INTEGER NOT NULL, rank INTEGER NOT NULL,
    n INTEGER NOT NULL, PRIMARY KEY (job, grp, rank)) STRICT, WITHOUT ROWID;
CREATE TABLE watch_change (id SERIAL, target INTEGER NOT NULL, at_ms INTEGER NOT NULL,
    state_before TEXT NOT NULL, state TEXT NOT NULL, reason TEXT) STRICT;
CREATE INDEX watch_change_target ON watch_change (target, at_ms);
CREATE INDEX watch_change_at ON watch_change (at_ms);
CREATE TABLE watch_check_batch (id INTEGER PRIMARY KEY, first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL, n INTEGER NOT NULL, block BLOB NOT NULL) STRICT;
CREATE TABLE watch_check_part (id INTEGER PRIMARY KEY, first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL, n INTEGER NOT NULL, block BLOB NOT NULL) STRICT;
CREATE TABLE watch_check_hour (id INTEGER PRIMARY KEY, n INTEGER NOT NULL, block BLOB NOT NULL) STRICT;
CREATE TABLE watch_hour_new (id INTEGER PRIMARY KEY, block BLOB NOT NULL) STRICT;
CREATE TABLE watch_hour (id INTEGER PRIMARY KEY, block BLOB NOT NULL) STRICT;
CREATE TABLE watch_day_new (id INTEGER PRIMARY KEY, block BLOB NOT NULL) STRICT;
CREATE TABLE watch_day (id INTEGER PRIMARY KEY, block BLOB NOT NULL) STRICT;
CREATE TABLE watch_gap (id SERIAL, cause TEXT NOT NULL, from_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL, targets INTEGER NOT NULL, slots INTEGER NOT NULL) STRICT;
CREATE INDEX watch_gap_until ON watch_gap (cause, until_ms);
CREATE TABLE watch_evidence (target INTEGER NOT NULL, which INTEGER NOT NULL,
    at_ms INTEGER NOT NULL, answer TEXT NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (target, which, at_ms)) STRICT;
CREATE TABLE watch_incident (id INTEGER PRIMARY KEY, opened_ms INTEGER NOT NULL,
    closed_ms INTEGER, worst TEXT NOT NULL, factor TEXT NOT NULL, reason TEXT NOT NULL,
    targets INTEGER NOT NULL, ongoing INTEGER NOT NULL) STRICT;
CREATE INDEX watch_incident_open ON watch_incident (id) WHERE closed_ms IS NULL;
CREATE INDEX watch_incident_closed ON watch_incident (closed_ms);
CREATE TABLE watch_incident_entry (id SERIAL, incident INTEGER NOT NULL, at_ms INTEGER NOT NULL,
    kind TEXT NOT NULL, text TEXT NOT NULL) STRICT;
CREATE INDEX watch_incident_entry_incident ON watch_incident_entry (incident, id);
CREATE TABLE watch_incident_target (incident INTEGER NOT NULL, target INTEGER NOT NULL,
    joined_ms INTEGER NOT NULL, left_ms INTEGER, PRIMARY KEY (incident, target)) STRICT, WITHOUT ROWID;
CREATE INDEX watch_incident_target_target ON watch_incident_target (target, incident);
CREATE TABLE watch_notice (id SERIAL, key TEXT NOT NULL UNIQUE, channel TEXT NOT NULL,
    due_ms INTEGER NOT NULL, tries INTEGER NOT NULL, event TEXT NOT NULL, incident INTEGER,
    settled_ms INTEGER, delivered INTEGER NOT NULL, error TEXT) STRICT;
CREATE INDEX watch_notice_incident ON watch_notice (incident) WHERE incident IS NOT NULL;
CREATE INDEX watch_notice_due ON watch_notice (due_ms) WHERE settled_ms IS NULL;
CREATE INDEX watch_notice_settled ON watch_notice (settled_ms);
CREATE TABLE watch_silence (id SERIAL, what TEXT NOT NULL, name TEXT NOT NULL,
    from_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL, why TEXT NOT NULL) STRICT;
CREATE INDEX watch_silence_until ON watch_silence (until_ms);
CREATE TABLE watch_maintenance (what TEXT NOT NULL, name TEXT NOT NULL, from_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL, why TEXT NOT NULL, PRIMARY KEY (what, name, from_ms)) STRICT;
CREATE TABLE watch_value (id SERIAL, job INTEGER NOT NULL, target INTEGER NOT NULL,
    field TEXT NOT NULL, at_ms INTEGER NOT NULL, seen_ms INTEGER NOT NULL, times INTEGER NOT NULL,
    value TEXT, number REAL, earlier INTEGER, last INTEGER NOT NULL) STRICT;
CREATE INDEX watch_value_target ON watch_value (target, field, at_ms);
CREATE UNIQUE INDEX watch_value_last ON watch_value (target, field) WHERE last = 1;
CREATE INDEX watch_value_change ON watch_value (job, id) WHERE earlier IS NOT NULL;
CREATE INDEX watch_value_at ON watch_value (at_ms);
CREATE TABLE watch_run (id SERIAL, job TEXT NOT NULL, run TEXT NOT NULL, due_ms INTEGER NOT NULL,
    started_ms INTEGER NOT NULL, ended_ms INTEGER, state TEXT NOT NULL, ok INTEGER NOT NULL,
    failed INTEGER NOT NULL, skipped INTEGER NOT NULL, changes INTEGER NOT NULL, message TEXT,
    UNIQUE (job, run)) STRICT;
CREATE INDEX watch_run_job ON watch_run (job, started_ms);
";

/// Made as `CREATE VIEW name AS …`; `MOMENT(x)` is a moment as text.
const VIEWS: [(&str, &str); 4] = [
    (
        "watch_states",
        "SELECT job.name AS job, target.name AS target, target.url AS url, grp.name AS grp,
            state.state AS state, MOMENT(state.since_ms) AS since, state.reason AS reason,
            state.kind AS kind, state.status_code AS status_code, state.incident AS incident,
            target.tags AS tags, target.id AS target_id
         FROM watch_state AS state
         JOIN watch_target AS target ON target.id = state.target
         JOIN watch_job AS job ON job.id = target.job
         JOIN watch_group AS grp ON grp.id = target.grp
         WHERE state.listed = 1",
    ),
    (
        "watch_incidents",
        "SELECT id, MOMENT(opened_ms) AS opened, MOMENT(closed_ms) AS closed,
            (closed_ms - opened_ms) / 1000 AS seconds, worst, factor, reason, targets, ongoing
         FROM watch_incident",
    ),
    (
        "watch_changes",
        "SELECT job.name AS job, target.name AS target, MOMENT(change.at_ms) AS at,
            change.state_before AS state_before, change.state AS state, change.reason AS reason
         FROM watch_change AS change
         JOIN watch_target AS target ON target.id = change.target
         JOIN watch_job AS job ON job.id = target.job",
    ),
    (
        "watch_values",
        "SELECT job.name AS job, target.name AS target, value.field AS field,
            MOMENT(value.at_ms) AS at, MOMENT(value.seen_ms) AS last_seen, value.times AS times,
            value.value AS value, value.number AS number
         FROM watch_value AS value
         JOIN watch_target AS target ON target.id = value.target
         JOIN watch_job AS job ON job.id = target.job",
    ),
];

/// Makes the tables where there are none, and refuses those of a later version.
pub(super) fn prepare(db: &mut Db, now: Time) -> Result<(), HistoryError> {
    db.transaction(|db| {
        if let Some(version) = version(db)? {
            return check(db, version);
        }
        let tables = statements(db, TABLES);
        db.batch(&tables)?;
        for (name, select) in VIEWS {
            let view = statements(db, &format!("CREATE VIEW {name} AS {select};"));
            db.batch(&view)?;
        }
        let now = ms(now);
        db.exec("INSERT INTO watch_group (id, name) VALUES (0, '')", &[])?;
        db.exec(
            // No slot was due before there was a history: a watch that is killed before its first batch
            // has targets, and the next one must know since when.
            "INSERT INTO watch_about VALUES (1, ?1, ?2, 0, ?2, ?2)",
            values![SCHEMA_VERSION, now],
        )?;
        Ok(())
    })
}

/// Refuses a database without a history, or with a later one.
pub(super) fn look(db: &mut Db) -> Result<(), HistoryError> {
    match version(db)? {
        Some(version) => check(db, version),
        None => Err(HistoryError::new(db.place(), HistoryErrorKind::Missing)),
    }
}

fn check(db: &Db, version: i64) -> Result<(), HistoryError> {
    if version > SCHEMA_VERSION {
        return Err(HistoryError::new(db.place(), HistoryErrorKind::Newer { version }));
    }
    Ok(())
}

fn version(db: &mut Db) -> Result<Option<i64>, HistoryError> {
    let find = if db.is_sqlite() {
        "SELECT count(*) FROM sqlite_schema WHERE name = 'watch_about'"
    } else {
        "SELECT count(*) FROM pg_class WHERE oid = to_regclass('watch_about')"
    };
    if db.query_one(find, &[])?.is_none_or(|row| row.int(0) == 0) {
        return Ok(None);
    }
    let found = db.query_one("SELECT schema_version FROM watch_about", &[])?;
    let found = found.ok_or_else(|| db.damaged("watch_about has no row"))?;
    Ok(Some(found.int(0)))
}

/// Statements in the words of this database.
fn statements(db: &Db, sql: &str) -> String {
    if db.is_sqlite() {
        let sql = sql.replace("SERIAL", "INTEGER PRIMARY KEY AUTOINCREMENT");
        return moments(&sql, |of| {
            format!("strftime('%Y-%m-%dT%H:%M:%fZ', {of} / 1000.0, 'unixepoch')")
        });
    }
    let words = [
        ("SERIAL", "bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY"),
        ("INTEGER", "bigint"),
        ("BLOB", "bytea"),
        ("REAL", "double precision"),
        (" STRICT, WITHOUT ROWID", ""),
        (" STRICT", ""),
    ];
    let sql = words.iter().fold(sql.to_owned(), |sql, (from, to)| sql.replace(from, to));
    moments(&sql, |of| {
        format!(
            "to_char(to_timestamp({of} / 1000.0) AT TIME ZONE 'UTC', \
             'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
        )
    })
}

/// Replaces each `MOMENT(x)`.
fn moments(sql: &str, form: impl Fn(&str) -> String) -> String {
    let mut parts = sql.split("MOMENT(");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (of, rest) = part.split_once(')').unwrap_or((part, ""));
        out.push_str(&form(of));
        out.push_str(rest);
    }
    out
}
