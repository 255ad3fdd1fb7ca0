//! What stdout shows. Files keep every record.

use clap::Args;
use gather::core::config::StatusSet;
use regex::Regex;

use crate::values;

/// What stdout shows.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "View (stdout only; files keep every record)")]
pub(crate) struct ViewArgs {
    /// Show these statuses only
    #[arg(long, visible_alias = "mc", value_name = "STATUSES", value_parser = values::status_set)]
    pub(crate) match_code: Option<StatusSet>,
    /// Hide these statuses
    #[arg(long, visible_alias = "fc", value_name = "STATUSES", value_parser = values::status_set)]
    pub(crate) filter_code: Option<StatusSet>,
    /// Show targets only whose body matches
    #[arg(long, visible_alias = "mr", value_name = "REGEX", value_parser = values::pattern)]
    pub(crate) match_regex: Option<Regex>,
}
