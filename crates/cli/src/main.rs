//! The binary `gather`: arguments -> settings -> configuration -> command.

use std::process::ExitCode;

mod again;
mod args;
mod commands;
mod config_file;
mod demo;
mod error;
mod keys;
mod nearest;
mod outcome;
mod progress;
mod reference;
mod report_file;
mod resolve;
mod run;
mod settings;
mod signals;
mod summary;
mod talk;
mod to_toml;
mod usage;
mod values;

use gather::human;

fn main() -> ExitCode {
    let argv: Vec<_> = std::env::args_os().collect();
    let format = talk::format_of(&argv);
    match commands::run(argv) {
        Ok(code) => code,
        Err(error) => {
            talk::error(&error, format);
            ExitCode::from(error.code)
        }
    }
}
