//! The steps of one dial: address, transport, the proxy's consent, TLS.

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use gather_core::attempt::{ConnectionInfo, TlsInfo};
use gather_core::{ErrorKind, Provenance, Scheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::client::TlsStream;

use super::{
    Connected, DialError, DialFailure, DialTimings, Dialer, Known, Protocol, Route, Target, literal,
};
use crate::happy::{self, RaceLost};
use crate::options::HttpChoice;
use crate::progress::{Phase, Progress};
use crate::proxy::{Proxy, ProxyHeader, ProxyKind};
use crate::stream::Stream;
use crate::tls::{self, Peer};
use crate::transport::Socket;
use crate::tunnel::{self, Destination};

/// A connection that has not been answered for so long waits for the network and costs the loop
/// nothing: it makes room for the next, so that silent hosts hold up no others.
const PACE_HOLD: Duration = Duration::from_millis(10);

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
pub(super) struct Dial<'a> {
    clock: Clock,
    progress: &'a Progress,
    from: Provenance,
    /// Its turn to connect, while it has one.
    turn: Option<SemaphorePermit<'a>>,
    pub(super) timings: DialTimings,
    remote_ip: Option<IpAddr>,
}

impl<'a> Dial<'a> {
    pub(super) fn start(timeout: Duration, from: Provenance, progress: &'a Progress) -> Self {
        Self {
            clock: Clock::start(timeout),
            progress,
            from,
            turn: None,
            timings: DialTimings::default(),
            remote_ip: None,
        }
    }

    /// Waits until it may connect; the time does not count.
    pub(super) async fn wait_for_turn(&mut self, dialer: &'a Dialer) {
        self.progress.enter(Phase::Connect);
        let waited = Instant::now();
        let turn = dialer.pace.acquire().await.expect("the semaphore is never closed");
        self.turn = Some(turn);
        self.clock.paced += waited.elapsed();
    }

    pub(super) async fn run(
        &mut self,
        dialer: &'a Dialer,
        route: &Route<'_>,
    ) -> Result<Connected, DialError> {
        let Some(proxy) = route.proxy else {
            let tcp = self.tcp(dialer, Peer::Site, route.target).await?;
            return self.finish(dialer, route, Hop::Plain(tcp), None).await;
        };
        if let Some(ip) = literal(route.target.name) {
            dialer.permitted(route.target, &[ip], self.from)?;
        }
        let place = Target { name: &proxy.host, port: proxy.port, is_mapped: true };
        let tcp =
            self.tcp(dialer, Peer::Proxy, place).await.map_err(|error| blame(error, proxy))?;
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

    /// A connection to a name or address, by TCP or what stands in for it. The policy is asked here,
    /// with what is dialled next.
    async fn tcp(
        &mut self,
        dialer: &'a Dialer,
        peer: Peer,
        target: Target<'_>,
    ) -> Result<Socket, DialError> {
        let Target { name, port, .. } = target;
        if port == 0 {
            let message = format!("{name}:0 cannot be dialled");
            return Err(DialError::failure(ErrorKind::ConnectUnreachable, message));
        }
        let known = self.addresses(dialer, name, port).await?;
        let permitted = match peer {
            Peer::Site => {
                let mut permitted = dialer.permitted(target, known.as_slice(), self.from)?;
                if let Some(avoided) = self.progress.avoided() {
                    permitted.sort_by_key(|ip| *ip == avoided);
                }
                permitted
            }
            Peer::Proxy => known.as_slice().to_vec(),
        };
        if self.turn.is_none() {
            self.wait_for_turn(dialer).await;
        }
        let turn = self.turn.take();
        let deadline = self.clock.deadline();
        let addresses: Vec<SocketAddr> =
            permitted.iter().map(|ip| SocketAddr::new(*ip, port)).collect();
        let mut race =
            pin!(happy::race(&addresses, deadline, |address| dialer.transport.connect(address)));
        let result = match timeout(PACE_HOLD, &mut race).await {
            Ok(result) => result,
            Err(_) => {
                drop(turn);
                race.await
            }
        };
        let (address, stream) = result.map_err(|lost| match lost {
            RaceLost::Failed(address, error) => {
                self.remote_ip = Some(address.ip());
                tried(happy::failure_of(address, &error), addresses.len())
            }
            RaceLost::TimedOut(address) => {
                self.remote_ip = Some(address.ip());
                self.timed_out(ErrorKind::TimeoutConnect, &format!("no connection to {address}"))
            }
        })?;
        self.remote_ip = Some(address.ip());
        self.timings.connect = self.clock.elapsed();
        Ok(stream)
    }

    async fn addresses(
        &mut self,
        dialer: &'a Dialer,
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
        dialer: &'a Dialer,
        proxy: &Proxy,
        tcp: Socket,
    ) -> Result<TlsStream<Socket>, DialError> {
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
        dialer: &'a Dialer,
        route: &Route<'_>,
        proxy: &Proxy,
        mut hop: Hop,
    ) -> Result<Hop, DialError> {
        let Target { name, port, .. } = route.target;
        let resolved = match proxy.kind {
            ProxyKind::Socks5 => {
                let known = self.addresses(dialer, name, port).await?;
                Some(one_of(&dialer.permitted(route.target, known.as_slice(), self.from)?))
            }
            ProxyKind::Http | ProxyKind::Https | ProxyKind::Socks5h => None,
        };
        self.progress.enter(Phase::Connect);
        let asked = async {
            match &mut hop {
                Hop::Plain(tcp) => consent(tcp, proxy, route.target, resolved).await,
                Hop::Tls(tls) => consent(tls, proxy, route.target, resolved).await,
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
        dialer: &'a Dialer,
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
        dialer: &'a Dialer,
        name: &str,
        stream: S,
    ) -> Result<TlsStream<S>, DialError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
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

    pub(super) fn connection(&self, tls: Option<Arc<TlsInfo>>) -> Option<ConnectionInfo> {
        self.remote_ip.map(|remote_ip| ConnectionInfo { remote_ip, reused: false, tls })
    }

    fn timed_out(&self, kind: ErrorKind, what: &str) -> DialError {
        DialError::failure(kind, format!("{what} within {} s", self.clock.timeout.as_secs_f64()))
    }
}

/// The connection to the first hop: the server or the proxy.
enum Hop {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

impl Hop {
    fn into_stream(self) -> Stream {
        match self {
            // Not a socket within the stream: every read would look twice at what it is.
            Self::Plain(Socket::Tcp(tcp)) => Stream::Plain(tcp),
            Self::Plain(Socket::Memory(pipe)) => Stream::Memory(pipe),
            Self::Tls(tls) => Stream::Tls(tls),
        }
    }
}

/// The address that SOCKS is asked for: one must do, and few proxies have IPv6.
fn one_of(list: &[IpAddr]) -> IpAddr {
    *list.iter().find(|ip| ip.is_ipv4()).or(list.first()).expect("a list of addresses is not empty")
}

/// Asks the proxy for a connection to the target, in its own protocol.
async fn consent<S>(
    stream: &mut S,
    proxy: &Proxy,
    target: Target<'_>,
    resolved: Option<IpAddr>,
) -> Result<(), tunnel::Refusal>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Target { name, port, .. } = target;
    match proxy.kind {
        ProxyKind::Http | ProxyKind::Https => {
            let authority = format!("{name}:{port}");
            tunnel::connect(stream, &authority, proxy.authorization().as_ref()).await
        }
        ProxyKind::Socks5 | ProxyKind::Socks5h => {
            let destination = match resolved.or(literal(name)) {
                Some(ip) => Destination::Address(ip),
                None => Destination::Name(name),
            };
            tunnel::socks5(stream, destination, port, proxy.credentials.as_ref()).await
        }
    }
}

/// Says in the message that an address was not the only one.
fn tried(error: DialError, count: usize) -> DialError {
    match error {
        DialError::Failed(mut failed) if count > 1 => {
            failed.failure.message =
                format!("{} ({count} addresses tried)", failed.failure.message).into();
            DialError::Failed(failed)
        }
        error => error,
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
