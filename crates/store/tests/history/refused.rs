//! What cannot be opened says so in one line, and is left as it was.

use std::fs;
use std::path::Path;

use gather_store::DatabaseUrl;
use gather_store::history::{History, HistoryPlace, HistoryReader, Outbox};

use crate::made::at;

fn said(place: &HistoryPlace) -> String {
    History::open(place, at(0)).unwrap_err().to_string()
}

#[test]
fn what_cannot_be_opened_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| HistoryPlace::Sqlite(dir.path().join(name));
    let text = dir.path().join("text.db");
    fs::write(&text, "no database, and long enough to be seen as none".repeat(30)).unwrap();
    let before = fs::read(&text).unwrap();
    let newer = dir.path().join("newer.db");
    History::open(&HistoryPlace::Sqlite(newer.clone()), at(0)).unwrap();
    sqlite(&newer, "UPDATE watch_about SET schema_version = 2");
    let cases = [
        (path("none/gather.db"), "directory of", "create the directory first"),
        (path("text.db"), "is not a SQLite database", "name another file in [store]"),
        (path("newer.db"), "has version 2 of the history's tables", "use the gather that wrote it"),
        (
            HistoryPlace::Postgres(DatabaseUrl::new("postgres://u:s3cret@localhost:1/d")),
            "cannot reach postgres://localhost:1/d",
            "start the server",
        ),
        (
            HistoryPlace::Postgres(DatabaseUrl::new("postgres://u:s3cret@h/d?sslmode=on")),
            "there is no sslmode on",
            "hint: write postgres://",
        ),
    ];
    for (place, what, hint) in cases {
        let said = said(&place);
        assert!(said.contains(what) && said.contains(hint), "{said}");
        assert!(!said.contains("s3cret") && !said.contains('\n'), "{said}");
    }
    assert_eq!(fs::read(&text).unwrap(), before);
    let missing = path("missing.db");
    let said = HistoryReader::open(&missing).unwrap_err().to_string();
    assert!(said.contains("holds no history of a watch"), "{said}");
    assert_eq!(Outbox::open(&missing).unwrap_err().to_string(), said);
    assert!(!dir.path().join("missing.db").exists());
}

#[cfg(unix)]
#[test]
fn the_files_are_for_their_user_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let place = HistoryPlace::Sqlite(dir.path().join("gather.db"));
    let _history = History::open(&place, at(0)).unwrap();
    let files: Vec<_> = fs::read_dir(dir.path()).unwrap().map(Result::unwrap).collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", file.file_name());
    }
}

/// Runs a statement with the sqlite3 of the system.
fn sqlite(path: &Path, sql: &str) {
    let done = std::process::Command::new("sqlite3").arg(path).arg(sql).status().unwrap();
    assert!(done.success(), "{sql}");
}

#[test]
fn views_are_read_with_any_client() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gather.db");
    let place = HistoryPlace::Sqlite(path.clone());
    let mut history = History::open(&place, at(0)).unwrap();
    history.register(&crate::made::job("a"), &[crate::made::target(1)], at(0)).unwrap();
    let ask = "SELECT job, target, grp, state, since FROM watch_states";
    let said = std::process::Command::new("sqlite3").arg(&path).arg(ask).output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    assert_eq!(said.trim(), "a|target 1||unknown|2026-11-21T00:00:00.000Z");
    for view in ["watch_incidents", "watch_changes", "watch_values"] {
        sqlite(&path, &format!("SELECT * FROM {view}"));
    }
}
