//! How a run goes on after it was stopped.

use std::path::PathBuf;

use clap::Args;

/// How a run goes on after it was stopped.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Resume")]
pub(crate) struct ResumeArgs {
    /// Go on with the run that writes these outputs; begin it if there is none
    #[arg(long)]
    pub(crate) resume: bool,
    /// As --resume, although settings have changed: what is left gets the new ones
    #[arg(long)]
    pub(crate) resume_changed: bool,
    /// Keep the journal in FILE [default: beside the first output file, with .journal added]
    #[arg(long, value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,
    /// Keep no journal: faster on a slow disk, and a killed run cannot go on
    #[arg(long)]
    pub(crate) no_journal: bool,
}
