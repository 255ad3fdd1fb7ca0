//! What to fetch.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::values::{self, Only};

/// What to fetch.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct InputArgs {
    /// URLs to fetch; {0..49} and {name:a,b} are expanded, {column} comes from -i
    #[arg(value_name = "URL")]
    pub(crate) url: Vec<String>,
    /// Read targets from FILE: a line each, CSV or JSONL, also .gz; - is stdin (repeatable)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) input: Vec<PathBuf>,
    /// The column or member of the input that holds the URL
    #[arg(long, value_name = "NAME")]
    pub(crate) url_field: Option<String>,
    /// For inputs without a scheme: https, http, or auto: https, then http
    #[arg(
        long,
        value_name = "SCHEME",
        value_enum,
        default_value = "auto",
        hide_possible_values = true
    )]
    pub(crate) scheme: SchemeArg,
    /// Take the first N targets only
    #[arg(long, value_name = "N", value_parser = values::limit)]
    pub(crate) limit: Option<u64>,
    /// Send equal requests once: each target has its record, repeats say whose answer it is (same_as)
    #[arg(long)]
    pub(crate) dedup: bool,
    /// Of an earlier result given with -i, fetch again what failed: failed or failed:KIND
    #[arg(long, value_name = "WHAT", value_parser = str::parse::<Only>)]
    pub(crate) only: Option<Only>,
}

/// What an input without a scheme means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemeArg {
    /// https, then http if it cannot connect.
    Auto,
    /// https.
    Https,
    /// http.
    Http,
}
