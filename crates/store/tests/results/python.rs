//! Parquet and spreadsheets as other people's readers read them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use gather_core::attempt::{ChainLink, HttpVersion, Timings, TlsInfo};
use gather_core::{ErrorKind, Failure, FieldValue, Outcome, Record, RecordError};
use gather_store::{Fields, Format};

use crate::records::{spec, write_all};

/// A Python with these packages; installed by `cargo xtask test`.
fn python(packages: &str) -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-python/bin/python");
    let python = std::env::var_os("GATHER_TEST_PYTHON").map_or(default, PathBuf::from);
    let has = Command::new(&python).args(["-c", &format!("import {packages}")]).output();
    let has = has.is_ok_and(|out| out.status.success());
    if !has {
        let python = python.display();
        eprintln!("NOT TESTED: {python} lacks {packages}; cargo xtask test installs them");
    }
    has.then_some(python)
}

fn page(n: u64) -> Record {
    let decimal = |text: String| FieldValue::Decimal(text.into());
    let fields: Vec<(Arc<str>, FieldValue)> = vec![
        ("price".into(), decimal(format!("{}.{:03}", n * 7, n % 1000))),
        ("name".into(), FieldValue::Text("=HYPERLINK(\"http://evil.example/\")".into())),
        ("stock".into(), FieldValue::Int(i64::try_from(n).unwrap() - 50)),
        ("sold".into(), FieldValue::Bool(n.is_multiple_of(2))),
        ("colours".into(), FieldValue::List(vec![FieldValue::Text("é\"\\".into())])),
        ("none".into(), FieldValue::Null),
    ];
    Record {
        url: format!("https://a.example/p/{n}?q=ä&r='1'"),
        status_code: 200,
        http_version: HttpVersion::Http2,
        remote_ip: Some([203, 0, 113, 7].into()),
        content_type: Some("text/html; charset=utf-8".into()),
        content_length: n * 1000,
        body_bytes: n * 500,
        attempts: 1,
        timings: Timings {
            started_unix_us: 1_795_255_200_123_000 + n * 61_000,
            total: Duration::from_micros(n * 1001),
            ..Timings::default()
        },
        tls: Some(Arc::new(TlsInfo {
            version: "1.3",
            not_after_unix_s: Some(1_800_000_000),
            san: vec!["a.example".into()],
            issuer: None,
        })),
        chain: vec![ChainLink { url: "https://a.example/".into(), status: 301 }],
        fields: Some(Box::new(fields)),
        tags: Some(Box::new(vec![
            ("sku".into(), if n.is_multiple_of(3) { "A17" } else { "@SUM(1)" }.into()),
            ("empty".into(), "".into()),
        ])),
        sha256: Some([0xa5; 32]),
        body_path: Some("x".repeat(if n == 5 { 40_000 } else { 10 }).into()),
        truncated: n.is_multiple_of(2),
        ..Record::new(n, Outcome::Ok)
    }
}

fn failure(n: u64) -> Record {
    let failure = Failure::new(ErrorKind::TimeoutFirstByte, "-no byte within 5 s");
    Record {
        url: "http://b.example/".into(),
        input: Some("b.example".into()),
        attempts: 3,
        ..Record::new(n, Outcome::Failed(RecordError::new(failure, true)))
    }
}

#[test]
fn other_readers_see_the_values_and_types_of_the_json_lines() {
    let Some(python) = python("duckdb, pyarrow.parquet, polars, openpyxl") else { return };
    let dir = tempfile::tempdir().unwrap();
    let fields = Fields::parse("+tags.sku,+tls.san").unwrap();
    let records: Vec<Record> =
        (0..500).map(|n| if n % 10 == 9 { failure(n) } else { page(n) }).collect();
    let paths = ["a.jsonl", "a.parquet", "a.xlsx"].map(|name| dir.path().join(name));
    let formats = [Format::Jsonl, Format::Parquet, Format::Xlsx];
    for (path, format) in paths.iter().zip(formats) {
        write_all(&spec(path, format, fields.clone()), &records);
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/results/other_readers.py");
    let out = Command::new(python).arg(script).args(&paths).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(said.trim_end(), "compared 500 records in 1 sheets");
}
