//! Rows 28 and 29: hosts that refuse, politely or not.

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use gather_testkit::{Raw, Server, Site, Talk, fault_row};

use super::{kind, records, run};
use crate::bench::Bench;

/// A server that refuses its first request with a 429 of this `Retry-After` and serves the rest.
fn refusing_once(value: &'static str) -> Raw {
    let refused = Mutex::new(0);
    Raw::start(move |talk: &mut Talk| {
        while talk.read_head().is_some() {
            let mut requests = refused.lock().expect("nobody panics");
            *requests += 1;
            let line =
                if value.is_empty() { String::new() } else { format!("Retry-After: {value}\r\n") };
            let answer = match *requests {
                1 => format!("HTTP/1.1 429 x\r\n{line}Content-Length: 0\r\n\r\n"),
                _ => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_owned(),
            };
            drop(requests);
            if !talk.send(answer.as_bytes()) {
                return;
            }
        }
    })
}

#[test]
fn a_refusal_pauses_its_host_for_as_long_as_it_says_and_no_other() {
    let row = fault_row!(28);
    let (good, far) = (Server::start(Site::default()), "99999999999999999999");
    // What it says, whether its target is served in the end, and how long that takes at least.
    let cases = [
        ("1", "ok", 1000),
        ("0", "ok", 0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", "ok", 0),
        ("soon", "ok", 0),
        ("-5", "ok", 0),
        ("1e12", "http.rate_limited", 0),
        ("", "ok", 0),
        ("1000000000000", "http.rate_limited", 0),
        (far, "http.rate_limited", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", "http.rate_limited", 0),
    ];
    for (value, expected, least_ms) in cases {
        let server = refusing_once(value);
        let others: String = (0..5).map(|n| good.url(&format!("/ok?n={n}\n"))).collect();
        let list = format!("{}\n{others}", server.url("/"));
        let bench = Bench::new().with_file("urls.txt", &list);
        let since = Instant::now();
        let ran = run(&bench, "-i urls.txt -c 2 --retries 0 --backoff 10ms -t 5s");
        let records = records(&ran, 6);
        assert_eq!(kind(&records[0]), expected, "{value}: {}", records[0]);
        assert!(records[1..].iter().all(|record| kind(record) == "ok"), "{value}");
        let first = ran.stdout.lines().take(5).filter(|line| line.contains("/ok?n=")).count();
        assert!(least_ms == 0 || first == 5, "{value}: the others waited");
        assert!(since.elapsed() >= Duration::from_millis(least_ms), "{value}: too early");
        if let Some(kind) = records[0]["error"]["kind"].as_str() {
            row.kind(kind, true);
        }
    }
    row.comes("the host pauses, and its target is tried again at no cost");
    row.shown();
}

#[test]
fn a_date_in_the_future_is_waited_for() {
    let row = fault_row!(28);
    let at = SystemTime::now() + Duration::from_secs(3);
    let unix = at.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs();
    let date = jiff::Timestamp::from_second(unix.cast_signed()).expect("now");
    let text = date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let server = refusing_once(text.leak());
    let ran = run(&Bench::new(), &format!("{} --retries 0 -q", server.url("/")));
    assert_eq!(kind(&records(&ran, 1)[0]), "ok", "{}", ran.stdout);
    assert!(SystemTime::now() >= SystemTime::UNIX_EPOCH + Duration::from_secs(unix), "too early");
    row.comes("the host pauses, and its target is tried again at no cost");
    row.shown();
}

#[test]
fn a_storm_of_503_is_not_answered_by_a_storm_of_retries() {
    let row = fault_row!(29);
    for (path, retries) in [("/status/503", 5), ("/status/500", 5), ("/cut?at=9", 5)] {
        let server = Server::start(Site::default());
        let targets = 200_u64;
        let list: String = (0..targets)
            .map(|n| {
                server.url(&format!("{path}{}n={n}\n", if path.contains('?') { '&' } else { '?' }))
            })
            .collect();
        let bench = Bench::new().with_file("urls.txt", &list);
        let flags = "--backoff 1ms --backoff-max 2ms -c 20";
        let ran = run(&bench, &format!("-i urls.txt --retries {retries} {flags}"));
        for record in records(&ran, targets as usize) {
            let found = kind(&record);
            assert!(
                matches!(found, "http.status" | "protocol.truncated" | "host.parked"),
                "{path}: {record}"
            );
            row.kind(found, record["error"]["retryable"].as_bool().expect("it is said"));
        }
        // Each once, and of further tries twenty and a tenth.
        let most = targets + 20 + targets / 10;
        let hits = server.hits();
        assert!(hits <= most, "{path}: {hits} requests for {targets} targets, at most {most}");
    }
    row.shown();
}
