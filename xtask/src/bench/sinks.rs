//! What outputs cost: records a second into each, and client CPU of a run with several of them.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::client::Run;
use super::journal::JOURNAL_MAX;
use super::nginx::Nginx;
use super::report::Sample;
use super::{Bench, Case};
use crate::repo;

pub(super) const CASES: &[Case] = &[
    Case { name: "bulk", rounds: 5, run: bulk },
    Case { name: "beside-jsonl", rounds: 15, run: beside_jsonl },
];

/// An output that is written to in bulk, through the code a run writes with.
struct Bulk {
    /// As the example of gather-store calls it.
    name: &'static str,
    records: u64,
    /// The least records a second, where one is promised.
    least: Option<f64>,
}

const BULK: &[Bulk] = &[
    Bulk { name: "jsonl", records: 1_000_000, least: None },
    Bulk { name: "csv", records: 1_000_000, least: None },
    Bulk { name: "sqlite", records: 500_000, least: Some(100_000.0) },
    Bulk { name: "sqlite-tags", records: 200_000, least: None },
    Bulk { name: "postgres", records: 200_000, least: Some(50_000.0) },
    Bulk { name: "postgres-tags", records: 100_000, least: None },
];

/// What is added to a run that writes JSON lines.
struct Beside {
    name: &'static str,
    /// What the run is beside that it is compared with.
    alone: &'static [&'static str],
    /// `{folder}` and `{postgres}` stand for what there is.
    flags: &'static [&'static str],
    /// The client's CPU beside that of JSON lines alone, at most.
    limit: Option<f64>,
}

const BESIDE: &[Beside] = &[
    Beside { name: "journal", alone: &["--no-journal"], flags: &[], limit: Some(JOURNAL_MAX) },
    Beside { name: "csv", alone: &[], flags: &["-o", "{folder}/out.csv"], limit: None },
    Beside { name: "sqlite", alone: &[], flags: &["-o", "{folder}/out.db"], limit: None },
    Beside { name: "postgres", alone: &[], flags: &["-o", "{postgres}"], limit: None },
];

const TARGETS: usize = 100_000;
const CONNECTIONS: usize = 100;

/// What the example says of one output.
#[derive(Deserialize)]
struct Measured {
    sink: String,
    records: u64,
    seconds: f64,
    bytes: u64,
}

/// Each output on its own.
fn bulk(bench: &mut Bench) -> Result<Vec<Sample>> {
    let program = example()?;
    let mut samples = Vec::new();
    for bulk in BULK {
        let mut command = Command::new(&program);
        command.args([bulk.name, &bulk.records.to_string()]);
        let line = repo::output(command.env("TMPDIR", bench.folder.path()))?;
        let Measured { sink, records, seconds, bytes } = serde_json::from_str(&line)?;
        let us = seconds * 1e6 / records as f64;
        let sample = Sample::new(format!("{sink}, time of a record"), "us", us);
        samples.push(match bulk.least {
            Some(least) => sample.at_most(1e6 / least),
            None => sample,
        });
        samples.push(Sample::new(format!("{sink}, records"), "/s", records as f64 / seconds));
        if bytes > 0 {
            samples.push(Sample::new(
                format!("{sink}, a record"),
                "B",
                bytes as f64 / records as f64,
            ));
        }
    }
    Ok(samples)
}

/// Builds the example that writes records, with all formats.
fn example() -> Result<PathBuf> {
    let name = "records_per_second";
    let args = ["build", "--quiet", "--release", "-p", "gather-store", "--all-features"];
    repo::output(repo::cargo().args(args).args(["--example", name]))?;
    Ok(repo::target_dir()?.join("release/examples").join(name))
}

/// A run with JSON lines alone, and one with each other output beside it, in turn.
fn beside_jsonl(bench: &mut Bench) -> Result<Vec<Sample>> {
    let mut nginx = Nginx::start(bench.args.hosts.unwrap_or(1))?;
    let list = bench.write_list((0..TARGETS).map(|i| nginx.url(i, &format!("/1k/{i}"))))?;
    let server = Server::start(&bench.testkit)?;
    let folder = bench.folder.path().display().to_string();
    let mut samples = Vec::new();
    for beside in BESIDE {
        let filled = |flags: &[&str]| -> Vec<String> {
            let fill =
                |flag: &&str| flag.replace("{folder}", &folder).replace("{postgres}", &server.url);
            flags.iter().map(fill).collect()
        };
        let (without, flags) = (filled(beside.alone), filled(beside.flags));
        let mut fetch = |more: &[String]| -> Result<Run> {
            let concurrency = CONNECTIONS.to_string();
            let all = ["-c", &concurrency].into_iter().chain(more.iter().map(String::as_str));
            bench.client.fetch(&list, &all.collect::<Vec<_>>())
        };
        // Whoever comes second finds a warmer machine, so they take turns.
        let (alone, both);
        if bench.round.is_multiple_of(2) {
            alone = fetch(&without)?;
            both = fetch(&flags)?;
        } else {
            both = fetch(&flags)?;
            alone = fetch(&without)?;
        }
        samples.extend(pair(beside, &alone, &both));
    }
    nginx.hits()?;
    Ok(samples)
}

fn pair(beside: &Beside, alone: &Run, both: &Run) -> Vec<Sample> {
    let name = beside.name;
    let us = |run: &Run| run.cost.cpu_s() * 1e6 / TARGETS as f64;
    let ratio =
        Sample::new(format!("CPU with {name} / alone"), "x", us(both) / us(alone)).ideal(1.0);
    vec![
        match beside.limit {
            Some(limit) => ratio.at_most(limit),
            None => ratio,
        },
        Sample::new(format!("CPU alone, beside {name}"), "us/request", us(alone)),
        Sample::new(format!("CPU with {name}"), "us/request", us(both)),
        Sample::new(format!("wall with {name}"), "s", both.cost.wall_s),
        Sample::new(format!("ok with {name}"), "targets", both.records.ok as f64)
            .exactly(TARGETS as f64),
    ]
}

/// A PostgreSQL of its own, in a process whose CPU is not the client's.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(testkit: &std::path::Path) -> Result<Self> {
        use std::io::{BufRead, BufReader};
        let mut child = Command::new(testkit)
            .arg("postgres")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut url = String::new();
        BufReader::new(child.stdout.take().context("stdout is piped")?).read_line(&mut url)?;
        Ok(Self { child, url: url.trim().to_owned() })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It stops the database and ends when its stdin does.
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}
