//! The outbox: notices that are not delivered yet, over a connection of its own; and silences.

mod deliver;

use gather_core::time::Time;

pub use self::deliver::Known;

use super::db::{Db, Purpose, Row, values};
use super::error::HistoryError;
use super::notice::{Delivery, Event, Notice, Silence, SilenceMatch};
use super::rows::HistoryPlace;
use super::words::{ms, time};
use super::{batch, schema};

/// The outbox of a history. It blocks; several may be open at once, also beside a watch and in
/// other processes.
#[derive(Debug)]
pub struct Outbox {
    db: Db,
}

impl Outbox {
    /// Opens the outbox of a history that exists.
    ///
    /// # Errors
    /// When there is none, or it cannot be read or reached.
    pub fn open(place: &HistoryPlace) -> Result<Self, HistoryError> {
        let mut db = Db::open(place, Purpose::Beside)?;
        schema::look(&mut db)?;
        Ok(Self { db })
    }

    /// Puts notices in. One whose key was put in before is left as it was.
    ///
    /// # Errors
    /// When they cannot be written; none of them is there then.
    pub fn put(&mut self, notices: &[Notice]) -> Result<(), HistoryError> {
        self.db.transaction(|db| batch::notices(db, notices))
    }

    /// Notices that are to be tried now, those due longest first, at most `limit`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn due(&mut self, now: Time, limit: u32) -> Result<Vec<Notice>, HistoryError> {
        let rows = self.db.query(
            "SELECT id, key, channel, due_ms, tries, event FROM watch_notice
             WHERE settled_ms IS NULL AND due_ms <= ?1 ORDER BY due_ms, id LIMIT ?2",
            values![ms(now), limit],
        )?;
        rows.iter().map(|row| notice(&self.db, row)).collect()
    }

    /// When the next notice is to be tried; `None` if none waits.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn next_due(&mut self) -> Result<Option<Time>, HistoryError> {
        let find = "SELECT min(due_ms) FROM watch_notice WHERE settled_ms IS NULL";
        Ok(self.db.query_one(find, &[])?.and_then(|row| row.int_opt(0)).map(time))
    }

    /// How many notices wait.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn waiting(&mut self) -> Result<u64, HistoryError> {
        let count = "SELECT count(*) FROM watch_notice WHERE settled_ms IS NULL";
        Ok(self.db.query_one(count, &[])?.map_or(0, |row| row.int(0).cast_unsigned()))
    }

    /// Writes down what became of a try. A notice that is settled already stays as it is.
    ///
    /// # Errors
    /// When it cannot be written: the notice is then tried again.
    pub fn settle(&mut self, id: i64, delivery: &Delivery, now: Time) -> Result<(), HistoryError> {
        settle(&mut self.db, id, delivery, now)
    }

    /// Puts a silence in; its number.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn silence(&mut self, silence: &Silence) -> Result<i64, HistoryError> {
        let (what, name) = silence.matches.columns();
        let (from, until) = (ms(silence.from), ms(silence.until));
        let row = self.db.query_one(
            "INSERT INTO watch_silence (what, name, from_ms, until_ms, why)
             VALUES (?1, ?2, ?3, ?4, ?5) RETURNING id",
            values![what, name, from, until, silence.why.clone()],
        )?;
        Ok(row.map_or(0, |row| row.int(0)))
    }

    /// The silences in force, and those to come.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn silences(&mut self, now: Time) -> Result<Vec<Silence>, HistoryError> {
        silences(&mut self.db, now)
    }

    /// Ends a silence now; whether there was one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn end_silence(&mut self, id: i64, now: Time) -> Result<Ended, HistoryError> {
        let end = "UPDATE watch_silence SET until_ms = ?2 WHERE id = ?1 AND until_ms > ?2";
        Ok(match self.db.exec(end, values![id, ms(now)])? {
            0 => Ended::Missing,
            _ => Ended::Yes,
        })
    }
}

/// Whether a silence was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was.
    Yes,
    /// There is none of this number that is still in force.
    Missing,
}

fn settle(db: &mut Db, id: i64, delivery: &Delivery, now: Time) -> Result<(), HistoryError> {
    let now = ms(now);
    let (due, settled, delivered, error) = match delivery {
        Delivery::Delivered => (None, Some(now), 1_i64, None),
        Delivery::Again { at, error } => (Some(ms(*at)), None, 0, Some(error.clone())),
        Delivery::GivenUp { error } => (None, Some(now), 0, Some(error.clone())),
    };
    db.exec(
        "UPDATE watch_notice SET tries = tries + 1, settled_ms = CAST(?2 AS bigint),
            due_ms = coalesce(CAST(?3 AS bigint), due_ms), delivered = ?4,
            error = CAST(?5 AS text)
         WHERE id = ?1 AND settled_ms IS NULL",
        values![id, settled, due, delivered, error],
    )?;
    Ok(())
}

/// Reads id, key, channel, due, tries and event.
pub(super) fn notice(db: &Db, row: &Row) -> Result<Notice, HistoryError> {
    let event = serde_json::from_str::<Event>(row.text(5));
    let event = event.map_err(|error| db.damaged(format!("notice {}: {error}", row.int(0))))?;
    Ok(Notice {
        id: row.int(0),
        key: row.text(1).into(),
        channel: row.text(2).into(),
        due: time(row.int(3)),
        tries: row.count(4),
        event,
    })
}

/// The silences in force, and those to come; at most 1,000.
pub(super) fn silences(db: &mut Db, now: Time) -> Result<Vec<Silence>, HistoryError> {
    let rows = db.query(
        "SELECT id, what, name, from_ms, until_ms, why FROM watch_silence
         WHERE until_ms > ?1 ORDER BY from_ms, id LIMIT 1000",
        values![ms(now)],
    )?;
    let read = |row: &Row| Silence {
        id: row.int(0),
        matches: SilenceMatch::from_columns(row.text(1), row.text(2)),
        from: time(row.int(3)),
        until: time(row.int(4)),
        why: row.text(5).into(),
    };
    Ok(rows.iter().map(read).collect())
}
