//! The texts of a channel that must not be seen, and taking them out of what others said.

use std::fmt;

use super::value::Text;
use crate::human;

/// What stands where a secret stood.
const REDACTED: &str = "***";
/// Shorter texts are no secrets, and would take ordinary words apart.
const SECRET_BYTES_MIN: usize = 4;
/// Characters of a foreign text that are kept.
const EXCERPT_CHARS_MAX: usize = 300;

/// Everything secret that a channel knows.
#[derive(Clone, Default)]
pub(super) struct Secrets(Vec<Box<str>>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}

impl Secrets {
    pub(super) fn add(&mut self, secret: &str) {
        if secret.len() >= SECRET_BYTES_MIN && !self.0.iter().any(|known| **known == *secret) {
            self.0.push(secret.into());
            // The longest first, so that no part of one is left beside the part that was found.
            self.0.sort_by_key(|known| std::cmp::Reverse(known.len()));
        }
    }

    /// A text that may be a secret as a whole, and what it refers to.
    pub(super) fn add_text(&mut self, text: &Text) {
        text.secrets().into_iter().for_each(|secret| self.add(secret));
        if text.reference().is_some() {
            self.add(text.expose());
        }
    }

    /// A text from outside as one short line without any of them.
    pub(super) fn scrub(&self, text: &str) -> String {
        let mut scrubbed = text.to_owned();
        for secret in &self.0 {
            if scrubbed.contains(&**secret) {
                scrubbed = scrubbed.replace(&**secret, REDACTED);
            }
        }
        let line = scrubbed.split_whitespace().collect::<Vec<_>>().join(" ");
        human::printable(&human::clipped(&line, EXCERPT_CHARS_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_taken_out_whole() {
        let mut secrets = Secrets::default();
        for secret in ["abc", "token-1", "token-1234"] {
            secrets.add(secret);
        }
        let check = |text: &str, want: &str| assert_eq!(secrets.scrub(text), want, "{text}");
        check("abc: token-1234 and\n token-1", "abc: *** and ***");
        check("\u{1b}[2J", "\\u{1b}[2J");
        assert_eq!(format!("{secrets:?}"), "2 secrets");
        assert!(secrets.scrub(&"é".repeat(1_000)).chars().count() <= EXCERPT_CHARS_MAX);
    }
}
