//! A deliverer that is killed: nothing is lost, and a repetition has its key.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gather::fetch::NetOptions;
use gather::store::history::EventKind;
use gather_testkit::{Request, Server, Site};

use crate::bed::*;

/// The database that a child delivers from, and the URL that it delivers to.
const DATABASE: &str = "GATHER_TEST_DELIVER_FROM";
const URL: &str = "GATHER_TEST_DELIVER_TO";

/// Not a test of its own: the process that is killed.
#[test]
fn child() {
    let (Some(database), Some(url)) = (std::env::var_os(DATABASE), std::env::var(URL).ok()) else {
        return;
    };
    let place = place(std::path::Path::new(&database));
    let _deliverer = deliver(place, vec![webhook("ops", &url)], NetOptions::default());
    std::thread::park();
}

/// A process that delivers until it is killed.
fn process(bed: &Bed, url: &str) -> Child {
    Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "crash::child", "--nocapture"])
        .env(DATABASE, bed.path())
        .env(URL, url)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("this test again")
}

fn kill(mut process: Child) {
    process.kill().expect("our child");
    process.wait().expect("our child");
}

/// Under which keys each event came.
fn keys_of(requests: &[Request]) -> BTreeMap<String, BTreeSet<String>> {
    let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for request in requests {
        for event in event_keys(request) {
            keys.entry(event).or_default().insert(key(request));
        }
    }
    keys
}

#[test]
fn what_was_sent_and_not_marked_is_sent_again_the_same() {
    let server = Server::start(Site::default());
    let mut bed = Bed::new();
    for name in ["a", "b", "c"] {
        bed.put(name, "ops", event(EventKind::Down));
    }
    // It is sent, and the answer never comes.
    let first = process(&bed, &server.url("/silent"));
    requests(&server, 1);
    kill(first);
    for name in ["d", "e"] {
        bed.put(name, "ops", event(EventKind::Down));
    }
    let second = process(&bed, &server.url("/ok"));
    bed.until_empty();
    kill(second);
    let requests = server.requests();
    let events: Vec<Vec<String>> = requests.iter().map(event_keys).collect();
    assert_eq!(events.len(), 3, "{events:?}");
    let sorted = |events: &Vec<String>| events.iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(sorted(&events[0]), ["a", "b", "c"].map(String::from).into());
    assert_eq!(events[1], events[0], "the same message again");
    assert_eq!(key(&requests[1]), key(&requests[0]), "under the same key");
    assert_eq!(requests[1].body, requests[0].body);
    assert_eq!(sorted(&events[2]), ["d", "e"].map(String::from).into());
    assert_ne!(key(&requests[2]), key(&requests[0]));
}

#[test]
fn killed_at_random_moments_nothing_is_lost_and_no_key_changes() {
    let seed = std::env::var("GATHER_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("GATHER_TEST_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let server = Server::start(Site::default());
    let mut bed = Bed::new();
    let mut put = 0_u32;
    for _ in 0..12 {
        let process = process(&bed, &server.url("/ok?delay=3ms"));
        let hits = server.hits();
        // From its start on it has something to do, at every moment.
        for _ in 0..random.u32(1..20) {
            bed.put(&format!("n{put}"), "ops", event(EventKind::Down));
            put += 1;
        }
        let enough = hits + random.u64(0..4);
        until("it delivers", || {
            server.hits() >= enough || bed.outbox.waiting().is_ok_and(|n| n == 0)
        });
        std::thread::sleep(Duration::from_micros(random.u64(0..4_000)));
        kill(process);
    }
    let last = process(&bed, &server.url("/ok"));
    bed.until_empty();
    kill(last);
    let keys = keys_of(&server.requests());
    assert_eq!(keys.len(), put as usize, "every notice came");
    for (event, keys) in keys {
        assert_eq!(keys.len(), 1, "{event} came under {keys:?}");
    }
}
