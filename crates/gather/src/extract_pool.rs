//! Extraction on threads of its own, between the shards and the writer.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use gather_core::{Outcome, Record};
use gather_extract::Rules;
use gather_fetch::{Keep, KeepBody, KeepHeaders};
use tokio::sync::mpsc;

use crate::cache;
use crate::extracted::{self, Applied, OwnRules, PageRules};
use crate::run::RunError;
use crate::shared::Shared;
use crate::stage::{self, Done, Work};
use crate::stop::Cause;
use crate::stored::StoredBodies;
use crate::writer::{Batch, Takers};

/// What a run's records are searched for.
pub(crate) struct Extractor {
    /// For the answers of all targets.
    rules: Option<PageRules>,
    /// What others want of responses; the rest is dropped again.
    others: Keep,
    /// Of a body that was stored earlier.
    body_bytes_max: u64,
    run: Arc<Shared>,
}

/// Has kept of responses what the rules need.
pub(crate) fn keep(rules: &Rules, keep: &mut Keep) {
    keep.body = KeepBody::All;
    if rules.needs_headers() {
        keep.headers = KeepHeaders::All;
    }
}

impl Extractor {
    /// What `others` do not want of responses is dropped after the rules.
    pub(crate) fn new(
        rules: Option<Arc<Rules>>,
        others: Keep,
        body_bytes_max: u64,
        run: &Arc<Shared>,
    ) -> Self {
        run.extracts.store(true, Ordering::Relaxed);
        Self { rules: rules.map(PageRules::new), others, body_bytes_max, run: Arc::clone(run) }
    }

    /// Starts its threads.
    ///
    /// # Errors
    /// A thread that cannot be started.
    pub(crate) fn start(self, writer: mpsc::Sender<Batch>) -> Result<Takers, RunError> {
        let stop = self.run.stop.clone();
        stage::start("gather-extract", self, &stop, writer)
    }

    /// `None` where there are no rules for it.
    fn apply(&self, record: &mut Record, own: &mut Own) -> Option<Applied> {
        let extract = record.extract.take();
        if self.rules.is_none() && extract.is_none() {
            return None;
        }
        let is_reused = cache::is_reused(record);
        if !(extracted::is_page(record) || is_reused && record.outcome == Outcome::Ok) {
            return None;
        }
        // A 304 has a body of its own, which is empty.
        if is_reused {
            let stored = record.ticket.as_ref().and_then(|ticket| ticket.stored.as_ref());
            let Some(body) = stored.and_then(|stored| cache::read(&mut own.bodies, stored)) else {
                let message = "its stored body is gone; the next run fetches it anew";
                return Some(extracted::fail(record, message.to_owned()));
            };
            record.body = Some(body);
        }
        let must_end = || matches!(self.run.stop.cause(), Some(Cause::Now | Cause::Fault));
        let of_all = self.rules.as_ref().map(|rules| rules.apply(record, &must_end));
        match (of_all, extract) {
            (None | Some(Applied::Found), Some(extract)) => {
                Some(match own.rules.compile(&extract) {
                    Ok((_, rules)) => rules.apply(record, &must_end),
                    Err(message) => extracted::fail(record, message),
                })
            }
            (of_all, _) => of_all,
        }
    }
}

/// What each thread has for itself.
pub(crate) struct Own {
    bodies: StoredBodies,
    rules: OwnRules,
}

impl Work for Extractor {
    type Own = Own;

    fn own(&self) -> Own {
        Own { bodies: StoredBodies::new(self.body_bytes_max), rules: OwnRules::default() }
    }

    fn take(&self, record: &mut Record, own: &mut Own) -> Done {
        match self.apply(record, own) {
            // Who stops at once wants no more of it.
            Some(Applied::BrokenOff) => return Done::No,
            Some(Applied::Failed) => self.run.count_failed_late(),
            Some(Applied::Found) | None => {}
        }
        stage::leave(self.others.body, record);
        if self.others.headers == KeepHeaders::No {
            record.headers = None;
        }
        Done::Yes
    }
}
