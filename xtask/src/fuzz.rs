//! Fuzzing on stable Rust: libFuzzer's targets in `fuzz/`, with LLVM's own coverage, and the readers that
//! only the program has, by its own test.

use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::repo;

/// What is fuzzed; `config` is read by the program alone, and has no coverage to guide it.
const TARGETS: &[&str] = &[
    "robots",
    "retry_after",
    "template",
    "config",
    "results",
    "csv",
    "sitemap",
    "price",
    "charset",
    "redirect",
];

/// What cargo-fuzz asks of rustc as well; none of it needs a nightly compiler, as long as no sanitizer is
/// wanted, and there is no unsafe code of ours that one could find fault with.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
                     -Cllvm-args=-sanitizer-coverage-pc-table \
                     -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing";

/// Runs the fuzz targets, each for some time; what broke one is left in `fuzz/artifacts`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A minute each.
    #[arg(long, conflicts_with = "seconds")]
    quick: bool,
    /// How long each runs.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// These alone; all if none is named.
    targets: Vec<String>,
}

/// Runs them one after the other; fails if one broke.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let seconds = if args.quick { 60 } else { args.seconds };
    let is_known = |target: &&String| !TARGETS.contains(&target.as_str());
    let unknown = args.targets.iter().find(is_known);
    ensure!(unknown.is_none(), "{unknown:?} is none of {TARGETS:?}");
    let is_chosen =
        |target: &&&str| args.targets.is_empty() || args.targets.iter().any(|t| t == **target);
    let chosen: Vec<&str> = TARGETS.iter().filter(is_chosen).copied().collect();
    let mut broken = Vec::new();
    for target in &chosen {
        let since = Instant::now();
        let mut command =
            if *target == "config" { of_program(seconds) } else { of_libfuzzer(target, seconds)? };
        let is_fine =
            command.status().with_context(|| format!("cannot run {command:?}"))?.success();
        let how = if is_fine { "nothing found" } else { "BROKEN" };
        eprintln!("{target}: {how} in {:.0} s", since.elapsed().as_secs_f64());
        if !is_fine {
            broken.push(*target);
        }
    }
    println!("{} targets for {seconds} s each: {} broken {broken:?}", chosen.len(), broken.len());
    Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A target of libFuzzer. New inputs go to the build's directory, beside the kept ones.
fn of_libfuzzer(target: &str, seconds: u64) -> Result<Command> {
    let (fuzz, build) = (repo::root().join("fuzz"), repo::target_dir()?.join("fuzz"));
    let found = build.join("corpus").join(target);
    let artifacts = fuzz.join("artifacts").join(target);
    std::fs::create_dir_all(&found).and_then(|()| std::fs::create_dir_all(&artifacts))?;
    let mut command = repo::cargo();
    command
        .args(["run", "--quiet", "--release", "--target", host()?.as_str()])
        .arg("--manifest-path")
        .arg(fuzz.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&build)
        .args(["--bin", target, "--"])
        .arg(&found)
        .arg(fuzz.join("corpus").join(target))
        .args([&format!("-max_total_time={seconds}"), "-max_len=65536", "-timeout=10"])
        .args(["-rss_limit_mb=2048", "-print_final_stats=1", "-verbosity=0"])
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .env("RUSTFLAGS", FLAGS);
    Ok(command)
}

/// The program's own test, which changes the kept inputs at random.
fn of_program(seconds: u64) -> Command {
    let mut command = repo::cargo();
    command
        .args(["test", "--quiet", "-p", "gather-cli", "--bin", "gather", "--"])
        .args(["any_file_is_a_configuration_or_refused_with_its_place", "--nocapture"])
        .env("GATHER_FUZZ_SECONDS", seconds.to_string());
    command
}

/// This machine's own target: named, so that flags are not given to what builds the build.
fn host() -> Result<String> {
    let told = repo::stdout("rustc", &["-vV"])?;
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc names its host")?.to_owned())
}
