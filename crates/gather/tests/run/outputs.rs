//! Where records and bodies go: slow, closed and full outputs, several at once, views.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use gather::core::Outcome;
use gather::store::{CsvBom, Fields, Format, OutputSpec, SinkErrorKind};
use gather::summary::Ended;
use gather::{Output, RunError};
use gather_testkit::{Server, Site};

use crate::bed::{Pending, bed, fifo, jsonl};

fn dir() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn lines(path: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).expect("the output is there");
    text.lines().map(|line| serde_json::from_str(line).expect("whole lines of JSON")).collect()
}

#[test]
fn a_slow_reader_pauses_the_intake_and_loses_nothing() {
    for shards in [1, 3] {
        let (dir, server) = (dir(), Server::start(Site::default().on_hosts(10)));
        let pipe = fifo(&dir);
        let begin = Arc::new(AtomicUsize::new(0));
        let reader = {
            let (pipe, begin) = (pipe.clone(), Arc::clone(&begin));
            thread::spawn(move || {
                let file = std::fs::File::open(pipe).expect("the writer opens it, too");
                while begin.load(Ordering::Acquire) == 0 {
                    thread::sleep(Duration::from_millis(1));
                }
                BufReader::new(file).lines().count()
            })
        };
        let urls = (0..30_000).map(|n| server.url_on(n % 10, &format!("/ok?n={n}")));
        let done = bed(urls)
            .concurrency(20)
            .shards(shards)
            .output(jsonl(&pipe))
            .run_with(|_| {
                // What the pipe, its buffers, the batches and the slots hold, and then no more.
                let mut seen = u64::MAX;
                crate::bed::until("the intake pauses", || {
                    let before = std::mem::replace(&mut seen, server.hits());
                    thread::sleep(Duration::from_millis(300));
                    before == server.hits()
                });
                assert!(server.hits() < 6_000, "{} fetched for nobody", server.hits());
                begin.store(1, Ordering::Release);
            })
            .expect("the reader comes back")
            .all_ok(30_000);
        assert_eq!(reader.join().expect("no panic"), 30_000);
        assert_eq!(done.summary.ended, Ended::Finished);
    }
}

#[test]
fn a_closed_pipe_ends_the_run_without_an_error() {
    for shards in [1, 3] {
        let (dir, server) = (dir(), Server::start(Site::default().on_hosts(10)));
        let pipe = fifo(&dir);
        let reader = {
            let pipe = pipe.clone();
            thread::spawn(move || {
                let mut file = std::fs::File::open(pipe).expect("the writer opens it, too");
                file.read_exact(&mut [0; 500]).expect("the beginning")
            })
        };
        let urls = (0..50_000).map(|n| server.url_on(n % 10, &format!("/ok?n={n}")));
        let done = bed(urls).shards(shards).output(jsonl(&pipe)).run();
        let done = done.accounts_for(50_000, Pending::Some);
        reader.join().expect("no panic");
        assert_eq!(done.summary.ended, Ended::OutputClosed);
        assert!(server.hits() < 50_000);
    }
}

#[test]
fn an_output_without_its_reader_does_not_end_the_others() {
    let (dir, server) = (dir(), Server::start(Site::default()));
    let (pipe, file) = (fifo(&dir), dir.path().join("all.jsonl"));
    let reader = {
        let pipe = pipe.clone();
        thread::spawn(move || drop(std::fs::File::open(pipe)))
    };
    let urls = (0..2_000).map(|n| server.url(&format!("/ok?n={n}")));
    bed(urls).output(jsonl(&pipe)).output(jsonl(&file)).run().all_ok(2_000);
    reader.join().expect("no panic");
    assert_eq!(lines(&file).len(), 2_000);
}

#[test]
fn a_full_disk_is_an_error_that_names_the_output() {
    for shards in [1, 3] {
        let server = Server::start(Site::default().on_hosts(3));
        let urls = (0..20_000).map(|n| server.url_on(n % 3, &format!("/ok?n={n}")));
        let full = Path::new("/dev/full");
        let ended = bed(urls).shards(shards).output(jsonl(full)).run_with(|_| {});
        let Err(RunError::Output(error)) = ended.map(|done| done.summary) else {
            panic!("the output is full");
        };
        assert_eq!((error.kind, error.path.as_deref()), (SinkErrorKind::DiskFull, Some(full)));
        assert!(error.to_string().contains("/dev/full"), "{error}");
        assert!(server.hits() < 20_000);
    }
}

#[test]
fn each_output_has_its_form_and_its_view() {
    let (dir, server) = (dir(), Server::start(Site::default()));
    let path = |name: &str| dir.path().join(name);
    let only_failed = Output {
        spec: jsonl(&path("failed.jsonl")),
        view: Some(Box::new(|record| matches!(record.outcome, Outcome::Failed(_)))),
    };
    let csv = OutputSpec { format: Format::Csv(CsvBom::None), ..jsonl(&path("all.csv")) };
    let urls = (0..300).map(|n| server.url(if n % 3 == 0 { "/status/404" } else { "/ok" }));
    let bed = bed(urls).output(jsonl(&path("all.jsonl"))).output(csv).output(only_failed);
    let done = bed.run().accounts_for(300, Pending::None);
    assert_eq!(done.count("ok"), 200);
    assert_eq!(lines(&path("all.jsonl")).len(), 300);
    let failed = lines(&path("failed.jsonl"));
    assert_eq!(failed.len(), 100);
    assert!(failed.iter().all(|record| record["status_code"] == 404));
    let csv = std::fs::read_to_string(path("all.csv")).expect("the output is there");
    assert_eq!(csv.lines().count(), 301);
}

#[test]
fn bodies_go_to_their_directory_and_records_say_where() {
    let (dir, server) = (dir(), Server::start(Site::default()));
    let (records, bodies) = (dir.path().join("all.jsonl"), dir.path().join("bodies"));
    let urls = (0..50).map(|n| server.url(&format!("/ok?size={}", 1000 + n % 10)));
    let mut bed = bed(urls.chain([server.url("/ok?size=0"), server.url("/silent")]))
        .output(jsonl(&records))
        .config(|config| config.timeout = Duration::from_millis(300));
    bed.options.bodies = Some(bodies);
    let done = bed.run().accounts_for(52, Pending::None);
    assert_eq!(done.count("ok"), 51);
    for record in done.records.iter().filter(|record| matches!(record.outcome, Outcome::Ok)) {
        let path = record.body_path.as_deref().expect("its body was stored");
        let stored = std::fs::metadata(path).expect("where the record says");
        assert_eq!(stored.len(), record.content_length, "{record:?}");
    }
    let told = lines(&records);
    assert!(
        told.iter().filter(|record| record["outcome"] == "ok").all(|r| r["sha256"].is_string())
    );
}

#[test]
fn what_an_output_needs_is_kept_and_nothing_else() {
    // Fields, and whether body, headers and hash are there.
    let cases = [
        ("url,status_code", [false, false, false]),
        ("+body", [true, false, false]),
        ("+title", [true, false, false]),
        ("+headers", [false, true, false]),
        ("url,headers.content-type", [false, true, false]),
        ("+sha256", [false, false, true]),
        ("+sha256,+headers,+json", [true, true, true]),
    ];
    for (fields, expected) in cases {
        let (dir, server) = (dir(), Server::start(Site::default()));
        let path = dir.path().join("all.jsonl");
        let fields_read = Fields::parse(fields).expect("known names");
        let spec = OutputSpec { fields: fields_read, ..jsonl(&path) };
        let done = bed([server.url("/json/price/A")]).output(spec).run().all_ok(1);
        let record = done.record(0);
        let kept = [record.body.is_some(), record.headers.is_some(), record.sha256.is_some()];
        assert_eq!(kept, expected, "{fields}");
        assert_eq!(lines(&path)[0].get("json").is_some(), fields.contains("json"));
    }
}
