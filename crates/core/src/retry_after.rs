//! `Retry-After`, as servers send it (RFC 9110 section 10.2.3).

use std::time::{SystemTime, UNIX_EPOCH};

use crate::time::Duration;

/// No pause is taken to be longer than this.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(6 * 3600);

/// The pause a header value asks for, at most six hours. `now_unix` is the wall clock, since 1970;
/// a date before it is a pause of zero. `None` for what is neither a number nor a date.
///
/// Fractions and exponents (`1.5`, `1e3`) are no valid syntax, but are sent and meant.
pub fn parse(value: &str, now_unix: Duration) -> Option<Duration> {
    let value = value.trim_matches([' ', '\t']);
    let looks_numeric = value.starts_with(|c: char| c.is_ascii_digit())
        && value.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+'));
    if looks_numeric {
        let seconds: f64 = value.parse().ok()?;
        return Some(Duration::from_secs_f64(seconds.min(RETRY_AFTER_MAX.as_secs_f64())));
    }
    let date: SystemTime = httpdate::parse_http_date(value).ok()?;
    let since_1970 = date.duration_since(UNIX_EPOCH).unwrap_or_default();
    Some(since_1970.saturating_sub(now_unix).min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21 10:00:00 UTC.
    const NOW: Duration = Duration::from_secs(1_795_255_200);

    #[test]
    fn every_form_is_read_or_ignored() {
        let check = |value: &str, seconds: Option<f64>| {
            let read = parse(value, NOW).map(|pause| pause.as_secs_f64());
            assert_eq!(read, seconds, "Retry-After: {value:?}");
        };
        check("0", Some(0.0));
        check("7", Some(7.0));
        check(" 7\t", Some(7.0));
        check("007", Some(7.0));
        check("1.5", Some(1.5));
        check("21600", Some(21_600.0));
        check("21601", Some(21_600.0));
        check("1e12", Some(21_600.0));
        check("1000000000000", Some(21_600.0));
        check(&"9".repeat(400), Some(21_600.0));
        check("-1", None);
        check("", None);
        check("soon", None);
        check("7 s", None);
        check("e", None);
        check("1e", None);
        check("1.2.3", None);
        check("inf", None);
        check("NaN", None);
        check("+5", None);
        check("Sat, 21 Nov 2026 10:00:30 GMT", Some(30.0));
        check("Saturday, 21-Nov-26 10:00:30 GMT", Some(30.0));
        check("Sat Nov 21 10:00:30 2026", Some(30.0));
        check("Sat, 21 Nov 2026 09:59:00 GMT", Some(0.0));
        check("Thu, 01 Jan 1970 00:00:00 GMT", Some(0.0));
        check("Mon, 21 Nov 2095 10:00:00 GMT", Some(21_600.0));
        check("Sat, 32 Nov 2026 10:00:00 GMT", None);
    }
}
