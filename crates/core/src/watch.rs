//! Decisions of a watch: when targets are due, what a check says of their state, what failures have
//! in common. Moments here count from the Unix epoch.

mod words;

pub use words::{Check, Missed, MissedCause, State, WatchedNo};
