//! Records of an archive read back, each by where it begins; streaming, within limits.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::bufread::GzDecoder;

/// The longest head of a record that is read: its own, and that of the message in it.
const HEAD_BYTES_MAX: u64 = 1 << 20;

/// An archive opened for reading: `.warc` or `.warc.gz`, told apart by its first bytes.
#[derive(Debug)]
pub struct WarcReader {
    path: PathBuf,
    file: Option<BufReader<File>>,
    is_gzip: bool,
}

/// One record of an archive. Reading it gives its block: for `response` and `revisit`, what
/// remains of it after [`message_head`](Self::message_head).
#[derive(Debug)]
pub struct WarcRecord<'r> {
    /// Where it begins.
    pub offset: u64,
    fields: Vec<(String, String)>,
    source: Source,
    left: u64,
    reader: &'r mut WarcReader,
}

#[derive(Debug)]
enum Source {
    Plain(BufReader<File>),
    Gzip(Box<BufReader<GzDecoder<BufReader<File>>>>),
    /// It was given back.
    None,
}

/// Why a record of an archive cannot be read.
#[derive(Debug)]
pub struct WarcError {
    /// The archive.
    pub path: PathBuf,
    /// Where the record begins.
    pub offset: u64,
    /// What is wrong.
    pub reason: WarcErrorReason,
}

/// What is wrong with a record.
#[derive(Debug)]
#[non_exhaustive]
pub enum WarcErrorReason {
    /// The archive cannot be read.
    Io(io::Error),
    /// No record begins there.
    NoRecord,
    /// The record or the message in it is broken, or longer than what is read.
    Broken(&'static str),
}

impl WarcReader {
    /// Opens an archive.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(path: &Path) -> Result<Self, WarcError> {
        let said = |error| WarcError::new(path, 0, WarcErrorReason::Io(error));
        let mut file = BufReader::new(File::open(path).map_err(said)?);
        let is_gzip = file.fill_buf().map_err(said)?.starts_with(&[0x1f, 0x8b]);
        Ok(Self { path: path.to_owned(), file: Some(file), is_gzip })
    }

    /// The record that begins at `offset`; `None` at the end of the archive.
    ///
    /// # Errors
    /// When none begins there, or its head is broken.
    pub fn at(&mut self, offset: u64) -> Result<Option<WarcRecord<'_>>, WarcError> {
        let path = self.path.clone();
        let said = |error| WarcError::new(&path, offset, WarcErrorReason::Io(error));
        let mut file = match self.file.take() {
            Some(file) => file,
            None => BufReader::new(File::open(&self.path).map_err(said)?),
        };
        file.seek(SeekFrom::Start(offset)).map_err(said)?;
        if file.fill_buf().map_err(said)?.is_empty() {
            self.file = Some(file);
            return Ok(None);
        }
        let source = match self.is_gzip {
            true => Source::Gzip(Box::new(BufReader::new(GzDecoder::new(file)))),
            false => Source::Plain(file),
        };
        let mut record = WarcRecord { offset, fields: Vec::new(), source, left: 0, reader: self };
        record.read_head()?;
        Ok(Some(record))
    }
}

impl WarcRecord<'_> {
    /// The value of a named field, whatever the case of its name: `WARC-Type`.
    pub fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Reads the head of the HTTP message in the block, with the empty line that ends it; what
    /// remains of the block is the body.
    ///
    /// # Errors
    /// When there is none, or it is longer than 1 MiB.
    pub fn message_head(&mut self) -> Result<Vec<u8>, WarcError> {
        let mut head = Vec::new();
        loop {
            let from = head.len();
            let read = self.read_line(&mut head)?;
            let is_empty_line = matches!(&head[from..], b"\r\n" | b"\n");
            match (read, is_empty_line) {
                (0, _) => return Err(self.broken("the message in it has no head")),
                (_, true) => return Ok(head),
                _ if head.len() as u64 > HEAD_BYTES_MAX => {
                    return Err(self.broken("the head of the message in it is too long"));
                }
                _ => {}
            }
        }
    }

    /// Reads what is left and answers where the next record begins.
    ///
    /// # Errors
    /// When the record is torn.
    pub fn skip(mut self) -> Result<u64, WarcError> {
        let left = self.left;
        let skipped = io::copy(&mut self, &mut io::sink());
        if skipped.map_err(|error| self.io(error))? < left {
            return Err(self.broken("it is torn"));
        }
        let mut end = Vec::new();
        let source = std::mem::replace(&mut self.source, Source::None);
        let (mut file, read) = match source {
            Source::Plain(mut file) => {
                let read = (&mut file).take(END.len() as u64).read_to_end(&mut end);
                (file, read)
            }
            Source::Gzip(mut gzip) => {
                let read = (&mut gzip).take(END.len() as u64 + 1).read_to_end(&mut end);
                (gzip.into_inner().into_inner(), read)
            }
            Source::None => return Err(self.broken("it was read before")),
        };
        read.map_err(|error| self.io(error))?;
        if end != END {
            return Err(self.broken("it does not end where it should"));
        }
        let next = file.stream_position().map_err(|error| self.io(error))?;
        self.source = Source::Plain(file);
        Ok(next)
    }

    fn read_head(&mut self) -> Result<(), WarcError> {
        // Until its own length is known, nothing but the limit ends it.
        self.left = HEAD_BYTES_MAX;
        let mut line = Vec::new();
        match self.read_line(&mut line) {
            Ok(_) if matches!(&line[..], b"WARC/1.1\r\n" | b"WARC/1.0\r\n") => {}
            Ok(_) | Err(WarcError { reason: WarcErrorReason::Io(_), .. }) => {
                return Err(self.error(WarcErrorReason::NoRecord));
            }
            Err(error) => return Err(error),
        }
        loop {
            line.clear();
            if self.read_line(&mut line)? == 0 {
                return Err(self.broken("its head is torn"));
            }
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end();
            if text.is_empty() {
                break;
            }
            let Some((name, value)) = text.split_once(':') else {
                return Err(self.broken("a line of its head is no field"));
            };
            self.fields.push((name.to_owned(), value.trim().to_owned()));
        }
        let length = self.field("Content-Length").and_then(|text| text.parse().ok());
        self.left = length.ok_or_else(|| self.broken("its length is not said"))?;
        Ok(())
    }

    /// Appends a line of the block with its end; answers how long it is.
    fn read_line(&mut self, line: &mut Vec<u8>) -> Result<u64, WarcError> {
        let left = self.left;
        let read = match &mut self.source {
            Source::Plain(file) => file.take(left).read_until(b'\n', line),
            Source::Gzip(gzip) => gzip.take(left).read_until(b'\n', line),
            Source::None => Ok(0),
        };
        let read = read.map_err(|error| self.io(error))? as u64;
        self.left -= read;
        Ok(read)
    }

    fn io(&self, error: io::Error) -> WarcError {
        self.error(WarcErrorReason::Io(error))
    }

    fn broken(&self, what: &'static str) -> WarcError {
        self.error(WarcErrorReason::Broken(what))
    }

    fn error(&self, reason: WarcErrorReason) -> WarcError {
        WarcError::new(&self.reader.path, self.offset, reason)
    }
}

impl Read for WarcRecord<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = match &mut self.source {
            Source::Plain(file) => file.read(&mut buffer[..most])?,
            Source::Gzip(gzip) => gzip.read(&mut buffer[..most])?,
            Source::None => 0,
        };
        self.left -= read as u64;
        Ok(read)
    }
}

impl Drop for WarcRecord<'_> {
    // The open file goes back to the archive, for the next record.
    fn drop(&mut self) {
        self.reader.file = match std::mem::replace(&mut self.source, Source::None) {
            Source::Plain(file) => Some(file),
            Source::Gzip(gzip) => Some(gzip.into_inner().into_inner()),
            Source::None => None,
        };
    }
}

const END: &[u8] = b"\r\n\r\n";

impl WarcError {
    fn new(path: &Path, offset: u64, reason: WarcErrorReason) -> Self {
        Self { path: path.to_owned(), offset, reason }
    }
}

impl fmt::Display for WarcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, offset, reason } = self;
        let path = path.display();
        match reason {
            WarcErrorReason::Io(error) => write!(f, "cannot read {path} at byte {offset}: {error}"),
            WarcErrorReason::NoRecord => {
                write!(f, "{path} has no record at byte {offset}; hint: was it changed?")
            }
            WarcErrorReason::Broken(what) => {
                write!(f, "the record of {path} at byte {offset} is broken: {what}")
            }
        }
    }
}

impl std::error::Error for WarcError {
    // The line above tells it already.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        None
    }
}
