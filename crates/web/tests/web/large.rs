//! The overview of 100,000 targets.

use std::path::Path;
use std::time::{Duration, Instant};

use gather_core::health::Health;
use gather_core::time::Time;
use gather_core::watch::{Check, State, WatchedNo};
use gather_store::history::{
    Batch, History, HistoryPlace, JobKind, JobRow, StoredState, TargetRow,
};

use crate::made::{self, NOW};
use crate::place::Server;

const TARGETS: u32 = 100_000;
/// Each minute for so long: what is read of the last day is the same for longer.
const MINUTES: u32 = 90;

fn fill(path: &Path) -> HistoryPlace {
    let place = HistoryPlace::Sqlite(path.to_owned());
    let begin = NOW - Duration::from_secs(60) * MINUTES;
    let mut history = History::open(&place, begin).unwrap();
    let job = JobRow {
        name: "domains".into(),
        kind: JobKind::Liveness,
        schedule: "every 1m".into(),
        speaks_for: Duration::from_secs(60),
    };
    let row = |number: u32| TargetRow {
        key: number.into(),
        name: format!("customer {number}").into(),
        url: format!("https://www.customer-{number}.example/health").into(),
        group: format!("region {}", number % 200).into(),
        tags: vec![("tier".into(), format!("{}", number % 3).into())],
    };
    let rows: Vec<_> = (0..TARGETS).map(row).collect();
    history.register(&job, &rows, begin).unwrap();
    for minute in 0..MINUTES {
        let at = begin + Duration::from_secs(60) * minute;
        let mut batch = Batch { at, accounted_until: at, ..Batch::default() };
        batch.checks = (0..TARGETS).map(|number| check(number, at)).collect();
        if minute == 0 {
            batch.states = (0..TARGETS).map(|number| (WatchedNo(number), state(number, at))).collect();
        }
        history.write(&batch).unwrap();
        history.upkeep(at, Duration::from_secs(60)).unwrap();
    }
    place
}

/// One in a thousand is down, here and there.
fn health(number: u32) -> Health {
    if number % 1_000 == 7 { Health::Down } else { Health::Up }
}

fn check(number: u32, due: Time) -> Check {
    Check {
        target: WatchedNo(number),
        due: due + Duration::from_micros(u64::from(number) * 600),
        lag: Duration::from_millis(1),
        took: Duration::from_millis(40 + u64::from(number % 97)),
        health: health(number),
        status_code: if health(number) == Health::Down { 503 } else { 200 },
        kind: None,
        is_confirmation: false,
    }
}

fn state(number: u32, since: Time) -> StoredState {
    let is_down = health(number) == Health::Down;
    StoredState {
        state: if is_down { State::Down } else { State::Up },
        since,
        reason: is_down.then(|| "http.status: 503".into()),
        ..StoredState::default()
    }
}

#[test]
fn the_first_view_is_small() {
    let dir = tempfile::TempDir::new().unwrap();
    let place = fill(&dir.path().join("gather.db"));
    let server = Server::start(made::options(place));
    for path in ["/", "/?state=down", "/?q=customer+4711", "/groups", "/targets/4711", "/api/v1/targets"] {
        let started = Instant::now();
        let answer = server.get(path, "");
        let took = started.elapsed();
        let packed = server.get(path, "accept-encoding: gzip\r\n");
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.body.len() < 100_000, "{path}: {} bytes", answer.body.len());
        eprintln!(
            "{path}: {took:.1?}, {} bytes, {} compressed",
            answer.body.len(),
            packed.body.len()
        );
    }
    let text = server.get("/", "").text();
    assert!(text.contains("100 of 100,000 targets are down."), "{text}");
}
