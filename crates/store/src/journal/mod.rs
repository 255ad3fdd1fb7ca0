//! The journal of a run: what is finished and committed, so that a killed run can go on.
//!
//! A SQLite database beside the outputs, in WAL mode with `synchronous=FULL`, locked by the one
//! process that writes it. It is never ahead of the sinks: they are made durable first, then one
//! transaction of the journal says so. It holds no record and no secret.
//!
//! # Format 1
//!
//! `PRAGMA application_id` is [`APPLICATION_ID`], `PRAGMA user_version` the format. Moments are
//! microseconds since 1970. Every row ends with `sum`: the XXH3-64 (seed 0), as a signed integer,
//! of its other columns in their order. Of each column first its length goes in, as eight bytes,
//! little endian, then its bytes: text as UTF-8, blobs as they are, integers as eight bytes, little
//! endian, NULL as nothing.
//!
//! | table | row | columns |
//! |---|---|---|
//! | `run` | the run; one row | `id` as in [`RunInfo`](crate::RunInfo), `started_us`, `program` that began it, `salt` of the secrets below |
//! | `setting` | a setting that decides what the records say | `name`, `value`; `secret` is 1 where `value` is only the hexadecimal SHA-256 of salt, name, a zero byte and value |
//! | `sink` | an output, by the name the user gave it | `name`, `parts`, `bytes`, `records`: its committed [`Position`] |
//! | `state` | how far the run is; one row, replaced by each commit | `commits` so far; `prefix`: all inputs before this one are finished, a multiple of [`CHUNK_BITS`]; `done`: finished inputs in all; `inputs`: read so far; `read_to_end`: 1 if those are all; `finished`: 1 if every input has its record and all outputs are closed; `sums`: the account of all committed records, as JSON |
//! | `done` | [`CHUNK_BITS`] inputs from `chunk` x that, from `prefix` on, unless none of them is finished | `chunk`, `bits`: 512 bytes, bit `n % 8` (1 is the lowest) of byte `n / 8` is set where input `n` of the chunk is finished |
//! | `input` | [`BLOCK_ITEMS`] inputs from `block` x that; the last row may have fewer | `block`, `items`, `hash`: the XXH3-64 of what they say, each preceded by its length as eight bytes, little endian; `source` (empty for arguments) and `line` of the first |
//! | `begun` | an input whose request may not be repeated was about to be sent | `n` |
//! | `host` | what politeness owes a host that was closed, parked or is slow by its rate | `host`, `state`: JSON, with moments |
//!
//! What an input says is its line without the white space around it, the text of its row of a table,
//! or the argument as typed, once for each URL that comes of it. Before the first of a table go its
//! columns, and before the first of any file the URL templates that its rows fill, in the same way.
//!
//! A position is that of the sink after its last committed record, and an input is finished only
//! if its record stands before that position.

use std::collections::BTreeSet;
use std::sync::Arc;

#[cfg(not(feature = "sqlite"))]
#[path = "absent.rs"]
mod book;
#[cfg(feature = "sqlite")]
mod book;
#[cfg(feature = "sqlite")]
mod db;
mod done;
mod error;
#[cfg(feature = "sqlite")]
mod kept;
#[cfg(feature = "sqlite")]
mod load;
#[cfg(feature = "sqlite")]
mod lock;
mod roll;
mod settings;
#[cfg(feature = "sqlite")]
mod sum;
#[cfg(all(test, feature = "sqlite"))]
mod tests;

pub use self::book::Journal;
pub use self::done::Done;
pub use self::error::{JournalError, JournalErrorKind};
pub use self::roll::Roll;
pub use self::settings::{Change, Setting, SettingValue, Shown};
use crate::sink::Position;

/// `PRAGMA application_id` of a journal: "gthr".
pub const APPLICATION_ID: i32 = 0x6774_6872;
/// The format this build reads and writes.
pub const FORMAT: i32 = 1;
/// Inputs in one chunk of the bitmap.
pub const CHUNK_BITS: u64 = 4_096;
/// Inputs in one block that is checked as a whole.
pub const BLOCK_ITEMS: u64 = 1_024;

/// What a journal holds beside its bitmap, for a run that goes on.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// The inputs that were read, in blocks.
    pub blocks: Vec<Block>,
    /// Whether those were all.
    pub read_to_end: bool,
    /// The account of all committed records, as it was given.
    pub sums: Box<str>,
    /// What politeness owes to hosts.
    pub hosts: Vec<HostRow>,
    /// Inputs whose request was about to be sent and may not be repeated, and that have no record.
    pub begun: BTreeSet<u64>,
}

/// Inputs that follow each other, at most [`BLOCK_ITEMS`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Which block, from 0.
    pub block: u64,
    /// How many inputs it has so far.
    pub items: u64,
    /// The XXH3-64 of what they say.
    pub hash: u64,
    /// Where the first one stands: the file as named, empty for arguments.
    pub source: Arc<str>,
    /// And its line.
    pub line: u64,
}

/// What politeness owes a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRow {
    /// Scheme, host and port.
    pub host: Box<str>,
    /// Its clocks as JSON; `None` where nothing is owed any more.
    pub state: Option<Box<str>>,
}

/// What has happened since the last commit.
#[derive(Debug, Default)]
pub struct Commit<'a> {
    /// Inputs whose records all sinks have made durable.
    pub finished: &'a [u64],
    /// The positions of the sinks behind those records, by name.
    pub positions: &'a [(Box<str>, Position)],
    /// Blocks of inputs that were read, the last of them perhaps in part, in their order.
    pub blocks: &'a [Block],
    /// Whether the inputs were read to their end.
    pub read_to_end: bool,
    /// The account of all committed records, as JSON.
    pub sums: &'a str,
    /// Hosts whose clocks have changed.
    pub hosts: &'a [HostRow],
    /// Inputs whose request is about to be sent and may not be repeated.
    pub begun: &'a [u64],
    /// Inputs of those whose request may be repeated after all.
    pub over: &'a [u64],
}
