//! Runs that know what an earlier run fetched: what is asked, and what the records say.
#![cfg(feature = "sqlite")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use gather::core::config::StatusSet;
use gather::core::{Method, Record};
use gather::fetch::{KeepBody, Secret, Sign};
use gather::store::{Format, OutputSpec, WarcCompression};
use gather_testkit::{Request, Server, Site};

use crate::bed::{Bed, Done, bed, jsonl};

fn cached(dir: &tempfile::TempDir, url: &str) -> Bed {
    let mut bed = bed([url]).concurrency(1);
    bed.options.cache = Some(dir.path().join("cache.db"));
    bed
}

fn dir() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// `stored`, `revalidated unchanged` and so on, with the status.
fn told(record: &Record) -> String {
    let cache = record.cache.map_or("-", |done| done.as_str());
    let unchanged = if record.unchanged { " unchanged" } else { "" };
    format!("{} {cache}{unchanged}", record.status_code)
}

/// Runs once more, and tells what came of it and how many requests it took.
fn once(server: &Server, bed: Bed) -> (String, u64, Done) {
    let before = server.hits();
    let done = bed.run();
    assert!(done.record(0).ticket.is_none(), "tickets are kept to ourselves");
    (told(done.record(0)), server.hits() - before, done)
}

/// The conditions of a request.
fn conditions(request: &Request) -> [Option<&str>; 2] {
    [request.header("If-None-Match"), request.header("If-Modified-Since")]
}

#[test]
fn what_a_second_and_a_third_run_ask_and_say() {
    let (new, same, gone) = ("200 stored", "304 revalidated unchanged", "200 -");
    // Path, and what the second and the third run come to, with their requests.
    let cases: &[(&str, [(&str, u64); 2])] = &[
        ("/validated?etag=a", [(same, 1), (same, 1)]),
        ("/validated?modified", [(same, 1), (same, 1)]),
        ("/validated?etag=a&modified", [(same, 1), (same, 1)]),
        // Neither validators nor freshness: the hash tells.
        ("/validated", [("200 stored unchanged", 1), ("200 stored unchanged", 1)]),
        ("/validated?etag=a&no304", [("200 stored unchanged", 1), ("200 stored unchanged", 1)]),
        ("/validated?changes=1", [(new, 1), ("200 stored unchanged", 1)]),
        ("/validated?etag=a&changes=1", [(new, 1), (same, 1)]),
        ("/validated?etag=a&modified&changes=2", [(same, 1), (new, 1)]),
        ("/validated?etag=a&cc=max-age%3D600", [("200 fresh unchanged", 0); 2]),
        ("/validated?cc=private%2C%20max-age%3D600", [("200 fresh unchanged", 0); 2]),
        (
            "/validated?expires=Sat%2C%2006%20Nov%202094%2008%3A49%3A37%20GMT",
            [("200 fresh unchanged", 0); 2],
        ),
        ("/validated?etag=a&cc=no-cache%2C%20max-age%3D600", [(same, 1), (same, 1)]),
        ("/validated?etag=a&cc=max-age%3D0", [(same, 1), (same, 1)]),
        ("/validated?etag=a&cc=no-store", [(gone, 1), (gone, 1)]),
        ("/validated?etag=a&vary=%2A", [(gone, 1), (gone, 1)]),
        ("/validated?etag=a&vary=Accept", [(same, 1), (same, 1)]),
        ("/status/404", [("404 -", 1), ("404 -", 1)]),
        // A redirect is followed each time, and nothing is sent to where it leads.
        ("/redirect-to?url=/validated%3Fetag%3Da", [(gone, 2), (gone, 2)]),
    ];
    let server = Server::start(Site::default());
    for (path, runs) in cases {
        let dir = dir();
        let url = server.url(&format!("{path}{}", if path.contains('?') { "" } else { "?x" }));
        let (first, requests, done) = once(&server, cached(&dir, &url));
        assert!([new, gone, "404 -"].contains(&&*first), "{path}: {first}");
        assert!((1..=2).contains(&requests));
        let hash = done.record(0).sha256;
        for (nth, (expected, requests)) in runs.iter().enumerate() {
            let (second, count, done) = once(&server, cached(&dir, &url));
            assert_eq!((&*second, count), (*expected, *requests), "{path}, run {}", nth + 2);
            let record = done.record(0);
            if record.unchanged && !path.contains("changes") {
                assert_eq!(record.sha256, hash, "{path}");
                assert_eq!(record.content_length, 10, "{path}");
                assert_eq!(record.content_type.as_deref(), Some("text/plain"));
            }
            let cache = done.summary.cache;
            assert_eq!(cache.unchanged, u64::from(record.unchanged));
            let done = cache.revalidated + cache.fresh + cache.stored;
            assert_eq!(done, u64::from(record.cache.is_some()));
        }
    }
}

#[test]
fn validators_are_sent_as_they_came() {
    let server = Server::start(Site::default());
    let dir = dir();
    let url = server.url("/validated?etag=a&modified");
    once(&server, cached(&dir, &url));
    once(&server, cached(&dir, &url));
    let seen = server.requests();
    assert_eq!(conditions(&seen[0]), [None, None]);
    let sent = [Some("\"a-0\""), Some("Sun, 06 Nov 1994 08:49:30 GMT")];
    assert_eq!(conditions(&seen[1]), sent);
}

struct Unknown;

impl Sign for Unknown {
    fn sign(
        &self,
        _: &Method,
        _: &gather::Url,
        _: &mut gather::fetch::http::HeaderMap,
        _: &[u8],
    ) -> Result<(), String> {
        Ok(())
    }
}

#[test]
fn another_request_is_another_answer() {
    type Change = fn(&mut Bed);
    let cases: &[(&str, Change, &str)] = &[
        ("the same", |_| {}, "200 fresh unchanged"),
        ("language", |bed| push(bed, "Accept-Language", "de"), "200 stored"),
        ("user", |bed| bed.options.client.basic_auth = Some(Secret::new("a:b")), "200 stored"),
        ("cookie", |bed| bed.options.client.cookies = Some(Secret::new("a=b")), "200 stored"),
        ("agent", |bed| bed.options.client.user_agent = "me".into(), "200 stored"),
        ("asked anew", |bed| push(bed, "Cache-Control", "no-cache"), "304 revalidated unchanged"),
        ("asked anew", |bed| push(bed, "Cache-Control", "max-age=0"), "304 revalidated unchanged"),
        ("old enough", |bed| push(bed, "Cache-Control", "max-age=300"), "200 fresh unchanged"),
        ("without it", |bed| push(bed, "Cache-Control", "no-store"), "200 -"),
        ("own condition", |bed| push(bed, "If-None-Match", "\"a-0\""), "304 -"),
        ("a range", |bed| push(bed, "Range", "bytes=0-1"), "200 -"),
        ("head", |bed| bed.options.client.method = Method::HEAD, "200 -"),
        ("post", |bed| bed.options.client.method = Method::POST, "200 -"),
        ("a body", |bed| bed.options.client.body = Some("x".into()), "200 -"),
        ("unknown", |bed| bed.options.client.signer = Some(std::sync::Arc::new(Unknown)), "200 -"),
        (
            "only 200 is ok",
            |bed| {
                push(bed, "Cache-Control", "no-cache");
                bed.options.config.accept = StatusSet::new(vec![200..=200]);
            },
            "304 revalidated unchanged",
        ),
    ];
    let server = Server::start(Site::default());
    for (name, change, expected) in cases {
        let dir = dir();
        let url = server.url("/validated?etag=a&cc=max-age%3D600");
        once(&server, cached(&dir, &url));
        let mut bed = cached(&dir, &url);
        change(&mut bed);
        let (second, _, done) = once(&server, bed);
        assert_eq!(second, *expected, "{name}");
        assert_eq!(done.summary.ok, 1, "{name}");
        // It did no harm to what was there.
        let (third, _, _) = once(&server, cached(&dir, &url));
        assert_eq!(third, "200 fresh unchanged", "{name}");
    }
}

fn push(bed: &mut Bed, name: &str, value: &str) {
    bed.options.client.headers.push((name.into(), value.into()));
}

fn warc(path: PathBuf) -> OutputSpec {
    OutputSpec { format: Format::Warc(WarcCompression::Gzip), ..jsonl(&path) }
}

#[test]
fn a_stored_body_is_there_for_outputs_that_ask_for_it() {
    let server = Server::start(Site::default());
    for (path, expected) in [
        ("/validated?etag=a&", "304 revalidated unchanged"),
        ("/validated?cc=max-age%3D600&", "200 fresh unchanged"),
    ] {
        let url = server.url(path);
        let with_body = |dir: &tempfile::TempDir| {
            let mut bed = cached(dir, &url);
            bed.options.client.keep.body = KeepBody::All;
            bed
        };
        let body = |done: &Done| done.record(0).body.as_deref().map(<[u8]>::to_vec);

        // Without a body at hand it is fetched in full.
        let dir = dir();
        once(&server, cached(&dir, &url));
        let (second, _, done) = once(&server, with_body(&dir));
        assert_eq!((&*second, body(&done).as_deref()), ("200 stored", Some(&b"version 0\n"[..])));

        // In a directory, in an archive.
        let store_in: [fn(&mut Bed, &Path); 2] = [
            |bed, dir| bed.options.bodies = Some(dir.join("bodies")),
            |bed, dir| bed.options.outputs.push(warc(dir.join("first.warc.gz")).into()),
        ];
        for store in store_in {
            let dir = self::dir();
            let mut bed = cached(&dir, &url);
            store(&mut bed, dir.path());
            let (first, _, _) = once(&server, bed);
            assert_eq!(first, "200 stored");
            let bed = with_body(&dir).output(warc(dir.path().join("second.warc.gz")));
            let (second, _, done) = once(&server, bed);
            assert_eq!(second, expected);
            assert_eq!(body(&done).as_deref(), Some(&b"version 0\n"[..]), "{path}");
            let record = done.record(0);
            assert!(record.body_path.is_some() || record.archived.is_some());

            // One that was lost is fetched again.
            for file in ["bodies", "first.warc.gz", "second.warc.gz"] {
                let _ = std::fs::remove_dir_all(dir.path().join(file));
                let _ = std::fs::remove_file(dir.path().join(file));
            }
            let (third, _, done) = once(&server, with_body(&dir));
            assert_eq!((&*third, body(&done).is_some()), ("200 stored", true), "{path}");
        }
    }
}

#[test]
fn many_targets_of_several_hosts_each_have_their_answer() {
    for shards in [1, 3] {
        let server = Server::start(Site::default().on_hosts(5));
        let dir = dir();
        let urls: Vec<String> = (0..3_000)
            .map(|n| {
                let how = if n % 3 == 0 { "cc=max-age%3D600" } else { "etag=a" };
                server.url_on(n % 5, &format!("/validated?{how}&n={n}"))
            })
            .collect();
        let run = || {
            let mut bed = bed(&urls).concurrency(20).shards(shards);
            bed.options.cache = Some(dir.path().join("cache.db"));
            bed.config(|config| config.timeout = Duration::from_secs(60)).run()
        };
        let first = run().summary;
        assert_eq!((first.ok, first.cache.stored), (3_000, 3_000));
        let before = server.hits();
        let second = run();
        let numbers: std::collections::HashSet<u64> = second.records.iter().map(|r| r.n).collect();
        assert_eq!((numbers.len(), second.records.len()), (3_000, 3_000));
        let cache = second.summary.cache;
        assert_eq!((cache.fresh, cache.revalidated, cache.unchanged), (1_000, 2_000, 3_000));
        assert_eq!(server.hits() - before, 2_000);
        assert_eq!((second.summary.ok, second.summary.pending), (3_000, 0));
    }
}

#[test]
fn a_cache_that_is_none_is_refused_before_anything_is_fetched() {
    let server = Server::start(Site::default());
    let dir = dir();
    std::fs::write(dir.path().join("cache.db"), "text".repeat(200)).expect("written");
    let bed = cached(&dir, &server.url("/ok"));
    let error = bed.run_with(|_| {}).err().expect("refused");
    assert!(error.to_string().contains("cache.db"), "{error}");
    assert_eq!(server.hits(), 0);
}
