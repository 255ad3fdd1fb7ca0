//! Where histories are kept in these tests.

use gather_store::DatabaseUrl;
use gather_store::history::{HistoryPlace, HistoryReader, Outbox};
use gather_testkit::{Postgres, PostgresSync};
use tempfile::TempDir;

/// A place, and what keeps it there.
pub(crate) struct Place {
    pub(crate) place: HistoryPlace,
    _dir: Option<TempDir>,
}

impl Place {
    /// A SQLite file in a directory of its own.
    pub(crate) fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { place: HistoryPlace::Sqlite(dir.path().join("gather.db")), _dir: Some(dir) }
    }

    /// A schema of its own.
    pub(crate) fn postgres(server: &Postgres, schema: &str) -> Self {
        let url = format!("{}?schema={schema}", server.url());
        Self { place: HistoryPlace::Postgres(DatabaseUrl::new(url)), _dir: None }
    }

    pub(crate) fn reader(&self) -> HistoryReader {
        HistoryReader::open(&self.place).unwrap()
    }

    pub(crate) fn outbox(&self) -> Outbox {
        Outbox::open(&self.place).unwrap()
    }
}

/// A server; `None` where PostgreSQL is not installed, after having said so.
pub(crate) fn server() -> Option<Postgres> {
    let server = Postgres::start(None, PostgresSync::Off);
    if server.is_none() {
        eprintln!("NOT TESTED: what needs postgresql, which is not installed");
    }
    server
}
