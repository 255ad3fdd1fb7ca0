//! What is said on stderr while it works, and at the end.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::values;

/// What is said on the way.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Talk (on stderr)")]
pub(crate) struct TalkArgs {
    /// Say nothing but errors
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Say more: every failure, and what the engine decides
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// No live progress on a terminal
    #[arg(long)]
    pub(crate) no_progress: bool,
    /// A line of progress this often, where there is no terminal
    #[arg(long, value_name = "TIME", value_parser = values::duration_above_zero)]
    pub(crate) stats_interval: Option<Duration>,
    /// text or json, one object a line
    #[arg(
        long,
        value_name = "FORM",
        value_enum,
        default_value = "text",
        hide_possible_values = true
    )]
    pub(crate) log_format: LogFormat,
    /// Write the closing summary to FILE as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) summary: Option<PathBuf>,
}

/// The form of what is said on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}
