//! Tries that take too long: each is named by what it was waiting for.

use std::rc::Rc;
use std::time::Duration;

use gather_core::config::MinSpeed;
use gather_core::{RequestSpec, Sent, Target};
use gather_fetch::{ClientOptions, Phase, TryState};

use crate::server::{Reply, Server, Then};
use crate::{client, ending, fetch, run, target};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// How a try of `timeout_ms` against `reply` ends, and how many bytes of its body were counted.
fn check(timeout_ms: u64, min_speed: Option<MinSpeed>, reply: fn() -> Reply) -> (String, u64) {
    run(async {
        let server = Server::start(move |_| reply()).await;
        let options =
            ClientOptions { timeout: ms(timeout_ms), min_speed, ..ClientOptions::default() };
        let client = client(options);
        let attempt = fetch(&client, &target(&server.url)).await;
        // The connection is not used again.
        assert_eq!(client.stats().idle + client.stats().in_use, 0);
        assert_eq!(attempt.sent, Sent::Maybe);
        assert!(attempt.timings.total >= ms(100), "{:?}", attempt.timings);
        (ending(&attempt), attempt.body.wire_bytes)
    })
}

fn drip(pieces: usize, gap_ms: u64) -> Reply {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n".to_vec();
    let pieces = std::iter::once(head).chain(std::iter::repeat_n(b"x".to_vec(), pieces)).collect();
    Reply { pieces, gap: ms(gap_ms), then: Then::Silence }
}

#[test]
fn a_timeout_is_named_by_what_was_waited_for() {
    assert_eq!(
        check(200, None, || Reply::new("", Then::Silence)),
        ("timeout.first_byte".to_owned(), 0)
    );
    assert_eq!(
        check(200, None, || Reply::new("HTTP/1.1 200", Then::Silence)),
        ("timeout.first_byte".to_owned(), 0)
    );
    assert_eq!(check(200, None, || drip(0, 0)), ("timeout.body".to_owned(), 0));
    assert_eq!(check(400, None, || drip(3, 1)), ("timeout.body".to_owned(), 3));
    let (kind, bytes) = check(600, None, || drip(999, 10));
    assert_eq!(kind, "timeout.total");
    assert!(bytes > 0);
}

#[test]
fn a_body_below_the_minimum_speed_is_given_up_long_before_the_deadline() {
    let min_speed = Some(MinSpeed { bytes: 500, window: ms(150) });
    assert_eq!(check(50_000, min_speed, || drip(900, 10)).0, "timeout.slow");
    assert_eq!(check(50_000, min_speed, || drip(0, 0)).0, "timeout.body");
}

#[test]
fn a_target_and_a_hop_have_their_own_time() {
    run(async {
        let server = Server::start(|_| Reply::new("", Then::Silence)).await;
        let client = client(ClientOptions::default());
        let spec = RequestSpec { timeout: Some(ms(100)), ..RequestSpec::default() };
        let own = Target { request: Some(spec.into()), ..target(&server.url) };
        assert_eq!(ending(&fetch(&client, &own).await), "timeout.first_byte");
        let state = TryState { time_left: Some(ms(100)), ..TryState::default() };
        let attempt = client.fetch(&target(&server.url), &state, None).await.unwrap();
        assert_eq!(ending(&attempt), "timeout.first_byte");
    });
}

#[test]
fn the_phase_is_told_and_dropping_a_try_closes_its_connection() {
    run(async {
        let server = Server::start(|_| Reply::new("", Then::Silence)).await;
        let client = client(ClientOptions::default());
        let state = TryState::default();
        let progress = Rc::clone(&state.progress);
        assert_eq!(progress.phase(), Phase::Queued);
        let url = target(&server.url);
        let cancelled = tokio::time::timeout(ms(200), client.fetch(&url, &state, None)).await;
        assert!(cancelled.is_err());
        assert_eq!(progress.phase(), Phase::FirstByte);
        assert_eq!(client.stats().in_use, 0);
        assert_eq!(client.stats().idle, 0);
    });
}
