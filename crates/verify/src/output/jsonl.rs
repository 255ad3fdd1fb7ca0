//! Reads JSON lines: one object each, of which only what is verified is looked at.

use std::borrow::Cow;
use std::path::Path;

use serde::Deserialize;

use super::{Extent, RECORD_BYTES_MAX, Row, Rows, open};
use crate::error::VerifyError;
use crate::lines::{Fits, Line, Lines};
use crate::report::{Fault, Problem};

/// The members that are looked at; the others only have to be JSON.
#[derive(Deserialize)]
struct Record<'a> {
    n: Option<u64>,
    #[serde(borrow)]
    input: Option<Cow<'a, str>>,
    #[serde(borrow)]
    outcome: Option<Cow<'a, str>>,
    status_code: Option<u64>,
    attempts: Option<u64>,
    #[serde(borrow)]
    error: Option<Error<'a>>,
    #[serde(borrow)]
    sha256: Option<Cow<'a, str>>,
    #[serde(borrow)]
    body_path: Option<Cow<'a, str>>,
    content_length: Option<u64>,
    truncated: Option<bool>,
    #[serde(borrow)]
    url: Option<Cow<'a, str>>,
    #[serde(borrow)]
    final_url: Option<Cow<'a, str>>,
    #[serde(borrow)]
    warc_file: Option<Cow<'a, str>>,
    warc_offset: Option<u64>,
    warc_length: Option<u64>,
}

#[derive(Deserialize)]
struct Error<'a> {
    #[serde(borrow)]
    kind: Option<Cow<'a, str>>,
}

pub(super) fn read(
    path: &Path,
    end: Option<u64>,
    rows: &mut dyn Rows,
) -> Result<Extent, VerifyError> {
    let mut lines = Lines::new(open(path, end)?, RECORD_BYTES_MAX);
    while let Some(line) = lines.next().map_err(VerifyError::read(path))? {
        match record(&line) {
            Ok(record) => {
                rows.row(&Row {
                    at: line.number,
                    n: record.n,
                    input: record.input.as_deref(),
                    outcome: record.outcome.as_deref(),
                    status: record.status_code,
                    attempts: record.attempts,
                    kind: record.error.as_ref().and_then(|error| error.kind.as_deref()),
                    sha256: record.sha256.as_deref(),
                    body_path: record.body_path.as_deref(),
                    content_length: record.content_length,
                    is_truncated: record.truncated == Some(true),
                    url: record.url.as_deref(),
                    final_url: record.final_url.as_deref(),
                    warc_file: record.warc_file.as_deref(),
                    warc_offset: record.warc_offset,
                    warc_length: record.warc_length,
                })?;
                if !line.is_ended() {
                    rows.fault(Fault::new(
                        Problem::Torn,
                        format!("line {}", line.number),
                        "the file ends without the end of this line",
                    ));
                }
            }
            Err(why) => rows.fault(torn(&line, why)),
        }
    }
    Ok(Extent { bytes: lines.read_bytes(), files: 1 })
}

fn record<'a>(line: &Line<'a>) -> Result<Record<'a>, String> {
    if line.fits == Fits::No {
        return Err(format!("the line is longer than {RECORD_BYTES_MAX} bytes"));
    }
    let text = line.text();
    if text.is_empty() {
        return Err("the line is empty".to_owned());
    }
    let text = std::str::from_utf8(text)
        .map_err(|error| format!("not UTF-8 at byte {} of the line", error.valid_up_to() + 1))?;
    if !text.starts_with('{') {
        return Err("not a JSON object".to_owned());
    }
    serde_json::from_str(text).map_err(|error| {
        let said = error.to_string();
        // It is always line 1: that of the text it was given.
        format!("not a record: {}", said.replace(" at line 1 column", " at byte"))
    })
}

fn torn(line: &Line<'_>, why: String) -> Fault {
    let why = if line.is_ended() { why } else { format!("the file ends within a record: {why}") };
    Fault::new(Problem::Torn, format!("line {}", line.number), why)
}
