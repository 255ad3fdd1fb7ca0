//! `gather export`: which results, in which form.

use clap::{Args, ValueEnum};
use gather::core::config::StatusSet;
use regex::Regex;

use super::{FormatArg, LogFormat, OutputArgs, TalkArgs};
use crate::values::{self, Only};

/// `gather export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Results: JSONL, CSV (also .gz), Parquet, databases, archives; - is stdin
    #[arg(value_name = "RESULT", required = true)]
    pub(crate) input: Vec<String>,
    /// Of a database, the run to read [default: the one that began last]
    #[arg(long, value_name = "ID")]
    pub(crate) run: Option<String>,
    /// End at the first row that is no record
    #[arg(long)]
    pub(crate) strict: bool,
    /// Take these statuses only
    #[arg(long, visible_alias = "mc", value_name = "STATUSES", value_parser = values::status_set)]
    #[arg(help_heading = "Choosing")]
    pub(crate) match_code: Option<StatusSet>,
    /// Leave out these statuses
    #[arg(long, visible_alias = "fc", value_name = "STATUSES", value_parser = values::status_set)]
    #[arg(help_heading = "Choosing")]
    pub(crate) filter_code: Option<StatusSet>,
    /// Take records only whose body matches; whose JSON does, where no body is held
    #[arg(long, visible_alias = "mr", value_name = "REGEX", value_parser = values::pattern)]
    #[arg(help_heading = "Choosing")]
    pub(crate) match_regex: Option<Regex>,
    /// Take what failed: failed or failed:KIND
    #[arg(long, value_name = "WHAT", value_parser = str::parse::<Only>)]
    #[arg(help_heading = "Choosing")]
    pub(crate) only: Option<Only>,
    /// Write the first N records only
    #[arg(long, value_name = "N", value_parser = values::limit)]
    #[arg(help_heading = "Choosing")]
    pub(crate) limit: Option<u64>,
    /// Write records in the order of their number: n
    #[arg(long, value_name = "MEMBER", value_enum, hide_possible_values = true)]
    #[arg(help_heading = "Choosing")]
    pub(crate) sort: Option<SortArg>,
    /// Write to FILE, its form by extension: jsonl, csv, txt, db, parquet, xlsx, or postgres://…;
    /// - is stdout (repeatable)
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub(crate) output: Vec<String>,
    /// jsonl, csv, text, sqlite, postgres, parquet or xlsx
    #[arg(long, value_name = "FORMAT", value_enum, hide_possible_values = true)]
    #[arg(help_heading = "Output")]
    pub(crate) format: Option<FormatArg>,
    /// Begin CSV with a byte order mark, for spreadsheets
    #[arg(long, help_heading = "Output")]
    pub(crate) csv_bom: bool,
    /// Text lines of this form: '{status_code} {url}'
    #[arg(long, value_name = "TEXT", help_heading = "Output")]
    pub(crate) template: Option<String>,
    /// Members of a record: a list, or the usual ones and more with +title [default: all it holds]
    #[arg(long, value_name = "LIST", allow_hyphen_values = true, help_heading = "Output")]
    pub(crate) fields: Option<String>,
    /// Replace outputs that exist
    #[arg(long, help_heading = "Output")]
    pub(crate) overwrite: bool,
    /// Say nothing but errors
    #[arg(short, long, help_heading = "Talk (on stderr)")]
    pub(crate) quiet: bool,
    /// text or json, one object a line
    #[arg(long, value_name = "FORM", value_enum, default_value = "text")]
    #[arg(hide_possible_values = true, help_heading = "Talk (on stderr)")]
    pub(crate) log_format: LogFormat,
}

impl ExportArgs {
    /// What is said, as `fetch` has it.
    pub(crate) fn talk(&self) -> TalkArgs {
        TalkArgs {
            quiet: self.quiet,
            verbose: false,
            no_progress: true,
            stats_interval: None,
            log_format: self.log_format,
            summary: None,
        }
    }

    /// Where the records go, as `fetch` has it.
    pub(crate) fn output(&self) -> OutputArgs {
        OutputArgs {
            output: self.output.clone(),
            format: self.format,
            csv_bom: self.csv_bom,
            bodies: None,
            template: self.template.clone(),
            fields: self.fields.clone(),
            overwrite: self.overwrite,
            cache: None,
            redact_query: Vec::new(),
        }
    }
}

/// What records are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SortArg {
    /// Their number.
    N,
}
