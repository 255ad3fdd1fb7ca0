//! What a run's report is to say, and where it goes.

use std::path::PathBuf;

use clap::Args;

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
    /// Add a table with a row for each value of a member: host, status_code, tags.NAME, a field
    #[arg(long, value_name = "MEMBER")]
    pub(crate) group_by: Option<String>,
    /// Its columns: 'min(price),avg(price),count()'; count, min, max, avg, sum, first, last, p95
    #[arg(long, value_name = "LIST")]
    pub(crate) agg: Option<String>,
}
