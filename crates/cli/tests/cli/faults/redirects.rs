//! Rows 13, 14 and 17: redirects that go on, go elsewhere, or go nowhere.

use gather_testkit::{Raw, Server, Site, Then, fault_row};

use super::{case, check};

/// A path that redirects to this.
fn to(location: &str) -> String {
    let encoded: String = location.bytes().map(|byte| format!("%{byte:02x}")).collect();
    format!("/redirect-to?url={encoded}")
}

#[test]
fn redirects_end_and_their_chain_is_kept() {
    let row = fault_row!(13);
    let server = Server::start(Site::default());
    check(&row, &case("to itself", server.url("/redirect-loop"), "redirect.loop", 1));
    let other = Server::start(Site::default());
    let round = server.url(&to(&other.url(&to(&server.url("/redirect-loop")))));
    let record = check(&row, &case("over another host", round, "redirect.loop", 1));
    assert_eq!(record["chain"].as_array().map(Vec::len), Some(2), "{record}");
    let many = case("10,000", server.url("/redirect/10000"), "redirect.limit", 1);
    let record = check(&row, &many);
    assert_eq!(record["chain"].as_array().map(Vec::len), Some(10), "{record}");
    assert_eq!(record["chain"][9]["status_code"], 302, "{record}");
    row.shown();
}

#[test]
fn redirects_lead_to_http_only() {
    let row = fault_row!(14);
    let server = Server::start(Site::default());
    for location in [
        "file:///etc/passwd",
        "FILE:/etc/passwd",
        "gopher://127.0.0.1:70/1",
        "ftp://127.0.0.1/x",
        "data:text/plain,x",
        "javascript:alert(1)",
        "unix:/var/run/docker.sock",
    ] {
        check(&row, &case(location, server.url(&to(location)), "redirect.scheme", 1));
    }
    row.shown();
}

#[test]
fn redirects_that_name_no_place() {
    let row = fault_row!(17);
    let answer = |lines: &str| {
        let head = format!("HTTP/1.1 302 Found\r\ncontent-length: 0\r\n{lines}\r\n");
        Raw::answers(head, Then::Close)
    };
    for (what, lines, expected) in [
        ("a blank one", "location:  \r\n", "redirect.invalid"),
        ("two", "location: /a\r\nlocation: /b\r\n", "redirect.invalid"),
        ("no URL", "location: http://[/\r\n", "redirect.invalid"),
        ("no host", "location: http://\r\n", "redirect.invalid"),
        ("none", "", "http.status"),
        ("a bare CR within", "location: /a\rset-cookie: x\r\n", "protocol.framing"),
    ] {
        let server = answer(lines);
        check(&row, &case(what, server.url("/"), expected, 1));
    }
    // CR and LF that are encoded stay so: no header of ours is made of them.
    let server = Server::start(Site::default());
    let split = format!("{}?a=%0d%0ax-injected:%20y", server.url("/ok"));
    check(&row, &case("CRLF, encoded", server.url(&to(&split)), "ok", 1));
    let last = server.requests().pop().expect("it was asked");
    assert!(last.target.contains("%0d%0a") && last.header("x-injected").is_none(), "{last:?}");
    row.shown();
}
