//! A name server over UDP and TCP that answers what a test tells it to (RFC 1035).

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use crate::background::{Background, Prepared};
use crate::dns_codec;

/// Queries that are remembered.
const LOG_QUERIES_MAX: usize = 100_000;

/// A running name server; dropping it stops it.
#[derive(Debug)]
pub struct Dns {
    addr: SocketAddr,
    log: Arc<Mutex<Vec<DnsQuery>>>,
    _background: Background,
}

/// A question as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsQuery {
    /// The name in lower case, without the final dot.
    pub name: String,
    /// What is asked for.
    pub kind: DnsKind,
    /// How it came.
    pub transport: DnsTransport,
}

/// The type of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsKind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Another type, by number.
    Other(u16),
}

/// How a question came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsTransport {
    /// In a datagram.
    Udp,
    /// On a connection.
    Tcp,
}

/// What to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DnsAnswer {
    /// These addresses as far as they are of the kind asked for, with a time to live in seconds.
    Addrs(Vec<IpAddr>, u32),
    /// An alias, followed by the addresses of its target.
    Alias {
        /// The target of the alias.
        to: String,
        /// The addresses of the target.
        addrs: Vec<IpAddr>,
        /// Time to live in seconds of both.
        ttl: u32,
    },
    /// The name exists and has nothing of this kind.
    Empty,
    /// The name does not exist.
    NxDomain,
    /// The server failed.
    ServFail,
    /// The server does not want to answer.
    Refused,
    /// Ask again over TCP.
    Truncated,
    /// Bytes that are no DNS message.
    Garbage,
    /// Nothing.
    Silent,
    /// Another answer, after a wait.
    After(Duration, Box<DnsAnswer>),
}

impl Dns {
    /// Starts a server on a free port of 127.0.0.1 that asks `zone` for every answer.
    pub fn start(zone: impl Fn(&DnsQuery) -> DnsAnswer + Send + Sync + 'static) -> Self {
        Self::start_on(0, zone)
    }

    /// The same on this port; 0 is any that is free.
    pub fn start_on(
        port: u16,
        zone: impl Fn(&DnsQuery) -> DnsAnswer + Send + Sync + 'static,
    ) -> Self {
        let prepared = Prepared::new();
        let (udp, tcp) = prepared.within(|| bind_both(port));
        let addr = udp.local_addr().expect("a bound address");
        let log = Arc::new(Mutex::new(Vec::new()));
        let zone = Zone { answer: Arc::new(zone), log: Arc::clone(&log) };
        let main = async move {
            tokio::join!(serve_udp(Arc::new(udp), zone.clone()), serve_tcp(tcp, zone));
        };
        Self { addr, log, _background: prepared.run("testkit-dns", main) }
    }

    /// Starts a server that knows these names (TTL 60 s) and says NXDOMAIN to all others.
    pub fn with_names(names: &[(&str, IpAddr)]) -> Self {
        let mut zone: HashMap<String, Vec<IpAddr>> = HashMap::new();
        for (name, addr) in names {
            zone.entry(name.to_ascii_lowercase()).or_default().push(*addr);
        }
        Self::start(move |query| match zone.get(&query.name) {
            Some(addrs) => DnsAnswer::Addrs(addrs.clone(), 60),
            None => DnsAnswer::NxDomain,
        })
    }

    /// Where it listens, UDP and TCP alike.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// All questions in the order they came.
    pub fn queries(&self) -> Vec<DnsQuery> {
        lock(&self.log).clone()
    }

    /// How often `name` was asked for, over all kinds.
    pub fn count(&self, name: &str) -> usize {
        lock(&self.log).iter().filter(|query| query.name == name).count()
    }
}

#[derive(Clone)]
struct Zone {
    answer: Arc<dyn Fn(&DnsQuery) -> DnsAnswer + Send + Sync>,
    log: Arc<Mutex<Vec<DnsQuery>>>,
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zone").finish_non_exhaustive()
    }
}

impl Zone {
    /// The bytes to send back, if any.
    async fn reply(&self, message: &[u8], transport: DnsTransport) -> Option<Vec<u8>> {
        let question = dns_codec::parse_question(message)?;
        let query = DnsQuery { name: question.name.clone(), kind: question.kind, transport };
        let mut answer = (self.answer)(&query);
        {
            let mut log = lock(&self.log);
            if log.len() < LOG_QUERIES_MAX {
                log.push(query);
            }
        }
        while let DnsAnswer::After(wait, then) = answer {
            tokio::time::sleep(wait).await;
            answer = *then;
        }
        dns_codec::encode_reply(&question, &answer)
    }
}

/// A UDP socket and a TCP listener on the same port; 0 is any that is free.
fn bind_both(port: u16) -> (UdpSocket, TcpListener) {
    let bind = || -> io::Result<_> {
        let udp = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, port))?;
        let tcp = std::net::TcpListener::bind(udp.local_addr()?)?;
        udp.set_nonblocking(true)?;
        tcp.set_nonblocking(true)?;
        Ok((UdpSocket::from_std(udp)?, TcpListener::from_std(tcp)?))
    };
    // The port that UDP got may be taken in TCP.
    (0..100).find_map(|_| bind().ok()).expect("a port that is free in both")
}

async fn serve_udp(socket: Arc<UdpSocket>, zone: Zone) {
    let mut buffer = vec![0; 4096];
    loop {
        // An error here is an ICMP message about an earlier reply.
        let Ok((length, client)) = socket.recv_from(&mut buffer).await else { continue };
        let (message, zone) = (buffer[..length].to_vec(), zone.clone());
        let socket = Arc::clone(&socket);
        tokio::spawn(async move {
            if let Some(reply) = zone.reply(&message, DnsTransport::Udp).await {
                drop(socket.send_to(&reply, client).await);
            }
        });
    }
}

async fn serve_tcp(listener: TcpListener, zone: Zone) {
    while let Ok((stream, _)) = listener.accept().await {
        let zone = zone.clone();
        // The client may leave at any moment.
        tokio::spawn(async move { drop(serve_connection(stream, zone).await) });
    }
}

async fn serve_connection(mut stream: TcpStream, zone: Zone) -> io::Result<()> {
    loop {
        let mut message = vec![0; usize::from(stream.read_u16().await?)];
        stream.read_exact(&mut message).await?;
        if let Some(reply) = zone.reply(&message, DnsTransport::Tcp).await {
            stream.write_u16(u16::try_from(reply.len()).expect("replies are short")).await?;
            stream.write_all(&reply).await?;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
