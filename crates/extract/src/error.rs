//! What is wrong with a rule: which one, where in it, and what to write instead.

use std::fmt;

/// A rule that cannot be used. Found when rules are compiled, before anything is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError {
    /// The rule's name; `each` for what gives rows.
    pub rule: String,
    /// Its text.
    pub text: String,
    /// Bytes into the text, where the fault is at a place.
    pub at: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to write instead; may be empty.
    pub hint: String,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule '{}': {}", self.rule, self.message)?;
        match self.at {
            Some(at) if at < self.text.len() => {
                let column = self.text[..at].chars().count() + 1;
                write!(f, " at column {column} of '{}'", self.text)
            }
            Some(_) => write!(f, " at the end of '{}'", self.text),
            None if self.text.is_empty() => Ok(()),
            None => write!(f, " in '{}'", self.text),
        }
    }
}

impl std::error::Error for RuleError {}

/// A fault within a text, before the rule's name is known.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) at: Option<usize>,
    pub(crate) message: String,
    pub(crate) hint: String,
}

impl Fault {
    pub(crate) fn new(at: usize, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { at: Some(at), message: message.into(), hint: hint.into() }
    }

    /// The same fault in a text that begins `bytes` later.
    pub(crate) fn moved(mut self, bytes: usize) -> Self {
        self.at = self.at.map(|at| at + bytes);
        self
    }

    pub(crate) fn in_rule(self, rule: &str, text: &str) -> RuleError {
        let Self { at, message, hint } = self;
        let at = at.map(|at| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)));
        RuleError { rule: rule.into(), text: text.into(), at: at.flatten(), message, hint }
    }
}
