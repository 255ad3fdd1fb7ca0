//! What went wrong, as one of the closed set of kinds.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use gather_core::{ErrorKind, Failure};

use crate::deadline::Expiry;
use crate::progress::Phase;

/// The failure of a request whose response's head could not be read.
pub(crate) fn of_response(error: &hyper::Error) -> Failure {
    if let Some(failure) = of_causes(error) {
        return failure;
    }
    if is_too_large(error) {
        return Failure::new(
            ErrorKind::LimitHeaders,
            "the head of the response is larger than the limit",
        );
    }
    if error.is_incomplete_message() {
        let message = "the connection was closed before the head of the response was complete";
        return Failure::new(ErrorKind::ProtocolTruncated, message);
    }
    if error.is_parse() {
        let message = format!("the response is not valid http: {}", error_text(error));
        // A line that is none, or goes on in the next, may hide where the body ends.
        let contradicts = ["content-length", "transfer-encoding", "invalid http header"]
            .iter()
            .any(|name| message.contains(name));
        let kind = match contradicts {
            true => ErrorKind::ProtocolFraming,
            false => ErrorKind::ProtocolOther,
        };
        return Failure::new(kind, message);
    }
    if error.is_canceled() || error.is_closed() {
        return Failure::new(
            ErrorKind::ConnectReset,
            "the connection was closed before the request was sent",
        );
    }
    Failure::new(ErrorKind::ProtocolOther, error_text(error))
}

/// The failure of a body that was not read to its end.
pub(crate) fn of_body(error: &hyper::Error) -> Failure {
    if let Some(failure) = of_causes(error) {
        return failure;
    }
    if error.is_incomplete_message() {
        return cut_off();
    }
    if is_too_large(error) {
        return Failure::new(ErrorKind::LimitHeaders, "the trailers are larger than the limit");
    }
    Failure::new(ErrorKind::ProtocolFraming, format!("the body is broken: {}", error_text(error)))
}

/// A chunk whose size, or a body whose trailers, never end.
pub(crate) fn no_end_of_chunk() -> Failure {
    Failure::new(ErrorKind::ProtocolFraming, "the body is broken: a chunk's size without an end")
}

/// Whether the server said that it did nothing about the request (RFC 9113 sections 6.8, 8.7).
#[cfg(feature = "http2")]
pub(crate) fn is_refused_unseen(error: &hyper::Error) -> bool {
    causes(error).filter_map(|cause| cause.downcast_ref::<h2::Error>()).any(|error| {
        error.is_remote()
            && match error.reason() {
                Some(h2::Reason::REFUSED_STREAM) => error.is_reset(),
                // Graceful: it is an error only for streams above the last one served.
                Some(h2::Reason::NO_ERROR) => error.is_go_away(),
                _ => false,
            }
    })
}

/// HTTP/1.1 has no such word.
#[cfg(not(feature = "http2"))]
pub(crate) fn is_refused_unseen(_: &hyper::Error) -> bool {
    false
}

/// The failure of a try whose time was over in `phase`, `time` after its start.
pub(crate) fn of_expiry(expiry: Expiry, phase: Phase, time: Duration) -> Failure {
    let (kind, message) = match (phase, expiry) {
        (Phase::Queued, _) => (ErrorKind::TimeoutFirstByte, format!("no turn within {time:?}")),
        (Phase::Dns, _) => (ErrorKind::TimeoutDns, format!("no address within {time:?}")),
        (Phase::Connect, _) => {
            (ErrorKind::TimeoutConnect, format!("no connection within {time:?}"))
        }
        (Phase::Tls, _) => (ErrorKind::TimeoutTls, format!("no TLS session within {time:?}")),
        (Phase::FirstByte, _) => (ErrorKind::TimeoutFirstByte, format!("no byte within {time:?}")),
        (Phase::Body, Expiry::Silent) => {
            (ErrorKind::TimeoutBody, format!("the body fell silent, given up after {time:?}"))
        }
        (Phase::Body, Expiry::Stalled) => {
            (ErrorKind::TimeoutBody, "the body fell silent".to_owned())
        }
        (Phase::Body, Expiry::Slow) => {
            (ErrorKind::TimeoutSlow, "the body came more slowly than the minimum".to_owned())
        }
        (Phase::Body, Expiry::Deadline) => {
            (ErrorKind::TimeoutTotal, format!("still receiving the body after {time:?}"))
        }
    };
    Failure::new(kind, message)
}

/// A URL that is neither http nor https.
pub(crate) fn not_fetched(scheme: &str) -> Failure {
    Failure::new(ErrorKind::BlockedScheme, format!("the scheme {scheme} is not fetched"))
}

/// More header lines than allowed.
pub(crate) fn too_many_headers(header_count_max: u32) -> Failure {
    Failure::new(ErrorKind::LimitHeaders, format!("more than {header_count_max} header lines"))
}

fn cut_off() -> Failure {
    Failure::new(ErrorKind::ProtocolTruncated, "the connection was closed within the body")
}

/// What the errors beneath say: the network's, TLS's, HTTP/2's.
fn of_causes(error: &hyper::Error) -> Option<Failure> {
    causes(error).find_map(|cause| {
        #[cfg(feature = "http2")]
        if let Some(error) = cause.downcast_ref::<h2::Error>() {
            // An error of the stream beneath is told as what it is.
            return match error.get_io() {
                Some(io) => of_io(io),
                None => Some(Failure::new(ErrorKind::ProtocolHttp2, error.to_string())),
            };
        }
        cause.downcast_ref::<io::Error>().and_then(of_io)
    })
}

fn of_io(error: &io::Error) -> Option<Failure> {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        let kind = match tls {
            // TLS 1.3: a client certificate is refused after our side of the handshake is done.
            rustls::Error::AlertReceived(_) => ErrorKind::TlsHandshake,
            _ => ErrorKind::TlsOther,
        };
        return Some(Failure::new(kind, format!("tls: {tls}")));
    }
    match error.kind() {
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::NotConnected => {
            Some(Failure::new(ErrorKind::ConnectReset, "the connection was reset"))
        }
        io::ErrorKind::UnexpectedEof => Some(cut_off()),
        io::ErrorKind::TimedOut => {
            Some(Failure::new(ErrorKind::ConnectReset, "the connection timed out"))
        }
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            Some(Failure::new(ErrorKind::ConnectUnreachable, "the host became unreachable"))
        }
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            Some(Failure::new(ErrorKind::ProtocolFraming, error.to_string().to_lowercase()))
        }
        _ => None,
    }
}

fn causes<'a>(error: &'a hyper::Error) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source())
}

/// hyper tells clients only in words (1.12; its `is_parse_too_large` is for servers).
pub(crate) fn is_too_large(error: &hyper::Error) -> bool {
    error.is_parse() && error.to_string().contains("too large")
}

fn error_text(error: &hyper::Error) -> String {
    let text = match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    text.to_lowercase()
}
