//! Requests among so many others that none has buffers before its answer comes.

use std::rc::Rc;
use std::time::Duration;

use gather_fetch::{Client, ClientOptions, Keep, KeepBody};

use crate::server::{Reply, Seen, Server, Then};
use crate::{client, ending, fetch, run, target, with_method};

/// Method, what the server does, how many connections that took.
type Case = (&'static str, fn(&Seen) -> Reply, usize);

/// More than have buffers.
const CROWD: usize = 300;

/// Has so many requests under way.
async fn crowd(client: &Rc<Client>, others: usize) -> Server {
    let server = Server::start(|_| Reply::new("", Then::Silence)).await;
    for _ in 0..others {
        let (client, target) = (Rc::clone(client), target(&server.url));
        tokio::task::spawn_local(async move { fetch(&client, &target).await });
    }
    while server.lines().len() < others {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    server
}

/// What becomes of two requests, one after the other, beside others; and what the server saw.
async fn two(method: &str, reply: fn(&Seen) -> Reply, others: usize) -> Vec<String> {
    let keep = Keep { body: KeepBody::All, ..Keep::default() };
    let client = client(ClientOptions { keep, ..ClientOptions::default() });
    let _crowd = crowd(&client, others).await;
    let server = Server::start(reply).await;
    let mut told = Vec::new();
    for _ in 0..2 {
        let attempt = fetch(&client, &with_method(&server.at("/"), method)).await;
        let body = attempt.body.bytes.as_deref().map(String::from_utf8_lossy);
        told.push(format!("{} {body:?} {:?}", ending(&attempt), attempt.sent));
        // Until a FIN is here.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    told.extend(server.lines());
    told
}

#[test]
fn a_request_in_a_crowd_ends_as_it_does_alone() {
    fn first(seen: &Seen, bytes: &str, then: Then) -> Reply {
        if seen.connection == 0 { Reply::new(bytes, then) } else { Reply::ok("again") }
    }
    const CHUNKED: &str =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let cases: &[Case] = &[
        ("GET", |_| Reply::ok("hello"), 1),
        ("HEAD", |_| Reply::new("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", Then::KeepOpen), 1),
        ("POST", |_| Reply::ok("done"), 1),
        ("GET", |_| Reply::new(CHUNKED, Then::KeepOpen), 1),
        ("GET", |_| Reply::new(format!("HTTP/1.1 103 Early\r\n\r\n{CHUNKED}"), Then::KeepOpen), 1),
        (
            "GET",
            |_| {
                let pieces = ["HTTP/1.1 200", " OK\r\ncontent-le", "ngth: 2\r\n\r\n", "o", "k"];
                let pieces = pieces.map(|piece| piece.as_bytes().to_vec()).to_vec();
                Reply { pieces, gap: Duration::from_millis(2), then: Then::KeepOpen }
            },
            1,
        ),
        ("GET", |_| Reply::new("HTTP/1.0 200 OK\r\n\r\nold", Then::Close), 2),
        ("GET", |_| Reply::new("", Then::Close), 2),
        ("GET", |_| Reply::new("", Then::Reset), 2),
        ("GET", |_| Reply::new("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\ncut", Then::Close), 2),
        ("GET", |_| Reply::new("SSH-2.0-x\r\n", Then::KeepOpen), 2),
        (
            "GET",
            |seen| first(seen, "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1", Then::Close),
            2,
        ),
        (
            "POST",
            |seen| first(seen, "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1", Then::Close),
            2,
        ),
        (
            "GET",
            |seen| first(seen, "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n12", Then::KeepOpen),
            2,
        ),
    ];
    for (index, &(method, reply, connections)) in cases.iter().enumerate() {
        let [alone, crowded] = [0, CROWD].map(|others| run(two(method, reply, others)));
        assert_eq!(alone, crowded, "case {index}: {method}");
        let last = alone.last().expect("requests were seen");
        assert!(last.starts_with(&format!("{}.", connections - 1)), "case {index}: {alone:?}");
    }
}

#[test]
fn a_crowd_uses_its_connections_again() {
    run(async {
        let server = Server::start(|_| {
            let ok = Reply::ok("hello").pieces.concat();
            Reply {
                pieces: vec![Vec::new(), ok],
                gap: Duration::from_millis(200),
                then: Then::KeepOpen,
            }
        })
        .await;
        let client = client(ClientOptions::default());
        for round in 1..=2 {
            let tries = (0..CROWD).map(|_| {
                let (client, target) = (Rc::clone(&client), target(&server.url));
                tokio::task::spawn_local(async move { fetch(&client, &target).await })
            });
            for tried in tries.collect::<Vec<_>>() {
                assert_eq!(ending(&tried.await.expect("no panic")), "200");
            }
            assert_eq!(server.lines().len(), round * CROWD);
        }
        let stats = client.stats();
        assert_eq!((stats.opened, stats.reused), (CROWD as u64, CROWD as u64));
    });
}
