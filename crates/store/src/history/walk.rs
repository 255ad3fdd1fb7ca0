//! What checks say about the time between them.

use gather_core::health::Health;
use gather_core::time::Duration;

use super::block::{Slot, What};

/// What a target was like for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// It answered as it should.
    Up,
    /// It answered, though not as it should.
    Degraded,
    /// It answered that it was asked too much.
    Limited,
    /// Our own side kept it from being checked.
    Unknown,
    /// It did not answer, or said that it is broken.
    Down,
    /// No check speaks for this time.
    NoData,
    /// A maintenance window was open, whatever the checks said.
    Maintenance,
}

impl Condition {
    /// All, in the order of the tables.
    pub const ALL: [Self; 7] = [
        Self::Up,
        Self::Degraded,
        Self::Limited,
        Self::Unknown,
        Self::Down,
        Self::NoData,
        Self::Maintenance,
    ];

    /// As people read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Limited => "limited",
            Self::Unknown => "unknown",
            Self::Down => "down",
            Self::NoData => "no data",
            Self::Maintenance => "maintenance",
        }
    }

    fn of(health: Health) -> Self {
        match health {
            Health::Up => Self::Up,
            Health::Degraded => Self::Degraded,
            Health::Limited => Self::Limited,
            Health::Unknown => Self::Unknown,
            Health::Down => Self::Down,
        }
    }

    fn index(self) -> usize {
        Self::ALL.iter().position(|known| *known == self).unwrap_or(0)
    }
}

/// How long a target was in each condition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Milliseconds, in the order of [`Condition::ALL`].
    pub(super) ms: [u64; 7],
}

impl Times {
    /// How long it was in this one.
    pub fn of(&self, condition: Condition) -> Duration {
        Duration::from_millis(self.ms[condition.index()])
    }

    /// All of the time.
    pub fn total(&self) -> Duration {
        Duration::from_millis(self.ms.iter().sum())
    }

    /// The share of the time in which it answered (up, degraded or limited), of the time for which
    /// it is known and that was no maintenance. `None` where nothing is known.
    pub fn uptime(&self) -> Option<f64> {
        let [up, degraded, limited, _, down, ..] = self.ms;
        let answered = up + degraded + limited;
        (answered + down > 0).then(|| answered as f64 / (answered + down) as f64)
    }

    /// The share of the time outside maintenance for which it is known whether it answered. `None`
    /// where all of it was maintenance.
    pub fn coverage(&self) -> Option<f64> {
        let [up, degraded, limited, unknown, down, no_data, _] = self.ms;
        let known = up + degraded + limited + down;
        let all = known + unknown + no_data;
        (all > 0).then(|| known as f64 / all as f64)
    }

    pub(super) fn add(&mut self, condition: Condition, ms: i64) {
        self.ms[condition.index()] += u64::try_from(ms).unwrap_or(0);
    }

    pub(super) fn sum(&mut self, other: &Self) {
        self.ms.iter_mut().zip(other.ms).for_each(|(ms, more)| *ms += more);
    }

    pub(super) fn total_ms(&self) -> i64 {
        self.ms.iter().sum::<u64>().cast_signed()
    }
}

/// What the last check said: it may speak for what comes after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Carry {
    /// When it was due, in milliseconds since 1970.
    pub(super) due: i64,
    pub(super) health: Health,
}

impl Carry {
    /// What is left to say after this slot.
    pub(super) fn after(slot: &Slot) -> Option<Self> {
        match slot.what {
            What::Check { health, .. } => Some(Self { due: slot.due, health }),
            What::Missed(_) => None,
        }
    }
}

/// Maintenance windows, in order and without overlap: begin and end in milliseconds since 1970.
pub(super) type Windows = [(i64, i64)];

/// A time of one target.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk<'a> {
    /// Milliseconds since 1970.
    pub(super) from: i64,
    pub(super) until: i64,
    /// How long a check speaks, in milliseconds.
    pub(super) speaks: i64,
    /// What was said before.
    pub(super) carry: Option<Carry>,
    pub(super) windows: &'a Windows,
}

impl Walk<'_> {
    /// Tells each part of the time with its condition, in order, without a hole. `slots` are those
    /// of the time, in order; what is left to say after it is returned.
    pub(super) fn run(
        &self,
        slots: &[Slot],
        mut tell: impl FnMut(i64, i64, Condition),
    ) -> Option<Carry> {
        let (mut at, mut carry) = (self.from, self.carry);
        for slot in slots {
            let until = slot.due.clamp(at, self.until);
            self.fill(at, until, carry, &mut tell);
            at = until;
            carry = Carry::after(slot);
        }
        self.fill(at, self.until, carry, &mut tell);
        carry
    }

    fn fill(
        &self,
        from: i64,
        until: i64,
        carry: Option<Carry>,
        tell: &mut impl FnMut(i64, i64, Condition),
    ) {
        let mut rest = from;
        if let Some(carry) = carry {
            let said = carry.due.saturating_add(self.speaks).clamp(from, until);
            self.outside(from, said, Condition::of(carry.health), tell);
            rest = said;
        }
        self.outside(rest, until, Condition::NoData, tell);
    }

    /// Takes the maintenance windows out.
    fn outside(
        &self,
        mut from: i64,
        until: i64,
        condition: Condition,
        tell: &mut impl FnMut(i64, i64, Condition),
    ) {
        for (begin, end) in self.windows {
            let (begin, end) = ((*begin).clamp(from, until), (*end).clamp(from, until));
            if begin < end {
                if from < begin {
                    tell(from, begin, condition);
                }
                tell(begin, end, Condition::Maintenance);
                from = end;
            }
        }
        if from < until {
            tell(from, until, condition);
        }
    }
}

#[cfg(test)]
mod tests {
    use gather_core::watch::MissedCause;

    use super::super::pack::Took;
    use super::*;

    fn slot(due: i64, health: Option<Health>) -> Slot {
        let what = match health {
            Some(health) => {
                What::Check { health, status_code: 200, kind: None, is_confirmation: false }
            }
            None => What::Missed(MissedCause::Overload),
        };
        Slot { target: 0, due, what, lag: 0, took: Took(0), slots: 0, span: 0 }
    }

    #[test]
    fn time_is_told_without_a_hole() {
        use Health as H;
        let none: &Windows = &[];
        type Case<'a> = (&'a str, Option<Carry>, &'a [Slot], &'a Windows, &'a str);
        let cases: [Case<'_>; 8] = [
            ("nothing", None, &[], none, "0-100 no data"),
            (
                "from before",
                Some(Carry { due: -20, health: H::Up }),
                &[],
                none,
                "0-10 up, 10-100 no data",
            ),
            (
                "said too long ago",
                Some(Carry { due: -40, health: H::Up }),
                &[],
                none,
                "0-100 no data",
            ),
            (
                "one after the other",
                None,
                &[slot(10, Some(H::Up)), slot(40, Some(H::Down)), slot(70, Some(H::Up))],
                none,
                "0-10 no data, 10-40 up, 40-70 down, 70-100 up",
            ),
            (
                "one is missing",
                None,
                &[slot(0, Some(H::Up)), slot(60, Some(H::Up))],
                none,
                "0-30 up, 30-60 no data, 60-90 up, 90-100 no data",
            ),
            (
                "a missed slot ends what was said",
                None,
                &[slot(0, Some(H::Up)), slot(10, None), slot(90, Some(H::Limited))],
                none,
                "0-10 up, 10-90 no data, 90-100 limited",
            ),
            (
                "maintenance stands over all",
                None,
                &[slot(0, Some(H::Up)), slot(30, Some(H::Down)), slot(60, Some(H::Up))],
                &[(-5, 2), (20, 50), (95, 200)],
                "0-2 maintenance, 2-20 up, 20-30 maintenance, 30-50 maintenance, 50-60 down, \
                 60-90 up, 90-95 no data, 95-100 maintenance",
            ),
            (
                "a slot out of time counts at its edge",
                None,
                &[slot(-50, Some(H::Up))],
                none,
                "0-100 no data",
            ),
        ];
        for (name, carry, slots, windows, expected) in cases {
            let mut told = Vec::new();
            let mut times = Times::default();
            let walk = Walk { from: 0, until: 100, speaks: 30, carry, windows };
            walk.run(slots, |from, until, condition| {
                told.push(format!("{from}-{until} {}", condition.as_str()));
                times.add(condition, until - from);
            });
            assert_eq!(told.join(", "), expected, "{name}");
            assert_eq!(times.total_ms(), 100, "{name}");
        }
    }

    #[test]
    fn uptime_is_of_what_is_known() {
        let times = |ms| Times { ms };
        for (ms, uptime, coverage) in [
            ([0; 7], None, None),
            ([0, 0, 0, 5, 0, 5, 9], None, Some(0.0)),
            ([3, 0, 0, 0, 1, 4, 2], Some(0.75), Some(0.5)),
            ([1, 1, 1, 1, 1, 0, 0], Some(0.75), Some(0.8)),
            ([0, 0, 0, 0, 0, 0, 7], None, None),
        ] {
            assert_eq!(times(ms).uptime(), uptime, "{ms:?}");
            assert_eq!(times(ms).coverage(), coverage, "{ms:?}");
        }
    }
}
