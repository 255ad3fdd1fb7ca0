//! One URL, the whole process: beside curl, and beside the import of what Python would use.

use std::ffi::OsString;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::nginx::{Nginx, Speaks};
use super::report::Sample;
use super::{Bench, Case};

pub(super) const CASES: &[Case] = &[
    Case { name: "one-url", rounds: 5, run: |bench| one_url(bench, Speaks::Plain) },
    Case { name: "one-url-tls", rounds: 5, run: |bench| one_url(bench, Speaks::Tls) },
];

/// Starts of each program in a round; their median is the round's value.
const STARTS: usize = 50;
const STARTS_QUICK: usize = 5;
/// The whole process, in ms.
const MS_MAX: f64 = 5.0;

fn one_url(bench: &mut Bench, speaks: Speaks) -> Result<Vec<Sample>> {
    let nginx = Nginx::start_speaking(1, speaks)?;
    let url = nginx.url(0, "/1k/0");
    let program = bench.client.program().to_owned();
    let ours: Vec<OsString> =
        [program.into(), "fetch".into(), "-q".into(), "-k".into(), (&url).into()].into();
    let curl: Vec<OsString> = ["curl", "-s", "-k", "-o", "/dev/null", &url].map(Into::into).into();
    let starts = if bench.args.quick { STARTS_QUICK } else { STARTS };
    // One start each in turn, so that both find the same machine.
    let mut taken_ms = [Vec::new(), Vec::new()];
    for _ in 0..starts {
        for (command, taken_ms) in [&ours, &curl].into_iter().zip(&mut taken_ms) {
            taken_ms.push(start(command)?);
        }
    }
    let [ours_ms, curl_ms] = taken_ms.map(|mut taken_ms| {
        taken_ms.sort_by(f64::total_cmp);
        taken_ms[taken_ms.len() / 2]
    });
    let time = Sample::new("whole process", "ms", ours_ms);
    let ratio = Sample::new("whole process / curl's", "x", ours_ms / curl_ms);
    let (time, ratio) = match speaks {
        Speaks::Plain => (time.at_most(MS_MAX), ratio.at_most(1.0)),
        Speaks::Tls | Speaks::Http2 => (time, ratio.beside()),
    };
    Ok(vec![time, ratio, Sample::new("whole process of curl", "ms", curl_ms)])
}

/// Milliseconds from the start of a process to its end.
fn start(command: &[OsString]) -> Result<f64> {
    let (program, args) = command.split_first().context("a command has a program")?;
    let begun = Instant::now();
    let status = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .with_context(|| format!("cannot run {}", program.display()))?;
    let ms = begun.elapsed().as_secs_f64() * 1000.0;
    ensure!(status.success(), "{}: {status}", program.display());
    Ok(ms)
}
