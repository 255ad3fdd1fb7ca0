//! The engine against real servers over loopback: from async code and without it, full, dropped.

use std::cell::Cell;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gather::core::config::{HostConcurrency, StopRule};
use gather::core::{ErrorKind, Method, Outcome, Record, RequestSpec, Target, TargetNo};
use gather::engine::{FetchError, Stopped, SubmitError};
use gather::fetch::http::{HeaderMap, HeaderValue};
use gather::fetch::{KeepBody, Sign};
use gather::{Bytes, Engine, EngineOptions, RunError, Url};
use gather_testkit::{RetryAfter, Server, Site};

/// Far beyond what any of these tests takes.
const PATIENCE: Duration = Duration::from_secs(30);

fn start(requests: u32, change: impl FnOnce(&mut EngineOptions)) -> Engine {
    let mut options = EngineOptions::with_concurrency(requests);
    options.shards = NonZeroUsize::new(1);
    change(&mut options);
    Engine::start(options).expect("options that can be used")
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "it never came about that {what}");
        std::thread::yield_now();
    }
}

fn some(count: usize) -> Option<NonZeroUsize> {
    NonZeroUsize::new(count)
}

/// What a test says of a record: `ok 200`, `failed http.status 404`.
fn show(record: &Record) -> String {
    let mut shown = record.outcome.as_str().to_owned();
    if let Some(error) = record.outcome.error() {
        shown = format!("{shown} {}", error.kind.as_str());
    }
    match record.status_code {
        0 => shown,
        status => format!("{shown} {status}"),
    }
}

#[test]
fn a_target_has_its_record_wherever_it_is_awaited() {
    let server = Server::start(Site::default());
    let engine = start(4, |_| {});
    let check = |path: &str, want: &str| {
        let record = engine.fetch(server.url(path)).wait().expect("a record");
        assert_eq!(show(&record), want, "{path}");
        assert_eq!(record.url, server.url(path));
    };
    check("/ok", "ok 200");
    check("/status/404", "failed http.status 404");
    check("/redirect/2", "ok 200");
    let connections = server.connections();
    let url = server.url("/ok");
    let current = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let record = current.block_on(engine.fetch(&url)).expect("a record");
    assert_eq!(show(&record), "ok 200");
    let many = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build();
    let many = many.expect("a runtime");
    let spawned = many.block_on(many.spawn(engine.fetch(&url))).expect("no panic");
    assert_eq!(show(&spawned.expect("a record")), "ok 200");
    assert_eq!(server.connections(), connections, "calls share their connections");
}

#[tokio::test]
async fn an_engine_starts_and_ends_within_a_runtime_of_one_thread() {
    let server = Server::start(Site::default());
    let engine = start(4, |_| {});
    let (one, other) = tokio::join!(engine.fetch(server.url("/ok")), {
        let engine = engine.clone();
        let url = server.url("/delay/20ms");
        async move { engine.fetch(url).await }
    });
    assert_eq!(show(&one.expect("a record")), "ok 200");
    assert_eq!(show(&other.expect("a record")), "ok 200");
    engine.close().expect("a clean end");
    assert_eq!(engine.fetch(server.url("/ok")).await.expect_err("closed"), FetchError::Stopped);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_never_exceed_the_concurrency_together() {
    for shards in [1, 3] {
        let server = Server::start(Site::default().on_hosts(6));
        let engine = start(7, |options| options.shards = some(shards));
        let fetch = |index: usize| engine.fetch(server.url_on(index % 6, "/delay/5ms"));
        let callers: Vec<_> = (0..210).map(|index| tokio::spawn(fetch(index))).collect();
        for caller in callers {
            let record = caller.await.expect("no panic").expect("a record");
            assert_eq!(show(&record), "ok 200");
        }
        assert_eq!(server.hits(), 210);
        assert_eq!(server.in_flight_max(), 7, "with {shards} shards");
        assert_eq!(engine.outstanding(), 0);
    }
}

#[test]
fn a_full_engine_says_busy_at_once_and_gives_the_target_back() {
    let server = Server::start(Site::default());
    let engine = start(4, |options| options.outstanding = some(2));
    let first = engine.try_submit(server.url("/silent")).expect("room");
    let second = engine.try_submit(server.url("/silent")).expect("room");
    let Err(SubmitError::Busy(target)) = engine.try_submit(server.url("/ok")) else {
        panic!("it holds all it may");
    };
    assert_eq!(target.url.as_str(), server.url("/ok"));
    assert_eq!(engine.outstanding(), 2);
    drop(first);
    let mut target = Some(target);
    let mut accepted = None;
    until("there is room again", || {
        match engine.try_submit(*target.take().expect("given back")) {
            Ok(fetching) => accepted = Some(fetching),
            Err(SubmitError::Busy(again)) => target = Some(again),
            Err(other) => panic!("{other}"),
        }
        accepted.is_some()
    });
    let record = accepted.expect("accepted").wait().expect("a record");
    assert_eq!(show(&record), "ok 200");
    drop(second);
}

#[tokio::test]
async fn a_call_waits_while_the_engine_is_full() {
    let server = Server::start(Site::default());
    let engine = start(4, |options| options.outstanding = some(1));
    let first = engine.try_submit(server.url("/silent")).expect("room");
    let mut second = Box::pin(engine.fetch(server.url("/ok")));
    let early = tokio::time::timeout(Duration::from_millis(50), &mut second).await;
    assert!(early.is_err(), "there is no room: {early:?}");
    assert_eq!(server.requests().iter().filter(|request| request.path() == "/ok").count(), 0);
    drop(first);
    let record = second.await.expect("a record");
    assert_eq!(show(&record), "ok 200");
}

#[test]
fn dropping_a_future_cuts_off_a_request_in_flight() {
    let server = Server::start(Site::default());
    let engine = start(4, |_| {});
    for path in ["/silent", "/headers-then-silent", "/drip?bps=1"] {
        let fetching = engine.try_submit(server.url(path)).expect("room");
        until("the server has the request", || server.stats().in_flight == 1);
        drop(fetching);
        until("the server sees the connection closed", || server.stats().connections_open == 0);
        until("its place is free", || engine.outstanding() == 0);
    }
    let record = engine.fetch(server.url("/ok")).wait().expect("a record");
    assert_eq!(show(&record), "ok 200");
}

#[test]
fn dropping_a_future_takes_a_waiting_target_out_of_its_queue() {
    let server = Server::start(Site::default());
    let engine = start(4, |options| options.config.host_concurrency = one());
    let first = engine.try_submit(server.url("/silent")).expect("room");
    until("the host is busy", || server.stats().in_flight == 1);
    let waiting = engine.try_submit(server.url("/ok")).expect("room");
    let retried = engine.try_submit(server.url("/ok?2")).expect("room");
    assert_eq!(engine.outstanding(), 3);
    drop(waiting);
    until("its place is free, though its host is as busy as before", || engine.outstanding() == 2);
    drop(first);
    let record = retried.wait().expect("a record");
    assert_eq!(show(&record), "ok 200");
    assert_eq!(server.hits(), 2, "the one that was dropped was never sent");
}

fn one() -> HostConcurrency {
    HostConcurrency::Fixed(NonZeroU32::MIN)
}

#[test]
fn dropping_the_engine_ends_everything_it_was_given() {
    let server = Server::start(Site::default().on_hosts(4));
    for shards in [1, 2] {
        let engine = start(8, |options| {
            options.shards = some(shards);
            options.outstanding = some(6);
            options.config.host_concurrency = one();
        });
        let submit = |path: &str, host| engine.try_submit(server.url_on(host, path));
        let in_flight: Vec<_> = (0..4).map(|host| submit("/silent", host).expect("room")).collect();
        let waiting: Vec<_> = (0..2).map(|host| submit("/ok", host).expect("room")).collect();
        let outside = engine.fetch(server.url("/ok"));
        until("the servers have the requests", || server.stats().in_flight == 4);
        drop(engine);
        for fetching in in_flight.into_iter().chain(waiting) {
            assert_eq!(fetching.wait().expect_err("no record"), Stopped);
        }
        assert_eq!(outside.wait().expect_err("no engine"), FetchError::Stopped);
        until("its connections are closed", || server.stats().connections_open == 0);
    }
}

#[test]
fn a_refusal_of_one_call_holds_for_the_others() {
    let asked = Duration::from_secs(2);
    let site = Site { rate_per_s: 1.0, burst: 1, ..Site::default() };
    let server = Server::start(Site { retry_after: RetryAfter::Seconds(2), ..site });
    let engine = start(4, |options| options.config.host_concurrency = one());
    let submit = |_| engine.try_submit(server.url("/limited")).expect("room");
    let calls: Vec<_> = (0..3).map(submit).collect();
    for call in calls {
        assert_eq!(show(&call.wait().expect("a record")), "ok 200");
    }
    assert!(server.stats().status(429) > 0, "the second came at once and was refused");
    let requests = server.requests();
    let pause = requests[2].at - requests[1].at;
    assert!(pause >= asked, "it asked for {asked:?} and got {pause:?}");
}

#[test]
fn bodies_come_as_bytes_unless_they_are_not_wanted() {
    let server = Server::start(Site::default());
    let check = |keep: KeepBody, path: &str, want: Option<usize>| {
        let engine = start(1, |options| options.client.keep.body = keep);
        let record = engine.fetch(server.url(path)).wait().expect("a record");
        assert_eq!(record.body.as_ref().map(Bytes::len), want, "{path} with {keep:?}");
    };
    assert_eq!(EngineOptions::default().client.keep.body, KeepBody::All);
    check(KeepBody::All, "/ok?size=100000", Some(100_000));
    check(KeepBody::All, "/encoding/gzip?size=5000", Some(5_000));
    check(KeepBody::UpTo(10), "/ok?size=100000", Some(10));
    check(KeepBody::No, "/ok?size=100000", None);
}

#[test]
fn bodies_that_the_program_keeps_do_not_stop_the_engine() {
    let server = Server::start(Site::default());
    let engine = start(4, |options| {
        options.config.caps.memory_bytes_max = 100_000;
        options.config.timeout = PATIENCE;
    });
    let urls = (0..10).map(|_| server.url("/ok?size=60000"));
    let bodies: Vec<_> = engine.fetch_all(urls).map(|record| record.expect("one").body).collect();
    let bytes: usize = bodies.iter().flatten().map(Bytes::len).sum();
    assert_eq!(bytes, 600_000);
}

struct Signer;

impl Sign for Signer {
    fn sign(
        &self,
        method: &Method,
        url: &Url,
        headers: &mut HeaderMap,
        body: &[u8],
    ) -> Result<(), String> {
        let sent = format!("{} {} {}", method.as_str(), url.path(), body.len());
        let signed = HeaderValue::from_str(&sent).map_err(|error| error.to_string())?;
        headers.insert("x-signature", signed);
        match url.path() {
            "/status/201" => Err("no key for it".into()),
            _ => Ok(()),
        }
    }
}

#[test]
fn a_signer_sees_each_request_in_its_final_form() {
    let server = Server::start(Site::default());
    let engine = start(1, |options| options.client.signer = Some(Arc::new(Signer)));
    let url = Url::parse(&server.url("/echo")).expect("a URL");
    let mut target = Target::new(TargetNo(0), url).expect("http");
    let body = Some(Bytes::from_static(b"hello"));
    let spec = RequestSpec { method: Some(Method::POST), body, ..RequestSpec::default() };
    target.request = Some(spec.into());
    let record = engine.fetch(target).wait().expect("a record");
    assert_eq!(show(&record), "ok 200");
    assert_eq!(server.requests()[0].header("x-signature"), Some("POST /echo 5"));
    let record = engine.fetch(server.url("/status/201")).wait().expect("a record");
    assert_eq!(show(&record), "skipped input.invalid");
    assert_eq!(server.hits(), 1, "what cannot be signed is not sent");
}

#[test]
fn what_is_no_url_is_told_clearly() {
    let engine = start(1, |_| {});
    let check = |text: &str, kind: ErrorKind, want: &str| {
        let Err(FetchError::Invalid(invalid)) = engine.fetch(text).wait() else {
            panic!("{text} was fetched");
        };
        assert_eq!((invalid.kind, invalid.to_string().as_str()), (kind, want));
    };
    check("http://", ErrorKind::InputInvalid, r#""http://" cannot be fetched: no host in the URL"#);
    check(
        "ftp://me:secret@a.example/",
        ErrorKind::BlockedScheme,
        r#""ftp://***@a.example/" cannot be fetched: scheme "ftp" is not fetched, only http and https"#,
    );
    let long = format!("http://a.example/{}", "x".repeat(9_000));
    let Err(FetchError::Invalid(invalid)) = engine.fetch(&long).wait() else {
        panic!("it was fetched");
    };
    assert_eq!(invalid.kind, ErrorKind::InputTooLong);
    assert!(invalid.input.len() <= 200);
    let mailto = Url::parse("mailto:a@b.example").expect("a URL");
    assert!(matches!(engine.try_submit(mailto), Err(SubmitError::Invalid(_))));
}

#[test]
fn every_input_of_a_run_has_exactly_one_record() {
    let server = Server::start(Site::default().on_hosts(3));
    for (shards, read_ahead) in [(1, 256), (2, 256), (1, 1)] {
        let engine = start(16, |options| {
            options.shards = some(shards);
            options.read_ahead = some(read_ahead);
        });
        let url = |n: usize| match n % 10 {
            3 => "http://".to_owned(),
            7 => server.url_on(n % 3, "/status/404"),
            _ => server.url_on(n % 3, "/ok"),
        };
        let records: Vec<_> =
            engine.fetch_all((0..300).map(url)).map(|record| record.expect("a record")).collect();
        let mut numbers: Vec<_> = records.iter().map(|record| record.n).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..300).collect::<Vec<_>>());
        for record in records {
            let want = match record.n % 10 {
                3 => "skipped input.invalid",
                7 => "failed http.status 404",
                _ => "ok 200",
            };
            assert_eq!(show(&record), want, "{}", record.n);
        }
        assert_eq!(engine.outstanding(), 0);
    }
}

#[tokio::test]
async fn records_come_in_the_order_in_which_they_end() {
    let server = Server::start(Site::default());
    let engine = start(4, |_| {});
    let mut outcomes = engine.run([server.url("/delay/500ms"), server.url("/ok")]);
    let mut order = Vec::new();
    while let Some(record) = outcomes.next().await {
        order.push(record.expect("a record").n);
    }
    assert_eq!(order, [1, 0]);
    assert!(outcomes.next().await.is_none(), "and nothing comes after the end");
}

#[test]
fn a_run_is_read_no_further_ahead_than_allowed() {
    let server = Server::start(Site::default());
    let engine = start(4, |options| options.read_ahead = some(5));
    let read = Cell::new(0);
    let urls = (0..100).map(|_| {
        read.set(read.get() + 1);
        server.url("/ok")
    });
    let mut records = engine.fetch_all(urls);
    for taken in 1..=20 {
        records.next().expect("more to come").expect("a record");
        assert!(read.get() < taken + 5, "{} read when {taken} were taken", read.get());
    }
    until("what was read is fetched", || server.hits() == read.get());
    assert_eq!(records.count(), 80);
}

#[test]
fn dropping_a_run_cancels_what_is_under_way() {
    let server = Server::start(Site::default());
    let engine = start(4, |options| options.config.host_concurrency = one());
    let mut records = engine.fetch_all([
        server.url("/ok"),
        server.url("/silent"),
        server.url("/ok?waits"),
        server.url("/ok?too"),
    ]);
    records.next().expect("more to come").expect("a record");
    until("the server is silent", || server.stats().in_flight == 1);
    drop(records);
    until("all places are free", || engine.outstanding() == 0);
    until("the server sees the connection closed", || server.stats().connections_open == 0);
    assert_eq!(server.hits(), 2);
}

#[test]
fn a_run_says_when_its_engine_was_stopped() {
    let server = Server::start(Site::default());
    let engine = start(4, |options| options.config.host_concurrency = one());
    let first = server.url("/ok");
    let mut records = engine.fetch_all([first, server.url("/silent"), server.url("/ok")]);
    assert_eq!(show(&records.next().expect("more").expect("a record")), "ok 200");
    until("the server is silent", || server.hits() == 2);
    engine.stop().now();
    assert_eq!(records.next().expect("more").expect_err("stopped"), Stopped);
    assert!(records.next().is_none());
}

#[test]
fn a_stop_rule_cancels_the_rest_with_records() {
    let server = Server::start(Site::default());
    let engine = start(1, |options| options.config.stop = StopRule::FirstFailure);
    let urls = [server.url("/status/404"), server.url("/ok"), server.url("/ok")];
    let shown: Vec<_> =
        engine.fetch_all(urls).map(|record| show(&record.expect("a record"))).collect();
    assert_eq!(shown, ["failed http.status 404", "skipped cancelled", "skipped cancelled"]);
    let late = engine.fetch(server.url("/ok")).wait().expect("a record");
    assert!(matches!(late.outcome, Outcome::Skipped(_)), "{late:?}");
    assert_eq!(server.hits(), 1);
}

#[test]
fn an_option_that_cannot_be_used_is_told_at_the_start() {
    let mut options = EngineOptions::default();
    options.client.headers = vec![("no\nheader".into(), "x".into())];
    let error = Engine::start(options).expect_err("a header that cannot be sent");
    assert!(matches!(error, RunError::Client(_)), "{error}");
}
