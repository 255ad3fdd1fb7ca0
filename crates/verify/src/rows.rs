//! Rows of pages: an output of its own, in which each line is a row of a page that is finished.

use std::borrow::Cow;
use std::io::{BufRead, Read};
use std::path::Path;

use serde::Deserialize;

use crate::error::VerifyError;
use crate::journal::Journal;
use crate::lines::{Fits, Lines};
use crate::output::{self, Committed, Extent, Form, OutputSpec, RECORD_BYTES_MAX};
use crate::report::{Fault, Problem, Tally};
use crate::table::{End, Table};

/// Bytes of a file that tell rows from records.
const HEAD_BYTES_MAX: u64 = 4 << 10;
/// How a table of rows begins.
const HEADER: &[u8] = b"run,n,row,";

/// What was found in an output of rows.
#[derive(Debug, Default)]
pub(crate) struct RowsFound {
    pub(crate) whole: Tally,
    /// Pages that have rows.
    pub(crate) pages: u64,
    pub(crate) extent: Extent,
}

/// Whether an output has rows: its journal says so, or it begins as rows do.
pub(crate) fn is_rows(output: &OutputSpec, journal: Option<&Journal>) -> bool {
    let file = |name: &str| Path::new(name).file_name().map(std::ffi::OsStr::to_owned);
    let said = journal.and_then(|journal| journal.setting("rows"));
    if said.is_some_and(|name| file(name) == file(&output.name)) {
        return true;
    }
    let mut head = Vec::new();
    let Ok(opened) = std::fs::File::open(output.path()) else { return false };
    if opened.take(HEAD_BYTES_MAX).read_to_end(&mut head).is_err() {
        return false;
    }
    match output.form {
        Form::Jsonl => head.starts_with(b"{\"run\":\"") && contains(&head, b",\"row\":"),
        Form::Csv => head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head).starts_with(HEADER),
        _ => false,
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// Reads rows as far as they are committed; `None` of a form that is not read here.
pub(crate) fn read(
    output: &OutputSpec,
    journal: Option<&Journal>,
    end: Option<Committed>,
) -> Result<Option<RowsFound>, VerifyError> {
    let path = output.path();
    let mut counter = Counter { journal, found: RowsFound::default(), last: None };
    match output.form {
        Form::Jsonl => counter.jsonl(&path, end.map(|end| end.bytes))?,
        Form::Csv => counter.csv(&path, end.map(|end| end.bytes))?,
        _ => return Ok(None),
    }
    Ok(Some(counter.found))
}

/// What is looked at of a row.
#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    run: Cow<'a, str>,
    n: u64,
    row: u64,
}

/// Counts rows within their pages.
struct Counter<'j> {
    journal: Option<&'j Journal>,
    found: RowsFound,
    /// The number of the page and of the row before.
    last: Option<(u64, u64)>,
}

impl Counter<'_> {
    fn jsonl(&mut self, path: &Path, end: Option<u64>) -> Result<(), VerifyError> {
        let mut lines = Lines::new(output::open(path, end)?, RECORD_BYTES_MAX);
        while let Some(line) = lines.next().map_err(VerifyError::read(path))? {
            let row = match line.fits {
                Fits::Yes => serde_json::from_slice::<Row<'_>>(line.text()),
                Fits::No => serde_json::from_slice(b""),
            };
            match row {
                Ok(row) if line.is_ended() => self.row(line.number, &row),
                _ => self.torn(line.number, "not a row"),
            }
        }
        self.found.extent = Extent { bytes: lines.read_bytes(), files: 1 };
        Ok(())
    }

    fn csv(&mut self, path: &Path, end: Option<u64>) -> Result<(), VerifyError> {
        let lines = Lines::new(output::open(path, end)?, RECORD_BYTES_MAX);
        let mut table = Table::new(lines, RECORD_BYTES_MAX);
        let mut width = None;
        while table.next().map_err(VerifyError::read(path))? {
            let line = table.first_line();
            let Some(width) = width else {
                width = Some(table.width());
                continue;
            };
            match cells(&table) {
                Some(row) if table.end() == End::Line && table.width() == width => {
                    self.row(line, &row);
                }
                _ => self.torn(line, "not a row of this table"),
            }
        }
        self.found.extent = Extent { bytes: table.read_bytes(), files: 1 };
        Ok(())
    }

    fn torn(&mut self, line: u64, why: &str) {
        self.found.whole.examined += 1;
        self.found.whole.fault_with(|| Fault::new(Problem::Torn, format!("line {line}"), why));
    }

    /// The rows of a page stand together, counted from 1; the page is of this run, and finished.
    fn row(&mut self, line: u64, row: &Row<'_>) {
        self.found.whole.examined += 1;
        let wrong =
            |problem, message: &str| Fault::new(problem, format!("line {line}"), message).of(row.n);
        if let Some(journal) = self.journal {
            if journal.run_id != *row.run {
                let fault = wrong(Problem::OtherRun, "the row is of another run");
                self.found.whole.fault(fault.expected(&*journal.run_id).found(&*row.run));
            }
            if !journal.bitmap.has(row.n) {
                let message = "the row is of an input that is not finished";
                self.found.whole.fault(wrong(Problem::Journal, message));
            }
        }
        let next = match self.last {
            Some((n, at)) if n == row.n => at + 1,
            _ => {
                self.found.pages += 1;
                1
            }
        };
        if row.row != next {
            let fault = wrong(Problem::Count, "the rows of a page are not counted without a gap");
            self.found.whole.fault(fault.expected(next.to_string()).found(row.row.to_string()));
        }
        self.last = Some((row.n, row.row));
    }
}

fn cells<R: BufRead>(table: &Table<R>) -> Option<Row<'_>> {
    if table.width() < 3 {
        return None;
    }
    let text = |at| std::str::from_utf8(table.cell(at)).ok();
    let (run, n, row) = (text(0)?, text(1)?.parse().ok()?, text(2)?.parse().ok()?);
    Some(Row { run: run.into(), n, row })
}
