//! What passes over the wire, kept for an archive: the server's own bytes, our secrets left out.

use bytes::{Bytes, BytesMut};
use gather_core::attempt::HttpVersion;
use gather_core::exchange::{self, Coding, Cut, Exchange};
use gather_core::{End, ErrorKind};
use http::header::{
    CONTENT_LENGTH, CONTENT_LOCATION, HeaderMap, HeaderName, LOCATION, TRANSFER_ENCODING,
};
use http::{Request, Response};
use hyper::body::Incoming;
use url::Url;

use crate::conn::{Link, RequestBody};
use crate::request::{self, RedactQuery};

/// The exchanges of one try: redirects that are done, and the one under way.
pub(crate) struct Capture {
    redirects: Vec<Exchange>,
    current: Option<Exchange>,
    redact: RedactQuery,
}

impl Capture {
    pub(crate) fn new(redact: RedactQuery) -> Box<Self> {
        Box::new(Self { redirects: Vec::new(), current: None, redact })
    }

    /// A request is about to be sent over `link`.
    pub(crate) fn request(
        &mut self,
        request: &Request<RequestBody>,
        body: Option<&Bytes>,
        url: &Url,
        link: &Link,
        sent_unix_us: u64,
    ) {
        let url = self.redact.url(url);
        self.current = Some(Exchange {
            request_head: request::archived_head(request, &url),
            url: url.as_str().into(),
            sent_unix_us,
            remote_ip: link.remote_ip,
            version: HttpVersion::default(),
            tls: link.tls.as_ref().map(|tls| tls.version).filter(|version| !version.is_empty()),
            request_body: body.cloned().unwrap_or_default(),
            response_head: Bytes::new(),
            body: Bytes::new(),
            coding: Coding::None,
            cut: None,
        });
    }

    /// The head of its response was read; `tapped` is what came over the connection for it.
    pub(crate) fn response(
        &mut self,
        response: &Response<Incoming>,
        version: HttpVersion,
        tapped: Option<&[u8]>,
    ) {
        let Some(current) = &mut self.current else { return };
        current.version = version;
        let raw = tapped.and_then(final_head);
        current.response_head = match raw {
            Some(raw) if !response.headers().contains_key(TRANSFER_ENCODING) => {
                Bytes::copy_from_slice(raw)
            }
            Some(raw) => without_transfer_coding(raw),
            None => spelled_out(response),
        };
        if !self.redact.is_empty() {
            current.response_head = redacted(&current.response_head, &self.redact);
        }
    }

    /// The response was a redirect that is followed.
    pub(crate) fn redirected(&mut self, body: Bytes, cut: Option<Cut>) {
        let Some(mut redirect) = self.current.take() else { return };
        (redirect.body, redirect.cut) = (body, cut);
        exchange::add_redirect(&mut self.redirects, redirect);
    }

    /// All that came of the try: its redirects, and its last response if there was one.
    pub(crate) fn exchanges(self, body: Bytes, coding: Coding, end: &End) -> Vec<Exchange> {
        let Self { mut redirects, current, .. } = self;
        if let Some(mut last) = current.filter(|last| !last.response_head.is_empty()) {
            (last.body, last.coding, last.cut) = (body, coding, cut_by(end));
            redirects.push(last);
        }
        redirects
    }
}

fn cut_by(end: &End) -> Option<Cut> {
    let End::Failed(failure) = end else { return None };
    Some(match failure.kind {
        ErrorKind::LimitBody | ErrorKind::LimitDecoded => Cut::Length,
        ErrorKind::TimeoutBody | ErrorKind::TimeoutSlow | ErrorKind::TimeoutTotal => Cut::Time,
        ErrorKind::ProtocolTruncated | ErrorKind::ConnectReset | ErrorKind::ProtocolHttp2 => {
            Cut::Disconnect
        }
        _ => Cut::Unspecified,
    })
}

/// The last head in what was read: interim ones (1xx) come before it. `None` if it is not there.
fn final_head(mut tapped: &[u8]) -> Option<&[u8]> {
    loop {
        let (head, rest) = tapped.split_at(head_end(tapped)?);
        let status = head.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).nth(1);
        if status.and_then(<[u8]>::first) != Some(&b'1') {
            return Some(head);
        }
        tapped = rest;
    }
}

/// Where the empty line ends that ends a head; a bare LF ends a line, too (RFC 9112 section 2.2).
fn head_end(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let lf = from + bytes[from..].iter().position(|byte| *byte == b'\n')?;
        match bytes[lf + 1..] {
            [b'\n', ..] => return Some(lf + 2),
            [b'\r', b'\n', ..] => return Some(lf + 3),
            _ => from = lf + 1,
        }
    }
}

/// What is put before the names of headers that are no longer true of the body.
const ORIGINAL: &[u8] = b"X-Archive-Orig-";

/// The same head for a body without its chunks: the headers about them get other names, so that
/// no reader looks for chunks or goes by a length that did not count.
fn without_transfer_coding(raw: &[u8]) -> Bytes {
    let mut head = BytesMut::with_capacity(raw.len() + 2 * ORIGINAL.len());
    for line in raw.split_inclusive(|byte| *byte == b'\n') {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        let is = |header: &HeaderName| name.eq_ignore_ascii_case(header.as_str().as_bytes());
        if is(&TRANSFER_ENCODING) || is(&CONTENT_LENGTH) {
            head.extend_from_slice(ORIGINAL);
        }
        head.extend_from_slice(line);
    }
    head.freeze()
}

/// The same head with the queries of the places it names redacted.
fn redacted(head: &[u8], redact: &RedactQuery) -> Bytes {
    let mut clean = BytesMut::with_capacity(head.len());
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        let is = |header: &HeaderName| name.eq_ignore_ascii_case(header.as_str().as_bytes());
        let end = line.trim_ascii_end().len();
        let is_place = is(&LOCATION) || is(&CONTENT_LOCATION);
        let text = str::from_utf8(&line[..end]).ok().filter(|_| is_place);
        match text.and_then(|text| redact.text(text)) {
            Some(text) => clean.extend_from_slice(text.as_bytes()),
            None => clean.extend_from_slice(&line[..end]),
        }
        clean.extend_from_slice(&line[end..]);
    }
    clean.freeze()
}

/// The head in the form of HTTP/1.1, as archives have it of HTTP/2.
fn spelled_out(response: &Response<Incoming>) -> Bytes {
    let status = response.status();
    let reason = status.canonical_reason().unwrap_or_default();
    let mut head = BytesMut::new();
    head.extend_from_slice(format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).as_bytes());
    let mut headers = response.headers();
    let without_chunks: HeaderMap;
    if headers.contains_key(TRANSFER_ENCODING) {
        without_chunks = {
            let mut headers = headers.clone();
            headers.remove(TRANSFER_ENCODING);
            headers.remove(CONTENT_LENGTH);
            headers
        };
        headers = &without_chunks;
    }
    for (name, value) in headers {
        request::header_line(&mut head, name.as_str(), value.as_bytes());
    }
    head.extend_from_slice(b"\r\n");
    head.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_final_head_is_found_behind_interim_ones() {
        let cases: &[(&str, Option<&str>)] = &[
            ("HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody\n\n", Some("HTTP/1.1 200 OK\r\nA: b\r\n\r\n")),
            ("HTTP/1.1 200\r\n\r\n", Some("HTTP/1.1 200\r\n\r\n")),
            ("HTTP/1.0 404 no\nA: b\n\nx", Some("HTTP/1.0 404 no\nA: b\n\n")),
            (
                "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 x\r\n\r\n",
                Some("HTTP/1.1 204 x\r\n\r\n"),
            ),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 x\r\n", None),
            ("HTTP/1.1 200 OK\r\nA: b", None),
            ("", None),
        ];
        for (tapped, expected) in cases {
            let found = final_head(tapped.as_bytes());
            assert_eq!(found, expected.map(str::as_bytes), "{tapped:?}");
        }
    }

    #[test]
    fn headers_about_chunks_are_renamed() {
        let raw =
            b"HTTP/1.1 200 OK\r\ntransfer-Encoding: chunked\r\nContent-Length: 9\r\nX: y\r\n\r\n";
        let expected = "HTTP/1.1 200 OK\r\nX-Archive-Orig-transfer-Encoding: chunked\r\n\
                        X-Archive-Orig-Content-Length: 9\r\nX: y\r\n\r\n";
        assert_eq!(without_transfer_coding(raw), expected);
    }
}
