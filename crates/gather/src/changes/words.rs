//! The words that differ between two texts.

use std::fmt::Write;

use similar::{Algorithm, ChangeTag, TextDiff};

/// Characters of a text that are compared word by word; the rest is left out.
const CHARS_MAX: usize = 2_000;

/// A piece of a text, and whether it came or went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// In both.
    Kept(String),
    /// In the earlier one only.
    Gone(String),
    /// In the later one only.
    New(String),
}

/// The words of two texts, told apart; pieces of one kind are one. `None` if one of them is a
/// single word: then it says no more than both beside each other.
pub fn word_diff(before: &str, after: &str) -> Option<Vec<Word>> {
    let several = |text: &str| text.split_whitespace().nth(1).is_some();
    if !several(before) || !several(after) {
        return None;
    }
    let [before, after] = [before, after].map(|text| crate::human::clipped(text, CHARS_MAX));
    let diff = TextDiff::configure().algorithm(Algorithm::Patience).diff_words(&before, &after);
    let mut words: Vec<Word> = Vec::new();
    for change in diff.iter_all_changes() {
        let text = change.value();
        match (change.tag(), words.last_mut()) {
            (ChangeTag::Equal, Some(Word::Kept(last)))
            | (ChangeTag::Delete, Some(Word::Gone(last)))
            | (ChangeTag::Insert, Some(Word::New(last))) => last.push_str(text),
            (ChangeTag::Equal, _) => words.push(Word::Kept(text.to_owned())),
            (ChangeTag::Delete, _) => words.push(Word::Gone(text.to_owned())),
            (ChangeTag::Insert, _) => words.push(Word::New(text.to_owned())),
        }
    }
    Some(words)
}

/// `the [-old-]{+new+} words`.
pub(super) fn marked(words: &[Word]) -> String {
    let mut text = String::new();
    for word in words {
        match word {
            Word::Kept(part) => text.push_str(part),
            Word::Gone(part) => write!(text, "[-{part}-]").expect("a string takes everything"),
            Word::New(part) => write!(text, "{{+{part}+}}").expect("a string takes everything"),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_and_went_is_marked() {
        let marked = |before, after| word_diff(before, after).map(|words| marked(&words));
        assert_eq!(
            marked("the old red shirt", "the new red shirt").as_deref(),
            Some("the [-old-]{+new+} red shirt")
        );
        assert_eq!(marked("a b", "a b c").as_deref(), Some("a b{+ c+}"));
        assert_eq!(marked("sold out", "sold"), None);
        assert_eq!(marked("red", "blue"), None);
    }
}
