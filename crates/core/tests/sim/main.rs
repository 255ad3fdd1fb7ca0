//! The frontier among simulated servers, on virtual time, under thousands of seeds.
//!
//! A failure prints its seed; `GATHER_SIM_SEED=<seed>` repeats it alone.

mod server;
mod world;

use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use fastrand::Rng;
use gather_core::config::HostConcurrency;
use gather_core::{Config, Duration};

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
        if seed == 0 {
            eprintln!("{told}");
        }
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
        if seed == 0 {
            eprintln!("{told}");
        }
    });
}

#[test]
fn silent_hosts_do_not_hold_up_good_ones() {
    seeds(300, |seed, rng| {
        let latency_ms = [1.0, 3.0, 10.0, 30.0, 100.0][rng.usize(..5)];
        let silent = 40;
        let run = |silent: usize, shuffled: bool| {
            let mut world =
                World::new(Config { timeout: Duration::from_secs(2), ..config(16) }, seed);
            let dead = world.add(silent, &Site::new(Server::Silent, 1.0));
            let good = world.add(
                60,
                &Site { latency: (latency_ms, latency_ms * 1.5), ..Site::new(Server::Ok, 1.0) },
            );
            for _ in 0..5 {
                world.targets.extend(dead.clone());
            }
            for _ in 0..20 {
                world.targets.extend(good.clone());
            }
            if shuffled {
                Rng::with_seed(seed).shuffle(&mut world.targets);
            }
            let is_good: Vec<usize> =
                (0..world.targets.len()).filter(|&n| good.contains(&world.targets[n])).collect();
            let report = world.run();
            let last = report.last(is_good.into_iter());
            (last, report)
        };
        let shuffled = rng.bool();
        let (alone, _) = run(0, shuffled);
        let (last, report) = run(silent, shuffled);
        let told = format!(
            "latency {latency_ms}: alone {alone:.3}, with silent ones {last:.3} ({:.2}), given up {}, whole {:.1}",
            last / alone,
            report.given_up,
            report.seconds()
        );
        if seed < 12 {
            eprintln!("{told}");
        }
        assert_eq!(report.count("ok"), 1200, "{told}");
        assert!(last <= 1.5 * alone, "{told}");
    });
}

#[test]
fn numbers() {
    for (jitter, way) in [(0.0, 0.5), (1.0, 0.05), (0.2, 0.5), (1.0, 0.5)] {
        for (n, c) in [(200, 20), (500, 50), (1000, 50), (2000, 100)] {
            let mut late = 0;
            let mut by = [0; 11];
            let mut many = 0;
            let mut worst = f64::MIN;
            let mut extra = 0.0_f64;
            let mut ratio = Vec::new();
            let mut bad = String::new();
            for seed in 0..100 {
                let mut rng = Rng::with_seed(seed);
                let rate = rng.f64() * 180.0 + 20.0;
                let burst = rng.u32(1..=10);
                let ra = rng.u64(1..=5);
                let lat = rng.f64() * 99.5 + 0.5;
                let mut world = World::new(config(c), seed);
                let mut site = Site::new(Server::bucket(rate, f64::from(burst), ra), lat);
                site.way = way;
                site.latency = (lat * (1.0 - jitter / 2.0), lat * (1.0 + jitter / 2.0));
                let host = world.add(1, &site).start;
                world.targets = vec![host; n];
                let r = world.run();
                assert_eq!(r.count("ok"), n);
                let most = n as f64 / rate + 6.0 * ra as f64;
                let over = r.seconds() - most;
                if over > 0.0 {
                    late += 1;
                    by[burst as usize] += 1;
                    bad = format!(
                        "seed {seed} rate {rate:.0} b {burst} ra {ra} lat {lat:.0}: {:.1} of {most:.1} {:?}",
                        r.seconds(),
                        r.events
                            .iter()
                            .filter_map(|e| {
                                if let gather_core::frontier::HostEvent::RateLearned {
                                    per_second,
                                    ..
                                } = e
                                {
                                    Some(*per_second)
                                } else {
                                    None
                                }
                            })
                            .collect::<Vec<_>>()
                    )
                }
                let req = r.requests as f64 / n as f64;
                if req > 1.15 {
                    many += 1;
                }
                worst = worst.max(over);
                extra = extra.max(req);
                ratio.push(r.seconds() / (n as f64 / rate));
            }
            ratio.sort_by(f64::total_cmp);
            eprintln!(
                "jitter {jitter} way {way} N={n} c={c}: late {late} {by:?} many {many} worst over {worst:.1} s, requests max {extra:.3}, time/ideal p50 {:.2} max {:.2} {bad}",
                ratio[50], ratio[99]
            );
        }
    }
}
