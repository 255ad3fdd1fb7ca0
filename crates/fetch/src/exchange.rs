//! One try: requests sent and responses read, along the redirects of one host.

use std::borrow::Cow;
use std::rc::Rc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use gather_core::attempt::{ChainLink, ConnectionInfo, Head, Headers, HttpVersion, RetryAfter};
use gather_core::config::Redirects;
use gather_core::exchange::Cut;
use gather_core::{
    Attempt, Duration, End, Failure, HostKey, Provenance, Sent, Target, Timings, retry_after,
};
use http::{HeaderMap, Request, Response};
use hyper::body::{Body as _, Incoming};
use url::Url;

use crate::body::{BodyReader, BodyWriter, Keep, KeepBody, KeepHeaders, NoRoom};
use crate::capture::Capture;
use crate::client::{Hops, PlainGet, Shard};
use crate::conn::{Link, RequestBody};
use crate::deadline::Watch;
use crate::decode::Decoder;
use crate::dial::{DialError, DialFailure, Protocol};
use crate::failure;
use crate::framing;
use crate::lines::{Coded, Lines};
use crate::memory::Share;
use crate::pool::{Freshness, Held, HeldKind, Origin};
use crate::progress::{Phase, Progress};
use crate::redirect::{self, Downgrade, Next};
use crate::request::{Outgoing, without_userinfo};

/// What does not change during a try.
pub(crate) struct Try<'a> {
    pub(crate) shard: &'a Shard,
    pub(crate) target: &'a Target,
    pub(crate) plain_get: Option<PlainGet>,
    pub(crate) progress: &'a Progress,
    pub(crate) watch: &'a Watch,
    pub(crate) started: Instant,
}

/// What is known of a try so far: it outlives a try that is cut short by its deadline.
pub(crate) struct Report<'u, 'w> {
    /// Borrowed as long as it is the target's own.
    pub(crate) url: Cow<'u, Url>,
    pub(crate) chain: Vec<ChainLink>,
    head: Option<Head>,
    body: Option<BodyReader<'w>>,
    pub(crate) timings: Timings,
    connection: Option<ConnectionInfo>,
    /// The connection of the last request, and what had passed over it before.
    pub(crate) last: Option<Passed>,
    was_sent: bool,
    /// What passes over the wire, where it is to be kept.
    pub(crate) capture: Option<Box<Capture>>,
    /// Where `url` came from.
    from: Provenance,
}

/// How much had passed over a connection before a request was sent.
pub(crate) struct Passed {
    pub(crate) link: Rc<Link>,
    read: u64,
    written: u64,
}

impl Passed {
    fn until_now(link: &Rc<Link>) -> Self {
        Self { link: Rc::clone(link), read: link.read.get(), written: link.written.get() }
    }

    /// Whether not a byte was received since.
    pub(crate) fn is_silent(&self) -> bool {
        self.link.read.get() == self.read
    }

    /// Whether what was received since is less than a head may have.
    fn is_within(&self, header_bytes_max: u32) -> bool {
        self.link.read.get() - self.read < u64::from(header_bytes_max)
    }

    /// Whether not a byte was sent since.
    fn is_unsent(&self) -> bool {
        self.link.written.get() == self.written
    }
}

/// A response whose head was read, and the connection its body comes over.
struct Answer {
    held: Held,
    response: Response<Incoming>,
    coded: Coded,
}

impl<'u> Report<'u, '_> {
    pub(crate) fn new(
        url: Cow<'u, Url>,
        chain: Vec<ChainLink>,
        from: Provenance,
        started_unix_us: u64,
    ) -> Self {
        Self {
            url: without_userinfo(url),
            chain,
            head: None,
            body: None,
            timings: Timings { started_unix_us, ..Timings::default() },
            connection: None,
            last: None,
            was_sent: false,
            capture: None,
            from,
        }
    }

    /// Keeps what a failed dial had reached, the certificate above all.
    pub(crate) fn dial_failed(&mut self, failed: DialFailure) -> Failure {
        if self.connection.is_none() {
            self.timings.namelookup = failed.timings.namelookup;
            self.timings.connect = failed.timings.connect;
            self.timings.appconnect = failed.timings.appconnect;
        }
        if failed.connection.is_some() {
            self.connection = failed.connection;
        }
        failed.failure
    }

    /// The wall clock when the last head was read, since 1970.
    fn now_unix(&self) -> Duration {
        Duration::from_micros(self.timings.started_unix_us) + self.timings.starttransfer
    }

    /// Whether a server may have seen a request of this try.
    pub(crate) fn sent(&self) -> Sent {
        let last_was_sent = self.last.as_ref().is_some_and(|last| !last.is_unsent());
        if self.was_sent || last_was_sent { Sent::Maybe } else { Sent::No }
    }

    pub(crate) fn attempt(self, end: End) -> Box<Attempt> {
        let sent = self.sent();
        let (body, wire) = self.body.map_or_else(Default::default, BodyReader::summary);
        let exchanges = self
            .capture
            .map_or_else(Vec::new, |capture| capture.exchanges(wire.bytes, wire.coding, &end));
        Box::new(Attempt {
            url: match self.url {
                Cow::Borrowed(_) => None,
                Cow::Owned(url) => Some(Box::new(url)),
            },
            end,
            head: self.head,
            body,
            timings: self.timings,
            chain: self.chain,
            connection: self.connection,
            sent,
            exchanges,
        })
    }
}

impl Try<'_> {
    /// Asks for the report's URL (that of the target, or of `hop`) and follows redirects as long
    /// as they stay on its host.
    pub(crate) async fn follow<'w>(
        &self,
        hop: Option<&Url>,
        report: &mut Report<'_, 'w>,
        mut writer: Option<&'w mut dyn BodyWriter>,
    ) -> Result<End, DialError> {
        let mut outgoing = Outgoing::new(self.target, &self.shard.defaults, &report.chain);
        let key = match hop {
            None => Cow::Borrowed(&self.target.host),
            Some(url) => {
                let key = HostKey::of(url).ok_or_else(|| failure::not_fetched(url.scheme()))?;
                Cow::Owned(key)
            }
        };
        let origin = self.shard.pool.origin(&key);
        let (mut redirects, mut hops) = (self.shard.redirects, self.shard.hops);
        let mut downgrade = Downgrade::Refused;
        if let Some(get) = self.plain_get {
            outgoing.becomes_get();
            downgrade = Downgrade::Followed;
            redirects = Redirects::Follow { max: get.redirects_max };
            hops = Hops::ToOtherHosts;
        }
        loop {
            let answer = self.ask(report, &outgoing, &origin).await?;
            let response = &answer.response;
            let status = response.status().as_u16();
            let next = redirect::next(
                status,
                response.headers(),
                &report.url,
                &report.chain,
                (redirects, downgrade),
                outgoing.after_redirect(status),
            )?;
            let Next::Follow(next) = next else {
                self.read(report, &origin, answer, writer.take()).await?;
                return Ok(End::Complete);
            };
            self.drain(report, &origin, answer.held, answer.response.into_body()).await;
            report.chain.push(ChainLink { url: report.url.as_str().into(), status });
            outgoing.redirected(status);
            if let Some(connection) = &report.connection
                && report.from == Provenance::Operator
            {
                report.from = self.shard.dialer.leads_from(&key, connection.remote_ip);
            }
            if hops == Hops::Everywhere || HostKey::of(&next).as_ref() != Some(&*key) {
                return Ok(End::Hop(next));
            }
            report.url = Cow::Owned(*next);
        }
    }

    /// Sends the request and reads the head of its response. A kept-alive connection that turns
    /// out to be dead is replaced once, if the request may be sent again (RFC 9112 section 9.3.1);
    /// one that had been closed before is passed over. An answer with more header lines than are
    /// usual is asked for again, over a connection with room for them.
    async fn ask(
        &self,
        report: &mut Report<'_, '_>,
        outgoing: &Outgoing<'_>,
        origin: &Origin,
    ) -> Result<Answer, DialError> {
        let mut freshness = Freshness::Any;
        if !outgoing.method.is_idempotent() {
            // It cannot be sent again if its answer needs it.
            origin.make_room();
        }
        loop {
            let is_first = report.connection.is_none();
            let mut held = self.connect(report, origin, freshness).await?;
            let link = Rc::clone(held.link());
            let (protocol, version_is_shared) = match &held.kind {
                HeldKind::H1(_) => (Protocol::Http1, false),
                HeldKind::H2(_) => (Protocol::Http2, true),
            };
            let request = outgoing.request(&report.url, origin, &link, protocol)?;
            self.capture_request(report, &request, outgoing.body.as_ref(), &link, protocol);
            self.progress.enter(Phase::FirstByte);
            report.was_sent = report.sent() == Sent::Maybe;
            let passed = report.last.insert(Passed::until_now(&link));
            let buffers = held.buffers();
            let sent = match &mut held.kind {
                HeldKind::H1(connection) => connection.send(request, buffers).await,
                HeldKind::H2(stream) => stream.send(request).await,
            };
            let error = match sent {
                Ok(response) => {
                    let coded = self.begin_answer(report, outgoing, &response, &link, protocol)?;
                    return Ok(Answer { held, response, coded });
                }
                Err(error) => error,
            };
            if failure::is_too_large(error.error())
                && passed.is_within(self.shard.caps.header_bytes_max)
                && held.makes_room(origin)
            {
                continue;
            }
            let never_left = error.message().is_some()
                || (!version_is_shared && passed.is_unsent())
                || failure::is_refused_unseen(error.error());
            let died = !version_is_shared || !held.is_usable();
            let may_repeat = died
                && held.is_reused()
                && freshness == Freshness::Any
                && (never_left || (passed.is_silent() && outgoing.method.is_idempotent()));
            if never_left {
                report.last = None;
            }
            if !may_repeat {
                return Err(held.failure_of(&error.into_error()).into());
            }
            origin.forget(&link);
            if version_is_shared || error.message().is_none() {
                freshness = Freshness::New;
            } else if is_first {
                // Its server had closed it while it lay idle: as if it had not been taken.
                report.connection = None;
            }
        }
    }

    /// Keeps what is about to be sent, where it is to be archived.
    fn capture_request(
        &self,
        report: &mut Report<'_, '_>,
        request: &Request<RequestBody>,
        body: Option<&Bytes>,
        link: &Link,
        protocol: Protocol,
    ) {
        let Some(capture) = &mut report.capture else { return };
        let now = Duration::from_micros(report.timings.started_unix_us) + self.started.elapsed();
        let now = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        capture.request(request, body, &report.url, link, now);
        if protocol == Protocol::Http1 {
            link.tap.replace(Some(Vec::new()));
        }
    }

    async fn connect(
        &self,
        report: &mut Report<'_, '_>,
        origin: &Origin,
        freshness: Freshness,
    ) -> Result<Held, DialError> {
        let Shard { pool, dialer, deadlines, .. } = self.shard;
        let is_first = report.connection.is_none();
        let before = if is_first { Duration::ZERO } else { self.started.elapsed() };
        let now = deadlines.now();
        let held = pool.acquire(origin, freshness, dialer, report.from, self.progress, now).await?;
        if let Err(blocked) = dialer.may_use(&origin.key, held.link().remote_ip, report.from) {
            pool.give_back(origin, held, now);
            return Err(blocked.into());
        }
        if let Some(dialled) = held.dialled {
            let at = |took: Duration| if took.is_zero() { took } else { before + took };
            report.timings.namelookup = at(dialled.namelookup);
            report.timings.connect = at(dialled.connect);
            report.timings.appconnect = at(dialled.appconnect);
        }
        let link = held.link();
        report.connection = Some(ConnectionInfo {
            remote_ip: link.remote_ip,
            reused: held.is_reused(),
            tls: link.tls.clone(),
        });
        Ok(held)
    }

    /// Takes in the head of a response.
    fn begin_answer(
        &self,
        report: &mut Report<'_, '_>,
        outgoing: &Outgoing<'_>,
        response: &Response<Incoming>,
        link: &Link,
        protocol: Protocol,
    ) -> Result<Coded, Failure> {
        let lines = Lines::of(response.headers());
        self.begin_head(report, response, &lines)?;
        if protocol == Protocol::Http1 && !outgoing.is_bodiless(response.status()) {
            framing::check(&lines)?;
        }
        if let (Some(capture), Some(head)) = (&mut report.capture, &report.head) {
            capture.response(response, head.version, link.tap.take().as_deref());
        }
        Ok(lines.coded)
    }

    /// What is kept of the answer.
    fn keep(&self) -> Keep {
        let is_searched =
            || self.target.request.as_ref().is_some_and(|request| request.extract.is_some());
        match self.plain_get {
            Some(get) => Keep { body: KeepBody::UpTo(get.body_bytes_max), ..Keep::default() },
            None if is_searched() => {
                Keep { body: KeepBody::All, headers: KeepHeaders::All, ..self.shard.keep }
            }
            None => self.shard.keep,
        }
    }

    fn begin_head(
        &self,
        report: &mut Report<'_, '_>,
        response: &Response<Incoming>,
        lines: &Lines<'_>,
    ) -> Result<(), Failure> {
        self.progress.enter(Phase::Body);
        report.timings.starttransfer = self.started.elapsed();
        let headers = response.headers();
        let keeps_headers = self.keep().headers == KeepHeaders::All;
        report.head = Some(Head {
            status: response.status().as_u16(),
            version: match response.version() {
                http::Version::HTTP_2 => HttpVersion::Http2,
                http::Version::HTTP_11 => HttpVersion::Http11,
                _ => HttpVersion::Http10,
            },
            content_type: lines.content_type.map(|value| self.shard.intern(value.as_bytes())),
            retry_after: lines
                .retry_after
                .and_then(|value| value.to_str().ok())
                .and_then(|text| retry_after::parse(text, report.now_unix()))
                .map(|delay| RetryAfter { delay }),
            headers: keeps_headers.then(|| Box::new(kept(headers))),
        });
        if headers.len() > self.shard.caps.header_count_max as usize {
            return Err(failure::too_many_headers(self.shard.caps.header_count_max));
        }
        Ok(())
    }

    /// Reads the body of the answer to its end.
    async fn read<'w>(
        &self,
        report: &mut Report<'_, 'w>,
        origin: &Origin,
        answer: Answer,
        writer: Option<&'w mut dyn BodyWriter>,
    ) -> Result<(), Failure> {
        let caps = self.shard.caps;
        let Answer { mut held, response, coded } = answer;
        let decoder = match coded {
            Coded::Yes if !response.body().is_end_stream() => {
                Decoder::of(response.headers(), caps.encodings_max)?
            }
            Coded::Yes | Coded::No => None,
        };
        let (parts, mut body) = response.into_parts();
        self.shard.defaults.reuse(parts.headers);
        let keep = self.keep();
        let memory = self.shard.memory.as_ref().filter(|_| keep.holds_bodies());
        let reader = BodyReader::new(&caps, keep, decoder, memory.map(Share::new), writer);
        let reader = report.body.insert(reader);
        let announced = body.size_hint().exact();
        let is_shared = matches!(held.kind, HeldKind::H2(_));
        reader.announced(announced)?;
        if !body.is_end_stream() {
            self.watch.body_begins();
            // A body of a known length ends with its last byte, and nobody is asked for more.
            while !body.is_end_stream() {
                // A stream that is not read holds up the others of its connection.
                if !is_shared && let Some(no_room) = reader.make_room(announced) {
                    self.wait(no_room, &held.kind).await;
                }
                let Some(frame) = held.next_frame(&mut body).await else { break };
                let frame = frame?;
                let Ok(chunk) = frame.into_data() else { continue };
                self.watch.body_came(chunk.len() as u64);
                self.progress.add_body_bytes(chunk.len() as u64);
                let memory = self.shard.memory.as_ref();
                let mut lacking = reader.push(chunk, memory)?;
                while let Some(no_room) = lacking {
                    self.wait(no_room, &held.kind).await;
                    lacking = reader.go_on(memory)?;
                }
            }
            self.watch.body_ends();
        }
        drop(body);
        self.shard.pool.give_back(origin, held, self.shard.deadlines.now());
        reader.end()
    }

    /// Waits for memory. No time passes for the try, unless what it waits for may be held by streams that
    /// wait for its own connection, or it grows as bombs do: those hold up each other, and end in time.
    async fn wait(&self, no_room: NoRoom<'_>, kind: &HeldKind) {
        match kind {
            HeldKind::H1(_) if no_room.is_patient() => {
                self.watch.pause();
                no_room.wait().await;
                self.watch.resume();
            }
            HeldKind::H1(_) | HeldKind::H2(_) => no_room.wait().await,
        }
    }

    /// Reads a redirect's body if that is cheaper than a new connection, else closes it.
    async fn drain(
        &self,
        report: &mut Report<'_, '_>,
        origin: &Origin,
        mut held: Held,
        body: Incoming,
    ) {
        let mut kept = report.capture.as_ref().map(|_| BytesMut::new());
        let drained = drain(&mut held, body, &mut kept).await;
        if let (Some(capture), Some(kept)) = (&mut report.capture, kept) {
            capture.redirected(kept.freeze(), drained.err());
        }
        if drained.is_ok() {
            self.shard.pool.give_back(origin, held, self.shard.deadlines.now());
        }
    }
}

/// Reads a short body to its end, into `kept` if it is asked for; else says why it was left.
async fn drain(
    held: &mut Held,
    mut body: Incoming,
    kept: &mut Option<BytesMut>,
) -> Result<(), Cut> {
    let mut left = DRAIN_BYTES_MAX;
    if body.size_hint().exact().is_some_and(|bytes| bytes > left) {
        return Err(Cut::Length);
    }
    while !body.is_end_stream() {
        let Some(frame) = held.next_frame(&mut body).await else { break };
        let Ok(chunk) = frame.map_err(|_| Cut::Disconnect)?.into_data() else { continue };
        left = left.checked_sub(chunk.len() as u64).ok_or(Cut::Length)?;
        if let Some(kept) = kept {
            kept.extend_from_slice(&chunk);
        }
    }
    Ok(())
}

/// A longer body of a redirect costs more than a new connection.
const DRAIN_BYTES_MAX: u64 = 64 << 10;

fn kept(headers: &HeaderMap) -> Headers {
    let text = |bytes: &[u8]| Box::from(String::from_utf8_lossy(bytes).as_ref());
    headers
        .iter()
        .map(|(name, value)| (text(name.as_str().as_bytes()), text(value.as_bytes())))
        .collect()
}
