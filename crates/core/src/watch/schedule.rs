//! When a job is due.

use crate::time::Time;

/// Moments of a calendar.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule;

impl Schedule {
    /// The first moment after this one.
    pub fn next(&self, _after: Time) -> Option<Time> {
        None
    }
}
