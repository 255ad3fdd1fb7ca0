//! The account of a run as text, for the journal.

use std::collections::BTreeMap;

use gather_core::ErrorKind;
use serde::{Deserialize, Serialize};

use crate::account::Account;

/// The sums of an [`Account`]. Its names are part of the journal's format.
#[derive(Serialize, Deserialize)]
struct Sums {
    ok: u64,
    failed: u64,
    skipped: u64,
    by_kind: BTreeMap<String, u64>,
    by_status: BTreeMap<u16, u64>,
    body_bytes: u64,
    #[serde(default)]
    repeats: u64,
    /// Microseconds and how often, as far as the distribution tells them apart.
    time_total_us: Vec<(u64, u64)>,
}

/// The account as JSON.
pub(super) fn to_text(account: &Account) -> String {
    let sums = Sums {
        ok: account.ok,
        failed: account.failed,
        skipped: account.skipped,
        by_kind: account.by_kind().into_iter().map(|(kind, n)| (kind.to_owned(), n)).collect(),
        by_status: account.by_status.clone(),
        body_bytes: account.body_bytes,
        repeats: account.repeats,
        time_total_us: account.times_us(),
    };
    serde_json::to_string(&sums).expect("numbers and names become JSON")
}

/// The account that [`to_text`] made; `None` if it is none.
pub(super) fn from_text(text: &str) -> Option<Account> {
    if text.is_empty() {
        return Some(Account::new());
    }
    let sums: Sums = serde_json::from_str(text).ok()?;
    let mut account = Account::new();
    (account.ok, account.failed, account.skipped) = (sums.ok, sums.failed, sums.skipped);
    (account.by_status, account.body_bytes) = (sums.by_status, sums.body_bytes);
    account.repeats = sums.repeats;
    for (kind, count) in sums.by_kind {
        account.by_kind.insert(ErrorKind::from_name(&kind)?, count);
    }
    account.add_times_us(&sums.time_total_us);
    Some(account)
}

#[cfg(test)]
mod tests {
    use gather_core::{Duration, Failure, Outcome, Record, RecordError};

    use super::*;

    #[test]
    fn an_account_is_the_same_after_a_way_through_text() {
        let mut account = Account::new();
        for n in 0..500_u64 {
            let failure = Failure::new(ErrorKind::TimeoutBody, "slow");
            let outcome = match n % 3 {
                0 => Outcome::Failed(RecordError::new(failure, true)),
                _ => Outcome::Ok,
            };
            let mut record = Record::new(n, outcome);
            (record.status_code, record.body_bytes, record.attempts) = (200, n, 1);
            record.same_as = (n % 5 == 0).then_some(n / 2);
            record.timings.total = Duration::from_micros(n * n);
            account.add(&record);
        }
        let text = to_text(&account);
        let again = from_text(&text).expect("it is one");
        assert_eq!(to_text(&again), text);
        assert_eq!(again.records(), 500);
        assert_eq!(again.time_total().p95, account.time_total().p95);
        assert_eq!(from_text("").expect("none yet").records(), 0);
        assert!(from_text("{}").is_none() && from_text("rubbish").is_none());
    }
}
