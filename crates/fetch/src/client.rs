//! The client of one shard: its connections, its deadlines, and what all its requests share.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use gather_core::attempt::ChainLink;
use gather_core::config::{Caps, Config, MinSpeed, Redirects};
use gather_core::{Attempt, End, ErrorKind, Failure, HostKey, Method, Provenance, Sent, Target};
use url::Url;

use crate::body::{BodyWriter, Keep, KeepExchanges};
use crate::capture::Capture;
use crate::deadline::Deadlines;
use crate::dial::{DialError, Dialer, LocalShortage};
use crate::exchange::{Report, Try};
use crate::failure;
use crate::memory::MemoryBudget;
use crate::options::{NetOptions, OptionsError};
use crate::pool::{Freshness, Pool, PoolLimits, PoolStats};
use crate::progress::{Phase, Progress};
use crate::request::{AcceptEncoding, HeaderOptions, RedactQuery, RequestDefaults, Secret, Sign};
use crate::tls::TlsConfigs;
use crate::wall::WallClock;

/// How the tries of a run are made.
#[derive(Clone)]
pub struct ClientOptions {
    /// How connections are made.
    pub net: NetOptions,
    /// The method of targets that name none (`-X`).
    pub method: Method,
    /// The body of targets that bring none (`-d`).
    pub body: Option<Bytes>,
    /// Headers of every request (`-H`), in place of those sent by default. An empty value leaves
    /// the header out.
    pub headers: Vec<(String, String)>,
    /// `User-Agent` (`-A`); not sent if empty.
    pub user_agent: String,
    /// `user:password` (`-u`).
    pub basic_auth: Option<Secret>,
    /// `Cookie`, as sent (`-b`).
    pub cookies: Option<Secret>,
    /// Which codings are offered.
    pub accept_encoding: AcceptEncoding,
    /// One try, from DNS to the last byte, redirects on its host included.
    pub timeout: Duration,
    /// The slowest body that is read on.
    pub min_speed: Option<MinSpeed>,
    /// Sizes beyond which a response is refused.
    pub caps: Caps,
    /// Which redirects are followed.
    pub redirects: Redirects,
    /// Which of them end a try, so that somebody can look at where they lead.
    pub hops: Hops,
    /// What is kept of a response.
    pub keep: Keep,
    /// The memory for all bodies that are kept, by all clients that share it.
    pub memory: Option<Arc<MemoryBudget>>,
    /// Keys of queries whose values are kept out of exchanges.
    pub redact_query: RedactQuery,
    /// Asked before each request is sent.
    pub signer: Option<Arc<dyn Sign>>,
    /// Connections that may lie idle at once, all hosts together; 0 uses each once.
    pub idle_max: u32,
    /// How long a connection may lie idle.
    pub idle_age_max: Duration,
}

impl Default for ClientOptions {
    fn default() -> Self {
        let Config { timeout, connect_timeout, min_speed, caps, redirects, .. } = Config::default();
        Self {
            net: NetOptions { connect_timeout, ..NetOptions::default() },
            method: Method::GET,
            body: None,
            headers: Vec::new(),
            user_agent: concat!("gather/", env!("CARGO_PKG_VERSION")).to_owned(),
            basic_auth: None,
            cookies: None,
            accept_encoding: AcceptEncoding::All,
            timeout,
            min_speed,
            caps,
            redirects,
            hops: Hops::ToOtherHosts,
            keep: Keep::default(),
            memory: None,
            redact_query: RedactQuery::default(),
            signer: None,
            idle_max: 1024,
            idle_age_max: Duration::from_secs(30),
        }
    }
}

impl fmt::Debug for ClientOptions {
    // Header values and bodies may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("ClientOptions")
            .field("net", &self.net)
            .field("method", &self.method)
            .field("header_names", &names)
            .field("timeout", &self.timeout)
            .field("caps", &self.caps)
            .field("redirects", &self.redirects)
            .field("keep", &self.keep)
            .field("idle_max", &self.idle_max)
            .finish_non_exhaustive()
    }
}

/// Options that no request can be made with.
#[derive(Debug)]
pub enum ClientError {
    /// One about the network.
    Net(OptionsError),
    /// The header of this name has a name or a value that cannot be sent.
    Header(String),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Net(error) => error.fmt(f),
            Self::Header(name) => write!(f, "the header {name:?} cannot be sent"),
        }
    }
}

impl std::error::Error for ClientError {}

/// Which redirects end a try in [`End::Hop`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hops {
    /// Those to another host.
    #[default]
    ToOtherHosts,
    /// All of them.
    Everywhere,
}

/// A try that is not for the target's own request: a GET of a small public file. Its redirects are
/// followed from https to http as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlainGet {
    /// How much of the body is kept; the rest is read and dropped.
    pub body_bytes_max: u64,
    /// The longest chain of redirects; they end the try only where they lead to another host.
    pub redirects_max: u32,
}

/// Where a target stands when one more try of it begins.
#[derive(Debug, Default)]
pub struct TryState {
    /// What to ask for when a redirect led away from the target's own URL: what [`End::Hop`]
    /// said.
    pub url: Option<Url>,
    /// The redirects so far: the `chain` of the attempt that ended in the hop. They count towards
    /// the limit, and decide whether a POST has become a GET.
    pub chain: Vec<ChainLink>,
    /// Where the URL came from: what [`Client::leads_from`] said of the attempt that ended in the
    /// hop.
    pub from: Provenance,
    /// What is left of the time for one try, after a hop; `None` is the target's or the run's
    /// whole timeout.
    pub time_left: Option<Duration>,
    /// What is asked for in place of the run's kind of request.
    pub plain_get: Option<PlainGet>,
    /// Where to say how far the try has come.
    pub progress: Rc<Progress>,
    /// When the try began, if the clock was just read; else it is read.
    pub started: Option<Instant>,
}

/// Makes tries. One per shard, on one thread, in a tokio `LocalSet`.
pub struct Client {
    shard: Shard,
    timeout: Duration,
    wall: WallClock,
}

/// What the tries of a shard share.
pub(crate) struct Shard {
    pub(crate) pool: Pool,
    pub(crate) dialer: Dialer,
    pub(crate) deadlines: Rc<Deadlines>,
    pub(crate) defaults: RequestDefaults,
    pub(crate) caps: Caps,
    pub(crate) redirects: Redirects,
    pub(crate) hops: Hops,
    pub(crate) keep: Keep,
    redact_query: RedactQuery,
    pub(crate) memory: Option<Arc<MemoryBudget>>,
    content_types: RefCell<Vec<Arc<str>>>,
}

impl Client {
    /// A client without connections.
    ///
    /// # Errors
    /// When an option cannot be used.
    pub fn new(options: ClientOptions, tls: Arc<TlsConfigs>) -> Result<Self, ClientError> {
        let dialer = Dialer::new(&options.net, tls).map_err(ClientError::Net)?;
        let headers = HeaderOptions {
            headers: &options.headers,
            user_agent: &options.user_agent,
            basic_auth: options.basic_auth.as_ref(),
            cookies: options.cookies.as_ref(),
            accept_encoding: options.accept_encoding,
        };
        let defaults = RequestDefaults::new(options.method, options.body, &headers, options.signer)
            .map_err(ClientError::Header)?;
        let limits = PoolLimits {
            idle_max: options.idle_max,
            idle_age_max: options.idle_age_max,
            caps: options.caps,
            http: options.net.http,
        };
        let now = Instant::now();
        let shard = Shard {
            pool: Pool::new(limits, now),
            dialer,
            deadlines: Rc::new(Deadlines::new(now, options.min_speed)),
            defaults,
            caps: options.caps,
            redirects: options.redirects,
            hops: options.hops,
            keep: options.keep,
            redact_query: options.redact_query,
            memory: options.memory,
            content_types: RefCell::default(),
        };
        Ok(Self { shard, timeout: options.timeout, wall: WallClock::new() })
    }

    /// Makes one try of `target`. A failed one is an attempt, too.
    ///
    /// Redirects are followed as long as they stay on the host, unless [`ClientOptions::hops`] says
    /// otherwise; one to another host ends the try in [`End::Hop`], with the redirect itself the
    /// last of the attempt's `chain`. Dropping the future gives the try up and closes its
    /// connection. Deadlines pass only while somebody calls [`Self::tick`].
    ///
    /// `writer` gets the decoded body of the answer as it comes. The attempt is boxed: it has
    /// hundreds of bytes, and goes through many hands.
    ///
    /// # Errors
    /// When this machine ran out of something: not the target's fault, and not a try.
    pub async fn fetch(
        &self,
        target: &Target,
        state: &TryState,
        writer: Option<&mut dyn BodyWriter>,
    ) -> Result<Box<Attempt>, LocalShortage> {
        let started = state.started.unwrap_or_else(Instant::now);
        let timeout = target.request.as_ref().and_then(|request| request.timeout);
        let time = state.time_left.or(timeout).unwrap_or(self.timeout);
        state.progress.avoid(target.request.as_ref().and_then(|request| request.avoid));
        let watch = self.shard.deadlines.watch(started, time);
        let url = match &state.url {
            Some(hop) => Cow::Owned(hop.clone()),
            None => Cow::Borrowed(&target.url),
        };
        let started_unix_us = self.wall.unix_us(started);
        let mut report = Report::new(url, state.chain.clone(), state.from, started_unix_us);
        // What is asked for besides the targets is no part of what the run keeps.
        if self.shard.keep.exchanges == KeepExchanges::Yes && state.plain_get.is_none() {
            report.capture = Some(Capture::new(self.shard.redact_query.clone()));
        }
        let a_try = Try {
            shard: &self.shard,
            target,
            plain_get: state.plain_get,
            progress: &state.progress,
            watch: &watch,
            started,
        };
        let ended = watch.within(pin!(a_try.follow(state.url.as_ref(), &mut report, writer))).await;
        let end = match ended {
            Ok(Ok(end)) => end,
            Ok(Err(DialError::Failed(failed))) => End::Failed(report.dial_failed(*failed)),
            // A request that must not be repeated may have been seen before the redirect.
            Ok(Err(DialError::Local(_))) if report.sent() == Sent::Maybe => End::Failed(
                Failure::new(ErrorKind::ConnectUnreachable, "this machine ran out of sockets"),
            ),
            Ok(Err(DialError::Local(shortage))) => return Err(shortage),
            Err(expiry) => {
                let phase = state.progress.phase();
                if phase == Phase::FirstByte {
                    self.forget_if_silent(&report);
                }
                End::Failed(failure::of_expiry(expiry, phase, time))
            }
        };
        report.timings.total = started.elapsed();
        Ok(report.attempt(end))
    }

    /// Where the URL came from that an attempt at `host` led to; the one it began with had come
    /// from `before`.
    pub fn leads_from(&self, host: &HostKey, attempt: &Attempt, before: Provenance) -> Provenance {
        match (before, &attempt.connection) {
            (Provenance::Operator, Some(connection)) => {
                self.shard.dialer.leads_from(host, connection.remote_ip)
            }
            (before, _) => before,
        }
    }

    /// Whether [`Self::resolve`] would have to ask a name server.
    pub fn needs_lookup(&self, host: &HostKey) -> bool {
        self.shard.dialer.needs_lookup(host)
    }

    /// Resolves the name of `host` into the cache that dials read; answers how long it took.
    ///
    /// # Errors
    /// `dns.not_found`, `dns.temporary` or `timeout.dns`, or what this machine ran out of.
    pub async fn resolve(&self, host: &HostKey) -> Result<Duration, DialError> {
        self.shard.dialer.resolve(host).await
    }

    /// Ends tries whose time is over, and closes connections that lay idle too long. To be called
    /// about every 10 ms: deadlines are as exact as that.
    pub fn tick(&self, now: Instant) {
        self.shard.deadlines.tick(now);
        self.shard.pool.tick(now);
    }

    /// Closes the idle connections of `host`: it has no more work.
    pub fn close_idle(&self, host: &HostKey) {
        self.shard.pool.close_idle(host);
    }

    /// What the pool did and holds.
    pub fn stats(&self) -> PoolStats {
        self.shard.pool.stats()
    }

    /// Takes a connection to `host` and gives it back: for `gather-instructions`, which counts what
    /// that costs apart from a request.
    #[doc(hidden)]
    pub async fn check_out_and_in(&self, host: &HostKey) {
        let Shard { pool, dialer, deadlines, .. } = &self.shard;
        let (origin, progress, now) = (pool.origin(host), Progress::default(), deadlines.now());
        let from = Provenance::Operator;
        let held = pool.acquire(&origin, Freshness::Any, dialer, from, &progress, now).await;
        pool.give_back(&origin, held.expect("a connection stands"), now);
    }

    /// A shared connection on which nothing at all came may be dead: the next try dials.
    fn forget_if_silent(&self, report: &Report<'_, '_>) {
        if let Some(last) = report.last.as_ref().filter(|last| last.is_silent())
            && let Some(key) = HostKey::of(&report.url)
        {
            self.shard.pool.origin(&key).forget(&last.link);
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Shard {
    /// The same text in one allocation for the few content types that a run meets.
    pub(crate) fn intern(&self, content_type: &[u8]) -> Arc<str> {
        let mut known = self.content_types.borrow_mut();
        if let Some(same) = known.iter().find(|known| known.as_bytes() == content_type) {
            return Arc::clone(same);
        }
        let new: Arc<str> = String::from_utf8_lossy(content_type).into();
        if known.len() >= CONTENT_TYPES_MAX {
            known.clear();
        }
        known.push(Arc::clone(&new));
        new
    }
}

/// Enough for the common ones; a server that invents one per response only misses the cache.
const CONTENT_TYPES_MAX: usize = 16;
