//! Where a response of HTTP/1.1 ends, as strictly as RFC 9112 section 6 asks: what hyper lets through.

use gather_core::{ErrorKind, Failure};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};

/// Refuses a head that says more than once, or in more than one way, where its body ends, and a
/// transfer coding that was not asked for (section 6.1: `chunked` alone needs no asking).
///
/// # Errors
/// `protocol.framing`: whoever is in between may have seen another end (section 11.2).
pub(crate) fn check(headers: &HeaderMap) -> Result<(), Failure> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let length = lengths.next();
    let is_listed = length.is_some_and(|value| value.as_bytes().contains(&b','));
    if is_listed || lengths.next().is_some() {
        return refused("more than one content-length");
    }
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else { return Ok(()) };
    if length.is_some() {
        return refused("both transfer-encoding and content-length");
    }
    let is_chunked = coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked");
    if !is_chunked || codings.next().is_some() {
        return refused("a transfer-encoding other than chunked");
    }
    Ok(())
}

fn refused(what: &str) -> Result<(), Failure> {
    Err(Failure::new(ErrorKind::ProtocolFraming, format!("the response has {what}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderName;

    #[test]
    fn one_length_or_chunked_alone_is_an_end() {
        for (lines, expected) in [
            (&[][..], None),
            (&["content-length: 5"], None),
            (&["transfer-encoding: chunked"], None),
            (&["transfer-encoding:  Chunked "], None),
            (&["content-length: 5", "content-length: 5"], Some("more than one content-length")),
            (&["content-length: 5, 5"], Some("more than one content-length")),
            (
                &["content-length: 5", "transfer-encoding: chunked"],
                Some("both transfer-encoding and content-length"),
            ),
            (&["transfer-encoding: gzip, chunked"], Some("other than chunked")),
            (&["transfer-encoding: gzip"], Some("other than chunked")),
            (&["transfer-encoding: identity"], Some("other than chunked")),
            (&["transfer-encoding: chunked, chunked"], Some("other than chunked")),
            (&["transfer-encoding: xchunked"], Some("other than chunked")),
            (&["transfer-encoding:"], Some("other than chunked")),
            (
                &["transfer-encoding: chunked", "transfer-encoding: chunked"],
                Some("other than chunked"),
            ),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                let (name, value) = line.split_once(':').unwrap();
                let name: HeaderName = name.parse().unwrap();
                headers.append(name, value.parse().unwrap());
            }
            let got = check(&headers).err().map(|failure| failure.message);
            match expected {
                None => assert_eq!(got, None, "{lines:?}"),
                Some(part) => assert!(got.is_some_and(|got| got.contains(part)), "{lines:?}"),
            }
        }
    }
}
