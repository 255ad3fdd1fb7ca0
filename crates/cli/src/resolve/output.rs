//! Where records go, in which form, and which of them stdout shows.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use gather::core::config::StatusSet;
use regex::Regex;

use crate::args::FormatArg;
use crate::error::CliError;
use crate::resolve::Overwrite;
use crate::settings::Settings;
use crate::usage;

/// One place records go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OutputSettings {
    /// Where.
    pub(crate) to: Destination,
    /// In which form.
    pub(crate) form: Form,
    /// Which members, as typed; the usual ones if `None`.
    pub(crate) fields: Option<String>,
    /// Whether what exists is replaced.
    pub(crate) overwrite: Overwrite,
}

/// Where records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// Standard output.
    Stdout,
    /// A file.
    File(PathBuf),
}

/// In which form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values, perhaps with a byte order mark first.
    Csv {
        /// Whether it begins with one.
        bom: Bom,
    },
    /// One line a target, after a template or in the usual form.
    Text {
        /// `{status_code} {url}`.
        template: Option<String>,
    },
}

/// Whether a CSV file begins with a byte order mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bom {
    /// It does.
    Yes,
    /// It does not.
    No,
}

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
pub(super) fn outputs(settings: &Settings) -> Result<Vec<OutputSettings>, CliError> {
    let args = &settings.args.output;
    let names: &[String] = if args.output.is_empty() { &["-".to_owned()] } else { &args.output };
    let mut outputs: Vec<OutputSettings> = Vec::with_capacity(names.len());
    for name in names {
        let to = destination(name)?;
        if outputs.iter().any(|other| other.to == to) {
            let message = format!("--output {name} is given twice");
            return Err(CliError::usage(message, "two outputs need two names"));
        }
        outputs.push(OutputSettings {
            form: form(settings, name, &to)?,
            to,
            fields: args.fields.clone(),
            overwrite: if args.overwrite { Overwrite::Yes } else { Overwrite::No },
        });
    }
    if args.csv_bom && !outputs.iter().any(|output| matches!(output.form, Form::Csv { .. })) {
        return Err(CliError::usage("--csv-bom: no output is CSV", "add -o FILE.csv"));
    }
    let is_text = |output: &OutputSettings| matches!(output.form, Form::Text { .. });
    if args.template.is_some() && !outputs.iter().any(is_text) {
        let hint = "add -o - for standard output, or -o FILE.txt";
        return Err(CliError::usage("--template: no output is text", hint));
    }
    Ok(outputs)
}

/// The view; refused where standard output shows no records.
pub(super) fn view(settings: &Settings, outputs: &[OutputSettings]) -> Result<View, CliError> {
    let args = &settings.args.view;
    let view = View {
        match_code: args.match_code.clone(),
        filter_code: args.filter_code.clone(),
        match_regex: args.match_regex.clone(),
    };
    let has_stdout = outputs.iter().any(|output| output.to == Destination::Stdout);
    if !view.is_all() && !has_stdout {
        let flag = ["match-code", "filter-code", "match-regex"]
            .into_iter()
            .find(|flag| settings.is_given(flag))
            .unwrap_or_default();
        let message = format!("--{flag} chooses what standard output shows, and nothing goes there");
        return Err(CliError::usage(message, "add -o - ; files keep every record"));
    }
    Ok(view)
}

fn destination(name: &str) -> Result<Destination, CliError> {
    if name == "-" {
        return Ok(Destination::Stdout);
    }
    if name.is_empty() {
        return Err(CliError::usage("--output: an empty name", "write -o results.jsonl"));
    }
    if name.starts_with("postgres://") || name.starts_with("postgresql://") {
        return Err(usage::later_format("postgres"));
    }
    let today = jiff::Zoned::now().date().to_string();
    Ok(Destination::File(PathBuf::from(name.replace("{date}", &today))))
}

fn form(settings: &Settings, name: &str, to: &Destination) -> Result<Form, CliError> {
    let args = &settings.args.output;
    let format = match (args.format, to) {
        (Some(format), _) => format,
        (None, Destination::File(path)) => by_extension(name, path)?,
        (None, Destination::Stdout) if args.template.is_some() => FormatArg::Text,
        (None, Destination::Stdout) if std::io::stdout().is_terminal() => FormatArg::Text,
        (None, Destination::Stdout) => FormatArg::Jsonl,
    };
    Ok(match format {
        FormatArg::Jsonl => Form::Jsonl,
        FormatArg::Csv => Form::Csv { bom: if args.csv_bom { Bom::Yes } else { Bom::No } },
        FormatArg::Text => Form::Text { template: args.template.clone() },
    })
}

fn by_extension(name: &str, path: &Path) -> Result<FormatArg, CliError> {
    let file = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    if let Some(later) = usage::LATER_FORMATS.iter().find(|later| file.ends_with(&format!(".{later}"))) {
        return Err(usage::later_format(later));
    }
    match file.rsplit_once('.').map(|(_, extension)| extension) {
        Some("jsonl" | "ndjson" | "json") => Ok(FormatArg::Jsonl),
        Some("csv") => Ok(FormatArg::Csv),
        Some("txt" | "text" | "log") => Ok(FormatArg::Text),
        // Devices and descriptors have no extension and take what a pipe takes.
        _ if path.starts_with("/dev") => Ok(FormatArg::Jsonl),
        _ => Err(CliError::usage(
            format!("--output {name}: the name does not say the format"),
            "end it in .jsonl or .csv, or add --format jsonl",
        )),
    }
}
