//! `cargo xtask instructions`: what each step of a target costs, beside what it cost when somebody
//! last looked; a step that has grown fails until its cause is written down.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::{callgrind, needs, repo};

/// Counts the instructions of each step that a target goes through, and fails if one has grown.
///
/// Counts do not depend on load, so a growth of 5% is a change of the program. One that is wanted is
/// taken over with `--accept`, with its cause.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only the steps whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// Takes the counts over as what is held against from now on, for this cause.
    #[arg(long, value_name = "CAUSE", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    accept: Option<String>,
}

/// Where the counts are that are held against.
const BASELINE: &str = "benches/instructions.json";
/// The profile they are counted in.
const PROFILE: &str = "instructions";
/// A step may cost so many times what it cost.
const GROWTH_MAX: f64 = 1.05;
/// And so much more: hashes are random, which is a few instructions.
const NOISE_MAX: f64 = 3.0;

/// What the steps cost when somebody last looked.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Baseline {
    /// Compiler and libraries: other ones make other counts.
    counted_with: String,
    /// Instructions of each step.
    steps: BTreeMap<String, f64>,
    /// Why they are what they are, the newest last.
    changes: Vec<Change>,
}

/// Counts that were taken over.
#[derive(Debug, Deserialize, Serialize)]
struct Change {
    date: String,
    cause: String,
    /// What it cost before and since.
    steps: BTreeMap<String, String>,
}

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Same,
    Grown,
    /// Better, and so not held to what it can do.
    Shrunk,
    /// Nobody has said what it may cost.
    New,
}

/// Counts, compares, prints.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let missing = needs::install(needs::COUNTS);
    if !missing.is_empty() {
        eprintln!("NOT CHECKED: instructions; missing: {}", missing.join(" "));
        return Ok(ExitCode::SUCCESS);
    }
    let file = repo::root().join(BASELINE);
    let mut baseline = Baseline::read(&file)?;
    let counts = count_all(&build()?, &args.only)?;
    ensure!(!counts.is_empty(), "no step has {:?} in its name", args.only);
    let environment = callgrind::environment()?;
    let is_comparable = baseline.counted_with == environment;

    println!("{:<24} {:>12} {:>12}", "instructions of", "baseline", "now");
    let mut grown = Vec::new();
    for (name, now) in &counts {
        let before = baseline.steps.get(name).copied();
        let verdict = Verdict::of(before, *now);
        let before = before.map(|before| format!("{before:.1}")).unwrap_or_default();
        println!("{name:<24} {before:>12} {now:>12.1}  {}", verdict.words());
        if matches!(verdict, Verdict::Grown | Verdict::New) {
            grown.push(name.as_str());
        }
    }
    if let Some(cause) = &args.accept {
        baseline.accept(counts, environment, cause)?;
        baseline.write(&file)?;
        println!("{BASELINE}: written");
        return Ok(ExitCode::SUCCESS);
    }
    // Steps that are gone must not stay in the file as if they were held against anything.
    let is_gone = |name: &&String| args.only.is_empty() && !counts.contains_key(*name);
    let gone: Vec<_> = baseline.steps.keys().filter(is_gone).map(String::as_str).collect();
    if grown.is_empty() && gone.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    if !is_comparable {
        eprintln!(
            "NOT CHECKED: the baseline was counted with {}\n             and here is {environment}",
            baseline.counted_with
        );
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("not as in {BASELINE}: {}", [grown, gone].concat().join(", "));
    eprintln!("hint: mend it, or, if it is wanted: cargo xtask instructions --accept \"CAUSE\"");
    Ok(ExitCode::FAILURE)
}

fn build() -> Result<PathBuf> {
    let args = ["build", "--quiet", "--locked", "--profile", PROFILE, "-p", "gather-instructions"];
    repo::output(repo::cargo().args(args))?;
    Ok(repo::target_dir()?.join(PROFILE).join("gather-instructions"))
}

/// Instructions of each step whose name contains `only`.
fn count_all(program: &Path, only: &str) -> Result<BTreeMap<String, f64>> {
    let list = repo::output(&mut std::process::Command::new(program))?;
    let waiting: Mutex<Vec<&str>> = Mutex::new(list.lines().rev().collect());
    let take = || waiting.lock().expect("no thread panics with it").pop();
    let work = || -> Result<Vec<(String, f64)>> {
        let mut counted = Vec::new();
        while let Some(line) = take() {
            let words: Vec<&str> = line.split(' ').collect();
            let [name, few, many] = words[..] else { anyhow::bail!("not a step: {line}") };
            if name.contains(only) {
                counted.push((name.to_owned(), count(program, name, [few, many])?));
            }
        }
        Ok(counted)
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut all = BTreeMap::new();
        for thread in threads {
            all.extend(thread.join().expect("counting does not panic")?);
        }
        Ok(all)
    })
}

/// Instructions of one step: the difference of two numbers of them has no start and no end in it.
fn count(program: &Path, step: &str, counts: [&str; 2]) -> Result<f64> {
    let mut instructions = [0.0; 2];
    for (count, instructions) in counts.into_iter().zip(&mut instructions) {
        *instructions = callgrind::count(program, &[step, count])?;
    }
    let [few, many] = counts.map(|count| count.parse::<f64>());
    let steps = many.context("a count")? - few.context("a count")?;
    let each = (instructions[1] - instructions[0]) / steps;
    Ok((each * 10.0).round() / 10.0)
}

impl Baseline {
    fn read(file: &Path) -> Result<Self> {
        match fs::read_to_string(file) {
            Ok(text) => serde_json::from_str(&text).context(BASELINE),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).context(BASELINE),
        }
    }

    fn write(&self, file: &Path) -> Result<()> {
        Ok(fs::write(file, format!("{}\n", serde_json::to_string_pretty(self)?))?)
    }

    /// Takes over what differs by more than noise, and says why.
    fn accept(
        &mut self,
        counts: BTreeMap<String, f64>,
        environment: String,
        cause: &str,
    ) -> Result<()> {
        let mut steps = BTreeMap::new();
        for (name, now) in counts {
            let before = self.steps.get(&name).copied();
            let is_noise = before.is_some_and(|before| {
                (before - now).abs() <= NOISE_MAX.max(before / 100.0)
                    && self.counted_with == environment
            });
            if !is_noise {
                let before = before.map_or("new".to_owned(), |before| before.to_string());
                steps.insert(name.clone(), format!("{before} -> {now}"));
                self.steps.insert(name, now);
            }
        }
        self.counted_with = environment;
        let date = repo::stdout("date", &["-u", "+%Y-%m-%d"])?.trim().to_owned();
        self.changes.push(Change { date, cause: cause.to_owned(), steps });
        Ok(())
    }
}

impl Verdict {
    fn of(before: Option<f64>, now: f64) -> Self {
        match before {
            None => Self::New,
            Some(before) if now > (before * GROWTH_MAX).max(before + NOISE_MAX) => Self::Grown,
            Some(before) if now < (before / GROWTH_MAX).min(before - NOISE_MAX) => Self::Shrunk,
            Some(_) => Self::Same,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Same => "",
            Self::Grown => "GROWN",
            Self::Shrunk => "shrunk; --accept holds it to that",
            Self::New => "NEW",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_percent_and_three_instructions_are_borne() {
        let cases = [
            (None, 100.0, Verdict::New),
            (Some(1000.0), 1049.0, Verdict::Same),
            (Some(1000.0), 1051.0, Verdict::Grown),
            (Some(1000.0), 960.0, Verdict::Same),
            (Some(1000.0), 940.0, Verdict::Shrunk),
            (Some(27.0), 29.9, Verdict::Same),
            (Some(27.0), 30.1, Verdict::Grown),
        ];
        for (before, now, want) in cases {
            assert_eq!(Verdict::of(before, now), want, "{before:?} and {now}");
        }
    }

    #[test]
    fn noise_is_not_taken_over() {
        let counts = |next: f64, settle: f64| {
            BTreeMap::from([("next".to_owned(), next), ("settle".to_owned(), settle)])
        };
        let mut baseline = Baseline::default();
        baseline.accept(counts(500.0, 27.0), "rustc 1".to_owned(), "first").expect("date runs");
        baseline.accept(counts(504.0, 40.0), "rustc 1".to_owned(), "slower").expect("date runs");
        assert_eq!(baseline.steps, counts(500.0, 40.0));
        let change = baseline.changes.last().expect("two");
        assert_eq!(change.cause, "slower");
        assert_eq!(change.steps, BTreeMap::from([("settle".to_owned(), "27 -> 40".to_owned())]));
    }
}
