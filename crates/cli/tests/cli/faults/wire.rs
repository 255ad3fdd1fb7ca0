//! Rows 1 to 8: servers that fall silent, break off, drip, or never end.

use gather_testkit::{Mute, Raw, Server, Site, Then, fault_row};

use super::{case, check};

const HEAD: &str = "HTTP/1.1 200 OK\r\nserver: x\r\ncontent-length: 1000\r\n\r\n";

#[test]
fn a_server_that_accepts_and_says_nothing() {
    let row = fault_row!(1);
    let (server, mute) = (Server::start(Site::default()), Mute::start());
    check(&row, &case("asked", server.url("/silent"), "timeout.first_byte", 2));
    let mute = format!("http://{}/", mute.addr());
    check(&row, &case("not even asked", mute, "timeout.first_byte", 2));
    row.shown();
}

#[test]
fn a_head_and_then_silence() {
    let row = fault_row!(2);
    let server = Raw::answers(format!("{HEAD}abc"), Then::Hold);
    let record = check(&row, &case("three bytes", server.url("/"), "timeout.body", 2));
    assert_eq!((&record["content_length"], &record["status_code"]), (&3.into(), &200.into()));
    let server = Raw::answers(HEAD, Then::Hold);
    check(&row, &case("none", server.url("/"), "timeout.body", 2));
    row.shown();
}

#[test]
fn an_end_within_the_head_is_never_ok() {
    let row = fault_row!(3);
    for bytes in [0, 4, 12, 17, 19, 30, HEAD.len() - 2] {
        let server = Raw::answers(&HEAD[..bytes], Then::Close);
        let what = format!("after {bytes} bytes");
        check(&row, &case(&what, server.url("/"), "protocol.truncated", 2));
    }
    row.shown();
}

#[test]
fn a_reset_within_head_or_body() {
    let row = fault_row!(4);
    let server = Server::start(Site::default());
    for bytes in [0, 10, 300] {
        let (what, url) =
            (format!("after {bytes} bytes"), server.url(&format!("/reset?at={bytes}")));
        check(&row, &case(&what, url, "connect.reset", 2));
    }
    row.shown();
}

#[test]
fn an_end_within_the_body() {
    let row = fault_row!(5);
    let server = Server::start(Site::default());
    let of_length = case("by its length", server.url("/cut?at=300"), "protocol.truncated", 2);
    let record = check(&row, &of_length);
    assert!(record["content_length"].as_u64().is_some_and(|bytes| 0 < bytes && bytes < 1024));
    for (what, path) in [
        ("chunked", "/cut?at=300&chunked"),
        ("gzip", "/encoding/gzip?size=5000&trim=5"),
        ("br", "/encoding/br?size=5000&trim=5"),
        ("zstd", "/encoding/zstd?size=5000&trim=5"),
        ("deflate", "/encoding/deflate?size=5000&trim=5"),
    ] {
        check(&row, &case(what, server.url(path), "protocol.truncated", 2));
    }
    row.shown();
}

#[test]
fn a_body_that_drips() {
    let row = fault_row!(6);
    let server = Server::start(Site::default());
    let url = server.url("/drip?bps=10&size=1000");
    check(&row, &case("to the deadline", url.as_str(), "timeout.total", 2));
    let slow = case("below the minimum", url, "timeout.slow", 2);
    check(&row, &slow.with("--min-speed 1K/500ms -t 30s"));
    row.shown();
}

#[test]
fn a_body_without_end() {
    let row = fault_row!(7);
    let server = Server::start(Site::default());
    let endless = |what: &str, kind, flags: &str| {
        check(&row, &case(what, server.url("/infinite"), kind, 1).with(format!("-t 30s {flags}")));
    };
    endless("by default", "limit.body", "");
    endless("hashed", "limit.body", "--fields +sha256");
    endless("kept", "limit.body", "--fields +body --max-body 8M");
    endless("decoded", "limit.decoded", "--max-decoded 8M");
    row.shown();
}

#[test]
fn bombs_burst_at_their_cap_and_take_no_memory() {
    let row = fault_row!(8);
    let server = Server::start(Site::default());
    let codings =
        ["gzip", "br", "zstd", "deflate", "gzip,gzip", "gzip,br", "zstd,zstd", "gzip,br,zstd"];
    for coding in codings {
        let url = server.url(&format!("/bomb/{coding}?mb=128"));
        let bomb = |what: &str, flags: &str| {
            let what = format!("{coding} {what}");
            let one = case(&what, url.as_str(), "limit.decoded", 1);
            check(&row, &one.with(format!("-t 30s {flags}")));
        };
        bomb("streamed", "");
        bomb("hashed and looked into", "--fields +sha256,+title,+body");
    }
    let bomb = server.url("/bomb/gzip?mb=128");
    let stored = case("stored", bomb.as_str(), "limit.decoded", 1);
    check(&row, &stored.with("-t 30s -O bodies"));
    let redirect = server.url("/bomb/gzip?mb=128&status=302&to=/ok");
    check(&row, &case("on a redirect", redirect.as_str(), "ok", 1).with("-t 30s"));
    let kept = case("on a redirect that is the answer", redirect, "limit.decoded", 1);
    check(&row, &kept.with("-t 30s --max-redirects 0"));
    let error = server.url("/bomb/br?mb=128&status=500");
    check(&row, &case("on an error", error, "limit.decoded", 1).with("-t 30s"));
    row.shown();
}
