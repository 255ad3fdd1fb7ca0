//! Facts about the machine and the build, without which a figure says nothing.

use std::fs;

use anyhow::Result;
use serde_json::{Value, json};

use crate::repo;

/// Processor, memory, system, load, compiler, commit and date.
pub(super) fn facts() -> Result<Value> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: String, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
        line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    Ok(json!({
        "date": now()?,
        "commit": repo::commit()?,
        "processor": field(read("/proc/cpuinfo"), "model name"),
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "memory": field(read("/proc/meminfo"), "MemTotal"),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "load": read("/proc/loadavg").trim(),
        "rustc": repo::stdout("rustc", &["--version"])?.trim(),
    }))
}

/// The date and time in UTC.
fn now() -> Result<String> {
    Ok(repo::stdout("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"])?.trim().to_owned())
}
