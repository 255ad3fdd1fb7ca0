//! How many requests were in flight, over the time of a run, from records in any order.

use serde::Serialize;

/// Steps of the picture, at most; at least half as many once they have been widened.
const STEPS_MAX: usize = 240;
/// The finest step, in microseconds.
const STEP_US_MIN: u64 = 1_000;

/// The mean number of requests in flight, step by step.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Timeline {
    /// Seconds each step lasts.
    pub step: f64,
    /// Mean requests in flight in each step.
    pub in_flight: Vec<f64>,
}

/// Adds up the last tries of records; memory does not grow with them.
#[derive(Clone, Debug)]
pub(super) struct Lanes {
    /// The number of the first step, counted from 1970: so the order of records decides nothing.
    from_step: u64,
    step_us: u64,
    /// Microseconds of requests in each step.
    busy_us: Vec<f64>,
}

impl Default for Lanes {
    fn default() -> Self {
        Self { from_step: 0, step_us: STEP_US_MIN, busy_us: Vec::new() }
    }
}

impl Lanes {
    /// Adds a try that began then and took so long, both in microseconds.
    pub(super) fn add(&mut self, began_us: u64, took_us: u64) {
        let ended_us = began_us.saturating_add(took_us.max(1));
        self.reach(began_us, ended_us - 1);
        for step in began_us / self.step_us..=(ended_us - 1) / self.step_us {
            let from = began_us.max(step * self.step_us);
            let to = ended_us.min((step + 1) * self.step_us);
            self.busy_us[(step - self.from_step) as usize] += (to - from) as f64;
        }
    }

    /// What was added, ready to be drawn.
    pub(super) fn timeline(&self) -> Timeline {
        let step = self.step_us as f64;
        Timeline {
            step: step / 1e6,
            in_flight: self.busy_us.iter().map(|busy| busy / step).collect(),
        }
    }

    /// Makes both moments fall into a step: steps are added, and widened where they get too many.
    fn reach(&mut self, first_us: u64, last_us: u64) {
        loop {
            let (first, last) = (first_us / self.step_us, last_us / self.step_us);
            if self.busy_us.is_empty() {
                self.from_step = first;
            }
            let end = self.from_step + self.busy_us.len() as u64;
            let (from, to) = (self.from_step.min(first), end.max(last + 1));
            if to - from > STEPS_MAX as u64 {
                self.widen();
                continue;
            }
            let before = (self.from_step - from) as usize;
            self.busy_us.splice(0..0, std::iter::repeat_n(0.0, before));
            self.busy_us.resize((to - from) as usize, 0.0);
            self.from_step = from;
            return;
        }
    }

    /// Makes one step of each two.
    fn widen(&mut self) {
        if !self.from_step.is_multiple_of(2) {
            self.busy_us.insert(0, 0.0);
            self.from_step -= 1;
        }
        self.busy_us = self.busy_us.chunks(2).map(|pair| pair.iter().sum()).collect();
        self.from_step /= 2;
        self.step_us *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_in_flight_is_told_whatever_the_order() {
        let seed = fastrand::u64(..);
        let mut rng = fastrand::Rng::with_seed(seed);
        for round in 0..200 {
            let span_us = 10u64.pow(rng.u32(3..9));
            let tries: Vec<(u64, u64)> = (0..rng.usize(1..100))
                .map(|_| (1_000_000_000 + rng.u64(..span_us), rng.u64(..span_us)))
                .collect();
            let mut lanes = Lanes::default();
            tries.iter().for_each(|&(began, took)| lanes.add(began, took));
            let timeline = lanes.timeline();
            assert!(timeline.in_flight.len() <= STEPS_MAX, "seed {seed}, round {round}");
            let told: f64 = timeline.in_flight.iter().sum::<f64>() * timeline.step * 1e6;
            let all: u64 = tries.iter().map(|(_, took)| took.max(&1)).sum();
            let off = (told / all as f64 - 1.0).abs();
            assert!(off < 1e-6, "seed {seed}, round {round}: {told} for {all}");
        }
    }

    #[test]
    fn two_at_once_are_two() {
        let mut lanes = Lanes::default();
        lanes.add(5_000_000, 2_000_000);
        lanes.add(4_000_000, 2_000_000);
        let Timeline { step, in_flight } = lanes.timeline();
        // Steps are counted from 1970, and this list begins with the one in which it began.
        let first = (4.0 / step) as usize;
        let at = |seconds: f64| in_flight[(seconds / step) as usize - first];
        assert_eq!((at(4.5), at(5.5), at(6.5)), (1.0, 2.0, 1.0));
    }
}
