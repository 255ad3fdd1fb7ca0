//! Rows of a table or of JSON lines become targets, by their URL column or by URL templates.

use std::sync::Arc;

use gather_core::target::{RequestSpec, Tags};

use super::batch::{Batch, Extras};
use super::inputs::{Context, Reader};
use super::parse::Reject;
use super::plan::{RequestPlan, UrlPlan};
use super::template::{Axes, Position};
use super::{Progress, SourceError};

/// One row, read.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// What its URL column or member holds.
    pub(super) url: Option<Box<str>>,
    /// Its other values, which become tags.
    pub(super) columns: Tags,
    /// What it says of its request.
    pub(super) request: Option<RequestSpec>,
}

/// A row, or why it is none, with its own text and line.
pub(super) struct RowRead {
    pub(super) row: Result<Row, Reject>,
    pub(super) raw: Vec<u8>,
    pub(super) line: u64,
}

/// Whether what is in a row is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Yes,
    /// Only that it is there.
    No,
}

/// Where rows come from.
pub(super) trait RowSource: Send {
    /// The next row; `None` at the end.
    ///
    /// Of one that is only passed over, it need not be told what is in it.
    fn next_row(&mut self, context: &Context, row: Wanted) -> Result<Option<RowRead>, SourceError>;
    /// Whether a row may name rules.
    fn may_have_rules(&self) -> bool {
        false
    }
    /// Whether the next row can be had without waiting.
    fn has_row(&self) -> bool;
    /// The columns all rows have, where that is known beforehand.
    fn columns(&mut self) -> Result<Option<&[Arc<str>]>, SourceError>;
}

/// Reads rows.
pub(super) struct RowReader {
    name: Arc<str>,
    rows: Box<dyn RowSource>,
    /// Expanded for each row; if there are none, a row has its URL.
    plans: Arc<[UrlPlan]>,
    request: RequestPlan,
    /// A row whose templates are not all expanded yet.
    pending: Option<Pending>,
    checked: Checked,
    noted: Checked,
}

struct Pending {
    row: Row,
    raw: Vec<u8>,
    line: u64,
    plan: usize,
    at: Position,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Checked {
    No,
    Yes,
}

impl RowReader {
    pub(super) fn new(
        name: Arc<str>,
        rows: Box<dyn RowSource>,
        plans: Arc<[UrlPlan]>,
        request: RequestPlan,
    ) -> Self {
        Self { name, rows, plans, request, pending: None, checked: Checked::No, noted: Checked::No }
    }

    fn read_row(
        &mut self,
        batch: &mut Batch<'_>,
        context: &mut Context,
    ) -> Result<Progress, SourceError> {
        // With templates, how many inputs a row is depends on what is in it.
        let wanted = match self.plans.is_empty() && context.is_next_finished() {
            true => Wanted::No,
            false => Wanted::Yes,
        };
        let Some(RowRead { row, raw, line }) = self.rows.next_row(context, wanted)? else {
            return Ok(Progress::End);
        };
        let is_one_input = row.is_err() || self.plans.is_empty();
        if is_one_input && batch.passes(context, &raw, Some(&self.name), line) {
            return Ok(Progress::More);
        }
        let row = match row {
            Err(reject) => {
                batch.push(Err(reject), &raw, Some(&self.name), line);
                return Ok(Progress::More);
            }
            Ok(row) => row,
        };
        if let Some(plan) = self.plans.first() {
            self.pending = Some(Pending { at: plan.first(), plan: 0, row, raw, line });
            return Ok(Progress::More);
        }
        let text = row.url.unwrap_or_default();
        let request =
            self.request.fill(&Axes::default(), &Position::default(), &row.columns, row.request);
        let read = request.and_then(|request| {
            let parsed = context.urls.parse(text.trim_ascii())?;
            let mut tags = row.columns;
            tags.retain(|(_, value)| !value.is_empty());
            Ok((parsed, Extras { request, tags }))
        });
        batch.push(read, text.as_bytes(), Some(&self.name), line);
        Ok(Progress::More)
    }

    fn expand_pending(&mut self, batch: &mut Batch<'_>, context: &mut Context) {
        while let Some(pending) = &mut self.pending
            && !batch.is_full()
        {
            let plan = &self.plans[pending.plan];
            if !batch.passes(context, &pending.raw, Some(&self.name), pending.line) {
                let own = pending.row.request.clone();
                let mut raw = None;
                let read =
                    plan.fill(&pending.at, &pending.row.columns, own).and_then(|(url, extras)| {
                        let parsed = context.urls.parse(&url);
                        raw = Some(url);
                        Ok((parsed?, extras))
                    });
                let raw = raw.as_deref().map_or(&pending.raw[..], str::as_bytes);
                batch.push(read, raw, Some(&self.name), pending.line);
            }
            if !plan.advance(&mut pending.at) {
                pending.plan += 1;
                match self.plans.get(pending.plan) {
                    Some(next) => pending.at = next.first(),
                    None => self.pending = None,
                }
            }
        }
    }
}

impl RowReader {
    /// Tells, once, what all rows have in common.
    fn note_meaning(&mut self, context: &mut Context) -> Result<(), SourceError> {
        if std::mem::replace(&mut self.noted, Checked::Yes) == Checked::Yes {
            return Ok(());
        }
        for column in self.rows.columns()?.unwrap_or_default() {
            context.note(column.as_bytes());
        }
        for plan in self.plans.iter() {
            context.note(plan.text().as_bytes());
        }
        Ok(())
    }
}

impl Reader for RowReader {
    fn may_have_rules(&self) -> bool {
        self.rows.may_have_rules()
    }

    fn prepare(&mut self) -> Result<(), SourceError> {
        if self.checked == Checked::Yes {
            return Ok(());
        }
        let columns = self.rows.columns()?;
        if let Some(columns) = columns {
            let missing = self.plans.iter().find_map(|plan| plan.no_column(Some(columns)));
            missing.map_or(Ok(()), Err)?;
        }
        self.checked = Checked::Yes;
        Ok(())
    }

    fn read(
        &mut self,
        batch: &mut Batch<'_>,
        context: &mut Context,
    ) -> Result<Progress, SourceError> {
        self.prepare()?;
        self.note_meaning(context)?;
        loop {
            self.expand_pending(batch, context);
            if batch.is_full() || !(batch.is_empty() || self.rows.has_row()) {
                return Ok(Progress::More);
            }
            if self.read_row(batch, context)? == Progress::End {
                return Ok(Progress::End);
            }
        }
    }
}

/// The names a URL column goes by, the likeliest first.
const URL_NAMES: &[&str] = &["url", "link", "href"];

/// Which of these names is that of the URL column.
pub(super) fn url_column<'a>(mut names: impl Iterator<Item = &'a str> + Clone) -> Option<usize> {
    URL_NAMES
        .iter()
        .find_map(|known| names.clone().position(|name| name.trim().eq_ignore_ascii_case(known)))
        .or_else(|| names.position(|name| name == "input"))
}
