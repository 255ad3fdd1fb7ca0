//! `--dedup`: what is equal, what repeats say, in which outputs, and with what else.

use gather_testkit::{Server, Site};
use serde_json::Value;

use crate::bench::{Bench, until};

/// The records of an output, by their number.
fn records(bench: &Bench, name: &str) -> Vec<Value> {
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    let mut records: Vec<Value> = bench.read(name).lines().map(parse).collect();
    records.sort_by_key(|record| record["n"].as_u64());
    records
}

#[test]
fn requests_that_differ_in_anything_are_sent_and_each_keeps_what_is_its_own() {
    let server = Server::start(Site::default());
    let url = server.url("/ok");
    let lines = [
        (format!(r#"{{"url":"{url}","sku":"A"}}"#), None),
        (format!(r#"{{"url":"{url}","headers":{{"x-a":"1"}}}}"#), None),
        (format!(r#"{{"url":"{url}#part","sku":"B"}}"#), Some(0)),
        (format!(r#"{{"url":"{url}","method":"POST","body":"1"}}"#), None),
        (format!(r#"{{"url":"{url}","method":"POST","body":"2"}}"#), None),
        (format!(r#"{{"url":"{url}","method":"POST","body":"1","sku":"C"}}"#), Some(3)),
        (format!(r#"{{"url":"{url}","headers":{{"X-A":"1"}}}}"#), Some(1)),
        (format!(r#"{{"url":"{url}?"}}"#), None),
        (r#"{"url":"no url"}"#.to_owned(), None),
        (r#"{"url":"no url"}"#.to_owned(), None),
    ];
    let list: String = lines.iter().map(|(line, _)| format!("{line}\n")).collect();
    let bench = Bench::new().with_file("in.jsonl", &list).with_file("more.txt", &url);
    let ran = bench.line("-i in.jsonl -i more.txt -o r.jsonl --dedup --fields +body");
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("4 of equal requests, each sent once"), "{}", ran.stderr);
    let records = records(&bench, "r.jsonl");
    assert_eq!(records.len(), lines.len() + 1);
    let firsts = lines.iter().map(|(_, first)| *first).chain([Some(0)]);
    for (record, first) in records.iter().zip(firsts) {
        assert_eq!(record["same_as"].as_u64(), first, "{record}");
        if let Some(first) = first.and_then(|first| usize::try_from(first).ok()) {
            assert_eq!(record["body"], records[first]["body"], "{record}");
        }
    }
    assert_eq!(records[2]["tags"]["sku"], "B");
    assert_eq!(records[2]["url"], format!("{url}#part"));
    assert_eq!(records[5]["tags"]["sku"], "C");
    assert_eq!(records[5]["method"], "POST");
    assert_eq!((&records[10]["source"], &records[10]["line"]), (&"more.txt".into(), &1.into()));
    assert_eq!(server.hits(), 5);
    let verified = bench.line("verify r.jsonl -i in.jsonl -i more.txt");
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
}

#[test]
fn every_output_has_every_repeat() {
    let server = Server::start(Site::default());
    let list: String =
        (0..60).map(|n| server.url(&format!("/ok?n={}&size=2000\n", n % 7))).collect();
    let bench = Bench::new().with_file("urls.txt", &list);
    let outputs = "-o r.jsonl -o r.csv -o r.db -o r.parquet -o r.xlsx -o r.warc.gz -O pages";
    let ran = bench.line(&format!("-i urls.txt {outputs} --dedup"));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(server.hits(), 7);
    let all = "r.jsonl r.csv r.db r.parquet r.warc.gz";
    let verified = bench.line(&format!("verify {all} -i urls.txt -O pages"));
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
    let said = records(&bench, "r.jsonl");
    for (n, record) in said.iter().enumerate() {
        assert_eq!(record["same_as"].as_u64(), (n >= 7).then_some(n as u64 % 7), "{record}");
        for member in ["sha256", "body_path", "warc_offset"] {
            assert!(!record[member].is_null(), "{member}: {record}");
            assert_eq!(record[member], said[n % 7][member], "{record}");
        }
    }
    for from in ["r.csv", "r.db", "r.parquet"] {
        let to = format!("{from}.jsonl");
        let exported = bench.line(&format!("export {from} --sort n -o {to}"));
        assert_eq!(exported.code, 0, "{}", exported.stderr);
        let members = |records: Vec<Value>| -> Vec<(String, String)> {
            let number = |value: &Value| value.to_string().replace('"', "");
            records.iter().map(|r| (number(&r["n"]), number(&r["same_as"]))).collect()
        };
        assert_eq!(members(records(&bench, &to)), members(said.clone()), "{from}");
    }
    let left = std::fs::read_dir(bench.path(".")).expect("there");
    let left: Vec<_> = left.flatten().map(|entry| entry.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("firsts")), "{left:?}");
}

#[test]
fn what_is_shown_of_a_first_is_shown_of_its_repeats() {
    let server = Server::start(Site::default());
    let (ok, other) = (server.url("/ok?size=30"), server.url("/status/404"));
    let bench =
        Bench::new().with_file("urls.txt", &format!("{ok}\n{ok}\n{other}\n{ok}\n{other}\n"));
    let shown = bench.line("-i urls.txt --dedup -q --template {n}:{headers.content-length}:{body}");
    let lines: Vec<&str> = shown.stdout.lines().collect();
    assert_eq!(lines.len(), 5, "{}", shown.stdout);
    let said = |n: &str| lines.iter().find_map(|line| line.strip_prefix(n)).expect("it is there");
    for (first, repeat) in [("0:", "1:"), ("0:", "3:"), ("2:", "4:")] {
        assert_eq!(said(first), said(repeat), "{}", shown.stdout);
    }
    assert!(said("0:").len() > 30, "{}", shown.stdout);
    let begins = said("0:").rsplit(':').next().expect("a body")[..8].to_owned();
    let matched =
        bench.line(&format!("-i urls.txt --dedup -q --match-regex ^{begins} --template {{n}}"));
    let mut numbers: Vec<&str> = matched.stdout.lines().collect();
    numbers.sort_unstable();
    assert_eq!(numbers, ["0", "1", "3"], "{}{}", matched.stdout, matched.stderr);
}

#[test]
fn a_run_stopped_before_its_repeats_goes_on_with_them() {
    let server = Server::start(Site::default());
    let slow = server.url("/delay/30s");
    let list: String = (0..5_000).map(|n| server.url(&format!("/ok?n={}\n", n % 50))).collect();
    let bench = Bench::new().with_file("urls.txt", &format!("{list}{slow}\n{slow}\n"));
    let mut child = bench
        .command(&["-i", "urls.txt", "-o", "r.jsonl", "--dedup", "-q"])
        .spawn()
        .expect("it starts");
    until("the commit", || {
        let has = |name: &str| {
            let found = std::fs::read(bench.path(name)).unwrap_or_default();
            found.windows(9).any(|bytes| bytes == b"{\"ok\":50,")
        };
        has("r.jsonl.journal") || has("r.jsonl.journal-wal")
    });
    let id = child.id().to_string();
    let said = std::process::Command::new("kill").args(["-INT", &id]).status().expect("kill runs");
    assert!(said.success());
    // The second of them does not wait for the slow one.
    std::process::Command::new("kill").args(["-INT", &id]).status().expect("kill runs");
    child.wait().expect("it ends");
    assert_eq!(records(&bench, "r.jsonl").len(), 50, "those repeated wait");
    let changed = bench.line("-i urls.txt -o r.jsonl --resume-changed");
    assert_eq!(changed.code, 3, "{}", changed.stderr);
    assert!(changed.stderr.contains("dedup"), "{}", changed.stderr);
    let verified = bench.line("verify r.jsonl");
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
    let hits = server.hits();
    // The journal is the same one, however its path is written.
    let journal = "--journal ./r.jsonl.journal";
    let resumed = bench
        .line(&format!("-i urls.txt -o r.jsonl --dedup --resume -t 300ms --retries 0 {journal}"));
    assert_eq!(resumed.code, 2, "{}", resumed.stderr);
    assert_eq!(server.hits(), hits + 1, "the slow one alone");
    let all = records(&bench, "r.jsonl");
    assert_eq!(all.len(), 5_002);
    assert_eq!(all[5_001]["same_as"], 5_000);
    assert_eq!(all[5_001]["error"]["kind"], "timeout.first_byte");
    let verified = bench.line("verify r.jsonl -i urls.txt");
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
    assert!(!bench.path("r.jsonl.journal.firsts").exists());
}

#[test]
fn what_cancels_the_rest_cancels_its_repeats_and_failed_ones_are_fetched_again_once() {
    let server = Server::start(Site::default());
    let bad = server.url("/status/500");
    let slow = server.url("/delay/30s");
    let bench = Bench::new().with_file("urls.txt", &format!("{bad}\n{slow}\n{bad}\n{slow}\n"));
    let ran = bench.line("-i urls.txt -o r.jsonl --dedup --fail-fast --retries 0");
    assert_eq!(ran.code, 4, "{}", ran.stderr);
    let kinds: Vec<String> = records(&bench, "r.jsonl")
        .iter()
        .map(|record| record["error"]["kind"].as_str().unwrap_or("ok").to_owned())
        .collect();
    assert_eq!(kinds, ["http.status", "cancelled", "http.status", "cancelled"]);
    let hits = server.hits();
    let again = bench.line("-i r.jsonl --only failed:http -o again.jsonl --dedup --retries 0");
    assert_eq!(again.code, 2, "{}", again.stderr);
    assert_eq!((server.hits(), records(&bench, "again.jsonl").len()), (hits + 1, 2));
}

#[test]
fn it_is_a_key_of_a_job() {
    let server = Server::start(Site::default());
    let url = server.url("/ok");
    let bench = Bench::new().with_file("urls.txt", &format!("{url}\n{url}\n"));
    let printed = bench.line("-i urls.txt --dedup --print-job twice");
    assert!(printed.stdout.contains("dedup = true"), "{}", printed.stdout);
    let bench = bench.with_file("gather.toml", &printed.stdout);
    let ran = bench.line("run twice -o r.jsonl");
    assert_eq!((ran.code, server.hits()), (0, 1), "{}", ran.stderr);
    assert_eq!(records(&bench, "r.jsonl")[1]["same_as"], 0);
    // A check asks each target itself, whatever the file says.
    let bench = bench.with_file("gather.toml", "[defaults]\ndedup = true\n");
    let ran = bench.line("check -i urls.txt");
    assert_eq!((ran.code, server.hits()), (0, 3), "{}", ran.stderr);
}
