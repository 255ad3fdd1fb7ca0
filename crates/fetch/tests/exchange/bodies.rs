//! Bodies and heads: framing, caps, codings, and every way to be cut off.

use std::io::Write as _;

use gather_core::config::Caps;
use gather_fetch::{BodyWriter, ClientOptions, Keep, KeepBody, KeepSha256, TryState};

use crate::server::{Reply, Server, Then};
use crate::{client, ending, fetch, run, target, with_method};

fn keep_all() -> ClientOptions {
    let keep = Keep { body: KeepBody::All, ..Keep::default() };
    ClientOptions { keep, ..ClientOptions::default() }
}

/// How one GET of a server that answers with `response` and then does `then` ends, and the body.
fn check(options: ClientOptions, response: impl Into<Vec<u8>>, then: Then) -> (String, String) {
    check_method("GET", options, response, then)
}

fn check_method(
    method: &str,
    options: ClientOptions,
    response: impl Into<Vec<u8>>,
    then: Then,
) -> (String, String) {
    let response = response.into();
    run(async {
        let server = Server::start(move |_| Reply::new(response.clone(), then)).await;
        let attempt = fetch(&client(options), &with_method(&server.url, method)).await;
        let body = attempt.body.bytes.clone().unwrap_or_default();
        (ending(&attempt), String::from_utf8_lossy(&body).into_owned())
    })
}

fn with_caps(change: impl FnOnce(&mut Caps)) -> ClientOptions {
    let mut options = keep_all();
    change(&mut options.caps);
    options
}

#[test]
fn a_response_cut_at_any_byte_is_never_complete() {
    let responses = [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx: y\r\n\r\nhello"[..],
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
    ];
    for response in responses {
        for (then, cut) in [(Then::Close, "protocol.truncated"), (Then::Reset, "connect.reset")] {
            run(async {
                let server = Server::start(move |seen| {
                    let bytes = seen.path()[1..].parse().unwrap();
                    Reply::new(&response[..bytes], then)
                })
                .await;
                let client = client(keep_all());
                for bytes in 0..=response.len() {
                    let url = server.at(&format!("/{bytes}"));
                    let attempt = fetch(&client, &target(&url)).await;
                    let what = format!("{then:?} after {bytes} bytes");
                    if bytes == response.len() {
                        assert_eq!(ending(&attempt), "200", "{what}");
                        assert_eq!(attempt.body.bytes.as_deref(), Some(&b"hello"[..]));
                    } else {
                        assert_eq!(ending(&attempt), cut, "{what}");
                    }
                }
            });
        }
    }
}

/// What a server answers and does then, how the GET of it ends, and its body.
type Case = (&'static str, Then, &'static str, &'static str);

fn check_all(cases: &[Case]) {
    for &(response, then, expected, body) in cases {
        let got = check(keep_all(), response, then);
        assert_eq!((got.0.as_str(), got.1.as_str()), (expected, body), "{response:?}");
    }
}

#[test]
fn heads_and_bodies_are_read_as_framed_or_refused_by_kind() {
    let cases: [Case; 16] = [
        ("HTTP/1.1 200 OK\r\n\r\nto the end", Then::Close, "200", "to the end"),
        ("HTTP/1.0 200 OK\r\n\r\nold", Then::Close, "200", "old"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nabJUNK", Then::KeepOpen, "200", "ab"),
        (
            "HTTP/1.1 103 Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na",
            Then::KeepOpen,
            "200",
            "a",
        ),
        ("HTTP/1.1 204 No\r\n\r\n", Then::KeepOpen, "204", ""),
        ("HTTP/1.1 304 Not\r\ncontent-length: 5\r\n\r\n", Then::KeepOpen, "304", ""),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nab",
            Then::KeepOpen,
            "protocol.framing",
            "",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc",
            Then::KeepOpen,
            "protocol.framing",
            "",
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", Then::KeepOpen, "protocol.framing", ""),
        ("HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", Then::KeepOpen, "protocol.framing", ""),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
            Then::KeepOpen,
            "protocol.framing",
            "",
        ),
        ("SSH-2.0-OpenSSH_9.2\r\n", Then::Silence, "protocol.other", ""),
        ("<html>", Then::Close, "protocol.other", ""),
        ("HTTP/9.9 200 OK\r\n\r\n", Then::Silence, "protocol.other", ""),
        ("HTTP/1.1 999999 OK\r\n\r\n", Then::Silence, "protocol.other", ""),
        ("HTTP/1.1 200 OK\r\na b: c\r\n\r\n", Then::Silence, "protocol.framing", ""),
    ];
    check_all(&cases);
}

#[test]
fn chunks_are_read_as_framed_or_refused_by_kind() {
    let cases: [Case; 5] = [
        (
            "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
            Then::Close,
            "protocol.framing",
            "",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
            Then::KeepOpen,
            "protocol.framing",
            "",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc",
            Then::KeepOpen,
            "protocol.framing",
            "a",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
            Then::KeepOpen,
            "protocol.framing",
            "",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;x=y\r\na\r\n0\r\nt: v\r\n\r\n",
            Then::KeepOpen,
            "200",
            "a",
        ),
    ];
    check_all(&cases);
}

#[test]
fn the_answer_to_a_head_has_no_body_whatever_it_says() {
    let response = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-encoding: what\r\n\r\n";
    let got =
        check_method("HEAD", with_caps(|caps| caps.body_bytes_max = 1), response, Then::KeepOpen);
    assert_eq!(got, ("200".to_owned(), String::new()));
}

#[test]
fn caps_on_bodies_hold_to_the_byte() {
    let length = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123456789";
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
                   5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n";
    let to_end = "HTTP/1.1 200 OK\r\n\r\n0123456789";
    for (response, then) in
        [(length, Then::KeepOpen), (chunked, Then::KeepOpen), (to_end, Then::Close)]
    {
        for (bytes_max, wire, decoded) in [
            (10, "200", "200"),
            (9, "limit.body", "limit.decoded"),
            (0, "limit.body", "limit.decoded"),
        ] {
            let what = format!("{bytes_max} {response:?}");
            let got = check(with_caps(|caps| caps.body_bytes_max = bytes_max), response, then);
            assert_eq!(got.0, wire, "{what}");
            let got = check(with_caps(|caps| caps.decoded_bytes_max = bytes_max), response, then);
            assert_eq!(got.0, decoded, "{what}");
        }
    }
    // An announced length is refused without waiting for the body.
    let announced = "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n";
    assert_eq!(check(keep_all(), announced, Then::Silence).0, "limit.body");
}

#[test]
fn heads_beyond_their_limits_are_refused() {
    let lines = |count: usize| "x: y\r\n".repeat(count);
    let head = |lines: &str| format!("HTTP/1.1 200 OK\r\n{lines}content-length: 0\r\n\r\n");
    let long = |bytes: usize| format!("x: {}\r\n", "y".repeat(bytes));
    let cases = [
        (head(&lines(999)), "200"),
        (head(&lines(1000)), "limit.headers"),
        (head(&long(200 << 10)), "200"),
        (head(&long(257 << 10)), "limit.headers"),
        (format!("HTTP/1.1 200 OK\r\n{}", long(2 << 20)), "limit.headers"),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n".to_owned()
                + &long(2 << 20),
            "protocol.framing",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;".to_owned()
                + &"x".repeat(2 << 20),
            "protocol.framing",
        ),
    ];
    for (response, expected) in cases {
        let what = format!("{} bytes: {}", response.len(), &response[..60]);
        assert_eq!(check(keep_all(), response, Then::Silence).0, expected, "{what}");
    }
    let small = || with_caps(|caps| caps.header_bytes_max = 100);
    assert_eq!(check(small(), head(&long(20)), Then::Silence).0, "200");
    assert_eq!(check(small(), head(&long(200)), Then::Silence).0, "limit.headers");
}

#[test]
fn an_answer_with_many_header_lines_is_asked_for_once_more_for_its_host() {
    let lines = |count: usize| {
        let head =
            format!("HTTP/1.1 200 OK\r\n{}content-length: 0\r\n\r\n", "x: y\r\n".repeat(count));
        Reply::new(head, Then::KeepOpen)
    };
    // (the methods, how many lines `/many` has besides one, how each ends, the requests seen)
    type Case = (&'static [&'static str], usize, &'static str, &'static [&'static str]);
    let cases: [Case; 6] = [
        (&["GET", "GET"], 99, "200", &["0.0 GET", "0.1 GET"]),
        (&["GET", "GET", "GET"], 100, "200", &["0.0 GET", "1.0 GET", "1.1 GET", "1.2 GET"]),
        (&["GET"], 999, "200", &["0.0 GET", "1.0 GET"]),
        (&["GET", "GET"], 1000, "limit.headers", &["0.0 GET", "1.0 GET", "2.0 GET"]),
        (&["POST", "POST"], 999, "200", &["0.0 POST", "0.1 POST"]),
        (&["POST", "GET"], 999, "200", &["0.0 POST", "0.1 GET"]),
    ];
    for (methods, count, expected, seen) in cases {
        run(async {
            let server = Server::start(move |_| lines(count)).await;
            let client = client(keep_all());
            for method in methods {
                let attempt = fetch(&client, &with_method(&server.url, method)).await;
                assert_eq!(ending(&attempt), expected, "{methods:?} {count}");
            }
            let got: Vec<String> =
                server.lines().iter().map(|line| line.trim_end_matches(" /").to_owned()).collect();
            assert_eq!(got, seen, "{methods:?} {count}");
        });
    }
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn encoded(coding: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\ncontent-length: {length}");
    [format!("{head}\r\n\r\n").as_bytes(), body].concat()
}

#[test]
fn an_encoded_body_is_decoded_or_fails_by_kind() {
    let body = gzip(b"hello");
    let cut = &body[..body.len() - 3];
    let bomb = gzip(&vec![0; 65 << 20]);
    let cases = [
        (encoded("gzip", &body), "200", "hello"),
        (encoded("gzip", b""), "200", ""),
        (encoded("gzip", cut), "protocol.truncated", "hello"),
        (encoded("gzip", b"<html>"), "protocol.framing", ""),
        (encoded("what", b"x"), "limit.encodings", ""),
        (encoded("gzip, gzip, gzip, gzip", &body), "limit.encodings", ""),
    ];
    for (response, expected, text) in cases {
        let got = check(keep_all(), response, Then::KeepOpen);
        assert_eq!((got.0.as_str(), got.1.as_str()), (expected, text));
    }
    let streamed = ClientOptions::default();
    assert_eq!(check(streamed, encoded("gzip", &bomb), Then::KeepOpen).0, "limit.decoded");
}

#[test]
fn a_body_that_may_be_a_bomb_and_is_none_is_kept_whole() {
    // Above what is suspicious, and within the cap; of zeros alone, and with an end that is no bomb.
    let zeros = vec![0; 40 << 20];
    let mut random = fastrand::Rng::with_seed(1);
    let noise: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(400 << 10).collect();
    for plain in
        [zeros.clone(), [&zeros[..20 << 20], &noise].concat(), [&noise, &zeros[..]].concat()]
    {
        let response = encoded("gzip", &gzip(&plain));
        run(async {
            let server = Server::start(move |_| Reply::new(response.clone(), Then::KeepOpen)).await;
            let attempt = fetch(&client(keep_all()), &target(&server.url)).await;
            assert_eq!(ending(&attempt), "200");
            assert!(attempt.body.bytes.as_deref() == Some(&plain[..]), "{} bytes", plain.len());
        });
    }
}

struct Pieces(Vec<u8>);

impl BodyWriter for Pieces {
    fn write(&mut self, chunk: &[u8]) {
        self.0.extend_from_slice(chunk);
    }
}

#[test]
fn a_body_is_counted_hashed_written_and_kept_as_asked() {
    const SHA256_OF_HELLO: &str =
        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let body = gzip(b"hello");
    for (keep, kept, truncated) in [
        (KeepBody::No, None, false),
        (KeepBody::UpTo(3), Some(&b"hel"[..]), true),
        (KeepBody::UpTo(5), Some(b"hello"), false),
        (KeepBody::All, Some(b"hello"), false),
    ] {
        let wire_bytes = body.len() as u64;
        let response = encoded("gzip", &body);
        run(async {
            let server = Server::start(move |_| Reply::new(response.clone(), Then::KeepOpen)).await;
            let keep = Keep { body: keep, sha256: KeepSha256::Yes, ..Keep::default() };
            let client = client(ClientOptions { keep, ..ClientOptions::default() });
            let mut writer = Pieces(Vec::new());
            let state = TryState::default();
            let attempt =
                client.fetch(&target(&server.url), &state, Some(&mut writer)).await.unwrap();
            assert_eq!(writer.0, b"hello");
            let body = attempt.body;
            assert_eq!((body.wire_bytes, body.decoded_bytes), (wire_bytes, 5));
            assert_eq!((body.bytes.as_deref(), body.truncated), (kept, truncated));
            let hex: String = body.sha256.unwrap().iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!(hex, SHA256_OF_HELLO);
        });
    }
}
