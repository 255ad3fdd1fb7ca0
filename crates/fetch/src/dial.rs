//! Stand-in until the real dialler is merged: plain TCP to an address literal or a system name.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use gather_core::attempt::TlsInfo;
use gather_core::{ErrorKind, Failure, HostKey};
use http::HeaderValue;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::options::{HttpChoice, NetOptions, OptionsError};
use crate::progress::{Phase, Progress};

/// TLS settings shared between shards.
#[derive(Debug, Default)]
pub struct TlsConfigs;

/// Opens connections.
#[derive(Debug)]
pub struct Dialer {
    options: NetOptions,
}

/// The protocol a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

/// What a plain HTTP proxy wants to see.
#[derive(Clone)]
pub struct ProxyHeader {
    /// `Proxy-Authorization`.
    pub authorization: Option<HeaderValue>,
}

/// How long the parts of a dial took, from its start; zero if absent.
#[derive(Clone, Copy, Debug, Default)]
pub struct DialTimings {
    /// Until the name was resolved.
    pub namelookup: Duration,
    /// Until TCP stood.
    pub connect: Duration,
    /// Until TLS stood.
    pub appconnect: Duration,
}

/// A connection that stands.
pub struct Connected {
    /// The bytes.
    pub stream: Stream,
    /// What to speak on it.
    pub protocol: Protocol,
    /// The address dialled.
    pub remote_ip: IpAddr,
    /// What TLS agreed on.
    pub tls: Option<Arc<TlsInfo>>,
    /// Set when requests go through a plain HTTP proxy in absolute form.
    pub forward_proxy: Option<ProxyHeader>,
    /// How long it took.
    pub timings: DialTimings,
}

/// Why there is no connection.
#[derive(Clone, Debug)]
pub enum DialError {
    /// The other side's doing: the try failed.
    Failure(Failure),
    /// Ours: the same dial may succeed when something is free again.
    Local(LocalShortage),
}

impl From<Failure> for DialError {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// What this machine ran out of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalShortage {
    /// File descriptors, or memory for sockets.
    Descriptors,
    /// Local ports.
    Ports,
}

/// A connection's bytes.
#[derive(Debug)]
pub enum Stream {
    /// TCP.
    Plain(TcpStream),
}

impl Dialer {
    /// A dialler with these options.
    ///
    /// # Errors
    /// Never, for now.
    pub fn new(options: &NetOptions, _tls: Arc<TlsConfigs>) -> Result<Self, OptionsError> {
        Ok(Self { options: options.clone() })
    }

    /// Whether `resolve` would have to ask a name server.
    pub fn needs_lookup(&self, host: &HostKey) -> bool {
        host.host().trim_matches(['[', ']']).parse::<IpAddr>().is_err()
    }

    /// Resolves and caches.
    ///
    /// # Errors
    /// When the name cannot be resolved.
    pub async fn resolve(&self, _host: &HostKey) -> Result<Duration, Failure> {
        Ok(Duration::ZERO)
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// When it does not stand within the connect timeout.
    pub async fn dial(&self, host: &HostKey, progress: &Progress) -> Result<Connected, DialError> {
        let start = Instant::now();
        progress.enter(Phase::Connect);
        let name = host.host().trim_matches(['[', ']']);
        let connect = TcpStream::connect((name, host.port()));
        let stream = match tokio::time::timeout(self.options.connect_timeout, connect).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                let kind = match error.kind() {
                    io::ErrorKind::ConnectionRefused => ErrorKind::ConnectRefused,
                    io::ErrorKind::ConnectionReset => ErrorKind::ConnectReset,
                    _ => ErrorKind::ConnectUnreachable,
                };
                return Err(Failure::new(kind, error.to_string()).into());
            }
            Err(_) => {
                return Err(Failure::new(ErrorKind::TimeoutConnect, "no connection in time").into());
            }
        };
        let lost = |error: io::Error| Failure::new(ErrorKind::ConnectReset, error.to_string());
        stream.set_nodelay(true).map_err(lost)?;
        let remote_ip = stream.peer_addr().map_err(lost)?.ip();
        let protocol = match self.options.http {
            HttpChoice::Http2 => Protocol::Http2,
            _ => Protocol::Http1,
        };
        let took = start.elapsed();
        Ok(Connected {
            stream: Stream::Plain(stream),
            protocol,
            remote_ip,
            tls: None,
            forward_proxy: None,
            timings: DialTimings { namelookup: took, connect: took, appconnect: Duration::ZERO },
        })
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self::Plain(stream) = self.get_mut();
        Pin::new(stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self::Plain(stream) = self.get_mut();
        Pin::new(stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Self::Plain(stream) = self.get_mut();
        Pin::new(stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self::Plain(stream) = self.get_mut();
        Pin::new(stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self::Plain(stream) = self.get_mut();
        Pin::new(stream).poll_shutdown(cx)
    }
}
