//! What rules find in one response, put into its record.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gather_core::{ErrorKind, Failure, Outcome, Record, RecordError};
use gather_extract::{Extraction, Limits, Page, Rules, Stopped, Work};
use url::Url;

/// The longest that one page may take, whatever its steps. The usual page takes a millisecond.
const PAGE_TIME_MAX: Duration = Duration::from_secs(10);

/// Rules, and what a page may cost.
pub(crate) struct PageRules {
    rules: Arc<Rules>,
    limits: Limits,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    /// What was found is in the record.
    Found,
    /// The record is a failure now.
    Failed,
    /// It was broken off; the record is as it was.
    BrokenOff,
}

/// Whether rules are meant for this response: it is good, and its status one of those that bring
/// what was asked for.
pub(crate) fn is_page(record: &Record) -> bool {
    record.outcome == Outcome::Ok && (200..300).contains(&record.status_code)
}

impl PageRules {
    pub(crate) fn new(rules: Arc<Rules>) -> Self {
        Self { rules, limits: Limits::default() }
    }

    /// Looks into the record's body, unless `is_over` says that nobody wants it any more.
    pub(crate) fn apply(&self, record: &mut Record, is_over: &dyn Fn() -> bool) -> Applied {
        // A defect in reading one page is no reason to lose the others.
        match catch_unwind(AssertUnwindSafe(|| self.search(record, is_over))) {
            Ok(Ok(found)) => take(record, found),
            Ok(Err(Stopped::Time)) if is_over() => Applied::BrokenOff,
            Ok(Err(stopped)) => fail(record, stopped.to_string()),
            Err(_) => {
                let message = "extraction failed by a defect of gather, please report it";
                fail(record, message.to_owned())
            }
        }
    }

    fn search(&self, record: &Record, is_over: &dyn Fn() -> bool) -> Result<Extraction, Stopped> {
        let url = Url::parse(record.final_url.as_deref().unwrap_or(&record.url)).ok();
        let page = Page {
            body: record.body.as_deref().unwrap_or_default(),
            content_type: record.content_type.as_deref(),
            final_url: url.as_ref(),
            headers: record.headers.as_deref().map_or(&[], Vec::as_slice),
        };
        let until = Instant::now() + PAGE_TIME_MAX;
        let must_end = || Instant::now() >= until || is_over();
        self.rules.extract(&page, &self.limits, &Work::new(self.limits.steps_max, &must_end))
    }
}

fn take(record: &mut Record, found: Extraction) -> Applied {
    let Extraction { fields, rows, missing } = found;
    if !fields.is_empty() {
        record.fields = Some(Box::new(fields));
    }
    let Some((first, others)) = missing.split_first() else {
        record.rows = rows;
        return Applied::Found;
    };
    let more = match others.len() {
        0 => String::new(),
        count => format!(", and {count} more"),
    };
    fail(record, format!("{first}{more}"))
}

/// Makes the record a failure of extraction; status and body stay.
pub(crate) fn fail(record: &mut Record, message: String) -> Applied {
    let failure = Failure::new(ErrorKind::ExtractFailed, message);
    record.outcome = Outcome::Failed(RecordError::new(failure, false));
    Applied::Failed
}
