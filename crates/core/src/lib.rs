//! The decisions of gather: what to fetch next, when, how often, and what its result is.
//!
//! No IO, no async, no clock and no unseeded randomness: time and seeds are arguments, so a run
//! can be simulated and replayed.

pub mod address;
pub mod attempt;
pub mod cache;
pub mod classify;
pub mod config;
pub mod crawl;
pub mod exchange;
pub mod field;
pub mod frontier;
pub mod health;
pub mod human;
pub mod kind;
mod politeness;
pub mod record;
pub mod retry;
pub mod retry_after;
pub mod robots;
pub mod target;
pub mod time;
pub mod watch;

pub use address::{AddressPolicy, Provenance};
pub use attempt::{Attempt, End, Failure, Sent, Timings};
pub use classify::{Step, Verdict, classify};
pub use config::Config;
pub use exchange::Exchange;
pub use field::{FieldValue, FieldValues};
pub use frontier::Frontier;
pub use health::{Finding, Health};
pub use kind::ErrorKind;
pub use record::{Held, Outcome, Record, RecordError};
pub use target::{HostKey, Method, RequestSpec, Scheme, Target, TargetNo};
pub use time::{Duration, Time};
