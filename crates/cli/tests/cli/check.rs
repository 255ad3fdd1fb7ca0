//! `gather check`: what is up, what is not, and which exit code says so.

use gather_testkit::{Server, Site};
use serde_json::Value;

use crate::bench::Bench;

/// Each health with its targets, from the records of a check.
fn healths(stdout: &str) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = stdout
        .lines()
        .map(|line| {
            let record: Value =
                serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
            let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
            let path =
                text("input").rsplit_once('/').map_or_else(String::new, |(_, p)| p.to_owned());
            (path, text("health"))
        })
        .collect();
    all.sort();
    all
}

#[test]
fn each_answer_has_its_health_and_the_worst_decides() {
    let server = Server::start(Site::default());
    let paths = ["/ok", "/status/404", "/status/503", "/status/429", "/silent", "/reset"];
    let list: Vec<String> = paths.iter().map(|path| server.url(path)).collect();
    let bench = Bench::new()
        .with_file("all.txt", &list.join("\n"))
        .with_file("fine.txt", &list[..2].join("\n"))
        .with_file("broken.txt", "ht!tp:nowhere");
    let ran = bench.line("check -i all.txt -t 500ms --accept 200,206");
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    let found = healths(&ran.stdout);
    let found: Vec<(&str, &str)> = found.iter().map(|(p, h)| (p.as_str(), h.as_str())).collect();
    let expected = [
        ("404", "degraded"),
        ("429", "limited"),
        ("503", "down"),
        ("ok", "up"),
        ("reset", "down"),
        ("silent", "down"),
    ];
    assert_eq!(found, expected, "{}", ran.stderr);
    assert!(ran.stderr.contains("6 targets checked in"), "{}", ran.stderr);

    for (line, code) in [
        ("check -i fine.txt", 0),
        ("check -i broken.txt", 2),
        ("check -i fine.txt --expect 'status in 200..=299'", 2),
        ("check -i fine.txt --limit 1 --expect 'time_total < 60s'", 0),
        ("check -i fine.txt --limit 1 --expect 'time_total < 0'", 0),
        ("check -i fine.txt --limit 1 --expect 'body contains nothing-of-the-kind'", 2),
        ("check -i fine.txt --limit 1 --expect 'header.x-missing == 1'", 2),
        ("check -i fine.txt --expect 'status near 200'", 3),
    ] {
        let ran = bench.line(line);
        assert_eq!(ran.code, code, "gather {line}\n{}{}", ran.stdout, ran.stderr);
    }
}

#[test]
fn the_table_has_failing_targets_first() {
    let server = Server::start(Site::default());
    let bench = Bench::new();
    let (ok, missing) = (server.url("/ok"), server.url("/status/404"));
    let ran = bench.line(&format!("check {ok} {missing} --format text"));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let first_words: Vec<&str> =
        ran.stdout.lines().map(|line| line.split(' ').next().unwrap_or_default()).collect();
    assert_eq!(first_words, ["degraded", "up", "2"], "{}", ran.stdout);

    // With the records in a file, the table is what remains to be shown.
    let ran = bench.line(&format!("check {ok} {missing} -o health.jsonl"));
    assert!(ran.stdout.starts_with("degraded"), "{}", ran.stdout);
    assert_eq!(healths(&bench.read("health.jsonl")).len(), 2);
}
