//! Hosts that refuse or fail for a while: 429, 503, and how often anything is sent again.

use std::sync::Arc;
use std::time::Duration;

use gather::core::target::{Method, RequestSpec};
use gather_testkit::{RetryAfter, Server, Site};

use crate::bed::{Pending, bed, kind};

#[test]
fn a_host_with_a_rate_is_obeyed_and_all_its_targets_arrive() {
    for (path, shards) in [("/limited", 1), ("/limited", 3), ("/window", 1)] {
        let site =
            Site { rate_per_s: 100.0, burst: 20, window_requests_max: 100, ..Site::default() };
        let server = Server::start(site);
        let urls = (0..200).map(|n| server.url(&format!("{path}?n={n}")));
        let done = bed(urls).concurrency(30).shards(shards).run().all_ok(200);
        let refused = server.stats().status(429);
        assert!(refused > 0, "the limit was met");
        assert_eq!(done.summary.rate_limited, refused);
        assert_eq!(done.summary.retries, 0, "a 429 spends no retry");
        assert!(server.hits() < 300, "{path}: {} requests for 200 targets", server.hits());
        let tries: u64 = done.records.iter().map(|record| u64::from(record.attempts)).sum();
        assert_eq!((tries, done.summary.requests), (server.hits(), server.hits()));
        assert_eq!((done.summary.hosts_in_trouble, done.summary.hosts.len()), (1, 1));
        assert!(done.summary.hosts[0].closed > 0 && done.summary.hosts[0].closed_for > 0.0);
    }
}

#[test]
fn a_refusal_of_one_host_leaves_the_others_alone() {
    let server = Server::start(Site::default().on_hosts(4));
    let refused = (0..20).map(|n| server.url_on(0, &format!("/limited?n={n}")));
    let served = (0..300).map(|n| server.url_on(1 + n % 3, &format!("/ok?n={n}")));
    let site = refused.chain(served);
    let done = bed(site).concurrency(8).run().all_ok(320);
    // The host of the first 20 bears five at once, and asks for a second of peace.
    let last_served = done.records.iter().rposition(|record| record.n >= 20).expect("300");
    let last_refused = done.records.iter().rposition(|record| record.n < 20).expect("20");
    assert!(last_served < last_refused, "the others did not wait");
}

#[test]
fn what_may_be_sent_again_is_sent_as_often_as_said() {
    // path, method, retries: kind, requests seen
    let cases = [
        ("/flaky?fail=2", "GET", 2, ("ok", 3)),
        ("/flaky?fail=2&status=500", "GET", 2, ("ok", 3)),
        ("/flaky?fail=2&status=408", "PUT", 2, ("ok", 3)),
        ("/flaky?fail=2&status=500", "POST", 2, ("http.status", 1)),
        ("/flaky?fail=2&how=reset", "POST", 2, ("connect.reset", 1)),
        ("/flaky?fail=2&how=close", "PATCH", 2, ("protocol.truncated", 1)),
        ("/flaky?fail=2&how=close", "DELETE", 2, ("ok", 3)),
        ("/flaky?fail=2", "POST", 2, ("ok", 3)),
        ("/flaky?fail=1&status=429", "POST", 0, ("ok", 2)),
        ("/flaky?fail=3", "GET", 2, ("http.status", 3)),
        ("/flaky?fail=1", "GET", 0, ("http.status", 1)),
        ("/status/404", "GET", 2, ("http.status", 1)),
    ];
    for (path, method, retries, expected) in cases {
        let server = Server::start(Site::default());
        let mut bed = bed([server.url(path)]).config(|config| config.retry.retries = retries);
        let method = Method::from_name(method);
        let request = RequestSpec { method: method.clone(), ..RequestSpec::default() };
        bed.options.source.default_request = Some(Arc::new(request));
        let done = bed.run().accounts_for(1, Pending::None);
        let record = done.record(0);
        assert_eq!((kind(record), server.hits()), expected, "{method:?} {path}: {record:?}");
        assert_eq!(u64::from(record.attempts), server.hits());
        let spent = if path.contains("429") { 0 } else { server.hits() - 1 };
        assert_eq!(done.summary.retries, spent, "{method:?} {path}");
    }
}

#[test]
fn a_pause_longer_than_allowed_ends_the_host_at_once() {
    let site = Site { retry_after: RetryAfter::Seconds(3600), ..Site::default() };
    for (path, expected) in [("/429", "http.rate_limited"), ("/503", "http.status")] {
        let server = Server::start(site.clone());
        let urls = (0..100).map(|n| server.url(&format!("{path}?n={n}")));
        let done = bed(urls).concurrency(4).run().accounts_for(100, Pending::None);
        assert!(server.hits() <= 4, "{} requests to a host that said no", server.hits());
        let tried = done.records.iter().filter(|record| record.attempts > 0).count() as u64;
        assert_eq!(tried, server.hits());
        for record in done.records.iter().filter(|record| record.attempts > 0) {
            assert_eq!(kind(record), expected, "{record:?}");
        }
    }
}

#[test]
fn a_host_that_never_stops_refusing_is_given_up() {
    for path in ["/429?retry_after=0", "/503?retry_after=0"] {
        let server = Server::start(Site::default());
        let urls = (0..300).map(|n| server.url(&format!("{path}&n={n}")));
        let done = bed(urls).concurrency(10).run().accounts_for(300, Pending::None);
        assert_eq!(done.summary.ok, 0);
        assert!(server.hits() < 330, "{path}: {} requests", server.hits());
    }
}

#[test]
fn the_time_in_the_queue_is_told_apart_from_the_time_of_the_try() {
    let server = Server::start(Site::default());
    let urls = (0..4).map(|n| server.url(&format!("/delay/150ms?n={n}")));
    let done = bed(urls).concurrency(1).run().all_ok(4);
    for (turn, record) in done.records.iter().enumerate() {
        let waited = Duration::from_millis(150) * turn as u32;
        assert!(record.time_queue >= waited, "turn {turn}: {:?}", record.time_queue);
        assert!(record.timings.total >= Duration::from_millis(150));
        assert!(record.timings.total <= record.time_queue + Duration::from_secs(10));
    }
}
