//! Whole runs simulated, one for each seed: `crates/sim`, built as the program is.

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::repo;

/// Simulates whole runs until an invariant is broken; prints the seeds that broke one.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many seeds.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// This seed alone.
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
}

/// Runs them.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let mut command = repo::cargo();
    command.args(["run", "--quiet", "--release", "-p", "gather-sim", "--"]);
    match args.seed {
        Some(seed) => command.args(["--seed", &seed.to_string()]),
        None => {
            command.args(["--seeds", &args.seeds.to_string(), "--from", &args.from.to_string()])
        }
    };
    let status = command.status().context("cannot run the simulation")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
