//! Runs killed, stopped and gone on with: each input has its record once, and what changed is named.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Child, Stdio};
use std::time::Duration;

use gather_testkit::{RetryAfter, Server, Site};
use serde_json::Value;

use crate::bench::{Bench, until};

/// A server that takes a moment for each answer, and a bench with a list of `count` URLs of it.
fn bench(count: usize) -> (Server, Bench) {
    let server = Server::start(Site { delay: Duration::from_millis(2), ..Site::default() });
    let bench = Bench::new().with_file("urls.txt", &list(&server, count));
    (server, bench)
}

fn list(server: &Server, count: usize) -> String {
    (0..count).map(|n| server.url(&format!("/ok?n={n}\n"))).collect()
}

/// Waits until these bytes are in the journal or what SQLite keeps beside it.
fn until_journal_has(bench: &Bench, journal: &str, bytes: &[u8]) {
    let has = |name: &str| {
        let found = std::fs::read(bench.path(name)).unwrap_or_default();
        found.windows(bytes.len()).any(|window| window == bytes)
    };
    until("a line of the journal", || has(journal) || has(&format!("{journal}-wal")));
}

fn kill(mut child: Child) {
    child.kill().expect("it was running");
    child.wait().expect("it is gone");
}

/// Every line of the list has its record, once, and nothing else is there.
fn assert_whole(bench: &Bench, name: &str) {
    let list = bench.read("urls.txt");
    let inputs: Vec<&str> = list.lines().collect();
    let mut seen = BTreeSet::new();
    for line in bench.read(name).lines() {
        let record: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let n = usize::try_from(record["n"].as_u64().expect("a number")).expect("small");
        assert!(seen.insert(n), "a second record of input {n}");
        assert_eq!(record["input"].as_str(), inputs.get(n).copied(), "{line}");
    }
    assert_eq!(seen.len(), inputs.len(), "records are missing");
}

#[test]
fn a_killed_run_goes_on_where_its_records_end() {
    let (server, bench) = bench(4_000);
    let line = ["-i", "urls.txt", "-c", "20", "-o", "r.jsonl", "-q"];
    let child = bench.command(&line).spawn().expect("it starts");
    bench.until_records("r.jsonl", 1_000);
    kill(child);
    let refused = bench.line("-i urls.txt -c 20 -o r.jsonl");
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(refused.stderr.contains("go on with --resume, or begin again"), "{}", refused.stderr);
    let resumed = bench.line("-i urls.txt -c 20 -o r.jsonl --resume --summary s.json");
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    assert_whole(&bench, "r.jsonl");
    let summary: Value = serde_json::from_str(&bench.read("s.json")).expect("JSON");
    assert_eq!((&summary["ok"], &summary["inputs"]), (&4_000.into(), &4_000.into()));
    assert!(summary["done_before"].as_u64().is_some_and(|done| done >= 500), "{summary}");
    let repeated = server.hits() - 4_000;
    assert!(repeated <= 2 * 20 + 1_000, "{repeated} requests were repeated");
    let over = bench.line("-i urls.txt -c 20 -o r.jsonl --resume");
    assert_eq!(over.code, 0, "{}", over.stderr);
    assert!(over.stderr.contains("nothing to do: this run was finished before, 4,000 targets"));
    assert_eq!(server.hits(), 4_000 + repeated);
}

#[test]
fn a_stopped_run_says_how_to_go_on() {
    let (_server, bench) = bench(3_000);
    let stopped = bench.line("-i urls.txt -c 5 -o r.jsonl --deadline 300ms");
    assert_eq!(stopped.code, 4, "{}", stopped.stderr);
    let command = "gather fetch -i urls.txt -c 5 -o r.jsonl --deadline 300ms --resume";
    assert!(stopped.stderr.contains(&format!("resume with: {command}\n")), "{}", stopped.stderr);
    let secret = bench.line("-i urls.txt -c 5 -o s.jsonl --deadline 100ms -u ann:pw");
    assert!(secret.stderr.contains("resume with: the same command and --resume"));
    assert!(!secret.stderr.contains("pw"), "{}", secret.stderr);
    let resumed = bench.line("-i urls.txt -c 50 -o r.jsonl --resume");
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    assert_whole(&bench, "r.jsonl");
}

/// Parquet and spreadsheets are built of a spool at the end: a kill before, and while they are
/// built, loses nothing.
#[test]
fn what_is_built_at_the_end_is_whole_after_kills() {
    const ARGS: &str = "-i urls.txt -c 20 -o r.parquet -o r.xlsx -q";
    let (server, bench) = bench(4_000);
    let line: Vec<&str> = ARGS.split(' ').collect();
    let child = bench.command(&line).spawn().expect("it starts");
    bench.until_records("r.parquet.spool", 1_000);
    kill(child);
    assert!(!bench.path("r.parquet").exists() && !bench.path("r.xlsx").exists());
    for output in ["r.parquet", "r.xlsx"] {
        let mut resumed =
            bench.command(&[&line[..], &["--resume"]].concat()).spawn().expect("it starts");
        let building = bench.path(format!("{output}.tmp"));
        until("the file being built", || {
            building.exists() || resumed.try_wait().expect("it was started").is_some()
        });
        kill(resumed);
    }
    let requests = server.hits();
    let resumed = bench.line(&format!("{ARGS} --resume"));
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    assert_eq!(server.hits(), requests, "nothing was left to fetch");
    for left in ["r.parquet.spool", "r.xlsx.spool", "r.parquet.tmp", "r.xlsx.tmp"] {
        assert!(!bench.path(left).exists(), "{left}");
    }
    assert!(bench.path("r.xlsx").exists());
    assert_eq!(bench.line("export r.parquet -o p.jsonl -q").code, 0);
    assert_whole(&bench, "p.jsonl");
}

/// A run that is stopped has its file, and goes on behind it.
#[test]
fn what_is_built_at_the_end_is_there_after_a_stop_and_goes_on() {
    let (_server, bench) = bench(3_000);
    let line = "-i urls.txt -c 5 -o r-{part}.parquet -q";
    let stopped = bench.line(&format!("{line} --deadline 300ms"));
    assert_eq!(stopped.code, 4, "{}", stopped.stderr);
    assert_eq!(bench.line("export r-0001.parquet -o some.jsonl -q").code, 0);
    let some = bench.read("some.jsonl").lines().count();
    assert!((1..3_000).contains(&some), "{some}");
    let resumed = bench.line("-i urls.txt -c 50 -o r-{part}.parquet -q --resume");
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    assert!(!bench.path("r-0001.parquet.spool").exists());
    assert_eq!(bench.line("export r-0001.parquet -o all.jsonl -q").code, 0);
    assert_whole(&bench, "all.jsonl");
}

#[test]
fn what_has_changed_is_named_and_refused() {
    let (server, bench) = bench(3_000);
    let begin = "-i urls.txt -c 20 -o r.jsonl -H 'X-Token: s3cret' --deadline 300ms";
    assert_eq!(bench.line(begin).code, 4);
    let whole = list(&server, 3_000);
    let before = (bench.read("r.jsonl"), server.hits());
    let token = "-H 'X-Token: s3cret'";
    let short = list(&server, 1_500);
    let other = whole.replacen("n=7\n", "n=8\n", 1);
    for (list, flags, expected) in [
        (&whole, "--accept 404", "accept was \"200..=299,304\" and is \"404\""),
        (&whole, "-H 'X-Token: other'", "settings: header has changed"),
        (&whole, "", "settings: header was given and is not"),
        (&whole, "--resume-changed --fields url", "fields was not given and is \"url\""),
        (&other, token, "urls.txt, lines 1 to 1024 are not what this run has read"),
        (&short, token, "the input ends after 1500 targets"),
    ] {
        std::fs::write(bench.path("urls.txt"), list).expect("written");
        let token = if flags.contains("-H") || expected.contains("header") { "" } else { token };
        let ran = bench.line(&format!("-i urls.txt -c 20 -o r.jsonl --resume {token} {flags}"));
        assert_eq!(ran.code, 3, "{flags}: {}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{flags}: {}", ran.stderr);
        assert!(!ran.stderr.contains("s3cret"), "{}", ran.stderr);
    }
    assert_eq!((bench.read("r.jsonl"), server.hits()), before, "nothing was touched");
    let journal = std::fs::read(bench.path("r.jsonl.journal")).expect("there");
    assert!(!journal.windows(6).any(|bytes| bytes == b"s3cret"), "a secret in the journal");
    // Lines at the end are no change, and settings may be.
    std::fs::write(bench.path("urls.txt"), list(&server, 3_100)).expect("written");
    let ran = bench.line("-i urls.txt -c 40 -o r.jsonl --resume-changed -H 'X-Token: new'");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_whole(&bench, "r.jsonl");
}

#[test]
fn standard_input_is_kept_while_it_is_read() {
    let (server, bench) = bench(2_000);
    let whole = list(&server, 2_000);
    let args = ["-i", "-", "-c", "20", "-o", "r.jsonl", "-q"];
    let begin = |text: &str| {
        let mut child = bench.command(&args).stdin(Stdio::piped()).spawn().expect("it starts");
        let mut pipe = child.stdin.take().expect("a pipe");
        pipe.write_all(text.as_bytes()).expect("it reads");
        (child, pipe)
    };
    // Killed while more could have come: it has to be piped in again, and is compared.
    let (child, pipe) = begin(&list(&server, 1_500));
    // More than may be uncommitted.
    bench.until_records("r.jsonl", 1_100);
    kill(child);
    drop(pipe);
    let resume = [&args[..], &["--resume"]].concat();
    let refused = bench.run(&resume);
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(refused.stderr.contains("the input ends after 0 targets"), "{}", refused.stderr);
    let other = whole.replacen("n=7\n", "n=8\n", 1);
    for (text, kills, expected) in
        [(&other, false, 3), (&whole, true, -1), (&String::new(), false, 0)]
    {
        let mut child = bench.command(&resume).stdin(Stdio::piped()).spawn().expect("it starts");
        let mut pipe = child.stdin.take().expect("a pipe");
        // It need not read all of it.
        let _ = pipe.write_all(text.as_bytes());
        drop(pipe);
        if kills {
            bench.until_records("r.jsonl", 1_600);
            child.kill().expect("it was running");
        }
        let ended = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code().unwrap_or(-1), expected, "{said}");
    }
    assert_whole(&bench, "r.jsonl");
    assert!(!bench.path("r.jsonl.journal.stdin").exists(), "it is of no more use");
}

#[test]
fn a_host_that_asked_for_a_pause_gets_it_from_the_resumed_run() {
    let site = Site { rate_per_s: 0.01, burst: 1, ..Site::default() };
    let server = Server::start(Site { retry_after: RetryAfter::Seconds(100), ..site });
    let urls: String = (0..40).map(|n| server.url(&format!("/limited?n={n}\n"))).collect();
    let bench = Bench::new().with_file("urls.txt", &urls);
    let args = ["-i", "urls.txt", "-c", "4", "-o", "r.jsonl", "-q"];
    let child = bench.command(&args).spawn().expect("it starts");
    until_journal_has(&bench, "r.jsonl.journal", b"until_us");
    kill(child);
    let asked = server.hits();
    let ran = bench.line("-i urls.txt -c 4 -o r.jsonl -q --resume --deadline 500ms");
    assert_eq!((ran.code, server.hits()), (4, asked), "{}", ran.stderr);
}

#[test]
fn a_post_that_may_have_been_seen_is_not_sent_again() {
    let server = Server::start(Site::default());
    let urls: String = (0..9).map(|n| server.url(&format!("/silent?n={n}\n"))).collect();
    let bench = Bench::new().with_file("urls.txt", &urls);
    let args = ["-i", "urls.txt", "-c", "3", "-o", "r.jsonl", "-q", "-d", "a=1"];
    let child = bench.command(&args).spawn().expect("it starts");
    until("three requests", || server.hits() == 3);
    kill(child);
    let resume = [&args[..], &["--resume", "-t", "300ms"]].concat();
    let ran = bench.run(&resume);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert_eq!(server.hits(), 9, "each was sent once");
    let text = bench.read("r.jsonl");
    let count = |kind: &str| text.lines().filter(|line| line.contains(kind)).count();
    assert_eq!((count("\"interrupted\""), count("\"timeout.first_byte\"")), (3, 6), "{text}");
    assert_eq!(count("\"method\":\"POST\""), 9, "{text}");
    assert_whole(&bench, "r.jsonl");
}

#[test]
fn what_cannot_be_gone_on_with_says_so() {
    let bench = Bench::new().with_file("r.jsonl", "of somebody\n");
    let url = "http://127.0.0.1:9/";
    for (line, expected) in [
        (format!("{url} --resume"), "without an output file this run has no journal"),
        (format!("{url} -o /dev/null --resume"), "without an output file this run has no journal"),
        (format!("{url} -o r.jsonl --resume"), "is not empty, and has no journal to go on with"),
        (format!("{url} -o s.jsonl --resume --overwrite"), "contradict each other"),
        (format!("{url} -o s.jsonl --resume --no-journal"), "contradict each other"),
        (format!("{url} -o s.jsonl --journal r.jsonl --resume"), "r.jsonl is no journal of a run"),
        (format!("check {url} -o s.jsonl --resume"), "a check is not gone on with"),
    ] {
        let ran = bench.line(&line);
        assert_eq!(ran.code, 3, "{line}: {}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{line}: {}", ran.stderr);
    }
    assert_eq!(bench.read("r.jsonl"), "of somebody\n");
    assert!(!bench.path("s.jsonl").exists() && !bench.path("s.jsonl.journal").exists());
}

#[test]
fn a_run_without_a_file_keeps_a_journal_where_it_is_told_to() {
    let (_server, bench) = bench(300);
    let stopped = bench.line("-i urls.txt -c 2 --journal j --deadline 100ms");
    assert_eq!(stopped.code, 4, "{}", stopped.stderr);
    let resumed = bench.line("-i urls.txt -c 20 --journal j --resume");
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    std::fs::write(bench.path("r.jsonl"), stopped.stdout + &resumed.stdout).expect("written");
    assert_whole(&bench, "r.jsonl");
    let none = bench.line("-i urls.txt -o n.jsonl --no-journal");
    assert_eq!(none.code, 0, "{}", none.stderr);
    assert!(!bench.path("n.jsonl.journal").exists());
}

#[test]
fn a_journal_never_outlives_the_outputs_it_tells_of() {
    let (_server, bench) = bench(2_000);
    let begin = "-i urls.txt -c 4 -o r.jsonl --deadline 300ms";
    assert_eq!(bench.line(begin).code, 4);
    // Another run writes there, with no journal or one elsewhere: only if it may.
    std::fs::remove_file(bench.path("r.jsonl")).expect("it was there");
    for flags in ["--no-journal", "--journal j", "-o s.jsonl --journal j"] {
        let refused = bench.line(&format!("-i urls.txt -c 4 -o r.jsonl {flags}"));
        assert_eq!(refused.code, 3, "{flags}: {}", refused.stderr);
        assert!(refused.stderr.contains("r.jsonl.journal belongs to an unfinished run"));
    }
    let other = bench.line("-i urls.txt -c 20 -o r.jsonl --no-journal --overwrite");
    assert_eq!(other.code, 0, "{}", other.stderr);
    assert!(!bench.path("r.jsonl.journal").exists());
    let resumed = bench.line("-i urls.txt -c 20 -o r.jsonl --resume");
    assert!(resumed.stderr.contains("has no journal to go on with"), "{}", resumed.stderr);
    assert_whole(&bench, "r.jsonl");
    let itself = bench.line("-i urls.txt -o t.jsonl --journal t.jsonl");
    assert!(itself.stderr.contains("t.jsonl is an output, too"), "{}", itself.stderr);
    // A database of somebody's is no journal, not even one to be replaced.
    let made = std::process::Command::new("sqlite3")
        .arg(bench.path("own.db"))
        .arg("CREATE TABLE t (x); INSERT INTO t VALUES (1)")
        .status();
    if made.is_ok_and(|status| status.success()) {
        let before = std::fs::read(bench.path("own.db")).expect("there");
        for flags in ["", "--overwrite", "--resume"] {
            let ran = bench.line(&format!("-i urls.txt -o t.jsonl --journal own.db {flags}"));
            assert!(ran.stderr.contains("own.db is no journal of a run"), "{}", ran.stderr);
        }
        assert_eq!(std::fs::read(bench.path("own.db")).expect("there"), before);
    }
}
