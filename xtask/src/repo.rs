//! Where the repository is, what is in it, and how commands run in it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().expect("xtask is a folder of the repository").to_owned()
}

/// The files that git knows or would add, by their path from the root.
pub(crate) fn files() -> Result<Vec<String>> {
    let list = stdout("git", &["ls-files", "-z", "--cached", "--others", "--exclude-standard"])?;
    let files = list.split('\0').filter(|path| !path.is_empty()).map(str::to_owned);
    // A file that is deleted and not yet committed is still listed.
    Ok(files.filter(|path| root().join(path).is_file()).collect())
}

/// The short name of the commit, with `+` if there are changes on top of it.
///
/// Stored runs of benches are no such change: a suite must not mark the next one.
pub(crate) fn commit() -> Result<String> {
    let commit = stdout("git", &["rev-parse", "--short=12", "HEAD"])?;
    let changed =
        !stdout("git", &["status", "--porcelain", "--", ".", ":!benches/runs"])?.is_empty();
    Ok(format!("{}{}", commit.trim(), if changed { "+" } else { "" }))
}

/// Cargo, as it was called.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Runs a program at the root and returns what it printed; an error if it fails.
pub(crate) fn stdout(program: &str, args: &[&str]) -> Result<String> {
    output(Command::new(program).args(args).current_dir(root()))
}

/// Runs a command and returns what it printed; an error with its stderr if it fails.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?}: {}\n{}", output.status, stderr.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The program's path, if it is installed.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Not every user has sbin in the path, and nginx is there.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/bin".into()]);
    folders.map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// Where cargo builds to.
pub(crate) fn target_dir() -> Result<PathBuf> {
    let metadata = output(cargo().args(["metadata", "--format-version=1", "--no-deps"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    Ok(metadata["target_directory"].as_str().context("cargo metadata without a target")?.into())
}
