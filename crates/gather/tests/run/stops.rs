//! Runs that end before their end: for failures, by a deadline, by a signal, by being dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gather::core::Method;
use gather::core::config::StopRule;
use gather::fetch::Sign;
use gather::summary::Ended;
use gather::{Run, RunError};
use gather_testkit::{Server, Site};
use http::HeaderMap;
use url::Url;

use crate::bed::{Pending, bed, kind, until};

#[test]
fn too_many_failures_cancel_the_rest_and_record_it() {
    use StopRule::{FirstFailure, MoreThan, MoreThanShare, Never};
    // Each tenth target fails. The rule, how it ends, and how many fail at least.
    let cases = [
        (Never, Ended::Finished, 3000),
        (FirstFailure, Ended::FailFast, 1),
        (MoreThan(5), Ended::MaxFailures, 6),
        (MoreThanShare(0.05), Ended::MaxFailures, 2),
        (MoreThanShare(0.5), Ended::Finished, 3000),
    ];
    for (rule, ended, failures) in cases {
        for shards in [1, 3] {
            let server = Server::start(Site::default().on_hosts(10));
            // More than is read ahead, so that some of it is cancelled before it was handed out.
            let path = |n: usize| if n % 10 == 9 { "/status/404" } else { "/ok" };
            let urls = (0..30_000).map(|n| server.url_on(n % 7, &format!("{}?n={n}", path(n))));
            let done = bed(urls).concurrency(10).shards(shards).config(|c| c.stop = rule).run();
            let done = done.accounts_for(30_000, Pending::None);
            let what = format!("{rule:?} in {shards} shards: {:?}", done.summary.by_kind);
            assert_eq!(done.summary.ended, ended, "{what}");
            assert!(done.summary.failed >= failures, "{what}");
            if ended == Ended::Finished {
                assert_eq!((done.count("cancelled"), done.count("ok")), (0, 27_000));
            } else {
                assert!(done.summary.failed < failures + 40, "{what}");
                assert!(done.count("cancelled") > 25_000, "{what}");
                assert_eq!(done.count("cancelled") as u64, done.summary.skipped, "{what}");
            }
        }
    }
}

#[test]
fn fail_fast_does_not_wait_for_what_is_in_flight() {
    let server = Server::start(Site::default().on_hosts(3));
    let slow = (0..20).map(|n| server.url_on(1, &format!("/silent?n={n}")));
    let bad = [server.url_on(2, "/status/404?delay=100ms")];
    let done = bed(slow.chain(bad))
        .config(|config| config.stop = StopRule::FirstFailure)
        .run()
        .accounts_for(21, Pending::None);
    assert_eq!((done.count("cancelled"), done.count("http.status")), (20, 1));
    assert!(done.summary.wall < 15.0, "the silent ones have 20 s");
}

#[test]
fn a_deadline_leaves_the_rest_pending() {
    for shards in [1, 3] {
        let server = Server::start(Site::default().on_hosts(8));
        let fast = (0..40).map(|n| server.url_on(n % 4, &format!("/ok?n={n}")));
        let silent = (0..400).map(|n| server.url_on(4 + n % 4, &format!("/silent?n={n}")));
        let done = bed(fast.chain(silent))
            .shards(shards)
            .concurrency(60)
            .config(|config| config.deadline = Some(Duration::from_millis(1500)))
            .run()
            .accounts_for(440, Pending::Some);
        assert_eq!(done.summary.ended, Ended::Deadline);
        assert_eq!((done.summary.inputs, done.summary.pending), (440, 400));
        assert_eq!(done.count("ok"), 40);
    }
}

#[test]
fn a_deadline_that_was_met_is_no_end() {
    let server = Server::start(Site::default());
    let bed = bed([server.url("/ok")]);
    let done = bed.config(|config| config.deadline = Some(Duration::from_secs(30))).run();
    assert_eq!(done.all_ok(1).summary.ended, Ended::Finished);
}

#[test]
fn a_drain_lets_what_is_in_flight_end_and_starts_nothing() {
    for shards in [1, 3] {
        let server = Server::start(Site::default().on_hosts(5));
        let urls = (0..500).map(|n| server.url_on(n % 5, &format!("/delay/700ms?n={n}")));
        let done = bed(urls)
            .concurrency(20)
            .shards(shards)
            .run_with(|run| {
                until("20 in flight", || server.stats().in_flight == 20);
                run.stop().drain();
            })
            .expect("a stop is no error")
            .accounts_for(500, Pending::Some);
        assert_eq!(done.summary.ended, Ended::Stopped);
        let hits = server.hits();
        assert!((20..40).contains(&hits), "{hits}");
        let ended = done.count("ok") as u64;
        let once = ended..=ended + done.summary.given_up;
        assert!(once.contains(&hits), "what was begun has ended: {ended} of {hits}");
    }
}

#[test]
fn now_is_now_even_after_a_drain() {
    for drained in [false, true] {
        let server = Server::start(Site::default());
        let urls = (0..50).map(|n| server.url(&format!("/silent?n={n}")));
        let done = bed(urls)
            .concurrency(10)
            .run_with(|run| {
                until("some in flight", || server.stats().in_flight >= 4);
                if drained {
                    run.stop().drain();
                }
                run.stop().now();
            })
            .expect("a stop is no error")
            .accounts_for(50, Pending::Some);
        assert_eq!(done.summary.ended, Ended::Stopped);
        assert!(done.records.is_empty() && done.summary.wall < 9.0);
        until("all connections closed", || server.stats().connections_open == 0);
    }
}

#[test]
fn a_stop_that_comes_too_late_changes_nothing() {
    let server = Server::start(Site::default());
    let run = |run: &Run| {
        until("the end", || run.is_finished());
        run.stop().drain();
    };
    let done = bed([server.url("/ok")]).run_with(run).expect("finished").all_ok(1);
    assert_eq!(done.summary.ended, Ended::Finished);
}

#[test]
fn a_dropped_run_lets_go_of_its_connections() {
    let server = Server::start(Site::default());
    let urls = (0..50).map(|n| server.url(&format!("/silent?n={n}")));
    let mut bed = bed(urls);
    let run = Run::start(std::mem::take(&mut bed.options)).expect("it starts");
    until("some in flight", || server.stats().in_flight >= 4);
    drop(run);
    until("all connections closed", || server.stats().connections_open == 0);
}

/// A hook of the caller's that has a defect.
struct Panics(AtomicU64);

impl Sign for Panics {
    fn sign(&self, _: &Method, _: &Url, _: &mut HeaderMap, _: &[u8]) -> Result<(), String> {
        assert!(self.0.fetch_add(1, Ordering::Relaxed) < 20, "a defect of the caller");
        Ok(())
    }
}

#[test]
fn a_panic_anywhere_ends_the_run_and_is_told() {
    for shards in [1, 3] {
        let server = Server::start(Site::default().on_hosts(5));
        let urls = || (0..1000).map(|n| server.url_on(n % 5, &format!("/ok?n={n}")));
        let mut in_a_try = bed(urls()).shards(shards);
        in_a_try.options.client.signer = Some(Arc::new(Panics(AtomicU64::new(0))));
        let mut in_the_writer = bed(urls()).shards(shards);
        in_the_writer.options.on_record = Some(Box::new(|record| assert!(record.n < 100)));
        for bed in [in_a_try, in_the_writer] {
            let ended = bed.run_with(|_| {}).map(|done| done.summary);
            assert!(matches!(ended, Err(RunError::Panic)), "{ended:?}");
        }
    }
}

#[test]
fn an_option_that_cannot_be_used_is_told_before_anything_is_opened() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let output = dir.path().join("kept.jsonl");
    std::fs::write(&output, "precious\n").expect("written");
    let mut bed = bed(["http://a.example/"]).output(crate::bed::jsonl(&output));
    bed.options.client.headers = vec![("no name".into(), "x".into())];
    let ended = bed.run_with(|_| {}).map(|done| done.summary);
    assert!(matches!(ended, Err(RunError::Client(_))), "{ended:?}");
    assert_eq!(std::fs::read_to_string(&output).expect("it is there"), "precious\n");
}

#[test]
fn a_run_of_one_or_nothing_ends_by_itself() {
    let server = Server::start(Site::default());
    for shards in [1, 3] {
        bed([server.url("/ok")]).shards(shards).run().all_ok(1);
        let done = bed(["# nothing"]).shards(shards).run().accounts_for(0, Pending::None);
        assert_eq!(done.summary.ended, Ended::Finished);
        let done = bed(["http://["]).shards(shards).run().accounts_for(1, Pending::None);
        assert_eq!(kind(done.record(0)), "input.invalid");
    }
}
