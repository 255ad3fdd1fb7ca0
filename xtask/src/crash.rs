//! The long form of the crash tests: the built program killed again and again, and what was lost.

mod watch;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{needs, repo};

/// Random kills of each sink, at least.
const ROUNDS_MIN: u64 = 100;

/// Kills the program at every durable call and at random moments, and counts what is lost.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    /// Another thing than a run.
    #[command(subcommand)]
    what: Option<What>,
    /// Runs killed at random moments, up to three times each, over all sinks together.
    #[arg(long, default_value_t = 1_000)]
    rounds: u64,
    /// Sinks to crash, as named in `crates/cli/tests/crash/sinks.rs`; all of them if none is named.
    #[arg(long, value_delimiter = ',')]
    sinks: Vec<String>,
    /// Repeats the random moments of an earlier run.
    #[arg(long)]
    seed: Option<u64>,
}

/// What is killed, where it is not a run.
#[derive(Debug, clap::Subcommand)]
enum What {
    /// A watch of targets that fail and recover, its notices going to a receiver that sometimes fails.
    Watch(watch::Args),
}

/// What a test tells of its kills.
#[derive(Debug, Deserialize)]
struct Told {
    sink: String,
    what: String,
    calls: Option<u64>,
    kills: u64,
    lost: u64,
    duplicates: u64,
    unexpected: u64,
    repeats_max: u64,
    problems: u64,
}

/// Repeats that are permitted for a kill: see `REPEATS_MAX` in `crates/cli/tests/crash/bed.rs`.
const REPEATS_MAX: u64 = 2 * 20 + 1_000;

/// Runs them; the exit code says whether nothing was lost.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if let Some(What::Watch(args)) = &args.what {
        return watch::run(args);
    }
    let missing = needs::install(needs::TESTS);
    ensure!(!missing.contains(&"strace"), "strace is missing and could not be installed");
    let program = program()?;
    let sinks = if args.sinks.is_empty() { sinks()? } else { args.sinks.clone() };
    let rounds = args.rounds.div_ceil(sinks.len().max(1) as u64).max(ROUNDS_MIN);
    eprintln!("crashing {}, {rounds} rounds of random kills each", sinks.join(", "));
    let mut command = repo::cargo();
    command
        .args(["test", "-p", "gather-cli", "--test", "crash", "--", "kills::"])
        .args(["--nocapture", "--test-threads", "1"])
        .env("GATHER_CRASH_PROGRAM", program)
        .env("GATHER_CRASH_ROUNDS", rounds.to_string())
        .env("GATHER_CRASH_SINKS", sinks.join(","));
    if let Some(seed) = args.seed {
        command.env("GATHER_CRASH_SEED", seed.to_string());
    }
    let (passed, all): (bool, Vec<Told>) = told_by(&mut command)?;
    println!("{}", table(&all));
    let is_clean = all.iter().all(Told::is_clean);
    Ok(if passed && is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The program as users have it.
fn program() -> Result<PathBuf> {
    let status = repo::cargo().args(["build", "--release", "-p", "gather-cli"]).status()?;
    ensure!(status.success(), "the program could not be built");
    Ok(repo::target_dir()?.join("release").join("gather"))
}

/// Runs tests: whether they passed, and what they told. Their other lines are printed.
fn told_by<T: DeserializeOwned>(command: &mut Command) -> Result<(bool, Vec<T>)> {
    let mut tests = command.stdout(Stdio::piped()).spawn().context("cannot run the tests")?;
    let mut all = Vec::new();
    for line in BufReader::new(tests.stdout.take().context("stdout is piped")?).lines() {
        let line = line?;
        match line.strip_prefix("crash: ") {
            Some(told) => all.push(serde_json::from_str(told).context("a test tells JSON")?),
            None if !line.is_empty() => println!("{line}"),
            None => {}
        }
    }
    Ok((tests.wait()?.success(), all))
}

impl Told {
    fn is_clean(&self) -> bool {
        let wrong = self.lost + self.duplicates + self.unexpected + self.problems;
        wrong == 0 && self.repeats_max <= REPEATS_MAX
    }
}

/// The names in the table of the tests.
fn sinks() -> Result<Vec<String>> {
    let path = repo::root().join("crates/cli/tests/crash/sinks.rs");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let name = |rest: &str| rest.split('"').nth(1).map(str::to_owned);
    Ok(text.match_indices("name: \"").filter_map(|(at, _)| name(&text[at..])).collect())
}

fn table(all: &[Told]) -> String {
    let mut text = format!(
        "\n{:<10} {:<13} {:>6} {:>6} {:>6} {:>10} {:>10} {:>16}",
        "sink", "killed", "calls", "kills", "lost", "duplicates", "unexpected", "repeated / limit"
    );
    let calls = |told: &Told| told.calls.map_or("-".to_owned(), |calls| calls.to_string());
    for told in all {
        text.push_str(&format!(
            "\n{:<10} {:<13} {:>6} {:>6} {:>6} {:>10} {:>10} {:>8} / {REPEATS_MAX}",
            told.sink,
            told.what,
            calls(told),
            told.kills,
            told.lost,
            told.duplicates,
            told.unexpected,
            told.repeats_max,
        ));
    }
    let sum = |member: fn(&Told) -> u64| all.iter().map(member).sum::<u64>();
    text.push_str(&format!(
        "\n\n{} kills: lost {}, duplicates {}, unexpected {}; at most {} requests repeated for a \
         kill, of {REPEATS_MAX} permitted",
        sum(|told| told.kills),
        sum(|told| told.lost),
        sum(|told| told.duplicates),
        sum(|told| told.unexpected),
        all.iter().map(|told| told.repeats_max).max().unwrap_or_default(),
    ));
    text
}
