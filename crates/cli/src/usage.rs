//! What was typed, before it is parsed, and what to say when it cannot be.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::error::CliError;
use crate::keys::Keys;
use crate::nearest::nearest;
use crate::values::ValueError;

/// What bare `gather` says.
pub(crate) const BRIEF: &str = "\
gather fetches many URLs: fast, polite, every input accounted for.

  gather https://example.com/ https://example.org/     a few URLs
  gather -i urls.txt -c 50 -o results.jsonl            a list, 50 at once, records to a file
  gather demo                                          see it work, offline
more: gather --help, gather fetch --help";

/// Formats that a later version will write.
pub(crate) const LATER_FORMATS: &[&str] = &["html"];

/// Flags of other tools, and ours for the same.
const FOREIGN: &[(&str, &str)] = &[
    ("-mc", "--match-code LIST (or --mc)"),
    ("-fc", "--filter-code LIST (or --fc)"),
    ("-mr", "--match-regex REGEX (or --mr)"),
    ("-rl", "--rate 10/s"),
    ("-l", "-i FILE reads a list"),
    ("--list", "-i FILE reads a list"),
    ("--input-file", "-i FILE reads a list"),
    ("-w", "-i FILE reads a list; -c N is how many at once"),
    ("-n", "each line of a list is fetched once; --limit N takes the first N"),
    ("-j", "-c N is how many at once"),
    ("-P", "-c N is how many at once"),
    ("-Z", "-c N is how many at once"),
    ("--threads", "-c N is how many at once"),
    ("--workers", "-c N is how many at once"),
    ("--jobs", "-c N is how many at once"),
    ("--parallel", "-c N is how many at once"),
    ("--parallel-max", "-c N is how many at once"),
    ("--max-concurrency", "-c N is how many at once"),
    ("-m", "-t TIME is the longest one try may take"),
    ("--max-time", "-t TIME is the longest one try may take"),
    ("-z", "--deadline TIME ends the whole run"),
    ("-s", "-q says nothing but errors"),
    ("--silent", "-q says nothing but errors"),
    ("--retry", "--retries N"),
    ("--retry-delay", "--backoff TIME"),
    ("-f", "a status outside --accept is a failure without asking"),
    ("--fail", "a status outside --accept is a failure without asking"),
    ("--compressed", "compressed answers are asked for and decoded without asking"),
    ("--json", "--format jsonl"),
    ("--limit-rate", "--rate 10/s and --host-rate 10/s limit requests"),
];

/// The typed arguments with the command named: `gather URL` is `gather fetch URL`.
///
/// `None` where nothing was typed.
pub(crate) fn with_command(
    mut argv: Vec<OsString>,
    command: &clap::Command,
) -> Result<Option<Vec<OsString>>, CliError> {
    let Some(first) = argv.get(1) else { return Ok(None) };
    let first = first.to_string_lossy().into_owned();
    let names: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
    let is_top_flag = matches!(first.as_str(), "-h" | "--help" | "-V" | "--version");
    if is_top_flag || names.contains(&first.as_str()) {
        return Ok(Some(argv));
    }
    if first == "help" {
        argv[1] = OsString::from("--help");
        // `help fetch` asks for the page of `fetch`.
        argv[1..].rotate_left(1);
        return Ok(Some(argv));
    }
    let is_word = first.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !first.starts_with('-')
        && first != "localhost";
    if is_word && !std::path::Path::new(&first).exists() {
        let hint = match nearest(&first, names) {
            Some(near) => format!("did you mean gather {near}?"),
            None => format!("gather --help lists the commands; a host is written http://{first}/"),
        };
        return Err(CliError::usage(format!("there is no command '{first}'"), hint));
    }
    argv.insert(1, OsString::from("fetch"));
    Ok(Some(argv))
}

/// A note where a flag is taken otherwise than another tool would: `-t 50`.
pub(crate) fn note_on(argv: &[OsString]) -> Option<String> {
    let typed: Vec<_> = argv.iter().map(|arg| arg.to_string_lossy()).collect();
    if typed.iter().any(|arg| arg.starts_with("-c") || arg.starts_with("--concurrency")) {
        return None;
    }
    let value = typed.iter().zip(typed.iter().skip(1)).find(|(flag, _)| *flag == "-t")?.1;
    let number: u32 = value.parse().ok().filter(|n| *n >= 20)?;
    Some(format!("-t {number} is a timeout of {number} s; for {number} at once write -c {number}"))
}

/// What clap says, in one line and a hint. `None` where it is help or the version, not a fault.
pub(crate) fn from_clap(error: &clap::Error, argv: &[OsString]) -> Option<CliError> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => Some(texts.join(", ")),
        _ => None,
    };
    let arg = text(ContextKind::InvalidArg).unwrap_or_default();
    let flag = arg.split(' ').next().unwrap_or_default();
    let flag = if flag.starts_with("--") { flag.split('=').next().unwrap_or(flag) } else { flag };
    let flag = flag.to_owned();
    let value = text(ContextKind::InvalidValue).unwrap_or_default();
    Some(match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return None,
        ErrorKind::UnknownArgument => unknown_flag(&flag, text(ContextKind::SuggestedArg), argv),
        ErrorKind::ValueValidation => {
            let source = std::error::Error::source(error);
            match source.and_then(|source| source.downcast_ref::<ValueError>()) {
                Some(wrong) => CliError::usage(format!("{flag}: {wrong}"), wrong.hint.clone()),
                None => CliError::usage(format!("{flag}: '{value}' is not valid"), ""),
            }
        }
        ErrorKind::InvalidValue if value.is_empty() => {
            CliError::usage(format!("{flag} needs a value"), format!("write {arg}"))
        }
        ErrorKind::InvalidValue => {
            let valid = text(ContextKind::ValidValue).unwrap_or_default();
            if LATER_FORMATS.contains(&value.as_str()) {
                later_format(&value)
            } else {
                CliError::usage(
                    format!("{flag}: '{value}' is not one of its values"),
                    format!("write one of: {valid}"),
                )
            }
        }
        ErrorKind::ArgumentConflict => {
            CliError::usage(format!("{flag} is given twice"), "give it once")
        }
        ErrorKind::TooManyValues | ErrorKind::WrongNumberOfValues => {
            CliError::usage(format!("{flag} takes no value"), format!("write {flag}"))
        }
        ErrorKind::MissingRequiredArgument => {
            CliError::usage(format!("{flag} is missing"), usage_of(error))
        }
        ErrorKind::MissingSubcommand | ErrorKind::InvalidSubcommand => CliError::usage(
            format!("gather {} needs a command", words(argv)),
            "write gather config show",
        ),
        ErrorKind::InvalidUtf8 => CliError::usage("an argument is not UTF-8", ""),
        _ => CliError::usage(first_line(&error.to_string()), ""),
    })
}

/// The fault of asking for a format of a later version.
pub(crate) fn later_format(name: &str) -> CliError {
    CliError::usage(
        format!("the format {name} is not available in this version"),
        "use jsonl or csv",
    )
}

fn unknown_flag(flag: &str, near: Option<String>, argv: &[OsString]) -> CliError {
    // `-mc` reaches us as `-m`: look for what was typed.
    let typed = argv
        .iter()
        .filter_map(|arg| arg.to_str())
        .find(|arg| flag.len() == 2 && arg.len() == 3 && arg.starts_with(flag));
    let foreign = |name: &str| FOREIGN.iter().find(|(theirs, _)| *theirs == name);
    if let Some((theirs, ours)) = typed.and_then(foreign).or_else(|| foreign(flag)) {
        return CliError::usage(format!("there is no flag {theirs}"), *ours);
    }
    let keys = Keys::of_fetch();
    let known = near.iter().map(|near| near.trim_start_matches('-'));
    let known = known.chain(keys.iter().map(|key| key.name.as_str()));
    let bare = flag.trim_start_matches('-');
    let hint = match nearest(bare, known) {
        Some(near) if near == bare => {
            let command = words(argv);
            return CliError::usage(
                format!("gather {command} has no flag {flag}"),
                format!("gather fetch has it; gather {command} --help lists those it has"),
            );
        }
        Some(near) if flag.starts_with("--") => format!("did you mean --{near}?"),
        _ => format!("gather {} --help lists the flags", words(argv)),
    };
    CliError::usage(format!("there is no flag {flag}"), hint)
}

/// The command as typed: `fetch`, `config show`.
fn words(argv: &[OsString]) -> String {
    let is_word = |arg: &&str| arg.bytes().all(|b| b.is_ascii_lowercase());
    let words: Vec<&str> = argv[1..].iter().filter_map(|arg| arg.to_str()).collect();
    let count = if words.first() == Some(&"config") { 2 } else { 1 };
    words.into_iter().take(count).filter(is_word).collect::<Vec<_>>().join(" ")
}

fn usage_of(error: &clap::Error) -> String {
    let text = error.to_string();
    let usage = text.lines().find_map(|line| line.strip_prefix("Usage: "));
    usage.map(|usage| format!("write {usage}")).unwrap_or_default()
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}
