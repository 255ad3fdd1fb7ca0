//! `gather init`: a commented `gather.toml` to start from.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use crate::error::CliError;

/// The file it writes: everything in it is a comment or a default.
pub(crate) const TEMPLATE: &str = include_str!("gather.toml");

/// Writes the file; one that exists is left alone.
///
/// # Errors
/// When it exists or cannot be written.
pub(crate) fn init(path: &Path) -> Result<ExitCode, CliError> {
    let opened = OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = opened.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => CliError::usage(
            format!("{} exists and is left as it is", path.display()),
            "name another: gather init FILE",
        ),
        _ => CliError::usage(format!("cannot write {}: {error}", path.display()), ""),
    })?;
    file.write_all(TEMPLATE.as_bytes())
        .map_err(|error| CliError::fault(format!("cannot write {}: {error}", path.display())))?;
    eprintln!("wrote {}; try: gather config show", path.display());
    Ok(ExitCode::SUCCESS)
}
