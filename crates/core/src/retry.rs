//! When a target is tried again, and how many further tries a host gets.

use fastrand::Rng;

use crate::config::RetryConfig;
use crate::time::Duration;

/// Further tries that every host gets, whatever it has to do.
const BUDGET_BASE: u32 = 20;
/// One further try for so many targets beyond that.
const BUDGET_TARGETS: u32 = 10;
/// Jitter, as a part of the delay to either side.
const JITTER: f64 = 0.2;

/// The pause before the next try of a target that has spent `spent` retries: `backoff`, doubled
/// for each of them, at most `backoff_max`, and up to a fifth more or less.
pub fn backoff(spent: u32, config: &RetryConfig, rng: &mut Rng) -> Duration {
    let doubled = config.backoff.saturating_mul(1 << spent.min(16));
    jittered(doubled.min(config.backoff_max), rng)
}

/// Further tries that a host with so many targets may cause: 20 and a tenth.
pub const fn budget(targets: u32) -> u32 {
    BUDGET_BASE + targets / BUDGET_TARGETS
}

/// Up to a fifth more or less.
pub(crate) fn jittered(delay: Duration, rng: &mut Rng) -> Duration {
    delay.mul_f64(1.0 - JITTER + 2.0 * JITTER * rng.f64())
}
