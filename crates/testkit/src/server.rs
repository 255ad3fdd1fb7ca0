//! The HTTP server: listeners, what they count, and its end.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::io::DuplexStream;
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use crate::answer::{Delivery, Reply, answer};
use crate::background::{Background, Prepared};
use crate::http1::Wire;
use crate::limits::Limits;
use crate::request::Request;
use crate::site::Site;
use crate::tls::Tls;
use crate::{http1, http2};

/// Connections that may wait to be accepted; the kernel cuts it to `somaxconn`.
const BACKLOG: u32 = 16_384;
/// What one end of a pipe in memory holds that the other has not read.
const PIPE_BYTES: usize = 64 * 1024;
/// How often a reply that waits for a crowd looks whether it is there.
const CROWD_POLL: Duration = Duration::from_millis(5);
/// How long a reply waits for a crowd at most.
const CROWD_WAIT_MAX: Duration = Duration::from_secs(30);

/// A running server over real sockets; dropping it closes everything.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    addrs: Vec<SocketAddr>,
    _background: Background,
}

/// What a server has seen since it started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Requests whose head and body arrived.
    pub hits: u64,
    /// Replies chosen, by status; silence and replies that are no HTTP are not among them.
    pub statuses: BTreeMap<u16, u64>,
    /// Requests that have arrived and are neither answered nor abandoned.
    pub in_flight: u64,
    /// The most requests in flight at one moment.
    pub in_flight_max: u64,
    /// Connections accepted.
    pub connections: u64,
    /// Connections on which no TLS session came about.
    pub handshakes_failed: u64,
    /// Connections open now.
    pub connections_open: u64,
    /// The most connections open at one moment.
    pub connections_open_max: u64,
}

/// What one host of a server has seen since it started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostStats {
    /// Requests whose head and body arrived.
    pub hits: u64,
    /// The most requests in flight at one moment.
    pub in_flight_max: u64,
    /// When the first request arrived.
    pub first_at: Option<SystemTime>,
    /// When the latest request arrived.
    pub last_at: Option<SystemTime>,
    /// When the first request was answered or abandoned.
    pub first_done_at: Option<SystemTime>,
    /// When the latest request was answered or abandoned.
    pub last_done_at: Option<SystemTime>,
}

impl Stats {
    /// How often `status` was answered.
    pub fn status(&self, status: u16) -> u64 {
        self.statuses.get(&status).copied().unwrap_or(0)
    }
}

impl Server {
    /// Starts a server for `site`.
    ///
    /// # Panics
    /// If an address of the site cannot be bound.
    pub fn start(site: Site) -> Self {
        let prepared = Prepared::new();
        let listeners = prepared.within(|| site.hosts.iter().map(|addr| listen(*addr)).collect());
        let listeners: Vec<TcpListener> = listeners;
        let addr = |listener: &TcpListener| listener.local_addr().expect("a bound address");
        let addrs = listeners.iter().map(addr).collect();
        let shared = Arc::new(Shared::new(site));
        let main = accept_all(listeners, Arc::clone(&shared));
        Self { shared, addrs, _background: prepared.run("testkit-http", main) }
    }

    /// The address of the first host.
    pub fn addr(&self) -> SocketAddr {
        self.addrs[0]
    }

    /// The addresses of all hosts, in the order of [`Site::hosts`].
    pub fn addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// The URL of a path on the first host.
    pub fn url(&self, path: &str) -> String {
        self.url_on(0, path)
    }

    /// The URL of a path on the host with this index.
    pub fn url_on(&self, host_index: usize, path: &str) -> String {
        let scheme = if self.shared.site.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.addrs[host_index])
    }

    /// Connects to a host of this server without a socket, by its address: the other end of the pipe
    /// is served by a task of the caller's runtime.
    pub fn in_memory(&self) -> impl Fn(SocketAddr) -> io::Result<DuplexStream> + use<> {
        let (shared, addrs) = (Arc::clone(&self.shared), self.addrs.clone());
        move |addr| {
            let host_index = addrs.iter().position(|known| *known == addr);
            let host_index = host_index.ok_or(io::ErrorKind::ConnectionRefused)?;
            let (near, far) = tokio::io::duplex(PIPE_BYTES);
            tokio::spawn(serve(far, addr, host_index, Arc::clone(&shared)));
            Ok(near)
        }
    }

    /// All counters at one moment.
    pub fn stats(&self) -> Stats {
        self.shared.lock().stats.clone()
    }

    /// Requests received on all hosts.
    pub fn hits(&self) -> u64 {
        self.shared.lock().stats.hits
    }

    /// The most requests in flight at one moment, over all hosts.
    pub fn in_flight_max(&self) -> u64 {
        self.shared.lock().stats.in_flight_max
    }

    /// The counters of each host, in the order of [`Site::hosts`].
    pub fn host_stats(&self) -> Vec<HostStats> {
        let stats = |host: &Host| HostStats {
            hits: host.hits,
            in_flight_max: host.in_flight_max,
            first_at: host.first_at,
            last_at: host.last_at,
            first_done_at: host.first_done_at,
            last_done_at: host.last_done_at,
        };
        self.shared.lock().hosts.iter().map(stats).collect()
    }

    /// Answers whoever waits for a crowd, from now on.
    pub fn let_go(&self) {
        self.shared.lock().lets_go = true;
    }

    /// Connections accepted on all hosts.
    pub fn connections(&self) -> u64 {
        self.shared.lock().stats.connections
    }

    /// The first requests, up to [`Site::log_requests_max`], in the order they arrived.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.lock().requests.clone()
    }
}

/// What the connections of a server share.
#[derive(Debug)]
pub(crate) struct Shared {
    site: Site,
    started_at: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    stats: Stats,
    hosts: Vec<Host>,
    requests: Vec<Request>,
    /// Whether no reply waits for a crowd any more.
    lets_go: bool,
}

#[derive(Debug)]
struct Host {
    limits: Limits,
    hits: u64,
    in_flight: u64,
    in_flight_max: u64,
    first_at: Option<SystemTime>,
    last_at: Option<SystemTime>,
    first_done_at: Option<SystemTime>,
    last_done_at: Option<SystemTime>,
}

/// Who is at the other end of a connection, and where it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    host_index: usize,
    connection: u64,
    addr: SocketAddr,
}

impl Peer {
    /// A request that says where it came from and nothing else yet.
    pub(crate) fn request(&self) -> Request {
        Request {
            host_index: self.host_index,
            connection: self.connection,
            peer: Some(self.addr),
            ..Request::default()
        }
    }
}

impl Shared {
    fn new(site: Site) -> Self {
        let now = Instant::now();
        let host = |_| Host {
            limits: Limits::new(&site, now),
            hits: 0,
            in_flight: 0,
            in_flight_max: 0,
            first_at: None,
            last_at: None,
            first_done_at: None,
            last_done_at: None,
        };
        let hosts = site.hosts.iter().map(host).collect();
        let state = State { stats: Stats::default(), hosts, requests: Vec::new(), lets_go: false };
        Self { started_at: now, state: Mutex::new(state), site }
    }

    /// Counts and logs a request, and chooses its reply. It is in flight until the guard is dropped.
    pub(crate) fn admit(self: &Arc<Self>, mut request: Request) -> (Reply, InFlight) {
        let now = Instant::now();
        request.at = now.duration_since(self.started_at);
        let host_index = request.host_index;
        let mut state = self.lock();
        let State { stats, hosts, requests, .. } = &mut *state;
        let host = &mut hosts[host_index];
        let reply = answer(&request, &self.site, &mut host.limits, now);
        stats.hits += 1;
        stats.in_flight += 1;
        stats.in_flight_max = stats.in_flight_max.max(stats.in_flight);
        host.hits += 1;
        host.last_at = Some(SystemTime::now());
        host.first_at = host.first_at.or(host.last_at);
        host.in_flight += 1;
        host.in_flight_max = host.in_flight_max.max(host.in_flight);
        if !matches!(reply.delivery, Delivery::Silent | Delivery::Raw(_)) {
            *stats.statuses.entry(reply.status).or_default() += 1;
        }
        if requests.len() < self.site.log_requests_max {
            requests.push(request);
        }
        (reply, InFlight { shared: Arc::clone(self), host_index })
    }

    fn connect(self: &Arc<Self>) -> (u64, Open) {
        let stats = &mut self.lock().stats;
        stats.connections += 1;
        stats.connections_open += 1;
        stats.connections_open_max = stats.connections_open_max.max(stats.connections_open);
        (stats.connections, Open(Arc::clone(self)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is not answered yet.
#[derive(Debug)]
pub(crate) struct InFlight {
    shared: Arc<Shared>,
    host_index: usize,
}

impl InFlight {
    /// Returns when `reply` may go out.
    pub(crate) async fn turn(&self, reply: &Reply) {
        if reply.crowd > 0 {
            let is_there = || {
                let state = self.shared.lock();
                state.lets_go || state.stats.in_flight_max >= reply.crowd
            };
            let crowd = async {
                while !is_there() {
                    tokio::time::sleep(CROWD_POLL).await;
                }
            };
            // Whoever waits in vain is answered: what was to be shown is then seen to be missing.
            drop(tokio::time::timeout(CROWD_WAIT_MAX, crowd).await);
        }
        if !reply.wait.is_zero() {
            tokio::time::sleep(reply.wait).await;
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.stats.in_flight -= 1;
        let host = &mut state.hosts[self.host_index];
        host.in_flight -= 1;
        host.last_done_at = Some(SystemTime::now());
        host.first_done_at = host.first_done_at.or(host.last_done_at);
    }
}

/// A connection that is open.
struct Open(Arc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.lock().stats.connections_open -= 1;
    }
}

pub(crate) fn listen(addr: SocketAddr) -> TcpListener {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let bind = |socket: TcpSocket| {
        socket.set_reuseaddr(true)?;
        socket.bind(addr)?;
        socket.listen(BACKLOG)
    };
    socket.and_then(bind).unwrap_or_else(|error| panic!("cannot listen on {addr}: {error}"))
}

async fn accept_all(listeners: Vec<TcpListener>, shared: Arc<Shared>) {
    for (host_index, listener) in listeners.into_iter().enumerate() {
        tokio::spawn(accept(listener, host_index, Arc::clone(&shared)));
    }
    std::future::pending().await
}

async fn accept(listener: TcpListener, host_index: usize, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, addr)) => {
                let shared = Arc::clone(&shared);
                // It fails only on a connection that is already gone.
                drop(stream.set_nodelay(true));
                tokio::spawn(serve(stream, addr, host_index, shared));
            }
            // Out of descriptors, most likely: let some connections end first.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn serve<S: Wire>(stream: S, addr: SocketAddr, host_index: usize, shared: Arc<Shared>) {
    let (connection, _open) = shared.connect();
    let peer = Peer { host_index, connection, addr };
    let Some(Tls(config)) = shared.site.tls.clone() else {
        return http1::serve(stream, peer, shared).await;
    };
    match TlsAcceptor::from(config).accept(stream).await {
        Ok(stream) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
            if connection <= shared.site.http2_turned_away {
                // The client may leave at any moment.
                drop(http2::turn_away(stream).await);
            } else {
                http2::serve(stream, peer, shared).await;
            }
        }
        Ok(stream) => http1::serve(stream, peer, shared).await,
        Err(_) => shared.lock().stats.handshakes_failed += 1,
    }
}
