//! Every way a target can end: the right kind, tries, status and redirects, and one record each.

use std::sync::Arc;
use std::time::Duration;

use gather::core::config::{Caps, MinSpeed};
use gather_testkit::{Refusing, Server, Site, Unreachable};

use crate::bed::{Pending, bed, kind};

const RETRIES: u32 = 1;

/// What is expected of a path: kind, status, tries, redirects.
type Expected = (&'static str, u16, u32, usize);

/// Paths, each on a host of its own. A path that may work later is tried twice.
const PATHS: &[(&str, Expected)] = &[
    ("/ok?size=100", ("ok", 200, 1, 0)),
    ("/ok?size=100&chunked", ("ok", 200, 1, 0)),
    ("/ok?size=100&until_close", ("ok", 200, 1, 0)),
    ("/close", ("ok", 200, 1, 0)),
    ("/early-hints", ("ok", 200, 1, 0)),
    ("/surplus", ("ok", 200, 1, 0)),
    ("/encoding/gzip", ("ok", 200, 1, 0)),
    ("/encoding/br,gzip", ("ok", 200, 1, 0)),
    ("/flaky?fail=1", ("ok", 200, 2, 0)),
    ("/flaky?fail=1&how=reset", ("ok", 200, 2, 0)),
    ("/flaky?fail=1&how=close", ("ok", 200, 2, 0)),
    ("/flaky?fail=2", ("http.status", 503, 2, 0)),
    ("/status/404", ("http.status", 404, 1, 0)),
    ("/status/500", ("http.status", 500, 2, 0)),
    ("/status/301", ("http.status", 301, 1, 0)),
    ("/503?retry_after=0", ("http.status", 503, 2, 0)),
    ("/503?retry_after=99999", ("http.status", 503, 1, 0)),
    ("/429?retry_after=99999", ("http.rate_limited", 429, 1, 0)),
    ("/redirect/3", ("ok", 200, 1, 3)),
    ("/redirect/11", ("redirect.limit", 302, 1, 10)),
    ("/redirect-loop", ("redirect.loop", 302, 1, 0)),
    ("/redirect-to?url=ftp:%2F%2Fa.example%2F", ("redirect.scheme", 302, 1, 0)),
    ("/redirect-to?url=http:%2F%2F[", ("redirect.invalid", 302, 1, 0)),
    ("/redirect-to?url=%2Fstatus%2F404", ("http.status", 404, 1, 1)),
    ("/silent", ("timeout.first_byte", 0, 2, 0)),
    ("/headers-then-silent", ("timeout.body", 200, 2, 0)),
    ("/drip?bps=20&size=1000", ("timeout.total", 200, 2, 0)),
    ("/cut?at=0", ("protocol.truncated", 0, 2, 0)),
    ("/cut?at=40", ("protocol.truncated", 0, 2, 0)),
    ("/cut?at=200", ("protocol.truncated", 200, 2, 0)),
    ("/cut?at=200&chunked", ("protocol.truncated", 200, 2, 0)),
    ("/reset?at=0", ("connect.reset", 0, 2, 0)),
    ("/infinite", ("limit.body", 200, 1, 0)),
    ("/bomb/gzip?mb=8", ("limit.decoded", 200, 1, 0)),
    ("/bomb/zstd?mb=8", ("limit.decoded", 200, 1, 0)),
    ("/encoding/gzip,br,zstd,deflate", ("limit.encodings", 200, 1, 0)),
    ("/big-header?kb=300", ("limit.headers", 0, 1, 0)),
    ("/many-headers?n=2000", ("limit.headers", 0, 1, 0)),
    ("/bad-length", ("protocol.framing", 0, 1, 0)),
    ("/two-lengths", ("protocol.framing", 0, 1, 0)),
    ("/chunk-garbage", ("protocol.framing", 200, 1, 0)),
    ("/not-http", ("protocol.other", 0, 1, 0)),
    ("/bad-status", ("protocol.other", 0, 1, 0)),
];

#[test]
fn every_way_to_end_is_told_as_what_it_is() {
    let server = Server::start(Site::default().on_hosts(PATHS.len()));
    let (refusing, unreachable) = (Refusing::start(), Unreachable::start());
    let urls = PATHS.iter().enumerate().map(|(host, (path, _))| server.url_on(host, path));
    let dead = [refusing.addr(), unreachable.addr()].map(|addr| format!("http://{addr}/"));
    let expected = PATHS
        .iter()
        .map(|(_, expected)| *expected)
        .chain([("connect.refused", 0, 2, 0), ("timeout.connect", 0, 2, 0)]);
    let done = bed(urls.chain(dead)).config(impatient).run();
    let done = done.accounts_for(PATHS.len() + 2, Pending::None);
    let mut wrong = Vec::new();
    for (n, expected) in expected.enumerate() {
        let record = done.record(n as u64);
        let found = (kind(record), record.status_code, record.attempts, record.chain.len());
        if found != expected {
            let message = record.outcome.error().map(|error| error.message.clone());
            wrong.push(format!("{}: {found:?}, not {expected:?}: {message:?}", record.url));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let tries: u64 = done.records.iter().map(|record| u64::from(record.attempts)).sum();
    assert_eq!(done.summary.requests, tries, "no target changed its host");
}

fn impatient(config: &mut gather::core::Config) {
    config.timeout = Duration::from_millis(1500);
    config.connect_timeout = Duration::from_millis(700);
    config.min_speed = Some(MinSpeed { bytes: 1, window: Duration::from_secs(5) });
    config.retry.retries = RETRIES;
    config.caps = Caps { body_bytes_max: 2 << 20, decoded_bytes_max: 4 << 20, ..Caps::default() };
}

#[test]
fn broken_lines_are_skipped_where_they_stand_and_the_rest_goes_on() {
    let server = Server::start(Site::default());
    let good = server.url("/ok");
    let long = format!("http://a.example/{}", "x".repeat(100_000));
    let mut bytes =
        format!("# a comment\n{good}\nhttp://[\n\n{long}\nftp://a.example/\n").into_bytes();
    bytes.extend_from_slice(b"http://a\xff.example/\nhttp://a\0.example/\n");
    bytes.extend_from_slice(good.as_bytes());
    let cases = [
        ("ok", 2),
        ("input.invalid", 3),
        ("input.too_long", 5),
        ("blocked.scheme", 6),
        ("input.invalid", 7),
        ("input.invalid", 8),
        ("ok", 9),
    ];
    let done = bed([""; 0]).raw_file(&bytes).run().accounts_for(cases.len(), Pending::None);
    for (n, (expected, line)) in cases.into_iter().enumerate() {
        let record = done.record(n as u64);
        assert_eq!(kind(record), expected, "line {line}: {record:?}");
        assert_eq!(record.attempts, u32::from(expected == "ok"));
        if expected != "ok" {
            let place = record.place.as_ref().expect("a broken line has its place");
            assert_eq!(place.line, line);
        }
    }
}

#[test]
fn several_inputs_are_told_apart() {
    let server = Server::start(Site::default());
    let page = |n: usize| server.url(&format!("/ok?n={n}"));
    let first: Vec<_> = (0..700).map(page).collect();
    let second: Vec<_> = (700..1000).map(page).collect();
    let mut bed = bed(first).file(second).shards(3);
    bed.options.source.arguments = vec![server.url("/status/404")];
    let paths: Vec<Arc<str>> =
        (0..2).map(|index| bed.path_of_file(index).to_string_lossy().into()).collect();
    let done = bed.run().accounts_for(1001, Pending::None);
    for record in &done.records {
        let place = record.place.as_ref().expect("there are several inputs");
        let n = record.n as usize;
        let (source, line) = match n {
            0 => (None, 1),
            1..=700 => (Some(&paths[0]), n),
            _ => (Some(&paths[1]), n - 700),
        };
        assert_eq!((place.source.as_ref(), place.line), (source, line as u64));
        assert_eq!(kind(record), if n == 0 { "http.status" } else { "ok" });
        assert!(n == 0 || record.url.ends_with(&format!("n={}", n - 1)));
    }
}
