//! Missed slots as spans: a stop of hours over many targets must not be a row for each slot.

use std::collections::HashMap;

use gather_core::watch::{Missed, MissedCause, WatchedNo};

/// Adds missed slots, each to the span of its target and cause if there is one.
pub(crate) fn merge(into: &mut Vec<Missed>, more: impl Iterator<Item = Missed>) {
    let mut spans: HashMap<(WatchedNo, MissedCause), usize> =
        into.iter().enumerate().map(|(at, span)| ((span.target, span.cause), at)).collect();
    for one in more {
        match spans.get(&(one.target, one.cause)) {
            Some(at) => {
                let span = &mut into[*at];
                span.from = span.from.min(one.from);
                span.until = span.until.max(one.until);
                span.slots = span.slots.saturating_add(one.slots);
            }
            None => {
                spans.insert((one.target, one.cause), into.len());
                into.push(one);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use gather_core::Time;

    use super::*;

    #[test]
    fn slots_of_one_target_and_cause_are_one_span() {
        let one = |target, ms, cause| Missed {
            target: WatchedNo(target),
            from: Time::from_millis(ms),
            until: Time::from_millis(ms),
            slots: 1,
            cause,
        };
        let mut spans = vec![one(0, 10, MissedCause::Overlap)];
        let more = [
            one(0, 30, MissedCause::Overload),
            one(1, 20, MissedCause::Overload),
            one(0, 20, MissedCause::Overload),
        ];
        merge(&mut spans, more.into_iter());
        let shown: Vec<_> = spans
            .iter()
            .map(|span| (span.target.0, span.from.as_nanos() / 1_000_000, span.slots, span.cause))
            .collect();
        let expected = [
            (0, 10, 1, MissedCause::Overlap),
            (0, 20, 2, MissedCause::Overload),
            (1, 20, 1, MissedCause::Overload),
        ];
        assert_eq!(shown, expected);
        assert_eq!(spans[1].until, Time::from_millis(30));
    }
}
