//! `gather verify` on runs with every output at once: clean, planted, killed and gone on with.

use std::fs;
use std::process::Command;
use std::time::Duration;

use gather_testkit::{Postgres, PostgresSync, Server, Site};
use serde_json::Value;

use crate::bench::{Bench, Ran};

const FILES: &str = "-o r.jsonl -o r.csv -o r.db -o r.parquet -o r.warc.gz -O pages";
const OUTPUTS: [&str; 5] = ["r.jsonl", "r.csv", "r.db", "r.parquet", "r.warc.gz"];

/// A server, and a bench with a list of it: answers, redirects, failures, lines that are no URL.
fn bench() -> (Server, Bench) {
    let server = Server::start(Site::default());
    let paths = ["/ok", "/redirect/2", "/status/404", "/ok?size=3000", "/encoding/gzip?size=2000"];
    let more = ["/ok?size=3000&again", "/cut?at=80&size=1024", "/ok", "/reset?at=60&size=1024"];
    let mut list: String = paths.iter().chain(&more).map(|path| server.url(path) + "\n").collect();
    list.push_str("not a url\n=1+1\nhttp://127.0.0.1:1/\n");
    (server, Bench::new().with_file("urls.txt", &list))
}

fn assert_right(ran: &Ran, what: &str) {
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{what}\n{}", ran.stdout);
}

/// Asserts that verification fails and names this.
fn assert_named(bench: &Bench, line: &str, what: &str, expected: &[&str]) {
    let ran = bench.line(&format!("verify {line}"));
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""), "{what}\n{}", ran.stdout);
    for part in expected {
        assert!(ran.stdout.contains(part), "{what}: no {part:?} in\n{}", ran.stdout);
    }
}

#[test]
fn every_output_of_a_run_is_right_and_they_agree() {
    let (_server, bench) = bench();
    let ran = bench.line(&format!("-i urls.txt {FILES} --retries 0 --fields +sha256 -q"));
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    // The journal names the others, and where the inputs are.
    let ran = bench.line("verify r.jsonl --format json");
    assert_right(&ran, "by the journal");
    let report: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!((&report["inputs"], &report["run"]), (&12.into(), &"finished".into()));
    let checks = report["checks"].as_array().expect("checks");
    for output in OUTPUTS {
        let of = |check: &&Value| check["of"] == output;
        let what: Vec<&str> =
            checks.iter().filter(of).filter_map(|check| check["what"].as_str()).collect();
        for wanted in ["whole", "once", "inputs", "counts", "journal"] {
            assert!(what.contains(&wanted), "{output}: {what:?}");
        }
        assert!(output == "r.jsonl" || what.contains(&"agree"), "{output}: {what:?}");
        assert_right(&bench.line(&format!("verify {output} -i urls.txt -O pages")), output);
    }
    let warc = checks.iter().filter(|check| check["what"] == "warc");
    assert!(warc.clone().count() > 0, "{report}");
    assert!(warc.into_iter().all(|check| check["examined"].as_u64() >= Some(8)), "{report}");
    for name in OUTPUTS {
        let bytes = fs::read(bench.path(name)).expect("an output");
        fs::write(bench.path(name), &bytes[..bytes.len() - 20]).expect("cut");
        assert_named(&bench, "r.jsonl", name, &["FAULT", name]);
        fs::write(bench.path(name), bytes).expect("mended");
    }
    assert_right(&bench.line("verify r.jsonl"), "mended");
}

#[test]
fn what_one_output_alone_cannot_tell_its_journal_does() {
    let (_server, bench) = bench();
    let ran = bench.line("-i urls.txt -o r.jsonl --retries 0 -q");
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    let whole = bench.read("r.jsonl");
    let plant = |old: &str, new: &str, expected: &[&str]| {
        let text = whole.replacen(old, new, 1);
        assert_ne!(text, whole, "{old}");
        fs::write(bench.path("r.jsonl"), text).expect("written");
        assert_named(&bench, "r.jsonl", new, expected);
    };
    plant("\"status_code\":200", "\"status_code\":203", &["status_code 203 is not as frequent"]);
    plant(
        "\"kind\":\"http.status\"",
        "\"kind\":\"http.stacus\"",
        &["error.kind http.status is not as frequent as the journal says"],
    );
    plant("{\"n\":0", " {\"n\":0", &["the file is longer than what was committed", "not a JSON"]);
    fs::write(bench.path("r.jsonl"), &whole).expect("written");

    // Another run of as many inputs, whose journal lies there.
    let other = bench.read("urls.txt").replace("/ok", "/other");
    let bench = bench.with_file("urls.txt", &other);
    assert_eq!(bench.line("-i urls.txt -o other.jsonl --retries 0 -q").code, 2);
    let named = "the record is of another input than urls.txt line 1; expected http://127.0.0.1:";
    assert_named(&bench, "r.jsonl --journal other.jsonl.journal", "another run", &[named]);
    fs::remove_file(bench.path("r.jsonl")).expect("removed");
    let ran = bench.line("verify r.jsonl");
    assert_eq!(ran.code, 3, "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn a_killed_run_is_right_as_far_as_it_goes() {
    let server = Server::start(Site { delay: Duration::from_millis(2), ..Site::default() });
    let list: String = (0..4_000).map(|n| server.url(&format!("/ok?n={n}\n"))).collect();
    let bench = Bench::new().with_file("urls.txt", &list);
    let run = format!("-i urls.txt {FILES} -c 20 -q");
    let mut child =
        bench.command(&run.split(' ').collect::<Vec<_>>()).spawn().expect("the binary starts");
    bench.until_records("r.jsonl", 1_000);
    child.kill().expect("it was running");
    child.wait().expect("it is gone");

    let ran = bench.line("verify r.jsonl -i urls.txt");
    assert_right(&ran, "killed");
    let verdict = ran.stdout.lines().last().expect("a verdict");
    assert!(verdict.starts_with("right as far as it goes: "), "{verdict}");
    assert!(verdict.contains("unfinished, ") && verdict.contains("--resume"), "{verdict}");
    // Below what was committed nothing may be missing, and that is hundreds of records at least.
    let whole = fs::read(bench.path("r.csv")).expect("an output");
    fs::write(bench.path("r.csv"), &whole[..1_000]).expect("cut");
    assert_named(
        &bench,
        "r.jsonl -i urls.txt",
        "cut",
        &["the file is shorter than what was committed", "r.csv"],
    );
    fs::write(bench.path("r.csv"), &whole).expect("mended");

    let ran = bench.line(&format!("{run} --resume"));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let ran = bench.line("verify r.jsonl -i urls.txt");
    assert_right(&ran, "resumed");
    for output in OUTPUTS {
        let whole =
            ran.stdout.lines().find(|line| line.contains(output) && line.contains(" whole "));
        assert!(
            whole.is_some_and(|line| line.contains("4,000 records")),
            "{output}: {}",
            ran.stdout
        );
    }
}

#[test]
fn a_run_in_postgresql_is_verified_and_its_password_not_shown() {
    let Some(postgres) = Postgres::start(None, PostgresSync::Off) else {
        eprintln!("NOT TESTED: gather verify with PostgreSQL, which is not installed");
        return;
    };
    let (_server, bench) = bench();
    let url = postgres.url();
    let ran = bench.line(&format!(
        "-i urls.txt -o r.jsonl -o {url} --retries 0 --fields +body --each css:* --extract x=title -q"
    ));
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    let ran = bench.line(&format!("verify r.jsonl {url} -i urls.txt"));
    assert_right(&ran, "clean");
    assert!(ran.stdout.contains("12 records as r.jsonl has them"), "{}", ran.stdout);
    let ran = bench.line("verify r.jsonl");
    assert!(ran.stdout.contains("was not verified: name its URL"), "{}", ran.stdout);
    let sql = "DELETE FROM record WHERE n = 3; UPDATE record SET status_code = 203 WHERE n = 0;
               UPDATE body SET body = 'x' WHERE bytes = 2000";
    let psql = Command::new("psql").args([&*url, "-qc", sql]).status().expect("psql runs");
    assert!(psql.success());
    assert_named(
        &bench,
        &format!("r.jsonl {url} -i urls.txt"),
        "planted",
        &[
            "urls.txt line 4 (n 3): the input has no record",
            "n 0: status_code is not what r.jsonl says in line ",
            "records of the run are not as many as its row in table run says; expected 12, found 11",
            ": the body has another SHA-256; found ",
            "table result_row (n 3): rows of a page without a record",
        ],
    );
    let password = url.split(':').nth(2).and_then(|rest| rest.split('@').next()).expect("one");
    let ran = bench.line(&format!("verify r.jsonl {url} -i urls.txt"));
    assert!(!ran.stdout.contains(password) && !ran.stderr.contains(password), "{}", ran.stdout);
}
