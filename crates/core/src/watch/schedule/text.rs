//! Schedules and windows as people write them.

use std::fmt;
use std::sync::Arc;

use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::{Time as Clock, Weekday};
use jiff::tz::TimeZone;

use super::{Cron, Days, Every, Window, to_time};
use crate::time::{Duration, Time, parse_duration};

const EVERY_HINT: &str = "write 30s, 5m, 1h or 1d; a bare number is seconds";
const CRON_HINT: &str =
    "write minute, hour, day, month, day of the week: '0 3 * * mon-fri', or @hourly, @daily";
const ZONE_HINT: &str = "write a name of the time zone database, such as Europe/Berlin, or UTC";
const WINDOW_HINT: &str = "write 'sat,sun 22:00-02:00', 'daily 03:00-03:30 Europe/Berlin', \
    '2026-12-24T18:00/2026-12-26T08:00' or 'cron 0 3 * * 0 for 2h'";

/// A schedule that could not be read: what is wrong, and how it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSchedule {
    /// What is wrong, and where in the text.
    pub message: String,
    /// How to write it.
    pub hint: &'static str,
}

impl BadSchedule {
    fn new(message: impl Into<String>, hint: &'static str) -> Self {
        Self { message: message.into(), hint }
    }
}

impl fmt::Display for BadSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for BadSchedule {}

type Parsed<T> = Result<T, BadSchedule>;

/// Where time zones come from: core reads no files, so whoever does hands them in.
pub struct Zones<'a> {
    /// The zone where none is named.
    pub local: TimeZone,
    /// The zone of a name, as in the IANA database; `None` if there is none.
    pub find: &'a dyn Fn(&str) -> Option<TimeZone>,
}

impl fmt::Debug for Zones<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zones").field("local", &self.local).finish_non_exhaustive()
    }
}

impl Zones<'_> {
    /// The zone of this name, or the local one.
    ///
    /// # Errors
    /// If there is no zone of this name.
    pub fn get(&self, name: Option<&str>) -> Parsed<TimeZone> {
        let Some(name) = name else { return Ok(self.local.clone()) };
        if name.eq_ignore_ascii_case("utc") {
            return Ok(TimeZone::UTC);
        }
        (self.find)(name)
            .ok_or_else(|| BadSchedule::new(format!("there is no time zone '{name}'"), ZONE_HINT))
    }
}

/// An interval: `5m`, `30s`, `1h30m`, `1d`; a bare number is seconds.
///
/// # Errors
/// If it is none, or outside [`Every::INTERVAL_MIN`] and [`Every::INTERVAL_MAX`].
pub fn parse_every(text: &str) -> Parsed<Duration> {
    let interval = duration(text.trim())?;
    if interval < Every::INTERVAL_MIN {
        return Err(BadSchedule::new(format!("'{text}' is shorter than 100 ms"), EVERY_HINT));
    }
    Ok(interval)
}

fn duration(text: &str) -> Parsed<Duration> {
    let duration = parse_duration(text)
        .ok_or_else(|| BadSchedule::new(format!("'{text}' is no duration"), EVERY_HINT))?;
    if duration > Every::INTERVAL_MAX {
        return Err(BadSchedule::new(format!("'{text}' is longer than 366 days"), EVERY_HINT));
    }
    Ok(duration)
}

/// A cron expression of five fields, six with seconds first, or a nickname such as `@daily`. Where
/// both a day of the month and a day of the week are given, either is enough, as in `crontab(5)`.
///
/// # Errors
/// If it is none, or never comes true.
pub fn parse_cron(text: &str, zone: TimeZone) -> Parsed<Cron> {
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    let pattern = parser.parse(text).map_err(|error| {
        let why = error.to_string();
        BadSchedule::new(format!("cron '{text}': {}", why.trim_end_matches('.')), CRON_HINT)
    })?;
    let cron = Cron { pattern, zone };
    if cron.next(Time::ZERO).is_none() {
        return Err(BadSchedule::new(format!("cron '{text}' never comes true"), CRON_HINT));
    }
    Ok(cron)
}

/// A maintenance window, in one of three forms, with a time zone at its end if it is not the local
/// one: days and times, which may go over midnight (`sat,sun 22:00-02:00 Europe/Berlin`, `daily
/// 03:00-03:30`); two moments (`2026-12-24T18:00/2026-12-26T08:00`); or a cron expression and how
/// long it lasts (`cron 0 3 * * 0 for 2h`).
///
/// # Errors
/// If it is none of them, or is empty.
pub fn parse_window(text: &str, zones: &Zones<'_>) -> Parsed<Window> {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.as_slice() {
        ["cron", rest @ ..] => cron_window(text, rest, zones),
        [span] | [span, _] if span.contains('/') => {
            let zone = zones.get(words.get(1).copied())?;
            let (from, until) = span.split_once('/').expect("it has a slash");
            let (from, until) = (moment(text, from, &zone)?, moment(text, until, &zone)?);
            if until <= from {
                let message = format!("window '{text}' ends before it begins");
                return Err(BadSchedule::new(message, WINDOW_HINT));
            }
            Ok(Window::Once { from, until })
        }
        [clocks] if clocks.contains(':') => weekly(text, "daily", clocks, zones.get(None)?),
        [clocks, zone] if clocks.contains(':') => {
            weekly(text, "daily", clocks, zones.get(Some(zone))?)
        }
        [days, clocks] => weekly(text, days, clocks, zones.get(None)?),
        [days, clocks, zone] => weekly(text, days, clocks, zones.get(Some(zone))?),
        _ => Err(BadSchedule::new(format!("'{text}' is no window"), WINDOW_HINT)),
    }
}

fn cron_window(text: &str, words: &[&str], zones: &Zones<'_>) -> Parsed<Window> {
    let wrong = |why: &str| BadSchedule::new(format!("window '{text}': {why}"), WINDOW_HINT);
    let at = words.iter().position(|&word| word == "for");
    let at = at.ok_or_else(|| wrong("it does not say for how long"))?;
    let (lasts, zone) = match &words[at + 1..] {
        [lasts] => (lasts, None),
        [lasts, zone] => (lasts, Some(*zone)),
        _ => return Err(wrong("after 'for' come a duration and a time zone")),
    };
    let lasts = duration(lasts)?;
    if lasts.is_zero() {
        return Err(wrong("it has no length"));
    }
    let cron = parse_cron(&words[..at].join(" "), zones.get(zone)?)?;
    Ok(Window::Cron { cron: Arc::new(cron), lasts })
}

/// `2026-12-24T18:00` by the clock of `zone`, or with `Z` or an offset of its own.
fn moment(text: &str, part: &str, zone: &TimeZone) -> Parsed<Time> {
    let wrong =
        || BadSchedule::new(format!("'{part}' in window '{text}' is no moment"), WINDOW_HINT);
    let timestamp = match part.parse::<jiff::Timestamp>() {
        Ok(timestamp) => timestamp,
        Err(_) => {
            let civil: jiff::civil::DateTime = part.parse().map_err(|_| wrong())?;
            civil.to_zoned(zone.clone()).map_err(|_| wrong())?.timestamp()
        }
    };
    to_time(&timestamp).ok_or_else(wrong)
}

fn weekly(text: &str, days: &str, clocks: &str, zone: TimeZone) -> Parsed<Window> {
    let wrong = |part: &str, what: &str| {
        BadSchedule::new(format!("'{part}' in window '{text}' is no {what}"), WINDOW_HINT)
    };
    let (from, until) =
        clocks.split_once('-').ok_or_else(|| wrong(clocks, "pair of times such as 22:00-02:00"))?;
    let clock = |part: &str| -> Parsed<Clock> {
        // The end of a day is midnight of the next.
        let part = if part == "24:00" { "00:00" } else { part };
        part.parse().map_err(|_| wrong(part, "time of day"))
    };
    let days = read_days(days).map_err(|part| wrong(part, "day of the week"))?;
    Ok(Window::Weekly { days, from: clock(from)?, until: clock(until)?, zone })
}

/// `daily`, or days and ranges of them: `mon-fri,sun`. The part that is none, if there is one.
fn read_days(text: &str) -> Result<Days, &str> {
    if text == "daily" {
        return Ok(Days::ALL);
    }
    let mut days = Days::NONE;
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (read_day(first).ok_or(part)?, read_day(last).ok_or(part)?);
        let mut day = first;
        days = days.with(day);
        while day != last {
            day = day.next();
            days = days.with(day);
        }
    }
    Ok(days)
}

fn read_day(text: &str) -> Option<Weekday> {
    const NAMES: [(&str, Weekday); 7] = [
        ("monday", Weekday::Monday),
        ("tuesday", Weekday::Tuesday),
        ("wednesday", Weekday::Wednesday),
        ("thursday", Weekday::Thursday),
        ("friday", Weekday::Friday),
        ("saturday", Weekday::Saturday),
        ("sunday", Weekday::Sunday),
    ];
    let text = text.to_ascii_lowercase();
    let is_it = |name: &str| text == name || text.len() == 3 && name.starts_with(&text);
    NAMES.iter().find(|(name, _)| is_it(name)).map(|&(_, day)| day)
}
