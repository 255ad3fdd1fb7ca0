//! `gather changes`: which runs are compared, and how it is told.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gather::changes::{ChangeKind, ChangesForm};
use gather::digest::Group;

use super::TalkArgs;
use super::report::quietly;
use crate::values;

/// `gather changes`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ChangesArgs {
    /// A database that holds several runs, or results, the earliest first
    #[arg(value_name = "RESULT", required = true)]
    pub(crate) input: Vec<String>,
    /// Of a database, compare this run with the one before it [default: the last run]
    #[arg(long, value_name = "ID", help_heading = "Which runs")]
    pub(crate) run: Option<String>,
    /// Compare --run with this later one
    #[arg(long, value_name = "ID", requires = "run", help_heading = "Which runs")]
    pub(crate) with: Option<String>,
    /// All changes since then: 2026-11-24, 2026-11-24T10:00:00Z, or a time ago: 7d, 12h
    #[arg(long, value_name = "WHEN", value_parser = values::moment, conflicts_with = "run")]
    #[arg(help_heading = "Which runs")]
    pub(crate) since: Option<u64>,
    /// Look at the runs of this job [default: that of the last run]
    #[arg(long, value_name = "NAME", conflicts_with = "with", help_heading = "Which runs")]
    pub(crate) job: Option<String>,
    /// What tells a target from the others: a field, a tag, a member [default: its URL]
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "What is compared")]
    pub(crate) key: Vec<Group>,
    /// Compare these: fields, tags, members as title or sha256 [default: all fields found]
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "What is compared")]
    pub(crate) fields: Vec<Group>,
    /// Tell of these alone: changed, lost, found, status, added, removed
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "What is compared")]
    #[arg(value_parser = values::change_kind)]
    pub(crate) only: Vec<ChangeKind>,
    /// Write to FILE, its form by extension: jsonl, csv, html, md; - is stdout
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
    /// text, jsonl, csv, html or md [default: text on a terminal, else jsonl]
    #[arg(long, value_name = "FORM", value_enum, hide_possible_values = true)]
    #[arg(help_heading = "Output")]
    pub(crate) format: Option<ChangesFormArg>,
    /// The heading of html and md
    #[arg(long, value_name = "TEXT", default_value = "Changes", help_heading = "Output")]
    pub(crate) title: String,
    /// Exit with 2 if anything changed
    #[arg(long, help_heading = "Output")]
    pub(crate) exit_code: bool,
    /// Replace a file that exists
    #[arg(long, help_heading = "Output")]
    pub(crate) overwrite: bool,
    /// Say nothing but errors
    #[arg(short, long, help_heading = "Talk (on stderr)")]
    pub(crate) quiet: bool,
}

impl ChangesArgs {
    /// What is said, as `fetch` has it.
    pub(crate) fn talk(&self) -> TalkArgs {
        quietly(self.quiet)
    }
}

/// The forms of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ChangesFormArg {
    /// Lines for people.
    Text,
    /// A JSON object each.
    Jsonl,
    /// A row each.
    Csv,
    /// One HTML file.
    Html,
    /// Markdown.
    Md,
}

impl From<ChangesFormArg> for ChangesForm {
    fn from(form: ChangesFormArg) -> Self {
        match form {
            ChangesFormArg::Text => Self::Text,
            ChangesFormArg::Jsonl => Self::Jsonl,
            ChangesFormArg::Csv => Self::Csv,
            ChangesFormArg::Html => Self::Html,
            ChangesFormArg::Md => Self::Markdown,
        }
    }
}
