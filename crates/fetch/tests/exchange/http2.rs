//! HTTP/2 with prior knowledge: one connection, its stream limit, and its ways to fail.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use gather_core::attempt::HttpVersion;
use gather_core::{Attempt, Sent};
use gather_fetch::options::{HttpChoice, NetOptions};
use gather_fetch::{Client, ClientOptions, Keep, KeepBody};
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{Request, Response};
use tokio::net::TcpListener;

use crate::{client, ending, fetch, run, target, with_method};

/// What a server counted.
#[derive(Default)]
struct Counts {
    connections: Cell<u32>,
    requests: Cell<u32>,
    open: Cell<u32>,
    open_most: Cell<u32>,
}

fn add(cell: &Cell<u32>) -> u32 {
    cell.set(cell.get() + 1);
    cell.get()
}

/// Answers by path: `/ok` (after a moment), `/refuse`, `/reset`, `/cut` within the body, `/bye`
/// (and GOAWAY), `/die` (and closes the connection without an answer).
async fn server(streams_max: u32) -> (String, Rc<Counts>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let counts: Rc<Counts> = Rc::default();
    let counted = Rc::clone(&counts);
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            add(&counted.connections);
            let counted = Rc::clone(&counted);
            tokio::task::spawn_local(async move {
                let mut builder = h2::server::Builder::new();
                let builder = builder.max_concurrent_streams(streams_max);
                let mut connection = builder.handshake::<_, Bytes>(stream).await.unwrap();
                while let Some(Ok((request, respond))) = connection.accept().await {
                    match request.uri().path() {
                        "/die" => return,
                        "/bye" => connection.graceful_shutdown(),
                        _ => {}
                    }
                    tokio::task::spawn_local(answer(request, respond, Rc::clone(&counted)));
                }
            });
        }
    });
    (url, counts)
}

async fn answer(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    counts: Rc<Counts>,
) {
    add(&counts.requests);
    let open = add(&counts.open);
    counts.open_most.set(counts.open_most.get().max(open));
    match request.uri().path() {
        "/refuse" => respond.send_reset(Reason::REFUSED_STREAM),
        "/reset" => respond.send_reset(Reason::INTERNAL_ERROR),
        path => {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let mut body = respond.send_response(Response::new(()), false).unwrap();
            let is_cut = path == "/cut";
            body.send_data("hello".into(), !is_cut).unwrap();
            if is_cut {
                tokio::time::sleep(Duration::from_millis(20)).await;
                body.send_reset(Reason::INTERNAL_ERROR);
            }
        }
    }
    counts.open.set(counts.open.get() - 1);
}

fn http2() -> ClientOptions {
    ClientOptions {
        net: NetOptions { http: HttpChoice::Http2, ..NetOptions::default() },
        keep: Keep { body: KeepBody::All, ..Keep::default() },
        ..ClientOptions::default()
    }
}

async fn fetch_many(client: &Rc<Client>, url: &str, count: usize) -> Vec<Attempt> {
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            let (client, target) = (Rc::clone(client), target(url));
            tokio::task::spawn_local(async move { fetch(&client, &target).await })
        })
        .collect();
    let mut attempts = Vec::new();
    for task in tasks {
        attempts.push(task.await.unwrap());
    }
    attempts
}

#[test]
fn all_tries_of_an_origin_share_one_connection_within_its_stream_limit() {
    run(async {
        let (url, counts) = server(3).await;
        let client = client(http2());
        let attempts = fetch_many(&client, &format!("{url}/ok"), 10).await;
        for attempt in &attempts {
            assert_eq!(ending(attempt), "200");
            assert_eq!(attempt.body.bytes.as_deref(), Some(&b"hello"[..]));
            assert_eq!(attempt.head.as_ref().unwrap().version, HttpVersion::Http2);
        }
        assert_eq!(counts.connections.get(), 1);
        assert_eq!(counts.requests.get(), 10);
        assert_eq!(counts.open_most.get(), 3);
        let stats = client.stats();
        assert_eq!((stats.opened, stats.reused, stats.idle, stats.in_use), (1, 9, 1, 0));
    });
}

#[test]
fn a_dropped_try_leaves_its_stream_to_the_next() {
    run(async {
        let (url, _) = server(1).await;
        let client = client(http2());
        let (client_2, target_2) = (Rc::clone(&client), target(&format!("{url}/ok")));
        let dropped = tokio::task::spawn_local(async move { fetch(&client_2, &target_2).await });
        tokio::time::sleep(Duration::from_millis(5)).await;
        dropped.abort();
        for attempt in fetch_many(&client, &format!("{url}/ok"), 3).await {
            assert_eq!(ending(&attempt), "200");
        }
        assert_eq!(client.stats().in_use, 0);
    });
}

#[test]
fn a_stream_fails_with_its_kind_and_only_a_refused_one_was_not_seen() {
    let cases = [
        ("/refuse", "protocol.http2", Sent::No),
        ("/reset", "protocol.http2", Sent::Maybe),
        ("/cut", "protocol.http2", Sent::Maybe),
    ];
    for (path, expected, sent) in cases {
        run(async {
            let (url, counts) = server(10).await;
            let client = client(http2());
            let post = with_method(&format!("{url}{path}"), "POST");
            let attempt = fetch(&client, &post).await;
            assert_eq!((ending(&attempt).as_str(), attempt.sent), (expected, sent), "{path}");
            // The connection is as good as before.
            let attempt = fetch(&client, &target(&format!("{url}/ok"))).await;
            assert_eq!(ending(&attempt), "200");
            assert_eq!(counts.connections.get(), 1);
            assert_eq!(counts.requests.get(), 2);
        });
    }
}

#[test]
fn a_connection_that_goes_away_is_replaced() {
    run(async {
        let (url, counts) = server(10).await;
        let client = client(http2());
        for path in ["/ok", "/bye", "/ok"] {
            let attempt = fetch(&client, &target(&format!("{url}{path}"))).await;
            assert_eq!(ending(&attempt), "200", "{path}");
        }
        assert_eq!(counts.connections.get(), 2);
        // It dies under a request: repeated once on a new connection, where it dies again.
        let attempt = fetch(&client, &target(&format!("{url}/die"))).await;
        assert!(
            ["protocol.http2", "connect.reset", "protocol.truncated"]
                .contains(&ending(&attempt).as_str())
        );
        assert_eq!(counts.connections.get(), 3);
        let attempt = fetch(&client, &with_method(&format!("{url}/ok"), "POST")).await;
        assert_eq!(ending(&attempt), "200");
    });
}

#[test]
fn a_server_that_speaks_no_http2_is_a_failure() {
    run(async {
        let server = crate::server::Server::start(|_| crate::server::Reply::ok("")).await;
        let attempt = fetch(&client(http2()), &target(&server.url)).await;
        assert_eq!(ending(&attempt), "protocol.http2");
    });
}
