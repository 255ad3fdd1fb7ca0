//! Dates in text, as ISO 8601: from machine forms and from what people write.

use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::rfc2822;
use jiff::tz::Offset;
use jiff::{Timestamp, Zoned};

/// Characters of a text that is looked at.
const CHARS_MAX: usize = 200;

/// Which of `3/5/2026` is the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    DayFirst,
    MonthFirst,
}

impl Order {
    /// By the language of the page: only in the United States the month comes first.
    pub(crate) fn of(language: Option<&str>) -> Self {
        match language {
            Some(language) if language.eq_ignore_ascii_case("en-us") => Self::MonthFirst,
            _ => Self::DayFirst,
        }
    }
}

/// The first date in a text, as `2026-03-05` or, with a time, `2026-03-05T15:04:00+01:00`.
pub(crate) fn date(text: &str, order: Order) -> Option<String> {
    let cut = text.char_indices().nth(CHARS_MAX).map_or(text.len(), |(at, _)| at);
    let text = text[..cut].trim();
    machine(text).or_else(|| human(text, order))
}

/// RFC 3339 and its kin, RFC 2822, seconds or milliseconds since 1970.
fn machine(text: &str) -> Option<String> {
    if let Ok(zoned) = text.parse::<Zoned>() {
        return Some(with_offset(zoned.datetime(), Some(zoned.offset())));
    }
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        // It is an instant; its offset is kept as it was written.
        let offset = written_offset(text).unwrap_or(Offset::UTC);
        return Some(with_offset(offset.to_datetime(timestamp), Some(offset)));
    }
    if let Ok(zoned) = rfc2822::parse(text) {
        return Some(with_offset(zoned.datetime(), Some(zoned.offset())));
    }
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let unix = match text.len() {
        10 if is_number => Timestamp::from_second(text.parse().ok()?),
        13 if is_number => Timestamp::from_millisecond(text.parse().ok()?),
        8 if is_number => return text.parse::<Date>().ok().map(|date| date.to_string()),
        _ => {
            // A date alone, or with a time of day.
            if !text.starts_with(|c: char| c.is_ascii_digit()) || !text.contains('-') {
                return None;
            }
            if text.len() == 10 {
                return text.parse::<Date>().ok().map(|date| date.to_string());
            }
            return text.parse::<DateTime>().ok().map(|moment| with_offset(moment, None));
        }
    };
    unix.ok().map(|at| with_offset(Offset::UTC.to_datetime(at), Some(Offset::UTC)))
}

fn written_offset(text: &str) -> Option<Offset> {
    let at = text.rfind(['+', '-']).filter(|at| *at > 10)?;
    let digits: String = text[at + 1..].chars().filter(char::is_ascii_digit).collect();
    let hours: i32 = digits.get(..2)?.parse().ok()?;
    let minutes: i32 = digits.get(2..4).unwrap_or("00").parse().ok()?;
    let seconds = (hours * 60 + minutes) * 60;
    let sign = if text[at..].starts_with('-') { -1 } else { 1 };
    Offset::from_seconds(sign * seconds).ok()
}

fn with_offset(moment: DateTime, offset: Option<Offset>) -> String {
    match offset {
        None => moment.to_string(),
        Some(Offset::UTC) => format!("{moment}Z"),
        Some(offset) => {
            let minutes = offset.seconds() / 60;
            let sign = if minutes < 0 { '-' } else { '+' };
            format!("{moment}{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
        }
    }
}

/// A word or a number of a text.
#[derive(Clone, Copy, Debug)]
struct Token<'a> {
    text: &'a str,
    /// What comes right after it.
    after: Option<char>,
}

/// `5 March 2026`, `March 5th, 2026 3:04 PM`, `05.03.2026`, `2026/3/5`.
fn human(text: &str, order: Order) -> Option<String> {
    let tokens = tokens(text);
    (0..tokens.len()).find_map(|at| {
        let (date, used) = date_at(&tokens[at..], order)?;
        let moment = time_in(&tokens[at + used..]).map(|time| date.to_datetime(time));
        Some(moment.map_or_else(|| date.to_string(), |moment| moment.to_string()))
    })
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(char::is_alphanumeric) {
        rest = &rest[start..];
        let is_number = rest.starts_with(|c: char| c.is_ascii_digit());
        let ends = |c: char| match is_number {
            true => !c.is_ascii_digit(),
            false => !c.is_alphabetic(),
        };
        // Whatever else counts as a number ends at once.
        let end = rest.find(ends).unwrap_or(rest.len());
        let end = if end == 0 { rest.chars().next().map_or(1, char::len_utf8) } else { end };
        tokens.push(Token { text: &rest[..end], after: rest[end..].chars().next() });
        rest = &rest[end..];
    }
    tokens
}

/// A date at the head of the tokens, and how many it takes.
fn date_at(tokens: &[Token<'_>], order: Order) -> Option<(Date, usize)> {
    let number = |at: usize| tokens.get(at)?.text.parse::<i16>().ok();
    let name = |at: usize| month(tokens.get(at)?.text);
    let is_filler = |at: usize| {
        tokens.get(at).is_some_and(|token| {
            matches!(
                &*token.text.to_lowercase(),
                "st" | "nd" | "rd" | "th" | "de" | "of" | "г" | "er"
            )
        })
    };
    let skip = |at: usize| if is_filler(at) { at + 1 } else { at };
    let made = |year, month, day, used| {
        let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
        Some((Date::new(year, month, day).ok()?, used))
    };
    // `5 March 2026`, `5th of March, 2026`, `5 de marzo de 2026`
    if let Some(day) = number(0)
        && let at = skip(skip(1))
        && let Some(month) = name(at)
        && let at = skip(at + 1)
        && let Some(year) = number(at).and_then(|year| full_year(year, tokens[at].text))
    {
        return made(year, i16::from(month), day, at + 1);
    }
    // `March 5, 2026`
    if let Some(month) = name(0)
        && let Some(day) = number(1)
        && let at = skip(2)
        && let Some(year) = number(at).and_then(|year| full_year(year, tokens[at].text))
    {
        return made(year, i16::from(month), day, at + 1);
    }
    let joint = tokens.first()?.after?;
    if !matches!(joint, '/' | '.' | '-') || tokens.get(1)?.after != Some(joint) {
        return None;
    }
    let (first, second, third) = (number(0)?, number(1)?, number(2)?);
    if tokens[0].text.len() == 4 {
        return made(first, second, third, 3);
    }
    let year = full_year(third, tokens[2].text)?;
    let day_first = match (order, joint) {
        _ if first > 12 => true,
        _ if second > 12 => false,
        // Points are written between day and month only.
        (Order::MonthFirst, '/' | '-') => false,
        _ => true,
    };
    if day_first { made(year, second, first, 3) } else { made(year, first, second, 3) }
}

/// A year of four digits, or of two: 1970 to 2069.
fn full_year(year: i16, text: &str) -> Option<i16> {
    match text.len() {
        4 => Some(year),
        2 if year < 70 => Some(2000 + year),
        2 => Some(1900 + year),
        _ => None,
    }
}

/// The first time of day: `15:04`, `15:04:05`, `3:04 pm`.
fn time_in(tokens: &[Token<'_>]) -> Option<Time> {
    let at = tokens.iter().position(|token| token.after == Some(':'))?;
    let number = |at: usize| tokens.get(at)?.text.parse::<i8>().ok();
    let (mut hour, minute) = (number(at)?, number(at + 1)?);
    let has_seconds = tokens[at + 1].after == Some(':');
    let second = if has_seconds { number(at + 2)? } else { 0 };
    let half = tokens.get(at + 2 + usize::from(has_seconds));
    match half.map(|half| half.text.to_lowercase()).as_deref() {
        Some("pm" | "p") if hour < 12 => hour += 12,
        Some("am" | "a") if hour == 12 => hour = 0,
        _ => {}
    }
    Time::new(hour, minute, second, 0).ok()
}

/// Beginnings of the months' names: English, German, French, Spanish, Italian, Portuguese, Dutch,
/// Polish, Russian. The longer one of two that begin alike comes first.
const MONTHS: &[(&str, i8)] = &[
    ("januar", 1),
    ("janv", 1),
    ("jan", 1),
    ("jän", 1),
    ("enero", 1),
    ("ene", 1),
    ("gennaio", 1),
    ("gen", 1),
    ("styczn", 1),
    ("янв", 1),
    ("febr", 2),
    ("feb", 2),
    ("fév", 2),
    ("fev", 2),
    ("lut", 2),
    ("фев", 2),
    ("march", 3),
    ("mar", 3),
    ("mär", 3),
    ("maart", 3),
    ("mrt", 3),
    ("мар", 3),
    ("apr", 4),
    ("avr", 4),
    ("abr", 4),
    ("kwie", 4),
    ("апр", 4),
    ("may", 5),
    ("mai", 5),
    ("mei", 5),
    ("mag", 5),
    ("maj", 5),
    ("ма", 5),
    ("june", 6),
    ("juni", 6),
    ("juin", 6),
    ("jun", 6),
    ("giu", 6),
    ("czerw", 6),
    ("июн", 6),
    ("july", 7),
    ("juli", 7),
    ("juil", 7),
    ("jul", 7),
    ("lug", 7),
    ("lip", 7),
    ("июл", 7),
    ("aug", 8),
    ("août", 8),
    ("aou", 8),
    ("ago", 8),
    ("sierp", 8),
    ("авг", 8),
    ("sept", 9),
    ("sep", 9),
    ("set", 9),
    ("wrze", 9),
    ("сен", 9),
    ("okt", 10),
    ("oct", 10),
    ("out", 10),
    ("ott", 10),
    ("paźd", 10),
    ("окт", 10),
    ("nov", 11),
    ("nove", 11),
    ("listop", 11),
    ("ноя", 11),
    ("dec", 12),
    ("dez", 12),
    ("déc", 12),
    ("dic", 12),
    ("grud", 12),
    ("дек", 12),
];

/// Characters of a month's name, at most.
const MONTH_CHARS_MAX: usize = 12;

/// The month that a word names.
pub(crate) fn month(word: &str) -> Option<i8> {
    if word.chars().count() > MONTH_CHARS_MAX {
        return None;
    }
    let word = word.to_lowercase();
    MONTHS.iter().find(|(start, _)| word.starts_with(start)).map(|(_, month)| *month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_become_iso_8601() {
        let cases = [
            ("2026-03-05", "2026-03-05"),
            ("20260305", "2026-03-05"),
            ("2026-03-05T15:04:05", "2026-03-05T15:04:05"),
            ("2026-03-05 15:04", "2026-03-05T15:04:00"),
            ("2026-03-05T15:04:05Z", "2026-03-05T15:04:05Z"),
            ("2026-03-05T15:04:05+01:00", "2026-03-05T15:04:05+01:00"),
            ("2026-03-05T15:04:05.250-0530", "2026-03-05T15:04:05.25-05:30"),
            ("Tue, 15 Nov 1994 12:45:26 GMT", "1994-11-15T12:45:26Z"),
            ("1772722800", "2026-03-05T15:00:00Z"),
            ("1772722800123", "2026-03-05T15:00:00.123Z"),
            ("5 March 2026", "2026-03-05"),
            ("on the 5th of March, 2026", "2026-03-05"),
            ("March 5, 2026 3:04 PM", "2026-03-05T15:04:00"),
            ("Mar 5th, 2026 at 12:04 am", "2026-03-05T00:04:00"),
            ("5. März 2026", "2026-03-05"),
            ("5 de marzo de 2026", "2026-03-05"),
            ("1er août 2026", "2026-08-01"),
            ("5 марта 2026 г.", "2026-03-05"),
            ("05.03.2026", "2026-03-05"),
            ("05.03.26", "2026-03-05"),
            ("2026/3/5", "2026-03-05"),
            ("3/5/2026", "2026-05-03"),
            ("13/5/2026", "2026-05-13"),
            ("5/13/2026", "2026-05-13"),
            ("Updated: 05.03.2026, 15:04:05", "2026-03-05T15:04:05"),
        ];
        for (text, want) in cases {
            assert_eq!(date(text, Order::DayFirst).as_deref(), Some(want), "{text}");
        }
        assert_eq!(date("3/5/2026", Order::of(Some("en-US"))).as_deref(), Some("2026-03-05"));
        for text in ["", "tomorrow", "31.02.2026", "1.2.3", "17", "12:30", "½ 3"] {
            assert_eq!(date(text, Order::DayFirst), None, "{text}");
        }
    }
}
