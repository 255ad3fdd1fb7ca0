//! Whole runs against real servers: what comes out, and that every input has exactly one record.

mod accounting;
mod bed;
mod redirects;
mod refusals;
