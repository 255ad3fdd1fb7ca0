//! Project automation: `cargo xtask test`, `faults`, `sim`, `fuzz`, `crash`, `show`, `tidy` and others.

mod bench;
mod callgrind;
mod crash;
mod faults;
mod features;
mod fuzz;
mod generate;
mod instructions;
mod needs;
mod performance;
mod repo;
mod show;
mod sim;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::Parser;

/// Project automation.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Args {
    /// Installs what the tests need where that is possible, and runs all of them.
    Test(test::Args),
    /// Builds the library with no features, with each alone and with all.
    Features(features::Args),
    /// Kills the program at every durable call and at random moments, and counts what is lost.
    Crash(crash::Args),
    /// Runs the tests of the fault matrix and writes its page.
    Faults(faults::Args),
    /// Feeds what reads other people's bytes with anything.
    Fuzz(fuzz::Args),
    /// Scrapes 300,000 listing pages into SQLite, killed on the way, and checks every row.
    Show(show::Args),
    /// Simulates whole runs among servers and a disk that fail, and checks every invariant.
    Sim(sim::Args),
    /// Checks the rules of the house that no compiler knows.
    Tidy(tidy::Args),
    /// Runs the built program against real servers and holds the figures against their limits.
    Bench(bench::Args),
    /// Counts the instructions of each step that a target goes through, and fails if one has grown.
    Instructions(instructions::Args),
    /// Writes the documents that are generated from the program.
    Gen(generate::Args),
}

fn main() -> ExitCode {
    let done = match Args::parse() {
        Args::Test(args) => test::run(&args),
        Args::Features(args) => features::run(&args),
        Args::Crash(args) => crash::run(&args),
        Args::Faults(args) => faults::run(&args),
        Args::Fuzz(args) => fuzz::run(&args),
        Args::Show(args) => show::run(&args),
        Args::Sim(args) => sim::run(&args),
        Args::Tidy(args) => tidy::run(&args),
        Args::Bench(args) => bench::run(args),
        Args::Instructions(args) => instructions::run(&args),
        Args::Gen(args) => generate::run(&args),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
