//! A watch killed at random moments under load: what its history and its receiver say of it.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Result;
use serde::Deserialize;

use super::{program, told_by};
use crate::repo;

/// How it is killed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Random moments at which it is killed.
    #[arg(long, default_value_t = 50)]
    kills: u64,
    /// Targets, each checked every two seconds.
    #[arg(long, default_value_t = 1_000)]
    targets: u64,
    /// Repeats the random moments and the outages of an earlier run.
    #[arg(long)]
    seed: Option<u64>,
}

/// What the test tells: see `crates/cli/tests/crash/watch/account.rs`.
#[derive(Debug, Deserialize)]
struct Told {
    kills: u64,
    targets: u64,
    checks: u64,
    slots: u64,
    missed: BTreeMap<String, u64>,
    unaccounted: u64,
    doubled: u64,
    wrong: u64,
    incidents: u64,
    outages: u64,
    lost: u64,
    hushed: u64,
    other_keys: u64,
    unexpected: u64,
    messages: u64,
    repeated: u64,
}

/// Kills it; the exit code says whether nothing was lost.
pub(super) fn run(args: &Args) -> Result<ExitCode> {
    let program = program()?;
    eprintln!("a watch of {} targets, killed {} times", args.targets, args.kills);
    let mut command = repo::cargo();
    command
        .args(["test", "-p", "gather-cli", "--test", "crash", "--", "watch::", "--nocapture"])
        .env("GATHER_CRASH_PROGRAM", program)
        .env("GATHER_CRASH_KILLS", args.kills.to_string())
        .env("GATHER_CRASH_TARGETS", args.targets.to_string());
    if let Some(seed) = args.seed {
        command.env("GATHER_CRASH_SEED", seed.to_string());
    }
    let (passed, all): (bool, Vec<Told>) = told_by(&mut command)?;
    all.iter().for_each(|told| println!("{}", told.text()));
    Ok(if passed && !all.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Told {
    fn text(&self) -> String {
        let missed: u64 = self.missed.values().sum();
        let causes: Vec<String> =
            self.missed.iter().map(|(cause, slots)| format!("{cause} {slots}")).collect();
        let figures = [
            ("kills", self.kills),
            ("targets", self.targets),
            ("slots", self.slots),
            ("  with a check", self.slots - missed),
            ("  missed for a cause", missed),
            ("  unaccounted for", self.unaccounted),
            ("  twice", self.doubled),
            ("checks, confirmations included", self.checks),
            ("  that say what was not so", self.wrong),
            ("outages confirmed", self.outages),
            ("incidents", self.incidents),
            ("messages", self.messages),
            ("  again under their key", self.repeated),
            ("alerts lost", self.lost),
            ("  of targets that flap, left out", self.hushed),
            ("  under another key", self.other_keys),
            ("  of nothing", self.unexpected),
        ];
        let lines = figures.iter().map(|(name, figure)| format!("{name:<32} {figure:>8}\n"));
        format!("\n{}missed: {}", lines.collect::<String>(), causes.join(", "))
    }
}
