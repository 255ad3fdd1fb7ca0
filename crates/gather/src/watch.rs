//! Jobs on their schedules: targets checked each in its slots, lists fetched as runs, what goes wrong
//! confirmed, seen together, remembered and told.
//!
//! | what | where |
//! |---|---|
//! | when a target is due, and what its checks say of it | `gather_core::watch`, pure |
//! | the one thread that decides | `scheduler.rs`, `answers.rs`, `lists.rs`, `jobs.rs`, `whole.rs` |
//! | what failures have in common, and who is told | `outages.rs`, `tell.rs`, [`crate::alerts`] |
//! | the thread that writes | `keeper.rs`, [`gather_store::history`] |
//! | checks | an [`Engine`](crate::Engine) for each set of settings |
//!
//! Nothing but the scheduler's thread has a state that decides, and it waits for nobody: a list is read,
//! a target numbered and a batch written on other threads.

mod answers;
mod handle;
mod happening;
mod incidents;
mod jobs;
mod judged;
mod keeper;
mod lists;
mod maintain;
mod metrics;
mod missed;
mod outages;
mod pulse;
mod reload;
mod roster;
mod runs;
mod scheduler;
mod spec;
mod tell;
mod values;
mod waiting;
mod watched;
mod whole;

pub use handle::{Watch, WatchError};
pub use metrics::{Metrics, MetricsFormat};
pub use reload::{Refused, Reloaded};
pub use roster::{ListError, ListFrom, ListSpec, count};
pub use spec::{
    After, Begin, Bodies, Canary, EngineSpec, Fitting, JobSchedule, JobSpec, Liveness, Prepared,
    RunKind, RunWork, Start, TargetMetrics, WatchOptions, Work,
};
