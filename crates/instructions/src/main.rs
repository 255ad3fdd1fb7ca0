//! The steps that every target goes through, each on its own: `gather-instructions STEP COUNT` takes
//! one step so often, and `cargo xtask instructions` counts what that costs.
//!
//! What is done before the first time does not depend on COUNT, so the difference between two counts
//! is that of the steps alone. Without arguments the steps are listed, each with two counts that give
//! a steady difference.

mod fetch;
mod frontier;
mod read;
mod record;
mod verdict;

use std::process::ExitCode;

/// A step.
struct Step {
    name: &'static str,
    /// The larger of the two counts that tell what it costs; the other is a tenth of it.
    count: u64,
    /// Takes it so often.
    run: fn(u64),
}

fn main() -> ExitCode {
    let steps = || {
        let files = [frontier::STEPS, verdict::STEPS, record::STEPS, read::STEPS, fetch::STEPS];
        files.into_iter().flatten()
    };
    let args: Vec<String> = std::env::args().skip(1).collect();
    match &args[..] {
        [] => {
            steps().for_each(|Step { name, count, .. }| println!("{name} {} {count}", count / 10))
        }
        [name, count] => {
            let step = steps().find(|step| step.name == name);
            let (Some(step), Ok(count)) = (step, count.parse()) else {
                eprintln!("no step {name:?}, or {count:?} is no number");
                return ExitCode::from(3);
            };
            (step.run)(count);
        }
        _ => {
            eprintln!("usage: gather-instructions [STEP COUNT]");
            return ExitCode::from(3);
        }
    }
    ExitCode::SUCCESS
}
