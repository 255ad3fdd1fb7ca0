//! From named values of a result to the record they were written from, nothing of them lost.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use gather_core::attempt::{HttpVersion, TlsInfo};
use gather_core::target::Place;
use gather_core::{
    Duration, ErrorKind, FieldValue, Held, Outcome, Record, RecordError, attempt::Headers,
};

use super::composite;
use crate::fields::Field;
use crate::{json, page};

/// A value as a result gives it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Given<'a> {
    /// JSON, on one line.
    Json(&'a str),
    /// Text, as in a cell; lists and objects as JSON in it.
    Text(&'a str),
    /// The digits of a decimal number.
    #[cfg_attr(
        not(any(feature = "parquet", feature = "sqlite", feature = "postgres")),
        expect(dead_code, reason = "only these tell a decimal from a text")
    )]
    Decimal(&'a str),
}

/// How a result says that a member equals its neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// By leaving it out.
    Object,
    /// By repeating it: each row has all columns.
    Row,
}

/// Whether an object in `fields` may be a decimal, as in our spools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decimals {
    /// It may not.
    Text,
    /// It may.
    Told,
}

/// Why a row is no record: one line, lower case.
pub(crate) type Wrong = String;

/// A record in the making.
pub(crate) struct Draft {
    shape: Shape,
    decimals: Decimals,
    record: Record,
    held: Held,
    /// Where in the table of members the last one was found.
    at: usize,
    input: Option<Box<str>>,
    source: Option<Arc<str>>,
    line: Option<u64>,
    outcome: Option<Word>,
    kind: Option<ErrorKind>,
    message: Box<str>,
    retryable: bool,
    tls: TlsInfo,
    body: Option<Vec<u8>>,
    is_base64: bool,
    /// Single columns of `fields`, `tags` and `headers`: what stands there where the whole does not.
    parts: Vec<(Field, Part)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Ok,
    Failed,
    Skipped,
}

/// A column that is a part of an object.
enum Part {
    Text(Box<str>),
    Decimal(Box<str>),
    Value(FieldValue),
}

impl Draft {
    /// Nothing is known yet.
    pub(crate) fn new(shape: Shape, decimals: Decimals) -> Self {
        Self {
            shape,
            decimals,
            record: Record::new(0, Outcome::Ok),
            held: Held::default(),
            at: 0,
            input: None,
            source: None,
            line: None,
            outcome: None,
            kind: None,
            message: Box::default(),
            retryable: false,
            tls: TlsInfo::default(),
            body: None,
            is_base64: false,
            parts: Vec::new(),
        }
    }

    /// Takes a member by its name: `url`, `error.kind`, `tags.sku`.
    ///
    /// # Errors
    /// When a known member has a value that it cannot have.
    pub(crate) fn member(&mut self, name: &str, given: Given<'_>) -> Result<(), Wrong> {
        if let Some((field, at)) = Field::known_from(name, self.at) {
            self.at = at + 1;
            return self.set(field, given);
        }
        match (self.shape, Field::from_name(name)) {
            (Shape::Row, Some(field)) => self.set(&field, given),
            // In an object a dot is a part of the name.
            _ => {
                self.keep(name, given);
                Ok(())
            }
        }
    }

    /// Takes a member.
    ///
    /// # Errors
    /// As [`member`](Self::member).
    pub(crate) fn set(&mut self, field: &Field, given: Given<'_>) -> Result<(), Wrong> {
        let is_extracted = matches!(field, Field::Extracted(_));
        if let (Given::Json("null"), false) = (given, is_extracted) {
            self.keep(&field.name(), given);
            return Ok(());
        }
        let is_held = self.try_set(field, given).map_err(|expected| {
            let (Given::Json(shown) | Given::Text(shown) | Given::Decimal(shown)) = given;
            let shown: String = shown.chars().take(60).collect();
            format!("{} is not {expected}: {shown}", field.name())
        })?;
        if is_held && !is_left_out(field, given) {
            self.held.members |= field.bit();
        } else {
            self.keep(&field.name(), given);
        }
        Ok(())
    }

    /// Takes an extracted field as the table `field` has it: its type by name, its value as text.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn extracted(
        &mut self,
        name: &str,
        kind: &str,
        value: Option<&str>,
    ) -> Result<(), Wrong> {
        let value = value.unwrap_or("null");
        let given = match kind {
            "text" => Given::Text(value),
            "decimal" => Given::Decimal(value),
            "null" => Given::Json("null"),
            _ => Given::Json(value),
        };
        self.set(&Field::Extracted(name.into()), given)
    }

    /// Takes the body as it is.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn body(&mut self, body: &[u8]) {
        self.body = Some(body.to_vec());
        self.held.members |= Field::Body.bit() | Field::BodyEncoding.bit();
    }

    /// Whether the record itself can hold the value; an error names what it should have been.
    fn try_set(&mut self, field: &Field, given: Given<'_>) -> Result<bool, &'static str> {
        const TEXT: &str = "text";
        let record = &mut self.record;
        let text = || given.text().ok_or(TEXT);
        let boxed = || Ok::<_, &'static str>(Some(text()?.into()));
        match field {
            Field::N => record.n = given.number()?,
            Field::Source => self.source = Some(text()?.into()),
            Field::Line => self.line = Some(given.number()?),
            Field::Input => self.input = boxed()?,
            Field::Url => record.url = text()?.into_owned(),
            Field::FinalUrl => record.final_url = Some(text()?.into_owned()),
            Field::Method => record.method = boxed()?,
            Field::Outcome => self.outcome = Some(word(&text()?)?),
            Field::StatusCode => record.status_code = given.number()?,
            Field::ContentType => record.content_type = Some(text()?.into()),
            Field::ContentLength => record.content_length = given.number()?,
            Field::BodyBytes => record.body_bytes = given.number()?,
            Field::Attempts => record.attempts = given.number()?,
            Field::SameAs => record.same_as = Some(given.number()?),
            Field::ErrorMessage => self.message = text()?.into(),
            Field::ErrorRetryable => self.retryable = given.flag()?,
            Field::TimeQueue => record.time_queue = given.seconds()?,
            Field::TimeNamelookup => record.timings.namelookup = given.seconds()?,
            Field::TimeConnect => record.timings.connect = given.seconds()?,
            Field::TimeAppconnect => record.timings.appconnect = given.seconds()?,
            Field::TimeStarttransfer => record.timings.starttransfer = given.seconds()?,
            Field::TimeTotal => record.timings.total = given.seconds()?,
            Field::BodyPath => record.body_path = boxed()?,
            Field::Body => self.body = Some(text()?.into_owned().into_bytes()),
            other => return Ok(self.try_set_word(other, given) || self.try_set_whole(other, given)),
        }
        Ok(true)
    }

    /// Members of a closed form. Another form is kept as it is: a later version may know it.
    fn try_set_word(&mut self, field: &Field, given: Given<'_>) -> bool {
        let record = &mut self.record;
        let Some(text) = given.text() else {
            // The one of them that is no text in JSON.
            if *field == Field::Truncated && given.flag() == Ok(true) {
                record.truncated = true;
                return true;
            }
            return false;
        };
        let read = match field {
            Field::HttpVersion => http_version(&text).map(|version| record.http_version = version),
            Field::RemoteIp => text.parse().ok().map(|ip| record.remote_ip = Some(ip)),
            Field::ErrorKind => ErrorKind::from_name(&text).map(|kind| self.kind = Some(kind)),
            Field::StartedAt => {
                composite::moment_us(&text).map(|us| record.timings.started_unix_us = us)
            }
            Field::TlsVersion => tls_version(&text).map(|version| self.tls.version = version),
            Field::TlsNotAfter => {
                composite::date_s(&text).map(|s| self.tls.not_after_unix_s = Some(s))
            }
            Field::Sha256 => composite::sha256(&text).map(|hash| record.sha256 = Some(hash)),
            Field::Truncated => (text == "true").then(|| record.truncated = true),
            Field::BodyEncoding => (text == "base64").then(|| self.is_base64 = true),
            _ => None,
        };
        read.is_some()
    }

    /// Lists and objects, and the columns that are a part of one.
    fn try_set_whole(&mut self, field: &Field, given: Given<'_>) -> bool {
        let record = &mut self.record;
        let (Given::Json(json) | Given::Text(json) | Given::Decimal(json)) = given;
        let read = match field {
            Field::Chain => composite::chain(json).map(|chain| record.chain = chain),
            Field::TlsSan => composite::names(json).map(|names| self.tls.san = names),
            Field::Fields => composite::fields(json, self.decimals)
                .map(|fields| record.fields = Some(Box::new(fields))),
            Field::Tags => composite::tags(json).map(|tags| record.tags = Some(Box::new(tags))),
            Field::Headers => {
                composite::headers(json).map(|headers| record.headers = Some(Box::new(headers)))
            }
            Field::Extracted(_) | Field::Tag(_) | Field::Header(_) => {
                let part = Part::of(given, self.decimals);
                part.map(|part| self.parts.push((field.clone(), part)))
            }
            _ => None,
        };
        read.is_some()
    }

    /// Keeps a member as it was written.
    fn keep(&mut self, name: &str, given: Given<'_>) {
        let is_json = matches!(
            Field::known_from(name, 0),
            Some((
                Field::Json | Field::NumRedirects | Field::Fields | Field::Tags | Field::Chain,
                _
            ))
        );
        let json = match given {
            Given::Json(json) => json.into(),
            Given::Text(text) | Given::Decimal(text) => {
                let read = if is_json { page::compact_json(text.as_bytes()) } else { None };
                read.unwrap_or_else(|| {
                    let mut json = Vec::new();
                    json::string(&mut json, text);
                    String::from_utf8(json).expect("made of text")
                })
                .into_boxed_str()
            }
        };
        self.held.others.push((name.into(), json));
    }

    /// The record.
    ///
    /// # Errors
    /// When its members contradict each other.
    pub(crate) fn finish(mut self) -> Result<Record, Wrong> {
        self.join_parts();
        let had = |field: &Field| self.held.members & field.bit() != 0;
        let (has_tls, has_place) = (
            [Field::TlsVersion, Field::TlsNotAfter, Field::TlsSan].iter().any(had),
            self.line.is_some() || self.source.is_some(),
        );
        let mut record = self.record;
        if !had(&Field::BodyBytes) {
            record.body_bytes = record.content_length;
        }
        record.input = self.input.filter(|input| **input != *record.url);
        if has_place {
            let place = Place { source: self.source, line: self.line.unwrap_or(0) };
            record.place = Some(Box::new(place));
        }
        if has_tls {
            record.tls = Some(Arc::new(self.tls));
        }
        if let Some(body) = self.body {
            let bytes = match self.is_base64 {
                false => body,
                true => {
                    BASE64.decode(&body).map_err(|error| format!("body is no base64: {error}"))?
                }
            };
            record.body = Some(bytes.into());
        }
        let word = self.outcome.unwrap_or(match self.kind {
            Some(_) => Word::Failed,
            None => Word::Ok,
        });
        // Where the result names no kind, none is written of it again either.
        let kind = self.kind.unwrap_or(ErrorKind::ProtocolOther);
        let error = RecordError { kind, message: self.message, retryable: self.retryable };
        record.outcome = match word {
            Word::Ok => Outcome::Ok,
            Word::Failed => Outcome::Failed(error),
            Word::Skipped => Outcome::Skipped(error),
        };
        if self.shape == Shape::Row {
            forget_repeats(&mut record, &mut self.held);
        }
        if record.status_code == 0 {
            keep_of_no_answer(&record, &mut self.held);
        }
        record.held = Some(Box::new(self.held));
        Ok(record)
    }

    /// What single columns say of an object that does not stand as a whole; which of its texts are
    /// decimals, where it does.
    fn join_parts(&mut self) {
        let (whole_fields, whole_tags) = (self.record.fields.is_some(), self.record.tags.is_some());
        let whole_headers = self.record.headers.is_some();
        for (field, part) in std::mem::take(&mut self.parts) {
            match &field {
                Field::Extracted(name) if whole_fields => {
                    let fields = self.record.fields.iter_mut().flat_map(|all| all.iter_mut());
                    let value = fields.filter(|(known, _)| known == name).map(|(_, value)| value);
                    if let (Part::Decimal(_), Some(value)) = (part, { value }.next())
                        && let FieldValue::Text(text) = value
                    {
                        *value = FieldValue::Decimal(std::mem::take(text));
                    }
                }
                Field::Extracted(name) => {
                    let fields = self.record.fields.get_or_insert_default();
                    fields.push((Arc::clone(name), part.into_value()));
                }
                Field::Tag(name) if !whole_tags => {
                    let tags = self.record.tags.get_or_insert_default();
                    tags.push((Arc::clone(name), part.into_text()));
                }
                Field::Header(name) if !whole_headers => {
                    let headers: &mut Headers = self.record.headers.get_or_insert_default();
                    headers.push(((&**name).into(), part.into_text()));
                }
                _ => {}
            }
        }
    }
}

/// In a row each member has its column, so a repeat says nothing of how the record was asked for.
fn forget_repeats(record: &mut Record, held: &mut Held) {
    let mut forget = |field: Field| held.members &= !field.bit();
    if record.final_url.as_deref() == Some(record.url.as_str()) {
        record.final_url = None;
        forget(Field::FinalUrl);
    }
    if record.method.as_deref() == Some("GET") {
        record.method = None;
        forget(Field::Method);
    }
    if record.body_bytes == record.content_length {
        forget(Field::BodyBytes);
    }
}

/// Keeps what only a record with a status has, where a result has it without one.
fn keep_of_no_answer(record: &Record, held: &mut Held) {
    let values = [
        (Field::ContentLength, record.content_length.to_string()),
        (Field::BodyBytes, record.body_bytes.to_string()),
        (Field::HttpVersion, format!("\"{}\"", record.http_version.as_str())),
    ];
    for (field, json) in values {
        if held.members & field.bit() != 0 {
            held.members &= !field.bit();
            held.others.push((field.name().into(), json.into()));
        }
    }
}

impl Part {
    fn of(given: Given<'_>, decimals: Decimals) -> Option<Self> {
        Some(match given {
            Given::Text(text) => Self::Text(text.into()),
            Given::Decimal(digits) => Self::Decimal(digits.into()),
            Given::Json(json) => Self::Value(composite::field_value(json, decimals)?),
        })
    }

    fn into_value(self) -> FieldValue {
        match self {
            Self::Text(text) => FieldValue::Text(text),
            Self::Decimal(digits) => FieldValue::Decimal(digits),
            Self::Value(value) => value,
        }
    }

    fn into_text(self) -> Box<str> {
        match self {
            Self::Text(text) | Self::Decimal(text) => text,
            Self::Value(FieldValue::Text(text)) => text,
            Self::Value(value) => {
                let mut json = Vec::new();
                json::plain(&mut json, &crate::value::Value::Extracted(&value));
                String::from_utf8_lossy(&json).into()
            }
        }
    }
}

impl<'a> Given<'a> {
    fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) | Self::Decimal(text) => Some(Cow::Borrowed(text)),
            Self::Json(json) => composite::text(json),
        }
    }

    fn number<N: FromStr<Err: Display>>(self) -> Result<N, &'static str> {
        let (Self::Json(text) | Self::Text(text) | Self::Decimal(text)) = self;
        text.parse().map_err(|_| "a whole number in its range")
    }

    fn flag(self) -> Result<bool, &'static str> {
        let (Self::Json(text) | Self::Text(text) | Self::Decimal(text)) = self;
        text.parse().map_err(|_| "true or false")
    }

    fn seconds(self) -> Result<Duration, &'static str> {
        let (Self::Json(text) | Self::Text(text) | Self::Decimal(text)) = self;
        composite::micros(text).map(Duration::from_micros).ok_or("a number of seconds")
    }
}

/// Whether we would leave the member out, so that it must be kept as it stands.
fn is_left_out(field: &Field, given: Given<'_>) -> bool {
    let is_empty = matches!(given, Given::Json("\"\"" | "0" | "[]" | "{}"));
    let is_always_written = matches!(
        field,
        Field::N
            | Field::ContentLength
            | Field::BodyBytes
            | Field::Attempts
            | Field::SameAs
            | Field::Body
    );
    let is_part = matches!(field, Field::Extracted(_) | Field::Tag(_) | Field::Header(_));
    is_empty && !is_always_written && !is_part
}

fn word(text: &str) -> Result<Word, &'static str> {
    match text {
        "ok" => Ok(Word::Ok),
        "failed" => Ok(Word::Failed),
        "skipped" => Ok(Word::Skipped),
        _ => Err("ok, failed or skipped"),
    }
}

fn http_version(text: &str) -> Option<HttpVersion> {
    let all = [HttpVersion::Http10, HttpVersion::Http11, HttpVersion::Http2];
    all.into_iter().find(|version| version.as_str() == text)
}

fn tls_version(text: &str) -> Option<&'static str> {
    ["1.3", "1.2"].into_iter().find(|version| *version == text)
}
