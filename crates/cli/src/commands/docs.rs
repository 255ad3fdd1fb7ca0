//! Completions and manual pages, from the same list of flags as the help.

use clap::CommandFactory;

use crate::args::Cli;
use crate::error::CliError;

/// The completions for a shell.
pub(crate) fn completions(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "gather", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The manual page of the program, or of one command, in roff.
///
/// # Errors
/// When there is no such command.
pub(crate) fn man(command: Option<&str>) -> Result<String, CliError> {
    let mut cli = Cli::command();
    cli.build();
    let page = match command {
        None => cli,
        Some(name) => {
            let names: Vec<&str> = cli.get_subcommands().map(clap::Command::get_name).collect();
            let missing = CliError::usage(
                format!("there is no command '{name}'"),
                format!("there are: {}", names.join(", ")),
            );
            cli.find_subcommand(name).ok_or(missing)?.clone()
        }
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(page)
        .render(&mut text)
        .map_err(|error| CliError::fault(format!("cannot write the manual page: {error}")))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
