//! The limits a host of the test site keeps: a token bucket, a fixed window, failures per target.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::site::Site;

/// Targets that are remembered for `/flaky`; beyond them every target works.
const FLAKY_TARGETS_MAX: usize = 100_000;

/// The limits of one host.
#[derive(Debug)]
pub(crate) struct Limits {
    rate_per_s: f64,
    burst: f64,
    tokens: f64,
    refilled_at: Instant,
    window: Duration,
    window_requests_max: u32,
    window_started_at: Instant,
    window_requests: u32,
    seen: HashMap<String, u32>,
}

impl Limits {
    pub(crate) fn new(site: &Site, now: Instant) -> Self {
        Self {
            rate_per_s: site.rate_per_s,
            burst: f64::from(site.burst),
            tokens: f64::from(site.burst),
            refilled_at: now,
            window: site.window,
            window_requests_max: site.window_requests_max,
            window_started_at: now,
            window_requests: 0,
            seen: HashMap::new(),
        }
    }

    /// Takes a token; false if there is none.
    pub(crate) fn take_token(&mut self, now: Instant) -> bool {
        let passed_s = now.duration_since(self.refilled_at).as_secs_f64();
        self.tokens = (self.tokens + passed_s * self.rate_per_s).min(self.burst);
        self.refilled_at = now;
        let granted = self.tokens >= 1.0;
        if granted {
            self.tokens -= 1.0;
        }
        granted
    }

    /// Counts a request in the current window; false if the window is full.
    pub(crate) fn enter_window(&mut self, now: Instant) -> bool {
        if now.duration_since(self.window_started_at) >= self.window {
            self.window_started_at = now;
            self.window_requests = 0;
        }
        self.window_requests += 1;
        self.window_requests <= self.window_requests_max
    }

    /// How often `target` has been asked for before this time.
    pub(crate) fn asked_before(&mut self, target: &str) -> u32 {
        if self.seen.len() >= FLAKY_TARGETS_MAX && !self.seen.contains_key(target) {
            return u32::MAX;
        }
        let count = self.seen.entry(target.to_owned()).or_default();
        *count += 1;
        *count - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_bears_its_burst_and_then_its_rate() {
        let start = Instant::now();
        let site = Site { rate_per_s: 10.0, burst: 3, ..Site::default() };
        let mut limits = Limits::new(&site, start);
        let granted = |limits: &mut Limits, ms: u64| {
            (0..10).filter(|_| limits.take_token(start + Duration::from_millis(ms))).count()
        };
        assert_eq!(granted(&mut limits, 0), 3, "the burst");
        assert_eq!(granted(&mut limits, 100), 1, "one token in 100 ms");
        assert_eq!(granted(&mut limits, 60_000), 3, "never more than the burst");
    }

    #[test]
    fn a_window_opens_again_when_it_is_over() {
        let start = Instant::now();
        let site = Site { window_requests_max: 2, ..Site::default() };
        let mut limits = Limits::new(&site, start);
        let granted = |limits: &mut Limits, ms: u64| {
            (0..5).filter(|_| limits.enter_window(start + Duration::from_millis(ms))).count()
        };
        assert_eq!(granted(&mut limits, 0), 2);
        assert_eq!(granted(&mut limits, 999), 0);
        assert_eq!(granted(&mut limits, 1000), 2);
    }
}
