//! A plain list: one URL a line, taken literally.

use std::sync::Arc;

use gather_core::target::RequestSpec;

use super::batch::{Batch, Extras};
use super::inputs::{Context, Reader};
use super::lines::{Line, Lines};
use super::parse::{ParsedUrl, Reject};
use super::{Progress, SourceError};

/// Reads a list.
pub(super) struct ListReader {
    name: Arc<str>,
    lines: Lines,
    request: Option<Arc<RequestSpec>>,
}

impl ListReader {
    pub(super) fn new(name: Arc<str>, lines: Lines, request: Option<Arc<RequestSpec>>) -> Self {
        Self { name, lines, request }
    }
}

impl Reader for ListReader {
    fn read(
        &mut self,
        batch: &mut Batch<'_>,
        context: &mut Context,
    ) -> Result<Progress, SourceError> {
        while !batch.is_full() && (batch.is_empty() || self.lines.has_line()) {
            let number = self.lines.number() + 1;
            let line = self.lines.next().map_err(|error| SourceError::Read {
                file: self.name.to_string(),
                line: number - 1,
                error,
            })?;
            let (read, raw) = match line {
                None => return Ok(Progress::End),
                Some(Line::TooLong(head)) if head.trim_ascii_start().starts_with(b"#") => continue,
                Some(Line::TooLong(head)) => {
                    if batch.passes(context, head, Some(&self.name), number) {
                        continue;
                    }
                    (Err(context.line_too_long()), head)
                }
                Some(Line::Whole(raw)) => match raw.trim_ascii() {
                    [] | [b'#', ..] => continue,
                    text if batch.passes(context, text, Some(&self.name), number) => continue,
                    text => {
                        let is_bare = self.request.is_none() && batch.takes_unparsed();
                        if let Some((text, host)) = context.urls.leave(text).filter(|_| is_bare) {
                            batch.push_unparsed(host, text);
                            continue;
                        }
                        (parse_line(text, context), raw)
                    }
                },
            };
            let read = read.map(|parsed| {
                (parsed, Extras { request: self.request.clone(), ..Extras::default() })
            });
            batch.push(read, raw, Some(&self.name), number);
        }
        Ok(Progress::More)
    }
}

fn parse_line(text: &[u8], context: &mut Context) -> Result<ParsedUrl, Reject> {
    let text = std::str::from_utf8(text).map_err(|error| {
        Reject::invalid(format!("the line is not UTF-8 (at byte {})", error.valid_up_to() + 1))
    })?;
    context.urls.parse(text)
}
