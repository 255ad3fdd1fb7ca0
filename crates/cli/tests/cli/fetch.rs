//! Lists fetched from a loopback server: formats, views, exit codes, pipes and signals.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command};

use gather_testkit::{Server, Site, fault_row};
use serde_json::Value;

use crate::bench::{Bench, Ran, until};

/// A server, and a bench with a list of these paths of it as `urls.txt`.
fn bench(paths: &[&str]) -> (Server, Bench) {
    let server = Server::start(Site::default());
    let list: Vec<String> = paths.iter().map(|path| server.url(path)).collect();
    let bench = Bench::new().with_file("urls.txt", &list.join("\n"));
    (server, bench)
}

/// The records of a run, by their ordinal.
fn records(jsonl: &str) -> Vec<Value> {
    let parse =
        |line| serde_json::from_str::<Value>(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    let mut records: Vec<Value> = jsonl.lines().map(parse).collect();
    records.sort_by_key(|record| record["n"].as_u64());
    records
}

fn outcomes(jsonl: &str) -> Vec<String> {
    let show = |record: &Value| match record["error"]["kind"].as_str() {
        Some(kind) => format!("{}({kind})", record["outcome"].as_str().unwrap_or_default()),
        None => record["outcome"].as_str().unwrap_or_default().to_owned(),
    };
    records(jsonl).iter().map(show).collect()
}

#[test]
fn exit_codes_tell_how_a_run_ended() {
    let (server, bench) = bench(&["/ok", "/status/404", "/ok?size=9"]);
    let ok = server.url("/ok");
    for (line, expected) in [
        (ok.clone(), 0),
        (format!("fetch {ok}"), 0),
        ("-i urls.txt".to_owned(), 2),
        ("-i urls.txt --allow-failures 1".to_owned(), 0),
        ("-i urls.txt --allow-failures 40%".to_owned(), 0),
        ("-i urls.txt --allow-failures 10%".to_owned(), 2),
        ("-i urls.txt --accept 2xx,404".to_owned(), 0),
        ("-i urls.txt --fail-fast -c 1".to_owned(), 4),
        ("-i urls.txt --max-failures 0 -c 1".to_owned(), 4),
        (format!("{} --deadline 300ms", server.url("/silent")), 4),
        ("-i missing.txt".to_owned(), 3),
        ("-i urls.txt -o nowhere/r.jsonl".to_owned(), 3),
        (format!("{ok} ht!tp:bad"), 2),
    ] {
        let ran = bench.line(&line);
        assert_eq!(ran.code, expected, "gather {line}\n{}", ran.stderr);
    }
}

#[test]
fn every_input_has_its_record_and_failures_are_named() {
    let (_server, bench) = bench(&["/ok", "/status/404", "/cut?at=80&size=1024"]);
    let ran = bench.line("-i urls.txt --retries 0");
    assert_eq!(outcomes(&ran.stdout), ["ok", "failed(http.status)", "failed(protocol.truncated)"]);
    let named = ran.stderr.lines().filter(|line| line.starts_with("FAILED(http://"));
    assert_eq!(named.count(), 2, "{}", ran.stderr);
    assert!(ran.stderr.starts_with("gather 0."), "{}", ran.stderr);
    assert!(ran.stderr.contains("3 targets in "), "{}", ran.stderr);
    let quiet = bench.line("-i urls.txt --retries 0 -q");
    assert_eq!((quiet.code, quiet.stderr.as_str()), (2, ""));
}

#[test]
fn outputs_of_one_run_hold_the_same_records() {
    let (_server, bench) = bench(&["/ok", "/status/404"]);
    let ran = bench.line("-i urls.txt -o a.jsonl -o b.csv -o - --summary s.json -O bodies");
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert_eq!(outcomes(&bench.read("a.jsonl")), ["ok", "failed(http.status)"]);
    assert_eq!(outcomes(&ran.stdout), ["ok", "failed(http.status)"]);
    let csv = bench.read("b.csv");
    assert!(csv.starts_with("n,source,line,input,url,") && csv.lines().count() == 3, "{csv}");
    let summary: Value = serde_json::from_str(&bench.read("s.json")).expect("JSON");
    assert_eq!((&summary["ok"], &summary["failed"]), (&1.into(), &1.into()));
    assert_eq!(summary["ended"], "finished");
    assert!(bench.path("bodies").is_dir());
}

#[test]
fn nothing_is_overwritten_unasked() {
    let (server, bench) = bench(&["/ok"]);
    let bench = bench.with_file("r.jsonl", "precious\n").with_file("s.json", "precious\n");
    for (line, message) in [
        ("-i urls.txt -o r.jsonl", "error: r.jsonl exists and is not empty"),
        ("-i urls.txt -o new.jsonl -o r.jsonl", "error: r.jsonl exists and is not empty"),
        ("-i urls.txt --summary s.json", "error: --summary: s.json exists and is not empty"),
    ] {
        let ran = bench.line(line);
        assert_eq!(ran.code, 3, "{line}");
        assert!(ran.stderr.contains(message), "{line}: {}", ran.stderr);
    }
    assert_eq!((bench.read("r.jsonl"), server.hits()), ("precious\n".to_owned(), 0));
    assert_eq!(bench.line("-i urls.txt -o r.jsonl --summary s.json --overwrite").code, 0);
    assert_eq!(outcomes(&bench.read("r.jsonl")), ["ok"]);
}

#[test]
fn the_view_is_of_standard_output_alone() {
    let (_server, bench) = bench(&["/ok", "/status/404", "/json/price/ACME"]);
    for (line, shown) in [
        ("--mc 404", "404"),
        ("--fc 404,5xx", "200 200"),
        ("--match-code 2xx --match-regex ACME", "200"),
        ("--mr nothing-like-this", ""),
    ] {
        let ran = bench.line(&format!("-i urls.txt -q {line} --template '{{status_code}}'"));
        let lines: Vec<&str> = ran.stdout.lines().collect();
        assert_eq!((lines.join(" ").as_str(), ran.code), (shown, 2), "{line}\n{}", ran.stderr);
    }
    let ran = bench.line("-i urls.txt -q --mc 404 -o - -o all.jsonl");
    assert_eq!(outcomes(&ran.stdout), ["failed(http.status)"]);
    assert_eq!(outcomes(&bench.read("all.jsonl")).len(), 3);
}

#[test]
fn what_was_typed_is_what_is_sent() {
    let (server, bench) = bench(&[]);
    let bench = bench.with_file("headers.txt", "# mine\nX-File: yes\n").with_file("body", "a=1\n");
    let echo = server.url("/echo");
    let sent = |flags: &str| -> Value {
        let ran: Ran = bench.line(&format!("{echo} -q --fields body {flags}"));
        assert_eq!(ran.code, 0, "{flags}: {}", ran.stderr);
        let body = records(&ran.stdout)[0]["body"].as_str().expect("a body").to_owned();
        serde_json::from_str(&body).expect("the echo is JSON")
    };
    for (flags, expected) in [
        ("", vec!["GET", "gather/"]),
        ("-X PUT -d x=1", vec!["PUT", "x=1", "application/x-www-form-urlencoded"]),
        ("-d @body", vec!["POST", "a=1\\n"]),
        ("-H @headers.txt -H 'X-Flag: 1'", vec!["yes", "X-Flag", "\"1\""]),
        ("-A me/1 -b 'c=2'", vec!["me/1", "c=2"]),
        ("-u ann:pw", vec!["Basic YW5uOnB3"]),
    ] {
        let said = sent(flags).to_string().to_ascii_lowercase();
        for part in expected {
            assert!(said.contains(&part.to_ascii_lowercase()), "{flags}: no {part} in {said}");
        }
    }
}

#[test]
fn a_job_of_the_file_runs_and_its_hosts_get_their_headers() {
    let (server, bench) = bench(&["/echo"]);
    let host = server.addr().to_string();
    let file = format!(
        "[hosts.\"{host}\"]\nheaders = {{ x-token = \"${{env:TOKEN}}\" }}\n\
         [job.mine]\ninput = \"urls.txt\"\nfields = \"url,body\"\noutput = \"mine.jsonl\"\n"
    );
    let bench = bench.with_file("gather.toml", &file).with_env("TOKEN", "s3cret");
    let ran = bench.line("run mine");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.lines().next().is_some_and(|line| line.ends_with("; gather.toml")));
    assert!(bench.read("mine.jsonl").contains("s3cret"));
    assert!(!ran.stderr.contains("s3cret"), "{}", ran.stderr);
}

#[test]
fn talk_as_json_is_json_to_the_last_line() {
    let (_server, bench) = bench(&["/ok", "/status/404"]);
    let ran = bench.line("-i urls.txt --log-format json");
    let events: Vec<String> = ran
        .stderr
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .map(|event| event["event"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(events, ["note", "failed", "summary"], "{}", ran.stderr);
}

#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let row = fault_row!(35);
    let paths: Vec<String> = (0..3_000).map(|n| format!("/ok?n={n}")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let (_server, bench) = bench(&paths);
    let mut child = bench.command(&["-i", "urls.txt", "-q"]).spawn().expect("it starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
    assert!(line.ends_with("}\n"), "{line}");
    row.comes("a reader that has gone is no fault; a full device ends the run with exit code 1");
    row.shown();
}

#[test]
fn a_full_device_is_our_fault() {
    let row = fault_row!(35);
    let (_server, bench) = bench(&["/ok"]);
    let full = std::fs::File::options().write(true).open("/dev/full").expect("a full device");
    let output = bench.command(&["-i", "urls.txt", "-q"]).stdout(full).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("error: cannot write standard output: no space left"), "{said}");
    row.comes("a reader that has gone is no fault; a full device ends the run with exit code 1");
    row.shown();
}

/// Starts a run that will not end by itself, and waits until its requests are out.
fn endless(server: &Server, bench: &Bench) -> Child {
    let child = bench.command(&["-i", "urls.txt", "--retries", "0"]).spawn().expect("it starts");
    until("two requests", || server.hits() >= 2);
    child
}

fn send(signal: &str, child: &Child) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().expect("kill runs").success());
}

#[test]
fn the_second_signal_ends_at_once_with_its_code() {
    let row = fault_row!(34);
    for (signal, expected) in [("-INT", 130), ("-TERM", 143)] {
        let (server, bench) = bench(&["/ok", "/silent"]);
        let mut child = endless(&server, &bench);
        send(signal, &child);
        let mut said = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut line = String::new();
        while !line.contains("no new requests") {
            line.clear();
            assert_ne!(said.read_line(&mut line).expect("text"), 0, "it ended");
        }
        send(signal, &child);
        let mut stdout = String::new();
        child.stdout.take().expect("a pipe").read_to_string(&mut stdout).expect("text");
        assert_eq!(child.wait().expect("it ends").code(), Some(expected));
        // What was finished before is whole.
        assert!(records(&stdout).len() <= 1, "{stdout}");
    }
    row.comes("the first lets requests in flight end, the second ends at once");
    row.shown();
}

#[test]
fn the_first_signal_lets_requests_in_flight_end() {
    let row = fault_row!(34);
    let (server, bench) = bench(&["/delay/600ms", "/delay/700ms"]);
    let child = endless(&server, &bench);
    send("-TERM", &child);
    let output = child.wait_with_output().expect("it ends");
    let stdout = String::from_utf8(output.stdout).expect("UTF-8");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(outcomes(&stdout), ["ok", "ok"], "{stderr}");
    // Nothing was left to do: whether it counts as stopped is the engine's to say.
    assert!(matches!(output.status.code(), Some(0 | 143)), "{stderr}");
    row.comes("the first lets requests in flight end, the second ends at once");
    row.shown();
}

#[test]
fn compare_sets_both_ways_side_by_side() {
    let (server, bench) = bench(&["/delay/50ms", "/delay/51ms", "/delay/52ms", "/delay/53ms"]);
    let ran = bench.line("compare -i urls.txt -c 4");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("one by one") && ran.stdout.contains("times as fast"));
    assert_eq!(server.hits(), 8);
    let ran = bench.line("compare -i urls.txt --limit 2 -q");
    assert_eq!((ran.code, server.hits()), (0, 12));
    for (flags, expected) in [
        ("-X POST", "error: compare sends every request twice, and POST may change something"),
        ("-i -", "error: compare reads its list twice, standard input only once"),
        ("-o r.jsonl", "error: --output: compare writes no records"),
    ] {
        let ran = bench.line(&format!("compare -i urls.txt {flags}"));
        assert_eq!((ran.code, ran.stderr.lines().next()), (3, Some(expected)), "{flags}");
    }
    assert_eq!(server.hits(), 12);
}

#[test]
fn plan_asks_nobody() {
    let (server, bench) = bench(&["/ok", "/ok", "/status/404"]);
    let ran = bench.line("plan -i urls.txt --host-rate 1/s");
    assert_eq!((ran.code, server.hits()), (0, 0), "{}", ran.stderr);
    let host = format!("http://{}", server.addr());
    let bound = format!("time         at least 2 s, bound by the rate of {host}");
    assert!(ran.stdout.contains(&bound), "{}", ran.stdout);
}

#[test]
fn the_demo_works_offline_and_ends() {
    let ran = Bench::new().line("demo");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("times as fast"), "{}", ran.stdout);
    assert!(ran.stderr.contains("finished: "), "{}", ran.stderr);
}

#[test]
fn what_may_have_been_seen_is_sent_again_only_if_that_is_the_same() {
    for (flags, sent) in [
        ("", 3),
        ("-X PUT", 3),
        ("-X POST", 1),
        ("-d a=1", 1),
        ("-X PATCH", 1),
        ("-d a=1 --retry-unsafe", 3),
    ] {
        let server = Server::start(Site::default());
        let url = server.url("/silent");
        let ran =
            Bench::new().line(&format!("{url} {flags} -q -t 200ms --retries 2 --backoff 10ms"));
        assert_eq!((ran.code, server.hits()), (2, sent), "{flags}: {}", ran.stdout);
    }
}
