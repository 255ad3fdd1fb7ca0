//! Records as JSON lines: each is encoded once, straight into the output's buffer.

use gather_core::Record;

use crate::error::SinkError;
use crate::fields::{Field, Fields, Repeats};
use crate::json;
use crate::output::Output;
use crate::sink::{Position, Sink};
use crate::value::value_of;

/// Turns records into JSON objects with the members that were asked for, in the record's order.
#[derive(Clone, Debug)]
pub struct Encoder {
    members: Vec<Member>,
    others: Others,
    decimals: Decimals,
}

/// What becomes of members that no version we know writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Others {
    Drop,
    Keep,
}

/// How a decimal that was extracted is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decimals {
    /// As a string.
    Text,
    /// Told from a string.
    Told,
}

#[derive(Clone, Debug)]
struct Member {
    field: Field,
    repeats: Repeats,
    parent: Parent,
    /// The name within the parent, with a comma before it, quotes and colon.
    key: Key,
}

/// What stands before a value. A copy of a known length is a few moves, one of another length a
/// call: a key is copied with what follows it in the array, which is then cut.
#[derive(Clone, Debug)]
enum Key {
    Short { bytes: [u8; SHORT_KEY_BYTES], length: usize },
    Long(Box<[u8]>),
}

/// All keys of ours are shorter; those of users need not be.
const SHORT_KEY_BYTES: usize = 24;

impl Key {
    fn new(key: &[u8]) -> Self {
        let mut bytes = [0; SHORT_KEY_BYTES];
        match bytes.get_mut(..key.len()) {
            Some(short) => {
                short.copy_from_slice(key);
                Self::Short { bytes, length: key.len() }
            }
            None => Self::Long(key.into()),
        }
    }

    /// Appends it, without its comma where nothing stands before it.
    #[inline]
    fn push_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::Short { bytes, length } if out.last() != Some(&b'{') => {
                let end = out.len() + length;
                out.extend_from_slice(bytes);
                out.truncate(end);
            }
            Self::Short { bytes, length } => push_key(out, &bytes[..*length]),
            Self::Long(key) => push_key(out, key),
        }
    }
}

/// The object a member stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parent {
    Record,
    Error,
    Tls,
    Fields,
    Tags,
    Headers,
}

impl Parent {
    const fn opening(self) -> &'static [u8] {
        match self {
            Self::Record => b"",
            Self::Error => b",\"error\":{",
            Self::Tls => b",\"tls\":{",
            Self::Fields => b",\"fields\":{",
            Self::Tags => b",\"tags\":{",
            Self::Headers => b",\"headers\":{",
        }
    }
}

impl Encoder {
    /// An encoder for these members.
    pub fn new(fields: &Fields) -> Self {
        let member = |field| Member::new(fields.repeats(&field), field);
        Self {
            members: fields.in_record_order().into_iter().map(member).collect(),
            others: if fields.is_held() { Others::Keep } else { Others::Drop },
            decimals: Decimals::Text,
        }
    }

    /// An encoder of what an output with these members is built of later: read back by
    /// [`spool lines`](crate::read), a record is the same to it.
    pub(crate) fn for_spool(fields: &Fields) -> Self {
        Self { decimals: Decimals::Told, ..Self::new(&fields.for_spool()) }
    }

    /// Appends the record as one JSON object, without a line end.
    pub fn encode(&self, record: &Record, out: &mut Vec<u8>) {
        out.push(b'{');
        let mut open = Parent::Record;
        for member in &self.members {
            let Some(value) = value_of(&member.field, record, member.repeats) else { continue };
            if member.parent != open {
                self.close(open, record, out);
                open = member.parent;
                push_key(out, open.opening());
            }
            member.key.push_to(out);
            match self.decimals {
                Decimals::Text => json::value(out, &value),
                Decimals::Told => json::value_with_decimals(out, &value),
            }
        }
        self.close(open, record, out);
        self.unknown("", record, out);
        out.push(b'}');
    }

    fn close(&self, open: Parent, record: &Record, out: &mut Vec<u8>) {
        match open {
            Parent::Record => return,
            Parent::Error => self.unknown("error.", record, out),
            Parent::Tls => self.unknown("tls.", record, out),
            // Whoever reads these back keeps them whole.
            Parent::Fields | Parent::Tags | Parent::Headers => {}
        }
        out.push(b'}');
    }

    /// Appends the unknown members that were read back with the record and stand in this object.
    fn unknown(&self, parent: &str, record: &Record, out: &mut Vec<u8>) {
        let Some(held) = record.held.as_deref().filter(|_| self.others == Others::Keep) else {
            return;
        };
        for (name, json) in &held.others {
            let is_nested = name.starts_with("error.") || name.starts_with("tls.");
            let Some(key) = name.strip_prefix(parent).filter(|_| parent.is_empty() != is_nested)
            else {
                continue;
            };
            if Field::known_from(name, 0).is_none() {
                if out.last() != Some(&b'{') {
                    out.push(b',');
                }
                json::string(out, key);
                out.push(b':');
                out.extend_from_slice(json.as_bytes());
            }
        }
    }
}

impl Member {
    fn new(repeats: Repeats, field: Field) -> Self {
        let name = field.name();
        let (parent, name) = match name.split_once('.') {
            Some(("error", name)) => (Parent::Error, name),
            Some(("tls", name)) => (Parent::Tls, name),
            Some(("fields", name)) => (Parent::Fields, name),
            Some(("tags", name)) => (Parent::Tags, name),
            Some(("headers", name)) => (Parent::Headers, name),
            _ => (Parent::Record, name.as_str()),
        };
        let mut key = vec![b','];
        json::string(&mut key, name);
        key.push(b':');
        Self { field, repeats, parent, key: Key::new(&key) }
    }
}

/// Appends a key, without its comma where nothing stands before it. No value ends in `{`.
fn push_key(out: &mut Vec<u8>, key: &[u8]) {
    let is_first = out.last() == Some(&b'{');
    out.extend_from_slice(&key[usize::from(is_first)..]);
}

/// The sink of JSON lines.
pub(crate) struct Jsonl {
    encoder: Encoder,
    output: Output,
}

impl Jsonl {
    pub(crate) fn new(output: Output, fields: &Fields) -> Self {
        Self { encoder: Encoder::new(fields), output }
    }
}

impl Sink for Jsonl {
    fn write(&mut self, record: &Record) -> Result<(), SinkError> {
        let encoder = &self.encoder;
        self.output.record(|buffer| {
            encoder.encode(record, buffer);
            buffer.push(b'\n');
        })
    }

    fn commit(&mut self) -> Result<Position, SinkError> {
        self.output.commit()
    }

    fn finish(mut self: Box<Self>) -> Result<Position, SinkError> {
        self.output.commit()
    }

    fn name(&self) -> &str {
        self.output.name()
    }
}

#[cfg(test)]
mod tests {
    use gather_core::ErrorKind;
    use insta::assert_snapshot;

    use super::*;
    use crate::samples::{failed, http_page, https_page};

    fn encode(fields: &str, record: &Record) -> String {
        let fields = match fields {
            "" => Fields::default(),
            list => Fields::parse(list).unwrap(),
        };
        let mut out = Vec::new();
        Encoder::new(&fields).encode(record, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_record_is_what_the_reference_shows() {
        assert_snapshot!(encode("", &http_page()), @r#"{"n":17,"input":"http://shop.example/p/17","url":"http://shop.example/p/17","outcome":"ok","status_code":200,"http_version":"1.1","remote_ip":"203.0.113.217","content_type":"text/html; charset=utf-8","content_length":18234,"attempts":1,"started_at":"2026-11-21T10:00:00.123Z","time_queue":0.0021,"time_namelookup":0.000412,"time_connect":0.011035,"time_starttransfer":0.120417,"time_total":0.151}"#);
        assert_snapshot!(encode("", &https_page()), @r#"{"n":17,"input":"https://a.example/p/17","url":"https://a.example/p/17","final_url":"https://www.a.example/p/17","outcome":"ok","status_code":200,"http_version":"2","remote_ip":"203.0.113.217","content_type":"text/html; charset=utf-8","content_length":18234,"body_bytes":5120,"attempts":1,"started_at":"2026-11-21T10:00:00.123Z","time_queue":0.0021,"time_namelookup":0.000412,"time_connect":0.011035,"time_appconnect":0.034,"time_starttransfer":0.120417,"time_total":0.151,"tls":{"version":"1.3","not_after":"2027-01-15T08:00:00Z"},"chain":[{"url":"https://a.example/p/17","status_code":301}],"tags":{"sku":"A17"}}"#);
        assert_snapshot!(encode("", &failed(ErrorKind::TimeoutFirstByte, "no byte within 5 s")), @r#"{"n":17,"input":"http://shop.example/p/17","url":"http://shop.example/p/17","outcome":"failed","attempts":3,"error":{"kind":"timeout.first_byte","message":"no byte within 5 s","retryable":true},"time_queue":0.0021,"time_total":5.001}"#);
    }

    #[test]
    fn a_record_is_small() {
        // With URLs of 24 bytes: each is written twice.
        assert!(encode("", &http_page()).len() <= 400);
        let redirected = https_page();
        let plain = Record {
            url: "https://shop.example/p/7".into(),
            final_url: None,
            chain: Vec::new(),
            tags: None,
            ..redirected
        };
        assert!(encode("", &plain).len() <= 500);
    }
}
