//! Targets as bytes, for the spill: compact, complete, read back only by the run that wrote them.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use gather_core::Provenance;
use gather_core::target::{
    HostKey, Method, Place, RequestSpec, SchemeFrom, Tags, Target, TargetNo,
};
use gather_core::time::Duration;
use url::Url;

use crate::source::Unparsed;
use crate::source::parse::HostCache;

/// Writes and reads targets. What many targets share is kept here once, and referred to.
pub(super) struct Codec {
    hosts: HostCache,
    names: Vec<Arc<str>>,
    name_numbers: HashMap<Arc<str>, u64>,
    requests: Vec<Arc<RequestSpec>>,
}

/// Tag names and file names kept; others are written out each time.
const NAMES_MAX: usize = 1024;
/// Requests kept that more than one target uses.
const REQUESTS_MAX: usize = 16;

const GUESS: u8 = 1;
const INPUT: u8 = 2;
const TAGS: u8 = 4;
const PLACE: u8 = 8;
const REQUEST: u8 = 16;
const PUBLIC: u8 = 32;

impl Codec {
    pub(super) fn new() -> Self {
        Self {
            hosts: HostCache::new(),
            names: Vec::new(),
            name_numbers: HashMap::new(),
            requests: Vec::new(),
        }
    }

    /// Appends `target`, preceded by the length of what follows in four bytes.
    pub(super) fn encode(&mut self, target: &Target, out: &mut Vec<u8>) {
        put_entry(out, |out| self.put_target(out, target));
    }

    fn put_target(&mut self, out: &mut Vec<u8>, target: &Target) {
        put_uint(out, target.n.0);
        let flag = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
        out.push(
            flag(target.scheme_from == SchemeFrom::Guess, GUESS)
                | flag(target.input.is_some(), INPUT)
                | flag(target.tags.is_some(), TAGS)
                | flag(target.place.is_some(), PLACE)
                | flag(target.request.is_some(), REQUEST)
                | flag(target.from == Provenance::Public, PUBLIC),
        );
        put_bytes(out, target.url.as_str().as_bytes());
        if let Some(input) = &target.input {
            put_bytes(out, input.as_bytes());
        }
        if let Some(tags) = &target.tags {
            put_uint(out, tags.len() as u64);
            for (name, value) in tags.iter() {
                self.put_name(out, name);
                put_bytes(out, value.as_bytes());
            }
        }
        if let Some(place) = &target.place {
            put_uint(out, place.line);
            put_option(out, place.source.as_ref(), |out, source| self.put_name(out, source));
        }
        if let Some(request) = &target.request {
            self.put_request(out, request);
        }
    }

    /// The target whose bytes (without their length) are `entry`; `None` if they are damaged.
    pub(super) fn decode(&mut self, entry: &[u8]) -> Option<Target> {
        let bytes = &mut { entry };
        let n = TargetNo(take_uint(bytes)?);
        let flags = take_byte(bytes)?;
        let (url, host) = self.parse(take_str(bytes)?)?;
        let input = if flags & INPUT != 0 { Some(take_str(bytes)?.into()) } else { None };
        let tags = if flags & TAGS != 0 { Some(Box::new(self.take_tags(bytes)?)) } else { None };
        let place = if flags & PLACE != 0 {
            let line = take_uint(bytes)?;
            let source = take_option(bytes, |bytes| self.take_name(bytes))?;
            Some(Box::new(Place { source, line }))
        } else {
            None
        };
        let request = if flags & REQUEST != 0 { Some(self.take_request(bytes)?) } else { None };
        let scheme_from = if flags & GUESS != 0 { SchemeFrom::Guess } else { SchemeFrom::Input };
        // The cache is asked when it is handed out.
        let cache = None;
        let from = if flags & PUBLIC != 0 { Provenance::Public } else { Provenance::Operator };
        Some(Target { n, url, host, input, scheme_from, request, tags, place, cache, from })
    }

    /// The target of an input that was left unparsed; `None` if it was not spelled as a URL.
    pub(super) fn target(&mut self, unparsed: &Unparsed) -> Option<Target> {
        let (url, host) = self.parse(&unparsed.text)?;
        Some(Target::of_host(unparsed.n, url, host))
    }

    fn parse(&mut self, text: &str) -> Option<(Url, HostKey)> {
        if let Some(known) = self.hosts.parse(text) {
            return Some(known);
        }
        let url = Url::parse(text).ok()?;
        let host = self.hosts.key_of(&url)?;
        Some((url, host))
    }

    fn put_name(&mut self, out: &mut Vec<u8>, name: &Arc<str>) {
        if let Some(number) = self.name_numbers.get(name) {
            return put_uint(out, *number);
        }
        if self.names.len() < NAMES_MAX {
            self.names.push(Arc::clone(name));
            let number = self.names.len() as u64;
            self.name_numbers.insert(Arc::clone(name), number);
            return put_uint(out, number);
        }
        put_uint(out, 0);
        put_bytes(out, name.as_bytes());
    }

    fn take_name(&self, bytes: &mut &[u8]) -> Option<Arc<str>> {
        match usize::try_from(take_uint(bytes)?).ok()? {
            0 => Some(take_str(bytes)?.into()),
            number => self.names.get(number - 1).cloned(),
        }
    }

    fn take_tags(&self, bytes: &mut &[u8]) -> Option<Tags> {
        let count = take_uint(bytes)?;
        (0..count).map(|_| Some((self.take_name(bytes)?, take_str(bytes)?.into()))).collect()
    }

    fn put_request(&mut self, out: &mut Vec<u8>, request: &Arc<RequestSpec>) {
        let known = self.requests.iter().position(|known| Arc::ptr_eq(known, request));
        // One that nobody else holds belongs to this target alone: keeping it would leak.
        let is_shared = Arc::strong_count(request) > 1;
        let number = known.or_else(|| {
            (is_shared && self.requests.len() < REQUESTS_MAX).then(|| {
                self.requests.push(Arc::clone(request));
                self.requests.len() - 1
            })
        });
        match number {
            Some(number) => put_uint(out, number as u64 + 1),
            None => {
                put_uint(out, 0);
                put_request_spec(out, request);
            }
        }
    }

    fn take_request(&self, bytes: &mut &[u8]) -> Option<Arc<RequestSpec>> {
        match usize::try_from(take_uint(bytes)?).ok()? {
            0 => take_request_spec(bytes).map(Arc::new),
            number => self.requests.get(number - 1).cloned(),
        }
    }
}

/// Appends what [`Codec::encode`] would for the target that is parsed of it.
pub(super) fn encode_unparsed(unparsed: &Unparsed, out: &mut Vec<u8>) {
    put_entry(out, |out| {
        put_uint(out, unparsed.n.0);
        out.push(0);
        put_bytes(out, unparsed.text.as_bytes());
    });
}

fn put_entry(out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH_BYTES]);
    put(out);
    let length = u32::try_from(out.len() - start - LENGTH_BYTES).expect("caps bound a target");
    out[start..start + LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
}

/// How many bytes stand before an entry to tell its length.
pub(super) const LENGTH_BYTES: usize = 4;

/// The first entry of `bytes` without its length, and what follows; `None` if it is not whole.
pub(super) fn split_entry(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_at_checked(LENGTH_BYTES)?;
    rest.split_at_checked(entry_length(length)?)
}

/// The length that stands at the beginning of `bytes`.
pub(super) fn entry_length(bytes: &[u8]) -> Option<usize> {
    let length: [u8; LENGTH_BYTES] = bytes.get(..LENGTH_BYTES)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(length)).ok()
}

fn put_request_spec(out: &mut Vec<u8>, request: &RequestSpec) {
    // No list says which address to avoid.
    let RequestSpec { method, headers, body, timeout, avoid: _, extract } = request;
    put_option(out, method.as_ref(), |out, method| put_bytes(out, method.as_str().as_bytes()));
    put_uint(out, headers.len() as u64);
    for (name, value) in headers {
        put_bytes(out, name.as_bytes());
        put_bytes(out, value.as_bytes());
    }
    put_option(out, body.as_ref(), |out, body| put_bytes(out, body));
    put_option(out, timeout.as_ref(), |out, timeout| {
        put_uint(out, timeout.as_secs());
        put_uint(out, timeout.subsec_nanos().into());
    });
    put_option(out, extract.as_ref(), |out, extract| put_bytes(out, extract.as_bytes()));
}

fn take_request_spec(bytes: &mut &[u8]) -> Option<RequestSpec> {
    let method = take_option(bytes, |bytes| Method::from_name(take_str(bytes)?))?;
    let count = take_uint(bytes)?;
    let headers = (0..count)
        .map(|_| Some((take_str(bytes)?.to_owned(), take_str(bytes)?.to_owned())))
        .collect::<Option<_>>()?;
    let body = take_option(bytes, |bytes| Some(Bytes::copy_from_slice(take_bytes(bytes)?)))?;
    let timeout = take_option(bytes, |bytes| {
        Some(Duration::new(take_uint(bytes)?, u32::try_from(take_uint(bytes)?).ok()?))
    })?;
    let extract = take_option(bytes, |bytes| take_str(bytes).map(Arc::from))?;
    Some(RequestSpec { method, headers, body, timeout, avoid: None, extract })
}

fn put_option<T>(out: &mut Vec<u8>, value: Option<T>, put: impl FnOnce(&mut Vec<u8>, T)) {
    out.push(value.is_some().into());
    if let Some(value) = value {
        put(out, value);
    }
}

fn take_option<T>(
    bytes: &mut &[u8],
    take: impl FnOnce(&mut &[u8]) -> Option<T>,
) -> Option<Option<T>> {
    match take_byte(bytes)? {
        0 => Some(None),
        _ => take(bytes).map(Some),
    }
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_uint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn take_bytes<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(take_uint(bytes)?).ok()?;
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

fn take_str<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    std::str::from_utf8(take_bytes(bytes)?).ok()
}

fn take_byte(bytes: &mut &[u8]) -> Option<u8> {
    let (first, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(*first)
}

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
fn put_uint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

fn take_uint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = take_byte(bytes)?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_comes_back() {
        let shared = Arc::new(RequestSpec { method: Some(Method::HEAD), ..Default::default() });
        let own = RequestSpec {
            method: Some(Method::POST),
            headers: vec![("x-a".into(), "1".into()), ("x-b".into(), String::new())],
            body: Some(Bytes::from_static(b"\0body\xff")),
            timeout: Some(Duration::new(3, 7)),
            avoid: None,
            extract: Some(r#"{"price":"css:.price"}"#.into()),
        };
        let url = Url::parse("https://a.example/p?q=1").expect("valid");
        let plain = Target::new(TargetNo(0), url).expect("https");
        let place = |source: Option<&str>| {
            Some(Box::new(Place { source: source.map(Into::into), line: 300 }))
        };
        let full = Target {
            from: Provenance::Public,
            n: TargetNo(u64::MAX),
            input: Some("A.example/p?q=1".into()),
            scheme_from: SchemeFrom::Guess,
            request: Some(own.into()),
            tags: Some(Box::new(vec![("sku".into(), "A17".into()), ("".into(), "".into())])),
            place: place(Some("list.txt")),
            ..plain.clone()
        };
        let sharing =
            Target { request: Some(Arc::clone(&shared)), place: place(None), ..plain.clone() };
        let mut codec = Codec::new();
        for target in [plain, full, sharing] {
            let mut bytes = Vec::new();
            codec.encode(&target, &mut bytes);
            let (entry, rest) = split_entry(&bytes).expect("whole");
            assert!(rest.is_empty());
            let back = codec.decode(entry).expect("not damaged");
            assert_eq!(format!("{back:?}"), format!("{target:?}"));
            assert_eq!(back.request, target.request);
            for end in 0..entry.len() {
                assert!(codec.decode(&entry[..end]).is_none(), "cut at {end} of {target:?}");
            }
        }
        assert_eq!(codec.requests.len(), 1, "a request of one target is not kept");
    }

    #[test]
    fn what_was_left_unparsed_comes_back_as_if_it_had_been_parsed() {
        let text = "http://a.example/p?q=1";
        let target = Target::new(TargetNo(300), Url::parse(text).expect("valid")).expect("http");
        let unparsed = Unparsed { n: target.n, host: target.host.clone(), text: text.into() };
        let mut codec = Codec::new();
        let [mut early, mut late] = [Vec::new(), Vec::new()];
        codec.encode(&target, &mut early);
        encode_unparsed(&unparsed, &mut late);
        assert_eq!(early, late);
        let back = codec.target(&unparsed).expect("a URL");
        assert_eq!(format!("{back:?}"), format!("{target:?}"));
    }

    #[test]
    fn a_shared_request_comes_back_as_the_same() {
        let shared = Arc::new(RequestSpec::default());
        let url = Url::parse("http://a.example/").expect("valid");
        let mut target = Target::new(TargetNo(1), url).expect("http");
        target.request = Some(Arc::clone(&shared));
        let mut codec = Codec::new();
        let mut bytes = Vec::new();
        codec.encode(&target, &mut bytes);
        let back = codec.decode(&bytes[LENGTH_BYTES..]).expect("not damaged");
        assert!(Arc::ptr_eq(&back.request.expect("has one"), &shared));
    }
}
