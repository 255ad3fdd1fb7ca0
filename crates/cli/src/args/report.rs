//! What a report is to say, and where it goes.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gather::digest::TargetChoice;

use super::{LogFormat, TalkArgs};

/// The report of a run.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Report")]
pub(crate) struct ReportArgs {
    /// Write a report of the run to FILE: .html (one file, nothing loaded), .md or .json
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Its heading [default: the job's name, or 'Fetch']
    #[arg(long, value_name = "TEXT")]
    pub(crate) report_title: Option<String>,
    /// What its rows are sorted by: a member, a column of the groups; with - downwards
    #[arg(long, value_name = "MEMBER", allow_hyphen_values = true)]
    pub(crate) report_sort: Option<String>,
    /// Add a table with a row for each value of a member: host, status_code, tags.NAME, a field
    #[arg(long, value_name = "MEMBER")]
    pub(crate) group_by: Option<String>,
    /// Its columns: 'min(price),avg(price),count()'; count, min, max, avg, sum, first, last, p95
    #[arg(long, value_name = "LIST")]
    pub(crate) agg: Option<String>,
}

/// `gather report`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ReportOfArgs {
    /// Results: JSONL, CSV (also .gz), Parquet, databases; - is stdin
    #[arg(value_name = "RESULT", required = true)]
    pub(crate) input: Vec<String>,
    /// Of a database, the run to tell of [default: the one that began last]
    #[arg(long, value_name = "ID")]
    pub(crate) run: Option<String>,
    /// Its heading [default: the names of the results]
    #[arg(long, value_name = "TEXT", help_heading = "What it says")]
    pub(crate) title: Option<String>,
    /// Add a table with a row for each value of a member: host, status_code, tags.NAME, a field
    #[arg(long, value_name = "MEMBER", help_heading = "What it says")]
    pub(crate) group_by: Option<String>,
    /// Its columns: 'min(price),avg(price),count()'; count, min, max, avg, sum, first, last, p95
    #[arg(long, value_name = "LIST", help_heading = "What it says")]
    pub(crate) agg: Option<String>,
    /// What rows are sorted by: a member, a column of the groups; with - downwards
    #[arg(long, value_name = "MEMBER", allow_hyphen_values = true, help_heading = "What it says")]
    pub(crate) sort: Option<String>,
    /// Tell everything of a target, by its number or URL (repeatable)
    #[arg(long, value_name = "N|URL", value_parser = str::parse::<TargetChoice>)]
    #[arg(help_heading = "What it says")]
    pub(crate) target: Vec<TargetChoice>,
    /// Write it to FILE: .html (one file, nothing loaded), .md or .json; - is stdout
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
    /// html, md or json [default: by the name of the file; md on stdout]
    #[arg(long, value_name = "FORM", value_enum, hide_possible_values = true)]
    #[arg(help_heading = "Output")]
    pub(crate) format: Option<PageFormArg>,
    /// Replace a file that exists
    #[arg(long, help_heading = "Output")]
    pub(crate) overwrite: bool,
    /// Say nothing but errors
    #[arg(short, long, help_heading = "Talk (on stderr)")]
    pub(crate) quiet: bool,
}

impl ReportOfArgs {
    /// What is said, as `fetch` has it.
    pub(crate) fn talk(&self) -> TalkArgs {
        quietly(self.quiet)
    }
}

/// Talk of a command that has no progress to show.
pub(super) fn quietly(quiet: bool) -> TalkArgs {
    TalkArgs {
        quiet,
        verbose: false,
        no_progress: true,
        stats_interval: None,
        log_format: LogFormat::Text,
        summary: None,
    }
}

/// The forms of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PageFormArg {
    /// One HTML file.
    Html,
    /// Markdown.
    Md,
    /// One JSON object.
    Json,
}
