//! The way out of the outbox: order, digests, retries, pauses, ends.

use std::time::Duration;

use gather::alerts::{NotifyCounts, Text, Value, send_test};
use gather::fetch::NetOptions;
use gather::store::history::EventKind;
use gather_testkit::{Mute, Refusing, Server, Site};

use crate::bed::*;

fn counts(deliverer: &gather::alerts::Deliverer, channel: &str) -> NotifyCounts {
    let counts = deliverer.metrics().counts();
    let found = counts.iter().find(|(name, _)| **name == *channel);
    found.map(|(_, counts)| *counts).unwrap_or_default()
}

#[test]
fn a_notice_is_delivered_once_under_its_key() {
    let server = Server::start(Site::default());
    let mut bed = Bed::new();
    bed.put("i17:down:ops", "ops", event(EventKind::Down));
    let deliverer = bed.deliver(vec![webhook("ops", &server.url("/ok"))]);
    bed.until_empty();
    bed.put("i17:down:ops", "ops", event(EventKind::Down));
    bed.put("i17:up:ops", "ops", event(EventKind::Up));
    deliverer.nudge();
    bed.until_empty();
    let requests = server.requests();
    let keys: Vec<String> = requests.iter().map(key).collect();
    assert_eq!(keys, ["i17:down:ops", "i17:up:ops"], "a key is put once");
    let body = json(&requests[0]);
    assert_eq!(body["title"], "shop is down");
    assert_eq!(body["event"], "down");
    assert_eq!(body["reason"], "connection refused");
    assert_eq!(body["error_kind"], "connect.refused");
    assert_eq!(body["tags"]["team"], "web");
    assert_eq!(body["events"][0]["key"], "i17:down:ops");
    assert_eq!(json(&requests[1])["title"], "shop is up again after 4 min 12 s");
    assert_eq!(requests[0].header("content-type"), Some("application/json"));
    let want = NotifyCounts { delivered: 2, events: 2, ..NotifyCounts::default() };
    assert_eq!(counts(&deliverer, "ops"), want);
}

#[test]
fn a_key_that_no_header_takes_is_hashed() {
    let server = Server::start(Site::default());
    let mut bed = Bed::new();
    bed.put("target:Läden \"x\"\r\nX: y", "ops", event(EventKind::Down));
    let _deliverer = bed.deliver(vec![webhook("ops", &server.url("/flaky?fail=1&status=500"))]);
    bed.until_empty();
    let keys: Vec<String> = server.requests().iter().map(key).collect();
    assert!(keys[0].starts_with("hash:") && keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    assert!(server.requests().iter().all(|request| request.header("x").is_none()));
}

#[test]
fn a_storm_is_few_messages_that_say_how_many_they_stand_for() {
    let server = Server::start(Site::default());
    let mut bed = Bed::new();
    let notice = |n: i64| {
        let mut event = event(EventKind::Down);
        event.target = Some(format!("shop {n}").into());
        event.incident = Some(n);
        gather::store::history::Notice {
            id: 0,
            key: format!("{n}").into(),
            channel: "ops".into(),
            due: event.at,
            tries: 0,
            event,
        }
    };
    bed.outbox.put(&(0..1_000).map(notice).collect::<Vec<_>>()).expect("written");
    let usual = [
        ("webhook", Value::text(&server.url("/ok"))),
        ("digest", Value::text("30s")),
        ("per_hour", Value::Number(20.0)),
    ];
    let deliverer = bed.deliver(vec![channel("ops", &usual)]);
    bed.until_empty();
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    let body = json(&requests[0]);
    assert_eq!(body["title"], "1,000 events: 1,000 down");
    assert_eq!(body["count"], 1_000);
    let text = body["text"].as_str().expect("text");
    assert!(text.ends_with("and 980 more: 980 down"), "{text}");
    assert!(text.len() < 4_000, "{} bytes", text.len());
    assert_eq!(event_keys(&requests[0]).len(), 200, "no more than a receiver takes");
    assert!(requests[0].body_bytes < 1 << 20, "{} bytes", requests[0].body_bytes);
    let want = NotifyCounts { delivered: 1, events: 1_000, ..NotifyCounts::default() };
    assert_eq!(counts(&deliverer, "ops"), want);
}

#[test]
fn what_fails_is_sent_again_the_same_until_it_is_taken() {
    for (path, tries) in [
        ("/flaky?fail=2&status=500", 3),
        ("/flaky?fail=1&how=reset", 2),
        ("/flaky?fail=1&how=close", 2),
        ("/flaky?fail=1&status=404", 2),
        ("/flaky?fail=1&status=401", 2),
    ] {
        let server = Server::start(Site::default());
        let mut bed = Bed::new();
        bed.put("a", "ops", event(EventKind::Down));
        bed.put("b", "ops", event(EventKind::Flapping));
        let deliverer = bed.deliver(vec![webhook("ops", &server.url(path))]);
        bed.until_empty();
        let requests = server.requests();
        assert_eq!(requests.len(), tries, "{path}");
        for request in &requests {
            assert_eq!(request.body, requests[0].body, "{path}");
            assert_eq!(key(request), key(&requests[0]), "{path}");
        }
        let counts = counts(&deliverer, "ops");
        assert_eq!((counts.delivered, counts.events), (1, 2), "{path}");
        assert_eq!(counts.failed, tries as u64 - 1, "{path}");
    }
}

#[test]
fn a_service_that_asks_for_a_pause_is_given_it() {
    for status in [429, 503] {
        let server = Server::start(Site::default());
        let mut bed = Bed::new();
        bed.put("a", "ops", event(EventKind::Down));
        let url = server.url(&format!("/flaky?fail=1&status={status}&retry_after=1"));
        let _deliverer = bed.deliver(vec![webhook("ops", &url)]);
        bed.until_empty();
        let times: Vec<Duration> = server.requests().iter().map(|request| request.at).collect();
        assert_eq!(times.len(), 2);
        assert!(times[1] - times[0] >= Duration::from_secs(1), "{times:?}");
    }
}

#[test]
fn a_message_that_is_refused_for_good_is_given_up_and_says_why() {
    let server = Server::start(Site::default());
    let mut bed = Bed::new();
    bed.put("a", "ops", event(EventKind::Down));
    let deliverer = bed.deliver(vec![webhook("ops", &server.url("/status/400"))]);
    bed.until_empty();
    assert_eq!(server.hits(), 1);
    assert_eq!(counts(&deliverer, "ops").given_up, 1);
    let error = last_error(&bed);
    assert!(error.starts_with("answered 400"), "{error}");
}

#[test]
fn what_is_tried_for_too_long_is_given_up() {
    let server = Server::start(Site::default());
    let mut bed = Bed::new();
    bed.put("a", "ops", event(EventKind::Down));
    bed.put("b", "mail", event(EventKind::Down));
    // 20 ms and 40 ms are more than 50 ms.
    let pairs = [("webhook", server.url("/status/503")), ("retry_for", "50ms".to_owned())];
    let pairs = pairs.map(|(key, value)| (key, Value::text(&value)));
    let deliverer = bed.deliver(vec![channel("ops", &pairs)]);
    bed.until_empty();
    assert_eq!(server.hits(), 2);
    assert_eq!(counts(&deliverer, "ops").given_up, 1);
    assert_eq!(counts(&deliverer, "mail"), NotifyCounts::default(), "its channel is gone");
}

#[test]
fn a_redirect_is_no_delivery() {
    let server = Server::start(Site::default());
    let channel = webhook("ops", &server.url("/redirect/1"));
    let tested = send_test(&channel, NetOptions::default()).expect("it can be tried");
    let error = tested.answer.expect_err("a redirect");
    assert_eq!(&*error, "answered 302; redirects are not followed: write the URL that it leads to");
    assert_eq!(server.hits(), 1);
}

#[test]
fn a_channel_that_hangs_delays_no_other() {
    let (mute, refusing) = (Mute::start(), Refusing::start());
    let server = Server::start(Site::default());
    let mut bed = Bed::new();
    for name in ["mute", "refusing", "ops"] {
        bed.put(&format!("a:{name}"), name, event(EventKind::Down));
    }
    let channels = vec![
        webhook("mute", &format!("http://{}/", mute.addr())),
        webhook("refusing", &format!("http://{}/", refusing.addr())),
        webhook("ops", &server.url("/ok")),
    ];
    let deliverer = bed.deliver(channels);
    until("the mute one is asked", || mute.connections() == 1);
    for n in 0..5 {
        bed.put(&format!("{n}"), "ops", event(EventKind::Flapping));
        deliverer.nudge();
        requests(&server, 2 + n);
    }
    assert_eq!(mute.connections(), 1, "it is still waited for");
    // What is not delivered waits: for the next deliverer, if this one is stopped.
    drop(deliverer);
    assert_eq!(bed.outbox.waiting().expect("counted"), 2);
    let channels =
        vec![webhook("mute", &server.url("/ok")), webhook("refusing", &server.url("/ok"))];
    let _deliverer = bed.deliver(channels);
    bed.until_empty();
}

#[test]
fn a_time_that_is_over_is_a_failure() {
    let server = Server::start(Site::default());
    let pairs =
        [("webhook", Value::text(&server.url("/silent"))), ("timeout", Value::text("200ms"))];
    let tested =
        send_test(&channel("ops", &pairs), NetOptions::default()).expect("it can be tried");
    let error = tested.answer.expect_err("silence");
    assert!(error.starts_with("timeout."), "{error}");
}

#[test]
fn no_secret_comes_back_out() {
    // The service says all that it was told.
    let server = Server::start(Site::default());
    let secret = |path: &str| {
        let url = server.url(&format!("/{path}/{CANARY}?sig={CANARY}"));
        Value::Text(Text::resolved(&url, "${env:HOOK}"))
    };
    let hook = |path: &str| {
        let token = Value::Text(Text::resolved(&format!("Bearer {CANARY}"), "Bearer ${env:TOKEN}"));
        let headers = Value::Table(vec![("authorization".to_owned(), token)]);
        channel("ops", &[("webhook", secret(path)), ("headers", headers)])
    };
    let echo = Value::Text(Text::resolved(&server.url(&format!("/echo?sig={CANARY}")), "${env:E}"));
    let script = format!("echo {CANARY} >&2; exit 3");
    let args = ["/bin/sh", "-c"].map(Value::text).into_iter();
    let script = Value::Text(Text::resolved(&script, "echo ${env:TOKEN} >&2; exit 3"));
    let command = Value::List(args.chain([script]).collect());
    let failing = [
        hook("x"),
        channel("ops", &[("slack", secret("services"))]),
        channel("ops", &[("discord", secret("silent")), ("timeout", Value::text("100ms"))]),
        channel("ops", &[("teams", Value::text(&format!("http://127.0.0.1:1/{CANARY}")))]),
        channel("ops", &[("command", command)]),
        channel("ops", &[("webhook", echo)]),
    ];
    let folder = tempfile::tempdir().expect("a directory");
    for channel in failing {
        let tested = send_test(&channel, NetOptions::default()).expect("it can be tried");
        let shown = format!("{tested} {tested:?} {channel:?}");
        assert!(!shown.contains(CANARY), "{shown}");
        let mut bed = Bed::new();
        bed.put("a", "ops", event(EventKind::Down));
        let deliverer = bed.deliver(vec![channel]);
        until("it is tried", || {
            let counts = counts(&deliverer, "ops");
            counts.failed + counts.given_up + counts.delivered > 0
        });
        drop(deliverer);
        let file = std::fs::read(bed.path()).expect("the history");
        let held = file.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
        assert!(!held, "the history holds a secret");
    }
    drop(folder);
    assert!(server.requests().iter().any(|request| request.target.contains(CANARY)));
}

#[test]
fn channels_can_be_changed_while_notices_wait() {
    let server = Server::start(Site::default());
    let refusing = Refusing::start();
    let mut bed = Bed::new();
    bed.put("a", "ops", event(EventKind::Down));
    let deliverer = bed.deliver(vec![webhook("ops", &format!("http://{}/", refusing.addr()))]);
    until("it fails", || counts(&deliverer, "ops").failed > 0);
    deliverer.set_channels(vec![webhook("ops", &server.url("/ok"))]).expect("few");
    bed.until_empty();
    assert_eq!(server.hits(), 1);
}

#[test]
fn a_command_is_told_by_stdin_and_environment_and_by_no_shell() {
    let folder = tempfile::tempdir().expect("a directory");
    let out = folder.path().join("out");
    let script = "cat > \"$0\"; echo \"$GATHER_EVENT|$GATHER_TARGET|$1\" >> \"$0\"";
    let argv = ["/bin/sh", "-c", script, &out.display().to_string(), "$(id) `id` ;id"];
    let argv = Value::List(argv.iter().map(|arg| Value::text(arg)).collect());
    let mut bed = Bed::new();
    bed.put("a", "ops", event(EventKind::Down));
    let deliverer = bed.deliver(vec![channel("ops", &[("command", argv)])]);
    bed.until_empty();
    assert_eq!(counts(&deliverer, "ops").delivered, 1);
    let written = std::fs::read_to_string(&out).expect("the command ran");
    let (body, variables) = written.split_once("}down").expect("JSON, then variables");
    let body: serde_json::Value = serde_json::from_str(&format!("{body}}}")).expect("JSON");
    assert_eq!(body["key"], "a");
    assert_eq!(variables, "|shop|$(id) `id` ;id\n");
}

#[test]
fn a_command_that_does_not_end_is_killed_with_what_it_started() {
    let folder = tempfile::tempdir().expect("a directory");
    let pid = folder.path().join("pid");
    let script = format!("sleep 600 & echo $! > '{}'; wait", pid.display());
    let argv = Value::List(["/bin/sh", "-c", &script].iter().map(|arg| Value::text(arg)).collect());
    let channel = channel("ops", &[("command", argv), ("timeout", Value::text("500ms"))]);
    let tested = send_test(&channel, NetOptions::default()).expect("it can be tried");
    let error = tested.answer.expect_err("it does not end");
    assert_eq!(&*error, "it did not end within 500ms");
    let pid = std::fs::read_to_string(&pid).expect("it began");
    let status = format!("/proc/{}/stat", pid.trim());
    until("what it started is gone", || {
        let stat = std::fs::read_to_string(&status).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ")
    });
}

#[test]
fn a_heartbeat_is_heard_while_the_watch_is_well() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    let server = Server::start(Site::default());
    let bed = Bed::new();
    let pairs = [
        ("heartbeat".to_owned(), Value::text(&server.url("/ok?alive"))),
        ("fail".to_owned(), Value::text(&server.url("/ok?fail"))),
        ("every".to_owned(), Value::text("1s")),
        ("method".to_owned(), Value::text("POST")),
    ];
    let alive = gather::alerts::Channel::parse("alive", &pairs).expect("a channel");
    let is_well = Arc::new(AtomicBool::new(true));
    let health = Arc::clone(&is_well);
    let deliverer = gather::alerts::Deliverer::start(gather::alerts::DelivererOptions {
        place: bed.place(),
        channels: vec![alive],
        net: NetOptions::default(),
        health: Arc::new(move || match health.load(Ordering::Relaxed) {
            true => Ok(()),
            false => Err("the store does not answer".to_owned()),
        }),
    });
    let _deliverer = deliverer.expect("a deliverer");
    assert_eq!(requests(&server, 1)[0].target, "/ok?alive");
    is_well.store(false, Ordering::Relaxed);
    until("it is told", || server.requests().iter().any(|told| told.target == "/ok?fail"));
    let requests = server.requests();
    let fail = requests.iter().find(|told| told.target == "/ok?fail").expect("told");
    assert_eq!(fail.body, b"the store does not answer");
}

/// Why the only notice of a bed was given up.
fn last_error(bed: &Bed) -> String {
    let sql = "SELECT error FROM watch_notice WHERE delivered = 0";
    let out = std::process::Command::new("sqlite3").arg(bed.path()).arg(sql).output();
    let out = out.expect("sqlite3 is installed by cargo xtask test");
    String::from_utf8(out.stdout).expect("text").trim().to_owned()
}
