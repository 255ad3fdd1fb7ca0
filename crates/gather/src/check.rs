//! A check of health: what a run's settings are for it, and how each record is judged.

mod expect;
mod json;

use gather_core::frontier::HostTrust;
use gather_core::{Config, Finding, Health, Record, health};
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
    Box::new(move |record| record.health = Some(Box::new(find(record, &expected, &[]))))
}

/// The worst that a record's own outcome and what is expected of it say: of all targets, and of
/// this one by itself.
pub(crate) fn find(record: &Record, expected: &[Expect], of_its_own: &[Expect]) -> Finding {
    let own = health::of(record);
    // Without an answer there is nothing to hold against an expectation; and who says that it is
    // asked too much says nothing of what would be expected else, and is never down for it.
    if record.status_code == 0 || own.health == Health::Limited {
        return own;
    }
    let unmet = expected.iter().chain(of_its_own).filter_map(|expect| expect.unmet(record));
    unmet.fold(own, Finding::worse)
}

#[cfg(test)]
mod tests {
    use gather_core::{ErrorKind, Failure, Outcome, RecordError};

    use super::*;

    #[test]
    fn who_is_asked_too_much_is_never_down_for_it() {
        for (status, expect, expected) in [
            (429, "status in 200..=399", Health::Limited),
            (429, "body contains ok", Health::Limited),
            (404, "status in 200..=399", Health::Down),
            (404, "time_total < 1s", Health::Degraded),
        ] {
            let error = RecordError::new(Failure::new(ErrorKind::HttpStatus, "no"), false);
            let record = Record {
                status_code: status,
                body: Some("slow down".into()),
                ..Record::new(0, Outcome::Failed(error))
            };
            let expect = [expect.parse().expect("a condition")];
            let found = [find(&record, &expect, &[]), find(&record, &[], &expect)];
            for found in found {
                assert_eq!(found.health, expected, "{status}: {expect:?}");
            }
        }
    }
}
