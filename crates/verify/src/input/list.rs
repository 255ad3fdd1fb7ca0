//! The inputs of a list: every line that is neither blank nor a comment.

use std::io::{self, BufRead};
use std::path::{Path, PathBuf};

use super::expected::Expected;
use super::{Reader, without_bom};
use crate::lines::Lines;

pub(super) struct List {
    path: PathBuf,
    lines: Lines<Box<dyn BufRead>>,
}

impl List {
    pub(super) fn new(path: &Path, lines: Lines<Box<dyn BufRead>>) -> Self {
        Self { path: path.to_owned(), lines }
    }
}

impl Reader for List {
    fn read(&mut self, into: &mut Expected) -> io::Result<bool> {
        while let Some(line) = self.lines.next()? {
            let raw = without_bom(line.text(), line.number);
            let text = raw.trim_ascii();
            if text.is_empty() || text.starts_with(b"#") {
                continue;
            }
            into.set(&String::from_utf8_lossy(text), raw);
            into.place(&self.path, line.number);
            return Ok(true);
        }
        Ok(false)
    }
}
