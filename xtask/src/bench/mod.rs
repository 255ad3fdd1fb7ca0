//! The program under load: real servers, figures beside their limits, raw runs kept.

mod client;
mod coldstart;
mod delays;
mod extract;
mod frontier;
mod journal;
mod machine;
mod memory;
mod monitor;
mod nginx;
mod peers;
mod politeness;
mod report;
mod seeds;
mod shards;
mod sinks;
mod testkit;
mod throughput;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::ValueEnum as _;
use tempfile::TempDir;

use crate::{needs, repo};
use client::Client;
pub(crate) use report::conclusion;
use report::{Report, Sample};

/// Holds the figures of the program against their limits.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// What to measure, one after the other; everything if nothing is named.
    suites: Vec<Suite>,
    /// Only the cases whose name contains this, in every suite.
    #[arg(long)]
    only: Option<String>,
    /// How often each case runs; each has its own number otherwise.
    #[arg(long)]
    rounds: Option<usize>,
    /// Each case once, to see whether it works; the figures are no evidence.
    #[arg(long, conflicts_with = "rounds")]
    quick: bool,
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
    /// The only order of lists with good and bad hosts; all of them otherwise.
    #[arg(long, value_enum)]
    order: Option<Order>,
    /// Clients to run beside ours: names, `all` or `none`; all that need not be built if not given.
    #[arg(long, value_delimiter = ',')]
    peers: Vec<String>,
    /// Requests of each client; each case has its own number otherwise.
    #[arg(long)]
    requests: Option<usize>,
    /// Targets of the longest list.
    #[arg(long, default_value_t = 1_000_000)]
    targets: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Suite {
    /// What the seeds time: delays, memory, CPU.
    Seeds,
    /// CPU of a request beside other clients: plain, TLS, HTTP/2, one host and many.
    Throughput,
    /// Delays at a concurrency, beside the least time that they can take.
    Schedule,
    /// 10,000 requests in flight.
    Inflight,
    /// Peaks of lists of up to `--targets`: one host, 1,000, every URL its own.
    Memory,
    /// The longest time that a loop did not turn.
    Stall,
    /// One URL: the whole process.
    Coldstart,
    /// Decisions with up to 1,000,000 hosts waiting.
    Frontier,
    /// Two event loops beside one: what a second processor is worth.
    Shards,
    /// 429 storms, head of line, dead hosts.
    Politeness,
    /// Records a second into each output, and what outputs cost a run.
    Sinks,
    /// Instructions of a journal, and how soon a long run goes on.
    Journal,
    /// `gather watch`, beside blackbox_exporter.
    Monitor,
    /// Rules over pages, beside parsel and jsonpath-ng.
    Extract,
}

/// The order of a list with good and bad hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Order {
    BadFirst,
    Shuffled,
    Interleaved,
}

/// Something that is measured.
#[derive(Debug)]
struct Case {
    name: &'static str,
    /// How often it runs when nothing else is asked for.
    rounds: usize,
    /// Runs it once: its figures.
    run: fn(&mut Bench) -> Result<Vec<Sample>>,
}

/// What a case has at hand.
#[derive(Debug)]
struct Bench {
    args: Args,
    client: Client,
    /// The program that serves the test site.
    testkit: PathBuf,
    /// The round, counted from 0.
    round: usize,
    rng: fastrand::Rng,
    /// Removed at the end.
    folder: TempDir,
}

/// Runs the suites, prints their figures, and stores a run of each.
pub(crate) fn run(mut args: Args) -> Result<ExitCode> {
    if args.suites.is_empty() {
        args.suites = Suite::value_variants().to_vec();
    }
    let chosen = args.chosen()?;
    let fetches = chosen.iter().any(|(suite, _)| suite.fetches());
    let needed = [needs::TESTS, needs::BENCHES].concat();
    let missing = needs::install(&needed);
    if !missing.is_empty() {
        bail!("missing: {}; install them first", missing.join(" "));
    }
    let program = match &args.program {
        Some(program) => program.clone(),
        None if fetches => build("gather-cli", "gather")?,
        None => PathBuf::new(),
    };
    let seed = *args.seed.get_or_insert_with(|| fastrand::u64(..1 << 32));
    println!("seed {seed}");
    let folder = tempfile::tempdir()?;
    let mut bench = Bench {
        client: Client::new(program, folder.path()),
        testkit: if fetches { build("gather-testkit", "testkit")? } else { PathBuf::new() },
        round: 0,
        rng: fastrand::Rng::with_seed(seed),
        folder,
        args,
    };
    let mut has_passed = true;
    for (suite, cases) in chosen {
        has_passed &= bench.measure(suite.cases().0, &cases)?.passed();
    }
    println!("docs/performance.md, from all stored runs: cargo xtask gen");
    Ok(if has_passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Suite {
    /// Whether it runs the program; the others time one of their own.
    fn fetches(self) -> bool {
        !matches!(self, Self::Extract | Self::Frontier | Self::Shards)
    }

    /// Its name and what it measures.
    fn cases(self) -> (&'static str, &'static [Case]) {
        match self {
            Self::Seeds => ("seeds", seeds::CASES),
            Self::Throughput => ("throughput", throughput::CASES),
            Self::Schedule => ("schedule", delays::SCHEDULE),
            Self::Inflight => ("inflight", delays::INFLIGHT),
            Self::Memory => ("memory", memory::CASES),
            Self::Stall => ("stall", delays::STALL),
            Self::Coldstart => ("coldstart", coldstart::CASES),
            Self::Frontier => ("frontier", frontier::CASES),
            Self::Shards => ("shards", shards::CASES),
            Self::Politeness => ("politeness", politeness::CASES),
            Self::Sinks => ("sinks", sinks::CASES),
            Self::Journal => ("journal", journal::CASES),
            Self::Monitor => ("monitor", monitor::CASES),
            Self::Extract => ("extract", extract::CASES),
        }
    }
}

/// The cases of a suite, by its name.
#[cfg(test)]
pub(crate) fn case_names(suite: &str) -> Option<Vec<&'static str>> {
    let suite = Suite::from_str(suite, false).ok()?;
    Some(suite.cases().1.iter().map(|case| case.name).collect())
}

/// The names of all suites.
#[cfg(test)]
pub(crate) fn suite_names() -> Vec<&'static str> {
    let suites = Suite::value_variants();
    suites.iter().map(|suite| suite.cases().0).collect()
}

impl Args {
    /// The suites and those of their cases that are asked for; none without a case.
    fn chosen(&self) -> Result<Vec<(Suite, Vec<&'static Case>)>> {
        let only = self.only.as_deref().unwrap_or_default();
        let cases_of = |suite: &Suite| {
            let cases = suite.cases().1.iter().filter(|case| case.name.contains(only));
            (*suite, cases.collect::<Vec<_>>())
        };
        let mut chosen: Vec<_> = self.suites.iter().map(cases_of).collect();
        chosen.retain(|(_, cases)| !cases.is_empty());
        if chosen.is_empty() {
            let names = self.suites.iter().flat_map(|suite| suite.cases().1).map(|case| case.name);
            let names: Vec<_> = names.collect();
            bail!("no case has `{only}` in its name; there are {}", names.join(", "));
        }
        Ok(chosen)
    }

    /// What the figures depend on, in words.
    fn words(&self) -> String {
        let Self { rounds, quick, seed, rates, retry_after, hosts, order, targets, only, .. } =
            self;
        let peers = (!self.peers.is_empty()).then(|| self.peers.join(","));
        let mut words = vec![format!("--seed {}", seed.unwrap_or_default())];
        let mut add = |flag: &str, value: Option<String>| {
            words.extend(value.map(|value| format!("--{flag} {value}")));
        };
        let list = |values: &[u32]| {
            let values: Vec<_> = values.iter().map(u32::to_string).collect();
            (!values.is_empty()).then(|| values.join(","))
        };
        add("rounds", rounds.map(|rounds| rounds.to_string()));
        add("rates", list(rates));
        add("retry-after", list(retry_after));
        add("hosts", hosts.map(|hosts| hosts.to_string()));
        add("order", order.map(|order| format!("{order:?}")));
        add("targets", Some(targets.to_string()));
        add("peers", peers);
        add("requests", self.requests.map(|requests| requests.to_string()));
        add("only", only.clone());
        words.extend(quick.then(|| "--quick".to_owned()));
        words.join(" ")
    }

    /// The orders to try.
    fn orders(&self) -> Vec<Order> {
        match self.order {
            Some(order) => vec![order],
            None => vec![Order::BadFirst, Order::Interleaved, Order::Shuffled],
        }
    }

    fn rounds(&self, case: &Case) -> usize {
        match self.rounds {
            Some(rounds) => rounds.max(1),
            None if self.quick => 1,
            None => case.rounds,
        }
    }
}

impl Bench {
    fn measure(&mut self, name: &str, cases: &[&Case]) -> Result<Report> {
        let folder = repo::root().join("benches/runs");
        let mut report = Report::create(name, machine::facts()?, &self.args.words(), &folder)?;
        for case in cases {
            self.repeat(case, &mut report);
            report.print(case.name);
            // A long suite that is interrupted leaves what it has.
            report.store()?;
        }
        println!("\n{}", report.markdown());
        let path = report.path();
        println!("raw run: {}", path.strip_prefix(repo::root()).unwrap_or(path).display());
        Ok(report)
    }

    /// Runs all rounds of a case; a case that breaks fails and does not keep others from running.
    fn repeat(&mut self, case: &Case, report: &mut Report) {
        let seed = self.args.seed.unwrap_or_default();
        for round in 0..self.args.rounds(case) {
            self.round = round;
            // The same lists for the same seed, whatever ran before.
            self.rng = fastrand::Rng::with_seed(seed.wrapping_add(round as u64));
            let done = (case.run)(self);
            let runs = self.client.take_runs();
            match done {
                Ok(samples) => report.add(case.name, round, samples, runs),
                Err(error) => {
                    eprintln!("{}, round {round}: {error:#}", case.name);
                    report.add(case.name, round, Vec::new(), runs);
                    report.add_error(case.name, round, &format!("{error:#}"));
                }
            }
        }
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

    /// Both lists as one.
    fn mix(&mut self, order: Order, bad: Vec<String>, good: Vec<String>) -> Vec<String> {
        match order {
            Order::BadFirst => [bad, good].concat(),
            Order::Shuffled => {
                let mut all = [bad, good].concat();
                self.rng.shuffle(&mut all);
                all
            }
            Order::Interleaved => interleave(bad, good),
        }
    }
}

/// Both lists as one, each spread evenly over it.
fn interleave(a: Vec<String>, b: Vec<String>) -> Vec<String> {
    let (a_count, b_count) = (a.len(), b.len());
    // The middle of its share of the whole, in units of 1 / (2 x both counts).
    let a_placed = a.into_iter().enumerate().map(|(at, url)| ((at * 2 + 1) * b_count, url));
    let b_placed = b.into_iter().enumerate().map(|(at, url)| ((at * 2 + 1) * a_count, url));
    let mut placed: Vec<_> = a_placed.chain(b_placed).collect();
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, url)| url).collect()
}

/// Builds a program in release mode and returns its path.
fn build(package: &str, binary: &str) -> Result<PathBuf> {
    let args = ["build", "--quiet", "--release", "-p", package, "--bin", binary];
    repo::output(repo::cargo().args(args))?;
    Ok(repo::target_dir()?.join("release").join(binary))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interleaved_lists_are_each_spread_evenly() {
        let list = |name: &str, count: usize| vec![name.to_owned(); count];
        let cases = [(1, 3, "babb"), (2, 4, "babbab"), (3, 3, "ababab"), (0, 2, "bb")];
        for (a, b, want) in cases {
            assert_eq!(interleave(list("a", a), list("b", b)).concat(), want, "{a} and {b}");
        }
    }
}
