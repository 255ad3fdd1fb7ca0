//! The flags of `fetch` seen as keys: their names, how many values they take, their defaults.

use std::ffi::OsString;

use clap::{ArgAction, Args as _, Command, CommandFactory};

use crate::args::{Cli, CrawlArgs, FetchArgs, NOT_KEYS};
use crate::error::CliError;
use crate::nearest::nearest;
use crate::usage;

/// How many values a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// None: it is on or off.
    Nothing,
    /// One.
    One,
    /// A list.
    Many,
}

/// One flag of `fetch`, as a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// The long flag without its dashes; `url` for the positional arguments.
    pub(crate) name: String,
    /// The argument's id in its parser.
    pub(crate) id: String,
    /// How many values it takes.
    pub(crate) takes: Takes,
    /// What it is where nobody says.
    pub(crate) default: Option<String>,
    /// The topic it is listed under in the help.
    pub(crate) topic: String,
    aliases: Vec<String>,
}

/// Every key of a job, in the order of the help.
#[derive(Debug)]
pub(crate) struct Keys(Vec<Key>);

/// Keys whose values are secrets, in whole or in part.
const SECRET: &[&str] = &["user", "proxy", "header", "cookie", "data"];

/// Keys that cannot both be in force: setting one in a higher layer drops the other below.
const RIVALS: &[(&str, &str)] = &[
    ("fail-fast", "max-failures"),
    ("ipv4", "ipv6"),
    ("http1.1", "http2"),
    ("quiet", "verbose"),
    ("head", "data"),
    ("head", "method"),
    ("template", "format"),
];

impl Keys {
    /// Those of the `fetch` command.
    pub(crate) fn of_fetch() -> Self {
        Self::of(&FetchArgs::augment_args(Command::new("fetch")))
    }

    /// Those that the `crawl` command has beside them.
    pub(crate) fn of_crawl() -> Self {
        let fetch = Self::of_fetch();
        let mut crawl = Self::of(&CrawlArgs::augment_args(Command::new("crawl")));
        crawl.0.retain(|key| fetch.find(&key.name).is_none());
        crawl
    }

    /// Those of one command: all of them together take longer to build than one run's start may.
    fn of(command: &Command) -> Self {
        let keys = command.get_arguments().filter_map(|arg| {
            let name = match arg.get_long() {
                Some(long) => long.to_owned(),
                None => arg.get_id().to_string(),
            };
            (!NOT_KEYS.contains(&name.as_str())).then(|| Key {
                name,
                id: arg.get_id().to_string(),
                takes: match arg.get_action() {
                    ArgAction::Append => Takes::Many,
                    ArgAction::SetTrue => Takes::Nothing,
                    _ => Takes::One,
                },
                default: arg.get_default_values().first().map(|v| v.to_string_lossy().into()),
                topic: arg.get_help_heading().unwrap_or_default().to_owned(),
                aliases: arg
                    .get_all_aliases()
                    .unwrap_or_default()
                    .into_iter()
                    .map(str::to_owned)
                    .collect(),
            })
        });
        Self(keys.collect())
    }

    /// All, in the order of the help.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Key> {
        self.0.iter()
    }

    /// The key of this name, of an alias, or written with `_`.
    pub(crate) fn find(&self, name: &str) -> Option<&Key> {
        let name = name.replace('_', "-");
        // `headers = { a = "b" }` reads better in a file than `header = ["a: b"]`.
        let name = if name == "headers" { "header" } else { &name };
        self.0.iter().find(|key| key.name == name || key.aliases.iter().any(|alias| alias == name))
    }

    /// The known name that `typed` was meant to be.
    pub(crate) fn nearest(&self, typed: &str) -> Option<&str> {
        nearest(&typed.replace('_', "-"), self.0.iter().map(|key| key.name.as_str()))
    }
}

/// Whether values of this key must not be shown.
pub(crate) fn is_secret(key: &str) -> bool {
    SECRET.contains(&key)
}

/// The keys that cannot be in force beside this one.
pub(crate) fn rivals(key: &str) -> impl Iterator<Item = &'static str> {
    RIVALS.iter().filter_map(move |(a, b)| match key {
        key if key == *a => Some(*b),
        key if key == *b => Some(*a),
        _ => None,
    })
}

/// The arguments that say what these values of a key say. Positional ones come last, apart.
pub(crate) fn tokens(key: &Key, values: &[String]) -> Vec<OsString> {
    match key.takes {
        _ if key.name == "url" => values.iter().map(OsString::from).collect(),
        Takes::Nothing if values.iter().any(|value| value == "true") => {
            vec![format!("--{}", key.name).into()]
        }
        Takes::Nothing => Vec::new(),
        Takes::One | Takes::Many => {
            values.iter().map(|value| format!("--{}={value}", key.name).into()).collect()
        }
    }
}

/// Checks the values of one key, as the command line would.
///
/// # Errors
/// What the command line would say, under the key's name instead of the flag's.
pub(crate) fn check(key: &Key, values: &[String]) -> Result<(), CliError> {
    let mut argv = vec![OsString::from("gather"), OsString::from("fetch")];
    if key.name == "url" {
        argv.push("--".into());
    }
    argv.extend(tokens(key, values));
    let Err(error) = Cli::command().try_get_matches_from(&argv) else { return Ok(()) };
    let wrong = usage::from_clap(&error, &argv)
        .unwrap_or_else(|| CliError::usage(format!("{}: not valid", key.name), ""));
    let message = wrong.message.replacen(&format!("--{}", key.name), &key.name, 1);
    Err(CliError { message, ..wrong })
}
