//! System calls seen and tampered with: strace on the program, or on one thread of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::bed::{Job, program, until};

/// The calls by which anything becomes durable, or ceases to be; a database is sent it.
pub(crate) const DURABLE: &str = "write,pwrite64,writev,pwritev,fsync,fdatasync,syncfs,ftruncate,\
                                  rename,renameat,renameat2,unlink,unlinkat,link,linkat,\
                                  sync_file_range,sendto,sendmsg";

/// Whether strace is there; if not, what needs it is said to be untested.
pub(crate) fn has_strace() -> bool {
    let there = Command::new("strace").arg("--version").output().is_ok();
    if !there {
        eprintln!("NOT TESTED: kills at system calls, which need strace");
    }
    there
}

/// A strace on one thread of a program that waits for its input.
pub(crate) struct Tracer {
    strace: Child,
    log: PathBuf,
}

impl Tracer {
    /// Attaches to the thread of this name; `options` say what is traced and done.
    pub(crate) fn attach(job: &Job<'_>, child: &Child, thread: &str, options: &[String]) -> Self {
        let pid = child.id();
        let mut found = None;
        until("the thread", || {
            found = thread_of(pid, thread);
            found.is_some()
        });
        let tid = found.expect("it was found");
        let log = job.path("strace.log");
        let strace = Command::new("strace")
            .args(["-qq", "-y", "-p", &tid.to_string(), "-o"])
            .arg(&log)
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("strace starts");
        until("strace to attach", || is_traced(pid, tid));
        Self { strace, log }
    }

    /// Waits for its end, which comes with that of the program; the calls it saw.
    pub(crate) fn ended(mut self) -> Calls {
        self.strace.wait().expect("strace ends with what it traces");
        Calls::read(&self.log, None)
    }
}

fn thread_of(pid: u32, name: &str) -> Option<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    tasks.filter_map(Result::ok).find_map(|task| {
        let comm = std::fs::read_to_string(task.path().join("comm")).ok()?;
        (comm.trim_end() == name).then(|| task.file_name().to_str()?.parse().ok()).flatten()
    })
}

fn is_traced(pid: u32, tid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/task/{tid}/status"));
    let tracer = status.unwrap_or_default();
    tracer.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
}

/// Runs the program under strace from its first call, all threads of it.
pub(crate) fn traced(job: &Job<'_>, options: &[String], args: &[String]) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-y", "-o"]).arg(job.path("strace.log"));
    command.args(options).arg(program()).args(args);
    job.at_home(&mut command);
    command.env("PATH", "/usr/bin:/bin");
    command
}

/// Calls that were seen, by name and file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calls(pub(crate) BTreeMap<(String, String), u64>);

impl Calls {
    /// Reads a log; of one thread, or of all.
    pub(crate) fn read(log: &Path, thread: Option<u32>) -> Self {
        let mut calls = Self::default();
        for line in std::fs::read_to_string(log).unwrap_or_default().lines() {
            // With -f a line begins with the thread.
            let (first, rest) = line.split_once(char::is_whitespace).unwrap_or(("", line));
            let (tid, call) = match first.parse::<u32>() {
                Ok(tid) => (Some(tid), rest.trim_start()),
                Err(_) => (None, line),
            };
            let is_other = thread.is_some() && tid != thread;
            let Some((name, arguments)) = call.split_once('(') else { continue };
            let is_call = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if is_call && !is_other {
                *calls.0.entry((name.to_owned(), file_of(arguments))).or_default() += 1;
            }
        }
        calls
    }

    /// How many there were.
    pub(crate) fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// The number of calls of each name.
    pub(crate) fn by_name(&self) -> BTreeMap<&str, u64> {
        let mut names: BTreeMap<&str, u64> = BTreeMap::new();
        for ((name, _), count) in &self.0 {
            *names.entry(name).or_default() += count;
        }
        names
    }

    /// A line for people: `pwrite64 r.jsonl.journal-wal × 12`.
    pub(crate) fn listed(&self) -> String {
        let one = |((name, file), count): (&(String, String), &u64)| {
            format!("    {count:>4} × {name} {file}")
        };
        self.0.iter().map(one).collect::<Vec<_>>().join("\n")
    }
}

/// The last name of the path in `5</tmp/x/r.jsonl>, …` or `"/tmp/x/r.jsonl", …`.
fn file_of(arguments: &str) -> String {
    let path = match arguments.split_once('<') {
        Some((fd, rest)) if fd.bytes().all(|b| b.is_ascii_digit()) => {
            rest.split('>').next().unwrap_or_default()
        }
        _ => arguments.split('"').nth(1).unwrap_or_default(),
    };
    path.rsplit('/').next().unwrap_or_default().to_owned()
}
