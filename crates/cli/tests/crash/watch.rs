//! A watch that is killed again and again under load: no alert is lost or told under another key, and
//! every slot has its check, or was missed for a cause that is told.

mod account;
mod receiver;
mod world;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fastrand::Rng;
use gather::core::Time;
use gather::store::history::{HistoryPlace, Outbox};

use crate::bed::{directory, program, until};
use crate::kills::seed;
use account::Account;
use receiver::Receiver;
use world::World;

/// Between the slots of a target, in milliseconds.
const EVERY_MS: u64 = 2_000;
/// From the begin of a first failure: before it nothing is down, in milliseconds.
const DOWN_AFTER_MS: u64 = 1_000;

fn file(receiver: &Receiver) -> String {
    let addr = receiver.addr;
    format!(
        r#"
[store]
path = "watch.db"

[notify.now]
webhook = "http://{addr}/now"
digest = "0s"
per_hour = 100000

[notify.digest]
webhook = "http://{addr}/digest"
digest = "3s"
per_hour = 100000

[job.world]
kind = "liveness"
every = "{EVERY_MS}ms"
timeout = "1s"
confirm_after = "300ms"
down_after = "{DOWN_AFTER_MS}ms"
input = "targets.txt"
"#
    )
}

fn start(folder: &Path) -> Child {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("watch.log"));
    let log = log.expect("a log");
    Command::new(program())
        .args(["watch", "--listen", "off"])
        .current_dir(folder)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("the program starts")
}

/// Kills the watch at random moments, and starts it again at once.
fn live_and_die(folder: &Path, kills: u64, rng: &mut Rng) -> Child {
    let mut watch = start(folder);
    for _ in 0..kills {
        // Some in the middle of the start, most while it works.
        let life = Duration::from_millis(rng.u64(20..5_000));
        let born = std::time::Instant::now();
        until("its end", || born.elapsed() >= life);
        assert!(watch.try_wait().expect("it is ours").is_none(), "it ended by itself");
        watch.kill().expect("it was running");
        watch.wait().expect("it is gone");
        watch = start(folder);
    }
    watch
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn a_watch_that_is_killed_loses_nothing() {
    let kills = number("GATHER_CRASH_KILLS").unwrap_or(5);
    let targets = number("GATHER_CRASH_TARGETS").unwrap_or(300);
    let mut rng = Rng::with_seed(seed());
    let folder = directory();
    let folder = folder.path();
    let (world, receiver) =
        (World::start(usize::try_from(targets).expect("few"), &mut rng), Receiver::start(&mut rng));
    let list: Vec<String> = (0..world.targets()).map(|target| world.url(target)).collect();
    std::fs::write(folder.join("gather.toml"), file(&receiver)).expect("written");
    std::fs::write(folder.join("targets.txt"), list.join("\n")).expect("written");

    let watch = live_and_die(folder, kills, &mut rng);
    // Outages are under way, and some of them end only now.
    let since = std::time::Instant::now();
    until("some outages more", || since.elapsed() >= Duration::from_secs(12));
    world.calm();
    receiver.be_kind();
    let place = HistoryPlace::Sqlite(folder.join("watch.db"));
    let mut outbox = Outbox::open(&place).expect("it is there");
    let ongoing = "SELECT (SELECT count(*) FROM watch_incident WHERE closed_ms IS NULL)
                   + (SELECT count(*) FROM watch_state WHERE state <> 'up')";
    until("all is well, and everybody was told", || {
        // In this order: notices come with what they tell of.
        account::rows(folder, ongoing).concat() == ["0"]
            && outbox.next_due().is_ok_and(|due: Option<Time>| due.is_none())
    });
    let stopped = Command::new("kill").args(["-TERM", &watch.id().to_string()]).status();
    assert!(stopped.expect("kill runs").success());
    let ended = crate::bed::ended(watch);
    assert!(ended.status.success(), "{}: {}", ended.status, read(folder, "watch.log"));

    let account = Account::of(folder, &place, &world, &receiver);
    account.conclude(kills);
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap_or_default()
}
