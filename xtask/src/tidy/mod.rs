//! The rules of the house that no compiler knows; each message says where and what to do.

mod edges;
mod ratchet;
mod rules;
mod source;

use std::collections::BTreeMap;
use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::repo;
use ratchet::Ratchet;
use source::Source;

const RATCHET: &str = "xtask/tidy-ratchet.txt";

/// Checks the rules of the house.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Lowers the exceptions in `xtask/tidy-ratchet.txt` to the sizes of today; raises none.
    #[arg(long)]
    lower: bool,
}

/// Something against a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    line: usize,
    message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

/// Checks everything and prints what is wrong.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let files = read_files()?;
    let mut findings = rules::machine_paths(&files, &machine_paths());
    let mut sizes = BTreeMap::new();
    for (path, text) in files.iter().filter(|(path, _)| path.ends_with(".rs")) {
        let source = Source::new(path, text);
        findings.extend(rules::check(&source));
        sizes.extend(ratchet::sizes(&source));
    }
    let ratchet = Ratchet::parse(files.get(RATCHET).map_or("", String::as_str))?;
    if args.lower {
        fs::write(repo::root().join(RATCHET), ratchet.lowered(&sizes).to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    findings.extend(ratchet.check(&sizes));
    findings.extend(edges::check(&cargo_metadata()?)?);
    findings.sort();
    for Finding { path, line, message } in &findings {
        eprintln!("{path}:{line}: {message}");
    }
    match findings.len() {
        0 => println!("tidy: {} files, nothing to mend", files.len()),
        count => eprintln!("tidy: {count} to mend"),
    }
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The text files of the repository, by path.
fn read_files() -> Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for path in repo::files()? {
        let bytes = fs::read(repo::root().join(&path)).with_context(|| path.clone())?;
        if let Ok(text) = String::from_utf8(bytes) {
            files.insert(path, text);
        }
    }
    Ok(files)
}

/// What only this machine calls its folders.
fn machine_paths() -> Vec<String> {
    let home = std::env::var("HOME").unwrap_or_default();
    let root = repo::root().display().to_string();
    // With the slash, so that a home of `/` or `/root` finds paths and not words.
    [home, root].into_iter().filter(|path| path.len() > 1).map(|path| path + "/").collect()
}

fn cargo_metadata() -> Result<serde_json::Value> {
    let args = ["metadata", "--format-version=1", "--no-deps"];
    Ok(serde_json::from_str(&repo::output(repo::cargo().args(args))?)?)
}
