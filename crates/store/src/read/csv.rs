//! Records from CSV, as our sink of CSV writes it.

use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};

use ::csv::{ByteRecord, Reader, ReaderBuilder};
use gather_core::Record;

use super::draft::{Decimals, Draft, Given, Shape, Wrong};
use super::error::{ReadError, ReadErrorKind};
use super::{Results, bytes};
use crate::csv::is_guarded;
use crate::fields::Field;

/// Records from CSV.
pub(crate) struct CsvRows {
    rows: Reader<Ended>,
    name: Box<str>,
    /// The file, if it is one that a run may still be writing.
    path: Option<PathBuf>,
    columns: Vec<Column>,
    row: ByteRecord,
    is_at_end: bool,
}

/// A column, found once.
enum Column {
    Known(Field),
    Other(Box<str>),
}

impl CsvRows {
    /// Reads the header.
    ///
    /// # Errors
    /// When it names no member of a record, or cannot be read.
    pub(crate) fn new(
        bytes: Box<dyn BufRead + Send>,
        name: &str,
        path: Option<&Path>,
    ) -> Result<Self, ReadError> {
        let bytes = Ended { bytes, count: 0, last: b'\n' };
        let mut rows = ReaderBuilder::new().flexible(true).from_reader(bytes);
        let header = rows.byte_headers().map_err(|error| fault(name, &error))?;
        let mut columns = Vec::with_capacity(header.len());
        for cell in header {
            let cell = cell.strip_prefix("\u{feff}".as_bytes()).unwrap_or(cell);
            let Ok(text) = std::str::from_utf8(unguarded(cell)) else {
                let message = "has a header that is not UTF-8; hint: name a result of gather";
                return Err(ReadError::new(ReadErrorKind::Form, name, message));
            };
            columns.push(match Field::from_name(text) {
                Some(field) => Column::Known(field),
                None => Column::Other(text.into()),
            });
        }
        let is_empty = columns.is_empty();
        if !is_empty && !columns.iter().any(|column| matches!(column, Column::Known(_))) {
            let message = "has no column that a record has; hint: name a result of gather";
            return Err(ReadError::new(ReadErrorKind::Form, name, message));
        }
        Ok(Self {
            rows,
            name: name.into(),
            path: path.map(Path::to_owned),
            columns,
            row: ByteRecord::new(),
            is_at_end: is_empty,
        })
    }

    fn record(&self) -> Result<Record, Wrong> {
        let (found, wanted) = (self.row.len(), self.columns.len());
        if found != wanted {
            return Err(format!("{found} cells under a header of {wanted}"));
        }
        let mut draft = Draft::new(Shape::Row, Decimals::Text);
        for (column, cell) in self.columns.iter().zip(&self.row) {
            if cell.is_empty() {
                continue;
            }
            let text = std::str::from_utf8(unguarded(cell))
                .map_err(|error| format!("a cell is not UTF-8: {error}"))?;
            match column {
                Column::Known(field) => draft.set(field, Given::Text(text))?,
                Column::Other(name) => draft.member(name, Given::Text(text))?,
            }
        }
        draft.finish()
    }

    /// Whether the row that was just read ended with the bytes and not with its line.
    fn is_cut(&self) -> bool {
        let bytes = self.rows.get_ref();
        self.rows.position().byte() == bytes.count && bytes.last != b'\n'
    }
}

impl Results for CsvRows {
    fn next(&mut self) -> Result<Option<Record>, ReadError> {
        if self.is_at_end {
            return Ok(None);
        }
        match self.rows.read_byte_record(&mut self.row) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) => {
                self.is_at_end = true;
                return Err(fault(&self.name, &error));
            }
        }
        let line = self.row.position().map_or(0, ::csv::Position::line);
        // All our rows end with their line. Whether a cut one lacks anything cannot be seen.
        if self.is_cut() {
            self.is_at_end = true;
            return match bytes::is_being_written(self.path.as_deref()) {
                true => Ok(None),
                false => Err(ReadError::torn(&self.name, line, "torn: the row has no line end")),
            };
        }
        self.record().map(Some).map_err(|wrong| ReadError::row(&self.name, line, wrong))
    }
}

/// Without the guard that keeps spreadsheets from taking a cell for a formula.
fn unguarded(cell: &[u8]) -> &[u8] {
    match cell.split_first() {
        Some((b'\'', rest)) if is_guarded(rest) => rest,
        _ => cell,
    }
}

fn fault(name: &str, error: &::csv::Error) -> ReadError {
    match error.kind() {
        ::csv::ErrorKind::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            ReadError::new(ReadErrorKind::Torn, name, "torn: the gzip ends before its end")
        }
        ::csv::ErrorKind::Io(error) => ReadError::io(name, error),
        _ => ReadError::new(ReadErrorKind::Io, name, format!("cannot be read: {error}")),
    }
}

/// Bytes, and how they ended so far.
struct Ended {
    bytes: Box<dyn BufRead + Send>,
    count: u64,
    last: u8,
}

impl Read for Ended {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.bytes.read(into)?;
        self.count += count as u64;
        if let Some(last) = into[..count].last() {
            self.last = *last;
        }
        Ok(count)
    }
}
