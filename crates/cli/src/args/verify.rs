//! `gather verify`: what is to be proven, and by what.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::values::{self, Only};

/// `gather verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The outputs of one run, as -o named them; those that its journal names are verified, too
    #[arg(value_name = "OUTPUT", required = true)]
    pub(crate) outputs: Vec<String>,
    /// What the run was given with -i, in the same order: lists, CSV, JSONL, also .gz (repeatable)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) input: Vec<PathBuf>,
    /// URLs the run was given as arguments, without templates (repeatable)
    #[arg(long, value_name = "URL")]
    pub(crate) url: Vec<String>,
    /// The column or member of the input that holds the URL, as the run had it
    #[arg(long, value_name = "NAME")]
    pub(crate) url_field: Option<String>,
    /// The run's own --limit
    #[arg(long, value_name = "N", value_parser = values::limit)]
    pub(crate) limit: Option<u64>,
    /// The run's own --only
    #[arg(long, value_name = "WHAT", value_parser = str::parse::<Only>)]
    pub(crate) only: Option<Only>,
    /// The run's own --redact-query (repeatable)
    #[arg(long, value_name = "KEY")]
    pub(crate) redact_query: Vec<String>,
    /// Which run of a database, by its name [default: the journal's, or the newest]
    #[arg(long, value_name = "NAME")]
    pub(crate) run: Option<String>,
    /// The run's journal [default: OUTPUT.journal, if there is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,
    /// Where the bodies are, if they were moved
    #[arg(short = 'O', long, value_name = "DIR")]
    pub(crate) bodies: Option<PathBuf>,
    /// How the findings are written: text or json
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "text")]
    #[arg(hide_possible_values = true)]
    pub(crate) format: FindingsArg,
}

/// The forms of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FindingsArg {
    /// Lines for people.
    Text,
    /// One JSON object.
    Json,
}
