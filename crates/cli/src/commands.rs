//! From what was typed to the command that does it.

mod changes;
mod check;
mod compare;
pub(crate) mod config_show;
pub(crate) mod crawl;
mod demo;
mod docs;
mod export;
mod extract;
mod fetch;
mod init;
mod notify;
mod plan;
mod print_job;
mod report;
mod silence;
mod status;
mod verify;
mod watch;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches};

#[cfg(test)]
pub(crate) use init::TEMPLATE as INIT_TEMPLATE;

use crate::args::{Cli, Command, ConfigCommand, FetchArgs, NotifyCommand};
use crate::error::CliError;
use crate::resolve::{self, RunSettings};
use crate::settings::{Settings, Typed};
use crate::talk::Talk;
use crate::usage;

/// Runs what these arguments ask for.
///
/// # Errors
/// What keeps it from being done, with the exit code for it.
pub(crate) fn run(argv: Vec<OsString>) -> Result<ExitCode, CliError> {
    let command = Cli::command();
    let Some(argv) = usage::with_command(argv, &command)? else {
        return print(usage::BRIEF);
    };
    let matches = match command.try_get_matches_from(&argv) {
        Ok(matches) => matches,
        Err(error) => match usage::from_clap(&error, &argv) {
            Some(wrong) => return Err(wrong),
            None => return print(error.render().to_string().trim_end()),
        },
    };
    let cli = Cli::from_arg_matches(&matches)
        .map_err(|error| CliError::fault(format!("arguments do not fit: {error}")))?;
    let typed = |command, job| Typed { argv: &argv, command, job };
    match &cli.command {
        Command::Fetch(args) => fetch(args, typed(&["fetch"], None), &matches),
        Command::Run(args) => run_job(&args.fetch, typed(&["run"], Some(&args.job)), &matches),
        Command::Crawl(args) => {
            let settings = Settings::load(typed(&["crawl"], None), &matches)?;
            crawl::crawl(&settings, args, &argv, &all_notes(&settings, &argv))
        }
        Command::Check(args) => {
            let settings = Settings::load(typed(&["check"], None), &matches)?;
            note_all(&settings, &argv);
            ended(check::check(&settings, &args.expect)?)
        }
        Command::Watch(args) => watch::watch(args),
        Command::Status(args) => status::status(args),
        Command::Silence(args) => silence::silence(args),
        Command::Notify(args) => match &args.command {
            NotifyCommand::Test(args) => notify::test(args),
        },
        Command::Plan(_) => {
            let settings = Settings::load(typed(&["plan"], None), &matches)?;
            print(&plan::text(&RunSettings::try_new(&settings)?)?)
        }
        Command::Compare(_) => {
            let settings = Settings::load(typed(&["compare"], None), &matches)?;
            ended(compare::compare(&settings)?)
        }
        Command::Export(args) => export::export(args),
        Command::Report(args) => report::report(args),
        Command::Changes(args) => changes::changes(args),
        Command::Extract(args) => extract::extract(args),
        Command::Verify(args) => {
            let (code, text) = verify::verify(args)?;
            print(&text)?;
            Ok(ExitCode::from(code))
        }
        Command::Demo(args) => ended(demo::demo(args)?),
        Command::Init(args) => init::init(&args.path),
        Command::Config(args) => match &args.command {
            ConfigCommand::Show(args) => {
                let typed = typed(&["config", "show"], args.job.as_deref());
                let settings = Settings::load(typed, &matches)?;
                note_all(&settings, &argv);
                print(&config_show::text(&settings))
            }
        },
        Command::Completions(args) => print(&docs::completions(args.shell)),
        Command::Man(args) => print(&docs::man(args.command.as_deref())?),
    }
}

fn fetch(args: &FetchArgs, typed: Typed<'_>, matches: &ArgMatches) -> Result<ExitCode, CliError> {
    if let Some(name) = &args.file.print_job {
        return print(&print_job::text(name, typed, matches)?);
    }
    let settings = Settings::load(typed, matches)?;
    fetch::fetch(&settings, typed.argv, &all_notes(&settings, typed.argv))
}

/// A job of the file, as what its kind says it is.
fn run_job(args: &FetchArgs, typed: Typed<'_>, matches: &ArgMatches) -> Result<ExitCode, CliError> {
    if args.file.print_job.is_some() {
        return fetch(args, typed, matches);
    }
    let settings = Settings::load(typed, matches)?;
    let notes = all_notes(&settings, typed.argv);
    let (Some(file), Some(name)) = (&settings.file, typed.job) else {
        return fetch::fetch(&settings, typed.argv, &notes);
    };
    let table = file.job(name)?;
    match table.item("kind").and_then(|item| item.value.as_str()) {
        Some("crawl") => {
            let crawl = resolve::scheduled::crawl_of(file, table)?;
            crawl::crawl(&settings, &crawl, typed.argv, &notes)
        }
        Some("liveness" | "check") => {
            note_all(&settings, typed.argv);
            ended(check::check(&settings, &resolve::jobs::expect(file, table)?)?)
        }
        _ => fetch::fetch(&settings, typed.argv, &notes),
    }
}

/// What should be said about the settings.
fn all_notes(settings: &Settings, argv: &[OsString]) -> Vec<String> {
    settings.notes.iter().cloned().chain(usage::note_on(argv)).collect()
}

/// Prints what a command found out, and passes its code on.
fn ended((code, text): (ExitCode, Option<String>)) -> Result<ExitCode, CliError> {
    if let Some(text) = text {
        print(&text)?;
    }
    Ok(code)
}

/// Says what should be said about the settings before anything happens.
fn note_all(settings: &Settings, argv: &[OsString]) {
    let talk = Talk::new(&resolve::talk_of(&settings.args.talk));
    for note in all_notes(settings, argv) {
        talk.warn(&format!("note: {note}"));
    }
}

/// Prints a text to stdout. A reader that went away has what it wanted.
fn print(text: &str) -> Result<ExitCode, CliError> {
    let mut stdout = std::io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(CliError::fault(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}
