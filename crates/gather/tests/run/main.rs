//! Whole runs against real servers: what comes out, and that every input has exactly one record.

mod accounting;
mod bed;
mod dead_hosts;
mod limits;
mod memory;
mod outputs;
mod reading;
mod redirects;
mod refusals;
mod stops;
