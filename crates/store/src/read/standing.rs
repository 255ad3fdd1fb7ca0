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

/// What stands beside a file says of the run that writes it.
pub(super) struct Beside {
    pub(super) standing: Standing,
    /// The run, where it is known.
    pub(super) run: Option<String>,
}

/// By the locks on a file and by what stands beside it.
pub(super) fn of_file(path: &Path) -> Beside {
    let spool = spool::path_of(path);
    let (written, has_spool) = match spool.is_file() {
        true => (&*spool, true),
        false => (path, false),
    };
    if bytes::is_being_written(Some(written)) {
        return Beside { standing: Standing::Going, run: None };
    }
    match by_journal(path) {
        beside if beside.standing == Standing::Ended && has_spool => {
            Beside { standing: Standing::Unfinished, ..beside }
        }
        beside => beside,
    }
}

const NOTHING: Beside = Beside { standing: Standing::Ended, run: None };

/// What the journal beside a file says; nothing where there is none.
#[cfg(feature = "sqlite")]
fn by_journal(path: &Path) -> Beside {
    use rusqlite::ErrorCode;

    let mut name = path.as_os_str().to_owned();
    name.push(".journal");
    if !Path::new(&name).is_file() {
        return NOTHING;
    }
    match read_journal(Path::new(&name)) {
        Ok((false, run)) => Beside { standing: Standing::Unfinished, run: Some(run) },
        Ok((true, run)) => Beside { standing: Standing::Ended, run: Some(run) },
        // It belongs to one process as long as that runs.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
            Beside { standing: Standing::Going, run: None }
        }
        Err(_) => NOTHING,
    }
}

/// Whether its run is finished, and which it is.
#[cfg(feature = "sqlite")]
fn read_journal(path: &Path) -> rusqlite::Result<(bool, String)> {
    use rusqlite::{Connection, OpenFlags};

    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let journal = Connection::open_with_flags(path, flags)?;
    journal.busy_timeout(std::time::Duration::ZERO)?;
    journal
        .query_row("SELECT finished, id FROM state, run", [], |row| Ok((row.get(0)?, row.get(1)?)))
}

#[cfg(not(feature = "sqlite"))]
fn by_journal(_path: &Path) -> Beside {
    NOTHING
}
