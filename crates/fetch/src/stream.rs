//! The byte stream that HTTP is spoken over: plain, over TLS, or TLS through a TLS proxy.

use tokio::io::DuplexStream;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::transport::{Socket, delegate_io};

/// A connection to a server or a proxy. Nagle's delay is off.
#[derive(Debug)]
pub enum Stream {
    /// TCP alone.
    Plain(TcpStream),
    /// A pipe in memory alone.
    Memory(DuplexStream),
    /// TLS over either.
    Tls(Box<TlsStream<Socket>>),
    /// TLS to the server within TLS to the proxy.
    TlsInTls(Box<TlsStream<TlsStream<Socket>>>),
}

delegate_io!(Stream: Plain, Memory, Tls, TlsInTls);
