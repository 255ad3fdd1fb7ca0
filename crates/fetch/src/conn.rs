//! One connection that stands: HTTP/1.1 driven by the try that uses it, HTTP/2 by a task.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use gather_core::attempt::TlsInfo;
use gather_core::config::Caps;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

use crate::proxy::ProxyHeader;
use crate::stream::Stream;

/// Every request carries its whole body.
pub(crate) type RequestBody = Full<Bytes>;

/// Sending failed; the request is inside if it never left.
pub(crate) type SendError = TrySendError<Request<RequestBody>>;

/// What is known of a connection as long as it stands.
pub(crate) struct Link {
    pub(crate) remote_ip: IpAddr,
    pub(crate) tls: Option<Arc<TlsInfo>>,
    pub(crate) forward_proxy: Option<ProxyHeader>,
    /// Bytes read from it so far, encrypted ones not counted.
    pub(crate) read: Cell<u64>,
    /// Bytes written to it so far.
    pub(crate) written: Cell<u64>,
    /// What is read while the head of a response is waited for, where it is to be archived.
    pub(crate) tap: RefCell<Option<Vec<u8>>>,
}

/// A stream that counts in its link what passes.
pub(crate) struct Counted {
    pub(crate) stream: Stream,
    pub(crate) link: Rc<Link>,
}

/// An HTTP/1.1 connection. Nothing happens on it unless the one who holds it polls; dropping it
/// closes it, so a response that was not read to its end can never reach the next request.
pub(crate) struct H1 {
    sender: http1::SendRequest<RequestBody>,
    driver: Option<http1::Connection<TokioIo<Counted>, RequestBody>>,
    pub(crate) link: Rc<Link>,
    pub(crate) served: u32,
}

impl H1 {
    /// Speaks HTTP/1.1 over `io`. Nothing is sent yet.
    pub(crate) async fn start(io: Counted, caps: &Caps) -> Result<Self, hyper::Error> {
        let link = Rc::clone(&io.link);
        let header_bytes = caps.header_bytes_max as usize;
        // The room for so many header lines costs 6% of the instructions of a small response.
        let (sender, driver) = http1::Builder::new()
            .max_headers(caps.header_count_max as usize)
            .max_header_size(header_bytes)
            .max_buf_size(header_bytes.max(MAX_BUF_SIZE_MIN))
            .handshake(TokioIo::new(io))
            .await?;
        Ok(Self { sender, driver: Some(driver), link, served: 0 })
    }

    /// Sends `request` and reads the head of its response; 1xx heads are skipped.
    pub(crate) async fn send(
        &mut self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, SendError> {
        let Self { sender, driver, served, .. } = self;
        *served += 1;
        let mut response = pin!(sender.try_send_request(request));
        std::future::poll_fn(|cx| {
            drive(driver, cx);
            response.as_mut().poll(cx)
        })
        .await
    }

    /// The next frame of `body`; `None` at its end.
    pub(crate) async fn next_frame(
        &mut self,
        body: &mut Incoming,
    ) -> Option<Result<Frame<Bytes>, hyper::Error>> {
        std::future::poll_fn(|cx| {
            // The first poll says that a frame is wanted, without which none is read.
            if let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(cx) {
                return Poll::Ready(frame);
            }
            drive(&mut self.driver, cx);
            Pin::new(&mut *body).poll_frame(cx)
        })
        .await
    }

    /// Whether another request may be sent, as far as can be known without asking the peer.
    /// To be asked when a response is complete, and again after the connection lay idle.
    pub(crate) fn is_usable(&mut self) -> bool {
        drive(&mut self.driver, &mut Context::from_waker(Waker::noop()));
        self.driver.is_some() && self.sender.is_ready()
    }
}

/// hyper accepts no smaller buffer.
const MAX_BUF_SIZE_MIN: usize = 8192;

fn drive(
    driver: &mut Option<http1::Connection<TokioIo<Counted>, RequestBody>>,
    cx: &mut Context<'_>,
) {
    // Its errors reach the request or the body that they concern.
    if driver.as_mut().is_some_and(|conn| Pin::new(conn).poll(cx).is_ready()) {
        *driver = None;
    }
}

/// An HTTP/2 connection, shared by all tries of its origin.
pub(crate) struct H2 {
    sender: http2::SendRequest<RequestBody>,
    pub(crate) link: Rc<Link>,
    pub(crate) idle_since: Cell<Instant>,
    streams: Rc<Streams>,
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
        tokio::task::spawn_local(std::future::poll_fn(move |cx| {
            // Its errors reach the streams that they concern.
            let ended = Pin::new(&mut connection).poll(cx).map(drop);
            let open_max = connection.current_max_send_streams();
            if driven.open_max.replace(open_max) < open_max {
                driven.admit_waiting();
            }
            if ended.is_ready() {
                driven.waiting.borrow_mut().clear();
            }
            ended
        }));
        Ok(Self { sender, link, idle_since: Cell::new(now), streams })
    }

    /// Whether it takes further requests.
    pub(crate) fn is_usable(&self) -> bool {
        !self.sender.is_closed()
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
        self.sender.try_send_request(request).await
    }
}

#[derive(Clone, Copy)]
struct LocalExecutor;

impl<F: Future + 'static> hyper::rt::Executor<F> for LocalExecutor {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(async move { drop(future.await) });
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buf);
        let came = &buf.filled()[before..];
        add(&this.link.read, came.len());
        // Bounded by what hyper accepts as a head, and one read.
        if let Some(tapped) = this.link.tap.borrow_mut().as_mut() {
            tapped.extend_from_slice(came);
        }
        read
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.count_written(|stream| stream.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.count_written(|stream| stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

impl Counted {
    fn count_written(
        &mut self,
        write: impl FnOnce(Pin<&mut Stream>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let written = write(Pin::new(&mut self.stream));
        if let Poll::Ready(Ok(bytes)) = written {
            add(&self.link.written, bytes);
        }
        written
    }
}

fn add(counter: &Cell<u64>, bytes: usize) {
    counter.set(counter.get() + bytes as u64);
}
