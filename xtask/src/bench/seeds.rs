//! What the seeds time: delays at a given concurrency, memory, CPU beside wrk's.

use std::ffi::OsString;

use anyhow::{Context, Result};

use super::client::{Cost, Run, time};
use super::nginx::Nginx;
use super::report::Sample;
use super::{Bench, Case};

pub(super) const CASES: &[(&str, Case)] = &[
    ("delay-20", |bench| {
        delay(bench, &Delay { targets: 20, in_flight: 20, hosts: 1, limit_s: 1.1 })
    }),
    ("delay-50-at-20", |bench| {
        delay(bench, &Delay { targets: 50, in_flight: 20, hosts: 1, limit_s: 3.1 })
    }),
    ("delay-200-at-30", |bench| {
        delay(bench, &Delay { targets: 200, in_flight: 30, hosts: 1, limit_s: 7.2 })
    }),
    ("delay-1000-at-1000", |bench| {
        delay(bench, &Delay { targets: 1000, in_flight: 1000, hosts: 1, limit_s: 1.6 })
    }),
    // 200 hosts: TIME_WAIT sockets of a single one would slow the next round.
    ("delay-10000-at-10000", |bench| {
        delay(bench, &Delay { targets: 10_000, in_flight: 10_000, hosts: 200, limit_s: 4.0 })
    }),
    ("memory", memory),
    ("cpu", cpu),
];

const STALL_MS_MAX: f64 = 50.0;
const FEW_TARGETS: usize = 10_000;
const CPU_TARGETS: usize = 100_000;
const CPU_CONNECTIONS: usize = 100;

/// Targets that each take one second.
struct Delay {
    targets: usize,
    in_flight: usize,
    hosts: usize,
    limit_s: f64,
}

fn delay(bench: &mut Bench, case: &Delay) -> Result<Vec<Sample>> {
    let nginx = Nginx::start(bench.args.hosts.unwrap_or(case.hosts))?;
    let urls = (0..case.targets).map(|i| nginx.url(i, &format!("/delay/1.0/{i}")));
    let list = bench.write_list(urls)?;
    let run = bench.client.fetch(&list, &["-c", &case.in_flight.to_string()])?;
    let rounds = case.targets.div_ceil(case.in_flight) as f64;
    let mut samples = vec![
        Sample::new("wall", "s", run.cost.wall_s).ideal(rounds).at_most(case.limit_s),
        Sample::new("ok", "targets", run.records.ok as f64).exactly(case.targets as f64),
        Sample::new("peak memory", "MiB", run.cost.peak_kib as f64 / 1024.0),
    ];
    samples.extend(stalls("", &run));
    Ok(samples)
}

/// A long list and a short one: the peak must not grow with the list.
fn memory(bench: &mut Bench) -> Result<Vec<Sample>> {
    let nginx = Nginx::start(bench.args.hosts.unwrap_or(1))?;
    let targets = bench.args.targets;
    let mut fetch = |targets: usize| -> Result<Run> {
        let urls = (0..targets).map(|i| nginx.url(i, &format!("/page/{i}")));
        let list = bench.write_list(urls)?;
        bench.client.fetch(&list, &["-c", "50"])
    };
    let (few, many) = (fetch(FEW_TARGETS)?, fetch(targets)?);
    let mib = |run: &Run| run.cost.peak_kib as f64 / 1024.0;
    let mut samples = vec![
        Sample::new("ok", "targets", many.records.ok as f64).exactly(targets as f64),
        Sample::new("recorded twice", "targets", many.records.repeated as f64).exactly(0.0),
        Sample::new("peak, 10,000 targets", "MiB", mib(&few)),
        Sample::new("peak, long list", "MiB", mib(&many)).at_most(64.0),
        Sample::new("long list / 10,000", "x", mib(&many) / mib(&few)).ideal(1.0).at_most(1.2),
    ];
    samples.extend(stalls("", &many));
    Ok(samples)
}

/// The CPU of as many requests as wrk makes, in turn.
fn cpu(bench: &mut Bench) -> Result<Vec<Sample>> {
    let nginx = Nginx::start(bench.args.hosts.unwrap_or(1))?;
    let urls = (0..CPU_TARGETS).map(|i| nginx.url(i, &format!("/1k/{i}")));
    let list = bench.write_list(urls)?;
    let url = nginx.url(0, "/1k/0");
    // Whoever comes second finds a warmer machine, so they take turns.
    let (run, (wrk, requests));
    if bench.round.is_multiple_of(2) {
        (wrk, requests) = run_wrk(bench, &url)?;
        run = bench.client.fetch(&list, &["-c", &CPU_CONNECTIONS.to_string()])?;
    } else {
        run = bench.client.fetch(&list, &["-c", &CPU_CONNECTIONS.to_string()])?;
        (wrk, requests) = run_wrk(bench, &url)?;
    }
    let wrk_us = wrk.cpu_s() * 1e6 / requests;
    let ours_us = run.cost.cpu_s() * 1e6 / CPU_TARGETS as f64;
    let mut samples = vec![
        Sample::new("ok", "targets", run.records.ok as f64).exactly(CPU_TARGETS as f64),
        Sample::new("CPU of wrk", "us/req", wrk_us),
        Sample::new("CPU", "us/req", ours_us),
        Sample::new("CPU / wrk's", "x", ours_us / wrk_us).ideal(1.0).at_most(1.6),
        Sample::new("user CPU", "us/req", run.cost.user_s * 1e6 / CPU_TARGETS as f64),
        Sample::new("requests a second", "1/s", CPU_TARGETS as f64 / run.cost.wall_s),
        Sample::new("peak memory", "MiB", run.cost.peak_kib as f64 / 1024.0),
    ];
    samples.extend(stalls("", &run));
    Ok(samples)
}

/// wrk for about as many requests as ours: its cost, and how many there were.
fn run_wrk(bench: &Bench, url: &str) -> Result<(Cost, f64)> {
    let connections = CPU_CONNECTIONS.to_string();
    let mut seconds = 2;
    loop {
        let duration = format!("{seconds}s");
        let command =
            ["wrk", "-t", "1", "-c", &connections, "-d", &duration, url].map(OsString::from);

        let (cost, _, stdout) = time(bench.folder.path(), &command)?;
        let line = stdout.lines().find(|line| line.contains(" requests in "));
        let requests = line.and_then(|line| line.split_whitespace().next());
        let requests: f64 = requests.and_then(|word| word.parse().ok()).context(stdout)?;
        if requests >= CPU_TARGETS as f64 * 0.7 {
            return Ok((cost, requests));
        }
        seconds = (f64::from(seconds) * CPU_TARGETS as f64 / requests).ceil() as i32;
    }
}

/// The longest stalls of the program's loops.
pub(super) fn stalls(suffix: &str, run: &Run) -> Vec<Sample> {
    // A program that does not tell has not shown that it keeps the limit.
    let cpu = run.stall_cpu_ms().unwrap_or(f64::INFINITY);
    let mut samples =
        vec![Sample::new(format!("loop stall, CPU{suffix}"), "ms", cpu).at_most(STALL_MS_MAX)];
    let wall = run.stall_wall_ms();
    samples.extend(wall.map(|ms| Sample::new(format!("loop stall, wall{suffix}"), "ms", ms)));
    samples
}
