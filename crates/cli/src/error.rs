//! How the program fails: one line that says what and where, one that says what to do, a code.

use std::fmt;

/// Our own fault: IO, a full disk, a defect.
pub(crate) const EXIT_FAULT: u8 = 1;
/// Finished, and some targets failed.
pub(crate) const EXIT_FAILED: u8 = 2;
/// The command line or the configuration cannot be meant.
pub(crate) const EXIT_USAGE: u8 = 3;
/// Stopped by `--fail-fast`, `--max-failures` or `--deadline`.
pub(crate) const EXIT_STOPPED: u8 = 4;

/// Why the program ends without doing what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CliError {
    /// The exit code.
    pub(crate) code: u8,
    /// What is wrong, and where: one line.
    pub(crate) message: String,
    /// The place in a file, drawn.
    pub(crate) snippet: Option<String>,
    /// What to do.
    pub(crate) hint: Option<String>,
}

impl CliError {
    /// A fault of the command line or the configuration.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        let hint: String = hint.into();
        Self {
            code: EXIT_USAGE,
            message: message.into(),
            snippet: None,
            hint: (!hint.is_empty()).then_some(hint),
        }
    }

    /// What a library says in one line, split into what is wrong and what to do.
    pub(crate) fn of_library(code: u8, error: &dyn fmt::Display) -> Self {
        let text = error.to_string();
        let (message, hint) = text.split_once("; hint: ").unwrap_or((&text, ""));
        Self { code, ..Self::usage(message, hint) }
    }

    /// A fault of ours or of the machine.
    pub(crate) fn fault(message: impl Into<String>) -> Self {
        Self { code: EXIT_FAULT, message: message.into(), snippet: None, hint: None }
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        if let Some(snippet) = &self.snippet {
            write!(f, "\n{snippet}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for CliError {}
