//! Two event loops beside one over 200 hosts: in memory, and over sockets to nginx.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::nginx::Nginx;
use super::report::Sample;
use super::{Bench, Case};
use crate::repo;

pub(super) const CASES: &[Case] = &[
    Case { name: "memory-64k", rounds: 9, run: |bench| memory(bench, &PAGES) },
    Case { name: "memory-1k", rounds: 9, run: |bench| memory(bench, &ANSWERS) },
    Case { name: "sockets", rounds: 5, run: sockets },
];

const HOSTS: usize = 200;
const TARGETS: usize = 200_000;
const CONCURRENCY: u32 = 100;
/// What two loops do over what one does, in memory.
const RATIO_MIN: f64 = 1.7;

/// What is fetched in memory.
struct Bodies {
    bytes: usize,
    targets: usize,
}

/// As a web page has.
const PAGES: Bodies = Bodies { bytes: 65_536, targets: 100_000 };
/// As an API has: reading the list and writing records is a quarter of all work, which one loop leaves
/// to a second processor as well.
const ANSWERS: Bodies = Bodies { bytes: 1_024, targets: TARGETS };
/// So few targets are held for so long that all of the concurrency is seen in flight.
const HELD: &[&str] = &["targets=20000", "hold_ms=5"];

/// What the example says of one run.
#[derive(Deserialize)]
struct Measured {
    targets: u64,
    ok: u64,
    cpu_s: f64,
    requests_per_s: f64,
    in_flight_max: u32,
    permits_max: u32,
}

/// A run that is timed: its name, its event loops, and the processors it may use.
struct Contender {
    name: &'static str,
    shards: u32,
    processors: Option<&'static str>,
}

const ONE: Contender = Contender { name: "1 shard", shards: 1, processors: None };
const TWO: Contender = Contender { name: "2 shards", shards: 2, processors: None };
/// What a second processor is worth to everything together: reading, loops and writing.
const ALONE: Contender =
    Contender { name: "1 shard on 1 processor", shards: 1, processors: Some("0") };
const BESIDE: [Contender; 2] = [
    Contender { name: "1 shard, server pinned apart", shards: 1, processors: Some("1-1023") },
    Contender { name: "2 shards, server pinned apart", shards: 2, processors: Some("1-1023") },
];
/// Where the server is pinned to.
const SERVER_PROCESSOR: &str = "0";

fn memory(bench: &mut Bench, bodies: &Bodies) -> Result<Vec<Sample>> {
    let program = example()?;
    let targets = format!("targets={}", bench.args.requests.unwrap_or(bodies.targets));
    let bytes = format!("body_bytes={}", bodies.bytes);
    let [one, two, alone] = in_turn(bench, &program, [&ONE, &TWO, &ALONE], &[&targets, &bytes])?;
    let [held] = in_turn(bench, &program, [&TWO], HELD)?;
    let mut samples = vec![
        ratio("2 shards / 1 shard", &two, &one).at_least(RATIO_MIN),
        ratio("2 shards / 1 shard on 1 processor", &two, &alone),
    ];
    for (contender, measured) in [(ONE, &one), (TWO, &two), (ALONE, &alone)] {
        samples.extend(figures(contender.name, measured));
    }
    let concurrency = f64::from(CONCURRENCY);
    samples.extend([
        Sample::new("most in flight, 2 shards, at the server", "", f64::from(held.in_flight_max))
            .exactly(concurrency),
        Sample::new("most in flight, 2 shards, by our count", "", f64::from(held.permits_max))
            .exactly(concurrency),
    ]);
    Ok(samples)
}

/// On two processors the server takes one of them: nothing is left for a second loop there, and the
/// ratio says what it costs to have one all the same.
fn sockets(bench: &mut Bench) -> Result<Vec<Sample>> {
    let program = example()?;
    let nginx = Nginx::start(HOSTS)?;
    let targets = bench.args.requests.unwrap_or(TARGETS);
    let list = bench.write_list((0..targets).map(|i| nginx.url(i, &format!("/1k/{i}"))))?;
    let list = format!("list={}", list.display());
    let [one, two] = in_turn(bench, &program, [&ONE, &TWO], &[&list])?;
    let mut samples = vec![ratio("2 shards / 1 shard", &two, &one)];
    samples
        .extend([(ONE.name, &one), (TWO.name, &two)].into_iter().flat_map(|(n, m)| figures(n, m)));
    nginx.pin(SERVER_PROCESSOR)?;
    let [first, second] = &BESIDE;
    let [one, two] = in_turn(bench, &program, [first, second], &[&list])?;
    samples.push(ratio("2 shards / 1 shard, server pinned apart", &two, &one));
    let pinned = [(first.name, &one), (second.name, &two)];
    samples.extend(pinned.into_iter().flat_map(|(name, measured)| figures(name, measured)));
    Ok(samples)
}

fn example() -> Result<PathBuf> {
    let args = ["build", "--quiet", "--release", "-p", "gather", "--example", "shards"];
    repo::output(repo::cargo().args(args))?;
    Ok(repo::target_dir()?.join("release/examples/shards"))
}

/// Runs all of them, in each round another one first.
fn in_turn<const N: usize>(
    bench: &Bench,
    program: &Path,
    contenders: [&Contender; N],
    words: &[&str],
) -> Result<[Measured; N]> {
    let mut measured = contenders.map(|_| None);
    for step in 0..N {
        let at = (bench.round + step) % N;
        measured[at] = Some(run(program, contenders[at], words)?);
    }
    Ok(measured.map(|one| one.expect("each had its turn")))
}

fn run(program: &Path, contender: &Contender, words: &[&str]) -> Result<Measured> {
    let mut command = match contender.processors {
        Some(processors) => {
            let mut command = Command::new("taskset");
            command.args(["-c", processors]).arg(program);
            command
        }
        None => Command::new(program),
    };
    command.arg(contender.shards.to_string()).arg(format!("concurrency={CONCURRENCY}"));
    let line = repo::output(command.args(words))?;
    serde_json::from_str(&line).with_context(|| format!("{}: {line}", contender.name))
}

fn ratio(name: &str, ours: &Measured, other: &Measured) -> Sample {
    Sample::new(name, "x", ours.requests_per_s / other.requests_per_s)
}

fn figures(name: &str, measured: &Measured) -> [Sample; 3] {
    let Measured { targets, ok, cpu_s, requests_per_s, .. } = measured;
    let targets = *targets as f64;
    [
        Sample::new(format!("requests a second, {name}"), "/s", *requests_per_s),
        Sample::new(format!("CPU, {name}"), "us/request", cpu_s * 1e6 / targets),
        Sample::new(format!("ok, {name}"), "", *ok as f64).exactly(targets),
    ]
}
