//! Servers on virtual time: what a host answers to a request that arrives at a moment.

use fastrand::Rng;
use gather_core::{Duration, Time};

/// What a server makes of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reply {
    Status(u16, Option<Duration>),
    Silence,
    Refused,
    Reset,
    /// A redirect to this site.
    Elsewhere(usize),
}

/// How a server behaves.
#[derive(Clone, Debug)]
pub(crate) enum Server {
    Ok,
    /// Answers after so long.
    Slow(Duration),
    Silent,
    Refusing,
    Bucket(Bucket),
    Window(Window),
    Sliding(Sliding),
    /// Answers 429 with this probability, whatever the rate.
    Capricious {
        share: f64,
        retry_after: Option<Duration>,
    },
    /// Fails with this probability, in several ways.
    Flaky {
        share: f64,
    },
    /// Answers 503 until this moment.
    Storm {
        until: Time,
        retry_after: Option<Duration>,
    },
    /// Silent until this moment.
    Late {
        from: Time,
    },
    /// Redirects to this site, which redirects nowhere.
    Elsewhere(usize),
}

/// So many requests at once, refilled at a rate.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    pub(crate) rate: f64,
    pub(crate) burst: f64,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) tokens: f64,
    pub(crate) at: Time,
}

/// So many requests in each window.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    pub(crate) count: u32,
    pub(crate) length: Duration,
    pub(crate) used: (u64, u32),
}

/// So many requests in any window.
#[derive(Clone, Debug)]
pub(crate) struct Sliding {
    pub(crate) count: usize,
    pub(crate) length: Duration,
    pub(crate) taken: std::collections::VecDeque<Time>,
}

impl Server {
    pub(crate) fn bucket(rate: f64, burst: f64, retry_after_s: u64) -> Self {
        let retry_after = Some(Duration::from_secs(retry_after_s));
        Self::Bucket(Bucket { rate, burst, retry_after, tokens: burst, at: Time::ZERO })
    }

    pub(crate) fn window(count: u32, length: Duration) -> Self {
        Self::Window(Window { count, length, used: (0, 0) })
    }

    pub(crate) fn sliding(count: usize, length: Duration) -> Self {
        Self::Sliding(Sliding { count, length, taken: Default::default() })
    }

    /// Time spent on a request, beyond the way to and from it.
    pub(crate) fn takes(&self) -> Duration {
        if let Self::Slow(takes) = self { *takes } else { Duration::ZERO }
    }

    pub(crate) fn reply(&mut self, now: Time, rng: &mut Rng) -> Reply {
        let ok = Reply::Status(200, None);
        match self {
            Self::Ok | Self::Slow(_) => ok,
            Self::Silent => Reply::Silence,
            Self::Refusing => Reply::Refused,
            Self::Bucket(bucket) => bucket.reply(now),
            Self::Window(window) => window.reply(now),
            Self::Sliding(sliding) => sliding.reply(now),
            Self::Capricious { share, retry_after } => {
                if rng.f64() < *share {
                    limited(*retry_after)
                } else {
                    ok
                }
            }
            Self::Flaky { share } => match rng.f64() / *share {
                x if x < 0.2 => Reply::Status(500, None),
                x if x < 0.4 => Reply::Status(503, None),
                x if x < 0.6 => Reply::Reset,
                x if x < 0.8 => Reply::Silence,
                x if x < 1.0 => Reply::Refused,
                _ => ok,
            },
            Self::Storm { until, retry_after } => {
                if now < *until {
                    Reply::Status(503, *retry_after)
                } else {
                    ok
                }
            }
            Self::Elsewhere(site) => Reply::Elsewhere(*site),
            Self::Late { from } => {
                if now < *from {
                    Reply::Silence
                } else {
                    ok
                }
            }
        }
    }
}

impl Bucket {
    fn reply(&mut self, now: Time) -> Reply {
        self.tokens = (self.tokens + self.rate * now.since(self.at).as_secs_f64()).min(self.burst);
        self.at = now;
        if self.tokens < 1.0 {
            return limited(self.retry_after);
        }
        self.tokens -= 1.0;
        Reply::Status(200, None)
    }
}

impl Window {
    fn reply(&mut self, now: Time) -> Reply {
        let length = self.length.as_nanos() as u64;
        let number = now.as_nanos() / length;
        if self.used.0 != number {
            self.used = (number, 0);
        }
        self.used.1 += 1;
        if self.used.1 > self.count {
            return limited(whole_seconds(Duration::from_nanos(length - now.as_nanos() % length)));
        }
        Reply::Status(200, None)
    }
}

impl Sliding {
    fn reply(&mut self, now: Time) -> Reply {
        while self.taken.front().is_some_and(|&at| now.since(at) >= self.length) {
            self.taken.pop_front();
        }
        if self.taken.len() >= self.count {
            return limited(whole_seconds(self.length - now.since(self.taken[0])));
        }
        self.taken.push_back(now);
        Reply::Status(200, None)
    }
}

fn limited(retry_after: Option<Duration>) -> Reply {
    Reply::Status(429, retry_after)
}

/// As `Retry-After` says it: more than the rest, never less.
fn whole_seconds(rest: Duration) -> Option<Duration> {
    Some(Duration::from_secs(rest.as_secs() + 1))
}
