//! Numbers, durations and moments as people read them.

use std::fmt;

pub(crate) use gather_core::human::{count, counted};
use gather_core::time::{Duration, Time};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// How long an answer took: `850 µs`, `12.3 ms`, `3.01 s`, then as [`span`].
pub(crate) fn latency(took: Duration) -> String {
    match took.as_secs_f64() {
        0.0 => "0 ms".into(),
        s if s < 0.000_999_5 => format!("{:.0} µs", s * 1e6),
        s if s < 0.999_5 => format!("{} ms", figures(s * 1e3)),
        s if s < 99.95 => format!("{} s", figures(s)),
        _ => span(took),
    }
}

/// How long something lasts, as exactly as people care: `45 s`, `2 min 5 s`, `12 min`, `1 h 3 min`,
/// `4 d 2 h`.
pub(crate) fn span(span: Duration) -> String {
    let s = span.as_secs();
    let (large, small) = match s {
        0 if !span.is_zero() => return "under 1 s".into(),
        0..60 => return format!("{s} s"),
        60..600 => ((s / 60, "min"), (s % 60, "s")),
        600..3_600 => return format!("{} min", s / 60),
        3_600..86_400 => ((s / 3_600, "h"), (s / 60 % 60, "min")),
        _ => ((s / 86_400, "d"), (s / 3_600 % 24, "h")),
    };
    match small.0 {
        0 => format!("{} {}", large.0, large.1),
        _ => format!("{} {} {} {}", large.0, large.1, small.0, small.1),
    }
}

/// A share as per cent. What is not whole is never rounded up to 100 %, nor down to 0 %.
pub(crate) fn percent(share: f64) -> String {
    let share = share.clamp(0.0, 1.0);
    match (share * 10_000.0).floor() / 100.0 {
        0.0 if share > 0.0 => "<0.01 %".into(),
        whole if whole.fract() == 0.0 => format!("{whole} %"),
        part => format!("{part:.2} %"),
    }
}

/// Three figures: `1.23`, `12.3`, `123`.
fn figures(number: f64) -> String {
    match number.abs() {
        n if n < 9.995 => format!("{number:.2}"),
        n if n < 99.95 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}

/// Text from outside, with what could turn the writing direction or is not to be seen escaped.
/// Markup is for the template to escape.
pub(crate) fn printable(text: &str) -> String {
    let hidden = |c: char| {
        let is_bidi = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        // Those without a width hide in a name; the last two are not even XML.
        let is_unseen = matches!(
            c,
            '\u{200b}'
                | '\u{2028}'
                | '\u{2029}'
                | '\u{2060}'
                | '\u{feff}'
                | '\u{fffe}'
                | '\u{ffff}'
        );
        c.is_control() || is_bidi || is_unseen
    };
    if !text.contains(hidden) {
        return text.to_owned();
    }
    let escape = |c: char| match hidden(c) {
        true => c.escape_unicode().to_string(),
        false => c.to_string(),
    };
    text.chars().map(escape).collect()
}

/// [`printable`], of at most so many characters.
pub(crate) fn clipped(text: &str, chars_max: usize) -> String {
    let text = printable(text);
    match text.char_indices().nth(chars_max) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// A moment, for people and for programs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moment {
    /// RFC 3339, in UTC.
    pub(crate) iso: String,
    /// `Wed 25 Nov 2026 14:03:22`, in the clock's zone.
    pub(crate) text: String,
    /// `14:03:22`.
    pub(crate) time: String,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Turns moments into text, in one time zone.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    zone: TimeZone,
}

impl Clock {
    pub(crate) fn new(zone: TimeZone) -> Self {
        Self { zone }
    }

    /// The zone's name, as it stands beside moments.
    pub(crate) fn zone_name(&self) -> String {
        // Where the system does not say its zone, jiff has UTC under a name that tells nobody.
        match self.zone.iana_name() {
            _ if self.zone.is_unknown() => "UTC".into(),
            Some("Etc/UTC" | "Etc/UCT" | "Etc/Universal" | "Zulu") => "UTC".into(),
            Some(name) => name.to_owned(),
            None => "local time".into(),
        }
    }

    pub(crate) fn moment(&self, time: Time) -> Moment {
        let text = self.format(time, "%a %-d %b %Y %H:%M:%S");
        Moment { iso: rfc3339(time), text, time: self.format(time, "%H:%M:%S") }
    }

    pub(crate) fn zone(&self) -> TimeZone {
        self.zone.clone()
    }

    /// As `strftime` has it.
    pub(crate) fn format(&self, time: Time, format: &str) -> String {
        timestamp(time).to_zoned(self.zone.clone()).strftime(format).to_string()
    }

    /// The begin of the day that a moment is in, and of the next.
    pub(crate) fn day(&self, time: Time) -> (Time, Time) {
        let zoned = timestamp(time).to_zoned(self.zone.clone());
        let begin = zoned.start_of_day().unwrap_or_else(|_| zoned.clone());
        let next = begin.tomorrow().and_then(|next| next.start_of_day());
        let end = next.map_or(time + Duration::from_secs(86_400), |next| of(next.timestamp()));
        (of(begin.timestamp()), end)
    }
}

/// RFC 3339 in UTC, with milliseconds where there are any.
pub(crate) fn rfc3339(time: Time) -> String {
    let at = timestamp(time);
    let has_part = at.subsec_nanosecond() >= 1_000_000;
    at.strftime(if has_part { "%Y-%m-%dT%H:%M:%S.%3fZ" } else { "%Y-%m-%dT%H:%M:%SZ" }).to_string()
}

/// The moment that RFC 3339 text names, or that a number of seconds since 1970 does.
pub(crate) fn parse(text: &str) -> Option<Time> {
    match text.parse::<u64>() {
        Ok(seconds) => Some(Time::from_millis(seconds.saturating_mul(1_000))),
        Err(_) => text.parse::<Timestamp>().ok().map(of),
    }
}

fn timestamp(time: Time) -> Timestamp {
    let ms = i64::try_from(time.as_nanos() / 1_000_000).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX)
}

fn of(at: Timestamp) -> Time {
    Time::from_millis(u64::try_from(at.as_millisecond()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        for (ms, expected) in [
            (0, "0 s"),
            (300, "under 1 s"),
            (45_000, "45 s"),
            (125_000, "2 min 5 s"),
            (120_000, "2 min"),
            (779_000, "12 min"),
            (3_780_000, "1 h 3 min"),
            (90_000_000, "1 d 1 h"),
        ] {
            assert_eq!(span(Duration::from_millis(ms)), expected);
        }
        for (us, expected) in [
            (0, "0 ms"),
            (850, "850 µs"),
            (12_300, "12.3 ms"),
            (999_700, "1.00 s"),
            (3_014_000, "3.01 s"),
            (125_000_000, "2 min 5 s"),
        ] {
            assert_eq!(latency(Duration::from_micros(us)), expected);
        }
    }

    #[test]
    fn a_share_is_never_made_better_by_rounding() {
        for (share, expected) in [
            (1.0, "100 %"),
            (0.999_999, "99.99 %"),
            (0.9995, "99.95 %"),
            (0.5, "50 %"),
            (0.000_01, "<0.01 %"),
            (0.0, "0 %"),
            (1.5, "100 %"),
        ] {
            assert_eq!(percent(share), expected, "{share}");
        }
    }

    #[test]
    fn moments_are_told_in_their_zone() {
        let at = Time::from_millis(1_795_615_402_000);
        let utc = Clock::new(TimeZone::UTC);
        assert_eq!(utc.moment(at).text, "Wed 25 Nov 2026 14:03:22");
        assert_eq!(utc.moment(at).iso, "2026-11-25T14:03:22Z");
        assert_eq!(utc.zone_name(), "UTC");
        assert_eq!(Clock::new(TimeZone::get("Etc/UTC").unwrap()).zone_name(), "UTC");
        let east = Clock::new(TimeZone::fixed(jiff::tz::offset(11)));
        assert_eq!(east.moment(at).text, "Thu 26 Nov 2026 01:03:22");
        let (begin, end) = east.day(at);
        assert_eq!(rfc3339(begin), "2026-11-25T13:00:00Z");
        assert_eq!(end.since(begin), Duration::from_secs(86_400));
        assert_eq!(parse("2026-11-25T14:03:22Z"), Some(at));
        assert_eq!(parse("1795615402"), Some(at));
        assert_eq!(parse("yesterday"), None);
    }

    #[test]
    fn what_comes_from_outside_is_seen() {
        assert_eq!(printable("a\u{202e}b\u{7}é"), "a\\u{202e}b\\u{7}é");
        assert_eq!(printable("\u{200f}a\u{200b}\u{ffff}"), "\\u{200f}a\\u{200b}\\u{ffff}");
        assert_eq!(printable("\u{1f469}\u{200d}\u{1f680}"), "\u{1f469}\u{200d}\u{1f680}");
        assert_eq!(clipped("abcdef", 3), "abc…");
        assert_eq!(clipped("abc", 3), "abc");
    }
}
