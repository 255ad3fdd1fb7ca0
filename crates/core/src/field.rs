//! What extraction found in a body: named values, each of one of a few types.

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
