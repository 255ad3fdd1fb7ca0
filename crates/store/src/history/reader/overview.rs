//! The overview: how many targets are in which state, by job and by group.

use gather_core::time::Time;
use gather_core::watch::State;

use super::super::db::{Db, Row, values};
use super::super::error::HistoryError;
use super::super::notice::Silence;
use super::super::outbox::silences;
use super::super::rows::{JobKind, RunRow};
use super::super::words::{ms, time};
use super::super::writer::{RANK_MAINTENANCE, rank};
use super::incidents::{self, IncidentBrief};
use super::{HistoryReader, PAGE_ROWS_MAX, values as value_rows};

/// How many targets are in each state, and how many of them in maintenance instead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateCounts([u64; 7]);

impl StateCounts {
    /// How many are in this one, of those for which no maintenance window is open.
    pub fn of(&self, state: State) -> u64 {
        self.0[usize::from(rank(state))]
    }

    /// How many have a maintenance window open, whatever state they are in.
    pub fn maintenance(&self) -> u64 {
        self.0[usize::from(RANK_MAINTENANCE)]
    }

    /// How many there are.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The worst state that one of them is in; none where all are in maintenance.
    pub fn worst(&self) -> Option<State> {
        super::list::WORST_FIRST.into_iter().find(|state| self.of(*state) > 0)
    }

    fn add(&mut self, rank: usize, n: i64) {
        if let Some(count) = self.0.get_mut(rank) {
            *count = count.saturating_add_signed(n);
        }
    }
}

/// A job, with its targets' states.
#[derive(Clone, Debug, PartialEq)]
pub struct JobOverview {
    /// Its name.
    pub name: Box<str>,
    /// What it does.
    pub kind: JobKind,
    /// Its schedule as people read it.
    pub schedule: Box<str>,
    /// Its targets.
    pub counts: StateCounts,
    /// Its last run, if it has runs.
    pub last_run: Option<RunRow>,
}

/// A group, with its targets' states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupOverview {
    /// Its name; empty for the targets without one.
    pub name: Box<str>,
    /// Its targets.
    pub counts: StateCounts,
}

/// A time in which slots were missed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Why: as [`MissedCause`](gather_core::watch::MissedCause) says it.
    pub cause: Box<str>,
    /// Its begin.
    pub from: Time,
    /// Its end.
    pub until: Time,
    /// How many targets lacked checks at once, at least.
    pub targets: u64,
    /// How many slots were missed.
    pub slots: u64,
}

/// How everything is.
#[derive(Clone, Debug)]
pub struct Overview {
    /// The last moment that was written: if it is long ago, the watch does not run.
    pub written: Time,
    /// All slots due before it are in the history.
    pub accounted_until: Option<Time>,
    /// All targets.
    pub counts: StateCounts,
    /// The jobs, by name; at most [`PAGE_ROWS_MAX`].
    pub jobs: Vec<JobOverview>,
    /// The groups, those with the worst targets first; at most 100.
    pub groups: Vec<GroupOverview>,
    /// How many groups there are.
    pub groups_total: u64,
    /// Open incidents, the newest first; at most 20.
    pub incidents: Vec<IncidentBrief>,
    /// How many incidents are open.
    pub incidents_open: u64,
    /// The silences in force, and those to come.
    pub silences: Vec<Silence>,
    /// The last times in which slots were missed, the newest first; at most 10.
    pub gaps: Vec<Gap>,
}

/// Groups of the overview.
const GROUPS_MAX: usize = 100;
/// Open incidents of the overview.
const INCIDENTS_MAX: u32 = 20;

impl HistoryReader {
    /// How everything is.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn overview(&mut self, now: Time) -> Result<Overview, HistoryError> {
        self.db.snapshot(|db| {
            let about = db.query_one("SELECT written_ms, accounted_ms FROM watch_about", &[])?;
            let about = about.ok_or_else(|| db.damaged("watch_about has no row"))?;
            let jobs = jobs(db)?;
            let mut counts = StateCounts::default();
            for job in &jobs {
                job.counts.0.iter().enumerate().for_each(|(at, n)| counts.add(at, n.cast_signed()));
            }
            let (groups, groups_total) = groups(db, GROUPS_MAX)?;
            let open = "SELECT count(*) FROM watch_incident WHERE closed_ms IS NULL";
            Ok(Overview {
                written: time(about.int(0)),
                accounted_until: about.int_opt(1).map(time),
                counts,
                jobs,
                groups,
                groups_total,
                incidents: incidents::open(db, INCIDENTS_MAX)?,
                incidents_open: db
                    .query_one(open, &[])?
                    .map_or(0, |row| row.int(0).cast_unsigned()),
                silences: silences(db, now)?,
                gaps: gaps(db)?,
            })
        })
    }

    /// The last moment that was written: if it is long ago, the watch does not run.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn written(&mut self) -> Result<Time, HistoryError> {
        let row = self.db.query_one("SELECT written_ms FROM watch_about", &[])?;
        Ok(row.map_or(Time::ZERO, |row| time(row.int(0))))
    }

    /// When this history began: what tells it from any other.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn created(&mut self) -> Result<Time, HistoryError> {
        let row = self.db.query_one("SELECT created_ms FROM watch_about", &[])?;
        Ok(row.map_or(Time::ZERO, |row| time(row.int(0))))
    }

    /// The last runs of a job, the newest first, at most `limit`, of those that began before
    /// `before`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn runs(
        &mut self,
        job: &str,
        before: Option<Time>,
        limit: u32,
    ) -> Result<Vec<RunRow>, HistoryError> {
        let before = before.map_or(i64::MAX, ms);
        let sql = format!(
            "SELECT {} FROM watch_run WHERE job = ?1 AND started_ms < ?2
             ORDER BY started_ms DESC, id DESC LIMIT ?3",
            value_rows::RUN
        );
        let limit = limit.min(PAGE_ROWS_MAX);
        let rows = self.db.query(&sql, values![job, before, limit])?;
        Ok(rows.iter().map(value_rows::run).collect())
    }

    /// One group; `None` if there is none of this name, or it has no targets.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn group(&mut self, name: &str) -> Result<Option<GroupOverview>, HistoryError> {
        let rows = self.db.query(
            "SELECT count.rank, CAST(sum(count.n) AS bigint) FROM watch_count AS count
             WHERE count.n > 0 AND count.grp = (SELECT id FROM watch_group WHERE name = ?1)
             GROUP BY count.rank",
            values![name],
        )?;
        let mut group = GroupOverview { name: name.into(), counts: StateCounts::default() };
        rows.iter().for_each(|row| group.counts.add(row.count(0) as usize, row.int(1)));
        Ok((group.counts.total() > 0).then_some(group))
    }

    /// The groups, those with the worst targets first, at most `limit`; and how many there are.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn groups(&mut self, limit: u32) -> Result<(Vec<GroupOverview>, u64), HistoryError> {
        groups(&mut self.db, limit.min(PAGE_ROWS_MAX) as usize)
    }
}

fn jobs(db: &mut Db) -> Result<Vec<JobOverview>, HistoryError> {
    let rows = db.query(
        "SELECT id, name, kind, schedule FROM watch_job WHERE listed = 1 ORDER BY name LIMIT ?1",
        values![PAGE_ROWS_MAX],
    )?;
    let counts = db.query(
        "SELECT job, rank, CAST(sum(n) AS bigint) FROM watch_count GROUP BY job, rank",
        &[],
    )?;
    let last = format!(
        "SELECT {} FROM watch_run WHERE job = ?1 ORDER BY started_ms DESC, id DESC LIMIT 1",
        value_rows::RUN
    );
    let mut jobs = Vec::with_capacity(rows.len());
    for row in &rows {
        let mut of_job = StateCounts::default();
        for count in counts.iter().filter(|count| count.int(0) == row.int(0)) {
            of_job.add(count.count(1) as usize, count.int(2));
        }
        let kind = JobKind::from_name(row.text(2));
        let last_run = match kind {
            JobKind::Liveness => None,
            _ => db.query_one(&last, values![row.text(1)])?.as_ref().map(value_rows::run),
        };
        let (name, schedule) = (row.text(1).into(), row.text(3).into());
        jobs.push(JobOverview { name, kind, schedule, counts: of_job, last_run });
    }
    // A server sorts by its own language; two databases are to say the same.
    jobs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(jobs)
}

fn groups(db: &mut Db, limit: usize) -> Result<(Vec<GroupOverview>, u64), HistoryError> {
    let rows = db.query(
        "SELECT grp.name, count.rank, CAST(sum(count.n) AS bigint) FROM watch_count AS count
         JOIN watch_group AS grp ON grp.id = count.grp
         WHERE count.n > 0 GROUP BY grp.name, count.rank ORDER BY grp.name",
        &[],
    )?;
    let mut groups: Vec<GroupOverview> = Vec::new();
    for row in &rows {
        if groups.last().is_none_or(|last| *last.name != *row.text(0)) {
            groups.push(GroupOverview { name: row.text(0).into(), counts: StateCounts::default() });
        }
        if let Some(group) = groups.last_mut() {
            group.counts.add(row.count(1) as usize, row.int(2));
        }
    }
    let total = groups.len() as u64;
    let worst = |group: &GroupOverview| group.counts.worst().map_or(u8::MAX, rank);
    groups.sort_by(|a, b| worst(a).cmp(&worst(b)).then_with(|| a.name.cmp(&b.name)));
    groups.truncate(limit);
    Ok((groups, total))
}

fn gaps(db: &mut Db) -> Result<Vec<Gap>, HistoryError> {
    let rows = db.query(
        "SELECT cause, from_ms, until_ms, targets, slots FROM watch_gap ORDER BY id DESC LIMIT 10",
        &[],
    )?;
    let read = |row: &Row| Gap {
        cause: row.text(0).into(),
        from: time(row.int(1)),
        until: time(row.int(2)),
        targets: row.int(3).cast_unsigned(),
        slots: row.int(4).cast_unsigned(),
    };
    Ok(rows.iter().map(read).collect())
}
