//! What one answer says about its host's health: up, degraded, limited, down or unknown.

use crate::kind::ErrorKind;
use crate::record::{Outcome, Record};

/// How well a target is, as one check saw it. From best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Health {
    /// It answers as it should.
    Up,
    /// It answers, though not as it should.
    Degraded,
    /// It answers that we ask too much, or wants to see a person: that says nothing about others.
    Limited,
    /// Our own side kept it from being checked.
    Unknown,
    /// No answer, or one that says that it is broken.
    Down,
}

impl Health {
    /// All, from best to worst.
    pub const ALL: [Self; 5] = [Self::Up, Self::Degraded, Self::Limited, Self::Unknown, Self::Down];

    /// As written in a record.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Limited => "limited",
            Self::Unknown => "unknown",
            Self::Down => "down",
        }
    }
}

/// A health, and why it is not the best.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How well the target is.
    pub health: Health,
    /// For people; none where it is up.
    pub reason: Option<Box<str>>,
}

impl Finding {
    /// Nothing to complain of.
    pub const UP: Self = Self { health: Health::Up, reason: None };

    /// A finding with its reason.
    pub fn new(health: Health, reason: impl Into<Box<str>>) -> Self {
        Self { health, reason: Some(reason.into()) }
    }

    /// The worse of two; of equals the first.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        if other.health > self.health { other } else { self }
    }
}

/// What a record says by itself. Whether the status is a good one is for `accept` to decide: a
/// 404 that is accepted is up.
pub fn of(record: &Record) -> Finding {
    if let Some(by) = challenge(record) {
        return Finding::new(Health::Limited, format!("{by} wants to see a person"));
    }
    match &record.outcome {
        Outcome::Ok => Finding::UP,
        Outcome::Failed(error) | Outcome::Skipped(error) => {
            let health = of_kind(error.kind, record.status_code);
            Finding::new(health, format!("{}: {}", error.kind.as_str(), error.message))
        }
    }
}

/// Every kind, so that a new one is thought about. `status` is 0 if there was no response.
fn of_kind(kind: ErrorKind, status: u16) -> Health {
    use ErrorKind as K;
    match kind {
        K::HttpStatus => match status {
            429 => Health::Limited,
            500.. => Health::Down,
            _ => Health::Degraded,
        },
        K::HttpRateLimited => Health::Limited,
        K::DnsNotFound
        | K::DnsTemporary
        | K::TimeoutDns
        | K::TimeoutConnect
        | K::TimeoutTls
        | K::TimeoutFirstByte
        | K::TimeoutBody
        | K::TimeoutSlow
        | K::TimeoutTotal
        | K::ConnectRefused
        | K::ConnectReset
        | K::ConnectUnreachable
        | K::TlsExpired
        | K::TlsNotYetValid
        | K::TlsUnknownIssuer
        | K::TlsWrongHost
        | K::TlsHandshake
        | K::TlsOther
        | K::ProtocolTruncated
        | K::ProtocolFraming
        | K::ProtocolHttp2
        | K::ProtocolOther
        | K::RedirectLimit
        | K::RedirectLoop
        | K::RedirectInvalid
        | K::HostParked => Health::Down,
        // It answered; what it said is too much, or leads where nobody should go.
        K::LimitHeaders
        | K::LimitBody
        | K::LimitDecoded
        | K::LimitEncodings
        | K::RedirectScheme
        | K::RedirectDowngrade
        | K::ExtractFailed => Health::Degraded,
        // Not its fault.
        K::InputInvalid
        | K::InputTooLong
        | K::BlockedAddress
        | K::BlockedRobots
        | K::BlockedRobotsUnreachable
        | K::BlockedScheme
        | K::ConnectProxy
        | K::Interrupted
        | K::Cancelled
        | K::Poison => Health::Unknown,
    }
}

/// Headers by which a protection in front of a site says that it did not let us through, with
/// the name of who says so.
const CHALLENGES: &[(&str, &[&str], &str)] = &[
    ("cf-mitigated", &["challenge"], "Cloudflare"),
    ("x-amzn-waf-action", &["challenge", "captcha"], "AWS WAF"),
    ("x-datadome", &["protected"], "DataDome"),
];

fn challenge(record: &Record) -> Option<&'static str> {
    // A page that was let through may carry the same header.
    if !matches!(record.status_code, 202 | 401 | 403 | 405 | 429 | 503) {
        return None;
    }
    let headers = record.headers.as_deref()?;
    CHALLENGES.iter().find_map(|(name, values, by)| {
        let says = |(header, value): &(Box<str>, Box<str>)| {
            header.eq_ignore_ascii_case(name)
                && values.iter().any(|known| value.trim().eq_ignore_ascii_case(known))
        };
        headers.iter().any(says).then_some(*by)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::Failure;
    use crate::record::RecordError;

    fn record(status: u16, kind: Option<ErrorKind>, headers: &[(&str, &str)]) -> Record {
        let outcome = match kind {
            None => Outcome::Ok,
            Some(kind) => Outcome::Failed(RecordError::new(Failure::new(kind, "why"), false)),
        };
        let headers = headers.iter().map(|&(name, value)| (name.into(), value.into())).collect();
        Record { status_code: status, headers: Some(Box::new(headers)), ..Record::new(0, outcome) }
    }

    #[test]
    fn an_answer_is_judged_by_what_it_is() {
        use ErrorKind as K;
        let challenge = ("CF-Mitigated", "challenge");
        for (status, kind, header, expected) in [
            (200, None, None, Health::Up),
            // Accepted by the user, and so as it should be.
            (404, None, None, Health::Up),
            (404, Some(K::HttpStatus), None, Health::Degraded),
            (301, Some(K::HttpStatus), None, Health::Degraded),
            (500, Some(K::HttpStatus), None, Health::Down),
            (429, Some(K::HttpStatus), None, Health::Limited),
            (429, Some(K::HttpRateLimited), None, Health::Limited),
            (403, Some(K::HttpStatus), Some(challenge), Health::Limited),
            (503, Some(K::HttpStatus), Some(challenge), Health::Limited),
            (200, None, Some(challenge), Health::Up),
            (403, Some(K::HttpStatus), Some(("cf-mitigated", "none")), Health::Degraded),
            (0, Some(K::TimeoutFirstByte), None, Health::Down),
            (0, Some(K::TlsExpired), None, Health::Down),
            (200, Some(K::ProtocolTruncated), None, Health::Down),
            (200, Some(K::LimitBody), None, Health::Degraded),
            (0, Some(K::InputInvalid), None, Health::Unknown),
            (0, Some(K::ConnectProxy), None, Health::Unknown),
        ] {
            let headers: Vec<_> = header.into_iter().collect();
            let found = of(&record(status, kind, &headers));
            assert_eq!(found.health, expected, "{status} {kind:?} {header:?}");
            assert_eq!(found.reason.is_none(), expected == Health::Up);
        }
    }

    #[test]
    fn the_worse_of_two_counts() {
        let slow = Finding::new(Health::Degraded, "slow");
        let down = Finding::new(Health::Down, "down");
        assert_eq!(slow.clone().worse(down.clone()), down);
        assert_eq!(down.clone().worse(slow), down);
        assert_eq!(Finding::UP.worse(Finding::UP), Finding::UP);
    }
}
