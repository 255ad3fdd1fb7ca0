//! One history for all tests of this program, and servers that show it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::thread::JoinHandle;

use gather_store::history::HistoryPlace;
use gather_testkit::{Postgres, PostgresSync};
use gather_web::Options;
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::made;

/// The history, made once by each test process.
pub(crate) fn history() -> HistoryPlace {
    static MADE: OnceLock<(TempDir, HistoryPlace)> = OnceLock::new();
    let (_, place) = MADE.get_or_init(|| {
        let dir = TempDir::new().unwrap();
        let place = HistoryPlace::Sqlite(dir.path().join("gather.db"));
        made::fill(&place);
        (dir, place)
    });
    place.clone()
}

/// A database server; `None` where PostgreSQL is not installed, after having said so.
pub(crate) fn postgres() -> Option<Postgres> {
    let server = Postgres::start(None, PostgresSync::Off);
    if server.is_none() {
        eprintln!("NOT TESTED: what needs postgresql, which is not installed");
    }
    server
}

/// A server on a thread of its own, until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(options: Options) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let stopped = async {
                    let _dropped = stopped.await;
                };
                gather_web::serve(listener, options, stopped).await.unwrap();
            });
        });
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    /// Sends this and returns everything that comes back until the end.
    pub(crate) fn send(&self, request: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(request).unwrap();
        let mut answer = Vec::new();
        // A server that refuses may close before it has read everything.
        let _cut = stream.read_to_end(&mut answer);
        answer
    }

    /// `GET`, with further headers.
    pub(crate) fn get(&self, path: &str, headers: &str) -> Answer {
        let host =
            if headers.to_ascii_lowercase().contains("host:") { "" } else { "host: localhost\r\n" };
        self.ask(&format!("GET {path} HTTP/1.1\r\n{host}connection: close\r\n{headers}\r\n"))
    }

    pub(crate) fn ask(&self, request: &str) -> Answer {
        Answer::parse(&self.send(request.as_bytes()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().unwrap().join();
        if !std::thread::panicking() {
            ended.unwrap();
        }
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// In lower case, a line each.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn parse(answer: &[u8]) -> Self {
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(answer.len());
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        let body = answer.get(end + 4..).unwrap_or_default();
        let is_chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
        let body = if is_chunked { unchunked(body) } else { body.to_vec() };
        Self { status, head, body }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (known, value) = line.split_once(": ")?;
            known.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&rest[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 2 + size + 2..];
        if size == 0 {
            break;
        }
    }
    body
}
