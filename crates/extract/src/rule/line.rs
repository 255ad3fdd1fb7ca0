//! The syntax of a rule in one line: `TYPE:FIND || FIND | STEP | STEP`.

use regex::Regex;

use crate::clean::Step;
use crate::error::Fault;
use crate::find::{self, Scheme};
use crate::value::Kind;

/// A piece of a line, and where it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece<'a> {
    pub(crate) at: usize,
    pub(crate) text: &'a str,
}

/// A line, taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// Where to look, one after the other.
    pub(crate) finds: Vec<Piece<'a>>,
    /// Everything behind a single bar.
    pub(crate) steps: Vec<Piece<'a>>,
}

impl<'a> Line<'a> {
    /// Splits at bars that stand between blanks, outside of quotes and brackets.
    pub(crate) fn split(text: &'a str) -> Result<Self, Fault> {
        let mut line = Self::default();
        let (mut at, mut is_step) = (0, false);
        loop {
            let rest = &text[at..];
            let end = if is_step { step_end(rest) } else { find_end(rest) };
            let part = &rest[..end];
            let lead = part.len() - part.trim_start().len();
            let piece = Piece { at: at + lead, text: part.trim() };
            if piece.text.is_empty() {
                let what = if is_step { "a step" } else { "where to look" };
                let hint = "write css:SELECTOR, json:PATH, regex:PATTERN or header:NAME";
                return Err(Fault::new(piece.at, format!("{what} is missing"), hint));
            }
            if is_step {
                line.steps.push(piece)
            } else {
                line.finds.push(piece)
            }
            if end == rest.len() {
                return Ok(line);
            }
            let bar = &rest[end..];
            let is_or = bar.starts_with("||");
            if is_or && is_step {
                let hint = "write the steps last: css:a || css:b | trim";
                return Err(Fault::new(at + end, "another place to look after a step", hint));
            }
            is_step = !is_or;
            at += end + if is_or { 2 } else { 1 };
        }
    }
}

/// Where the next bar between blanks is, or the text ends.
fn bar(text: &str, at: usize) -> bool {
    let (before, after) = (&text[..at], &text[at..]);
    let after = after.strip_prefix("||").or_else(|| after.strip_prefix('|'));
    let apart = |after: &str| after.is_empty() || after.starts_with(char::is_whitespace);
    before.ends_with(char::is_whitespace) && after.is_some_and(apart)
}

/// The end of a place to look.
fn find_end(text: &str) -> usize {
    let start = text.len() - text.trim_start().len();
    let quotes = match scheme_of(text.trim_start()) {
        Some(Scheme::Css | Scheme::Links | Scheme::Json | Scheme::JsonLd) => true,
        // A pattern may have an apostrophe by itself.
        _ => false,
    };
    let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
    for (at, c) in text.char_indices().skip_while(|(at, _)| *at < start) {
        match c {
            _ if std::mem::take(&mut escaped) => {}
            '\\' => escaped = true,
            _ if quote.is_some() => quote = quote.filter(|open| *open != c),
            '"' | '\'' if quotes => quote = Some(c),
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '|' if depth == 0 && bar(text, at) => return at,
            _ => {}
        }
    }
    text.len()
}

/// The end of a step: quotes hold bars.
fn step_end(text: &str) -> usize {
    let (mut quote, mut escaped, mut is_start) = (None, false, true);
    let has_pattern = text.trim_start().starts_with("replace");
    for (at, c) in text.char_indices() {
        match c {
            _ if std::mem::take(&mut escaped) => {}
            '\\' if quote.is_some() => escaped = true,
            _ if quote.is_some() => quote = quote.filter(|open| *open != c),
            '"' | '\'' if is_start => quote = Some(c),
            '/' if is_start && has_pattern => quote = Some(c),
            '|' if bar(text, at) => return at,
            _ => {}
        }
        is_start = c.is_whitespace();
    }
    text.len()
}

fn scheme_of(text: &str) -> Option<Scheme> {
    let (_, rest) = take_kind(text);
    find::scheme(rest).map(|(scheme, _)| scheme)
}

/// The type that a place to look begins with, and the rest.
pub(crate) fn take_kind(text: &str) -> (Option<Kind>, &str) {
    match text.split_once(':') {
        Some((word, rest)) => match Kind::named(word.trim()) {
            Some(kind) => (Some(kind), rest.trim_start()),
            None => (None, text),
        },
        None => (None, text),
    }
}

/// What a step says.
#[derive(Debug)]
pub(crate) enum Said {
    Clean(Step),
    Raw,
    All,
    Join(Box<str>),
    Required,
    Default(Box<str>),
}

/// The names of all steps.
const STEPS: &str = "trim, collapse, raw, replace, join, all, first, required, default";

/// Reads a step.
pub(crate) fn step(text: &str) -> Result<Option<Said>, Fault> {
    let words = words(text)?;
    let (name, arguments) =
        words.split_first().ok_or_else(|| Fault::new(0, "an empty step", ""))?;
    let wanted = |count: usize, form: &str| match arguments.len() == count {
        true => Ok(()),
        false => {
            let at = arguments.get(count).map_or(text.len(), |extra| extra.at);
            Err(Fault::new(
                at,
                format!("'{}' takes {count} texts", name.text),
                format!("write {form}"),
            ))
        }
    };
    let said = match &*name.text {
        "trim" => wanted(0, "trim").map(|()| Said::Clean(Step::Trim)),
        "collapse" => wanted(0, "collapse").map(|()| Said::Clean(Step::Collapse)),
        "raw" => wanted(0, "raw").map(|()| Said::Raw),
        "all" => wanted(0, "all").map(|()| Said::All),
        "required" => wanted(0, "required").map(|()| Said::Required),
        "first" => return wanted(0, "first").map(|()| None),
        "join" => wanted(1, "join \", \"").map(|()| Said::Join((&*arguments[0].text).into())),
        "default" => {
            wanted(1, "default \"none\"").map(|()| Said::Default((&*arguments[0].text).into()))
        }
        "replace" => {
            wanted(2, "replace \"a\" \"b\", or replace /a+/ \"b\"")?;
            let (from, to) = (&arguments[0], (&*arguments[1].text).into());
            Ok(Said::Clean(match from.is_pattern {
                false => Step::Replace((&*from.text).into(), to),
                true => Step::ReplaceAll(
                    pattern(&from.text).map_err(|fault| fault.moved(from.at + 1))?,
                    to,
                ),
            }))
        }
        other => {
            let hint = format!("the steps are {STEPS}; another place to look is written || css:…");
            Err(Fault::new(name.at, format!("there is no step '{other}'"), hint))
        }
    };
    said.map(Some)
}

/// Compiles a pattern; its size is limited, and it takes linear time by its making.
pub(crate) fn pattern(text: &str) -> Result<Regex, Fault> {
    Regex::new(text).map_err(|error| {
        let message = error.to_string();
        let last = message.lines().last().unwrap_or_default();
        let hint = "the syntax is that of the Rust crate regex: no look-around, no backreferences";
        Fault::new(0, last.trim_start_matches("error: "), hint)
    })
}

/// A word of a step.
#[derive(Debug)]
struct Word {
    at: usize,
    text: String,
    /// It stood between slashes.
    is_pattern: bool,
}

/// Only what is replaced can be a pattern.
fn is_first_of_replace(words: &[Word]) -> bool {
    matches!(words, [word] if word.text == "replace")
}

/// Words between blanks, in quotes, or between slashes.
fn words(text: &str) -> Result<Vec<Word>, Fault> {
    let mut words = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, first)) = chars.next() {
        if first.is_whitespace() {
            continue;
        }
        let is_pattern = first == '/' && is_first_of_replace(&words);
        let mut word = String::new();
        if is_pattern || matches!(first, '"' | '\'') {
            loop {
                let Some((_, c)) = chars.next() else {
                    let hint = format!("end it with {first}");
                    return Err(Fault::new(at, "what begins here does not end", hint));
                };
                match c {
                    c if c == first => break,
                    '\\' => match chars.next() {
                        // A pattern keeps its escapes, but for the slash.
                        Some((_, c)) if is_pattern && c != '/' => word.extend(['\\', c]),
                        Some((_, 'n')) => word.push('\n'),
                        Some((_, 't')) => word.push('\t'),
                        Some((_, c)) => word.push(c),
                        None => {}
                    },
                    c => word.push(c),
                }
            }
        } else {
            word.push(first);
            while let Some((_, c)) = chars.next_if(|(_, c)| !c.is_whitespace()) {
                word.push(c);
            }
        }
        words.push(Word { at, text: word, is_pattern });
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_split_at_bars_between_blanks_only() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            ("css:h1", &["css:h1"], &[]),
            ("css:h1 | trim|x | all", &["css:h1"], &["trim|x", "all"]),
            ("price:css:.a || json:$.b | required", &["price:css:.a", "json:$.b"], &["required"]),
            ("css:a[title='x | y'] | trim", &["css:a[title='x | y']"], &["trim"]),
            ("json:$[?@.a || @.b].c || title", &["json:$[?@.a || @.b].c", "title"], &[]),
            ("regex:(a | b)'s | trim", &["regex:(a | b)'s"], &["trim"]),
            (r"regex:\( \| || title", &[r"regex:\( \|", "title"], &[]),
            ("css:p | join \" | \" | trim", &["css:p"], &["join \" | \"", "trim"]),
            ("css:p | replace /a | b/ ''", &["css:p"], &["replace /a | b/ ''"]),
            ("css:svg|a", &["css:svg|a"], &[]),
        ];
        for (text, finds, steps) in cases {
            let line = Line::split(text).unwrap_or_else(|fault| panic!("{text}: {fault:?}"));
            let texts = |pieces: &[Piece<'_>]| -> Vec<String> {
                pieces.iter().map(|piece| piece.text.to_owned()).collect()
            };
            assert_eq!(texts(&line.finds), *finds, "{text}");
            assert_eq!(texts(&line.steps), *steps, "{text}");
            for piece in line.finds.iter().chain(&line.steps) {
                assert!(text[piece.at..].starts_with(piece.text), "{text}");
            }
        }
        for (text, at) in [("", 0), ("css:a | ", 8), ("css:a || ", 9), ("css:a | trim || b", 13)] {
            assert_eq!(Line::split(text).unwrap_err().at, Some(at), "{text}");
        }
    }
}
