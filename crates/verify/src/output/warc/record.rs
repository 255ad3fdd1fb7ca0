//! One record of an archive: its fields, its hashes, and what of its block is looked at.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;

use super::Hashing;
use super::head::Head;
use super::stream::{Compression, Stream};

/// Fields of a record that are longer are not read.
const HEAD_BYTES_MAX: u64 = 1 << 20;
/// Blocks of fields that are longer are not kept.
const BLOCK_BYTES_MAX: u64 = 64 << 20;
/// The head of a response that is longer is not understood.
const HTTP_HEAD_BYTES_MAX: usize = 1 << 20;
const VERSION: &str = "WARC/1.1\r\n";

/// A record.
pub(super) struct Record {
    pub(super) head: Head,
    pub(super) block: Block,
    pub(super) block_sha256: [u8; 32],
    /// Of what stands behind the head of a response.
    pub(super) payload_sha256: Option<[u8; 32]>,
    pub(super) http: Http,
}

/// What is kept of a block.
pub(super) enum Block {
    /// All of it: it holds fields.
    Kept(Vec<u8>),
    /// Its hashes alone.
    Hashed,
}

/// What the head of a response says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Http {
    /// 0 if there is none.
    pub(super) status: u16,
    /// Whether the body is not what the page is, but compressed.
    pub(super) is_coded: bool,
}

/// Why there is no record.
pub(super) enum Error {
    /// The file cannot be read.
    Io(io::Error),
    /// What stands there is no whole record.
    Torn(String),
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Torn("the file ends within a record".to_owned()),
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                Self::Torn(format!("the gzip member is damaged: {error}"))
            }
            _ => Self::Io(error),
        }
    }
}

/// The record that begins here; `None` at the end of the file.
pub(super) fn read(stream: &mut Stream) -> Result<Option<Record>, Error> {
    if stream.fill_buf()?.is_empty() {
        return Ok(None);
    }
    match stream.compression() {
        Compression::None => parse(stream).map(Some),
        Compression::Gzip => {
            if !stream.fill_buf()?.starts_with(&[0x1f, 0x8b]) && stream.fill_buf()?.len() > 1 {
                return Err(Error::Torn("no gzip member begins here".to_owned()));
            }
            let mut member = BufReader::new(GzDecoder::new(stream));
            let record = parse(&mut member)?;
            // Reading to the end of the member checks its own sum.
            match io::copy(&mut member, &mut io::sink())? {
                0 => Ok(Some(record)),
                more => Err(Error::Torn(format!("{more} bytes too many in the gzip member"))),
            }
        }
    }
}

fn parse(stream: &mut impl BufRead) -> Result<Record, Error> {
    let torn = |why: &str| Error::Torn(why.to_owned());
    let mut version = Vec::new();
    stream.by_ref().take(VERSION.len() as u64).read_to_end(&mut version)?;
    if version != VERSION.as_bytes() {
        let is_cut = VERSION.as_bytes().starts_with(&version);
        return Err(torn(if is_cut {
            "the file ends within a record"
        } else {
            "no WARC/1.1 record begins here"
        }));
    }
    let mut lines = Vec::new();
    let mut limited = stream.by_ref().take(HEAD_BYTES_MAX);
    loop {
        let before = lines.len();
        limited.read_until(b'\n', &mut lines)?;
        match &lines[before..] {
            b"\r\n" => break,
            line if line.ends_with(b"\n") => {}
            _ => return Err(torn("the file ends within the fields of a record")),
        }
    }
    let lines = std::str::from_utf8(&lines).map_err(|_| torn("the fields are not UTF-8"))?;
    let head = Head::parse(lines).ok_or_else(|| torn("a field of the record has no name"))?;
    let length = head.text("content-length").parse::<u64>();
    let length = length.map_err(|_| torn("the record has no Content-Length"))?;
    let mut record = block(stream, head, length)?;
    let mut end = [0; 4];
    stream.read_exact(&mut end)?;
    if end != *b"\r\n\r\n" {
        return Err(torn("the block is longer than the Content-Length of its record"));
    }
    if !record.head.has("warc-type") {
        return Err(torn("the record has no WARC-Type"));
    }
    record.http.status = if record.payload_sha256.is_some() { record.http.status } else { 0 };
    Ok(record)
}

/// Reads a block of this length.
fn block(stream: &mut impl BufRead, head: Head, length: u64) -> Result<Record, Error> {
    let is_http = matches!(head.kind(), "response" | "revisit");
    let is_kept = !is_http && head.text("content-type") == "application/warc-fields";
    let mut kept = Vec::new();
    let (mut whole, mut payload) = (Hashing::default(), Hashing::default());
    let mut http_head = Vec::new();
    let mut is_in_head = is_http;
    let mut left = length;
    while left > 0 {
        let bytes = stream.fill_buf()?;
        if bytes.is_empty() {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let count = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let bytes = &bytes[..count];
        whole.add(bytes);
        if is_kept && length <= BLOCK_BYTES_MAX {
            kept.extend_from_slice(bytes);
        }
        if is_in_head {
            http_head.extend_from_slice(bytes);
            let end = http_head.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = end {
                payload.add(&http_head[end + 4..]);
                http_head.truncate(end);
                is_in_head = false;
            } else if http_head.len() > HTTP_HEAD_BYTES_MAX {
                is_in_head = false;
            }
        } else if is_http {
            payload.add(bytes);
        }
        stream.consume(count);
        left -= count as u64;
    }
    let is_kept = is_kept && length <= BLOCK_BYTES_MAX;
    Ok(Record {
        head,
        block: if is_kept { Block::Kept(kept) } else { Block::Hashed },
        block_sha256: whole.finish(),
        payload_sha256: (is_http && !is_in_head).then(|| payload.finish()),
        http: http(&http_head),
    })
}

/// What the head of a response says (RFC 9112, section 4).
fn http(head: &[u8]) -> Http {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let coding = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-encoding"));
    let is_coded =
        coding.is_some_and(|(_, coding)| !coding.trim().eq_ignore_ascii_case("identity"));
    Http { status: status.unwrap_or(0), is_coded }
}

/// Goes to the next place from here on where a record seems to begin; false if there is none.
pub(super) fn find_next(stream: &mut Stream, from: u64) -> io::Result<bool> {
    let mark: &[u8] = match stream.compression() {
        Compression::None => VERSION.as_bytes(),
        // The magic, deflate, no flags (RFC 1952, section 2.3).
        Compression::Gzip => &[0x1f, 0x8b, 8, 0],
    };
    stream.go_to(from)?;
    // What the last block may hold of a mark that goes on in the next one.
    let mut tail: Vec<u8> = Vec::new();
    loop {
        let at = stream.at() - tail.len() as u64;
        let bytes = stream.fill_buf()?;
        if bytes.is_empty() {
            return Ok(false);
        }
        let count = bytes.len();
        tail.extend_from_slice(bytes);
        if let Some(found) = tail.windows(mark.len()).position(|some| some == mark) {
            stream.go_to(at + found as u64)?;
            return Ok(true);
        }
        tail.drain(..tail.len().saturating_sub(mark.len() - 1));
        stream.consume(count);
    }
}
