//! HTTP/1.1 on one connection, written by hand because no proper server misbehaves on demand.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::answer::{After, Delivery, Framing, Reply};
use crate::request::Request;
use crate::server::{Peer, Shared};

/// Bytes of a request's head that are read before the client is sent away.
const HEAD_BYTES_MAX: usize = 1 << 20;
/// The pause between two writes of a dripping body.
const DRIP: Duration = Duration::from_millis(100);

/// A connection that can be torn down with a reset.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Makes the coming close a RST instead of a FIN.
    fn reset_on_drop(&self);
}

impl Wire for TcpStream {
    fn reset_on_drop(&self) {
        self.set_zero_linger().expect("a socket that is open takes options");
    }
}

impl Wire for DuplexStream {
    /// Where there is no difference, the close says as much.
    fn reset_on_drop(&self) {}
}

impl<S: Wire> Wire for TlsStream<S> {
    fn reset_on_drop(&self) {
        self.get_ref().0.reset_on_drop();
    }
}

/// Answers requests until one side has had enough.
pub(crate) async fn serve<S: Wire>(io: S, peer: Peer, shared: Arc<Shared>) {
    let mut connection = Connection { io, buffer: Vec::new(), peer, shared };
    // An error means that the client has left, which is its right.
    drop(connection.run().await);
}

struct Connection<S> {
    io: S,
    /// Received and not yet used.
    buffer: Vec<u8>,
    peer: Peer,
    shared: Arc<Shared>,
}

impl<S: Wire> Connection<S> {
    async fn run(&mut self) -> io::Result<()> {
        while let Some(request) = self.read_request().await? {
            let keep = wants_keep_alive(&request);
            let bodiless = request.method == "HEAD";
            let shared = Arc::clone(&self.shared);
            let (reply, in_flight) = shared.admit(request);
            if reply.waits() {
                self.wait(in_flight.turn(&reply)).await?;
            }
            let after = if keep { reply.after } else { After::Close };
            if self.deliver(&reply, after, bodiless).await?.is_break() {
                return Ok(());
            }
            match after {
                After::Keep => {}
                After::Close => return self.io.shutdown().await,
                After::CloseSilently(idle) => {
                    tokio::time::sleep(idle).await;
                    return self.io.shutdown().await;
                }
            }
        }
        Ok(())
    }

    /// The next request; `None` when the client has closed.
    async fn read_request(&mut self) -> io::Result<Option<Request>> {
        let head_bytes = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at + 4;
            }
            if self.buffer.len() > HEAD_BYTES_MAX || self.fill(1024).await? == 0 {
                return Ok(None);
            }
        };
        let Some(mut request) = parse_head(&self.buffer[..head_bytes], &self.peer) else {
            self.io.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await?;
            return Ok(None);
        };
        self.buffer.drain(..head_bytes);
        if request.header("Expect").is_some() {
            self.io.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        let chunked = request.header("Transfer-Encoding").is_some();
        if chunked {
            while self.read_chunk(&mut request).await? {}
        } else if let Some(length) = request.header("Content-Length") {
            let length = length.parse().map_err(|_| invalid("a length that is no number"))?;
            self.read_body(&mut request, length).await?;
        }
        Ok(Some(request))
    }

    /// Moves `length` bytes into the request's body.
    async fn read_body(&mut self, request: &mut Request, mut length: usize) -> io::Result<()> {
        request.body_bytes += length as u64;
        while length > 0 {
            if self.buffer.is_empty() && self.fill(16 << 10).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let taken = length.min(self.buffer.len());
            request.keep(&self.buffer[..taken]);
            self.buffer.drain(..taken);
            length -= taken;
        }
        Ok(())
    }

    /// Reads one chunk; false after the last one.
    async fn read_chunk(&mut self, request: &mut Request) -> io::Result<bool> {
        let line = self.read_line().await?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let length =
            usize::from_str_radix(digits, 16).map_err(|_| invalid("a chunk without a size"))?;
        self.read_body(request, length).await?;
        // What ends the chunk, or the trailers, ends with an empty line.
        while !self.read_line().await?.is_empty() {}
        Ok(length > 0)
    }

    async fn read_line(&mut self) -> io::Result<String> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n") {
                let line = String::from_utf8_lossy(&self.buffer[..at]).into_owned();
                self.buffer.drain(..at + 2);
                return Ok(line);
            }
            if self.buffer.len() > HEAD_BYTES_MAX || self.fill(1024).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    async fn fill(&mut self, bytes: usize) -> io::Result<usize> {
        self.buffer.reserve(bytes);
        self.io.read_buf(&mut self.buffer).await
    }

    /// Waits, and notices a client that gives up meanwhile.
    async fn wait(&mut self, end: impl Future<Output = ()>) -> io::Result<()> {
        if self.buffer.is_empty() {
            self.buffer = Vec::new();
        }
        tokio::select! {
            () = end => Ok(()),
            gone = self.until_gone() => Err(gone),
        }
    }

    /// Returns when the client has closed its side.
    async fn until_gone(&mut self) -> io::Error {
        loop {
            if self.buffer.len() > HEAD_BYTES_MAX {
                std::future::pending::<()>().await;
            }
            match self.fill(256).await {
                Ok(0) => return io::ErrorKind::UnexpectedEof.into(),
                Ok(_) => {}
                Err(error) => return error,
            }
        }
    }

    /// Sends the reply; breaks if the connection is of no further use.
    async fn deliver(&mut self, reply: &Reply, after: After, bodiless: bool) -> io::Result<Flow> {
        let head = encode_head(reply, after);
        let whole = || {
            let mut bytes = head.clone();
            if !bodiless && !matches!(reply.status, 204 | 304) {
                encode_body(reply, &mut bytes);
            }
            bytes
        };
        match &reply.delivery {
            Delivery::Whole => self.io.write_all(&whole()).await?,
            Delivery::After(interim) => {
                self.io.write_all(interim.as_bytes()).await?;
                self.io.write_all(&whole()).await?;
            }
            Delivery::Raw(bytes) => self.io.write_all(bytes).await?,
            Delivery::Silent => return Err(self.until_gone().await),
            Delivery::HeadOnly => {
                self.io.write_all(&head).await?;
                self.io.flush().await?;
                return Err(self.until_gone().await);
            }
            Delivery::Cut(at) => {
                let bytes = whole();
                self.io.write_all(&bytes[..bytes.len().min(*at)]).await?;
                self.io.shutdown().await?;
                return Ok(Flow::Break(()));
            }
            Delivery::Reset(at) => {
                let bytes = whole();
                self.io.write_all(&bytes[..bytes.len().min(*at)]).await?;
                self.io.flush().await?;
                self.io.reset_on_drop();
                return Ok(Flow::Break(()));
            }
            Delivery::Drip(bytes_per_s) => self.drip(reply, &head, *bytes_per_s).await?,
            Delivery::Endless => self.endless(reply, &head).await?,
            Delivery::GoAway | Delivery::ResetStream(_) => return Ok(Flow::Break(())),
        }
        // TLS keeps what a full pipe has not taken.
        self.io.flush().await?;
        let until_close = reply.framing == Framing::UntilClose;
        Ok(if until_close { Flow::Break(()) } else { Flow::Continue(()) })
    }

    async fn drip(&mut self, reply: &Reply, head: &[u8], bytes_per_s: u64) -> io::Result<()> {
        self.io.write_all(head).await?;
        let mut body = Vec::new();
        encode_body(reply, &mut body);
        let per_write = usize::try_from(bytes_per_s / 10).unwrap_or(usize::MAX).max(1);
        let pause =
            if bytes_per_s < 10 { Duration::from_secs(1) / bytes_per_s as u32 } else { DRIP };
        for piece in body.chunks(per_write) {
            self.wait(tokio::time::sleep(pause)).await?;
            self.io.write_all(piece).await?;
            self.io.flush().await?;
        }
        Ok(())
    }

    async fn endless(&mut self, reply: &Reply, head: &[u8]) -> io::Result<()> {
        self.io.write_all(head).await?;
        let mut chunk = format!("{:x}\r\n", reply.body.len()).into_bytes();
        chunk.extend_from_slice(&reply.body);
        chunk.extend_from_slice(b"\r\n");
        loop {
            self.io.write_all(&chunk).await?;
        }
    }
}

type Flow = std::ops::ControlFlow<()>;

fn encode_head(reply: &Reply, after: After) -> Vec<u8> {
    let reason = http::StatusCode::from_u16(reply.status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Unknown");
    let mut head = format!("HTTP/1.1 {} {reason}\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    match (&reply.delivery, reply.framing) {
        (Delivery::Endless, _) | (_, Framing::Chunked) => {
            head.push_str("Transfer-Encoding: chunked\r\n");
        }
        (_, Framing::Length) if reply.status != 204 => {
            head.push_str(&format!("Content-Length: {}\r\n", reply.body.len()));
        }
        (_, Framing::Length) => {}
        (_, Framing::UntilClose) => head.push_str("Connection: close\r\n"),
    }
    if after == After::Close && reply.framing != Framing::UntilClose {
        head.push_str("Connection: close\r\n");
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// Appends the body; a chunked one in two chunks where it has two bytes.
fn encode_body(reply: &Reply, bytes: &mut Vec<u8>) {
    if reply.framing != Framing::Chunked {
        bytes.extend_from_slice(&reply.body);
        return;
    }
    let (first, second) = reply.body.split_at(reply.body.len() / 2);
    for chunk in [first, second].into_iter().filter(|chunk| !chunk.is_empty()) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
}

fn parse_head(head: &[u8], peer: &Peer) -> Option<Request> {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let version = match words.next()? {
        "HTTP/1.1" => "1.1",
        "HTTP/1.0" => "1.0",
        _ => return None,
    };
    let headers = lines
        .take_while(|line| !line.is_empty())
        .map(|line| line.split_once(':').map(|(k, v)| (k.to_owned(), v.trim().to_owned())))
        .collect::<Option<Vec<_>>>()?;
    Some(Request { method, target, version, headers, ..peer.request() })
}

fn wants_keep_alive(request: &Request) -> bool {
    let says = |word| {
        request.header("Connection").is_some_and(|value| value.to_ascii_lowercase().contains(word))
    };
    if request.version == "1.0" { says("keep-alive") } else { !says("close") }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
