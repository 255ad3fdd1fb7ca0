//! Documents that the program or its stored runs know best: manual page, completions, performance.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::{performance, repo};

/// What the program prints, and where it belongs.
const DOCUMENTS: &[(&[&str], &str)] = &[
    (&["man"], "contrib/gather.1"),
    (&["completions", "bash"], "contrib/completions/gather.bash"),
    (&["completions", "zsh"], "contrib/completions/_gather"),
    (&["completions", "fish"], "contrib/completions/gather.fish"),
];

/// Writes generated documents.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Changes nothing and fails if a document is not what the program would print now.
    #[arg(long)]
    check: bool,
}

/// Writes or compares all documents.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let program = build()?;
    let mut documents = Vec::new();
    for (command, path) in DOCUMENTS {
        let text = repo::output(Command::new(&program).args(*command))?;
        documents.push((*path, text, format!("`gather {}` prints", command.join(" "))));
    }
    let source = "the stored runs of benches say".to_owned();
    documents.push(("docs/performance.md", performance::page()?, source));

    let mut stale = 0;
    for (path, text, source) in documents {
        let file = repo::root().join(path);
        if fs::read_to_string(&file).is_ok_and(|old| old == text) {
            continue;
        }
        stale += 1;
        if args.check {
            eprintln!("{path}: not what {source}; run `cargo xtask gen`");
            continue;
        }
        fs::create_dir_all(file.parent().expect("a file has a folder"))?;
        fs::write(&file, text).with_context(|| format!("cannot write {path}"))?;
        eprintln!("{path}: written");
    }
    Ok(if args.check && stale > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn build() -> Result<PathBuf> {
    repo::output(repo::cargo().args(["build", "--quiet", "-p", "gather-cli"]))?;
    Ok(repo::target_dir()?.join("debug/gather"))
}
