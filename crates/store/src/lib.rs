//! Where records go: sinks with write and commit, and a store for bodies.
//!
//! Everything here blocks and runs on the one writer thread (bodies: on a blocking thread). It
//! knows records, files and formats, and nothing of HTTP.

mod aside;
mod bodies;
#[cfg(feature = "sqlite")]
mod cache;
mod csv;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod database;
mod error;
mod fields;
#[cfg(feature = "history")]
pub mod history;
pub mod journal;
mod json;
mod jsonl;
mod near;
#[cfg(not(feature = "sqlite"))]
mod no_cache;
mod output;
mod page;
#[cfg(feature = "parquet")]
mod parquet;
mod pile;
#[cfg(feature = "postgres")]
mod postgres;
pub mod read;
mod rows;
#[cfg(test)]
mod samples;
mod seen;
mod sink;
mod sorted;
mod spool;
#[cfg(feature = "sqlite")]
mod sqlite;
mod survey;
mod text;
mod value;
mod warc;
#[cfg(feature = "xlsx")]
mod xlsx;

pub use aside::{Answers, Aside, Repeats, remove_aside};
pub use bodies::{BodyFile, BodyStore, Stored};
#[cfg(feature = "sqlite")]
pub use cache::{CacheReader, CacheWriter, open_cache};
pub use error::{SinkError, SinkErrorKind};
pub use fields::{Beside, Field, Fields, FieldsError};
pub use jsonl::Encoder;
pub use near::Near;
#[cfg(not(feature = "sqlite"))]
pub use no_cache::{CacheReader, CacheWriter, open_cache};
pub use output::sync_name;
pub use pile::Pile;
pub use seen::{Mark, Met, Seen, SeenLimits};
pub use sink::{
    CsvBom, DatabaseUrl, Durability, Existing, Format, OutputSpec, OutputTarget, Position, RunInfo,
    Sink, WarcCompression, open, open_all,
};
pub use spool::discard;
pub use text::{Template, TemplateError, TemplatePart};
pub use value::{member_text, moment_text};
pub use warc::{WarcError, WarcErrorReason, WarcReader, WarcRecord};
