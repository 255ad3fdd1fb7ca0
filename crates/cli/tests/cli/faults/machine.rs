//! Rows 26, 36, 42 and 45: too few descriptors, a clock that jumps, a database that is locked, and too
//! little memory.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gather_testkit::{Server, Site, fault_row};

use super::{assert_flat, kind, measured, records, run};
use crate::bench::{Bench, until};

#[test]
fn few_descriptors_cost_no_target() {
    let row = fault_row!(26);
    let server = Server::start(Site::default().on_hosts(60));
    let list: String =
        (0..300).map(|n| server.url_on(n % 60, &format!("/delay/5ms?n={n}\n"))).collect();
    let bench = Bench::new().with_file("urls.txt", &list);
    for limit in [64, 40] {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -n {limit} && exec \"$@\""), "sh"]);
        command.arg(bench.command(&[]).get_program());
        command.args(["-i", "urls.txt", "-c", "200", "--retries", "0"]);
        command.current_dir(bench.path("."));
        let ran = measured(&bench, command);
        for record in records(&ran, 300) {
            assert_eq!(kind(&record), "ok", "{limit}: {record}");
        }
    }
    row.comes("fewer requests at once, and no target fails");
    row.shown();
}

/// libfaketime, where it is installed.
fn faketime() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.filter_map(Result::ok);
    let found = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    found.into_iter().find(|path| path.is_file())
}

#[test]
fn a_clock_that_jumps_moves_no_deadline() {
    let row = fault_row!(36);
    let Some(library) = faketime() else {
        return row.untested("needs libfaketime");
    };
    for (jump, zone) in [("+3600", "UTC"), ("-3600", "UTC"), ("+3600", "Europe/Vienna")] {
        let server = Server::start(Site::default());
        let list = format!("{}\n{}\n", server.url("/silent"), server.url("/ok"));
        let bench = Bench::new().with_file("urls.txt", &list).with_file("clock", "+0");
        let clock = bench.path("clock");
        let bench = bench
            .with_env("LD_PRELOAD", &library.display().to_string())
            .with_env("FAKETIME_TIMESTAMP_FILE", &clock.display().to_string())
            .with_env("FAKETIME_NO_CACHE", "1")
            .with_env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .with_env("TZ", zone);
        let before = server.hits();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                until("requests", || server.hits() >= before + 2);
                std::fs::write(&clock, jump).expect("written");
            });
            let ran = run(&bench, "-i urls.txt -t 2s --retries 1 --backoff 1s");
            let records = records(&ran, 2);
            let kinds: Vec<&str> = records.iter().map(kind).collect();
            assert_eq!(kinds, ["timeout.first_byte", "ok"], "{jump}");
            assert_eq!(records[0]["attempts"], 2, "{jump}");
            let took = records[0]["time_total"].as_f64().expect("it is told");
            assert!((1.9..20.0).contains(&took), "{jump}: {took} s");
        });
    }
    row.comes("deadlines and waits keep their length");
    row.shown();
}

/// A shell of SQLite that holds a database for itself until it is dropped.
struct Locked(Child);

impl Locked {
    fn hold(path: &Path) -> Self {
        let mut shell = Command::new("sqlite3")
            .arg(path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sqlite3 starts");
        let input = shell.stdin.as_mut().expect("a pipe");
        // What is begun is there when the answer has come.
        writeln!(input, ".timeout 20000\nBEGIN EXCLUSIVE;\nSELECT 'held';").expect("it reads");
        let mut answer = [0; 5];
        let output = shell.stdout.as_mut().expect("a pipe");
        std::io::Read::read_exact(output, &mut answer).expect("it answers");
        Self(shell)
    }

    fn let_go(mut self) {
        let input = self.0.stdin.as_mut().expect("a pipe");
        writeln!(input, "COMMIT;\n.quit").expect("it reads");
        self.0.wait().expect("it ends");
    }
}

#[test]
fn a_locked_database_is_waited_for_without_growing() {
    let row = fault_row!(42);
    let server = Server::start(Site { log_requests_max: 0, ..Site::default() });
    let targets = 30_000;
    let list: String = (0..targets).map(|n| server.url(&format!("/ok?n={n}\n"))).collect();
    let bench =
        Bench::new().with_file("urls.txt", &list).with_file("first.txt", &server.url("/ok"));
    assert_eq!(run(&bench, "-i first.txt -o r.db").code, 0);
    let ran = std::thread::scope(|scope| {
        let holder = scope.spawn(|| {
            until("requests", || server.hits() > 500);
            let locked = Locked::hold(&bench.path("r.db"));
            let mut hits = 0;
            // Nothing more is asked for while nothing can be written.
            until("a standstill", || {
                std::thread::sleep(Duration::from_millis(300));
                std::mem::replace(&mut hits, server.hits()) == server.hits() && hits > 1
            });
            assert!(hits < 25_000, "{hits} requests, and nothing could be written");
            locked.let_go();
        });
        let ran = run(&bench, "-i urls.txt -o r.db --no-journal");
        holder.join().expect("it was let go");
        ran
    });
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_flat("a locked database", &ran);
    let counted = Command::new("sqlite3")
        .arg(bench.path("r.db"))
        .arg("SELECT count(*), count(DISTINCT run || '-' || n) FROM record")
        .output()
        .expect("sqlite3 runs");
    let counted = String::from_utf8_lossy(&counted.stdout).trim().to_owned();
    assert_eq!(counted, format!("{0}|{0}", targets + 1));
    row.comes("intake pauses until it can be written, and nothing is lost");
    row.shown();
}

/// A control group that holds its processes to so much memory; removed when dropped.
struct Group(PathBuf);

impl Group {
    fn of(bytes: u64) -> Option<Self> {
        let path =
            PathBuf::from(format!("/sys/fs/cgroup/memory/gather-test-{}", std::process::id()));
        std::fs::create_dir(&path).ok()?;
        let group = Self(path);
        std::fs::write(group.0.join("memory.limit_in_bytes"), bytes.to_string()).ok()?;
        group.0.join("cgroup.procs").is_file().then_some(group)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Its processes have ended; if the kernel still thinks otherwise, it stays empty.
        drop(std::fs::remove_dir(&self.0));
    }
}

#[test]
fn a_run_killed_for_its_memory_goes_on() {
    let row = fault_row!(45);
    let Some(group) = Group::of(24 << 20) else {
        return row.untested("needs a control group of memory (cgroup v1, as root)");
    };
    let server = Server::start(Site { log_requests_max: 0, ..Site::default() });
    let targets = 400;
    let list: String =
        (0..targets).map(|n| server.url(&format!("/ok?size=400000&n={n}\n"))).collect();
    let bench = Bench::new().with_file("urls.txt", &list);
    let flags = ["-i", "urls.txt", "-o", "r.jsonl", "--fields", "+body", "-c", "200"];
    let mut command = Command::new("sh");
    let join = format!("echo $$ > {}/cgroup.procs && exec \"$@\"", group.0.display());
    command.args(["-c", &join, "sh"]).arg(bench.command(&[]).get_program()).args(flags);
    command.args(["--host-concurrency", "200"]).current_dir(bench.path("."));
    let ran = measured(&bench, command);
    // A signal has no exit code.
    assert_eq!(ran.code, -1, "it was not killed: {}", ran.stderr);
    let ran = run(&bench, &format!("{} --host-concurrency 200 --resume", flags.join(" ")));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let whole = super::Measured { stdout: bench.read("r.jsonl"), ..ran };
    assert!(records(&whole, targets).iter().all(|record| kind(record) == "ok"));
    row.comes("as a kill: the run goes on where its records end");
    row.shown();
}
