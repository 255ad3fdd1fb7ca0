//! Every option that decides something, valid by construction, with its default.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use crate::frontier::HostTrust;
use crate::kind::ErrorKind;
use crate::robots::Agent;
use crate::time::Duration;

/// A validated configuration of a run. Nothing downstream checks it again.
#[derive(Clone, Debug)]
pub struct Config {
    /// Requests in flight at once, over all hosts.
    pub concurrency: NonZeroU32,
    /// Requests in flight at once to one host.
    pub host_concurrency: HostConcurrency,
    /// Requests a second, over all hosts.
    pub rate: Option<Rate>,
    /// Requests a second to one host.
    pub host_rate: Option<Rate>,
    /// Settings of single hosts, by host name (`api.shop.example`, or with `:port`).
    pub hosts: HashMap<String, HostConfig>,
    /// One try, from DNS to the last byte, redirects included; waiting in the queue is not.
    pub timeout: Duration,
    /// Until a connection stands, TLS included.
    pub connect_timeout: Duration,
    /// The slowest body that is still read on.
    pub min_speed: Option<MinSpeed>,
    /// The whole run.
    pub deadline: Option<Duration>,
    /// What is tried again, and when.
    pub retry: RetryConfig,
    /// Final statuses that are ok.
    pub accept: StatusSet,
    /// Sizes beyond which a response or an input is refused.
    pub caps: Caps,
    /// Which redirects are followed.
    pub redirects: Redirects,
    /// Whether hosts that have not answered are kept to a share of the permits, and dead ones
    /// parked. A check of health trusts them all: there the failure is the result.
    pub trust: HostTrust,
    /// How robots.txt is obeyed; it is not asked for if `None`.
    pub robots: Option<RobotsConfig>,
    /// When the run is stopped for its failures.
    pub stop: StopRule,
    /// Seed of all randomness (jitter, order among unproven hosts).
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            concurrency: NonZeroU32::new(50).expect("not zero"),
            host_concurrency: HostConcurrency::Base,
            rate: None,
            host_rate: None,
            hosts: HashMap::new(),
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            min_speed: Some(MinSpeed { bytes: 1024, window: Duration::from_secs(15) }),
            deadline: None,
            retry: RetryConfig::default(),
            accept: StatusSet::default(),
            caps: Caps::default(),
            redirects: Redirects::Follow { max: 10 },
            trust: HostTrust::Earned,
            robots: None,
            stop: StopRule::Never,
            seed: 0,
        }
    }
}

/// How many requests one host may have in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostConcurrency {
    /// `auto` where no concurrency was given: 4.
    Base,
    /// `auto` where `--concurrency` was given: the larger of 4 and its share of the concurrency
    /// among the hosts that have work, lowered by what the host bears.
    Share,
    /// A hard cap.
    Fixed(NonZeroU32),
}

/// What `auto` grants a host at least.
pub const HOST_CONCURRENCY_BASE: u32 = 4;

/// So many requests in so much time, spaced evenly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    interval: Duration,
}

impl Rate {
    /// `count` in `per`; `None` if either is zero.
    pub fn new(count: f64, per: Duration) -> Option<Self> {
        let interval = per.as_secs_f64() / count;
        (count > 0.0 && interval > 0.0 && interval.is_finite())
            .then(|| Self { interval: Duration::from_secs_f64(interval.min(1e9)) })
    }

    /// The time between two requests.
    pub const fn interval(self) -> Duration {
        self.interval
    }
}

/// Settings of one host, in place of the run's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostConfig {
    /// Requests in flight at once.
    pub concurrency: Option<NonZeroU32>,
    /// Requests a second.
    pub rate: Option<Rate>,
}

/// A body that brings fewer than `bytes` within `window` is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinSpeed {
    /// Bytes in each window.
    pub bytes: u64,
    /// The window's length.
    pub window: Duration,
}

/// What is tried again, and when.
#[derive(Clone, Debug)]
pub struct RetryConfig {
    /// Further tries after the first.
    pub retries: u32,
    /// Before the first further try; doubled for each one after it, with jitter.
    pub backoff: Duration,
    /// The longest backoff.
    pub backoff_max: Duration,
    /// What is tried again at all.
    pub on: RetryOn,
    /// A host that asks for a longer pause than this is not waited for; zero: one that refuses
    /// never is.
    pub retry_after_max: Duration,
    /// Whether POST and PATCH are repeated like the others.
    pub unsafe_methods: UnsafeMethods,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            retries: 2,
            backoff: Duration::from_secs(1),
            backoff_max: Duration::from_secs(60),
            on: RetryOn::default(),
            retry_after_max: Duration::from_secs(300),
            unsafe_methods: UnsafeMethods::OnlyUnsent,
        }
    }
}

/// Whether requests that are not idempotent may be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnsafeMethods {
    /// Only if provably unsent, or refused by 429 or 503.
    OnlyUnsent,
    /// Like any other.
    Repeat,
}

/// What `--retry-on` names: statuses and kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryOn {
    /// Statuses tried again.
    pub statuses: StatusSet,
    /// Kinds tried again.
    pub kinds: Vec<ErrorKind>,
}

impl Default for RetryOn {
    /// `408,5xx,timeout,connect,dns.temporary`, and responses that were cut off.
    fn default() -> Self {
        Self {
            statuses: StatusSet::new(vec![408..=408, 500..=599]),
            kinds: ErrorKind::ALL
                .iter()
                .copied()
                .filter(|kind| {
                    matches!(kind.family(), "timeout" | "connect")
                        || matches!(
                            kind,
                            ErrorKind::DnsTemporary
                                | ErrorKind::ProtocolTruncated
                                | ErrorKind::ProtocolHttp2
                        )
                })
                .collect(),
        }
    }
}

/// A set of status codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusSet(Vec<RangeInclusive<u16>>);

impl StatusSet {
    /// The union of these ranges.
    pub fn new(ranges: Vec<RangeInclusive<u16>>) -> Self {
        Self(ranges)
    }

    /// Whether `status` is in it.
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }
}

impl Default for StatusSet {
    /// `200..=299,304`.
    fn default() -> Self {
        Self(vec![200..=299, 304..=304])
    }
}

impl fmt::Display for StatusSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, range) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            if range.start() == range.end() {
                write!(f, "{comma}{}", range.start())?;
            } else {
                write!(f, "{comma}{}..={}", range.start(), range.end())?;
            }
        }
        Ok(())
    }
}

/// Sizes beyond which a response or an input is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// A body as received.
    pub body_bytes_max: u64,
    /// A body after decoding.
    pub decoded_bytes_max: u64,
    /// The head of a response.
    pub header_bytes_max: u32,
    /// Header lines of a response.
    pub header_count_max: u32,
    /// Content codings laid over each other.
    pub encodings_max: u32,
    /// All bodies in memory together.
    pub memory_bytes_max: u64,
    /// A URL.
    pub url_bytes_max: u32,
    /// A line of an input.
    pub line_bytes_max: u32,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            body_bytes_max: 64 << 20,
            decoded_bytes_max: 64 << 20,
            header_bytes_max: 256 << 10,
            header_count_max: 1000,
            encodings_max: 3,
            memory_bytes_max: 256 << 20,
            url_bytes_max: 8 << 10,
            line_bytes_max: 64 << 10,
        }
    }
}

/// Which redirects are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redirects {
    /// None: a 3xx is a final status.
    Stop,
    /// Up to `max` in a row, to http and https, never from https to http.
    Follow {
        /// The longest chain.
        max: u32,
    },
}

/// How robots.txt (RFC 9309) is obeyed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RobotsConfig {
    /// Whose rules count.
    pub agent: Agent,
    /// The longest `Crawl-delay` that is kept to; a longer one counts as this.
    pub crawl_delay_max: Duration,
}

impl RobotsConfig {
    /// Redirects of a robots.txt that are followed, whatever the run does with others (RFC 9309
    /// section 2.3.1.2 asks for at least five).
    pub const REDIRECTS_MAX: u32 = 10;

    /// The rules for who sends this `User-Agent`, with a `Crawl-delay` of at most a minute.
    pub fn of(user_agent: &str) -> Self {
        Self { agent: Agent::of(user_agent), crawl_delay_max: Duration::from_secs(60) }
    }
}

/// When a run is stopped for its failures; the rest is then `skipped(cancelled)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StopRule {
    /// Never: everything is collected.
    Never,
    /// At the first failure.
    FirstFailure,
    /// When more than so many have failed.
    MoreThan(u64),
    /// When more than this part of all finished targets (at least 20) has failed; 0.0 to 1.0.
    MoreThanShare(f64),
}
