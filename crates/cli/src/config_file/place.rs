//! Places in a text file, for errors that point at them.

use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::error::CliError;
use crate::keys::is_secret;

/// A text and the name it goes by in errors.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    /// A text that was read from `path`.
    pub(crate) fn new(path: &Path, text: String) -> Self {
        Self { path: path.to_owned(), text }
    }

    /// `gather.toml:3:1`: line and column from 1, columns in characters.
    pub(crate) fn place(&self, offset: usize) -> String {
        let (line, column, _) = self.locate(offset);
        format!("{}:{line}:{column}", self.path.display())
    }

    /// A fault at this place, with its line drawn.
    pub(crate) fn error(&self, span: Range<usize>, message: String, hint: String) -> CliError {
        let (line, column, text) = self.locate(span.start);
        let mut error =
            CliError::usage(format!("{}:{line}:{column}: {message}", self.path.display()), hint);
        // A line may hold a password, and errors end up in logs.
        let key = text.split('=').next().unwrap_or_default().trim().trim_matches('"');
        if !is_secret(key) && key != "headers" && !text.contains("uthorization") {
            let room = text.chars().count().saturating_sub(column - 1).max(1);
            let width = span.len().clamp(1, room);
            let gutter = " ".repeat(line.to_string().len());
            let indent = " ".repeat(column - 1);
            let marks = "^".repeat(width);
            error.snippet = Some(format!("  {line} | {text}\n  {gutter} | {indent}{marks}"));
        }
        error
    }

    /// Line and column from 1, and the line's text.
    fn locate(&self, offset: usize) -> (usize, usize, &str) {
        let offset = (0..=offset.min(self.text.len()))
            .rev()
            .find(|at| self.text.is_char_boundary(*at))
            .unwrap_or_default();
        let start = self.text[..offset].rfind('\n').map_or(0, |at| at + 1);
        let end = self.text[offset..].find('\n').map_or(self.text.len(), |at| offset + at);
        let line = self.text[..start].matches('\n').count() + 1;
        let column = self.text[start..offset].chars().count() + 1;
        (line, column, self.text[start..end].trim_end())
    }
}
