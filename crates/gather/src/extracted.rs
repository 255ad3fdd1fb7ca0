//! What rules find in one response, put into its record.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gather_core::{ErrorKind, Failure, Outcome, Record, RecordError};
use gather_extract::{Extraction, Limits, Named, Page, Rules, RulesSpec, Stopped, Work};
use url::Url;

/// The longest that one page may take, whatever its steps. The usual page takes a millisecond.
const PAGE_TIME_MAX: Duration = Duration::from_secs(10);

/// Rules of single targets that are kept compiled; with more, all are forgotten and compiled anew.
const OWN_RULES_MAX: usize = 1024;

/// Rules, and what a page may cost.
#[derive(Clone)]
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

    /// Those of a single target: a JSON object of names and rules.
    ///
    /// # Errors
    /// What is wrong with them, and what to write instead.
    fn read(text: &str) -> Result<Self, String> {
        let fields: Named =
            serde_json::from_str(text).map_err(|error| format!("extract: {error}"))?;
        let spec = RulesSpec { fields, ..RulesSpec::default() };
        let rules = Rules::compile(&spec)
            .map_err(|error| format!("extract: {error}; hint: {}", error.hint))?;
        Ok(Self::new(Arc::new(rules)))
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

/// The rules that single targets have for themselves, compiled once for all that have the same.
#[derive(Default)]
pub(crate) struct OwnRules(HashMap<Arc<str>, PageRules>);

impl OwnRules {
    /// Compiles rules, or finds those that are; answers their text as it is kept.
    ///
    /// # Errors
    /// What is wrong with them, and what to write instead.
    pub(crate) fn compile(&mut self, text: &str) -> Result<(&Arc<str>, &PageRules), String> {
        if !self.0.contains_key(text) {
            if self.0.len() >= OWN_RULES_MAX {
                self.0.clear();
            }
            self.0.insert(text.into(), PageRules::read(text)?);
        }
        Ok(self.0.get_key_value(text).expect("it is there now"))
    }
}

fn take(record: &mut Record, found: Extraction) -> Applied {
    let Extraction { fields, rows, missing } = found;
    if !fields.is_empty() {
        // What the target's own rules find goes before what the run's found under the same name.
        let known = record.fields.get_or_insert_default();
        known.retain(|(name, _)| !fields.iter().any(|(found, _)| found == name));
        known.extend(fields);
    }
    let Some((first, others)) = missing.split_first() else {
        record.rows.extend(rows);
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
