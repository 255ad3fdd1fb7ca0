//! Records as lines for people, by a template or in the standard form.

use std::fmt;

use gather_core::{Outcome, Record, RecordError};

use crate::error::SinkError;
use crate::fields::{Field, Repeats};
use crate::json;
use crate::output::Output;
use crate::sink::{Position, Sink};
use crate::value::{Value, value_of};

/// The form of a text line.
///
/// Values cannot move the cursor, set colours, turn the writing direction or begin a new line:
/// what could is written as `\x1b`, `\n` or `\u{202e}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Template {
    /// `200    0.151s      18234  https://a.example/`, or `FAILED(url): kind: reason`.
    #[default]
    Standard,
    /// The user's own.
    Custom(Vec<TemplatePart>),
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplatePart {
    /// Text as it is.
    Literal(String),
    /// A member's value; nothing where the record has none.
    Member(Field),
}

impl Template {
    /// Reads `{status_code} {url} {tags.sku} {error.kind}`. `{{` and `}}` are braces; `\t`, `\n`
    /// and `\\` mean what they mean in `curl -w`. A line end is added to each line.
    ///
    /// # Errors
    /// When a member is not known or a brace has no partner.
    pub fn parse(template: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = template;
        while let Some(char) = rest.chars().next() {
            let pair = rest.get(..2).unwrap_or_default();
            let (read, text) = match pair {
                "{{" => (2, "{"),
                "}}" => (2, "}"),
                "\\t" => (2, "\t"),
                "\\n" => (2, "\n"),
                "\\\\" => (2, "\\"),
                _ => (char.len_utf8(), &rest[..char.len_utf8()]),
            };
            if read == 1 && char == '}' {
                return Err(TemplateError::Brace);
            }
            if read == 1 && char == '{' {
                let end = rest.find('}').ok_or(TemplateError::Brace)?;
                let name = &rest[1..end];
                let field = Field::from_name(name)
                    .ok_or_else(|| TemplateError::Unknown(name.to_owned()))?;
                if !literal.is_empty() {
                    parts.push(TemplatePart::Literal(std::mem::take(&mut literal)));
                }
                parts.push(TemplatePart::Member(field));
                rest = &rest[end + 1..];
            } else {
                literal.push_str(text);
                rest = &rest[read..];
            }
        }
        if !literal.is_empty() {
            parts.push(TemplatePart::Literal(literal));
        }
        Ok(Self::Custom(parts))
    }

    /// The members it names.
    pub fn members(&self) -> impl Iterator<Item = &Field> {
        let parts = match self {
            Self::Standard => &[][..],
            Self::Custom(parts) => parts,
        };
        parts.iter().filter_map(|part| match part {
            TemplatePart::Member(field) => Some(field),
            TemplatePart::Literal(_) => None,
        })
    }

    /// Appends the record's line, without a line end.
    pub fn encode(&self, record: &Record, out: &mut Vec<u8>) {
        let parts = match self {
            Self::Standard => return standard(out, record),
            Self::Custom(parts) => parts,
        };
        for part in parts {
            match part {
                TemplatePart::Literal(text) => out.extend_from_slice(text.as_bytes()),
                TemplatePart::Member(field) => {
                    if let Some(value) = value_of(field, record, Repeats::Write) {
                        push_value(out, &value);
                    }
                }
            }
        }
    }
}

/// Why a template cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateError {
    /// No member has this name.
    Unknown(String),
    /// A brace without its partner.
    Brace,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => {
                write!(f, "unknown field `{{{name}}}` in the template; hint: the fields are ")?;
                f.write_str(&Field::known_names())
            }
            Self::Brace => f.write_str(
                "a brace without its partner in the template; hint: write {{ and }} for braces",
            ),
        }
    }
}

impl std::error::Error for TemplateError {}

/// The sink of text lines.
pub(crate) struct Text {
    template: Template,
    output: Output,
}

impl Text {
    pub(crate) fn new(output: Output, template: Template) -> Self {
        Self { template, output }
    }
}

impl Sink for Text {
    fn write(&mut self, record: &Record) -> Result<(), SinkError> {
        let template = &self.template;
        self.output.record(|line| {
            template.encode(record, line);
            line.push(b'\n');
        })
    }

    fn commit(&mut self) -> Result<Position, SinkError> {
        self.output.commit()
    }

    fn finish(mut self: Box<Self>) -> Result<Position, SinkError> {
        self.output.commit()
    }

    fn name(&self) -> &str {
        self.output.name()
    }
}

fn standard(out: &mut Vec<u8>, record: &Record) {
    match &record.outcome {
        Outcome::Ok => {
            let ms = (record.timings.total.as_micros() + 500) / 1000;
            let time = format!("{}.{:03}s", ms / 1000, ms % 1000);
            let columns =
                format!("{:>3}  {time:>8}  {:>9}  ", record.status_code, record.content_length);
            out.extend_from_slice(columns.as_bytes());
            push_safe(out, &record.url);
            if let Some(final_url) = record.final_url.as_ref().filter(|url| **url != record.url) {
                out.extend_from_slice(b" -> ");
                push_safe(out, final_url);
            }
        }
        Outcome::Failed(error) => push_reason(out, "FAILED", record, error),
        Outcome::Skipped(error) => push_reason(out, "SKIPPED", record, error),
    }
}

fn push_reason(out: &mut Vec<u8>, word: &str, record: &Record, error: &RecordError) {
    out.extend_from_slice(word.as_bytes());
    out.push(b'(');
    push_safe(out, if record.url.is_empty() { record.input() } else { &record.url });
    out.extend_from_slice(b"): ");
    out.extend_from_slice(error.kind.as_str().as_bytes());
    if !error.message.is_empty() {
        out.extend_from_slice(b": ");
        push_safe(out, &error.message);
    }
    if let Some(place) = &record.place {
        out.extend_from_slice(b" (");
        if let Some(source) = &place.source {
            push_safe(out, source);
            out.push(b' ');
        }
        out.extend_from_slice(format!("line {})", place.line).as_bytes());
    }
}

fn push_value(out: &mut Vec<u8>, value: &Value<'_>) {
    if let Value::Text(text) = value {
        return push_safe(out, text);
    }
    let mut plain = Vec::new();
    json::plain(&mut plain, value);
    push_safe(out, &String::from_utf8_lossy(&plain));
}

/// Appends text that a terminal shows and does not obey.
fn push_safe(out: &mut Vec<u8>, text: &str) {
    let mut from = 0;
    for (at, char) in text.char_indices() {
        if !is_dangerous(char) {
            continue;
        }
        out.extend_from_slice(&text.as_bytes()[from..at]);
        from = at + char.len_utf8();
        let shown = match char {
            '\n' => "\\n".to_owned(),
            '\r' => "\\r".to_owned(),
            '\t' => "\\t".to_owned(),
            char if char.is_ascii() => format!("\\x{:02x}", u32::from(char)),
            char => format!("\\u{{{:x}}}", u32::from(char)),
        };
        out.extend_from_slice(shown.as_bytes());
    }
    out.extend_from_slice(&text.as_bytes()[from..]);
}

/// Controls (C0, DEL, C1), line and paragraph separators, and what turns the writing direction.
fn is_dangerous(char: char) -> bool {
    char.is_control()
        || matches!(char,
            '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use gather_core::ErrorKind;
    use gather_core::target::Place;

    use super::*;
    use crate::samples::{failed, http_page, https_page};

    fn line(template: &Template, record: &Record) -> String {
        let mut out = Vec::new();
        template.encode(record, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn standard_lines() {
        let mut broken = failed(ErrorKind::InputInvalid, "not a URL");
        broken.url = "".into();
        broken.input = Some("ht!tp\u{1b}[2J".into());
        broken.outcome = Outcome::Skipped(broken.outcome.error().unwrap().clone());
        broken.place = Some(Box::new(Place { source: Some("list.txt".into()), line: 7 }));
        let cases = [
            (http_page(), "200    0.151s      18234  http://shop.example/p/17"),
            (
                https_page(),
                "200    0.151s      18234  https://a.example/p/17 -> https://www.a.example/p/17",
            ),
            (
                failed(ErrorKind::TimeoutFirstByte, "no byte within 5 s"),
                "FAILED(http://shop.example/p/17): timeout.first_byte: no byte within 5 s",
            ),
            (broken, "SKIPPED(ht!tp\\x1b[2J): input.invalid: not a URL (list.txt line 7)"),
        ];
        for (record, expected) in &cases {
            assert_eq!(line(&Template::Standard, record), *expected);
        }
    }

    #[test]
    fn templates() {
        let cases = [
            ("{status_code} {url}", "200 https://a.example/p/17"),
            ("{tags.sku}\\t{time_total}|{tags.none}|{error.kind}|", "A17\t0.151|||"),
            ("{{{n}}} \\\\n é", "{17} \\n é"),
            ("{chain}", r#"[{"url":"https://a.example/p/17","status_code":301}]"#),
            ("", ""),
        ];
        for (template, expected) in cases {
            assert_eq!(line(&Template::parse(template).unwrap(), &https_page()), expected);
        }
    }

    #[test]
    fn wrong_templates_are_refused() {
        let unknown = |name: &str| TemplateError::Unknown(name.to_owned());
        let cases = [
            ("{speed}", unknown("speed")),
            ("{}", unknown("")),
            ("{url", TemplateError::Brace),
            ("url}", TemplateError::Brace),
            ("é{url}}", TemplateError::Brace),
        ];
        for (template, expected) in cases {
            assert_eq!(Template::parse(template), Err(expected), "{template}");
        }
    }

    #[test]
    fn a_terminal_is_never_told_anything() {
        let cases = [
            ("plain é 価格", "plain é 価格"),
            ("\u{1b}]0;title\u{7}", "\\x1b]0;title\\x07"),
            ("a\nb\r\tc\u{7f}", "a\\nb\\r\\tc\\x7f"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("\u{202e}gpj.exe", "\\u{202e}gpj.exe"),
        ];
        for (text, expected) in cases {
            let mut record = http_page();
            record.tags = Some(Box::new(vec![("t".into(), text.into())]));
            assert_eq!(line(&Template::parse("{tags.t}").unwrap(), &record), expected);
        }
    }
}
