//! The whole test command: what tests need, all tests, and the runner's own last words.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::needs::{self, Networks};
use crate::{faults, repo};

/// Runs every test, or those that the options choose.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Options for the test runner, as in `-- -p gather-core`.
    #[arg(last = true)]
    runner: Vec<String>,
}

/// Runs the tests; the exit code is the worst of the runners'.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let mut missing = needs::install(needs::TESTS);
    missing.extend(needs::install_python());
    missing.extend(needs::install_node());
    let docs = doc_tests(&args.runner)?;
    let networks = needs::networks();
    faults::forget()?;
    // Last, so that the closing lines are those of the runner with nearly all tests.
    let tests = unit_tests(&args.runner, networks)?;
    if networks == Networks::No {
        eprintln!("NOT TESTED: the address policy, which needs a network namespace (unshare, ip)");
    }
    for package in missing {
        eprintln!("NOT TESTED: what needs {package}, which is missing and could not be installed");
    }
    if !docs {
        eprintln!("FAILED: doc tests (see above)");
    }
    // Tests that were not run have shown nothing.
    let faults = !args.runner.is_empty() || !tests || faults::check()?;
    Ok(if docs && tests && faults { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn unit_tests(runner: &[String], networks: Networks) -> Result<bool> {
    let mut command = repo::cargo();
    if networks == Networks::No {
        // Tests that need one pass without having tested anything; it is said above.
        command.env("GATHER_TEST_WITHOUT_NETWORKS", "1");
    }
    if repo::find_program("cargo-nextest").is_some() {
        command.args(["nextest", "run"]);
        // Without it, nextest stops at the first failure and hides the others.
        command.arg("--no-fail-fast");
    } else {
        command.args(["test", "--no-fail-fast", "--all-targets"]);
    }
    if !selects_packages(runner) {
        command.arg("--workspace");
    }
    succeeds(command.args(runner))
}

/// Doc tests run apart, because nextest knows none; a filter of tests leaves them out.
fn doc_tests(runner: &[String]) -> Result<bool> {
    let selection = match runner {
        [] => vec!["--workspace"],
        [flag, package] if flag == "-p" && !is_program(package) => vec!["-p", package],
        _ => return Ok(true),
    };
    succeeds(repo::cargo().args(["test", "--doc", "--quiet"]).args(selection))
}

/// Whether the package has no library, and so no doc tests.
fn is_program(package: &str) -> bool {
    matches!(package, "gather-cli" | "xtask")
}

fn selects_packages(runner: &[String]) -> bool {
    runner.iter().any(|arg| matches!(arg.as_str(), "-p" | "--package" | "--workspace"))
}

fn succeeds(command: &mut Command) -> Result<bool> {
    Ok(command.status().with_context(|| format!("cannot run {command:?}"))?.success())
}
