//! The monitor: watching, silences, trying a channel, and how things are.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

use super::TalkArgs;
use crate::values;

const WATCH: &str = "Watch";

/// `gather watch`.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// Read the jobs from FILE [default: ./gather.toml]
    #[arg(short = 'K', long, value_name = "FILE", help_heading = WATCH)]
    pub(crate) config: Option<PathBuf>,
    /// Watch these jobs alone (repeatable) [default: all that have a schedule]
    #[arg(long, value_name = "JOB", help_heading = WATCH)]
    pub(crate) job: Vec<String>,
    /// Where the status page listens, in place of [web] listen; `off` for none
    #[arg(long, value_name = "ADDR:PORT", help_heading = WATCH)]
    pub(crate) listen: Option<String>,
    /// Read the file and the lists, say what would be watched, and stop
    #[arg(long, help_heading = WATCH)]
    pub(crate) dry_run: bool,
    /// How it talks.
    #[command(flatten)]
    pub(crate) talk: TalkArgs,
}

/// Where a history is.
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// Read [store] and the jobs from FILE [default: ./gather.toml]
    #[arg(short = 'K', long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// `gather status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Targets of this job alone
    #[arg(long, value_name = "JOB")]
    pub(crate) job: Option<String>,
    /// Targets in this state alone: down, suspect, degraded, limited, up, unknown, maintenance
    #[arg(long, value_name = "STATE")]
    pub(crate) state: Option<String>,
    /// Rows at most
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) limit: u32,
    /// Write the status page as files into DIR, in place of the table
    #[arg(long, value_name = "DIR")]
    pub(crate) export: Option<PathBuf>,
    /// Where the history is.
    #[command(flatten)]
    pub(crate) history: HistoryArgs,
}

/// `gather silence`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("whom").args(["target", "job", "group", "tag", "everything", "list", "end"]).required(true))]
pub(crate) struct SilenceArgs {
    /// The target's name or URL
    #[arg(value_name = "TARGET")]
    pub(crate) target: Option<String>,
    /// All targets of a job
    #[arg(long, value_name = "JOB")]
    pub(crate) job: Option<String>,
    /// All targets of a group
    #[arg(long, value_name = "GROUP")]
    pub(crate) group: Option<String>,
    /// All targets with this tag
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) tag: Option<String>,
    /// All targets
    #[arg(long)]
    pub(crate) everything: bool,
    /// How long
    #[arg(long = "for", value_name = "TIME", value_parser = values::duration, default_value = "2h")]
    pub(crate) lasting: std::time::Duration,
    /// Why, for those who look at the status page
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) why: String,
    /// List the silences in force, and those to come
    #[arg(long)]
    pub(crate) list: bool,
    /// End the silence of this number
    #[arg(long, value_name = "ID")]
    pub(crate) end: Option<i64>,
    /// Where the history is.
    #[command(flatten)]
    pub(crate) history: HistoryArgs,
}

/// `gather notify`.
#[derive(Debug, Args)]
pub(crate) struct NotifyArgs {
    /// What about it.
    #[command(subcommand)]
    pub(crate) command: NotifyCommand,
}

/// `gather notify …`.
#[derive(Debug, Subcommand)]
pub(crate) enum NotifyCommand {
    /// Send a test message over a channel of gather.toml, and say what came of it
    Test(NotifyTestArgs),
}

/// `gather notify test`.
#[derive(Debug, Args)]
pub(crate) struct NotifyTestArgs {
    /// The channel's name, as in [notify.NAME]
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Read the channel from FILE [default: ./gather.toml]
    #[arg(short = 'K', long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}
