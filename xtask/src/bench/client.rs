//! The program under test as a process: its command line, its cost, and what it wrote.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Instant, SystemTime};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Seconds after which a run is ended by force; the figures then show what is missing.
const RUN_S_MAX: u32 = 900;

/// A program and the folder it writes to.
#[derive(Debug)]
pub(super) struct Client {
    program: PathBuf,
    folder: PathBuf,
    runs: Vec<Run>,
}

/// One run of the program.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Run {
    pub(super) command: String,
    /// When it was started.
    #[serde(skip)]
    pub(super) started_at: SystemTime,
    #[serde(flatten)]
    pub(super) cost: Cost,
    pub(super) exit_code: Option<i32>,
    #[serde(flatten)]
    pub(super) records: Records,
    /// The program's own account, as it wrote it.
    pub(super) summary: Value,
}

/// What a process cost.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Cost {
    /// Start to end as seen from outside.
    pub(super) wall_s: f64,
    pub(super) user_s: f64,
    pub(super) sys_s: f64,
    pub(super) peak_kib: u64,
}

/// The results file, counted.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Records {
    pub(super) records: u64,
    /// Records with a number that came before, or with none.
    pub(super) repeated: u64,
    pub(super) ok: u64,
    /// Records that are not ok, by outcome and error kind.
    pub(super) not_ok: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
struct Record<'a> {
    n: Option<usize>,
    outcome: &'a str,
    #[serde(borrow)]
    error: Option<RecordError<'a>>,
}

#[derive(Deserialize)]
struct RecordError<'a> {
    kind: &'a str,
}

impl Cost {
    /// User and system time.
    pub(super) fn cpu_s(self) -> f64 {
        self.user_s + self.sys_s
    }

    /// Peak resident memory in 10^6 bytes.
    pub(super) fn peak_mb(self) -> f64 {
        self.peak_kib as f64 * 1024.0 / 1e6
    }
}

impl Run {
    /// The longest stall of a loop by its CPU clock, in ms, if the program tells.
    pub(super) fn stall_cpu_ms(&self) -> Option<f64> {
        self.summary["loop_stall"]["cpu"].as_f64().map(|seconds| seconds * 1000.0)
    }

    /// The same by the wall clock.
    pub(super) fn stall_wall_ms(&self) -> Option<f64> {
        self.summary["loop_stall"]["wall"].as_f64().map(|seconds| seconds * 1000.0)
    }

    /// The most requests the program had in flight, by its own account.
    pub(super) fn in_flight_max(&self) -> Option<f64> {
        self.summary["concurrency"]["peak"].as_f64()
    }
}

impl Client {
    pub(super) fn new(program: PathBuf, folder: &Path) -> Self {
        Self { program, folder: folder.to_owned(), runs: Vec::new() }
    }

    /// Where the program is.
    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    /// Fetches a list with the defaults and these flags: the one command line of all benches.
    pub(super) fn fetch(&mut self, list: &Path, flags: &[&str]) -> Result<Run> {
        let (out, summary) = (self.folder.join("out.jsonl"), self.folder.join("summary.json"));
        // A file of an earlier run must not be taken for this one's.
        drop((fs::remove_file(&out), fs::remove_file(&summary)));
        let files: [OsString; 8] = [
            (&self.program).into(),
            "fetch".into(),
            "-i".into(),
            list.into(),
            "-o".into(),
            (&out).into(),
            "--summary".into(),
            (&summary).into(),
        ];
        let flags = ["--overwrite", "-q"].iter().chain(flags);
        let command: Vec<_> = files.into_iter().chain(flags.clone().map(OsString::from)).collect();
        let started_at = SystemTime::now();
        let (cost, exit_code, _) = time(&self.folder, &command)?;
        let read = || serde_json::from_str(&fs::read_to_string(&summary).ok()?).ok();
        let run = Run {
            command: flags.fold("gather fetch -i urls.txt -o out.jsonl".to_owned(), |all, flag| {
                format!("{all} {flag}")
            }),
            started_at,
            cost,
            exit_code,
            records: count(&out)?,
            summary: read().unwrap_or_default(),
        };
        self.runs.push(run.clone());
        Ok(run)
    }

    /// Fetches a list under `perf stat`: each event by its name, and how often it came.
    pub(super) fn count_events(
        &self,
        list: &Path,
        flags: &[&str],
        events: &[&str],
    ) -> Result<Vec<(String, f64)>> {
        let counted = self.folder.join("events.csv");
        let mut command = Command::new("perf");
        command.args(["stat", "-x", ",", "-o"]).arg(&counted);
        for event in events {
            command.args(["-e", event]);
        }
        command.arg("--").arg(&self.program).args(["fetch", "-q", "--overwrite", "-i"]).arg(list);
        command.arg("-o").arg(self.folder.join("out.jsonl")).args(flags);
        let output = command.output().context("cannot run perf, of Debian's linux-perf")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = fs::read_to_string(&counted)?;
        // count,unit,event,…
        let lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let events: Vec<_> = lines
            .filter_map(|words| Some(((*words.get(2)?).to_owned(), words.first()?.parse().ok()?)))
            .collect();
        ensure!(!events.is_empty(), "perf counted nothing: {text}");
        Ok(events)
    }

    /// The runs since the last call.
    pub(super) fn take_runs(&mut self) -> Vec<Run> {
        std::mem::take(&mut self.runs)
    }
}

/// Runs a command under GNU time: its cost, its exit code, and its stdout.
pub(super) fn time(folder: &Path, command: &[OsString]) -> Result<(Cost, Option<i32>, String)> {
    let file = folder.join("time.txt");
    let start = Instant::now();
    let output = Command::new("timeout")
        .args(["-k", "5", &RUN_S_MAX.to_string(), "time", "-q", "-f", "%U %S %M", "-o"])
        .arg(&file)
        .args(command)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run timeout")?;
    let wall_s = start.elapsed().as_secs_f64();
    let text = fs::read_to_string(&file).unwrap_or_default();
    let words: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [user_s, sys_s, peak_kib] = words[..] else { anyhow::bail!("time wrote {text:?}") };
    let cost = Cost { wall_s, user_s, sys_s, peak_kib: peak_kib as u64 };
    Ok((cost, output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned()))
}

/// Counts records; a file that is not there has none.
fn count(path: &Path) -> Result<Records> {
    let mut counted = Records::default();
    let Ok(file) = File::open(path) else { return Ok(counted) };
    let mut seen = Vec::new();
    let (mut reader, mut line) = (BufReader::with_capacity(1 << 20, file), String::new());
    while reader.read_line(&mut line)? > 0 {
        let record: Record<'_> = serde_json::from_str(&line).context("a record is not JSON")?;
        counted.records += 1;
        match record.n {
            Some(n) => {
                if seen.len() <= n {
                    seen.resize(n + 1, false);
                }
                counted.repeated += u64::from(std::mem::replace(&mut seen[n], true));
            }
            None => counted.repeated += 1,
        }
        if record.outcome == "ok" {
            counted.ok += 1;
        } else {
            let kind = record.error.map_or("unknown", |error| error.kind);
            *counted.not_ok.entry(format!("{} {kind}", record.outcome)).or_default() += 1;
        }
        line.clear();
    }
    Ok(counted)
}
