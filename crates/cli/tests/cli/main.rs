//! The real binary, from the outside: what it prints, what it writes, how it exits.

mod addresses;
mod bench;
mod check;
mod config;
mod docs;
mod export;
mod fetch;
mod report;
mod usage;
