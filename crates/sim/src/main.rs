//! Whole runs simulated, one for each seed, until an invariant is broken; `cargo xtask sim` runs it.

mod disk;
mod run;
mod scenario;
mod server;
#[cfg(test)]
mod tests;
mod watch;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;

use crate::scenario::On;
use crate::world::Report;

/// Simulates whole runs: the real frontier, politeness, retries, output and journal, among servers,
/// names and a disk that fail, on virtual time.
#[derive(Debug, Parser)]
#[command(name = "gather-sim")]
struct Args {
    /// How many seeds
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first of them
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// This seed alone
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
}

/// What all runs came to together.
#[derive(Debug, Default)]
struct Sum {
    targets: u64,
    hosts: u64,
    requests: u64,
    crashes: u64,
    repeated: u64,
    virtual_time: Duration,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let seeds = args.seed.map_or(args.from..args.from + args.seeds, |seed| seed..seed + 1);
    let (since, next) = (Instant::now(), AtomicU64::new(seeds.start));
    let (sum, broken) = (Mutex::new(Sum::default()), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    // The panic itself says what was broken.
                    match catch_unwind(AssertUnwindSafe(|| scenario::run(seed, On::Disk))) {
                        Ok(report) => sum.lock().expect("nobody panics").add(&report),
                        Err(_) => {
                            eprintln!("seed {seed} broke an invariant");
                            broken.lock().expect("nobody panics").push(seed);
                        }
                    }
                }
            });
        }
    });
    let (sum, mut broken) = (sum.into_inner().expect("over"), broken.into_inner().expect("over"));
    broken.sort_unstable();
    for seed in &broken {
        eprintln!("seed {seed} broke an invariant; again: cargo xtask sim --seed {seed}");
    }
    println!(
        "{} seeds, {} violations: {} targets on {} hosts, {} requests, {} crashes, {} requests \
         repeated for them, {:.0} h of virtual time in {:.0} s",
        seeds.end - seeds.start,
        broken.len(),
        sum.targets,
        sum.hosts,
        sum.requests,
        sum.crashes,
        sum.repeated,
        sum.virtual_time.as_secs_f64() / 3600.0,
        since.elapsed().as_secs_f64(),
    );
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Sum {
    fn add(&mut self, report: &Report) {
        self.targets += report.outcomes.len() as u64;
        self.hosts += report.host_requests.len() as u64;
        self.requests += report.requests;
        self.crashes += u64::from(report.crashes);
        self.repeated += report.repeated;
        self.virtual_time += Duration::from_nanos(report.ended_at.as_nanos());
    }
}
