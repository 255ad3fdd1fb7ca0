//! Just enough HTTP/1.1 to serve the site: keep-alive, GET and HEAD, bodies read and dropped.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, timeout};

use super::answer::{Host, Page, Reply};
use super::site::Running;

/// The longest head of a request.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// The longest body of a request that is read (and dropped).
const BODY_BYTES_MAX: u64 = 1024 * 1024;
/// How long a connection may be idle, or a silent host be waited for.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// After a failed accept (no descriptors left), so as not to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Accepts connections of one host until the site is stopped.
pub(super) async fn accept(
    listener: TcpListener,
    host: Arc<Host>,
    permits: Arc<Semaphore>,
    mut stopped: watch::Receiver<Running>,
) {
    loop {
        let next = async {
            let permit = Arc::clone(&permits).acquire_owned().await;
            (permit.expect("the semaphore is never closed"), listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            _ = stopped.wait_for(|running| *running == Running::No) => return,
            next = next => next,
        };
        let Ok((stream, _)) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let host = Arc::clone(&host);
        tokio::spawn(async move {
            // A client that goes away is no fault.
            let _served = serve(stream, &host).await;
            drop(permit);
        });
    }
}

/// What is needed of a request.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    method: Method,
    path: String,
    body_bytes: u64,
    connection: Connection,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Head,
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Connection {
    KeepAlive,
    Close,
}

async fn serve(mut stream: TcpStream, host: &Host) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut unread = Vec::new();
    while let Some(head) = read_head(&mut stream, &mut unread).await? {
        let Some(request) = parse(&head) else {
            let bad = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            return stream.write_all(bad).await;
        };
        skip_body(&mut stream, &mut unread, request.body_bytes).await?;
        match host.answer(&request.path, Instant::now()) {
            Reply::Page(page, delay) => {
                if !delay.is_zero() {
                    sleep(delay).await;
                }
                stream.write_all(&response(&page, &request)).await?;
            }
            Reply::Raw(bytes) => return stream.write_all(bytes).await,
            Reply::Reset => return stream.set_zero_linger(),
            Reply::Silence => return wait_for_end(&mut stream).await,
        }
        if request.connection == Connection::Close {
            break;
        }
    }
    Ok(())
}

/// Reads up to the empty line; `None` if the client has ended or idles. What was read beyond it
/// stays in `unread`.
async fn read_head(stream: &mut TcpStream, unread: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    loop {
        if let Some(at) = unread.windows(4).position(|window| window == b"\r\n\r\n") {
            let rest = unread.split_off(at + 4);
            return Ok(Some(std::mem::replace(unread, rest)));
        }
        if unread.len() > HEAD_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        match timeout(IDLE_MAX, stream.read_buf(unread)).await {
            Ok(Ok(0)) | Err(_) => return Ok(None),
            Ok(read) => drop(read?),
        }
    }
}

/// Reads a request; `None` if it is none.
fn parse(head: &[u8]) -> Option<Request> {
    let head = std::str::from_utf8(head).ok()?;
    let mut lines = head.split("\r\n");
    let mut line = lines.next()?.split(' ');
    let (method, target, version) = (line.next()?, line.next()?, line.next()?);
    if !target.starts_with('/') || !version.starts_with("HTTP/1.") {
        return None;
    }
    let header = |wanted: &str| {
        let mut fields = lines.clone().filter_map(|line| line.split_once(':'));
        fields.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
    };
    let body_bytes = header("content-length").map_or(Some(0), |value| value.parse().ok())?;
    // Chunked bodies are not read: nothing of the demo sends one.
    if body_bytes > BODY_BYTES_MAX || header("transfer-encoding").is_some() {
        return None;
    }
    let closes = header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    Some(Request {
        method: if method == "HEAD" { Method::Head } else { Method::Other },
        path: target.split('?').next().unwrap_or(target).to_owned(),
        body_bytes,
        connection: match version {
            "HTTP/1.1" if !closes => Connection::KeepAlive,
            _ => Connection::Close,
        },
    })
}

async fn skip_body(stream: &mut TcpStream, unread: &mut Vec<u8>, bytes: u64) -> io::Result<()> {
    let held = unread.len().min(usize::try_from(bytes).unwrap_or(usize::MAX));
    unread.drain(..held);
    let mut rest = stream.take(bytes - held as u64);
    timeout(IDLE_MAX, tokio::io::copy(&mut rest, &mut tokio::io::sink())).await??;
    Ok(())
}

fn response(page: &Page, request: &Request) -> Vec<u8> {
    let Page { status, content_type, header, body } = page;
    let mut head = format!(
        "HTTP/1.1 {status} {}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n",
        reason(*status),
        body.len()
    );
    if let Some((name, value)) = header {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if request.connection == Connection::Close {
        head.push_str("connection: close\r\n");
    }
    head.push_str("\r\n");
    if request.method != Method::Head {
        head.push_str(body);
    }
    head.into_bytes()
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        301 => "Moved Permanently",
        302 => "Found",
        404 => "Not Found",
        410 => "Gone",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        _ => "",
    }
}

/// Says nothing until the client gives up.
async fn wait_for_end(stream: &mut TcpStream) -> io::Result<()> {
    let mut sink = tokio::io::sink();
    let waited = timeout(IDLE_MAX, tokio::io::copy(stream, &mut sink)).await;
    waited.map_or(Ok(()), |copied| copied.map(drop))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests() {
        let request = |path: &str, body_bytes, connection| {
            Some(Request { method: Method::Other, path: path.to_owned(), body_bytes, connection })
        };
        let head = Request {
            method: Method::Head,
            path: "/a".to_owned(),
            body_bytes: 0,
            connection: Connection::KeepAlive,
        };
        let cases = [
            ("HEAD /a HTTP/1.1\r\n\r\n", Some(head)),
            ("GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n", request("/a", 0, Connection::KeepAlive)),
            ("GET / HTTP/1.0\r\n\r\n", request("/", 0, Connection::Close)),
            (
                "POST /a HTTP/1.1\r\nCONTENT-LENGTH: 12\r\nconnection: Close\r\n\r\n",
                request("/a", 12, Connection::Close),
            ),
            ("POST /a HTTP/1.1\r\ncontent-length: 9999999\r\n\r\n", None),
            ("POST /a HTTP/1.1\r\ncontent-length: x\r\n\r\n", None),
            ("POST /a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n", None),
            ("GET http://a/ HTTP/1.1\r\n\r\n", None),
            ("GET /\r\n\r\n", None),
            ("\r\n\r\n", None),
        ];
        for (head, expected) in cases {
            assert_eq!(parse(head.as_bytes()), expected, "{head}");
        }
    }
}
