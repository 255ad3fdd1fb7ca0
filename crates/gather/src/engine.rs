//! A long-lived engine inside a program: give it targets one by one or as a stream, await records.
//!
//! An [`Engine`] keeps its hosts' connections, names, clocks and refusals from one call to the
//! next, so what a host asked for holds for all callers together. It runs on threads of its own:
//! what it returns can be awaited on any executor, or waited for without one.
//!
//! | to fetch | call | answers |
//! |---|---|---|
//! | one target, waiting while the engine is full | [`Engine::fetch`] | a future of its record |
//! | one target, if there is room | [`Engine::try_submit`] | [`SubmitError::Busy`] at once, or a future |
//! | many, from async code | [`Engine::run`], [`Engine::run_stream`] | records as they come, a stream |
//! | one after the other, for ever | [`Engine::desk`] | each record to a function |
//! | many, from a program without async | [`Engine::fetch_all`] | the same, a blocking iterator |
//!
//! Dropping what a call returned cancels its targets: one that waits leaves its queue, one in
//! flight is cut off and its connection closed. Dropping the last clone of the engine stops its
//! threads, and every future still waiting resolves to [`Stopped`].
//!
//! A fetch that failed is a [`Record`] like any other: its [`Outcome`](gather_core::Outcome) says
//! why. Errors are only for what is no URL and for an engine that has stopped.
//!
//! ```no_run
//! # async fn shown() -> Result<(), Box<dyn std::error::Error>> {
//! use gather::{Engine, EngineOptions};
//!
//! let engine = Engine::start(EngineOptions::with_concurrency(100))?;
//! let record = engine.fetch("https://a.example/price").await?;
//! println!("{} {} bytes", record.outcome.as_str(), record.body.unwrap_or_default().len());
//!
//! let mut outcomes = engine.run(["https://a.example/1", "https://b.example/2"]);
//! while let Some(record) = outcomes.next().await {
//!     let record = record?;
//!     println!("{} {} {}", record.n, record.status_code, record.url);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Methods, headers, bodies and timeouts of a single request come with its
//! [`Target`](gather_core::Target):
//!
//! ```no_run
//! # async fn shown(engine: gather::Engine) -> Result<(), Box<dyn std::error::Error>> {
//! use gather::core::{Method, RequestSpec, Target, TargetNo};
//!
//! let url = gather::Url::parse("https://api.example/orders")?;
//! let mut target = Target::new(TargetNo(0), url).ok_or("neither http nor https")?;
//! let body = Some(gather::Bytes::from_static(b"{\"sku\":17}"));
//! let spec = RequestSpec { method: Some(Method::POST), body, ..RequestSpec::default() };
//! target.request = Some(spec.into());
//! let record = engine.fetch(target).await?;
//! # Ok(())
//! # }
//! ```

mod desk;
mod entrance;
mod fetching;
mod into_target;
mod outcomes;

use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use futures_core::Stream;
use gather_core::config::HostConcurrency;
use gather_core::{Config, Record, TargetNo};
use gather_fetch::{Client, ClientError, ClientOptions, KeepBody, TlsConfigs};
use tokio::sync::mpsc;

pub use self::desk::Desk;
pub use self::fetching::{Fetch, FetchError, Fetching, Stopped, SubmitError};
pub use self::into_target::{IntoTarget, InvalidTarget};
pub use self::outcomes::{FetchAll, FromIter, Outcomes};

use self::entrance::Entrance;
use crate::account::Account;
use crate::feed::Feed;
use crate::fit::{self, Fit};
use crate::pending::Pending;
use crate::platform::Descriptors;
use crate::report::ShardReport;
use crate::reroute::Credentials;
use crate::run::{RunError, start_shard};
use crate::shard::ShardParts;
use crate::shared::{Past, Shared};
use crate::stop::Stop;
use crate::writer::Written;

/// Targets an engine holds at least, where nothing else was chosen.
const OUTSTANDING: usize = 4096;
/// Targets that are read ahead at least, where nothing else was chosen.
const READ_AHEAD: usize = 256;

/// Everything an engine needs to know before it starts.
#[derive(Debug)]
pub struct EngineOptions {
    /// What decides: concurrency, politeness, retries, limits. `deadline` and `stop` hold for the
    /// engine's whole life.
    pub config: Config,
    /// How requests are made, what is kept of responses, who signs. Its timeout, speed, caps and
    /// redirects are taken from `config`. Bodies count against `caps.memory_bytes_max` until
    /// their records are handed over.
    pub client: ClientOptions,
    /// Whether the descriptor limit of the process may be raised.
    pub descriptors: Descriptors,
    /// Event loops, each a thread; chosen by concurrency and processors if `None`.
    pub shards: Option<NonZeroUsize>,
    /// Targets accepted and not finished, over all callers; beyond it, calls wait or are told
    /// [`SubmitError::Busy`]. The larger of 4,096 and eight times the concurrency if `None`.
    pub outstanding: Option<NonZeroUsize>,
    /// Targets that one [`Engine::run`] has under way or finished and unread; at most
    /// `outstanding`. The larger of 256 and four times the concurrency if `None`.
    pub read_ahead: Option<NonZeroUsize>,
}

impl Default for EngineOptions {
    /// The defaults of the command line, except that bodies are kept: [`Record::body`] is what a
    /// program fetches for. At most 50 requests in flight, 4 for each host.
    fn default() -> Self {
        let mut client = ClientOptions::default();
        client.keep.body = KeepBody::All;
        Self {
            config: Config::default(),
            client,
            descriptors: Descriptors::Keep,
            shards: None,
            outstanding: None,
            read_ahead: None,
        }
    }
}

impl EngineOptions {
    /// The defaults with at most `requests` (at least 1) in flight. As with `--concurrency`, hosts
    /// with work share all of them, and each host gets less once it shows that it bears less.
    pub fn with_concurrency(requests: u32) -> Self {
        let mut options = Self::default();
        options.config.concurrency = NonZeroU32::new(requests).unwrap_or(NonZeroU32::MIN);
        options.config.host_concurrency = HostConcurrency::Share;
        options
    }
}

/// Fetches what it is given until it is dropped. Cheap to clone; all clones are the same engine.
///
/// It installs no signal handler and no global subscriber, and leaves the limits of the process
/// alone unless [`EngineOptions::descriptors`] says otherwise. Without work its threads sleep.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    entrance: Arc<Entrance>,
    read_ahead: usize,
    threads: Mutex<Vec<JoinHandle<Result<(), ClientError>>>>,
    reports: Vec<Arc<ShardReport>>,
    /// Kept so that callers and shards can reach a shard for as long as the engine lives.
    _inboxes: Vec<mpsc::Sender<Box<Pending>>>,
}

impl Engine {
    /// Starts the threads, from within or without a runtime; blocks for as long as that takes,
    /// some milliseconds.
    ///
    /// # Errors
    /// An option that cannot be used, or a thread that cannot be started.
    pub fn start(options: EngineOptions) -> Result<Self, RunError> {
        let EngineOptions { mut config, mut client, descriptors, shards, .. } = options;
        let fit = Fit::new(&config, descriptors, shards);
        fit::apply(&config, &fit, &mut client);
        let at_least = |least: usize, times: usize| least.max(times * fit.allowed as usize);
        let outstanding = options.outstanding.map_or(at_least(OUTSTANDING, 8), NonZeroUsize::get);
        let read_ahead = options.read_ahead.map_or(at_least(READ_AHEAD, 4), NonZeroUsize::get);
        let tls = TlsConfigs::new(&client.net.tls, client.net.http);
        let tls = Arc::new(tls.map_err(|error| RunError::Client(ClientError::Net(error)))?);
        Client::new(client.clone(), Arc::clone(&tls)).map_err(RunError::Client)?;
        config.concurrency = NonZeroU32::new(fit.allowed).unwrap_or(config.concurrency);
        let secrets = (Credentials::of(&client), client.redact_query.clone());
        let stop = Stop::default();
        let shared = Shared::new(config, secrets, stop, fit.allowed, fit.shards, &Past::NONE);
        let shared = Arc::new(shared);
        // Each target in an inbox holds a place, so none of them is ever full.
        let (inboxes, waiting): (Vec<_>, Vec<_>) =
            (0..fit.shards).map(|_| mpsc::channel(outstanding)).unzip();
        let engine = Self(Arc::new(Inner {
            entrance: Arc::new(Entrance::new(Arc::clone(&shared), &inboxes, outstanding)),
            read_ahead: read_ahead.min(outstanding),
            threads: Mutex::default(),
            reports: (0..fit.shards).map(|_| Arc::default()).collect(),
            _inboxes: inboxes,
        }));
        let written = Arc::new(Written::new(fit.shards, Account::new()));
        for (index, inbox) in waiting.into_iter().enumerate() {
            // No target of a list comes in here, so nothing goes to a writer.
            let (batches, _) = mpsc::channel(1);
            let parts = ShardParts {
                index,
                run: Arc::clone(&shared),
                feed: Feed::new(index, None, inbox),
                batches,
                written: Arc::clone(&written),
                report: Arc::clone(&engine.0.reports[index]),
                memory: client.memory.clone(),
                clocks: Vec::new(),
                neighbours: engine.0.entrance.inboxes().to_vec(),
            };
            let thread = start_shard(parts, client.clone(), Arc::clone(&tls))?;
            engine.threads().push(thread);
        }
        Ok(engine)
    }

    /// Fetches one target. Waits for room in the engine first; nothing happens before the future
    /// is polled. Dropping it cancels the target.
    ///
    /// The future borrows nothing, and does not keep the engine alive.
    ///
    /// # Errors
    /// [`FetchError`] for what is no URL and for an engine that has stopped. A fetch that failed
    /// is a record.
    pub fn fetch(&self, target: impl IntoTarget) -> Fetch {
        let target = self.0.entrance.read(target, None);
        Fetch::new(Arc::clone(&self.0.entrance), target)
    }

    /// Submits one target if there is room for it. It is under way when this returns, whether or
    /// not the future is polled; dropping the future cancels it.
    ///
    /// # Errors
    /// [`SubmitError::Busy`] at once, with the target, if the engine holds as many targets as it
    /// may.
    pub fn try_submit(&self, target: impl IntoTarget) -> Result<Fetching, SubmitError> {
        let entrance = &self.0.entrance;
        let target = entrance.read(target, None).map_err(SubmitError::Invalid)?;
        match entrance.try_place() {
            Some(place) => Ok(Fetching::submit(entrance, target, place)?),
            None => Err(SubmitError::Busy(Box::new(target))),
        }
    }

    /// Fetches everything an iterator yields, as a [`Stream`] of records in the order in which
    /// they end. The iterator is read only as far ahead as [`EngineOptions::read_ahead`] says; it
    /// should not block.
    ///
    /// Each input has exactly one record, and [`Record::n`] is its place in the input, from 0,
    /// unless it is a [`Target`](gather_core::Target) with a number of its own. An input that is
    /// no URL becomes a skipped record.
    pub fn run<I>(&self, targets: I) -> Outcomes<FromIter<I::IntoIter>>
    where
        I: IntoIterator,
        I::Item: IntoTarget,
    {
        self.run_stream(FromIter::new(targets.into_iter()))
    }

    /// As [`Self::run`], for a stream. It is polled only while there is room.
    pub fn run_stream<S>(&self, targets: S) -> Outcomes<S>
    where
        S: Stream,
        S::Item: IntoTarget,
    {
        Outcomes::new(self.clone(), targets)
    }

    /// As [`Self::run`], for programs that are not async: the iterator blocks until the next
    /// record is there. Not for use on the thread of an executor.
    pub fn fetch_all<I>(&self, targets: I) -> FetchAll<I::IntoIter>
    where
        I: IntoIterator,
        I::Item: IntoTarget,
    {
        FetchAll::new(self.run(targets))
    }

    /// A way in for a program that submits targets for as long as it lives. `on_record` is called on
    /// an event loop and must not block; it is told the target's number, and `None` in place of the
    /// record if the engine stopped before there was one.
    pub fn desk(
        &self,
        on_record: impl Fn(TargetNo, Option<Record>) + Send + Sync + 'static,
    ) -> Desk {
        Desk::new(self.clone(), on_record)
    }

    /// Requests that may be in flight: the concurrency asked for, or fewer if the process may not
    /// have as many files open.
    pub fn concurrency(&self) -> u32 {
        self.0.entrance.shared().permits.total()
    }

    /// Targets accepted and not finished.
    pub fn outstanding(&self) -> usize {
        self.0.entrance.outstanding()
    }

    /// Requests in flight, as its event loops told within the last second.
    pub fn in_flight(&self) -> u32 {
        self.0.reports.iter().map(|report| report.in_flight()).sum()
    }

    /// What stops the engine while others still use it.
    pub fn stop(&self) -> Stop {
        self.0.entrance.shared().stop.clone()
    }

    /// Stops the engine at once, for all its clones, and waits until its threads have ended, some
    /// milliseconds.
    ///
    /// # Errors
    /// What an event loop ended with. Asking again tells nothing new.
    pub fn close(&self) -> Result<(), RunError> {
        self.stop().now();
        let threads = std::mem::take(&mut *self.threads());
        let ended = threads.into_iter().map(|thread| match thread.join() {
            Ok(ended) => ended.map_err(RunError::Client),
            Err(_) => Err(RunError::Panic),
        });
        ended.fold(Ok(()), Result::and)
    }

    fn threads(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<Result<(), ClientError>>>> {
        self.0.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("concurrency", &self.concurrency())
            .field("outstanding", &self.outstanding())
            .finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.entrance.shared().stop.now();
    }
}
