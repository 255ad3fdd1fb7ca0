//! The connections of a shard by origin: idle HTTP/1.1 ones, and one HTTP/2 one each.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use gather_core::config::Caps;
use gather_core::target::HostMap;
use gather_core::{ErrorKind, Failure, HostKey, Provenance, Scheme};
use http::HeaderMap;
use hyper::body::{Frame, Incoming};
use tokio::sync::oneshot;

use crate::conn::{Buffers, Counted, H1, H2, H2Stream, HeadRoom, Link};
use crate::dial::{Connected, DialError, DialTimings, Dialer, Protocol};
use crate::failure;
use crate::options::HttpChoice;
use crate::progress::{Phase, Progress};

/// What the pool of a shard did and holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStats {
    /// Connections opened.
    pub opened: u64,
    /// Requests sent over a connection that had served another.
    pub reused: u64,
    /// Connections that wait for their next request.
    pub idle: u32,
    /// HTTP/1.1 connections and HTTP/2 streams under way.
    pub in_use: u32,
    /// Schemes, hosts and ports of which something is kept.
    pub origins: usize,
}

/// Limits of a pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolLimits {
    /// Idle connections of all origins together.
    pub(crate) idle_max: u32,
    /// How long one may lie idle.
    pub(crate) idle_age_max: Duration,
    pub(crate) caps: Caps,
    pub(crate) http: HttpChoice,
}

/// Whether a connection may have served before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Take an idle one if there is one.
    Any,
    /// Dial: one that had lain idle just failed.
    New,
}

pub(crate) struct Pool {
    origins: RefCell<HostMap<Rc<Origin>>>,
    counters: Rc<Counters>,
    limits: PoolLimits,
    swept_at: Cell<Instant>,
}

#[derive(Default)]
struct Counters {
    opened: Cell<u64>,
    reused: Cell<u64>,
    idle: Cell<u32>,
    in_use: Cell<u32>,
    /// Numbers the returns, so that the oldest idle connections can be found.
    returns: Cell<u64>,
}

impl Counters {
    /// What a request gets that is sent now.
    fn buffers(&self) -> Buffers {
        if self.in_use.get() > BUFFERED_MAX { Buffers::WhenReadable } else { Buffers::Kept }
    }

    /// Whether a connection that is given back keeps its buffers for the next request.
    fn buffers_idle(&self) -> Buffers {
        let all = self.in_use.get() + self.idle.get();
        if all > BUFFERED_MAX { Buffers::WhenReadable } else { Buffers::Kept }
    }
}

/// What is kept of one scheme, host and port.
pub(crate) struct Origin {
    pub(crate) key: HostKey,
    idle: RefCell<Vec<Idle>>,
    h2: RefCell<Option<Rc<H2>>>,
    spoken: Cell<Option<Protocol>>,
    room: Cell<HeadRoom>,
    /// Tries that wait for another's dial, which may give them an HTTP/2 connection; `None`
    /// while nobody dials for all.
    dialling: RefCell<Option<Vec<oneshot::Sender<Dialled>>>>,
    /// The constant headers of requests to it, with the credentials of the run and without.
    pub(crate) headers: OnceCell<HeaderMap>,
    pub(crate) bare_headers: OnceCell<HeaderMap>,
}

/// What those learn who wait for another's dial.
type Dialled = Result<(), DialError>;

struct Idle {
    connection: Box<H1>,
    since: Instant,
    returned: u64,
}

/// A connection (or a stream of one) that a try holds.
pub(crate) struct Held {
    pub(crate) kind: HeldKind,
    /// How long it took to dial; `None` for one that stood.
    pub(crate) dialled: Option<DialTimings>,
    in_use: InUse,
}

pub(crate) enum HeldKind {
    H1(Box<H1>),
    H2(H2Stream),
}

impl Held {
    pub(crate) fn link(&self) -> &Rc<Link> {
        match &self.kind {
            HeldKind::H1(connection) => &connection.link,
            HeldKind::H2(stream) => &stream.connection.link,
        }
    }

    /// The next frame of the `body` of the response it brought; `None` at its end.
    pub(crate) async fn next_frame(
        &mut self,
        body: &mut Incoming,
    ) -> Option<Result<Frame<Bytes>, Failure>> {
        match &mut self.kind {
            HeldKind::H1(connection) => connection.next_frame(body).await,
            HeldKind::H2(stream) => stream.next_frame(body).await,
        }
    }

    /// Why its request got no answer.
    pub(crate) fn failure_of(&self, error: &hyper::Error) -> Failure {
        match &self.kind {
            HeldKind::H1(_) => failure::of_response(error),
            HeldKind::H2(stream) => stream.connection.failure_of(error),
        }
    }

    /// Whether further requests may be sent over it.
    pub(crate) fn is_usable(&mut self) -> bool {
        match &mut self.kind {
            HeldKind::H1(connection) => connection.is_usable(),
            HeldKind::H2(stream) => stream.connection.is_usable(),
        }
    }

    /// Has the next connections to `origin` have more room for header lines than this one has; false
    /// where there is no more.
    pub(crate) fn makes_room(&self, origin: &Origin) -> bool {
        let HeldKind::H1(connection) = &self.kind else { return false };
        let has_more = connection.room < HeadRoom::All;
        if has_more {
            origin.make_room();
        }
        has_more
    }

    /// Where thousands wait for their answers, none of them has buffers.
    pub(crate) fn buffers(&self) -> Buffers {
        self.in_use.0.buffers()
    }

    /// Whether it had served before.
    pub(crate) fn is_reused(&self) -> bool {
        self.dialled.is_none()
    }
}

struct InUse(Rc<Counters>);

impl InUse {
    fn new(counters: &Rc<Counters>) -> Self {
        counters.in_use.set(counters.in_use.get() + 1);
        Self(Rc::clone(counters))
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.0.in_use.set(self.0.in_use.get() - 1);
    }
}

/// Lets those who wait for this dial go on, whatever happens to it.
struct DialForAll<'a>(&'a Origin);

impl DialForAll<'_> {
    fn finish(self, result: Result<(), &DialError>) {
        for waiting in self.0.dialling.take().into_iter().flatten() {
            // One that gave up no longer listens.
            drop(waiting.send(result.map_err(DialError::clone)));
        }
    }
}

impl Drop for DialForAll<'_> {
    fn drop(&mut self) {
        self.0.dialling.replace(None);
    }
}

enum Turn<'a> {
    Dial(DialForAll<'a>),
    Wait(oneshot::Receiver<Dialled>),
}

impl Origin {
    fn new(key: HostKey) -> Self {
        Self {
            key,
            idle: RefCell::default(),
            h2: RefCell::default(),
            spoken: Cell::default(),
            room: Cell::default(),
            dialling: RefCell::default(),
            headers: OnceCell::new(),
            bare_headers: OnceCell::new(),
        }
    }

    fn is_empty(&self) -> bool {
        self.idle.borrow().is_empty() && self.h2.borrow().is_none()
    }

    fn usable_h2(&self) -> Option<Rc<H2>> {
        let mut h2 = self.h2.borrow_mut();
        if h2.as_ref().is_some_and(|h2| !h2.is_usable()) {
            *h2 = None;
        }
        h2.clone()
    }

    fn turn(&self) -> Turn<'_> {
        match &mut *self.dialling.borrow_mut() {
            Some(waiting) => {
                let (done, is_done) = oneshot::channel();
                waiting.push(done);
                Turn::Wait(is_done)
            }
            none => {
                *none = Some(Vec::new());
                Turn::Dial(DialForAll(self))
            }
        }
    }

    /// From now on its HTTP/1.1 connections have room for as many header lines as are allowed.
    pub(crate) fn make_room(&self) {
        self.room.set(HeadRoom::All);
    }

    /// No further request goes over the HTTP/2 connection of `link`.
    pub(crate) fn forget(&self, link: &Rc<Link>) {
        self.h2.borrow_mut().take_if(|h2| Rc::ptr_eq(&h2.link, link));
    }
}

impl Pool {
    pub(crate) fn new(limits: PoolLimits, now: Instant) -> Self {
        Self {
            origins: RefCell::default(),
            counters: Rc::default(),
            limits,
            swept_at: Cell::new(now),
        }
    }

    /// The origin of this key, new or known.
    pub(crate) fn origin(&self, key: &HostKey) -> Rc<Origin> {
        let mut origins = self.origins.borrow_mut();
        if let Some(origin) = origins.get(key) {
            return Rc::clone(origin);
        }
        let origin = Rc::new(Origin::new(key.clone()));
        origins.insert(key.clone(), Rc::clone(&origin));
        origin
    }

    /// A connection to `origin`: one that stands, or a new one.
    pub(crate) async fn acquire(
        &self,
        origin: &Origin,
        freshness: Freshness,
        dialer: &Dialer,
        from: Provenance,
        progress: &Progress,
        now: Instant,
    ) -> Result<Held, DialError> {
        loop {
            if let Some(h2) = origin.usable_h2() {
                progress.enter(Phase::Queued);
                return Ok(self.hold_h2(&h2, None).await);
            }
            if freshness == Freshness::Any
                && let Some(connection) = self.take_idle(origin, now)
            {
                self.counters.reused.set(self.counters.reused.get() + 1);
                return Ok(self.hold(HeldKind::H1(connection), None));
            }
            if !self.may_be_shared(origin) {
                return Box::pin(self.dial(origin, dialer, from, progress, now)).await;
            }
            match origin.turn() {
                Turn::Dial(for_all) => {
                    let dial = Box::pin(self.dial(origin, dialer, from, progress, now));
                    let held = dial.await;
                    for_all.finish(held.as_ref().map(|_| ()));
                    return held;
                }
                Turn::Wait(dialled) => {
                    progress.enter(Phase::Connect);
                    // Otherwise it stands, or the one who dialled was cancelled.
                    match dialled.await {
                        // What was forbidden to its URL may be allowed to ours.
                        Ok(Err(error)) if !error.is_blocked() => return Err(error),
                        _ => {}
                    }
                }
            }
        }
    }

    /// Takes back a connection whose response was read to its end.
    pub(crate) fn give_back(&self, origin: &Origin, held: Held, now: Instant) {
        let Held { kind, in_use, .. } = held;
        let buffers = self.counters.buffers_idle();
        drop(in_use);
        match kind {
            HeldKind::H1(mut connection) => {
                if self.limits.idle_max == 0 || !connection.is_done() {
                    return;
                }
                if buffers == Buffers::WhenReadable {
                    connection.strip();
                    if !connection.is_usable() {
                        return;
                    }
                }
                if self.counters.idle.get() >= self.limits.idle_max {
                    self.evict_oldest();
                }
                let returned = self.counters.returns.get();
                self.counters.returns.set(returned + 1);
                self.counters.idle.set(self.counters.idle.get() + 1);
                origin.idle.borrow_mut().push(Idle { connection, since: now, returned });
            }
            HeldKind::H2(stream) => stream.connection.idle_since.set(now),
        }
    }

    /// Closes connections that lay idle too long, or that their server has closed.
    pub(crate) fn tick(&self, now: Instant) {
        if now.saturating_duration_since(self.swept_at.get()) < SWEEP_INTERVAL {
            return;
        }
        self.swept_at.set(now);
        let age_max = self.limits.idle_age_max;
        let too_old = |since: Instant| now.saturating_duration_since(since) >= age_max;
        self.origins.borrow_mut().retain(|_, origin| {
            self.retain_idle(origin, |idle| {
                if now.saturating_duration_since(idle.since) >= SWEEP_INTERVAL {
                    idle.connection.strip();
                }
                !too_old(idle.since) && idle.connection.is_usable()
            });
            origin
                .h2
                .borrow_mut()
                .take_if(|h2| !h2.is_usable() || (h2.is_idle() && too_old(h2.idle_since.get())));
            is_needed(origin)
        });
    }

    /// Closes the idle connections of `key`: its host has no more work.
    pub(crate) fn close_idle(&self, key: &HostKey) {
        let mut origins = self.origins.borrow_mut();
        if let Some(origin) = origins.get(key) {
            self.retain_idle(origin, |_| false);
            origin.h2.replace(None);
            if !is_needed(origin) {
                origins.remove(key);
            }
        }
    }

    pub(crate) fn stats(&self) -> PoolStats {
        let counters = &self.counters;
        let idle_h2 =
            |origin: &Rc<Origin>| origin.h2.borrow().as_ref().is_some_and(|h2| h2.is_idle());
        let origins = self.origins.borrow();
        let h2 = origins.values().filter(|origin| idle_h2(origin)).count();
        PoolStats {
            opened: counters.opened.get(),
            reused: counters.reused.get(),
            idle: counters.idle.get() + u32::try_from(h2).unwrap_or(u32::MAX),
            in_use: counters.in_use.get(),
            origins: origins.len(),
        }
    }

    fn may_be_shared(&self, origin: &Origin) -> bool {
        match (self.limits.http, origin.spoken.get()) {
            (HttpChoice::Http1, _) | (_, Some(Protocol::Http1)) => false,
            (HttpChoice::Http2, _) | (_, Some(Protocol::Http2)) => true,
            (HttpChoice::Auto, None) => origin.key.scheme() == Scheme::Https,
        }
    }

    /// Boxed by those who call it, so that a try that waits for its answer does not keep its 2 KB.
    async fn dial(
        &self,
        origin: &Origin,
        dialer: &Dialer,
        from: Provenance,
        progress: &Progress,
        now: Instant,
    ) -> Result<Held, DialError> {
        let connected = dialer.dial_for(&origin.key, from, progress).await?;
        let Connected { stream, protocol, remote_ip, tls, forward_proxy, timings } = connected;
        let link = Rc::new(Link {
            remote_ip,
            tls,
            forward_proxy,
            read: Cell::default(),
            written: Cell::default(),
            tap: RefCell::default(),
        });
        let io = Counted::new(stream, link);
        self.counters.opened.set(self.counters.opened.get() + 1);
        origin.spoken.set(Some(protocol));
        match protocol {
            Protocol::Http1 => {
                let connection = H1::new(io, &self.limits.caps, origin.room.get());
                Ok(self.hold(HeldKind::H1(Box::new(connection)), Some(timings)))
            }
            Protocol::Http2 => {
                let h2 = H2::start(io, &self.limits.caps, now).await.map_err(broken_handshake)?;
                let h2 = Rc::new(h2);
                origin.h2.replace(Some(Rc::clone(&h2)));
                Ok(self.hold_h2(&h2, Some(timings)).await)
            }
        }
    }

    async fn hold_h2(&self, h2: &Rc<H2>, dialled: Option<DialTimings>) -> Held {
        let stream = h2.enter().await;
        if dialled.is_none() {
            self.counters.reused.set(self.counters.reused.get() + 1);
        }
        self.hold(HeldKind::H2(stream), dialled)
    }

    fn hold(&self, kind: HeldKind, dialled: Option<DialTimings>) -> Held {
        Held { kind, dialled, in_use: InUse::new(&self.counters) }
    }

    /// The youngest idle connection: the others can grow old and be closed. Whether it still stands
    /// shows before a request leaves over it; to look here as well costs 2% of a small response.
    fn take_idle(&self, origin: &Origin, now: Instant) -> Option<Box<H1>> {
        let mut idle = origin.idle.borrow_mut();
        while let Some(Idle { connection, since, .. }) = idle.pop() {
            self.counters.idle.set(self.counters.idle.get() - 1);
            let age = now.saturating_duration_since(since);
            if age < self.limits.idle_age_max && connection.room >= origin.room.get() {
                return Some(connection);
            }
        }
        None
    }

    fn retain_idle(&self, origin: &Origin, keep: impl FnMut(&mut Idle) -> bool) {
        let mut idle = origin.idle.borrow_mut();
        let before = idle.len();
        idle.retain_mut(keep);
        let closed = u32::try_from(before - idle.len()).expect("idle_max is a u32");
        self.counters.idle.set(self.counters.idle.get() - closed);
    }

    /// Makes room: closes the longest idle eighth, so that the search is paid once for many, and lets
    /// go of the origins that have none left. Where every URL is on a host of its own, they would
    /// be most of what is held until the next sweep.
    fn evict_oldest(&self) {
        let mut origins = self.origins.borrow_mut();
        let mut returns: Vec<u64> = Vec::new();
        for origin in origins.values() {
            returns.extend(origin.idle.borrow().iter().map(|idle| idle.returned));
        }
        if returns.is_empty() {
            return;
        }
        let nth = returns.len() / 8;
        let (_, &mut youngest_closed, _) = returns.select_nth_unstable(nth);
        origins.retain(|_, origin| {
            self.retain_idle(origin, |idle| idle.returned > youngest_closed);
            is_needed(origin)
        });
    }
}

/// Whether a try holds this origin of the pool's, or it has connections.
fn is_needed(origin: &Rc<Origin>) -> bool {
    Rc::strong_count(origin) > 1 || !origin.is_empty()
}

/// With more connections than this, 25 KB of buffers each, they wait without: those in use for their
/// answers, idle ones for their next request.
const BUFFERED_MAX: u32 = 256;

/// How often idle connections are looked at.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

fn broken_handshake(error: hyper::Error) -> DialError {
    let message = format!("the connection could not be used: {error}");
    Failure::new(ErrorKind::ProtocolOther, message).into()
}
