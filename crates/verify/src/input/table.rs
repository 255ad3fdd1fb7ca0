//! The inputs of a table: a header row, then a row for each.

use std::io::{self, BufRead};
use std::path::{Path, PathBuf};

use super::expected::Expected;
use super::{OnlyFailed, Reader, url_by_name, without_bom};
use crate::error::VerifyError;
use crate::lines::Lines;
use crate::table::{End, Table};

pub(super) struct Rows {
    path: PathBuf,
    table: Table<Box<dyn BufRead>>,
    url: usize,
    outcome: Option<usize>,
    kind: Option<usize>,
    only: Option<OnlyFailed>,
    /// The first row was read to find the URL column.
    has_first: bool,
}

impl Rows {
    pub(super) fn open(
        path: &Path,
        lines: Lines<Box<dyn BufRead>>,
        url_field: Option<&str>,
        only: Option<OnlyFailed>,
    ) -> Result<Self, VerifyError> {
        let failed = || VerifyError::read(path);
        let mut table = Table::new(lines, super::LINE_BYTES_MAX);
        table.look_for_delimiter().map_err(failed())?;
        table.next().map_err(failed())?;
        let names: Vec<String> = table
            .cells()
            .enumerate()
            .map(|(at, name)| without_bom(name, at as u64 + 1))
            .map(|name| String::from_utf8_lossy(name).trim().to_owned())
            .collect();
        let has_first = table.next().map_err(failed())?;
        let named = |wanted: &str| names.iter().position(|name| name == wanted);
        let outcome = named("outcome");
        let is_results = outcome.is_some() && named("n").is_some();
        let url = match url_field {
            Some(field) => named(field),
            None if is_results && named("input").is_some() => named("input"),
            None => url_by_name(names.iter().map(String::as_str))
                .or_else(|| table.cells().position(is_url)),
        };
        let Some(url) = url else {
            let message = format!("{}: which column holds the URL?", path.display());
            return Err(VerifyError::usage(message, "name it with --url-field, as the run did"));
        };
        let kind = named("error.kind");
        Ok(Self { path: path.to_owned(), table, url, outcome, kind, only, has_first })
    }
}

impl Reader for Rows {
    fn read(&mut self, into: &mut Expected) -> io::Result<bool> {
        while std::mem::take(&mut self.has_first) || self.table.next()? {
            let table = &self.table;
            let is_whole = table.end() != End::TooLong;
            if let Some(only) = &self.only {
                let cell = |at: Option<usize>| at.map_or(&b""[..], |at| table.cell(at));
                let text = |at| std::str::from_utf8(cell(at)).unwrap_or_default();
                if !only.takes(text(self.outcome), text(self.kind)) {
                    continue;
                }
            }
            let cell = if is_whole { table.cell(self.url) } else { b"" };
            into.set(&String::from_utf8_lossy(cell.trim_ascii()), cell);
            into.add_raw(table.raw().trim_ascii_end());
            into.place(&self.path, table.first_line());
            return Ok(true);
        }
        Ok(false)
    }
}

fn is_url(cell: &[u8]) -> bool {
    let text = cell.trim_ascii_start().to_ascii_lowercase();
    text.starts_with(b"http://") || text.starts_with(b"https://")
}
