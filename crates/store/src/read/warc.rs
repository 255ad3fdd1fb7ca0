//! Records of an archive: those that our sink keeps beside the responses, or, where another program
//! wrote it, one for each response.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use gather_core::Record;
use gather_core::record::Archived;

use super::Results;
use super::draft::{Decimals, Draft, Given, Shape, Wrong};
use super::error::{ReadError, ReadErrorKind};
use crate::fields::Field;
use crate::warc::{WarcError, WarcErrorReason, WarcReader, WarcRecord};

/// The longest block of fields that is read.
const FIELDS_BYTES_MAX: u64 = 64 << 20;
/// What the archives of ours say of themselves.
const OURS: &str = "software: gather/";

/// Records of an archive, in its order.
pub(crate) struct WarcRows {
    reader: WarcReader,
    name: Box<str>,
    file: Arc<str>,
    /// Where the next record begins; `None` at the end.
    at: Option<u64>,
    writer: Writer,
    /// The last response: where it begins, and how long it is.
    response: Option<(u64, u64)>,
    /// Records given, for those of others, which have no number.
    count: u64,
}

/// Who wrote an archive.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writer {
    Gather,
    Another,
}

/// What a record of an archive is to whoever reads records.
enum Part {
    /// Fields of a record.
    Fields(Vec<u8>),
    /// A response of an archive of another make.
    Response { status: String, content_type: Option<String>, url: String, date: String },
    /// Nothing by itself.
    Other,
}

impl WarcRows {
    /// Opens it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn open(path: &Path) -> Result<Self, ReadError> {
        let name = path.display().to_string();
        let reader = WarcReader::open(path).map_err(|error| match error.reason {
            WarcErrorReason::Io(error) => ReadError::io(&name, &error),
            _ => ReadError::new(ReadErrorKind::Form, &name, error.to_string()),
        })?;
        Ok(Self {
            reader,
            file: name.as_str().into(),
            name: name.into(),
            at: Some(0),
            writer: Writer::Another,
            response: None,
            count: 0,
        })
    }

    /// Reads the record at `at`.
    fn part(&mut self, at: u64) -> Result<Part, WarcError> {
        let Some(mut record) = self.reader.at(at)? else {
            self.at = None;
            return Ok(Part::Other);
        };
        let is_response = matches!(record.field("WARC-Type"), Some("response" | "revisit"));
        let part = match record.field("WARC-Type") {
            Some("warcinfo") => {
                let fields = fields_of(&mut record);
                let is_ours = fields
                    .split(|byte| *byte == b'\n')
                    .any(|line| line.starts_with(OURS.as_bytes()));
                self.writer = if is_ours { Writer::Gather } else { Writer::Another };
                Part::Other
            }
            Some("metadata") if self.writer == Writer::Gather => {
                Part::Fields(fields_of(&mut record))
            }
            Some("response") if self.writer == Writer::Another => response(&mut record)?,
            _ => Part::Other,
        };
        let next = record.skip()?;
        self.at = Some(next);
        if is_response {
            self.response = Some((at, next - at));
        }
        Ok(part)
    }

    fn record(&mut self, part: &Part) -> Result<Option<Record>, Wrong> {
        let mut draft = Draft::new(Shape::Object, Decimals::Text);
        match part {
            Part::Other => return Ok(None),
            Part::Fields(fields) => {
                let text = String::from_utf8_lossy(fields);
                let lines = text.lines().filter_map(|line| line.split_once(": "));
                for (name, value) in lines.filter(|(name, _)| *name != "fetchTimeMs") {
                    draft.member(name, Given::Text(value))?;
                }
            }
            Part::Response { status, content_type, url, date } => {
                draft.set(&Field::N, Given::Text(&self.count.to_string()))?;
                draft.set(&Field::Input, Given::Text(url))?;
                draft.set(&Field::Url, Given::Text(url))?;
                let (outcome, kind) = match status.starts_with('2') {
                    true => ("ok", None),
                    false => ("failed", Some("http.status")),
                };
                draft.set(&Field::Outcome, Given::Text(outcome))?;
                draft.set(&Field::StatusCode, Given::Text(status))?;
                if let Some(content_type) = content_type {
                    draft.set(&Field::ContentType, Given::Text(content_type))?;
                }
                if let Some(kind) = kind {
                    draft.set(&Field::ErrorKind, Given::Text(kind))?;
                }
                draft.set(&Field::StartedAt, Given::Text(date))?;
            }
        }
        self.count += 1;
        let mut record = draft.finish()?;
        record.archived = self.response.take().map(|(offset, length)| {
            Box::new(Archived { file: Arc::clone(&self.file), offset, length })
        });
        Ok(Some(record))
    }
}

impl Results for WarcRows {
    fn next(&mut self) -> Result<Option<Record>, ReadError> {
        while let Some(at) = self.at {
            let part = self.part(at).map_err(|error| {
                // Behind a torn record nothing is found.
                self.at = None;
                ReadError::new(ReadErrorKind::Torn, &self.name, told(&error))
            })?;
            let record = self.record(&part).map_err(|wrong| {
                let message = format!("record at byte {at}: {wrong}");
                ReadError::new(ReadErrorKind::Row, &self.name, message)
            })?;
            if record.is_some() {
                return Ok(record);
            }
        }
        Ok(None)
    }
}

fn told(error: &WarcError) -> String {
    let why = match &error.reason {
        WarcErrorReason::Io(error) => error.to_string(),
        WarcErrorReason::NoRecord => "none begins there".to_owned(),
        WarcErrorReason::Broken(what) => (*what).to_owned(),
    };
    format!("record at byte {}: {why}", error.offset)
}

/// The block of a record of fields; what is too long for one is cut, and what is torn is told when
/// the record is skipped.
fn fields_of(record: &mut WarcRecord<'_>) -> Vec<u8> {
    let mut block = Vec::new();
    let _torn = record.take(FIELDS_BYTES_MAX).read_to_end(&mut block);
    block
}

/// A response by its head.
fn response(record: &mut WarcRecord<'_>) -> Result<Part, WarcError> {
    let field = |record: &WarcRecord<'_>, name: &str| {
        record.field(name).unwrap_or_default().trim_matches(['<', '>']).to_owned()
    };
    let (url, date) = (field(record, "WARC-Target-URI"), field(record, "WARC-Date"));
    if !field(record, "Content-Type").starts_with("application/http") {
        return Ok(Part::Other);
    }
    let head = record.message_head()?;
    let text = String::from_utf8_lossy(&head);
    let mut lines = text.lines();
    let status = lines.next().and_then(|line| line.split_whitespace().nth(1)).unwrap_or_default();
    let content_type = lines.filter_map(|line| line.split_once(':')).find_map(|(name, value)| {
        name.eq_ignore_ascii_case("content-type").then(|| value.trim().to_owned())
    });
    Ok(Part::Response { status: status.to_owned(), content_type, url, date })
}
