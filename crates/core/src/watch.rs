//! Decisions of a watch: when targets are due, what a check says of their state, what failures have
//! in common. Moments here count from the Unix epoch.

mod agenda;
mod incident;
mod network;
mod schedule;
mod state;
mod uptime;
mod words;

pub use agenda::{Agenda, Next, Start, slots};
pub use incident::{Change, Correlator, Factor, FactorKind, SETTLE, Standing};
pub use network::{FAILING_PERCENT, HOSTS_MIN, Network, NetworkChange, WINDOW};
pub use schedule::{
    BadSchedule, Cron, Days, Every, Schedule, Window, Windows, Zones, parse_cron, parse_every,
    parse_window,
};
pub use state::{Machine, Policy, Reaction, Seen, Transition};
pub use uptime::{Condition, Uptime};
pub use words::{Check, Missed, MissedCause, State, WatchedNo};
