//! Settings from four layers: flag > environment > file > default, each with where it came from.
//!
//! Every layer is brought into the form of the command line and parsed by the same parser, so a
//! value means the same, and is refused with the same words, wherever it stands.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches};

use crate::args::{Cli, FetchArgs};
use crate::config_file::{ConfigFile, DEFAULT_NAME, Entry};
use crate::error::CliError;
use crate::keys::{self, Key, Keys, Takes};
use crate::nearest::nearest;
use crate::{reference, usage};

/// The settings of a run, merged.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The values, parsed.
    pub(crate) args: FetchArgs,
    /// Each key and where its value came from, in the order of the help.
    pub(crate) all: Vec<Setting>,
    /// The file they were read from, if there was one.
    pub(crate) file: Option<ConfigFile>,
    /// The job they were taken from, if one was named.
    pub(crate) job: Option<String>,
    /// What should be said about them.
    pub(crate) notes: Vec<String>,
}

/// One key, its values as they may be shown, and where they came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// The key.
    pub(crate) key: Key,
    /// As written; references are not resolved. Empty where nothing is set.
    pub(crate) values: Vec<String>,
    /// Where from.
    pub(crate) origin: Origin,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nobody said anything.
    Default,
    /// A table of the file, and the place in it.
    File(String),
    /// An environment variable.
    Env(String),
    /// The command line.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(place) => f.write_str(place),
            Self::Env(name) => write!(f, "env {name}"),
            Self::Flag => f.write_str("flag"),
        }
    }
}

/// What was typed: the arguments, and which command they belong to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Typed<'a> {
    /// All arguments, the program's name included.
    pub(crate) argv: &'a [OsString],
    /// `["fetch"]`, `["config", "show"]`.
    pub(crate) command: &'a [&'a str],
    /// The job to take settings from.
    pub(crate) job: Option<&'a str>,
}

/// A value of a lower layer, in the command line's form.
struct Layered {
    key: Key,
    /// As written.
    shown: Vec<String>,
    /// With references resolved.
    values: Vec<String>,
    origin: Origin,
}

impl Settings {
    /// Merges what was typed with the environment and the file.
    ///
    /// # Errors
    /// When a layer holds a value that cannot be meant, or the file cannot be read.
    pub(crate) fn load(typed: Typed<'_>, matches: &ArgMatches) -> Result<Self, CliError> {
        let keys = Keys::of_fetch();
        let leaf = leaf(matches, typed.command);
        let file = read_file(leaf)?;
        let notes = misspelt_variables(&keys);
        let mut taken: BTreeSet<String> =
            keys.iter().filter(|key| is_typed(leaf, key)).map(|key| key.name.clone()).collect();
        let mut lower: Vec<Layered> = Vec::new();
        let mut layers = vec![environment(&keys)?];
        if let Some(file) = &file {
            if let Some(job) = typed.job {
                layers.push(from_file(file, &keys, &file.job(job)?.entries));
            }
            layers.push(from_file(file, &keys, &file.defaults));
        } else if let Some(job) = typed.job {
            return Err(CliError::usage(
                format!("there is no gather.toml here to take the job '{job}' from"),
                "name it with -K FILE, or write one with gather init",
            ));
        }
        for layer in layers {
            lower.extend(take(layer, &keys, &mut taken, leaf, file.as_ref())?);
        }
        let args = match lower.is_empty() {
            true => FetchArgs::from_arg_matches(leaf)
                .map_err(|error| CliError::fault(format!("arguments do not fit: {error}")))?,
            false => parse(typed, &lower)?,
        };
        let all = keys.iter().map(|key| setting(key, leaf, &lower)).collect();
        Ok(Self { args, all, file, job: typed.job.map(str::to_owned), notes })
    }

    /// Whether this key is set to something, a switch to on.
    pub(crate) fn is_on(&self, key: &str) -> bool {
        let off =
            |setting: &Setting| setting.key.takes == Takes::Nothing && setting.values != ["true"];
        self.all
            .iter()
            .any(|setting| setting.key.name == key && !setting.values.is_empty() && !off(setting))
    }

    /// Whether somebody gave this key a value.
    pub(crate) fn is_given(&self, key: &str) -> bool {
        self.all.iter().any(|setting| setting.key.name == key && setting.origin != Origin::Default)
    }
}

fn leaf<'m>(matches: &'m ArgMatches, command: &[&str]) -> &'m ArgMatches {
    command
        .iter()
        .fold(matches, |matches, name| matches.subcommand_matches(name).expect("it was parsed"))
}

fn is_typed(leaf: &ArgMatches, key: &Key) -> bool {
    leaf.value_source(&key.id) == Some(ValueSource::CommandLine)
}

/// The file named by flag or variable, or the one that lies here.
fn read_file(leaf: &ArgMatches) -> Result<Option<ConfigFile>, CliError> {
    let named = leaf.get_one::<PathBuf>("config").cloned();
    let named = named.or_else(|| std::env::var_os("GATHER_CONFIG").map(PathBuf::from));
    match named {
        Some(path) => ConfigFile::read(&path).map(Some),
        None if Path::new(DEFAULT_NAME).exists() => {
            ConfigFile::read(Path::new(DEFAULT_NAME)).map(Some)
        }
        None => Ok(None),
    }
}

/// `GATHER_HOST_CONCURRENCY` of `host-concurrency`.
pub(crate) fn variable_of(key: &str) -> String {
    format!("GATHER_{}", key.replace(['-', '.'], "_").to_ascii_uppercase())
}

fn environment(keys: &Keys) -> Result<Vec<(Entry, Origin)>, CliError> {
    let mut entries = Vec::new();
    for key in keys.iter() {
        let name = variable_of(&key.name);
        let Some(value) = std::env::var_os(&name) else { continue };
        let value = value
            .into_string()
            .map_err(|_| CliError::usage(format!("{name} is not UTF-8"), "unset it"))?;
        let values = match key.takes {
            Takes::Nothing => vec![switch(&name, &value)?],
            Takes::One | Takes::Many => vec![value],
        };
        keys::check(key, &values)
            .map_err(|error| CliError { message: format!("{name}: {}", error.message), ..error })?;
        let entry = Entry { key: key.name.clone(), values, table: String::new(), span: 0..0 };
        entries.push((entry, Origin::Env(name)));
    }
    Ok(entries)
}

fn switch(name: &str, value: &str) -> Result<String, CliError> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok("true".to_owned()),
        "" | "0" | "false" | "no" | "off" => Ok("false".to_owned()),
        _ => {
            Err(CliError::usage(format!("{name}: '{value}' is neither on nor off"), "write 1 or 0"))
        }
    }
}

/// Notes on variables that look like ours and are nearly, but not quite.
fn misspelt_variables(keys: &Keys) -> Vec<String> {
    let known: Vec<String> = keys.iter().map(|key| variable_of(&key.name)).collect();
    let mut notes: Vec<String> = std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with("GATHER_") && name != "GATHER_CONFIG")
        .filter(|name| !known.contains(name))
        .filter_map(|name| {
            let typed = name.strip_prefix("GATHER_").unwrap_or_default().to_ascii_lowercase();
            let lower: Vec<String> =
                known.iter().map(|name| name["GATHER_".len()..].to_ascii_lowercase()).collect();
            let near = nearest(&typed, lower.iter().map(String::as_str))?;
            let near = near.to_ascii_uppercase();
            Some(format!("{name} is no setting; did you mean GATHER_{near}?"))
        })
        .collect();
    notes.sort();
    notes
}

fn from_file(file: &ConfigFile, keys: &Keys, entries: &[Entry]) -> Vec<(Entry, Origin)> {
    let origin =
        |entry: &Entry| Origin::File(format!("{} [{}]", file.place(&entry.span), entry.table));
    entries
        .iter()
        .filter(|entry| keys.find(&entry.key).is_some())
        .map(|entry| (entry.clone(), origin(entry)))
        .collect()
}

/// What a layer adds to the higher ones: keys that none of them set, nor a rival of.
fn take(
    layer: Vec<(Entry, Origin)>,
    keys: &Keys,
    taken: &mut BTreeSet<String>,
    leaf: &ArgMatches,
    file: Option<&ConfigFile>,
) -> Result<Vec<Layered>, CliError> {
    let above = taken.clone();
    let mut added = Vec::new();
    for (entry, origin) in layer {
        let at = |error: CliError| match (&origin, file) {
            (Origin::File(_), Some(file)) => file.error_at(&entry.span, error),
            _ => error,
        };
        let key = keys.find(&entry.key).expect("a layer has keys of a fetch alone");
        let beaten = keys::rivals(&key.name).any(|rival| above.contains(rival));
        // Headers add up; of one name, the higher layer's counts.
        let shown = match (key.name.as_str(), above.contains(&key.name)) {
            ("header", true) => without_names(entry.values.clone(), leaf),
            (_, true) => Vec::new(),
            (_, false) => entry.values.clone(),
        };
        if beaten || shown.is_empty() {
            continue;
        }
        let resolved: Result<Vec<String>, CliError> = shown
            .iter()
            .map(|value| match &origin {
                Origin::File(_) => reference::resolve(value),
                _ => Ok(value.clone()),
            })
            .collect();
        let values = resolved.map_err(at)?;
        if values != shown {
            // The message may quote the value, which is a secret.
            keys::check(key, &values).map_err(|_| {
                let message =
                    format!("{}: what {} refers to is not valid", key.name, shown.join(", "));
                at(CliError::usage(message, ""))
            })?;
        }
        taken.insert(key.name.clone());
        added.push(Layered { key: key.clone(), shown, values, origin });
    }
    Ok(added)
}

/// Headers of a lower layer, without those whose name was typed.
fn without_names(mut headers: Vec<String>, leaf: &ArgMatches) -> Vec<String> {
    let name = |header: &str| header.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let typed: BTreeSet<String> =
        leaf.get_many::<String>("header").into_iter().flatten().map(|h| name(h)).collect();
    headers.retain(|header| !typed.contains(&name(header)));
    headers
}

/// Parses the typed arguments again, those of the lower layers before them.
fn parse(typed: Typed<'_>, lower: &[Layered]) -> Result<FetchArgs, CliError> {
    let (program, rest) = typed.argv.split_at(1 + typed.command.len());
    let mut argv = program.to_vec();
    for layered in lower.iter().filter(|layered| layered.key.name != "url") {
        argv.extend(keys::tokens(&layered.key, &layered.values));
    }
    argv.extend(rest.iter().cloned());
    if let Some(urls) = lower.iter().find(|layered| layered.key.name == "url") {
        if !rest.iter().any(|arg| arg == "--") {
            argv.push("--".into());
        }
        argv.extend(keys::tokens(&urls.key, &urls.values));
    }
    let fault = |error: &clap::Error| {
        usage::from_clap(error, &argv).unwrap_or_else(|| CliError::fault(error.to_string()))
    };
    let matches = Cli::command().try_get_matches_from(&argv).map_err(|error| fault(&error))?;
    FetchArgs::from_arg_matches(leaf(&matches, typed.command)).map_err(|error| fault(&error))
}

fn setting(key: &Key, leaf: &ArgMatches, lower: &[Layered]) -> Setting {
    let layered: Vec<&Layered> = lower.iter().filter(|layered| layered.key == *key).collect();
    let below = layered.iter().flat_map(|layered| layered.shown.iter().cloned());
    let (values, origin) = if is_typed(leaf, key) {
        let typed = match key.takes {
            Takes::Nothing => vec!["true".to_owned()],
            Takes::One | Takes::Many => leaf
                .get_raw(&key.id)
                .into_iter()
                .flatten()
                .map(|value| value.to_string_lossy().into_owned())
                .collect(),
        };
        (below.chain(typed).collect(), Origin::Flag)
    } else if let Some(highest) = layered.first() {
        (below.collect(), highest.origin.clone())
    } else {
        (
            key.default.iter().filter(|_| key.takes != Takes::Nothing).cloned().collect(),
            Origin::Default,
        )
    };
    Setting { key: key.clone(), values, origin }
}
