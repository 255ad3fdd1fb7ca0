//! Everything at random at once: servers, names, settings, clocks, posts, redirects, and a disk.

use std::num::NonZeroU32;

use fastrand::Rng;
use gather_core::config::{HostConcurrency, Rate, RetryConfig, RobotsConfig};
use gather_core::frontier::HostTrust;
use gather_core::{Config, Duration, ErrorKind, Time};

use crate::disk::Disk;
use crate::server::Server;
use crate::world::{Report, Site, World};

/// Whether records go to a disk, where crashes come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    /// They are written somehow, after some time.
    #[cfg(test)]
    Nothing,
    /// The real output and the real journal.
    Disk,
}

/// One seed in so many has thousands of hosts.
const LARGE_EVERY: u64 = 250;

/// Runs the world of this seed and asserts what must hold of it.
pub(crate) fn run(seed: u64, on: On) -> Report {
    let rng = &mut Rng::with_seed(seed);
    let world = random_world(seed, on, rng);
    let good = good_hosts(&world);
    let (config, targets) = (world.config.clone(), world.targets.clone());
    let has_posts = world.has_posts;
    let report = world.run();
    for (n, &host) in targets.iter().enumerate() {
        let (told, _) = report.outcomes[n].as_ref().expect("the world checked it");
        let is_interrupted = has_posts && told == "interrupted";
        let is_fine = told == "ok" || told == "committed" || is_interrupted;
        assert!(is_fine || !good[host], "target {n} of good host {host}: {told}");
    }
    if let HostConcurrency::Fixed(cap) = config.host_concurrency {
        assert!(report.host_in_flight_max.iter().all(|&most| most <= cap.get()));
    }
    // After a crash the first request may come at once: what was owed is kept within 250 ms.
    if let Some(rate) = config.host_rate.filter(|_| report.crashes == 0) {
        let least = rate.interval().mul_f64(0.74);
        assert!(report.host_gap_min.iter().all(|gap| *gap >= least), "{:?}", report.host_gap_min);
    }
    report
}

fn random_world(seed: u64, on: On, rng: &mut Rng) -> World {
    let mut world = World::new(random_config(rng), seed);
    let is_large = seed % LARGE_EVERY == LARGE_EVERY - 1;
    let kinds = if is_large { 40 } else { rng.usize(1..30) };
    for _ in 0..kinds {
        let mut site = Site::new(random_server(rng), 1.0);
        let least = rng.f64() * 50.0;
        site.latency = (least, least + rng.f64() * 100.0);
        if rng.u8(..) < 100 {
            site.name = Some((ms(rng, 300), random_name_failure(rng)));
        }
        world.add(if is_large { rng.usize(1..100) } else { 1 }, &site);
    }
    for site in 0..world.sites.len() {
        match rng.u8(..) {
            0..30 => world.sites[site].robots_at = Some(rng.usize(..world.sites.len())),
            // To one that redirects nowhere.
            30..40 => {
                let to = rng.usize(..world.sites.len());
                if !matches!(world.sites[to].server, Server::Elsewhere(_)) && to != site {
                    world.sites[site].server = Server::Elsewhere(to);
                }
            }
            _ => {}
        }
    }
    // Whoever was redirected to before it redirected itself.
    for site in 0..world.sites.len() {
        if let Server::Elsewhere(to) = world.sites[site].server
            && matches!(world.sites[to].server, Server::Elsewhere(_))
        {
            world.sites[site].server = Server::Ok;
        }
    }
    // Nor is a robots.txt led in a circle: a limit on redirects is the fetcher's to keep.
    for site in 0..world.sites.len() {
        let to = world.sites[site].robots_at.map(|to| &world.sites[to].server);
        if matches!(to, Some(Server::Elsewhere(_))) {
            world.sites[site].robots_at = None;
        }
    }
    let runs = rng.bool();
    let mut host = 0;
    for n in 0..if is_large { 4_000 } else { rng.usize(0..300) } {
        // One after the other, or in runs of one host.
        if !runs || n % 20 == 0 {
            host = rng.usize(..world.sites.len());
        }
        world.targets.push(host);
    }
    world.window = if rng.bool() { usize::MAX } else { rng.usize(1..100) };
    world.record_ms_max = rng.u64(0..50);
    world.shaky_permits = rng.u8(..) < 60;
    world.trust = if rng.u8(..) < 40 { HostTrust::Given } else { HostTrust::Earned };
    if on == On::Disk {
        world.has_posts = rng.bool();
        world.disk = Some(Disk::new(if rng.u8(..) < 40 { 0.05 } else { 0.0 }));
    }
    world
}

/// Hosts whose targets are all fetched, whatever happens to others.
fn good_hosts(world: &World) -> Vec<bool> {
    let is_good = |site: &Site| {
        let named = site.name.is_none_or(|(_, failure)| failure.is_none());
        named && matches!(site.server, Server::Ok | Server::Slow(_))
    };
    let may_go = |site: &Site| {
        let elsewhere = site.robots_at.filter(|_| world.config.robots.is_some());
        elsewhere.is_none_or(|to| is_good(&world.sites[to]))
    };
    world.sites.iter().map(|site| is_good(site) && may_go(site)).collect()
}

fn random_config(rng: &mut Rng) -> Config {
    let number = |rng: &mut Rng, most| NonZeroU32::new(rng.u32(1..=most)).expect("not zero");
    Config {
        concurrency: number(rng, 60),
        host_concurrency: match rng.u8(0..3) {
            0 => HostConcurrency::Base,
            1 => HostConcurrency::Share,
            _ => HostConcurrency::Fixed(number(rng, 8)),
        },
        rate: (rng.u8(..) < 60)
            .then(|| Rate::new(rng.f64() * 200.0 + 1.0, Duration::from_secs(1)).expect("positive")),
        host_rate: (rng.u8(..) < 60)
            .then(|| Rate::new(rng.f64() * 50.0 + 0.5, Duration::from_secs(1)).expect("positive")),
        timeout: Duration::from_millis(rng.u64(2000..5000)),
        retry: RetryConfig {
            retries: rng.u32(0..4),
            backoff: Duration::from_millis(rng.u64(0..2000)),
            backoff_max: Duration::from_millis(rng.u64(0..20_000)),
            retry_after_max: Duration::from_secs(rng.u64(1..20)),
            ..RetryConfig::default()
        },
        robots: (rng.u8(..) < 100).then(|| RobotsConfig::of("gather")),
        ..Config::default()
    }
}

fn random_server(rng: &mut Rng) -> Server {
    let pause = (rng.bool()).then(|| ms(rng, 6000));
    let moment = Time::from_millis(rng.u64(0..8000));
    match rng.u8(0..14) {
        0..=3 => Server::Ok,
        4 => Server::Slow(ms(rng, 1500)),
        5 => Server::Silent,
        6 => Server::Refusing,
        7 => Server::bucket(rng.f64() * 100.0 + 0.2, rng.f64() * 20.0 + 1.0, rng.u64(0..6)),
        8 => Server::window(rng.u32(1..50), ms(rng, 20_000) + Duration::from_millis(1)),
        9 => Server::sliding(rng.usize(1..50), ms(rng, 20_000) + Duration::from_millis(1)),
        10 => Server::Capricious { share: rng.f64(), retry_after: pause },
        11 => Server::Flaky { share: rng.f64() },
        12 => Server::Storm { until: moment, retry_after: pause },
        _ => Server::Late { from: moment },
    }
}

fn random_name_failure(rng: &mut Rng) -> Option<ErrorKind> {
    match rng.u8(0..8) {
        0 => Some(ErrorKind::DnsNotFound),
        1 => Some(ErrorKind::DnsTemporary),
        2 => Some(ErrorKind::TimeoutDns),
        _ => None,
    }
}

fn ms(rng: &mut Rng, most: u64) -> Duration {
    Duration::from_millis(rng.u64(0..most))
}
