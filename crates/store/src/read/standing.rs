//! How far the run is that writes a result: ended, going on, or left before its end.

use std::path::Path;

use super::bytes;
use crate::spool;

/// How far the run of a result is, as far as can be seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// Nothing says that more is to come.
    #[default]
    Ended,
    /// It is being written now.
    Going,
    /// It was left before its end: stopped or killed. A database says the same of a run that goes
    /// on elsewhere.
    Unfinished,
}

impl Standing {
    /// `ended`, `going` or `unfinished`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Going => "going",
            Self::Unfinished => "unfinished",
        }
    }
}

/// That of the run which writes this file, by the locks on it and by what stands beside it.
pub(super) fn of_file(path: &Path) -> Standing {
    let spool = spool::path_of(path);
    let (written, has_spool) = match spool.is_file() {
        true => (&*spool, true),
        false => (path, false),
    };
    if bytes::is_being_written(Some(written)) {
        return Standing::Going;
    }
    match by_journal(path) {
        Standing::Ended if has_spool => Standing::Unfinished,
        standing => standing,
    }
}

/// What the journal beside a file says; nothing where there is none.
#[cfg(feature = "sqlite")]
fn by_journal(path: &Path) -> Standing {
    use rusqlite::{Connection, ErrorCode, OpenFlags};

    let mut name = path.as_os_str().to_owned();
    name.push(".journal");
    if !Path::new(&name).is_file() {
        return Standing::Ended;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let finished = Connection::open_with_flags(&name, flags).and_then(|journal| {
        journal.query_row("SELECT finished FROM state", [], |row| row.get::<_, bool>(0))
    });
    match finished {
        Ok(false) => Standing::Unfinished,
        // It belongs to one process as long as that runs.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Standing::Going,
        Ok(true) | Err(_) => Standing::Ended,
    }
}

#[cfg(not(feature = "sqlite"))]
fn by_journal(_path: &Path) -> Standing {
    Standing::Ended
}
