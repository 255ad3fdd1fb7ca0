//! The real binary, from the outside: what it prints, what it writes, how it exits.

mod archive;
mod bench;
mod config;
mod docs;
mod fetch;
mod usage;
