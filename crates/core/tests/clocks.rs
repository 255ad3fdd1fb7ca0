//! What politeness owes to hosts, carried from one frontier into the next.

use std::num::NonZeroU32;

use gather_core::config::{HostConcurrency, Rate};
use gather_core::frontier::{HostClock, NameNeeded, Next, Reading, Signal, Spends};
use gather_core::{Config, Duration, ErrorKind, Failure, Frontier, HostKey, Scheme, Time};

fn at(ms: u64) -> Time {
    Time::from_millis(ms)
}

fn key(name: &str) -> HostKey {
    HostKey::new(Scheme::Http, name, 80)
}

fn config() -> Config {
    Config {
        concurrency: NonZeroU32::new(50).expect("not zero"),
        host_concurrency: HostConcurrency::Share,
        ..Config::default()
    }
}

fn frontier(config: &Config, clocks: Vec<HostClock>) -> Frontier<u32> {
    let mut frontier = Frontier::new(config);
    frontier.keep_clocks();
    frontier.restore_clocks(clocks);
    frontier.set_reading(Reading::Done);
    (0..40).for_each(|n| frontier.admit(&key("a"), n, NameNeeded::No, Time::ZERO));
    frontier
}

/// Leases to be had now, and when to ask again.
fn next(frontier: &mut Frontier<u32>, now: Time) -> (usize, Option<Time>) {
    let mut leases = 0;
    loop {
        match frontier.next(now) {
            Next::Lease(lease) => {
                // Left in flight.
                std::mem::forget(lease);
                leases += 1;
            }
            Next::At(at) => return (leases, Some(at)),
            Next::Full | Next::Empty => return (leases, None),
        }
    }
}

/// One request is sent at 0 and answered with this at 1 s; its clocks, as the next run has them.
fn after(config: &Config, signals: &[Signal]) -> Vec<HostClock> {
    let mut first = frontier(config, Vec::new());
    for (step, signal) in (0..).zip(signals) {
        let now = at(1000 * step);
        let Next::Lease(mut lease) = first.next(now) else { panic!("step {step}: none") };
        lease.remember(Failure::new(ErrorKind::ConnectRefused, "refused"));
        first.retry(lease, *signal, now, Spends::Nothing, now);
    }
    let clocks = first.changed_clocks();
    assert!(first.changed_clocks().is_empty(), "told once");
    clocks
}

#[test]
fn a_host_that_asked_for_a_pause_gets_it_from_the_next_run_too() {
    let pause = Some(Duration::from_secs(60));
    let clocks = after(&config(), &[Signal::RateLimited { retry_after: pause }]);
    assert_eq!(clocks.len(), 1);
    let mut second = frontier(&config(), clocks);
    assert_eq!(next(&mut second, at(1)), (0, Some(at(60_000))));
    // One goes out alone, as after any pause.
    assert_eq!(next(&mut second, at(60_000)).0, 1);
}

#[test]
fn a_learned_rate_is_kept() {
    let clock = HostClock { next_at: at(500), ..limited(20.0) };
    let mut second = frontier(&config(), vec![clock]);
    assert_eq!(next(&mut second, at(1)), (0, Some(at(500))));
    assert_eq!(next(&mut second, at(500)), (1, Some(at(550))));
}

fn limited(rate: f64) -> HostClock {
    let pause = Some(Duration::from_millis(100));
    let mut clock = after(&config(), &[Signal::RateLimited { retry_after: pause }]).remove(0);
    let gate = clock.gate.as_mut().expect("it refused");
    gate.rate = rate;
    gate.hold_until = at(100_000);
    HostClock { until: Time::ZERO, ..clock }
}

#[test]
fn a_host_that_does_not_answer_stays_parked_and_a_dead_one_dead() {
    let silent = [Signal::NoConnection; 3];
    let clocks = after(&config(), &silent);
    assert!(clocks[0].parked && clocks[0].until > at(2000), "{clocks:?}");
    let until = clocks[0].until;
    let mut second = frontier(&config(), clocks.clone());
    assert_eq!(next(&mut second, at(2000)), (0, Some(until)));
    assert_eq!(next(&mut second, until).0, 1, "one probe");
    let ending = Some(Failure::new(ErrorKind::HostParked, "it is dead"));
    let dead = HostClock { ending, until: at(60_000), ..clocks[0].clone() };
    let mut third = frontier(&config(), vec![dead]);
    let mut ended = 0;
    while let Some((finishing, failure)) = third.next_ended() {
        assert_eq!(failure.kind, ErrorKind::HostParked);
        third.settle(finishing);
        ended += 1;
    }
    assert_eq!(ended, 40);
}

#[test]
fn a_slow_rate_is_kept_and_a_fast_one_not_told_of() {
    for (per_second, expected) in [(0.1, 1), (10.0, 0)] {
        let config =
            Config { host_rate: Rate::new(per_second, Duration::from_secs(1)), ..config() };
        let clocks = after(&config, &[Signal::Answered]);
        assert_eq!(clocks.len(), expected, "{per_second}");
        if expected == 1 {
            let mut second = frontier(&config, clocks);
            assert_eq!(next(&mut second, at(1)), (0, Some(at(10_000))));
        }
    }
}

#[test]
fn what_is_long_over_is_stale() {
    let clock = limited(5.0);
    assert!(!clock.is_stale(at(100_000)));
    assert!(clock.is_stale(at(221_000)));
}
