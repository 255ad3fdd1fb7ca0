//! Pages read for their links on threads of their own, between the shards and the writer: records go
//! on once what the pages lead to is known.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use gather_core::{HostKey, Provenance, Record};
use gather_fetch::{Keep, KeepBody};
use tokio::sync::mpsc;
use url::Url;

use super::begin::Grown;
use super::page::{Judged, Key};
use crate::run::RunError;
use crate::shared::Shared;
use crate::source::SourceError;
use crate::stage::{self, Done, Work};
use crate::stop::Cause;
use crate::writer::{Batch, Takers};

/// What every thread has.
pub(super) struct Readers {
    pub(super) grown: Arc<Grown>,
    /// What of a body is in the record for others, too.
    pub(super) keep: KeepBody,
    pub(super) run: Arc<Shared>,
}

impl Readers {
    /// Has bodies kept; they are dropped again after they were read.
    pub(super) fn new(grown: Arc<Grown>, keep: &mut Keep, run: &Arc<Shared>) -> Self {
        let others = std::mem::replace(&mut keep.body, KeepBody::All);
        Self { grown, keep: others, run: Arc::clone(run) }
    }

    /// Starts their threads.
    pub(super) fn start(self, writer: mpsc::Sender<Batch>) -> Result<Takers, RunError> {
        let stop = self.run.stop.clone();
        stage::start("gather-links", self, &stop, writer)
    }

    fn read(&self, record: &mut Record) -> Result<(), SourceError> {
        let judged = self.judge(record);
        if let Some(canonical) = &judged.canonical {
            let tags = record.tags.get_or_insert_default();
            tags.push(("canonical".into(), canonical.as_str().into()));
        }
        let sitemaps = self.run.take_sitemaps();
        let sitemaps: Vec<_> =
            sitemaps.iter().filter_map(|(host, text)| self.sitemap(host, text)).collect();
        self.grown.map.take_in(record.n, record.body_bytes, judged, &sitemaps)?;
        stage::leave(self.keep, record);
        Ok(())
    }

    /// A defect in reading one page is no reason to lose the others.
    fn judge(&self, record: &Record) -> Judged {
        let redacted = &self.run.redact_query;
        let judged = catch_unwind(AssertUnwindSafe(|| self.grown.rules.judge(record, redacted)));
        judged.unwrap_or_else(|_| {
            tracing::error!(url = record.url, "a page could not be read: a defect of gather");
            let bare = Record { body: None, ..record.clone() };
            self.grown.rules.judge(&bare, redacted)
        })
    }

    fn sitemap(&self, host: &HostKey, text: &str) -> Option<(Key, Provenance)> {
        let host = Url::parse(&format!("{host}/robots.txt")).ok()?;
        let key = self.grown.rules.sitemap_of_robots(&host, text)?;
        // What a site says of another may not lead into a private network.
        let is_own = Url::parse(key.url()).is_ok_and(|url| url.host_str() == host.host_str());
        Some((key, if is_own { Provenance::Operator } else { Provenance::Public }))
    }
}

impl Work for Readers {
    type Own = ();

    fn own(&self) {}

    fn take(&self, record: &mut Record, (): &mut ()) -> Done {
        match self.read(record) {
            Ok(()) => Done::Yes,
            // A page whose links were lost stays to be fetched.
            Err(error) => {
                self.run.fail_source(error);
                self.run.stop.because(Cause::Fault);
                Done::No
            }
        }
    }

    fn end(&self) {
        self.grown.map.close();
    }
}
