//! Bars of equal time: as links on a target's page, as a few strokes in a list.

use std::fmt::Write;

use crate::shown::Shown;

/// One bar of a target's page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bar {
    pub(crate) shown: Shown,
    /// How much of it was so, where the rest was well: a class, or empty.
    pub(crate) part: &'static str,
    pub(crate) href: String,
    /// All of it in words.
    pub(crate) told: String,
}

/// What the rest of a bar was, above the part that was not well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    Up,
    /// Mostly not known to be.
    Unknown,
}

/// The class of a bar of which this share was not well.
pub(crate) fn part(shown: Shown, bad: f64, rest: Rest) -> &'static str {
    let is_whole = matches!(shown, Shown::Up | Shown::NoData | Shown::Maintenance);
    match (bad, rest) {
        _ if is_whole => "",
        (0.0..0.375, Rest::Up) => " part q1",
        (0.375..0.625, Rest::Up) => " part q2",
        (0.625..0.875, Rest::Up) => " part q3",
        (0.0..0.375, Rest::Unknown) => " part q1 gap",
        (0.375..0.625, Rest::Unknown) => " part q2 gap",
        (0.625..0.875, Rest::Unknown) => " part q3 gap",
        _ => "",
    }
}

/// A strip in a list: one stroke for each run of equal bars, which its dashes cut into bars.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Strip {
    pub(crate) width: usize,
    pub(crate) runs: Vec<Run>,
    pub(crate) summary: String,
}

/// Bars of one state, as one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) class: &'static str,
    pub(crate) path: String,
}

/// Units from one bar to the next: 3 are drawn, 1 is between; the style sheet's dashes agree.
const STEP: usize = 4;

impl Strip {
    /// A bar for each state.
    pub(crate) fn new(bars: &[Shown], summary: String) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        let mut from = 0;
        for run in bars.chunk_by(|a, b| a == b) {
            let (x, until) = (from * STEP, (from + run.len()) * STEP - 1);
            let class = run[0].class();
            from += run.len();
            let path = match runs.iter_mut().find(|known| known.class == class) {
                Some(known) => &mut known.path,
                None => {
                    runs.push(Run { class, path: String::new() });
                    &mut runs.last_mut().expect("it was just pushed").path
                }
            };
            // What is up is lower than what is not, and no data is at the foot: colours are not all
            // that tells them apart.
            let y = match run[0] {
                Shown::NoData => "9",
                Shown::Up => "6.5",
                _ => "5",
            };
            write!(path, "M{x} {y}H{until}").expect("a string takes everything");
        }
        Self { width: (bars.len() * STEP).max(1), runs, summary }
    }
}

/// How many of each state there are, as a strip of 25 bars: no state that there is goes without.
pub(crate) fn share(counts: &[(Shown, u64)]) -> Strip {
    const BARS: u64 = 25;
    let total: u64 = counts.iter().map(|(_, count)| count).sum();
    let there = counts.iter().filter(|(_, count)| *count > 0);
    let mut bars = Vec::new();
    let mut words = Vec::new();
    for (shown, count) in there {
        let n = (count * BARS / total.max(1)).max(1);
        bars.extend(std::iter::repeat_n(*shown, n as usize));
        words.push(format!("{} {}", crate::say::count(*count), shown.word()));
    }
    // What rounding took or gave is the largest part's.
    let largest = counts.iter().max_by_key(|(_, count)| *count).map(|(shown, _)| *shown);
    if let Some(largest) = largest.filter(|_| total > 0) {
        while bars.len() < BARS as usize {
            let at = bars.iter().rposition(|bar| *bar == largest).unwrap_or(0);
            bars.insert(at, largest);
        }
        while bars.len() > BARS as usize {
            match bars.iter().rposition(|bar| *bar == largest) {
                Some(at) => bars.remove(at),
                None => break,
            };
        }
    }
    Strip::new(&bars, words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_equal_bars_are_one_stroke() {
        use Shown::{Down, NoData, Up};
        let strip = Strip::new(&[Up, Up, Down, Up, NoData], String::new());
        let runs: Vec<_> = strip.runs.iter().map(|run| (run.class, run.path.as_str())).collect();
        let expected = [("up", "M0 6.5H7M12 6.5H15"), ("down", "M8 5H11"), ("no-data", "M16 9H19")];
        assert_eq!(runs, expected);
        assert_eq!(strip.width, 20);
        assert_eq!(Strip::new(&[], String::new()).width, 1);
    }

    #[test]
    fn no_state_that_there_is_goes_without_a_bar() {
        use Shown::{Degraded, Down, Up};
        for counts in [
            vec![(Down, 1), (Up, 99_999)],
            vec![(Down, 1), (Degraded, 1), (Up, 1)],
            vec![(Down, 7), (Up, 0)],
        ] {
            let strip = share(&counts);
            assert_eq!(strip.width, 100, "{counts:?}");
            let there = counts.iter().filter(|(_, count)| *count > 0).count();
            assert_eq!(strip.runs.len(), there, "{counts:?}");
        }
        assert_eq!(share(&[(Up, 0)]).runs, []);
        assert_eq!(share(&[(Down, 1), (Up, 2_000)]).summary, "1 down, 2,000 up");
    }

    #[test]
    fn a_bar_says_how_much_of_it_was_bad() {
        for (shown, bad, expected) in [
            (Shown::Up, 0.0, ""),
            (Shown::Down, 0.01, " part q1"),
            (Shown::Down, 0.5, " part q2"),
            (Shown::Degraded, 0.7, " part q3"),
            (Shown::Down, 1.0, ""),
            (Shown::NoData, 0.0, ""),
        ] {
            assert_eq!(part(shown, bad, Rest::Up), expected, "{shown:?} {bad}");
        }
        assert_eq!(part(Shown::Down, 0.5, Rest::Unknown), " part q2 gap");
    }
}
