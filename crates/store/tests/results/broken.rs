//! Rows that are no records, results that end within one, and what is no result at all.

use std::fs;
use std::io::Write;

use gather_store::read::ReadErrorKind;

use crate::records::{LINES, file, open, read_all, write_as};

#[test]
fn rows_that_are_no_records_are_named_and_the_others_read() {
    let dir = tempfile::tempdir().unwrap();
    let cases = [
        (
            "a.jsonl",
            "{\"n\":0}\n\nnot json\n{\"n\":\"x\"}\n[1]\n{\"n\":3,\"time_total\":-1}\n{\"n\":5}\n",
            "0 5",
            &[
                "DIR/a.jsonl line 3: not a JSON object: expected ident at line 1 column 2",
                "DIR/a.jsonl line 4: n is not a whole number in its range: \"x\"",
                "DIR/a.jsonl line 5: not a JSON object: invalid type: sequence, expected an object at line 1 column 0",
                "DIR/a.jsonl line 6: time_total is not a number of seconds: -1",
            ][..],
        ),
        (
            "torn.jsonl",
            "{\"n\":0}\n{\"n\":1,\"inp",
            "0",
            &[
                "DIR/torn.jsonl line 2: torn: not a JSON object: EOF while parsing a string at line 1 column 11",
            ],
        ),
        ("whole.jsonl", "{\"n\":0}\n{\"n\":1}", "0 1", &[]),
        (
            "a.csv",
            "n,url,outcome\n0,http://a.example/,ok\n1,http://b.example/\n2,\"x\ny\",ok\n3,u,bad\n4,u,ok\n",
            "0 2 4",
            &[
                "DIR/a.csv line 3: 2 cells under a header of 3",
                "DIR/a.csv line 6: outcome is not ok, failed or skipped: bad",
            ],
        ),
        (
            "torn.csv",
            "n,url\n0,http://a.example/\n1,http://b.exa",
            "0",
            &["DIR/torn.csv line 3: torn: the row has no line end"],
        ),
        ("empty.jsonl", "", "", &[]),
        ("empty.csv", "", "", &[]),
        ("header.csv", "n,url\n", "", &[]),
    ];
    for (name, text, numbers, expected) in cases {
        let (records, said) = read_all(&file(dir.path(), name, text));
        let found: Vec<String> = records.iter().map(|record| record.n.to_string()).collect();
        assert_eq!(found.join(" "), numbers, "{name}");
        assert_eq!(said, expected, "{name}");
    }
}

#[test]
fn a_gzip_that_ends_too_early_gives_what_was_whole() {
    let dir = tempfile::tempdir().unwrap();
    let many: String = (0..10_000).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    zip.write_all(many.as_bytes()).unwrap();
    let zipped = zip.finish().unwrap();
    let path = dir.path().join("torn.jsonl.gz");
    fs::write(&path, &zipped[..zipped.len() / 2]).unwrap();
    let (records, said) = read_all(&path);
    assert!((1_000..10_000).contains(&records.len()), "{}", records.len());
    assert!(records.iter().enumerate().all(|(at, record)| record.n == at as u64));
    assert_eq!(said.len(), 1);
    assert!(said[0].ends_with(": the gzip ends before its end"), "{said:?}");
}

#[test]
fn what_is_no_result_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let records = read_all(&file(dir.path(), "a.jsonl", LINES)).0;
    let parquet = fs::read(write_as(dir.path(), "whole", "parquet", &records)).unwrap();
    let cases: [(&str, &[u8], ReadErrorKind, &str); 5] = [
        (
            "urls.txt",
            b"http://a.example/\n",
            ReadErrorKind::Form,
            "has no column that a record has",
        ),
        ("a.csv", b"sku,price\n1,2\n", ReadErrorKind::Form, "has no column that a record has"),
        ("a.xlsx", b"PK\x03\x04", ReadErrorKind::Form, "is a spreadsheet, which is not read back"),
        (
            "a.parquet",
            &parquet[..parquet.len() / 2],
            ReadErrorKind::Form,
            "is no whole Parquet file",
        ),
        ("none.jsonl", b"", ReadErrorKind::Missing, "does not exist"),
    ];
    for (name, bytes, kind, message) in cases {
        let path = dir.path().join(name);
        if kind != ReadErrorKind::Missing {
            fs::write(&path, bytes).unwrap();
        }
        let error = open(&path).map(drop).unwrap_err();
        assert_eq!((error.kind, error.is_row()), (kind, false), "{name}");
        assert!(error.message.starts_with(message), "{name}: {error}");
    }
}

/// Of a result that a run is writing, what is not yet whole is no fault.
#[test]
fn the_end_of_a_result_that_is_being_written_is_not_torn() {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [("a.jsonl", "{\"n\":0}\n{\"n\":1,"), ("a.csv", "n,url\n0,u\n1,ht")] {
        let path = file(dir.path(), name, text);
        assert_eq!(read_all(&path).1.len(), 1, "{name}");
        let writer = fs::OpenOptions::new().append(true).open(&path).unwrap();
        writer.lock().unwrap();
        let (records, said) = read_all(&path);
        assert_eq!((records.len(), said.len()), (1, 0), "{name}");
    }
}
