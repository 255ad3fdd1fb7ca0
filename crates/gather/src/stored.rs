//! Bodies that an earlier run stored: read from a directory by their hash, or from an archive.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use gather_core::Failure;
use gather_core::attempt::Headers;
use gather_fetch::Decoder;
use gather_fetch::http::header::{CONTENT_ENCODING, HeaderMap, HeaderValue, TRANSFER_ENCODING};
use gather_store::{BodyStore, WarcError, WarcReader, WarcRecord};
use sha2::{Digest as _, Sha256};

/// Bytes read at a time.
const STEP_BYTES: usize = 32 << 10;
/// Codings that are undone, one on the other.
const ENCODINGS_MAX: u32 = 3;

/// Where a record says that its body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyPlace<'p> {
    /// `body_path`: a file of `-O`.
    File(&'p Path),
    /// `sha256`, in a directory of `-O`.
    Hash {
        /// The directory.
        dir: &'p Path,
        /// SHA-256 of the decoded body.
        sha256: &'p [u8; 32],
    },
    /// `warc_file` and `warc_offset`.
    Archive {
        /// The archive.
        file: &'p Path,
        /// Where the record begins.
        offset: u64,
    },
}

/// What was read of a body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredBody {
    /// The status of its response; 0 where it is not stored with the body.
    pub status: u16,
    /// The headers of its response; empty where they are not stored with the body.
    pub headers: Headers,
    /// Bytes after decoding.
    pub bytes: u64,
    /// SHA-256 of them.
    pub sha256: [u8; 32],
    /// Whether only its beginning was stored.
    pub truncated: bool,
}

/// Reads stored bodies, one after the other; an archive stays open from one to the next.
#[derive(Debug)]
pub struct StoredBodies {
    bytes_max: u64,
    open: Option<(PathBuf, WarcReader)>,
}

impl StoredBodies {
    /// A reader that gives up bodies of more than `bytes_max` decoded bytes.
    pub fn new(bytes_max: u64) -> Self {
        Self { bytes_max, open: None }
    }

    /// Reads a body, decoded, piece by piece into `take`.
    ///
    /// # Errors
    /// When it is not there, broken, or longer than the limit; `take` may have had a part of it.
    pub fn read(
        &mut self,
        place: BodyPlace<'_>,
        take: &mut dyn FnMut(&[u8]),
    ) -> Result<StoredBody, StoredError> {
        match place {
            BodyPlace::File(path) => self.read_file(path, take),
            BodyPlace::Hash { dir, sha256 } => match BodyStore::find(dir, sha256) {
                Some(path) => self.read_file(&path, take),
                None => Err(StoredError::new(dir, StoredErrorKind::Missing)),
            },
            BodyPlace::Archive { file, offset } => self.read_archived(file, offset, take),
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "it blocks by its nature, and is called off the loops"
    )]
    fn read_file(
        &self,
        path: &Path,
        take: &mut dyn FnMut(&[u8]),
    ) -> Result<StoredBody, StoredError> {
        let said = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => StoredError::new(path, StoredErrorKind::Missing),
            _ => StoredError::new(path, StoredErrorKind::Io(error)),
        };
        let mut file = File::open(path).map_err(said)?;
        let mut taking = Taking::new(path, self.bytes_max, take);
        taking.all(&mut file, None)?;
        Ok(taking.body())
    }

    fn read_archived(
        &mut self,
        path: &Path,
        offset: u64,
        take: &mut dyn FnMut(&[u8]),
    ) -> Result<StoredBody, StoredError> {
        let bytes_max = self.bytes_max;
        let reader = self.archive(path)?;
        let mut record = record_at(reader, path, offset)?;
        let head = MessageHead::of(&mut record, path)?;
        if record.field("WARC-Type") != Some("revisit") {
            return body_of(&mut record, path, head, bytes_max, take);
        }
        // The body is that of an earlier record; what was said about it is here.
        let refers = record.field("WARC-Refers-To-Filename").map(PathBuf::from);
        let at = record.field("WARC-Refers-To-File-Offset").and_then(|text| text.parse().ok());
        let digest = record.field("WARC-Payload-Digest").map(str::to_owned);
        drop(record);
        let (Some(refers), Some(at)) = (refers, at) else {
            return Err(StoredError::new(path, StoredErrorKind::Missing));
        };
        // Archives that were moved were moved together.
        let refers = match refers.is_file() {
            true => refers,
            false => path.with_file_name(refers.file_name().unwrap_or_default()),
        };
        let reader = self.archive(&refers)?;
        let mut record = record_at(reader, &refers, at)?;
        if digest.is_some() && record.field("WARC-Payload-Digest") != digest.as_deref() {
            return Err(StoredError::new(&refers, StoredErrorKind::Missing));
        }
        let stored = MessageHead::of(&mut record, &refers)?;
        // The codings are those of the body; a 304 need not name them.
        let head = MessageHead { codings: stored.codings, ..head };
        body_of(&mut record, &refers, head, bytes_max, take)
    }

    fn archive(&mut self, path: &Path) -> Result<&mut WarcReader, StoredError> {
        if self.open.as_ref().is_none_or(|(open, _)| open != path) {
            self.open = None;
            let reader =
                WarcReader::open(path).map_err(|error| StoredError::archive(path, error))?;
            self.open = Some((path.to_owned(), reader));
        }
        Ok(&mut self.open.as_mut().expect("it was just opened").1)
    }
}

fn record_at<'r>(
    reader: &'r mut WarcReader,
    path: &Path,
    offset: u64,
) -> Result<WarcRecord<'r>, StoredError> {
    let record = reader.at(offset).map_err(|error| StoredError::archive(path, error))?;
    record.ok_or_else(|| StoredError::new(path, StoredErrorKind::Missing))
}

/// The rest of `record`, undone of the codings that `head` names.
fn body_of(
    record: &mut WarcRecord<'_>,
    path: &Path,
    head: MessageHead,
    bytes_max: u64,
    take: &mut dyn FnMut(&[u8]),
) -> Result<StoredBody, StoredError> {
    let failed = |failure| StoredError::new(path, StoredErrorKind::Coding(failure));
    let truncated = record.field("WARC-Truncated").is_some();
    let decoder = Decoder::of(&head.codings, ENCODINGS_MAX).map_err(failed)?;
    let mut taking = Taking::new(path, bytes_max, take);
    match taking.all(record, decoder) {
        // Of a beginning there is the beginning.
        Err(StoredError { kind: StoredErrorKind::Coding(_), .. }) if truncated => {}
        read => read?,
    }
    let MessageHead { status, headers, .. } = head;
    Ok(StoredBody { status, headers, truncated, ..taking.body() })
}

/// The head of a stored response.
struct MessageHead {
    status: u16,
    headers: Headers,
    codings: HeaderMap,
}

impl MessageHead {
    fn of(record: &mut WarcRecord<'_>, path: &Path) -> Result<Self, StoredError> {
        let head = record.message_head().map_err(|error| StoredError::archive(path, error))?;
        let text = String::from_utf8_lossy(&head);
        let mut lines = text.lines();
        let status = lines.next().and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
        let headers: Headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.into(), value.trim().into()))
            .collect();
        let mut codings = HeaderMap::new();
        for (name, value) in &headers {
            if name.eq_ignore_ascii_case(TRANSFER_ENCODING.as_str()) {
                // Archivers of other makes may leave the chunks in.
                return Err(StoredError::new(path, StoredErrorKind::Chunked));
            }
            if name.eq_ignore_ascii_case(CONTENT_ENCODING.as_str())
                && let Ok(value) = HeaderValue::from_str(value)
            {
                codings.append(CONTENT_ENCODING, value);
            }
        }
        Ok(Self { status: status.unwrap_or_default(), headers, codings })
    }
}

/// A body on its way to whoever takes it: counted, hashed and limited.
struct Taking<'t> {
    path: &'t Path,
    bytes_max: u64,
    bytes: u64,
    sha256: Sha256,
    take: &'t mut dyn FnMut(&[u8]),
}

impl<'t> Taking<'t> {
    fn new(path: &'t Path, bytes_max: u64, take: &'t mut dyn FnMut(&[u8])) -> Self {
        Self { path, bytes_max, bytes: 0, sha256: Sha256::new(), take }
    }

    fn all(
        &mut self,
        source: &mut dyn Read,
        mut decoder: Option<Decoder>,
    ) -> Result<(), StoredError> {
        let path = self.path;
        let failed = |failure| StoredError::new(path, StoredErrorKind::Coding(failure));
        let mut buffer = vec![0; STEP_BYTES];
        loop {
            let read = match source.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(StoredError::new(path, StoredErrorKind::Io(error))),
            };
            match &mut decoder {
                None => self.piece(&buffer[..read]),
                Some(decoder) => {
                    let pushed = decoder.push(&buffer[..read], &mut |piece| {
                        self.piece(piece);
                        // Enough of a bomb.
                        match self.bytes > self.bytes_max {
                            true => Err(Failure::new(gather_core::ErrorKind::LimitDecoded, "")),
                            false => Ok(()),
                        }
                    });
                    if self.bytes <= self.bytes_max {
                        pushed.map_err(failed)?;
                    }
                }
            }
            if self.bytes > self.bytes_max {
                return Err(StoredError::new(path, StoredErrorKind::TooLong(self.bytes_max)));
            }
        }
        decoder.map_or(Ok(()), |decoder| decoder.end()).map_err(failed)
    }

    fn piece(&mut self, piece: &[u8]) {
        self.bytes += piece.len() as u64;
        if self.bytes <= self.bytes_max {
            self.sha256.update(piece);
            (self.take)(piece);
        }
    }

    fn body(self) -> StoredBody {
        StoredBody {
            bytes: self.bytes,
            sha256: self.sha256.finalize().into(),
            ..StoredBody::default()
        }
    }
}

/// Why a stored body cannot be read. `Display` is one line.
#[derive(Debug)]
pub struct StoredError {
    /// Where it was looked for.
    pub path: PathBuf,
    /// What is wrong.
    pub kind: StoredErrorKind,
}

/// What is wrong with a stored body.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoredErrorKind {
    /// It is not there.
    Missing,
    /// The file cannot be read.
    Io(io::Error),
    /// The archive is broken.
    Archive(WarcError),
    /// Its coding is not known or broken.
    Coding(Failure),
    /// Its chunks are still in it, as no archive of ours has them.
    Chunked,
    /// It is longer than so many bytes.
    TooLong(u64),
}

impl StoredError {
    fn new(path: &Path, kind: StoredErrorKind) -> Self {
        Self { path: path.to_owned(), kind }
    }

    fn archive(path: &Path, error: WarcError) -> Self {
        Self::new(path, StoredErrorKind::Archive(error))
    }
}

impl fmt::Display for StoredError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.kind {
            StoredErrorKind::Missing => write!(f, "the body is not in {path}"),
            StoredErrorKind::Io(error) => write!(f, "cannot read {path}: {error}"),
            StoredErrorKind::Archive(error) => error.fmt(f),
            StoredErrorKind::Coding(failure) => {
                write!(f, "a body in {path} cannot be decoded: {}", failure.message)
            }
            StoredErrorKind::Chunked => {
                write!(f, "a body in {path} is stored in chunks, which is not read")
            }
            StoredErrorKind::TooLong(bytes_max) => {
                write!(f, "a body in {path} is longer than {bytes_max} bytes; hint: --max-decoded")
            }
        }
    }
}

impl std::error::Error for StoredError {
    // The line above tells it already.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        None
    }
}
