//! What is kept for how long: a hundred days, and what is left of them.

use std::time::Duration;

use gather_core::health::Health;
use gather_core::watch::{State, WatchedNo};
use gather_store::history::{
    Batch, Delivery, History, HistoryError, HistoryReader, Incident, JobRow, Kept, Span, SumsOf,
};

use crate::made::{HOUR, at, batch, check, job, notice, target};
use crate::places::Place;

const STEP: u64 = 6 * HOUR;
const DAY: u64 = 24 * HOUR;

#[test]
fn old_rows_go_and_their_sums_stay() {
    let place = Place::sqlite();
    let mut history = History::open(&place.place, at(0)).unwrap();
    let row = JobRow { speaks_for: Duration::from_millis(STEP), ..job("a") };
    history.register(&row, &[target(1), target(2)], at(0)).unwrap();
    let mut outbox = place.outbox();
    let told = "incident:7:0:down:ops";
    outbox.put(&[notice("delivered", 0), notice(told, 0), notice("waiting", 0)]).unwrap();
    for due in outbox.due(at(0), 2).unwrap() {
        outbox.settle(due.id, &Delivery::Delivered, at(0)).unwrap();
    }
    // It goes on all the time: who was told of it is remembered.
    let open = Incident {
        id: 7,
        opened: at(0),
        closed: None,
        worst: State::Down,
        factor: "".into(),
        reason: "".into(),
        targets: 1,
        ongoing: 1,
        entries: Vec::new(),
        joined: Vec::new(),
        left: Vec::new(),
    };
    history.write(&Batch { incidents: vec![open], ..batch(0) }).unwrap();
    let end = 100 * DAY;
    for now in (STEP..=end).step_by(STEP as usize) {
        let mut batch = batch(now);
        batch.checks = vec![check(0, now - STEP, Health::Up), check(1, now - STEP, Health::Down)];
        history.write(&batch).unwrap();
        history.upkeep(at(now), Duration::from_secs(60)).unwrap();
    }
    let mut reader = place.reader();
    // Moment, and how many checks of the 24 hours before it are still there one by one.
    for (moment, expected) in [(end, 4), (end - 5 * DAY, 4), (end - 9 * DAY, 0), (DAY, 0)] {
        let found = reader.checks(WatchedNo(1), at(moment), 100).unwrap();
        assert_eq!(found.len(), expected, "{moment}");
    }
    // In buckets of a day, so that the span is no longer than it says.
    for (span, buckets, days) in
        [(Span::Week, 7, 7), (Span::Quarter, 90, 90), (Span::Year, 365, 100)]
    {
        let past = reader.past(WatchedNo(0), span, buckets, at(end)).unwrap();
        assert_eq!(past.total.checks, [4 * days, 0, 0, 0, 0], "{span:?}");
        let up = past.total.times.of(gather_store::history::Condition::Up);
        assert_eq!(up, Duration::from_millis(days * DAY), "{span:?}");
        let down = reader.past(WatchedNo(1), span, buckets, at(end)).unwrap();
        assert_eq!(down.total.times.uptime(), Some(0.0), "{span:?}");
    }
    assert_eq!(oldest_hour(&mut reader, end), at(10 * DAY));
    let mut days = 0;
    let count = reader.sums(SumsOf::Days, (at(0), at(end)), |_| {
        days += 1;
        Ok::<_, HistoryError>(())
    });
    count.unwrap();
    // Two targets; the last day waits for what may come late.
    assert_eq!(days, 2 * 99);
    // Who wants to keep less has less from then on.
    history.keep(Kept { hours: Duration::from_millis(20 * DAY), ..Kept::default() });
    history.upkeep(at(end + HOUR), Duration::from_secs(60)).unwrap();
    assert_eq!(oldest_hour(&mut reader, end), at(80 * DAY));
    let keys: Vec<_> = reader.notices(None, 10).unwrap();
    let keys: Vec<&str> = keys.iter().map(|one| &*one.notice.key).collect();
    assert_eq!(keys, ["waiting", told]);
}

/// The begin of the first hour that has a sum.
fn oldest_hour(reader: &mut HistoryReader, end: u64) -> gather_core::Time {
    let mut oldest = at(end);
    let read = reader.sums(SumsOf::Hours, (at(0), at(end)), |sum| {
        oldest = oldest.min(sum.from);
        Ok::<_, HistoryError>(())
    });
    read.unwrap();
    oldest
}
