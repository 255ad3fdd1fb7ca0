//! What is looked for in pages.

use std::path::PathBuf;

use clap::Args;

/// What is looked for in pages.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Extraction")]
pub(crate) struct ExtractArgs {
    /// Find a field in each page: 'price=price:css:.now || css:.price | required' (repeatable)
    #[arg(long, value_name = "NAME=RULE", allow_hyphen_values = true)]
    pub(crate) extract: Vec<String>,
    /// Look for the fields in each match of this, as rows: css:.card, 'json:$.items[*]'
    #[arg(long, value_name = "RULE")]
    pub(crate) each: Option<String>,
    /// Write the rows of --each to FILE (.jsonl, .csv, .parquet, .xlsx); databases hold them anyway
    #[arg(long, value_name = "FILE")]
    pub(crate) rows: Option<String>,
    /// Take rules from FILE, in TOML: each, [fields], [page]
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: Option<PathBuf>,
}
