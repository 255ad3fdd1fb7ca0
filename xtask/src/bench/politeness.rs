//! Hosts that refuse, are slow, or are dead: what they see of us, and whom they hold up.

use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};

use super::client::Run;
use super::report::Sample;
use super::seeds::stalls;
use super::testkit::{HostSeen, Seen, Testkit};
use super::{Bench, Case, Order};

pub(super) const CASES: &[Case] = &[
    Case { name: "storm", rounds: 3, run: known_storm },
    Case { name: "storms-drawn", rounds: 1, run: drawn_storms },
    Case { name: "head-of-line", rounds: 3, run: head_of_line },
    Case { name: "dead-hosts-50ms-pages", rounds: 3, run: |bench| dead_hosts(bench, 50) },
    Case { name: "dead-hosts-instant-pages", rounds: 3, run: |bench| dead_hosts(bench, 0) },
];

const STORM_TARGETS: u32 = 500;
const STORM_BURST: u32 = 5;
/// Storms that are drawn if no rates are given.
const STORMS_DRAWN: usize = 4;

/// A host that bears so many requests a second and says when to come back.
#[derive(Clone, Copy, Debug)]
struct Storm {
    rate: u32,
    retry_after_s: u32,
}

/// What a storm must not exceed.
struct StormLimits {
    requests: f64,
    wall_s: f64,
}

/// The storm whose limits the project has promised.
fn known_storm(bench: &mut Bench) -> Result<Vec<Sample>> {
    let storm = Storm { rate: 50, retry_after_s: 2 };
    rage(bench, storm, &StormLimits { requests: 560.0, wall_s: 20.0 })
}

/// Storms at rates that nobody has tuned for.
fn drawn_storms(bench: &mut Bench) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for storm in storms(bench) {
        let (targets, rate) = (f64::from(STORM_TARGETS), f64::from(storm.rate));
        let wall_s = targets / rate + 6.0 * f64::from(storm.retry_after_s);
        samples.extend(rage(bench, storm, &StormLimits { requests: targets * 1.15, wall_s })?);
    }
    Ok(samples)
}

/// The same storms in every round: those that were asked for, or drawn by the seed.
fn storms(bench: &Bench) -> Vec<Storm> {
    let mut rng = fastrand::Rng::with_seed(bench.args.seed.unwrap_or_default());
    let (rates, waits) = (&bench.args.rates, &bench.args.retry_after);
    let count = if rates.is_empty() { STORMS_DRAWN.max(waits.len()) } else { rates.len() };
    let mut draw = |at: usize| Storm {
        rate: rates.get(at).copied().unwrap_or_else(|| rng.u32(20..=200)),
        retry_after_s: waits.get(at).copied().unwrap_or_else(|| rng.u32(1..=5)),
    };
    (0..count).map(&mut draw).collect()
}

fn rage(bench: &mut Bench, storm: Storm, limits: &StormLimits) -> Result<Vec<Sample>> {
    let Storm { rate, retry_after_s } = storm;
    let [rate_text, burst, wait] = [rate, STORM_BURST, retry_after_s].map(|n| n.to_string());
    let options = ["--rate", &rate_text, "--burst", &burst, "--retry-after", &wait];
    let site = Testkit::start(&bench.testkit, 1, &options.map(str::to_owned))?;
    let urls = (0..STORM_TARGETS).map(|i| site.url(0, &format!("/limited?i={i}")));
    let list = bench.write_list(urls)?;
    let run = bench.client.fetch(&list, &["-c", "50"])?;
    let seen = site.stop()?;

    let suffix = format!(", {rate}/s and {retry_after_s} s");
    let name = |what: &str| format!("{what}{suffix}");
    let targets = f64::from(STORM_TARGETS);
    let ideal_s = f64::from(STORM_TARGETS - STORM_BURST) / f64::from(rate);
    let status = |code: &str| seen.statuses.get(code).map_or(0.0, |count| *count as f64);
    let mut samples = vec![
        Sample::new(name("ok"), "targets", run.records.ok as f64).exactly(targets),
        Sample::new(name("200s at the server"), "", status("200")).exactly(targets),
        Sample::new(name("requests at the server"), "", seen.hits as f64)
            .ideal(targets)
            .each_at_most(limits.requests),
        Sample::new(name("wall"), "s", run.cost.wall_s).ideal(ideal_s).at_most(limits.wall_s),
        Sample::new(name("429s"), "", status("429")),
        Sample::new(name("most in flight"), "", seen.in_flight_max as f64),
    ];
    samples.extend(stalls(&suffix, &run));
    Ok(samples)
}

/// A slow host before a fast one, and among it.
fn head_of_line(bench: &mut Bench) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for order in bench.args.orders() {
        let site = Testkit::start(&bench.testkit, 2, &[])?;
        let slow = (0..300).map(|i| site.url(0, &format!("/delay/1s?i={i}"))).collect();
        let fast = (0..1000).map(|i| site.url(1, &format!("/ok?i={i}"))).collect();
        let urls = bench.mix(order, slow, fast);
        let list = bench.write_list(urls.into_iter())?;
        let run = bench.client.fetch(&list, &["-c", "50"])?;
        let seen = site.stop()?;
        let (first, last) = answered(&run, &seen.hosts[1..])?;
        let name = |what: &str| format!("{what}, {}", order.words("slow"));
        samples.extend([
            Sample::new(name("first fast answer"), "s", first).ideal(0.0).at_most(0.1),
            Sample::new(name("last fast answer"), "s", last).ideal(0.0).at_most(1.0),
            Sample::new(name("ok"), "targets", run.records.ok as f64).exactly(1300.0),
            Sample::new(name("requests to the fast host"), "", hits(&seen.hosts[1..]))
                .exactly(1000.0),
            // 300 targets of 1 s at 50 at once.
            Sample::new(name("wall"), "s", run.cost.wall_s).ideal(6.0),
        ]);
        samples.extend(stalls(&name(""), &run));
    }
    Ok(samples)
}

/// Dead hosts before good ones and among them, beside the good ones alone; a good page takes so
/// many milliseconds.
fn dead_hosts(bench: &mut Bench, page_ms: u32) -> Result<Vec<Sample>> {
    let good = |site: &Testkit| -> Vec<String> {
        let path = |i: usize| format!("/ok?delay={page_ms}ms&i={i}");
        (0..1200).map(|i| site.url(40 + i % 60, &path(i))).collect()
    };
    let site = Testkit::start(&bench.testkit, 100, &[])?;
    let urls = good(&site);
    let (alone, seen) = beside_dead(bench, site, urls)?;
    let (_, alone_s) = answered(&alone, &seen.hosts[40..])?;
    let ideal_s = 1200.0 / 16.0 * f64::from(page_ms) / 1000.0;
    let mut samples = vec![
        Sample::new("last good page, alone", "s", alone_s).ideal(ideal_s),
        Sample::new("ok, alone", "targets", alone.records.ok as f64).exactly(1200.0),
    ];
    for order in bench.args.orders() {
        let site = Testkit::start(&bench.testkit, 100, &[])?;
        let dead = (0..200).map(|i| site.url(i % 40, &format!("/silent?i={i}"))).collect();
        let urls = bench.mix(order, dead, good(&site));
        let (run, seen) = beside_dead(bench, site, urls)?;
        let (_, last_s) = answered(&run, &seen.hosts[40..])?;
        let name = |what: &str| format!("{what}, {}", order.words("dead"));
        samples.extend([
            Sample::new(name("last good page / alone"), "x", last_s / alone_s)
                .ideal(1.0)
                .at_most(1.5),
            Sample::new(name("last good page"), "s", last_s),
            Sample::new(name("ok"), "targets", run.records.ok as f64).exactly(1200.0),
            Sample::new(name("records"), "", run.records.records as f64).exactly(1400.0),
            Sample::new(name("requests to good hosts"), "", hits(&seen.hosts[40..]))
                .exactly(1200.0),
            Sample::new(name("requests to dead hosts"), "", hits(&seen.hosts[..40])),
            Sample::new(name("wall"), "s", run.cost.wall_s),
        ]);
        samples.extend(stalls(&name(""), &run));
    }
    Ok(samples)
}

fn beside_dead(bench: &mut Bench, site: Testkit, urls: Vec<String>) -> Result<(Run, Seen)> {
    let list = bench.write_list(urls.into_iter())?;
    let run = bench.client.fetch(&list, &["-c", "16", "-t", "2s", "--retries", "2"])?;
    Ok((run, site.stop()?))
}

fn hits(hosts: &[HostSeen]) -> f64 {
    hosts.iter().map(|host| host.hits as f64).sum()
}

/// When these hosts gave their first and their last answer, in seconds since the run was started.
fn answered(run: &Run, hosts: &[HostSeen]) -> Result<(f64, f64)> {
    let start = run.started_at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let first = hosts.iter().filter_map(|host| host.first_done_at).reduce(f64::min);
    let last = hosts.iter().filter_map(|host| host.last_done_at).reduce(f64::max);
    let seen = first.zip(last).context("the hosts saw no request")?;
    Ok((seen.0 - start, seen.1 - start))
}

impl Order {
    /// The order in words, for lists in which these hosts are the bad ones.
    fn words(self, bad: &str) -> String {
        match self {
            Self::BadFirst => format!("{bad} first"),
            Self::Shuffled => "shuffled".to_owned(),
            Self::Interleaved => "interleaved".to_owned(),
        }
    }
}
