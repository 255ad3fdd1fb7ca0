//! Where records go: sinks with write and commit, and a store for bodies.
//!
//! Everything here blocks and runs on the one writer thread (bodies: on a blocking thread). It
//! knows records, files and formats, and nothing of HTTP.

mod bodies;
mod csv;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod database;
mod error;
mod fields;
pub mod journal;
mod json;
mod jsonl;
mod output;
mod page;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(feature = "postgres")]
mod postgres;
pub mod read;
#[cfg(test)]
mod samples;
mod sink;
mod sorted;
mod spool;
#[cfg(feature = "sqlite")]
mod sqlite;
mod survey;
mod text;
mod value;
#[cfg(feature = "xlsx")]
mod xlsx;

pub use bodies::{BodyFile, BodyStore, Stored};
pub use error::{SinkError, SinkErrorKind};
pub use fields::{Field, Fields, FieldsError};
pub use jsonl::Encoder;
pub use sink::{
    CsvBom, DatabaseUrl, Durability, Existing, Format, OutputSpec, OutputTarget, Position, RunInfo,
    Sink, open, open_all,
};
pub use spool::discard;
pub use text::{Template, TemplateError, TemplatePart};
pub use value::{member_text, moment_text};
