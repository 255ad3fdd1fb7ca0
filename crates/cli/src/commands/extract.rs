//! `gather extract`: rules over bodies that earlier runs stored.

use std::path::Path;
use std::process::ExitCode;

use gather::export::{BrokenRows, ExportError};
use gather::extract_stored::{self, ExtractError, ExtractInput, ExtractOptions, Extracted};
use gather::store::read::{Bodies, ResultPlace, ResultSpec};
use gather::store::{Beside, Fields, OutputSpec, OutputTarget, SinkErrorKind};

use crate::args::ExtractStoredArgs;
use crate::error::{CliError, EXIT_FAILED, EXIT_FAULT, EXIT_USAGE};
use crate::human;
use crate::resolve;
use crate::talk::Talk;

/// Broken rows, and failed pages, that are named before they are only counted.
const SHOWN_MAX: u64 = 20;

/// Extracts what the arguments ask for.
///
/// # Errors
/// What keeps it from being done.
pub(crate) fn extract(args: &ExtractStoredArgs) -> Result<ExitCode, CliError> {
    let talk = Talk::new(&resolve::talk_of(&args.talk()));
    let options = options(args, &talk)?;
    let done = extract_stored::extract(options).map_err(|error| failed(&error))?;
    if done.broken > 0 {
        let rows = human::counted(done.broken, "row");
        talk.warn(&format!("{rows} left out: no records"));
    }
    talk.note(&told(&done));
    Ok(if done.broken + done.failed > 0 { ExitCode::from(EXIT_FAILED) } else { ExitCode::SUCCESS })
}

fn told(done: &Extracted) -> String {
    let (records, pages) =
        (human::counted(done.records, "record"), human::counted(done.pages, "page"));
    let rows = match done.rows {
        0 => String::new(),
        rows => format!(", {}", human::counted(rows, "row")),
    };
    let failed = match done.failed {
        0 => String::new(),
        failed => format!(", {} of them failed", human::count(failed)),
    };
    format!("{records}: {pages} searched{failed}{rows}")
}

fn options(args: &ExtractStoredArgs, talk: &Talk) -> Result<ExtractOptions, CliError> {
    let output = args.output();
    let usual = Fields::default().beside(Beside::Archive).beside(Beside::Cache);
    let mut outputs = resolve::outputs_of(&output, usual)?;
    let looked = resolve::extract::rules(&args.rules, &outputs)?.ok_or_else(|| {
        let hint = "add --extract NAME=RULE, or --rules FILE";
        CliError::usage("nothing is looked for", hint)
    })?;
    let rows = resolve::extract::rows(&args.rules, &output, &looked.rules)?;
    refuse_twice(&outputs, rows.as_ref())?;
    outputs.extend(rows);
    let inputs: Vec<ExtractInput> = args.input.iter().map(|name| input(name, args)).collect();
    let is_stdin = |input: &&ExtractInput| matches!(input, ExtractInput::Result(spec) if spec.place == ResultPlace::Stdin);
    if inputs.iter().filter(is_stdin).count() > 1 {
        return Err(CliError::usage("standard input is named twice", "name - once"));
    }
    let is_page = |input: &ExtractInput| matches!(input, ExtractInput::Page { .. });
    if args.url.is_some() && !inputs.iter().any(is_page) {
        let hint = "records know their own; leave it out, or name a file that ends in .html";
        return Err(CliError::usage("--url: no saved page is named", hint));
    }
    let (breaking, failing) = (talk.clone(), talk.clone());
    let (mut broken, mut failed) = (0, 0);
    Ok(ExtractOptions {
        inputs,
        rules: looked.rules,
        outputs,
        bodies: args.bodies.clone(),
        rows: BrokenRows::LeaveOut,
        on_broken: Some(Box::new(move |error| {
            broken += 1;
            if broken <= SHOWN_MAX {
                breaking.warn(&human::printable(&error.to_string()));
            }
        })),
        on_failed: Some(Box::new(move |record| {
            failed += 1;
            match failed {
                ..=SHOWN_MAX => failing.failure(record),
                more if more == SHOWN_MAX + 1 => failing.warn("more failures are only counted"),
                _ => {}
            }
        })),
    })
}

fn refuse_twice(outputs: &[OutputSpec], rows: Option<&OutputSpec>) -> Result<(), CliError> {
    let Some(rows) = rows else { return Ok(()) };
    if outputs.iter().any(|output| output.target == rows.target) {
        let hint = match rows.target {
            OutputTarget::Stdout => "write the records elsewhere: -o records.jsonl",
            _ => "two outputs need two names",
        };
        return Err(CliError::usage("--rows and --output are the same", hint));
    }
    Ok(())
}

fn input(name: &str, args: &ExtractStoredArgs) -> ExtractInput {
    let end = Path::new(name).extension().and_then(|end| end.to_str()).unwrap_or_default();
    if ["html", "htm", "xhtml"].iter().any(|page| end.eq_ignore_ascii_case(page)) {
        let url = args.url.clone().unwrap_or_default();
        return ExtractInput::Page { path: name.into(), url };
    }
    ExtractInput::Result(ResultSpec {
        place: ResultPlace::named(name),
        run: args.run.as_deref().map(Box::from),
        bodies: Bodies::Read,
    })
}

fn failed(error: &ExtractError) -> CliError {
    if let ExtractError::Export(ExportError::Output(sink)) = error
        && sink.kind == SinkErrorKind::Exists
    {
        let place = sink.path.as_deref().unwrap_or("standard output".as_ref());
        let message = format!("{} exists and is not empty", place.display());
        return CliError::usage(message, "replace it with --overwrite, or name another");
    }
    CliError::of_library(if error.is_usage() { EXIT_USAGE } else { EXIT_FAULT }, error)
}
