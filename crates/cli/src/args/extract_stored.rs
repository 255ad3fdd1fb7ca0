//! `gather extract`: rules over bodies that are stored.

use std::path::PathBuf;

use clap::Args;

use super::{ExtractArgs, FormatArg, LogFormat, OutputArgs, TalkArgs};

/// `gather extract`.
#[derive(Debug, Args)]
pub(crate) struct ExtractStoredArgs {
    /// Results with bodies or beside them (jsonl, csv, parquet, databases), archives (.warc,
    /// .warc.gz), saved pages (.html); - is stdin
    #[arg(value_name = "RESULT", required = true)]
    pub(crate) input: Vec<String>,
    /// What is looked for.
    #[command(flatten)]
    pub(crate) rules: ExtractArgs,
    /// Where the bodies of -O are, if not where the records say
    #[arg(short = 'O', long, value_name = "DIR", help_heading = "Bodies")]
    pub(crate) bodies: Option<PathBuf>,
    /// Of a database, the run to read [default: the one that began last]
    #[arg(long, value_name = "ID", help_heading = "Bodies")]
    pub(crate) run: Option<String>,
    /// The address of a saved page, which links in it are relative to
    #[arg(long, value_name = "URL", help_heading = "Bodies")]
    pub(crate) url: Option<String>,
    /// Write records to FILE, its form by extension: jsonl, csv, txt, db, parquet, xlsx, or
    /// postgres://…; - is stdout (repeatable)
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub(crate) output: Vec<String>,
    /// jsonl, csv, text, sqlite, postgres, parquet or xlsx
    #[arg(long, value_name = "FORMAT", value_enum, hide_possible_values = true)]
    #[arg(help_heading = "Output")]
    pub(crate) format: Option<FormatArg>,
    /// Begin CSV with a byte order mark, for spreadsheets
    #[arg(long, help_heading = "Output")]
    pub(crate) csv_bom: bool,
    /// Text lines of this form: '{fields.price} {url}'
    #[arg(long, value_name = "TEXT", help_heading = "Output")]
    pub(crate) template: Option<String>,
    /// Members of a record: a list, or the usual ones and more with +title
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

impl ExtractStoredArgs {
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
