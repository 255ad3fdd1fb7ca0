//! One target's state: what its checks said, confirmed before it counts.

mod flap;
mod parts;

use super::State;
use crate::health::Health;
use crate::time::{Duration, Time};

pub use parts::{BadParts, PARTS};

/// At least `bad` of the last `of` checks, instead of failures in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// So many failed checks are an outage; at least 2.
    pub bad: u8,
    /// Among so many; at most [`Window::OF_MAX`].
    pub of: u8,
}

impl Window {
    /// The longest window.
    pub const OF_MAX: u8 = 32;
}

/// How much is asked before a state is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Checks after the first failure that must fail too before the target is down, and as many
    /// after the first degraded one. 0: the first counts.
    pub confirmations: u8,
    /// From the end of a check to the confirmation that it asked for.
    pub confirm_after: Duration,
    /// Checks after the first good one that must be good too before a target that was down or
    /// degraded is up. 0: the first counts.
    pub recoveries: u8,
    /// Down is so many failures among so many checks, in place of `confirmations`.
    pub window: Option<Window>,
    /// Flapping begins above this share of changes, in percent.
    pub flap_high: u8,
    /// Flapping ends below this share of changes, in percent.
    pub flap_low: u8,
}

impl Default for Policy {
    /// With a timeout of 5 s, down is confirmed 12 s after the end of the first failure, and up a
    /// second after the first good check. Flapping as in Naemon (`DEFAULT_HIGH_` and
    /// `DEFAULT_LOW_SERVICE_FLAP_THRESHOLD`).
    fn default() -> Self {
        Self {
            confirmations: 2,
            confirm_after: Duration::from_secs(1),
            recoveries: 1,
            window: None,
            flap_high: 30,
            flap_low: 20,
        }
    }
}

impl Policy {
    /// The most confirmations or recoveries that may be asked for.
    pub const CONFIRMATIONS_MAX: u8 = 10;

    /// What is wrong with it, with the remedy; `Ok` if nothing is.
    ///
    /// # Errors
    /// One line that names the value and what it may be.
    pub fn check(&self) -> Result<(), String> {
        let most = Self::CONFIRMATIONS_MAX;
        if self.confirmations > most || self.recoveries > most {
            return Err(format!("confirmations and recoveries are at most {most}"));
        }
        if let Some(Window { bad, of }) = self.window
            && !(2 <= bad && bad <= of && of <= Window::OF_MAX)
        {
            let most = Window::OF_MAX;
            return Err(format!(
                "{bad} failures of {of} checks: write 2 to {most} of at most {most}, the first not \
                 above the second"
            ));
        }
        if self.flap_low > self.flap_high || self.flap_high > 100 {
            return Err(
                "flapping ends at a share below the one it begins at, both in percent".into()
            );
        }
        Ok(())
    }

    /// Confirmations between two slots: a target that says something else each time must not be
    /// asked every second for ever.
    fn asked_max(&self) -> u8 {
        let row = 2 * (self.confirmations.max(self.recoveries) + 1);
        self.window.map_or(row, |window| row.max(window.of))
    }
}

/// One check as the machine sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What it said.
    pub health: Health,
    /// When it ended.
    pub at: Time,
    /// Whether it is a confirmation, outside the slots.
    pub is_confirmation: bool,
}

/// When the target is checked next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// At its next slot.
    AtSlot,
    /// Before that, on a fresh connection.
    Confirm {
        /// Not before this.
        at: Time,
    },
}

/// A change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The state before.
    pub from: State,
    /// The state now.
    pub to: State,
    /// When it was found out.
    pub at: Time,
    /// Since when it has been so: for down the end of the first failed check of the row.
    pub since: Time,
}

/// What follows from a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reaction {
    /// When to check again.
    pub next: Next,
    /// The change of state, if there is one.
    pub transition: Option<Transition>,
    /// Whether it flaps now, if that has changed.
    pub flapping: Option<bool>,
}

/// The state of one target.
///
/// - **Unknown** says nothing: it changes nothing but [`is_blind`](Self::is_blind).
/// - **Down** is confirmed, as the policy says; until then the target is suspect. One good answer
///   takes a suspect back: a blip.
/// - **Degraded** is confirmed like down, and the state before is shown meanwhile: a latency just
///   above its limit is the noisiest of findings. (Gatus counts any condition alike, 3 in a row;
///   Uptime Kuma has no such state.) Where failed and degraded checks alternate, degraded is what
///   is confirmed.
/// - **Limited** counts at once and is never confirmed by asking more. It ends a suspicion; from
///   down it must last as long as a recovery, at the slots.
/// - **Up** counts at once, but from down and degraded it is confirmed.
///
/// Between two slots at most a fixed number of confirmations is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Since when `settled`.
    since: Time,
    /// When the row of checks that contradict `settled` began.
    row_since: Time,
    /// When the failures at the end of that row began.
    failing_since: Time,
    /// Changes among the last 21 checks, see `flap.rs`.
    changes: u32,
    /// Which of the last 32 checks failed; the newest is bit 0.
    failed: u32,
    /// Suspicions that ended with an answer.
    blips: u16,
    /// What is confirmed; never suspect.
    settled: State,
    /// What the last check said that was up, degraded or down.
    last: State,
    /// The mildest of the row.
    mildest: State,
    /// Checks in the row.
    row: u8,
    /// Failures at its end.
    failures: u8,
    /// Confirmations since the last slot.
    asked: u8,
    flapping: bool,
    blind: bool,
}

impl Machine {
    /// A target that was never checked, known since `at`.
    pub fn new(at: Time) -> Self {
        Self { since: at, ..Self::default() }
    }

    /// How the target is.
    pub fn state(&self) -> State {
        if self.failures > 0 { State::Suspect } else { self.settled }
    }

    /// Since when it has been so: for suspect and down, the end of the first failed check.
    pub fn since(&self) -> Time {
        if self.state() == State::Suspect { self.failing_since } else { self.since }
    }

    /// Whether the last check said nothing: our own side failed.
    pub fn is_blind(&self) -> bool {
        self.blind
    }

    /// Whether its state changes too often to be told each time.
    pub fn is_flapping(&self) -> bool {
        self.flapping
    }

    /// How often it was suspect and then answered.
    pub fn blips(&self) -> u16 {
        self.blips
    }

    /// The weighted share of changes in the last 21 checks, in percent.
    pub fn change_share(&self) -> u8 {
        flap::share(self.changes)
    }

    /// Takes in one check.
    pub fn observe(&mut self, policy: &Policy, seen: Seen) -> Reaction {
        let Seen { health, at, is_confirmation } = seen;
        self.asked = if is_confirmation { self.asked.saturating_add(1) } else { 0 };
        self.blind = health == Health::Unknown;
        if self.blind {
            return Reaction { next: Next::AtSlot, transition: None, flapping: None };
        }
        let before = self.state();
        let says = State::from(health);
        let flapping = self.note(policy, says);
        match (self.settled, says) {
            (State::Down, State::Down) => self.end_row(),
            (State::Down, _) => self.recover(policy, says, at),
            (_, State::Down) => self.fail(policy, at),
            (State::Degraded, State::Up) => self.improve(policy, at),
            (State::Degraded, State::Degraded) => self.end_row(),
            (_, State::Degraded) => self.degrade(policy, at),
            _ => self.settle(says, at),
        }
        let transition = self.transition(before, at);
        let asks_more = self.row > 0 && says != State::Limited && self.asked < policy.asked_max();
        let next =
            if asks_more { Next::Confirm { at: at + policy.confirm_after } } else { Next::AtSlot };
        Reaction { next, transition, flapping }
    }

    /// Our own network was gone from `since` on: what was concluded from that time is taken back.
    /// A suspicion ends, and a target found down after `since` is unknown until its next check.
    pub fn pardon(&mut self, since: Time, at: Time) -> Option<Transition> {
        let before = self.state();
        if before == State::Suspect && self.failing_since >= since {
            self.end_row();
        } else if before == State::Down && self.since >= since {
            self.settle(State::Unknown, at);
        }
        let now = self.state();
        (now != before).then(|| Transition { from: before, to: now, at, since: self.since() })
    }

    /// The change since `before`, and the count of blips.
    fn transition(&mut self, before: State, at: Time) -> Option<Transition> {
        let now = self.state();
        if now == before {
            return None;
        }
        if before == State::Suspect && now != State::Down {
            self.blips = self.blips.saturating_add(1);
        }
        Some(Transition { from: before, to: now, at, since: self.since() })
    }

    /// Remembers a check for the window and for flapping.
    fn note(&mut self, policy: &Policy, says: State) -> Option<bool> {
        // Limited says nothing about how well the target is.
        if says == State::Limited {
            return None;
        }
        self.failed = self.failed << 1 | u32::from(says == State::Down);
        let changed = self.last != says && self.last != State::Unknown;
        self.last = says;
        self.changes = flap::push(self.changes, changed);
        let share = flap::share(self.changes);
        let flaps = if self.flapping { share >= policy.flap_low } else { share > policy.flap_high };
        let is_new = flaps != self.flapping;
        self.flapping = flaps;
        is_new.then_some(flaps)
    }

    /// Failures among the last checks of the window.
    fn failed_in(&self, window: Window) -> u8 {
        let unused = u32::BITS - u32::from(window.of).clamp(1, u32::BITS);
        u8::try_from((self.failed << unused).count_ones()).unwrap_or(u8::MAX)
    }

    fn end_row(&mut self) {
        self.row = 0;
        self.failures = 0;
    }

    /// One more check that contradicts what is settled.
    fn extend_row(&mut self, says: State, at: Time) {
        if self.row == 0 {
            self.row_since = at;
            self.mildest = says;
        }
        self.row = self.row.saturating_add(1);
        self.mildest = self.mildest.min(says);
    }

    fn settle(&mut self, state: State, since: Time) {
        self.end_row();
        if self.settled != state {
            self.settled = state;
            self.since = since;
        }
    }

    /// It was down, and answers.
    fn recover(&mut self, policy: &Policy, says: State, at: Time) {
        self.extend_row(says, at);
        let is_clear = policy.window.is_none_or(|window| self.failed_in(window) < window.bad);
        if self.row > policy.recoveries && is_clear {
            self.settle(says, self.row_since);
        }
    }

    /// It was not down, and fails.
    fn fail(&mut self, policy: &Policy, at: Time) {
        if self.mildest == State::Up {
            self.end_row();
        }
        self.extend_row(State::Down, at);
        if self.failures == 0 {
            self.failing_since = at;
        }
        self.failures = self.failures.saturating_add(1);
        let is_down = match policy.window {
            Some(window) => self.failed_in(window) >= window.bad,
            None => self.failures > policy.confirmations,
        };
        if is_down {
            self.settle(State::Down, self.failing_since);
        } else if self.row > policy.confirmations && self.mildest == State::Degraded {
            // Bad each time, though not each time a failure: the failures begin a row of their own.
            let failures = self.failures;
            self.settle(State::Degraded, self.row_since);
            (self.row, self.failures) = (failures, failures);
            (self.row_since, self.mildest) = (self.failing_since, State::Down);
        }
    }

    /// It was fine, and is degraded.
    fn degrade(&mut self, policy: &Policy, at: Time) {
        self.extend_row(State::Degraded, at);
        self.failures = 0;
        if self.row > policy.confirmations {
            self.settle(State::Degraded, self.row_since);
        }
    }

    /// It was degraded, and is fine.
    fn improve(&mut self, policy: &Policy, at: Time) {
        if self.failures > 0 {
            self.end_row();
        }
        self.extend_row(State::Up, at);
        if self.row > policy.recoveries {
            self.settle(State::Up, self.row_since);
        }
    }
}

#[cfg(test)]
mod tests;
