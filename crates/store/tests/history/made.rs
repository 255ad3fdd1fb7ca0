//! Jobs, targets, checks and states, made for tests.

use std::time::Duration;

use gather_core::ErrorKind;
use gather_core::health::Health;
use gather_core::time::Time;
use gather_core::watch::{Check, Missed, MissedCause, State, WatchedNo};
use gather_store::history::{
    Batch, Event, EventKind, JobKind, JobRow, Notice, StoredState, TargetRow,
};

/// A moment that begins an hour and a day: 2026-11-21T00:00:00Z.
pub(crate) const DAY: u64 = 1_795_219_200_000;
pub(crate) const MINUTE: u64 = 60_000;
pub(crate) const HOUR: u64 = 60 * MINUTE;

pub(crate) fn at(ms: u64) -> Time {
    Time::from_millis(DAY + ms)
}

pub(crate) fn job(name: &str) -> JobRow {
    JobRow {
        name: name.into(),
        kind: JobKind::Liveness,
        schedule: "every 1m".into(),
        speaks_for: Duration::from_secs(60),
    }
}

pub(crate) fn target(key: u64) -> TargetRow {
    TargetRow {
        key,
        name: format!("target {key}").into(),
        url: format!("https://h{key}.example/").into(),
        group: if key.is_multiple_of(2) { "even".into() } else { "".into() },
        tags: vec![("tier".into(), format!("{}", key % 3).into())],
    }
}

pub(crate) fn check(number: u32, due: u64, health: Health) -> Check {
    Check {
        target: WatchedNo(number),
        due: at(due),
        lag: Duration::from_millis(2),
        took: Duration::from_millis(100),
        health,
        status_code: if health == Health::Down { 0 } else { 200 },
        kind: (health == Health::Down).then_some(ErrorKind::TimeoutConnect),
        is_confirmation: false,
    }
}

pub(crate) fn missed(number: u32, from: u64, until: u64, slots: u32) -> Missed {
    let (from, until) = (at(from), at(until));
    Missed { target: WatchedNo(number), from, until, slots, cause: MissedCause::NotRunning }
}

pub(crate) fn state(state: State, since: u64) -> StoredState {
    StoredState {
        state,
        since: at(since),
        machine: Box::new([1, since, u64::MAX]),
        reason: (state != State::Up).then(|| "no answer".into()),
        kind: (state == State::Down).then_some(ErrorKind::TimeoutConnect),
        ..StoredState::default()
    }
}

pub(crate) fn batch(now: u64) -> Batch {
    Batch { at: at(now), accounted_until: at(now), ..Batch::default() }
}

pub(crate) fn notice(key: &str, due: u64) -> Notice {
    Notice {
        id: 0,
        key: key.into(),
        channel: "ops".into(),
        due: at(due),
        tries: 0,
        event: Event::new(EventKind::Down, at(due), State::Down),
    }
}
