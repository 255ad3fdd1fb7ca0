//! What is in an output, against the list that was to be fetched.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use crate::sinks::Entry;

/// What is wrong with an output; all zero if nothing is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Inputs without a record.
    pub(crate) lost: u64,
    /// Records of an input beyond its first.
    pub(crate) duplicates: u64,
    /// Records of no input, of another input than they say, or of another end than they had.
    pub(crate) unexpected: u64,
}

impl AddAssign for Verdict {
    fn add_assign(&mut self, other: Self) {
        self.lost += other.lost;
        self.duplicates += other.duplicates;
        self.unexpected += other.unexpected;
    }
}

/// Compares: each input is to have one record, and all went well.
pub(crate) fn check(inputs: &[String], found: &[Entry]) -> Verdict {
    let mut verdict = Verdict::default();
    let mut by_input: BTreeMap<u64, u64> = BTreeMap::new();
    for entry in found {
        let input = usize::try_from(entry.n).ok().and_then(|n| inputs.get(n));
        if input != Some(&entry.input) || entry.outcome != "ok" {
            verdict.unexpected += 1;
            continue;
        }
        *by_input.entry(entry.n).or_default() += 1;
    }
    verdict.lost = inputs.len() as u64 - by_input.len() as u64;
    verdict.duplicates = by_input.values().map(|count| count - 1).sum();
    verdict
}

#[test]
fn what_is_planted_is_found() {
    let inputs: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
    let entry = |n: u64, input: &str, outcome: &str| Entry {
        n,
        input: input.to_owned(),
        outcome: outcome.to_owned(),
    };
    let whole = vec![entry(2, "c", "ok"), entry(0, "a", "ok"), entry(1, "b", "ok")];
    let mut cases = vec![(whole.clone(), (0, 0, 0))];
    let mut add = |change: &dyn Fn(&mut Vec<Entry>), expected| {
        let mut found = whole.clone();
        change(&mut found);
        cases.push((found, expected));
    };
    add(&|found| found.truncate(2), (1, 0, 0));
    add(&|found| found.push(entry(0, "a", "ok")), (0, 1, 0));
    add(&|found| found.push(entry(3, "d", "ok")), (0, 0, 1));
    add(&|found| found[0].input = "a".to_owned(), (1, 0, 1));
    add(&|found| found[0].outcome = "failed".to_owned(), (1, 0, 1));
    for (found, (lost, duplicates, unexpected)) in cases {
        assert_eq!(check(&inputs, &found), Verdict { lost, duplicates, unexpected }, "{found:?}");
    }
}
