//! The named fields of a WARC record (WARC 1.1, sections 4 and 5).

use std::net::IpAddr;

use xxhash_rust::xxh3::xxh3_128;

use crate::json;
use crate::value::Value;

/// The types of records that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Warcinfo,
    Request,
    Response,
    Revisit,
    Metadata,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Warcinfo => "warcinfo",
            Self::Request => "request",
            Self::Response => "response",
            Self::Revisit => "revisit",
            Self::Metadata => "metadata",
        }
    }
}

/// The identity of a record: a UUID of version 8 (RFC 9562), the same whenever the same run
/// writes the same record, so that a resumed run equals an undisturbed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordId(u128);

impl RecordId {
    /// Of what is unique: the run, the target (or part) and the place among its records.
    pub(super) fn new(run: &str, kind: Kind, n: u64, nth: usize) -> Self {
        let name = format!("{run} {} {n} {nth}", kind.as_str());
        let random = xxh3_128(name.as_bytes());
        let version = 0x8_u128 << 76;
        let variant = 0x2_u128 << 62;
        Self(random & !(0xf << 76) & !(0x3 << 62) | version | variant)
    }

    fn write(self, out: &mut Vec<u8>) {
        let hex = format!("{:032x}", self.0);
        let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
        out.extend_from_slice(format!("<urn:uuid:{}>", parts.join("-")).as_bytes());
    }
}

/// The fields of one record, being written.
pub(super) struct Head<'b>(&'b mut Vec<u8>);

impl<'b> Head<'b> {
    /// Begins one in `buffer`, in place of what is there.
    pub(super) fn begin(buffer: &'b mut Vec<u8>, kind: Kind, id: RecordId, date_us: u64) -> Self {
        buffer.clear();
        buffer.extend_from_slice(b"WARC/1.1\r\n");
        let mut head = Self(buffer);
        head.text("WARC-Type", kind.as_str());
        head.id("WARC-Record-ID", id);
        head.date("WARC-Date", date_us);
        head
    }

    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.field(name, |out| one_line(out, value.as_bytes()));
    }

    pub(super) fn id(&mut self, name: &str, id: RecordId) {
        self.field(name, |out| id.write(out));
    }

    pub(super) fn date(&mut self, name: &str, unix_us: u64) {
        self.field(name, |out| json::plain(out, &Value::Moment(unix_us)));
    }

    pub(super) fn sha256(&mut self, name: &str, digest: &[u8; 32]) {
        self.field(name, |out| {
            out.extend_from_slice(b"sha256:");
            json::plain(out, &Value::Hex(digest));
        });
    }

    pub(super) fn address(&mut self, ip: IpAddr) {
        self.field("WARC-IP-Address", |out| json::plain(out, &Value::Ip(ip)));
    }

    pub(super) fn count(&mut self, name: &str, count: u64) {
        self.field(name, |out| json::uint(out, count));
    }

    /// Ends it, before a block of so many bytes.
    pub(super) fn end(mut self, block_bytes: usize) {
        self.count("Content-Length", block_bytes as u64);
        self.0.extend_from_slice(b"\r\n");
    }

    fn field(&mut self, name: &str, value: impl FnOnce(&mut Vec<u8>)) {
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b": ");
        value(self.0);
        self.0.extend_from_slice(b"\r\n");
    }
}

/// Appends text that must not end its line: what would end it becomes a space.
pub(super) fn one_line(out: &mut Vec<u8>, text: &[u8]) {
    out.extend(text.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_id_is_a_uuid_of_its_own() {
        let id = |run: &str, kind, n, nth| {
            let mut out = Vec::new();
            RecordId::new(run, kind, n, nth).write(&mut out);
            String::from_utf8(out).unwrap()
        };
        let first = id("run", Kind::Response, 1, 0);
        assert_eq!(first, id("run", Kind::Response, 1, 0));
        let others = [
            id("other", Kind::Response, 1, 0),
            id("run", Kind::Request, 1, 0),
            id("run", Kind::Response, 11, 0),
            id("run", Kind::Response, 1, 1),
        ];
        for other in &others {
            assert_ne!(*other, first);
            let bare = other.trim_start_matches("<urn:uuid:").trim_end_matches('>');
            assert_eq!(bare.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
            assert_eq!(&bare[14..15], "8", "version");
            assert!("89ab".contains(&bare[19..20]), "variant");
        }
    }
}
