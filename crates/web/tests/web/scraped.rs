//! `/metrics`: the form that is asked for, piece by piece, and never a part that looks whole.

use std::fmt;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use flate2::read::GzDecoder;
use gather_web::{MetricsFormat, Options};

use crate::made;
use crate::place::{Server, history};

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROMETHEUS: &str = "accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n";
const LINE: &str = "probe_success{job=\"domains\",group=\"\",target=\"https://a.example/\"} 1\n";

/// A server whose metrics are so many lines; `Err` after them where they fail.
fn server(lines: usize, ended: fmt::Result) -> Server {
    written_by(move |_, out| {
        (0..lines).try_for_each(|_| out.write_str(LINE))?;
        ended
    })
}

fn written_by(
    metrics: impl Fn(MetricsFormat, &mut dyn fmt::Write) -> fmt::Result + Send + Sync + 'static,
) -> Server {
    Server::start(Options { metrics: Arc::new(metrics), ..made::options(history()) })
}

#[test]
fn the_form_is_the_one_that_is_asked_for() {
    let server = Server::start(made::options(history()));
    for (headers, content_type, end) in [
        ("", TEXT, "} 9\n"),
        ("accept: text/plain\r\n", TEXT, "} 9\n"),
        (PROMETHEUS, OPEN_METRICS, "# EOF\n"),
    ] {
        let answer = server.get("/metrics", headers);
        assert_eq!(answer.header("content-type"), Some(content_type), "{headers}");
        assert!(answer.text().ends_with(end), "{headers}: {}", answer.text());
        assert_eq!(answer.header("vary"), Some("accept, accept-encoding"), "{headers}");
    }
}

#[test]
fn a_long_text_comes_whole_and_packed() {
    const LINES: usize = 100_000;
    let server = server(LINES, Ok(()));
    let plain = server.get("/metrics", "");
    assert_eq!(plain.header("content-length"), None);
    assert!(plain.text() == LINE.repeat(LINES));
    let packed = server.get("/metrics", "accept-encoding: gzip\r\n");
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.body.len() < plain.body.len() / 20, "{}", packed.body.len());
    let mut text = String::new();
    GzDecoder::new(&packed.body[..]).read_to_string(&mut text).unwrap();
    assert!(text == LINE.repeat(LINES));
}

#[test]
fn what_breaks_off_does_not_look_whole() {
    let none = server(0, Err(fmt::Error)).get("/metrics", "");
    assert_eq!(none.status, 500, "{}", none.text());
    let part = server(10_000, Err(fmt::Error));
    let answer = part.send(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert!(answer.starts_with(b"HTTP/1.1 200"));
    assert!(!answer.ends_with(b"0\r\n\r\n"), "the chunk that says that this is the end");
}

#[test]
fn who_leaves_keeps_nobody_waiting() {
    let asked = Arc::new(AtomicUsize::new(0));
    let ended = Arc::new(AtomicUsize::new(0));
    let (asking, ending) = (Arc::clone(&asked), Arc::clone(&ended));
    let server = written_by(move |_, out| {
        asking.fetch_add(1, Ordering::Relaxed);
        let written = loop {
            if let Err(error) = out.write_str(LINE) {
                break Err(error);
            }
        };
        ending.fetch_add(1, Ordering::Relaxed);
        written
    });
    let ask = || {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).unwrap();
        (stream, first)
    };
    // These never end by themselves; a fifth is refused as long as they are read.
    let four: Vec<_> = (0..4).map(|_| ask()).collect();
    assert!(four.iter().all(|(_, first)| first == b"HTTP/1.1 200"));
    let (_, fifth) = ask();
    assert_eq!(&fifth, b"HTTP/1.1 503");
    drop(four);
    while ended.load(Ordering::Relaxed) < asked.load(Ordering::Relaxed) {
        std::thread::yield_now();
    }
    while &ask().1 != b"HTTP/1.1 200" {}
}
