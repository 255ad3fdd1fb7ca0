//! Where records and bodies go, and in what form.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Where records go.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Write records to FILE, its format by extension, or to postgres://…; - is stdout, {date} today
    /// (repeatable)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Vec<String>,
    /// A format: jsonl, csv, text, sqlite, parquet, xlsx, warc [default: by extension; stdout: text
    /// on a terminal, else jsonl]
    #[arg(long, value_name = "FORMAT", value_enum, hide_possible_values = true)]
    pub(crate) format: Option<FormatArg>,
    /// Begin CSV with a byte order mark, for spreadsheets
    #[arg(long)]
    pub(crate) csv_bom: bool,
    /// Store each body in a file of its own under DIR; -o FILE.warc.gz archives all that passes
    #[arg(short = 'O', long, value_name = "DIR")]
    pub(crate) bodies: Option<PathBuf>,
    /// Ask only for what has changed since the last run with this FILE, or is no longer fresh
    #[arg(long, value_name = "FILE")]
    pub(crate) cache: Option<PathBuf>,
    /// Text lines of this form: '{status_code} {url}'
    #[arg(long, value_name = "TEXT")]
    pub(crate) template: Option<String>,
    /// Members of a record: a list, or more than the usual with +body,+headers,+sha256
    #[arg(long, value_name = "LIST", allow_hyphen_values = true)]
    pub(crate) fields: Option<String>,
    /// Write *** for the values of this KEY of queries, wherever a URL is written (repeatable)
    #[arg(long, value_name = "KEY")]
    pub(crate) redact_query: Vec<String>,
    /// Replace files that exist; a SQLite file loses its earlier runs, PostgreSQL keeps them
    #[arg(long)]
    pub(crate) overwrite: bool,
}

/// The formats of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatArg {
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values with a header.
    Csv,
    /// One line a target, for people.
    Text,
    /// A SQLite database.
    Sqlite,
    /// A PostgreSQL database.
    Postgres,
    /// Apache Parquet.
    Parquet,
    /// A spreadsheet.
    Xlsx,
    /// WARC 1.1.
    Warc,
}
