//! The bytes of a result: unzipped where they are gzipped, cut into lines of a bounded length.

use std::fs::{File, TryLockError};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

/// Bytes read from the system at once.
const READ_BYTES: usize = 128 * 1024;

/// The bytes as they were before gzip, if they are gzipped; else as they are.
pub(super) fn unzipped(bytes: Box<dyn Read + Send>) -> io::Result<Box<dyn BufRead + Send>> {
    let mut bytes = BufReader::with_capacity(READ_BYTES, bytes);
    Ok(match bytes.fill_buf()? {
        [0x1f, 0x8b, ..] => {
            Box::new(BufReader::with_capacity(READ_BYTES, MultiGzDecoder::new(bytes)))
        }
        _ => Box::new(bytes),
    })
}

/// Whether a run is writing the file: then what stands last is not yet whole.
pub(super) fn is_being_written(path: Option<&Path>) -> bool {
    let Some(file) = path.and_then(|path| File::open(path).ok()) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// How a line ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineEnd {
    /// With a line feed.
    Whole,
    /// With the bytes: its end may be missing.
    Open,
    /// It is longer than the limit; its end was skipped.
    TooLong,
    /// There is no further line.
    None,
}

/// Reads the next line without its end into `line`, at most `max` bytes of it.
pub(super) fn read_line(
    bytes: &mut dyn BufRead,
    line: &mut Vec<u8>,
    max: usize,
) -> io::Result<LineEnd> {
    line.clear();
    let mut is_too_long = false;
    loop {
        let ahead = match bytes.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            ahead => ahead?,
        };
        if ahead.is_empty() {
            return Ok(match is_too_long {
                true => LineEnd::TooLong,
                false if line.is_empty() => LineEnd::None,
                false => LineEnd::Open,
            });
        }
        let end = ahead.iter().position(|byte| *byte == b'\n');
        let part = &ahead[..end.unwrap_or(ahead.len())];
        is_too_long |= line.len() + part.len() > max;
        if !is_too_long {
            line.extend_from_slice(part);
        }
        let count = part.len() + usize::from(end.is_some());
        bytes.consume(count);
        if end.is_some() {
            return Ok(if is_too_long { LineEnd::TooLong } else { LineEnd::Whole });
        }
    }
}
