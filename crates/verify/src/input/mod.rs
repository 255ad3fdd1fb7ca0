//! The inputs of a run, read anew: each with its number, its place and the text its record must show.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::error::VerifyError;
use crate::lines::Lines;

mod expected;
mod json;
mod list;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use expected::{Expected, Hidden, fit_to_be_seen, input_hash, unguarded};

/// A line of input is at most so long; a longer one is a broken input.
const LINE_BYTES_MAX: usize = 64 << 10;
const READ_BYTES: usize = 128 << 10;

/// What a run was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InputSpec {
    /// URLs given as arguments, without templates; they come before the files.
    pub arguments: Vec<String>,
    /// Files, in the order they were read; `-` is standard input.
    pub files: Vec<PathBuf>,
    /// The column or member that holds the URL.
    pub url_field: Option<String>,
    /// Reading ended after so many inputs.
    pub limit: Option<u64>,
    /// Which records of an earlier result were read; all if `None`.
    pub only: Option<OnlyFailed>,
    /// Keys of queries whose values are hidden in records.
    pub redact_query: Vec<String>,
}

/// Which records of an earlier result are inputs: what failed, or what was given up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OnlyFailed {
    /// A kind, or the part of it before the dot; all if `None`.
    pub kind: Option<String>,
}

/// Reads one input after the other.
pub(crate) struct Inputs {
    spec: InputSpec,
    /// Arguments and files that were begun.
    begun: usize,
    reader: Option<Box<dyn Reader>>,
    current: Expected,
    next: u64,
    pub(crate) hidden: Hidden,
}

/// Reads the inputs of one file.
trait Reader {
    /// Puts the next input there, all but its number; false at the end.
    fn read(&mut self, into: &mut Expected) -> io::Result<bool>;
}

impl Inputs {
    pub(crate) fn new(spec: InputSpec) -> Self {
        let hidden = Hidden(spec.redact_query.clone());
        Self { spec, begun: 0, reader: None, current: Expected::default(), next: 0, hidden }
    }

    /// Goes to the next input; `None` after the last.
    pub(crate) fn next(&mut self) -> Result<Option<&Expected>, VerifyError> {
        if self.spec.limit.is_some_and(|limit| self.next >= limit) {
            return Ok(None);
        }
        loop {
            if let Some(reader) = &mut self.reader {
                let path = &self.spec.files[self.begun - 1 - self.spec.arguments.len()];
                if reader.read(&mut self.current).map_err(VerifyError::read(path))? {
                    break;
                }
                self.reader = None;
            }
            if let Some(argument) = self.spec.arguments.get(self.begun) {
                self.begun += 1;
                self.current.set(argument.trim(), argument.as_bytes());
                self.current.place("arguments".as_ref(), self.begun as u64);
                break;
            }
            let Some(path) = self.spec.files.get(self.begun - self.spec.arguments.len()) else {
                return Ok(None);
            };
            self.reader = Some(open(path, &self.spec)?);
            self.begun += 1;
        }
        self.current.n = self.next;
        self.next += 1;
        Ok(Some(&self.current))
    }

    /// Inputs read so far.
    pub(crate) fn read(&self) -> u64 {
        self.next
    }
}

/// How the bytes of a file are to be understood.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    List,
    Table,
    Json,
}

fn open(path: &Path, spec: &InputSpec) -> Result<Box<dyn Reader>, VerifyError> {
    let failed = || VerifyError::read(path);
    let stream: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path).map_err(failed())?)
    };
    let mut stream = unzipped(stream).map_err(failed())?;
    let beginning = stream.fill_buf().map_err(failed())?;
    let form = form_of(path, beginning, spec);
    let lines = Lines::new(stream, LINE_BYTES_MAX);
    let only = spec.only.clone();
    Ok(match form {
        Form::List if only.is_some() => {
            let message = format!("{} is a list, and --only reads results", path.display());
            return Err(VerifyError::usage(message, ""));
        }
        Form::List => Box::new(list::List::new(path, lines)),
        Form::Json => Box::new(json::Json::new(path, lines, spec.url_field.clone(), only)),
        Form::Table => Box::new(table::Rows::open(path, lines, spec.url_field.as_deref(), only)?),
    })
}

/// The stream, with gzip undone where it begins like gzip (RFC 1952, section 2.3.1).
fn unzipped(stream: Box<dyn Read>) -> io::Result<Box<dyn BufRead>> {
    let mut stream = BufReader::with_capacity(READ_BYTES, stream);
    Ok(if stream.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        Box::new(BufReader::with_capacity(READ_BYTES, MultiGzDecoder::new(stream)))
    } else {
        Box::new(stream)
    })
}

fn form_of(path: &Path, beginning: &[u8], spec: &InputSpec) -> Form {
    let name = path.to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    match Path::new(name).extension().and_then(|extension| extension.to_str()) {
        Some("csv" | "tsv") => return Form::Table,
        Some("jsonl" | "ndjson") => return Form::Json,
        _ => {}
    }
    let text = beginning.strip_prefix(BOM).unwrap_or(beginning).trim_ascii_start();
    if text.starts_with(b"{") {
        Form::Json
    } else if spec.url_field.is_some() {
        Form::Table
    } else {
        Form::List
    }
}

const BOM: &[u8] = b"\xef\xbb\xbf";

/// The text of a line, without the byte order mark that may begin the first one.
fn without_bom(text: &[u8], number: u64) -> &[u8] {
    if number == 1 { text.strip_prefix(BOM).unwrap_or(text) } else { text }
}

impl OnlyFailed {
    fn takes(&self, outcome: &str, kind: &str) -> bool {
        match &self.kind {
            Some(wanted) => {
                let family = kind.split('.').next().unwrap_or_default();
                matches!(outcome, "failed" | "skipped") && (wanted == kind || wanted == family)
            }
            None => {
                let given_up = matches!(kind, "cancelled" | "host.parked" | "interrupted");
                outcome == "failed" || outcome == "skipped" && given_up
            }
        }
    }
}

/// The names a URL column goes by, the likeliest first.
const URL_NAMES: [&str; 3] = ["url", "link", "href"];

/// Which of these columns holds the URL, by its name.
fn url_by_name<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Option<usize> {
    let is = |wanted: &str| names.clone().position(|name| name.trim().eq_ignore_ascii_case(wanted));
    URL_NAMES.into_iter().find_map(is).or_else(|| names.clone().position(|name| name == "input"))
}
