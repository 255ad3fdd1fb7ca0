//! A table of a configuration as plain data, and reading it key by key with errors that say where.

use std::fmt;
use std::time::Duration;

use gather_core::time::parse_duration;

/// A year: longer waits are typing errors.
const DURATION_S_MAX: f64 = 366.0 * 86_400.0;
const DURATION_HINT: &str = "write 30s, 5m, 1h or 1d; a bare number is seconds";

/// One value of a configuration, whatever language it was written in.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text.
    Text(Text),
    /// A number.
    Number(f64),
    /// `true` or `false`.
    Bool(bool),
    /// A list.
    List(Vec<Value>),
    /// A table, in the order in which it was written.
    Table(Vec<(String, Value)>),
}

impl Value {
    /// Text without references.
    pub fn text(text: &str) -> Self {
        Self::Text(Text::plain(text))
    }

    const fn called(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Number(_) => "a number",
            Self::Bool(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// Text that may have come from `${env:…}` or `${file:…}`. `Debug` shows what was written, never
/// what it refers to.
#[derive(Clone, PartialEq, Eq)]
pub struct Text {
    value: Box<str>,
    written: Option<Box<str>>,
}

impl Text {
    /// Text as it stands in the file.
    pub fn plain(text: &str) -> Self {
        Self { value: text.into(), written: None }
    }

    /// What references in `written` resolved to: a secret.
    pub fn resolved(value: &str, written: &str) -> Self {
        Self { value: value.into(), written: Some(written.into()) }
    }

    /// The text itself, which may be a secret.
    pub fn expose(&self) -> &str {
        &self.value
    }

    /// As written in the file, where it holds references.
    pub fn reference(&self) -> Option<&str> {
        self.written.as_deref()
    }

    /// What each of its references resolved to, as far as the text around them tells.
    pub(super) fn secrets(&self) -> Vec<&str> {
        let Some(written) = &self.written else { return Vec::new() };
        let mut found = Vec::new();
        let mut value = &*self.value;
        let mut rest = &**written;
        while let Some(start) = rest.find("${") {
            let Some(end) = rest[start..].find('}') else { break };
            let Some(after) = value.get(start..) else { break };
            rest = &rest[start + end + 1..];
            // Up to what stands between this reference and the next.
            let between = &rest[..rest.find("${").unwrap_or(rest.len())];
            let length = match (between.is_empty(), rest.contains("${")) {
                (true, _) => after.len(),
                (_, true) => after.find(between).unwrap_or(after.len()),
                (_, false) => after.strip_suffix(between).map_or(after.len(), str::len),
            };
            found.push(&after[..length]);
            value = &after[length..];
        }
        found
    }

    /// The text to be shown.
    pub fn shown(&self) -> &str {
        self.written.as_deref().unwrap_or(&self.value)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.written {
            Some(written) => write!(f, "{written:?}"),
            None => f.write_str("text"),
        }
    }
}

/// One step from a table to a value in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A key of a table.
    Key(String),
    /// An item of a list, from 0.
    Item(usize),
}

/// What is wrong in a table, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// From the table that was read to the value that is wrong; empty for the table as a whole.
    pub path: Vec<Step>,
    /// What is wrong: lower case, no full stop, no secret.
    pub message: String,
    /// How it is written.
    pub hint: String,
}

impl ConfigError {
    pub(super) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { path: Vec::new(), message: message.into(), hint: hint.into() }
    }

    /// The same, one step further in.
    pub(super) fn within(mut self, step: Step) -> Self {
        self.path.insert(0, step);
        self
    }

    pub(super) fn under(self, key: &str) -> Self {
        self.within(Step::Key(key.to_owned()))
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.path.iter().enumerate() {
            match step {
                Step::Key(key) if at == 0 => write!(f, "{key}")?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Item(item) => write!(f, "[{item}]")?,
            }
        }
        let colon = if self.path.is_empty() { "" } else { ": " };
        write!(f, "{colon}{}; hint: {}", self.message, self.hint)
    }
}

impl std::error::Error for ConfigError {}

/// A table read key by key. What nobody asked for is an error at the end.
pub(super) struct Fields<'a> {
    pairs: &'a [(String, Value)],
    asked: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(pairs: &'a [(String, Value)]) -> Self {
        Self { pairs, asked: Vec::new() }
    }

    pub(super) fn value(&mut self, key: &'static str) -> Option<&'a Value> {
        self.asked.push(key);
        self.pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    pub(super) fn text(&mut self, key: &'static str) -> Result<Option<&'a Text>, ConfigError> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(other) => Err(wants(other, "text").under(key)),
        }
    }

    /// A text that must be there.
    pub(super) fn needed(
        &mut self,
        key: &'static str,
        hint: &str,
    ) -> Result<&'a Text, ConfigError> {
        match self.text(key)? {
            Some(text) => Ok(text),
            None => Err(ConfigError::new(format!("there is no `{key}`"), hint)),
        }
    }

    /// One text, or a list of them; empty if the key is not there.
    pub(super) fn texts(&mut self, key: &'static str) -> Result<Vec<&'a Text>, ConfigError> {
        self.value(key).map_or_else(|| Ok(Vec::new()), texts).map_err(|e| e.under(key))
    }

    /// Names and texts, in order; empty if the key is not there.
    pub(super) fn pairs(
        &mut self,
        key: &'static str,
    ) -> Result<Vec<(&'a str, &'a Text)>, ConfigError> {
        let Some(value) = self.value(key) else { return Ok(Vec::new()) };
        let Value::Table(pairs) = value else {
            return Err(wants(value, "a table").under(key));
        };
        let pair = |(name, value): &'a (String, Value)| match value {
            Value::Text(text) => Ok((name.as_str(), text)),
            other => Err(wants(other, "text").under(name).under(key)),
        };
        pairs.iter().map(pair).collect()
    }

    pub(super) fn duration(&mut self, key: &'static str) -> Result<Option<Duration>, ConfigError> {
        match self.value(key) {
            None => Ok(None),
            Some(value) => duration(value).map(Some).map_err(|error| error.under(key)),
        }
    }

    /// A whole number from 1.
    pub(super) fn count(&mut self, key: &'static str) -> Result<Option<u32>, ConfigError> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Number(n)) if *n >= 1.0 && *n <= 1e6 && n.fract() == 0.0 => {
                Ok(Some(*n as u32))
            }
            Some(_) => Err(ConfigError::new("it is no whole number from 1", "write 20").under(key)),
        }
    }

    /// What is left over: the first key that nobody asked for.
    pub(super) fn finish(self) -> Result<(), ConfigError> {
        let stranger = self.pairs.iter().find(|(name, _)| !self.asked.contains(&name.as_str()));
        match stranger {
            None => Ok(()),
            Some((name, _)) => Err(unknown(name, "key", &self.asked).under(name)),
        }
    }
}

/// One text, or a list of them.
pub(super) fn texts(value: &Value) -> Result<Vec<&Text>, ConfigError> {
    match value {
        Value::Text(text) => Ok(vec![text]),
        Value::List(items) => {
            let items = items.iter().enumerate();
            let texts = items.map(|(at, item)| match item {
                Value::Text(text) => Ok(text),
                other => Err(wants(other, "text").within(Step::Item(at))),
            });
            texts.collect()
        }
        other => Err(wants(other, "text, or a list of texts")),
    }
}

pub(super) fn wants(value: &Value, what: &str) -> ConfigError {
    ConfigError::new(format!("it is {}", value.called()), format!("it wants {what}"))
}

/// The error for a name that is none of `known`, with the nearest one.
pub(super) fn unknown(name: &str, what: &str, known: &[&str]) -> ConfigError {
    let hint = match nearest(name, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known are {}", known.join(", ")),
    };
    ConfigError::new(format!("unknown {what} `{name}`"), hint)
}

/// The known name that was probably meant: a third of its letters may be wrong.
pub(super) fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let name = name.to_ascii_lowercase();
    let edits_max = (name.chars().count() / 3).clamp(1, 3);
    let edits = |known: &&&str| strsim::damerau_levenshtein(&name, known);
    let near = known.iter().min_by_key(edits)?;
    (edits(&near) <= edits_max).then_some(near)
}

/// `30s`, `5m`, `1h`, `2d`, or a number of seconds.
pub(super) fn duration(value: &Value) -> Result<Duration, ConfigError> {
    let seconds = match value {
        Value::Number(seconds) => Some(*seconds),
        Value::Text(text) => parse_duration(text.expose()).map(|read| read.as_secs_f64()),
        _ => None,
    };
    match seconds {
        Some(seconds) if (0.0..=DURATION_S_MAX).contains(&seconds) => {
            Ok(Duration::from_secs_f64(seconds))
        }
        Some(_) => Err(ConfigError::new("it is no time between 0 and a year", DURATION_HINT)),
        None => Err(ConfigError::new("it is no duration", DURATION_HINT)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        let check = |text: &str, ms: Option<u64>| {
            let read = duration(&Value::text(text)).ok().map(|read| read.as_millis() as u64);
            assert_eq!(read, ms, "{text:?}");
        };
        check("30s", Some(30_000));
        check("5m", Some(300_000));
        check("1.5h", Some(5_400_000));
        check("2d", Some(172_800_000));
        check("250ms", Some(250));
        check("7", Some(7_000));
        check("400d", None);
        check("-1s", None);
        check("5 weeks", None);
        check("", None);
    }

    #[test]
    fn errors_say_where_and_what_was_meant() {
        let pairs = [
            ("timeuot".to_owned(), Value::text("5s")),
            ("list".to_owned(), Value::List(vec![Value::text("a"), Value::Bool(true)])),
        ];
        let mut fields = Fields::new(&pairs);
        let error = fields.texts("list").expect_err("an item is no text");
        assert_eq!(error.to_string(), "list[1]: it is true or false; hint: it wants text");
        assert!(fields.duration("timeout").is_ok_and(|found| found.is_none()));
        let error = fields.finish().expect_err("a key nobody asked for");
        let said = "timeuot: unknown key `timeuot`; hint: did you mean `timeout`?";
        assert_eq!(error.to_string(), said);
    }

    #[test]
    fn secrets_are_what_references_stand_for() {
        let check = |value: &str, written: &str, want: &[&str]| {
            assert_eq!(Text::resolved(value, written).secrets(), want, "{written}");
        };
        check("Bearer abc", "Bearer ${env:T}", &["abc"]);
        check("https://a/abc/b", "https://a/${env:T}/b", &["abc"]);
        check("-u abc:def!", "-u ${env:A}:${file:/b}!", &["abc", "def"]);
        check("abcdef", "${env:A}${env:B}", &["abcdef", ""]);
        check("", "${env:A}", &[""]);
        check("é", "x${env:A}", &[]);
        assert!(Text::plain("${").secrets().is_empty());
    }

    #[test]
    fn what_a_reference_stands_for_is_not_shown() {
        let text = Value::Text(Text::resolved("CANARY", "${env:HOOK}"));
        assert_eq!(format!("{text:?}"), "Text(\"${env:HOOK}\")");
        assert_eq!(format!("{:?}", Value::text("CANARY")), "Text(text)");
    }
}
