//! A SQLite database, its tables made from their description.

use rusqlite::{Connection, params};

use crate::bed::{Bed, ENDS, INPUTS, assert_faults, sha256};

/// A database with an older run of two records, and this one.
fn database(bed: &Bed, name: &str) -> Connection {
    let db = Connection::open(bed.path(name)).expect("a database");
    db.execute_batch(
        "CREATE TABLE gather (schema_version INTEGER NOT NULL);
         INSERT INTO gather VALUES (1);
         CREATE TABLE run (id INTEGER PRIMARY KEY, name TEXT UNIQUE, finished_at TEXT,
           records INTEGER, ok INTEGER, failed INTEGER, skipped INTEGER);
         INSERT INTO run VALUES (1, 'old', 'x', 2, 2, 0, 0), (2, 'new', 'x', 5, 3, 1, 1);
         CREATE TABLE record (run INTEGER, n INTEGER, input TEXT, url TEXT, final_url TEXT,
           outcome TEXT, status_code INTEGER, content_length INTEGER, attempts INTEGER,
           error_kind TEXT, sha256 TEXT, body_path TEXT, truncated INTEGER, PRIMARY KEY (run, n));
         INSERT INTO record (run, n, input, outcome) VALUES (1, 0, 'o', 'ok'), (1, 1, 'p', 'ok');
         CREATE TABLE body (sha256 TEXT PRIMARY KEY, bytes INTEGER, content_type TEXT, body BLOB);",
    )
    .expect("made");
    for (n, (outcome, status, kind, body)) in ENDS.into_iter().enumerate() {
        let has = status > 0;
        let text = |text: String| has.then_some(text);
        db.execute(
            "INSERT INTO record (run, n, input, url, outcome, status_code, content_length, attempts,
               error_kind, sha256) VALUES (2, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                n as i64,
                INPUTS[n],
                text(INPUTS[n].to_owned()),
                outcome,
                has.then_some(status),
                has.then_some(body.len() as i64),
                i64::from(has),
                (!kind.is_empty()).then_some(kind),
                text(sha256(body.as_bytes())),
            ],
        )
        .expect("inserted");
        let insert = "INSERT OR IGNORE INTO body VALUES (?, ?, NULL, ?)";
        let values = params![sha256(body.as_bytes()), body.len() as i64, body.as_bytes()];
        db.execute(insert, values).expect("inserted");
    }
    db
}

#[test]
fn what_is_planted_in_a_database_is_named() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("nothing", "SELECT 1", &[]),
        (
            "dropped",
            "DELETE FROM record WHERE run = 2 AND n = 2",
            &[
                "records of the run are not as many as its row in table run says; expected 5, found 4",
                "ok of the run are not as many as its row in table run says; expected 3, found 2",
                "urls.txt line 3 (n 2): the input has no record",
                "there are not as many records as inputs; expected 5, found 4",
            ],
        ),
        (
            "of another run",
            "UPDATE record SET input = 'o' WHERE run = 2 AND n = 0",
            &["n 0: the record is of another input than ", "n 0: input is not what "],
        ),
        (
            "swapped",
            "UPDATE record SET n = 9 WHERE run = 2 AND n = 1;
                     UPDATE record SET n = 1 WHERE run = 2 AND n = 2;
                     UPDATE record SET n = 2 WHERE run = 2 AND n = 9",
            &[
                "n 1: the record is of another input than ",
                "n 2: the record is of another input than ",
                "n 1: outcome is not what ",
                "n 2: outcome is not what ",
            ],
        ),
        (
            "beyond the list",
            "UPDATE record SET n = 5 WHERE run = 2 AND n = 4",
            &[
                "urls.txt line 5 (n 4): the input has no record",
                "n 5: there is no input of this number",
            ],
        ),
        (
            "a status",
            "UPDATE record SET status_code = 203 WHERE run = 2 AND n = 0",
            &["status_code is not what "],
        ),
        (
            "an outcome",
            "UPDATE record SET outcome = 'skipped' WHERE run = 2 AND n = 1",
            &[
                "failed of the run are not as many as its row in table run says; expected 1, found 0",
                "skipped of the run are not as many as its row in table run says; expected 1, found 2",
                "n 1: outcome is not what ",
            ],
        ),
        (
            "a number that is none",
            "UPDATE record SET status_code = 'x' WHERE run = 2 AND n = 0",
            &[
                "the column status_code holds no number",
                "ok of the run are not as many",
                "(n 0): the input has no record",
                "there are not as many records as inputs",
            ],
        ),
        (
            "a body",
            "UPDATE body SET body = x'00' WHERE body = CAST('world' AS BLOB)",
            &[": the body has another SHA-256; found "],
        ),
        (
            "a run",
            "DELETE FROM run",
            &[
                "there is no run in the database",
                "(n 0): the input has no record",
                "(n 1): the input has no record",
                "(n 2): the input has no record",
                "(n 3): the input has no record",
                "(n 4): the input has no record",
                "there are not as many records as inputs; expected 5, found 0",
            ],
        ),
    ];
    for (what, plant, expected) in cases {
        let bed = Bed::new();
        bed.write_jsonl("r.jsonl", 0..5);
        let db = database(&bed, "r.db");
        db.execute_batch(plant).expect("planted");
        drop(db);
        assert_faults(what, &bed.verify(&["r.jsonl", "r.db"]), expected);
    }
}

#[test]
fn a_page_that_was_overwritten_is_noticed() {
    let bed = Bed::new();
    drop(database(&bed, "r.db"));
    let mut bytes = std::fs::read(bed.path("r.db")).expect("read");
    let pages = bytes.len() / 4096;
    let (mut noticed, mut refused) = (0, 0);
    for page in 1..pages {
        let was = bytes[page * 4096..(page + 1) * 4096].to_vec();
        bytes[page * 4096..page * 4096 + 64].fill(0xa5);
        std::fs::write(bed.path("r.db"), &bytes).expect("written");
        let spec = gather_verify::OutputSpec::named(&bed.path("r.db").to_string_lossy());
        let outputs = vec![spec.expect("a database")];
        let request = gather_verify::Request { outputs, ..Default::default() };
        match gather_verify::verify(&request) {
            Ok(report) => noticed += u64::from(report.faults() > 0),
            Err(_) => refused += 1,
        }
        bytes[page * 4096..(page + 1) * 4096].copy_from_slice(&was);
    }
    assert_eq!(noticed + refused, pages as u64 - 1, "{noticed} named, {refused} refused");
}
