//! Tables of values, right and wrong.

use std::time::Duration;

use super::*;

/// Parses every row, and compares what came out, or the error and its hint.
fn check<T: PartialEq + fmt::Debug>(
    parse: impl Fn(&str) -> Parsed<T>,
    good: &[(&str, T)],
    bad: &[(&str, &str)],
) {
    for (text, expected) in good {
        assert_eq!(parse(text).as_ref(), Ok(expected), "{text}");
    }
    for (text, message) in bad {
        let error = parse(text).expect_err(text);
        assert_eq!(error.message, *message, "{text}");
        assert!(!error.hint.is_empty(), "{text} has no hint");
    }
}

#[test]
fn durations() {
    check(
        duration,
        &[
            ("30s", Duration::from_secs(30)),
            ("500ms", Duration::from_millis(500)),
            ("2m", Duration::from_secs(120)),
            ("1h", Duration::from_secs(3600)),
            ("1.5", Duration::from_millis(1500)),
            ("7", Duration::from_secs(7)),
            ("0", Duration::ZERO),
        ],
        &[
            ("", "'' is not a duration"),
            ("fast", "'fast' is not a duration"),
            ("-1s", "'-1s' is not a duration"),
            ("5 parsecs", "'5 parsecs' is not a duration"),
            ("1e9", "'1e9' is not a duration"),
            ("1.2.3s", "'1.2.3s' is not a duration"),
            ("nan", "'nan' is not a duration"),
            ("99999h", "'99999h' is longer than a year"),
        ],
    );
    check(
        duration_above_zero,
        &[("1ms", Duration::from_millis(1))],
        &[("0", "0 would leave no time at all"), ("0ms", "0 would leave no time at all")],
    );
}

#[test]
fn sizes() {
    check(
        size,
        &[
            ("1", 1),
            ("64M", 64 << 20),
            ("1k", 1024),
            ("1.5K", 1536),
            ("2G", 2 << 30),
            ("3MiB", 3 << 20),
        ],
        &[
            ("0", "'0' would refuse every response"),
            ("ten", "'ten' is not a size"),
            ("5T", "'5T' is not a size"),
            ("-5M", "'-5M' is not a size"),
            ("99999999G", "'99999999G' is more than any machine holds"),
        ],
    );
    check(size_u32, &[("256K", 256 << 10)], &[("5G", "'5G' is more than 4G")]);
}

#[test]
fn rates() {
    let every = |ms| Rate::new(1.0, Duration::from_millis(ms)).expect("above zero");
    check(
        rate,
        &[
            ("10/s", every(100)),
            ("5/15s", every(3000)),
            ("100/m", every(600)),
            ("0.5/s", every(2000)),
        ],
        &[
            ("10", "'10' is not a rate"),
            ("10/", "'10/' is not a rate"),
            ("ten/s", "'ten/s' is not a rate"),
            ("10/fortnight", "'10/fortnight' is not a rate"),
            ("0/s", "'0/s' would never send anything"),
            ("1/0s", "'1/0s' would never send anything"),
        ],
    );
}

#[test]
fn counts_and_shares() {
    check(
        count_or_share,
        &[
            ("10", CountOrShare::Count(10)),
            ("0", CountOrShare::Count(0)),
            ("5%", CountOrShare::Share(0.05)),
            ("100%", CountOrShare::Share(1.0)),
        ],
        &[
            ("101%", "'101%' is neither a number nor a percentage"),
            ("-1", "'-1' is neither a number nor a percentage"),
            ("half", "'half' is neither a number nor a percentage"),
        ],
    );
    for (limit, failed, all, expected) in [
        (CountOrShare::Count(2), 2, 10, true),
        (CountOrShare::Count(2), 3, 10, false),
        (CountOrShare::Share(0.1), 1, 10, true),
        (CountOrShare::Share(0.1), 2, 10, false),
        (CountOrShare::Share(0.0), 0, 0, true),
    ] {
        assert_eq!(limit.allows(failed, all), expected, "{limit:?} {failed}/{all}");
    }
}

#[test]
fn statuses() {
    let set = |ranges: &[std::ops::RangeInclusive<u16>]| StatusSet::new(ranges.to_vec());
    check(
        status_set,
        &[
            ("200..=299,304", set(&[200..=299, 304..=304])),
            ("5xx", set(&[500..=599])),
            ("200-204", set(&[200..=204])),
            ("200..300", set(&[200..=299])),
            ("404, 410", set(&[404..=404, 410..=410])),
        ],
        &[
            ("", "'' is not a status or a range"),
            ("20", "'20' is not a status or a range"),
            ("2000", "'2000' is not a status or a range"),
            ("+20", "'+20' is not a status or a range"),
            ("0xx", "'0xx' is not a status or a range"),
            ("ok", "'ok' is not a status or a range"),
            ("299..=200", "'299..=200' is an empty range"),
        ],
    );
}

#[test]
fn what_is_retried() {
    let parsed = retry_on("408,5xx,timeout.body,dns").expect("valid");
    assert_eq!(parsed.statuses, StatusSet::new(vec![408..=408, 500..=599]));
    assert_eq!(
        parsed.kinds,
        [ErrorKind::DnsNotFound, ErrorKind::DnsTemporary, ErrorKind::TimeoutBody]
    );
    assert_eq!(retry_on("none").expect("valid").kinds, []);
    let error = retry_on("408,timout").expect_err("a typing error");
    assert_eq!(error.message, "there is no error kind 'timout'");
    assert_eq!(error.hint, "did you mean timeout?");
}

#[test]
fn speeds() {
    let window = Duration::from_secs(15);
    check(
        speed,
        &[("1K/15s", Speed(Some(MinSpeed { bytes: 1024, window }))), ("0", Speed(None))],
        &[
            ("1K", "'1K' is not a speed"),
            ("1K/0s", "'1K/0s' is not a speed"),
            ("0/s", "'0/s' is not a speed"),
        ],
    );
}

#[test]
fn only_and_host_limits() {
    check(
        str::parse::<Only>,
        &[
            ("failed", Only { kind: None }),
            ("failed:http.status", Only { kind: Some("http.status".to_owned()) }),
        ],
        &[("ok", "'ok' cannot be chosen"), ("failed:tmeout", "there is no error kind 'tmeout'")],
    );
    let four = std::num::NonZeroU32::new(4).expect("not zero");
    check(
        host_limit,
        &[("auto", HostLimit::Auto), ("4", HostLimit::Fixed(four))],
        &[("0", "'0' is neither 'auto' nor a number from 1")],
    );
}

#[test]
fn names_in_robots_txt() {
    check(
        product_token,
        &[("ExampleBot", "ExampleBot".to_owned()), ("a_b-c", "a_b-c".to_owned())],
        &[
            ("", "'' is no name in robots.txt"),
            ("bot/1.0", "'bot/1.0' is no name in robots.txt"),
            ("*", "'*' is no name in robots.txt"),
        ],
    );
}

#[test]
fn moments() {
    for (text, expected) in [
        ("2026-11-24T10:00:00Z", Some(1_795_514_400_000_000)),
        ("2026-11-24T12:00:00+02:00", Some(1_795_514_400_000_000)),
        ("1970-01-01T00:00:01.5Z", Some(1_500_000)),
        ("2026", None),
        ("yesterday", None),
        ("1969-01-01T00:00:00Z", None),
    ] {
        assert_eq!(moment(text).ok(), expected, "{text}");
    }
    let (day, week) = (moment("1d").expect("a day ago"), moment("7d").expect("a week ago"));
    let between = day.abs_diff(week).abs_diff(6 * 86_400_000_000);
    assert!(between < 3_600_000_000, "six days, but {between} us");
    assert!(moment("2026-11-24").is_ok());
}
