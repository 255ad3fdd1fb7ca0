//! Rows 9 to 12: heads and bodies that contradict themselves, or are larger than their limits.

use gather_testkit::{FaultRow, Raw, Server, Site, Talk, Then, fault_row};

use super::{case, check};

const OK: &str = "HTTP/1.1 200 OK\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

/// Answers of a server, each of which is this kind and is not asked for again.
fn refused(row: &FaultRow, kind: &'static str, answers: &[(&str, String)]) {
    for (what, answer) in answers {
        // Closed behind it, so that what is accepted is seen at once.
        let server = Raw::answers(answer.as_str(), Then::Close);
        check(row, &case(what, server.url("/"), kind, 1));
    }
}

#[test]
fn a_body_has_one_length() {
    let row = fault_row!(9);
    let length = |lines: &str| format!("{OK}{lines}\r\n\r\nhello");
    // Nothing else is wrong with it.
    let chunked = |lines: &str| format!("{OK}{lines}\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    refused(
        &row,
        "protocol.framing",
        &[
            ("no number", length("content-length: banana")),
            ("empty", length("content-length:")),
            ("negative", length("content-length: -5")),
            ("signed", length("content-length: +5")),
            ("hexadecimal", length("content-length: 0x5")),
            ("with a space", length("content-length: 5 5")),
            ("beyond 64 bits", length("content-length: 99999999999999999999")),
            ("two that differ", length("content-length: 5\r\ncontent-length: 7")),
            ("the same twice", length("content-length: 5\r\ncontent-length: 5")),
            ("a list", length("content-length: 5, 5")),
            ("chunked as well", chunked("content-length: 5\r\ntransfer-encoding: chunked")),
            ("and chunked first", chunked("transfer-encoding: chunked\r\ncontent-length: 5")),
            ("an unknown coding", length("transfer-encoding: snappy")),
            ("a coding not asked for", chunked("transfer-encoding: gzip, chunked")),
            ("chunked not last", chunked("transfer-encoding: chunked, identity")),
            ("chunked of HTTP/1.0", CHUNKED.replace("1.1", "1.0") + "5\r\nhello\r\n0\r\n\r\n"),
            ("a space before the colon", length("content-length : 5")),
            ("a bare CR", length("x: a\rcontent-length: 5")),
            ("a NUL", length("x: a\0b\r\ncontent-length: 5")),
        ],
    );
    // Announced and beyond the limit: refused before a byte of it.
    let server = Raw::answers(format!("{OK}content-length: 99999999999\r\n\r\n"), Then::Hold);
    check(&row, &case("huge", server.url("/"), "limit.body", 1));
    row.shown();
}

#[test]
fn chunks_are_what_they_say() {
    let row = fault_row!(10);
    let chunks = |text: &str| format!("{CHUNKED}{text}");
    refused(
        &row,
        "protocol.framing",
        &[
            ("no size", chunks("ZZ\r\nhello\r\n0\r\n\r\n")),
            ("an empty size", chunks("\r\nhello\r\n0\r\n\r\n")),
            ("a negative size", chunks("-5\r\nhello\r\n0\r\n\r\n")),
            ("a size with 0x", chunks("0x5\r\nhello\r\n0\r\n\r\n")),
            ("a size beyond 64 bits", chunks("fffffffffffffffff\r\n")),
            ("more than its size", chunks("5\r\nhelloworld\r\n0\r\n\r\n")),
            ("a bare LF behind the size", chunks("5;x\nhello\r\n0\r\n\r\n")),
            (
                "a long extension",
                chunks(&format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(40_000))),
            ),
            (
                "extensions without end",
                chunks(&format!("1;{}\r\na\r\n", "x".repeat(900)).repeat(40)),
            ),
            ("101 lines of trailers", chunks(&format!("0\r\n{}\r\n", "x: y\r\n".repeat(101)))),
            ("long trailers", chunks(&format!("0\r\nx: {}\r\n\r\n", "y".repeat(600_000)))),
        ],
    );
    // A size that grows and never becomes one: neither overflow nor end.
    let server = Raw::start(|talk: &mut Talk| {
        if talk.read_head().is_some() && talk.send(CHUNKED.as_bytes()) {
            talk.flood(&[b'0'; 16 << 10], 64 << 20);
        }
    });
    let endless = case("a size of zeros without end", server.url("/"), "protocol.framing", 1);
    check(&row, &endless.with("-t 20s"));
    row.shown();
}

#[test]
fn heads_have_limits() {
    let row = fault_row!(11);
    let server = Server::start(Site::default());
    let long = server.url("/big-header?kb=1024");
    check(&row, &case("a header of 1 MB", long, "limit.headers", 1));
    let many = server.url("/many-headers?n=10000");
    check(&row, &case("10,000 headers", many, "limit.headers", 1));
    let flood = Raw::start(|talk: &mut Talk| {
        if talk.read_head().is_some() && talk.send(OK.as_bytes()) {
            talk.flood("x-name: value\r\n".repeat(1000).as_bytes(), 64 << 20);
        }
    });
    let endless = case("headers without end", flood.url("/"), "limit.headers", 1);
    check(&row, &endless.with("-t 20s"));
    // Interim answers are no answer, however many.
    let interim = Raw::start(|talk: &mut Talk| {
        if talk.read_head().is_some() {
            talk.flood("HTTP/1.1 103 Hints\r\nlink: x\r\n\r\n".repeat(100).as_bytes(), 1 << 30);
        }
    });
    check(&row, &case("103 without end", interim.url("/"), "timeout.first_byte", 2));
    // A line that goes on in the next (RFC 9112 section 5.2) could hide a length.
    let folded = format!("{OK}x: a\r\n content-length: 9\r\ncontent-length: 5\r\n\r\nhello");
    refused(&row, "protocol.framing", &[("a folded line", folded)]);
    row.shown();
}

#[test]
fn few_codings_are_undone() {
    let row = fault_row!(12);
    let server = Server::start(Site::default());
    let six = server.url("/encoding/gzip,gzip,gzip,gzip,gzip,gzip");
    check(&row, &case("six", six, "limit.encodings", 1));
    let coded =
        |names: &str| format!("{OK}content-encoding: {names}\r\ncontent-length: 1\r\n\r\nx");
    refused(
        &row,
        "limit.encodings",
        &[
            ("one that is not known", coded("snappy")),
            ("a long list", coded(&"gzip, ".repeat(1_000))),
            (
                "on many lines",
                coded("gzip\r\ncontent-encoding: gzip").replace("gzip\r", "gzip, gzip, gzip\r"),
            ),
        ],
    );
    let plain = server.url("/encoding/gzip?garbage");
    check(&row, &case("not coded at all", plain, "protocol.framing", 1));
    row.shown();
}

#[test]
fn a_response_cut_at_any_byte_is_never_ok() {
    let row = fault_row!(5);
    let whole = format!("{CHUNKED}3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nt: v\r\n\r\n");
    let bytes = whole.len();
    let response = whole.clone();
    let server = Raw::start(move |talk: &mut Talk| {
        let Some(head) = talk.read_head() else { return };
        let path = head.split(' ').nth(1).unwrap_or_default();
        let at = path[1..].parse().unwrap_or(0);
        talk.send(&response.as_bytes()[..at]);
    });
    // All in one run, each on a connection of its own.
    let list: String = (0..=bytes).map(|at| server.url(&format!("/{at}\n"))).collect();
    let bench = crate::bench::Bench::new().with_file("urls.txt", &list);
    let ran = super::run(&bench, "-i urls.txt -c 8 --retries 0");
    for (at, record) in super::records(&ran, bytes + 1).iter().enumerate() {
        let expected = if at == bytes { "ok" } else { "protocol.truncated" };
        assert_eq!(super::kind(record), expected, "after {at} bytes of {whole:?}: {record}");
    }
    row.kind("protocol.truncated", true);
    row.shown();
}
