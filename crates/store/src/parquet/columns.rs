//! Columns of a Parquet file: the type of each, its values for one row group, how they are written.

use std::fs::File;
use std::io::BufWriter;
use std::sync::Arc;

use ::bytes::Bytes;
use ::parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use ::parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DoubleType, FixedLenByteArray, FixedLenByteArrayType,
    Int32Type, Int64Type,
};
use ::parquet::errors::Result;
use ::parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use ::parquet::schema::types::{Type, TypePtr};

use gather_core::{FieldValue, Record};

use crate::fields::{Field, Fields, Repeats};
use crate::json;
use crate::survey::{Column as Found, Kind, Survey};
use crate::value::{Value, value_of};

/// Digits that a decimal of 64 bits, and one of 128, can have.
const DIGITS_64: u8 = 18;
const DIGITS_128: u8 = 38;

/// The columns of a file, with the values of the row group that is being gathered.
pub(super) struct Columns {
    columns: Vec<Column>,
    rows: usize,
    bytes: usize,
}

struct Column {
    field: Field,
    name: String,
    kind: ColumnKind,
    values: Values,
    /// 1 for each record that has a value, 0 for each that has none.
    levels: Vec<i16>,
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ColumnKind {
    Bool,
    Int32,
    Int64,
    Double,
    Micros,
    Text,
    Json,
    /// So many digits in all, so many of them behind the point.
    Decimal {
        digits: u8,
        scale: u8,
    },
}

enum Values {
    Bool(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Double(Vec<f64>),
    /// All texts in one, and where each ends.
    Bytes(Vec<u8>, Vec<usize>),
    Int128(Vec<i128>),
}

impl Columns {
    /// Columns for what was found of these members.
    pub(super) fn new(survey: &Survey, fields: &Fields) -> Self {
        let found = survey.columns(fields);
        let column = |found: &Found| Column::new(found, fields.heading(&found.field));
        Self { columns: found.iter().map(column).collect(), rows: 0, bytes: 0 }
    }

    /// The schema of the file.
    pub(super) fn schema(&self) -> Result<TypePtr> {
        let columns: Result<Vec<TypePtr>> = self.columns.iter().map(Column::schema).collect();
        Ok(Arc::new(Type::group_type_builder("record").with_fields(columns?).build()?))
    }

    /// The names of the columns whose texts are JSON.
    pub(super) fn json(&self) -> impl Iterator<Item = &str> {
        let json = self.columns.iter().filter(|column| column.kind == ColumnKind::Json);
        json.map(|column| column.name.as_str())
    }

    /// Records gathered.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes they take, about.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes one more record.
    pub(super) fn push(&mut self, record: &Record) {
        for column in &mut self.columns {
            let value = value_of(&column.field, record, Repeats::Write);
            self.bytes += column.push(value.as_ref());
        }
        self.rows += 1;
    }

    /// Writes what was gathered as one row group.
    pub(super) fn flush(
        &mut self,
        writer: &mut SerializedFileWriter<BufWriter<&File>>,
    ) -> Result<()> {
        let mut group = writer.next_row_group()?;
        for column in &mut self.columns {
            let mut into = group.next_column()?.expect("the schema is made of these columns");
            column.write(&mut into)?;
            into.close()?;
        }
        group.close()?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }
}

impl Column {
    fn new(found: &Found, name: String) -> Self {
        let kind = ColumnKind::of(found);
        let values = match kind {
            ColumnKind::Bool => Values::Bool(Vec::new()),
            ColumnKind::Int32 => Values::Int32(Vec::new()),
            ColumnKind::Int64 | ColumnKind::Micros => Values::Int64(Vec::new()),
            ColumnKind::Double => Values::Double(Vec::new()),
            ColumnKind::Text | ColumnKind::Json => Values::Bytes(Vec::new(), Vec::new()),
            ColumnKind::Decimal { digits: ..=DIGITS_64, .. } => Values::Int64(Vec::new()),
            ColumnKind::Decimal { .. } => Values::Int128(Vec::new()),
        };
        Self { field: found.field.clone(), name, kind, values, levels: Vec::new() }
    }

    fn schema(&self) -> Result<TypePtr> {
        let micros = LogicalType::timestamp(true, TimeUnit::MICROS);
        let (physical, logical) = match self.kind {
            ColumnKind::Bool => (Physical::BOOLEAN, None),
            ColumnKind::Int32 => (Physical::INT32, None),
            ColumnKind::Int64 => (Physical::INT64, None),
            ColumnKind::Double => (Physical::DOUBLE, None),
            ColumnKind::Micros => (Physical::INT64, Some(micros)),
            // JSON as well: not every reader takes the logical type JSON for text.
            ColumnKind::Text | ColumnKind::Json => {
                (Physical::BYTE_ARRAY, Some(LogicalType::String))
            }
            ColumnKind::Decimal { digits, scale } => {
                let physical = match self.values {
                    Values::Int64(_) => Physical::INT64,
                    _ => Physical::FIXED_LEN_BYTE_ARRAY,
                };
                let (scale, precision) = (i32::from(scale), i32::from(digits));
                (physical, Some(LogicalType::decimal(scale, precision)))
            }
        };
        let mut builder = Type::primitive_type_builder(&self.name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical);
        if let ColumnKind::Decimal { digits, scale } = self.kind {
            builder = builder.with_precision(i32::from(digits)).with_scale(i32::from(scale));
        }
        if physical == Physical::FIXED_LEN_BYTE_ARRAY {
            builder = builder.with_length(16);
        }
        Ok(Arc::new(builder.build()?))
    }

    /// Takes a record's value; returns the bytes it takes.
    fn push(&mut self, value: Option<&Value<'_>>) -> usize {
        let taken = value.and_then(|value| self.take(value));
        self.levels.push(i16::from(taken.is_some()));
        size_of::<i16>() + taken.unwrap_or(0)
    }

    /// `None` where the value is not of the column's type: it then stands in no column of its own.
    fn take(&mut self, value: &Value<'_>) -> Option<usize> {
        match &mut self.values {
            Values::Bool(all) => all.push(flag(value)?),
            Values::Int32(all) => all.push(i32::try_from(whole(value)?).ok()?),
            Values::Int64(all) => all.push(match self.kind {
                ColumnKind::Micros => moment_us(value)?,
                ColumnKind::Decimal { scale, .. } => i64::try_from(scaled(value, scale)?).ok()?,
                _ => whole(value)?,
            }),
            Values::Double(all) => all.push(seconds(value)?),
            Values::Int128(all) => match self.kind {
                ColumnKind::Decimal { scale, .. } => all.push(scaled(value, scale)?),
                _ => return None,
            },
            Values::Bytes(all, ends) => {
                if let Value::Extracted(FieldValue::Null) | Value::Held("null") = value {
                    return None;
                }
                let before = all.len();
                match self.kind {
                    ColumnKind::Json => json::value(all, value),
                    _ => json::plain(all, value),
                }
                ends.push(all.len());
                return Some(all.len() - before + size_of::<usize>());
            }
        }
        Some(size_of::<i64>())
    }

    fn write(&mut self, into: &mut SerializedColumnWriter<'_>) -> Result<()> {
        let levels = Some(&self.levels[..]);
        match &mut self.values {
            Values::Bool(all) => {
                into.typed::<BoolType>().write_batch(all, levels, None)?;
                all.clear();
            }
            Values::Int32(all) => {
                into.typed::<Int32Type>().write_batch(all, levels, None)?;
                all.clear();
            }
            Values::Int64(all) => {
                into.typed::<Int64Type>().write_batch(all, levels, None)?;
                all.clear();
            }
            Values::Double(all) => {
                into.typed::<DoubleType>().write_batch(all, levels, None)?;
                all.clear();
            }
            Values::Int128(all) => {
                let bytes: Vec<FixedLenByteArray> =
                    all.iter().map(|value| value.to_be_bytes().to_vec().into()).collect();
                into.typed::<FixedLenByteArrayType>().write_batch(&bytes, levels, None)?;
                all.clear();
            }
            Values::Bytes(all, ends) => {
                let whole = Bytes::from(std::mem::take(all));
                let starts = std::iter::once(0).chain(ends.iter().copied());
                let texts: Vec<ByteArray> = starts
                    .zip(ends.iter())
                    .map(|(start, end)| whole.slice(start..*end).into())
                    .collect();
                into.typed::<ByteArrayType>().write_batch(&texts, levels, None)?;
                ends.clear();
            }
        }
        self.levels.clear();
        Ok(())
    }
}

impl ColumnKind {
    fn of(found: &Found) -> Self {
        match &found.field {
            Field::N
            | Field::Line
            | Field::ContentLength
            | Field::BodyBytes
            | Field::WarcOffset
            | Field::WarcLength
            | Field::SameAs => Self::Int64,
            Field::StatusCode | Field::Attempts | Field::NumRedirects => Self::Int32,
            Field::TimeQueue
            | Field::TimeNamelookup
            | Field::TimeConnect
            | Field::TimeAppconnect
            | Field::TimeStarttransfer
            | Field::TimeTotal => Self::Double,
            Field::StartedAt | Field::TlsNotAfter => Self::Micros,
            Field::ErrorRetryable | Field::Truncated | Field::Unchanged => Self::Bool,
            Field::Chain
            | Field::TlsSan
            | Field::Fields
            | Field::Tags
            | Field::Headers
            | Field::Json => Self::Json,
            Field::Extracted(_) | Field::Other(_) => Self::of_values(found.kind),
            _ => Self::Text,
        }
    }

    fn of_values(kind: Kind) -> Self {
        match kind {
            Kind::Bool => Self::Bool,
            Kind::Int => Self::Int64,
            Kind::Decimal { whole, scale } => match whole.saturating_add(scale) {
                digits @ ..=DIGITS_128 => Self::Decimal { digits, scale },
                _ => Self::Text,
            },
            Kind::Null | Kind::Text => Self::Text,
            Kind::Json => Self::Json,
        }
    }
}

fn flag(value: &Value<'_>) -> Option<bool> {
    match value {
        Value::Flag(flag) | Value::Extracted(FieldValue::Bool(flag)) => Some(*flag),
        Value::Held(json) => json.parse().ok(),
        _ => None,
    }
}

fn whole(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Count(count) => Some(i64::try_from(*count).unwrap_or(i64::MAX)),
        Value::Extracted(FieldValue::Int(number)) => Some(*number),
        Value::Held(json) => json.parse().ok(),
        _ => None,
    }
}

fn seconds(value: &Value<'_>) -> Option<f64> {
    match value {
        // Exact to the microsecond for 285 years.
        Value::Seconds(us) => Some(*us as f64 / 1e6),
        Value::Held(json) => json.parse().ok(),
        _ => None,
    }
}

fn moment_us(value: &Value<'_>) -> Option<i64> {
    match value {
        // As everywhere, to the millisecond.
        Value::Moment(us) => i64::try_from(us / 1000 * 1000).ok(),
        Value::Date(s) => s.checked_mul(1_000_000),
        _ => None,
    }
}

/// The digits of a decimal as a whole number, with so many of them behind the point.
fn scaled(value: &Value<'_>, scale: u8) -> Option<i128> {
    let number;
    let digits = match value {
        Value::Extracted(FieldValue::Decimal(digits)) => &**digits,
        Value::Extracted(FieldValue::Int(int)) => {
            number = int.to_string();
            &number
        }
        Value::Held(json) => json,
        _ => return None,
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction:0<width$}", width = usize::from(scale));
    all.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_becomes_its_digits() {
        let decimal = |text: &str| FieldValue::Decimal(text.into());
        let cases = [
            (decimal("1299.00"), 3, Some(1_299_000)),
            (decimal("-0.5"), 2, Some(-50)),
            (FieldValue::Int(-7), 2, Some(-700)),
            (decimal("0"), 0, Some(0)),
            (FieldValue::Text("7".into()), 0, None),
        ];
        for (value, scale, expected) in cases {
            assert_eq!(scaled(&Value::Extracted(&value), scale), expected, "{value:?}");
        }
    }
}
