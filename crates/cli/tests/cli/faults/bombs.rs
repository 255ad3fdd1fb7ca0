//! Row 8: many bombs at once, each of which has made something when the next begins.

use std::sync::Barrier;

use gather_testkit::{Raw, Talk, bomb, fault_row};

use super::{assert_flat, kind, records, run};
use crate::bench::Bench;

/// As many as the default concurrency.
const BOMBS: usize = 50;
/// What a bomb makes, in MiB: more than may be decoded.
const BOMB_MIB: u64 = 96;
/// A bomb comes in so many pieces; all bombs have sent one before any sends the next.
const PIECES: usize = 12;

const CODINGS: [&str; 7] =
    ["gzip", "br", "zstd", "deflate", "gzip,br", "zstd,zstd", "gzip,br,zstd"];

/// A server of bombs of these codings by turns.
fn server(codings: &'static [&'static str]) -> Raw {
    let together = Barrier::new(BOMBS);
    let bombs: Vec<_> = codings.iter().map(|name| bomb(name, BOMB_MIB).expect("known")).collect();
    Raw::start(move |talk: &mut Talk| {
        let at = talk.nth as usize % codings.len();
        let (body, coding) = (&bombs[at], codings[at]);
        let length = body.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: {coding}\r\n\
             Content-Length: {length}\r\n\r\n"
        );
        let mut goes_on = talk.read_head().is_some() && talk.send(head.as_bytes());
        for at in 0..PIECES {
            let piece = |at: usize| length * at / PIECES;
            goes_on = goes_on && talk.send(&body[piece(at)..piece(at + 1)]);
            together.wait();
        }
    })
}

#[test]
fn many_bombs_at_once_take_no_more_than_one() {
    let row = fault_row!(8);
    for flags in ["", "--fields +body,+title", "--extract t=css:title", "-O bodies"] {
        for codings in [&CODINGS[..1], &CODINGS[1..2], &CODINGS] {
            let server = server(codings);
            let list: String = (0..BOMBS).map(|n| server.url(&format!("/{n}\n"))).collect();
            let bench = Bench::new().with_file("urls.txt", &list);
            let line = "-i urls.txt -c 50 --host-concurrency 50 -t 50s --retries 0";
            let ran = run(&bench, &format!("{line} {flags}"));
            let what = format!("{codings:?} at once, {flags}");
            for record in records(&ran, BOMBS) {
                assert_eq!(kind(&record), "limit.decoded", "{what}: {record}");
            }
            assert_flat(&what, &ran);
        }
    }
    row.kind("limit.decoded", false);
    row.shown();
}
