//! One target: what is known of it, its changes and its evidence.

use gather_core::time::Time;
use gather_core::watch::{State, WatchedNo};

use super::super::block::decompress;
use super::super::db::{Db, Row, values};
use super::super::error::HistoryError;
use super::super::evidence::{Answer, Evidence, EvidenceKind};
use super::super::words::{ms, state_of, time};
use super::list::{BRIEF, TargetBrief, brief};
use super::{HistoryReader, PAGE_ROWS_MAX};

/// A change of a target's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// When.
    pub at: Time,
    /// The state before.
    pub before: State,
    /// The state since then.
    pub state: State,
    /// Why, for people.
    pub reason: Option<Box<str>>,
}

/// A target with what belongs to it.
#[derive(Clone, Debug)]
pub struct TargetDetail {
    /// As in lists.
    pub brief: TargetBrief,
    /// Its job's schedule, as people read it.
    pub schedule: Box<str>,
    /// When it was registered first.
    pub known_since: Time,
    /// When it was taken out of its list; `None` while it is in it.
    pub gone: Option<Time>,
    /// The last changes of its state, the newest first; at most 50.
    pub changes: Vec<Change>,
    /// The last good answer that was kept.
    pub last_good: Option<Evidence>,
    /// The last first failure.
    pub first_failure: Option<Evidence>,
}

/// Changes of a detail.
const CHANGES_MAX: u32 = 50;

impl HistoryReader {
    /// One target; `None` if there is none of this number.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn target(&mut self, target: WatchedNo) -> Result<Option<TargetDetail>, HistoryError> {
        self.db.snapshot(|db| {
            let sql = format!("SELECT {BRIEF} WHERE state.target = ?1");
            let Some(row) = db.query_one(&sql, values![target.0])? else { return Ok(None) };
            let about = db.query_one(
                "SELECT job.schedule, target.since_ms, target.gone_ms FROM watch_target AS target
                 JOIN watch_job AS job ON job.id = target.job WHERE target.id = ?1",
                values![target.0],
            )?;
            let about = about.ok_or_else(|| db.damaged(format!("target {}", target.0)))?;
            let mut last = |which| Ok(evidence(db, target, Some(which), 1)?.into_iter().next());
            let (last_good, first_failure) =
                (last(EvidenceKind::LastGood)?, last(EvidenceKind::FirstFailure)?);
            Ok(Some(TargetDetail {
                brief: brief(&row),
                schedule: about.text(0).into(),
                known_since: time(about.int(1)),
                gone: about.int_opt(2).map(time),
                changes: changes(db, target, i64::MAX, CHANGES_MAX)?,
                last_good,
                first_failure,
            }))
        })
    }

    /// Targets of exactly this name or URL, in any job; at most 10.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn named(&mut self, name: &str) -> Result<Vec<TargetBrief>, HistoryError> {
        let sql = format!(
            "SELECT {BRIEF} WHERE (target.name = ?1 OR target.url = ?1) AND state.listed = 1
             ORDER BY state.target LIMIT 10"
        );
        Ok(self.db.query(&sql, values![name])?.iter().map(brief).collect())
    }

    /// Changes of a target's state before a moment, the newest first, at most `limit`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn state_changes(
        &mut self,
        target: WatchedNo,
        before: Time,
        limit: u32,
    ) -> Result<Vec<Change>, HistoryError> {
        changes(&mut self.db, target, ms(before), limit.min(PAGE_ROWS_MAX))
    }

    /// The evidence kept of a target, the newest first: at most 21.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn evidence(&mut self, target: WatchedNo) -> Result<Vec<Evidence>, HistoryError> {
        evidence(&mut self.db, target, None, 21)
    }
}

fn changes(
    db: &mut Db,
    target: WatchedNo,
    before: i64,
    limit: u32,
) -> Result<Vec<Change>, HistoryError> {
    let rows = db.query(
        "SELECT at_ms, state_before, state, reason FROM watch_change
         WHERE target = ?1 AND at_ms < ?2 ORDER BY at_ms DESC, id DESC LIMIT ?3",
        values![target.0, before, limit],
    )?;
    let read = |row: &Row| Change {
        at: time(row.int(0)),
        before: state_of(row.text(1)),
        state: state_of(row.text(2)),
        reason: row.text_opt(3).map(Into::into),
    };
    Ok(rows.iter().map(read).collect())
}

fn evidence(
    db: &mut Db,
    target: WatchedNo,
    which: Option<EvidenceKind>,
    limit: u32,
) -> Result<Vec<Evidence>, HistoryError> {
    let (least, most) = which.map_or((0, 1), |which| (which.number(), which.number()));
    let rows = db.query(
        "SELECT which, at_ms, answer, body FROM watch_evidence
         WHERE target = ?1 AND which >= ?2 AND which <= ?3 ORDER BY at_ms DESC LIMIT ?4",
        values![target.0, least, most, limit],
    )?;
    let read = |row: &Row| {
        let damaged = || db.damaged(format!("the evidence of target {}", target.0));
        let is_good = row.int(0) == EvidenceKind::LastGood.number();
        Ok(Evidence {
            target,
            which: if is_good { EvidenceKind::LastGood } else { EvidenceKind::FirstFailure },
            at: time(row.int(1)),
            answer: serde_json::from_str::<Answer>(row.text(2)).map_err(|_| damaged())?,
            body: decompress(row.blob(3)).ok_or_else(damaged)?.into(),
        })
    };
    rows.iter().map(read).collect()
}
