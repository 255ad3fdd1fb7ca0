//! Where targets come from: arguments, lists, CSV, JSONL and streams become numbered items.
//!
//! [`open`] makes a [`Source`] of a [`SourceSpec`]; [`intake`] reads it ahead and feeds the shards.
//! Everything here blocks and belongs on threads of its own, never on an event loop.

use std::path::PathBuf;
use std::sync::Arc;

use gather_core::ErrorKind;
use gather_core::config::Caps;
use gather_core::target::{HostKey, Place, RequestSpec, Target, TargetNo};
use url::Url;

mod arguments;
mod batch;
mod csv;
mod error;
mod file;
mod gunzip;
mod inputs;
pub mod intake;
mod jsonl;
mod ledger;
mod lines;
mod list;
mod own_rules;
pub(crate) mod parse;
mod plan;
mod rows;
mod scan;
mod spool;
mod stream;
mod template;
#[cfg(test)]
mod tests;

pub use error::SourceError;
pub use inputs::open;
pub(crate) use inputs::{open_on, verify};
#[cfg(feature = "crawl")]
pub(crate) use ledger::Ledger;
pub(crate) use ledger::{Finished, InputLog};
pub use scan::{Scan, scan};
pub use spool::Spool;
pub(crate) use spool::remove as remove_spool;
pub use stream::{from_iter, from_targets};

/// What is to be read, and how: the input half of a command or job.
#[derive(Clone, Debug, Default)]
pub struct SourceSpec {
    /// URLs given as arguments, read before the files. They may hold templates.
    pub arguments: Vec<String>,
    /// Files, read in this order.
    pub files: Vec<InputFile>,
    /// The column or member that holds the URL; found by name or content if `None`.
    pub url_field: Option<String>,
    /// A URL template filled from each row of the files (`https://a.example/{symbol}`).
    pub template: Option<String>,
    /// What a URL without a scheme means.
    pub scheme: SchemeChoice,
    /// Reading ends after so many items, broken ones included.
    pub limit: Option<u64>,
    /// Which rows of a results file are read; all if `None`.
    pub only: Option<OnlyFailed>,
    /// Given to every target that does not say otherwise; headers and body may hold templates.
    pub default_request: Option<Arc<RequestSpec>>,
    /// Where standard input is kept while it is read, if anywhere. A run with a journal sets it.
    pub spool: Option<Spool>,
    /// `url_bytes_max` and `line_bytes_max` are applied here.
    pub caps: Caps,
}

/// A file of inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFile {
    /// Where it is.
    pub path: InputPath,
    /// How its bytes are to be understood, after gzip is undone.
    pub format: Format,
}

/// Where a file of inputs is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputPath {
    /// Standard input, named `-`.
    Stdin,
    /// A file, pipe or device.
    File(PathBuf),
    /// A text that is there already.
    Text {
        /// What it is called in errors.
        name: Arc<str>,
        /// What would stand in the file.
        text: Arc<str>,
    },
}

impl InputPath {
    /// As named on a command line: `-` is standard input.
    pub fn named(name: impl Into<PathBuf>) -> Self {
        let path = name.into();
        if path.as_os_str() == "-" { Self::Stdin } else { Self::File(path) }
    }
}

/// How a file of inputs is to be understood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// By its extension (`.csv`, `.tsv`, `.jsonl`, `.ndjson`), else by its first byte.
    #[default]
    Auto,
    /// One URL a line; blank lines and lines that start with `#` are no inputs.
    List,
    /// A header row, then a row per target (RFC 4180).
    Csv,
    /// A JSON object a line; a results file of gather is one.
    Jsonl,
}

/// What a URL without a scheme means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SchemeChoice {
    /// https, marked as a guess: the engine may fall back to http.
    #[default]
    Auto,
    /// https.
    Https,
    /// http.
    Http,
}

/// Which rows of a results file are fetched again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OnlyFailed {
    /// A kind (`timeout.connect`) or a family of kinds (`timeout`).
    ///
    /// If `None`: everything that was tried and failed, and what was given up without a fault of
    /// its own (`cancelled`, `host.parked`, `interrupted`).
    pub kind: Option<String>,
}

/// One input, read.
#[derive(Clone, Debug)]
pub enum Item {
    /// It can be fetched.
    Target(Target),
    /// It cannot; it becomes a skipped record.
    Broken(Broken),
}

/// An input as it is read ahead.
#[derive(Clone, Debug)]
pub enum Ahead {
    /// It was read to its end.
    Item(Item),
    /// It can be fetched, and its URL is yet to be parsed.
    Unparsed(Unparsed),
}

/// A target of which only the host is known apart from its text. Most targets of a long list are set
/// aside as text before their turn comes: they are parsed then, and not before as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unparsed {
    /// Its ordinal in the run.
    pub n: TargetNo,
    /// Who to be polite to.
    pub host: HostKey,
    /// Its URL, spelled as a parsed one.
    pub text: Box<str>,
}

impl Ahead {
    /// What [`Source::read`] would have given.
    pub(crate) fn parsed(self) -> Item {
        match self {
            Self::Item(item) => item,
            Self::Unparsed(Unparsed { n, host, text }) => {
                let url = Url::parse(&text).expect("it is spelled as a parsed one");
                Item::Target(Target::of_host(n, url, host))
            }
        }
    }
}

/// An input that is no target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Its ordinal, from the same count as those of targets.
    pub n: TargetNo,
    /// Where it stands.
    pub place: Place,
    /// Its text, at most [`EXCERPT_BYTES_MAX`] of it; bytes that are not UTF-8 are replaced.
    pub input: Box<str>,
    /// `input.invalid`, `input.too_long` or `blocked.scheme`.
    pub kind: ErrorKind,
    /// For people: lower case, no full stop.
    pub message: Box<str>,
}

/// How much of a broken input its record shows.
pub const EXCERPT_BYTES_MAX: usize = 200;

/// Whether there may be more to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Ask again.
    More,
    /// The source is exhausted; asking again changes nothing.
    End,
}

/// A sequence of items, numbered in reading order from 0.
pub trait Source: Send {
    /// Appends at most `max` items (at least 1) to `into`, blocking until there is one.
    ///
    /// Returns early rather than wait with items in hand, so that what came through a slow pipe is
    /// seen at once. An `Err` is final: a broken input is an [`Item::Broken`], not an error.
    fn read(&mut self, into: &mut Vec<Item>, max: usize) -> Result<Progress, SourceError>;

    /// The same for somebody who sets most of it aside.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn read_ahead(&mut self, into: &mut Vec<Ahead>, max: usize) -> Result<Progress, SourceError> {
        let mut items = Vec::new();
        let progress = self.read(&mut items, max);
        into.extend(items.into_iter().map(Ahead::Item));
        progress
    }

    /// Whether its targets may have rules of their own: [`RequestSpec::extract`].
    fn may_have_rules(&self) -> bool {
        true
    }
}
