//! `/metrics`: written piece by piece while it is sent, in the form that is asked for.
//!
//! Series of 100,000 targets are a hundred megabytes of text. No more than a few pieces of it are ever
//! there: the thread that writes waits for whoever reads.

use std::fmt;
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderValue};
use hyper::body::Frame;
use tokio::sync::{Semaphore, mpsc};

use super::answer;
use crate::options::{Metrics, MetricsFormat};

/// Answers at once: each has a thread.
pub(super) const SCRAPES_MAX: usize = 4;
/// Bytes of a piece.
const PIECE_BYTES: usize = 32 * 1024;
/// Pieces that wait to be sent.
const PIECES_MAX: usize = 2;
/// What Prometheus' older format is called.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// What OpenMetrics is called.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The metrics, for who asked with these headers.
pub(super) async fn answer(
    metrics: &Metrics,
    scrapes: &Arc<Semaphore>,
    asked: &HeaderMap,
) -> Response {
    let Ok(permit) = Arc::clone(scrapes).try_acquire_owned() else {
        let text = "The metrics are being read by others.\n";
        let mut busy = answer::plain(StatusCode::SERVICE_UNAVAILABLE, text);
        busy.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        return busy;
    };
    let format = format_for(asked);
    let coding = if answer::takes_gzip(asked) { Coding::Gzip } else { Coding::None };
    let (to, mut pieces) = mpsc::channel(PIECES_MAX);
    let metrics = Arc::clone(metrics);
    tokio::task::spawn_blocking(move || {
        let written = write(&metrics, format, coding, Pieces { to, piece: Vec::new() });
        if let Err(error) = written {
            tracing::debug!(%error, "the metrics were not read to their end");
        }
        drop(permit);
    });
    let body = match pieces.recv().await {
        Some(Piece::Last(all)) => Body::from(all),
        Some(Piece::More(first)) => Body::new(Pieced { first: Some(first), rest: Some(pieces) }),
        None => return answer::problem(StatusCode::INTERNAL_SERVER_ERROR, "the metrics failed"),
    };
    let mut response = Response::new(body);
    let content_type = match format {
        MetricsFormat::Text => TEXT,
        MetricsFormat::OpenMetrics => OPEN_METRICS,
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::VARY, HeaderValue::from_static("accept, accept-encoding"));
    if coding == Coding::Gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// OpenMetrics for who names it and does not like the other better; Prometheus' text for all others.
fn format_for(asked: &HeaderMap) -> MetricsFormat {
    let accepted = asked.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let (mut open_metrics, mut text) = (0.0, 0.0);
    for one in accepted.flat_map(|all| all.split(',')) {
        let mut parts = one.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let value = |name: &str, part: &str| {
            let (known, value) = part.split_once('=')?;
            known
                .trim()
                .eq_ignore_ascii_case(name)
                .then(|| value.trim().trim_matches('"').to_owned())
        };
        let (mut weight, mut version) = (1.0_f32, None);
        for part in parts {
            if let Some(given) = value("q", part) {
                weight = given.parse().unwrap_or(0.0);
            }
            version = version.or_else(|| value("version", part));
        }
        match name.as_str() {
            "application/openmetrics-text" if is_ours(version.as_deref()) => {
                open_metrics = weight.max(open_metrics);
            }
            "text/plain" => text = weight.max(text),
            _ => {}
        }
    }
    if open_metrics > 0.0 && open_metrics >= text {
        MetricsFormat::OpenMetrics
    } else {
        MetricsFormat::Text
    }
}

/// Versions of OpenMetrics that are read as the one that is written here.
fn is_ours(version: Option<&str>) -> bool {
    matches!(version, None | Some("1.0.0" | "0.0.1"))
}

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    None,
    Gzip,
}

fn write(metrics: &Metrics, format: MetricsFormat, coding: Coding, to: Pieces) -> io::Result<()> {
    fn all<W: Write>(metrics: &Metrics, format: MetricsFormat, to: W) -> io::Result<W> {
        let mut text = Text { to, failed: None };
        match metrics(format, &mut text) {
            Ok(()) => Ok(text.to),
            Err(fmt::Error) => Err(text.failed.unwrap_or_else(|| io::Error::other(fmt::Error))),
        }
    }
    let pieces = match coding {
        Coding::None => all(metrics, format, to)?,
        Coding::Gzip => all(metrics, format, GzEncoder::new(to, Compression::fast()))?.finish()?,
    };
    pieces.end()
}

/// Takes text for a writer of bytes, and remembers why it failed.
struct Text<W> {
    to: W,
    failed: Option<io::Error>,
}

impl<W: Write> fmt::Write for Text<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.to.write_all(text.as_bytes()).map_err(|error| {
            self.failed = Some(error);
            fmt::Error
        })
    }
}

enum Piece {
    More(Bytes),
    Last(Bytes),
}

/// Bytes on their way to whoever reads, who is waited for.
struct Pieces {
    to: mpsc::Sender<Piece>,
    piece: Vec<u8>,
}

impl Pieces {
    fn send(&self, piece: Piece) -> io::Result<()> {
        self.to.blocking_send(piece).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn end(mut self) -> io::Result<()> {
        let last = std::mem::take(&mut self.piece);
        self.send(Piece::Last(last.into()))
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE_BYTES {
            let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE_BYTES * 2));
            self.send(Piece::More(piece.into()))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A body that is still being written. One that is not written to its end breaks off, so that nobody
/// takes a part for the whole.
struct Pieced {
    first: Option<Bytes>,
    /// None after the last piece.
    rest: Option<mpsc::Receiver<Piece>>,
}

impl HttpBody for Pieced {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        let piece = ready!(rest.poll_recv(context));
        if !matches!(piece, Some(Piece::More(_))) {
            self.rest = None;
        }
        Poll::Ready(Some(match piece {
            Some(Piece::More(data) | Piece::Last(data)) => Ok(Frame::data(data)),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_the_one_that_is_liked_best() {
        let prometheus = "application/openmetrics-text;version=1.0.0,\
                          application/openmetrics-text;version=0.0.1;q=0.75,\
                          text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        for (accept, format) in [
            ("", MetricsFormat::Text),
            ("*/*", MetricsFormat::Text),
            ("text/html,application/xhtml+xml,*/*;q=0.8", MetricsFormat::Text),
            ("text/plain;version=0.0.4", MetricsFormat::Text),
            (prometheus, MetricsFormat::OpenMetrics),
            ("application/openmetrics-text", MetricsFormat::OpenMetrics),
            ("Application/OpenMetrics-Text; Version=\"1.0.0\"", MetricsFormat::OpenMetrics),
            ("application/openmetrics-text;q=0", MetricsFormat::Text),
            ("application/openmetrics-text;version=2.0.0", MetricsFormat::Text),
            ("application/openmetrics-text;q=0.3, text/plain;q=0.5", MetricsFormat::Text),
        ] {
            let mut asked = HeaderMap::new();
            asked.insert(header::ACCEPT, HeaderValue::from_str(accept).unwrap());
            assert_eq!(format_for(&asked), format, "{accept}");
        }
    }
}
