//! URL and text templates: `{0..49}`, `{symbol:AAPL,MSFT}` and `{column}`, expanded lazily.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use gather_core::target::Tags;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::SourceError;

/// What a value must not change the meaning of in a URL: all but RFC 3986's unreserved.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How braces are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    /// Every brace belongs to a placeholder, or is doubled. Values are percent-encoded, except
    /// where the template begins with one: that is a whole URL or its scheme and host.
    Url,
    /// For headers and bodies, which are often JSON: what is no placeholder is literal. Values are
    /// put in as they are.
    Text,
}

/// A text with placeholders.
#[derive(Clone, Debug)]
pub(super) struct Template {
    text: Box<str>,
    syntax: Syntax,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Literal(Box<str>),
    Hole(Hole),
}

#[derive(Clone, Debug)]
struct Hole {
    /// The byte in the template where its brace stands.
    start: usize,
    name: Option<Arc<str>>,
    values: Option<Values>,
    /// Which axis fills it; `None`: a column of the row.
    axis: Option<usize>,
}

/// The values a placeholder lists.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Values {
    Numbers { first: u64, last: u64, width: usize },
    Letters { first: u8, last: u8 },
    List(Vec<Box<str>>),
}

impl Values {
    fn count(&self) -> u64 {
        match self {
            Self::Numbers { first, last, .. } => first.abs_diff(*last).saturating_add(1),
            Self::Letters { first, last } => u64::from(first.abs_diff(*last)) + 1,
            Self::List(values) => values.len() as u64,
        }
    }

    fn get(&self, at: u64) -> Cow<'_, str> {
        match self {
            Self::Numbers { first, last, width } => {
                let value = if first <= last { first + at } else { first - at };
                Cow::Owned(format!("{value:0width$}"))
            }
            Self::Letters { first, last } => {
                // `at` is below `count`, which fits in a byte.
                let step = u8::try_from(at).unwrap_or(u8::MAX);
                let letter = if first <= last { first + step } else { first - step };
                Cow::Owned(char::from(letter).to_string())
            }
            Self::List(values) => Cow::Borrowed(
                usize::try_from(at).ok().and_then(|at| values.get(at)).map_or("", |v| v),
            ),
        }
    }
}

impl Template {
    /// Reads a template.
    pub(super) fn parse(text: &str, syntax: Syntax) -> Result<Self, SourceError> {
        let mut template = Self { text: text.into(), syntax, parts: Vec::new() };
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let start = text.len() - rest.len() + at;
            literal.push_str(&rest[..at]);
            rest = &rest[at..];
            let (part, used) = match syntax {
                Syntax::Url => template.parse_strict(rest, start)?,
                Syntax::Text => parse_lenient(rest, start),
            };
            rest = &rest[used..];
            match part {
                Part::Literal(text) => literal.push_str(&text),
                Part::Hole(_) => {
                    template.push_literal(&mut literal);
                    template.parts.push(part);
                }
            }
        }
        literal.push_str(rest);
        template.push_literal(&mut literal);
        Ok(template)
    }

    /// Whether it stands for itself: no placeholder, and no doubled brace.
    pub(super) fn is_literal(&self) -> bool {
        match &self.parts[..] {
            [] => true,
            [Part::Literal(text)] => *text == self.text,
            _ => false,
        }
    }

    fn push_literal(&mut self, literal: &mut String) {
        if !literal.is_empty() {
            self.parts.push(Part::Literal(std::mem::take(literal).into()));
        }
    }

    fn holes(&self) -> impl Iterator<Item = &Hole> {
        self.parts.iter().filter_map(|part| match part {
            Part::Hole(hole) => Some(hole),
            Part::Literal(_) => None,
        })
    }

    fn holes_mut(&mut self) -> impl Iterator<Item = &mut Hole> {
        self.parts.iter_mut().filter_map(|part| match part {
            Part::Hole(hole) => Some(hole),
            Part::Literal(_) => None,
        })
    }

    /// The part at the beginning of `rest`, which begins with a brace, and its length.
    fn parse_strict(&self, rest: &str, start: usize) -> Result<(Part, usize), SourceError> {
        if rest.starts_with("{{") || rest.starts_with("}}") {
            return Ok((Part::Literal(rest[..1].into()), 2));
        }
        if rest.starts_with('}') {
            return Err(self.error(start, "a } without its {; write }} for the character"));
        }
        let end = rest[1..].find(['{', '}']).map(|end| end + 1);
        let Some(end) = end.filter(|&end| rest[end..].starts_with('}')) else {
            return Err(self.error(start, "a { without its }; write {{ for the character"));
        };
        let content = &rest[1..end];
        let (name, listed) = match content.split_once(':') {
            Some((name, listed)) => (Some(name), Some(listed)),
            None if content.contains("..") => (None, Some(content)),
            None => (Some(content), None),
        };
        if name.is_some_and(|name| name.trim().is_empty()) {
            return Err(self.error(start, "a placeholder without a name or a range"));
        }
        let values = match listed {
            None => None,
            Some("") => return Err(self.error(start, "a placeholder without values")),
            Some(listed) => Some(match range(listed) {
                Some(range) => range,
                None if name.is_none() => {
                    return Err(self.error(start, "a range is two numbers or letters: {0..49}"));
                }
                None => Values::List(listed.split(',').map(Into::into).collect()),
            }),
        };
        let hole = Hole { start, name: name.map(Into::into), values, axis: None };
        Ok((Part::Hole(hole), end + 1))
    }

    fn error(&self, byte: usize, message: impl Into<String>) -> SourceError {
        SourceError::Template {
            text: self.text.to_string(),
            position: self.text[..byte].chars().count() + 1,
            message: message.into(),
        }
    }

    /// The first placeholder that must be filled from a row, if there is one.
    pub(super) fn first_column(&self) -> Option<&str> {
        self.holes().find(|hole| hole.axis.is_none()).and_then(|hole| hole.name.as_deref())
    }

    /// The error that a column is not there to fill this template.
    pub(super) fn no_column(&self, name: &str, message: impl Into<String>) -> SourceError {
        let start = self.holes().find(|hole| hole.name.as_deref() == Some(name));
        self.error(start.map_or(0, |hole| hole.start), message)
    }

    /// The error that this template lists values where it may not.
    pub(super) fn no_lists_here(&self) -> Option<SourceError> {
        let hole = self.holes().find(|hole| hole.values.is_some())?;
        Some(self.error(hole.start, "lists and ranges need a URL argument or template"))
    }

    /// The text with every placeholder filled; the name of a column that is missing if not.
    pub(super) fn expand(
        &self,
        axes: &Axes,
        at: &Position,
        row: &Tags,
    ) -> Result<String, Arc<str>> {
        let mut out = String::with_capacity(self.text.len() + 16);
        for (number, part) in self.parts.iter().enumerate() {
            let hole = match part {
                Part::Literal(text) => {
                    out.push_str(text);
                    continue;
                }
                Part::Hole(hole) => hole,
            };
            let value = match (hole.axis, &hole.name) {
                (Some(axis), _) => axes.value(axis, at),
                (None, Some(name)) => match row.iter().find(|(column, _)| column == name) {
                    Some((_, value)) => Cow::Borrowed(&**value),
                    None if self.syntax == Syntax::Text => Cow::Owned(format!("{{{name}}}")),
                    None => return Err(Arc::clone(name)),
                },
                (None, None) => unreachable!("a hole without a name lists values: it has an axis"),
            };
            if self.syntax == Syntax::Url && number > 0 {
                write!(out, "{}", utf8_percent_encode(&value, ENCODED)).expect("a string grows");
            } else {
                out.push_str(&value);
            }
        }
        Ok(out)
    }
}

fn parse_lenient(rest: &str, start: usize) -> (Part, usize) {
    let literal = || (Part::Literal(rest[..1].into()), 1);
    let is_doubled = rest.starts_with("{{");
    let inner = &rest[if is_doubled { 2 } else { 1 }..];
    let Some(end) = inner.find(['{', '}']).filter(|&end| inner[end..].starts_with('}')) else {
        return literal();
    };
    let content = &inner[..end];
    let is_name = |text: &str| {
        text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
    };
    let is_list = |text: &str| text.contains(',') && !text.contains([':', '"', '\'', ' ', '\n']);
    let (name, values) = match content.split_once(':') {
        Some((name, listed)) if is_name(name) => match range(listed) {
            Some(range) => (Some(name), Some(range)),
            None if is_list(listed) => {
                (Some(name), Some(Values::List(listed.split(',').map(Into::into).collect())))
            }
            None => return literal(),
        },
        Some(_) => return literal(),
        None => match range(content) {
            Some(range) => (None, Some(range)),
            None if is_name(content) => (Some(content), None),
            None => return literal(),
        },
    };
    if is_doubled {
        if !inner[end..].starts_with("}}") {
            return literal();
        }
        return (Part::Literal(format!("{{{content}}}").into()), content.len() + 4);
    }
    let hole = Hole { start, name: name.map(Into::into), values, axis: None };
    (Part::Hole(hole), content.len() + 2)
}

/// `0..49`, `00..49` (as wide as its first number), `9..0`, `a..e`.
fn range(text: &str) -> Option<Values> {
    let (first, last) = text.split_once("..")?;
    if let ([first], [last]) = (first.as_bytes(), last.as_bytes())
        && first.is_ascii_alphabetic()
        && last.is_ascii_alphabetic()
        && first.is_ascii_lowercase() == last.is_ascii_lowercase()
    {
        return Some(Values::Letters { first: *first, last: *last });
    }
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(first) || !is_number(last) {
        return None;
    }
    let width = if first.len() > 1 && first.starts_with('0') { first.len() } else { 0 };
    Some(Values::Numbers { first: first.parse().ok()?, last: last.parse().ok()?, width })
}

/// The placeholders that list values, over all templates that are expanded together.
#[derive(Clone, Debug, Default)]
pub(super) struct Axes(Vec<(Option<Arc<str>>, Values)>);

/// One combination of the axes' values.
#[derive(Clone, Debug, Default)]
pub(super) struct Position(Vec<u64>);

impl Axes {
    /// Collects the axes of templates, and ties equal names together.
    pub(super) fn of(templates: &mut [&mut Template]) -> Result<Self, SourceError> {
        let mut axes = Self::default();
        for template in &mut *templates {
            let mut twice = None;
            for hole in template.holes_mut() {
                let Some(values) = &hole.values else { continue };
                let known = axes.named(hole.name.as_deref());
                if let Some(known) = known
                    && axes.0[known].1 != *values
                {
                    twice = Some(hole.start);
                }
                hole.axis = known.or_else(|| {
                    axes.0.push((hole.name.clone(), values.clone()));
                    Some(axes.0.len() - 1)
                });
            }
            if let Some(start) = twice {
                return Err(template.error(start, "this name already has other values"));
            }
        }
        for template in templates {
            for hole in template.holes_mut() {
                hole.axis = hole.axis.or_else(|| axes.named(hole.name.as_deref()));
            }
        }
        Ok(axes)
    }

    fn named(&self, name: Option<&str>) -> Option<usize> {
        let name = name?;
        self.0.iter().position(|(known, _)| known.as_deref() == Some(name))
    }

    /// The first combination. There is one even where there are no axes.
    pub(super) fn first(&self) -> Position {
        Position(vec![0; self.0.len()])
    }

    /// Goes on to the next combination, the last axis fastest; false after the last one.
    pub(super) fn advance(&self, at: &mut Position) -> bool {
        for (digit, (_, values)) in at.0.iter_mut().zip(&self.0).rev() {
            *digit += 1;
            if *digit < values.count() {
                return true;
            }
            *digit = 0;
        }
        false
    }

    /// Names and values of the named axes.
    pub(super) fn tags(&self, at: &Position) -> impl Iterator<Item = (Arc<str>, Box<str>)> {
        self.0.iter().enumerate().filter_map(|(axis, (name, _))| {
            let name = name.as_ref()?;
            Some((Arc::clone(name), self.value(axis, at).into()))
        })
    }

    fn value(&self, axis: usize, at: &Position) -> Cow<'_, str> {
        self.0[axis].1.get(at.0[axis])
    }
}
