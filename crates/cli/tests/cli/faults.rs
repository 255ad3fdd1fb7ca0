//! The fault matrix: the binary against each fault, among targets that are good.
//!
//! A test that has passed says so by `FaultRow::shown`; `cargo xtask test` makes `docs/faults.md` of
//! all of them, and fails where a row has none.

mod bombs;
mod floods;
mod framing;
mod hosts;
mod inputs;
mod machine;
pub(crate) mod names;
pub(crate) mod network;
mod redirects;
mod robots;
mod secrets;
mod tls;
mod wire;

use std::fs::File;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use gather_testkit::{ClientCert, FaultRow, Identity, Server, Site, Tls};
use serde_json::Value;

use crate::bench::{Bench, words};

/// What no fault may take beside what a plain run takes.
const MEMORY_BYTES_MAX: u64 = 32 << 20;
/// A run that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);
/// The time of a try, unless a case says otherwise, in seconds.
const TIMEOUT_S: f64 = 1.0;
/// How late a deadline may be seen on a busy machine, in seconds.
const LATE_S: f64 = 4.0;

/// A faulty target, and what must come of it.
pub(crate) struct Case {
    what: String,
    url: String,
    flags: String,
    kind: &'static str,
    tries: u64,
}

/// A target that ends as this kind (or `ok`) after so many tries, of two that it may have.
pub(crate) fn case(what: &str, url: impl Into<String>, kind: &'static str, tries: u64) -> Case {
    Case { what: what.to_owned(), url: url.into(), flags: String::new(), kind, tries }
}

impl Case {
    /// With these flags beside the usual ones.
    pub(crate) fn with(mut self, flags: impl Into<String>) -> Self {
        self.flags = flags.into();
        self
    }
}

/// A run that was looked at from outside.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The most memory it had resident.
    pub(crate) peak_bytes: u64,
}

/// Runs a command of this bench to its end, but not for ever.
pub(crate) fn measured(bench: &Bench, mut command: Command) -> Measured {
    let create = |name: &str| File::create(bench.path(name)).expect("a file");
    command.stdout(create("stdout")).stderr(create("stderr"));
    let mut child = command.spawn().expect("it starts");
    let (since, status) = (Instant::now(), format!("/proc/{}/status", child.id()));
    let mut peak_bytes = 0;
    let code = loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        peak_bytes = peak_bytes.max(kib.unwrap_or(0) << 10);
        if let Some(status) = child.try_wait().expect("it is ours") {
            break status.code().unwrap_or(-1);
        }
        if since.elapsed() > PATIENCE {
            child.kill().expect("it was running");
            child.wait().expect("it is gone");
            panic!("it hangs: {command:?}\n{}", bench.read("stderr"));
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    let text = |name: &str| {
        let bytes = std::fs::read(bench.path(name)).expect("written");
        String::from_utf8_lossy(&bytes).into_owned()
    };
    Measured { code, stdout: text("stdout"), stderr: text("stderr"), peak_bytes }
}

/// [`measured`], of the binary with a command line as typed.
pub(crate) fn run(bench: &Bench, line: &str) -> Measured {
    let words = words(line);
    measured(bench, bench.command(&words.iter().map(String::as_str).collect::<Vec<_>>()))
}

/// The records of a run, by their ordinal, of which there is one for each input.
pub(crate) fn records(ran: &Measured, inputs: usize) -> Vec<Value> {
    let parse =
        |line| serde_json::from_str::<Value>(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    let mut records: Vec<Value> = ran.stdout.lines().map(parse).collect();
    records.sort_by_key(|record| record["n"].as_u64());
    let numbers: Vec<u64> = records.iter().filter_map(|record| record["n"].as_u64()).collect();
    let expected: Vec<u64> = (0..inputs as u64).collect();
    assert_eq!(numbers, expected, "inputs and records: {}", ran.stderr);
    records
}

/// The kind of a record's error, or its outcome.
pub(crate) fn kind(record: &Value) -> &str {
    record["error"]["kind"].as_str().or(record["outcome"].as_str()).unwrap_or("nothing")
}

/// The good target of this number; over HTTP/2 where the flags leave no choice.
fn good_url(flags: &str, n: u32) -> String {
    static HTTP2: OnceLock<Server> = OnceLock::new();
    if !flags.contains("--http2") {
        return good().url(&format!("/ok?{n}"));
    }
    let tls = || Tls::new(&Identity::self_signed(&["127.0.0.1"]), &["h2"], ClientCert::NotAsked);
    let start = || Server::start(Site { tls: Some(tls()), ..Site::default() });
    HTTP2.get_or_init(start).url(&format!("/ok?{n}"))
}

/// A well-behaved server of its own.
fn good() -> &'static Server {
    static GOOD: OnceLock<Server> = OnceLock::new();
    GOOD.get_or_init(|| Server::start(Site::default()))
}

/// What a run without any fault takes.
fn idle_bytes() -> u64 {
    static IDLE: OnceLock<u64> = OnceLock::new();
    *IDLE.get_or_init(|| {
        let list = format!("{}\n{}\n", good().url("/ok?1"), good().url("/ok?2"));
        let bench = Bench::new().with_file("urls.txt", &list);
        let ran = run(&bench, "-i urls.txt -c 1");
        assert_eq!((ran.code, records(&ran, 2).len()), (0, 2), "{}", ran.stderr);
        ran.peak_bytes
    })
}

/// Asserts that a run took little more memory than one without a fault.
pub(crate) fn assert_flat(what: &str, ran: &Measured) {
    let (idle, peak) = (idle_bytes(), ran.peak_bytes);
    assert!(peak > 0 && peak <= idle + MEMORY_BYTES_MAX, "{what}: {peak} bytes, {idle} idle");
}

/// Fetches the target between two good ones, one after the other: it ends as its kind and within its
/// time, the slot is free for the others, memory is flat, and each input has its record. Returns its
/// record.
pub(crate) fn check(row: &FaultRow, case: &Case) -> Value {
    let good_url = |n| good_url(&case.flags, n);
    let list = format!("{}\n{}\n{}\n", good_url(1), case.url, good_url(2));
    let bench = Bench::new().with_file("urls.txt", &list);
    let usual = ["-i urls.txt -c 1", "-t 1s", "--retries 1", "--backoff 10ms"];
    let is_given = |usual: &&&str| !case.flags.contains(usual.split(' ').next().unwrap_or(usual));
    let usual: Vec<&str> = usual.iter().filter(is_given).copied().collect();
    let ran = run(&bench, &format!("{} {}", usual.join(" "), case.flags));
    let records = records(&ran, 3);
    let (what, record) = (&case.what, &records[1]);
    assert_eq!(kind(record), case.kind, "{what}: {record}");
    assert_eq!(record["attempts"], case.tries, "{what}: {record}");
    assert_eq!((kind(&records[0]), kind(&records[2])), ("ok", "ok"), "{what}: the good ones");
    assert_eq!(ran.code, if case.kind == "ok" { 0 } else { 2 }, "{what}: {}", ran.stderr);
    if !case.flags.contains("-t ") {
        let took = record["time_total"].as_f64().unwrap_or_default();
        assert!(took <= TIMEOUT_S + LATE_S, "{what}: {took} s");
    }
    assert_flat(what, &ran);
    if let Some(kind) = record["error"]["kind"].as_str() {
        row.kind(kind, record["error"]["retryable"].as_bool().expect("it is said"));
    }
    record.clone()
}
