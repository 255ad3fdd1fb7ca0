//! Jobs on their schedules.

mod roster;

pub use roster::{ListError, ListFrom, ListSpec};
