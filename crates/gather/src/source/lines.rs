//! Splits a stream into lines in flat memory, whatever their length.

use std::io::{self, BufRead, BufReader, Read};

/// Read in blocks of this size.
const BLOCK_BYTES: usize = 128 << 10;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// The lines of a stream.
pub(super) struct Lines {
    blocks: BufReader<Box<dyn Read + Send>>,
    line: Vec<u8>,
    number: u64,
    line_bytes_max: usize,
}

/// A line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    Whole(&'a [u8]),
    /// Longer than the limit: this is how it begins, the rest was skipped.
    TooLong(&'a [u8]),
}

impl Lines {
    pub(super) fn new(stream: Box<dyn Read + Send>, line_bytes_max: usize) -> Self {
        let blocks = BufReader::with_capacity(BLOCK_BYTES, stream);
        Self { blocks, line: Vec::new(), number: 0, line_bytes_max }
    }

    /// The next line; `None` at the end. LF and CRLF end a line, the end of the stream too; a
    /// byte order mark before the first one is dropped.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        // Room for the longest line and its CRLF; one byte more than that means it is too long.
        let most = self.line_bytes_max as u64 + 2;
        let got = (&mut self.blocks).take(most).read_until(b'\n', &mut self.line)?;
        if got == 0 {
            return Ok(None);
        }
        self.number += 1;
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
            if self.line.last() == Some(&b'\r') {
                self.line.pop();
            }
        } else if got as u64 == most {
            self.blocks.skip_until(b'\n')?;
        }
        if self.number == 1 && self.line.starts_with(BOM) {
            self.line.drain(..BOM.len());
        }
        Ok(Some(if self.line.len() > self.line_bytes_max {
            Line::TooLong(&self.line[..self.line_bytes_max])
        } else {
            Line::Whole(&self.line)
        }))
    }

    /// Whether the next line can be had without waiting for the stream.
    pub(super) fn has_line(&self) -> bool {
        self.blocks.buffer().contains(&b'\n')
    }

    /// The length up to which a line is whole.
    pub(super) fn line_bytes_max(&self) -> usize {
        self.line_bytes_max
    }

    /// The number of the line that came last, from 1; 0 before the first.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// What is known of the stream's beginning: empty only if the stream is.
    pub(super) fn beginning(&mut self) -> io::Result<&[u8]> {
        self.blocks.fill_buf()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn lines_of(bytes: &[u8]) -> Vec<String> {
        let mut lines = Lines::new(Box::new(Cursor::new(bytes.to_vec())), 8);
        let mut found = Vec::new();
        while let Some(line) = lines.next().expect("a cursor does not fail") {
            found.push(match line {
                Line::Whole(text) => String::from_utf8_lossy(text).into_owned(),
                Line::TooLong(text) => format!("{}…", String::from_utf8_lossy(text)),
            });
        }
        assert_eq!(lines.number(), found.len() as u64);
        found
    }

    #[test]
    fn lines_end_with_lf_crlf_or_the_stream() {
        let cases: &[(&[u8], &[&str])] = &[
            (b"", &[]),
            (b"a", &["a"]),
            (b"a\n", &["a"]),
            (b"a\r\nb\r\n", &["a", "b"]),
            (b"a\n\nb", &["a", "", "b"]),
            (b"\r\n", &[""]),
            (b"a\rb\n", &["a\rb"]),
            (b"\xef\xbb\xbfa\nb", &["a", "b"]),
            (b"a\n\xef\xbb\xbfb", &["a", "\u{feff}b"]),
            (b"12345678\n", &["12345678"]),
            (b"12345678\r\nx", &["12345678", "x"]),
            (b"123456789\nx", &["12345678…", "x"]),
            (b"1234567890\nx", &["12345678…", "x"]),
            (b"12345678901\nx", &["12345678…", "x"]),
            (b"1234567890123456789012345\nx", &["12345678…", "x"]),
            (b"1234567890123456789012345", &["12345678…"]),
        ];
        for (bytes, expected) in cases {
            assert_eq!(lines_of(bytes), *expected, "{bytes:?}");
        }
    }

    /// A stream of `a` that counts how much was asked of it and never ends within a test.
    struct Endless(u64);

    impl Read for Endless {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let left = usize::try_from(self.0).unwrap_or(usize::MAX);
            let count = into.len().min(left);
            into[..count].fill(b'a');
            self.0 -= count as u64;
            Ok(count)
        }
    }

    #[test]
    fn a_line_of_a_gigabyte_is_skipped_in_flat_memory() {
        let mut lines = Lines::new(Box::new(Endless(1 << 30)), 64 << 10);
        assert!(matches!(lines.next(), Ok(Some(Line::TooLong(head))) if head.len() == 64 << 10));
        assert!(lines.line.capacity() <= 256 << 10, "{}", lines.line.capacity());
        assert!(matches!(lines.next(), Ok(None)));
    }
}
