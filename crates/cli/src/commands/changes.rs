//! `gather changes`: what changed between runs.

use std::io::{BufWriter, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use gather::changes::{self, ChangesError, ChangesForm, ChangesSpec, Choice, Told};
use gather::store::read::Standing;

use crate::args::ChangesArgs;
use crate::commands::report::{on_broken, results};
use crate::error::{CliError, EXIT_FAILED, EXIT_FAULT, EXIT_USAGE};
use crate::human;
use crate::resolve;
use crate::talk::Talk;

/// Tells what the arguments name.
///
/// # Errors
/// What keeps it from being done.
pub(crate) fn changes(args: &ChangesArgs) -> Result<ExitCode, CliError> {
    let talk = Talk::new(&resolve::talk_of(&args.talk()));
    let file = args.output.as_deref().filter(|path| *path != Path::new("-"));
    let form = form(args, file)?;
    if let Some(path) = file
        && !args.overwrite
        && std::fs::metadata(path).is_ok_and(|about| about.len() > 0)
    {
        let message = format!("{} exists and is not empty", path.display());
        return Err(CliError::usage(message, "replace it with --overwrite, or name another"));
    }
    let spec = spec(args)?;
    note_unfinished(&spec, &talk);
    let now_us = u64::try_from(jiff::Timestamp::now().as_microsecond()).unwrap_or_default();
    let write = |out: &mut dyn Write| {
        let about = (args.title.as_str(), now_us);
        changes::write(&spec, form, about, Some(on_broken(&talk)), out)
    };
    let told = match file {
        Some(path) => to_file(path, write)?,
        None => to_stdout(write)?,
    };
    let Some(told) = told else { return Ok(ExitCode::SUCCESS) };
    tell(&told, &talk);
    let is_bad = told.left_out > 0 || (args.exit_code && told.changes() > 0);
    Ok(if is_bad { ExitCode::from(EXIT_FAILED) } else { ExitCode::SUCCESS })
}

fn spec(args: &ChangesArgs) -> Result<ChangesSpec, CliError> {
    let places = results(&args.input, None)?.into_iter().map(|spec| spec.place);
    let choice = match (&args.run, &args.with, args.since) {
        (Some(before), Some(after), _) => {
            Choice::Pair { before: before.as_str().into(), after: after.as_str().into() }
        }
        (Some(run), None, _) => Choice::Run(run.as_str().into()),
        (None, _, Some(since)) => Choice::Since(since),
        (None, _, None) => Choice::Last,
    };
    let places: Vec<_> = places.collect();
    let (runs, first) =
        changes::choose(&places, &choice, args.job.as_deref()).map_err(|error| failed(&error))?;
    let (key, members) = (args.key.clone(), args.fields.clone());
    Ok(ChangesSpec { runs, first, key, members, only: args.only.clone() })
}

fn form(args: &ChangesArgs, file: Option<&Path>) -> Result<ChangesForm, CliError> {
    if let Some(form) = args.format {
        return Ok(form.into());
    }
    let Some(path) = file else {
        let is_terminal = std::io::stdout().is_terminal();
        return Ok(if is_terminal { ChangesForm::Text } else { ChangesForm::Jsonl });
    };
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "jsonl" | "ndjson" => Ok(ChangesForm::Jsonl),
        "csv" => Ok(ChangesForm::Csv),
        "html" | "htm" => Ok(ChangesForm::Html),
        "md" | "markdown" => Ok(ChangesForm::Markdown),
        "txt" => Ok(ChangesForm::Text),
        _ => Err(CliError::usage(
            format!("-o {}: the name does not say the form", path.display()),
            "end it in .jsonl, .csv, .html, .md or .txt, or say --format",
        )),
    }
}

/// Whoever is asked to write the changes.
type Written = Result<Told, ChangesError>;

/// Writes the file whole or not at all.
fn to_file(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Written,
) -> Result<Option<Told>, CliError> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let place: PathBuf = parent.unwrap_or(Path::new(".")).to_owned();
    let fault = |error: &dyn std::fmt::Display| {
        CliError::fault(format!("cannot write {}: {error}", path.display()))
    };
    let file = tempfile::Builder::new()
        .permissions(permissions())
        .tempfile_in(&place)
        .map_err(|error| fault(&error))?;
    let mut out = BufWriter::new(file);
    let told = write(&mut out).map_err(|error| failed(&error))?;
    let file = out.into_inner().map_err(|error| fault(&error.error()))?;
    file.persist(path).map_err(|error| fault(&error.error))?;
    Ok(Some(told))
}

/// As readable as the user's other files: what the umask leaves of it.
fn permissions() -> std::fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    std::fs::Permissions::from_mode(0o666)
}

/// `None` if the reader has seen enough.
fn to_stdout(write: impl FnOnce(&mut dyn Write) -> Written) -> Result<Option<Told>, CliError> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let written = write(&mut out).and_then(|told| {
        out.flush()?;
        Ok(told)
    });
    match written {
        Ok(told) => Ok(Some(told)),
        Err(ChangesError::Io(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(None),
        Err(error) => Err(failed(&error)),
    }
}

fn note_unfinished(spec: &ChangesSpec, talk: &Talk) {
    for run in &spec.runs[spec.first - 1..] {
        let what = match run.standing {
            Standing::Ended => continue,
            Standing::Going => "is still going",
            Standing::Unfinished => "did not end, or goes on",
        };
        talk.warn(&format!(
            "note: {} {what}: what it does not hold is not told as removed",
            human::printable(&run.name)
        ));
    }
}

fn tell(told: &Told, talk: &Talk) {
    if told.keyless > 0 {
        let records = human::counted(told.keyless, "record");
        talk.warn(&format!("note: {records} left out that have nothing of the key"));
    }
    if told.beyond > 0 {
        let records = human::counted(told.beyond, "record");
        talk.warn(&format!("note: {records} left out of targets that are there too many times"));
    }
    if told.left_out > 0 {
        let rows = human::counted(told.left_out, "row");
        talk.warn(&format!("{rows} left out: no records"));
    }
    talk.note(&told.line());
}

fn failed(error: &ChangesError) -> CliError {
    CliError::of_library(if error.is_usage() { EXIT_USAGE } else { EXIT_FAULT }, error)
}
