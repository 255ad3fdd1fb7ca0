//! A target in one run, as far as it is compared.

use std::hash::{DefaultHasher, Hash, Hasher};

use gather_core::{ErrorKind, FieldValue, Outcome, Record};
use gather_store::{Field, member_text};
use serde::{Deserialize, Serialize};

use crate::digest::Group;

/// Between the parts of a key.
const PART_END: char = '\u{1f}';
/// Columns of rows that say where a row stands, and not what it says.
const PLACES: [&str; 3] = ["run", "row", "fetched_at"];

/// A target in one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// What tells it from others.
    pub(super) key: String,
    pub(super) n: u64,
    /// Of a row: its place in its page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) row: Option<u64>,
    pub(super) url: String,
    pub(super) at: Option<String>,
    /// `200`, `404`, `timeout.connect`.
    pub(super) status: String,
    pub(super) answer: Answer,
    /// What is compared, by name.
    pub(super) values: Vec<(String, Value)>,
}

/// Whether the values of an entry say anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Answer {
    /// They do: what is not there was not found.
    Searched,
    /// They do, and a value that was required was not found.
    Refused,
    /// There was no accepted answer: nothing is known.
    None,
}

/// A value that is compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Value {
    /// It was looked for, and not found.
    Missing,
    /// By its number.
    Number(String),
    /// As it stands.
    Text(String),
}

impl Value {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Missing => None,
            Self::Number(text) | Self::Text(text) => Some(text),
        }
    }
}

/// The hash that entries are sorted by. Different keys may share one.
pub(super) fn hash(key: &str) -> u64 {
    // Its keys are fixed, and it need only agree with itself.
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

impl Entry {
    /// What is compared of a record; `None` if it has nothing of the key.
    pub(super) fn of(record: &Record, key: &[Group], members: &[Group]) -> Option<Self> {
        let status = match &record.outcome {
            Outcome::Ok | Outcome::Failed(_) if record.status_code != 0 && !breaks_off(record) => {
                record.status_code.to_string()
            }
            Outcome::Ok => "ok".to_owned(),
            Outcome::Failed(error) | Outcome::Skipped(error) => error.kind.as_str().to_owned(),
        };
        let answer = match &record.outcome {
            Outcome::Ok => Answer::Searched,
            Outcome::Failed(error) if error.kind == ErrorKind::ExtractFailed => Answer::Refused,
            Outcome::Failed(_) | Outcome::Skipped(_) => Answer::None,
        };
        Some(Self {
            key: key_of(record, key)?,
            n: record.n,
            row: other(record, "row").and_then(|row| row.parse().ok()),
            url: record.input().to_owned(),
            at: member_text(record, &Field::StartedAt).or_else(|| other(record, "fetched_at")),
            status,
            answer,
            values: if answer == Answer::None { Vec::new() } else { values(record, members) },
        })
    }
}

/// Whether the failure is another than what the status or the extraction says.
fn breaks_off(record: &Record) -> bool {
    let told = [ErrorKind::HttpStatus, ErrorKind::HttpRateLimited, ErrorKind::ExtractFailed];
    record.outcome.error().is_some_and(|error| !told.contains(&error.kind))
}

fn key_of(record: &Record, key: &[Group]) -> Option<String> {
    if key.is_empty() {
        let mut text = match record.method.as_deref() {
            Some(method) if method != "GET" => format!("{method} {}", record.input()),
            _ => record.input().to_owned(),
        };
        // A row has a place in its page.
        if let Some(row) = other(record, "row") {
            text.push_str(" row ");
            text.push_str(&row);
        }
        return (!text.is_empty()).then_some(text);
    }
    let parts: Vec<Option<String>> = key.iter().map(|group| member(record, group)).collect();
    let has_any = parts.iter().any(|part| part.as_deref().is_some_and(|part| !part.is_empty()));
    let separator = PART_END.to_string();
    has_any.then(|| {
        parts.into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>().join(&separator)
    })
}

/// A key as people read it.
pub(super) fn shown_key(key: &str) -> String {
    key.replace(PART_END, ", ")
}

/// A member; of a row, a column of it.
fn member(record: &Record, group: &Group) -> Option<String> {
    group.text(record).or_else(|| match group {
        Group::Named(name) => other(record, name),
        Group::Host | Group::Member(_) => None,
    })
}

/// A member that is none of a record's own.
fn other(record: &Record, name: &str) -> Option<String> {
    let others = &record.held.as_ref()?.others;
    let is_there = others.iter().any(|(known, _)| **known == *name);
    is_there.then(|| member_text(record, &Field::Other(name.into()))).flatten()
}

fn values(record: &Record, members: &[Group]) -> Vec<(String, Value)> {
    if members.is_empty() {
        let fields = record.fields.iter().flat_map(|fields| fields.iter());
        let fields = fields.map(|(name, value)| (name.to_string(), of_field(record, name, value)));
        return fields.chain(columns(record)).collect();
    }
    let value = |group: &Group| {
        // A field may be called as a member is: `title`.
        let extracted = match group {
            Group::Named(name) => extracted(record, name),
            Group::Member(Field::Extracted(name)) => extracted(record, name),
            Group::Member(field) => extracted(record, &field.name()),
            Group::Host => None,
        };
        let plain = || member(record, group).filter(|text| !text.is_empty()).map(Value::Text);
        (group.to_string(), extracted.or_else(plain).unwrap_or(Value::Missing))
    };
    members.iter().map(value).collect()
}

/// The columns of a row in CSV, which knows no fields.
fn columns(record: &Record) -> impl Iterator<Item = (String, Value)> {
    let is_row = member_text(record, &Field::Outcome).is_none() && other(record, "row").is_some();
    let held = record.held.as_deref().filter(|_| is_row);
    let others = held.into_iter().flat_map(|held| &held.others);
    let own = others.filter(|(name, _)| !PLACES.contains(&&**name));
    own.map(|(name, _)| {
        let text = other(record, name).filter(|text| !text.is_empty());
        (name.to_string(), text.map_or(Value::Missing, Value::Text))
    })
}

fn extracted(record: &Record, name: &str) -> Option<Value> {
    let fields = record.fields.as_deref()?;
    let (name, value) = fields.iter().find(|(known, _)| **known == *name)?;
    Some(of_field(record, name, value))
}

fn of_field(record: &Record, name: &str, value: &FieldValue) -> Value {
    let text = || member_text(record, &Field::Extracted(name.into())).unwrap_or_default();
    match value {
        FieldValue::Null => Value::Missing,
        FieldValue::Int(_) | FieldValue::Decimal(_) => Value::Number(text()),
        FieldValue::Bool(_) | FieldValue::Text(_) | FieldValue::List(_) => Value::Text(text()),
    }
}
