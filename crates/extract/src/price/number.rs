//! Numbers in text as people write them: grouped and with decimals in any country's way.

use std::ops::Range;

use rust_decimal::Decimal;

/// A number in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Number {
    /// Where it is, in bytes, without its sign.
    pub(crate) span: Range<usize>,
    pub(crate) groups: Groups,
}

/// The digits of a number with what stands between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Groups {
    /// Groups of digits; the first may be empty: `.75`.
    digits: Vec<Box<str>>,
    /// One fewer. Any white space is a blank, any apostrophe `'`.
    separators: Vec<char>,
}

/// What a single separator before three digits is: `1.234`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lone {
    /// Between thousands.
    Group,
    /// Before decimals, if it is this sign.
    Decimal(char),
}

/// Digits of a number; more is no number that anyone meant.
const DIGITS_MAX: usize = 28;

/// All numbers of a text, from left to right.
pub(crate) fn numbers(text: &str) -> Vec<Number> {
    let chars: Vec<(usize, char)> = text.char_indices().map(|(at, c)| (at, normal(c))).collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let Some((number, end)) = number_at(&chars, at, text.len()) else {
            at += 1;
            continue;
        };
        at = end;
        found.push(number);
    }
    found
}

/// A digit as ASCII, a space as a blank, an apostrophe as `'`; anything else as it is.
pub(crate) fn normal(c: char) -> char {
    match c {
        '\u{a0}' | '\u{2009}' | '\u{202f}' | '\u{2007}' | '\t' | '\n' | '\r' => ' ',
        '’' | 'ʼ' | '´' | '`' | '‘' | 'ʻ' => '\'',
        '٫' => '.',
        '٬' => ',',
        '．' => '.',
        '，' => ',',
        '٠'..='٩' => digit(c as u32 - '٠' as u32),
        '۰'..='۹' => digit(c as u32 - '۰' as u32),
        '०'..='९' => digit(c as u32 - '०' as u32),
        '０'..='９' => digit(c as u32 - '０' as u32),
        c => c,
    }
}

fn digit(value: u32) -> char {
    char::from_digit(value, 10).unwrap_or('0')
}

/// The number that begins at `start`, and the character after it.
fn number_at(chars: &[(usize, char)], start: usize, text_bytes: usize) -> Option<(Number, usize)> {
    let is_digit = |at: usize| chars.get(at).is_some_and(|(_, c)| c.is_ascii_digit());
    let run = |from: usize| (from..chars.len()).take_while(|at| is_digit(*at)).count();
    let mut groups = Groups::default();
    let mut at = start;
    let first = chars[start].1;
    let begins_with_point = (first == '.' || first == ',') && is_digit(start + 1);
    if !first.is_ascii_digit() && !begins_with_point {
        return None;
    }
    loop {
        let length = run(at);
        groups.digits.push(chars[at..at + length].iter().map(|(_, c)| *c).collect());
        at += length;
        let Some((_, separator)) = chars.get(at) else { break };
        let next = run(at + 1);
        let goes_on = match separator {
            '.' | ',' => next > 0,
            // Only between groups of three, and not after decimals.
            '\'' | ' ' => next == 3 && groups.takes_blank(*separator),
            _ => false,
        };
        if goes_on {
            groups.separators.push(*separator);
            at += 1;
            continue;
        }
        // `559. 99`: a point that was set apart from its two decimals.
        if matches!(separator, '.' | ',')
            && !groups.separators.contains(separator)
            && chars.get(at + 1).is_some_and(|(_, c)| *c == ' ')
            && run(at + 2) == 2
            && !matches!(chars.get(at + 4), Some((_, '.' | ',' | ' '))) | ends_after(chars, at + 4)
        {
            groups.separators.push(*separator);
            at += 2;
            continue;
        }
        break;
    }
    // `$.75,333`: the point belonged to what was before.
    if groups.digits[0].is_empty() && groups.separators.len() > 1 {
        groups.digits.remove(0);
        groups.separators.remove(0);
    }
    let byte = |at: usize| chars.get(at).map_or(text_bytes, |(byte, _)| *byte);
    Some((Number { span: byte(start)..byte(at), groups }, at))
}

/// Whether what follows is not one more number.
fn ends_after(chars: &[(usize, char)], at: usize) -> bool {
    let mut rest = chars[at.min(chars.len())..].iter().map(|(_, c)| *c);
    !matches!(rest.find(|c| *c != ' '), Some('0'..='9'))
}

impl Groups {
    /// Whether a blank or an apostrophe may come next: all groups so far are thousands.
    fn takes_blank(&self, separator: char) -> bool {
        self.separators.iter().all(|known| *known == separator)
            && self.digits[0].len() <= 3
            && !self.digits[0].is_empty()
            && self.digits[1..].iter().all(|group| group.len() == 3)
    }

    /// Whether it is a date or a version rather than a number: `15.08.2017`, `1.2.3`.
    pub(crate) fn is_no_number(&self) -> bool {
        self.digits.iter().map(|group| group.len()).sum::<usize>() > DIGITS_MAX
            || self.parts(Lone::Group).is_none()
    }

    /// Whether it is digits alone.
    pub(crate) fn is_plain(&self) -> bool {
        self.separators.is_empty()
    }

    /// Its digits before and after the decimal point.
    fn parts(&self, lone: Lone) -> Option<(String, String)> {
        let all = |groups: &[Box<str>]| groups.concat();
        let Some(last) = self.separators.last() else {
            return Some((all(&self.digits), "".into()));
        };
        let before = &self.digits[..self.digits.len() - 1];
        let decimals = || Some((all(before), self.digits.last()?.to_string()));
        let is_alone = self.separators.iter().filter(|known| *known == last).count() == 1;
        // `1.234,56`, `1 234.5`: the last sign is another than those before.
        if is_alone && self.separators.len() > 1 {
            return if self.is_grouped(before) && matches!(last, '.' | ',') {
                decimals()
            } else {
                None
            };
        }
        if self.separators.len() > 1 {
            // `1.234.567`, `12,34,567`; with two kinds of sign the last one would be alone.
            let same = self.separators.iter().all(|known| known == last);
            return (same && self.is_grouped(&self.digits)).then(|| (all(&self.digits), "".into()));
        }
        let three = self.digits[1].len() == 3;
        match (last, lone) {
            (' ' | '\'', _) => Some((all(&self.digits), "".into())),
            (sign, Lone::Decimal(point)) if *sign == point => decimals(),
            // `0.125`, `1234.567`, `.750`
            _ if !three || self.digits[0].len() > 3 || self.digits[0].starts_with('0') => {
                decimals()
            }
            _ if self.digits[0].is_empty() => decimals(),
            _ => Some((all(&self.digits), "".into())),
        }
    }

    /// Whether groups are thousands, or Indian lakhs: `1,23,456`.
    fn is_grouped(&self, groups: &[Box<str>]) -> bool {
        let Some((last, before)) = groups.split_last() else { return false };
        let Some((first, middle)) = before.split_first() else { return true };
        last.len() == 3
            && (1..=3).contains(&first.len())
            && (middle.iter().all(|group| group.len() == 3)
                || middle.iter().all(|group| group.len() == 2) && first.len() <= 2)
    }

    /// Its value.
    pub(crate) fn value(&self, lone: Lone) -> Option<Decimal> {
        let (whole, decimals) = self.parts(lone)?;
        let whole = if whole.is_empty() { "0" } else { &whole };
        match decimals.is_empty() {
            true => whole.parse().ok(),
            false => format!("{whole}.{decimals}").parse().ok(),
        }
    }

    /// Its value with decimals that stood apart: `35€ 99`.
    pub(crate) fn value_with(&self, decimals: &Self) -> Option<Decimal> {
        let (whole, none) = self.parts(Lone::Group)?;
        if !none.is_empty() {
            return None;
        }
        format!("{whole}.{}", decimals.digits.concat()).parse().ok()
    }

    /// Digits in all.
    pub(crate) fn digits(&self) -> usize {
        self.digits.iter().map(|group| group.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_every_countrys_way() {
        let cases = [
            ("1,299.00", "1299.00"),
            ("1.299,00", "1299.00"),
            ("1 299,00", "1299.00"),
            ("1\u{202f}299,00", "1299.00"),
            ("1’299.–", "1299"),
            ("1299", "1299"),
            ("1.299", "1299"),
            ("1,299", "1299"),
            ("12,5", "12.5"),
            ("0.125", "0.125"),
            ("1234.567", "1234.567"),
            ("1,29,999.50", "129999.50"),
            ("1.144.000", "1144000"),
            (".75", "0.75"),
            ("120 000 000", "120000000"),
            ("٣٫٥", "3.5"),
            ("５００", "500"),
            ("559. 99 incl.", "559.99"),
            ("1.837, 32", "1837.32"),
            (".75,333", "75333"),
            ("399 167.00", "399167.00"),
        ];
        for (text, want) in cases {
            let number = &numbers(text)[0];
            let value = number.groups.value(Lone::Group).map(|value| value.to_string());
            assert_eq!(value.as_deref(), Some(want), "{text}");
        }
        for text in ["15.08.2017", "1.2.3", "1,2.3.4"] {
            assert!(numbers(text)[0].groups.is_no_number(), "{text}");
        }
        let spans: Vec<_> = numbers("a 1 298,00 b 12 c").into_iter().map(|n| n.span).collect();
        assert_eq!(spans, [2..10, 13..15]);
    }
}
