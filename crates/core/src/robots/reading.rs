//! What follows from a try to get a robots.txt (RFC 9309 section 2.3.1).

use fastrand::Rng;

use super::{Agent, Robots};
use crate::attempt::{Attempt, End, Failure};
use crate::config::RetryConfig;
use crate::frontier::Spends;
use crate::kind::ErrorKind;
use crate::retry;
use crate::time::Time;

/// How often a robots.txt that cannot be had is asked for again.
pub const TRIES_AGAIN_MAX: u32 = 3;

/// What is known after a try.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// The rules. None at all if there is no file: a status of 4xx, or redirects that lead nowhere.
    Known(Robots),
    /// It is asked for again: the server failed, or nothing answered.
    Again {
        /// Not before this; the host's gate may make it later.
        at: Time,
        /// Whether this counts towards [`TRIES_AGAIN_MAX`]: not if it was a 429, which closes the
        /// host and cannot go on for ever.
        spends: Spends,
    },
    /// A redirect to be followed.
    Hop,
    /// It cannot be had, so nothing may be fetched.
    Unreachable(Failure),
}

/// Judges a try. `failed` counts the tries before it that failed.
pub fn read(
    attempt: &Attempt,
    failed: u32,
    agent: &Agent,
    retry: &RetryConfig,
    now: Time,
    rng: &mut Rng,
) -> Reading {
    let status = attempt.head.as_ref().map_or(0, |head| head.status);
    let why = match (&attempt.end, status) {
        (End::Hop(_), _) => return Reading::Hop,
        (_, 429) => return Reading::Again { at: now, spends: Spends::Nothing },
        (_, 400..=499) => return Reading::Known(Robots::allow_all()),
        (End::Complete, 200..=299) => return Reading::Known(parse(attempt, agent)),
        // Without a place to go to, it says as little as a 404.
        (End::Complete, 300..=399) => return Reading::Known(Robots::allow_all()),
        (End::Complete, status) => format!("status {status}"),
        (End::Failed(failure), status) => match failure.kind {
            ErrorKind::LimitBody | ErrorKind::LimitDecoded if (200..=299).contains(&status) => {
                return Reading::Known(parse(attempt, agent));
            }
            kind if kind.family() == "redirect" => return Reading::Known(Robots::allow_all()),
            _ => failure.message.to_string(),
        },
    };
    if failed < TRIES_AGAIN_MAX && !is_for_good(&attempt.end) {
        let at = now + retry::backoff(failed, retry, rng);
        return Reading::Again { at, spends: Spends::Retry };
    }
    Reading::Unreachable(unreachable(&why))
}

/// What the targets of a host end with whose robots.txt cannot be had for this reason.
pub fn unreachable(why: &str) -> Failure {
    let message = format!("robots.txt cannot be read: {why}");
    Failure::new(ErrorKind::BlockedRobotsUnreachable, message)
}

fn parse(attempt: &Attempt, agent: &Agent) -> Robots {
    Robots::parse(attempt.body.bytes.as_deref().unwrap_or_default(), agent)
}

/// Whether another try would come to the same.
fn is_for_good(end: &End) -> bool {
    match end {
        End::Failed(failure) => {
            matches!(failure.kind.family(), "blocked" | "input" | "dns" | "cancelled")
                && failure.kind != ErrorKind::DnsTemporary
        }
        End::Complete | End::Hop(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::attempt::{BodySummary, Head, Sent, Timings};
    use crate::robots::Access;

    /// What follows from this answer to the last try but `left`, in a word.
    fn check(end: End, status: u16, left: u32, expected: &str) {
        let what = format!("{end:?} {status}, {left} left");
        let text: &'static [u8] = b"user-agent: *\ndisallow: /x\n";
        let attempt = Attempt {
            url: None,
            end,
            head: (status > 0).then(|| Head { status, ..Head::default() }),
            body: BodySummary { bytes: Some(text.into()), ..BodySummary::default() },
            timings: Timings::default(),
            chain: Vec::new(),
            exchanges: Vec::new(),
            connection: None,
            sent: Sent::Maybe,
        };
        let now = Time::from_millis(5_000);
        let (agent, rng) = (Agent::of("gather"), &mut Rng::with_seed(1));
        let failed = TRIES_AGAIN_MAX - left;
        let got = match read(&attempt, failed, &agent, &RetryConfig::default(), now, rng) {
            Reading::Known(robots) => {
                let url = Url::parse("http://a.example/x").expect("a URL");
                match robots.access(&url) {
                    Access::Allowed => "allow all".to_owned(),
                    Access::Disallowed => "rules".to_owned(),
                }
            }
            Reading::Again { spends: Spends::Nothing, at } => {
                assert_eq!(at, now);
                "as the gate says".to_owned()
            }
            Reading::Again { spends: Spends::Retry, at } => {
                format!("again after {:.0} s", at.since(now).as_secs_f64())
            }
            Reading::Hop => "hop".to_owned(),
            Reading::Unreachable(failure) => {
                assert_eq!(failure.kind, ErrorKind::BlockedRobotsUnreachable);
                failure.message.into()
            }
        };
        assert_eq!(got, expected, "{what}");
    }

    fn failed(kind: ErrorKind) -> End {
        End::Failed(Failure::new(kind, "it failed"))
    }

    #[test]
    fn answers() {
        for (status, expected) in [
            (200, "rules"),
            (204, "rules"),
            (301, "allow all"),
            (304, "allow all"),
            (400, "allow all"),
            (401, "allow all"),
            (403, "allow all"),
            (404, "allow all"),
            (410, "allow all"),
            (429, "as the gate says"),
        ] {
            check(End::Complete, status, 0, expected);
        }
        let elsewhere = Box::new(Url::parse("http://b.example/robots.txt").expect("a URL"));
        check(End::Hop(elsewhere), 302, 0, "hop");
    }

    #[test]
    fn failures_are_tried_again_three_times() {
        for (left, expected) in
            [(3, "again after 1 s"), (2, "again after 2 s"), (1, "again after 4 s")]
        {
            check(End::Complete, 500, left, expected);
            check(End::Complete, 503, left, expected);
            check(failed(ErrorKind::ConnectRefused), 0, left, expected);
            check(failed(ErrorKind::TimeoutFirstByte), 0, left, expected);
            check(failed(ErrorKind::ProtocolTruncated), 200, left, expected);
            check(failed(ErrorKind::DnsTemporary), 0, left, expected);
        }
        check(End::Complete, 500, 0, "robots.txt cannot be read: status 500");
        check(failed(ErrorKind::ConnectRefused), 0, 0, "robots.txt cannot be read: it failed");
        check(failed(ErrorKind::BlockedAddress), 0, 3, "robots.txt cannot be read: it failed");
        check(failed(ErrorKind::DnsNotFound), 0, 3, "robots.txt cannot be read: it failed");
    }

    #[test]
    fn answers_that_broke_off() {
        check(failed(ErrorKind::LimitBody), 200, 0, "rules");
        check(failed(ErrorKind::LimitDecoded), 200, 0, "rules");
        check(failed(ErrorKind::ProtocolTruncated), 404, 3, "allow all");
        check(failed(ErrorKind::ProtocolTruncated), 429, 3, "as the gate says");
        for kind in [ErrorKind::RedirectLimit, ErrorKind::RedirectLoop, ErrorKind::RedirectScheme] {
            check(failed(kind), 302, 3, "allow all");
        }
    }
}
