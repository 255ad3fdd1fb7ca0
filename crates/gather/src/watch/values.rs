//! Values of fields, and which of them are news: against what was recorded last.

use std::collections::HashMap;

use gather_core::human;
use gather_core::watch::WatchedNo;
use gather_store::history::{LastValue, VALUE_BYTES_MAX};

/// What is known of each field of each target. Bounded by the records of runs that are taken in.
#[derive(Debug, Default)]
pub(crate) struct Values(HashMap<(WatchedNo, Box<str>), Known>);

#[derive(Debug)]
struct Known {
    /// What the rule found when it last found something.
    found: Option<Box<str>>,
    /// Whether it found nothing since.
    is_gone: bool,
}

/// What a value says beside the ones before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// It is as it was; or the first, which others are compared with.
    None,
    /// It is another one.
    Changed { old: Box<str> },
    /// The rule does not find anything any more.
    StoppedMatching { old: Box<str> },
    /// It finds again what it found before.
    MatchesAgain,
}

impl Values {
    /// Goes on with what the history has of targets that nothing is known of yet.
    pub(crate) fn go_on(&mut self, last: Vec<LastValue>) {
        let known = |last: LastValue| {
            let known = Known { is_gone: last.value.is_none(), found: last.value.or(last.earlier) };
            ((last.target, last.field), known)
        };
        for (key, known) in last.into_iter().map(known) {
            self.0.entry(key).or_insert(known);
        }
    }

    /// Takes in what was found, as the history keeps it, and says what is new of it.
    pub(crate) fn take_in(&mut self, target: WatchedNo, field: &str, value: Option<&str>) -> News {
        // What is beyond that is in no history, so after a restart it could not be compared.
        let value = value.map(|value| human::cut(value, VALUE_BYTES_MAX));
        let known = self.0.entry((target, field.into()));
        let known = known.or_insert(Known { found: None, is_gone: value.is_none() });
        let was_gone = std::mem::replace(&mut known.is_gone, value.is_none());
        match (&known.found, value) {
            (Some(old), None) if !was_gone => News::StoppedMatching { old: old.clone() },
            (_, None) => News::None,
            (Some(old), Some(new)) if **old == *new => match was_gone {
                true => News::MatchesAgain,
                false => News::None,
            },
            (_, Some(new)) => match known.found.replace(new.into()) {
                Some(old) => News::Changed { old },
                None => News::None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a sequence of values says, a letter each: `.` nothing, `c` changed, `s` stopped, `a` again.
    fn said(values: &mut Values, sequence: &[Option<&str>]) -> String {
        let letter = |value: &Option<&str>| match values.take_in(WatchedNo(0), "price", *value) {
            News::None => '.',
            News::Changed { .. } => 'c',
            News::StoppedMatching { .. } => 's',
            News::MatchesAgain => 'a',
        };
        sequence.iter().map(letter).collect()
    }

    #[test]
    fn only_what_differs_from_what_was_recorded_last_is_news() {
        let (none, long) = (None, "x".repeat(VALUE_BYTES_MAX));
        let longer = format!("{long}y");
        for (sequence, expected) in [
            (vec![Some("9"), Some("9"), Some("7"), Some("7")], "..c."),
            // The same drop twice is told twice.
            (vec![Some("9"), Some("7"), Some("9"), Some("7")], ".ccc"),
            (vec![Some("9"), none, none, Some("9"), none], ".s.as"),
            (vec![Some("9"), none, Some("7")], ".sc"),
            // A page that did not match from the start has its first match later.
            (vec![none, none, Some("9"), Some("7")], "...c"),
            (vec![Some(&long), Some(&longer)], ".."),
        ] {
            assert_eq!(said(&mut Values::default(), &sequence), expected, "{sequence:.9?}");
        }
    }

    #[test]
    fn a_watch_that_starts_again_compares_with_what_it_recorded() {
        let at = gather_core::Time::ZERO;
        let last = |value: Option<&str>, earlier: Option<&str>| LastValue {
            target: WatchedNo(0),
            field: "price".into(),
            value: value.map(Into::into),
            number: None,
            earlier: earlier.map(Into::into),
            from: at,
            seen: at,
        };
        for (kept, next, expected) in [
            (last(Some("9"), Some("7")), Some("9"), News::None),
            (last(Some("9"), None), Some("7"), News::Changed { old: "9".into() }),
            (last(None, Some("9")), Some("7"), News::Changed { old: "9".into() }),
            (last(None, Some("9")), Some("9"), News::MatchesAgain),
            (last(None, Some("9")), None, News::None),
            (last(None, None), Some("9"), News::None),
        ] {
            let mut values = Values::default();
            values.go_on(vec![kept.clone()]);
            assert_eq!(values.take_in(WatchedNo(0), "price", next), expected, "{kept:?} {next:?}");
        }
    }
}
