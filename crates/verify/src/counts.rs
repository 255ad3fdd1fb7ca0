//! Sums: of the outcomes, of the inputs, and as the journal has them.

use crate::examine::{Members, Sums};
use crate::journal::SaidSums;
use crate::report::{Fault, Problem, Tally, count, counted};

/// What the sums of an output are held against.
pub(crate) struct Expected<'a> {
    /// Records there should be, and what says so.
    pub(crate) records: Option<(u64, &'static str)>,
    pub(crate) said: Option<&'a SaidSums>,
}

/// Whether the sums of an output are what they should be, and what they are in one line.
pub(crate) fn check(sums: &Sums, members: &Members, expected: &Expected<'_>) -> (Tally, String) {
    let Sums { records, ok, failed, skipped, .. } = *sums;
    let mut tally = Tally { examined: records, ..Tally::default() };
    let mut equal = |what: &str, expected: u64, found: u64| {
        if expected != found {
            let fault = Fault::new(Problem::Count, "", what);
            tally.fault(fault.expected(count(expected)).found(count(found)));
        }
    };
    if members.outcome {
        equal(
            "ok, failed and skipped do not add up to the records",
            records,
            ok + failed + skipped,
        );
    }
    if let Some((should, says)) = &expected.records {
        equal(&format!("there are not as many records as {says}"), *should, records);
    }
    if let Some(said) = expected.said {
        let numbers = [
            ("ok", said.ok, ok),
            ("failed", said.failed, failed),
            ("skipped", said.skipped, skipped),
        ];
        for (what, said, found) in numbers {
            if let Some(said) = said.filter(|_| members.outcome) {
                equal(&format!("not as many are {what} as the journal says"), said, found);
            }
        }
        if let Some(said) = said.by_kind.as_ref().filter(|_| members.kind) {
            let differs = |kind: &String| (said.get(kind), sums.by_kind.get(kind));
            for kind in
                said.keys().chain(sums.by_kind.keys().filter(|kind| !said.contains_key(*kind)))
            {
                let (said, found) = differs(kind);
                let what = format!("error.kind {kind} is not as frequent as the journal says");
                equal(&what, said.copied().unwrap_or(0), found.copied().unwrap_or(0));
            }
        }
        if let Some(said) = said.by_status.as_ref().filter(|_| members.status) {
            let other = sums.by_status.keys().filter(|status| !said.contains_key(status));
            for status in said.keys().chain(other) {
                let of = |map: &std::collections::BTreeMap<u16, u64>| map.get(status).copied();
                let what = format!("status_code {status} is not as frequent as the journal says");
                equal(&what, of(said).unwrap_or(0), of(&sums.by_status).unwrap_or(0));
            }
        }
    }
    let outcomes = if members.outcome {
        format!("{} ok + {} failed + {} skipped = ", count(ok), count(failed), count(skipped))
    } else {
        String::new()
    };
    let equals = match (&expected.records, tally.faults) {
        (Some((should, says)), 0) => format!(" = {} {says}", count(*should)),
        _ => String::new(),
    };
    let says = format!("{outcomes}{}{equals}", counted(records, "record"));
    (tally, says)
}
