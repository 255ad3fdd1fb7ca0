//! What the machine refuses: no space, a sync that fails, a journal in use, an output that nobody
//! reads.

use std::io::{BufRead, BufReader, Read};
use std::process::Child;
use std::time::Duration;

use gather_testkit::{Server, Site, fault_row};

use crate::bed::{Bed, Job, List, ended, until};
use crate::calls::{Tracer, has_strace};
use crate::kills::kill_midway;
use crate::sinks::{OnDisk, SINKS, sinks};

const INPUTS: usize = 1_100;

/// Has one call of the writer on one file fail, runs to the end, and goes on without the fault.
fn fails_and_goes_on(job: &Job<'_>, file: &str, inject: &str, expected: &[&str]) {
    let what = format!("{}: {inject} on {file}", job.case.name);
    let name = inject.split(':').next().unwrap_or_default();
    let options = [
        format!("-etrace={name}"),
        format!("-einject={inject}"),
        format!("-P{}", job.path(file).display()),
    ];
    let mut child = job.spawn_waiting(&[]);
    let tracer = Tracer::attach(job, &child, "gather-writer", &options);
    job.feed(&mut child);
    let output = ended(child);
    drop(tracer.ended());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{what}: {said}");
    for expected in expected {
        assert!(said.contains(expected), "{what}: {said}");
    }
    job.end(List::Piped).assert_whole(&what);
}

#[test]
fn a_full_disk_and_a_failed_sync_end_the_run_and_it_goes_on() {
    let (full, synced) = (fault_row!(30), fault_row!(31));
    if !has_strace() {
        full.untested("needs strace");
        return synced.untested("needs strace");
    }
    let bed = Bed::new(INPUTS);
    for case in sinks() {
        let journal = case.journal();
        let wal = format!("{journal}-wal");
        let mut faults = vec![
            (wal.as_str(), "pwrite64:error=ENOSPC:when=9+".to_owned(), FULL),
            (&wal, "fsync:error=EIO:when=1".to_owned(), &journal),
            (&wal, "fsync:error=EIO:when=2".to_owned(), &journal),
        ];
        if let Some(OnDisk { written: (written, write), synced: (synced, sync) }) = case.on_disk {
            faults.push((written, format!("{write}:error=ENOSPC:when=2+"), FULL));
            faults.push((synced, format!("{sync}:error=EIO:when=1"), NO_SYNC));
            faults.push((synced, format!("{sync}:error=EIO:when=2"), NO_SYNC));
        }
        for (file, inject, expected) in faults {
            let mut job = bed.job(case);
            job.kills = 1;
            fails_and_goes_on(&job, file, &inject, &[expected, "resume with: "]);
        }
    }
    full.comes("the run ends with exit code 1 and goes on where there is space");
    full.shown();
    synced.comes("the run ends with exit code 1; a failed sync is never tried again");
    synced.shown();
}

/// What is said where there is no space, and where a sync fails.
const FULL: &str = "no space left";
const NO_SYNC: &str = "cannot write ";

#[test]
fn a_small_disk_is_filled_and_the_run_goes_on_where_there_is_space() {
    let row = fault_row!(30);
    let bed = Bed::new(5_000);
    for case in sinks().filter(|case| case.on_disk.is_some()) {
        let dir = tempfile::tempdir().expect("a directory");
        let Some(disk) = SmallDisk::mount(dir.path()) else {
            return row.untested("needs the right to mount a tmpfs");
        };
        let mut job = bed.job_in(case, dir);
        job.kills = 1;
        // Some room for the journal, and not enough for the records.
        std::fs::write(job.path("filler"), vec![0; 680 << 10]).expect("it fits");
        let output = ended(job.spawn(&[]));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{}: {said}", case.name);
        assert!(said.contains("no space left"), "{}: {said}", case.name);
        disk.enlarge();
        job.end(List::File).assert_whole(case.name);
        drop(disk);
    }
    row.comes("the run ends with exit code 1 and goes on where there is space");
    row.shown();
}

/// A disk in memory, of a megabyte.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(at: &std::path::Path) -> Option<Self> {
        let options = ["-t", "tmpfs", "-o", "size=1M", "tmpfs"];
        let mounted = std::process::Command::new("mount").args(options).arg(at).output().ok()?;
        mounted.status.success().then(|| Self(at.to_owned()))
    }

    fn enlarge(&self) {
        let options = ["-o", "remount,size=64M"];
        let done = std::process::Command::new("mount").args(options).arg(&self.0).status();
        assert!(done.expect("mount runs").success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the directory is removed after it.
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_journal_in_use_is_refused_and_the_other_run_named() {
    let bed = Bed::new(100);
    for case in sinks() {
        let job = bed.job(case);
        let mut first = job.spawn_waiting(&[]);
        until("the journal", || job.journal().exists() && is_locked(&job, &first));
        for more in [&["--resume"][..], &["--overwrite"], &[]] {
            let output = ended(job.spawn(more));
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(3), "{more:?}: {said}");
            let named = format!("is in use by another run (process {})", first.id());
            assert!(said.contains(&named), "{more:?}: {said}");
        }
        job.feed(&mut first);
        assert_eq!(ended(first).status.code(), Some(0));
        job.end(List::File).assert_whole(case.name);
    }
}

/// Whether a process has its lock on the journal.
fn is_locked(job: &Job<'_>, child: &Child) -> bool {
    use std::os::unix::fs::MetadataExt;
    let inode = job.journal().metadata().map(|about| about.ino()).unwrap_or_default();
    let locks = std::fs::read_to_string("/proc/locks").unwrap_or_default();
    let (pid, inode) = (format!(" {} ", child.id()), format!(":{inode} "));
    locks.lines().any(|line| line.contains(&pid) && line.contains(&inode))
}

#[test]
fn a_closed_stdout_does_not_stop_what_goes_to_files() {
    let row = fault_row!(35);
    let bed = Bed::new(INPUTS);
    for case in sinks() {
        let job = bed.job(case);
        let mut child = job.spawn(&["-o", "-"]);
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let output = ended(child);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{}: {said}", case.name);
        assert_eq!(bed.verdict(case, job.dir()), Default::default(), "{}", case.name);
    }
    row.comes("a reader that has gone is no fault; a full device ends the run with exit code 1");
    row.shown();
}

#[test]
fn a_reader_that_does_not_read_stops_the_intake() {
    let row = fault_row!(44);
    let (bed, case) = (Bed::new(20_000), &SINKS[0]);
    let job = bed.job(case);
    let mut child = job.spawn(&["-o", "-"]);
    // What is on its way fits into buffers of a fixed size; then nothing more is asked for.
    let mut hits = 0;
    until("a standstill", || {
        std::thread::sleep(Duration::from_millis(300));
        std::mem::replace(&mut hits, bed.hits()) == bed.hits() && hits > 0
    });
    assert!(hits < 8_000, "{hits} requests, and nobody reads");
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).expect("there");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells");
    let peak_kb: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(peak_kb < 96 << 10, "{peak_kb} kB");
    let mut rest = Vec::new();
    child.stdout.take().expect("a pipe").read_to_end(&mut rest).expect("it ends");
    assert_eq!(ended(child).status.code(), Some(0));
    let lines = rest.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(lines, 20_000);
    assert_eq!(bed.verdict(case, job.dir()), Default::default());
    row.comes("intake pauses, memory is flat, and nothing is lost");
    row.shown();
}

#[test]
fn a_run_is_whole_after_a_resume_that_is_stopped_by_a_signal() {
    let server_is_slow = Site { delay: Duration::from_millis(20), ..Site::default() };
    let server = Server::start(Site { log_requests_max: 0, ..server_is_slow });
    let bed = Bed::on(server, 900);
    for case in sinks() {
        let mut job = bed.job(case);
        kill_midway(&job);
        job.kills = 1;
        let mut child = job.spawn(&["--resume"]);
        let begun = bed.hits();
        until("a request", || bed.hits() > begun || child.try_wait().expect("ours").is_some());
        let pid = child.id().to_string();
        // It may have come to its end.
        let _ = std::process::Command::new("kill").args(["-TERM", &pid]).status();
        let code = ended(child).status.code();
        assert!(matches!(code, Some(143 | 0)), "{}: {code:?}", case.name);
        job.end(List::File).assert_whole(case.name);
    }
}

#[test]
fn a_disk_that_syncs_slowly_stops_requests_before_a_kill_repeats_too_many() {
    if !has_strace() {
        return;
    }
    for (case, call) in [("jsonl", "fdatasync"), ("sqlite", "fsync")] {
        let (bed, case) = (Bed::new(6_000), crate::sinks::case(case));
        let mut job = bed.job(case);
        let mut child = job.spawn_waiting(&[]);
        let options =
            [format!("-etrace={call}"), format!("-einject={call}:delay_enter=2000000:when=3")];
        let tracer = Tracer::attach(&job, &child, "gather-writer", &options);
        job.feed(&mut child);
        let mut hits = 0;
        until("a standstill", || {
            std::thread::sleep(Duration::from_millis(300));
            std::mem::replace(&mut hits, bed.hits()) == bed.hits() && hits > 0
        });
        assert!(hits < 6_000, "{}: nothing waited for the disk", case.name);
        child.kill().expect("it was running");
        ended(child);
        drop(tracer.ended());
        job.kills = 1;
        job.end(List::Piped).assert_whole(case.name);
    }
}
