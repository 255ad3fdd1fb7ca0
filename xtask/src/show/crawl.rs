//! A crawl of a large generated site, undisturbed and killed on the way, with figures.

use std::io::{BufRead, BufReader};
use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::repo;

/// Crawls a site with loops, redirects, duplicates, traps, a slow corner, robots rules and sitemaps:
/// exactly its pages, also killed at random moments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Pages of the site, beside those that they lead to.
    #[arg(long, default_value_t = 100_000)]
    pages: u64,
    /// How often the crawl is killed.
    #[arg(long, default_value_t = 5)]
    kills: u64,
    /// Repeats the random moments of an earlier run.
    #[arg(long)]
    seed: Option<u64>,
}

/// What the test tells of each crawl.
#[derive(Debug, Deserialize)]
struct Told {
    depth: Option<u32>,
    kills: u64,
    pages: u64,
    fetched: u64,
    forbidden: u64,
    lost: u64,
    repeated: u64,
    seconds: f64,
    memory_bytes: u64,
}

/// Runs it; the exit code says whether it was as promised.
pub(super) fn run(crawl: &Args) -> Result<ExitCode> {
    let status = repo::cargo().args(["build", "--release", "-p", "gather-cli"]).status()?;
    ensure!(status.success(), "the program could not be built");
    let program = repo::target_dir()?.join("release").join("gather");
    let mut command = repo::cargo();
    command
        .args(["test", "-p", "gather-cli", "--test", "cli", "--"])
        .args(["crawl::a_crawl_killed_at_random_moments_ends_with_the_same_pages", "--nocapture"])
        .env("GATHER_SHOW_PROGRAM", program)
        .env("GATHER_SHOW_PAGES", crawl.pages.to_string())
        .env("GATHER_SHOW_KILLS", crawl.kills.to_string())
        .stdout(Stdio::piped());
    if let Some(seed) = crawl.seed {
        command.env("GATHER_CRASH_SEED", seed.to_string());
    }
    let mut test = command.spawn().context("cannot run the test")?;
    println!(
        "{:>5} {:>5} {:>9} {:>9} {:>9} {:>7} {:>8} {:>8} {:>9}",
        "depth", "kills", "pages", "fetched", "forbidden", "loops", "repeated", "seconds", "memory"
    );
    let mut count = 0;
    for line in BufReader::new(test.stdout.take().context("stdout is piped")?).lines() {
        let line = line?;
        // The runner may have something on the line before it.
        let Some((_, told)) = line.split_once("crawl: ") else { continue };
        let told: Told = serde_json::from_str(told).context("the test tells JSON")?;
        println!("{}", told.row());
        count += 1;
    }
    let passed = test.wait()?.success() && count > 0;
    println!(
        "{}",
        match passed {
            true => "exactly the pages of the site, each once, and gather verify finds no fault",
            false => "NOT as promised: see above",
        }
    );
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Told {
    fn row(&self) -> String {
        let depth = self.depth.map_or("any".to_owned(), |depth| depth.to_string());
        format!(
            "{depth:>5} {:>5} {:>9} {:>9} {:>9} {:>7} {:>8} {:>8.1} {:>6} MB",
            self.kills,
            self.pages,
            self.fetched,
            self.forbidden,
            self.lost,
            self.repeated,
            self.seconds,
            self.memory_bytes >> 20,
        )
    }
}
