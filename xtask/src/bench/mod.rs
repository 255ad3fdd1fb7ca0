//! The program under load: real servers, figures beside their limits, raw runs kept.

mod client;
mod machine;
mod nginx;
mod politeness;
mod report;
mod seeds;
mod testkit;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::{needs, repo};
use client::Client;
use report::{Report, Sample};

/// Holds the figures of the program against their limits.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// What to measure.
    suite: Suite,
    /// Only the cases whose name contains this.
    #[arg(long)]
    only: Option<String>,
    /// How often each case runs; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// The seed of whatever is random; drawn and printed if it is not given.
    #[arg(long)]
    seed: Option<u64>,
    /// The program to measure instead of a release build of this repository.
    #[arg(long)]
    program: Option<PathBuf>,
    /// Rates a second that the host of the storm bears; drawn between 20 and 200 if not given.
    #[arg(long, value_delimiter = ',')]
    rates: Vec<u32>,
    /// Retry-After of the storm's host, one for each rate; drawn between 1 and 5 s if not given.
    #[arg(long, value_delimiter = ',')]
    retry_after: Vec<u32>,
    /// Hosts that the delays of the seeds are spread over; each case has its own number otherwise.
    #[arg(long)]
    hosts: Option<usize>,
    /// The order of lists with good and bad hosts.
    #[arg(long, value_enum, default_value = "bad-first")]
    order: Order,
    /// Targets of the long list of the memory case.
    #[arg(long, default_value_t = 1_000_000)]
    targets: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Suite {
    /// What the seeds time: delays, memory, CPU.
    Seeds,
    /// 429 storms, head of line, dead hosts.
    Politeness,
}

/// The order of a list with good and bad hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Order {
    BadFirst,
    Shuffled,
    Interleaved,
}

/// Runs one case once: its figures.
type Case = fn(&mut Bench) -> Result<Vec<Sample>>;

/// What a case has at hand.
#[derive(Debug)]
struct Bench {
    args: Args,
    client: Client,
    /// The round, counted from 0.
    round: usize,
    rng: fastrand::Rng,
    /// Removed at the end.
    folder: TempDir,
}

/// Runs the suite, prints its figures, and stores the run.
pub(crate) fn run(mut args: Args) -> Result<ExitCode> {
    let needed: Vec<_> = [needs::TESTS, needs::BENCHES].concat();
    let missing = needs::install(&needed);
    if !missing.is_empty() {
        bail!("missing: {}; install them first", missing.join(" "));
    }
    let program = match &args.program {
        Some(program) => program.clone(),
        None => build("gather-cli", "gather")?,
    };
    let seed = *args.seed.get_or_insert_with(|| fastrand::u64(..1 << 32));
    println!("seed {seed}; {} of each case", args.rounds);
    let folder = tempfile::tempdir()?;
    let mut bench = Bench {
        client: Client::new(program, folder.path()),
        round: 0,
        rng: fastrand::Rng::with_seed(seed),
        folder,
        args,
    };
    let (name, cases) = match bench.args.suite {
        Suite::Seeds => ("seeds", seeds::CASES),
        Suite::Politeness => ("politeness", politeness::CASES),
    };
    let report = bench.measure(name, cases)?;
    Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Args {
    /// What the figures depend on, in words.
    fn words(&self) -> String {
        let Self { rounds, seed, rates, retry_after, hosts, order, targets, .. } = self;
        let seed = seed.unwrap_or_default();
        format!(
            "rounds {rounds}, seed {seed}, rates {rates:?}, retry-after {retry_after:?}, \
             hosts {hosts:?}, order {order:?}, targets {targets}"
        )
    }
}

impl Bench {
    fn measure(&mut self, name: &str, cases: &[(&str, Case)]) -> Result<Report> {
        let mut report = Report::new(name, machine::facts()?, &self.args.words());
        let only = self.args.only.clone().unwrap_or_default();
        let chosen: Vec<_> = cases.iter().filter(|(case, _)| case.contains(&only)).collect();
        if chosen.is_empty() {
            let names: Vec<_> = cases.iter().map(|(case, _)| *case).collect();
            bail!("no case has `{only}` in its name; there are {}", names.join(", "));
        }
        for (case, run) in chosen {
            for round in 0..self.args.rounds.max(1) {
                self.round = round;
                let samples = run(self).with_context(|| format!("case {case}, round {round}"))?;
                report.add(case, round, samples, self.client.take_runs());
            }
            report.print(case);
        }
        let path = report.store(&repo::root().join("benches/runs"))?;
        println!("raw run: {}", path.strip_prefix(repo::root()).unwrap_or(&path).display());
        Ok(report)
    }

    /// Writes a list of URLs and returns its path.
    fn write_list(&self, urls: impl Iterator<Item = String>) -> Result<PathBuf> {
        use std::io::Write;
        let path = self.folder.path().join("urls.txt");
        let mut file = std::io::BufWriter::new(std::fs::File::create(&path)?);
        for url in urls {
            writeln!(file, "{url}")?;
        }
        file.flush()?;
        Ok(path)
    }

    /// Both lists as one, in the order that was asked for.
    fn mix(&mut self, bad: Vec<String>, good: Vec<String>) -> Vec<String> {
        let (bad_count, good_count) = (bad.len(), good.len());
        let mut all = [bad, good].concat();
        match self.args.order {
            Order::BadFirst => {}
            Order::Shuffled => self.rng.shuffle(&mut all),
            Order::Interleaved => {
                let place =
                    |at: usize, count: usize| (at * 2 + 1) * (bad_count + good_count) / count;
                let mut placed: Vec<_> = all.into_iter().enumerate().collect();
                placed.sort_by_key(|(at, _)| match at.checked_sub(bad_count) {
                    None => place(*at, bad_count),
                    Some(at) => place(at, good_count),
                });
                all = placed.into_iter().map(|(_, url)| url).collect();
            }
        }
        all
    }
}

/// Builds a program in release mode and returns its path.
fn build(package: &str, binary: &str) -> Result<PathBuf> {
    let args = ["build", "--quiet", "--release", "-p", package, "--bin", binary];
    repo::output(repo::cargo().args(args))?;
    Ok(repo::target_dir()?.join("release").join(binary))
}
