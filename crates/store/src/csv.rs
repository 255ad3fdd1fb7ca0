//! Records as CSV (RFC 4180), in columns that depend on the members asked for and on nothing else.

use gather_core::Record;

use crate::error::SinkError;
use crate::fields::{Field, Fields, Repeats};
use crate::json;
use crate::output::Output;
use crate::sink::{CsvBom, Position, Sink};
use crate::value::value_of;

/// The sink of CSV. A cell is empty where the record has no such member; lists and objects stand
/// as JSON in their cell.
pub(crate) struct Csv {
    columns: Vec<Field>,
    output: Output,
    /// The cell being written, before it is quoted.
    cell: Vec<u8>,
}

impl Csv {
    pub(crate) fn new(mut output: Output, fields: &Fields, bom: CsvBom) -> Self {
        let columns = fields.list().to_vec();
        let mut header = Vec::new();
        if bom == CsvBom::Utf8 {
            header.extend_from_slice("\u{feff}".as_bytes());
        }
        for (at, column) in columns.iter().enumerate() {
            if at > 0 {
                header.push(b',');
            }
            push_cell(&mut header, column.name().as_bytes());
        }
        header.push(b'\n');
        output.preamble(&header);
        Self { columns, output, cell: Vec::new() }
    }
}

impl Sink for Csv {
    fn write(&mut self, record: &Record) -> Result<(), SinkError> {
        let Self { columns, output, cell } = self;
        output.record(|row| {
            for (at, column) in columns.iter().enumerate() {
                if at > 0 {
                    row.push(b',');
                }
                cell.clear();
                if let Some(value) = value_of(column, record, Repeats::Write) {
                    json::plain(cell, &value);
                }
                // A row of one empty cell would be an empty line, which readers skip.
                if cell.is_empty() && columns.len() == 1 {
                    row.extend_from_slice(b"\"\"");
                }
                push_cell(row, cell);
            }
            row.push(b'\n');
        })
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

/// Whether a `'` is put in front of the cell.
///
/// It is what spreadsheets take for a formula: pages and inputs are not to be trusted with one. No
/// number of ours begins like that. What looks guarded already gets a second one, so that readers
/// know which to take away.
pub(crate) fn is_guarded(cell: &[u8]) -> bool {
    let first = cell.iter().find(|byte| **byte != b'\'');
    matches!(first, Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r'))
}

/// Appends a cell: guarded, and quoted where it must be.
pub(crate) fn push_cell(row: &mut Vec<u8>, cell: &[u8]) {
    let guard = is_guarded(cell);
    let quote = cell.iter().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n'));
    if quote {
        row.push(b'"');
    }
    if guard {
        row.push(b'\'');
    }
    if quote {
        for part in cell.split_inclusive(|byte| *byte == b'"') {
            row.extend_from_slice(part);
            if part.ends_with(b"\"") {
                row.push(b'"');
            }
        }
        row.push(b'"');
    } else {
        row.extend_from_slice(cell);
    }
}
