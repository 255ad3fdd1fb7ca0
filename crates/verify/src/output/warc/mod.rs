//! Reads an archive (WARC 1.1, ISO 28500:2017): its `metadata` records are the records of the run,
//! its responses what the records of other outputs point at.

mod head;
mod record;
mod stream;

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use self::head::Head;
use self::record::{Block, Record};
use self::stream::Stream;
use super::{Committed, Extent, OutputSpec, Response, Row, Rows};
use crate::bodies::hex;
use crate::error::VerifyError;
use crate::examine::sha256_of;
use crate::report::{Fault, Problem};

/// Stands in a name for the number of the part.
const PART: &str = "{part}";

/// How many bits of a place are its offset in its file: 16 TiB.
const OFFSET_BITS: u32 = 44;

/// Where something stands in an archive of one or more files.
pub(crate) fn place(file: usize, offset: u64) -> u64 {
    (file as u64) << OFFSET_BITS | offset & ((1 << OFFSET_BITS) - 1)
}

/// The file and the offset of a place.
pub(crate) fn file_and_offset(at: u64) -> (usize, u64) {
    ((at >> OFFSET_BITS) as usize, at & ((1 << OFFSET_BITS) - 1))
}

/// The same place, counted with so many files before it.
pub(crate) fn place_behind(at: u64, files: usize) -> u64 {
    at.saturating_add((files as u64) << OFFSET_BITS)
}

/// A place in words.
pub(crate) fn place_in_words(at: u64) -> String {
    match file_and_offset(at) {
        (0, offset) => format!("offset {offset}"),
        (file, offset) => format!("file {}, offset {offset}", file + 1),
    }
}

/// The files of an archive, in order.
pub(crate) fn files(path: &Path) -> Vec<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if !name.contains(PART) {
        return vec![path.to_owned()];
    }
    let part = |number: usize| path.with_file_name(name.replace(PART, &format!("{number:05}")));
    (1..).map(part).take_while(|path| path.exists()).collect()
}

/// Reads all files of an archive, or those up to a committed end.
pub(super) fn read(
    output: &OutputSpec,
    end: Option<Committed>,
    rows: &mut dyn Rows,
) -> Result<Extent, VerifyError> {
    let mut files = files(&output.path());
    if let Some(end) = end {
        files.truncate(usize::try_from(end.parts).unwrap_or(usize::MAX).saturating_add(1));
    }
    let mut extent = Extent::default();
    for (number, path) in files.iter().enumerate() {
        let is_last = number + 1 == files.len();
        let end = end.filter(|_| is_last).map(|end| end.bytes);
        extent.bytes = read_file(path, number, end, rows)?;
        extent.files += 1;
    }
    Ok(extent)
}

fn read_file(
    path: &Path,
    number: usize,
    end: Option<u64>,
    rows: &mut dyn Rows,
) -> Result<u64, VerifyError> {
    let failed = || VerifyError::read(path);
    let mut stream = Stream::open(path, end).map_err(failed())?;
    let mut last: Option<Answer> = None;
    let mut is_lost = false;
    loop {
        let offset = stream.at();
        match record::read(&mut stream) {
            Ok(None) => return Ok(stream.at()),
            Ok(Some(record)) => {
                is_lost = false;
                let at = place(number, offset);
                check_digests(&record, at, rows);
                let head = &record.head;
                match head.kind() {
                    "response" | "revisit" => {
                        let answer = Answer::of(&record, at, stream.at() - offset);
                        rows.response(&answer.response)?;
                        last = Some(answer);
                    }
                    "metadata" => metadata(&record, at, last.take(), rows)?,
                    _ => {}
                }
            }
            Err(record::Error::Io(error)) => return Err(failed()(error)),
            Err(record::Error::Torn(why)) => {
                // What follows may be whole: it is looked for, and told once.
                if !is_lost {
                    let at = place_in_words(place(number, offset));
                    rows.fault(Fault::new(Problem::Torn, at, why));
                }
                is_lost = true;
                last = None;
                if !record::find_next(&mut stream, offset + 1).map_err(failed())? {
                    return Ok(stream.at());
                }
            }
        }
    }
}

/// A response, as far as its target's metadata can be held against it.
struct Answer {
    response: Response,
    id: String,
    url: String,
}

impl Answer {
    fn of(record: &Record, at: u64, length: u64) -> Self {
        let head = &record.head;
        let (id, url) = (head.text("warc-record-id"), head.text("warc-target-uri"));
        // Of a coded or a cut body the record tells another hash: that of what it decodes to.
        let is_plain =
            !record.http.is_coded && head.kind() == "response" && !head.has("warc-truncated");
        let said = head.sha256("warc-payload-digest");
        let response = Response {
            at,
            length,
            url: url.to_owned(),
            status: record.http.status,
            sha256: said
                .filter(|_| is_plain || head.is_identical_payload() && !record.http.is_coded),
        };
        Self { response, id: id.to_owned(), url: url.to_owned() }
    }
}

/// The hashes of block and body are what the record says.
fn check_digests(record: &Record, at: u64, rows: &mut dyn Rows) {
    let head = &record.head;
    let is_response = head.kind() == "response";
    let digests = [
        ("block", head.text("warc-block-digest"), Some(record.block_sha256)),
        (
            "payload",
            head.text("warc-payload-digest"),
            record.payload_sha256.filter(|_| is_response),
        ),
    ];
    for (what, said, found) in digests {
        let (Some(said), Some(found)) = (said.strip_prefix("sha256:"), found) else { continue };
        if sha256_of(said) != Some(found) {
            let message =
                format!("the {what} of the {} record is not what its digest says", head.kind());
            let fault = Fault::new(Problem::Digest, place_in_words(at), message);
            rows.fault(fault.expected(said).found(hex(&found)));
        }
    }
    if head.text("warc-block-digest").is_empty() {
        let message = "the record has no digest of its block";
        rows.fault(Fault::new(Problem::Digest, place_in_words(at), message));
    }
}

/// The record of a target, and whether it speaks of the response before it.
fn metadata(
    record: &Record,
    at: u64,
    answer: Option<Answer>,
    rows: &mut dyn Rows,
) -> Result<(), VerifyError> {
    let torn = |why: &str| Fault::new(Problem::Torn, place_in_words(at), why);
    let Block::Kept(block) = &record.block else {
        rows.fault(torn("the metadata record is too long to be read"));
        return Ok(());
    };
    let Some(members) = Head::members(block) else {
        rows.fault(torn("the metadata record is not made of lines `name: value`"));
        return Ok(());
    };
    let text = |name: &str| members.find(name);
    let mut row = Row {
        at,
        input: text("input"),
        outcome: text("outcome"),
        kind: text("error.kind"),
        sha256: text("sha256"),
        body_path: text("body_path"),
        url: text("url"),
        final_url: text("final_url"),
        is_truncated: text("truncated") == Some("true"),
        ..Row::default()
    };
    let numbers = [
        ("n", &mut row.n),
        ("status_code", &mut row.status),
        ("attempts", &mut row.attempts),
        ("content_length", &mut row.content_length),
    ];
    for (name, into) in numbers {
        match text(name).map(str::parse) {
            None => {}
            Some(Ok(number)) => *into = Some(number),
            Some(Err(_)) => {
                rows.fault(torn(&format!("{name} of the metadata record is no number")));
                return Ok(());
            }
        }
    }
    let refers_to = record.head.text("warc-concurrent-to");
    match &answer {
        Some(answer) if !refers_to.is_empty() => {
            let url = row.final_url.or(row.url).unwrap_or_default();
            let status = row.status.unwrap_or(0);
            let differs = if answer.id != refers_to {
                Some(("record id", answer.id.clone(), refers_to.to_owned()))
            } else if answer.url != url {
                Some(("URL", answer.url.clone(), url.to_owned()))
            } else if u64::from(answer.response.status) != status && answer.response.status != 304 {
                Some(("status", answer.response.status.to_string(), status.to_string()))
            } else {
                None
            };
            if let Some((what, expected, found)) = differs {
                let message =
                    format!("the metadata has another {what} than the response before it");
                let fault = Fault::new(Problem::Contradiction, place_in_words(at), message);
                let fault = fault.expected(expected).found(found);
                rows.fault(row.n.into_iter().fold(fault, Fault::of));
            }
        }
        None if !refers_to.is_empty() => {
            let message = "the metadata speaks of a response that is not before it";
            let fault = Fault::new(Problem::Contradiction, place_in_words(at), message);
            rows.fault(row.n.into_iter().fold(fault, Fault::of));
        }
        _ => {}
    }
    rows.row(&row)
}

/// The URL of the record at an offset, for a fault that names it.
pub(crate) fn url_at(path: &Path, offset: u64) -> Option<String> {
    let mut stream = Stream::open(path, None).ok()?;
    stream.go_to(offset).ok()?;
    let record = record::read(&mut stream).ok()??;
    Some(record.head.text("warc-target-uri").to_owned())
}

/// Hashes what is written to it.
#[derive(Default)]
struct Hashing(Sha256);

impl Hashing {
    fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}
