//! What counts as a failure, and what it does to the run.

use clap::Args;
use gather::core::config::StatusSet;

use crate::values::{self, CountOrShare};

/// What a failure does.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Failing")]
pub(crate) struct FailingArgs {
    /// Final statuses that are ok; any other is failed
    #[arg(long, value_name = "STATUSES", default_value = "200..=299,304")]
    #[arg(value_parser = values::status_set)]
    pub(crate) accept: StatusSet,
    /// Stop at the first failure; the rest is recorded as skipped (exit 4)
    #[arg(long)]
    pub(crate) fail_fast: bool,
    /// Stop when more than N, or P% of those finished, have failed (exit 4)
    #[arg(long, value_name = "N|P%", value_parser = values::count_or_share)]
    pub(crate) max_failures: Option<CountOrShare>,
    /// Exit 0 all the same with up to this many failures
    #[arg(long, value_name = "N|P%", value_parser = values::count_or_share)]
    pub(crate) allow_failures: Option<CountOrShare>,
}
