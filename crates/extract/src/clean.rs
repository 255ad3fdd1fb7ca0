//! Clean-up steps: what is done to a text before it becomes a value.

use std::borrow::Cow;

use regex::Regex;

/// One step.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// White space at both ends goes.
    Trim,
    /// Runs of white space become one blank, those at the ends go.
    Collapse,
    /// Every occurrence of a text is replaced.
    Replace(Box<str>, Box<str>),
    /// Every match of a pattern is replaced; `$1` is its first group.
    ReplaceAll(Regex, Box<str>),
}

impl Step {
    pub(crate) fn apply<'a>(&self, text: Cow<'a, str>) -> Cow<'a, str> {
        let changed = match (self, &text) {
            (Self::Trim, Cow::Borrowed(text)) => return Cow::Borrowed(text.trim()),
            (Self::Trim, Cow::Owned(text)) => text.trim().to_owned(),
            (Self::Collapse, text) => collapse(text),
            (Self::Replace(from, to), text) if text.contains(&**from) => text.replace(&**from, to),
            (Self::Replace(..), _) => return text,
            (Self::ReplaceAll(pattern, to), text) => match pattern.replace_all(text, &**to) {
                Cow::Borrowed(_) => return text.clone(),
                Cow::Owned(changed) => changed,
            },
        };
        Cow::Owned(changed)
    }
}

/// White space as HTML and CSS have it: tab, line feed, form feed, carriage return, blank.
pub(crate) fn is_blank(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\x0C' | '\r' | ' ')
}

/// A text with runs of white space as one blank each, and none at its ends.
pub(crate) fn collapse(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_change_what_they_say() {
        let pattern = |text| Regex::new(text).unwrap();
        let cases = [
            (Step::Trim, " \u{a0}a  b\n", "a  b"),
            (Step::Collapse, " \u{a0}a  b\n", "a b"),
            (Step::Replace("b".into(), "".into()), "abcb", "ac"),
            (Step::Replace("x".into(), "y".into()), "abc", "abc"),
            (Step::ReplaceAll(pattern(r"(\d+) of (\d+)"), "$2".into()), "3 of 7", "7"),
        ];
        for (step, text, want) in cases {
            assert_eq!(step.apply(Cow::Borrowed(text)), want, "{step:?} {text:?}");
            assert_eq!(step.apply(Cow::Owned(text.into())), want, "{step:?} {text:?}");
        }
    }
}
