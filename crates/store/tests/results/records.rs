//! Results to test with, and how they are copied from one form into another.

use std::fs;
use std::path::{Path, PathBuf};

use gather_core::Record;
use gather_store::read::{self, Bodies, ReadError, ResultPlace, ResultSpec, Results, Survey};
use gather_store::{
    CsvBom, Durability, Existing, Fields, Format, OutputSpec, OutputTarget, Position, RunInfo,
};

/// Lines as a run with `--fields +title,+headers,+tls.san,+json` may have written them.
pub(crate) const LINES: &str = r#"{"n":0,"input":"http://a.example/p/1","url":"http://a.example/p/1","outcome":"ok","status_code":200,"http_version":"1.1","remote_ip":"203.0.113.217","content_type":"text/html; charset=utf-8","content_length":18234,"attempts":1,"started_at":"2026-11-21T10:00:00.123Z","time_queue":0.0021,"time_namelookup":0.000412,"time_connect":0.011035,"time_starttransfer":0.120417,"time_total":0.151,"fields":{"price":"1299.00","name":"=SUM(A1)","stock":17,"sold":false,"colours":["red","é \" \\ \n"],"none":null},"tags":{"sku":"A17","note":""},"headers":{"etag":"\"x\"","set-cookie":["a=1","b=2"]},"title":"-1+1, \"x\"","json":{"b":1.10,"a":[1,{}]}}
{"n":1,"source":"list.csv","line":7,"input":"b.example/ä b","url":"https://b.example/%C3%A4%20b","final_url":"https://www.b.example/","method":"POST","outcome":"ok","status_code":204,"http_version":"2","remote_ip":"2001:db8::1","content_length":0,"body_bytes":20,"attempts":3,"started_at":"1999-12-31T23:59:59.999Z","time_queue":12,"time_appconnect":0.5,"time_total":3600.000001,"tls":{"version":"1.3","not_after":"2027-01-15T08:00:00Z","san":["b.example","*.b.example"]},"chain":[{"url":"https://b.example/%C3%A4%20b","status_code":301}],"sha256":"fb8e20fc2e4c3f248c60c39bd652f3c1347298bb977b8b4d5903b85055620603","body_path":"pages/fb/8e.html","truncated":true}
{"n":2,"input":"http://c.example/","url":"http://c.example/","outcome":"failed","attempts":2,"error":{"kind":"timeout.first_byte","message":"'=no byte within 5 s","retryable":true},"time_queue":0.0021,"time_total":5.001}
{"n":18446744073709551614,"source":"list.csv","line":9,"input":"ht!tp\u001b[2J","outcome":"skipped","attempts":0,"error":{"kind":"input.invalid","message":"not a URL","retryable":false}}
{"n":4,"input":"http://d.example/","url":"http://d.example/","outcome":"failed","status_code":404,"http_version":"1.0","content_type":"text/plain","content_length":9,"attempts":1,"error":{"kind":"http.status","message":"status 404 is not in 200..=299,304","retryable":false},"from_a_later_version":"kept"}
"#;

pub(crate) fn file(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, text).unwrap();
    path
}

pub(crate) fn spec(path: &Path, format: Format, fields: Fields) -> OutputSpec {
    OutputSpec {
        target: OutputTarget::File(path.to_owned()),
        format,
        fields,
        existing: Existing::Refuse,
        durability: Durability::System,
    }
}

pub(crate) fn run() -> RunInfo {
    RunInfo::new(1_795_255_200_123_456, 0x004f_9a2c)
}

pub(crate) fn open(path: &Path) -> Result<Box<dyn Results>, ReadError> {
    let place = ResultPlace::File(path.to_owned());
    read::open(&ResultSpec { place, run: None, bodies: Bodies::Leave })
}

/// All records, and what is said of rows that are none.
pub(crate) fn read_all(path: &Path) -> (Vec<Record>, Vec<String>) {
    let mut results = open(path).unwrap();
    let (mut records, mut said) = (Vec::new(), Vec::new());
    loop {
        match results.next() {
            Ok(Some(record)) => records.push(record),
            Ok(None) => return (records, said),
            Err(error) => {
                assert!(error.is_row(), "{error}");
                let dir = path.parent().unwrap().display().to_string();
                said.push(error.to_string().replace(&dir, "DIR"));
            }
        }
    }
}

pub(crate) fn write_all(spec: &OutputSpec, records: &[Record]) -> Position {
    let mut sink = gather_store::open(spec, &run()).unwrap();
    records.iter().for_each(|record| sink.write(record).unwrap());
    let position = sink.finish().unwrap();
    gather_store::discard(spec).unwrap();
    position
}

/// The forms that are read back, by the extension of their files.
pub(crate) const FORMS: &[&str] = &["jsonl", "csv", "parquet", "db"];

/// Writes records in a form, as `gather export` without `--fields`.
pub(crate) fn write_as(dir: &Path, name: &str, form: &str, records: &[Record]) -> PathBuf {
    let path = dir.join(format!("{name}.{form}"));
    let mut survey = Survey::default();
    records.iter().for_each(|record| survey.add(record));
    let (format, fields) = match form {
        "jsonl" => (Format::Jsonl, Fields::held()),
        "csv" => (Format::Csv(CsvBom::Utf8), survey.fields()),
        "parquet" => (Format::Parquet, Fields::held()),
        "db" => (Format::Sqlite, survey.fields()),
        other => panic!("no form {other}"),
    };
    write_all(&spec(&path, format, fields), records);
    path
}

/// Each line as a value, so that the order of members does not matter.
pub(crate) fn values(text: &str) -> Vec<serde_json::Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
