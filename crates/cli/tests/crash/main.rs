//! Runs killed at every durable system call and at random moments, full disks, failing syncs,
//! damaged journals, a power cut: after each the run goes on, and an independent check counts what
//! was lost, doubled or unexpected.
//!
//! The table of outputs is in `sinks.rs`; each has its row in every test. `cargo xtask crash` runs
//! the long form.

mod bed;
mod calls;
mod check;
mod crawl;
mod damage;
mod faults;
mod kills;
mod others;
mod power;
mod sinks;
mod watch;
