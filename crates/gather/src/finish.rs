//! The end of a target's way: its record, from what is known of it.

use gather_core::attempt::{ChainLink, Head};
use gather_core::cache::CacheUse;
use gather_core::{Attempt, Duration, End, Failure, Outcome, Record, RecordError, Target};

use url::Url;

use crate::cache;
use crate::redact;
use crate::source::Broken;

/// What the frontier knows of a target that has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending {
    /// Tries made.
    pub(crate) attempts: u32,
    /// From admission to the start of the last try.
    pub(crate) queued: Duration,
}

/// The record of a target whose last try was `attempt`.
pub(crate) fn tried(
    target: Target,
    attempt: Box<Attempt>,
    ending: Ending,
    outcome: Outcome,
) -> Record {
    let stored = cache::confirmed(&target, &attempt).cloned();
    let mut record = untried(target, ending, outcome);
    let head = attempt.head.unwrap_or_default();
    let Head { status, version, content_type, headers, .. } = head;
    (record.status_code, record.http_version) = (status, version);
    (record.content_type, record.headers) = (content_type, headers);
    if let Some(connection) = attempt.connection {
        record.remote_ip = Some(connection.remote_ip);
        record.tls = connection.tls;
    }
    record.body_bytes = attempt.body.wire_bytes;
    record.content_length = attempt.body.decoded_bytes;
    // Of a body that broke off there is only the beginning, and its hash is that of nothing.
    let broke_off = matches!(attempt.end, End::Failed(_));
    record.sha256 = attempt.body.sha256.filter(|_| !broke_off);
    (record.body, record.hold) = (attempt.body.bytes, attempt.body.hold);
    record.truncated = attempt.body.truncated || (broke_off && record.body.is_some());
    record.timings = attempt.timings;
    record.chain = attempt.chain;
    if let Some(url) = attempt.url.as_deref().map(redact::url)
        && record.url != url.as_str()
    {
        record.final_url = Some(url.into_owned().into());
    }
    if let Some(stored) = stored {
        cache::fill_in(&mut record, &stored, CacheUse::Revalidated);
    }
    record
}

/// The record of a target whose stored answer is fresh: nothing is asked.
pub(crate) fn fresh(target: Target) -> Record {
    let ticket = target.cache.clone();
    let ending = Ending { attempts: 0, queued: Duration::ZERO };
    let mut record = untried(target, ending, Outcome::Ok);
    if let Some(stored) = ticket.as_ref().and_then(|ticket| ticket.stored.as_ref()) {
        cache::fill_in(&mut record, stored, CacheUse::Fresh);
    }
    record
}

/// The record of a target that has no try to tell of.
pub(crate) fn untried(target: Target, ending: Ending, outcome: Outcome) -> Record {
    let method = target.method();
    let method = (method != &gather_core::Method::GET).then(|| method.as_str().into());
    let extract = target.request.as_ref().and_then(|request| request.extract.clone());
    let input = target.input.map(|input| match redact::input(&input) {
        std::borrow::Cow::Borrowed(_) => input,
        std::borrow::Cow::Owned(redacted) => redacted.into(),
    });
    let url = match redact::url(&target.url) {
        std::borrow::Cow::Borrowed(_) => target.url,
        std::borrow::Cow::Owned(bare) => bare,
    };
    Record {
        input,
        url: url.into(),
        place: target.place,
        method,
        attempts: ending.attempts,
        time_queue: ending.queued,
        tags: target.tags,
        extract,
        ticket: target.cache,
        ..Record::new(target.n.0, outcome)
    }
}

/// The record of a target that redirects led to `url`, where it ended.
pub(crate) fn led_on(mut record: Record, chain: Vec<ChainLink>, url: Option<&Url>) -> Record {
    record.chain = chain;
    record.final_url = url.map(|url| redact::url(url).into_owned().into());
    record
}

/// The record of an input that is no target.
pub(crate) fn broken(broken: Broken) -> Record {
    let failure = Failure::new(broken.kind, broken.message);
    let outcome = Outcome::Skipped(RecordError::new(failure, false));
    Record {
        input: Some(redact::input(&broken.input).into()),
        place: Some(Box::new(broken.place)),
        ..Record::new(broken.n.0, outcome)
    }
}
