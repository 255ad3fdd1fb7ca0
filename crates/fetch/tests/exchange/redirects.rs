//! Redirects over the wire: what is asked next, with which method, headers and secrets.

use std::sync::Arc;

use gather_core::config::Redirects;
use gather_core::{End, RequestSpec, Target};
use gather_fetch::{ClientOptions, Secret, TryState};

use crate::server::{Reply, Server};
use crate::{client, ending, fetch, run, target, with_method};

#[test]
fn a_redirect_on_the_same_host_is_followed_within_the_try() {
    run(async {
        let server = Server::start(|seen| match seen.path() {
            "/a" => Reply::redirect(301, "location: /b"),
            "/b" => Reply::redirect(302, "location: c?q"),
            _ => Reply::ok("end"),
        })
        .await;
        let client = client(ClientOptions::default());
        let attempt = fetch(&client, &target(&server.at("/a"))).await;
        assert_eq!(ending(&attempt), "200");
        let last = attempt.url.as_ref().expect("it is not the target's own");
        assert_eq!(last.as_str(), server.at("/c?q"));
        let chain: Vec<_> = attempt.chain.iter().map(|l| (l.url.to_string(), l.status)).collect();
        assert_eq!(chain, [(server.at("/a"), 301), (server.at("/b"), 302)]);
        assert_eq!(server.lines(), ["0.0 GET /a", "0.1 GET /b", "0.2 GET /c?q"]);
    });
}

#[test]
fn the_method_changes_as_rfc_9110_asks() {
    let cases = [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
        (301, "PUT", "PUT"),
        (302, "DELETE", "DELETE"),
        (303, "PUT", "GET"),
        (303, "HEAD", "HEAD"),
        (302, "HEAD", "HEAD"),
    ];
    for (status, first, second) in cases {
        run(async {
            let server = Server::start(move |seen| match seen.path() {
                "/a" => Reply::redirect(status, "location: /b"),
                _ => Reply::redirect(204, "x: y"),
            })
            .await;
            let spec = RequestSpec {
                body: (first != "HEAD").then(|| "text".into()),
                ..(*with_method(&server.at("/a"), first).request.unwrap()).clone()
            };
            let target = Target { request: Some(Arc::new(spec)), ..target(&server.at("/a")) };
            let attempt = fetch(&client(ClientOptions::default()), &target).await;
            assert_eq!(ending(&attempt), "204");
            let seen = server.seen();
            assert_eq!(seen[1].method(), second, "{first} {status}");
            let body = if first == "HEAD" || first != second { "" } else { "text" };
            assert_eq!(seen[1].body, body.as_bytes(), "{first} {status}");
        });
    }
}

#[test]
fn a_post_answered_by_see_the_same_url_is_no_loop() {
    run(async {
        let server = Server::start(|seen| match seen.method() {
            "POST" => Reply::redirect(303, "location: /a"),
            _ => Reply::ok(""),
        })
        .await;
        let client = client(ClientOptions::default());
        let attempt = fetch(&client, &with_method(&server.at("/a"), "POST")).await;
        assert_eq!(ending(&attempt), "200");
        assert_eq!(server.lines(), ["0.0 POST /a", "0.1 GET /a"]);
    });
}

#[test]
fn chains_end_with_their_kind_and_are_kept() {
    let cases = [
        (Redirects::Follow { max: 10 }, "location: /1", "redirect.loop", 2),
        (Redirects::Follow { max: 10 }, "location: x:y", "redirect.scheme", 1),
        (Redirects::Follow { max: 10 }, "location: ", "redirect.invalid", 1),
        (Redirects::Follow { max: 10 }, "location: /1\r\nlocation: /2", "redirect.invalid", 1),
        (Redirects::Stop, "location: /1", "302", 1),
    ];
    for (redirects, lines, expected, requests) in cases {
        run(async {
            let server = Server::start(move |_| Reply::redirect(302, lines)).await;
            let client = client(ClientOptions { redirects, ..ClientOptions::default() });
            let attempt = fetch(&client, &target(&server.at("/0"))).await;
            assert_eq!(ending(&attempt), expected);
            assert_eq!(server.lines().len(), requests, "{expected}");
            assert_eq!(attempt.head.unwrap().status, 302);
        });
    }
    run(async {
        let server = Server::start(|seen| {
            let n: u32 = seen.path()[1..].parse().unwrap();
            Reply::redirect(302, &format!("location: /{}", n + 1))
        })
        .await;
        let redirects = Redirects::Follow { max: 4 };
        let client = client(ClientOptions { redirects, ..ClientOptions::default() });
        let attempt = fetch(&client, &target(&server.at("/0"))).await;
        assert_eq!(ending(&attempt), "redirect.limit");
        assert_eq!(attempt.chain.len(), 4);
        assert_eq!(server.lines().len(), 5);
    });
}

#[test]
fn a_long_body_of_a_redirect_is_not_read() {
    // A connection whose body was left unread is not used again.
    for (bytes, second) in [(60 << 10, "0.1 GET /b"), (70 << 10, "1.0 GET /b")] {
        run(async {
            let server = Server::start(move |seen| match seen.path() {
                "/a" => {
                    let head = format!("HTTP/1.1 302 x\r\nlocation: /b\r\ncontent-length: {bytes}");
                    let mut reply = Reply::ok("");
                    reply.pieces = vec![format!("{head}\r\n\r\n").into(), vec![0; bytes]];
                    reply
                }
                _ => Reply::ok(""),
            })
            .await;
            let attempt = fetch(&client(ClientOptions::default()), &target(&server.at("/a"))).await;
            assert_eq!(ending(&attempt), "200");
            assert_eq!(server.lines(), ["0.0 GET /a", second]);
        });
    }
}

#[test]
fn another_host_is_a_hop_and_gets_no_secret() {
    run(async {
        let other = Server::start(|_| Reply::ok("")).await;
        let location = format!("location: {}", other.at("/b"));
        let server = Server::start(move |_| Reply::redirect(302, &location)).await;
        let client = client(ClientOptions {
            headers: vec![("X-Api-Key".into(), "canary".into()), ("User-Agent".into(), "u".into())],
            basic_auth: Some(Secret::new("user:canary")),
            cookies: Some(Secret::new("a=canary")),
            ..ClientOptions::default()
        });
        let spec = RequestSpec {
            headers: vec![("X-Other".into(), "canary".into())],
            ..RequestSpec::default()
        };
        let target = Target { request: Some(Arc::new(spec)), ..target(&server.at("/a")) };
        let attempt = fetch(&client, &target).await;
        assert_eq!(ending(&attempt), format!("-> {}", other.at("/b")));
        let End::Hop(url) = attempt.end else { unreachable!() };

        let state = TryState { url: Some(*url), chain: attempt.chain, ..TryState::default() };
        let attempt = client.fetch(&target, &state, None).await.unwrap();
        assert_eq!(ending(&attempt), "200");
        assert_eq!(attempt.chain.len(), 1);
        assert_eq!(server.seen()[0].head.matches("canary").count(), 3);
        let head = &other.seen()[0].head;
        assert!(!head.contains("canary") && !head.to_lowercase().contains("authorization"));
        assert_eq!(other.seen()[0].header("user-agent"), ["u"]);
    });
}
