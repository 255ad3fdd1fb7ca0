//! One connection, ready for HTTP: name, address, proxy, TLS, each failure with its kind.

use std::cell::RefCell;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use gather_core::address::{self, AddressMode, Reach, ThroughProxy};
use gather_core::attempt::{ConnectionInfo, TlsInfo};
use gather_core::{AddressPolicy, ErrorKind, Failure, HostKey, Provenance, Scheme};
use rustls::client::ClientConnection;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::cache::Generations;
use crate::dns::{Addresses, Resolver};
use crate::happy::interleave;
use crate::options::{ConnectTo, Family, HttpChoice, NetOptions, OptionsError, ResolveOverride};
use crate::progress::Progress;
use crate::proxy::{Proxies, Proxy, ProxyKind};
use crate::tls::{self, TlsConfigs};
use crate::transport::Transport;

mod steps;

pub use crate::proxy::ProxyHeader;
pub use crate::stream::Stream;
use steps::Dial;

/// Connections begun at once in one shard: 10,000 in one burst stop the loop for 200 ms.
const PACE_MAX: usize = 64;
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
    policy: AddressPolicy,
    transport: Transport,
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
    /// Whether the address policy forbade it.
    pub(crate) fn is_blocked(&self) -> bool {
        let kind = |failed: &DialFailure| failed.failure.kind;
        matches!(self, Self::Failed(failed) if kind(failed) == ErrorKind::BlockedAddress)
    }

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

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer").finish_non_exhaustive()
    }
}

impl Dialer {
    /// A dialer with these options, its TLS shared with the other shards.
    ///
    /// # Errors
    /// A limit of zero, or a proxy where only public addresses may be dialled.
    pub fn new(options: &NetOptions, tls: Arc<TlsConfigs>) -> Result<Self, OptionsError> {
        if options.dns_concurrency == 0 {
            return Err(OptionsError::new("the number of lookups at once must not be 0"));
        }
        if options.connect_timeout.is_zero() {
            return Err(OptionsError::new("the connect timeout must not be 0"));
        }
        options.http.check_built()?;
        let policy = &options.addresses;
        let sees_all = options.proxies.is_empty() || policy.through_proxy == ThroughProxy::Always;
        if policy.mode == AddressMode::Public && !sees_all {
            return Err(OptionsError::new(
                "only public addresses may be dialled, and a proxy dials what we cannot see; leave \
                 the proxy out, or trust it with --trust-proxy",
            ));
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
            policy: options.addresses.clone(),
            transport: options.transport.clone(),
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
        self.dial_for(host, Provenance::Operator, progress).await
    }

    /// As [`dial`](Self::dial), for a URL that came from there.
    ///
    /// # Errors
    /// Those, and `blocked.address` where the policy forbids every address of the host.
    pub async fn dial_for(
        &self,
        host: &HostKey,
        from: Provenance,
        progress: &Progress,
    ) -> Result<Connected, DialError> {
        let mut dial = Dial::start(self.connect_timeout, from, progress);
        let route = self.route(host);
        let is_resolved = route.local_names().all(|(name, port)| self.known(name, port).is_some());
        if is_resolved {
            dial.wait_for_turn(self).await;
        }
        // Boxed, so that neither a try which waits for its turn nor one which is past it has its 5 KB.
        Box::pin(dial.run(self, &route)).await.map_err(|error| match error {
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

    /// Whether a connection of this host that stands may be used for a URL that came from there.
    ///
    /// # Errors
    /// `blocked.address`.
    pub(crate) fn may_use(
        &self,
        host: &HostKey,
        remote_ip: IpAddr,
        from: Provenance,
    ) -> Result<(), Failure> {
        // Before the route is looked up: so it is of almost every request.
        if from == Provenance::Operator {
            return Ok(());
        }
        let route = self.route(host);
        if route.proxy.is_some() {
            return Ok(());
        }
        self.permitted(route.target, &[remote_ip], from).map(drop)
    }

    /// Where a URL comes from to which an answer of this host at this address led.
    pub(crate) fn leads_from(&self, host: &HostKey, remote_ip: IpAddr) -> Provenance {
        let is_seen = self.proxies.of(host).is_none();
        match address::reach(remote_ip) {
            Reach::Public if is_seen => Provenance::Public,
            _ => Provenance::Operator,
        }
    }

    /// Those of a target's addresses that may be dialled; at least one.
    fn permitted(
        &self,
        target: Target<'_>,
        addresses: &[IpAddr],
        from: Provenance,
    ) -> Result<Vec<IpAddr>, Failure> {
        let is_named = |(rule, _): &(ResolveOverride, _)| rule.matches(target.name, target.port);
        if target.is_mapped || self.overrides.iter().any(is_named) {
            return Ok(addresses.to_vec());
        }
        let mut refused = None;
        let may = |ip: &&IpAddr| match self.policy.check(**ip, from) {
            Ok(()) => true,
            Err(why) => {
                refused.get_or_insert((**ip, why));
                false
            }
        };
        let permitted: Vec<IpAddr> = addresses.iter().filter(may).copied().collect();
        match (permitted.is_empty(), refused) {
            (true, Some((ip, why))) => {
                let message = format!("{} is at {ip}, which {why}", target.name);
                Err(Failure::new(ErrorKind::BlockedAddress, message))
            }
            _ => Ok(permitted),
        }
    }

    /// Where the connections for a host lead.
    fn route<'a>(&'a self, host: &'a HostKey) -> Route<'a> {
        let (name, port) = (host.host(), host.port());
        let rule = self.connect_to.iter().find(|rule| rule.matches(name, port));
        let target = Target {
            name: rule.and_then(|rule| rule.host.as_deref()).unwrap_or(name),
            port: rule.and_then(|rule| rule.port).unwrap_or(port),
            is_mapped: rule.is_some_and(|rule| rule.host.is_some()),
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
    /// Whether the operator named it in place of what the URL says.
    is_mapped: bool,
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
