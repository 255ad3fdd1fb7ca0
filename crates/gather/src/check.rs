//! A check of health: what a run's settings are for it, and how each record is judged.

mod expect;
mod json;

use gather_core::frontier::HostTrust;
use gather_core::{Config, Finding, Record, health};
use gather_fetch::{Keep, KeepBody, KeepHeaders};

use crate::writer::Judge;

pub use expect::{Expect, ExpectError};

/// Requests in flight at once, where nothing else is asked for: most of a check is waiting.
pub const CONCURRENCY: u32 = 500;
/// Seconds that one try may take, where nothing else is asked for.
pub const TIMEOUT_S: u64 = 5;

/// Prepares a run for checking: no host is held back for being silent, since that is the result,
/// and what the judge looks at is kept.
pub fn prepare(config: &mut Config, keep: &mut Keep, expected: &[Expect]) {
    config.trust = HostTrust::Given;
    // Protections in front of a site are told by their headers.
    keep.headers = KeepHeaders::All;
    if expected.iter().any(Expect::needs_body) {
        keep.body = KeepBody::All;
    }
}

/// Judges each record by what it is and by what is expected of it; the worst finding counts.
pub fn judge(expected: Vec<Expect>) -> Judge {
    Box::new(move |record| record.health = Some(Box::new(find(record, &expected))))
}

fn find(record: &Record, expected: &[Expect]) -> Finding {
    let own = health::of(record);
    // Without an answer there is nothing to hold against an expectation.
    if record.status_code == 0 {
        return own;
    }
    expected.iter().filter_map(|expect| expect.unmet(record)).fold(own, Finding::worse)
}
