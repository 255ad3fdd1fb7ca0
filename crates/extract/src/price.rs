//! Prices in text: amount and currency, in any country's way of writing them.

mod currency;
mod number;

use rust_decimal::Decimal;

use self::currency::{SIGN_CHARS_MAX, Sign, Strength};
pub(crate) use self::number::{Lone, Number, normal, numbers};

/// Characters of a text that are looked at.
const CHARS_MAX: usize = 1000;
/// Characters of a text that says "free" and means the price.
const FREE_CHARS_MAX: usize = 24;

/// An amount of money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// The amount; of a range its low end.
    pub amount: Decimal,
    /// Its currency by ISO 4217; `None` if it cannot be told.
    pub currency: Option<&'static str>,
    /// What the text said besides.
    pub beside: Beside,
}

/// What stands beside an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    /// Nothing.
    Nothing,
    /// It is the lowest of several: `from €12`.
    From,
    /// It is the low end of a range, and this the high end.
    To(Decimal),
    /// It is a sale price, and this the list price.
    List(Decimal),
}

/// What is known of the page a price is on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place<'a> {
    /// Its language: `de-CH`.
    pub language: Option<&'a str>,
    /// Its host, whose last part may be a country.
    pub host: Option<&'a str>,
    /// A text beside the price that may hold the currency.
    pub hint: Option<&'a str>,
    /// The sign before decimals, where a number alone does not tell: `1.234`.
    pub point: Option<char>,
}

/// A number with the signs of money beside it.
#[derive(Debug)]
struct Amount {
    value: Decimal,
    sign: Option<Sign>,
    /// Whether the sign stands before the number.
    sign_is_first: bool,
    /// Bytes of the number with its sign.
    start: usize,
    end: usize,
}

impl Price {
    /// The price in a text.
    ///
    /// Of several amounts it is the one that is said to hold now, else the first that has a
    /// currency, else the first.
    pub fn parse(text: &str, place: &Place<'_>) -> Option<Self> {
        let cut = text.char_indices().nth(CHARS_MAX).map_or(text.len(), |(at, _)| at);
        let text = &text[..cut];
        let country = currency::country(place.language, place.host);
        let mut amounts = amounts(text, place.point, country);
        share_signs(text, &mut amounts);
        let strays = currency_in(text).or_else(|| currency_in(place.hint?));
        if amounts.iter().any(|amount| amount.sign.is_some()) {
            amounts.retain(|amount| amount.sign.is_some());
        }
        let Some((amount, beside)) = choose(text, &amounts) else {
            return is_free(text).then(|| Self {
                amount: Decimal::ZERO,
                currency: code(strays, country),
                beside: Beside::Nothing,
            });
        };
        let sign = amount.sign.or(strays);
        Some(Self { amount: amount.value, currency: code(sign, country), beside })
    }
}

/// The code of a sign; without any, of the country.
fn code(sign: Option<Sign>, country: Option<&str>) -> Option<&'static str> {
    match sign {
        Some(sign) => sign.code(country),
        None => currency::of_country(country?),
    }
}

/// Every number that may be an amount.
fn amounts(text: &str, point: Option<char>, country: Option<&str>) -> Vec<Amount> {
    let all = numbers(text);
    let mut amounts = Vec::with_capacity(all.len());
    let mut at = 0;
    while let Some(number) = all.get(at) {
        at += 1;
        if number.groups.is_no_number() || is_other(text, number) {
            continue;
        }
        let (before, start) = sign_before(text, number.span.start);
        let (after, mut end) = sign_after(text, number.span.end);
        // Beside its own code a `$` tells nothing.
        let is_alone = text.trim().len() == end - start;
        let signs = [before, after].into_iter().flatten();
        let signs = signs.filter(|(_, strength)| is_alone || *strength > Strength::Letter);
        let sign = signs.map(|(sign, _)| sign).reduce(|first, second| {
            let is_more = first.is_shared() && !second.is_shared();
            if is_more && before_ends(text, end, all.get(at)) { second } else { first }
        });
        let lone = match (point, sign.and_then(|sign| sign.code(country))) {
            (Some(point), _) => Lone::Decimal(point),
            (None, Some(code)) if currency::has_thousandths(code) => Lone::Decimal('.'),
            _ => Lone::Group,
        };
        let mut value = number.groups.value(lone);
        // `35€ 99`: the sign stands in place of the point.
        if let (Some((_, Strength::Symbol)), Some(next)) = (after, all.get(at))
            && !text[number.span.end..].starts_with(char::is_whitespace)
            && is_cents(text, end, next)
        {
            value = number.groups.value_with(&next.groups).or(value);
            end = next.span.end;
            at += 1;
        }
        let sign_is_first = before.is_some();
        amounts.extend(value.map(|value| Amount { value, sign, sign_is_first, start, end }));
    }
    amounts
}

/// The ends of a range share a sign: `26 to 50 €`, `$26 - 50`.
fn share_signs(text: &str, amounts: &mut [Amount]) {
    for at in 1..amounts.len() {
        let (first, second) = (&amounts[at - 1], &amounts[at]);
        let between = text.get(first.end..second.start).unwrap_or_default().trim();
        if !joins(between) {
            continue;
        }
        match (first.sign, second.sign) {
            (None, Some(_)) if !second.sign_is_first => amounts[at - 1].sign = second.sign,
            (Some(_), None) if first.sign_is_first => amounts[at].sign = first.sign,
            _ => {}
        }
    }
}

/// Whether a text between two amounts makes a range of them.
fn joins(between: &str) -> bool {
    matches!(between, "-" | "–" | "—" | "~" | "−" | "…" | "to" | "bis" | "à" | "до" | "do" | "tot")
}

/// Whether a sign after one number is not the sign before the next one.
fn before_ends(text: &str, end: usize, next: Option<&Number>) -> bool {
    next.is_none_or(|next| !between(text, end, next).trim().is_empty())
}

/// What stands between a sign and the next number: nothing where both have the same point, as in `SFr.0`.
fn between<'t>(text: &'t str, end: usize, next: &Number) -> &'t str {
    text.get(end..next.span.start).unwrap_or_default()
}

/// Whether a number right after a sign of money is its decimals: two or three digits at once, or two
/// after a blank with nothing but the end or another sign after them.
fn is_cents(text: &str, end: usize, next: &Number) -> bool {
    let between = between(text, end, next);
    let rest = text[next.span.end..].trim_start_matches(|c: char| normal(c) == ' ' || c == '*');
    let is_last = !rest.starts_with(char::is_alphanumeric);
    next.groups.is_plain()
        && match next.groups.digits() {
            2 => between.is_empty() || (normal_blank(between) && is_last),
            3 => between.is_empty(),
            _ => false,
        }
}

fn normal_blank(text: &str) -> bool {
    text.chars().count() == 1 && text.chars().all(|c| normal(c) == ' ')
}

/// Whether a number is a percentage, a length, or part of a word, a date or a number of an article.
fn is_other(text: &str, number: &Number) -> bool {
    let (before, after) = (&text[..number.span.start], &text[number.span.end..]);
    let next = after.trim_start();
    if next.starts_with(['%', '٪', '"', '″']) {
        return true;
    }
    // `25-09`, `2017/08/15`: digits joined by a dash or slash without decimals are a date.
    let joined = |c: Option<char>| matches!(c, Some('-' | '/'));
    let digits = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    let after_joined = joined(after.chars().next()) && digits(&after[1..]);
    let before_joined = joined(before.chars().last())
        && before[..before.len() - 1].ends_with(|c: char| c.is_ascii_digit());
    if (after_joined || before_joined) && number.groups.digits() <= 4 && number.groups.is_plain() {
        return true;
    }
    let unit: String = next.chars().take_while(|c| c.is_alphabetic()).collect();
    matches!(&*unit, "ft" | "cm" | "mm" | "kg" | "ml" | "Stk" | "pcs" | "шт")
        && !before.ends_with(|c: char| currency::sign(c.encode_utf8(&mut [0; 4])).is_some())
}

/// The sign of money before a number, and where it begins.
fn sign_before(text: &str, at: usize) -> (Option<(Sign, Strength)>, usize) {
    let head = text[..at].trim_end_matches(|c: char| normal(c) == ' ' || c == ':' || c == '.');
    // A point may belong to the sign: `руб.`
    let dotted = text[..at].trim_end_matches(|c: char| normal(c) == ' ' || c == ':');
    for head in [dotted, head] {
        let starts = head.char_indices().rev().take(SIGN_CHARS_MAX).map(|(at, _)| at);
        let found = starts.filter_map(|start| {
            let (sign, strength) = currency::sign(&head[start..])?;
            let before = head[..start].chars().last();
            is_apart(before, head[start..].chars().next()).then_some((sign, strength, start))
        });
        if let Some((sign, strength, start)) = found.last() {
            return match code_before(text, start) {
                // `SGD$4.90`, `NZD $100.70`
                Some(code) if sign.is_shared() => (Some((code, strength)), start),
                _ => (Some((sign, strength)), start),
            };
        }
    }
    (None, at)
}

/// The code in capitals that ends a text.
fn code_before(text: &str, at: usize) -> Option<Sign> {
    let head = text[..at].trim_end();
    let start = head.len().checked_sub(3)?;
    let known = currency::code(head.get(start..)?)?;
    let is_whole = is_apart(head[..start].chars().last(), head[start..].chars().next());
    (head.ends_with(known) && is_whole).then_some(Sign::Of(known))
}

/// The sign of money after a number, and where it ends.
fn sign_after(text: &str, at: usize) -> (Option<(Sign, Strength)>, usize) {
    let rest = &text[at..];
    // `1.198,- Kr`, `299.– €`
    let tail = rest.trim_start_matches([
        ' ', '\u{a0}', '\u{202f}', '\u{2009}', ',', '.', '-', '–', '\t', '\n',
    ]);
    for tail in [rest, tail] {
        let start = text.len() - tail.len();
        let ends = tail.char_indices().take(SIGN_CHARS_MAX).map(|(at, c)| at + c.len_utf8());
        let found = ends.filter_map(|end| {
            let (sign, strength) = currency::sign(&tail[..end])?;
            let last = tail[..end].chars().last();
            // `50 - $2.00`: it stands before the next number.
            let next = tail[end..].chars().next();
            if start > at && next.is_some_and(|next| normal(next).is_ascii_digit()) {
                return None;
            }
            is_apart(tail[end..].chars().next(), last).then_some((sign, strength, start + end))
        });
        if let Some((sign, strength, end)) = found.last() {
            return (Some((sign, strength)), end);
        }
    }
    (None, at)
}

/// Whether two characters that meet do not belong to one word.
fn is_apart(outer: Option<char>, inner: Option<char>) -> bool {
    let (Some(outer), Some(inner)) = (outer, inner) else { return true };
    !(outer.is_alphabetic() && inner.is_alphabetic())
}

/// The first sign in a text without regard to numbers.
fn currency_in(text: &str) -> Option<Sign> {
    let cut = text.char_indices().nth(CHARS_MAX).map_or(text.len(), |(at, _)| at);
    let text = &text[..cut];
    let mut word_before = None;
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let ends = rest.char_indices().take(SIGN_CHARS_MAX).map(|(at, c)| at + c.len_utf8());
        let found = ends.filter_map(|end| {
            let (sign, strength) = currency::sign(&rest[..end])?;
            let is_whole = is_apart(word_before, Some(first))
                && is_apart(rest[end..].chars().next(), rest[..end].chars().last());
            // A word in the middle of others is seldom money, a code in capitals mostly is.
            let is_meant = match strength {
                Strength::Symbol => true,
                Strength::Word => {
                    end == text.trim().len()
                        || !rest[..end].is_ascii()
                        || currency::code(&rest[..end]).is_some_and(|code| rest.starts_with(code))
                }
                Strength::Letter => end == text.trim().len(),
            };
            (is_whole && is_meant).then_some(sign)
        });
        if let Some(sign) = found.last() {
            return Some(sign);
        }
        word_before = Some(first);
        at += first.len_utf8();
    }
    None
}

/// Words that say what holds now, what held before, and that there is more.
const NOW: &[&str] = &[
    "now",
    "sale",
    "jetzt",
    "nur",
    "only",
    "aktuell",
    "special",
    "ahora",
    "ora",
    "adesso",
    "maintenant",
    "nu",
    "teraz",
    "nyní",
    "сейчас",
    "agora",
    "reduced",
    "offer",
];
const BEFORE: &[&str] = &[
    "was",
    "statt",
    "rrp",
    "uvp",
    "instead",
    "list",
    "old",
    "regular",
    "vorher",
    "antes",
    "avant",
    "ancien",
    "prima",
    "voor",
    "zamiast",
    "původně",
    "før",
    "было",
    "msrp",
    "usual",
    "bisher",
];
const FROM: &[&str] = &[
    "from", "ab", "od", "от", "desde", "partire", "partir", "dès", "vanaf", "från", "fra",
    "starting", "da",
];
const UP_TO: &[&str] = &["to", "bis", "à", "до", "do", "a", "tot", "until", "and", "und"];

/// The amount that counts, and what is beside it.
fn choose<'a>(text: &str, amounts: &'a [Amount]) -> Option<(&'a Amount, Beside)> {
    let first = amounts.first()?;
    let said = |at: usize| {
        let from = if at == 0 { 0 } else { amounts[at - 1].end };
        // One sign between two numbers is taken for both.
        word_before(text.get(from..amounts[at].start)?)
    };
    let is = |at: usize, words: &[&str]| said(at).is_some_and(|word| words.contains(&&*word));
    if is_order_value(&text[..first.start]) {
        return None;
    }
    let held = (0..amounts.len()).find(|at| is(*at, BEFORE));
    let holds = (0..amounts.len()).find(|at| is(*at, NOW) && !amounts[*at].value.is_zero());
    match (held, holds) {
        (Some(held), Some(holds)) => {
            return Some((&amounts[holds], Beside::List(amounts[held].value)));
        }
        // `79 € statt 99 €`
        (Some(held), None) if held > 0 => {
            return Some((first, Beside::List(amounts[held].value)));
        }
        _ => {}
    }
    if let Some(second) = amounts.get(1) {
        let between = text.get(first.end..second.start).unwrap_or_default().trim();
        if joins(between) || (is(0, FROM) && is(1, UP_TO)) {
            let (low, high) =
                if second.value < first.value { (second, first) } else { (first, second) };
            return Some((low, Beside::To(high.value)));
        }
    }
    let from = if is(0, FROM) { Beside::From } else { Beside::Nothing };
    Some((first, from))
}

/// The last word of a text, in lower case.
fn word_before(text: &str) -> Option<String> {
    let text = text.trim_end_matches(|c: char| !c.is_alphabetic());
    let start = text.char_indices().rev().take_while(|(_, c)| c.is_alphabetic()).last()?.0;
    Some(text[start..].to_lowercase())
}

/// Whether what follows is the value that an order must have, not a price: "on orders over $49".
fn is_order_value(before: &str) -> bool {
    let before = before.to_ascii_lowercase();
    before.contains("shipping") && before.contains("order")
}

/// Whether a text says that something costs nothing.
fn is_free(text: &str) -> bool {
    const FREE: &[&str] =
        &["free", "gratis", "kostenlos", "gratuit", "бесплатно", "zdarma", "gratuito", "umsonst"];
    let text = text.trim();
    let mut words = text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
    text.chars().count() <= FREE_CHARS_MAX
        && words.next().is_some_and(|word| FREE.contains(&&*word.to_lowercase()))
        && words.next().is_none()
}
