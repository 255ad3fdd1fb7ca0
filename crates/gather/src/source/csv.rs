//! A table: a header row, then a row per target (RFC 4180), delimited by comma, semicolon or tab.

use std::io::{self, Read};
use std::sync::Arc;

use csv::ByteRecord;

use super::inputs::Context;
use super::lines::{Line, Lines};
use super::parse::Reject;
use super::rows::{Row, RowRead, RowSource, Wanted, url_column};
use super::{EXCERPT_BYTES_MAX, OnlyFailed, SourceError};

/// Reads a table.
pub(super) struct CsvRows {
    name: Arc<str>,
    url_field: Option<String>,
    needs_url: NeedsUrl,
    only: Option<OnlyFailed>,
    state: State,
}

/// Whether a row must bring its URL.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum NeedsUrl {
    Yes,
    /// Its columns fill templates.
    No,
}

enum State {
    /// The header was not read: that may wait for a pipe.
    Unread(Option<Lines>),
    Open(Box<Table>),
}

struct Table {
    reader: csv::Reader<Feed>,
    columns: Vec<Arc<str>>,
    url: Option<usize>,
    outcome: Option<usize>,
    kind: Option<usize>,
    /// Whether these are the records of an earlier run.
    is_results: bool,
    /// Read to find the URL column, and not given out yet.
    first: Option<ByteRecord>,
    record: ByteRecord,
}

impl CsvRows {
    pub(super) fn new(
        name: Arc<str>,
        lines: Lines,
        url_field: Option<String>,
        needs_url: NeedsUrl,
        only: Option<OnlyFailed>,
    ) -> Self {
        Self { name, url_field, needs_url, only, state: State::Unread(Some(lines)) }
    }

    /// The table; `None` if there is not even a header.
    fn table(&mut self) -> Result<Option<&mut Table>, SourceError> {
        if let State::Unread(lines) = &mut self.state {
            let Some(lines) = lines.take() else { return Ok(None) };
            match self.open(lines)? {
                Some(table) => self.state = State::Open(Box::new(table)),
                None => return Ok(None),
            }
        }
        match &mut self.state {
            State::Open(table) => Ok(Some(table)),
            State::Unread(_) => Ok(None),
        }
    }

    fn open(&self, lines: Lines) -> Result<Option<Table>, SourceError> {
        let mut feed = Feed::new(lines);
        let Some(delimiter) = feed.peek_delimiter().map_err(|error| self.failed(0, error))? else {
            return Ok(None);
        };
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(feed);
        let mut header = ByteRecord::new();
        next_record(&mut reader, &mut header).map_err(|error| self.failed(0, error))?;
        let columns: Vec<Arc<str>> =
            header.iter().map(|name| String::from_utf8_lossy(name).trim().into()).collect();
        if let Some(url) = columns.iter().find(|name| is_url(name.as_bytes())) {
            return Err(self.form(format!(
                "the first line is no header: it holds {url}; add one, or call it a list"
            )));
        }
        let mut record = ByteRecord::new();
        let has_first =
            next_record(&mut reader, &mut record).map_err(|error| self.failed(1, error))?;
        let first = has_first.then_some(record);
        let named = |wanted: &str| columns.iter().position(|name| **name == *wanted);
        let outcome = named("outcome");
        let is_results = outcome.is_some() && named("n").is_some();
        let url =
            match (&self.url_field, self.needs_url) {
                (_, NeedsUrl::No) => None,
                (Some(field), _) => Some(named(field).ok_or_else(|| {
                    self.form(format!("no column {field:?}; there are {columns:?}"))
                })?),
                (None, _) if is_results && named("input").is_some() => named("input"),
                (None, _) => Some(self.find_url(&columns, first.as_ref())?),
            };
        if self.only.is_some() && outcome.is_none() {
            return Err(self.form("--only needs a results file, and this has no column outcome"));
        }
        let kind = named("error.kind");
        let record = ByteRecord::new();
        Ok(Some(Table { reader, columns, url, outcome, kind, is_results, first, record }))
    }

    /// The URL column by its name, or the only one whose first value is a URL.
    fn find_url(
        &self,
        columns: &[Arc<str>],
        first: Option<&ByteRecord>,
    ) -> Result<usize, SourceError> {
        if let Some(found) = url_column(columns.iter().map(|name| &**name)) {
            return Ok(found);
        }
        let of_first = |at: &usize| first.and_then(|first| first.get(*at)).is_some_and(is_url);
        let mut found = (0..columns.len()).filter(of_first);
        match (found.next(), found.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err(self.form(format!(
                "which column holds the URL? Name it with --url-field; there are {columns:?}"
            ))),
            (Some(_), Some(_)) => {
                Err(self.form("several columns hold URLs: name the one to fetch with --url-field"))
            }
        }
    }

    fn form(&self, message: impl Into<String>) -> SourceError {
        SourceError::Form { file: self.name.to_string(), message: message.into() }
    }

    fn failed(&self, line: u64, error: io::Error) -> SourceError {
        SourceError::Read { file: self.name.to_string(), line, error }
    }
}

impl RowSource for CsvRows {
    fn next_row(
        &mut self,
        context: &Context,
        wanted: Wanted,
    ) -> Result<Option<RowRead>, SourceError> {
        let only = self.only.clone();
        let name = Arc::clone(&self.name);
        let Some(table) = self.table()? else { return Ok(None) };
        loop {
            let is_more = match table.first.take() {
                Some(first) => {
                    table.record = first;
                    true
                }
                None => next_record(&mut table.reader, &mut table.record).map_err(|error| {
                    let line = table.reader.get_ref().lines.number();
                    SourceError::Read { file: name.to_string(), line, error }
                })?,
            };
            if !is_more {
                return Ok(None);
            }
            let text = |at: Option<usize>| {
                at.and_then(|at| table.record.get(at)).and_then(|raw| std::str::from_utf8(raw).ok())
            };
            if let Some(only) = &only
                && !only.matches(text(table.outcome), text(table.kind))
            {
                continue;
            }
            let feed = table.reader.get_ref();
            let row = match wanted {
                _ if feed.is_cut => Err(context.line_too_long()),
                Wanted::Yes => table.row(),
                Wanted::No => Ok(Row::default()),
            };
            return Ok(Some(RowRead {
                row,
                raw: feed.raw.trim_ascii_end().to_vec(),
                line: feed.first_line,
            }));
        }
    }

    fn has_row(&self) -> bool {
        match &self.state {
            State::Open(table) => table.first.is_some() || table.reader.get_ref().lines.has_line(),
            State::Unread(_) => false,
        }
    }

    fn columns(&mut self) -> Result<Option<&[Arc<str>]>, SourceError> {
        Ok(self.table()?.map(|table| &table.columns[..]))
    }
}

impl Table {
    fn row(&self) -> Result<Row, Reject> {
        let mut row = Row::default();
        for (at, raw) in self.record.iter().enumerate() {
            let value = std::str::from_utf8(raw)
                .map_err(|_| Reject::invalid(format!("column {} is not UTF-8", at + 1)))?;
            if self.url == Some(at) {
                row.url = Some(value.into());
            } else if let Some(name) = self.columns.get(at) {
                row.columns.push((Arc::clone(name), value.into()));
            }
        }
        if self.is_results {
            // Of an earlier run's records only what that run was given is carried on.
            row.columns.retain(|(name, _)| name.starts_with("tags."));
            for (name, _) in &mut row.columns {
                *name = name["tags.".len()..].into();
            }
        }
        if self.url.is_some() && row.url.is_none() {
            return Err(Reject::invalid("the row has no URL column"));
        }
        Ok(row)
    }
}

fn is_url(value: &[u8]) -> bool {
    let value = value.trim_ascii_start();
    let starts = |scheme: &[u8]| {
        value.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme))
    };
    starts(b"http://") || starts(b"https://")
}

/// Reads the next record; blank lines are none. False at the end.
fn next_record(reader: &mut csv::Reader<Feed>, record: &mut ByteRecord) -> io::Result<bool> {
    reader.get_mut().begin_record();
    reader.read_byte_record(record).map_err(io::Error::other)
}

/// Gives the CSV reader one line at each `read`, so that it never has more than a record, and
/// ends a record that grows beyond the limit.
struct Feed {
    lines: Lines,
    /// A line with its LF, or what is left of it.
    line: Vec<u8>,
    given: usize,
    /// The text of the record, up to the limit.
    raw: Vec<u8>,
    first_line: u64,
    /// Whether the record was ended because it is too long.
    is_cut: bool,
    record_bytes_max: usize,
}

impl Feed {
    fn new(lines: Lines) -> Self {
        let record_bytes_max = lines.line_bytes_max();
        Self {
            lines,
            line: Vec::new(),
            given: 0,
            raw: Vec::new(),
            first_line: 0,
            is_cut: false,
            record_bytes_max,
        }
    }

    fn begin_record(&mut self) {
        self.raw.clear();
        self.is_cut = false;
        // A line that was looked at already belongs to this record.
        self.raw.extend_from_slice(&self.line[self.given..]);
        self.first_line = if self.raw.is_empty() { 0 } else { self.lines.number() };
    }

    /// Looks at the header for its delimiter; `None` if the stream is empty.
    fn peek_delimiter(&mut self) -> io::Result<Option<u8>> {
        while self.line.trim_ascii().is_empty() {
            if !self.load()? {
                return Ok(None);
            }
        }
        let count = |wanted: u8| self.line.iter().filter(|byte| **byte == wanted).count();
        // The first of equals is taken last: a comma, where nothing speaks for another.
        let found = [b'\t', b';', b','].into_iter().max_by_key(|delimiter| count(*delimiter));
        Ok(found)
    }

    /// Fetches the next line; false at the end.
    fn load(&mut self) -> io::Result<bool> {
        self.given = 0;
        self.line.clear();
        let (text, is_whole) = match self.lines.next()? {
            None => return Ok(false),
            Some(Line::Whole(text)) => (text, true),
            Some(Line::TooLong(text)) => (text, false),
        };
        if self.raw.trim_ascii().is_empty() {
            // The record begins here: what came before were blank lines.
            self.raw.clear();
            self.first_line = 0;
        }
        if is_whole && self.raw.len() + text.len() <= self.record_bytes_max {
            self.line.extend_from_slice(text);
            self.raw.extend_from_slice(text);
        } else {
            self.is_cut = true;
            self.raw.extend_from_slice(&text[..text.len().min(EXCERPT_BYTES_MAX)]);
            // A line begins either a record or amid quotes; in both cases this ends the record.
            self.line.extend_from_slice(b"x\"");
        }
        self.line.push(b'\n');
        self.raw.push(b'\n');
        if self.first_line == 0 {
            self.first_line = self.lines.number();
        }
        Ok(true)
    }
}

impl Read for Feed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.given == self.line.len() && !self.load()? {
            return Ok(0);
        }
        let count = into.len().min(self.line.len() - self.given);
        into[..count].copy_from_slice(&self.line[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}
