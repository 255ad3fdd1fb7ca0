//! One connection, ready for HTTP: name, address, proxy, TLS, each failure with its kind.

use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use gather_core::attempt::{ConnectionInfo, TlsInfo};
use gather_core::{ErrorKind, Failure, HostKey, Scheme};
use rustls::client::ClientConnection;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::client::TlsStream;

use crate::cache::Generations;
use crate::dns::{Addresses, Resolver};
use crate::happy::{self, RaceLost, interleave};
use crate::options::{ConnectTo, Family, HttpChoice, NetOptions, OptionsError, ResolveOverride};
use crate::progress::{Phase, Progress};
use crate::proxy::{Proxies, Proxy, ProxyHeader, ProxyKind};
use crate::stream::Stream;
use crate::tls::{self, Peer, TlsConfigs};
use crate::tunnel::{self, Destination};

/// Connections begun at once in one shard: 10,000 in one burst stop the loop for 200 ms.
const PACE_MAX: usize = 64;
/// A connection that has not been answered for so long waits for the network and costs the loop
/// nothing: it makes room for the next, so that silent hosts hold up no others.
const PACE_HOLD: Duration = Duration::from_millis(10);
/// Half of the certificates whose details are remembered.
const INFOS_HALF_MAX: usize = 512;

/// Makes the connections of one shard. Lives in an `Rc`; nothing in it is locked.
pub struct Dialer {
    overrides: Vec<(ResolveOverride, Option<Addresses>)>,
    connect_to: Vec<ConnectTo>,
    proxies: Proxies,
    family: Family,
    http: HttpChoice,
    connect_timeout: Duration,
    resolver: Resolver,
    tls: Arc<TlsConfigs>,
    pace: Semaphore,
    /// By the hash of the certificate, so that all connections to a host share one.
    infos: RefCell<Generations<u64, Arc<TlsInfo>>>,
    hasher: RandomState,
}

/// A connection that is ready for HTTP.
#[derive(Debug)]
pub struct Connected {
    /// The bytes.
    pub stream: Stream,
    /// What is to be spoken.
    pub protocol: Protocol,
    /// The address dialled: the proxy's, if there is one.
    pub remote_ip: IpAddr,
    /// What TLS agreed on with the server.
    pub tls: Option<Arc<TlsInfo>>,
    /// Plain http through an HTTP proxy: how requests must look.
    pub forward_proxy: Option<ProxyHeader>,
    /// How long it took.
    pub timings: DialTimings,
}

/// The protocol that a connection was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

/// Durations since the dial began, without waiting for its turn; zero for what did not happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DialTimings {
    /// Until the name was resolved.
    pub namelookup: Duration,
    /// Until the TCP connection stood.
    pub connect: Duration,
    /// Until TLS with the server stood.
    pub appconnect: Duration,
}

/// Why there is no connection.
#[derive(Clone, Debug)]
pub enum DialError {
    /// The host's, its name's or the network's fault: the try has failed.
    Failed(Box<DialFailure>),
    /// Our own: the try has not been made, and can be once there is room.
    Local(LocalShortage),
}

/// A dial that failed.
#[derive(Clone, Debug)]
pub struct DialFailure {
    /// Why.
    pub failure: Failure,
    /// The connection as far as it stood; with the certificate, if that was refused.
    pub connection: Option<ConnectionInfo>,
    /// How long the phases took that were passed.
    pub timings: DialTimings,
}

/// What this machine has run out of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalShortage {
    /// File descriptors (EMFILE, ENFILE), or kernel memory for sockets.
    Descriptors,
    /// Local ports (EADDRNOTAVAIL).
    Ports,
}

impl DialError {
    pub(crate) fn failure(kind: ErrorKind, message: impl Into<Box<str>>) -> Self {
        Failure::new(kind, message).into()
    }
}

impl From<Failure> for DialError {
    fn from(failure: Failure) -> Self {
        let timings = DialTimings::default();
        Self::Failed(Box::new(DialFailure { failure, connection: None, timings }))
    }
}

impl Dialer {
    /// A dialer with these options, its TLS shared with the other shards.
    ///
    /// # Errors
    /// A limit of zero.
    pub fn new(options: &NetOptions, tls: Arc<TlsConfigs>) -> Result<Self, OptionsError> {
        if options.dns_concurrency == 0 {
            return Err(OptionsError::new("the number of lookups at once must not be 0"));
        }
        if options.connect_timeout.is_zero() {
            return Err(OptionsError::new("the connect timeout must not be 0"));
        }
        let admitted = |rule: &ResolveOverride| -> Option<Addresses> {
            let list = rule.addresses.iter().copied().filter(|ip| options.family.admits(*ip));
            Some(interleave(list)).filter(|list| !list.is_empty()).map(Into::into)
        };
        Ok(Self {
            overrides: options.resolve.iter().map(|r| (r.clone(), admitted(r))).collect(),
            connect_to: options.connect_to.clone(),
            proxies: options.proxies.clone(),
            family: options.family,
            http: options.http,
            connect_timeout: options.connect_timeout,
            resolver: Resolver::new(options),
            tls,
            pace: Semaphore::new(PACE_MAX),
            infos: RefCell::new(Generations::new(INFOS_HALF_MAX)),
            hasher: RandomState::new(),
        })
    }

    /// Whether [`resolve`](Self::resolve) would have to ask a name server: not for an IP
    /// literal, an override, a name that only the proxy resolves, or one fresh in the cache.
    pub fn needs_lookup(&self, host: &HostKey) -> bool {
        let route = self.route(host);
        route.local_names().any(|(name, port)| self.known(name, port).is_none())
    }

    /// Resolves what a dial to this host needs and remembers it; says how long that took.
    /// Concurrent calls for one name share one lookup.
    ///
    /// # Errors
    /// `dns.not_found`, `dns.temporary`, `timeout.dns`; `connect.unreachable` for an address
    /// that is not of the family asked for; a shortage of descriptors.
    pub async fn resolve(&self, host: &HostKey) -> Result<Duration, DialError> {
        let start = Instant::now();
        let route = self.route(host);
        for (name, port) in route.local_names() {
            self.addresses(name, port).await?;
        }
        Ok(start.elapsed())
    }

    /// Connects to a host, through its proxy if it has one, with TLS if it is https. Takes no
    /// longer than the connect timeout, waiting for its turn not counted.
    ///
    /// # Errors
    /// Any kind of `dns.*`, `connect.*` and `tls.*`, `timeout.dns`, `timeout.connect`,
    /// `timeout.tls`; or a shortage of this machine.
    pub async fn dial(&self, host: &HostKey, progress: &Progress) -> Result<Connected, DialError> {
        let mut dial = Dial {
            clock: Clock::start(self.connect_timeout),
            progress,
            timings: DialTimings::default(),
            remote_ip: None,
        };
        let route = self.route(host);
        dial.run(self, &route).await.map_err(|error| match error {
            DialError::Failed(mut failed) => {
                failed.timings = dial.timings;
                if failed.connection.is_none() {
                    failed.connection = dial.connection(None);
                }
                DialError::Failed(failed)
            }
            local @ DialError::Local(_) => local,
        })
    }

    /// Where the connections for a host lead.
    fn route<'a>(&'a self, host: &'a HostKey) -> Route<'a> {
        let (name, port) = (host.host(), host.port());
        let rule = self.connect_to.iter().find(|rule| rule.matches(name, port));
        let target = Target {
            name: rule.and_then(|rule| rule.host.as_deref()).unwrap_or(name),
            port: rule.and_then(|rule| rule.port).unwrap_or(port),
        };
        Route {
            scheme: host.scheme(),
            tls_name: name,
            proxy: self.proxies.of(host),
            is_elsewhere: target.name != name || target.port != port,
            target,
        }
    }

    /// What is known of a name without asking.
    fn known(&self, name: &str, port: u16) -> Option<Result<Known, DialError>> {
        for (rule, addresses) in &self.overrides {
            if rule.matches(name, port) {
                return Some(match addresses {
                    Some(addresses) => Ok(Known::Several(Arc::clone(addresses))),
                    None => Err(self.not_of_family(name)),
                });
            }
        }
        if let Some(ip) = literal(name) {
            let admitted = self.family.admits(ip);
            return Some(if admitted { Ok(Known::One(ip)) } else { Err(self.not_of_family(name)) });
        }
        self.resolver.known(name).map(|known| known.map(Known::Several))
    }

    async fn addresses(&self, name: &str, port: u16) -> Result<Known, DialError> {
        match self.known(name, port) {
            Some(known) => known,
            None => self.resolver.lookup(name).await.map(Known::Several),
        }
    }

    fn not_of_family(&self, name: &str) -> DialError {
        let message = format!("{name} has no {}address", self.family.adjective());
        DialError::failure(ErrorKind::ConnectUnreachable, message)
    }

    /// The details of a certificate, parsed when it is met for the first time.
    fn info_of(&self, connection: &ClientConnection) -> Arc<TlsInfo> {
        let leaf = connection.peer_certificates().and_then(<[_]>::first);
        let version = connection.protocol_version().map(u16::from);
        let key = self.hasher.hash_one((leaf.map(AsRef::as_ref), version));
        let mut infos = self.infos.borrow_mut();
        if let Some(info) = infos.get(&key) {
            return Arc::clone(info);
        }
        let info = Arc::new(tls::info_of(connection));
        infos.insert(key, Arc::clone(&info));
        info
    }
}

/// A host and port to connect to.
#[derive(Clone, Copy)]
struct Target<'a> {
    name: &'a str,
    port: u16,
}

/// How a host is reached.
struct Route<'a> {
    scheme: Scheme,
    /// The host of the URL, whatever is dialled for it.
    tls_name: &'a str,
    proxy: Option<&'a Proxy>,
    target: Target<'a>,
    /// Whether `target` is not what the URL says.
    is_elsewhere: bool,
}

impl<'a> Route<'a> {
    /// The names that are resolved here and not by a proxy.
    fn local_names(&self) -> impl Iterator<Item = (&'a str, u16)> + use<'a> {
        let own = matches!(self.proxy.map(|proxy| proxy.kind), None | Some(ProxyKind::Socks5));
        let own = own.then_some((self.target.name, self.target.port));
        let proxy = self.proxy.map(|proxy| (&*proxy.host, proxy.port));
        proxy.into_iter().chain(own)
    }
}

/// Addresses without asking.
enum Known {
    One(IpAddr),
    Several(Addresses),
}

impl Known {
    fn as_slice(&self) -> &[IpAddr] {
        match self {
            Self::One(ip) => std::slice::from_ref(ip),
            Self::Several(list) => list,
        }
    }
}

/// The address in an IP literal as it stands in a URL.
fn literal(host: &str) -> Option<IpAddr> {
    match host.as_bytes().first()? {
        b'[' => host.strip_prefix('[')?.strip_suffix(']')?.parse().ok(),
        b'0'..=b'9' => host.parse().ok(),
        _ => None,
    }
}

/// What is left of the connect timeout: waiting for a turn does not use it up.
struct Clock {
    start: Instant,
    paced: Duration,
    timeout: Duration,
}

impl Clock {
    fn start(timeout: Duration) -> Self {
        Self { start: Instant::now(), paced: Duration::ZERO, timeout }
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed().saturating_sub(self.paced)
    }

    fn deadline(&self) -> Instant {
        self.start + self.paced + self.timeout
    }
}

/// One dial under way.
struct Dial<'a> {
    clock: Clock,
    progress: &'a Progress,
    timings: DialTimings,
    remote_ip: Option<IpAddr>,
}

impl Dial<'_> {
    async fn run(&mut self, dialer: &Dialer, route: &Route<'_>) -> Result<Connected, DialError> {
        let Some(proxy) = route.proxy else {
            let tcp = self.tcp(dialer, route.target.name, route.target.port).await?;
            return self.finish(dialer, route, Hop::Plain(tcp), None).await;
        };
        let tcp =
            self.tcp(dialer, &proxy.host, proxy.port).await.map_err(|error| blame(error, proxy))?;
        let hop = match proxy.kind {
            ProxyKind::Https => Hop::Tls(Box::new(self.tls_to_proxy(dialer, proxy, tcp).await?)),
            ProxyKind::Http | ProxyKind::Socks5 | ProxyKind::Socks5h => Hop::Plain(tcp),
        };
        let is_http = matches!(proxy.kind, ProxyKind::Http | ProxyKind::Https);
        if is_http && route.scheme == Scheme::Http && !route.is_elsewhere {
            let header = ProxyHeader { authorization: proxy.authorization() };
            return self.finish(dialer, route, hop, Some(header)).await;
        }
        let hop = self.tunnel(dialer, route, proxy, hop).await?;
        self.finish(dialer, route, hop, None).await
    }

    /// A TCP connection to a name or address.
    async fn tcp(
        &mut self,
        dialer: &Dialer,
        name: &str,
        port: u16,
    ) -> Result<TcpStream, DialError> {
        if port == 0 {
            let message = format!("{name}:0 cannot be dialled");
            return Err(DialError::failure(ErrorKind::ConnectUnreachable, message));
        }
        let known = self.addresses(dialer, name, port).await?;
        self.progress.enter(Phase::Connect);
        let waited = Instant::now();
        let mut turn = Some(dialer.pace.acquire().await.expect("the semaphore is never closed"));
        self.clock.paced += waited.elapsed();

        let deadline = self.clock.deadline();
        let addresses: Vec<SocketAddr> =
            known.as_slice().iter().map(|ip| SocketAddr::new(*ip, port)).collect();
        let mut race = pin!(happy::race(&addresses, deadline, TcpStream::connect));
        let result = match timeout(PACE_HOLD, &mut race).await {
            Ok(result) => result,
            Err(_) => {
                turn.take();
                race.await
            }
        };
        let (address, stream) = result.map_err(|lost| match lost {
            RaceLost::Failed(address, error) => {
                self.remote_ip = Some(address.ip());
                happy::failure_of(address, &error)
            }
            RaceLost::TimedOut(address) => {
                self.remote_ip = Some(address.ip());
                self.timed_out(ErrorKind::TimeoutConnect, &format!("no connection to {address}"))
            }
        })?;
        self.remote_ip = Some(address.ip());
        // Without it small writes wait for acknowledgements; a socket that refuses still works.
        let _ = stream.set_nodelay(true);
        self.timings.connect = self.clock.elapsed();
        Ok(stream)
    }

    async fn addresses(
        &mut self,
        dialer: &Dialer,
        name: &str,
        port: u16,
    ) -> Result<Known, DialError> {
        if let Some(known) = dialer.known(name, port) {
            self.timings.namelookup = self.clock.elapsed();
            return known;
        }
        self.progress.enter(Phase::Dns);
        let found = timeout_at(self.clock.deadline(), dialer.resolver.lookup(name))
            .await
            .map_err(|_| self.timed_out(ErrorKind::TimeoutDns, &format!("no address of {name}")))?;
        self.timings.namelookup = self.clock.elapsed();
        found.map(Known::Several)
    }

    async fn tls_to_proxy(
        &mut self,
        dialer: &Dialer,
        proxy: &Proxy,
        tcp: TcpStream,
    ) -> Result<TlsStream<TcpStream>, DialError> {
        self.progress.enter(Phase::Tls);
        let handshake = tls::handshake(&dialer.tls, Peer::Proxy, &proxy.host, tcp);
        timeout_at(self.clock.deadline(), handshake)
            .await
            .map_err(|_| {
                self.timed_out(ErrorKind::TimeoutTls, &format!("no TLS with the proxy {proxy}"))
            })?
            .map_err(|error| blame(error.failure.into(), proxy))
    }

    /// The proxy's consent to a connection to the target.
    async fn tunnel(
        &mut self,
        dialer: &Dialer,
        route: &Route<'_>,
        proxy: &Proxy,
        mut hop: Hop,
    ) -> Result<Hop, DialError> {
        let Target { name, port } = route.target;
        let resolved = match proxy.kind {
            ProxyKind::Socks5 => Some(self.addresses(dialer, name, port).await?),
            ProxyKind::Http | ProxyKind::Https | ProxyKind::Socks5h => None,
        };
        self.progress.enter(Phase::Connect);
        let asked = async {
            let credentials = proxy.credentials.as_ref();
            match proxy.kind {
                ProxyKind::Http | ProxyKind::Https => {
                    let authority = format!("{name}:{port}");
                    let authorization = proxy.authorization();
                    match &mut hop {
                        Hop::Plain(tcp) => {
                            tunnel::connect(tcp, &authority, authorization.as_ref()).await
                        }
                        Hop::Tls(tls) => {
                            tunnel::connect(tls, &authority, authorization.as_ref()).await
                        }
                    }
                }
                ProxyKind::Socks5 | ProxyKind::Socks5h => {
                    // One address must do; few proxies have IPv6.
                    let first = resolved.as_ref().and_then(|known| {
                        let list = known.as_slice();
                        list.iter().find(|ip| ip.is_ipv4()).or(list.first())
                    });
                    let destination = match first.copied().or(literal(name)) {
                        Some(ip) => Destination::Address(ip),
                        None => Destination::Name(name),
                    };
                    match &mut hop {
                        Hop::Plain(tcp) => {
                            tunnel::socks5(tcp, destination, port, credentials).await
                        }
                        Hop::Tls(tls) => tunnel::socks5(tls, destination, port, credentials).await,
                    }
                }
            }
        };
        let answer = timeout_at(self.clock.deadline(), asked).await;
        match answer {
            Ok(Ok(())) => {
                self.timings.connect = self.clock.elapsed();
                Ok(hop)
            }
            Ok(Err(why)) => {
                Err(DialError::failure(ErrorKind::ConnectProxy, format!("the proxy {proxy} {why}")))
            }
            Err(_) => Err(self.timed_out(
                ErrorKind::TimeoutConnect,
                &format!("no tunnel to {name}:{port} from the proxy {proxy}"),
            )),
        }
    }

    /// TLS with the server, if it is https.
    async fn finish(
        &mut self,
        dialer: &Dialer,
        route: &Route<'_>,
        hop: Hop,
        forward_proxy: Option<ProxyHeader>,
    ) -> Result<Connected, DialError> {
        let mut tls = None;
        let (stream, is_http2) = match (route.scheme, hop) {
            (Scheme::Http, hop) => {
                let prior_knowledge = dialer.http == HttpChoice::Http2 && forward_proxy.is_none();
                (hop.into_stream(), prior_knowledge)
            }
            (Scheme::Https, Hop::Plain(tcp)) => {
                let stream = self.tls_to_site(dialer, route.tls_name, tcp).await?;
                tls = Some(dialer.info_of(stream.get_ref().1));
                let is_http2 = tls::speaks_http2(stream.get_ref().1);
                (Stream::Tls(Box::new(stream)), is_http2)
            }
            (Scheme::Https, Hop::Tls(outer)) => {
                let stream = self.tls_to_site(dialer, route.tls_name, *outer).await?;
                tls = Some(dialer.info_of(stream.get_ref().1));
                let is_http2 = tls::speaks_http2(stream.get_ref().1);
                (Stream::TlsInTls(Box::new(stream)), is_http2)
            }
        };
        Ok(Connected {
            stream,
            protocol: if is_http2 { Protocol::Http2 } else { Protocol::Http1 },
            remote_ip: self.remote_ip.expect("the connection stands"),
            tls,
            forward_proxy,
            timings: self.timings,
        })
    }

    async fn tls_to_site<S>(
        &mut self,
        dialer: &Dialer,
        name: &str,
        stream: S,
    ) -> Result<TlsStream<S>, DialError>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    {
        self.progress.enter(Phase::Tls);
        let handshake = tls::handshake(&dialer.tls, Peer::Site, name, stream);
        let stream = timeout_at(self.clock.deadline(), handshake)
            .await
            .map_err(|_| self.timed_out(ErrorKind::TimeoutTls, &format!("no TLS with {name}")))?
            .map_err(|error| {
                DialError::Failed(Box::new(DialFailure {
                    failure: error.failure,
                    connection: self.connection(error.refused.map(Arc::new)),
                    timings: self.timings,
                }))
            })?;
        self.timings.appconnect = self.clock.elapsed();
        Ok(stream)
    }

    fn connection(&self, tls: Option<Arc<TlsInfo>>) -> Option<ConnectionInfo> {
        self.remote_ip.map(|remote_ip| ConnectionInfo { remote_ip, reused: false, tls })
    }

    fn timed_out(&self, kind: ErrorKind, what: &str) -> DialError {
        DialError::failure(kind, format!("{what} within {} s", self.clock.timeout.as_secs_f64()))
    }
}

/// The connection to the first hop: the server or the proxy.
enum Hop {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Hop {
    fn into_stream(self) -> Stream {
        match self {
            Self::Plain(tcp) => Stream::Plain(tcp),
            Self::Tls(tls) => Stream::Tls(tls),
        }
    }
}

/// A proxy that cannot be reached is the proxy's failure; time that ran out stays what it is.
fn blame(error: DialError, proxy: &Proxy) -> DialError {
    match error {
        DialError::Failed(mut failed) => {
            if failed.failure.kind.family() != "timeout" {
                failed.failure.kind = ErrorKind::ConnectProxy;
            }
            failed.failure.message =
                format!("the proxy {proxy} cannot be reached: {}", failed.failure.message).into();
            DialError::Failed(failed)
        }
        local @ DialError::Local(_) => local,
    }
}
