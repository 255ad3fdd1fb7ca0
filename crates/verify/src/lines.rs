//! Lines of a file with their place, in memory that a long line cannot grow.

use std::io::{self, BufRead, Read};

/// The lines of a stream.
pub(crate) struct Lines<R> {
    stream: R,
    bytes_max: usize,
    /// The line that was read, with its end if it has one.
    line: Vec<u8>,
    number: u64,
    read_bytes: u64,
    fits: Fits,
}

/// Whether a line was kept whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fits {
    /// It was.
    Yes,
    /// Only its beginning was kept, the rest skipped.
    No,
}

/// A line as it stands in the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    /// Its bytes, with LF or CRLF where the file has them.
    pub(crate) bytes: &'a [u8],
    /// From 1.
    pub(crate) number: u64,
    pub(crate) fits: Fits,
}

impl<'a> Line<'a> {
    /// Without its end.
    pub(crate) fn text(&self) -> &'a [u8] {
        let bytes = self.bytes.strip_suffix(b"\n").unwrap_or(self.bytes);
        if bytes.len() == self.bytes.len() {
            return bytes;
        }
        bytes.strip_suffix(b"\r").unwrap_or(bytes)
    }

    /// Whether it ends as a line does, and not with the file.
    pub(crate) fn is_ended(&self) -> bool {
        self.fits == Fits::No || self.bytes.ends_with(b"\n")
    }
}

impl<R: BufRead> Lines<R> {
    /// Lines of which at most `bytes_max` bytes are kept, their ends not counted.
    pub(crate) fn new(stream: R, bytes_max: usize) -> Self {
        let (number, read_bytes) = (0, 0);
        Self { stream, bytes_max, line: Vec::new(), number, read_bytes, fits: Fits::Yes }
    }

    /// The next line; `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        // The longest line, its CRLF, and one byte that tells of a longer one.
        let most = self.bytes_max as u64 + 3;
        let got = self.stream.by_ref().take(most).read_until(b'\n', &mut self.line)? as u64;
        if got == 0 {
            return Ok(None);
        }
        self.read_bytes += got;
        self.number += 1;
        let ends = match self.line[..] {
            [.., b'\r', b'\n'] => 2,
            [.., b'\n'] => 1,
            _ => 0,
        };
        self.fits = if self.line.len() - ends > self.bytes_max { Fits::No } else { Fits::Yes };
        if self.fits == Fits::No {
            if ends == 0 {
                self.read_bytes += skip_line(&mut self.stream)?;
            }
            self.line.truncate(self.bytes_max);
        }
        Ok(Some(self.current()))
    }

    /// The line that came last.
    pub(crate) fn current(&self) -> Line<'_> {
        let Self { line, number, fits, .. } = self;
        Line { bytes: line, number: *number, fits: *fits }
    }

    /// Bytes read, up to the end of the last line.
    pub(crate) fn read_bytes(&self) -> u64 {
        self.read_bytes
    }
}

/// Skips to the end of the line, and says over how many bytes.
fn skip_line(stream: &mut impl BufRead) -> io::Result<u64> {
    Ok(stream.skip_until(b'\n')? as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_their_place_and_a_limit() {
        let text = b"ab\n\ncd\r\nefghij\nefghijklmnopqrs\nt";
        let mut lines = Lines::new(&text[..], 6);
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            let text = String::from_utf8_lossy(line.text()).into_owned();
            found.push((line.number, text, line.is_ended(), line.fits));
        }
        let line = |number, text: &str, is_ended, fits| (number, text.to_owned(), is_ended, fits);
        let expected = [
            line(1, "ab", true, Fits::Yes),
            line(2, "", true, Fits::Yes),
            line(3, "cd", true, Fits::Yes),
            line(4, "efghij", true, Fits::Yes),
            line(5, "efghij", true, Fits::No),
            line(6, "t", false, Fits::Yes),
        ];
        assert_eq!(found, expected);
        assert_eq!(lines.read_bytes(), text.len() as u64);
    }
}
