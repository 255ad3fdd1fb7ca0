//! `if` of a rule: which changes are worth a message: `drop > 5%`, `new contains 'sold out'`.

use std::str::FromStr;

use regex::{Regex, RegexBuilder};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::value::ConfigError;
use crate::comparison::Comparison;

/// Bytes that a compiled pattern may take.
const REGEX_BYTES_MAX: usize = 1 << 20;
const HINT: &str = "write `drop > 5%`, `rise > 10`, `change >= 1%`, `drop`, `new < 100`, \
                    `new contains 'sold out'`, `old == 'x'` or `new matches '^A'`";

/// A condition on what a value was and is now.
#[derive(Clone, Debug)]
pub(super) struct Condition(Test);

#[derive(Clone, Debug)]
enum Test {
    /// How far it moved that way; both values must be numbers.
    Moved(Way, Option<(Comparison, Amount)>),
    Number(Side, Comparison, Decimal),
    Equals(Side, Box<str>),
    Differs(Side, Box<str>),
    Contains(Side, Box<str>),
    Lacks(Side, Box<str>),
    Matches(Side, Regex),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Drop,
    Rise,
    Either,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Old,
    New,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Amount {
    Absolute(Decimal),
    /// Of the old value.
    Percent(Decimal),
}

impl FromStr for Condition {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        read(text.trim())
            .map(Self)
            .ok_or_else(|| ConfigError::new(format!("'{text}' is no condition on a change"), HINT))
    }
}

impl Condition {
    /// Whether a change from `old` to `new` meets it. What cannot be compared does not.
    pub(super) fn is_met(&self, old: Option<&str>, new: Option<&str>) -> bool {
        let side = |side: Side| match side {
            Side::Old => old,
            Side::New => new,
        };
        match &self.0 {
            Test::Moved(way, than) => match (old.and_then(number), new.and_then(number)) {
                (Some(old), Some(new)) => moved(*way, *than, old, new),
                _ => false,
            },
            Test::Number(of, comparison, right) => {
                side(*of).and_then(number).is_some_and(|left| comparison.holds(left, *right))
            }
            Test::Equals(of, text) => side(*of) == Some(text),
            Test::Differs(of, text) => side(*of) != Some(text),
            Test::Contains(of, text) => side(*of).is_some_and(|value| value.contains(&**text)),
            Test::Lacks(of, text) => !side(*of).is_some_and(|value| value.contains(&**text)),
            Test::Matches(of, regex) => side(*of).is_some_and(|value| regex.is_match(value)),
        }
    }
}

fn moved(way: Way, than: Option<(Comparison, Amount)>, old: Decimal, new: Decimal) -> bool {
    let by = match way {
        Way::Drop => old.checked_sub(new),
        Way::Rise => new.checked_sub(old),
        Way::Either => new.checked_sub(old).map(|by| by.abs()),
    };
    let Some(by) = by.filter(|by| *by > Decimal::ZERO) else { return false };
    match than {
        None => true,
        Some((comparison, Amount::Absolute(amount))) => comparison.holds(by, amount),
        Some((comparison, Amount::Percent(percent))) => {
            // Of nothing, every part is beyond all percentages.
            if old.is_zero() {
                return matches!(comparison, Comparison::Greater | Comparison::GreaterOrEqual);
            }
            let share = by.checked_mul(Decimal::ONE_HUNDRED).zip(percent.checked_mul(old.abs()));
            share.is_some_and(|(left, right)| comparison.holds(left, right))
        }
    }
}

fn read(text: &str) -> Option<Test> {
    let split = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (subject, rest) = (&text[..split], text[split..].trim());
    let way = match subject {
        "drop" => Some(Way::Drop),
        "rise" => Some(Way::Rise),
        "change" => Some(Way::Either),
        _ => None,
    };
    if let Some(way) = way {
        if rest.is_empty() {
            return Some(Test::Moved(way, None));
        }
        let (comparison, amount) = Comparison::read(rest)?;
        let amount = match amount.strip_suffix('%') {
            Some(percent) => Amount::Percent(number(percent)?),
            None => Amount::Absolute(number(amount)?),
        };
        return Some(Test::Moved(way, Some((comparison, amount))));
    }
    let side = match subject {
        "old" => Side::Old,
        "new" => Side::New,
        _ => return None,
    };
    if let Some((comparison, right)) = Comparison::read(rest) {
        return match (quoted(right), comparison) {
            (Some(text), Comparison::Equal) => Some(Test::Equals(side, text.into())),
            (Some(text), Comparison::Unequal) => Some(Test::Differs(side, text.into())),
            (Some(_), _) => None,
            (None, _) => Some(Test::Number(side, comparison, number(right)?)),
        };
    }
    let (word, text) = rest.split_once(' ')?;
    let text = quoted(text.trim())?;
    match word {
        "contains" => Some(Test::Contains(side, text.into())),
        "lacks" => Some(Test::Lacks(side, text.into())),
        "matches" => {
            let regex = RegexBuilder::new(text).size_limit(REGEX_BYTES_MAX).build().ok()?;
            Some(Test::Matches(side, regex))
        }
        _ => None,
    }
}

fn quoted(text: &str) -> Option<&str> {
    ['\'', '"'].into_iter().find_map(|q| text.strip_prefix(q)?.strip_suffix(q))
}

fn number(text: &str) -> Option<Decimal> {
    text.trim().parse().ok()
}

/// By how many percent of the old value the new one differs, where both are numbers.
pub(super) fn percent(old: &str, new: &str) -> Option<f64> {
    let (old, new) = (number(old)?, number(new)?);
    let by = new.checked_sub(old)?.checked_mul(Decimal::ONE_HUNDRED)?;
    by.checked_div(old.abs())?.to_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_hold_for_what_they_say() {
        let check = |condition: &str, old: &str, new: &str, met: bool| {
            let condition: Condition = condition.parse().expect(condition);
            assert_eq!(
                condition.is_met(Some(old), Some(new)),
                met,
                "{condition:?}: {old} -> {new}"
            );
        };
        check("drop > 5%", "100", "94.99", true);
        check("drop > 5%", "100.00", "95", false);
        check("drop >= 5%", "100.00", "95", true);
        check("drop > 5%", "100", "200", false);
        check("drop > 5%", "-100", "-106", true);
        check("drop", "100", "99.99", true);
        check("drop", "100", "100.0", false);
        check("drop > 5", "100", "94", true);
        check("rise > 10", "100", "110", false);
        check("rise > 10", "100", "110.01", true);
        check("rise > 50%", "0", "1", true);
        check("change >= 1%", "100", "101", true);
        check("change >= 1%", "100", "99", true);
        check("change < 1%", "100", "99.5", true);
        check("change", "sold out", "5", false);
        check("new < 100", "120", "99", true);
        check("new < 100", "120", "none", false);
        check("old == 5", "5.00", "6", true);
        check("new contains 'sold out'", "5", "now sold out!", true);
        check("new lacks \"stock\"", "5", "now sold out!", true);
        check("new == 'x'", "5", "x", true);
        check("old != 'x'", "x", "5", false);
        check("new matches '^A[0-9]+$'", "x", "A17", true);
        let matches: Condition = "new matches 'x'".parse().expect("a condition");
        assert!(!matches.is_met(Some("x"), None));
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for text in [
            "",
            "fall > 5%",
            "drop 5%",
            "drop > x",
            "new contains sold",
            "new > 'x'",
            "new matches '('",
            "new",
            "drop > 5%%",
        ] {
            let error = text.parse::<Condition>().expect_err(text);
            assert!(error.message.contains("is no condition"), "{text}: {error}");
        }
    }

    #[test]
    fn percentages_are_of_the_old_value() {
        assert_eq!(percent("200", "190"), Some(-5.0));
        assert_eq!(percent("0", "190"), None);
        assert_eq!(percent("a", "190"), None);
    }
}
