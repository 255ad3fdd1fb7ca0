//! URLs given as arguments, with their templates expanded one after the other.

use super::batch::Batch;
use super::inputs::{Context, Reader};
use super::plan::UrlPlan;
use super::template::Position;
use super::{Progress, SourceError};

/// Reads arguments.
pub(super) struct ArgumentReader {
    /// As typed, with its number from 1.
    arguments: Vec<(u64, String, UrlPlan)>,
    next: usize,
    /// The next combination of the current argument; `None` before its first.
    at: Option<Position>,
}

impl ArgumentReader {
    pub(super) fn new(arguments: Vec<(u64, String, UrlPlan)>) -> Self {
        Self { arguments, next: 0, at: None }
    }
}

impl Reader for ArgumentReader {
    fn read(
        &mut self,
        batch: &mut Batch<'_>,
        context: &mut Context,
    ) -> Result<Progress, SourceError> {
        while let Some((number, text, plan)) = self.arguments.get(self.next) {
            if batch.is_full() {
                return Ok(Progress::More);
            }
            let at = self.at.get_or_insert_with(|| plan.first());
            if !batch.passes(context, text.as_bytes(), None, *number) {
                let mut raw = None;
                let read = plan.fill(at, &Vec::new(), None).and_then(|(url, extras)| {
                    let parsed = context.urls.parse(url.trim());
                    raw = Some(url);
                    Ok((parsed?, extras))
                });
                batch.push(read, raw.as_deref().unwrap_or(text).as_bytes(), None, *number);
            }
            if !plan.advance(at) {
                self.at = None;
                self.next += 1;
            }
        }
        Ok(Progress::End)
    }
}
