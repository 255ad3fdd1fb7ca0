//! Maintenance windows, as they were opened and will close.

use gather_core::watch::WatchedNo;

use super::super::db::{Row, values};
use super::super::error::HistoryError;
use super::super::rows::{Covers, MaintenanceSpan};
use super::super::words::time;
use super::{HistoryReader, PAGE_ROWS_MAX};

impl HistoryReader {
    /// The last maintenance windows, those that begin last first; at most `limit`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn maintenance(&mut self, limit: u32) -> Result<Vec<MaintenanceSpan>, HistoryError> {
        let rows = self.db.query(
            "SELECT what, name, from_ms, until_ms, why FROM watch_maintenance
             ORDER BY from_ms DESC, what, name LIMIT ?1",
            values![limit.min(PAGE_ROWS_MAX)],
        )?;
        let read = |row: &Row| MaintenanceSpan {
            covers: match (row.text(0), row.text(1).parse()) {
                ("job", _) => Covers::Job(row.text(1).into()),
                ("target", Ok(number)) => Covers::Target(WatchedNo(number)),
                _ => Covers::Everything,
            },
            from: time(row.int(2)),
            until: time(row.int(3)),
            why: row.text(4).into(),
        };
        Ok(rows.iter().map(read).collect())
    }
}
