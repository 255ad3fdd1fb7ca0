//! HTTP and SOCKS5 proxies that count who used them and for what.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::background::{Background, Prepared};
use crate::server::listen;

/// Bytes of a request's head that a proxy reads.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// A running proxy; dropping it closes its tunnels.
#[derive(Debug)]
pub struct Proxy {
    addr: SocketAddr,
    uses: Arc<Mutex<Vec<ProxyUse>>>,
    _background: Background,
}

/// How a proxy is set up.
#[derive(Clone, Debug, Default)]
pub struct ProxyOptions {
    /// The user and password it wants.
    pub login: Option<(String, String)>,
    /// Names (without port) that only this proxy knows, and where they lead.
    pub names: HashMap<String, SocketAddr>,
    /// Refuses every tunnel and request: 502 over HTTP, `general failure` over SOCKS5.
    pub refuses: Option<Refusal>,
}

/// That a proxy refuses what it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal;

/// One tunnel or forwarded request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyUse {
    /// How it was asked for.
    pub kind: ProxyKind,
    /// `host:port` for a tunnel, the whole URL for a forwarded request.
    pub target: String,
    /// The user who logged in.
    pub user: Option<String>,
}

/// How a proxy was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyKind {
    /// `CONNECT host:port`.
    Connect,
    /// A request with a whole URL.
    Forward,
    /// SOCKS5 with a name, resolved by the proxy.
    SocksName,
    /// SOCKS5 with an address.
    SocksAddr,
}

impl Proxy {
    /// An HTTP proxy: CONNECT, and requests with a whole URL (one for each connection).
    pub fn http(options: ProxyOptions) -> Self {
        Self::start(options, |shared, stream| async move { serve_http(shared, stream).await })
    }

    /// A SOCKS5 proxy (RFC 1928, RFC 1929).
    pub fn socks5(options: ProxyOptions) -> Self {
        Self::start(options, |shared, stream| async move { serve_socks(shared, stream).await })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What it was used for, in order; refused uses are among them, failed logins not.
    pub fn uses(&self) -> Vec<ProxyUse> {
        lock(&self.uses).clone()
    }

    fn start<F>(
        options: ProxyOptions,
        serve: impl Fn(Shared, TcpStream) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let prepared = Prepared::new();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener: TcpListener = prepared.within(|| listen(any));
        let addr = listener.local_addr().expect("a bound address");
        let uses = Arc::new(Mutex::new(Vec::new()));
        let shared = Shared { options: Arc::new(options), uses: Arc::clone(&uses) };
        let main = async move {
            while let Ok((stream, _)) = listener.accept().await {
                let served = serve(shared.clone(), stream);
                // Either side may leave at any moment.
                tokio::spawn(async move { drop(served.await) });
            }
        };
        Self { addr, uses, _background: prepared.run("testkit-proxy", main) }
    }
}

#[derive(Clone, Debug)]
struct Shared {
    options: Arc<ProxyOptions>,
    uses: Arc<Mutex<Vec<ProxyUse>>>,
}

impl Shared {
    fn note(&self, kind: ProxyKind, target: &str) {
        let user = self.options.login.as_ref().map(|(user, _)| user.clone());
        lock(&self.uses).push(ProxyUse { kind, target: target.to_owned(), user });
    }

    async fn dial(&self, host_port: &str) -> io::Result<TcpStream> {
        if self.options.refuses.is_some() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let host = host_port.rsplit_once(':').map_or(host_port, |(host, _)| host);
        match self.options.names.get(host) {
            Some(addr) => TcpStream::connect(addr).await,
            None => TcpStream::connect(host_port).await,
        }
    }
}

async fn serve_http(shared: Shared, mut client: TcpStream) -> io::Result<()> {
    let (head, rest) = read_head(&mut client).await?;
    let login = shared.options.login.as_ref().map(|(user, password)| {
        format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
    });
    let is_login = |line: &&str| line.to_ascii_lowercase().starts_with("proxy-authorization:");
    let given = head.lines().find(is_login).and_then(|line| line.split_once(':'));
    if login.is_some() && login.as_deref() != given.map(|(_, value)| value.trim()) {
        let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\n\
            Proxy-Authenticate: Basic realm=\"testkit\"\r\nContent-Length: 0\r\n\r\n";
        return client.write_all(refusal.as_bytes()).await;
    }
    let mut words = head.lines().next().unwrap_or_default().split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let kind = if method == "CONNECT" { ProxyKind::Connect } else { ProxyKind::Forward };
    shared.note(kind, target);
    let (authority, path) = split_target(target);
    let Ok(mut upstream) = shared.dial(&authority).await else {
        let refusal = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n";
        return client.write_all(refusal).await;
    };
    if kind == ProxyKind::Connect {
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    } else {
        // One request for each connection: nobody rewrites a second one.
        let mut forwarded = format!("{method} {path} HTTP/1.1\r\n");
        let headers = head.lines().skip(1).filter(|line| !line.is_empty());
        for line in headers.filter(|line| !line.to_ascii_lowercase().starts_with("proxy-")) {
            forwarded.extend([line, "\r\n"]);
        }
        forwarded.push_str("Connection: close\r\n\r\n");
        upstream.write_all(forwarded.as_bytes()).await?;
    }
    upstream.write_all(&rest).await?;
    copy_bidirectional(&mut client, &mut upstream).await.map(drop)
}

/// Reads up to the empty line; what came after it is returned beside it.
async fn read_head(client: &mut TcpStream) -> io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(end) = end {
            let rest = bytes.split_off(end + 4);
            return Ok((String::from_utf8_lossy(&bytes).into_owned(), rest));
        }
        if bytes.len() > HEAD_BYTES_MAX || client.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// `http://host/path` as (`host:80`, `/path`); `host:port` as it is.
fn split_target(target: &str) -> (String, &str) {
    let Some(url) = target.strip_prefix("http://") else { return (target.to_owned(), "/") };
    let at = url.find('/').unwrap_or(url.len());
    let (authority, path) = url.split_at(at);
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let authority = if has_port { authority.to_owned() } else { format!("{authority}:80") };
    (authority, if path.is_empty() { "/" } else { path })
}

async fn serve_socks(shared: Shared, mut client: TcpStream) -> io::Result<()> {
    let [_version, methods] = read(&mut client).await?;
    let mut offered = vec![0; usize::from(methods)];
    client.read_exact(&mut offered).await?;
    let wanted = if shared.options.login.is_some() { 2 } else { 0 };
    if !offered.contains(&wanted) {
        return client.write_all(&[5, 0xff]).await;
    }
    client.write_all(&[5, wanted]).await?;
    if let Some((user, password)) = &shared.options.login {
        let [_version] = read(&mut client).await?;
        let given = (read_text(&mut client).await?, read_text(&mut client).await?);
        if given != (user.clone(), password.clone()) {
            return client.write_all(&[1, 1]).await;
        }
        client.write_all(&[1, 0]).await?;
    }
    let [_version, _command, _reserved, kind] = read(&mut client).await?;
    let host = match kind {
        1 => Ipv4Addr::from(read::<4>(&mut client).await?).to_string(),
        4 => format!("[{}]", Ipv6Addr::from(read::<16>(&mut client).await?)),
        _ => read_text(&mut client).await?,
    };
    let target = format!("{host}:{}", client.read_u16().await?);
    shared.note(if kind == 3 { ProxyKind::SocksName } else { ProxyKind::SocksAddr }, &target);
    let bound = [0, 1, 0, 0, 0, 0, 0, 0];
    let Ok(mut upstream) = shared.dial(&target).await else {
        return client.write_all(&[&[5, 1], &bound[..]].concat()).await;
    };
    client.write_all(&[&[5, 0], &bound[..]].concat()).await?;
    copy_bidirectional(&mut client, &mut upstream).await.map(drop)
}

async fn read<const N: usize>(client: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    client.read_exact(&mut bytes).await?;
    Ok(bytes)
}

/// A text behind its length in one byte.
async fn read_text(client: &mut TcpStream) -> io::Result<String> {
    let mut bytes = vec![0; usize::from(client.read_u8().await?)];
    client.read_exact(&mut bytes).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
