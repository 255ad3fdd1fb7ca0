//! Values as people write them: durations, sizes, rates, counts or shares, status sets.
//!
//! Every parser says what is wrong and, as a hint, how the value is written.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use gather::changes::ChangeKind;
use gather::core::ErrorKind;
use gather::core::config::{HostConcurrency, MinSpeed, Rate, RetryOn, StatusSet};
use gather::core::robots::Agent;

use crate::nearest::nearest;

/// A value that could not be read: what is wrong, and how it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ValueError {
    /// What is wrong, without the value's name.
    pub(crate) message: String,
    /// How to write it.
    pub(crate) hint: String,
}

impl ValueError {
    pub(crate) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ValueError {}

type Parsed<T> = Result<T, ValueError>;

const MOMENT_HINT: &str = "write it as 2026-11-24, 2026-11-24T10:00:00Z, or as a time ago: 7d, 12h";
const DURATION_HINT: &str = "write 500ms, 30s, 2m or 1h; a bare number is seconds";
const SIZE_HINT: &str = "write bytes, or 512K, 64M, 1G (K = 1024)";
const RATE_HINT: &str = "write 10/s, 5/15s or 100/m";
const STATUS_HINT: &str = "write statuses and ranges such as 200..=299,304,5xx";
/// A year: longer waits are typing errors.
const DURATION_MAX_S: f64 = 366.0 * 86_400.0;

/// A duration that may be zero.
pub(crate) fn duration(text: &str) -> Parsed<Duration> {
    let duration = gather::core::time::parse_duration(text)
        .ok_or_else(|| ValueError::new(format!("'{text}' is not a duration"), DURATION_HINT))?;
    if duration.as_secs_f64() > DURATION_MAX_S {
        return Err(ValueError::new(format!("'{text}' is longer than a year"), DURATION_HINT));
    }
    Ok(duration)
}

/// A moment in microseconds since 1970: RFC 3339, a date, by the local clock, or so long ago.
pub(crate) fn moment(text: &str) -> Parsed<u64> {
    let by_clock = |date: jiff::civil::DateTime| {
        date.to_zoned(jiff::tz::TimeZone::system()).ok().map(|zoned| zoned.timestamp())
    };
    let timestamp = text.parse::<jiff::Timestamp>().ok();
    let ago = || {
        let ago = jiff::SignedDuration::try_from(duration(text).ok()?).ok()?;
        jiff::Timestamp::now().checked_sub(ago).ok()
    };
    // A bare number would be seconds ago; who writes it means a year, or nothing.
    let has_unit = text.ends_with(|c: char| c.is_ascii_alphabetic());
    timestamp
        .or_else(|| text.parse().ok().and_then(by_clock))
        .or_else(|| has_unit.then(ago).flatten())
        .and_then(|moment| u64::try_from(moment.as_microsecond()).ok())
        .ok_or_else(|| ValueError::new(format!("'{text}' is no moment"), MOMENT_HINT))
}

/// A kind of change.
pub(crate) fn change_kind(text: &str) -> Parsed<ChangeKind> {
    let kind = ChangeKind::ALL.into_iter().find(|kind| kind.as_str() == text);
    kind.ok_or_else(|| {
        let names = ChangeKind::ALL.map(ChangeKind::as_str).join(", ");
        ValueError::new(format!("'{text}' is no kind of change"), format!("there are {names}"))
    })
}

/// A duration in which something has to happen: zero is refused.
pub(crate) fn duration_above_zero(text: &str) -> Parsed<Duration> {
    let duration = duration(text)?;
    if duration.is_zero() {
        return Err(ValueError::new("0 would leave no time at all", DURATION_HINT));
    }
    Ok(duration)
}

/// A size in bytes; K, M and G are powers of 1024. Zero is refused.
pub(crate) fn size(text: &str) -> Parsed<u64> {
    let wrong = || ValueError::new(format!("'{text}' is not a size"), SIZE_HINT);
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let scale: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        _ => return Err(wrong()),
    };
    let bytes = decimal(number.trim_end()).ok_or_else(wrong)? * scale as f64;
    // 2^50: a pebibyte is no limit, and below it a float counts bytes exactly.
    if bytes > (1_u64 << 50) as f64 {
        return Err(ValueError::new(format!("'{text}' is more than any machine holds"), SIZE_HINT));
    }
    if bytes < 1.0 {
        return Err(ValueError::new(format!("'{text}' would refuse every response"), SIZE_HINT));
    }
    Ok(bytes as u64)
}

/// A size that must fit 32 bits, such as that of a response's head.
pub(crate) fn size_u32(text: &str) -> Parsed<u32> {
    u32::try_from(size(text)?)
        .map_err(|_| ValueError::new(format!("'{text}' is more than 4G"), SIZE_HINT))
}

/// So many in so much time: `10/s`, `5/15s`, `100/m`.
pub(crate) fn rate(text: &str) -> Parsed<Rate> {
    let wrong = || ValueError::new(format!("'{text}' is not a rate"), RATE_HINT);
    let (count, per) = text.split_once('/').ok_or_else(wrong)?;
    let count = decimal(count.trim()).ok_or_else(wrong)?;
    let per = per.trim();
    let per = match per.chars().next().ok_or_else(wrong)? {
        '0'..='9' => duration(per),
        _ => duration(&format!("1{per}")),
    }
    .map_err(|_| wrong())?;
    Rate::new(count, per)
        .ok_or_else(|| ValueError::new(format!("'{text}' would never send anything"), RATE_HINT))
}

/// How many requests one host may have in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HostLimit {
    /// Left to the engine.
    Auto,
    /// A hard cap.
    Fixed(std::num::NonZeroU32),
}

impl HostLimit {
    /// With a concurrency that was given, hosts share it; otherwise each gets the base.
    pub(crate) fn resolve(self, concurrency: Given) -> HostConcurrency {
        match (self, concurrency) {
            (Self::Fixed(n), _) => HostConcurrency::Fixed(n),
            (Self::Auto, Given::Yes) => HostConcurrency::Share,
            (Self::Auto, Given::No) => HostConcurrency::Base,
        }
    }
}

/// Whether somebody gave a value, or it is the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// By flag, environment or file.
    Yes,
    /// The default.
    No,
}

/// `auto`, or a number of at least 1.
pub(crate) fn host_limit(text: &str) -> Parsed<HostLimit> {
    if text == "auto" {
        return Ok(HostLimit::Auto);
    }
    count_above_zero(text).map(HostLimit::Fixed).map_err(|_| {
        ValueError::new(
            format!("'{text}' is neither 'auto' nor a number from 1"),
            "write auto, or 8",
        )
    })
}

/// A number of at least 1.
pub(crate) fn count_above_zero(text: &str) -> Parsed<std::num::NonZeroU32> {
    text.parse()
        .map_err(|_| ValueError::new(format!("'{text}' is not a number from 1"), "write 1 or more"))
}

/// How many targets to take: at least 1.
pub(crate) fn limit(text: &str) -> Parsed<u64> {
    text.parse().ok().filter(|limit| *limit > 0).ok_or_else(|| {
        ValueError::new(format!("'{text}' is not a number from 1"), "write 1 or more")
    })
}

/// A URL of http or https.
pub(crate) fn http_url(text: &str) -> Parsed<gather::Url> {
    let url = gather::Url::parse(text).ok();
    url.filter(|url| matches!(url.scheme(), "http" | "https")).ok_or_else(|| {
        ValueError::new(format!("'{text}' is no URL of http or https"), "write https://…")
    })
}

/// A number, zero included.
pub(crate) fn count(text: &str) -> Parsed<u32> {
    text.parse()
        .map_err(|_| ValueError::new(format!("'{text}' is not a number"), "write 0 or more"))
}

/// A name as it stands in robots.txt.
pub(crate) fn product_token(text: &str) -> Parsed<String> {
    let token = Agent::of(text);
    match !text.is_empty() && text.eq_ignore_ascii_case(token.as_str()) {
        true => Ok(text.to_owned()),
        false => Err(ValueError::new(
            format!("'{text}' is no name in robots.txt"),
            "write letters, '_' and '-': examplebot",
        )),
    }
}

/// So many, or such a part of all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum CountOrShare {
    /// So many.
    Count(u64),
    /// 0.0 to 1.0.
    Share(f64),
}

impl CountOrShare {
    /// Whether `failed` of `all` stay within it.
    pub(crate) fn allows(self, failed: u64, all: u64) -> bool {
        match self {
            Self::Count(most) => failed <= most,
            Self::Share(share) => failed as f64 <= share * all as f64,
        }
    }
}

/// `N` or `P%`.
pub(crate) fn count_or_share(text: &str) -> Parsed<CountOrShare> {
    let wrong = || {
        ValueError::new(format!("'{text}' is neither a number nor a percentage"), "write 10 or 5%")
    };
    match text.strip_suffix('%') {
        Some(percent) => decimal(percent.trim_end())
            .filter(|percent| *percent <= 100.0)
            .map(|percent| CountOrShare::Share(percent / 100.0)),
        None => text.parse().ok().map(CountOrShare::Count),
    }
    .ok_or_else(wrong)
}

/// `200..=299,304,5xx`; also `200-299`.
pub(crate) fn status_set(text: &str) -> Parsed<StatusSet> {
    text.split(',').map(|part| status_range(part.trim())).collect::<Parsed<_>>().map(StatusSet::new)
}

fn status_range(part: &str) -> Parsed<std::ops::RangeInclusive<u16>> {
    let wrong = || ValueError::new(format!("'{part}' is not a status or a range"), STATUS_HINT);
    let status = |text: &str| {
        let valid = text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit());
        valid
            .then(|| text.parse::<u16>().ok())
            .flatten()
            .filter(|status| (100..=999).contains(status))
            .ok_or_else(wrong)
    };
    if let Some(class) = part.strip_suffix("xx").or_else(|| part.strip_suffix("XX")) {
        let class: u16 = class.parse().map_err(|_| wrong())?;
        return (1..=9).contains(&class).then(|| class * 100..=class * 100 + 99).ok_or_else(wrong);
    }
    let (first, last) = match part.split_once("..=").or_else(|| part.split_once('-')) {
        Some((first, last)) => (status(first)?, status(last)?),
        None => match part.split_once("..") {
            Some((first, end)) => (status(first)?, status(end)?.saturating_sub(1)),
            None => (status(part)?, status(part)?),
        },
    };
    if first > last {
        return Err(ValueError::new(format!("'{part}' is an empty range"), STATUS_HINT));
    }
    Ok(first..=last)
}

/// The default of `--retry-on`.
pub(crate) const RETRY_ON_DEFAULT: &str =
    "408,5xx,timeout,connect,dns.temporary,protocol.truncated,protocol.http2";

/// `408,5xx,timeout,connect,dns.temporary`: statuses, kinds and families of kinds; `none`.
pub(crate) fn retry_on(text: &str) -> Parsed<RetryOn> {
    let mut statuses = Vec::new();
    let mut kinds = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| *part != "none") {
        if part.starts_with(|c: char| c.is_ascii_digit()) {
            statuses.push(status_range(part)?);
        } else {
            kinds.extend(kinds_named(part)?);
        }
    }
    kinds.sort_unstable();
    kinds.dedup();
    Ok(RetryOn { statuses: StatusSet::new(statuses), kinds })
}

/// The kinds that a name means: one kind, or all of a family.
pub(crate) fn kinds_named(name: &str) -> Parsed<Vec<ErrorKind>> {
    let kinds: Vec<ErrorKind> = ErrorKind::ALL
        .iter()
        .copied()
        .filter(|kind| kind.as_str() == name || kind.family() == name)
        .collect();
    if !kinds.is_empty() {
        return Ok(kinds);
    }
    let names = ErrorKind::ALL.iter().flat_map(|kind| [kind.as_str(), kind.family()]);
    let hint = match nearest(name, names) {
        Some(near) => format!("did you mean {near}?"),
        None => "kinds are written timeout.body, families timeout".to_owned(),
    };
    Err(ValueError::new(format!("there is no error kind '{name}'"), hint))
}

/// `1K/15s`: so many bytes in each window; 0 switches the check off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Speed(pub(crate) Option<MinSpeed>);

/// `SIZE/DURATION`, or 0.
pub(crate) fn speed(text: &str) -> Parsed<Speed> {
    const HINT: &str = "write 1K/15s, or 0 for no lower limit";
    if text == "0" {
        return Ok(Speed(None));
    }
    let wrong = |_| ValueError::new(format!("'{text}' is not a speed"), HINT);
    let (bytes, window) = text
        .split_once('/')
        .ok_or_else(|| ValueError::new(format!("'{text}' is not a speed"), HINT))?;
    let window = if window.starts_with(|c: char| c.is_ascii_digit()) {
        duration_above_zero(window)
    } else {
        duration_above_zero(&format!("1{window}"))
    };
    let (bytes, window) = (size(bytes).map_err(wrong)?, window.map_err(wrong)?);
    Ok(Speed(Some(MinSpeed { bytes, window })))
}

/// What `--only` keeps of an earlier result: `failed`, or `failed:KIND`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Only {
    /// A kind or a family of kinds; all if `None`.
    pub(crate) kind: Option<String>,
}

impl FromStr for Only {
    type Err = ValueError;

    fn from_str(text: &str) -> Parsed<Self> {
        const HINT: &str = "write failed, or failed:timeout";
        let (outcome, kind) = text.split_once(':').map_or((text, None), |(o, k)| (o, Some(k)));
        if outcome != "failed" {
            return Err(ValueError::new(format!("'{outcome}' cannot be chosen"), HINT));
        }
        kind.map(kinds_named).transpose()?;
        Ok(Self { kind: kind.map(str::to_owned) })
    }
}

/// A regular expression that runs in time linear in its input.
pub(crate) fn pattern(text: &str) -> Parsed<regex::Regex> {
    regex::RegexBuilder::new(text).size_limit(1 << 20).build().map_err(|error| {
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default();
        ValueError::new(
            format!(
                "'{text}' is not a regular expression: {}",
                reason.trim_start_matches("error: ")
            ),
            "the syntax is that of Rust's regex crate; put it in single quotes",
        )
    })
}

/// A number without sign or exponent.
fn decimal(text: &str) -> Option<f64> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests;
