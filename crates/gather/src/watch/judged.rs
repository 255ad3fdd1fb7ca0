//! What one answer says: a check, what failures may share with others, and what is kept as evidence.

use gather_core::time::{Duration, Time};
use gather_core::watch::{Check, Start};
use gather_core::{Health, Record, retry_after};
use gather_fetch::RedactQuery;
use gather_store::history::{Answer, Evidence, EvidenceKind, Phases};

/// Bytes of a body that are kept as evidence.
pub(crate) const BODY_BYTES_MAX: usize = 4096;
/// Headers that may hold a secret.
const SECRET_HEADERS: &[&str] = &["set-cookie", "authorization", "proxy-authorization", "cookie"];
const REDACTED: &str = "***";

/// The check of a slot or a confirmation.
pub(crate) fn check(start: Start, record: &Record, health: Health) -> Check {
    let began = Time::from_nanos(record.timings.started_unix_us.saturating_mul(1_000));
    Check {
        target: start.target,
        due: start.due,
        lag: began.since(start.due),
        took: record.timings.total,
        health,
        status_code: record.status_code,
        kind: record.outcome.error().map(|error| error.kind),
        is_confirmation: start.is_confirmation,
    }
}

/// How long a refusal asks to be left alone: 429 or 503 with `Retry-After`, at most six hours.
pub(crate) fn pause(record: &Record, now: Time) -> Option<Duration> {
    if !matches!(record.status_code, 429 | 503) {
        return None;
    }
    let mut headers = record.headers.as_deref()?.iter();
    let (_, value) = headers.find(|(name, _)| name.eq_ignore_ascii_case("retry-after"))?;
    retry_after::parse(value, now.since(Time::ZERO))
}

/// When the certificate ends, if one was seen.
pub(crate) fn certificate_until(record: &Record) -> Option<Time> {
    let ends_s = record.tls.as_ref()?.not_after_unix_s?;
    Some(Time::from_millis(u64::try_from(ends_s).unwrap_or(0).saturating_mul(1_000)))
}

/// What an answer looked like, without secrets.
pub(crate) fn evidence(
    start: Start,
    record: &Record,
    which: EvidenceKind,
    redact: &RedactQuery,
) -> Evidence {
    let mut url = record.final_url.as_deref().unwrap_or(&record.url).to_owned();
    crate::redact::text(&mut url, redact);
    let url = crate::redact::input(&url).into_owned();
    let timings = &record.timings;
    let reached = |phase: Duration| (!phase.is_zero()).then_some(phase);
    let error = record.outcome.error();
    let headers = record.headers.iter().flat_map(|headers| headers.iter()).map(|(name, value)| {
        let is_secret = SECRET_HEADERS.iter().any(|secret| name.eq_ignore_ascii_case(secret));
        (name.clone(), if is_secret { REDACTED.into() } else { value.clone() })
    });
    let body = record.body.as_deref().unwrap_or_default();
    Evidence {
        target: start.target,
        which,
        at: Time::from_nanos(timings.started_unix_us.saturating_mul(1_000)),
        answer: Answer {
            url: url.into(),
            address: record.remote_ip,
            status_code: record.status_code,
            http_version: match record.status_code {
                0 => Box::default(),
                _ => record.http_version.as_str().into(),
            },
            kind: error.map(|error| error.kind),
            message: error.map(|error| error.message.clone()),
            phases: Phases {
                namelookup: reached(timings.namelookup),
                connect: reached(timings.connect),
                appconnect: reached(timings.appconnect),
                starttransfer: reached(timings.starttransfer),
                total: reached(timings.total),
            },
            headers: headers.collect(),
            certificate_until: certificate_until(record),
        },
        body: body[..body.len().min(BODY_BYTES_MAX)].into(),
    }
}
