//! What is older than it is kept is removed, a few rows at a time; its pages are used again.

use gather_core::time::Duration;

use super::super::db::{Db, values};
use super::super::error::HistoryError;
use super::super::slots::{BLOCK_DAYS, DAY_MS, HOUR_MS, first_id};
use super::super::{Kept, NOTICES_KEPT};
use super::{Progress, Step};

/// How often old rows are looked for, in milliseconds.
const EVERY_MS: i64 = 60_000;
/// Rows that are removed from one table in one step.
const ROWS_A_STEP: i64 = 200;
/// Delivered notices that are old. Of an incident that goes on they stay: a watch that starts again
/// looks there who was told of it.
const SETTLED: &str = "settled_ms < ?1 AND NOT EXISTS (
    SELECT 1 FROM watch_incident AS open
    WHERE open.closed_ms IS NULL AND watch_notice.key LIKE 'incident:' || open.id || ':%')";

/// Removes some of what is old, if it is time to look.
pub(super) fn step(
    progress: &mut Progress,
    db: &mut Db,
    kept: &Kept,
    now: i64,
) -> Result<Step, HistoryError> {
    // In either direction: a clock that was far ahead for a moment must not stop this.
    if (now - progress.retained).abs() < EVERY_MS {
        return Ok(Step::Idle);
    }
    let before = |kept: Duration| now - i64::try_from(kept.as_millis()).unwrap_or(now);
    let (checks, hours, days) = (before(kept.checks), before(kept.hours), before(kept.days));
    let notices = before(NOTICES_KEPT);
    // Table, its key, what is old, and before which value.
    let old = [
        ("watch_check_hour", "id", "id < ?1", first_id(checks.div_euclid(HOUR_MS))),
        ("watch_hour", "id", "id < ?1", first_id(hours.div_euclid(DAY_MS))),
        ("watch_day", "id", "id < ?1", first_id(days.div_euclid(DAY_MS * BLOCK_DAYS))),
        ("watch_change", "id", "at_ms < ?1", days),
        ("watch_notice", "id", SETTLED, notices),
        ("watch_silence", "id", "until_ms < ?1", days),
        ("watch_value", "id", "at_ms < ?1 AND seen_ms < ?1", days),
    ];
    let mut removed = 0;
    for (table, key, condition, value) in old {
        let sql = format!(
            "DELETE FROM {table} WHERE {key} IN
             (SELECT {key} FROM {table} WHERE {condition} LIMIT {ROWS_A_STEP})"
        );
        removed += db.exec(&sql, values![value])?;
    }
    // These have no index by time, and need none: the first numbers are the oldest.
    for (table, condition) in [("watch_gap", "until_ms < ?1"), ("watch_run", "started_ms < ?1")] {
        let sql = format!(
            "DELETE FROM {table} WHERE {condition} AND id IN
             (SELECT id FROM {table} ORDER BY id LIMIT {ROWS_A_STEP})"
        );
        removed += db.exec(&sql, values![days])?;
    }
    let maintenance = "DELETE FROM watch_maintenance WHERE until_ms < ?1";
    removed += db.exec(maintenance, values![days])?;
    removed += incidents(db, days)?;
    if removed == 0 {
        progress.retained = now;
        return Ok(Step::Idle);
    }
    Ok(Step::Done)
}

/// Closed incidents go with what belongs to them.
fn incidents(db: &mut Db, before: i64) -> Result<u64, HistoryError> {
    let find = "SELECT id FROM watch_incident WHERE closed_ms < ?1 ORDER BY closed_ms LIMIT 4";
    let old = db.query(find, values![before])?;
    for row in &old {
        for delete in [
            "DELETE FROM watch_incident_entry WHERE incident = ?1",
            "DELETE FROM watch_incident_target WHERE incident = ?1",
            "DELETE FROM watch_incident WHERE id = ?1",
        ] {
            db.exec(delete, values![row.int(0)])?;
        }
    }
    Ok(old.len() as u64)
}
