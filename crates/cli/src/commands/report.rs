//! `gather report`: a report of results, in a file or on standard output.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use gather::digest::{Digest, digest_results};
use gather::export::OnBroken;
use gather::store::read::{Bodies, ReadError, ReadErrorKind, ResultPlace, ResultSpec};

use crate::args::ReportOfArgs;
use crate::error::{CliError, EXIT_FAILED, EXIT_FAULT, EXIT_USAGE};
use crate::human;
use crate::report_file::{Asked, Form, ReportFile, ReportSettings};
use crate::resolve::{self, Overwrite};
use crate::talk::Talk;

/// Rows that are named before they are only counted.
const BROKEN_SHOWN_MAX: u64 = 20;

/// Reports what the arguments name.
///
/// # Errors
/// What keeps it from being done.
pub(crate) fn report(args: &ReportOfArgs) -> Result<ExitCode, CliError> {
    let talk = Talk::new(&resolve::talk_of(&args.talk()));
    let title = args.title.clone().unwrap_or_else(|| names(&args.input));
    let asked = Asked {
        title,
        group_by: args.group_by.as_deref(),
        agg: args.agg.as_deref(),
        sort: args.sort.as_deref(),
        targets: args.target.clone(),
    };
    let form = args.format.map(Form::from);
    let specs = results(&args.input, args.run.as_deref())?;
    let output = args.output.as_deref().filter(|path| *path != Path::new("-"));
    let overwrite = if args.overwrite { Overwrite::Yes } else { Overwrite::No };
    let settings = output.map(|path| ReportSettings::of(path, form, &asked, overwrite));
    let file = settings.transpose()?.as_ref().map(ReportFile::reserve).transpose()?;
    let mut digest = Digest::new(asked.spec()?);
    let read = digest_results(&mut digest, &specs, Some(on_broken(&talk)));
    let told = read.map_err(|error| unreadable(&error)).and_then(|()| match &file {
        _ if digest.missing_target().is_some() => Err(missing(&digest)),
        Some(file) => file.write_of(&digest).map(|()| talk.note(&file.said())),
        None => print(&digest, form.unwrap_or(Form::Markdown)),
    });
    if told.is_err()
        && let Some(file) = &file
    {
        file.release();
    }
    told.map(|()| code(&digest))
}

fn names(inputs: &[String]) -> String {
    let name = |input: &String| ResultPlace::named(input).to_string();
    inputs.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// Names rows that are no records, as many as can be read.
pub(crate) fn on_broken(talk: &Talk) -> OnBroken {
    let talk = talk.clone();
    let mut told = 0;
    Box::new(move |error: &ReadError| {
        told += 1;
        match told {
            ..=BROKEN_SHOWN_MAX => talk.warn(&human::printable(&error.to_string())),
            more if more == BROKEN_SHOWN_MAX + 1 => talk.warn("more are only counted"),
            _ => {}
        }
    })
}

fn code(digest: &Digest) -> ExitCode {
    if digest.left_out() > 0 { ExitCode::from(EXIT_FAILED) } else { ExitCode::SUCCESS }
}

fn missing(digest: &Digest) -> CliError {
    let name = digest.missing_target().map(ToString::to_string).unwrap_or_default();
    let message = format!("--target {}: no record is of it", human::printable(&name));
    CliError::usage(message, "name its n or its url, as in the results")
}

fn print(digest: &Digest, form: Form) -> Result<(), CliError> {
    let text = form.text(digest)?;
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(CliError::fault(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// The results of these names.
///
/// # Errors
/// When standard input is named twice.
pub(crate) fn results(names: &[String], run: Option<&str>) -> Result<Vec<ResultSpec>, CliError> {
    let spec = |name: &String| ResultSpec {
        place: ResultPlace::named(name),
        run: run.map(Box::from),
        bodies: Bodies::default(),
    };
    let specs: Vec<ResultSpec> = names.iter().map(spec).collect();
    if specs.iter().filter(|spec| spec.place == ResultPlace::Stdin).count() > 1 {
        return Err(CliError::usage("standard input is named twice", "name - once"));
    }
    Ok(specs)
}

/// Why a result cannot be read.
fn unreadable(error: &ReadError) -> CliError {
    let is_usage = matches!(
        error.kind,
        ReadErrorKind::Missing | ReadErrorKind::Form | ReadErrorKind::NotBuilt
    );
    CliError::of_library(if is_usage { EXIT_USAGE } else { EXIT_FAULT }, error)
}
