//! Hosts that refuse, are slow, or are dead: what they see of us, and whom they hold up.

use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};

use super::client::Run;
use super::report::Sample;
use super::seeds::stalls;
use super::testkit::{HostSeen, Seen, Testkit};
use super::{Bench, Case};

pub(super) const CASES: &[(&str, Case)] = &[
    ("storm", known_storm),
    ("storms-drawn", drawn_storms),
    ("head-of-line", head_of_line),
    ("dead-hosts", dead_hosts),
];

const STORM_TARGETS: u32 = 500;
/// Rates that are drawn if none are given.
const STORMS_DRAWN: usize = 3;
/// Milliseconds a good page takes beside dead hosts.
const PAGE_MS: u32 = 50;

/// A host that bears so many requests a second and says when to come back.
#[derive(Clone, Copy, Debug)]
struct Storm {
    rate: u32,
    retry_after_s: u32,
}

/// The storm whose limits the project has promised.
fn known_storm(bench: &mut Bench) -> Result<Vec<Sample>> {
    let storm = Storm { rate: 50, retry_after_s: 2 };
    let (run, seen) = rage(bench, storm)?;
    let ideal_s = f64::from(STORM_TARGETS - 5) / 50.0;
    let mut samples = vec![
        Sample::new("ok", "targets", run.records.ok as f64).exactly(f64::from(STORM_TARGETS)),
        Sample::new("requests", "", seen.hits as f64)
            .ideal(f64::from(STORM_TARGETS))
            .at_most(560.0),
        Sample::new("wall", "s", run.cost.wall_s).ideal(ideal_s).at_most(20.0),
        Sample::new("429s", "", seen.statuses.get("429").map_or(0.0, |count| *count as f64)),
        Sample::new("most in flight", "", seen.in_flight_max as f64),
    ];
    samples.extend(stalls("", &run));
    Ok(samples)
}

/// Storms at rates that nobody has tuned for.
fn drawn_storms(bench: &mut Bench) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for storm in storms(bench) {
        let (run, seen) = rage(bench, storm)?;
        let name = |what: &str| format!("{what} ({}/s, {} s)", storm.rate, storm.retry_after_s);
        let targets = f64::from(STORM_TARGETS);
        let ideal_s = targets / f64::from(storm.rate);
        let limit_s = ideal_s + 6.0 * f64::from(storm.retry_after_s);
        samples.extend([
            Sample::new(name("ok"), "targets", run.records.ok as f64).exactly(targets),
            Sample::new(name("requests"), "", seen.hits as f64)
                .ideal(targets)
                .at_most(targets * 1.15),
            Sample::new(name("wall"), "s", run.cost.wall_s).ideal(ideal_s).at_most(limit_s),
        ]);
        samples.extend(stalls(&name(""), &run));
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

fn rage(bench: &mut Bench, storm: Storm) -> Result<(Run, Seen)> {
    let Storm { rate, retry_after_s } = storm;
    let options =
        ["--rate", &rate.to_string(), "--burst", "5", "--retry-after", &retry_after_s.to_string()]
            .map(str::to_owned);
    let site = Testkit::start(1, &options)?;
    let urls = (0..STORM_TARGETS).map(|i| site.url(0, &format!("/limited?i={i}")));
    let list = bench.write_list(urls)?;
    let run = bench.client.fetch(&list, &["-c", "50"])?;
    Ok((run, site.stop()?))
}

/// A slow host before a fast one.
fn head_of_line(bench: &mut Bench) -> Result<Vec<Sample>> {
    let site = Testkit::start(2, &[])?;
    let slow = (0..300).map(|i| site.url(0, &format!("/delay/1s?i={i}"))).collect();
    let fast = (0..1000).map(|i| site.url(1, &format!("/ok?i={i}"))).collect();
    let urls = bench.mix(slow, fast);
    let list = bench.write_list(urls.into_iter())?;
    let run = bench.client.fetch(&list, &["-c", "50"])?;
    let seen = site.stop()?;
    let (first, last) = since(&run, &seen.hosts[1..])?;
    let mut samples = vec![
        Sample::new("ok", "targets", run.records.ok as f64).exactly(1300.0),
        Sample::new("first fast answer", "s", first).ideal(0.0).at_most(0.1),
        Sample::new("last fast answer", "s", last).ideal(0.0).at_most(1.0),
        Sample::new("wall", "s", run.cost.wall_s),
    ];
    samples.extend(stalls("", &run));
    Ok(samples)
}

/// Dead hosts before good ones, beside the good ones alone.
fn dead_hosts(bench: &mut Bench) -> Result<Vec<Sample>> {
    let flags = ["-c", "16", "-t", "2s", "--retries", "2"];
    let good = |site: &Testkit| -> Vec<String> {
        let path = |i: usize| format!("/ok?delay={PAGE_MS}ms&i={i}");
        (0..1200).map(|i| site.url(40 + i % 60, &path(i))).collect()
    };
    let site = Testkit::start(100, &[])?;
    let list = bench.write_list(good(&site).into_iter())?;
    let alone = bench.client.fetch(&list, &flags)?;
    let (_, alone_s) = since(&alone, &site.stop()?.hosts[40..])?;

    let site = Testkit::start(100, &[])?;
    let dead = (0..200).map(|i| site.url(i % 40, &format!("/silent?i={i}"))).collect();
    let urls = bench.mix(dead, good(&site));
    let list = bench.write_list(urls.into_iter())?;
    let run = bench.client.fetch(&list, &flags)?;
    let (_, last_s) = since(&run, &site.stop()?.hosts[40..])?;
    let mut samples = vec![
        Sample::new("ok", "targets", run.records.ok as f64).exactly(1200.0),
        Sample::new("records", "targets", run.records.records as f64).exactly(1400.0),
        Sample::new("last good page, alone", "s", alone_s),
        Sample::new("last good page", "s", last_s),
        Sample::new("last good page / alone", "x", last_s / alone_s).ideal(1.0).at_most(1.5),
        Sample::new("wall", "s", run.cost.wall_s),
    ];
    samples.extend(stalls("", &run));
    Ok(samples)
}

/// The first and the last request that these hosts saw, in seconds since the run was started.
fn since(run: &Run, hosts: &[HostSeen]) -> Result<(f64, f64)> {
    let start = run.started_at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let first = hosts.iter().filter_map(|host| host.first_at).reduce(f64::min);
    let last = hosts.iter().filter_map(|host| host.last_at).reduce(f64::max);
    let seen = first.zip(last).context("the hosts saw no request")?;
    Ok((seen.0 - start, seen.1 - start))
}
