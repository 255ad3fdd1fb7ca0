//! Days as a time zone has them, also those on which its clocks are set.

use std::sync::Arc;
use std::time::Duration;

use gather_core::health::Health;
use gather_core::time::Time;
use gather_core::watch::{Check, WatchedNo};
use gather_store::history::{Batch, History, HistoryPlace, JobKind, JobRow, TargetRow};
use gather_web::Options;
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil::Date};

use crate::made;
use crate::place::Server;

const HOUR: Duration = Duration::from_secs(3_600);

fn at(moment: Timestamp) -> Time {
    Time::from_millis(u64::try_from(moment.as_millisecond()).unwrap())
}

/// A check each hour for twelve days, which says down on one day of the zone and up on all others.
fn fill(place: &HistoryPlace, zone: &TimeZone, down: Date, now: Timestamp) {
    let from = now - jiff::SignedDuration::from_hours(12 * 24);
    let mut history = History::open(place, at(from)).unwrap();
    let job = JobRow {
        name: "domains".into(),
        kind: JobKind::Liveness,
        schedule: "every 1h".into(),
        speaks_for: HOUR,
    };
    let target = TargetRow { key: 1, name: "shop".into(), ..TargetRow::default() };
    history.register(&job, &[target], at(from)).unwrap();
    let (mut due, mut checks) = (from, Vec::new());
    while due < now {
        let is_down = due.to_zoned(zone.clone()).date() == down;
        let check = Check {
            target: WatchedNo(0),
            due: at(due),
            lag: Duration::ZERO,
            took: Duration::from_millis(10),
            health: if is_down { Health::Down } else { Health::Up },
            status_code: 200,
            kind: None,
            is_confirmation: false,
        };
        checks.push(check);
        due += jiff::SignedDuration::from_hours(1);
        if checks.len() == 24 || due >= now {
            let moment = at(due);
            let checks = std::mem::take(&mut checks);
            let batch = Batch { at: moment, accounted_until: moment, checks, ..Batch::default() };
            history.write(&batch).unwrap();
            history.upkeep(moment, HOUR).unwrap();
        }
    }
}

#[test]
fn each_day_has_its_own_bar() {
    // Zone, the day that was down, now: clocks go forward, back, not at all; half hours.
    for (name, down, now) in [
        ("Europe/Berlin", "2026-03-28", "2026-04-02T09:00:00Z"),
        ("Europe/Berlin", "2026-03-29", "2026-04-02T09:00:00Z"),
        ("Europe/Berlin", "2026-10-24", "2026-10-29T09:00:00Z"),
        ("Europe/Berlin", "2026-10-25", "2026-10-29T09:00:00Z"),
        ("America/New_York", "2026-03-08", "2026-03-11T09:00:00Z"),
        ("UTC", "2026-03-28", "2026-04-02T09:00:00Z"),
        ("Pacific/Kiritimati", "2026-03-28", "2026-04-02T09:00:00Z"),
        ("America/Sao_Paulo", "2026-03-28", "2026-04-02T09:00:00Z"),
    ] {
        let dir = tempfile::TempDir::new().unwrap();
        let place = HistoryPlace::Sqlite(dir.path().join("gather.db"));
        let zone = TimeZone::get(name).unwrap();
        let (down, now): (Date, Timestamp) = (down.parse().unwrap(), now.parse().unwrap());
        fill(&place, &zone, down, now);
        let moment = at(now);
        let options =
            Options { zone: zone.clone(), now: Arc::new(move || moment), ..made::options(place) };
        let server = Server::start(options);
        let text = server.get("/targets/0/30d", "").text();
        let mut day = now.to_zoned(zone).date();
        for ago in 0..30 {
            let shown = day.strftime("%a %-d %b %Y").to_string();
            assert_eq!(text.matches(&format!(">{shown}<")).count(), 1, "{name}: {shown}");
            let row = text.split(&format!(">{shown}<")).nth(1).unwrap();
            let row = row.split("</tr>").next().unwrap();
            let class = row.split("class=\"s ").nth(1).unwrap().split('"').next().unwrap();
            let expected = match ago {
                _ if day == down => "down",
                0..11 => "up",
                // The first day is half a day, and before it there is nothing.
                _ => class,
            };
            assert_eq!(class, expected, "{name}: {shown}");
            assert!(day == down || class != "down", "{name}: {shown}");
            if day == down {
                assert!(row.contains(">0 %<"), "{name}: {shown}: {row}");
            }
            day = day.yesterday().unwrap();
        }
    }
}
