//! What a deliverer asks of the outbox: by channel, and several notices as one.

use gather_core::time::Time;

use super::{Outbox, notice, settle};
use crate::history::db::values;
use crate::history::error::HistoryError;
use crate::history::notice::{Delivery, Notice};
use crate::history::words::{ms, time};

impl Outbox {
    /// The channels that notices wait for, and when the next message of each is to be tried: one that
    /// was begun goes before all that came since, also after a restart.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn waiting_by_channel(&mut self) -> Result<Vec<(Box<str>, Time)>, HistoryError> {
        let rows = self.db.query(
            "SELECT channel, coalesce(max(CASE WHEN tries > 0 THEN due_ms END), min(due_ms))
             FROM watch_notice WHERE settled_ms IS NULL GROUP BY channel ORDER BY channel",
            &[],
        )?;
        Ok(rows.iter().map(|row| (row.text(0).into(), time(row.int(1)))).collect())
    }

    /// As [`due`](Self::due), for one channel: notices of others take no place from it, and those of a
    /// message that was begun come first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn due_for(
        &mut self,
        channel: &str,
        now: Time,
        limit: u32,
    ) -> Result<Vec<Notice>, HistoryError> {
        let rows = self.db.query(
            "SELECT id, key, channel, due_ms, tries, event FROM watch_notice
             WHERE settled_ms IS NULL AND due_ms <= ?1 AND channel = ?2
             ORDER BY tries = 0, due_ms, id LIMIT ?3",
            values![ms(now), channel, limit],
        )?;
        rows.iter().map(|row| notice(&self.db, row)).collect()
    }

    /// As [`settle`](Self::settle), for several notices: for all of them, or for none.
    ///
    /// # Errors
    /// When it cannot be written: the notices are then tried again.
    pub fn settle_all(
        &mut self,
        ids: &[i64],
        delivery: &Delivery,
        now: Time,
    ) -> Result<(), HistoryError> {
        self.db.transaction(|db| ids.iter().try_for_each(|id| settle(db, *id, delivery, now)))
    }

    /// Whether a notice of this key was ever put in, and is still remembered.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn knows(&mut self, key: &str) -> Result<Known, HistoryError> {
        let find = "SELECT count(*) FROM watch_notice WHERE key = ?1";
        let count = self.db.query_one(find, values![key])?.map_or(0, |row| row.int(0));
        Ok(if count > 0 { Known::Yes } else { Known::No })
    }
}

/// Whether the outbox knows a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It does.
    Yes,
    /// It does not.
    No,
}
