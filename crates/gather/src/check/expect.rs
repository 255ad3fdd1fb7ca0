//! What is expected of an answer: `status in 200..=399`, `cert_days > 14`, `json:$.state == 'ok'`.

use std::fmt;
use std::str::FromStr;

use gather_core::config::StatusSet;
use gather_core::{Duration, Finding, Health, Record};
use regex::bytes::Regex;

use super::json;
use crate::comparison::Comparison;

/// Bytes that a compiled pattern may take.
const REGEX_BYTES_MAX: usize = 1 << 20;
const US_PER_DAY: f64 = 86_400.0 * 1e6;

/// One condition. Read from text with [`FromStr`].
#[derive(Clone, Debug)]
pub struct Expect {
    /// As written, for the reason.
    text: Box<str>,
    subject: Subject,
    test: Test,
}

/// What a condition looks at.
#[derive(Clone, Debug)]
enum Subject {
    Status,
    /// A phase of the try, in seconds.
    Time(Phase),
    /// Until the certificate ends, in days.
    CertDays,
    /// The decoded body, in bytes.
    ContentLength,
    Body,
    /// By its name in lower case.
    Header(Box<str>),
    /// What a path finds in the body.
    Json(json::Path),
}

impl Subject {
    /// Whether it is a text, or may be one.
    fn is_text(&self) -> bool {
        matches!(self, Self::Body | Self::Header(_) | Self::Json(_))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Namelookup,
    Connect,
    Appconnect,
    Starttransfer,
    Total,
}

#[derive(Clone, Debug)]
enum Test {
    StatusIn(StatusSet),
    Number(Comparison, f64),
    Contains(Box<str>),
    Lacks(Box<str>),
    Equals(Box<str>),
    Differs(Box<str>),
    Matches(Regex),
}

/// Why a condition cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectError {
    /// What is wrong, lower case.
    pub message: String,
    /// How it is written.
    pub hint: &'static str,
}

impl fmt::Display for ExpectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; hint: {}", self.message, self.hint)
    }
}

impl std::error::Error for ExpectError {}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Expect {
    /// Whether the body must be kept for it.
    pub fn needs_body(&self) -> bool {
        matches!(self.subject, Subject::Body | Subject::Json(_))
    }

    /// What is wrong with an answer; `None` if it is as expected. What it says (status, body,
    /// headers) takes it down; how long it took and how long its certificate lasts degrade it.
    pub fn unmet(&self, record: &Record) -> Option<Finding> {
        let found = match self.measure(record) {
            Ok(()) => return None,
            Err(found) => found,
        };
        let health = match self.subject {
            Subject::Status | Subject::Body | Subject::Header(_) | Subject::Json(_) => Health::Down,
            Subject::Time(_) | Subject::CertDays | Subject::ContentLength => Health::Degraded,
        };
        Some(Finding::new(health, format!("expected {}, found {found}", self.text)))
    }

    /// What was found instead of what is expected.
    fn measure(&self, record: &Record) -> Result<(), String> {
        match (&self.subject, &self.test) {
            (Subject::Status, Test::StatusIn(set)) => match set.contains(record.status_code) {
                true => Ok(()),
                false => Err(record.status_code.to_string()),
            },
            (subject, Test::Number(comparison, right)) => {
                if let Subject::Json(path) = subject {
                    return json_number(path, record, *comparison, *right);
                }
                let Some(left) = self.number(record) else {
                    return Err("none".to_owned());
                };
                match comparison.holds(left, *right) {
                    true => Ok(()),
                    false => Err(self.written(left)),
                }
            }
            (Subject::Json(path), test) => {
                let value = path.find(record.body.as_deref().unwrap_or_default());
                match (value, test) {
                    (None, Test::Lacks(_) | Test::Differs(_)) => Ok(()),
                    (None, _) => Err("none".to_owned()),
                    (Some(value), test) => {
                        holds(test, value.as_bytes()).then_some(()).ok_or_else(|| excerpt(&value))
                    }
                }
            }
            (Subject::Header(name), test) => {
                let headers = record.headers.as_deref().map(Vec::as_slice).unwrap_or_default();
                let value = headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
                match (value, test) {
                    (None, Test::Lacks(_) | Test::Differs(_)) => Ok(()),
                    (None, _) => Err("none".to_owned()),
                    (Some((_, value)), test) => {
                        holds(test, value.as_bytes()).then_some(()).ok_or_else(|| excerpt(value))
                    }
                }
            }
            (_, test) => {
                let body = record.body.as_deref().unwrap_or_default();
                let what = || format!("a body of {} bytes without it", body.len());
                match (holds(test, body), test) {
                    (true, _) => Ok(()),
                    (false, Test::Lacks(_)) => Err("it".to_owned()),
                    (false, _) => Err(what()),
                }
            }
        }
    }

    fn number(&self, record: &Record) -> Option<f64> {
        let timings = &record.timings;
        let time = |time: Duration| Some(time.as_secs_f64());
        match self.subject {
            Subject::Status => Some(f64::from(record.status_code)),
            Subject::Time(Phase::Namelookup) => time(timings.namelookup),
            Subject::Time(Phase::Connect) => time(timings.connect),
            Subject::Time(Phase::Appconnect) => time(timings.appconnect),
            Subject::Time(Phase::Starttransfer) => time(timings.starttransfer),
            Subject::Time(Phase::Total) => time(timings.total),
            Subject::ContentLength => Some(record.content_length as f64),
            Subject::CertDays => {
                let ends_s = record.tls.as_ref()?.not_after_unix_s?;
                Some((ends_s as f64 * 1e6 - timings.started_unix_us as f64) / US_PER_DAY)
            }
            Subject::Body | Subject::Header(_) | Subject::Json(_) => None,
        }
    }

    fn written(&self, number: f64) -> String {
        match self.subject {
            Subject::Time(_) => format!("{number:.3}s"),
            Subject::CertDays => format!("{number:.1}"),
            _ => format!("{number:.0}"),
        }
    }
}

fn json_number(
    path: &json::Path,
    record: &Record,
    comparison: Comparison,
    right: f64,
) -> Result<(), String> {
    let Some(value) = path.find(record.body.as_deref().unwrap_or_default()) else {
        return Err("none".to_owned());
    };
    let holds = value.parse().is_ok_and(|left| comparison.holds(left, right));
    holds.then_some(()).ok_or_else(|| excerpt(&value))
}

fn holds(test: &Test, bytes: &[u8]) -> bool {
    match test {
        Test::Contains(part) => contains(bytes, part),
        Test::Lacks(part) => !contains(bytes, part),
        Test::Equals(whole) => bytes.trim_ascii() == whole.as_bytes(),
        Test::Differs(whole) => bytes.trim_ascii() != whole.as_bytes(),
        Test::Matches(regex) => regex.is_match(bytes),
        Test::StatusIn(_) | Test::Number(..) => false,
    }
}

fn contains(bytes: &[u8], part: &str) -> bool {
    memchr::memmem::find(bytes, part.as_bytes()).is_some()
}

fn excerpt(value: &str) -> String {
    const CHARS_MAX: usize = 60;
    match value.char_indices().nth(CHARS_MAX) {
        None => format!("'{value}'"),
        Some((at, _)) => format!("'{}…'", &value[..at]),
    }
}

const HINT: &str = "write for example 'status in 200..=399', 'time_total < 2s', 'cert_days > 14', \
                    \"body contains 'ok'\", \"header.server == 'nginx'\"";

fn wrong(message: impl Into<String>) -> ExpectError {
    ExpectError { message: message.into(), hint: HINT }
}

impl FromStr for Expect {
    type Err = ExpectError;

    fn from_str(text: &str) -> Result<Self, ExpectError> {
        let text = text.trim();
        let end = match text.starts_with("json:") {
            true => end_of_path(text),
            false => text.find(|c: char| c.is_whitespace() || "<>=!".contains(c)),
        };
        let (name, rest) = end
            .map(|end| (&text[..end], text[end..].trim()))
            .ok_or_else(|| wrong(format!("'{text}' has no condition")))?;
        let subject = subject(name)?;
        let (operator, value) = operator(rest)
            .ok_or_else(|| wrong(format!("'{text}': '{rest}' does not begin with an operator")))?;
        let value = unquoted(value.trim());
        if value.is_empty() {
            return Err(wrong(format!("'{text}' has nothing to compare with")));
        }
        let test = test(&subject, operator, value).map_err(|error| ExpectError {
            message: format!("'{text}': {}", error.message),
            ..error
        })?;
        Ok(Self { text: text.into(), subject, test })
    }
}

/// Where a path ends: at the first space outside of its brackets and quotes.
fn end_of_path(text: &str) -> Option<usize> {
    let (mut depth, mut quote) = (0_u32, None);
    text.char_indices().find_map(|(at, c)| {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '[' | '(') => depth += 1,
            (None, ']' | ')') => depth = depth.saturating_sub(1),
            (None, c) if c.is_whitespace() && depth == 0 => return Some(at),
            (None, _) => {}
        }
        None
    })
}

fn subject(name: &str) -> Result<Subject, ExpectError> {
    if let Some(path) = name.strip_prefix("json:") {
        return json::Path::parse(path).map(Subject::Json).map_err(wrong);
    }
    Ok(match name {
        "status" | "status_code" => Subject::Status,
        "time_namelookup" => Subject::Time(Phase::Namelookup),
        "time_connect" => Subject::Time(Phase::Connect),
        "time_appconnect" => Subject::Time(Phase::Appconnect),
        "time_starttransfer" => Subject::Time(Phase::Starttransfer),
        "time_total" => Subject::Time(Phase::Total),
        "cert_days" => Subject::CertDays,
        "content_length" => Subject::ContentLength,
        "body" => Subject::Body,
        _ => match name.strip_prefix("header.") {
            Some(header) if !header.is_empty() => {
                Subject::Header(header.to_ascii_lowercase().into())
            }
            _ => {
                return Err(wrong(format!(
                    "'{name}' cannot be expected anything of: there are status, time_total, \
                     time_starttransfer, time_connect, time_appconnect, time_namelookup, \
                     cert_days, content_length, body, header.NAME and json:PATH"
                )));
            }
        },
    })
}

/// The operators, the longer ones of a common beginning first.
const OPERATORS: &[&str] =
    &["<=", ">=", "==", "!=", "<", ">", "=", "in", "contains", "lacks", "matches"];

fn operator(rest: &str) -> Option<(&'static str, &str)> {
    OPERATORS.iter().find_map(|operator| {
        let value = rest.strip_prefix(operator)?;
        let is_word = operator.starts_with(|c: char| c.is_ascii_alphabetic());
        let ends =
            !is_word || value.starts_with(|c: char| c.is_whitespace() || c == '\'' || c == '"');
        ends.then_some((*operator, value))
    })
}

fn unquoted(value: &str) -> &str {
    for quote in ['\'', '"'] {
        if value.len() >= 2 && value.starts_with(quote) && value.ends_with(quote) {
            return &value[1..value.len() - 1];
        }
    }
    value
}

fn test(subject: &Subject, operator: &str, value: &str) -> Result<Test, ExpectError> {
    let is_text = match (subject, operator) {
        // What a path finds may be a number.
        (Subject::Json(_), "<" | "<=" | ">" | ">=") => false,
        (subject, _) => subject.is_text(),
    };
    match (operator, is_text) {
        ("in", false) if matches!(subject, Subject::Status) => statuses(value).map(Test::StatusIn),
        ("contains", true) => Ok(Test::Contains(value.into())),
        ("lacks", true) => Ok(Test::Lacks(value.into())),
        ("==" | "=", true) => Ok(Test::Equals(value.into())),
        ("!=", true) => Ok(Test::Differs(value.into())),
        ("matches", true) => {
            let built = regex::bytes::RegexBuilder::new(value).size_limit(REGEX_BYTES_MAX).build();
            built.map(Test::Matches).map_err(|error| {
                let last = error.to_string();
                let why = last.lines().last().unwrap_or_default().trim();
                wrong(format!("'{value}' is no regular expression: {why}"))
            })
        }
        (_, true) => Err(wrong(format!("text is not compared with {operator}"))),
        ("in" | "contains" | "lacks" | "matches", false) => {
            Err(wrong(format!("a number is not compared with {operator}")))
        }
        (sign, false) => {
            // The one other sign is `=`.
            let comparison = Comparison::of_sign(sign).unwrap_or(Comparison::Equal);
            number(subject, value).map(|number| Test::Number(comparison, number))
        }
    }
}

fn statuses(value: &str) -> Result<StatusSet, ExpectError> {
    let code = |text: &str| {
        let code = text.trim().parse::<u16>().ok().filter(|code| (100..=999).contains(code));
        code.ok_or_else(|| wrong(format!("'{}' is not a status", text.trim())))
    };
    let range = |part: &str| {
        Ok(match part.split_once("..") {
            None => code(part)?..=code(part)?,
            Some((first, last)) => match last.strip_prefix('=') {
                Some(last) => code(first)?..=code(last)?,
                None => code(first)?..=code(last)?.saturating_sub(1),
            },
        })
    };
    value.split(',').map(range).collect::<Result<_, _>>().map(StatusSet::new)
}

/// A number; of a time with its unit (`2s`, `300ms`), where a bare number is seconds.
fn number(subject: &Subject, value: &str) -> Result<f64, ExpectError> {
    let value = value.trim();
    let (digits, factor) = match subject {
        Subject::Time(_) => match (value.strip_suffix("ms"), value.strip_suffix('s')) {
            (Some(digits), _) => (digits, 1e-3),
            (_, Some(digits)) => (digits, 1.0),
            _ => (value, 1.0),
        },
        _ => (value, 1.0),
    };
    let number = digits.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    number.map(|number| number * factor).ok_or_else(|| wrong(format!("'{value}' is not a number")))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use gather_core::attempt::TlsInfo;
    use gather_core::{Outcome, Timings};

    use super::*;
    use Health::{Degraded, Down};

    /// 200, 1.5 s, a certificate for ten more days, `server: nginx`, body `{"status":"ok"}`.
    fn record() -> Record {
        let tls =
            TlsInfo { version: "1.3", not_after_unix_s: Some(10 * 86_400), ..TlsInfo::default() };
        Record {
            status_code: 200,
            content_length: 15,
            timings: Timings { total: Duration::from_millis(1500), ..Timings::default() },
            tls: Some(Arc::new(tls)),
            headers: Some(Box::new(vec![("Server".into(), "nginx".into())])),
            body: Some(r#"{"status":"ok"}"#.into()),
            ..Record::new(0, Outcome::Ok)
        }
    }

    /// What a condition says of the record.
    fn check(text: &str, expected: Option<(Health, &str)>) {
        let expect: Expect = text.parse().unwrap_or_else(|error| panic!("{error}"));
        let found = expect.unmet(&record());
        let expected = expected
            .map(|(health, found)| Finding::new(health, format!("expected {text}, found {found}")));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn conditions_hold_or_say_what_was_found() {
        check("status in 200..=399", None);
        check("status in 200..200", Some((Down, "200")));
        check("status in 204,201", Some((Down, "200")));
        check("status == 200", None);
        check("status != 200", Some((Down, "200")));
        check("time_total < 2s", None);
        check("time_total<1500ms", Some((Degraded, "1.500s")));
        check("time_total <= 1.5", None);
        check("time_connect > 0", Some((Degraded, "0.000s")));
        check("cert_days > 14", Some((Degraded, "10.0")));
        check("cert_days >= 10", None);
        check("content_length > 100", Some((Degraded, "15")));
        check(r#"body contains '"ok"'"#, None);
        check("body contains error", Some((Down, "a body of 15 bytes without it")));
        check("body lacks error", None);
        check("body lacks ok", Some((Down, "it")));
        check(r#"body matches '"status":\s*"(ok|fine)"'"#, None);
        check("header.SERVER == nginx", None);
        check("header.server contains apache", Some((Down, "'nginx'")));
        check("header.x-cache == HIT", Some((Down, "none")));
        check("header.x-cache != HIT", None);
    }

    #[test]
    #[cfg(feature = "extract")]
    fn conditions_on_json_look_where_their_path_leads() {
        check("json:$.status == 'ok'", None);
        check("json:$.status != ok", Some((Down, "'ok'")));
        check("json:$['status'] matches '^o'", None);
        check("json:$.state == ok", Some((Down, "none")));
        check("json:$.state lacks error", None);
        check("json:$.status > 3", Some((Down, "'ok'")));
        check("json:$.list[?@.n > 1].n >= 2", Some((Down, "none")));
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let check = |text: &str, part: &str| {
            let error = text.parse::<Expect>().expect_err(text);
            assert!(error.message.contains(part), "{text}: {}", error.message);
        };
        check("", "has no condition");
        check("status", "has no condition");
        check("colour == red", "'colour' cannot be expected anything of");
        check("header. == red", "'header.' cannot");
        check("status around 200", "does not begin with an operator");
        check("status inside", "does not begin with an operator");
        check("status in", "does not begin with an operator");
        check("status in 200..=abc", "'abc' is not a status");
        check("status contains 2", "a number is not compared with contains");
        check("body < 3", "text is not compared with <");
        check("time_total < soon", "'soon' is not a number");
        check("cert_days > 14d", "'14d' is not a number");
        check("body matches '('", "is no regular expression");
        let is_read = cfg!(feature = "extract");
        check("json:$.a..[] == 1", if is_read { "is no JSONPath" } else { "are not built in" });
        check("body contains ''", "has nothing to compare with");
    }
}
