//! A request as a server of this crate saw it, and the reading of its parts.

use std::net::SocketAddr;
use std::time::Duration;

/// Bytes of a request's body that are kept.
const BODY_KEPT_BYTES_MAX: usize = 1 << 20;

/// A request as it arrived.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The index of the host in [`crate::Site::hosts`] that was asked.
    pub host_index: usize,
    /// Counts connections from 1; requests with the same number shared one.
    pub connection: u64,
    /// The client's address.
    pub peer: Option<SocketAddr>,
    /// The time since the server started.
    pub at: Duration,
    /// The method as sent.
    pub method: String,
    /// The request target as sent: path and query, or a whole URL for a proxy.
    pub target: String,
    /// `1.0`, `1.1` or `2`.
    pub version: &'static str,
    /// Names and values in the order and case they came in (lower case in HTTP/2).
    pub headers: Vec<(String, String)>,
    /// The body, cut at 1 MiB.
    pub body: Vec<u8>,
    /// Bytes of the body as received, beyond what is kept.
    pub body_bytes: u64,
}

impl Request {
    /// The first value of a header, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The target up to the question mark.
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The raw value of a query parameter.
    pub fn query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        query.split('&').find_map(|pair| match pair.split_once('=') {
            Some((key, value)) => (key == name).then_some(value),
            None => (pair == name).then_some(""),
        })
    }

    /// Keeps a piece of the body, as far as there is room.
    pub(crate) fn keep(&mut self, piece: &[u8]) {
        let room = BODY_KEPT_BYTES_MAX - self.body.len();
        self.body.extend_from_slice(&piece[..piece.len().min(room)]);
    }

    /// A query parameter as a number.
    pub(crate) fn number(&self, name: &str, default: u64) -> u64 {
        self.query(name).and_then(|text| text.parse().ok()).unwrap_or(default)
    }
}

/// Reads `250ms`, `1s`, `1.5` (seconds).
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit_s) = match text.strip_suffix("ms") {
        Some(number) => (number, 0.001),
        None => (text.strip_suffix('s').unwrap_or(text), 1.0),
    };
    let seconds = number.parse::<f64>().ok()? * unit_s;
    Duration::try_from_secs_f64(seconds).ok()
}

/// Decodes `%2F` and the like; what is no escape stays.
pub(crate) fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let value = escape
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        decoded.push(value.unwrap_or(bytes[at]));
        at += if value.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        let cases = [("250ms", 250), ("1s", 1000), ("1.5", 1500), ("0", 0)];
        for (text, ms) in cases {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(ms)), "{text}");
        }
        assert_eq!(parse_duration("soon"), None);
        assert_eq!(parse_duration("-1s"), None);
    }

    #[test]
    fn query_parameters_are_found_by_name() {
        let request = Request { target: "/ok?size=3&chunked&x=%2F".to_owned(), ..<_>::default() };
        assert_eq!(request.path(), "/ok");
        assert_eq!(request.number("size", 9), 3);
        assert_eq!(request.query("chunked"), Some(""));
        assert_eq!(request.query("x").map(percent_decode), Some("/".to_owned()));
        assert_eq!(request.query("y"), None);
    }
}
