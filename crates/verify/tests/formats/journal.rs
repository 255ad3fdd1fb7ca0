//! A journal, its tables made from their description.

use gather_verify::{Report, RunState};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use xxhash_rust::xxh3::Xxh3;

use crate::bed::{Bed, assert_faults};

/// The columns of each table, the check sum left out.
const TABLES: [(&str, &str); 6] = [
    ("run", "id, started_us, program, salt"),
    ("setting", "name, value, secret"),
    ("sink", "name, parts, bytes, records"),
    ("state", "commits, prefix, done, inputs, read_to_end, finished, sums"),
    ("done", "chunk, bits"),
    ("input", "block, items, hash, source, line"),
];

fn sum(row: &[Value]) -> i64 {
    let mut hash = Xxh3::new();
    let mut add = |bytes: &[u8]| {
        hash.update(&(bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    for value in row {
        match value {
            Value::Integer(number) => add(&number.to_le_bytes()),
            Value::Text(text) => add(text.as_bytes()),
            Value::Blob(bytes) => add(bytes),
            Value::Null | Value::Real(_) => panic!("no journal has {value:?}"),
        }
    }
    hash.digest().cast_signed()
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// A run that has finished these inputs, of as many as it read, with the output `r.jsonl`.
struct Journal {
    finished: Vec<usize>,
    read: i64,
    is_finished: bool,
    bytes: i64,
    sums: &'static str,
}

const SUMS: &str = r#"{"ok":3,"failed":1,"skipped":1,"by_kind":{"http.status":1,"input.invalid":1},
    "by_status":{"200":3,"404":1},"body_bytes":0}"#;

impl Journal {
    fn of_all(bed: &Bed) -> Self {
        let bytes = std::fs::metadata(bed.path("r.jsonl")).expect("an output").len();
        let (finished, bytes) = ((0..5).collect(), bytes.cast_signed());
        Self { finished, read: 5, is_finished: true, bytes, sums: SUMS }
    }

    fn write(&self, bed: &Bed) -> Connection {
        let db = Connection::open(bed.path("r.jsonl.journal")).expect("a database");
        db.execute_batch("PRAGMA application_id = 0x67746872; PRAGMA user_version = 1")
            .expect("named");
        for (table, columns) in TABLES {
            db.execute_batch(&format!("CREATE TABLE {table} ({columns}, sum)")).expect("made");
        }
        let add = |table: &str, row: Vec<Value>| {
            let marks = vec!["?"; row.len() + 1].join(", ");
            let sum = Value::Integer(sum(&row));
            let values = row.into_iter().chain([sum]);
            let insert = format!("INSERT INTO {table} VALUES ({marks})");
            db.execute(&insert, params_from_iter(values)).expect("inserted");
        };
        let int = Value::Integer;
        let done = self.finished.len() as i64;
        let mut bits = vec![0_u8; 512];
        self.finished.iter().for_each(|n| bits[n / 8] |= 1 << (n % 8));
        add("run", vec![text("the-run"), int(1), text("gather"), Value::Blob(vec![1])]);
        add("setting", vec![text("accept"), text("200"), int(0)]);
        add("sink", vec![text("r.jsonl"), int(0), int(self.bytes), int(done)]);
        let (read, finished) = (int(self.read), int(i64::from(self.is_finished)));
        add(
            "state",
            vec![int(7), int(0), int(done), read.clone(), int(1), finished, text(self.sums)],
        );
        add("done", vec![int(0), Value::Blob(bits)]);
        add("input", vec![int(0), read, int(99), text("urls.txt"), int(1)]);
        db
    }
}

/// A bed with all records, and what is wrong with a journal that was made so.
fn check(journal: impl FnOnce(&Bed) -> Journal, plant: &str) -> (Bed, Report) {
    let bed = Bed::new();
    bed.write_jsonl("r.jsonl", 0..5);
    let db = journal(&bed).write(&bed);
    db.execute_batch(plant).expect("planted");
    drop(db);
    let report = bed.verify(&["r.jsonl"]);
    (bed, report)
}

#[test]
fn a_finished_run_is_held_against_its_journal() {
    type Make = fn(&Bed) -> Journal;
    let all: Make = Journal::of_all;
    let cases: &[(&str, Make, &str, &[&str])] = &[
        ("nothing", all, "", &[]),
        (
            "a longer file",
            |bed| Journal { bytes: 100, ..Journal::of_all(bed) },
            "",
            &["the file is longer than what was committed; expected 100 bytes"],
        ),
        (
            "a shorter file",
            |bed| Journal { bytes: 10_000, ..Journal::of_all(bed) },
            "",
            &["the file is shorter than what was committed; expected 10,000 bytes"],
        ),
        (
            "a bit less",
            |bed| Journal { finished: vec![0, 1, 2, 4], ..Journal::of_all(bed) },
            "",
            &[
                "it says finished, and not every input read is; expected 5, found 4",
                "line 4 (n 3): the record is committed, and the journal says its input is not finished",
                "there are not as many records as were committed; expected 4 records, found 5 records",
            ],
        ),
        (
            "other sums",
            |bed| Journal {
                sums: r#"{"ok":4,"failed":0,"skipped":1,"by_kind":{},"by_status":{"200":3,"404":2}}"#,
                ..Journal::of_all(bed)
            },
            "",
            &[
                "not as many are ok as the journal says; expected 4, found 3",
                "not as many are failed as the journal says; expected 0, found 1",
                "error.kind http.status is not as frequent as the journal says; expected 0, found 1",
                "error.kind input.invalid is not as frequent as the journal says; expected 0, found 1",
                "status_code 404 is not as frequent as the journal says; expected 2, found 1",
            ],
        ),
        (
            "a row changed",
            all,
            "UPDATE sink SET parts = 1",
            &["table sink, row 3: the row is not what its check sum says"],
        ),
        (
            "other bits",
            all,
            "UPDATE done SET bits = zeroblob(512)",
            &[
                "table done, row 5: the row is not what its check sum says",
                "the bits set are not as many as the journal counts; expected 5, found 0",
                "it says finished, and not every input read is; expected 5, found 0",
                "line 1 (n 0): the record is committed",
                "line 2 (n 1): the record is committed",
                "line 3 (n 2): the record is committed",
                "line 4 (n 3): the record is committed",
                "line 5 (n 4): the record is committed",
            ],
        ),
        (
            "another type",
            all,
            "UPDATE sink SET bytes = 'x'",
            &[
                "table sink, row 3: the row is not what its check sum says",
                "table sink, row 3: the row cannot be understood: ",
            ],
        ),
        (
            "a block dropped",
            all,
            "DELETE FROM input",
            &["the blocks of inputs do not add up to the inputs read; expected 5, found 0"],
        ),
        (
            "an output gone",
            all,
            "UPDATE sink SET name = 'other.csv', sum = 0",
            &[
                "table sink, row 3: the row is not what its check sum says",
                "other.csv is missing; expected 5 records",
            ],
        ),
    ];
    for (what, make, plant, expected) in cases {
        let (_bed, report) = check(make, plant);
        assert_faults(what, &report, expected);
        assert_eq!(report.run, RunState::Finished, "{what}");
    }
}

#[test]
fn of_a_run_that_is_not_finished_what_is_committed_is_proven() {
    let part = |bed: &Bed, records: usize| {
        let text = std::fs::read_to_string(bed.path("r.jsonl")).expect("an output");
        let bytes = text.split_inclusive('\n').take(records).map(str::len).sum::<usize>();
        let sums = r#"{"ok":2,"failed":1,"skipped":0}"#;
        let (finished, bytes) = ((0..records).collect(), bytes as i64);
        Journal { finished, read: 5, is_finished: false, bytes, sums }
    };
    let (bed, report) = check(|bed| part(bed, 3), "");
    assert_faults("a tail", &report, &[]);
    assert!(matches!(report.run, RunState::Unfinished { finished: 3, .. }), "{report:?}");
    let says: Vec<&str> = report.checks.iter().map(|check| check.says.as_str()).collect();
    assert!(
        says.iter().any(|says| says.ends_with("bytes more that a resume cuts off")),
        "{says:?}"
    );

    // The tail may be torn; what is committed may not.
    let text = std::fs::read_to_string(bed.path("r.jsonl")).expect("an output");
    std::fs::write(bed.path("r.jsonl"), &text[..text.len() - 30]).expect("cut");
    assert_faults("a torn tail", &bed.verify(&["r.jsonl"]), &[]);
    std::fs::write(bed.path("r.jsonl"), &text[..text.len() / 2]).expect("cut");
    let report = bed.verify(&["r.jsonl"]);
    assert_faults(
        "cut below what was committed",
        &report,
        &[
            "line 3: the file ends within a record: ",
            "urls.txt line 3 (n 2): the input has no record",
            "there are not as many records as finished inputs; expected 3, found 2",
            "not as many are ok as the journal says; expected 2, found 1",
            "the file is shorter than what was committed",
            "there are not as many records as were committed; expected 3 records, found 2 records",
        ],
    );

    let (_bed, report) = check(|bed| Journal { finished: vec![0, 1, 3], ..part(bed, 3) }, "");
    assert_faults(
        "another input finished",
        &report,
        &[
            "urls.txt line 4 (n 3): the input has no record",
            "line 3 (n 2): the record is committed, and the journal says its input is not finished",
        ],
    );
}
