//! Where records go: sinks with write and commit, and a store for bodies.
//!
//! Everything here blocks and runs on the one writer thread (bodies: on a blocking thread). It
//! knows records, files and formats, and nothing of HTTP.

mod bodies;
mod csv;
mod error;
mod fields;
mod json;
mod jsonl;
mod output;
mod page;
mod parquet;
mod postgres;
#[cfg(test)]
mod samples;
mod seen;
mod sink;
mod sqlite;
mod text;
mod value;
mod xlsx;

pub use bodies::{BodyFile, BodyStore, Stored};
pub use error::{SinkError, SinkErrorKind};
pub use fields::{Field, Fields, FieldsError};
pub use jsonl::Encoder;
pub use seen::{Met, Seen, SeenLimits};
pub use sink::{
    CsvBom, DatabaseUrl, Durability, Existing, Format, OutputSpec, OutputTarget, Position, RunInfo,
    Sink, open, open_all,
};
pub use text::{Template, TemplateError, TemplatePart};
pub use value::{member_text, moment_text};
