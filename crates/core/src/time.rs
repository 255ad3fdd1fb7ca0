//! Time as a number: core never reads a clock, its callers say what time it is.

use std::ops::{Add, Sub};
pub use std::time::Duration;

/// A moment, in nanoseconds since an origin that the caller chose (the start of the run).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The origin.
    pub const ZERO: Self = Self(0);
    /// Later than any moment a run can reach.
    pub const NEVER: Self = Self(u64::MAX);

    /// The moment `ns` nanoseconds after the origin.
    pub const fn from_nanos(ns: u64) -> Self {
        Self(ns)
    }

    /// The moment `ms` milliseconds after the origin.
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the origin.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, after: Duration) -> Self {
        let ns = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(ns))
    }
}

impl Sub<Duration> for Time {
    type Output = Self;

    fn sub(self, before: Duration) -> Self {
        let ns = u64::try_from(before.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(ns))
    }
}

/// A duration as people write it: `30s`, `1.5h`, `1h30m`, `2 d`; a bare number is seconds. `None` for
/// anything else, and for more than time can count.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if !rest.contains(|c: char| c.is_ascii_alphabetic()) {
        return seconds(rest, 1.0);
    }
    let mut sum = Duration::ZERO;
    while !rest.is_empty() {
        let (number, tail) = rest.split_at(rest.find(|c: char| c.is_ascii_alphabetic())?);
        let end = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let unit_s = match unit {
            "ms" => 1e-3,
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            "w" => 7.0 * 86_400.0,
            _ => return None,
        };
        sum = sum.checked_add(seconds(number.trim_end(), unit_s)?)?;
        rest = tail.trim_start();
    }
    Some(sum)
}

fn seconds(number: &str, unit_s: f64) -> Option<Duration> {
    let is_decimal = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let number: f64 = number.parse().ok().filter(|_| is_decimal)?;
    Duration::try_from_secs_f64(number * unit_s).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, ms) in [
            ("30s", Some(30_000)),
            ("250ms", Some(250)),
            ("1.5h", Some(5_400_000)),
            ("1h30m", Some(5_400_000)),
            ("1h 30 min", Some(5_400_000)),
            ("2w", Some(1_209_600_000)),
            ("2 d", Some(172_800_000)),
            ("0", Some(0)),
            ("2.5", Some(2_500)),
            ("", None),
            ("fast", None),
            ("-1s", None),
            ("1.2.3s", None),
            ("1e9", None),
            ("nan", None),
            ("5 parsecs", None),
            ("1h30", None),
            ("h", None),
            ("99999999999999999999w", None),
        ] {
            assert_eq!(parse_duration(text), ms.map(Duration::from_millis), "{text:?}");
        }
    }
}
