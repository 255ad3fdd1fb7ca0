//! Where a response of HTTP/1.1 ends, as strictly as RFC 9112 section 6 asks: what hyper lets through.

use gather_core::{ErrorKind, Failure};

use crate::lines::{Lines, Told};

/// Refuses a head that says more than once, or in more than one way, where its body ends, and a
/// transfer coding that was not asked for (section 6.1: `chunked` alone needs no asking).
///
/// # Errors
/// `protocol.framing`: whoever is in between may have seen another end (section 11.2).
pub(crate) fn check(lines: &Lines<'_>) -> Result<(), Failure> {
    let has_length = match lines.content_length {
        Told::No => false,
        Told::Once(value) if !value.as_bytes().contains(&b',') => true,
        Told::Once(_) | Told::Often => return refused("more than one content-length"),
    };
    let is_chunked = match lines.transfer_encoding {
        Told::No => return Ok(()),
        Told::Once(coding) => coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked"),
        Told::Often => false,
    };
    if has_length {
        return refused("both transfer-encoding and content-length");
    }
    if !is_chunked {
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
    use http::{HeaderMap, HeaderName};

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
            let got = check(&Lines::of(&headers)).err().map(|failure| failure.message);
            match expected {
                None => assert_eq!(got, None, "{lines:?}"),
                Some(part) => assert!(got.is_some_and(|got| got.contains(part)), "{lines:?}"),
            }
        }
    }
}
