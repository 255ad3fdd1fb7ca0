//! Names to addresses: hosts file, cache, then the name servers, each name asked for once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use gather_core::{ErrorKind, Failure};
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use tokio::sync::{OnceCell, Semaphore, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

use crate::cache::Generations;
use crate::dial::{DialError, LocalShortage};
use crate::happy::interleave;
use crate::options::{Family, NetOptions};

mod sockets;
mod sources;

use sources::{NameServers, Sources};

/// The longest a name server's answer is waited for; waiting for a turn is not counted.
const LOOKUP_MAX: Duration = Duration::from_secs(5);
/// How long the slower of A and AAAA is waited for once the other is there (RFC 8305 section 3).
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);
/// An answer is believed for no less and no more than this, whatever its TTL.
const TTL_MIN: Duration = Duration::from_secs(1);
const TTL_MAX: Duration = Duration::from_secs(3600);
/// Likewise "no such name", which is more often mended within minutes than an address changes.
const NEGATIVE_TTL_MAX: Duration = Duration::from_secs(300);
/// An answer that lacks one family because its answer was late.
const PARTIAL_TTL_MAX: Duration = Duration::from_secs(10);
/// Half of the names remembered; the cache holds at most twice as many.
const CACHE_HALF_MAX: usize = 8192;

/// The addresses of a name, in the order in which they are to be dialled. Never empty.
pub(crate) type Addresses = Arc<[IpAddr]>;

/// Resolves names for one shard.
pub(crate) struct Resolver {
    family: Family,
    servers: Vec<SocketAddr>,
    hosts_file: Option<PathBuf>,
    /// Read on the first name: a run over IP literals never needs it.
    sources: OnceCell<Sources>,
    cache: RefCell<Generations<Box<str>, Found>>,
    flights: Rc<RefCell<Flights>>,
    turns: Arc<Semaphore>,
}

type Flights = HashMap<Box<str>, Weak<Flight>>;

impl Resolver {
    pub(crate) fn new(options: &NetOptions) -> Self {
        Self {
            family: options.family,
            servers: options.dns_servers.clone(),
            hosts_file: options.hosts_file.clone(),
            sources: OnceCell::new(),
            cache: RefCell::new(Generations::new(CACHE_HALF_MAX)),
            flights: Rc::default(),
            turns: Arc::new(Semaphore::new(options.dns_concurrency.into())),
        }
    }

    /// What is known of a name without asking; `None` if it must be asked for.
    pub(crate) fn known(&self, name: &str) -> Option<Result<Addresses, DialError>> {
        let sources = self.sources.get()?;
        if let Some(addresses) = sources.hosts.get(name) {
            return Some(Ok(addresses));
        }
        let mut cache = self.cache.borrow_mut();
        let found = cache.get(name)?;
        (Instant::now() < found.until).then(|| found.result())
    }

    /// The addresses of a name. Failures are `dns.not_found`, `dns.temporary`, `timeout.dns`.
    /// All callers that ask for one name meanwhile share one lookup, which ends with the last
    /// of them.
    pub(crate) async fn lookup(&self, name: &str) -> Result<Addresses, DialError> {
        self.sources
            .get_or_try_init(|| {
                sources::load(self.hosts_file.clone(), self.servers.clone(), self.family)
            })
            .await?;
        if let Some(known) = self.known(name) {
            return known;
        }
        let flight = self.join_flight(name)?;
        let found = flight.landed().await.ok_or_else(|| {
            DialError::failure(
                ErrorKind::DnsTemporary,
                format!("the lookup of {name} was abandoned"),
            )
        })?;
        if found.until > Instant::now() {
            self.cache.borrow_mut().insert(name.into(), found.clone());
        }
        found.result()
    }

    /// The lookup of this name that is under way, or a new one.
    fn join_flight(&self, name: &str) -> Result<Rc<Flight>, DialError> {
        if let Some(flight) = self.flights.borrow().get(name).and_then(Weak::upgrade) {
            return Ok(flight);
        }
        let sources = self.sources.get().expect("loaded by the caller");
        let servers = match &sources.servers {
            Ok(servers) => servers.clone(),
            Err(why) => {
                return Err(DialError::failure(
                    ErrorKind::DnsTemporary,
                    format!("cannot look up {name}: {why}"),
                ));
            }
        };
        let Ok(query) = Name::from_str_relaxed(name) else {
            return Err(DialError::failure(
                ErrorKind::DnsNotFound,
                format!("{name} cannot be a name in DNS"),
            ));
        };
        let (sender, receiver) = watch::channel(None);
        let (family, turns, text) = (self.family, Arc::clone(&self.turns), Box::<str>::from(name));
        let task = tokio::spawn(async move {
            let Ok(_turn) = turns.acquire().await else { return };
            sender.send_replace(Some(ask(&servers, &query, &text, family).await));
        });
        let flight = Rc::new(Flight {
            name: name.into(),
            landed: receiver,
            task: task.abort_handle(),
            flights: Rc::downgrade(&self.flights),
        });
        self.flights.borrow_mut().insert(name.into(), Rc::downgrade(&flight));
        Ok(flight)
    }
}

/// A lookup under way. Dropped with its last waiter, it stops and leaves the list.
struct Flight {
    name: Box<str>,
    landed: watch::Receiver<Option<Found>>,
    task: AbortHandle,
    flights: Weak<RefCell<Flights>>,
}

impl Flight {
    /// What was found; `None` if the lookup ended without saying.
    async fn landed(&self) -> Option<Found> {
        let mut landed = self.landed.clone();
        let found = landed.wait_for(Option::is_some).await.ok()?;
        found.clone()
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.task.abort();
        if let Some(flights) = self.flights.upgrade() {
            flights.borrow_mut().remove(&self.name);
        }
    }
}

/// What came of a lookup, and until when to believe it: a temporary failure not at all.
#[derive(Clone)]
struct Found {
    what: Result<Addresses, Absence>,
    until: Instant,
}

#[derive(Clone)]
enum Absence {
    Failed(Failure),
    Local(LocalShortage),
}

impl Found {
    fn result(&self) -> Result<Addresses, DialError> {
        match &self.what {
            Ok(addresses) => Ok(Arc::clone(addresses)),
            Err(Absence::Failed(failure)) => Err(failure.clone().into()),
            Err(Absence::Local(shortage)) => Err(DialError::Local(*shortage)),
        }
    }
}

/// One question's outcome: addresses, or why there are none.
type Reply = Result<(Vec<IpAddr>, Instant), NetError>;

async fn ask(servers: &NameServers, query: &Name, name: &str, family: Family) -> Found {
    let asked = async {
        match family {
            Family::Any => ask_both(servers, query).await,
            Family::V4 => (ask_one(servers, query, RecordType::A).await, None),
            Family::V6 => (ask_one(servers, query, RecordType::AAAA).await, None),
        }
    };
    let refused = servers.sockets.refused();
    let found = timeout(LOOKUP_MAX, asked).await;
    let now = Instant::now();
    let mut found = match found {
        Ok((first, second)) => judge(first, second, name, family, now),
        Err(_) => Found { what: Err(Absence::Failed(timed_out(name))), until: now },
    };
    // An unanswered question that may never have been sent is asked again later; so may be one
    // that only stood beside such a question, which costs nothing but time.
    if let Err(Absence::Failed(failure)) = &found.what
        && failure.kind != ErrorKind::DnsNotFound
        && servers.sockets.refused() != refused
    {
        found.what = Err(Absence::Local(LocalShortage::Descriptors));
    }
    found
}

/// Asks for A and AAAA at once. The second reply is `None` for a question not asked, and an
/// error where it came too late to be waited for.
async fn ask_both(servers: &NameServers, query: &Name) -> (Reply, Option<Reply>) {
    let mut v6 = pin!(ask_one(servers, query, RecordType::AAAA));
    let mut v4 = pin!(ask_one(servers, query, RecordType::A));
    let (first, other) = tokio::select! {
        reply = &mut v6 => (reply, v4),
        reply = &mut v4 => (reply, v6),
    };
    let second = match first {
        Ok(_) => timeout(RESOLUTION_DELAY, other).await.unwrap_or(Err(NetError::Timeout)),
        Err(_) => other.await,
    };
    (first, Some(second))
}

async fn ask_one(servers: &NameServers, query: &Name, kind: RecordType) -> Reply {
    let lookup = servers.resolver.lookup(query.clone(), kind).await?;
    let addresses = lookup
        .answers()
        .iter()
        .filter_map(|record| match &record.data {
            RData::A(address) => Some(IpAddr::V4(address.0)),
            RData::AAAA(address) => Some(IpAddr::V6(address.0)),
            _ => None,
        })
        .collect();
    Ok((addresses, lookup.valid_until().into()))
}

/// Puts the replies together: any address is a success; otherwise "no such name" counts only
/// if nobody said that it may be otherwise later.
fn judge(first: Reply, second: Option<Reply>, name: &str, family: Family, now: Instant) -> Found {
    let mut addresses = Vec::new();
    let mut until = now + TTL_MAX;
    let mut negative_ttl = NEGATIVE_TTL_MAX;
    let mut trouble = None;
    for reply in [Some(first), second].into_iter().flatten() {
        match reply {
            Ok((some, valid_until)) => {
                addresses.extend(some);
                until = until.min(valid_until);
            }
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
                let seconds = none.negative_ttl.map_or(TTL_MIN, |s| Duration::from_secs(s.into()));
                negative_ttl = negative_ttl.min(seconds);
            }
            Err(error) => trouble = Some(error),
        }
    }
    if !addresses.is_empty() {
        if trouble.is_some() {
            until = until.min(now + PARTIAL_TTL_MAX);
        }
        let addresses = interleave(addresses).into();
        return Found { what: Ok(addresses), until: until.max(now + TTL_MIN) };
    }
    match trouble {
        Some(error) => {
            Found { what: Err(Absence::Failed(trouble_failure(&error, name))), until: now }
        }
        None => {
            let message = format!("{name} has no {}address in DNS", family.adjective());
            let failure = Failure::new(ErrorKind::DnsNotFound, message);
            Found { what: Err(Absence::Failed(failure)), until: now + negative_ttl.max(TTL_MIN) }
        }
    }
}

fn trouble_failure(error: &NetError, name: &str) -> Failure {
    let what = match error {
        NetError::Timeout => return timed_out(name),
        NetError::Io(error) => format!("cannot reach a name server for {name}: {error}"),
        NetError::Dns(DnsError::ResponseCode(code)) => {
            format!("the name server answered \"{code}\" for {name}")
        }
        other => format!("the lookup of {name} failed: {other}"),
    };
    Failure::new(ErrorKind::DnsTemporary, what)
}

fn timed_out(name: &str) -> Failure {
    Failure::new(
        ErrorKind::TimeoutDns,
        format!("no name server answered for {name} within {} s", LOOKUP_MAX.as_secs()),
    )
}

/// The loopback addresses that `localhost` means (RFC 6761 section 6.3).
const LOOPBACK: [IpAddr; 2] = [IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::LOCALHOST)];
