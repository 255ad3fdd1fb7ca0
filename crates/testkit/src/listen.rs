//! Addresses at which nobody answers, each in its own way.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};

use crate::background::{Background, Prepared};
use crate::server::listen;

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Accepts connections, holds them, and neither reads nor writes.
#[derive(Debug)]
pub struct Mute {
    addr: SocketAddr,
    connections: Arc<AtomicU64>,
    _background: Background,
}

impl Mute {
    /// Listens on a free port of 127.0.0.1.
    pub fn start() -> Self {
        Self::start_on(ANY_PORT)
    }

    /// Listens on `addr`.
    pub fn start_on(addr: SocketAddr) -> Self {
        let prepared = Prepared::new();
        let listener = prepared.within(|| listen(addr));
        let addr = listener.local_addr().expect("a bound address");
        let connections = Arc::new(AtomicU64::new(0));
        let main = hold_all(listener, Arc::clone(&connections));
        Self { addr, connections, _background: prepared.run("testkit-mute", main) }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Connections accepted.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }
}

async fn hold_all(listener: TcpListener, connections: Arc<AtomicU64>) {
    let mut held = Vec::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.fetch_add(1, Ordering::Relaxed);
        held.push(stream);
    }
}

/// Never accepts and has a full backlog, so that a SYN gets no answer: a connect hangs.
#[derive(Debug)]
pub struct Unreachable {
    addr: SocketAddr,
    _listener: TcpListener,
    _fillers: Vec<TcpStream>,
    _background: Background,
}

impl Unreachable {
    /// Listens on a free port of 127.0.0.1 and fills the backlog.
    ///
    /// # Panics
    /// If the backlog cannot be filled.
    pub fn start() -> Self {
        Self::start_on(ANY_PORT)
    }

    /// The same at this address.
    ///
    /// # Panics
    /// If it is taken, or the backlog cannot be filled.
    pub fn start_on(addr: SocketAddr) -> Self {
        let prepared = Prepared::new();
        let listener = prepared.within(|| {
            let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
            let socket = socket.expect("descriptors are left");
            socket.bind(addr).expect("a free port");
            socket.listen(0).expect("a bound socket can listen")
        });
        let addr = listener.local_addr().expect("a bound address");
        let mut fillers = Vec::new();
        while let Ok(filler) = TcpStream::connect_timeout(&addr, Duration::from_millis(200)) {
            fillers.push(filler);
            assert!(fillers.len() < 1000, "the backlog does not fill");
        }
        let background = prepared.run("testkit-unreachable", std::future::pending());
        Self { addr, _listener: listener, _fillers: fillers, _background: background }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

/// A port that is taken and on which nobody listens, so that a connect is refused.
#[derive(Debug)]
pub struct Refusing {
    addr: SocketAddr,
    _socket: TcpSocket,
}

impl Refusing {
    /// Takes a free port of 127.0.0.1.
    pub fn start() -> Self {
        let socket = TcpSocket::new_v4().expect("descriptors are left");
        socket.bind(ANY_PORT).expect("a free port");
        let addr = socket.local_addr().expect("a bound address");
        Self { addr, _socket: socket }
    }

    /// The address that refuses.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}
