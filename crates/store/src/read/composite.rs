//! What values of a result are made of: JSON without a detour, moments, seconds, hashes.
//!
//! `None` means that the value has another form than a record can hold: it is kept as it stands.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use gather_core::attempt::{ChainLink, Headers};
use gather_core::target::Tags;
use gather_core::{FieldValue, FieldValues};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::draft::Decimals;

/// The members of an object in their order, not yet understood.
pub(crate) struct Members<'a>(pub(crate) Vec<(Cow<'a, str>, &'a str)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(24);
                while let Some((name, value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                    members.push((name.0, value.get()));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// A name, borrowed unless it has escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// The members of an object.
pub(crate) fn members(json: &str) -> Option<Members<'_>> {
    serde_json::from_str(json).ok()
}

/// The text of a JSON string.
pub(crate) fn text(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?;
    match inner.strip_suffix('"') {
        Some(plain) if !plain.contains('\\') => Some(Cow::Borrowed(plain)),
        _ => serde_json::from_str(json).ok().map(Cow::Owned),
    }
}

/// `[{"url":…,"status_code":…}]`.
pub(crate) fn chain(json: &str) -> Option<Vec<ChainLink>> {
    let links: Vec<&RawValue> = serde_json::from_str(json).ok()?;
    links.into_iter().map(|link| chain_link(link.get())).collect()
}

fn chain_link(json: &str) -> Option<ChainLink> {
    let mut link = ChainLink { url: "".into(), status: 0 };
    for (name, value) in members(json)?.0 {
        match &*name {
            "url" => link.url = text(value)?.into(),
            "status_code" => link.status = value.parse().ok()?,
            _ => return None,
        }
    }
    Some(link)
}

/// A list of strings.
pub(crate) fn names(json: &str) -> Option<Vec<Box<str>>> {
    serde_json::from_str(json).ok()
}

/// An object of strings.
pub(crate) fn tags(json: &str) -> Option<Tags> {
    let members = members(json)?.0.into_iter();
    members.map(|(name, value)| Some((name.as_ref().into(), text(value)?.into()))).collect()
}

/// An object of strings, or of lists of strings where a header came more than once.
pub(crate) fn headers(json: &str) -> Option<Headers> {
    let mut headers = Headers::new();
    for (name, value) in members(json)?.0 {
        match text(value) {
            Some(value) => headers.push((name.as_ref().into(), value.into())),
            None => {
                let values = names(value)?;
                headers.extend(values.into_iter().map(|value| (name.as_ref().into(), value)));
            }
        }
    }
    Some(headers)
}

/// An object of extracted values.
pub(crate) fn fields(json: &str, decimals: Decimals) -> Option<FieldValues> {
    let members = members(json)?.0.into_iter();
    let value = |(name, value): (Cow<'_, str>, &str)| {
        Some((Arc::from(name.as_ref()), field_value(value, decimals)?))
    };
    members.map(value).collect()
}

/// One extracted value.
pub(crate) fn field_value(json: &str, decimals: Decimals) -> Option<FieldValue> {
    Some(match json.as_bytes().first()? {
        b'n' => FieldValue::Null,
        b't' => FieldValue::Bool(true),
        b'f' => FieldValue::Bool(false),
        b'"' => FieldValue::Text(text(json)?.into()),
        b'[' => {
            let values: Vec<&RawValue> = serde_json::from_str(json).ok()?;
            let values: Option<Vec<_>> =
                values.into_iter().map(|value| field_value(value.get(), decimals)).collect();
            FieldValue::List(values?)
        }
        b'{' if decimals == Decimals::Told => match members(json)?.0.as_slice() {
            [(name, digits)] if name == "d" => FieldValue::Decimal(text(digits)?.into()),
            _ => return None,
        },
        b'{' => return None,
        _ => FieldValue::Int(json.parse().ok()?),
    })
}

/// Seconds as written, in microseconds; `None` unless it is a number that is not negative.
pub(crate) fn micros(seconds: &str) -> Option<u64> {
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
        // `1e-6`, as others write it.
        let seconds: f64 = seconds.parse().ok()?;
        let duration = gather_core::Duration::try_from_secs_f64(seconds).ok()?;
        return u64::try_from((duration.as_nanos() + 500) / 1000).ok();
    }
    let us: u64 = fraction
        .bytes()
        .chain(std::iter::repeat(b'0'))
        .take(6)
        .fold(0, |us, digit| us * 10 + u64::from(digit - b'0'));
    let rounds_up = fraction.as_bytes().get(6).is_some_and(|digit| *digit >= b'5');
    let whole: u64 = whole.parse().ok()?;
    whole.checked_mul(1_000_000)?.checked_add(us + u64::from(rounds_up))
}

/// `2026-11-21T10:00:00.123Z` in microseconds since 1970.
pub(crate) fn moment_us(text: &str) -> Option<u64> {
    let (date, rest) = text.split_at_checked(19)?;
    let fraction = rest.strip_suffix('Z').or_else(|| rest.strip_suffix("+00:00"))?;
    let us = match fraction {
        "" => 0,
        fraction => micros(&format!("0{}", fraction.strip_prefix('.').map(|_| fraction)?))?,
    };
    let s = u64::try_from(civil_s(date)?).ok()?;
    Some(s * 1_000_000 + us)
}

/// `2026-11-21T10:00:00Z` in seconds since 1970.
pub(crate) fn date_s(text: &str) -> Option<i64> {
    let (date, rest) = text.split_at_checked(19)?;
    matches!(rest, "Z" | ".000Z" | "+00:00").then(|| civil_s(date))?
}

/// `2026-11-21T10:00:00`, UTC, in seconds since 1970: Howard Hinnant's `days_from_civil`.
fn civil_s(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if marks.iter().any(|(at, mark)| bytes.get(*at) != Some(mark)) {
        return None;
    }
    let part = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    let (hour, minute, second) = (part(11, 13)?, part(14, 16)?, part(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

/// 64 hexadecimal digits in lower case.
pub(crate) fn sha256(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 || digits.iter().any(|digit| !matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    {
        return None;
    }
    let mut hash = [0; 32];
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).ok()?;
    }
    Some(hash)
}
