//! Schedules and windows, as they are written and as calendars have them.

use super::*;

fn zone(name: &str) -> Option<TimeZone> {
    let known = jiff::tz::TimeZoneDatabase::bundled();
    known.get(name).ok()
}

/// A moment by the clock of UTC.
fn at(text: &str) -> Time {
    to_time(&text.parse().unwrap()).unwrap()
}

fn told(at: Time) -> String {
    let ns = i128::from(at.as_nanos());
    Timestamp::from_nanosecond(ns).unwrap().to_string()
}

#[test]
fn an_interval_has_its_slots_from_the_epoch_on() {
    let every = Every { interval_ns: 60, phase_ns: 7 };
    let ns = Time::from_nanos;
    for (after, next) in [(0, 7), (6, 7), (7, 67), (66, 67), (67, 127)] {
        assert_eq!(every.next(ns(after)), Some(ns(next)), "{after}");
    }
    for (until, last) in [(6, None), (7, Some(7)), (66, Some(7)), (67, Some(67))] {
        assert_eq!(every.last(ns(until)), last.map(ns), "{until}");
    }
    for (after, until, count) in [(0, 6, 0), (0, 7, 1), (7, 67, 1), (7, 66, 0), (0, 607, 11)] {
        assert_eq!(every.count(ns(after), ns(until)), count, "({after}, {until}]");
    }
    assert_eq!(every.next(Time::NEVER), None);
    assert_eq!(every.count(Time::ZERO, Time::NEVER), u32::MAX);
}

#[test]
fn phases_are_spread_evenly() {
    let minute = Duration::from_secs(60);
    let mut seconds = [0; 60];
    for key in 0..60_000 {
        seconds[Every::new(minute, key).phase().as_secs() as usize] += 1;
    }
    assert!(seconds.iter().all(|targets| (850..1_150).contains(targets)), "{seconds:?}");
}

#[test]
fn cron_keeps_to_the_clock_of_its_zone() {
    for (text, name, after, slots) in [
        ("*/15 * * * *", "UTC", "2026-01-01T00:00:00Z", &["2026-01-01T00:15:00Z"][..]),
        ("*/15 * * * *", "UTC", "2026-01-01T00:14:59.5Z", &["2026-01-01T00:15:00Z"]),
        ("*/15 * * * *", "UTC", "2026-01-01T00:15:00.5Z", &["2026-01-01T00:30:00Z"]),
        ("0 9 * * mon-fri", "Europe/Berlin", "2026-01-02T12:00:00Z", &["2026-01-05T08:00:00Z"]),
        ("0 9 * * mon-fri", "Europe/Berlin", "2026-07-03T12:00:00Z", &["2026-07-06T07:00:00Z"]),
        ("@daily", "Asia/Kolkata", "2026-01-01T00:00:00Z", &["2026-01-01T18:30:00Z"]),
        // Spring: 02:00 is 03:00, at 01:00 UTC. A slot in the gap is at its end, once.
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-03-28T00:00:00Z",
            &["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
        ),
        (
            "30 * * * *",
            "Europe/Berlin",
            "2026-03-29T00:00:00Z",
            &["2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z", "2026-03-29T02:30:00Z"],
        ),
        // Autumn: 02:00 to 03:00 comes twice, from 00:00 and from 01:00 UTC.
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-10-24T12:00:00Z",
            &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
        ),
        (
            "30 * * * *",
            "Europe/Berlin",
            "2026-10-24T23:45:00Z",
            &["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"],
        ),
    ] {
        let cron = parse_cron(text, zone(name).unwrap()).unwrap();
        let mut after = at(after);
        for &slot in slots {
            let next = cron.next(after).unwrap();
            assert_eq!(told(next), told(at(slot)), "{text} after {}", told(after));
            assert_eq!(cron.count(after, next), 1);
            assert_eq!(cron.last(after, next), Some(next), "{text} until {}", told(next));
            after = next;
        }
    }
}

#[test]
fn texts_are_read_or_refused_with_the_reason() {
    let seconds = Duration::from_secs;
    for (text, want) in [
        ("5m", Ok(seconds(300))),
        ("30s", Ok(seconds(30))),
        ("90", Ok(seconds(90))),
        ("1h30m", Ok(seconds(5_400))),
        ("1h 30m", Ok(seconds(5_400))),
        ("1d", Ok(seconds(86_400))),
        ("500ms", Ok(Duration::from_millis(500))),
        ("", Err("'' is no duration")),
        ("5 minutes", Err("'5 minutes' is no duration")),
        ("1h30", Err("'1h30' is no duration")),
        ("m", Err("'m' is no duration")),
        ("0", Err("'0' is shorter than 100 ms")),
        ("99w", Err("'99w' is longer than 366 days")),
        ("99999999999999999999", Err("is no duration")),
    ] {
        match (parse_every(text), want) {
            (Ok(found), Ok(want)) => assert_eq!(found, want, "{text}"),
            (Err(error), Err(part)) => assert!(error.message.contains(part), "{text}: {error}"),
            (found, want) => panic!("{text}: {found:?}, not {want:?}"),
        }
    }
    for (text, part) in [
        ("", "cron ''"),
        ("61 * * * *", "cron '61 * * * *'"),
        ("* * *", "cron '* * *'"),
        ("0 0 30 2 *", "never comes true"),
        ("0 3 * * noday", "cron '0 3 * * noday'"),
    ] {
        let error = parse_cron(text, TimeZone::UTC).unwrap_err();
        assert!(error.message.contains(part), "{text}: {error}");
    }
}

#[test]
fn windows_are_open_when_they_say() {
    let zones = Zones { local: TimeZone::UTC, find: &zone };
    // A window; a moment; whether it is in it; and the next change.
    for (text, when, is_in, change) in [
        ("02:00-03:00", "2026-01-01T01:00:00Z", false, "2026-01-01T02:00:00Z"),
        ("02:00-03:00", "2026-01-01T02:00:00Z", true, "2026-01-01T03:00:00Z"),
        ("daily 02:00-03:00", "2026-01-01T03:00:00Z", false, "2026-01-02T02:00:00Z"),
        ("02:00-03:00 Europe/Berlin", "2026-01-01T01:30:00Z", true, "2026-01-01T02:00:00Z"),
        // Saturday is 3 January.
        ("sat 22:00-02:00", "2026-01-03T21:59:59Z", false, "2026-01-03T22:00:00Z"),
        ("sat 22:00-02:00", "2026-01-04T01:59:59Z", true, "2026-01-04T02:00:00Z"),
        ("sat 22:00-02:00", "2026-01-04T02:00:00Z", false, "2026-01-10T22:00:00Z"),
        ("fri-mon 10:00-11:00", "2026-01-06T10:30:00Z", false, "2026-01-09T10:00:00Z"),
        ("sat,sun 00:00-24:00", "2026-01-03T12:00:00Z", true, "2026-01-05T00:00:00Z"),
        // In the night of spring, 02:30 is left out: it begins at 03:30, and ends at 04:00.
        ("02:30-04:00 Europe/Berlin", "2026-03-29T01:00:00Z", false, "2026-03-29T01:30:00Z"),
        // In autumn 01:30 to 03:00 is an hour longer.
        ("01:30-03:00 Europe/Berlin", "2026-10-24T23:30:00Z", true, "2026-10-25T02:00:00Z"),
        ("2026-12-24T18:00/2026-12-26T08:00", "2026-12-25T00:00:00Z", true, "2026-12-26T08:00:00Z"),
        (
            "2026-12-24T18:00/2026-12-26T08:00 Europe/Berlin",
            "2026-12-01T00:00:00Z",
            false,
            "2026-12-24T17:00:00Z",
        ),
        ("cron 0 3 * * 0 for 2h", "2026-01-04T04:59:59Z", true, "2026-01-04T05:00:00Z"),
        ("cron 0 3 * * 0 for 2h", "2026-01-04T05:00:00Z", false, "2026-01-11T03:00:00Z"),
        (
            "cron 0 3 * * 0 for 2h Europe/Berlin",
            "2026-01-04T02:00:00Z",
            true,
            "2026-01-04T04:00:00Z",
        ),
    ] {
        let windows = Windows(vec![parse_window(text, &zones).unwrap()]);
        assert_eq!(windows.is_in(at(when)), is_in, "{text} at {when}");
        let next = windows.next_change(at(when)).unwrap();
        assert_eq!(told(next), told(at(change)), "{text} at {when}");
        let since = windows.since(at(when));
        assert_eq!(since.is_some(), is_in, "{text} at {when}");
        // The moment at which it began is in it, and the one before is not.
        let is_begin = |since: Time| {
            since <= at(when)
                && windows.is_in(since)
                && !windows.is_in(since - Duration::from_secs(1))
        };
        assert!(since.is_none_or(is_begin), "{text} at {when}: {since:?}");
    }
    for (text, part) in [
        ("", "'' is no window"),
        ("someday 02:00-03:00", "'someday' in window"),
        ("sat 02:00", "'02:00' in window"),
        ("sat 25:00-26:00", "'25:00' in window"),
        ("sat 02:00-03:00 Europe/Nowhere", "no time zone 'Europe/Nowhere'"),
        ("2026-12-26T08:00/2026-12-24T18:00", "ends before it begins"),
        ("2026-12-26/soon", "'soon' in window"),
        ("cron 0 3 * * 0", "for how long"),
        ("cron 0 3 * * 0 for 0s", "no length"),
    ] {
        let error = parse_window(text, &zones).unwrap_err();
        assert!(error.message.contains(part), "{text}: {error}");
    }
}

#[test]
fn windows_that_meet_are_one() {
    let zones = Zones { local: TimeZone::UTC, find: &zone };
    let read = |text| parse_window(text, &zones).unwrap();
    let windows = Windows(vec![read("02:00-03:00"), read("02:30-04:00"), read("04:00-05:00")]);
    assert_eq!(
        told(windows.next_change(at("2026-01-01T02:10:00Z")).unwrap()),
        "2026-01-01T05:00:00Z"
    );
    let always = Windows(vec![read("00:00-24:00")]);
    assert_eq!(
        (always.is_in(at("2026-01-01T00:00:00Z")), always.next_change(at("2026-01-01T00:00:00Z"))),
        (true, None)
    );
    assert_eq!(
        (Windows::default().is_in(Time::ZERO), Windows::default().next_change(Time::ZERO)),
        (false, None)
    );
}
