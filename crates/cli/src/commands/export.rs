//! `gather export`: results from one form into another.

use std::process::ExitCode;

use gather::export::{self, BrokenRows, ExportError, ExportOptions, Pick};
use gather::source::OnlyFailed;
use gather::store::read::{Bodies, Order, ResultPlace, ResultSpec};
use gather::store::{Fields, SinkErrorKind};

use crate::args::{ExportArgs, SortArg};
use crate::error::{CliError, EXIT_FAILED, EXIT_FAULT, EXIT_USAGE};
use crate::human;
use crate::resolve;
use crate::talk::Talk;

/// Rows that are named before they are only counted.
const BROKEN_SHOWN_MAX: u64 = 20;

/// Exports what the arguments name.
///
/// # Errors
/// What keeps it from being done.
pub(crate) fn export(args: &ExportArgs) -> Result<ExitCode, CliError> {
    let talk = Talk::new(&resolve::talk_of(&args.talk()));
    let options = options(args, &talk)?;
    let done = export::export(options).map_err(|error| failed(&error))?;
    if done.broken > 0 {
        let rows = human::counted(done.broken, "row");
        talk.warn(&format!("{rows} left out: no records"));
    }
    let (read, written) = (human::count(done.read), human::counted(done.written, "record"));
    talk.note(&format!("{written} of {read} written"));
    Ok(if done.broken > 0 { ExitCode::from(EXIT_FAILED) } else { ExitCode::SUCCESS })
}

fn options(args: &ExportArgs, talk: &Talk) -> Result<ExportOptions, CliError> {
    let outputs = resolve::outputs_of(&args.output(), Fields::held())?;
    let input = |name: &String| ResultSpec {
        place: ResultPlace::named(name),
        run: args.run.as_deref().map(Box::from),
        bodies: Bodies::default(),
    };
    let inputs: Vec<ResultSpec> = args.input.iter().map(input).collect();
    let from_stdin = inputs.iter().filter(|input| input.place == ResultPlace::Stdin).count();
    if from_stdin > 1 {
        return Err(CliError::usage("standard input is named twice", "name - once"));
    }
    let telling = talk.clone();
    let mut told = 0;
    Ok(ExportOptions {
        inputs,
        outputs,
        pick: Pick {
            match_code: args.match_code.clone(),
            filter_code: args.filter_code.clone(),
            match_regex: args.match_regex.clone(),
            only: args.only.clone().map(|only| OnlyFailed { kind: only.kind }),
        },
        order: match args.sort {
            Some(SortArg::N) => Order::ByNumber,
            None => Order::AsFound,
        },
        limit: args.limit,
        rows: if args.strict { BrokenRows::Refuse } else { BrokenRows::LeaveOut },
        on_broken: Some(Box::new(move |error| {
            told += 1;
            match told {
                ..=BROKEN_SHOWN_MAX => telling.warn(&human::printable(&error.to_string())),
                more if more == BROKEN_SHOWN_MAX + 1 => telling.warn("more are only counted"),
                _ => {}
            }
        })),
    })
}

fn failed(error: &ExportError) -> CliError {
    if let ExportError::Output(sink) = error
        && sink.kind == SinkErrorKind::Exists
    {
        let place = sink.path.as_deref().unwrap_or("standard output".as_ref());
        let message = format!("{} exists and is not empty", place.display());
        return CliError::usage(message, "replace it with --overwrite, or name another");
    }
    CliError::of_library(if error.is_usage() { EXIT_USAGE } else { EXIT_FAULT }, error)
}
