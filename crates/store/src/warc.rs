//! WARC 1.1 (ISO 28500:2017): every exchange of a run in one append-only file, found by its offset.
//!
//! For each target, in this order: a `request` and a `response` record for each redirect whose
//! exchange is at hand and for the last answer, and one `metadata` record with the members of the
//! target's record. A target without an answer has its `metadata` record alone. A body that was
//! stored before is a `revisit` record. The first record is a `warcinfo`.
//!
//! With `.gz` each record is a gzip member of its own, so that any of them can be read alone.

mod file;
mod head;
mod payloads;
mod read;
mod sink;

pub use read::{WarcError, WarcErrorReason, WarcReader, WarcRecord};
pub(crate) use sink::{first_part, open};

#[cfg(test)]
mod tests;
