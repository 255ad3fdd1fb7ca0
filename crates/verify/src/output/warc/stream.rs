//! The bytes of an archive, with the offset of the next one.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

const READ_BYTES: usize = 256 << 10;

/// A file up to where it is committed.
pub(super) struct Stream {
    file: BufReader<File>,
    at: u64,
    end: u64,
    compression: Compression,
}

/// How records are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    /// Each record is a gzip member.
    Gzip,
}

impl Stream {
    pub(super) fn open(path: &Path, end: Option<u64>) -> io::Result<Self> {
        let mut file = BufReader::with_capacity(READ_BYTES, File::open(path)?);
        let is_gzip = file.fill_buf()?.starts_with(&[0x1f, 0x8b]);
        let is_named_gzip = path.extension().is_some_and(|extension| extension == "gz");
        let compression =
            if is_gzip || is_named_gzip { Compression::Gzip } else { Compression::None };
        Ok(Self { file, at: 0, end: end.unwrap_or(u64::MAX), compression })
    }

    pub(super) fn at(&self) -> u64 {
        self.at
    }

    pub(super) fn compression(&self) -> Compression {
        self.compression
    }

    pub(super) fn go_to(&mut self, offset: u64) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(offset))?;
        self.at = offset;
        Ok(())
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?;
        let count = bytes.len().min(into.len());
        into[..count].copy_from_slice(&bytes[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Stream {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let left = usize::try_from(self.end - self.at.min(self.end)).unwrap_or(usize::MAX);
        let bytes = self.file.fill_buf()?;
        Ok(&bytes[..bytes.len().min(left)])
    }

    fn consume(&mut self, count: usize) {
        self.file.consume(count);
        self.at += count as u64;
    }
}
