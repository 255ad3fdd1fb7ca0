//! What each member is of a given record: the one place that knows when a member is absent.

use std::borrow::Cow;
use std::net::IpAddr;

use gather_core::attempt::{ChainLink, Headers};
use gather_core::cache::CacheUse;
use gather_core::target::Tags;
use gather_core::{Duration, FieldValue, FieldValues, Held, Record};

use crate::fields::{Field, Repeats};
use crate::{json, page};

/// A member's value, not yet in any form.
pub(crate) enum Value<'a> {
    /// A word that needs no escaping in any form.
    Word(&'static str),
    Text(Cow<'a, str>),
    Base64(&'a [u8]),
    Hex(&'a [u8; 32]),
    Count(u64),
    /// Microseconds, written in seconds.
    Seconds(u64),
    Flag(bool),
    Ip(IpAddr),
    /// Microseconds since 1970, written to the millisecond.
    Moment(u64),
    /// Seconds since 1970.
    Date(i64),
    Chain(&'a [ChainLink]),
    Names(&'a [Box<str>]),
    Fields(&'a FieldValues),
    Extracted(&'a FieldValue),
    Tags(&'a Tags),
    Headers(&'a Headers),
    /// JSON without white space.
    Json(String),
    /// JSON as it stood in the result the record was read back from.
    Held(&'a str),
}

/// The member's value; `None` where the record has none.
// Asked for each member of each record, and most have a value that is at hand or none.
#[inline(always)]
pub(crate) fn value_of<'a>(
    field: &Field,
    record: &'a Record,
    repeats: Repeats,
) -> Option<Value<'a>> {
    match &record.held {
        None => computed(field, record, repeats),
        Some(held) => held_value(field, record, held, repeats),
    }
}

/// The member's value in a record that was read back: what stood there, and what follows from it.
#[inline(never)]
fn held_value<'a>(
    field: &Field,
    record: &'a Record,
    held: &'a Held,
    repeats: Repeats,
) -> Option<Value<'a>> {
    if !held.others.is_empty() {
        let name = field.name();
        if let Some((_, json)) = held.others.iter().find(|(known, _)| **known == name) {
            return Some(Value::Held(json));
        }
    }
    let repeats = match (held.members & field.bit() != 0, repeats) {
        (true, Repeats::Omit) => Repeats::Omit,
        (true, Repeats::Write | Repeats::Keep) => Repeats::Write,
        // Its neighbour says it too, or it is made of what is there.
        (false, Repeats::Write | Repeats::Omit) if field.is_derived() => repeats,
        (false, _) => return None,
    };
    computed(field, record, repeats)
}

#[inline(always)]
fn computed<'a>(field: &Field, record: &'a Record, repeats: Repeats) -> Option<Value<'a>> {
    let answered = record.status_code != 0;
    match field {
        Field::N => Some(Value::Count(record.n)),
        Field::Source => text(record.place.as_ref()?.source.as_deref()?),
        Field::Line => count(record.place.as_ref()?.line),
        Field::Input => Some(Value::Text(Cow::Borrowed(record.input()))),
        Field::Url => text(&record.url),
        Field::FinalUrl => final_url(record, repeats),
        Field::Method => match &record.method {
            Some(method) => text(method),
            None => (repeats == Repeats::Write).then_some(Value::Word("GET")),
        },
        Field::Outcome => Some(Value::Word(record.outcome.as_str())),
        Field::Health => Some(Value::Word(record.health.as_ref()?.health.as_str())),
        Field::HealthReason => text(record.health.as_ref()?.reason.as_deref()?),
        Field::StatusCode => count(u64::from(record.status_code)),
        Field::HttpVersion => http_version(record),
        Field::RemoteIp => record.remote_ip.map(Value::Ip),
        Field::ContentType => text(record.content_type.as_deref()?),
        Field::ContentLength => answered.then_some(Value::Count(record.content_length)),
        Field::BodyBytes => body_bytes(record, repeats),
        Field::Attempts => Some(Value::Count(u64::from(record.attempts))),
        Field::ErrorKind => record.outcome.error().map(|error| Value::Word(error.kind.as_str())),
        Field::ErrorMessage => text(&record.outcome.error()?.message),
        Field::ErrorRetryable => record.outcome.error().map(|error| Value::Flag(error.retryable)),
        Field::StartedAt => moment(record.timings.started_unix_us),
        Field::TimeQueue => seconds(record.time_queue),
        Field::TimeNamelookup => seconds(record.timings.namelookup),
        Field::TimeConnect => seconds(record.timings.connect),
        Field::TimeAppconnect => seconds(record.timings.appconnect),
        Field::TimeStarttransfer => seconds(record.timings.starttransfer),
        Field::TimeTotal => seconds(record.timings.total),
        Field::TlsVersion => match record.tls.as_ref()?.version {
            "" => None,
            version => Some(Value::Word(version)),
        },
        Field::TlsNotAfter => record.tls.as_ref()?.not_after_unix_s.map(Value::Date),
        Field::TlsSan => some(&record.tls.as_ref()?.san[..]).map(Value::Names),
        Field::NumRedirects => (answered || !record.chain.is_empty())
            .then_some(Value::Count(record.chain.len() as u64)),
        Field::Chain => some(&record.chain[..]).map(Value::Chain),
        Field::Fields => record.fields.as_deref().filter(|all| !all.is_empty()).map(Value::Fields),
        Field::Extracted(name) => {
            let (_, value) = record.fields.as_deref()?.iter().find(|(known, _)| known == name)?;
            Some(Value::Extracted(value))
        }
        Field::Tags => record.tags.as_deref().filter(|tags| !tags.is_empty()).map(Value::Tags),
        Field::Tag(name) => tag(record.tags.as_deref()?, name),
        Field::Headers => {
            record.headers.as_deref().filter(|all| !all.is_empty()).map(Value::Headers)
        }
        Field::Header(name) => header(record.headers.as_deref()?, name),
        Field::Sha256 | Field::BodyPath | Field::Truncated => stored(field, record),
        Field::WarcFile | Field::WarcOffset | Field::WarcLength => archived(field, record),
        Field::Cache | Field::Unchanged => cached(field, record),
        Field::SameAs => record.same_as.map(Value::Count),
        Field::Title => page::title(record.body.as_ref()?).map(|title| Value::Text(title.into())),
        Field::Preview => page::preview(record.body.as_ref()?).map(Value::Text),
        Field::Json => page::compact_json(record.body.as_ref()?).map(Value::Json),
        Field::Body => record.body.as_deref().map(body),
        Field::BodyEncoding => {
            let is_text = std::str::from_utf8(record.body.as_ref()?).is_ok();
            (!is_text).then_some(Value::Word("base64"))
        }
        // Only a record that was read back has others.
        Field::Other(_) => None,
    }
}

/// A stored answer that nothing was asked for came by none.
fn http_version(record: &Record) -> Option<Value<'_>> {
    let came = record.status_code != 0 && record.cache != Some(CacheUse::Fresh);
    came.then(|| Value::Word(record.http_version.as_str()))
}

/// What is known of a stored body.
fn stored<'a>(field: &Field, record: &'a Record) -> Option<Value<'a>> {
    match field {
        Field::Sha256 => record.sha256.as_ref().map(Value::Hex),
        Field::BodyPath => text(record.body_path.as_deref()?),
        _ => record.truncated.then_some(Value::Flag(true)),
    }
}

/// Where in an archive its response is.
fn archived<'a>(field: &Field, record: &'a Record) -> Option<Value<'a>> {
    let archived = record.archived.as_ref()?;
    match field {
        Field::WarcFile => text(&archived.file),
        Field::WarcOffset => Some(Value::Count(archived.offset)),
        _ => Some(Value::Count(archived.length)),
    }
}

/// What the cache did.
fn cached(field: &Field, record: &Record) -> Option<Value<'static>> {
    match field {
        Field::Cache => record.cache.map(|done| Value::Word(done.as_str())),
        _ => record.unchanged.then_some(Value::Flag(true)),
    }
}

/// A member as it stands in a cell; `None` where the record has none.
pub fn member_text(record: &Record, field: &Field) -> Option<String> {
    value_of(field, record, Repeats::Write).map(|value| text_of(&value))
}

/// Microseconds since 1970 as RFC 3339, to the millisecond.
pub fn moment_text(unix_us: u64) -> String {
    text_of(&Value::Moment(unix_us))
}

fn text_of(value: &Value<'_>) -> String {
    let mut out = Vec::new();
    json::plain(&mut out, value);
    String::from_utf8(out).expect("members are text, and base64 is")
}

fn final_url(record: &Record, repeats: Repeats) -> Option<Value<'_>> {
    match &record.final_url {
        Some(url) if repeats == Repeats::Write || *url != record.url => text(url),
        None if repeats == Repeats::Write && record.status_code != 0 => text(&record.url),
        _ => None,
    }
}

fn body_bytes(record: &Record, repeats: Repeats) -> Option<Value<'_>> {
    let differs = record.body_bytes != record.content_length;
    (record.status_code != 0 && (differs || repeats == Repeats::Write))
        .then_some(Value::Count(record.body_bytes))
}

fn body(body: &[u8]) -> Value<'_> {
    match std::str::from_utf8(body) {
        Ok(body) => Value::Text(Cow::Borrowed(body)),
        Err(_) => Value::Base64(body),
    }
}

fn tag<'a>(tags: &'a Tags, name: &str) -> Option<Value<'a>> {
    let (_, value) = tags.iter().find(|(tag, _)| **tag == *name)?;
    Some(Value::Text(Cow::Borrowed(value)))
}

fn text(text: &str) -> Option<Value<'_>> {
    (!text.is_empty()).then_some(Value::Text(Cow::Borrowed(text)))
}

fn count(count: u64) -> Option<Value<'static>> {
    (count != 0).then_some(Value::Count(count))
}

fn some<T>(list: &[T]) -> Option<&[T]> {
    (!list.is_empty()).then_some(list)
}

/// A try that was never made has no start.
fn moment(unix_us: u64) -> Option<Value<'static>> {
    (unix_us != 0).then_some(Value::Moment(unix_us))
}

/// A phase of less than half a microsecond did not happen.
fn seconds(time: Duration) -> Option<Value<'static>> {
    let us = u64::from((time.subsec_nanos() + 500) / 1000);
    let us = time.as_secs().saturating_mul(1_000_000).saturating_add(us);
    (us != 0).then_some(Value::Seconds(us))
}

/// All values of one header, joined as RFC 9110 section 5.3 allows.
fn header<'a>(headers: &'a Headers, name: &str) -> Option<Value<'a>> {
    let mut values =
        headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    let first = values.next()?;
    let mut all = Cow::Borrowed(&**first);
    for value in values {
        all += ", ";
        all += &**value;
    }
    Some(Value::Text(all))
}
