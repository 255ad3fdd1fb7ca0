//! What the seeds time: delays at a given concurrency, memory, CPU beside wrk's.

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::client::{Cost, Run, time};
use super::nginx::Nginx;
use super::report::Sample;
use super::{Bench, Case};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "delay-20-at-20",
        rounds: 3,
        run: |bench| delay(bench, &Delay { targets: 20, in_flight: 20, hosts: 1, limit_s: 1.1 }),
    },
    Case {
        name: "delay-50-at-20",
        rounds: 3,
        run: |bench| delay(bench, &Delay { targets: 50, in_flight: 20, hosts: 1, limit_s: 3.1 }),
    },
    Case {
        name: "delay-200-at-30",
        rounds: 3,
        run: |bench| delay(bench, &Delay { targets: 200, in_flight: 30, hosts: 1, limit_s: 7.2 }),
    },
    Case {
        name: "delay-1000-at-1000",
        rounds: 5,
        run: |bench| {
            delay(bench, &Delay { targets: 1000, in_flight: 1000, hosts: 1, limit_s: 1.6 })
        },
    },
    // 200 hosts: TIME_WAIT sockets of a single one would slow the next round.
    Case {
        name: "delay-10000-at-10000",
        rounds: 5,
        run: |bench| {
            delay(bench, &Delay { targets: 10_000, in_flight: 10_000, hosts: 200, limit_s: 4.0 })
        },
    },
    Case { name: "memory-1-host", rounds: 1, run: |bench| memory(bench, 1) },
    Case { name: "memory-200-hosts", rounds: 1, run: |bench| memory(bench, 200) },
    Case { name: "cpu", rounds: 9, run: cpu },
];

const STALL_MS_MAX: f64 = 50.0;
const MEMORY_MB_MAX: f64 = 64.0;
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

/// Fetches one page from nginx for each target, whose path is made from the target's number:
/// the run, and how many requests nginx counted.
pub(super) fn fetch(
    bench: &mut Bench,
    nginx: &mut Nginx,
    size: (usize, usize),
    path: impl Fn(usize) -> String,
) -> Result<(Run, u64)> {
    fetch_list(bench, nginx, size, |nginx, i| nginx.url(i, &path(i)))
}

/// The same, of hosts in any order.
pub(super) fn fetch_list(
    bench: &mut Bench,
    nginx: &mut Nginx,
    (targets, in_flight): (usize, usize),
    url: impl Fn(&Nginx, usize) -> String,
) -> Result<(Run, u64)> {
    let list = bench.write_list((0..targets).map(|i| url(nginx, i)))?;
    let before = nginx.hits()?;
    let in_flight = in_flight.to_string();
    let flags = [&["-c", &in_flight], nginx.flags()].concat();
    let run = bench.client.fetch(&list, &flags)?;
    Ok((run, nginx.hits()? - before))
}

/// Every target has one record, which is ok, and one request reached the server for it.
pub(super) fn complete(suffix: &str, targets: usize, (run, hits): &(Run, u64)) -> Vec<Sample> {
    let (name, want) = (|what: &str| format!("{what}{suffix}"), targets as f64);
    vec![
        Sample::new(name("ok"), "targets", run.records.ok as f64).exactly(want),
        Sample::new(name("records"), "", run.records.records as f64).exactly(want),
        Sample::new(name("recorded twice"), "", run.records.repeated as f64).exactly(0.0),
        Sample::new(name("requests at the server"), "", *hits as f64).exactly(want),
    ]
}

fn delay(bench: &mut Bench, case: &Delay) -> Result<Vec<Sample>> {
    let mut nginx = Nginx::start(bench.args.hosts.unwrap_or(case.hosts))?;
    let size = (case.targets, case.in_flight);
    let fetched = fetch(bench, &mut nginx, size, |i| format!("/delay/1.0/{i}"))?;
    let run = &fetched.0;
    let rounds = case.targets.div_ceil(case.in_flight) as f64;
    let mut samples =
        vec![Sample::new("wall", "s", run.cost.wall_s).ideal(rounds).at_most(case.limit_s)];
    samples.extend(complete("", case.targets, &fetched));
    samples.extend(run.in_flight_max().map(|most| Sample::new("most in flight", "", most)));
    samples.push(Sample::new("peak memory", "MB", run.cost.peak_mb()));
    samples.extend(stalls("", run));
    Ok(samples)
}

/// A long list and a short one: the peak must not grow with the list.
fn memory(bench: &mut Bench, hosts: usize) -> Result<Vec<Sample>> {
    let mut nginx = Nginx::start(bench.args.hosts.unwrap_or(hosts))?;
    let targets = bench.args.targets;
    let page = |i: usize| format!("/page/{i}");
    let few = fetch(bench, &mut nginx, (FEW_TARGETS, 50), page)?;
    let many = fetch(bench, &mut nginx, (targets, 50), page)?;
    let peaks = [few.0.cost.peak_mb(), many.0.cost.peak_mb()];
    let mut samples = vec![
        Sample::new(format!("peak, {FEW_TARGETS} targets"), "MB", peaks[0]),
        Sample::new(format!("peak, {targets} targets"), "MB", peaks[1]).each_at_most(MEMORY_MB_MAX),
        Sample::new("peak / peak of the short list", "x", peaks[1] / peaks[0])
            .ideal(1.0)
            .each_at_most(1.2),
        Sample::new("wall", "s", many.0.cost.wall_s),
    ];
    samples.extend(complete(", short list", FEW_TARGETS, &few));
    samples.extend(complete("", targets, &many));
    samples.extend(stalls("", &many.0));
    Ok(samples)
}

/// The CPU of as many requests as wrk makes, in turn.
fn cpu(bench: &mut Bench) -> Result<Vec<Sample>> {
    let mut nginx = Nginx::start(bench.args.hosts.unwrap_or(1))?;
    let (size, url) = ((CPU_TARGETS, CPU_CONNECTIONS), nginx.url(0, "/1k/0"));
    let page = |i: usize| format!("/1k/{i}");
    // Whoever comes second finds a warmer machine, so they take turns.
    let (fetched, wrk);
    if bench.round.is_multiple_of(2) {
        wrk = run_wrk(bench.folder.path(), &url, CPU_TARGETS)?;
        fetched = fetch(bench, &mut nginx, size, page)?;
    } else {
        fetched = fetch(bench, &mut nginx, size, page)?;
        wrk = run_wrk(bench.folder.path(), &url, CPU_TARGETS)?;
    }
    let (cost, wrk_cost, wrk_requests) = (fetched.0.cost, wrk.cost, wrk.requests);
    let wrk_us = wrk_cost.cpu_s() * 1e6 / wrk_requests;
    let ours_us = cost.cpu_s() * 1e6 / CPU_TARGETS as f64;
    let mut samples = vec![
        Sample::new("CPU / wrk's", "x", ours_us / wrk_us).ideal(1.0).at_most(1.6),
        Sample::new("CPU", "us/request", ours_us),
        Sample::new("CPU of wrk", "us/request", wrk_us),
        Sample::new("user CPU", "us/request", cost.user_s * 1e6 / CPU_TARGETS as f64),
        Sample::new("user CPU of wrk", "us/request", wrk_cost.user_s * 1e6 / wrk_requests),
        Sample::new("requests of wrk", "", wrk_requests),
        Sample::new("wall", "s", cost.wall_s),
        Sample::new("peak memory", "MB", cost.peak_mb()),
    ];
    samples.extend(complete("", CPU_TARGETS, &fetched));
    samples.extend(stalls("", &fetched.0));
    Ok(samples)
}

/// What wrk did.
pub(super) struct Wrk {
    /// Of its last run, the one that counts.
    pub(super) cost: Cost,
    pub(super) requests: f64,
    /// Of all its runs.
    pub(super) requests_of_all: f64,
    pub(super) runs: usize,
}

/// wrk for about as many requests as ours.
///
/// wrk counts whole seconds and not requests, so the number is met as nearly as seconds allow.
pub(super) fn run_wrk(folder: &Path, url: &str, wanted: usize) -> Result<Wrk> {
    let wanted = wanted as f64;
    let connections = CPU_CONNECTIONS.to_string();
    let (mut seconds, mut requests_of_all, mut runs) = (2, 0.0, 0);
    loop {
        let duration = format!("{seconds}s");
        let command =
            ["wrk", "-t", "1", "-c", &connections, "-d", &duration, url].map(OsString::from);
        let (cost, _, stdout) = time(folder, &command)?;
        let is_bad = stdout.contains("Socket errors") || stdout.contains("Non-2xx");
        ensure!(!is_bad, "wrk met errors: {stdout}");
        let line = stdout.lines().find(|line| line.contains(" requests in "));
        let requests = line.and_then(|line| line.split_whitespace().next());
        let requests: f64 = requests.and_then(|word| word.parse().ok()).context(stdout)?;
        requests_of_all += requests;
        runs += 1;
        // Rounding to whole seconds cannot do better than this.
        let is_near = (0.7..=1.5).contains(&(requests / wanted));
        let better = ((f64::from(seconds) * wanted / requests).round() as u32).clamp(1, 60);
        if is_near || better == seconds || runs == WRK_RUNS_MAX {
            return Ok(Wrk { cost, requests, requests_of_all, runs });
        }
        seconds = better;
    }
}

/// On a machine whose speed changes wrk may never meet the number.
const WRK_RUNS_MAX: usize = 4;

/// The longest stalls of the program's loops.
pub(super) fn stalls(suffix: &str, run: &Run) -> Vec<Sample> {
    // A program that does not tell has not shown that it keeps the limit.
    let cpu = run.stall_cpu_ms().unwrap_or(f64::INFINITY);
    let name = |clock: &str| format!("longest loop stall, {clock}{suffix}");
    let mut samples = vec![Sample::new(name("CPU"), "ms", cpu).each_at_most(STALL_MS_MAX)];
    samples.extend(run.stall_wall_ms().map(|ms| Sample::new(name("wall"), "ms", ms)));
    samples
}
