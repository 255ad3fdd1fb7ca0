//! Which connection a request goes over, and what happens when it dies.

use std::time::{Duration, Instant};

use gather_core::Sent;
use gather_fetch::{Client, ClientOptions, Keep, KeepBody, PoolStats};

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
        let stats = PoolStats { opened: 1, reused: 2, idle: 1, in_use: 0, origins: 1 };
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
        (Then::Close, "PUT", "200", &["0.0 PUT /", "0.1 PUT /", "1.0 PUT /"]),
        (Then::Close, "POST", "protocol.truncated", &["0.0 POST /", "0.1 POST /"]),
        (Then::Reset, "POST", "connect.reset", &["0.0 POST /", "0.1 POST /"]),
    ];
    for (then, method, expected, lines) in cases {
        run(async {
            let server = Server::start(move |seen| match (seen.connection, seen.nth) {
                (0, 1) => Reply::new("", then),
                _ => Reply::ok(""),
            })
            .await;
            let client = client(ClientOptions::default());
            let target = with_method(&server.at("/"), method);
            fetch(&client, &target).await;
            let attempt = fetch(&client, &target).await;
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
fn a_connection_closed_while_idle_is_passed_over_for_one_that_stands() {
    run(async {
        // The second one is given back last, and so is the first to be taken again.
        let server = Server::start(|seen| match seen.connection {
            0 => Reply::ok(""),
            _ => {
                let ok = Reply::ok("").pieces.concat();
                let gap = Duration::from_millis(20);
                Reply { pieces: vec![Vec::new(), ok, Vec::new()], gap, then: Then::Close }
            }
        })
        .await;
        let client = client(ClientOptions::default());
        let (url, slow) = (target(&server.at("/")), target(&server.at("/slow")));
        tokio::join!(fetch(&client, &url), fetch(&client, &slow));
        assert_eq!(client.stats().idle, 2);
        // Until the FIN is here.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let attempt = fetch(&client, &url).await;
        assert_eq!(ending(&attempt), "200");
        assert!(attempt.connection.unwrap().reused);
        assert_eq!(server.lines(), ["0.0 GET /", "1.0 GET /slow", "0.1 GET /"]);
    });
}

#[test]
fn what_a_closed_connection_was_is_not_told_of_a_dial_that_failed() {
    run(async {
        let server = Server::start(|seen| match seen.connection {
            0 => Reply { then: Then::Close, ..Reply::ok("") },
            _ => Reply::ok(""),
        })
        .await;
        let client = client(ClientOptions::default());
        let url = target(&server.at("/"));
        fetch(&client, &url).await;
        server.stop();
        // Until the FIN is here.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let attempt = fetch(&client, &url).await;
        assert_eq!(ending(&attempt), "connect.refused");
        assert!(attempt.connection.is_none_or(|connection| !connection.reused));
        assert_eq!(attempt.sent, Sent::No);
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

/// `opened`, `reused`, `idle` and `in_use` of the client.
fn stats(client: &Client) -> [u64; 4] {
    let PoolStats { opened, reused, idle, in_use, .. } = client.stats();
    [opened, reused, idle.into(), in_use.into()]
}

#[test]
fn idle_connections_are_closed_by_age_by_command_and_by_their_server() {
    run(async {
        let server = Server::start(|_| Reply::ok("")).await;
        let target = target(&server.url);
        let client = client(ClientOptions::default());
        let later = |seconds| Instant::now() + Duration::from_secs(seconds);
        fetch(&client, &target).await;
        client.tick(later(20));
        assert_eq!(stats(&client), [1, 0, 1, 0]);
        client.tick(later(100));
        assert_eq!(stats(&client), [1, 0, 0, 0]);

        fetch(&client, &target).await;
        client.close_idle(&target.host);
        assert_eq!(stats(&client), [2, 0, 0, 0]);
        // A host that comes back after all is served as before.
        fetch(&client, &target).await;
        fetch(&client, &target).await;
        assert_eq!(stats(&client), [3, 1, 1, 0]);
    });
    run(async {
        let server = Server::start(|_| Reply { then: Then::Close, ..Reply::ok("") }).await;
        let client = client(ClientOptions::default());
        fetch(&client, &target(&server.url)).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        client.tick(Instant::now() + Duration::from_secs(2));
        assert_eq!(stats(&client), [1, 0, 0, 0]);
    });
}

#[test]
fn no_more_connections_lie_idle_than_allowed_and_the_youngest_stay() {
    run(async {
        let mut servers = Vec::new();
        for _ in 0..4 {
            servers.push(Server::start(|_| Reply::ok("")).await);
        }
        let client = client(ClientOptions { idle_max: 2, ..ClientOptions::default() });
        for server in &servers {
            fetch(&client, &target(&server.url)).await;
            assert!(client.stats().idle <= 2);
        }
        assert_eq!(stats(&client), [4, 0, 2, 0]);
        fetch(&client, &target(&servers[3].url)).await;
        fetch(&client, &target(&servers[2].url)).await;
        assert_eq!(stats(&client), [4, 2, 2, 0]);
    });
    run(async {
        let server = Server::start(|_| Reply::ok("")).await;
        let client = client(ClientOptions { idle_max: 0, ..ClientOptions::default() });
        for _ in 0..2 {
            fetch(&client, &target(&server.url)).await;
        }
        assert_eq!(stats(&client), [2, 0, 0, 0]);
    });
}

#[test]
fn nothing_is_kept_of_hosts_without_connections() {
    run(async {
        let mut servers = Vec::new();
        for _ in 0..40 {
            servers.push(Server::start(|_| Reply::ok("")).await);
        }
        let client = client(ClientOptions { idle_max: 16, ..ClientOptions::default() });
        for server in &servers {
            fetch(&client, &target(&server.url)).await;
            // Those with an idle connection, and the one that was just asked.
            assert!(client.stats().origins <= 17, "{:?}", client.stats());
        }
        let (last, before) = (target(&servers[39].url), client.stats().origins);
        client.close_idle(&last.host);
        assert_eq!(client.stats().origins, before - 1);
    });
}

#[test]
fn a_server_that_says_close_is_not_asked_again_on_that_connection() {
    for head in [
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n",
    ] {
        run(async {
            let server = Server::start(move |_| Reply::new(head, Then::KeepOpen)).await;
            let client = client(ClientOptions::default());
            for _ in 0..2 {
                assert_eq!(ending(&fetch(&client, &target(&server.url)).await), "200");
            }
            assert_eq!(server.lines(), ["0.0 GET /", "1.0 GET /"]);
        });
    }
}

#[test]
fn what_a_server_sends_unasked_never_answers_the_next_request() {
    run(async {
        let server = Server::start(|seen| match seen.connection {
            0 => {
                let one = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n";
                Reply::new(format!("{one}one{one}two"), Then::KeepOpen)
            }
            _ => Reply::ok("right"),
        })
        .await;
        let client = client(ClientOptions {
            keep: Keep { body: KeepBody::All, ..Keep::default() },
            ..ClientOptions::default()
        });
        let first = fetch(&client, &target(&server.url)).await;
        assert_eq!(first.body.bytes.as_deref(), Some(&b"one"[..]));
        let second = fetch(&client, &target(&server.url)).await;
        assert_eq!(second.body.bytes.as_deref(), Some(&b"right"[..]));
    });
}

#[test]
fn a_failed_dial_is_a_failure_that_sent_nothing() {
    run(async {
        let url = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            format!("http://{}", listener.local_addr().unwrap())
        };
        let client = client(ClientOptions::default());
        let attempt = fetch(&client, &with_method(&url, "POST")).await;
        assert_eq!(ending(&attempt), "connect.refused");
        assert_eq!(attempt.sent, Sent::No);
        assert_eq!(stats(&client), [0, 0, 0, 0]);
    });
}
