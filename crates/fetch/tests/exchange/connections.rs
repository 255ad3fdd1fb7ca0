//! Which connection a request goes over, and what happens when it dies.

use std::time::Duration;

use gather_core::Sent;
use gather_fetch::{ClientOptions, PoolStats};

use crate::server::{Reply, Server, Then};
use crate::{client, ending, fetch, run, target, with_method};

#[test]
fn requests_one_after_another_share_a_connection() {
    run(async {
        let server = Server::start(|_| Reply::ok("hello")).await;
        let client = client(ClientOptions::default());
        for path in ["/a", "/b?q=1", "/c"] {
            let attempt = fetch(&client, &target(&server.at(path))).await;
            assert_eq!(ending(&attempt), "200");
            assert_eq!(attempt.body.wire_bytes, 5);
            assert_eq!(attempt.connection.unwrap().reused, path != "/a");
        }
        assert_eq!(server.lines(), ["0.0 GET /a", "0.1 GET /b?q=1", "0.2 GET /c"]);
        let stats = PoolStats { opened: 1, reused: 2, idle: 1, in_use: 0 };
        assert_eq!(client.stats(), stats);
    });
}

#[test]
fn a_dead_kept_alive_connection_is_replaced_without_a_failure() {
    // (how the server ends the connection instead of answering its second request, method,
    // what comes of it, the requests seen)
    let cases = [
        (Then::Close, "GET", "200", &["0.0 GET /", "0.1 GET /", "1.0 GET /"][..]),
        (Then::Reset, "GET", "200", &["0.0 GET /", "0.1 GET /", "1.0 GET /"]),
        (Then::Close, "PUT", "200", &["0.0 GET /", "0.1 PUT /", "1.0 PUT /"]),
        (Then::Close, "POST", "protocol.truncated", &["0.0 GET /", "0.1 POST /"]),
        (Then::Reset, "POST", "connect.reset", &["0.0 GET /", "0.1 POST /"]),
    ];
    for (then, method, expected, lines) in cases {
        run(async {
            let server = Server::start(move |seen| match (seen.connection, seen.nth) {
                (0, 1) => Reply::new("", then),
                _ => Reply::ok(""),
            })
            .await;
            let client = client(ClientOptions::default());
            fetch(&client, &target(&server.at("/"))).await;
            let attempt = fetch(&client, &with_method(&server.at("/"), method)).await;
            assert_eq!(ending(&attempt), expected, "{method} {then:?}");
            assert_eq!(attempt.sent, Sent::Maybe);
            assert_eq!(server.lines(), lines, "{method} {then:?}");
        });
    }
}

#[test]
fn a_connection_closed_while_idle_is_replaced_even_for_a_post() {
    run(async {
        let server = Server::start(|seen| match seen.connection {
            0 => Reply { then: Then::Close, ..Reply::ok("") },
            _ => Reply::ok(""),
        })
        .await;
        let client = client(ClientOptions::default());
        fetch(&client, &target(&server.at("/"))).await;
        // Until the FIN is here.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let attempt = fetch(&client, &with_method(&server.at("/"), "POST")).await;
        assert_eq!(ending(&attempt), "200");
        assert_eq!(server.lines(), ["0.0 GET /", "1.0 POST /"]);
    });
}

#[test]
fn a_first_connection_that_dies_is_a_failure() {
    for (then, expected) in [(Then::Close, "protocol.truncated"), (Then::Reset, "connect.reset")] {
        run(async {
            let server = Server::start(move |_| Reply::new("", then)).await;
            let client = client(ClientOptions::default());
            let attempt = fetch(&client, &target(&server.at("/"))).await;
            assert_eq!(ending(&attempt), expected);
            assert_eq!(server.lines(), ["0.0 GET /"]);
        });
    }
}
