//! What holds for both databases.

use gather_core::health::Health;
use gather_core::watch::{State, WatchedNo};
use gather_store::history::{Delivery, History, TargetQuery};

use crate::made::{at, batch, check, job, missed, notice, state, target};
use crate::places::{Place, server};
use crate::rest;

#[test]
fn sqlite_keeps_what_both_promise() {
    all(|_| Place::sqlite());
}

#[test]
fn postgres_keeps_what_both_promise() {
    let Some(server) = server() else { return };
    all(|name| Place::postgres(&server, name));
}

fn all(place: impl Fn(&str) -> Place) {
    targets_keep_their_numbers(&place("numbers"));
    a_batch_is_there_after_it(&place("batch"));
    notices_are_delivered_once(&place("notices"));
    rest::all(place);
}

fn numbers(of: &[WatchedNo]) -> Vec<u32> {
    of.iter().map(|number| number.0).collect()
}

fn targets_keep_their_numbers(place: &Place) {
    let rows = |keys: &[u64]| keys.iter().map(|key| target(*key)).collect::<Vec<_>>();
    // Job, keys of its list, their numbers, those that are new, those that are gone.
    type Case<'a> = (&'a str, &'a [u64], &'a [u32], &'a [u32], &'a [u32]);
    let cases: [Case<'_>; 7] = [
        ("a", &[10, 11, 12], &[0, 1, 2], &[0, 1, 2], &[]),
        ("a", &[10, 11, 12], &[0, 1, 2], &[], &[]),
        ("b", &[20, 21, 20], &[3, 4, 3], &[3, 4], &[]),
        ("a", &[12, 13, 10], &[2, 5, 0], &[5], &[1]),
        ("a", &[11, 13], &[1, 5], &[1], &[0, 2]),
        ("a", &[], &[], &[], &[1, 5]),
        ("a", &[10, 11, 12, 13], &[0, 1, 2, 5], &[0, 1, 2, 5], &[]),
    ];
    for reopen in [false, true] {
        let mut history = History::open(&place.place, at(0)).unwrap();
        for (at_case, (name, keys, all, new, gone)) in cases.iter().enumerate() {
            if reopen {
                drop(history);
                history = History::open(&place.place, at(0)).unwrap();
            }
            let registered = history.register(&job(name), &rows(keys), at(0)).unwrap();
            assert_eq!(numbers(&registered.numbers), *all, "{at_case}");
            if !reopen {
                assert_eq!(numbers(&registered.new), *new, "{at_case}");
                assert_eq!(numbers(&registered.gone), *gone, "{at_case}");
            }
            let listed = place.reader().targets(&TargetQuery { limit: 100, ..Default::default() });
            let overview = place.reader().overview(at(0)).unwrap();
            assert_eq!(listed.unwrap().targets.len() as u64, overview.counts.total(), "{at_case}");
        }
        let dropped = history.retain_jobs(&["b"], at(0)).unwrap();
        assert_eq!(numbers(&dropped.gone), [0, 1, 2, 5]);
        // A job is there before it has targets, and keeps those it has.
        history.register_job(&job("new")).unwrap();
        history.register_job(&job("b")).unwrap();
        let overview = place.reader().overview(at(0)).unwrap();
        let jobs = overview.jobs.iter().map(|job| (job.name.as_ref(), job.counts.total()));
        assert_eq!(jobs.collect::<Vec<_>>(), [("b", 2), ("new", 0)]);
        history.retain_jobs(&["b"], at(0)).unwrap();
        assert_eq!(place.reader().overview(at(0)).unwrap().counts.total(), 2);
        assert_eq!(place.reader().overview(at(0)).unwrap().jobs.len(), 1);
        history.register(&job("a"), &rows(&[10, 11, 12]), at(0)).unwrap();
    }
}

fn a_batch_is_there_after_it(place: &Place) {
    let mut history = History::open(&place.place, at(0)).unwrap();
    history.register(&job("a"), &[target(1), target(2)], at(0)).unwrap();
    assert_eq!(history.accounted_until().unwrap(), Some(at(0)), "since it began");
    assert_eq!(history.states().unwrap(), []);
    let mut first = batch(60_000);
    first.checks = vec![check(1, 59_000, Health::Down), check(0, 5_000, Health::Up)];
    first.missed = vec![missed(0, 61_000, 181_000, 2)];
    first.states = vec![
        (WatchedNo(0), state(State::Down, 1)),
        (WatchedNo(1), state(State::Down, 59_000)),
        (WatchedNo(0), state(State::Up, 5_000)),
    ];
    history.write(&first).unwrap();
    let mut earlier = batch(30_000);
    earlier.states = vec![];
    history.write(&earlier).unwrap();
    let states =
        [(WatchedNo(0), state(State::Up, 5_000)), (WatchedNo(1), state(State::Down, 59_000))];
    for _ in 0..2 {
        assert_eq!(history.states().unwrap(), states);
        assert_eq!(history.accounted_until().unwrap(), Some(at(60_000)));
        assert_eq!(history.last_slots(at(60_000)).unwrap(), [(WatchedNo(0), at(181_000))]);
        assert_eq!(
            history.last_slots(at(0)).unwrap(),
            [(WatchedNo(0), at(181_000)), (WatchedNo(1), at(59_000))]
        );
        drop(history);
        history = History::open(&place.place, at(0)).unwrap();
    }
    let overview = place.reader().overview(at(0)).unwrap();
    assert_eq!(overview.counts.of(State::Down), 1);
    assert_eq!(overview.counts.of(State::Up), 1);
    assert_eq!(overview.counts.worst(), Some(State::Down));
    assert_eq!(overview.written, at(30_000));
}

fn notices_are_delivered_once(place: &Place) {
    let mut history = History::open(&place.place, at(0)).unwrap();
    let mut first = batch(0);
    first.notices = vec![notice("one", 10), notice("two", 20), notice("one", 5)];
    history.write(&first).unwrap();
    let mut outbox = place.outbox();
    outbox.put(&[notice("two", 1), notice("three", 30)]).unwrap();
    let due = |outbox: &mut gather_store::history::Outbox, now| {
        outbox.due(at(now), 10).unwrap().iter().map(|due| due.key.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(due(&mut outbox, 9), [""; 0]);
    assert_eq!(due(&mut outbox, 30), ["one", "two", "three"]);
    let [one, two, three] = &outbox.due(at(30), 10).unwrap()[..] else { panic!("three") };
    assert_eq!(two.event, notice("two", 20).event);
    outbox.settle(one.id, &Delivery::Delivered, at(31)).unwrap();
    outbox.settle(one.id, &Delivery::Again { at: at(0), error: "late".into() }, at(32)).unwrap();
    outbox.settle(two.id, &Delivery::Again { at: at(99), error: "503".into() }, at(31)).unwrap();
    outbox.settle(three.id, &Delivery::GivenUp { error: "404".into() }, at(31)).unwrap();
    assert_eq!(due(&mut outbox, 98), [""; 0]);
    assert_eq!(outbox.next_due().unwrap(), Some(at(99)));
    let again = &outbox.due(at(99), 10).unwrap()[0];
    assert_eq!((&*again.key, again.tries), ("two", 1));
    let said: Vec<_> = place.reader().notices(None, 10).unwrap();
    let said: Vec<_> =
        said.iter().map(|said| (&*said.notice.key, said.settled, said.error.as_deref())).collect();
    assert_eq!(
        said,
        [
            ("three", Some(at(31)), Some("404")),
            ("two", None, Some("503")),
            ("one", Some(at(31)), None)
        ]
    );
}
