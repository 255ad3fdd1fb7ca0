//! Opens what a spec names and reads it part after part.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use gather_store::journal::{BLOCK_ITEMS, Block};

use super::arguments::ArgumentReader;
use super::batch::{Batch, KeepPlace};
use super::file::{FileOptions, FileReader};
use super::ledger::{Finished, InputLog, Ledger};
use super::parse::{Reject, UrlParser};
use super::plan::{RequestPlan, UrlPlan};
use super::{Ahead, Item, Progress, Source, SourceError, SourceSpec};

/// Opens everything `spec` names: arguments first, then the files in order.
///
/// # Errors
/// What can be told before the first item: nothing to read, a file that cannot be opened, an
/// argument that is a file, a template that cannot be understood, a table without a URL column.
/// What can only be told by waiting for a pipe is told by the first `read`.
pub fn open(spec: &SourceSpec) -> Result<Box<dyn Source>, SourceError> {
    Ok(Box::new(inputs(spec, None)?))
}

/// As [`open`], for a run with a journal: inputs that are finished are passed over unread, those
/// that were read `before` are compared with what they were, and the log is told of all.
pub(crate) fn open_on(
    spec: &SourceSpec,
    before: Arc<[Block]>,
    finished: Finished,
    log: Arc<InputLog>,
) -> Result<Box<dyn Source>, SourceError> {
    Ok(Box::new(inputs(spec, Some(Ledger::new(before, finished, log)))?))
}

/// Reads all that was read before again, and compares it block by block.
///
/// # Errors
/// When it is not what it was, or there is less of it.
pub(crate) fn verify(spec: &SourceSpec, before: &Arc<[Block]>) -> Result<(), SourceError> {
    let Some(last) = before.last() else { return Ok(()) };
    let read_before = last.block * BLOCK_ITEMS + last.items;
    let limit = spec.limit.unwrap_or(u64::MAX).min(read_before);
    let ledger = Ledger::new(Arc::clone(before), Finished::All, Arc::default());
    let mut inputs = inputs(&SourceSpec { limit: Some(limit), ..spec.clone() }, Some(ledger))?;
    while inputs.read(&mut Vec::new(), 1)? == Progress::More {}
    match inputs.next == read_before {
        true => Ok(()),
        false => Err(SourceError::Shorter { inputs: inputs.next, read_before }),
    }
}

fn inputs(spec: &SourceSpec, ledger: Option<Ledger>) -> Result<Inputs, SourceError> {
    let request = RequestPlan::new(spec.default_request.clone())?;
    let mut arguments = Vec::new();
    let mut row_plans = Vec::new();
    let texts = spec.template.iter().chain(&spec.arguments);
    for (text, number) in texts.zip(1..) {
        if !text.contains("://") && Path::new(text).is_file() {
            return Err(SourceError::ArgumentIsFile { argument: text.clone() });
        }
        let plan = UrlPlan::new(text, &request)?;
        if !plan.needs_row() {
            arguments.push((number, text.clone(), plan));
        } else if spec.files.is_empty() {
            plan.no_column(None).map_or(Ok(()), Err)?;
        } else {
            row_plans.push(plan);
        }
    }
    if !spec.files.is_empty() && row_plans.is_empty() {
        request.check_no_lists()?;
    }
    let mut parts: VecDeque<Box<dyn Reader>> = VecDeque::new();
    if !arguments.is_empty() {
        parts.push_back(Box::new(ArgumentReader::new(arguments)));
    }
    let options = FileOptions {
        url_field: spec.url_field.clone(),
        only: spec.only.clone(),
        plans: row_plans.into(),
        request,
    };
    for file in &spec.files {
        parts.push_back(Box::new(FileReader::open(file, options.clone(), spec)?));
    }
    if parts.is_empty() {
        return Err(SourceError::Nothing);
    }
    let keep_place = if parts.len() > 1 { KeepPlace::Yes } else { KeepPlace::No };
    let context = Context {
        urls: UrlParser::new(spec.scheme, &spec.caps),
        line_bytes_max: spec.caps.line_bytes_max,
        ledger,
    };
    let end = spec.limit.unwrap_or(u64::MAX);
    Ok(Inputs { parts, next: 0, end, keep_place, context, unparsed: Vec::new() })
}

/// One part of the inputs: the arguments, or a file.
pub(super) trait Reader: Send {
    /// Looks into it as far as needed to tell whether it can be read.
    fn prepare(&mut self) -> Result<(), SourceError> {
        Ok(())
    }

    /// As [`Source::may_have_rules`], for this part alone.
    fn may_have_rules(&self) -> bool {
        false
    }

    /// As [`Source::read`], for this part alone; nothing may have been read where more may come.
    fn read(
        &mut self,
        batch: &mut Batch<'_>,
        context: &mut Context,
    ) -> Result<Progress, SourceError>;
}

/// What all parts share.
pub(super) struct Context {
    pub(super) urls: UrlParser,
    line_bytes_max: u32,
    /// For a run with a journal.
    pub(super) ledger: Option<Ledger>,
}

impl Context {
    /// Whether the next input only has to be passed over.
    pub(super) fn is_next_finished(&self) -> bool {
        self.ledger.as_ref().is_some_and(Ledger::is_finished)
    }

    /// Takes in what is no input and decides what those behind it mean.
    pub(super) fn note(&mut self, text: &[u8]) {
        if let Some(ledger) = &mut self.ledger {
            ledger.note(text);
        }
    }

    pub(super) fn line_too_long(&self) -> Reject {
        Reject::too_long(format!("the line is longer than {} bytes", self.line_bytes_max))
    }
}

struct Inputs {
    parts: VecDeque<Box<dyn Reader>>,
    next: u64,
    /// The ordinal before which reading ends.
    end: u64,
    keep_place: KeepPlace,
    context: Context,
    /// For [`Source::read`], which parses it.
    unparsed: Vec<Ahead>,
}

impl Source for Inputs {
    fn may_have_rules(&self) -> bool {
        self.parts.iter().any(|part| part.may_have_rules())
    }

    fn read(&mut self, into: &mut Vec<Item>, max: usize) -> Result<Progress, SourceError> {
        let mut unparsed = std::mem::take(&mut self.unparsed);
        let progress = self.read_ahead(&mut unparsed, max);
        into.extend(unparsed.drain(..).map(Ahead::parsed));
        self.unparsed = unparsed;
        progress
    }

    fn read_ahead(&mut self, into: &mut Vec<Ahead>, max: usize) -> Result<Progress, SourceError> {
        let start = into.len();
        while into.len() == start {
            if self.next >= self.end {
                self.parts.clear();
            }
            let Some(part) = self.parts.front_mut() else { break };
            let mut batch = Batch::new(into, &mut self.next, max.max(1), self.end, self.keep_place);
            if part.read(&mut batch, &mut self.context)? == Progress::End {
                self.parts.pop_front();
            }
        }
        let is_last = self.next >= self.end || self.parts.is_empty();
        if let Some(ledger) = &self.context.ledger {
            ledger.publish()?;
            if is_last {
                ledger.end();
            }
        }
        Ok(if is_last { Progress::End } else { Progress::More })
    }
}
