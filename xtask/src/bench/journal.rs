//! What a journal costs in instructions, and how soon a long run that was cut off goes on.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::nginx::Nginx;
use super::report::Sample;
use super::{Bench, Case};
use crate::callgrind;

pub(super) const CASES: &[Case] = &[
    Case { name: "journal-instructions", rounds: 3, run: instructions },
    Case { name: "resume", rounds: 3, run: resume },
];

/// What a journal may add to the CPU of a run that writes JSON lines.
pub(super) const JOURNAL_MAX: f64 = 1.10;

/// Two lengths of a list: their difference has no start and no end in it.
const SHORT: usize = 2_000;
const LONG: usize = 22_000;

/// Instructions of a request with a journal and without, counted by callgrind.
///
/// Under it a run is some fifty times slower, and commits by the clock come after fewer records:
/// the figure is more than the true one.
fn instructions(bench: &mut Bench) -> Result<Vec<Sample>> {
    let nginx = Nginx::start(bench.args.hosts.unwrap_or(1))?;
    let of_a_request = |flags: &[&str]| -> Result<f64> {
        let mut counted = [0.0; 2];
        for (targets, counted) in [SHORT, LONG].into_iter().zip(&mut counted) {
            let list = bench.write_list((0..targets).map(|i| nginx.url(i, &format!("/1k/{i}"))))?;
            *counted = count(bench, &list, flags)?;
        }
        Ok((counted[1] - counted[0]) / (LONG - SHORT) as f64)
    };
    let (without, with) = (of_a_request(&["--no-journal"])?, of_a_request(&[])?);
    Ok(vec![
        Sample::new("instructions with a journal / without", "x", with / without)
            .ideal(1.0)
            .at_most(JOURNAL_MAX),
        Sample::new("without a journal", "instructions/request", without),
        Sample::new("with a journal", "instructions/request", with),
    ])
}

/// The instructions of one run over the list.
fn count(bench: &Bench, list: &Path, flags: &[&str]) -> Result<f64> {
    let out = bench.folder.path().join("counted.jsonl");
    let mut args: Vec<OsString> =
        ["fetch", "-c", "100", "-q", "--overwrite", "-i"].map(OsString::from).into();
    args.extend([list.into(), "-o".into(), out.into()]);
    args.extend(flags.iter().map(OsString::from));
    callgrind::count(bench.client.program(), &args)
}

/// A run cut off when nine tenths of it are recorded: how soon after its start the one that goes on
/// sends a request.
fn resume(bench: &mut Bench) -> Result<Vec<Sample>> {
    let nginx = Nginx::start(bench.args.hosts.unwrap_or(1))?;
    let targets = bench.args.targets;
    let list = bench.write_list((0..targets).map(|i| nginx.url(i, &format!("/page/{i}"))))?;
    let out = bench.folder.path().join("resumed.jsonl");
    let run = |more: &[&str]| -> Result<Child> {
        let mut command = Command::new(bench.client.program());
        command.args(["fetch", "-q", "-c", "100", "-i"]);
        command.arg(&list).arg("-o").arg(&out).args(more);
        command.stdin(Stdio::null()).spawn().context("cannot run gather")
    };
    let mut first = run(&["--overwrite"])?;
    wait_for_lines(&mut first, &out, targets / 10 * 9)?;
    first.kill()?;
    first.wait()?;
    let killed_at = jiff::Timestamp::now();

    let begun_at = jiff::Timestamp::now();
    let status = run(&["--resume"])?.wait()?;
    ensure!(status.success(), "going on: {status}");
    let found = Found::read(&out, killed_at)?;
    let first_at = found.first_after.context("nothing was fetched")?;
    let all = targets as f64;
    Ok(vec![
        Sample::new(
            "from start to the first request",
            "s",
            (first_at - begun_at).total(jiff::Unit::Second)?,
        )
        .at_most(2.0),
        Sample::new("fetched then", "targets", found.count_after as f64),
        Sample::new("records", "", found.count as f64).exactly(all),
    ])
}

/// Waits until the file has so many lines.
fn wait_for_lines(child: &mut Child, path: &Path, wanted: usize) -> Result<()> {
    let (start, mut lines, mut buffer) = (Instant::now(), 0, vec![0; 1 << 20]);
    let mut file = loop {
        match File::open(path) {
            Ok(file) => break file,
            Err(error) if start.elapsed() > PATIENCE => return Err(error.into()),
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    while lines < wanted {
        let read = file.read(&mut buffer)?;
        lines += buffer[..read].iter().filter(|byte| **byte == b'\n').count();
        if read == 0 {
            ensure!(child.try_wait()?.is_none(), "it ended after {lines} records");
            ensure!(start.elapsed() < PATIENCE, "{lines} records, and no more");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    Ok(())
}

/// Nothing takes longer, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(600);

/// What a results file tells of a run that went on.
#[derive(Default)]
struct Found {
    count: usize,
    /// Of those begun after the kill: the number, and the first moment.
    count_after: usize,
    first_after: Option<jiff::Timestamp>,
}

#[derive(Deserialize)]
struct Begun<'a> {
    #[serde(borrow)]
    started_at: Option<&'a str>,
}

impl Found {
    fn read(path: &Path, killed_at: jiff::Timestamp) -> Result<Self> {
        let mut found = Self::default();
        for line in BufReader::with_capacity(1 << 20, File::open(path)?).lines() {
            let line = line?;
            let Begun { started_at } = serde_json::from_str(&line)?;
            let at: jiff::Timestamp = started_at.context("a record has its time")?.parse()?;
            found.count += 1;
            if at > killed_at {
                found.count_after += 1;
                found.first_after = Some(found.first_after.map_or(at, |first| first.min(at)));
            }
        }
        Ok(found)
    }
}
