//! Why a source cannot be read: our own faults and the user's, never a single bad line.

use std::fmt;
use std::io;

/// A source that cannot be opened or read on.
#[derive(Debug)]
#[non_exhaustive]
pub enum SourceError {
    /// Neither an argument nor a file was given.
    Nothing,
    /// A file cannot be opened.
    Open {
        /// The file, as named.
        file: String,
        /// What the system said.
        error: io::Error,
    },
    /// Reading failed on the way.
    Read {
        /// The file, as named.
        file: String,
        /// The last line that was read whole; 0 if none was.
        line: u64,
        /// What the system or the gzip decoder said.
        error: io::Error,
    },
    /// A positional argument is a file.
    ArgumentIsFile {
        /// The argument.
        argument: String,
    },
    /// A template cannot be understood or filled.
    Template {
        /// The template.
        text: String,
        /// The character in it, from 1.
        position: usize,
        /// What is wrong there, and what to do.
        message: String,
    },
    /// The file is not of the form it should have.
    Form {
        /// The file, as named.
        file: String,
        /// What is wrong and what to do.
        message: String,
    },
    /// Inputs are not those that the run which goes on has read.
    Changed {
        /// The file, as named; empty for arguments.
        file: String,
        /// The line of the first input among which there is a change.
        first_line: u64,
        /// The line of the last one.
        last_line: u64,
    },
    /// There are fewer inputs than the run which goes on has read.
    Shorter {
        /// As many as there are.
        inputs: u64,
        /// As many as there were.
        read_before: u64,
    },
    /// Standard input could not be kept in a file, to be read again after a kill.
    Spool {
        /// That file.
        file: String,
        /// What the system said.
        error: io::Error,
    },
    /// The pages that a crawl found could not be kept in a file.
    Pages {
        /// That file; empty for a temporary one.
        file: String,
        /// What the system said.
        error: io::Error,
    },
    /// What equal requests are answered with could not be kept in a file, or read back.
    Repeats {
        /// That file; empty for a temporary one.
        file: String,
        /// What the system said.
        error: io::Error,
    },
    /// Targets that must wait could not be put on disk or read back.
    Spill(io::Error),
}

impl SourceError {
    /// Whether what was typed is at fault (exit code 3) and not the machine (exit code 1).
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Nothing
            | Self::Open { .. }
            | Self::ArgumentIsFile { .. }
            | Self::Template { .. }
            | Self::Form { .. }
            | Self::Changed { .. }
            | Self::Shorter { .. } => true,
            // Changed, and not by us.
            Self::Pages { error, .. } | Self::Repeats { error, .. } => {
                matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
            }
            Self::Read { .. } | Self::Spill(_) | Self::Spool { .. } => false,
        }
    }

    /// What the user can do about it, where that is not part of the message.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Nothing => Some("give URLs, or a file of them with -i FILE".into()),
            Self::Open { error, .. } => match error.kind() {
                io::ErrorKind::NotFound => Some("check the path given with -i".into()),
                io::ErrorKind::PermissionDenied => Some("make the file readable".into()),
                io::ErrorKind::IsADirectory => Some("name a file in it".into()),
                _ => None,
            },
            Self::ArgumentIsFile { argument } => Some(format!("use -i {argument}")),
            Self::Changed { .. } | Self::Shorter { .. } => Some(
                "put the input back as it was (lines may be added at its end), or begin again \
                 with --overwrite"
                    .into(),
            ),
            Self::Spool { .. } => {
                Some("free some space, or do without a journal: --no-journal".into())
            }
            Self::Pages { error, .. } => Some(match error.kind() {
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                    "the crawl cannot go on: begin again with --overwrite".into()
                }
                _ => "free some space, then go on with --resume".into(),
            }),
            Self::Repeats { error, .. } => Some(match error.kind() {
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                    "the run cannot go on: begin again with --overwrite".into()
                }
                _ => "free some space, then go on with --resume".into(),
            }),
            Self::Spill(_) => Some("free some space, or set TMPDIR to a larger disk".into()),
            Self::Read { .. } | Self::Template { .. } | Self::Form { .. } => None,
        }
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing to fetch"),
            Self::Open { file, error } => write!(f, "cannot read {file}: {error}"),
            Self::Read { file, line, error } => {
                write!(f, "reading {file} failed after line {line}: {error}")
            }
            Self::ArgumentIsFile { argument } => write!(f, "{argument} is a file, not a URL"),
            Self::Template { text, position, message } => {
                write!(f, "template {text:?}, character {position}: {message}")
            }
            Self::Form { file, message } => write!(f, "{file}: {message}"),
            Self::Changed { file, first_line, last_line } => {
                match file.as_str() {
                    "" => write!(f, "arguments {first_line} to {last_line}")?,
                    "-" => write!(f, "standard input, lines {first_line} to {last_line}")?,
                    file => write!(f, "{file}, lines {first_line} to {last_line}")?,
                }
                f.write_str(" are not what this run has read there before")
            }
            Self::Shorter { inputs, read_before } => write!(
                f,
                "the input ends after {inputs} targets, and this run had read {read_before}"
            ),
            Self::Spool { file, error } => {
                write!(f, "cannot keep standard input in {file}: {error}")
            }
            Self::Pages { file, error } if file.is_empty() => {
                write!(f, "cannot keep the pages found in a temporary file: {error}")
            }
            Self::Pages { file, error } => {
                write!(f, "cannot keep the pages found in {file}: {error}")
            }
            Self::Repeats { file, error } => {
                let file = if file.is_empty() { "a temporary file" } else { file };
                match error.kind() {
                    io::ErrorKind::StorageFull => {
                        write!(f, "no space left for {file}, which keeps records for --dedup")
                    }
                    io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                        write!(
                            f,
                            "{file}, which keeps records for --dedup, has been changed: {error}"
                        )
                    }
                    _ => write!(f, "cannot write {file}, which keeps records for --dedup: {error}"),
                }
            }
            Self::Spill(error) => write!(f, "cannot set waiting targets aside on disk: {error}"),
        }
    }
}

impl std::error::Error for SourceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Open { error, .. }
            | Self::Read { error, .. }
            | Self::Spool { error, .. }
            | Self::Pages { error, .. }
            | Self::Repeats { error, .. }
            | Self::Spill(error) => Some(error),
            _ => None,
        }
    }
}
