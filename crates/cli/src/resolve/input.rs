//! What is read: arguments, templates and files.

use std::path::{Path, PathBuf};

use gather::core::config::Caps;
use gather::source::{Format, InputFile, InputPath, OnlyFailed, SchemeChoice, SourceSpec};

use crate::args::{InputArgs, SchemeArg};
use crate::config_file::items;
use crate::error::CliError;
use crate::settings::Settings;

/// Sorts templates from URLs and refuses what cannot be meant.
///
/// # Errors
/// When there is nothing to read, or an argument is a file or another tool's template.
pub(super) fn source(
    args: &InputArgs,
    caps: Caps,
    listed: Option<String>,
) -> Result<SourceSpec, CliError> {
    for argument in &args.url {
        check_argument(argument)?;
    }
    if args.url.is_empty() && args.input.is_empty() && listed.is_none() {
        let hint = "give URLs, or a file of them with -i FILE (-i - reads standard input)";
        return Err(CliError::usage("nothing to fetch", hint));
    }
    if args.only.is_some() && args.input.is_empty() {
        let hint = "add -i results.jsonl";
        return Err(CliError::usage("--only needs the results of an earlier run", hint));
    }
    if args.input.iter().filter(|path| path.as_os_str() == "-").count() > 1 {
        return Err(CliError::usage("-i - is given twice", "standard input is read once"));
    }
    let (arguments, template) = split_template(&args.url)?;
    if let (Some(template), true) = (&template, args.input.is_empty()) {
        let message = format!("{template} takes its values from a file, and there is none");
        return Err(CliError::usage(message, "add -i rows.csv, or list them: {name:a,b}"));
    }
    let file = |path: &PathBuf| InputFile {
        path: match path.as_os_str() == "-" {
            true => InputPath::Stdin,
            false => InputPath::File(path.clone()),
        },
        format: Format::Auto,
    };
    let listed = listed.filter(|text| !text.is_empty()).map(|text| InputFile {
        path: InputPath::Text { name: "[[target]]".into(), text: text.into() },
        format: Format::Jsonl,
    });
    Ok(SourceSpec {
        arguments,
        files: args.input.iter().map(file).chain(listed).collect(),
        url_field: args.url_field.clone(),
        template,
        scheme: match args.scheme {
            SchemeArg::Auto => SchemeChoice::Auto,
            SchemeArg::Https => SchemeChoice::Https,
            SchemeArg::Http => SchemeChoice::Http,
        },
        limit: args.limit,
        only: args.only.as_ref().map(|only| OnlyFailed { kind: only.kind.clone() }),
        default_request: None,
        caps,
        spool: None,
    })
}

/// The targets that a job lists itself, as JSON lines with their references resolved.
///
/// # Errors
/// A reference to what is not there.
pub(super) fn listed(settings: &Settings) -> Result<Option<String>, CliError> {
    let (Some(file), Some(job)) = (&settings.file, &settings.job) else { return Ok(None) };
    let Some(item) = file.job(job)?.item("target") else { return Ok(None) };
    let at = |error: CliError| file.error_at(&item.span, error);
    let resolved = super::value::resolved(&item.value).map_err(at)?;
    for target in resolved.as_array().into_iter().flatten() {
        target.get("extract").map_or(Ok(()), super::extract::check).map_err(at)?;
    }
    let lines = items::targets(&resolved);
    lines.map(Some).map_err(|hint| at(CliError::usage("target is no list of targets", hint)))
}

/// URLs apart from the one that holds a `{column}`.
fn split_template(urls: &[String]) -> Result<(Vec<String>, Option<String>), CliError> {
    let (templates, arguments): (Vec<String>, Vec<String>) =
        urls.iter().cloned().partition(|url| has_column(url));
    if let [first, second, ..] = templates.as_slice() {
        let message = format!("two templates: {first} and {second}");
        return Err(CliError::usage(message, "run them one after the other"));
    }
    Ok((arguments, templates.into_iter().next()))
}

fn check_argument(argument: &str) -> Result<(), CliError> {
    if argument == "-" {
        return Err(CliError::usage("- is no URL", "use -i - to read a list from standard input"));
    }
    if !argument.contains("://") && Path::new(argument).is_file() {
        let message = format!("{argument} is a file, not a URL");
        return Err(CliError::usage(message, format!("use -i {argument}")));
    }
    if let Some(glob) = curl_range(argument) {
        let ours = format!("{{{}}}", glob[1..glob.len() - 1].replacen('-', "..", 1));
        let message = format!("{argument}: {glob} is another tool's way to write a range");
        return Err(CliError::usage(message, format!("write {ours}")));
    }
    Ok(())
}

/// `[0-49]` or `[a-z]`, outside of an IPv6 address.
fn curl_range(argument: &str) -> Option<&str> {
    let mut rest = argument;
    while let Some(start) = rest.find('[') {
        let end = start + rest[start..].find(']')? + 1;
        let inner = &rest[start + 1..end - 1];
        let is_end = |text: &str| {
            let is_number = text.bytes().all(|b| b.is_ascii_digit());
            let is_letter = text.len() == 1 && text.bytes().all(|b| b.is_ascii_alphabetic());
            !text.is_empty() && (is_number || is_letter)
        };
        if inner.split_once('-').is_some_and(|(first, last)| is_end(first) && is_end(last)) {
            return Some(&rest[start..end]);
        }
        rest = &rest[end..];
    }
    None
}

/// Whether a URL holds a `{column}`: a name alone, neither a range nor a list.
pub(super) fn has_column(url: &str) -> bool {
    url.split('{').skip(1).filter_map(|part| part.split_once('}')).any(|(inner, _)| {
        !inner.is_empty()
            && inner.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    })
}
