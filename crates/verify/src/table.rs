//! Records of a CSV (RFC 4180) with their place and their own text, read line by line.

use std::io::{self, BufRead};

use csv_core::ReadRecordResult;

use crate::lines::{Fits, Lines};

/// What is kept of a record that is too long.
const TOO_LONG_KEPT_BYTES: usize = 1024;

/// What stands in the way of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It ends with its line.
    Line,
    /// The file ends before its line does.
    File,
    /// The file ends between its quotes.
    Quote,
    /// It is longer than the limit; the next line begins another.
    TooLong,
}

/// Records of a table. Empty lines between them are none.
pub(crate) struct Table<R> {
    lines: Lines<R>,
    parser: csv_core::Reader,
    bytes_max: usize,
    /// How much of the line the parser was given: all of it, unless a bare CR ended a record.
    given: usize,
    /// The cells of the record, one after the other, and where each ends.
    cells: Vec<u8>,
    ends: Vec<usize>,
    /// Its text, LF at the end of each line.
    raw: Vec<u8>,
    first_line: u64,
    end: End,
    /// Empty lines before it.
    empty_lines: u64,
}

impl<R: BufRead> Table<R> {
    /// Records of at most `bytes_max` bytes, delimited by what the header has most of.
    pub(crate) fn new(lines: Lines<R>, bytes_max: usize) -> Self {
        Self {
            lines,
            parser: csv_core::Reader::new(),
            bytes_max,
            given: 0,
            cells: Vec::new(),
            ends: Vec::new(),
            raw: Vec::new(),
            first_line: 0,
            end: End::Line,
            empty_lines: 0,
        }
    }

    /// Finds out the delimiter from the first line that is not blank: comma, semicolon or tab.
    pub(crate) fn look_for_delimiter(&mut self) -> io::Result<()> {
        loop {
            let Some(line) = self.lines.next()? else { return Ok(()) };
            let text = line.text();
            if text.trim_ascii().is_empty() {
                self.given = line.bytes.len();
                continue;
            }
            let count = |wanted: u8| text.iter().filter(|byte| **byte == wanted).count();
            let mut delimiter = b',';
            for other in [b';', b'\t'] {
                if count(other) > count(delimiter) {
                    delimiter = other;
                }
            }
            self.parser = csv_core::ReaderBuilder::new().delimiter(delimiter).build();
            self.given = 0;
            return Ok(());
        }
    }

    /// Reads the next record; false at the end.
    pub(crate) fn next(&mut self) -> io::Result<bool> {
        self.raw.clear();
        self.first_line = 0;
        self.empty_lines = 0;
        let mut parsed = Parsed { cells: 0, ends: 0 };
        loop {
            if self.given == self.lines.current().bytes.len() {
                self.given = 0;
                if self.lines.next()?.is_none() {
                    return Ok(self.at_end(&mut parsed));
                }
            }
            let mut line = self.lines.current();
            let is_first_of_line = self.given == 0;
            line.bytes = &line.bytes[self.given..];
            if self.raw.is_empty() && line.text().is_empty() && line.fits == Fits::Yes {
                self.empty_lines += u64::from(is_first_of_line);
                self.given += line.bytes.len();
                continue;
            }
            if self.first_line == 0 {
                self.first_line = line.number;
            }
            self.end = if line.is_ended() { End::Line } else { End::File };
            if line.fits == Fits::No || self.raw.len() + line.text().len() > self.bytes_max {
                let head = line.text();
                self.raw.extend_from_slice(&head[..head.len().min(TOO_LONG_KEPT_BYTES)]);
                self.given += line.bytes.len();
                self.end = End::TooLong;
                self.parser.reset();
                self.ends.clear();
                return Ok(true);
            }
            let (is_whole, read) =
                feed(&mut self.parser, line.bytes, &mut self.cells, &mut self.ends, &mut parsed);
            self.given += read;
            line.bytes = &line.bytes[..read];
            let text = line.text();
            self.raw.extend_from_slice(text.strip_suffix(b"\r").unwrap_or(text));
            self.raw.push(b'\n');
            if is_whole {
                self.ends.truncate(parsed.ends);
                return Ok(true);
            }
        }
    }

    /// What the end of the file makes of an open record.
    fn at_end(&mut self, parsed: &mut Parsed) -> bool {
        if self.raw.is_empty() {
            return false;
        }
        let is_amid_quotes = self.end == End::Line;
        feed(&mut self.parser, b"", &mut self.cells, &mut self.ends, parsed);
        self.ends.truncate(parsed.ends);
        if is_amid_quotes {
            self.end = End::Quote;
        }
        true
    }

    /// The cells of the record.
    pub(crate) fn cells(&self) -> impl Iterator<Item = &[u8]> + Clone {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.cells[start..*end])
    }

    /// The cell at this place; empty where the record is too short.
    pub(crate) fn cell(&self, at: usize) -> &[u8] {
        let start = if at == 0 { Some(0) } else { self.ends.get(at - 1).copied() };
        match (start, self.ends.get(at)) {
            (Some(start), Some(end)) => &self.cells[start..*end],
            _ => b"",
        }
    }

    /// How many cells the record has.
    pub(crate) fn width(&self) -> usize {
        self.ends.len()
    }

    /// The text of the record, without the end of its last line.
    pub(crate) fn raw(&self) -> &[u8] {
        self.raw.strip_suffix(b"\n").unwrap_or(&self.raw)
    }

    /// The line it begins at, from 1.
    pub(crate) fn first_line(&self) -> u64 {
        self.first_line
    }

    /// How it ends.
    pub(crate) fn end(&self) -> End {
        self.end
    }

    /// Empty lines between it and the record before.
    pub(crate) fn empty_lines(&self) -> u64 {
        self.empty_lines
    }

    /// Bytes read, up to the end of the record.
    pub(crate) fn read_bytes(&self) -> u64 {
        self.lines.read_bytes()
    }
}

/// How much of the buffers is the record's.
struct Parsed {
    cells: usize,
    ends: usize,
}

/// Gives a line to the parser: whether the record ends in it, and how much of it was read. An empty
/// line is the file's end.
fn feed(
    parser: &mut csv_core::Reader,
    line: &[u8],
    cells: &mut Vec<u8>,
    ends: &mut Vec<usize>,
    parsed: &mut Parsed,
) -> (bool, usize) {
    let mut rest = line;
    loop {
        // A cell is never longer than its text.
        cells.resize(cells.len().max(parsed.cells + rest.len() + 1), 0);
        ends.resize(ends.len().max(parsed.ends + 16), 0);
        let (result, read, wrote, ended) =
            parser.read_record(rest, &mut cells[parsed.cells..], &mut ends[parsed.ends..]);
        rest = &rest[read..];
        parsed.cells += wrote;
        parsed.ends += ended;
        match result {
            ReadRecordResult::Record | ReadRecordResult::End => {
                return (true, line.len() - rest.len());
            }
            ReadRecordResult::InputEmpty => return (false, line.len()),
            ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                ends.resize(parsed.ends + 64, 0);
                cells.resize(parsed.cells + rest.len() + 64, 0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        let mut table = Table::new(Lines::new(text.as_bytes(), 20), 20);
        table.look_for_delimiter().unwrap();
        let mut found = Vec::new();
        while table.next().unwrap() {
            let cells: Vec<_> = table.cells().map(String::from_utf8_lossy).collect();
            let raw = String::from_utf8_lossy(table.raw());
            found.push(format!(
                "{} {:?} {} {raw:?} {:?}",
                table.first_line(),
                cells,
                table.empty_lines(),
                table.end(),
            ));
        }
        found.join("\n")
    }

    #[test]
    fn records_have_their_place_text_and_end() {
        let check = |text: &str, expected: &[&str]| assert_eq!(read(text), expected.join("\n"));
        check("", &[]);
        check("a,b\n1,2\n", &[r#"1 ["a", "b"] 0 "a,b" Line"#, r#"2 ["1", "2"] 0 "1,2" Line"#]);
        check("a;b\r\n\r\n1;2", &[r#"1 ["a", "b"] 0 "a;b" Line"#, r#"3 ["1", "2"] 1 "1;2" File"#]);
        check("a\tb,c\n", &[r#"1 ["a\tb", "c"] 0 "a\tb,c" Line"#]);
        check(
            "\"a\nb\"\"\",c\nd\n",
            &[r#"1 ["a\nb\"", "c"] 0 "\"a\nb\"\"\",c" Line"#, r#"3 ["d"] 0 "d" Line"#],
        );
        check(
            "a\rb\r\n\rc\n",
            &[r#"1 ["a"] 0 "a" Line"#, r#"1 ["b"] 0 "b" Line"#, r#"2 ["c"] 0 "\rc" Line"#],
        );
        check("a\n\"b\nc", &[r#"1 ["a"] 0 "a" Line"#, r#"2 ["b\nc"] 0 "\"b\nc" File"#]);
        check("a\n\"b\n", &[r#"1 ["a"] 0 "a" Line"#, r#"2 ["b\n"] 0 "\"b" Quote"#]);
        check(
            "a\n123456789012345678901\nb\n",
            &[
                r#"1 ["a"] 0 "a" Line"#,
                r#"2 [] 0 "12345678901234567890" TooLong"#,
                r#"3 ["b"] 0 "b" Line"#,
            ],
        );
        check(
            "a\n\"1234567890\n1234567890\nb\n",
            &[
                r#"1 ["a"] 0 "a" Line"#,
                r#"2 [] 0 "\"1234567890\n1234567890" TooLong"#,
                r#"4 ["b"] 0 "b" Line"#,
            ],
        );
    }
}
