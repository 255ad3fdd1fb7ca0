//! Kills: at each durable system call of each thread that makes any, and at random moments.

use std::collections::BTreeSet;
use std::process::Child;
use std::time::Duration;

use fastrand::Rng;

use crate::bed::{Bed, Ended, Job, List, REPEATS_MAX, ended, until};
use crate::calls::{Calls, DURABLE, Tracer, has_strace, traced};
use crate::check::Verdict;
use crate::sinks::{SINKS, SinkCase, sinks};

/// Inputs of one run: three commits, and the last.
const INPUTS: usize = 1_100;

/// What came of many kills.
#[derive(Debug, Default)]
struct Tally {
    kills: u64,
    verdict: Verdict,
    repeats_max: u64,
    /// What went wrong, the first few.
    problems: Vec<String>,
}

impl Tally {
    /// Lets a run end, and adds what is wrong with it.
    fn add(&mut self, job: &Job<'_>, what: &str, list: List) {
        match job.try_end(list) {
            Ok(Ended { verdict, repeats_per_kill }) => {
                self.verdict += verdict;
                self.repeats_max = self.repeats_max.max(repeats_per_kill);
                if verdict != Verdict::default() {
                    self.problem(format!("{what}: {verdict:?}"));
                }
            }
            Err(said) => self.problem(format!("{what}: {said}")),
        }
    }

    fn problem(&mut self, what: String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(what);
        }
    }

    /// Tells it, for people and for the long form, and fails if anything is wrong.
    fn conclude(self, sink: &str, what: &str, calls: Option<&Calls>) {
        let line = serde_json::json!({
            "sink": sink,
            "what": what,
            "calls": calls.map(Calls::count),
            "kills": self.kills,
            "lost": self.verdict.lost,
            "duplicates": self.verdict.duplicates,
            "unexpected": self.verdict.unexpected,
            "repeats_max": self.repeats_max,
            "problems": self.problems.len(),
        });
        println!("{}", calls.map(Calls::listed).unwrap_or_default());
        println!("crash: {line}");
        assert!(self.problems.is_empty(), "{:#?}", self.problems);
        assert!(self.repeats_max <= REPEATS_MAX, "{} requests repeated", self.repeats_max);
    }
}

/// Problems that are told.
const PROBLEMS_MAX: usize = 20;

/// Whether a signal ended it.
fn was_killed(child: Child) -> bool {
    ended(child).status.code().is_none()
}

/// The calls to kill at, of those of one name: all, and those that come unexpected; in the test
/// command of most sinks the first, the last and some between, drawn anew each time.
fn numbers(case: &SinkCase, count: u64) -> Box<dyn Iterator<Item = u64>> {
    if is_thorough(case) || count <= CALLS_DRAWN {
        return Box::new(1..);
    }
    let mut drawn = BTreeSet::from([1, count]);
    while (drawn.len() as u64) < CALLS_DRAWN {
        drawn.insert(fastrand::u64(1..=count));
    }
    Box::new(drawn.into_iter())
}

/// Calls of one name at which a run is killed, where not at all of them.
const CALLS_DRAWN: u64 = 5;

/// Runs to be killed at a call that may not come in each.
const TRIES_MAX: u32 = 5;

/// Whether a run is killed at every single call: in the long form, and of the simplest sink.
fn is_thorough(case: &SinkCase) -> bool {
    std::env::var_os("GATHER_CRASH_ROUNDS").is_some() || case.name == "jsonl"
}

/// Kills the program at each durable call of one thread. strace counts each name apart.
fn kill_at_each_call_of(thread: &str, bed: &Bed, case: &SinkCase) -> (Calls, Tally) {
    let mut tally = Tally::default();
    let trace = format!("-etrace={DURABLE}");
    let run = |options: &[String]| {
        let job = bed.job(case);
        let mut child = job.spawn_waiting(&[]);
        let tracer = Tracer::attach(&job, &child, thread, options);
        job.feed(&mut child);
        let killed = was_killed(child);
        (job, tracer.ended(), killed)
    };
    let (_, calls, killed) = run(std::slice::from_ref(&trace));
    assert!(!killed, "nobody killed it");
    for (name, count) in calls.by_name() {
        for at in numbers(case, count) {
            let inject = format!("-einject={name}:signal=KILL:when={at}");
            // How many there are differs a little with how the records come: once more, then.
            let tries = if at > count { 1 } else { TRIES_MAX };
            let options = [trace.clone(), inject];
            let killed = (0..tries).find_map(|_| {
                let (job, _, killed) = run(&options);
                killed.then_some(job)
            });
            let Some(mut job) = killed else {
                if at > count {
                    break;
                }
                continue;
            };
            job.kills += 1;
            tally.kills += 1;
            let what = format!("{}: {thread} killed at {name} {at}", case.name);
            tally.add(&job, &what, List::Piped);
        }
    }
    (calls, tally)
}

/// Kills the program at each durable call of its main thread, while it begins or goes on.
fn kill_at_each_call_of_main(bed: &Bed, case: &SinkCase, goes_on: GoesOn) -> (Calls, Tally) {
    let mut tally = Tally::default();
    let trace = format!("-etrace={DURABLE}");
    let more: &[&str] = if goes_on == GoesOn::Yes { &["--resume"] } else { &[] };
    let run = |options: &[String]| {
        let job = bed.job(case);
        if goes_on == GoesOn::Yes {
            kill_midway(&job);
        }
        let child = traced(&job, options, &job.args(more)).spawn().expect("strace starts");
        // strace ends as what it traces does.
        let killed = was_killed(child);
        (job, killed)
    };
    let (job, killed) = run(std::slice::from_ref(&trace));
    assert!(!killed, "nobody killed it");
    let log = std::fs::read_to_string(job.path("strace.log")).expect("a log");
    // The first thread to make such a call is the main one: it opens all that others write to.
    let main = log.split_whitespace().next().and_then(|tid| tid.parse().ok());
    let calls = Calls::read(&job.path("strace.log"), main);
    for (name, count) in calls.by_name() {
        for at in numbers(case, count).take_while(|at| *at <= count) {
            let inject = format!("-einject={name}:signal=KILL:when={at}");
            // What a run that goes on finds, and so what it does, differs with the kill before.
            let options = [trace.clone(), inject];
            let killed = (0..TRIES_MAX).find_map(|_| {
                let (job, killed) = run(&options);
                killed.then_some(job)
            });
            let Some(mut job) = killed else { continue };
            job.kills += 1 + u64::from(goes_on == GoesOn::Yes);
            tally.kills += 1;
            let what = format!("{}: main killed at {name} {at}, {goes_on:?}", case.name);
            tally.add(&job, &what, List::File);
        }
    }
    (calls, tally)
}

/// Whether it is a run that begins, or one that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GoesOn {
    No,
    Yes,
}

/// Kills a run after its first commit.
pub(crate) fn kill_midway(job: &Job<'_>) {
    let mut child = job.spawn(&[]);
    let wal = format!("{}-wal", job.journal().display());
    // The account of the first records.
    let has_records = || {
        let log = std::fs::read(&wal).unwrap_or_default();
        log.windows(8).any(|bytes| bytes == b"\"by_kind")
    };
    until("a commit", || has_records() || child.try_wait().expect("it is ours").is_some());
    // It may have come to its end.
    let _ = child.kill();
    child.wait().expect("it is gone");
}

/// Kills a run at random moments, up to three times, and then lets it end.
fn kill_at_random(tally: &mut Tally, job: &mut Job<'_>, rng: &mut Rng, usual: Duration) {
    for part in 0..rng.u32(1..=3) {
        let mut child = job.spawn(if part == 0 { &[] } else { &["--resume"] });
        std::thread::sleep(usual.mul_f64(rng.f64()));
        // It may have come to its end.
        let _ = child.kill();
        if was_killed(child) {
            job.kills += 1;
            tally.kills += 1;
        }
    }
    let what = format!("{}: killed {} times at random", job.case.name, job.kills);
    tally.add(job, &what, List::File);
}

/// How long an undisturbed run takes, where nothing else delays it.
fn usual_time(bed: &Bed, case: &SinkCase) -> Duration {
    let time = |_| {
        let job = bed.job(case);
        let since = std::time::Instant::now();
        let output = ended(job.spawn(&[]));
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        since.elapsed()
    };
    (0..3).map(time).min().unwrap_or_default()
}

/// Every durable call of the writer, which is nearly all there are.
fn writer_calls(name: &str, row: gather_testkit::FaultRow) {
    if !has_strace() {
        return;
    }
    let (bed, case) = (Bed::new(INPUTS), crate::sinks::case(name));
    if !is_chosen(case) || !case.is_readable() {
        return;
    }
    let (calls, tally) = kill_at_each_call_of("gather-writer", &bed, case);
    assert!(tally.kills >= calls.by_name().len() as u64, "{tally:?}");
    tally.conclude(name, "writer", Some(&calls));
    // The others are too many for a line of a page.
    if ["jsonl", "sqlite"].contains(&name) {
        row.comes("the run goes on where its records end; what is repeated is bounded");
        row.shown();
    }
}

/// Every durable call before a run begins or goes on.
fn main_calls(name: &str) {
    if !has_strace() {
        return;
    }
    let case = crate::sinks::case(name);
    if !is_chosen(case) || !case.is_readable() {
        return;
    }
    for (goes_on, inputs) in [(GoesOn::No, 100), (GoesOn::Yes, INPUTS)] {
        let bed = Bed::new(inputs);
        let (calls, tally) = kill_at_each_call_of_main(&bed, case, goes_on);
        if is_thorough(case) {
            assert_eq!(tally.kills, calls.count(), "killed at each");
        }
        let what = if goes_on == GoesOn::Yes { "begins again" } else { "begins" };
        tally.conclude(name, what, Some(&calls));
    }
}

macro_rules! for_each_sink {
    ($($name:ident),*) => {
        $(mod $name {
            #[test]
            fn is_whole_after_a_kill_at_any_call_of_its_writer() {
                super::writer_calls(stringify!($name), gather_testkit::fault_row!(32));
            }

            #[test]
            fn is_whole_after_a_kill_at_any_call_of_its_beginning() {
                super::main_calls(stringify!($name));
            }
        })*

        #[test]
        fn every_sink_has_its_tests() {
            let tested: &[&str] = &[$(stringify!($name)),*];
            assert!(SINKS.iter().map(|case| case.name).eq(tested.iter().copied()));
        }
    };
}

for_each_sink!(jsonl, csv, several, sqlite, parquet, xlsx, warc, folder, dedup, postgres);

#[test]
fn standard_input_is_whole_after_a_kill_at_any_call_of_its_reader() {
    if !has_strace() {
        return;
    }
    let (bed, case) = (Bed::new(INPUTS), crate::sinks::case("jsonl"));
    let (calls, tally) = kill_at_each_call_of("gather-source", &bed, case);
    assert!(tally.kills >= 3, "{tally:?}");
    tally.conclude("stdin", "reader", Some(&calls));
}

#[test]
fn every_sink_is_whole_after_kills_at_random_moments() {
    let row = gather_testkit::fault_row!(32);
    let mut rng = Rng::with_seed(seed());
    let bed = Bed::new(3 * INPUTS);
    for case in sinks().filter(|case| is_chosen(case)) {
        let usual = usual_time(&bed, case);
        let mut tally = Tally::default();
        for _ in 0..rounds() {
            kill_at_random(&mut tally, &mut bed.job(case), &mut rng, usual);
        }
        tally.conclude(case.name, "random", None);
    }
    row.comes("the run goes on where its records end; what is repeated is bounded");
    row.shown();
}

/// Rounds of random kills for each sink; more in the long form.
fn rounds() -> u64 {
    let rounds = std::env::var("GATHER_CRASH_ROUNDS").ok();
    rounds.and_then(|rounds| rounds.parse().ok()).unwrap_or(3)
}

/// Whether the long form, if this is it, was asked for this sink.
fn is_chosen(case: &SinkCase) -> bool {
    let chosen = std::env::var("GATHER_CRASH_SINKS").unwrap_or_default();
    chosen.is_empty() || chosen.split(',').any(|name| name == case.name)
}

/// That of the long form, or one that differs each time; a panic tells it.
pub(crate) fn seed() -> u64 {
    let seed = std::env::var("GATHER_CRASH_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("GATHER_CRASH_SEED={seed}");
    seed
}
