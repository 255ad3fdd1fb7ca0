//! The rows that extraction found in pages, as an output of their own: one line for each.

use std::sync::Arc;

use gather_core::{FieldValues, Record};

use crate::csv::push_cell;
use crate::error::{SinkError, SinkErrorKind};
#[cfg(any(feature = "parquet", feature = "xlsx"))]
use crate::fields::Field;
use crate::fields::ROW_COLUMNS as COLUMNS;
use crate::json;
use crate::output::Output;
use crate::sink::{CsvBom, Format, OutputSpec, Position, RunInfo, Sink};
use crate::value::Value;

/// Opens the output of rows.
///
/// # Errors
/// As [`crate::open`], and for a format that rows cannot be written in.
pub(crate) fn open(
    spec: &OutputSpec,
    names: &[Arc<str>],
    run: &RunInfo,
) -> Result<Box<dyn Sink>, SinkError> {
    let form = match &spec.format {
        Format::Jsonl => Form::Jsonl,
        Format::Csv(bom) => Form::Csv(*bom),
        #[cfg(feature = "parquet")]
        Format::Parquet => return Ok(built(crate::parquet::open(spec, run)?, run)),
        #[cfg(feature = "xlsx")]
        Format::Xlsx => return Ok(built(crate::xlsx::open(spec, run)?, run)),
        _ => return Err(SinkError::of_target(SinkErrorKind::NoRows, &spec.target)),
    };
    let mut output = Output::open(&spec.target, spec.existing, spec.durability)?;
    if let Form::Csv(bom) = form {
        output.preamble(&header(names, bom));
    }
    let names = names.to_vec();
    Ok(Box::new(Rows { run: run.id.clone(), names, form, output, lines: Vec::new() }))
}

#[derive(Clone, Copy)]
enum Form {
    Jsonl,
    Csv(CsvBom),
}

struct Rows {
    run: Box<str>,
    /// The columns of a row's fields.
    names: Vec<Arc<str>>,
    form: Form,
    output: Output,
    /// The rows of the page being written.
    lines: Vec<u8>,
}

fn header(names: &[Arc<str>], bom: CsvBom) -> Vec<u8> {
    let mut header = Vec::new();
    if bom == CsvBom::Utf8 {
        header.extend_from_slice("\u{feff}".as_bytes());
    }
    let names = COLUMNS.iter().copied().chain(names.iter().map(|name| &**name));
    for (at, name) in names.enumerate() {
        if at > 0 {
            header.push(b',');
        }
        push_cell(&mut header, name.as_bytes());
    }
    header.push(b'\n');
    header
}

impl Rows {
    /// Appends one row as a JSON object.
    fn jsonl(&self, record: &Record, at: usize, fields: &FieldValues, line: &mut Vec<u8>) {
        for (name, value) in COLUMNS.iter().zip(values(&self.run, record, at)) {
            let Some(value) = value else { continue };
            // The run comes first, and is always there.
            line.push(if *name == COLUMNS[0] { b'{' } else { b',' });
            json::string(line, name);
            line.push(b':');
            json::value(line, &value);
        }
        line.extend_from_slice(b",\"fields\":");
        json::value(line, &Value::Fields(fields));
        line.extend_from_slice(b"}\n");
    }

    /// Appends one row as cells.
    fn csv(&self, record: &Record, at: usize, fields: &FieldValues, line: &mut Vec<u8>) {
        let own = self.names.iter().map(|name| {
            let (_, value) = fields.iter().find(|(known, _)| known == name)?;
            Some(Value::Extracted(value))
        });
        let mut cell = Vec::new();
        for (at, value) in values(&self.run, record, at).into_iter().chain(own).enumerate() {
            if at > 0 {
                line.push(b',');
            }
            cell.clear();
            if let Some(value) = value {
                json::plain(&mut cell, &value);
            }
            push_cell(line, &cell);
        }
        line.push(b'\n');
    }
}

/// What stands before a row's fields; a row counts from 1 within its page.
fn values<'a>(run: &'a str, record: &'a Record, at: usize) -> [Option<Value<'a>>; 5] {
    let url = record.final_url.as_deref().unwrap_or(&record.url);
    let text = |text: &'a str| Some(Value::Text(text.into()));
    let fetched = record.timings.started_unix_us;
    [
        text(run),
        Some(Value::Count(record.n)),
        Some(Value::Count(at as u64 + 1)),
        text(url),
        (fetched != 0).then_some(Value::Moment(fetched)),
    ]
}

impl Sink for Rows {
    fn write(&mut self, record: &Record) -> Result<(), SinkError> {
        if record.rows.is_empty() {
            return Ok(());
        }
        // All rows of a page are one record of the output: they are all in it, or none is.
        let mut lines = std::mem::take(&mut self.lines);
        lines.clear();
        for (at, fields) in record.rows.iter().enumerate() {
            match self.form {
                Form::Jsonl => self.jsonl(record, at, fields, &mut lines),
                Form::Csv(_) => self.csv(record, at, fields, &mut lines),
            }
        }
        let written = self.output.record(|buffer| buffer.extend_from_slice(&lines));
        self.lines = lines;
        written
    }

    fn commit(&mut self) -> Result<Position, SinkError> {
        self.output.commit()
    }

    fn finish(mut self: Box<Self>) -> Result<Position, SinkError> {
        self.output.commit()
    }

    fn name(&self) -> &str {
        self.output.name()
    }
}

/// Rows in an output that is built of a spool: to it, each is a record.
#[cfg(any(feature = "parquet", feature = "xlsx"))]
struct Built {
    /// As JSON.
    run: Box<str>,
    inner: Box<dyn Sink>,
}

#[cfg(any(feature = "parquet", feature = "xlsx"))]
fn built(inner: Box<dyn Sink>, run: &RunInfo) -> Box<dyn Sink> {
    let mut id = Vec::new();
    json::string(&mut id, &run.id);
    let run = String::from_utf8(id).expect("JSON is text").into();
    Box::new(Built { run, inner })
}

#[cfg(any(feature = "parquet", feature = "xlsx"))]
impl Built {
    /// The row as if it had been read back: it has these members and no others.
    fn record(&self, page: &Record, at: usize, fields: &FieldValues) -> Record {
        let members = [Field::N, Field::Url, Field::StartedAt, Field::Fields];
        let others = vec![
            ("run".into(), self.run.clone()),
            ("row".into(), (at + 1).to_string().into_boxed_str()),
        ];
        let members = members.iter().fold(0, |bits, field| bits | field.bit());
        let mut row = Record::new(page.n, gather_core::Outcome::Ok);
        row.url = page.final_url.as_deref().unwrap_or(&page.url).to_owned();
        row.timings.started_unix_us = page.timings.started_unix_us;
        row.fields = Some(Box::new(fields.clone()));
        row.held = Some(Box::new(gather_core::Held { members, others }));
        row
    }
}

#[cfg(any(feature = "parquet", feature = "xlsx"))]
impl Sink for Built {
    /// Between two commits there may be a part of a page in it, after one there is none.
    fn write(&mut self, record: &Record) -> Result<(), SinkError> {
        for (at, fields) in record.rows.iter().enumerate() {
            let row = self.record(record, at, fields);
            self.inner.write(&row)?;
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<Position, SinkError> {
        self.inner.commit()
    }

    fn finish(self: Box<Self>) -> Result<Position, SinkError> {
        self.inner.finish()
    }

    fn name(&self) -> &str {
        self.inner.name()
    }
}

#[cfg(test)]
mod tests {
    use gather_core::FieldValue;

    use super::*;
    use crate::Fields;
    use crate::samples::https_page;
    use crate::sink::{Durability, Existing, OutputTarget};

    #[test]
    fn each_row_is_a_line_with_its_page_and_moment() {
        let fields = |name: &str, price: FieldValue| -> FieldValues {
            vec![("name".into(), FieldValue::Text(name.into())), ("price".into(), price)]
        };
        let mut page = https_page();
        page.rows = vec![
            fields("=a, \"b\"", FieldValue::Decimal("1.50".into())),
            fields("c", FieldValue::Null),
        ];
        let folder = tempfile::tempdir().unwrap();
        let run = RunInfo { id: "r1".into(), ..RunInfo::new(0, 0) };
        let write = |name: &str, format: Format| {
            let path = folder.path().join(name);
            let spec = OutputSpec {
                target: OutputTarget::File(path.clone()),
                format,
                fields: Fields::of_rows(vec!["name".into(), "price".into()]),
                existing: Existing::Refuse,
                durability: Durability::System,
            };
            let mut sink = crate::open(&spec, &run)?;
            sink.write(&page)?;
            sink.write(&Record { rows: Vec::new(), ..https_page() })?;
            assert_eq!(sink.finish()?.records, 1);
            Ok::<_, SinkError>(std::fs::read_to_string(path).unwrap())
        };
        let start = r#"{"run":"r1","n":17,"row":"#;
        let middle =
            r#","url":"https://www.a.example/p/17","fetched_at":"2026-11-21T10:00:00.123Z","#;
        assert_eq!(
            write("rows.jsonl", Format::Jsonl).unwrap(),
            format!(
                "{start}1{middle}\"fields\":{{\"name\":\"=a, \\\"b\\\"\",\"price\":\"1.50\"}}}}\n\
                 {start}2{middle}\"fields\":{{\"name\":\"c\",\"price\":null}}}}\n"
            )
        );
        let cells = "https://www.a.example/p/17,2026-11-21T10:00:00.123Z";
        assert_eq!(
            write("rows.csv", Format::Csv(CsvBom::None)).unwrap(),
            format!(
                "run,n,row,url,fetched_at,name,price\nr1,17,1,{cells},\"'=a, \"\"b\"\"\",1.50\n\
                 r1,17,2,{cells},c,\n"
            )
        );
        let error = write("rows.db", Format::Sqlite).unwrap_err();
        assert!(error.to_string().contains("rows are not written in; hint: a database"), "{error}");
    }
}
