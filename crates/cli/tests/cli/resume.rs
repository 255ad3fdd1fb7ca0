//! Runs killed, stopped and gone on with: each input has its record once, and what changed is named.

use std::collections::BTreeSet;
use std::process::Child;
use std::time::{Duration, Instant};

use gather_testkit::{Server, Site};
use serde_json::Value;

use crate::bench::Bench;

/// A server that takes a moment for each answer, and a bench with a list of `count` URLs of it.
fn bench(count: usize) -> (Server, Bench) {
    let server = Server::start(Site { delay: Duration::from_millis(2), ..Site::default() });
    let bench = Bench::new().with_file("urls.txt", &list(&server, count));
    (server, bench)
}

fn list(server: &Server, count: usize) -> String {
    (0..count).map(|n| server.url(&format!("/ok?n={n}\n"))).collect()
}

/// Waits until so many whole records are in the file.
fn until_records(bench: &Bench, name: &str, count: usize) {
    let since = Instant::now();
    loop {
        let text = std::fs::read_to_string(bench.path(name)).unwrap_or_default();
        if text.lines().count() >= count {
            return;
        }
        assert!(since.elapsed() < Duration::from_secs(60), "{} records", text.lines().count());
        std::thread::sleep(Duration::from_millis(2));
    }
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
    until_records(&bench, "r.jsonl", 1_000);
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
