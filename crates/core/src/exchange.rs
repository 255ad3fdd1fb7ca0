//! A request and its response as they passed over the wire, for an archive.

use std::fmt;
use std::net::IpAddr;

use bytes::Bytes;

use crate::attempt::HttpVersion;

/// One request and its response, in the form of HTTP/1.1 whatever protocol they came by.
///
/// What could be a credential of the request is replaced with `***`.
#[derive(Clone)]
pub struct Exchange {
    /// What was asked for, without user name and password.
    pub url: Box<str>,
    /// Wall clock when the request was sent, in microseconds since 1970.
    pub sent_unix_us: u64,
    /// The address dialled; a proxy's, where one is used.
    pub remote_ip: IpAddr,
    /// The protocol of the response.
    pub version: HttpVersion,
    /// `1.2` or `1.3`, for https.
    pub tls: Option<&'static str>,
    /// Request line and headers with the empty line that ends them.
    pub request_head: Bytes,
    /// The body that was sent.
    pub request_body: Bytes,
    /// Status line and headers as received, with the empty line that ends them. Over HTTP/1 they
    /// are the server's own bytes, but for the names of headers about the transfer coding that was
    /// taken off.
    pub response_head: Bytes,
    /// The body as received: its transfer coding is taken off, its content coding is not.
    pub body: Bytes,
    /// Whether `body` has a content coding.
    pub coding: Coding,
    /// Why `body` is not the whole, where it is not.
    pub cut: Option<Cut>,
}

/// Whether a body is encoded as its `Content-Encoding` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Coding {
    /// It is what the record's body is.
    #[default]
    None,
    /// It is compressed.
    Encoded,
}

/// Why only the beginning of a body is there: the reasons that WARC 1.1 knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// It was longer than a limit.
    Length,
    /// Its time was over.
    Time,
    /// The connection ended.
    Disconnect,
    /// Anything else.
    Unspecified,
}

impl Cut {
    /// As `WARC-Truncated` says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Time => "time",
            Self::Disconnect => "disconnect",
            Self::Unspecified => "unspecified",
        }
    }
}

/// Bytes that the redirects of one target may take until its record is written. They are held
/// while the target waits for another host, where nothing else limits them.
pub const REDIRECTS_BYTES_MAX: usize = 16 << 10;

/// Adds the exchange of a redirect, as far as [`REDIRECTS_BYTES_MAX`] allows: what is too much
/// loses its body, then is left out.
pub fn add_redirect(redirects: &mut Vec<Exchange>, mut exchange: Exchange) {
    let held: usize = redirects.iter().map(Exchange::len).sum();
    if held + exchange.len() > REDIRECTS_BYTES_MAX {
        (exchange.body, exchange.cut) = (Bytes::new(), Some(Cut::Length));
    }
    if held + exchange.len() <= REDIRECTS_BYTES_MAX {
        redirects.push(exchange);
    }
}

impl Exchange {
    fn len(&self) -> usize {
        self.request_head.len()
            + self.request_body.len()
            + self.response_head.len()
            + self.body.len()
    }
}

impl fmt::Debug for Exchange {
    // Bodies are large, and may be anything.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("url", &self.url)
            .field("body_bytes", &self.body.len())
            .field("cut", &self.cut)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(head: usize, body: usize) -> Exchange {
        Exchange {
            url: "http://a.example/".into(),
            sent_unix_us: 0,
            remote_ip: [127, 0, 0, 1].into(),
            version: HttpVersion::Http11,
            tls: None,
            request_head: Bytes::new(),
            request_body: Bytes::new(),
            response_head: vec![b'h'; head].into(),
            body: vec![b'b'; body].into(),
            coding: Coding::None,
            cut: None,
        }
    }

    #[test]
    fn redirects_lose_their_bodies_before_they_take_too_much() {
        type Case = (&'static [(usize, usize)], &'static [usize]);
        let cases: &[Case] = &[
            (&[(100, 100), (100, 200)], &[100, 200]),
            (&[(100, 20_000), (100, 100)], &[0, 100]),
            (&[(100, 16_000), (200, 300), (20_000, 1), (80, 0)], &[16_000, 0, 0]),
        ];
        for (sizes, bodies) in cases {
            let mut held = Vec::new();
            sizes.iter().for_each(|(head, body)| add_redirect(&mut held, exchange(*head, *body)));
            let kept: Vec<usize> = held.iter().map(|one| one.body.len()).collect();
            assert_eq!(kept, *bodies, "{sizes:?}");
            assert!(held.iter().map(Exchange::len).sum::<usize>() <= REDIRECTS_BYTES_MAX);
            assert!(
                held.iter().all(|one| (one.cut.is_some())
                    == (one.body.is_empty() && one.response_head.len() != 80))
            );
        }
    }
}
