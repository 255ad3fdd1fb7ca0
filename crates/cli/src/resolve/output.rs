//! Where records go, in which form, and which of them stdout shows.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use gather::core::config::StatusSet;
use regex::Regex;

use gather::fetch::{Keep, KeepBody, KeepExchanges, KeepHeaders, KeepSha256};
use gather::store::{
    CsvBom, DatabaseUrl, Durability, Existing, Field, Fields, Format, OutputSpec, OutputTarget,
    Template, WarcCompression,
};

use crate::args::{FormatArg, OutputArgs};
use crate::commands::config_show;
use crate::error::CliError;
use crate::settings::Settings;
use crate::usage;

/// Which records stdout shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    /// These statuses only.
    pub(crate) match_code: Option<StatusSet>,
    /// All but these.
    pub(crate) filter_code: Option<StatusSet>,
    /// Only where the body matches.
    pub(crate) match_regex: Option<Regex>,
}

impl View {
    /// Whether it hides nothing.
    pub(crate) fn is_all(&self) -> bool {
        self.match_code.is_none() && self.filter_code.is_none() && self.match_regex.is_none()
    }

    /// Whether it shows this record.
    pub(crate) fn shows(&self, record: &gather::core::Record) -> bool {
        let body = || String::from_utf8_lossy(record.body.as_deref().unwrap_or_default());
        self.match_code.as_ref().is_none_or(|set| set.contains(record.status_code))
            && self.filter_code.as_ref().is_none_or(|set| !set.contains(record.status_code))
            && self.match_regex.as_ref().is_none_or(|regex| regex.is_match(&body()))
    }
}

/// All outputs; standard output where none is named.
pub(super) fn outputs(settings: &Settings) -> Result<Vec<OutputSpec>, CliError> {
    outputs_of(&settings.args.output, Fields::default())
}

/// The outputs of these arguments; `usual` are their members where none are named.
pub(crate) fn outputs_of(args: &OutputArgs, usual: Fields) -> Result<Vec<OutputSpec>, CliError> {
    let names: &[String] = if args.output.is_empty() { &["-".to_owned()] } else { &args.output };
    let fields = match &args.fields {
        None => usual,
        Some(list) => Fields::parse(list).map_err(|error| of_library("--fields", &error))?,
    };
    let mut outputs: Vec<OutputSpec> = Vec::with_capacity(names.len());
    for name in names {
        let target = target(name)?;
        if outputs.iter().any(|other| other.target == target) {
            let name = config_show::redacted("output", name);
            let message = format!("--output {name} is given twice");
            return Err(CliError::usage(message, "two outputs need two names"));
        }
        outputs.push(OutputSpec {
            format: format(args, name, &target)?,
            target,
            fields: fields.clone(),
            existing: existing(args),
            durability: Durability::System,
        });
    }
    if args.csv_bom && !outputs.iter().any(|output| matches!(output.format, Format::Csv(_))) {
        return Err(CliError::usage("--csv-bom: no output is CSV", "add -o FILE.csv"));
    }
    let archives = outputs.iter().filter(|output| matches!(output.format, Format::Warc(_)));
    if archives.count() > 1 {
        return Err(CliError::usage("--output: two archives", "records point into one; keep one"));
    }
    let is_text = |output: &OutputSpec| matches!(output.format, Format::Text(_));
    if args.template.is_some() && !outputs.iter().any(is_text) {
        let hint = "add -o - for standard output, or -o FILE.txt";
        return Err(CliError::usage("--template: no output is text", hint));
    }
    if args.fields.is_some() && outputs.iter().all(is_text) {
        let hint = "a text line is chosen with --template; for members add --format jsonl or csv";
        return Err(CliError::usage("--fields: text lines have no members", hint));
    }
    Ok(outputs)
}

/// What becomes of files that are there.
pub(super) fn existing(args: &OutputArgs) -> Existing {
    if args.overwrite { Existing::Overwrite } else { Existing::Refuse }
}

/// CSV, with its mark or without.
pub(super) fn csv(args: &OutputArgs) -> Format {
    Format::Csv(if args.csv_bom { CsvBom::Utf8 } else { CsvBom::None })
}

fn of_library(flag: &str, error: &dyn std::fmt::Display) -> CliError {
    CliError::of_library(crate::error::EXIT_USAGE, &format!("{flag}: {error}"))
}

/// The view; refused where standard output shows no records.
pub(super) fn view(settings: &Settings, outputs: &[OutputSpec]) -> Result<View, CliError> {
    let args = &settings.args.view;
    let view = View {
        match_code: args.match_code.clone(),
        filter_code: args.filter_code.clone(),
        match_regex: args.match_regex.clone(),
    };
    let has_stdout = outputs.iter().any(|output| output.target == OutputTarget::Stdout);
    if !view.is_all() && !has_stdout {
        let flag = ["match-code", "filter-code", "match-regex"]
            .into_iter()
            .find(|flag| settings.is_given(flag))
            .unwrap_or_default();
        let message =
            format!("--{flag} chooses what standard output shows, and nothing goes there");
        return Err(CliError::usage(message, "add -o - ; files keep every record"));
    }
    Ok(view)
}

/// What must be kept of responses for these outputs and this view.
pub(super) fn keep(outputs: &[OutputSpec], view: &View) -> Keep {
    let members = |asked: fn(&Field) -> bool| {
        outputs.iter().any(|output| match &output.format {
            Format::Text(template) => template.members().any(asked),
            _ => output.fields.list().iter().any(asked),
        })
    };
    let sha256 = outputs.iter().any(|output| match &output.format {
        Format::Text(template) => template.members().any(|field| *field == Field::Sha256),
        _ => output.fields.needs_sha256(),
    });
    let archives = outputs.iter().any(|output| matches!(output.format, Format::Warc(_)));
    let body = view.match_regex.is_some() || members(Field::needs_body);
    Keep {
        body: if body { KeepBody::All } else { KeepBody::No },
        headers: if members(Field::needs_headers) { KeepHeaders::All } else { KeepHeaders::No },
        exchanges: if archives { KeepExchanges::Yes } else { KeepExchanges::No },
        sha256: if sha256 { KeepSha256::Yes } else { KeepSha256::No },
    }
}

pub(super) fn target(name: &str) -> Result<OutputTarget, CliError> {
    if name == "-" {
        return Ok(OutputTarget::Stdout);
    }
    if name.is_empty() {
        return Err(CliError::usage("--output: an empty name", "write -o results.jsonl"));
    }
    if name.starts_with("postgres://") || name.starts_with("postgresql://") {
        return Ok(OutputTarget::Postgres(DatabaseUrl::new(name)));
    }
    // To know the local time, the system's zones are looked through.
    let name = match name.contains('{') {
        true => dated(name, &jiff::Zoned::now()),
        false => name.to_owned(),
    };
    Ok(OutputTarget::File(PathBuf::from(name)))
}

/// The name with `{date}` and `{time}` filled in: `2026-11-25` and `094500`.
pub(super) fn dated(name: &str, moment: &jiff::Zoned) -> String {
    let time = moment.time();
    let time = format!("{:02}{:02}{:02}", time.hour(), time.minute(), time.second());
    name.replace("{date}", &moment.date().to_string()).replace("{time}", &time)
}

fn format(args: &OutputArgs, name: &str, target: &OutputTarget) -> Result<Format, CliError> {
    let format = match (args.format, target) {
        // The URL of a database says what is written there, whatever the files are.
        (_, OutputTarget::Postgres(_)) => FormatArg::Postgres,
        (Some(format), _) => format,
        (None, OutputTarget::File(path)) => by_extension(name, path)?,
        (None, OutputTarget::Stdout) if args.template.is_some() => FormatArg::Text,
        (None, OutputTarget::Stdout) if args.fields.is_some() => FormatArg::Jsonl,
        (None, OutputTarget::Stdout) if std::io::stdout().is_terminal() => FormatArg::Text,
        (None, OutputTarget::Stdout) => FormatArg::Jsonl,
    };
    refuse_misplaced(format, name, target)?;
    Ok(match format {
        FormatArg::Jsonl => Format::Jsonl,
        FormatArg::Sqlite => Format::Sqlite,
        FormatArg::Postgres => Format::Postgres,
        FormatArg::Parquet => Format::Parquet,
        FormatArg::Xlsx => Format::Xlsx,
        FormatArg::Warc => warc(name, target)?,
        FormatArg::Csv => csv(args),
        FormatArg::Text => Format::Text(match &args.template {
            None => Template::Standard,
            Some(text) => {
                Template::parse(text).map_err(|error| of_library("--template", &error))?
            }
        }),
    })
}

/// Formats that cannot be written to this target.
fn refuse_misplaced(format: FormatArg, name: &str, target: &OutputTarget) -> Result<(), CliError> {
    match (format, target) {
        (FormatArg::Postgres, OutputTarget::File(_) | OutputTarget::Stdout) => {
            let message = format!("--output {name}: --format postgres needs a server");
            Err(CliError::usage(message, "write -o postgres://user@host/database"))
        }
        (FormatArg::Sqlite, OutputTarget::Stdout) => {
            let message = "--format sqlite: a database cannot be written to standard output";
            Err(CliError::usage(message, "name a file: -o results.db"))
        }
        _ => Ok(()),
    }
}

/// Compressed unless the name says `.warc` without `.gz`.
fn warc(name: &str, target: &OutputTarget) -> Result<Format, CliError> {
    let OutputTarget::File(path) = target else {
        let message = format!("--format warc: {name} cannot hold an archive");
        return Err(CliError::usage(message, "add -o FILE.warc.gz"));
    };
    let is_plain = path.extension().is_some_and(|last| last.eq_ignore_ascii_case("warc"));
    Ok(Format::Warc(if is_plain { WarcCompression::None } else { WarcCompression::Gzip }))
}

fn by_extension(name: &str, path: &Path) -> Result<FormatArg, CliError> {
    let file = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    if let Some(later) =
        usage::LATER_FORMATS.iter().find(|later| file.ends_with(&format!(".{later}")))
    {
        return Err(usage::later_format(later));
    }
    match file.rsplit_once('.').map(|(_, extension)| extension) {
        Some("jsonl" | "ndjson" | "json") => Ok(FormatArg::Jsonl),
        Some("csv") => Ok(FormatArg::Csv),
        Some("db" | "sqlite" | "sqlite3") => Ok(FormatArg::Sqlite),
        Some("parquet") => Ok(FormatArg::Parquet),
        Some("xlsx") => Ok(FormatArg::Xlsx),
        Some("warc") => Ok(FormatArg::Warc),
        Some("gz") if file.ends_with(".warc.gz") => Ok(FormatArg::Warc),
        Some("txt" | "text" | "log") => Ok(FormatArg::Text),
        // Devices and descriptors have no extension and take what a pipe takes.
        _ if path.starts_with("/dev") => Ok(FormatArg::Jsonl),
        _ => Err(CliError::usage(
            format!("--output {name}: the name does not say the format"),
            "end it in .jsonl, .csv or .db, or add --format jsonl",
        )),
    }
}
