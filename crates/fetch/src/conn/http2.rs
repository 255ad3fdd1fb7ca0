//! HTTP/2: one connection for all tries of an origin, driven by a task of its own.

mod meter;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;
use gather_core::config::Caps;
use gather_core::{ErrorKind, Failure};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http2;
use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;

use crate::failure;

use self::meter::{Meter, Metered};
use super::{Counted, Link, RequestBody, SendError};

/// An HTTP/2 connection, shared by all tries of its origin.
pub(crate) struct H2 {
    sender: http2::SendRequest<RequestBody>,
    pub(crate) link: Rc<Link>,
    pub(crate) idle_since: Cell<Instant>,
    /// What the connection ended of.
    ended: Rc<RefCell<Option<Failure>>>,
    streams: Rc<Streams>,
    meter: Rc<Meter>,
}

/// The streams of a connection against the peer's limit.
#[derive(Default)]
struct Streams {
    open: Cell<usize>,
    open_max: Cell<usize>,
    waiting: RefCell<VecDeque<oneshot::Sender<StreamPermit>>>,
}

/// Counts as an open stream until it is dropped, wherever it then is: also one that was granted
/// to a try which had just been given up frees its stream for the next.
struct StreamPermit(Rc<Streams>);

impl Streams {
    fn has_room(&self) -> bool {
        self.open.get() < self.open_max.get().max(1)
    }

    fn permit(self: &Rc<Self>) -> StreamPermit {
        self.open.set(self.open.get() + 1);
        StreamPermit(Rc::clone(self))
    }

    /// Gives free streams to those who wait, oldest first.
    fn admit_waiting(self: &Rc<Self>) {
        while self.has_room() {
            let Some(turn) = self.waiting.borrow_mut().pop_front() else { return };
            if !turn.is_closed() {
                // On one thread it cannot be closed by now; if it were, the permit came back.
                drop(turn.send(self.permit()));
            }
        }
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
        self.0.admit_waiting();
    }
}

impl H2 {
    /// Speaks HTTP/2 over `io`; the connection is driven by a task of the local set.
    pub(crate) async fn start(
        io: Counted,
        caps: &Caps,
        now: Instant,
    ) -> Result<Self, hyper::Error> {
        let link = Rc::clone(&io.link);
        let meter = Rc::new(Meter::new(Rc::clone(&link), caps));
        let io = Metered { io, meter: Rc::clone(&meter) };
        let (sender, mut connection) = http2::Builder::new(LocalExecutor)
            .max_header_list_size(caps.header_bytes_max)
            .initial_max_send_streams(STREAMS_BEFORE_SETTINGS)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .handshake(TokioIo::new(io))
            .await?;
        let streams = Rc::new(Streams::default());
        streams.open_max.set(connection.current_max_send_streams());
        let driven = Rc::clone(&streams);
        let ended: Rc<RefCell<Option<Failure>>> = Rc::default();
        let said = Rc::clone(&ended);
        tokio::task::spawn_local(std::future::poll_fn(move |cx| {
            // Its errors reach the streams that they concern, if only as their end.
            let ended = Pin::new(&mut connection).poll(cx).map(|ended| {
                *said.borrow_mut() = ended.err().map(|error| failure::of_response(&error));
            });
            let open_max = connection.current_max_send_streams();
            if driven.open_max.replace(open_max) < open_max {
                driven.admit_waiting();
            }
            if ended.is_ready() {
                driven.waiting.borrow_mut().clear();
            }
            ended
        }));
        Ok(Self { sender, link, idle_since: Cell::new(now), ended, streams, meter })
    }

    /// Whether it takes further requests.
    pub(crate) fn is_usable(&self) -> bool {
        !self.sender.is_closed()
    }

    /// The failure of a stream of it. Where the stream only knows that its connection is gone, it is
    /// what that ended of.
    pub(crate) fn failure_of(&self, error: &hyper::Error) -> Failure {
        let failure = self.meter.explain(failure::of_response(error));
        if failure.kind != ErrorKind::ProtocolOther {
            return failure;
        }
        let ended = self.ended.borrow().clone();
        let ended = ended.filter(|ended| ended.kind != ErrorKind::ProtocolOther);
        ended.unwrap_or_else(|| Failure::new(ErrorKind::ProtocolHttp2, failure.message))
    }

    /// Whether no stream is open.
    pub(crate) fn is_idle(&self) -> bool {
        self.streams.open.get() == 0
    }

    /// Waits until the peer's limit allows one more stream (RFC 9113 section 5.1.2).
    pub(crate) async fn enter(self: &Rc<Self>) -> H2Stream {
        let permit = if self.streams.has_room() || !self.is_usable() {
            None
        } else {
            let (turn, my_turn) = oneshot::channel();
            self.streams.waiting.borrow_mut().push_back(turn);
            // An error means that the connection is gone: sending on it says so.
            my_turn.await.ok()
        };
        let permit = permit.unwrap_or_else(|| self.streams.permit());
        H2Stream { sender: self.sender.clone(), connection: Rc::clone(self), _permit: permit }
    }
}

/// Until the peer has said how many streams it takes, what is more may be refused.
const STREAMS_BEFORE_SETTINGS: usize = 1;
/// As much of one body as may be on its way unread.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
/// As much of all bodies of a connection as may be on its way unread.
const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;

/// The right to one stream of an HTTP/2 connection.
pub(crate) struct H2Stream {
    sender: http2::SendRequest<RequestBody>,
    pub(crate) connection: Rc<H2>,
    _permit: StreamPermit,
}

impl H2Stream {
    /// Sends `request` and reads the head of its response.
    pub(crate) async fn send(
        &mut self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, SendError> {
        self.connection.meter.stream_begins();
        self.sender.try_send_request(request).await
    }

    /// The next frame of `body`; `None` at its end.
    pub(crate) async fn next_frame(
        &self,
        body: &mut Incoming,
    ) -> Option<Result<Frame<Bytes>, Failure>> {
        let meter = &self.connection.meter;
        let frame = body.frame().await?.map_err(|error| meter.explain(failure::of_body(&error)));
        if let Some(data) = frame.as_ref().ok().and_then(Frame::data_ref) {
            meter.data_came(data.len());
        }
        Some(frame)
    }
}

#[derive(Clone, Copy)]
struct LocalExecutor;

impl<F: Future + 'static> hyper::rt::Executor<F> for LocalExecutor {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(async move { drop(future.await) });
    }
}
