//! The targets of a job, as a difference to those that are known: numbers never change their owner.

use std::collections::HashMap;

use gather_core::time::Time;
use gather_core::watch::{State, WatchedNo};
use xxhash_rust::xxh3::Xxh3;

use super::db::{Bulk, Db, Type, Value, values};
use super::error::HistoryError;
use super::rows::{JobRow, Registered, TargetRow};
use super::words::ms;
use super::writer::{Age, History, Known, KnownTarget, Listed, MARK_NEW, rank};

const TARGETS: Bulk = Bulk {
    table: "watch_target",
    columns: &[
        ("id", Type::Int),
        ("key", Type::Int),
        ("job", Type::Int),
        ("grp", Type::Int),
        ("name", Type::Text),
        ("url", Type::Text),
        ("tags", Type::Text),
        ("content", Type::Int),
        ("since_ms", Type::Int),
    ],
    conflict: "ON CONFLICT (id) DO UPDATE SET job = excluded.job, grp = excluded.grp,
        name = excluded.name, url = excluded.url, tags = excluded.tags,
        content = excluded.content, gone_ms = NULL",
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
        ("machine", Type::Blob),
    ],
    conflict: "ON CONFLICT (target) DO UPDATE SET job = excluded.job, grp = excluded.grp,
        listed = excluded.listed",
};

const TARGET_TAGS: Bulk = Bulk {
    table: "watch_target_tag",
    columns: &[("tag", Type::Int), ("target", Type::Int)],
    conflict: "ON CONFLICT DO NOTHING",
};

/// Bytes that a state machine will need: a row that does not grow with its first state stays on its
/// page, which spares half of the file.
const MACHINE_ROOM: usize = 48;

/// What a job's list means for what is known.
#[derive(Default)]
struct Difference<'a> {
    registered: Registered,
    /// New or changed: number, row, what is known of it from now on.
    put: Vec<(u32, &'a TargetRow, KnownTarget)>,
    /// Listed, and not any more.
    gone: Vec<u32>,
    /// By job, group and rank: how many more or fewer.
    counts: HashMap<(u32, u32, u8), i64>,
}

impl History {
    /// Takes over the targets of a job as they are now, in one transaction.
    ///
    /// # Errors
    /// When it cannot be written; nothing is changed then.
    pub fn register(
        &mut self,
        job: &JobRow,
        targets: &[TargetRow],
        now: Time,
    ) -> Result<Registered, HistoryError> {
        let Self { db, known, .. } = self;
        let (number, speaks) = numbered(known, job);
        let (difference, groups) = db.transaction(|db| {
            put_job(db, number, job, speaks)?;
            let groups = new_groups(db, known, targets)?;
            let difference = Difference::find(known, &groups, number, targets);
            difference.write(db, now)?;
            Ok((difference, groups))
        })?;
        known.jobs.insert(job.name.clone(), (number, speaks));
        known.groups.extend(groups);
        Ok(difference.take_in(known))
    }

    /// Puts in a job, or what it is now, and leaves its targets as they are: one that runs as a whole is
    /// there before its first run, and a crawl has no others than its pages.
    ///
    /// # Errors
    /// When it cannot be written; nothing is changed then.
    pub fn register_job(&mut self, job: &JobRow) -> Result<(), HistoryError> {
        let Self { db, known, .. } = self;
        let (number, speaks) = numbered(known, job);
        db.transaction(|db| put_job(db, number, job, speaks))?;
        known.jobs.insert(job.name.clone(), (number, speaks));
        Ok(())
    }

    /// Takes the targets of all jobs but these out of the lists, with their history kept. Jobs
    /// that are gone and come again go on where they were.
    ///
    /// # Errors
    /// When it cannot be written; nothing is changed then.
    pub fn retain_jobs(&mut self, jobs: &[&str], now: Time) -> Result<Registered, HistoryError> {
        let Self { db, known, .. } = self;
        let kept: Vec<u32> =
            jobs.iter().filter_map(|job| known.jobs.get(*job)).map(|(number, _)| *number).collect();
        let mut difference = Difference::default();
        for (number, target) in (0..).zip(&known.targets) {
            if target.listed == Listed::Yes && !kept.contains(&target.job) {
                difference.remove(number, target);
            }
        }
        let dropped: Vec<u32> = known
            .jobs
            .values()
            .map(|(number, _)| *number)
            .filter(|no| !kept.contains(no))
            .collect();
        db.transaction(|db| {
            for job in &dropped {
                db.exec("UPDATE watch_job SET listed = 0 WHERE id = ?1", values![*job])?;
            }
            difference.write(db, now)
        })?;
        Ok(difference.take_in(known))
    }
}

/// The number of a job, a new one if it has none, and for how many milliseconds its checks speak.
fn numbered(known: &Known, job: &JobRow) -> (u32, i64) {
    let speaks = i64::try_from(job.speaks_for.as_millis()).unwrap_or(i64::MAX);
    let number = match known.jobs.get(&job.name) {
        Some((number, _)) => *number,
        None => known.jobs.values().map(|(number, _)| number + 1).max().unwrap_or(0),
    };
    (number, speaks)
}

fn put_job(db: &mut Db, number: u32, job: &JobRow, speaks: i64) -> Result<(), HistoryError> {
    db.exec(
        "INSERT INTO watch_job (id, name, kind, schedule, speaks_ms, listed)
         VALUES (?1, ?2, ?3, ?4, ?5, 1)
         ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, schedule = excluded.schedule,
            speaks_ms = excluded.speaks_ms, listed = 1",
        values![number, job.name.clone(), job.kind.as_str(), job.schedule.clone(), speaks],
    )
    .map(drop)
}

type Groups = HashMap<Box<str>, u32>;

fn new_groups(db: &mut Db, known: &Known, targets: &[TargetRow]) -> Result<Groups, HistoryError> {
    let mut new = Groups::new();
    let mut next = known.groups.values().max().map_or(0, |last| last + 1);
    for target in targets {
        if !known.groups.contains_key(&target.group) && !new.contains_key(&target.group) {
            let insert = "INSERT INTO watch_group (id, name) VALUES (?1, ?2)";
            db.exec(insert, values![next, target.group.clone()])?;
            new.insert(target.group.clone(), next);
            next += 1;
        }
    }
    Ok(new)
}

impl<'a> Difference<'a> {
    fn find(known: &Known, groups: &Groups, job: u32, targets: &'a [TargetRow]) -> Self {
        let mut difference = Self::default();
        let mut is_given = vec![false; known.targets.len()];
        let mut new: HashMap<u64, u32> = HashMap::new();
        let mut next = known.targets.len() as u32;
        for row in targets {
            let known_no = known.by_key.get(&row.key).or_else(|| new.get(&row.key)).copied();
            let number = known_no.unwrap_or(next);
            difference.registered.numbers.push(WatchedNo(number));
            let grp = known.groups.get(&row.group).or_else(|| groups.get(&row.group));
            let (grp, content) = (grp.copied().unwrap_or(0), content(job, row));
            let Some(target) = known.targets.get(number as usize) else {
                if known_no.is_none() {
                    new.insert(row.key, number);
                    next += 1;
                    let target = KnownTarget::new(job, grp, content);
                    difference.add(number, row, target);
                }
                continue;
            };
            if std::mem::replace(&mut is_given[number as usize], true) {
                continue;
            }
            let now = KnownTarget { job, grp, content, listed: Listed::Yes, ..*target };
            if target.listed == Listed::No {
                difference.add(number, row, now);
            } else if target.content != content {
                difference.count(target, -1);
                difference.count(&now, 1);
                difference.put.push((number, row, now));
            }
        }
        for ((number, target), is_given) in (0..).zip(&known.targets).zip(is_given) {
            if target.job == job && target.listed == Listed::Yes && !is_given {
                difference.remove(number, target);
            }
        }
        difference
    }

    fn add(&mut self, number: u32, row: &'a TargetRow, target: KnownTarget) {
        self.registered.new.push(WatchedNo(number));
        self.count(&target, 1);
        self.put.push((number, row, target));
    }

    fn remove(&mut self, number: u32, target: &KnownTarget) {
        self.registered.gone.push(WatchedNo(number));
        self.gone.push(number);
        self.count(target, -1);
    }

    fn count(&mut self, target: &KnownTarget, more: i64) {
        *self.counts.entry((target.job, target.grp, target.rank)).or_default() += more;
    }

    fn write(&self, db: &mut Db, now: Time) -> Result<(), HistoryError> {
        let now = ms(now);
        let rows: Vec<Vec<Value>> = self.put.iter().map(|put| target_row(put, now)).collect();
        db.put(&TARGETS, &rows)?;
        let state_row = |(number, _, target): &(u32, &TargetRow, KnownTarget)| -> Vec<Value> {
            let (job, grp, rank) = (target.job, target.grp, u32::from(target.rank));
            let state = target.state.as_str();
            let room = vec![0; MACHINE_ROOM];
            values![*number, job, grp, rank, 1_i64, state, now, MARK_NEW, 0_i64, room].to_vec()
        };
        db.put(&STATES, &self.put.iter().map(state_row).collect::<Vec<_>>())?;
        write_tags(db, &self.put)?;
        for number in &self.gone {
            db.exec("UPDATE watch_state SET listed = 0 WHERE target = ?1", values![*number])?;
            let gone = "UPDATE watch_target SET gone_ms = ?2 WHERE id = ?1";
            db.exec(gone, values![*number, now])?;
        }
        write_counts(db, &self.counts)
    }

    fn take_in(self, known: &mut Known) -> Registered {
        for (number, row, target) in self.put {
            known.by_key.insert(row.key, number);
            match known.targets.get_mut(number as usize) {
                Some(known) => *known = target,
                None => known.targets.push(target),
            }
        }
        for number in self.gone {
            known.targets[number as usize].listed = Listed::No;
        }
        self.registered
    }
}

fn target_row((number, row, target): &(u32, &TargetRow, KnownTarget), now: i64) -> Vec<Value> {
    let tags: serde_json::Map<String, serde_json::Value> =
        row.tags.iter().map(|(name, value)| (name.to_string(), (&**value).into())).collect();
    values![
        *number,
        row.key.cast_signed(),
        target.job,
        target.grp,
        row.name.clone(),
        row.url.clone(),
        serde_json::Value::from(tags).to_string(),
        target.content.cast_signed(),
        now
    ]
    .to_vec()
}

/// By job, group and rank: how many more or fewer.
pub(super) fn write_counts(
    db: &mut Db,
    counts: &HashMap<(u32, u32, u8), i64>,
) -> Result<(), HistoryError> {
    const COUNTS: Bulk = Bulk {
        table: "watch_count",
        columns: &[("job", Type::Int), ("grp", Type::Int), ("rank", Type::Int), ("n", Type::Int)],
        conflict: "ON CONFLICT (job, grp, rank) DO UPDATE SET n = watch_count.n + excluded.n",
    };
    let changed = counts.iter().filter(|(_, more)| **more != 0);
    let rows: Vec<Vec<Value>> = changed
        .map(|((job, grp, rank), more)| values![*job, *grp, u32::from(*rank), *more].to_vec())
        .collect();
    db.put(&COUNTS, &rows)
}

fn write_tags(db: &mut Db, put: &[(u32, &TargetRow, KnownTarget)]) -> Result<(), HistoryError> {
    let mut ids: HashMap<String, i64> = HashMap::new();
    let mut rows = Vec::new();
    for (number, row, target) in put {
        if target.age == Age::Old || target.content != 0 {
            db.exec("DELETE FROM watch_target_tag WHERE target = ?1", values![*number])?;
        }
        for (name, value) in &row.tags {
            let tag = format!("{name}={value}");
            let id = match ids.get(&tag) {
                Some(id) => *id,
                None => {
                    let id = tag_id(db, &tag)?;
                    ids.insert(tag, id);
                    id
                }
            };
            rows.push(values![id, *number].to_vec());
        }
    }
    db.put(&TARGET_TAGS, &rows)
}

fn tag_id(db: &mut Db, tag: &str) -> Result<i64, HistoryError> {
    let find = "SELECT id FROM watch_tag WHERE tag = ?1";
    if let Some(row) = db.query_one(find, values![tag])? {
        return Ok(row.int(0));
    }
    let next = db.query_one("SELECT coalesce(max(id), 0) + 1 FROM watch_tag", &[])?;
    let id = next.map_or(1, |row| row.int(0));
    db.exec("INSERT INTO watch_tag (id, tag) VALUES (?1, ?2)", values![id, tag])?;
    Ok(id)
}

impl KnownTarget {
    fn new(job: u32, grp: u32, content: u64) -> Self {
        let state = State::Unknown;
        let (listed, age) = (Listed::Yes, Age::New);
        Self { job, grp, content, rank: rank(state), state, listed, age }
    }
}

/// The hash of all that is written of a target.
fn content(job: u32, row: &TargetRow) -> u64 {
    let mut hash = Xxh3::new();
    let mut add = |text: &str| {
        hash.update(&(text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    [&row.name, &row.url, &row.group].into_iter().for_each(|text| add(text));
    row.tags.iter().flat_map(|(name, value)| [name, value]).for_each(|text| add(text));
    hash.update(&job.to_le_bytes());
    hash.digest()
}
