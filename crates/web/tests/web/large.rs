//! The overview of 100,000 targets.

use std::time::{Duration, Instant};

use gather_core::health::Health;
use gather_core::time::Time;
use gather_core::watch::{Check, State, WatchedNo};
use gather_store::DatabaseUrl;
use gather_store::history::{
    Batch, History, HistoryPlace, Incident, JobKind, JobRow, StoredState, TargetRow,
};

use crate::made::{self, NOW};
use crate::place::{Server, postgres};

const TARGETS: u32 = 100_000;
/// Each hour for more than a week, which is what a row reads, and then each minute for so long.
/// Less of both where the program is built for debugging: it is the same path, and no measurement.
const HOURS: u32 = if cfg!(debug_assertions) { 3 } else { 180 };
const MINUTES: u32 = if cfg!(debug_assertions) { 3 } else { 75 };

fn fill(place: &HistoryPlace) {
    let minutes = NOW - Duration::from_secs(60) * MINUTES;
    let hours = (0..HOURS).rev().map(|hour| minutes - Duration::from_secs(3_600) * (hour + 1));
    let minutes = (0..MINUTES).map(|minute| minutes + Duration::from_secs(60) * minute);
    let moments: Vec<Time> = hours.chain(minutes).collect();
    let begin = moments[0];
    let mut history = History::open(place, begin).unwrap();
    let job = JobRow {
        name: "domains".into(),
        kind: JobKind::Liveness,
        schedule: "every 1m".into(),
        speaks_for: Duration::from_secs(3_600),
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
    for at in moments {
        let mut batch = Batch { at, accounted_until: at, ..Batch::default() };
        batch.checks = (0..TARGETS).map(|number| check(number, at)).collect();
        if at == begin {
            let states = (0..TARGETS).map(|number| (WatchedNo(number), state(number, at)));
            batch.states = states.collect();
        }
        history.write(&batch).unwrap();
        history.upkeep(at, Duration::from_secs(60)).unwrap();
    }
    let mut outage = Batch { at: NOW, accounted_until: NOW, ..Batch::default() };
    outage.incidents = vec![incident()];
    history.write(&outage).unwrap();
}

/// Everything failed together.
fn incident() -> Incident {
    Incident {
        id: 1,
        opened: NOW,
        closed: None,
        worst: State::Down,
        factor: "network 203.0.113.0/24".into(),
        reason: "no answer".into(),
        targets: TARGETS,
        ongoing: TARGETS,
        entries: Vec::new(),
        joined: (0..TARGETS).map(|number| (WatchedNo(number), NOW)).collect(),
        left: Vec::new(),
    }
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
    the_first_view_of(HistoryPlace::Sqlite(dir.path().join("gather.db")));
}

#[test]
fn the_first_view_from_postgres_is_small() {
    let Some(server) = postgres() else { return };
    the_first_view_of(HistoryPlace::Postgres(DatabaseUrl::new(server.url())));
}

fn the_first_view_of(place: HistoryPlace) {
    fill(&place);
    let server = Server::start(made::options(place));
    for path in [
        "/",
        "/?state=down",
        "/?q=customer+4711",
        "/groups",
        "/targets/4711",
        "/incidents/1",
        "/incidents/1?from=99900",
        "/api/v1/targets",
    ] {
        let started = Instant::now();
        let answer = server.get(path, "");
        let first = started.elapsed();
        // Another address each time, so that each is made anew.
        let mark = if path.contains('?') { '&' } else { '?' };
        let mut again: Vec<Duration> = (0..9)
            .map(|at| {
                let started = Instant::now();
                server.get(&format!("{path}{mark}again={at}"), "");
                started.elapsed()
            })
            .collect();
        again.sort_unstable();
        let packed = server.get(path, "accept-encoding: gzip\r\n");
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.body.len() < 100_000, "{path}: {} bytes", answer.body.len());
        eprintln!(
            "{path}: first {first:.1?}, median of 9 more {:.1?}, {} bytes, {} compressed",
            again[4],
            answer.body.len(),
            packed.body.len()
        );
    }
    // Each page reads more of the rows' last day, and the rest is read behind its back.
    let is_whole = |at: &u32| !server.get(&format!("/?at={at}"), "").text().contains("being read");
    let whole = (0..1_000).find(is_whole);
    assert!(whole.is_some(), "the last day of some rows is never read");
    let started = Instant::now();
    let text = server.get("/?state=down&at=whole", "").text();
    eprintln!("with all days: {:.1?}, {} bytes", started.elapsed(), text.len());
    let text = server.get("/", "").text();
    assert!(text.contains("100 of 100,000 targets are down."), "{text}");
}
