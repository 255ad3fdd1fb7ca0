//! The binary `gather`: arguments -> settings -> configuration -> command.

use std::process::ExitCode;

mod args;
mod commands;
mod config_file;
mod error;
mod keys;
mod nearest;
mod reference;
mod resolve;
mod settings;
mod to_toml;
mod usage;
mod values;

fn main() -> ExitCode {
    match commands::run(std::env::args_os().collect()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(error.code)
        }
    }
}
