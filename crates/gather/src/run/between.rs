//! Threads between the shards and the writer: they extract, or follow links.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use gather_fetch::{ClientOptions, Keep, KeepBody};
use tokio::sync::mpsc;

use super::{RunError, RunOptions};
#[cfg(feature = "extract")]
use crate::extract_pool::Extractor;
use crate::journal::Growing;
use crate::shared::Shared;
use crate::source::Source;
use crate::writer::Batch;

/// Who stands between the shards and the writer.
pub(super) struct Between {
    growing: Option<Arc<dyn Growing>>,
    #[cfg(feature = "extract")]
    extract: Option<Arc<gather_extract::Rules>>,
    /// Whether targets may have rules of their own.
    #[cfg(feature = "extract")]
    may_have_rules: bool,
    /// What outputs ask for of responses; the rest is dropped once nobody needs it.
    kept: Keep,
}

impl Between {
    /// Those that a run with these options and this source needs.
    #[cfg_attr(not(feature = "extract"), expect(unused_variables, reason = "nobody extracts"))]
    pub(super) fn new(
        growing: Option<Arc<dyn Growing>>,
        kept: Keep,
        options: &mut RunOptions,
        source: &dyn Source,
    ) -> Self {
        Self {
            growing,
            #[cfg(feature = "extract")]
            extract: options.extract.take(),
            #[cfg(feature = "extract")]
            may_have_rules: source.may_have_rules(),
            kept,
        }
    }

    /// Starts them: where shards send their batches now, and the threads. Fields are found before
    /// links are followed.
    pub(super) fn start(
        self,
        client: &mut ClientOptions,
        shared: &Arc<Shared>,
        writer: mpsc::Sender<Batch>,
    ) -> Result<(mpsc::Sender<Batch>, Vec<JoinHandle<()>>), RunError> {
        let mut kept = self.kept;
        let started = match self.growing {
            Some(growing) => {
                shared.grows.store(true, Ordering::Relaxed);
                let started = growing.start(&mut kept, shared, writer)?;
                client.keep.body = KeepBody::All;
                started
            }
            None => (writer, Vec::new()),
        };
        #[cfg(feature = "extract")]
        let started = match (self.extract, self.may_have_rules) {
            (None, false) => started,
            (rules, _) => {
                let (writer, mut helpers) = started;
                let body_bytes_max = client.caps.decoded_bytes_max;
                let extractor = Extractor::new(rules, kept, body_bytes_max, shared);
                let (batches, threads) = extractor.start(writer)?;
                helpers.extend(threads);
                (batches, helpers)
            }
        };
        Ok(started)
    }
}
