//! A server whose every byte is written by the test.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// What a server does about one request.
pub(crate) struct Reply {
    /// Written one by one, `gap` apart.
    pub(crate) pieces: Vec<Vec<u8>>,
    pub(crate) gap: Duration,
    pub(crate) then: Then,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Wait for the next request.
    KeepOpen,
    /// FIN.
    Close,
    /// RST.
    Reset,
    /// Neither write nor close.
    Silence,
}

impl Reply {
    pub(crate) fn new(bytes: impl Into<Vec<u8>>, then: Then) -> Self {
        Self { pieces: vec![bytes.into()], gap: Duration::ZERO, then }
    }

    /// A plain 200 with this body, kept alive.
    pub(crate) fn ok(body: &str) -> Self {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        Self::new(head + body, Then::KeepOpen)
    }

    /// A redirect with these header lines, kept alive.
    pub(crate) fn redirect(status: u16, lines: &str) -> Self {
        let head = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\n{lines}\r\n\r\n");
        Self::new(head, Then::KeepOpen)
    }
}

/// One request, as received.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The ordinal of its connection, from 0.
    pub(crate) connection: usize,
    /// Its ordinal on the connection, from 0.
    pub(crate) nth: usize,
    /// The request line and the header lines.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    pub(crate) fn method(&self) -> &str {
        self.head.split(' ').next().unwrap()
    }

    /// The values of a header, in order.
    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }
}

pub(crate) struct Server {
    /// `http://127.0.0.1:PORT`
    pub(crate) url: String,
    seen: Rc<RefCell<Vec<Seen>>>,
    listening: AbortHandle,
}

impl Server {
    /// Accepts no further connection.
    pub(crate) fn stop(&self) {
        self.listening.abort();
    }

    /// Answers each request as `reply` says.
    pub(crate) async fn start(reply: impl Fn(&Seen) -> Reply + 'static) -> Self {
        Self::start_at("127.0.0.1", reply).await
    }

    pub(crate) async fn start_at(ip: &str, reply: impl Fn(&Seen) -> Reply + 'static) -> Self {
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen: Rc<RefCell<Vec<Seen>>> = Rc::default();
        let reply = Rc::new(reply);
        let log = Rc::clone(&seen);
        let listening = tokio::task::spawn_local(async move {
            for connection in 0.. {
                let Ok((stream, _)) = listener.accept().await else { return };
                tokio::task::spawn_local(serve(
                    stream,
                    connection,
                    Rc::clone(&reply),
                    Rc::clone(&log),
                ));
            }
        });
        Self { url, seen, listening: listening.abort_handle() }
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.borrow().clone()
    }

    /// `connection.nth METHOD path` of each request.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |s: &Seen| format!("{}.{} {} {}", s.connection, s.nth, s.method(), s.path());
        self.seen.borrow().iter().map(line).collect()
    }
}

async fn serve(
    mut stream: TcpStream,
    connection: usize,
    reply: Rc<impl Fn(&Seen) -> Reply>,
    log: Rc<RefCell<Vec<Seen>>>,
) {
    stream.set_nodelay(true).unwrap();
    for nth in 0.. {
        let Some((head, body)) = read_request(&mut stream).await else { return };
        let seen = Seen { connection, nth, head, body };
        log.borrow_mut().push(seen.clone());
        let Reply { pieces, gap, then } = reply(&seen);
        for (i, piece) in pieces.iter().enumerate() {
            if i > 0 {
                tokio::time::sleep(gap).await;
            }
            if stream.write_all(piece).await.is_err() {
                return;
            }
        }
        match then {
            Then::KeepOpen => {}
            Then::Close => return,
            Then::Reset => return stream.set_zero_linger().unwrap(),
            Then::Silence => return std::future::pending().await,
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, body))
}
