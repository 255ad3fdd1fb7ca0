//! What is looked for in pages, and where rows go.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use gather::extract::{Of, RuleError, Rules, RulesSpec};
use gather::store::{Fields, Format, OutputSpec, OutputTarget};

use crate::args::{ExtractArgs, OutputArgs};
use crate::config_file::Source;
use crate::error::CliError;
use crate::resolve::output;

/// What is looked for.
pub(crate) struct Looked {
    /// The rules, compiled.
    pub(crate) rules: Arc<Rules>,
    /// The file of rules as it stands; empty if there is none.
    pub(crate) file: String,
}

/// The rules, compiled; `None` if nothing is looked for.
///
/// # Errors
/// A rule that cannot be used, with its name and place; flags that say nothing together.
pub(crate) fn rules(
    args: &ExtractArgs,
    outputs: &[OutputSpec],
) -> Result<Option<Looked>, CliError> {
    let (mut spec, file) = match &args.rules {
        Some(path) => read(path)?,
        None => (RulesSpec::default(), String::new()),
    };
    for rule in &args.extract {
        spec.add(rule).map_err(|error| told("--extract", &error))?;
    }
    if let Some(each) = &args.each {
        spec.each = Some(each.clone());
    }
    let has_rules = !spec.fields.0.is_empty() || !spec.page.0.is_empty();
    if spec.each.is_some() && spec.fields.0.is_empty() {
        let hint = "add --extract NAME=RULE, looked for in each of them";
        return Err(CliError::usage("--each: nothing is looked for", hint));
    }
    if args.rows.is_some() && spec.each.is_none() {
        let hint = "add --each css:.card, or what else the rows are";
        return Err(CliError::usage("--rows: nothing gives rows", hint));
    }
    let is_database = |output: &OutputSpec| is_database(&output.format);
    if spec.each.is_some() && args.rows.is_none() && !outputs.iter().any(is_database) {
        let hint = "add --rows FILE.jsonl, or -o FILE.db: a database holds them beside its records";
        return Err(CliError::usage("--each: the rows go nowhere", hint));
    }
    if !has_rules {
        return Ok(None);
    }
    // A rule of the file and one of the command line are told apart by their names.
    let place = match &args.rules {
        Some(path) if args.extract.is_empty() => path.display().to_string(),
        _ => "--extract".to_owned(),
    };
    let rules = Rules::compile(&spec).map_err(|error| told(&place, &error))?;
    Ok(Some(Looked { rules: Arc::new(rules), file }))
}

/// Whether the rules of a single target can be used.
///
/// # Errors
/// A rule that cannot be used, with its name and place.
pub(crate) fn check(own: &serde_json::Value) -> Result<(), CliError> {
    let fields = serde_json::from_value(own.clone()).map_err(|error| {
        let hint = "write extract = { NAME = \"css:.price\" }, or a table for each rule";
        CliError::usage(format!("extract: {error}"), hint)
    })?;
    let spec = RulesSpec { fields, ..RulesSpec::default() };
    Rules::compile(&spec).map(drop).map_err(|error| told("extract", &error))
}

fn told(place: &str, error: &RuleError) -> CliError {
    CliError::usage(format!("{place}: {error}"), error.hint.clone())
}

/// A file of rules, and its text.
///
/// # Errors
/// It cannot be read, or is no TOML of this form: with its line.
fn read(path: &Path) -> Result<(RulesSpec, String), CliError> {
    let text = fs::read_to_string(path).map_err(|error| {
        let message = format!("--rules: cannot read {}: {error}", path.display());
        CliError::usage(message, "name a file of rules in TOML")
    })?;
    let spec = toml::from_str(&text).map_err(|error| {
        let span = error.span().unwrap_or_default();
        let message = error.message().lines().next().unwrap_or_default().to_owned();
        let hint = "a file of rules has each, [fields] and [page]; a rule is \"css:h1\" or a table";
        Source::new(path, text.clone()).error(span, message, hint.to_owned())
    })?;
    Ok((spec, text))
}

/// Where rows go.
///
/// # Errors
/// A name that does not say a format that rows are written in.
pub(crate) fn rows(
    args: &ExtractArgs,
    output: &OutputArgs,
    rules: &Rules,
) -> Result<Option<OutputSpec>, CliError> {
    let Some(name) = &args.rows else { return Ok(None) };
    let target = output::target(name)?;
    let format = match &target {
        OutputTarget::Stdout => Format::Jsonl,
        OutputTarget::File(path) => match path.extension().and_then(|end| end.to_str()) {
            Some("jsonl" | "ndjson" | "json") => Format::Jsonl,
            Some("csv") => output::csv(output),
            Some("parquet") => Format::Parquet,
            Some("xlsx") => Format::Xlsx,
            Some("db" | "sqlite" | "sqlite3") => return Err(in_database(name)),
            _ if path.starts_with("/dev") => Format::Jsonl,
            _ => return Err(no_format(name)),
        },
        OutputTarget::Postgres(url) => return Err(in_database(&url.to_string())),
    };
    Ok(Some(OutputSpec {
        target,
        format,
        fields: Fields::of_rows(rules.names(Of::Row)),
        existing: output::existing(output),
        durability: gather::store::Durability::System,
    }))
}

fn is_database(format: &Format) -> bool {
    matches!(format, Format::Sqlite | Format::Postgres)
}

fn in_database(name: &str) -> CliError {
    let message = format!("--rows {name}: a database holds rows beside its records");
    CliError::usage(message, format!("leave --rows out and write -o {name}"))
}

fn no_format(name: &str) -> CliError {
    let message = format!("--rows {name}: the name does not say a format of rows");
    CliError::usage(message, "end it in .jsonl, .csv, .parquet or .xlsx")
}
