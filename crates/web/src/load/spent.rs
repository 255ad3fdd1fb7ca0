//! How long a target was how: what bars and tables are made of.

use gather_core::time::Duration;
use gather_store::history::{Bucket, Condition};

use super::of_condition;
use crate::say;
use crate::shown::Shown;

/// A span of a target's past.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Spent {
    times: [Duration; Condition::ALL.len()],
    /// Checks: up, degraded, limited, unknown, down.
    pub(crate) checks: [u64; 5],
    pub(crate) missed: u64,
    pub(crate) p50: Option<Duration>,
    pub(crate) p95: Option<Duration>,
}

impl From<&Bucket> for Spent {
    fn from(bucket: &Bucket) -> Self {
        Self {
            times: Condition::ALL.map(|condition| bucket.times.of(condition)),
            checks: bucket.checks,
            missed: bucket.missed,
            p50: bucket.p50,
            p95: bucket.p95,
        }
    }
}

impl Spent {
    /// Adds the times of another span; percentiles cannot be added, and stay as they are.
    pub(crate) fn add_times(&mut self, other: &Self) {
        self.times.iter_mut().zip(other.times).for_each(|(time, more)| *time += more);
    }

    /// The same with the times of others.
    pub(crate) fn with_times<'a>(&self, of: impl Iterator<Item = &'a Self>) -> Self {
        let mut spent = Self { times: Default::default(), ..self.clone() };
        of.for_each(|other| spent.add_times(other));
        spent
    }

    fn of(&self, condition: Condition) -> Duration {
        let at = Condition::ALL.iter().position(|known| *known == condition);
        at.map_or(Duration::ZERO, |at| self.times[at])
    }

    /// Time in which it answered, and in which it did not.
    fn known(&self) -> (Duration, Duration) {
        let answered = [Condition::Up, Condition::Degraded, Condition::Limited];
        (answered.into_iter().map(|one| self.of(one)).sum(), self.of(Condition::Down))
    }

    /// The share of known time outside maintenance in which it answered.
    pub(crate) fn uptime(&self) -> Option<f64> {
        let (answered, down) = self.known();
        let all = answered + down;
        (!all.is_zero()).then(|| answered.as_secs_f64() / all.as_secs_f64())
    }

    /// The share of the time outside maintenance of which it is known whether it answered.
    pub(crate) fn coverage(&self) -> Option<f64> {
        let (answered, down) = self.known();
        let known = answered + down;
        let all = known + self.of(Condition::Unknown) + self.of(Condition::NoData);
        (!all.is_zero()).then(|| known.as_secs_f64() / all.as_secs_f64())
    }

    /// What is shown of it: the worst that it was, and no data only where there is nothing else.
    pub(crate) fn shown(&self) -> Shown {
        let order = [
            Condition::Down,
            Condition::Degraded,
            Condition::Limited,
            Condition::Maintenance,
            Condition::Unknown,
        ];
        if let Some(worst) = order.into_iter().find(|one| !self.of(*one).is_zero()) {
            return of_condition(worst);
        }
        // A gap is never shown as up: half of the span has to be known to be.
        let (up, gap) = (self.of(Condition::Up), self.of(Condition::NoData));
        if up.is_zero() || up < gap { Shown::NoData } else { Shown::Up }
    }

    /// Whether the time that it was not as it is shown is mostly known to be up: else what is left
    /// of its bar is a gap, and must not look well.
    pub(crate) fn rest_is_up(&self) -> bool {
        let all: Duration = self.times.iter().sum();
        let up = self.of(Condition::Up);
        up + up >= all.mul_f64(1.0 - self.share())
    }

    /// The share of all its time that it was as it is shown.
    pub(crate) fn share(&self) -> f64 {
        let all: Duration = self.times.iter().sum();
        let shown = self.shown();
        let of = |one: &Condition| of_condition(*one) == shown;
        let part: Duration =
            Condition::ALL.iter().filter(|one| of(one)).map(|one| self.of(*one)).sum();
        part.as_secs_f64() / all.as_secs_f64().max(1e-9)
    }

    /// All checks.
    pub(crate) fn all(&self) -> u64 {
        self.checks.iter().sum()
    }

    /// Checks without an answer.
    pub(crate) fn failures(&self) -> u64 {
        self.checks[4]
    }

    pub(crate) fn uptime_text(&self) -> String {
        self.uptime().map_or("–".into(), say::percent)
    }

    pub(crate) fn coverage_text(&self) -> String {
        self.coverage().map_or("–".into(), say::percent)
    }

    pub(crate) fn p50_text(&self) -> String {
        self.p50.map_or("–".into(), say::latency)
    }

    pub(crate) fn p95_text(&self) -> String {
        self.p95.map_or("–".into(), say::latency)
    }

    /// The worst of it: `was down for 3 min`.
    pub(crate) fn was(&self) -> String {
        let shown = self.shown();
        let there = Condition::ALL.into_iter().find(|one| of_condition(*one) == shown);
        let lasted = there.map_or(Duration::ZERO, |one| self.of(one));
        match shown {
            Shown::NoData => "was not checked".into(),
            Shown::Up => "was up".into(),
            Shown::Maintenance => format!("was in maintenance for {}", say::span(lasted)),
            _ => format!("was {} for {}", shown.word(), say::span(lasted)),
        }
    }

    /// In words: `down 3 min, up 57 min, 60 checks, p95 84 ms`.
    pub(crate) fn told(&self) -> String {
        let order = [
            Condition::Down,
            Condition::Degraded,
            Condition::Limited,
            Condition::Unknown,
            Condition::Maintenance,
            Condition::Up,
            Condition::NoData,
        ];
        let there: Vec<_> = order.into_iter().filter(|one| !self.of(*one).is_zero()).collect();
        let mut words: Vec<String> = match there[..] {
            [] => vec![Shown::NoData.word().into()],
            [only] => vec![of_condition(only).word().into()],
            _ => {
                let word = |one: &Condition| {
                    format!("{} {}", of_condition(*one).word(), say::span(self.of(*one)))
                };
                there.iter().map(word).collect()
            }
        };
        if self.all() > 0 {
            words.push(say::counted(self.all(), "check"));
        }
        if let Some(p95) = self.p95 {
            words.push(format!("p95 {}", say::latency(p95)));
        }
        words.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent(times: [u64; 7]) -> Spent {
        let times = times.map(Duration::from_secs);
        Spent {
            times,
            checks: [57, 0, 0, 0, 3],
            p95: Some(Duration::from_millis(84)),
            ..Spent::default()
        }
    }

    #[test]
    fn a_gap_is_never_shown_as_up() {
        // Up, degraded, limited, unknown, down, no data, maintenance.
        for (times, shown, uptime, told) in [
            ([3600, 0, 0, 0, 0, 0, 0], Shown::Up, "100 %", "up"),
            ([3420, 0, 0, 0, 180, 0, 0], Shown::Down, "95 %", "down 3 min, up 57 min"),
            ([0, 0, 0, 0, 0, 3600, 0], Shown::NoData, "–", "no data"),
            ([600, 0, 0, 0, 0, 3000, 0], Shown::NoData, "100 %", "up 10 min, no data 50 min"),
            ([3000, 0, 0, 0, 0, 600, 0], Shown::Up, "100 %", "up 50 min, no data 10 min"),
            ([0, 0, 0, 0, 0, 0, 3600], Shown::Maintenance, "–", "maintenance"),
            ([1800, 0, 0, 1800, 0, 0, 0], Shown::Unknown, "100 %", "unknown 30 min, up 30 min"),
            ([0; 7], Shown::NoData, "–", "no data"),
        ] {
            let spent = spent(times);
            assert_eq!(spent.shown(), shown, "{times:?}");
            assert_eq!(spent.uptime_text(), uptime, "{times:?}");
            let expected = format!("{told}, 60 checks, p95 84.0 ms");
            assert_eq!(spent.told(), expected);
        }
        for (times, is_up) in [
            ([3300, 0, 0, 0, 300, 0, 0], true),
            ([0, 0, 0, 0, 300, 3300, 0], false),
            ([1000, 0, 0, 0, 300, 2300, 0], false),
            ([0, 0, 0, 0, 3600, 0, 0], true),
        ] {
            assert_eq!(spent(times).rest_is_up(), is_up, "{times:?}");
        }
        assert_eq!(spent([1800, 0, 0, 0, 0, 1800, 0]).coverage(), Some(0.5));
        assert_eq!(spent([1800, 0, 0, 0, 0, 0, 1800]).coverage(), Some(1.0));
    }
}
