//! What a try means: for its target, to be tried again or final; for its host, a signal.

use fastrand::Rng;

use crate::attempt::{Attempt, End, Failure, Sent};
use crate::config::{Config, UnsafeMethods};
use crate::frontier::{Signal, Spends};
use crate::kind::ErrorKind;
use crate::record::{Outcome, RecordError};
use crate::retry;
use crate::target::Method;
use crate::time::{Duration, Time};

/// What a try is judged by, besides itself.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The run's options.
    pub config: &'a Config,
    /// What was sent.
    pub method: &'a Method,
    /// Retries this target has spent.
    pub retries_spent: u32,
    /// What its host still allows.
    pub budget: Budget,
    /// When the try ended.
    pub now: Time,
}

/// Whether the host's retry budget allows another try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// It does.
    Left,
    /// It is used up: failures of this host are final.
    Spent,
}

/// What a try means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What it says about the host.
    pub signal: Signal,
    /// What becomes of the target.
    pub step: Step,
}

/// What becomes of a target after a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Back to its host's queue.
    Retry {
        /// Not before this; the host's gate may make it later.
        at: Time,
        /// What the next try costs.
        spends: Spends,
    },
    /// On to the host that `Attempt::end` names.
    Hop,
    /// Done.
    Final(Outcome),
}

/// Judges a try. Of its body only the fate counts, not the content.
pub fn classify(attempt: &Attempt, context: &Context<'_>, rng: &mut Rng) -> Verdict {
    let status = attempt.head.as_ref().map_or(0, |head| head.status);
    match &attempt.end {
        End::Hop(_) => Verdict { signal: Signal::Answered, step: Step::Hop },
        End::Complete => by_status(attempt, status, context, rng),
        // A refusal is one even if its body was cut off.
        End::Failed(_) if matches!(status, 429 | 503) => by_status(attempt, status, context, rng),
        End::Failed(failure) => by_failure(attempt, failure, context, rng),
    }
}

/// What a try says about its host, whatever was asked for.
pub fn signal(attempt: &Attempt) -> Signal {
    let retry_after = retry_after(attempt);
    match (attempt.head.as_ref().map_or(0, |head| head.status), &attempt.end) {
        (_, End::Hop(_)) => Signal::Answered,
        // A refusal is one even if its body was cut off.
        (429, _) => Signal::RateLimited { retry_after },
        (503, _) => Signal::Unavailable { retry_after },
        (_, End::Failed(failure)) => Kind::of(failure.kind).signal,
        (_, End::Complete) => Signal::Answered,
    }
}

/// What a target ends with that failed so, or was given up for it.
pub fn conclude(failure: Failure) -> Outcome {
    let Kind { later, ends, .. } = Kind::of(failure.kind);
    let error = RecordError::new(failure, later == Later::Perhaps);
    match ends {
        Ends::Failed => Outcome::Failed(error),
        Ends::Skipped => Outcome::Skipped(error),
    }
}

fn by_status(attempt: &Attempt, status: u16, context: &Context<'_>, rng: &mut Rng) -> Verdict {
    let retry_after = retry_after(attempt);
    let config = context.config;
    let max = config.retry.retry_after_max;
    let too_long = retry_after.map_or(max.is_zero(), |asked| asked > max);
    let listed = config.retry.on.statuses.contains(status);
    let step = if config.accept.contains(status) {
        match &attempt.end {
            End::Failed(failure) => Step::Final(conclude(failure.clone())),
            End::Complete | End::Hop(_) => Step::Final(Outcome::Ok),
        }
    } else if status == 429 && too_long {
        let message = match retry_after {
            Some(asked) => format!("status 429, and asks to wait {} s", asked.as_secs()),
            None => "status 429".to_owned(),
        };
        Step::Final(conclude(Failure::new(ErrorKind::HttpRateLimited, message)))
    } else if status == 429 {
        Step::Retry { at: context.now, spends: Spends::Nothing }
    } else if listed && !too_long && (status == 503 || may_repeat(attempt, context)) {
        retry_or(context, rng, || status_error(status, context))
    } else {
        Step::Final(status_error(status, context))
    };
    Verdict { signal: signal(attempt), step }
}

fn by_failure(
    attempt: &Attempt,
    failure: &Failure,
    context: &Context<'_>,
    rng: &mut Rng,
) -> Verdict {
    let listed = context.config.retry.on.kinds.contains(&failure.kind);
    let step = if listed && may_repeat(attempt, context) {
        retry_or(context, rng, || conclude(failure.clone()))
    } else {
        Step::Final(conclude(failure.clone()))
    };
    Verdict { signal: signal(attempt), step }
}

fn retry_or(context: &Context<'_>, rng: &mut Rng, end: impl FnOnce() -> Outcome) -> Step {
    let retry = &context.config.retry;
    if context.retries_spent >= retry.retries || context.budget == Budget::Spent {
        return Step::Final(end());
    }
    let pause = retry::backoff(context.retries_spent, retry, rng);
    Step::Retry { at: context.now + pause, spends: Spends::Retry }
}

/// Whether the request may be sent once more without doing something twice.
fn may_repeat(attempt: &Attempt, context: &Context<'_>) -> bool {
    context.method.is_idempotent()
        || attempt.sent == Sent::No
        || context.config.retry.unsafe_methods == UnsafeMethods::Repeat
}

fn status_error(status: u16, context: &Context<'_>) -> Outcome {
    let config = context.config;
    Outcome::Failed(RecordError {
        kind: ErrorKind::HttpStatus,
        message: format!("status {status} is not in {}", config.accept).into(),
        retryable: status == 429 || config.retry.on.statuses.contains(status),
    })
}

fn retry_after(attempt: &Attempt) -> Option<Duration> {
    attempt.head.as_ref().and_then(|head| head.retry_after).map(|asked| asked.delay)
}

/// What a kind of failure means, wherever it happens.
struct Kind {
    later: Later,
    ends: Ends,
    signal: Signal,
}

/// Whether the same request may succeed later.
#[derive(PartialEq)]
enum Later {
    Perhaps,
    Never,
}

enum Ends {
    Failed,
    Skipped,
}

impl Kind {
    fn of(kind: ErrorKind) -> Self {
        use ErrorKind as K;
        let (later, ends, signal) = match kind {
            K::InputInvalid
            | K::InputTooLong
            | K::BlockedAddress
            | K::BlockedRobots
            | K::BlockedScheme => (Later::Never, Ends::Skipped, Signal::Nothing),
            K::BlockedRobotsUnreachable | K::HostParked | K::Cancelled => {
                (Later::Perhaps, Ends::Skipped, Signal::Nothing)
            }
            K::DnsNotFound | K::Interrupted | K::Poison => {
                (Later::Never, Ends::Failed, Signal::Nothing)
            }
            K::DnsTemporary | K::TimeoutDns | K::ConnectProxy | K::HttpRateLimited => {
                (Later::Perhaps, Ends::Failed, Signal::Nothing)
            }
            K::TimeoutConnect
            | K::TimeoutTls
            | K::ConnectRefused
            | K::ConnectUnreachable
            | K::TlsHandshake => (Later::Perhaps, Ends::Failed, Signal::NoConnection),
            K::TlsExpired
            | K::TlsNotYetValid
            | K::TlsUnknownIssuer
            | K::TlsWrongHost
            | K::TlsOther => (Later::Never, Ends::Failed, Signal::NoConnection),
            K::TimeoutFirstByte => (Later::Perhaps, Ends::Failed, Signal::NoAnswer),
            K::TimeoutBody
            | K::TimeoutSlow
            | K::TimeoutTotal
            | K::ConnectReset
            | K::ProtocolTruncated
            | K::ProtocolHttp2 => (Later::Perhaps, Ends::Failed, Signal::Broken),
            K::ProtocolFraming | K::ProtocolOther => (Later::Never, Ends::Failed, Signal::Broken),
            K::LimitHeaders
            | K::LimitBody
            | K::LimitDecoded
            | K::LimitEncodings
            | K::RedirectLimit
            | K::RedirectLoop
            | K::RedirectScheme
            | K::RedirectDowngrade
            | K::RedirectInvalid
            | K::HttpStatus
            | K::ExtractFailed => (Later::Never, Ends::Failed, Signal::Answered),
        };
        Self { later, ends, signal }
    }
}

#[cfg(test)]
mod tests;
