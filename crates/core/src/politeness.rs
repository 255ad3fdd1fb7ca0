//! The gate of one host: closed by a refusal, reopened paced, and the rate the host bears, learned.

use std::collections::VecDeque;

use fastrand::Rng;

use crate::config::RetryConfig;
use crate::retry::jittered;
use crate::time::{Duration, Time};

/// Requests a second right after a host with unknown rate was reopened.
const RAMP_PER_SECOND: f64 = 8.0;
/// The ramp doubles in this time, or in four times the host's answer time if that is longer.
const RAMP_DOUBLING_S: f64 = 0.4;
/// Faster than this is not paced.
const RAMP_PER_SECOND_MAX: f64 = 2000.0;
/// Part of the estimated rate that is used, so that the host's bucket fills again.
const USED_SHARE: f64 = 0.96;
/// Windows shorter than this say nothing about a rate.
const WINDOW_S_MIN: f64 = 0.2;
/// A first burst that lasted longer than this is not the host's bucket.
const BURST_S_MAX: f64 = 1.0;
/// Fewer requests than this say nothing about a rate.
const SENT_MIN: usize = 4;
/// Requests kept to estimate a rate.
const SENT_MAX: usize = 512;
/// A learned rate is lowered to this part of it at least, and to this part at most.
const DECREASE_MIN: f64 = 0.95;
const DECREASE_MAX: f64 = 0.5;
/// A learned rate is kept this long at least, before more is tried.
const HOLD_MIN: Duration = Duration::from_secs(4);
/// And so many times what the host asked for.
const HOLD_PAUSES: u32 = 8;
const HOLD_MAX: Duration = Duration::from_secs(600);
/// Part of the rate that is added each second after the hold.
const INCREASE_SHARE: f64 = 0.06;
/// Requests a second below which no host is slowed that does not say how long to wait.
const FLOOR_PER_SECOND: f64 = 0.2;
/// A gate unused for this long knows nothing any more.
const FORGET_AFTER: Duration = Duration::from_secs(120);
/// So many closures in a row, without a good answer between them, and the host is given up.
pub(crate) const REFUSALS_MAX: u32 = 8;

/// What a host that refused requests is known to bear.
#[derive(Debug)]
pub(crate) struct Gate {
    phase: Phase,
    /// Requests a second; zero until learned.
    rate: f64,
    /// Closures since the last good answer.
    refusals: u32,
    hold: Duration,
    hold_until: Time,
    /// Good answers before the first refusal, and the seconds they took: the host's bucket.
    /// `None` if it took too long to be one.
    burst: Option<(f64, f64)>,
    /// When the request that was refused first went out: its host's bucket was empty then.
    refused_at: Time,
    closed_at: Time,
    opened_at: Time,
    ramp_per_second: f64,
    doubling_s: f64,
    /// When requests went out since it was reopened, the newest `SENT_MAX`, and how many in all.
    /// At a refusal, those that went out before the refused one were let through.
    sent: VecDeque<Time>,
    sent_count: u32,
}

/// What a gate knows that outlives its run.
#[derive(Clone, Debug, PartialEq)]
pub struct GateClock {
    /// Requests a second that the host bears; zero until learned.
    pub rate: f64,
    /// Refusals since the last good answer.
    pub refusals: u32,
    /// How long the rate is kept before more is tried, and until when.
    pub hold: Duration,
    /// Until when it is kept.
    pub hold_until: Time,
    /// Good answers before the first refusal, and the seconds they took, if that was its burst.
    pub burst: Option<(f64, f64)>,
    /// Requests a second right after it is opened again, while no rate is learned.
    pub ramp_per_second: f64,
    /// Seconds in which they double.
    pub doubling_s: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing is sent.
    Closed,
    /// One request is out, alone.
    Probe,
    /// Faster and faster.
    Ramp { since: Time },
    /// At the learned rate.
    Paced,
    /// It bore all that was sent.
    Free,
}

impl Gate {
    /// The gate of a host that refuses for the first time, after `answers` good
    /// answers to requests sent within `lasted`.
    pub(crate) fn new(answers: u32, lasted: Duration) -> Self {
        let lasted_s = lasted.as_secs_f64();
        Self {
            phase: Phase::Free,
            rate: 0.0,
            refusals: 0,
            hold: HOLD_MIN,
            hold_until: Time::ZERO,
            burst: (lasted_s < BURST_S_MAX).then_some((f64::from(answers), lasted_s)),
            refused_at: Time::ZERO,
            closed_at: Time::ZERO,
            opened_at: Time::NEVER,
            ramp_per_second: RAMP_PER_SECOND,
            doubling_s: RAMP_DOUBLING_S,
            sent: VecDeque::new(),
            sent_count: 0,
        }
    }

    /// What outlives this run.
    pub(crate) fn clock(&self) -> GateClock {
        GateClock {
            rate: self.rate,
            refusals: self.refusals,
            hold: self.hold,
            hold_until: self.hold_until,
            burst: self.burst,
            ramp_per_second: self.ramp_per_second,
            doubling_s: self.doubling_s,
        }
    }

    /// The gate that an earlier run knew. It is opened by one request, like any other.
    pub(crate) fn restored(clock: GateClock) -> Self {
        Self {
            phase: Phase::Closed,
            rate: clock.rate,
            refusals: clock.refusals,
            hold: clock.hold,
            hold_until: clock.hold_until,
            burst: clock.burst,
            ramp_per_second: clock.ramp_per_second,
            doubling_s: clock.doubling_s,
            ..Self::new(0, Duration::ZERO)
        }
    }

    /// Closes at `now`, for a refusal of what was sent at `sent`, and returns until when. A rate is
    /// learned from what went out before that since the last closure.
    pub(crate) fn close(
        &mut self,
        sent: Time,
        now: Time,
        retry_after: Option<Duration>,
        config: &RetryConfig,
        rng: &mut Rng,
    ) -> Time {
        let unanswered = self.sent.len() - self.sent.partition_point(|&at| at < sent);
        self.sent.truncate(self.sent.len() - unanswered);
        self.sent_count -= u32::try_from(unanswered).expect("at most SENT_MAX");
        if self.sent.len() >= SENT_MIN {
            self.learn(sent, now, retry_after);
        } else if self.rate > 0.0 {
            self.rate = (self.rate * 0.85).max(floor(retry_after));
        } else if self.opened_at != Time::NEVER {
            self.ramp_per_second = (self.ramp_per_second / 2.0).max(FLOOR_PER_SECOND);
        }
        let doubled = config.backoff.saturating_mul(1 << self.refusals.min(16));
        let pause = match retry_after {
            Some(asked) => asked.max((doubled / 4).min(config.backoff_max)),
            None => jittered(doubled.min(config.backoff_max), rng),
        };
        self.refusals += 1;
        self.phase = Phase::Closed;
        self.refused_at = sent;
        self.closed_at = now;
        self.sent.clear();
        self.sent_count = 0;
        now + pause.max(Duration::from_millis(1))
    }

    /// Whether it has refused so often that it is given up.
    pub(crate) fn is_hopeless(&self) -> bool {
        self.refusals >= REFUSALS_MAX
    }

    /// Whether requests may go out a little closer than paced, to make up for a late timer.
    pub(crate) fn bears_bursts(&self) -> bool {
        self.burst.is_some_and(|(answers, _)| answers >= 2.0)
    }

    /// The learned rate, in requests a second.
    pub(crate) fn learned(&self) -> Option<f64> {
        (self.rate > 0.0).then_some(self.rate)
    }

    /// Whether one request is out, and nothing else may go before it is back.
    pub(crate) fn is_probing(&self) -> bool {
        self.phase == Phase::Probe
    }

    /// Whether a request sent at `sent` went out before the last closure.
    pub(crate) fn is_late(&self, sent: Time) -> bool {
        sent <= self.closed_at
    }

    /// A request goes out at `now`: the time until the next one. True if this reopens the host.
    pub(crate) fn sent(&mut self, now: Time) -> (Duration, bool) {
        let reopens = self.phase == Phase::Closed;
        if reopens {
            self.opened_at = now;
            self.phase = if self.rate > 0.0 { Phase::Paced } else { Phase::Probe };
        }
        if self.sent.len() == SENT_MAX {
            self.sent.pop_front();
        }
        self.sent.push_back(now);
        self.sent_count = self.sent_count.saturating_add(1);
        (self.interval(now), reopens)
    }

    /// A good answer came to a request sent after the last closure.
    pub(crate) fn answered(&mut self, sent: Time, now: Time) {
        self.refusals = 0;
        if self.phase == Phase::Probe {
            self.doubling_s = RAMP_DOUBLING_S.max(4.0 * now.since(sent).as_secs_f64());
            self.phase = Phase::Ramp { since: now };
        }
    }

    /// A good answer came to a request sent before the last closure. Before the first one it is
    /// part of the first burst.
    pub(crate) fn answered_late(&mut self) {
        if let (Time::NEVER, Some((answers, _))) = (self.opened_at, &mut self.burst) {
            *answers += 1.0;
        }
    }

    /// The probe came to nothing that says whether the host may be asked: another one may go.
    pub(crate) fn probe_lost(&mut self) {
        if self.phase == Phase::Probe {
            self.phase = Phase::Closed;
        }
    }

    /// Whether nothing it knows is of use any more.
    pub(crate) fn forgettable(&self, now: Time) -> bool {
        let used = if self.opened_at == Time::NEVER { self.closed_at } else { self.opened_at };
        now >= used.max(self.closed_at) + FORGET_AFTER
    }

    fn interval(&mut self, now: Time) -> Duration {
        let per_second = match self.phase {
            Phase::Ramp { since } => self.ramp_at(since, now),
            Phase::Paced => self.rate_at(now),
            Phase::Probe => self.ramp_per_second,
            Phase::Closed | Phase::Free => return Duration::ZERO,
        };
        if per_second > RAMP_PER_SECOND_MAX && self.rate == 0.0 {
            self.phase = Phase::Free;
            return Duration::ZERO;
        }
        Duration::from_secs_f64(1.0 / per_second)
    }

    fn ramp_at(&self, since: Time, now: Time) -> f64 {
        let doublings = now.since(since).as_secs_f64() / self.doubling_s;
        self.ramp_per_second * doublings.min(64.0).exp2()
    }

    /// The learned rate, and what is added to it after the hold.
    fn rate_at(&self, now: Time) -> f64 {
        let more_s = now.since(self.hold_until).as_secs_f64();
        self.rate * (1.0 + INCREASE_SHARE).powf(more_s.min(1000.0))
    }

    fn learn(&mut self, sent: Time, now: Time, retry_after: Option<Duration>) {
        let estimate = USED_SHARE * self.estimate(sent);
        let before = self.rate;
        self.rate = if before > 0.0 {
            let used = self.rate_at(sent);
            estimate.clamp(DECREASE_MAX * used, DECREASE_MIN * used)
        } else {
            estimate
        };
        self.rate = self.rate.max(floor(retry_after));
        let least = HOLD_MIN.max(retry_after.unwrap_or_default().saturating_mul(HOLD_PAUSES));
        // The same ceiling again: it costs a closure each time, so ask less often.
        let confirmed = before > 0.0 && (self.rate / before - 1.0).abs() < 0.15;
        self.hold = if confirmed { (self.hold * 2).min(HOLD_MAX) } else { least };
        self.hold_until = now + self.hold;
    }

    /// The requests a second that the host seems to bear, if it counts with a token bucket: at
    /// least what it has shown to bear, at most what explains that it refused what was sent at
    /// `refused`.
    fn estimate(&self, refused: Time) -> f64 {
        let shown = self.shown(refused);
        let sending = match self.phase {
            Phase::Ramp { since } => self.ramp_at(since, refused),
            Phase::Paced => self.rate_at(refused),
            Phase::Closed | Phase::Probe | Phase::Free => f64::INFINITY,
        };
        self.explained(refused).map_or(shown, |rate| rate.min(sending).max(shown))
    }

    /// A bucket that is empty now gave, in any window that ends now, at most its burst and what
    /// flowed in. A window that begins with the last refusal began with an empty bucket; that one
    /// also holds for quotas per window of time.
    fn shown(&self, refused: Time) -> f64 {
        let since_refusal_s = refused.since(self.refused_at).as_secs_f64();
        let mut best = f64::from(self.sent_count) / since_refusal_s.max(1e-3);
        let (burst, burst_s, trust) = match self.burst {
            Some((burst, lasted_s)) => (burst, lasted_s, 1.0),
            None => (0.0, 0.0, 0.8),
        };
        for (before, &start) in self.sent.iter().enumerate() {
            let window_s = refused.since(start).as_secs_f64();
            if window_s < WINDOW_S_MIN.max(2.0 * burst_s) {
                break;
            }
            // While the first burst lasted, the bucket was filled as well.
            let count = (self.sent.len() - before) as f64;
            best = best.max(trust * (count - burst) / (window_s - burst_s));
        }
        best
    }

    /// The highest rate of a bucket of the known burst that would be empty now, found by sending
    /// it the same again. `None` if the burst is not known.
    fn explained(&self, refused: Time) -> Option<f64> {
        let (burst, burst_s) = self.burst?;
        let refuses = |rate: f64| {
            let burst = (burst - rate * burst_s).max(1.0);
            let (mut tokens, mut at) = (burst, self.opened_at);
            for &sent in &self.sent {
                tokens = (tokens + rate * sent.since(at).as_secs_f64()).min(burst) - 1.0;
                at = sent;
            }
            (tokens + rate * refused.since(at).as_secs_f64()).min(burst) < 1.0
        };
        let (mut least, mut most) = (0.0, 2.0 * RAMP_PER_SECOND_MAX);
        for _ in 0..20 {
            let rate = (least + most) / 2.0;
            if refuses(rate) { least = rate } else { most = rate }
        }
        Some(least)
    }
}

/// A host that asks for a pause bears one request per pause.
fn floor(retry_after: Option<Duration>) -> f64 {
    retry_after.map_or(FLOOR_PER_SECOND, |asked| 1.0 / asked.as_secs_f64().max(1.0))
}
