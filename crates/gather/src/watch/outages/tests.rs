//! Stories of one target: its states, and what is told of them.

use gather_core::watch::{State, Transition};
use gather_store::history::{History, HistoryPlace};

use super::*;
use crate::alerts::{Channel, Routes, Value};

fn at(second: u64) -> Time {
    Time::from_millis(1_795_255_200_000 + second * 1_000)
}

fn outages(folder: &std::path::Path) -> Outages {
    let place = HistoryPlace::Sqlite(folder.join("watch.sqlite"));
    drop(History::open(&place, at(0)).expect("a history"));
    let channel =
        Channel::parse("ops", &[("webhook".to_owned(), Value::text("https://ops.example/hook"))]);
    let channels = [channel.expect("a channel")];
    let on = ["down", "degraded", "up", "certificate"].map(Value::text).to_vec();
    let rule = Value::Table(vec![
        ("on".to_owned(), Value::List(on)),
        ("to".to_owned(), Value::text("ops")),
    ]);
    let routes = Routes::parse(&Value::List(vec![rule]), &channels).expect("rules");
    let before = Before {
        states: Vec::new(),
        last_slots: Vec::new(),
        accounted: None,
        last_incident: 0,
        silences: Vec::new(),
    };
    let planner = Planner::new([], routes, &channels);
    Outages::new(before, planner, Outbox::open(&place).expect("an outbox"), None)
}

/// The states of a target, one each 100 s, and what is told of it.
fn told(states: &[State]) -> Vec<(EventKind, u64)> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut outages = outages(folder.path());
    let whom = Whom { job: "sites".into(), name: "shop".into(), ..Whom::default() };
    let wrong = Wrong { reason: "slow".into(), kind: None, status_code: 200 };
    let mut batch = Batch::default();
    let (mut from, mut from_since) = (State::Up, at(0));
    for (to, second) in states.iter().zip((100..).step_by(100)) {
        let now = at(second);
        let change = Transition { from, from_since, to: *to, since: now, at: now };
        outages.changed(WatchedNo(0), &whom, &wrong, &change, &mut batch);
        outages.turn(at(second + 60), &mut batch);
        (from, from_since) = (*to, now);
    }
    outages.forget(WatchedNo(0), at(9_000), &mut batch);
    outages.turn(at(9_999), &mut batch);
    let seconds = |notice: &gather_store::history::Notice| {
        (notice.event.kind, notice.event.lasted.unwrap_or_default().as_secs())
    };
    batch.notices.iter().map(seconds).collect()
}

#[test]
fn who_hears_of_a_beginning_hears_of_its_end() {
    use EventKind::{Degraded as IsDegraded, Down as IsDown, Up as IsUp};
    use State::{Degraded, Down, Limited, Suspect, Unknown, Up};
    for (states, expected) in [
        (&[Degraded, Up][..], &[(IsDegraded, 0), (IsUp, 100)][..]),
        // What lies between does not end it, nor begin it again.
        (&[Degraded, Suspect, Degraded, Up], &[(IsDegraded, 0), (IsUp, 300)]),
        (
            &[Degraded, Suspect, Up, Degraded, Up],
            &[(IsDegraded, 0), (IsUp, 200), (IsDegraded, 0), (IsUp, 100)],
        ),
        (&[Degraded, Limited, Unknown, Up], &[(IsDegraded, 0), (IsUp, 300)]),
        (&[Suspect, Degraded, Up], &[(IsDegraded, 0), (IsUp, 100)]),
        // It becomes part of an incident, whose end is its end.
        (&[Degraded, Suspect, Down, Up], &[(IsDegraded, 0), (IsDown, 0), (IsUp, 100)]),
        (
            &[Degraded, Down, Degraded, Up],
            &[(IsDegraded, 0), (IsDown, 0), (IsUp, 100), (IsDegraded, 0), (IsUp, 100)],
        ),
        // It is taken out of its list.
        (&[Degraded], &[(IsDegraded, 0), (IsUp, 8_900)]),
        (&[Degraded, Suspect], &[(IsDegraded, 0), (IsUp, 8_900)]),
        (&[Limited, Up], &[]),
    ] {
        assert_eq!(told(states), expected, "{states:?}");
    }
}

#[test]
fn a_certificate_that_is_told_during_a_silence_is_told_after_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut outages = outages(folder.path());
    let whom = Whom { job: "sites".into(), name: "shop".into(), ..Whom::default() };
    let ending = tell::Ending::at(at(3 * 86_400), at(0)).expect("it ends soon");
    let mut batch = Batch::default();
    outages.set_maintenance("sites", Some(at(50)));
    for (second, expected) in [(10, (tell::Told::No, 0)), (60, (tell::Told::Yes, 1))] {
        let told = outages.certificate(&whom, ending, at(second), &mut batch);
        assert_eq!((told, batch.notices.len()), expected, "{second}");
    }
}
