//! `gather verify`: proves that outputs hold one whole, right record for each input.

use std::fmt::Write;

use gather_verify::{Check, Form, InputSpec, OnlyFailed, OutputSpec, Report, Request, RunState};

use crate::args::{FindingsArg, VerifyArgs};
use crate::error::{CliError, EXIT_FAULT, EXIT_USAGE};
use crate::human;

/// Longer lines of a finding are cut.
const LINE_CHARS_MAX: usize = 400;

/// Verifies: the text to print, and whether nothing was wrong.
///
/// # Errors
/// What keeps it from being verified.
pub(crate) fn verify(args: &VerifyArgs) -> Result<(u8, String), CliError> {
    let report = gather_verify::verify(&request(args)?).map_err(|error| {
        CliError::of_library(if error.is_usage() { EXIT_USAGE } else { EXIT_FAULT }, &error)
    })?;
    let code = if report.faults() == 0 { 0 } else { EXIT_FAULT };
    let text = match args.format {
        FindingsArg::Text => text(&report),
        FindingsArg::Json => serde_json::to_string_pretty(&report)
            .map_err(|error| CliError::fault(format!("the report is no JSON: {error}")))?,
    };
    Ok((code, text))
}

fn request(args: &VerifyArgs) -> Result<Request, CliError> {
    let outputs: Result<Vec<_>, _> = args.outputs.iter().map(|name| output(name)).collect();
    let inputs = InputSpec {
        arguments: args.url.clone(),
        files: args.input.clone(),
        url_field: args.url_field.clone(),
        limit: args.limit,
        redact_query: args.redact_query.clone(),
        only: args.only.clone().map(|only| OnlyFailed { kind: only.kind }),
    };
    let has_inputs = !inputs.arguments.is_empty() || !inputs.files.is_empty();
    Ok(Request {
        outputs: outputs?,
        inputs: has_inputs.then_some(inputs),
        journal: args.journal.clone(),
        bodies: args.bodies.clone(),
        run: args.run.clone(),
    })
}

fn output(name: &str) -> Result<OutputSpec, CliError> {
    OutputSpec::named(name).ok_or_else(|| {
        let known: Vec<&str> = Form::ALL.iter().map(|form| form.as_str()).collect();
        let message = format!("{name}: it is not known how to verify this");
        CliError::usage(message, format!("verified are {}", known.join(", ")))
    })
}

/// The report as people read it.
fn text(report: &Report) -> String {
    let mut text = String::new();
    let width = report.checks.iter().map(|check| check.of.chars().count()).max().unwrap_or(0);
    for check in &report.checks {
        add_check(&mut text, check, width);
    }
    for note in &report.notes {
        add_line(&mut text, &format!("note: {note}"));
    }
    add_line(&mut text, &verdict(report));
    text.truncate(text.trim_end().len());
    text
}

fn add_check(text: &mut String, check: &Check, width: usize) {
    let Check { of, what, faults, says, first, .. } = check;
    let mark = if *faults == 0 { "ok" } else { "FAULT" };
    add_line(text, &format!("{mark:<5}  {of:<width$}  {:<7} {says}", what.as_str()));
    for fault in first {
        add_line(text, &format!("         {fault}"));
    }
    if let Some(more) = faults.checked_sub(first.len() as u64).filter(|more| *more > 0) {
        add_line(text, &format!("         and {} more", human::count(more)));
    }
}

fn add_line(text: &mut String, line: &str) {
    let line = human::clipped(&human::printable(line), LINE_CHARS_MAX);
    writeln!(text, "{line}").expect("a string takes everything");
}

fn verdict(report: &Report) -> String {
    let wrong = report.checks.iter().filter(|check| check.faults > 0).count() as u64;
    let checks = human::counted(report.checks.len() as u64, "check");
    if wrong > 0 {
        let faults = human::counted(report.faults(), "fault");
        return format!("wrong: {faults} in {} of {checks}", human::count(wrong));
    }
    match &report.run {
        RunState::Unfinished { finished, hint } => {
            let finished = human::counted(*finished, "input");
            format!("right as far as it goes: {checks}; unfinished, {finished} done: {hint}")
        }
        _ => format!("right: {checks}, no fault"),
    }
}
