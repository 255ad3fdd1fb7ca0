//! The one writer of a history: what it knows by heart, and a batch in one transaction.

use std::collections::HashMap;
use std::path::Path;

use gather_core::time::Time;
use gather_core::watch::{State, WatchedNo};

use super::block::{self, Effort, Slot, Wanted};
use super::db::{Bulk, Db, Purpose, Type, Value, values};
use super::error::HistoryError;
use super::lock::WatchLock;
use super::pack::{Unpack, put};
use super::rows::{Batch, Flapping, HistoryPlace, StoredState, Upkeep};
use super::words::{ms, state_of, time};
use super::{Kept, MACHINE_PARTS_MAX, batch, schema};

/// The memory of a watch: its one writer. It blocks, and lives on one thread.
#[derive(Debug)]
pub struct History {
    pub(super) db: Db,
    pub(super) known: Known,
    /// The number of the next batch.
    pub(super) next_batch: i64,
    pub(super) upkeep: super::upkeep::Progress,
    pub(super) kept: Kept,
    /// Freed when this is dropped; none for a server, which has its own.
    _lock: Option<WatchLock>,
}

/// What the writer knows by heart, so that it need not ask.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// By the target's number.
    pub(super) targets: Vec<KnownTarget>,
    /// Numbers of targets by their key.
    pub(super) by_key: HashMap<u64, u32>,
    /// Jobs: number, and how long a check speaks (milliseconds).
    pub(super) jobs: HashMap<Box<str>, (u32, i64)>,
    /// Numbers of groups.
    pub(super) groups: HashMap<Box<str>, u32>,
}

/// What is known of a target.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownTarget {
    pub(super) job: u32,
    pub(super) grp: u32,
    /// The hash of all that is written of it.
    pub(super) content: u64,
    pub(super) rank: u8,
    pub(super) state: State,
    pub(super) listed: Listed,
    /// Whether its state was ever written.
    pub(super) age: Age,
}

/// Whether a target is in its job's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listed {
    Yes,
    No,
}

/// Whether a state was ever written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    New,
    Old,
}

impl History {
    /// Opens a history; makes it if there is none.
    ///
    /// # Errors
    /// When another watch has it open, it cannot be made, read or reached, or a later version
    /// wrote it.
    pub fn open(place: &HistoryPlace, now: Time) -> Result<Self, HistoryError> {
        let lock = match place {
            HistoryPlace::Sqlite(path) => Some(Self::lock_file(place, path)?),
            HistoryPlace::Postgres(_) => None,
        };
        let mut db = Db::open(place, Purpose::Watch)?;
        db.lock()?;
        schema::prepare(&mut db, now)?;
        let about = db.query_one("SELECT batch FROM watch_about", &[])?;
        let next_batch = about.map_or(0, |row| row.int(0)) + 1;
        let known = Known::load(&mut db)?;
        let upkeep = super::upkeep::Progress::load(&mut db)?;
        Ok(Self { db, known, next_batch, upkeep, kept: Kept::default(), _lock: lock })
    }

    fn lock_file(place: &HistoryPlace, path: &Path) -> Result<WatchLock, HistoryError> {
        WatchLock::take(place, path)
    }

    /// What a state machine and the incidents need to go on: the states of all listed targets
    /// that were ever written.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn states(&mut self) -> Result<Vec<(WatchedNo, StoredState)>, HistoryError> {
        let rows = self.db.query(
            "SELECT target, state, since_ms, marks, status_code, incident, kind, reason, machine
             FROM watch_state WHERE listed = 1 AND marks < ?1 ORDER BY target",
            values![MARK_NEW],
        )?;
        let read = |row: &super::db::Row| {
            let state = stored_state(row);
            state.ok_or_else(|| self.db.damaged(format!("the state of target {}", row.int(0))))
        };
        rows.iter().map(|row| Ok((WatchedNo(row.count(0)), read(row)?))).collect()
    }

    /// All slots that were due before this moment are in the history. `None` for a new one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn accounted_until(&mut self) -> Result<Option<Time>, HistoryError> {
        let row = self.db.query_one("SELECT accounted_ms FROM watch_about", &[])?;
        Ok(row.and_then(|row| row.int_opt(0)).map(time))
    }

    /// Of every target that has slots at or after `after` in the history, the moment of the last
    /// one. With [`accounted_until`](Self::accounted_until), this says which slots a killed watch
    /// did not account for: those after the later of the two.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn last_slots(&mut self, after: Time) -> Result<Vec<(WatchedNo, Time)>, HistoryError> {
        let mut slots = Vec::new();
        for table in ["watch_check_batch", "watch_check_part"] {
            let find = format!("SELECT block FROM {table} WHERE last_ms >= ?1");
            for row in self.db.query(&find, values![ms(after)])? {
                let decoded = block::decode(row.blob(0), Wanted::All, &mut slots);
                decoded.ok_or_else(|| self.db.damaged(format!("a block of {table}")))?;
            }
        }
        let mut last: HashMap<u32, i64> = HashMap::new();
        for slot in slots.iter().filter(|slot| slot.until() >= ms(after) && !slot.is_extra()) {
            let until = last.entry(slot.target).or_insert(i64::MIN);
            *until = (*until).max(slot.until());
        }
        let mut last: Vec<_> = last.into_iter().map(|(no, at)| (WatchedNo(no), time(at))).collect();
        last.sort_unstable_by_key(|(no, _)| no.0);
        Ok(last)
    }

    /// Writes a batch in one transaction: all of it or nothing. After an error the same batch may
    /// be written again, and is then there once.
    ///
    /// # Errors
    /// When it cannot be written. [`HistoryError::is_passing`] says whether later may help.
    pub fn write(&mut self, batch: &Batch) -> Result<(), HistoryError> {
        let Self { db, known, next_batch, .. } = self;
        let number = *next_batch;
        let states = batch::latest(&batch.states);
        db.transaction(|db| {
            let written = db.query_one("SELECT batch FROM watch_about", &[])?;
            if written.is_some_and(|row| row.int(0) >= number) {
                // It was committed, and the answer was lost.
                return Ok(());
            }
            write_slots(db, number, batch)?;
            batch::states(db, known, &states)?;
            batch::incidents(db, &batch.incidents)?;
            batch::evidence(db, &batch.evidence)?;
            batch::notices(db, &batch.notices)?;
            batch::values(db, known, &batch.values)?;
            batch::runs(db, &batch.runs)?;
            batch::maintenance(db, &batch.maintenance)?;
            db.exec(
                "UPDATE watch_about SET batch = ?1, written_ms = ?2,
                 accounted_ms = CASE WHEN accounted_ms > ?3 THEN accounted_ms ELSE ?3 END",
                values![number, ms(batch.at), ms(batch.accounted_until)],
            )?;
            Ok(())
        })?;
        *next_batch += 1;
        known.take_in(&states);
        Ok(())
    }
}

impl Known {
    fn load(db: &mut Db) -> Result<Self, HistoryError> {
        let mut known = Self::default();
        for row in db.query("SELECT id, name, speaks_ms FROM watch_job", &[])? {
            known.jobs.insert(row.text(1).into(), (row.count(0), row.int(2)));
        }
        for row in db.query("SELECT id, name FROM watch_group", &[])? {
            known.groups.insert(row.text(1).into(), row.count(0));
        }
        let rows = db.query(
            "SELECT target.id, target.key, target.job, target.grp, target.content,
                state.rank, state.state, state.listed, state.marks
             FROM watch_target AS target JOIN watch_state AS state ON state.target = target.id
             ORDER BY target.id",
            &[],
        )?;
        for row in rows {
            if row.int(0) != known.targets.len() as i64 {
                return Err(db.damaged(format!("target {} is missing", known.targets.len())));
            }
            known.by_key.insert(row.int(1).cast_unsigned(), row.count(0));
            known.targets.push(KnownTarget {
                job: row.count(2),
                grp: row.count(3),
                content: row.int(4).cast_unsigned(),
                rank: row.count(5) as u8,
                state: state_of(row.text(6)),
                listed: if row.int(7) == 1 { Listed::Yes } else { Listed::No },
                age: if row.int(8) < MARK_NEW { Age::Old } else { Age::New },
            });
        }
        Ok(known)
    }

    /// States that were committed.
    fn take_in(&mut self, states: &[(u32, &StoredState)]) {
        for (number, state) in states {
            if let Some(target) = self.targets.get_mut(*number as usize) {
                target.rank = place(state.state, state.maintenance);
                target.state = state.state;
                target.age = Age::Old;
            }
        }
    }
}

/// Behind all others: who is in maintenance is neither well nor failing.
pub(super) const RANK_MAINTENANCE: u8 = 6;

/// Where a target stands among all: by its state, unless a maintenance window is open for it.
pub(super) const fn place(state: State, maintenance: Upkeep) -> u8 {
    match maintenance {
        Upkeep::Open => RANK_MAINTENANCE,
        Upkeep::None => rank(state),
    }
}

/// Targets are listed from the worst to the best.
pub(super) const fn rank(state: State) -> u8 {
    match state {
        State::Down => 0,
        State::Suspect => 1,
        State::Degraded => 2,
        State::Limited => 3,
        State::Unknown => 4,
        State::Up => 5,
    }
}

/// Checks and missed spans, as one block.
fn write_slots(db: &mut Db, number: i64, batch: &Batch) -> Result<(), HistoryError> {
    if batch.checks.is_empty() && batch.missed.is_empty() {
        return Ok(());
    }
    let checks = batch.checks.iter().map(Slot::of_check);
    let mut slots: Vec<Slot> = checks.chain(batch.missed.iter().map(Slot::of_missed)).collect();
    block::sort(&mut slots);
    put_batch(db, number, &slots)?;
    batch::gaps(db, &batch.missed)
}

const BATCHES: Bulk = Bulk {
    table: "watch_check_batch",
    columns: &[
        ("id", Type::Int),
        ("first_ms", Type::Int),
        ("last_ms", Type::Int),
        ("n", Type::Int),
        ("block", Type::Blob),
    ],
    conflict: "",
};

fn put_batch(db: &mut Db, number: i64, slots: &[Slot]) -> Result<(), HistoryError> {
    let first = slots.iter().map(|slot| slot.due).min().unwrap_or(0);
    let last = slots.iter().map(Slot::until).max().unwrap_or(0);
    let block = block::encode(slots, Effort::Quick, u32::MAX);
    let row: [Value; 5] =
        [number.into(), first.into(), last.into(), (slots.len() as i64).into(), block.into()];
    db.put(&BATCHES, &[row.into()])
}

/// Reads target, state, since, marks, status, incident, kind, reason and machine.
pub(super) fn stored_state(row: &super::db::Row) -> Option<StoredState> {
    let marks = row.int(3);
    Some(StoredState {
        state: state_of(row.text(1)),
        since: time(row.int(2)),
        machine: read_machine(row.blob(8))?,
        incident: row.int_opt(5),
        reason: row.text_opt(7).map(Into::into),
        kind: row.text_opt(6).and_then(gather_core::ErrorKind::from_name),
        status_code: u16::try_from(row.int(4)).unwrap_or(0),
        flapping: if marks & 1 == 0 { Flapping::No } else { Flapping::Yes },
        maintenance: if marks & 2 == 0 { Upkeep::None } else { Upkeep::Open },
    })
}

/// In `marks`: the state was never written.
pub(super) const MARK_NEW: i64 = 4;

pub(super) fn marks(state: &StoredState) -> i64 {
    i64::from(state.flapping == Flapping::Yes) | i64::from(state.maintenance == Upkeep::Open) << 1
}

/// The parts of a machine as LEB128 numbers, one behind the other.
pub(super) fn write_machine(parts: &[u64]) -> Vec<u8> {
    let mut out = Vec::with_capacity(parts.len() * 2);
    parts.iter().take(MACHINE_PARTS_MAX).for_each(|part| put(&mut out, *part));
    out
}

fn read_machine(bytes: &[u8]) -> Option<Box<[u64]>> {
    let mut from = Unpack(bytes);
    let mut parts = Vec::new();
    while !from.0.is_empty() {
        parts.push(from.number()?);
    }
    Some(parts.into())
}

impl Known {
    /// How long a check of this job speaks, in milliseconds.
    pub(super) fn speaks(&self, job: u32) -> i64 {
        let found = self.jobs.values().find(|(number, _)| *number == job);
        found.map_or(0, |(_, speaks)| *speaks)
    }
}
