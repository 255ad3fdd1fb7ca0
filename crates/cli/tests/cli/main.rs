//! The real binary, from the outside: what it prints, what it writes, how it exits.

mod addresses;
mod archive;
mod bench;
mod changes;
mod check;
mod config;
mod crawl;
mod databases;
mod dedup;
mod docs;
mod examples;
mod export;
mod extract;
mod extract_stored;
mod faults;
mod fetch;
mod prometheus;
mod report;
mod resume;
mod usage;
mod verify;
mod verify_formats;
mod watch;
