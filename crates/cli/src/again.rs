//! The command line that goes on with a run, as it would be typed.

use std::ffi::OsString;

use crate::keys;
use crate::settings::{Origin, Settings};

/// How to go on with this run. What may be a secret is not said again.
pub(crate) fn resume_line(settings: &Settings, argv: &[OsString]) -> String {
    let words: Vec<String> = argv.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let has_secret = settings
        .all
        .iter()
        .any(|setting| setting.origin == Origin::Flag && keys::is_secret(&setting.key.name))
        || words.iter().any(|word| has_credentials(word));
    if has_secret {
        return "resume with: the same command and --resume".to_owned();
    }
    let is_there = words.iter().any(|word| word == "--resume" || word == "--resume-changed");
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    let mut line = "resume with: gather".to_owned();
    for (at, word) in words.iter().enumerate().skip(1) {
        if at == end && !is_there {
            line.push_str(" --resume");
        }
        line.push(' ');
        line.push_str(&quoted(word));
    }
    if end == words.len() && !is_there {
        line.push_str(" --resume");
    }
    line
}

/// Whether a word is a URL with a user or password in it.
fn has_credentials(word: &str) -> bool {
    let Some((_, rest)) = word.split_once("://") else { return false };
    rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@'))
}

/// The word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=,+%@".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        for (word, expected) in [
            ("-i", "-i"),
            ("urls.txt", "urls.txt"),
            ("http://a.example/{1..3}", "'http://a.example/{1..3}'"),
            ("http://a.example/?a=1&b=2", "'http://a.example/?a=1&b=2'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }

    #[test]
    fn urls_with_a_password_are_told_apart() {
        for (word, expected) in [
            ("http://ann:pw@a.example/", true),
            ("postgres://ann:pw@localhost/db", true),
            ("http://a.example/@ann", false),
            ("ann@a.example", false),
        ] {
            assert_eq!(has_credentials(word), expected, "{word}");
        }
    }
}
