//! What holds for SQLite files alone: refusals, replacing, readers beside the writer.

use std::fs;
use std::path::PathBuf;

use gather_store::{Existing, Format, OutputTarget, Sink, SinkError, SinkErrorKind};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use crate::both;
use crate::records::{Database, page, run, with_tags};

struct File(PathBuf);

impl Database for File {
    fn target(&self) -> (OutputTarget, Format) {
        (OutputTarget::File(self.0.clone()), Format::Sqlite)
    }

    fn ask(&self, sql: &str) -> String {
        ask(&Connection::open(&self.0).unwrap(), sql)
    }
}

fn ask(connection: &Connection, sql: &str) -> String {
    let mut statement = connection.prepare(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let columns = statement.column_count();
    let mut rows = statement.query([]).unwrap();
    let mut lines = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let cell = |at| match row.get_ref(at).unwrap() {
            ValueRef::Null => String::new(),
            ValueRef::Integer(number) => number.to_string(),
            ValueRef::Real(number) => number.to_string(),
            ValueRef::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
            ValueRef::Blob(blob) => format!("{} bytes", blob.len()),
        };
        lines.push((0..columns).map(cell).collect::<Vec<_>>().join("|"));
    }
    lines.join("\n")
}

fn file(directory: &TempDir, name: &str) -> File {
    File(directory.path().join(name))
}

#[test]
fn a_database_is_what_both_promise() {
    let directory = tempfile::tempdir().unwrap();
    let file = file(&directory, "r.db");
    both::all(&file);
    assert_eq!(file.ask("PRAGMA integrity_check"), "ok");
    // What it was written with is gone when it is closed.
    let names: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "{names:?}");
}

#[test]
fn columns_have_the_types_that_read_best() {
    let directory = tempfile::tempdir().unwrap();
    let file = file(&directory, "r.db");
    file.write(&run(1, None), &[page(7, "http://a.example/", 250)]);
    let cases = [
        ("SELECT started_at FROM record", "2026-11-21T10:00:00.130Z"),
        ("SELECT started_at FROM run", "2026-11-21T10:01:00.123Z"),
        ("SELECT time(started_at) FROM record", "10:00:00"),
        ("SELECT typeof(time_total), time_total FROM record", "real|0.25"),
        (
            "SELECT typeof(n), typeof(status_code), typeof(remote_ip) FROM record",
            "integer|integer|text",
        ),
        ("SELECT remote_ip FROM record", "203.0.113.217"),
        ("SELECT count(*) FROM run WHERE finished_at LIKE '____-__-__T__:__:__.___Z'", "1"),
        ("PRAGMA application_id", "1734440040"),
        ("PRAGMA journal_mode", "wal"),
    ];
    for (sql, expected) in cases {
        assert_eq!(file.ask(sql), expected, "{sql}");
    }
}

/// What makes a file, the error, and whether asking for `--overwrite` helps.
#[test]
fn what_is_not_ours_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let make = |name: &str, sql: &str| {
        let path = directory.path().join(name);
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        path
    };
    let text = directory.path().join("text.db");
    fs::write(&text, "n,url\n".repeat(1000)).unwrap();
    let short = directory.path().join("short.db");
    fs::write(&short, "x").unwrap();
    let cases = [
        (text, "DIR/text.db is not a SQLite database; hint: name another file, or move it away"),
        (short, "DIR/short.db is not a SQLite database; hint: name another file, or move it away"),
        (
            make(
                "theirs.db",
                "CREATE TABLE x (a); CREATE TABLE Record (a); INSERT INTO Record VALUES (1)",
            ),
            "DIR/theirs.db has a table that gather did not make: record; hint: name another \
             database (PostgreSQL: add ?schema=NAME)",
        ),
        (
            make("gather.db", "CREATE TABLE gather (a)"),
            "DIR/gather.db has a table that gather did not make: gather; hint: name another \
             database (PostgreSQL: add ?schema=NAME)",
        ),
        (
            make(
                "newer.db",
                "CREATE TABLE gather (schema_version); INSERT INTO gather VALUES (99)",
            ),
            "DIR/newer.db was written by a later version of gather; hint: use that version, or name \
             another database",
        ),
        (directory.path().to_owned(), "DIR is a directory; hint: name a file in it"),
        (
            directory.path().join("no/r.db"),
            "DIR/no does not exist; hint: create the directory first",
        ),
    ];
    for (path, expected) in cases {
        let file = File(path);
        let before = fs::read(&file.0).ok();
        for existing in [Existing::Refuse, Existing::Overwrite] {
            let said = |error: SinkError| {
                error.to_string().replace(&directory.path().display().to_string(), "DIR")
            };
            let opened = file.open(existing, &run(1, None)).map(drop);
            assert_eq!(opened.map_err(said), Err(expected.to_owned()));
            let all = gather_store::open_all(&[file.spec("", existing)], &run(1, None));
            assert_eq!(all.map(drop).map_err(said), Err(expected.to_owned()));
            assert_eq!(fs::read(&file.0).ok(), before, "{expected}");
        }
    }
}

#[test]
fn overwriting_replaces_what_is_ours_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let file = file(&directory, "r.db");
    let record = with_tags(page(0, "http://a.example/", 1), &[("sku", "A17")]);
    file.write(&run(1, Some("prices")), std::slice::from_ref(&record));
    file.ask("CREATE TABLE mine AS SELECT 7 AS x");
    let mut sink = file.open(Existing::Overwrite, &run(2, None)).unwrap();
    sink.write(&page(0, "http://b.example/", 1)).unwrap();
    sink.finish().unwrap();
    assert_eq!(file.ask("SELECT url FROM record"), "http://b.example/");
    assert_eq!(file.ask("SELECT count(*) FROM run"), "1");
    assert_eq!(file.ask("SELECT count(*) FROM sqlite_master WHERE name = 'prices'"), "0");
    assert_eq!(file.ask("SELECT x FROM mine"), "7");
}

#[test]
fn readers_see_whole_groups_and_block_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let file = file(&directory, "r.db");
    let mut sink = file.open(Existing::Refuse, &run(1, None)).unwrap();
    let reader = Connection::open_with_flags(&file.0, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let count = || ask(&reader, "SELECT count(*) FROM record");
    sink.write(&page(0, "http://a.example/", 1)).unwrap();
    sink.commit().unwrap();
    assert_eq!(count(), "1");
    // A reader that has begun keeps what it sees, and the writer goes on.
    reader.execute_batch("BEGIN").unwrap();
    assert_eq!(count(), "1");
    sink.write(&page(1, "http://a.example/", 1)).unwrap();
    sink.commit().unwrap();
    assert_eq!(count(), "1");
    reader.execute_batch("COMMIT").unwrap();
    assert_eq!(count(), "2");
    assert_eq!(ask(&reader, "SELECT records FROM run"), "2");
    // What is written and not committed is seen by nobody.
    sink.write(&page(2, "http://a.example/", 1)).unwrap();
    assert_eq!(count(), "2");
    sink.finish().unwrap();
    assert_eq!(count(), "3");
}

#[test]
fn a_damaged_file_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = file(&directory, "r.db");
    let records: Vec<_> = (0..2000).map(|n| page(n, &format!("http://a.example/{n}"), 1)).collect();
    file.write(&run(1, None), &records);
    let mut bytes = fs::read(&file.0).unwrap();
    // All but the page with the schema.
    bytes[4096..].iter_mut().for_each(|byte| *byte = 0x5a);
    fs::write(&file.0, bytes).unwrap();
    let write = |sink: Result<Box<dyn Sink>, SinkError>| -> Result<(), SinkError> {
        let mut sink = sink?;
        sink.write(&records[0])?;
        sink.commit().map(drop)
    };
    let error = write(file.open(Existing::Refuse, &run(2, None))).unwrap_err();
    assert_eq!(error.kind, SinkErrorKind::Corrupt, "{error}");
    let hint = "is damaged; hint: save what can be read: sqlite3 FILE .recover";
    assert!(error.to_string().ends_with(hint), "{error}");
}

#[test]
fn two_runs_write_to_one_file_in_turn() {
    let directory = tempfile::tempdir().unwrap();
    let file = file(&directory, "r.db");
    let open = |number| file.open(Existing::Refuse, &run(number, None)).unwrap();
    let mut sinks = [open(1), open(2)];
    for n in 0..100 {
        for sink in &mut sinks {
            sink.write(&page(n, "http://a.example/", 1)).unwrap();
            sink.commit().unwrap();
        }
    }
    for sink in sinks {
        sink.finish().unwrap();
    }
    assert_eq!(file.ask("SELECT run, count(*) FROM record GROUP BY run"), "1|100\n2|100");
}
