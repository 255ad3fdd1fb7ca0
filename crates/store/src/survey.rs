//! What records hold, looked at before columns are made for it.

use std::sync::Arc;

use gather_core::{FieldValue, Record};

use crate::fields::{Field, Fields};
use crate::read;

/// Columns that are made for extracted fields, and for unknown members, at most. Those beyond
/// stand in the column `fields` alone; unknown members beyond are left out.
const NAMES_MAX: usize = 1_000;

/// What records that were read back hold: members, the names of extracted fields, their types.
#[derive(Debug, Default)]
pub struct Survey {
    /// Records looked at.
    pub(crate) records: u64,
    members: u64,
    extracted: Names,
    others: Names,
}

/// Names in the order they were met, each with what all its values are.
#[derive(Debug, Default)]
struct Names(Vec<(Arc<str>, Kind)>);

/// What all values of a column are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// There are none.
    #[default]
    Null,
    Bool,
    Int,
    /// At most so many digits before the point and behind it.
    Decimal {
        whole: u8,
        scale: u8,
    },
    Text,
    /// Lists, or a mixture with them.
    Json,
}

/// A column to be made.
#[cfg(any(feature = "parquet", feature = "xlsx"))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) field: Field,
    /// Of an extracted field or an unknown member, what its values are.
    pub(crate) kind: Kind,
}

impl Survey {
    /// Looks at one more record.
    pub fn add(&mut self, record: &Record) {
        self.records += 1;
        let fields = record.fields.iter().flat_map(|fields| fields.iter());
        for (at, (name, value)) in fields.enumerate() {
            self.extracted.add(at, name, Kind::of(value));
        }
        let Some(held) = &record.held else { return };
        self.members |= held.members;
        for (name, json) in &held.others {
            match Field::known_from(name, 0) {
                Some((field, _)) => self.members |= field.bit(),
                None => {
                    let value = read::field_value(json);
                    self.others.add(usize::MAX, name, value.map_or(Kind::Json, |v| Kind::of(&v)));
                }
            }
        }
    }

    #[cfg(any(feature = "parquet", feature = "xlsx"))]
    /// The columns of these members: with one for each extracted field beside `fields`.
    pub(crate) fn columns(&self, fields: &Fields) -> Vec<Column> {
        let list = match fields.is_held() {
            true => self.fields(),
            false => fields.clone(),
        };
        let list = list.list();
        let mut columns = Vec::with_capacity(list.len());
        for field in list {
            let kind = match field {
                Field::Extracted(name) => self.extracted.kind(name),
                Field::Other(name) => self.others.kind(name),
                _ => Kind::Null,
            };
            columns.push(Column { field: field.clone(), kind });
            if *field == Field::Fields {
                let each = self.extracted.0.iter();
                let each = each.map(|(name, kind)| (Field::Extracted(Arc::clone(name)), *kind));
                let new = each.filter(|(field, _)| !list.contains(field));
                columns.extend(new.map(|(field, kind)| Column { field, kind }));
            }
        }
        columns
    }

    /// The members that any record holds, as columns.
    pub fn fields(&self) -> Fields {
        Fields::columns(self.found())
    }

    /// The members that any record holds. If they are those of a usual record, all usual ones: a
    /// list without failures has the columns of one with them.
    fn found(&self) -> Vec<Field> {
        let always = [Field::N, Field::Input, Field::Outcome, Field::Attempts];
        let is_usual = always.iter().all(|field| self.members & field.bit() != 0);
        let usual = if is_usual { Fields::default() } else { Fields::columns(Vec::new()) };
        let all = Fields::held();
        let held = all.list().iter().filter(|field| self.members & field.bit() != 0);
        let mut list = usual.list().to_vec();
        list.extend(held.filter(|field| !usual.list().contains(field)).cloned());
        let others = self.others.0.iter().map(|(name, _)| Field::Other(Arc::clone(name)));
        list.extend(others);
        list
    }
}

impl Names {
    /// Takes a value of this name, which is mostly the `at`-th.
    fn add(&mut self, at: usize, name: &str, kind: Kind) {
        let is_it = |(known, _): &(Arc<str>, Kind)| **known == *name;
        let at = match self.0.get(at) {
            Some(entry) if is_it(entry) => Some(at),
            _ => self.0.iter().position(is_it),
        };
        match at {
            Some(at) => self.0[at].1 = self.0[at].1.and(kind),
            None if self.0.len() < NAMES_MAX => self.0.push((name.into(), kind)),
            None => {}
        }
    }

    #[cfg(any(feature = "parquet", feature = "xlsx"))]
    fn kind(&self, name: &str) -> Kind {
        self.0.iter().find(|(known, _)| **known == *name).map_or(Kind::Null, |(_, kind)| *kind)
    }
}

impl Kind {
    fn of(value: &FieldValue) -> Self {
        match value {
            FieldValue::Null => Self::Null,
            FieldValue::Bool(_) => Self::Bool,
            FieldValue::Int(_) => Self::Int,
            FieldValue::Decimal(digits) => Self::of_digits(digits),
            FieldValue::Text(_) => Self::Text,
            FieldValue::List(_) => Self::Json,
        }
    }

    fn of_digits(digits: &str) -> Self {
        let digits = digits.strip_prefix('-').unwrap_or(digits);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let lengths = (u8::try_from(whole.len()), u8::try_from(fraction.len()));
        match lengths {
            (Ok(whole_digits @ 1..), Ok(scale)) if is_number(whole) && is_number(fraction) => {
                Self::Decimal { whole: whole_digits, scale }
            }
            _ => Self::Text,
        }
    }

    /// What values of both are.
    fn and(self, other: Self) -> Self {
        // An i64 has at most 19 digits.
        const INT: Kind = Kind::Decimal { whole: 19, scale: 0 };
        match (self, other) {
            (a, b) if a == b => a,
            (Self::Null, kind) | (kind, Self::Null) => kind,
            (Self::Json, _) | (_, Self::Json) => Self::Json,
            (Self::Decimal { whole: a, scale: b }, Self::Decimal { whole: c, scale: d }) => {
                Self::Decimal { whole: a.max(c), scale: b.max(d) }
            }
            (Self::Int, kind @ Self::Decimal { .. }) | (kind @ Self::Decimal { .. }, Self::Int) => {
                kind.and(INT)
            }
            _ => Self::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_what_all_its_values_are() {
        let decimal = |text: &str| FieldValue::Decimal(text.into());
        let text = || FieldValue::Text("x".into());
        let cases = [
            (vec![], Kind::Null),
            (vec![FieldValue::Null, FieldValue::Bool(true)], Kind::Bool),
            (vec![FieldValue::Int(1), FieldValue::Null], Kind::Int),
            (vec![decimal("1299.00"), decimal("-0.125")], Kind::Decimal { whole: 4, scale: 3 }),
            (vec![FieldValue::Int(1), decimal("1.5")], Kind::Decimal { whole: 19, scale: 1 }),
            (vec![decimal("1e5")], Kind::Text),
            (vec![FieldValue::Int(1), FieldValue::Bool(true)], Kind::Text),
            (vec![decimal("1.5"), text()], Kind::Text),
            (vec![text(), FieldValue::List(vec![])], Kind::Json),
        ];
        for (values, expected) in cases {
            let kind = values.iter().fold(Kind::Null, |kind, value| kind.and(Kind::of(value)));
            assert_eq!(kind, expected, "{values:?}");
        }
    }
}
