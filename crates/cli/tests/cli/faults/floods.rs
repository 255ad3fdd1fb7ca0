//! Row 20: HTTP/2 that is refused, reset, told to go away, or flooded.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gather_testkit::{Ca, ClientCert, FaultRow, Raw, Server, Site, Talk, Tls, Validity, fault_row};

use super::{Case, assert_flat, case, check, kind, records, run};
use crate::bench::Bench;

/// Frames of HTTP/2 (RFC 9113 section 6) and their flags.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
/// Of a kind that nobody knows, and everybody passes over (section 5.5).
const UNKNOWN: u8 = 0xbe;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// `:status: 200`, from the static table (RFC 7541).
const STATUS_200: u8 = 0x88;
/// What a flood sends at most.
const FLOOD_BYTES_MAX: u64 = 256 << 20;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short frame").to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Speaks just enough HTTP/2 to be asked once, and then floods.
fn flooding(before: Vec<u8>, piece: Vec<u8>) -> Raw {
    Raw::start(move |talk: &mut Talk| {
        if asked(talk).is_some() && talk.send(&before) {
            talk.flood(&piece.repeat(1 + 4096 / piece.len()), FLOOD_BYTES_MAX);
        }
    })
}

/// Reads the preface and frames until the head of a request; sends our settings.
fn asked(talk: &mut Talk) -> Option<()> {
    talk.read(24)?;
    talk.send(&frame(SETTINGS, 0, 0, &[]));
    loop {
        let head = talk.read(9)?;
        talk.read(usize::from(u16::from_be_bytes([head[1], head[2]])))?;
        if head[3] == HEADERS {
            return Some(());
        }
    }
}

fn http2(site: Site) -> Server {
    let ca = Ca::new();
    let identity = ca.issue(&["127.0.0.1"], Validity::For(Duration::from_secs(99_999)));
    let tls = Tls::new(&identity, &["h2"], ClientCert::NotAsked);
    Server::start(Site { tls: Some(tls), ..site })
}

#[test]
fn streams_that_are_refused_are_tried_again_and_others_only_where_it_is_safe() {
    let row = fault_row!(20);
    let server = http2(Site::default());
    let reset = |what: &str, code: u32, tries, flags: &str| {
        let url = server.url(&format!("/reset-stream?code={code}"));
        check(&row, &case(what, url, "protocol.http2", tries).with(format!("-k {flags}")));
    };
    reset("refused", 7, 2, "");
    reset("refused, of a POST", 7, 2, "-d a=1");
    reset("broken", 2, 2, "");
    reset("broken, of a POST", 2, 1, "-d a=1");
    let cut = case("cut", server.url("/cut?at=300"), "protocol.http2", 2);
    check(&row, &cut.with("-k"));
    // Told to go away before anything was looked at: asked again, a POST as well.
    for flags in ["-k", "-k -d a=1"] {
        let turned_away = http2(Site { http2_turned_away: 1, ..Site::default() });
        let again = case("turned away", turned_away.url("/ok"), "ok", 2);
        check(&row, &again.with(flags));
        assert_eq!(turned_away.hits(), 1);
    }
    row.shown();
}

#[test]
fn a_server_without_http2() {
    let row = fault_row!(20);
    let server = Raw::start(|talk: &mut Talk| {
        // The preface looks like the head of a request (RFC 9113 section 3.4).
        if talk.read_head().is_some() {
            talk.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
            talk.hold();
        }
    });
    check(&row, &case("no HTTP/2", server.url("/ok"), "protocol.http2", 2).with("--http2 -k"));
    row.shown();
}

/// A flood ends as a failure of HTTP/2, before its time is over.
fn drowns(row: &FaultRow, what: &str, raw: &Raw) {
    let one: Case = case(what, raw.url("/"), "protocol.http2", 2);
    check(row, &one.with("--http2 -k -t 2s"));
}

#[test]
fn floods_are_bounded() {
    let row = fault_row!(20);
    let head = || frame(HEADERS, END_HEADERS, 1, &[STATUS_200]);
    let begun = || frame(HEADERS, 0, 1, &[STATUS_200]);
    // A header of 4 KiB, not indexed, in a name of one letter (RFC 7541 section 6.2.2).
    let field = [&[0, 1, b'x', 0x7f, 0x81, 0x1f][..], &[b'y'; 4096]].concat();
    let most = [0x7f, 0xff, 0xff, 0xff];
    let promised = [0, 0, 0, 2, STATUS_200];
    for (what, before, again) in [
        ("CONTINUATION without end", begun(), frame(CONTINUATION, 0, 1, &field)),
        ("empty CONTINUATION", begun(), frame(CONTINUATION, 0, 1, &[])),
        ("empty DATA", head(), frame(DATA, 0, 1, &[])),
        ("DATA of no stream", head(), frame(DATA, 0, 3, &[0; 16_384])),
        ("RST_STREAM of no stream", head(), frame(RST_STREAM, 0, 9, &[0, 0, 0, 8])),
        ("PUSH_PROMISE unasked", head(), frame(PUSH_PROMISE, END_HEADERS, 1, &promised)),
        ("a frame beyond its size", head(), frame(DATA, 0, 1, &[0; 60_000])),
        ("WINDOW_UPDATE beyond 31 bits", head(), frame(WINDOW_UPDATE, 0, 0, &most)),
        ("GOAWAY", vec![], frame(GOAWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 2])),
    ] {
        drowns(&row, what, &flooding(before, again));
    }
    // Each by itself is in order, and answered where it must be; too many of them are not.
    for (what, again) in [
        ("SETTINGS", frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 9])),
        ("PING", frame(PING, 0, 0, &[7; 8])),
        ("PING answered unasked", frame(PING, ACK, 0, &[7; 8])),
        ("PRIORITY", frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 9])),
        ("WINDOW_UPDATE", frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        ("frames of no kind", frame(UNKNOWN, 0, 0, &[7; 16_384])),
    ] {
        drowns(&row, what, &flooding(vec![], again));
    }
    row.shown();
}

/// What a connection that brings nothing may take, with what lies in the buffers of its socket.
const AFTERWARDS_BYTES_MAX: u64 = 24 << 20;

#[test]
fn a_connection_that_floods_after_its_answer_is_closed() {
    let row = fault_row!(20);
    for (what, again) in [
        ("PING", frame(PING, 0, 0, &[7; 8])),
        ("SETTINGS", frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 9])),
        ("WINDOW_UPDATE", frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        ("RST_STREAM", frame(RST_STREAM, 0, 1, &[0, 0, 0, 8])),
        ("frames of no kind", frame(UNKNOWN, 0, 0, &[7; 16_384])),
    ] {
        let most = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&most);
        let server = Raw::start(move |talk: &mut Talk| {
            let answer = frame(HEADERS, END_HEADERS | END_STREAM, 1, &[STATUS_200]);
            if asked(talk).is_some() && talk.send(&answer) {
                let piece = again.repeat(1 + 4096 / again.len());
                seen.fetch_max(talk.flood(&piece, FLOOD_BYTES_MAX), Ordering::SeqCst);
            }
        });
        let urls: String = (0..3).map(|n| server.url(&format!("/?{n}\n"))).collect();
        let bench = Bench::new().with_file("urls.txt", &urls);
        // One after the other, with time to flood in between; who asks just as it begins asks once more.
        let ran = run(&bench, "-i urls.txt -c 1 --rate 2/s --http2 -t 5s --retries 1");
        let records = records(&ran, 3);
        let kinds: Vec<&str> = records.iter().map(kind).collect();
        assert_eq!(kinds, ["ok"; 3], "{what}: {}", ran.stderr);
        assert_flat(what, &ran);
        let most = most.load(Ordering::SeqCst);
        assert!(most <= AFTERWARDS_BYTES_MAX, "{what}: {most} bytes were taken");
        // The last one is closed because its host has no more work.
        assert_eq!(server.connections(), 3, "{what}");
    }
    row.comes("a connection that floods after its answer is closed");
    row.shown();
}
