//! `--print-job NAME`: the typed flags as a job for `gather.toml`.

use std::fmt::Write;

use clap::ArgMatches;

use crate::commands::config_show::redacted;
use crate::error::CliError;
use crate::keys::is_secret;
use crate::settings::{Origin, Settings, Typed};
use crate::to_toml;

/// The job's table.
///
/// # Errors
/// When the settings cannot be meant, or the name is empty.
pub(crate) fn text(name: &str, typed: Typed<'_>, matches: &ArgMatches) -> Result<String, CliError> {
    if name.is_empty() {
        return Err(CliError::usage("--print-job: a job needs a name", "write --print-job prices"));
    }
    let settings = Settings::load(typed, matches)?;
    let mut text = to_toml::table(&["job", name]);
    for setting in settings.all.iter().filter(|setting| setting.origin == Origin::Flag) {
        if is_secret(&setting.key.name) && setting.key.name != "data" {
            text.push_str("\n# a secret is better kept as \"${env:NAME}\" or \"${file:PATH}\"");
        }
        let values: Vec<String> = match setting.key.name.as_str() {
            "output" => setting.values.iter().map(|value| redacted("output", value)).collect(),
            _ => setting.values.clone(),
        };
        if values != setting.values {
            text.push_str(
                "\n# in place of ***: \"${env:NAME}\" for the whole, or export PGPASSWORD",
            );
        }
        let line = to_toml::line(&setting.key, &values);
        write!(text, "\n{line}").expect("a string takes everything");
    }
    Ok(text)
}
