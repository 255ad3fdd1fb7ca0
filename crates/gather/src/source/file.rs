//! A file of inputs: opened, unzipped, its form found out, then read by the reader of that form.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use gather_core::target::RequestSpec;

use super::batch::Batch;
use super::csv::{CsvRows, NeedsUrl};
use super::gunzip::Gunzip;
use super::inputs::{Context, Reader};
use super::jsonl::{Columns, JsonRows};
use super::lines::Lines;
use super::list::ListReader;
use super::own_rules::OwnRules;
use super::plan::{RequestPlan, UrlPlan};
use super::rows::RowReader;
use super::{Format, InputFile, InputPath, OnlyFailed, Progress, SourceError, SourceSpec, Spool};

/// Reads a file.
pub(super) struct FileReader {
    name: Arc<str>,
    options: FileOptions,
    state: State,
}

/// What all files of a spec have in common.
#[derive(Clone)]
pub(super) struct FileOptions {
    pub(super) url_field: Option<String>,
    pub(super) only: Option<OnlyFailed>,
    /// URL templates that rows fill.
    pub(super) plans: Arc<[UrlPlan]>,
    pub(super) request: RequestPlan,
}

enum State {
    /// Its first bytes were not looked at: that may wait for a pipe.
    Unread(Format, Option<Lines>),
    Open(Box<dyn Reader>),
}

impl FileReader {
    /// Opens a file; one that is not a pipe or a terminal is also looked into.
    pub(super) fn open(
        file: &InputFile,
        options: FileOptions,
        spec: &SourceSpec,
    ) -> Result<Self, SourceError> {
        let (name, stream, waits) = match &file.path {
            InputPath::Stdin => ("-".to_owned(), Ok(open_stdin(spec.spool.as_ref())), true),
            InputPath::Text { name, text } => {
                let text: Box<dyn Read + Send> =
                    Box::new(io::Cursor::new(text.as_bytes().to_vec()));
                (name.to_string(), Ok(text), false)
            }
            InputPath::File(path) => {
                let name = path.display().to_string();
                match open_path(path) {
                    Ok((stream, waits)) => (name, Ok(stream), waits),
                    Err(error) => (name, Err(error), true),
                }
            }
        };
        let stream = stream.map_err(|error| SourceError::Open { file: name.clone(), error })?;
        let lines = Lines::new(Box::new(Gunzip::new(stream)), spec.caps.line_bytes_max as usize);
        let format = match file.format {
            Format::Auto => format_of_name(&name),
            format => format,
        };
        let state = State::Unread(format, Some(lines));
        let mut reader = Self { name: name.into(), options, state };
        if !waits {
            reader.prepare()?;
        }
        Ok(reader)
    }

    /// The reader of this file's form; `None` after it could not be told.
    fn reader(&mut self) -> Result<Option<&mut Box<dyn Reader>>, SourceError> {
        if let State::Unread(format, lines) = &mut self.state {
            let (format, Some(lines)) = (*format, lines.take()) else { return Ok(None) };
            self.state = State::Open(self.reader_of(format, lines)?);
        }
        match &mut self.state {
            State::Open(reader) => Ok(Some(reader)),
            State::Unread(..) => Ok(None),
        }
    }

    fn reader_of(&self, format: Format, mut lines: Lines) -> Result<Box<dyn Reader>, SourceError> {
        let beginning = lines.beginning().map_err(|error| SourceError::Read {
            file: self.name.to_string(),
            line: 0,
            error,
        })?;
        if beginning.starts_with(b"\xff\xfe") || beginning.starts_with(b"\xfe\xff") {
            return Err(self.form("it is UTF-16: save it as UTF-8"));
        }
        let options = &self.options;
        let has_plans = !options.plans.is_empty();
        let format = match format {
            Format::Auto if first_byte(beginning) == Some(b'{') => Format::Jsonl,
            Format::Auto if has_plans || options.url_field.is_some() => Format::Csv,
            Format::Auto => Format::List,
            format => format,
        };
        let name = Arc::clone(&self.name);
        let url_field = options.url_field.clone();
        let only = options.only.clone();
        Ok(match format {
            Format::Auto | Format::List => Box::new(self.list(lines)?),
            Format::Csv => {
                let needs_url = if has_plans { NeedsUrl::No } else { NeedsUrl::Yes };
                let rows = CsvRows::new(Arc::clone(&name), lines, url_field, needs_url, only);
                self.rows(name, Box::new(rows))
            }
            Format::Jsonl => {
                let columns = if has_plans { Columns::All } else { Columns::Others };
                let name_of_rows = Arc::clone(&name);
                let own_rules = OwnRules::default();
                let rows =
                    JsonRows { name: name_of_rows, lines, url_field, only, columns, own_rules };
                self.rows(name, Box::new(rows))
            }
        })
    }

    fn rows(&self, name: Arc<str>, rows: Box<dyn super::rows::RowSource>) -> Box<dyn Reader> {
        let FileOptions { plans, request, .. } = self.options.clone();
        Box::new(RowReader::new(name, rows, plans, request))
    }

    fn list(&self, lines: Lines) -> Result<ListReader, SourceError> {
        if !self.options.plans.is_empty() {
            return Err(self.form(
                "a list has no columns to fill a template: give CSV with a header row, or JSON \
                 lines",
            ));
        }
        if self.options.only.is_some() {
            return Err(self.form("--only needs a results file, and this is a list"));
        }
        let request = self.options.request.literal().map_err(|message| self.form(message))?;
        Ok(ListReader::new(Arc::clone(&self.name), lines, request))
    }

    fn form(&self, message: impl Into<String>) -> SourceError {
        SourceError::Form { file: self.name.to_string(), message: message.into() }
    }
}

impl Reader for FileReader {
    fn may_have_rules(&self) -> bool {
        match &self.state {
            State::Unread(format, _) => !matches!(format, Format::Csv | Format::List),
            State::Open(reader) => reader.may_have_rules(),
        }
    }

    fn prepare(&mut self) -> Result<(), SourceError> {
        self.reader()?.map_or(Ok(()), |reader| reader.prepare())
    }

    fn read(
        &mut self,
        batch: &mut Batch<'_>,
        context: &mut Context,
    ) -> Result<Progress, SourceError> {
        match self.reader()? {
            Some(reader) => reader.read(batch, context),
            None => Ok(Progress::End),
        }
    }
}

impl RequestPlan {
    /// The request where no row and no template fills anything.
    fn literal(&self) -> Result<Option<Arc<RequestSpec>>, String> {
        self.fill(&Default::default(), &Default::default(), &Vec::new(), None)
            .map_err(|reject| reject.message.into())
    }
}

fn open_stdin(spool: Option<&Spool>) -> Box<dyn Read + Send> {
    match spool {
        Some(spool) => Box::new(spool.reader()),
        None => Box::new(io::stdin()),
    }
}

/// The stream of a file, and whether reading it may wait.
#[expect(clippy::disallowed_methods, reason = "sources are read on a thread of their own")]
fn open_path(path: &Path) -> io::Result<(Box<dyn Read + Send>, bool)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok((Box::new(file), !metadata.is_file()))
}

fn format_of_name(name: &str) -> Format {
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("csv" | "tsv") => Format::Csv,
        Some("jsonl" | "ndjson") => Format::Jsonl,
        _ => Format::Auto,
    }
}

fn first_byte(beginning: &[u8]) -> Option<u8> {
    let text = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(beginning);
    text.trim_ascii_start().first().copied()
}
