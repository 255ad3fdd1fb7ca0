//! An engine without work does not spin: its thread sleeps. Alone here, to know its threads.
#![cfg(target_os = "linux")]
#![expect(clippy::disallowed_methods, reason = "a test without a loop of its own")]

use std::fs;
use std::num::NonZeroUsize;
use std::time::Duration;

use gather::{Engine, EngineOptions};
use gather_testkit::{Server, Site};

/// How often the shard's thread went to sleep so far.
fn naps() -> u64 {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux");
    let shard = tasks
        .map(|task| task.expect("a task").path())
        .find(|task| {
            fs::read_to_string(task.join("comm")).expect("its name").trim() == "gather-shard"
        })
        .expect("the engine's thread");
    let status = fs::read_to_string(shard.join("status")).expect("its status");
    let naps = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    naps.expect("a line for it").trim().parse().expect("a number")
}

#[test]
fn an_engine_without_work_does_not_wake() {
    let server = Server::start(Site::default());
    let mut options = EngineOptions::with_concurrency(10);
    options.shards = NonZeroUsize::new(1);
    let engine = Engine::start(options).expect("options that can be used");
    // Before its first target, and with idle connections after some.
    for round in 0..3 {
        // The last beat, which finds nothing to do, passes.
        std::thread::sleep(Duration::from_millis(100));
        let before = naps();
        std::thread::sleep(Duration::from_millis(500));
        let woken = naps() - before;
        assert!(woken <= 5, "it woke {woken} times in round {round}, of 50 if it beat");
        for record in engine.fetch_all((0..20).map(|_| server.url("/delay/5ms"))) {
            assert_eq!(record.expect("a record").status_code, 200);
        }
    }
}
