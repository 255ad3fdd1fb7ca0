//! `gather notify test`: one message over a channel, and what came of it.

use std::process::ExitCode;

use gather::alerts::send_test;
use gather::fetch::NetOptions;

use crate::args::NotifyTestArgs;
use crate::error::{CliError, EXIT_FAULT};
use crate::resolve::jobs;

/// Sends a test message.
///
/// # Errors
/// When there is no such channel, or it cannot be used.
pub(crate) fn test(args: &NotifyTestArgs) -> Result<ExitCode, CliError> {
    let file = jobs::read_file(args.config.as_deref())?;
    let channel = jobs::channel(&file, &args.name)?;
    let tested = send_test(&channel, NetOptions::default())
        .map_err(|error| CliError::of_library(EXIT_FAULT, &error))?;
    super::print(&tested.to_string())?;
    Ok(if tested.answer.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(crate::error::EXIT_FAILED)
    })
}
