//! Rows 18 and 19: certificates that are not good, and handshakes that break.

use std::time::Duration;

use gather_testkit::{Ca, ClientCert, Identity, Raw, Server, Site, Talk, Tls, Validity, fault_row};

use super::{case, check};
use crate::bench::Bench;

const LONG: Validity = Validity::For(Duration::from_secs(40 * 24 * 3600));

fn server(tls: Tls) -> Server {
    Server::start(Site { tls: Some(tls), ..Site::default() })
}

fn serving(identity: &Identity) -> Server {
    server(Tls::new(identity, &["http/1.1"], ClientCert::NotAsked))
}

#[test]
fn a_certificate_is_refused_for_what_is_wrong_with_it() {
    let row = fault_row!(18);
    let ca = Ca::new();
    let files = Bench::new().with_file("ca.pem", ca.pem());
    let trusted = format!("--cacert {}", files.path("ca.pem").display());
    let names = &["127.0.0.1"];
    let good = ca.issue(names, LONG);
    let cases = [
        ("good", serving(&good), "ok", trusted.as_str()),
        ("expired", serving(&ca.issue(names, Validity::Expired)), "tls.expired", &trusted),
        (
            "not yet valid",
            serving(&ca.issue(names, Validity::NotYet)),
            "tls.not_yet_valid",
            &trusted,
        ),
        ("self-signed", serving(&Identity::self_signed(names)), "tls.unknown_issuer", &trusted),
        ("self-signed, not looked at", serving(&Identity::self_signed(names)), "ok", "-k"),
        ("expired, not looked at", serving(&ca.issue(names, Validity::Expired)), "ok", "-k"),
        (
            "an unknown issuer",
            serving(&Ca::new().issue(names, LONG)),
            "tls.unknown_issuer",
            &trusted,
        ),
        ("unknown to the bundled roots", serving(&good), "tls.unknown_issuer", ""),
        ("the same, named", serving(&good), "tls.unknown_issuer", "--roots bundled"),
        ("another host", serving(&ca.issue(&["a.example"], LONG)), "tls.wrong_host", &trusted),
        (
            "the name in CN only",
            serving(&ca.issue_by_common_name("127.0.0.1")),
            "tls.wrong_host",
            &trusted,
        ),
        (
            "no intermediate",
            serving(&ca.subordinate().issue(names, LONG)),
            "tls.unknown_issuer",
            &trusted,
        ),
        (
            "a client certificate wanted",
            server(Tls::new(&good, &["http/1.1"], ClientCert::IssuedBy(&ca))),
            "tls.handshake",
            &trusted,
        ),
    ];
    for (what, server, kind, flags) in &cases {
        // With the usual retries, of which it has none.
        let record = check(
            &row,
            &case(what, server.url("/ok"), kind, 1).with(format!("{flags} --retries 2")),
        );
        let not_after = record["tls"]["not_after"].as_str().unwrap_or_default();
        assert!(not_after.starts_with("20"), "{what}: when it ends is not told: {record}");
        // Nothing of a request reaches a server whose certificate is refused.
        assert_eq!(server.hits(), u64::from(*kind == "ok"), "{what}");
    }
    row.shown();
}

#[test]
fn the_roots_of_this_machine_can_be_chosen() {
    let row = fault_row!(18);
    let (ca, names) = (Ca::new(), &["127.0.0.1"]);
    let server = serving(&ca.issue(names, LONG));
    let files = Bench::new().with_file("ca.pem", ca.pem());
    let bench = Bench::new();
    let line = format!("{} -q --retries 0 --roots system", server.url("/ok"));
    let ran = super::run(&bench, &line);
    let record = &super::records(&ran, 1)[0];
    // A machine without any roots says so.
    assert!(matches!(super::kind(record), "tls.unknown_issuer" | "tls.other"), "{record}");
    row.kind("tls.unknown_issuer", false);
    // Both at once cannot be meant.
    let both = super::run(&bench, &format!("{line} --cacert {}", files.path("ca.pem").display()));
    assert_eq!(both.code, 3, "{}", both.stderr);
    assert!(both.stderr.contains("--cacert and --roots contradict"), "{}", both.stderr);
    row.shown();
}

#[test]
fn handshakes_break_in_every_way() {
    let row = fault_row!(19);
    let https = |raw: &Raw| format!("https://{}/", raw.addr());
    let handshake = |what: &str, raw: &Raw, flags: &str| {
        check(&row, &case(what, https(raw), "tls.handshake", 1).with(flags));
    };
    let closes = Raw::start(|talk: &mut Talk| drop(talk.read(64)));
    // What it has not read makes a reset of its close, here as on the internet.
    check(&row, &case("reset", https(&closes), "connect.reset", 2));
    let ends = Raw::start(|talk: &mut Talk| {
        // The length of the first record is in its fourth and fifth byte (RFC 8446 section 5.1).
        if let Some(head) = talk.read(5) {
            drop(talk.read(usize::from(u16::from_be_bytes([head[3], head[4]]))));
        }
    });
    handshake("ended", &ends, "");
    let plain = Raw::start(|talk: &mut Talk| {
        talk.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
        talk.hold();
    });
    handshake("no TLS", &plain, "");
    // Alerts: unrecognized_name, handshake_failure, protocol_version (RFC 8446 section 6.2).
    for (what, alert) in [("another SNI", 112), ("no common cipher", 40), ("no common version", 70)]
    {
        let alerts = Raw::start(move |talk: &mut Talk| {
            if talk.read(5).is_some() && talk.send(&[0x15, 3, 3, 0, 2, 2, alert]) {
                talk.hold();
            }
        });
        handshake(what, &alerts, "");
    }
    let silent = Raw::start(|talk: &mut Talk| talk.hold());
    let what = case("silence", https(&silent), "timeout.tls", 2);
    check(&row, &what.with("--connect-timeout 300ms"));
    let good = Identity::self_signed(&["127.0.0.1"]);
    let alpn = |names: &[&str]| server(Tls::new(&good, names, ClientCert::NotAsked));
    for (what, server, flags) in [
        ("no HTTP/2", alpn(&["http/1.1"]), "-k --http2"),
        ("HTTP/2 only", alpn(&["h2"]), "-k --http1.1"),
        ("another protocol", alpn(&["spdy/1"]), "-k"),
    ] {
        check(&row, &case(what, server.url("/ok"), "tls.handshake", 1).with(flags));
    }
    let garbage = Raw::start(|talk: &mut Talk| {
        if talk.read(5).is_some() && talk.send(&[0xff; 4096]) {
            talk.hold();
        }
    });
    handshake("garbage", &garbage, "");
    row.shown();
}
