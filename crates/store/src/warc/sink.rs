//! The sink that writes an archive: what of a target goes into which record.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use gather_core::Record;
use gather_core::attempt::HttpVersion;
use gather_core::cache::{self, CacheUse};
use gather_core::exchange::{Coding, Exchange};
use gather_core::record::Archived;
use sha2::{Digest as _, Sha256};

use super::file::{ArchiveFile, Effort};
use super::head::{Head, Kind, RecordId, one_line};
use super::payloads::{Payloads, Stored};
use crate::error::{SinkError, SinkErrorKind};
use crate::fields::{Fields, Repeats};
use crate::json;
use crate::sink::{Existing, OutputSpec, OutputTarget, Position, RunInfo, Sink, WarcCompression};
use crate::value::value_of;

/// Stands in a file name for the number of the part, from 00001.
const PART: &str = "{part}";
/// A part with as much in it is ended after its target.
const PART_BYTES: u64 = 1 << 30;
/// A `revisit` of a shorter body would be longer than the body.
const REVISIT_BYTES_MIN: usize = 512;

/// An archive being written.
pub(super) struct Warc {
    name: PathBuf,
    spec: OutputSpec,
    compression: WarcCompression,
    run: RunInfo,
    part_bytes: u64,
    /// Parts that are finished, and the targets in them.
    finished: Position,
    file: ArchiveFile,
    /// The name of the file as records tell it.
    file_name: Arc<str>,
    payloads: Payloads,
    /// The members that a `metadata` record tells.
    fields: Fields,
    /// The head of a record, and the block of one that is made here.
    head: Vec<u8>,
    block: Vec<u8>,
    /// Where the last target's response is.
    archived: Option<Archived>,
}

/// Opens an archive: one file, or parts where its name has `{part}`.
///
/// # Errors
/// As [`open`](crate::open); also for standard output and for what is no regular file, since an
/// archive is found by offsets.
pub(crate) fn open(
    spec: &OutputSpec,
    run: &RunInfo,
    compression: WarcCompression,
) -> Result<Box<dyn Sink>, SinkError> {
    Ok(Box::new(Warc::open(spec, run, compression, PART_BYTES)?))
}

impl Warc {
    pub(super) fn open(
        spec: &OutputSpec,
        run: &RunInfo,
        compression: WarcCompression,
        part_bytes: u64,
    ) -> Result<Self, SinkError> {
        let OutputTarget::File(name) = &spec.target else {
            return Err(SinkError::of_target(SinkErrorKind::NotAFile, &spec.target));
        };
        let committed = match spec.existing {
            Existing::Resume(position) => position,
            Existing::Refuse | Existing::Overwrite => Position::default(),
        };
        let path = first_part(name, spec.existing);
        let file = ArchiveFile::open(&path, spec.existing, spec.durability, compression)?;
        // Parts of a longer run, or of one that was killed, would be taken for parts of this one.
        if path != *name {
            remove_parts_after(name, committed.parts)?;
        }
        let mut warc = Self {
            name: name.clone(),
            spec: spec.clone(),
            compression,
            run: run.clone(),
            part_bytes,
            finished: Position { bytes: 0, ..committed },
            file,
            file_name: path.to_string_lossy().into(),
            payloads: Payloads::default(),
            fields: Fields::default(),
            head: Vec::new(),
            block: Vec::new(),
            archived: None,
        };
        // What a part of a resumed run counts is counted from here on.
        if committed.bytes == 0 {
            warc.warcinfo()?;
        }
        Ok(warc)
    }

    fn warcinfo(&mut self) -> Result<(), SinkError> {
        let file = Path::new(&*self.file_name).file_name().unwrap_or_default().to_string_lossy();
        let id = RecordId::new(&self.run.id, Kind::Warcinfo, u64::from(self.finished.parts), 0);
        self.block.clear();
        let lines = [
            ("software", concat!("gather/", env!("CARGO_PKG_VERSION"))),
            ("format", "WARC File Format 1.1"),
            (
                "conformsTo",
                "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/",
            ),
            ("isPartOf", &*self.run.id),
        ];
        for (name, value) in lines {
            line(&mut self.block, name, value.as_bytes());
        }
        let mut head = Head::begin(&mut self.head, Kind::Warcinfo, id, self.run.started_unix_us);
        head.text("WARC-Filename", &file);
        head.text("Content-Type", "application/warc-fields");
        head.sha256("WARC-Block-Digest", &Sha256::digest(&self.block).into());
        head.end(self.block.len());
        self.file.record(&[&self.head, &self.block, END], Effort::Usual)?;
        self.file.end_group(0);
        Ok(())
    }

    fn exchange(
        &mut self,
        record: &Record,
        nth: usize,
        exchange: &Exchange,
    ) -> Result<RecordId, SinkError> {
        let response = RecordId::new(&self.run.id, Kind::Response, record.n, nth);
        self.request(record.n, nth, exchange, response)?;
        let is_last = nth + 1 == record.exchanges.len();
        let payload = match record.sha256 {
            // It was hashed as it came.
            Some(sha256)
                if is_last && exchange.coding == Coding::None && exchange.cut.is_none() =>
            {
                sha256
            }
            _ => Sha256::digest(&exchange.body).into(),
        };
        let offset = self.file.at();
        let confirmed = match (&record.ticket, record.cache) {
            (Some(ticket), Some(CacheUse::Revalidated)) if is_last => ticket.stored.as_ref(),
            _ => None,
        };
        let earlier = match exchange.cut {
            None if exchange.body.len() >= REVISIT_BYTES_MIN => self.payloads.find(&payload),
            _ => None,
        };
        match earlier {
            Some(stored) => self.revisit(exchange, response, &payload, &stored)?,
            None if confirmed.is_some() => self.not_modified(exchange, response, confirmed)?,
            None => {
                self.response(exchange, response, &payload)?;
                if exchange.cut.is_none() && exchange.body.len() >= REVISIT_BYTES_MIN {
                    let stored = Stored {
                        id: response,
                        url: exchange.url.clone(),
                        date_us: exchange.sent_unix_us,
                        file: Arc::clone(&self.file_name),
                        offset,
                    };
                    self.payloads.remember(payload, stored);
                }
            }
        }
        if is_last {
            let length = self.file.at() - offset;
            self.archived = Some(Archived { file: Arc::clone(&self.file_name), offset, length });
        }
        Ok(response)
    }

    fn request(
        &mut self,
        n: u64,
        nth: usize,
        exchange: &Exchange,
        response: RecordId,
    ) -> Result<(), SinkError> {
        let Exchange { request_head, request_body, .. } = exchange;
        let id = RecordId::new(&self.run.id, Kind::Request, n, nth);
        let mut head = begin(&mut self.head, Kind::Request, id, exchange);
        head.id("WARC-Concurrent-To", response);
        head.text("Content-Type", "application/http;msgtype=request");
        head.sha256("WARC-Block-Digest", &digest(&[request_head, request_body]));
        head.end(request_head.len() + request_body.len());
        self.file.record(&[&self.head, request_head, request_body, END], Effort::Usual)
    }

    fn response(
        &mut self,
        exchange: &Exchange,
        id: RecordId,
        payload: &[u8; 32],
    ) -> Result<(), SinkError> {
        let Exchange { response_head, body, .. } = exchange;
        let mut head = begin(&mut self.head, Kind::Response, id, exchange);
        protocols(&mut head, exchange);
        if let Some(cut) = exchange.cut {
            head.text("WARC-Truncated", cut.as_str());
        }
        head.text("Content-Type", "application/http;msgtype=response");
        head.sha256("WARC-Payload-Digest", payload);
        head.sha256("WARC-Block-Digest", &digest(&[response_head, body]));
        head.end(response_head.len() + body.len());
        let effort = match exchange.coding {
            Coding::None => Effort::Usual,
            Coding::Encoded => Effort::Least,
        };
        self.file.record(&[&self.head, response_head, body, END], effort)
    }

    /// The head alone, and where the same body is (WARC 1.1, section 6.7.2).
    fn revisit(
        &mut self,
        exchange: &Exchange,
        id: RecordId,
        payload: &[u8; 32],
        stored: &Stored,
    ) -> Result<(), SinkError> {
        let block = &exchange.response_head;
        let mut head = begin(&mut self.head, Kind::Revisit, id, exchange);
        head.text("WARC-Profile", IDENTICAL_PAYLOAD);
        head.id("WARC-Refers-To", stored.id);
        head.text("WARC-Refers-To-Target-URI", &stored.url);
        head.date("WARC-Refers-To-Date", stored.date_us);
        // Not of the standard, but of other archivers, too: so it is found without an index.
        head.text("WARC-Refers-To-Filename", &stored.file);
        head.count("WARC-Refers-To-File-Offset", stored.offset);
        protocols(&mut head, exchange);
        head.text("WARC-Truncated", "length");
        head.text("Content-Type", "application/http;msgtype=response");
        head.sha256("WARC-Payload-Digest", payload);
        head.sha256("WARC-Block-Digest", &digest(&[block]));
        head.end(block.len());
        self.file.record(&[&self.head, block, END], Effort::Usual)
    }

    /// The head of a 304, and where the answer is that it confirms (WARC 1.1, section 6.7.3).
    fn not_modified(
        &mut self,
        exchange: &Exchange,
        id: RecordId,
        stored: Option<&cache::Stored>,
    ) -> Result<(), SinkError> {
        let block = &exchange.response_head;
        let mut head = begin(&mut self.head, Kind::Revisit, id, exchange);
        head.text("WARC-Profile", SERVER_NOT_MODIFIED);
        if let Some(stored) = stored {
            head.text("WARC-Refers-To-Target-URI", &exchange.url);
            head.date("WARC-Refers-To-Date", stored.born_unix_us);
            if let Some(archived) = &stored.archived {
                head.text("WARC-Refers-To-Filename", &archived.file);
                head.count("WARC-Refers-To-File-Offset", archived.offset);
            }
        }
        protocols(&mut head, exchange);
        head.text("Content-Type", "application/http;msgtype=response");
        head.sha256("WARC-Block-Digest", &digest(&[block]));
        head.end(block.len());
        self.file.record(&[&self.head, block, END], Effort::Usual)
    }

    /// What is known of the target beyond its exchanges: the members of its record.
    fn metadata(&mut self, record: &Record, response: Option<RecordId>) -> Result<(), SinkError> {
        self.block.clear();
        let mut value = Vec::new();
        for field in self.fields.list() {
            if let Some(known) = value_of(field, record, Repeats::Omit) {
                value.clear();
                json::plain(&mut value, &known);
                line(&mut self.block, &field.name(), &value);
            }
        }
        let total_ms = record.timings.total.as_millis();
        if total_ms > 0 {
            line(&mut self.block, "fetchTimeMs", total_ms.to_string().as_bytes());
        }
        let id = RecordId::new(&self.run.id, Kind::Metadata, record.n, 0);
        let date = match record.timings.started_unix_us {
            0 => now_us(),
            started => started,
        };
        let mut head = Head::begin(&mut self.head, Kind::Metadata, id, date);
        if !record.url.is_empty() {
            head.text("WARC-Target-URI", record.final_url.as_deref().unwrap_or(&record.url));
        }
        if let Some(response) = response {
            head.id("WARC-Concurrent-To", response);
        }
        head.text("Content-Type", "application/warc-fields");
        head.sha256("WARC-Block-Digest", &Sha256::digest(&self.block).into());
        head.end(self.block.len());
        self.file.record(&[&self.head, &self.block, END], Effort::Usual)
    }

    /// Ends the part when it is large enough, and begins the next.
    fn turn(&mut self) -> Result<(), SinkError> {
        if !has_parts(&self.name) || self.file.whole().bytes < self.part_bytes {
            return Ok(());
        }
        let position = self.file.commit()?;
        self.finished = Position { parts: self.finished.parts + 1, bytes: 0, ..position };
        let path = part_path(&self.name, self.finished.parts);
        let goes_on = Existing::Resume(self.finished);
        self.file = ArchiveFile::open(&path, goes_on, self.spec.durability, self.compression)?;
        self.file_name = path.to_string_lossy().into();
        self.warcinfo()
    }

    fn position(&self, of_file: Position) -> Position {
        Position { parts: self.finished.parts, ..of_file }
    }
}

impl Sink for Warc {
    fn write(&mut self, record: &Record) -> Result<(), SinkError> {
        self.archived = None;
        self.turn()?;
        let mut last = None;
        for (nth, exchange) in record.exchanges.iter().enumerate() {
            last = Some(self.exchange(record, nth, exchange)?);
        }
        self.metadata(record, last)?;
        self.file.end_group(1);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.file.flush()
    }

    fn commit(&mut self) -> Result<Position, SinkError> {
        let position = self.file.commit()?;
        Ok(self.position(position))
    }

    fn finish(mut self: Box<Self>) -> Result<Position, SinkError> {
        self.commit()
    }

    fn name(&self) -> &str {
        self.name.to_str().unwrap_or(&self.file_name)
    }

    fn keeps_bodies(&self) -> bool {
        true
    }

    fn archived(&self) -> Option<Archived> {
        self.archived.clone()
    }
}

/// What ends every record.
const END: &[u8] = b"\r\n\r\n";

const SERVER_NOT_MODIFIED: &str = "http://netpreserve.org/warc/1.1/revisit/server-not-modified";
const IDENTICAL_PAYLOAD: &str = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest";

fn begin<'b>(buffer: &'b mut Vec<u8>, kind: Kind, id: RecordId, exchange: &Exchange) -> Head<'b> {
    let mut head = Head::begin(buffer, kind, id, exchange.sent_unix_us);
    head.text("WARC-Target-URI", &exchange.url);
    head.address(exchange.remote_ip);
    head
}

/// What it came by: the head in the block is always in the form of HTTP/1.1.
fn protocols(head: &mut Head<'_>, exchange: &Exchange) {
    head.text(
        "WARC-Protocol",
        match exchange.version {
            HttpVersion::Http10 => "http/1.0",
            HttpVersion::Http11 => "http/1.1",
            HttpVersion::Http2 => "h2",
        },
    );
    if let Some(version) = exchange.tls {
        head.text("WARC-Protocol", &format!("tls/{version}"));
    }
}

fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut sha256 = Sha256::new();
    parts.iter().for_each(|part| sha256.update(part));
    sha256.finalize().into()
}

fn line(block: &mut Vec<u8>, name: &str, value: &[u8]) {
    one_line(block, name.as_bytes());
    block.extend_from_slice(b": ");
    one_line(block, value);
    block.extend_from_slice(b"\r\n");
}

fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

fn has_parts(name: &Path) -> bool {
    name.to_string_lossy().contains(PART)
}

/// The file that an archive of this name is opened with.
pub(crate) fn first_part(name: &Path, existing: Existing) -> PathBuf {
    match existing {
        Existing::Resume(position) => part_path(name, position.parts),
        Existing::Refuse | Existing::Overwrite => part_path(name, 0),
    }
}

/// The file of the part after so many others.
pub(super) fn part_path(name: &Path, finished: u32) -> PathBuf {
    match name.to_str() {
        Some(text) if text.contains(PART) => {
            text.replace(PART, &format!("{:05}", u64::from(finished) + 1)).into()
        }
        _ => name.to_owned(),
    }
}

fn remove_parts_after(name: &Path, finished: u32) -> Result<(), SinkError> {
    for part in finished.saturating_add(1).. {
        let path = part_path(name, part);
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => break,
            Err(error) => return Err(SinkError::io(Some(&path), error, None)),
        }
    }
    Ok(())
}
