//! Whole runs against real servers: what comes out, and that every input has exactly one record.

#![expect(clippy::disallowed_methods, reason = "a test has no loop to stall")]

mod accounting;
mod archive;
mod bed;
mod cache;
mod dead_hosts;
#[cfg(feature = "extract")]
mod extraction;
mod limits;
mod live;
mod memory;
mod outputs;
mod reading;
mod redirects;
mod refusals;
mod robots;
mod shortage;
mod stops;
mod transport;
