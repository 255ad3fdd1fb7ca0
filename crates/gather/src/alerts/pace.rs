//! When a channel may speak: digests, the cap per hour, and pauses after what went wrong.

use gather_core::Time;
use gather_core::time::Duration;

use super::channel::Pacing;

const HOUR: Duration = Duration::from_secs(3_600);
/// A service that is away for long is asked four times an hour.
const BACKOFF_MAX: Duration = Duration::from_secs(900);

/// One channel's clock.
#[derive(Debug)]
pub(super) struct Pace {
    pacing: Pacing,
    /// The last message that was sent.
    last: Option<Time>,
    /// When all that was sent would be used up at the steady rate (GCRA).
    used_up: Time,
    /// No try before this.
    paused_until: Time,
}

impl Pace {
    pub(super) fn new(pacing: Pacing) -> Self {
        Self { pacing, last: None, used_up: Time::ZERO, paused_until: Time::ZERO }
    }

    /// Other settings; what was said so far still counts.
    pub(super) fn set(&mut self, pacing: Pacing) {
        self.pacing = pacing;
    }

    /// Messages in a row, and then the time for each further one: together no more than the cap in
    /// any hour. Half of it at once and the rest spread, so that the last of a storm waits for
    /// minutes, where a plain count would keep it for an hour.
    fn rate(&self) -> (u32, Duration) {
        let burst = self.pacing.per_hour.div_ceil(2);
        let spread = (self.pacing.per_hour - burst).max(1);
        (burst, HOUR / spread)
    }

    /// The first moment at which the next message may leave.
    pub(super) fn ready(&self) -> Time {
        let (burst, each) = self.rate();
        let by_cap = self.used_up - each.saturating_mul(burst - 1);
        let by_digest = self.last.map_or(Time::ZERO, |last| last + self.pacing.digest);
        by_cap.max(by_digest).max(self.paused_until)
    }

    pub(super) fn sent(&mut self, now: Time) {
        let (_, each) = self.rate();
        self.last = Some(now);
        self.used_up = self.used_up.max(now) + each;
        self.paused_until = Time::ZERO;
    }

    /// A try failed, the `tries`-th of its message; `jitter` is between 0 and 1. Answers when the
    /// next one is.
    pub(super) fn failed(
        &mut self,
        now: Time,
        tries: u32,
        asked: Option<Duration>,
        jitter: f64,
    ) -> Time {
        let backoff = self.backoff(tries).mul_f64(0.8 + 0.4 * jitter);
        self.paused_until = now + backoff.max(asked.unwrap_or_default());
        self.paused_until
    }

    /// Whether a message that failed so often has been tried for so long. It goes by the tries,
    /// which are remembered, and not by a clock: a watch that was off for a day gives nothing up.
    pub(super) fn is_over(&self, tries: u32, retry_for: Duration) -> bool {
        let mut waited = Duration::ZERO;
        for n in 1..=tries {
            waited += self.backoff(n);
            if waited > retry_for {
                return true;
            }
        }
        false
    }

    /// The pause after the `tries`-th failure.
    fn backoff(&self, tries: u32) -> Duration {
        let doubled = self.pacing.backoff.saturating_mul(1_u32 << tries.saturating_sub(1).min(16));
        doubled.min(BACKOFF_MAX.max(self.pacing.backoff))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::channel::PACING;

    fn at(s: u64) -> Time {
        Time::from_millis(1_795_255_200_000 + s * 1_000)
    }

    fn pace(digest_s: u64, per_hour: u32) -> Pace {
        let digest = Duration::from_secs(digest_s);
        Pace::new(Pacing { digest, per_hour, ..PACING })
    }

    #[test]
    fn the_first_leaves_at_once_and_the_next_with_what_came_meanwhile() {
        let mut pace = pace(30, 20);
        assert!(pace.ready() <= at(0));
        pace.sent(at(0));
        assert_eq!(pace.ready(), at(30));
    }

    #[test]
    fn no_hour_has_more_messages_than_the_cap() {
        for per_hour in [1, 2, 3, 19, 20, 240] {
            let mut pace = pace(0, per_hour);
            let mut sent: Vec<Time> = Vec::new();
            let mut now = at(0);
            while sent.len() < 4 * per_hour as usize {
                now = now.max(pace.ready());
                pace.sent(now);
                sent.push(now);
            }
            let most = sent
                .iter()
                .map(|from| sent.iter().filter(|at| *from <= **at && **at < *from + HOUR).count());
            let (most, per_hour) = (most.max().expect("some were sent"), per_hour as usize);
            assert!(most <= per_hour, "{most} in an hour, of {per_hour}");
            assert!(2 * most >= per_hour, "{most} in an hour, of {per_hour}");
        }
    }

    #[test]
    fn what_fails_is_tried_later_and_later_and_not_before_it_may_be() {
        let mut pace = pace(30, 20);
        let mut check = |tries, asked, jitter, want_s: f64| {
            let asked: Option<u64> = asked;
            let next = pace.failed(at(0), tries, asked.map(Duration::from_secs), jitter);
            assert_eq!(next.since(at(0)).as_secs_f64(), want_s, "{tries} {asked:?}");
            assert_eq!(pace.ready(), next);
        };
        check(1, None, 0.5, 5.0);
        check(2, None, 0.5, 10.0);
        check(1, Some(60), 0.5, 60.0);
        check(1, Some(1), 0.5, 5.0);
        check(9, None, 0.5, 900.0);
        check(4_000_000_000, None, 1.0, 1_080.0);
    }

    #[test]
    fn a_day_is_about_a_hundred_tries() {
        let pace = pace(30, 20);
        let day = Duration::from_secs(86_400);
        let tries = (1..).find(|tries| pace.is_over(*tries, day));
        assert_eq!(tries, Some(103));
        assert!(pace.is_over(1, Duration::ZERO), "there is no second try");
        assert!(!pace.is_over(1, Duration::from_secs(5)));
    }
}
