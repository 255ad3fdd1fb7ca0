//! What extraction found in a body: named values, each of one of a few types.

use std::borrow::Cow;
use std::sync::Arc;

/// Names and values in the order of the rules that found them.
pub type FieldValues = Vec<(Arc<str>, FieldValue)>;

/// One extracted value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldValue {
    /// The rule matched nothing, and had no default.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A decimal number as digits, so that nothing of it is lost: `1299.00`.
    Decimal(Box<str>),
    /// Text; also a date (ISO 8601), a URL, a currency (ISO 4217).
    Text(Box<str>),
    /// All matches, where a rule asks for all.
    List(Vec<FieldValue>),
}

impl FieldValue {
    /// The value as people read it; several one after the other, with commas. `None` for none.
    pub fn as_text(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::Null => return None,
            Self::Bool(on) => Cow::Owned(on.to_string()),
            Self::Int(number) => Cow::Owned(number.to_string()),
            Self::Decimal(text) | Self::Text(text) => Cow::Borrowed(text),
            Self::List(values) => {
                let texts: Vec<Cow<'_, str>> = values.iter().filter_map(Self::as_text).collect();
                Cow::Owned(texts.join(", "))
            }
        })
    }
}
