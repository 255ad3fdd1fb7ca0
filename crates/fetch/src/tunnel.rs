//! A proxy's consent: CONNECT (RFC 9110 section 9.3.6) and SOCKS 5 (RFC 1928, RFC 1929).

use std::io;
use std::net::IpAddr;

use http::HeaderValue;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::proxy::Credentials;

/// The longest answer to CONNECT that is read.
const ANSWER_BYTES_MAX: usize = 16 << 10;

/// The version byte of SOCKS 5.
const VERSION: u8 = 5;

/// Why a proxy gave no tunnel, as a sentence's end: "the proxy p ...".
pub(crate) type Refusal = String;

/// Asks an HTTP proxy for a tunnel to `authority` (`host:port`).
pub(crate) async fn connect<S>(
    stream: &mut S,
    authority: &str,
    authorization: Option<&HeaderValue>,
) -> Result<(), Refusal>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n").into_bytes();
    if let Some(value) = authorization {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(value.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    stream.write_all(&request).await.map_err(|error| broken(&error))?;
    let head = read_head(stream).await?;
    let status = status_of(&head).ok_or("gave no HTTP answer to CONNECT")?;
    match status {
        200..=299 => Ok(()),
        407 if authorization.is_some() => Err("answered 407: it refuses the credentials".into()),
        407 => Err("answered 407: it wants credentials".into()),
        status => Err(format!("answered {status} to CONNECT {authority}")),
    }
}

/// Reads up to the empty line that ends a head. Nothing may follow it: who speaks first in a
/// tunnel is us.
async fn read_head<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Vec<u8>, Refusal> {
    let mut head = Vec::with_capacity(512);
    loop {
        let count = stream.read_buf(&mut head).await.map_err(|error| broken(&error))?;
        if let Some(end) = head.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let is_refusal = !matches!(status_of(&head), Some(200..=299));
            if end + 4 < head.len() && !is_refusal {
                return Err("sent data before the tunnel was used".into());
            }
            return Ok(head);
        }
        if count == 0 {
            return Err("closed the connection instead of answering CONNECT".into());
        }
        if head.len() > ANSWER_BYTES_MAX {
            return Err("gave too long an answer to CONNECT".into());
        }
    }
}

/// The status in `HTTP/1.x NNN`.
fn status_of(head: &[u8]) -> Option<u16> {
    let rest = head.strip_prefix(b"HTTP/1.")?.get(1..)?.strip_prefix(b" ")?;
    let digits = rest.get(..3).filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Where SOCKS is asked to connect to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Destination<'a> {
    /// A name that the proxy resolves.
    Name(&'a str),
    /// An address.
    Address(IpAddr),
}

/// Asks a SOCKS 5 proxy for a tunnel.
pub(crate) async fn socks5<S>(
    stream: &mut S,
    destination: Destination<'_>,
    port: u16,
    credentials: Option<&Credentials>,
) -> Result<(), Refusal>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    const NO_AUTH: u8 = 0;
    const PASSWORD: u8 = 2;
    const CONNECT: u8 = 1;
    let greeting: &[u8] = match credentials {
        None => &[VERSION, 1, NO_AUTH],
        Some(_) => &[VERSION, 2, NO_AUTH, PASSWORD],
    };
    let method = exchange(stream, greeting).await?;
    match (method, credentials) {
        ([VERSION, NO_AUTH], _) => {}
        ([VERSION, PASSWORD], Some(credentials)) => authenticate(stream, credentials).await?,
        ([VERSION, _], None) => return Err("wants credentials".into()),
        ([VERSION, _], Some(_)) => return Err("takes no user and password".into()),
        _ => return Err("does not speak SOCKS 5".into()),
    }
    let mut request = vec![VERSION, CONNECT, 0];
    match destination {
        Destination::Address(IpAddr::V4(address)) => {
            request.push(1);
            request.extend_from_slice(&address.octets());
        }
        Destination::Address(IpAddr::V6(address)) => {
            request.push(4);
            request.extend_from_slice(&address.octets());
        }
        Destination::Name(name) => {
            let length = u8::try_from(name.len())
                .map_err(|_| "cannot be asked for a name of more than 255 bytes")?;
            request.extend_from_slice(&[3, length]);
            request.extend_from_slice(name.as_bytes());
        }
    }
    request.extend_from_slice(&port.to_be_bytes());
    stream.write_all(&request).await.map_err(|error| broken(&error))?;
    read_socks_reply(stream).await
}

/// RFC 1929.
async fn authenticate<S>(stream: &mut S, credentials: &Credentials) -> Result<(), Refusal>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut request = vec![1];
    for part in [&credentials.user, &credentials.password] {
        request.push(u8::try_from(part.len()).expect("lengths were checked when parsed"));
        request.extend_from_slice(part);
    }
    match exchange(stream, &request).await? {
        [_, 0] => Ok(()),
        _ => Err("refuses the credentials".into()),
    }
}

async fn exchange<S>(stream: &mut S, request: &[u8]) -> Result<[u8; 2], Refusal>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    stream.write_all(request).await.map_err(|error| broken(&error))?;
    let mut reply = [0; 2];
    stream.read_exact(&mut reply).await.map_err(|error| broken(&error))?;
    Ok(reply)
}

/// RFC 1928 section 6; the address it names is read and not used.
async fn read_socks_reply<S: AsyncRead + Unpin>(stream: &mut S) -> Result<(), Refusal> {
    let mut start = [0; 5];
    stream.read_exact(&mut start[..4]).await.map_err(|error| broken(&error))?;
    if start[0] != VERSION {
        return Err("gave a reply that is not SOCKS 5".into());
    }
    let why = match start[1] {
        0 => "",
        1 => "had a general failure",
        2 => "does not allow this connection",
        3 => "found the network unreachable",
        4 => "found the host unreachable",
        5 => "was refused the connection",
        6 => "ran out of hops to the host",
        7 => "does not know the CONNECT command",
        8 => "does not know this kind of address",
        _ => "failed for a reason it does not name",
    };
    if !why.is_empty() {
        return Err(format!("{why} (SOCKS reply {})", start[1]));
    }
    let address_bytes = match start[3] {
        1 => 4,
        4 => 16,
        3 => {
            stream.read_exact(&mut start[4..]).await.map_err(|error| broken(&error))?;
            usize::from(start[4])
        }
        _ => return Err("gave a reply that is not SOCKS 5".into()),
    };
    let mut rest = [0; 255 + 2];
    stream.read_exact(&mut rest[..address_bytes + 2]).await.map_err(|error| broken(&error))?;
    Ok(())
}

fn broken(error: &io::Error) -> Refusal {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "closed the connection".to_owned(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            "reset the connection".to_owned()
        }
        _ => format!("failed: {error}"),
    }
}
