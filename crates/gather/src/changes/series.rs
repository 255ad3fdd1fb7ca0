//! One target through all runs: what of it changed, and when.

use std::str::FromStr;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::entry::{Answer, Entry, Value, shown_key};
use super::words::{marked, word_diff};
use super::{Change, ChangeKind, Snapshot};
use crate::human;

/// Characters of a value that are told; the rest is cut.
const VALUE_CHARS_MAX: usize = 4_000;

/// What is told of targets: the runs, and from which one on.
pub(super) struct Telling<'a> {
    pub(super) runs: &'a [Snapshot],
    pub(super) first: usize,
    /// Whether a key is not the URL itself, so that it is told beside it.
    pub(super) has_key: bool,
}

/// A value as it was last recorded.
struct Recorded<'a> {
    name: &'a str,
    value: &'a Value,
    /// Where and when.
    run: usize,
    at: Option<&'a str>,
    /// Whether the last page that was searched still had it.
    is_there: bool,
}

/// What came of one target.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The run in which a change shows, and the change.
    pub(super) changes: Vec<(usize, Change)>,
    /// Values found for the first time in a run that is told of.
    pub(super) first_values: u64,
}

impl Telling<'_> {
    /// The changes of a target. `series` has a place for each run.
    pub(super) fn changes(&self, series: &[Option<Entry>]) -> Found {
        let mut found = Found::default();
        let mut recorded: Vec<Recorded<'_>> = Vec::new();
        let mut last: Option<(usize, &Entry)> = None;
        for (run, entry) in series.iter().enumerate() {
            let is_told = run >= self.first;
            let before = run.checked_sub(1).and_then(|run| series[run].as_ref());
            let mut changes = Vec::new();
            match (entry, before) {
                (Some(entry), _) => {
                    if run > 0 {
                        changes.extend(self.arrived(run, entry, before, last));
                    }
                    found.first_values += self.values(run, entry, &mut recorded, &mut changes);
                    last = Some((run, entry));
                }
                (None, Some(before)) if self.is_whole(run) => {
                    changes.push(self.change(ChangeKind::Removed, run, before, (run - 1, before)));
                }
                (None, _) => {}
            }
            if is_told {
                found.changes.extend(changes.into_iter().map(|change| (run, change)));
            }
        }
        found
    }

    /// Whether what a run does not hold was not in its list.
    fn is_whole(&self, run: usize) -> bool {
        self.runs[run].standing == gather_store::read::Standing::Ended
    }

    /// That a target is new, or has another status.
    fn arrived(
        &self,
        run: usize,
        entry: &Entry,
        before: Option<&Entry>,
        last: Option<(usize, &Entry)>,
    ) -> Option<Change> {
        if before.is_none() && self.is_whole(run - 1) {
            return Some(self.change(ChangeKind::Added, run, entry, (run, entry)));
        }
        let (at, known) = last?;
        (known.status != entry.status).then(|| Change {
            before: Some(known.status.clone()),
            after: Some(entry.status.clone()),
            ..self.change(ChangeKind::Status, run, entry, (at, known))
        })
    }

    /// Compares the values of an entry with those that were recorded, and records them. How many
    /// were found for the first time.
    fn values<'a>(
        &self,
        run: usize,
        entry: &'a Entry,
        recorded: &mut Vec<Recorded<'a>>,
        changes: &mut Vec<Change>,
    ) -> u64 {
        if entry.answer == Answer::None {
            return 0;
        }
        let mut first_values = 0;
        for (name, value) in &entry.values {
            let known = recorded.iter_mut().find(|known| known.name == name);
            match (known, value) {
                (None, Value::Missing) => {}
                (None, value) => {
                    first_values += u64::from(run >= self.first);
                    let at = entry.at.as_deref();
                    recorded.push(Recorded { name, value, run, at, is_there: true });
                }
                (Some(known), Value::Missing) => changes.extend(self.lost(run, entry, known)),
                (Some(known), value) => {
                    changes.extend(self.compared(run, entry, known, value));
                    known.is_there = true;
                    if !is_same(known.value, value) {
                        (known.value, known.run, known.at) = (value, run, entry.at.as_deref());
                    }
                }
            }
        }
        if entry.answer == Answer::Refused {
            // What is required and was not found may not even be named.
            let is_absent =
                |known: &&mut Recorded<'_>| !entry.values.iter().any(|(n, _)| n == known.name);
            for known in recorded.iter_mut().filter(is_absent) {
                changes.extend(self.lost(run, entry, known));
            }
        }
        first_values
    }

    fn lost(&self, run: usize, entry: &Entry, known: &mut Recorded<'_>) -> Option<Change> {
        let was_there = std::mem::replace(&mut known.is_there, false);
        was_there.then(|| self.of_value(ChangeKind::Lost, run, entry, known))
    }

    /// What a value is beside the recorded one; `None` if it is the same.
    fn compared(
        &self,
        run: usize,
        entry: &Entry,
        known: &Recorded<'_>,
        value: &Value,
    ) -> Option<Change> {
        let after = clipped(value);
        if is_same(known.value, value) {
            let found = || self.of_value(ChangeKind::Found, run, entry, known);
            return (!known.is_there).then(|| Change { after, ..found() });
        }
        let (before, now) = (known.value.text()?, value.text()?);
        let (delta, percent) = difference(before, now).unzip();
        let words = if delta.is_none() { word_diff(before, now) } else { None };
        Some(Change {
            after,
            delta,
            percent: percent.flatten(),
            diff: words.map(|words| marked(&words)),
            ..self.of_value(ChangeKind::Changed, run, entry, known)
        })
    }

    fn of_value(
        &self,
        kind: ChangeKind,
        run: usize,
        entry: &Entry,
        known: &Recorded<'_>,
    ) -> Change {
        Change {
            field: Some(known.name.to_owned()),
            before: clipped(known.value),
            before_run: Some(self.runs[known.run].name.clone()),
            before_at: known.at.map(str::to_owned),
            ..self.change(kind, run, entry, (run, entry))
        }
    }

    /// A change of a target without what is particular to its kind. `before` is where it stood.
    fn change(
        &self,
        kind: ChangeKind,
        run: usize,
        entry: &Entry,
        (at, before): (usize, &Entry),
    ) -> Change {
        let is_earlier = at < run;
        let is_removed = kind == ChangeKind::Removed;
        Change {
            kind,
            field: None,
            before: None,
            after: None,
            delta: None,
            percent: None,
            diff: None,
            n: entry.n,
            row: entry.row,
            url: entry.url.clone(),
            key: self.has_key.then(|| shown_key(&entry.key)),
            before_run: is_earlier.then(|| self.runs[at].name.clone()),
            before_at: before.at.clone().filter(|_| is_earlier),
            run: self.runs[run].name.clone(),
            at: entry.at.clone().filter(|_| !is_removed),
        }
    }
}

fn clipped(value: &Value) -> Option<String> {
    value.text().map(|text| human::clipped(text, VALUE_CHARS_MAX))
}

/// Numbers are the same by what they are worth, where either is known to be a number.
fn is_same(before: &Value, after: &Value) -> bool {
    let (Some(one), Some(other)) = (before.text(), after.text()) else { return false };
    if one == other {
        return true;
    }
    let is_number = matches!(before, Value::Number(_)) || matches!(after, Value::Number(_));
    let decimal = |text| Decimal::from_str(text).ok();
    is_number && decimal(one).is_some_and(|number| Some(number) == decimal(other))
}

/// By how much one number is more than another, and in percent of it.
fn difference(before: &str, after: &str) -> Option<(String, Option<f64>)> {
    let (before, after) = (Decimal::from_str(before).ok()?, Decimal::from_str(after).ok()?);
    let delta = after.checked_sub(before)?;
    let share = delta.checked_div(before.abs()).and_then(|share| share.to_f64());
    // Two digits are enough, and no rounding error is seen.
    let percent = share.map(|share| (share * 10_000.0).round() / 100.0);
    Some((delta.normalize().to_string(), percent))
}
