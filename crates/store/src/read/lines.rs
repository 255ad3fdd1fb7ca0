//! Records from JSON lines: results, and the spools that outputs are built of.

use std::fs::File;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use gather_core::Record;

use super::bytes::{self, LineEnd};
use super::draft::{Decimals, Draft, Given, Shape, Wrong};
use super::error::ReadError;
use super::{Results, composite};

/// The longest line that is read: a record with the largest body, as base64.
const LINE_BYTES_MAX: usize = 256 << 20;

/// Records from JSON lines.
pub(crate) struct JsonLines {
    bytes: Box<dyn BufRead + Send>,
    name: Box<str>,
    /// The file, if it is one that a run may still be writing.
    path: Option<PathBuf>,
    decimals: Decimals,
    line: Vec<u8>,
    number: u64,
    is_at_end: bool,
}

impl JsonLines {
    /// Reads these bytes.
    pub(crate) fn new(bytes: Box<dyn BufRead + Send>, name: &str, path: Option<&Path>) -> Self {
        Self {
            bytes,
            name: name.into(),
            path: path.map(Path::to_owned),
            decimals: Decimals::Text,
            line: Vec::new(),
            number: 0,
            is_at_end: false,
        }
    }

    /// Reads a spool.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(crate) fn of_spool(path: &Path) -> Result<Self, ReadError> {
        let name = path.display().to_string();
        let said = |error| ReadError::io(&name, &error);
        let bytes = bytes::unzipped(Box::new(File::open(path).map_err(said)?)).map_err(said)?;
        Ok(Self { decimals: Decimals::Told, ..Self::new(bytes, &name, Some(path)) })
    }

    /// Reads a spool that this process wrote: nothing of it may be missing.
    ///
    /// # Errors
    /// As [`of_spool`](Self::of_spool).
    #[cfg(any(feature = "parquet", feature = "xlsx"))]
    pub(crate) fn of_own_spool(path: &Path) -> Result<Self, ReadError> {
        Ok(Self { path: None, ..Self::of_spool(path)? })
    }
}

impl Results for JsonLines {
    fn next(&mut self) -> Result<Option<Record>, ReadError> {
        while !self.is_at_end {
            self.number += 1;
            let read = bytes::read_line(&mut *self.bytes, &mut self.line, LINE_BYTES_MAX);
            let end = read.map_err(|error| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => {
                    self.is_at_end = true;
                    ReadError::torn(&self.name, self.number, "the gzip ends before its end")
                }
                _ => ReadError::io(&self.name, &error),
            })?;
            let line = match self.number {
                1 => self.line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&self.line),
                _ => &self.line[..],
            };
            self.is_at_end = matches!(end, LineEnd::None | LineEnd::Open);
            if end == LineEnd::TooLong {
                let message = format!("longer than {} MiB", LINE_BYTES_MAX >> 20);
                return Err(ReadError::row(&self.name, self.number, message));
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            return match record(line, self.decimals) {
                Ok(record) => Ok(Some(record)),
                Err(_) if end == LineEnd::Open && bytes::is_being_written(self.path.as_deref()) => {
                    Ok(None)
                }
                Err(wrong) if end == LineEnd::Open => {
                    Err(ReadError::torn(&self.name, self.number, format!("torn: {wrong}")))
                }
                Err(wrong) => Err(ReadError::row(&self.name, self.number, wrong)),
            };
        }
        Ok(None)
    }
}

/// The record of a line.
pub(crate) fn record(line: &[u8], decimals: Decimals) -> Result<Record, Wrong> {
    let text = std::str::from_utf8(line).map_err(|error| format!("not UTF-8: {error}"))?;
    let members: composite::Members<'_> =
        serde_json::from_str(text).map_err(|error| format!("not a JSON object: {error}"))?;
    let mut draft = Draft::new(Shape::Object, decimals);
    for (name, value) in members.0 {
        let parts = match &*name {
            "error" | "tls" => composite::members(value),
            _ => None,
        };
        match parts {
            None => draft.member(&name, Given::Json(value))?,
            Some(parts) => {
                for (part, value) in parts.0 {
                    draft.member(&format!("{name}.{part}"), Given::Json(value))?;
                }
            }
        }
    }
    draft.finish()
}
