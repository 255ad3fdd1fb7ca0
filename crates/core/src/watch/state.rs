//! The state of one target: what its checks say, once they were confirmed.
//!
//! One failure makes a target suspect and asks for a confirmation within seconds, on a fresh connection;
//! only when that fails, too, and the failure has lasted, is it down: since its first failure. The way
//! back is the same. A host that says it is asked too much is limited, never down, and is not asked
//! again for it.

use super::agenda::Next;
use super::words::State;
use crate::health::Health;
use crate::time::{Duration, Time};

/// Checks over which flapping is judged (as Nagios, Naemon and Icinga do).
const FLAP_CHECKS: u32 = 21;

/// When a failure is believed, and a recovery.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Further failures, beyond the first, that make a target down; likewise for degraded.
    pub confirmations: u8,
    /// From the end of a check until its confirmation.
    pub confirm_after: Duration,
    /// From the begin of the first failure: before it, nothing is down, however often it failed. What
    /// is back by then was restarted.
    pub down_after: Duration,
    /// Further good checks, beyond the first, that make a target that is down up again.
    pub recoveries: u8,
    /// Down only if so many of so many checks failed (at most 64), in place of all in a row.
    pub window: Option<(u8, u8)>,
    /// Share of changes over the last 21 checks from which on a target flaps, of 1.
    pub flap_high: f32,
    /// Share below which it does no more.
    pub flap_low: f32,
}

impl Default for Policy {
    /// With a timeout of 5 s a silent target is down 13 s after it was asked first: two tries and the
    /// pause between them. One that refuses at once is asked four times in 9 s. Icinga's thresholds
    /// for flapping.
    fn default() -> Self {
        Self {
            confirmations: 1,
            confirm_after: Duration::from_secs(3),
            down_after: Duration::from_secs(8),
            recoveries: 1,
            window: None,
            flap_high: 0.30,
            flap_low: 0.25,
        }
    }
}

/// What a check saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// How well the target was.
    pub health: Health,
    /// When the check began.
    pub began: Time,
    /// When it ended.
    pub ended: Time,
    /// Whether it was a confirmation: those say nothing of flapping.
    pub is_confirmation: bool,
}

/// A change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Before.
    pub from: State,
    /// Since then it had been so.
    pub from_since: Time,
    /// Now.
    pub to: State,
    /// Since when: of a failure, since it was first seen.
    pub since: Time,
    /// When that was known.
    pub at: Time,
}

/// What follows from a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reaction {
    /// When to look again.
    pub next: Next,
    /// If the state is another one now.
    pub transition: Option<Transition>,
    /// If it began to flap, or does no more.
    pub flapping: Option<bool>,
}

/// What is believed of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    state: State,
    /// What the last checks said that are not believed yet.
    candidate: State,
    /// How many of them.
    streak: u8,
    is_flapping: bool,
    /// Checks in `failed`, at most 64.
    checks: u8,
    since: Time,
    /// When the first check of the candidate began.
    candidate_since: Time,
    /// What a suspect was before.
    before: (State, Time),
    /// Whether each of the last 64 checks failed, the last one in the lowest bit.
    failed: u64,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            state: State::Unknown,
            candidate: State::Unknown,
            streak: 0,
            is_flapping: false,
            checks: 0,
            since: Time::ZERO,
            candidate_since: Time::ZERO,
            before: (State::Unknown, Time::ZERO),
            failed: 0,
        }
    }
}

impl Machine {
    /// Numbers that [`Self::to_parts`] gives.
    pub const PARTS: usize = 6;

    /// What is believed.
    pub fn state(&self) -> State {
        self.state
    }

    /// Since when.
    pub fn since(&self) -> Time {
        self.since
    }

    /// Whether it changes too often to say.
    pub fn is_flapping(&self) -> bool {
        self.is_flapping
    }

    /// Takes in a check.
    pub fn observe(&mut self, policy: &Policy, seen: Seen) -> Reaction {
        let flapping = self.remember(policy, seen);
        let (next, transition) = match said(seen.health) {
            // Our own side failed: nothing is known of the target, and nothing changes.
            None => (Next::AtSlot, None),
            Some(says) => self.weigh(policy, seen, says),
        };
        Reaction { next, transition, flapping }
    }

    /// Our own side cannot check it: nothing is believed until the next check.
    pub fn lose(&mut self, at: Time) -> Option<Transition> {
        (self.state != State::Unknown).then(|| self.enter(State::Unknown, at, at))
    }

    fn weigh(&mut self, policy: &Policy, seen: Seen, says: State) -> (Next, Option<Transition>) {
        if says != self.candidate || self.streak == 0 {
            (self.candidate, self.streak, self.candidate_since) = (says, 0, seen.began);
        }
        self.streak = self.streak.saturating_add(1);
        let confirm = Next::Confirm { at: seen.ended + policy.confirm_after };
        match (self.state, says) {
            (State::Down, State::Down) => (Next::AtSlot, None),
            (State::Suspect, State::Down) => match self.is_down(policy, seen.ended) {
                true => {
                    (Next::AtSlot, Some(self.enter(State::Down, self.candidate_since, seen.ended)))
                }
                false => (confirm, None),
            },
            (_, State::Down) => {
                self.before = (self.state, self.since);
                match policy.confirmations == 0 && self.is_down(policy, seen.ended) {
                    true => (Next::AtSlot, Some(self.enter(State::Down, seen.began, seen.ended))),
                    false => (confirm, Some(self.enter(State::Suspect, seen.began, seen.ended))),
                }
            }
            (State::Down, says) => match self.streak > policy.recoveries {
                true => (Next::AtSlot, Some(self.enter(says, self.candidate_since, seen.ended))),
                false => (confirm, None),
            },
            // One failure that was not confirmed: as before, without a gap.
            (State::Suspect, says) => {
                let (before, since) = self.before;
                let since = if before == says { since } else { seen.began };
                (Next::AtSlot, Some(self.enter(says, since, seen.ended)))
            }
            (now, says) if now == says => (Next::AtSlot, None),
            (State::Unknown, says) => {
                (Next::AtSlot, Some(self.enter(says, seen.began, seen.ended)))
            }
            // To ask again at once is what it complains of.
            (_, State::Limited) | (State::Limited, _) => {
                (Next::AtSlot, Some(self.enter(says, seen.began, seen.ended)))
            }
            (_, says) => match self.streak > policy.confirmations.min(1) {
                true => (Next::AtSlot, Some(self.enter(says, self.candidate_since, seen.ended))),
                false => (confirm, None),
            },
        }
    }

    fn is_down(&self, policy: &Policy, at: Time) -> bool {
        at.since(self.candidate_since) >= policy.down_after && self.is_often(policy)
    }

    fn is_often(&self, policy: &Policy) -> bool {
        match policy.window {
            Some((least, of)) => {
                let of = of.clamp(1, 64);
                let mask = u64::MAX >> (64 - of);
                (self.failed & mask).count_ones() >= u32::from(least.max(1))
            }
            None => self.streak > policy.confirmations,
        }
    }

    fn enter(&mut self, to: State, since: Time, at: Time) -> Transition {
        let transition = Transition { from: self.state, from_since: self.since, to, since, at };
        (self.state, self.since) = (to, since);
        transition
    }

    /// Remembers whether the check failed; tells if that begins or ends flapping.
    ///
    /// The share of changes between neighbours of the last 21 checks, the latest counting 1.2, the
    /// oldest 0.8, as Nagios weighs them.
    fn remember(&mut self, policy: &Policy, seen: Seen) -> Option<bool> {
        if seen.health == Health::Unknown || (seen.is_confirmation && policy.window.is_none()) {
            return None;
        }
        self.failed = self.failed << 1 | u64::from(seen.health == Health::Down);
        self.checks = (self.checks + 1).min(64);
        if u32::from(self.checks) < FLAP_CHECKS {
            return None;
        }
        let changes = self.failed ^ self.failed >> 1;
        let pairs = FLAP_CHECKS - 1;
        let weight = |age: u32| 1.2 - 0.4 * age as f32 / (pairs - 1) as f32;
        let changed = (0..pairs).filter(|age| changes >> age & 1 == 1).map(weight).sum::<f32>();
        let share = changed / pairs as f32;
        let is_flapping = match self.is_flapping {
            true => share >= policy.flap_low,
            false => share >= policy.flap_high,
        };
        let turned = is_flapping != self.is_flapping;
        self.is_flapping = is_flapping;
        turned.then_some(is_flapping)
    }

    /// The machine as numbers.
    pub fn to_parts(&self) -> [u64; Self::PARTS] {
        let small = [
            self.state as u8,
            self.candidate as u8,
            self.streak,
            u8::from(self.is_flapping),
            self.checks,
            self.before.0 as u8,
            0,
            0,
        ];
        [
            u64::from_le_bytes(small),
            self.since.as_nanos(),
            self.candidate_since.as_nanos(),
            self.before.1.as_nanos(),
            self.failed,
            // A version: other numbers are not understood.
            1,
        ]
    }

    /// The machine of these numbers; `None` if they are none that [`Self::to_parts`] gave.
    pub fn from_parts(parts: &[u64]) -> Option<Self> {
        let &[small, since, candidate_since, before_since, failed, 1] = parts else { return None };
        let [state, candidate, streak, is_flapping, checks, before, 0, 0] = small.to_le_bytes()
        else {
            return None;
        };
        Some(Self {
            state: State::from_number(state)?,
            candidate: State::from_number(candidate)?,
            streak,
            is_flapping: match is_flapping {
                0 => false,
                1 => true,
                _ => return None,
            },
            checks: (checks <= 64).then_some(checks)?,
            since: Time::from_nanos(since),
            candidate_since: Time::from_nanos(candidate_since),
            before: (State::from_number(before)?, Time::from_nanos(before_since)),
            failed,
        })
    }
}

/// What a check says of the state; `None` if it says nothing of the target.
fn said(health: Health) -> Option<State> {
    match health {
        Health::Up => Some(State::Up),
        Health::Degraded => Some(State::Degraded),
        Health::Limited => Some(State::Limited),
        Health::Down => Some(State::Down),
        Health::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: f64) -> Time {
        Time::from_millis(1_000_000) + Duration::from_secs_f64(seconds)
    }

    /// One check: when it begins, how long it takes, what it says; then the state, and when it is
    /// looked at again, if not at the next slot.
    type Line = (f64, f64, Health, State, Option<f64>);

    fn check(policy: &Policy, lines: &[Line]) -> Machine {
        let mut machine = Machine::default();
        let mut confirms = false;
        for line in lines {
            let &(began, took, health, state, confirm) = line;
            let seen = Seen {
                health,
                began: at(began),
                ended: at(began + took),
                is_confirmation: confirms,
            };
            let reaction = machine.observe(policy, seen);
            assert_eq!(machine.state(), state, "{line:?} of {lines:?}");
            let next = confirm.map_or(Next::AtSlot, |confirm| Next::Confirm { at: at(confirm) });
            assert_eq!(reaction.next, next, "{line:?} of {lines:?}");
            confirms = confirm.is_some();
            let back = Machine::from_parts(&machine.to_parts());
            assert_eq!(back.as_ref(), Some(&machine), "{line:?} of {lines:?}");
        }
        machine
    }

    #[test]
    fn a_failure_is_believed_when_it_is_confirmed() {
        use Health as H;
        use State as S;
        let usual = Policy::default();
        let up = (0.0, 0.1, H::Up, S::Up, None);
        // Silent: down after the second try, since the begin of the first.
        let down = check(
            &usual,
            &[
                up,
                (60.0, 5.0, H::Down, S::Suspect, Some(68.0)),
                (68.0, 5.0, H::Down, S::Down, None),
                (120.0, 5.0, H::Down, S::Down, None),
            ],
        );
        assert_eq!(down.since(), at(60.0));
        // Refused at once: not before it has lasted.
        check(
            &usual,
            &[
                up,
                (60.0, 0.0, H::Down, S::Suspect, Some(63.0)),
                (63.0, 0.0, H::Down, S::Suspect, Some(66.0)),
                (66.0, 0.0, H::Down, S::Suspect, Some(69.0)),
                (69.0, 0.0, H::Down, S::Down, None),
            ],
        );
        // A blip changes nothing of since when it is up.
        let blip = check(
            &usual,
            &[up, (60.0, 5.0, H::Down, S::Suspect, Some(68.0)), (68.0, 0.1, H::Up, S::Up, None)],
        );
        assert_eq!(blip.since(), at(0.0));
        // Recovery is confirmed, too.
        let back = check(
            &usual,
            &[
                (0.0, 9.0, H::Down, S::Suspect, Some(12.0)),
                (12.0, 5.0, H::Down, S::Down, None),
                (60.0, 0.5, H::Up, S::Down, Some(63.5)),
                (63.5, 5.0, H::Down, S::Down, None),
                (120.0, 0.5, H::Up, S::Down, Some(123.5)),
                (123.5, 0.5, H::Up, S::Up, None),
            ],
        );
        assert_eq!(back.since(), at(120.0));
    }

    #[test]
    fn what_is_no_failure_is_not_taken_for_one() {
        use Health as H;
        use State as S;
        let usual = Policy::default();
        let up = (0.0, 0.1, H::Up, S::Up, None);
        // Limited is no failure, and not asked again for.
        check(
            &usual,
            &[up, (60.0, 0.1, H::Limited, S::Limited, None), (120.0, 0.1, H::Up, S::Up, None)],
        );
        check(
            &usual,
            &[(0.0, 5.0, H::Down, S::Suspect, Some(8.0)), (8.0, 0.1, H::Limited, S::Limited, None)],
        );
        // Slow once is not slow.
        check(
            &usual,
            &[
                up,
                (60.0, 2.0, H::Degraded, S::Up, Some(65.0)),
                (65.0, 2.0, H::Degraded, S::Degraded, None),
                (120.0, 0.1, H::Up, S::Degraded, Some(123.1)),
                (123.1, 0.1, H::Up, S::Up, None),
            ],
        );
        // What our own side could not check says nothing.
        check(
            &usual,
            &[up, (60.0, 0.1, H::Unknown, S::Up, None), (120.0, 0.1, H::Up, S::Up, None)],
        );
        let hasty =
            Policy { confirmations: 0, down_after: Duration::ZERO, recoveries: 0, ..usual.clone() };
        check(&hasty, &[up, (60.0, 0.1, H::Down, S::Down, None), (120.0, 0.1, H::Up, S::Up, None)]);
        let of_three = Policy { window: Some((2, 3)), down_after: Duration::ZERO, ..usual };
        check(
            &of_three,
            &[
                up,
                (60.0, 0.1, H::Down, S::Suspect, Some(63.1)),
                (63.1, 0.1, H::Up, S::Up, None),
                (120.0, 0.1, H::Down, S::Suspect, Some(123.1)),
                (123.1, 0.1, H::Down, S::Down, None),
            ],
        );
    }

    #[test]
    fn flapping_begins_and_ends_by_its_own_thresholds() {
        let policy = Policy::default();
        let mut machine = Machine::default();
        let mut told = Vec::new();
        for n in 0..200_u32 {
            // Quiet, then each third check fails, then quiet again.
            let fails = (60..120).contains(&n) && n % 3 == 0;
            let seen = Seen {
                health: if fails { Health::Down } else { Health::Up },
                began: at(f64::from(n) * 60.0),
                ended: at(f64::from(n) * 60.0) + SECOND,
                is_confirmation: false,
            };
            if let Some(flapping) = machine.observe(&policy, seen).flapping {
                told.push((n, flapping));
            }
        }
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].1 && (61..75).contains(&told[0].0), "{told:?}");
        assert!(!told[1].1 && (121..140).contains(&told[1].0), "{told:?}");
    }

    #[test]
    fn it_is_small_and_its_numbers_are_checked() {
        assert!(size_of::<Machine>() <= 64, "{}", size_of::<Machine>());
        let parts = Machine::default().to_parts();
        assert!(Machine::from_parts(&parts).is_some());
        assert!(Machine::from_parts(&parts[1..]).is_none());
        for (at, value) in [(0, 99), (0, 2 << 24), (5, 2), (0, 65 << 32), (0, 1 << 48)] {
            let mut wrong = parts;
            wrong[at] = value;
            assert!(Machine::from_parts(&wrong).is_none(), "{at} {value}");
        }
    }

    #[test]
    fn nothing_is_down_without_a_confirmation_and_every_long_outage_is_found() {
        for seed in 0..2_000 {
            let mut random = fastrand::Rng::with_seed(seed);
            let policy = Policy::default();
            let mut machine = Machine::default();
            let mut now = 0.0;
            let outages: Vec<(f64, f64)> = (0..5)
                .map(|n| {
                    let from = f64::from(n) * 1_000.0 + random.f64() * 300.0;
                    (from, from + random.f64() * 400.0)
                })
                .collect();
            let fails = |at: f64| outages.iter().any(|(from, until)| (*from..*until).contains(&at));
            let (mut failures, mut found, mut confirms) = (0_u32, Vec::new(), false);
            while now < 5_000.0 {
                let took = if fails(now) { 5.0 } else { random.f64() };
                let health = if fails(now) { Health::Down } else { Health::Up };
                failures = if fails(now) { failures + 1 } else { 0 };
                let seen = Seen {
                    health,
                    began: at(now),
                    ended: at(now + took),
                    is_confirmation: confirms,
                };
                let reaction = machine.observe(&policy, seen);
                if let Some(transition) = reaction.transition
                    && transition.to == State::Down
                {
                    assert!(failures >= 2, "seed {seed}: down after {failures} failures");
                    let late = transition.at.since(transition.since);
                    assert!(late <= 15 * SECOND, "seed {seed}: confirmed after {late:?}");
                    found.push(transition.since);
                }
                confirms = matches!(reaction.next, Next::Confirm { .. });
                now = match reaction.next {
                    Next::Confirm { at: when } => when.since(at(0.0)).as_secs_f64(),
                    Next::AtSlot => ((now + took) / 60.0).floor() * 60.0 + 60.0,
                };
            }
            for (from, until) in outages.iter().filter(|(from, until)| until - from > 75.0) {
                let hit = found.iter().any(|since| (at(*from)..=at(*until)).contains(since));
                assert!(hit, "seed {seed}: the outage from {from} to {until} was not found");
            }
        }
    }
}
