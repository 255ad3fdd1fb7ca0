//! Decisions of a watch: when targets are due, what a check says of their state, what failures have
//! in common. Moments here count from the Unix epoch.

mod agenda;
mod schedule;
mod words;

pub use agenda::{Agenda, INTERVAL_MIN, Next, SLOTS_COUNTED_MAX, Start, Timing};
pub use schedule::Schedule;
pub use words::{Check, Missed, MissedCause, State, WatchedNo};
