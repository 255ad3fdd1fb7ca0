//! The sink of a spreadsheet (Office Open XML): one header, a row a record, built of a spool.
//!
//! Cells are numbers, dates, booleans and texts. A text is always written as a text: nothing from a
//! page becomes a formula or a link.

use std::fs::File;
use std::io::{self, BufWriter};

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};

use gather_core::{FieldValue, Record};

use crate::error::SinkError;
use crate::fields::{Field, Fields, Repeats};
use crate::json;
use crate::read::{JsonLines, Results};
use crate::sink::{OutputSpec, RunInfo, Sink};
use crate::spool::{Build, BuildError, Spool, Spooled};
use crate::survey::{Column, Survey};
use crate::value::{Value, value_of};

/// Rows of a sheet, the header among them: the limit of the format.
const SHEET_ROWS_MAX: u32 = 1_048_576;
/// Columns of a sheet.
const SHEET_COLUMNS_MAX: usize = 16_384;
/// UTF-16 code units of a cell.
const CELL_UNITS_MAX: usize = 32_767;
/// What a text ends with that was longer.
const CUT: &str = " [cut]";
/// A spreadsheet's numbers have 15 digits: a longer one stands as text.
const DIGITS_MAX: usize = 15;
/// 1970-01-01 as spreadsheets count days, and the day after 9999-12-31.
const DAYS_TO_1970: f64 = 25_569.0;
const DAYS_END: f64 = 2_958_466.0;
/// A spool beyond this may make a sheet of more than 4 GiB, for which the archive needs another form.
const LARGE_BYTES: u64 = 512 << 20;

/// Opens it.
pub(crate) fn open(spec: &OutputSpec, run: &RunInfo) -> Result<Box<dyn Sink>, SinkError> {
    let build = Builder { fields: spec.fields.clone(), run: run.clone(), rows_max: SHEET_ROWS_MAX };
    Ok(Box::new(Spooled::open(spec, u64::MAX, Box::new(build))?))
}

pub(crate) struct Builder {
    pub(crate) fields: Fields,
    pub(crate) run: RunInfo,
    /// Rows of a sheet, the header among them.
    pub(crate) rows_max: u32,
}

impl Build for Builder {
    fn build(&self, spool: &Spool<'_>, survey: &Survey, file: &File) -> Result<(), BuildError> {
        let mut columns = survey.columns(&self.fields);
        columns.truncate(SHEET_COLUMNS_MAX);
        let mut workbook = Workbook::new();
        workbook.set_tempdir(spool.directory()).map_err(said)?;
        workbook.use_zip_large_file(spool.bytes().map_err(BuildError::Write)? > LARGE_BYTES);
        workbook.set_properties(&self.properties().map_err(said)?);
        let columns = columns.into_iter().map(|column| {
            let heading = self.fields.heading(&column.field);
            (column, heading)
        });
        let (columns, headings) = columns.unzip();
        let mut rows = Rows { columns, headings, formats: Formats::new(), text: Vec::new() };
        let mut records = spool.records()?;
        let (mut left, mut sheet) = (survey.records, 1);
        loop {
            let most = u64::from(self.rows_max - 1);
            let count = u32::try_from(left.min(most)).expect("at most the rows of a sheet");
            let worksheet = workbook.add_worksheet_with_constant_memory().map_err(said)?;
            worksheet.set_name(sheet_name(sheet)).map_err(said)?;
            rows.fill(worksheet, count, &mut records)?;
            left -= u64::from(count);
            sheet += 1;
            if left == 0 {
                break;
            }
        }
        workbook.save_to_writer(BufWriter::new(file)).map_err(said)
    }
}

impl Builder {
    fn properties(&self) -> Result<DocProperties, XlsxError> {
        let started = self.run.started_unix_us / 1_000_000;
        let created = ExcelDateTime::from_timestamp(i64::try_from(started).unwrap_or(0))?;
        Ok(DocProperties::new()
            .set_author(format!("gather {}", env!("CARGO_PKG_VERSION")))
            .set_comment(format!("Run {}", self.run.id))
            .set_creation_datetime(&created))
    }
}

fn sheet_name(number: u32) -> String {
    match number {
        1 => "records".to_owned(),
        more => format!("records {more}"),
    }
}

/// What the library says, with what the system said to it.
fn said(error: XlsxError) -> BuildError {
    BuildError::Write(match error {
        XlsxError::IoError(source) => source,
        other => io::Error::other(other.to_string()),
    })
}

struct Formats {
    header: Format,
    moment: Format,
    date: Format,
    seconds: Format,
}

impl Formats {
    fn new() -> Self {
        Self {
            header: Format::new().set_bold(),
            moment: Format::new().set_num_format("yyyy-mm-dd hh:mm:ss.000"),
            date: Format::new().set_num_format("yyyy-mm-dd hh:mm:ss"),
            seconds: Format::new().set_num_format("0.000"),
        }
    }
}

/// Writes records as rows.
struct Rows {
    columns: Vec<Column>,
    headings: Vec<String>,
    formats: Formats,
    text: Vec<u8>,
}

impl Rows {
    /// Fills a sheet with its header and so many records.
    fn fill(
        &mut self,
        sheet: &mut Worksheet,
        count: u32,
        records: &mut JsonLines,
    ) -> Result<(), BuildError> {
        self.head(sheet, count).map_err(said)?;
        for row in 1..=count {
            let Some(record) = records.next()? else { break };
            self.row(sheet, row, &record).map_err(said)?;
        }
        Ok(())
    }

    fn head(&self, sheet: &mut Worksheet, count: u32) -> Result<(), XlsxError> {
        for (at, column) in (0..).zip(&self.columns) {
            sheet.set_column_width(at, width(&column.field))?;
        }
        sheet.set_freeze_panes(1, 0)?;
        if let Some(last) = u16::try_from(self.columns.len()).ok().and_then(|n| n.checked_sub(1)) {
            sheet.autofilter(0, 0, count, last)?;
        }
        for (at, heading) in (0..).zip(&self.headings) {
            sheet.write_string_with_format(0, at, heading, &self.formats.header)?;
        }
        Ok(())
    }

    fn row(&mut self, sheet: &mut Worksheet, row: u32, record: &Record) -> Result<(), XlsxError> {
        for (at, column) in (0..).zip(&self.columns) {
            let Some(value) = value_of(&column.field, record, Repeats::Write) else { continue };
            match cell(&value) {
                Cell::None => {}
                Cell::Flag(flag) => drop(sheet.write_boolean(row, at, flag)?),
                Cell::Number(number) => drop(sheet.write_number(row, at, number)?),
                Cell::Seconds(number) => {
                    sheet.write_number_with_format(row, at, number, &self.formats.seconds)?;
                }
                Cell::Moment(days) => {
                    sheet.write_number_with_format(row, at, days, &self.formats.moment)?;
                }
                Cell::Date(days) => {
                    sheet.write_number_with_format(row, at, days, &self.formats.date)?;
                }
                Cell::Text => {
                    self.text.clear();
                    json::plain(&mut self.text, &value);
                    let text = String::from_utf8_lossy(&self.text);
                    sheet.write_string(row, at, cut(&text))?;
                }
            }
        }
        Ok(())
    }
}

/// What a value becomes.
#[derive(Debug, PartialEq)]
enum Cell {
    None,
    Flag(bool),
    Number(f64),
    Seconds(f64),
    Moment(f64),
    Date(f64),
    Text,
}

fn cell(value: &Value<'_>) -> Cell {
    let days =
        |s: f64| Some(s / 86_400.0 + DAYS_TO_1970).filter(|days| (1.0..DAYS_END).contains(days));
    match value {
        Value::Count(count) => number(&count.to_string()),
        Value::Seconds(us) => Cell::Seconds(*us as f64 / 1e6),
        // As everywhere, to the millisecond.
        Value::Moment(us) => days((us / 1000) as f64 / 1e3).map_or(Cell::Text, Cell::Moment),
        Value::Date(s) => days(*s as f64).map_or(Cell::Text, Cell::Date),
        Value::Flag(flag) => Cell::Flag(*flag),
        Value::Extracted(FieldValue::Null) => Cell::None,
        Value::Extracted(FieldValue::Bool(flag)) => Cell::Flag(*flag),
        Value::Extracted(FieldValue::Int(int)) => number(&int.to_string()),
        Value::Extracted(FieldValue::Decimal(digits)) => number(digits),
        Value::Held("null") => Cell::None,
        Value::Held("true") => Cell::Flag(true),
        Value::Held("false") => Cell::Flag(false),
        Value::Held(json) => number(json),
        _ => Cell::Text,
    }
}

/// A number, if it is one of no more digits than a spreadsheet keeps.
fn number(digits: &str) -> Cell {
    let count = digits.bytes().filter(u8::is_ascii_digit).count();
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
    match digits.parse() {
        Ok(number) if is_plain && count <= DIGITS_MAX => Cell::Number(number),
        _ => Cell::Text,
    }
}

/// The text as far as a cell takes it.
fn cut(text: &str) -> std::borrow::Cow<'_, str> {
    // No code unit of UTF-16 takes less than one byte of UTF-8.
    if text.len() <= CELL_UNITS_MAX || text.encode_utf16().count() <= CELL_UNITS_MAX {
        return text.into();
    }
    let mut units = CUT.len();
    let kept = text.chars().take_while(|char| {
        units += char.len_utf16();
        units <= CELL_UNITS_MAX
    });
    let mut short: String = kept.collect();
    short.push_str(CUT);
    short.into()
}

/// The width of a column, in characters.
fn width(field: &Field) -> f64 {
    match field {
        Field::N | Field::Line | Field::Attempts | Field::StatusCode => 8.0,
        Field::Input | Field::Url | Field::FinalUrl => 50.0,
        Field::ErrorMessage | Field::Title | Field::Preview => 40.0,
        Field::StartedAt | Field::TlsNotAfter => 23.0,
        _ => 16.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_becomes_a_cell_of_its_kind() {
        let decimal = |text: &str| FieldValue::Decimal(text.into());
        let cases = [
            (Value::Count(7), Cell::Number(7.0)),
            (Value::Count(999_999_999_999_999), Cell::Number(999_999_999_999_999.0)),
            (Value::Count(1_000_000_000_000_000), Cell::Text),
            (Value::Seconds(151_000), Cell::Seconds(0.151)),
            // 2026-11-21T12:00:00Z
            (Value::Moment(1_795_262_400_000_000), Cell::Moment(46_347.5)),
            (Value::Date(-100_000_000_000), Cell::Text),
            (Value::Flag(true), Cell::Flag(true)),
            (Value::Extracted(&decimal("1299.00")), Cell::Number(1299.0)),
            (Value::Extracted(&decimal("0.1234567890123456")), Cell::Text),
            (Value::Extracted(&FieldValue::Null), Cell::None),
            (Value::Held("null"), Cell::None),
            (Value::Held("-1.5"), Cell::Number(-1.5)),
            (Value::Held("\"=1\""), Cell::Text),
            (Value::Word("=1"), Cell::Text),
        ];
        for (value, expected) in cases {
            assert_eq!(cell(&value), expected);
        }
    }

    #[test]
    fn a_text_is_cut_by_the_units_of_a_cell() {
        let long = |char: &str, count: usize| char.repeat(count);
        let whole = long("x", CELL_UNITS_MAX);
        assert_eq!(cut(&whole), whole);
        let surrogates = long("😀", CELL_UNITS_MAX / 2);
        assert_eq!(cut(&surrogates), surrogates);
        for text in [long("x", CELL_UNITS_MAX + 1), long("é", 40_000), long("😀", 16_384)] {
            let kept = cut(&text);
            assert!(kept.ends_with(CUT));
            let units = kept.encode_utf16().count();
            assert!((CELL_UNITS_MAX - 1..=CELL_UNITS_MAX).contains(&units), "{units}");
        }
    }
}
