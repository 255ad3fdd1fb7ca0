//! Journals and outputs that were damaged: what is not as written is refused, and left as it is.

use std::path::Path;

use fastrand::Rng;

use crate::bed::{Bed, Job, List, ended};
use crate::kills::{kill_midway, seed};
use crate::sinks::{SINKS, sinks};

const INPUTS: usize = 3_000;

/// A killed run whose journal is all in its file, with nothing beside it.
fn checkpointed<'a>(bed: &'a Bed, case: &'static crate::sinks::SinkCase) -> Job<'a> {
    let job = bed.job(case);
    kill_midway(&job);
    // A run that goes on and stops at once leaves it so.
    let code = ended(job.spawn(&["--resume", "--deadline", "1ms"])).status.code();
    assert!(matches!(code, Some(4 | 0)), "{code:?}");
    job
}

fn outputs(job: &Job<'_>) -> Vec<Vec<u8>> {
    job.case.files().map(|name| std::fs::read(job.path(name)).unwrap_or_default()).collect()
}

#[test]
fn an_overwritten_or_torn_journal_is_refused_or_makes_no_difference() {
    let row = gather_testkit::fault_row!(43);
    let seed = seed();
    let mut rng = Rng::with_seed(seed);
    let bed = Bed::new(INPUTS);
    let job = checkpointed(&bed, &SINKS[0]);
    let (good, before) = (std::fs::read(job.journal()).expect("there"), outputs(&job));
    let mut refused = 0;
    for round in 0..40 {
        let mut bytes = good.clone();
        let at = rng.usize(..bytes.len());
        match round % 4 {
            0 => bytes.truncate(at),
            1 => bytes[at..].fill(0),
            _ => {
                let end = (at + 64).min(bytes.len());
                rng.fill(&mut bytes[at..end]);
            }
        }
        std::fs::write(job.journal(), &bytes).expect("written");
        let _ = std::fs::remove_file(format!("{}-wal", job.journal().display()));
        // Stopped before its first request, if it is not refused.
        let output = ended(job.spawn(&["--resume", "--limit", "1"]));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if said.contains("is damaged") || said.contains("is no journal") {
            refused += 1;
            assert!(said.contains("hint: "), "{said}");
        } else {
            let fits = said.contains("the input ends after 1 targets") || is_empty(&bytes);
            assert!(fits, "seed {seed}, round {round}: {:?} {said}", output.status);
        }
        assert_eq!(outputs(&job), before, "seed {seed}, round {round}: an output was touched");
    }
    assert!(refused >= 10, "seed {seed}: {refused} of 40 were refused");
    row.comes("it is refused and named, with a hint, and the outputs are left as they are");
    row.shown();
}

/// A file of zeros is no journal of anything.
fn is_empty(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

#[test]
fn a_torn_tail_of_the_write_ahead_log_costs_a_commit_and_nothing_else() {
    let row = gather_testkit::fault_row!(43);
    let bed = Bed::new(INPUTS);
    for case in sinks().filter(|case| ["jsonl", "sqlite"].contains(&case.name)) {
        for cut in [1, 4_000, u64::MAX] {
            let mut job = bed.job(case);
            kill_midway(&job);
            job.kills = 1;
            let wal = format!("{}-wal", job.journal().display());
            tear(Path::new(&wal), cut);
            // What was lost with the tail is asked for again: that many and no more.
            let ended = job.end(List::File);
            assert_eq!(ended.verdict, Default::default(), "{}: {cut} bytes torn off", case.name);
        }
    }
    row.comes("a torn tail costs a commit, whose records are fetched again");
    row.shown();
}

fn has_any(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|about| about.len() > 0)
}

/// Cuts the end off a file; all of it if it has no more.
fn tear(path: &Path, bytes: u64) {
    let Ok(file) = std::fs::OpenOptions::new().write(true).open(path) else { return };
    let length = file.metadata().expect("there").len();
    file.set_len(length.saturating_sub(bytes)).expect("cut");
}

#[test]
fn an_output_that_was_shortened_is_refused() {
    let bed = Bed::new(INPUTS);
    // What is missing in a database is found by `gather verify`.
    for case in sinks().filter(|case| case.name != "sqlite") {
        let Some(files) = case.on_disk else { continue };
        // A kill within the first commit leaves an output with nothing to shorten.
        let begun =
            || Some(checkpointed(&bed, case)).filter(|job| has_any(&job.path(files.written.0)));
        let job = (0..20).find_map(|_| begun()).expect("a kill after the first commit");
        tear(&job.path(files.written.0), 1);
        let before = outputs(&job);
        let output = ended(job.spawn(&["--resume"]));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{}: {said}", case.name);
        assert!(said.contains("has been changed"), "{}: {said}", case.name);
        assert_eq!(outputs(&job), before, "{}", case.name);
    }
}
