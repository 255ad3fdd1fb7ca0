//! The frontier among simulated servers under thousands of seeds: how soon, and with how many requests.
//!
//! A failure prints its seed; `GATHER_SIM_SEED=<seed>` repeats it alone.

use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use fastrand::Rng;
use gather_core::config::HostConcurrency;
use gather_core::{Config, Duration};

use crate::scenario::{self, On};
use crate::server::Server;
use crate::world::{Report, Site, World};

/// Runs `case` for each seed, or for `GATHER_SIM_SEED` alone.
fn seeds(count: u64, case: impl Fn(u64, &mut Rng)) {
    let one = std::env::var("GATHER_SIM_SEED").ok().and_then(|seed| seed.parse().ok());
    let range = one.map_or(0..count, |seed| seed..seed + 1);
    for seed in range {
        let run = || case(seed, &mut Rng::with_seed(seed));
        if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
            eprintln!("failed with GATHER_SIM_SEED={seed}");
            resume_unwind(panic);
        }
    }
}

/// As with `-c concurrency`.
fn config(concurrency: u32) -> Config {
    Config {
        concurrency: NonZeroU32::new(concurrency).expect("not zero"),
        host_concurrency: HostConcurrency::Share,
        ..Config::default()
    }
}

fn storm(seed: u64, n: usize, concurrency: u32, server: Server, latency_ms: f64) -> Report {
    let mut world = World::new(config(concurrency), seed);
    let host = world.add(1, &Site::new(server, latency_ms)).start;
    world.targets = vec![host; n];
    world.run()
}

#[test]
fn a_host_that_limits_its_rate_gets_all_done_in_time_with_few_refusals() {
    seeds(2000, |seed, rng| {
        let rate = rng.f64() * 180.0 + 20.0;
        let burst = rng.u32(1..=10);
        let retry_after_s = rng.u64(1..=5);
        let latency_ms = rng.f64() * 99.5 + 0.5;
        let server = Server::bucket(rate, f64::from(burst), retry_after_s);
        let report = storm(seed, 500, 50, server, latency_ms);
        let most_s = 500.0 / rate + 6.0 * retry_after_s as f64;
        let told = format!(
            "rate {rate:.0} burst {burst} RA {retry_after_s} latency {latency_ms:.1}: {} in {:.1} s \
             of {most_s:.1}, {} requests",
            report.told(),
            report.seconds(),
            report.requests
        );
        assert_eq!(report.count("ok"), 500, "{told}");
        assert!(report.requests <= 575, "{told} {:?}", report.events);
        assert!(report.seconds() <= most_s, "{told} {:?}", report.events);
    });
}

#[test]
fn fifty_a_second_with_burst_five() {
    seeds(200, |seed, rng| {
        let latency_ms = rng.f64() * 4.5 + 0.5;
        let report = storm(seed, 500, 50, Server::bucket(50.0, 5.0, 2), latency_ms);
        let told = format!("{} requests, {:.1} s", report.requests, report.seconds());
        assert_eq!(report.count("ok"), 500, "{told}");
        assert!(report.requests <= 560 && report.seconds() < 16.0, "{told} {:?}", report.events);
    });
}

#[test]
fn a_slow_host_does_not_hold_up_a_fast_one() {
    seeds(50, |seed, rng| {
        let mut world = World::new(config(50), seed);
        let slow = world.add(1, &Site::new(Server::Slow(Duration::from_secs(1)), 1.0)).start;
        let fast = world.add(1, &Site::new(Server::Ok, rng.f64() * 5.0 + 0.2)).start;
        world.targets = [vec![slow; 300], vec![fast; 1000]].concat();
        let report = world.run();
        let (first, last) = (report.first(300..1300), report.last(300..1300));
        let told = format!("first {first:.3} last {last:.3} all {:.1}", report.seconds());
        assert_eq!(report.count("ok"), 1300);
        assert!(first < 0.1 && last < 1.0 && report.seconds() < 9.0, "{told}");
    });
}

/// When the last good page came, in a list of silent hosts (5 URLs each) before good ones (20
/// each); shuffled for every other seed.
fn last_good(
    seed: u64,
    base: Config,
    silent: usize,
    good: (usize, (f64, f64)),
    window: usize,
) -> f64 {
    let mut world = World::new(Config { timeout: Duration::from_secs(2), ..base }, seed);
    world.window = window;
    let dead = world.add(silent, &Site::new(Server::Silent, 1.0));
    let site = Site { latency: good.1, ..Site::new(Server::Ok, 1.0) };
    let good = world.add(good.0, &site);
    for _ in 0..5 {
        world.targets.extend(dead.clone());
    }
    for _ in 0..20 {
        world.targets.extend(good.clone());
    }
    if seed % 2 == 1 {
        Rng::with_seed(seed).shuffle(&mut world.targets);
    }
    let is_good = |&n: &usize| good.contains(&world.targets[n]);
    let good_targets: Vec<usize> = (0..world.targets.len()).filter(is_good).collect();
    let report = world.run();
    assert_eq!(report.count("ok"), good_targets.len());
    report.last(good_targets.into_iter())
}

#[test]
fn silent_hosts_do_not_hold_up_good_ones() {
    let base =
        |concurrency| Config { host_concurrency: HostConcurrency::Base, ..config(concurrency) };
    // Silent and good hosts, the latency of the good ones, targets read ahead.
    let cases = [
        (config(16), 40, 60, (1.0, 1.5), usize::MAX),
        (config(16), 40, 60, (100.0, 150.0), usize::MAX),
        (base(16), 40, 60, (10.0, 15.0), 512),
        (base(16), 40, 60, (1.0, 4.0), 256),
        (base(50), 40, 60, (1.0, 4.0), 256),
        (base(8), 40, 60, (1.0, 4.0), usize::MAX),
        (base(16), 20, 30, (2.0, 20.0), 256),
    ];
    for (config, silent, good, latency, window) in cases {
        seeds(60, |seed, _| {
            let alone = last_good(seed, config.clone(), 0, (good, latency), window);
            let last = last_good(seed, config.clone(), silent, (good, latency), window);
            assert!(
                last <= 1.5 * alone,
                "{silent} silent, {good} good at {latency:?} ms, concurrency {}: {alone:.3} s alone, \
                 {last:.3} s behind the silent ones",
                config.concurrency
            );
        });
    }
}

#[test]
fn short_and_long_lists_under_a_rate_limit_end_in_time() {
    // Targets, concurrency, part of the latency before the server decides, spread of the latency.
    let cases =
        [(200, 20, 0.5, 0.0), (500, 50, 0.05, 1.0), (1000, 50, 0.5, 0.0), (2000, 100, 0.5, 0.0)];
    for (n, concurrency, way, spread) in cases {
        seeds(100, |seed, rng| {
            let rate = rng.f64() * 180.0 + 20.0;
            let burst = rng.u32(2..=10);
            let retry_after_s = rng.u64(1..=5);
            let ms = rng.f64() * 99.5 + 0.5;
            let server = Server::bucket(rate, f64::from(burst), retry_after_s);
            let latency = (ms * (1.0 - spread / 2.0), ms * (1.0 + spread / 2.0));
            let mut world = World::new(config(concurrency), seed);
            let host = world.add(1, &Site { latency, way, ..Site::new(server, ms) }).start;
            world.targets = vec![host; n];
            let report = world.run();
            let most_s = 1.1 * n as f64 / rate + 6.0 * retry_after_s as f64;
            let told = format!(
                "{n} at {concurrency}, rate {rate:.0} burst {burst} RA {retry_after_s} latency {ms:.1}: \
                 {} in {:.1} s of {most_s:.1}, {} requests, {:?}",
                report.told(),
                report.seconds(),
                report.requests,
                report.events
            );
            assert_eq!(report.count("ok"), n, "{told}");
            assert!(report.requests <= n as u64 * 23 / 20, "{told}");
            assert!(report.seconds() <= most_s, "{told}");
        });
    }
}

#[test]
fn other_ways_to_limit_a_rate_are_borne() {
    let s = Duration::from_secs;
    // Server, targets that are ok at least, seconds and requests at most.
    let cases = [
        ("100 in 10 s", Server::window(100, s(10)), 500, 80.0, 640),
        ("30 in 1 s", Server::window(30, s(1)), 500, 30.0, 640),
        ("10 in 60 s", Server::window(10, s(60)), 500, 4000.0, 640),
        ("100 in any 10 s", Server::sliding(100, s(10)), 500, 90.0, 640),
        ("30 in any 1 s", Server::sliding(30, s(1)), 500, 40.0, 640),
        (
            "one in ten at random",
            Server::Capricious { share: 0.1, retry_after: Some(s(1)) },
            500,
            600.0,
            640,
        ),
        (
            "one in ten at random, without Retry-After",
            Server::Capricious { share: 0.1, retry_after: None },
            500,
            2600.0,
            640,
        ),
        ("always", Server::Capricious { share: 1.0, retry_after: Some(s(1)) }, 0, 80.0, 60),
        (
            "always, at once",
            Server::Capricious { share: 1.0, retry_after: Some(s(0)) },
            0,
            80.0,
            60,
        ),
        ("always, no date", Server::Capricious { share: 1.0, retry_after: None }, 0, 200.0, 60),
        ("too long", Server::Capricious { share: 1.0, retry_after: Some(s(301)) }, 0, 1.0, 60),
    ];
    for (name, server, ok, seconds, requests) in cases {
        seeds(20, |seed, rng| {
            let report = storm(seed, 500, 50, server.clone(), rng.f64() * 50.0 + 1.0);
            let told = format!(
                "{name}: {} in {:.1} s, {} requests, {:?}",
                report.told(),
                report.seconds(),
                report.requests,
                report.events
            );
            assert_eq!(report.count("ok"), ok, "{told}");
            assert_eq!(report.count("http.rate_limited"), 500 - ok, "{told}");
            assert!(report.seconds() <= seconds && report.requests <= requests, "{told}");
        });
    }
}

#[test]
fn dead_hosts_end_in_a_handful_of_timeouts() {
    for server in [Server::Silent, Server::Refusing] {
        seeds(20, |seed, _| {
            let config = Config { timeout: Duration::from_secs(2), ..config(50) };
            let mut world = World::new(config, seed);
            let dead = world.add(40, &Site::new(server.clone(), 1.0));
            for _ in 0..5 {
                world.targets.extend(dead.clone());
            }
            let report = world.run();
            let told = format!(
                "{} in {:.1} s, {:?}",
                report.told(),
                report.seconds(),
                report.host_requests
            );
            assert!(report.seconds() <= 16.0, "{told}");
            assert!(report.host_requests.iter().all(|&count| count <= 8), "{told}");
        });
    }
}

#[test]
fn a_host_that_wakes_up_in_time_is_not_given_up() {
    seeds(100, |seed, rng| {
        let config = Config { timeout: Duration::from_secs(1), ..config(20) };
        let mut world = World::new(config, seed);
        let from = gather_core::Time::from_millis(rng.u64(0..2500));
        let host = world.add(1, &Site::new(Server::Late { from }, 5.0)).start;
        world.targets = vec![host; 100];
        let report = world.run();
        let told = format!("{} in {:.1} s", report.told(), report.seconds());
        assert!(report.count("ok") == 100 && report.seconds() < 10.0, "{told} {:?}", report.events);
    });
}

#[test]
fn a_503_storm_is_waited_out() {
    seeds(100, |seed, rng| {
        let until = gather_core::Time::from_millis(rng.u64(0..4000));
        let retry_after = rng.bool().then_some(Duration::from_secs(1));
        let mut world = World::new(config(20), seed);
        let storm = Server::Storm { until, retry_after };
        let host = world.add(1, &Site::new(storm, 5.0)).start;
        let other = world.add(1, &Site::new(Server::Ok, 5.0)).start;
        world.targets = [vec![host; 100], vec![other; 100]].concat();
        let report = world.run();
        let told = format!("{} in {:.1} s {:?}", report.told(), report.seconds(), report.events);
        assert!(report.count("ok") == 200 && report.last(100..200) < 0.5, "{told}");
        assert!(report.seconds() < 20.0, "{told}");
    });
}

#[test]
fn whatever_happens_every_target_ends_once() {
    seeds(3000, |seed, _| drop(scenario::run(seed, On::Nothing)));
}

#[test]
fn whatever_crashes_every_target_is_recorded_once() {
    seeds(250, |seed, _| drop(scenario::run(seed, On::Disk)));
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..40 {
        let [one, other] = [(); 2].map(|()| scenario::run(seed, On::Disk));
        assert_eq!(one.outcomes, other.outcomes, "seed {seed}");
        assert_eq!((one.requests, one.crashes), (other.requests, other.crashes), "seed {seed}");
    }
}
