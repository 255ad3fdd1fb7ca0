//! Flapping: the share of state changes over the last 21 checks, newer ones weighing more.
//!
//! As Nagios and Naemon do it: 21 checks have 20 places where the state may change; each weighs
//! from 0.75 (the oldest) to 1.25 (the newest), in a straight line (`low_curve_value` and
//! `high_curve_value` in `base/flapping.c`). Unlike there, checks that are not confirmed count too:
//! failures that are over before they are confirmed are what flapping mostly is.

/// Places between 21 checks.
pub(super) const PLACES: u32 = 20;
/// Weights times 76, so as to be whole: 0.75 is 57, and 19 steps of 2 lead to 95, which is 1.25.
const OLDEST: u32 = 57;
const STEP: u32 = 2;
const WHOLE: u32 = 76;

/// One more check; whether it says something else than the one before.
pub(super) fn push(changes: u32, changed: bool) -> u32 {
    (changes << 1 | u32::from(changed)) & ((1 << PLACES) - 1)
}

/// The weighted share of changes, in percent.
pub(super) fn share(changes: u32) -> u8 {
    let weight = |place: u32| OLDEST + STEP * (PLACES - 1 - place);
    let sum: u32 = (0..PLACES).filter(|place| changes >> place & 1 == 1).map(weight).sum();
    u8::try_from(sum * 100 / (WHOLE * PLACES)).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_changes_weigh_more() {
        let all = (1 << PLACES) - 1;
        // Bit 0 is the newest.
        for (changes, percent) in [(0, 0), (all, 100), (1, 6), (1 << 19, 3), (0b1111, 24)] {
            assert_eq!(share(changes), percent, "{changes:b}");
        }
        let after = (0..25).fold(0, |changes, _| push(changes, true));
        assert_eq!(share(after), 100);
        assert_eq!(share((0..20).fold(after, |changes, _| push(changes, false))), 0);
    }
}
