//! From a text to a value of a type.

use gather_core::FieldValue;
use rust_decimal::Decimal;
use url::Url;

use crate::date::{self, Order};
use crate::price::{Lone, Place, Price, normal, numbers};

/// The type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// As it was found: text, or what JSON has.
    Found,
    Text,
    Int,
    Decimal,
    Price,
    Date,
    Url,
    Bool,
}

/// The names of all types.
pub(crate) const KINDS: &str = "text, int, decimal, price, date, url, bool";

impl Kind {
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "text" => Self::Text,
            "int" => Self::Int,
            "decimal" => Self::Decimal,
            "price" => Self::Price,
            "date" => Self::Date,
            "url" => Self::Url,
            "bool" => Self::Bool,
            _ => return None,
        })
    }

    /// With its article, for people.
    pub(crate) const fn a(self) -> &'static str {
        match self {
            Self::Found | Self::Text => "text",
            Self::Int => "whole number",
            Self::Decimal => "number",
            Self::Price => "price",
            Self::Date => "date",
            Self::Url => "URL",
            Self::Bool => "yes or no",
        }
    }
}

/// Who wrote a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// People, by the customs of their country: `1.299` is what one pays.
    People,
    /// A program: attributes, JSON, headers. `1.299` is a little more than one.
    Program,
}

/// What a value is read by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    pub(crate) language: Option<&'a str>,
    pub(crate) host: Option<&'a str>,
    /// What relative URLs are resolved by.
    pub(crate) base: Option<&'a Url>,
    pub(crate) by: By,
}

/// A value, and of a price what goes with it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    One(FieldValue),
    Price(Price),
}

/// The value of a text, unless it is none of this type.
pub(crate) fn convert(kind: Kind, text: &str, context: &Context<'_>) -> Option<Value> {
    let of_text = |text: String| FieldValue::Text(text.into());
    Some(Value::One(match kind {
        Kind::Found | Kind::Text => of_text(text.to_owned()),
        Kind::Int => FieldValue::Int(int(text)?),
        Kind::Decimal => decimal_value(&decimal(text, context)?),
        Kind::Price => {
            let place = Place {
                language: context.language,
                host: context.host,
                hint: None,
                point: (context.by == By::Program).then_some('.'),
            };
            return Price::parse(text, &place).map(Value::Price);
        }
        Kind::Date => of_text(date::date(text, Order::of(context.language))?),
        Kind::Url => of_text(url(text, context.base)?.into()),
        Kind::Bool => FieldValue::Bool(truth(text)),
    }))
}

/// A number as digits.
pub(crate) fn decimal_value(value: &Decimal) -> FieldValue {
    FieldValue::Decimal(value.to_string().into())
}

/// The first number of a text if it is whole: `(1,234 reviews)`.
fn int(text: &str) -> Option<i64> {
    let number = numbers(text).into_iter().next()?;
    let value = number.groups.value(Lone::Group)?;
    let value = value.is_integer().then(|| value.to_string())?;
    let whole = value.split('.').next()?;
    format!("{}{whole}", sign(text, number.span.start)).parse().ok()
}

/// The first number of a text.
fn decimal(text: &str, context: &Context<'_>) -> Option<Decimal> {
    let number = numbers(text).into_iter().next()?;
    let lone = match (context.by, context.language.map(|tag| tag.split('-').next())) {
        // Those who group thousands by points.
        (By::People, Some(Some("de" | "it" | "es" | "nl" | "pt" | "tr" | "da" | "id" | "el"))) => {
            Lone::Decimal(',')
        }
        _ => Lone::Decimal('.'),
    };
    let mut value = number.groups.value(lone)?;
    value.set_sign_negative(!sign(text, number.span.start).is_empty() && !value.is_zero());
    // `-3e2` is how programs write what no person does.
    let rest = &text[number.span.end..];
    if rest.starts_with(['e', 'E'])
        && rest[1..].starts_with(|c: char| c.is_ascii_digit() || "+-".contains(c))
    {
        return Decimal::from_scientific(text.trim()).ok();
    }
    Some(value)
}

/// `-` if the number at `at` is below zero.
fn sign(text: &str, at: usize) -> &'static str {
    let before = &text[..at];
    let minus = before.strip_suffix(['-', '−', '－']);
    // Not a dash between two words or numbers.
    match minus {
        Some(before) if !before.ends_with(char::is_alphanumeric) => "-",
        _ => "",
    }
}

/// An absolute URL, resolved by the WHATWG URL standard.
pub(crate) fn url(text: &str, base: Option<&Url>) -> Option<Url> {
    Url::options().base_url(base).parse(text.trim()).ok()
}

/// Whether a text says yes: everything does that does not say no.
fn truth(text: &str) -> bool {
    const NO: &[&str] = &["", "false", "no", "0", "off", "null", "none", "n", "f"];
    const GONE: &[&str] = &["outofstock", "soldout", "discontinued"];
    let text: String = text.trim().chars().map(normal).collect::<String>().to_ascii_lowercase();
    !NO.contains(&&*text) && !GONE.iter().any(|gone| text.ends_with(gone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_a_value_of_its_type() {
        let base = Url::parse("https://a.example/x/y").unwrap();
        let cases = [
            (Kind::Int, "(1,234 reviews)", By::People, Some("1234")),
            (Kind::Int, "1.234", By::People, Some("1234")),
            (Kind::Int, "4.5", By::People, None),
            (Kind::Int, "-3", By::Program, Some("-3")),
            (Kind::Int, "none", By::People, None),
            (Kind::Decimal, "4.5 of 5", By::People, Some("4.5")),
            (Kind::Decimal, "1.234", By::Program, Some("1.234")),
            (Kind::Decimal, "1.234", By::People, Some("1234")),
            (Kind::Decimal, "1.234,50", By::People, Some("1234.50")),
            (Kind::Decimal, "−0,5 °C", By::People, Some("-0.5")),
            (Kind::Decimal, "1.5e3", By::Program, Some("1500")),
            (Kind::Date, "5. März 2026", By::People, Some("2026-03-05")),
            (Kind::Date, "soon", By::People, None),
            (Kind::Url, " ../z?a=1#b ", By::Program, Some("https://a.example/z?a=1#b")),
            (Kind::Url, "//b.example", By::Program, Some("https://b.example/")),
            (Kind::Url, "https://[", By::Program, None),
            (Kind::Bool, "yes", By::People, Some("true")),
            (Kind::Bool, "In stock", By::People, Some("true")),
            (Kind::Bool, "https://schema.org/OutOfStock", By::People, Some("false")),
            (Kind::Bool, "No", By::People, Some("false")),
            (Kind::Text, "a", By::People, Some("a")),
        ];
        for (kind, text, by, want) in cases {
            let context = Context { language: Some("de"), host: None, base: Some(&base), by };
            let got = convert(kind, text, &context).map(|value| match value {
                Value::One(FieldValue::Text(text) | FieldValue::Decimal(text)) => text.to_string(),
                Value::One(FieldValue::Int(value)) => value.to_string(),
                Value::One(FieldValue::Bool(value)) => value.to_string(),
                other => panic!("{other:?}"),
            });
            assert_eq!(got.as_deref(), want, "{kind:?} {text:?}");
        }
    }
}
