//! Steps of the frontier: a target taken in, handed out, let go, and settled.

use std::collections::VecDeque;
use std::hint::black_box;
use std::num::NonZeroU32;

use gather::core::config::HostConcurrency;
use gather::core::frontier::{Finishing, Lease, NameNeeded, Next, Reading, Signal, Spends};
use gather::core::{Config, Duration, Frontier, HostKey, Scheme, Time};

use super::Step;

pub(super) const STEPS: &[Step] = &[
    Step { name: "admit", count: TARGETS, run: admit },
    Step { name: "next", count: TARGETS, run: |count| next(count, 100) },
    Step { name: "next-of-10000-hosts", count: TARGETS, run: |count| next(count, 10_000) },
    Step { name: "retry", count: TARGETS, run: retry },
    Step { name: "release", count: TARGETS, run: release },
    Step { name: "settle", count: TARGETS, run: settle },
    Step { name: "whole-turn", count: TARGETS, run: turn },
];

/// Targets in the frontier before the first step is taken, and the most steps.
const TARGETS: u64 = 10_000;

/// Targets, each under way.
type Leases = Vec<Lease<u64>>;

/// What is between two decisions.
const BETWEEN: Duration = Duration::from_micros(7);

/// A frontier in which nobody is held up by a limit.
fn empty() -> Frontier<u64> {
    let concurrency = NonZeroU32::new(1 << 20).expect("not zero");
    let host_concurrency = HostConcurrency::Share;
    let mut frontier =
        Frontier::new(&Config { concurrency, host_concurrency, ..Config::default() });
    frontier.set_reading(Reading::Done);
    frontier
}

fn keys(hosts: u64) -> Vec<HostKey> {
    (0..hosts).map(|n| HostKey::new(Scheme::Https, &format!("shop-{n}.example"), 443)).collect()
}

/// A frontier with all targets waiting, in turns for each host, and hosts that have answered once.
fn filled(hosts: u64) -> Frontier<u64> {
    let (mut frontier, keys) = (empty(), keys(hosts));
    for (n, key) in (0..TARGETS + hosts).zip(keys.iter().cycle()) {
        frontier.admit(key, n, NameNeeded::No, Time::ZERO);
    }
    let first: Leases = (0..hosts).map(|_| lease(&mut frontier, Time::ZERO)).collect();
    for lease in first {
        let finishing = frontier.release(lease, Signal::Answered, Time::ZERO);
        frontier.settle(finishing);
    }
    frontier
}

fn lease(frontier: &mut Frontier<u64>, now: Time) -> Lease<u64> {
    match frontier.next(now) {
        Next::Lease(lease) => lease,
        held_up => panic!("nothing holds them up: {held_up:?}"),
    }
}

/// A frontier with all targets under way.
fn leased() -> (Frontier<u64>, Leases, Time) {
    // One, so that hashes, which are random, decide nothing of what it costs to come so far.
    let mut frontier = filled(1);
    let mut now = Time::ZERO;
    let mut leases = Vec::new();
    for _ in 0..TARGETS {
        leases.push(lease(&mut frontier, now));
        now = now + BETWEEN;
    }
    (frontier, leases, now)
}

fn admit(count: u64) {
    let keys = keys(100);
    let mut frontier = empty();
    for (n, key) in (0..count).zip(keys.iter().cycle()) {
        frontier.admit(black_box(key), n, NameNeeded::No, Time::ZERO);
    }
    end((frontier, keys));
}

fn next(count: u64, hosts: u64) {
    let mut frontier = filled(hosts);
    let mut now = Time::ZERO;
    let mut leases = Vec::with_capacity(TARGETS as usize);
    for _ in 0..count {
        leases.push(lease(&mut frontier, black_box(now)));
        now = now + BETWEEN;
    }
    end((frontier, leases));
}

fn retry(count: u64) {
    let (mut frontier, mut leases, mut now) = leased();
    for _ in 0..count {
        let lease = leases.pop().expect("as many as the most steps");
        let at = now + Duration::from_secs(1);
        frontier.retry(lease, black_box(Signal::Answered), at, Spends::Retry, now);
        now = now + BETWEEN;
    }
    end((frontier, leases));
}

fn release(count: u64) {
    let (mut frontier, mut leases, mut now) = leased();
    let mut finishing = Vec::with_capacity(TARGETS as usize);
    for _ in 0..count {
        let lease = leases.pop().expect("as many as the most steps");
        finishing.push(frontier.release(lease, black_box(Signal::Answered), now));
        now = now + BETWEEN;
    }
    end((frontier, leases, finishing));
}

fn settle(count: u64) {
    let (mut frontier, leases, now) = leased();
    let release = |lease| frontier.release(lease, Signal::Answered, now);
    let mut finishing: Vec<Finishing<u64>> = leases.into_iter().map(release).collect();
    for _ in 0..count {
        let finishing = finishing.pop().expect("as many as the most steps");
        black_box(frontier.settle(finishing));
    }
    end((frontier, finishing));
}

/// All of them for one target after the other, while 100 are under way.
fn turn(count: u64) {
    let (mut frontier, keys) = (filled(100), keys(100));
    let mut now = Time::ZERO;
    let mut keys_in_turn = keys.iter().cycle();
    let mut leases: VecDeque<_> = (0..100).map(|_| lease(&mut frontier, now)).collect();
    for n in 0..count {
        frontier.admit(keys_in_turn.next().expect("a cycle"), n, NameNeeded::No, now);
        leases.push_back(lease(&mut frontier, black_box(now)));
        let oldest = leases.pop_front().expect("a hundred are under way");
        let finishing = frontier.release(oldest, black_box(Signal::Answered), now);
        black_box(frontier.settle(finishing));
        now = now + BETWEEN;
    }
    end((frontier, leases, keys));
}

/// What is left is not taken apart: that would depend on how much it is.
fn end<T>(left: T) {
    std::mem::forget(black_box(left));
}
