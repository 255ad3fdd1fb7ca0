//! Tries over a connection that stands, to a server in the same thread that answers at once.
//!
//! The server's reads and writes are counted, too: a few hundred instructions.

use std::future::poll_fn;
use std::hint::black_box;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use gather::Url;
use gather::core::{Attempt, End, Target, TargetNo};
use gather::fetch::{Client, ClientOptions, TlsConfigs, TryState};

use super::Step;

pub(super) const STEPS: &[Step] = &[
    Step { name: "fetch-1k", count: 2_000, run: |count| fetch(count, &answer(2)) },
    Step { name: "fetch-1k-30-headers", count: 2_000, run: |count| fetch(count, &answer(30)) },
    Step { name: "pool-checkout", count: 100_000, run: check_out },
];

/// An answer of 1 KiB with so many header lines.
fn answer(lines: usize) -> Vec<u8> {
    let mut head = String::from("HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\n");
    for n in 2..lines {
        head += &format!("x-header-{n}: some value of the usual length, {n}\r\n");
    }
    head += "content-length: 1024\r\n\r\n";
    [head.into_bytes(), vec![b'x'; 1024]].concat()
}

fn fetch(count: u64, answer: &[u8]) {
    within_a_runtime(async {
        let (client, target, mut server) = connected(answer).await;
        for _ in 0..count {
            black_box(exchange(&client, &target, &mut server, answer).await);
        }
    });
}

fn check_out(count: u64) {
    within_a_runtime(async {
        let (client, target, _server) = connected(&answer(2)).await;
        for _ in 0..count {
            client.check_out_and_in(black_box(&target.host)).await;
        }
        assert_eq!(client.stats().opened, 1);
    });
}

fn within_a_runtime(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    tokio::task::LocalSet::new().block_on(&runtime.expect("a runtime"), work);
}

/// The server's side.
struct Server {
    listener: TcpListener,
    /// There once the client has connected.
    stream: Option<TcpStream>,
}

impl Server {
    /// Answers one request; false where none is there yet.
    fn serve(&mut self, answer: &[u8]) -> bool {
        if self.stream.is_none() {
            let Ok((stream, _)) = self.listener.accept() else { return false };
            stream.set_nonblocking(true).expect("a socket");
            stream.set_nodelay(true).expect("a socket");
            self.stream = Some(stream);
        }
        let stream = self.stream.as_mut().expect("it was just accepted");
        match stream.read(&mut [0; 4096]) {
            // A request is one segment.
            Ok(1..) => stream.write_all(answer).expect("the client reads"),
            Ok(_) => panic!("the client closed its connection"),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(error) => panic!("{error}"),
        }
        true
    }
}

/// A client whose connection has served once.
async fn connected(answer: &[u8]) -> (Client, Target, Server) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.set_nonblocking(true).expect("a socket");
    let address = listener.local_addr().expect("it is bound");
    let url = Url::parse(&format!("http://{address}/catalogue/page-1.html")).expect("a URL");
    let target = Target::new(TargetNo(0), url).expect("http");
    let options = ClientOptions::default();
    let tls = TlsConfigs::new(&options.net.tls, options.net.http).expect("the defaults");
    let client = Client::new(options, Arc::new(tls)).expect("the defaults");
    let mut server = Server { listener, stream: None };
    for _ in 0..10 {
        exchange(&client, &target, &mut server, answer).await;
    }
    (client, target, server)
}

/// One request and its answer.
async fn exchange(
    client: &Client,
    target: &Target,
    server: &mut Server,
    answer: &[u8],
) -> Box<Attempt> {
    let state = TryState::default();
    let mut asking = pin!(client.fetch(target, &state, None));
    let mut is_served = false;
    let attempt = poll_fn(|cx| {
        if let Poll::Ready(attempt) = asking.as_mut().poll(cx) {
            return Poll::Ready(attempt);
        }
        if !is_served {
            is_served = server.serve(answer);
        }
        if !is_served {
            // It is not there yet: while the client connects, and on a busy machine.
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    })
    .await
    .expect("descriptors are left");
    assert!(matches!(attempt.end, End::Complete), "{attempt:?}");
    attempt
}
