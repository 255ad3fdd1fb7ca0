//! Instructions of a process, counted by valgrind's callgrind: no other load changes them.

use std::ffi::OsStr;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The instructions of one run of a program, from its start to its end.
pub(crate) fn count<S: AsRef<OsStr>>(program: impl AsRef<OsStr>, args: &[S]) -> Result<f64> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program).args(args);
    let output = command.output().context("cannot run valgrind")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {said}", output.status);
    // ==123== Collected : 1234567
    let line = said.lines().find(|line| line.contains("Collected"));
    let count = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    count.with_context(|| format!("callgrind counted nothing: {said}"))
}

/// What a count depends on besides the program: compiler, C library, valgrind, and which vector
/// instructions there are.
pub(crate) fn environment() -> Result<String> {
    use crate::repo::stdout;
    let first_line = |text: String| text.lines().next().unwrap_or_default().trim().to_owned();
    let flags = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let vectors = if flags.split_whitespace().any(|flag| flag == "avx2") { "avx2" } else { "none" };
    let parts = [
        first_line(stdout("rustc", &["--version"])?),
        first_line(stdout("getconf", &["GNU_LIBC_VERSION"])?),
        first_line(stdout("valgrind", &["--version"])?),
        format!("{} {vectors}", std::env::consts::ARCH),
    ];
    Ok(parts.join(", "))
}
