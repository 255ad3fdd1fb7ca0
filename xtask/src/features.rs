//! The library by its features: it builds without any, with each alone and with all, and says so
//! where it was built without something.

use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::repo;

/// The crates that have features of the library.
const CRATES: [&str; 3] = ["gather", "gather-fetch", "gather-store"];

/// Checks the library with no features, with each alone, and with all.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Lints each build; tests what is refused in the one without features.
pub(crate) fn run(Args {}: &Args) -> Result<ExitCode> {
    let names = names()?;
    ensure!(!names.is_empty(), "the crate gather has no features");
    let mut failed = Vec::new();
    let alone = names.iter().map(|name| vec![name.as_str()]);
    let all = names.iter().map(String::as_str).collect();
    for features in [Vec::new()].into_iter().chain(alone).chain([all]) {
        let what = if features.is_empty() { "none".to_owned() } else { features.join(",") };
        eprintln!("features: {what}");
        let listed: Vec<_> = features.iter().map(|name| format!("gather/{name}")).collect();
        let listed = listed.join(",");
        let packages = CRATES.iter().flat_map(|name| ["-p", name]);
        let rest = ["--features", &listed, "--", "-D", "warnings"];
        if !cargo("clippy", packages.chain(rest))? {
            failed.push(what);
        }
    }
    // Alone: the tests of gather want features of gather-fetch.
    if !cargo("test", ["-p", "gather-fetch", "--lib", "not_built"].into_iter())? {
        failed.push("tests of none".to_owned());
    }
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("FAILED with features: {}", failed.join("; "));
    Ok(ExitCode::FAILURE)
}

/// Runs a command of cargo without default features.
fn cargo<'a>(command: &str, args: impl Iterator<Item = &'a str>) -> Result<bool> {
    let command = [command, "--quiet", "--locked", "--no-default-features"];
    let status = repo::cargo().args(command).args(args).status().context("cannot run cargo")?;
    Ok(status.success())
}

/// The features of the crate `gather`, but for the default set.
fn names() -> Result<Vec<String>> {
    let metadata =
        repo::output(repo::cargo().args(["metadata", "--format-version=1", "--no-deps"]))?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let packages = metadata["packages"].as_array().context("cargo metadata without packages")?;
    let gather = packages.iter().find(|package| package["name"] == "gather");
    let features = gather.and_then(|package| package["features"].as_object());
    let features = features.context("cargo metadata without the features of gather")?;
    Ok(features.keys().filter(|name| *name != "default").cloned().collect())
}
