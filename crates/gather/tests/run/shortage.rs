//! Too few descriptors: less goes on at once, it is said, and no URL fails.

use std::fs::File;
use std::process::Command;
use std::sync::{Arc, Mutex};

use gather_testkit::{Server, Site};

use crate::bed::{bed, lock};

/// What the child process is to fetch; without it there is nothing to test there.
const SERVER: &str = "GATHER_TEST_SHORTAGE_SERVER";
const TARGETS: usize = 400;

/// Runs a test of this file in a process that may have 64 files open.
fn in_a_child(test: &str) {
    let server = Server::start(Site::default().on_hosts(40));
    let addrs: Vec<_> = server.addrs().iter().map(ToString::to_string).collect();
    let program = std::env::current_exe().expect("this program");
    let child = Command::new("sh")
        .args(["-c", "ulimit -n 64; exec \"$0\" --exact --nocapture \"$1\""])
        .arg(program)
        .arg(format!("shortage::{test}"))
        .env(SERVER, addrs.join(" "))
        .output()
        .expect("sh runs");
    let said = String::from_utf8_lossy(&child.stderr).into_owned();
    assert!(child.status.success(), "{said}{}", String::from_utf8_lossy(&child.stdout));
    assert!(server.hits() >= TARGETS as u64, "{said}");
}

fn urls() -> Option<Vec<String>> {
    let addrs = std::env::var(SERVER).ok()?;
    let addrs: Vec<&str> = addrs.split(' ').collect();
    let url = |n: usize| format!("http://{}/delay/20ms?n={n}", addrs[n % addrs.len()]);
    Some((0..TARGETS).map(url).collect())
}

#[test]
fn child_fits_the_concurrency() {
    let Some(urls) = urls() else { return };
    let notes = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&notes);
    let mut bed = bed(urls).concurrency(500);
    bed.options.on_note = Some(Box::new(move |note| lock(&told).push(note.to_owned())));
    let done = bed.run().all_ok(TARGETS);
    let concurrency = done.summary.concurrency;
    assert!(concurrency.asked == 500 && concurrency.allowed < 40, "{concurrency:?}");
    let notes = lock(&notes);
    assert!(notes.len() == 1 && notes[0].contains("ulimit -n"), "{notes:?}");
}

#[test]
fn child_bears_refusals() {
    let Some(urls) = urls() else { return };
    let mut taken = Vec::new();
    let done = bed(urls)
        .concurrency(500)
        .run_with(|_| {
            // Somebody else in this process takes what is left, after the run was fitted.
            while let Ok(file) = File::open("/dev/null") {
                taken.push(file);
            }
            taken.truncate(taken.len().saturating_sub(6));
        })
        .expect("no error")
        .all_ok(TARGETS);
    assert!(done.summary.descriptor_refusals > 0, "{:?}", done.summary);
    assert_eq!(done.summary.retries, 0, "no try was spent on it");
}

#[test]
fn concurrency_is_fitted_to_the_descriptors_and_said_so() {
    in_a_child("child_fits_the_concurrency");
}

#[test]
fn refused_descriptors_cost_time_and_no_target() {
    in_a_child("child_bears_refusals");
}
