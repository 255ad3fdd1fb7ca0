//! What the status page asks for: each call reads one page, however many targets there are.

mod incidents;
mod list;
mod maintenance;
mod overview;
mod past;
mod sums;
mod target;
mod values;

use super::db::{Db, Purpose};
use super::error::HistoryError;
use super::rows::HistoryPlace;
use super::schema;

pub use self::incidents::{IncidentBrief, IncidentDetail, IncidentPage, IncidentsOf, Member};
pub use self::list::{Cursor, TargetBrief, TargetPage, TargetQuery};
pub use self::overview::{Gap, GroupOverview, JobOverview, Overview, StateCounts};
pub use self::past::{Bucket, CheckSeen, Past, Span};
pub use self::sums::{Sum, SumsOf};
pub use self::target::{Change, TargetDetail};
pub use self::values::{ValueChange, ValueSeen};

/// Rows of one page at most, whatever is asked for.
pub const PAGE_ROWS_MAX: u32 = 1_000;

/// Reads a history, also while a watch writes it. It blocks; several may be open at once.
#[derive(Debug)]
pub struct HistoryReader {
    db: Db,
}

impl HistoryReader {
    /// Opens a history that exists.
    ///
    /// # Errors
    /// When there is none, or it cannot be read or reached.
    pub fn open(place: &HistoryPlace) -> Result<Self, HistoryError> {
        let mut db = Db::open(place, Purpose::Read)?;
        schema::look(&mut db)?;
        Ok(Self { db })
    }
}
