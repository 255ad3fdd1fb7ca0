//! How long a target was how, weighed by time, and how much of the time anything is known.

use super::State;
use crate::time::{Duration, Time};

/// What is known of a target from a moment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It was in this state.
    State(State),
    /// Nothing: slots were missed, or the watch was not running.
    NoData,
    /// A maintenance window.
    Maintenance,
}

/// Time by what is known of it. All parts together are the time from beginning to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uptime {
    /// Up, and suspicions that came to nothing.
    pub up: Duration,
    /// Degraded.
    pub degraded: Duration,
    /// Limited: it answered, but not us.
    pub limited: Duration,
    /// Down, from the first failed check on.
    pub down: Duration,
    /// Our own side kept it from being checked, or it never was.
    pub unknown: Duration,
    /// No check at all.
    pub no_data: Duration,
    /// Maintenance, whatever the checks said.
    pub maintenance: Duration,
}

impl Uptime {
    /// Of (from, until), what lies in it of `changes`, which are in order of time: each holds until
    /// the next, but no longer than `holds`, which is twice the interval as a rule. What comes after
    /// that, and what is before the first, is no data: a gap is never up. Maintenance and no data
    /// hold until the next change.
    pub fn between(
        (from, until): (Time, Time),
        holds: Duration,
        changes: impl IntoIterator<Item = (Time, Condition)>,
    ) -> Self {
        let mut sum = Self::default();
        let mut changes = changes.into_iter().peekable();
        let first = changes.peek().map_or(until, |&(at, _)| at);
        sum.add(Condition::NoData, first.clamp(from, until).since(from));
        while let Some((at, condition)) = changes.next() {
            let next = changes.peek();
            let end = next.map_or(until, |&(next, _)| next).clamp(from, until);
            let known_until = match condition {
                Condition::State(_) => (at + holds).clamp(from, end),
                Condition::NoData | Condition::Maintenance => end,
            };
            let condition = match (condition, next) {
                // The first failure of an outage is part of it; of a blip, it is not.
                (Condition::State(State::Suspect), Some(&(_, Condition::State(State::Down)))) => {
                    Condition::State(State::Down)
                }
                (Condition::State(State::Suspect), None) => Condition::State(State::Unknown),
                _ => condition,
            };
            sum.add(condition, known_until.since(at.clamp(from, until)));
            sum.add(Condition::NoData, end.since(known_until));
        }
        sum
    }

    fn add(&mut self, condition: Condition, time: Duration) {
        let part = match condition {
            Condition::State(State::Up | State::Suspect) => &mut self.up,
            Condition::State(State::Degraded) => &mut self.degraded,
            Condition::State(State::Limited) => &mut self.limited,
            Condition::State(State::Down) => &mut self.down,
            Condition::State(State::Unknown) => &mut self.unknown,
            Condition::NoData => &mut self.no_data,
            Condition::Maintenance => &mut self.maintenance,
        };
        *part += time;
    }

    /// These and those of another time: of the next day, say.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            up: self.up + other.up,
            degraded: self.degraded + other.degraded,
            limited: self.limited + other.limited,
            down: self.down + other.down,
            unknown: self.unknown + other.unknown,
            no_data: self.no_data + other.no_data,
            maintenance: self.maintenance + other.maintenance,
        }
    }

    /// All the time.
    pub fn total(&self) -> Duration {
        self.known() + self.limited + self.unknown + self.no_data + self.maintenance
    }

    /// The time of which it is known whether it was up.
    fn known(&self) -> Duration {
        self.up + self.degraded + self.down
    }

    /// The share of the known time in which it answered, from 0 to 1; none if nothing is known.
    /// Limited counts neither way.
    pub fn ratio(&self) -> Option<f64> {
        let known = self.known();
        (!known.is_zero()).then(|| (self.up + self.degraded).as_secs_f64() / known.as_secs_f64())
    }

    /// The share of the time, maintenance left out, in which it is known how it was, from 0 to 1;
    /// none if it was all maintenance. To be shown beside the ratio.
    pub fn coverage(&self) -> Option<f64> {
        let owed = self.total() - self.maintenance;
        let known = self.known() + self.limited;
        (!owed.is_zero()).then(|| known.as_secs_f64() / owed.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_what_is_known_of_it() {
        use Condition::{Maintenance, NoData, State as In};
        use State::{Degraded, Down, Limited, Suspect, Unknown, Up};
        // Changes at seconds; then up, degraded, limited, down, unknown, no data, maintenance, from
        // 100 to 200; ratio and coverage in percent, -1 for none. A change holds for 50 s.
        for (changes, parts, ratio, coverage) in [
            (&[][..], [0, 0, 0, 0, 0, 100, 0], -1, 0),
            (&[(100, In(Up)), (150, In(Up))], [100, 0, 0, 0, 0, 0, 0], 100, 100),
            // A gap is never up, at the beginning, in between and at the end.
            (&[(120, In(Up))], [50, 0, 0, 0, 0, 50, 0], 100, 50),
            (&[(40, In(Up)), (120, In(Up)), (160, In(Down))], [40, 0, 0, 40, 0, 20, 0], 50, 80),
            (&[(40, In(Up))], [0, 0, 0, 0, 0, 100, 0], -1, 0),
            (&[(100, In(Up)), (120, NoData)], [20, 0, 0, 0, 0, 80, 0], 100, 20),
            // A suspicion is down if it was confirmed, else it was nothing.
            (
                &[(100, In(Suspect)), (110, In(Down)), (150, In(Up))],
                [50, 0, 0, 50, 0, 0, 0],
                50,
                100,
            ),
            (
                &[(100, In(Suspect)), (110, In(Up)), (150, In(Up))],
                [100, 0, 0, 0, 0, 0, 0],
                100,
                100,
            ),
            (&[(150, In(Suspect))], [0, 0, 0, 0, 50, 50, 0], -1, 0),
            (
                &[(90, In(Up)), (125, In(Degraded)), (150, In(Down)), (180, In(Unknown))],
                [25, 25, 0, 30, 20, 0, 0],
                62,
                80,
            ),
            (&[(100, Maintenance)], [0, 0, 0, 0, 0, 0, 100], -1, -1),
            (
                &[(100, In(Up)), (120, Maintenance), (190, In(Limited))],
                [20, 0, 10, 0, 0, 0, 70],
                100,
                100,
            ),
            // After the end.
            (
                &[(90, In(Up)), (130, In(Up)), (170, In(Up)), (250, In(Down))],
                [100, 0, 0, 0, 0, 0, 0],
                100,
                100,
            ),
        ] {
            let at = |second: u64| Time::from_millis(second * 1_000);
            let moments = changes.iter().map(|&(second, condition)| (at(second), condition));
            let span = (at(100), at(200));
            let uptime = Uptime::between(span, Duration::from_secs(50), moments);
            let Uptime { up, degraded, limited, down, unknown, no_data, maintenance } = uptime;
            let found = [up, degraded, limited, down, unknown, no_data, maintenance];
            assert_eq!(found.map(|part| part.as_secs()), parts, "{changes:?}");
            assert_eq!(uptime.total(), Duration::from_secs(100), "{changes:?}");
            let percent = |share: Option<f64>| share.map_or(-1, |share| (share * 100.0) as i32);
            assert_eq!(percent(uptime.ratio()), ratio, "{changes:?}");
            assert_eq!(percent(uptime.coverage()), coverage, "{changes:?}");
            assert_eq!(uptime.and(uptime).ratio(), uptime.ratio());
        }
    }
}
