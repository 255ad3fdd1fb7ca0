//! How long a decision takes while so many hosts wait until they may be asked again:
//! `cargo run --release -p gather-core --example decisions -- 1000000`.
//!
//! Every host is asked at most once in so many microseconds as there are hosts, so that at each moment
//! about one of them is due. Prints one JSON object.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a program for the terminal, that times core from outside"
)]

use std::num::NonZeroU32;
use std::time::Instant;

use gather_core::config::{HostConcurrency, Rate};
use gather_core::frontier::{Lease, NameNeeded, Next, Reading, Signal};
use gather_core::{Config, Duration, Frontier, HostKey, Scheme, Time};

/// Decisions between two looks at the clock, which is no cheaper than a decision.
const BATCH: usize = 1_000;
/// All decisions that are timed.
const DECISIONS: usize = 1_000_000;
const BETWEEN: Duration = Duration::from_micros(1);

fn main() {
    let hosts = std::env::args().nth(1).and_then(|hosts| hosts.parse::<u32>().ok());
    let Some(hosts) = hosts.filter(|hosts| *hosts as usize >= BATCH) else {
        eprintln!("usage: decisions HOSTS, at least {BATCH} of them");
        std::process::exit(3);
    };
    let before = resident_bytes();
    let mut frontier: Frontier<u64> = Frontier::new(&Config {
        concurrency: NonZeroU32::new(1 << 24).expect("not zero"),
        host_concurrency: HostConcurrency::Base,
        host_rate: Rate::new(1.0, BETWEEN * hosts),
        ..Config::default()
    });
    frontier.set_reading(Reading::Done);
    for n in 0..u64::from(hosts) * 2 {
        let name = format!("shop-{}.example", n % u64::from(hosts));
        frontier.admit(&HostKey::new(Scheme::Https, &name, 443), n, NameNeeded::No, Time::ZERO);
    }
    let host_bytes = (resident_bytes() - before) / f64::from(hosts);
    let mut now = Time::ZERO;
    // All are asked once, and wait from then on.
    for _ in 0..hosts {
        let lease = lease(&mut frontier, &mut now);
        turn(&mut frontier, lease, now);
    }
    let (mut deciding, mut ending) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..DECISIONS / BATCH {
        let begun = Instant::now();
        let leases: Vec<_> = (0..BATCH).map(|_| lease(&mut frontier, &mut now)).collect();
        deciding += begun.elapsed();
        let begun = Instant::now();
        for lease in leases {
            turn(&mut frontier, lease, now);
        }
        ending += begun.elapsed();
    }
    assert!(frontier.counts().balanced());
    let each = |time: Duration| time.as_nanos() as f64 / DECISIONS as f64;
    println!(
        "{{\"hosts\":{hosts},\"decision_ns\":{:.1},\"turn_ns\":{:.1},\"host_bytes\":{host_bytes:.0}}}",
        each(deciding),
        each(deciding + ending),
    );
}

/// The next target, at once or when its host may be asked.
fn lease(frontier: &mut Frontier<u64>, now: &mut Time) -> Lease<u64> {
    *now = *now + BETWEEN;
    loop {
        match frontier.next(*now) {
            Next::Lease(lease) => return lease,
            Next::At(at) => *now = at,
            held_up => panic!("every host has a target: {held_up:?}"),
        }
    }
}

/// Ends a target, and gives its host another.
fn turn(frontier: &mut Frontier<u64>, lease: Lease<u64>, now: Time) {
    let host = lease.host().clone();
    let finishing = frontier.release(lease, Signal::Answered, now);
    let n = frontier.settle(finishing);
    frontier.admit(&host, n, NameNeeded::No, now);
}

/// What this process has in memory.
fn resident_bytes() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok());
    pages.unwrap_or_default() * 4096.0
}
