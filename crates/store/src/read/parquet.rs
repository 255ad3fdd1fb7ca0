//! Records from Parquet, as our sink of it writes them, or others from such a file.

use std::fs::File;
use std::path::Path;

use ::parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type as Physical};
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::record::Field as Cell;
use ::parquet::record::reader::RowIter;
use gather_core::Record;

use super::Results;
use super::draft::{Decimals, Draft, Given, Shape, Wrong};
use super::error::{ReadError, ReadErrorKind};
use crate::fields::Field;
use crate::json;
use crate::parquet::{KEY_JSON, KEY_RUN, KEY_STARTED};
use crate::sink::RunInfo;
use crate::value::Value;

/// Records from Parquet.
pub(crate) struct ParquetRows {
    rows: RowIter<'static>,
    name: Box<str>,
    run: Option<RunInfo>,
    /// Columns with moments in nanoseconds, which the library gives as numbers.
    nanos: Vec<Box<str>>,
    /// Columns whose texts are JSON.
    json: Vec<Box<str>>,
    number: u64,
    is_at_end: bool,
    text: Vec<u8>,
}

impl ParquetRows {
    /// Reads the footer.
    ///
    /// # Errors
    /// When the file cannot be read, or has types that no result has.
    pub(crate) fn open(path: &Path) -> Result<Self, ReadError> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| ReadError::io(&name, &error))?;
        let form = |message: String| ReadError::new(ReadErrorKind::Form, &name, message);
        let reader = SerializedFileReader::new(file)
            .map_err(|error| form(format!("is no whole Parquet file: {error}")))?;
        let about = reader.metadata().file_metadata();
        let mut nanos = Vec::new();
        for column in about.schema_descr().columns() {
            let is_flat = column.max_rep_level() == 0 && column.path().parts().len() == 1;
            if !is_flat || !is_readable(column.physical_type(), column.converted_type()) {
                let column = column.path().string();
                return Err(form(format!("has the column {column}, of a type no result has")));
            }
            if let Some(LogicalType::Timestamp(about)) = column.logical_type_ref()
                && about.unit == TimeUnit::NANOS
            {
                nanos.push(column.name().into());
            }
        }
        let pairs = about.key_value_metadata().map_or(&[][..], Vec::as_slice);
        let find = |key: &str| pairs.iter().find(|pair| pair.key == key)?.value.as_deref();
        let started = find(KEY_STARTED).and_then(|us| us.parse().ok());
        let run = find(KEY_RUN).zip(started);
        Ok(Self {
            run: run.map(|(id, us)| RunInfo { id: id.into(), ..RunInfo::new(us, 0) }),
            nanos,
            json: find(KEY_JSON)
                .and_then(|list| serde_json::from_str(list).ok())
                .unwrap_or_default(),
            rows: RowIter::from_file_into(Box::new(reader)),
            name: name.into(),
            number: 0,
            is_at_end: false,
            text: Vec::new(),
        })
    }

    fn set(&mut self, draft: &mut Draft, name: &str, cell: &Cell) -> Result<(), Wrong> {
        self.text.clear();
        let is_text = match cell {
            Cell::Null => return Ok(()),
            Cell::Str(text) => {
                let is_json = self.json.iter().any(|json| **json == *name) && !text.contains('\n');
                let given = if is_json { Given::Json(text) } else { Given::Text(text) };
                return draft.member(name, given);
            }
            Cell::Decimal(decimal) => {
                let digits = decimal_text(decimal.data(), decimal.scale());
                return draft.member(name, Given::Decimal(&digits));
            }
            Cell::Long(ns) if self.nanos.iter().any(|nanos| **nanos == *name) => {
                self.moment(name, ns.div_euclid(1000))
            }
            Cell::TimestampMicros(us) => self.moment(name, *us),
            Cell::TimestampMillis(ms) => self.moment(name, ms.saturating_mul(1000)),
            Cell::Bytes(bytes) => match std::str::from_utf8(bytes.data()) {
                Ok(text) => return draft.member(name, Given::Text(text)),
                Err(error) => return Err(format!("{name} is not UTF-8: {error}")),
            },
            // Numbers and booleans are written as JSON writes them.
            other => {
                self.text.extend_from_slice(other.to_string().as_bytes());
                false
            }
        };
        let text = String::from_utf8_lossy(&self.text);
        draft.member(name, if is_text { Given::Text(&text) } else { Given::Json(&text) })
    }

    /// Writes a moment as records have it: a date to the second, all others to the millisecond.
    fn moment(&mut self, name: &str, us: i64) -> bool {
        let is_date = Field::from_name(name) == Some(Field::TlsNotAfter);
        let value = match u64::try_from(us) {
            Ok(us) if !is_date => Value::Moment(us),
            _ => Value::Date(us.div_euclid(1_000_000)),
        };
        json::plain(&mut self.text, &value);
        true
    }
}

impl Results for ParquetRows {
    fn next(&mut self) -> Result<Option<Record>, ReadError> {
        if self.is_at_end {
            return Ok(None);
        }
        self.number += 1;
        let row = match self.rows.next() {
            None => return Ok(None),
            Some(Ok(row)) => row,
            Some(Err(error)) => {
                self.is_at_end = true;
                let message = format!("row {} cannot be read: {error}", self.number);
                return Err(ReadError::new(ReadErrorKind::Io, &self.name, message));
            }
        };
        let mut draft = Draft::new(Shape::Row, Decimals::Text);
        let all: Result<(), Wrong> =
            row.get_column_iter().try_for_each(|(name, cell)| self.set(&mut draft, name, cell));
        let record = all.and_then(|()| draft.finish());
        record.map(Some).map_err(|wrong| ReadError::row(&self.name, self.number, wrong))
    }

    fn run(&self) -> Option<&RunInfo> {
        self.run.as_ref()
    }
}

/// Whether the library has cells of this type: others make it panic.
fn is_readable(physical: Physical, converted: ConvertedType) -> bool {
    use ConvertedType as C;
    match physical {
        Physical::INT32 => matches!(
            converted,
            C::NONE
                | C::INT_8
                | C::INT_16
                | C::INT_32
                | C::UINT_8
                | C::UINT_16
                | C::UINT_32
                | C::DATE
                | C::TIME_MILLIS
                | C::DECIMAL
        ),
        Physical::INT64 => matches!(
            converted,
            C::NONE
                | C::INT_64
                | C::UINT_64
                | C::TIME_MICROS
                | C::TIMESTAMP_MILLIS
                | C::TIMESTAMP_MICROS
                | C::DECIMAL
        ),
        Physical::BYTE_ARRAY => {
            matches!(converted, C::NONE | C::UTF8 | C::ENUM | C::JSON | C::DECIMAL)
        }
        Physical::FIXED_LEN_BYTE_ARRAY => converted == C::DECIMAL,
        Physical::BOOLEAN | Physical::FLOAT | Physical::DOUBLE => true,
        Physical::INT96 => false,
    }
}

/// The digits of a decimal: a whole number, big-endian, and how many are behind the point.
fn decimal_text(bytes: &[u8], scale: i32) -> String {
    let negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    let mut all = if negative { [0xff; 16] } else { [0; 16] };
    let tail = &bytes[bytes.len().saturating_sub(16)..];
    all[16 - tail.len()..].copy_from_slice(tail);
    let number = i128::from_be_bytes(all);
    let scale = usize::try_from(scale).unwrap_or(0);
    let digits = format!("{:0>width$}", number.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if number < 0 { "-" } else { "" };
    match fraction {
        "" => format!("{sign}{whole}"),
        fraction => format!("{sign}{whole}.{fraction}"),
    }
}
