//! One connection that stands: HTTP/1.1 driven by the try that uses it, HTTP/2 by a task.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use gather_core::Failure;
use gather_core::attempt::TlsInfo;
use gather_core::config::Caps;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::{TrySendError, http1};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::coop::unconstrained;

use crate::failure;
use crate::proxy::ProxyHeader;
use crate::stream::Stream;

mod alarm;
#[cfg_attr(not(feature = "http2"), path = "conn/no_http2.rs")]
mod http2;

use alarm::Alarmed;
pub(crate) use http2::{H2, H2Stream};

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
    stream: Stream,
    link: Rc<Link>,
    alarmed: Alarmed,
}

/// An HTTP/1.1 connection. Nothing happens on it unless the one who holds it polls; dropping it
/// closes it, so a response that was not read to its end can never reach the next request.
pub(crate) struct H1 {
    sender: http1::SendRequest<RequestBody>,
    driver: Option<http1::Connection<TokioIo<Counted>, RequestBody>>,
    pub(crate) link: Rc<Link>,
    pub(crate) served: u32,
    pub(crate) room: HeadRoom,
    /// What may be read without a byte of the body in it: a chunk's size, or the trailers.
    between_frames_bytes_max: u64,
}

/// How many header lines a connection has room for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum HeadRoom {
    /// hyper's 100, on the stack.
    #[default]
    Usual,
    /// As many as are allowed, 64 bytes each, allocated for each response: 4% of the instructions
    /// of a small one.
    All,
}

impl H1 {
    /// Speaks HTTP/1.1 over `io`. Nothing is sent yet.
    pub(crate) async fn start(
        io: Counted,
        caps: &Caps,
        room: HeadRoom,
    ) -> Result<Self, hyper::Error> {
        let link = Rc::clone(&io.link);
        let header_bytes = caps.header_bytes_max as usize;
        let mut builder = http1::Builder::new();
        let is_usual = room == HeadRoom::Usual && caps.header_count_max > USUAL_LINES;
        let room = if is_usual { HeadRoom::Usual } else { HeadRoom::All };
        if room == HeadRoom::All {
            builder.max_headers(caps.header_count_max as usize);
        }
        let (sender, driver) = builder
            .max_header_size(header_bytes)
            .max_buf_size(header_bytes.max(MAX_BUF_SIZE_MIN))
            // A request goes out in one piece: `send` is cheaper than `writev` of one part.
            .writev(false)
            .handshake(TokioIo::new(io))
            .await?;
        // Trailers are held to the limit of heads; a read may bring both.
        let between_frames_bytes_max = 2 * header_bytes.max(MAX_BUF_SIZE_MIN) as u64;
        let driver = Some(driver);
        Ok(Self { sender, driver, link, served: 0, room, between_frames_bytes_max })
    }

    /// Sends `request` and reads the head of its response; 1xx heads are skipped.
    pub(crate) async fn send(
        &mut self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, SendError> {
        let Self { sender, driver, served, .. } = self;
        *served += 1;
        // It never pauses for its task's budget, since nothing would wake it then.
        let mut response = pin!(unconstrained(sender.try_send_request(request)));
        std::future::poll_fn(|cx| {
            drive(driver, cx);
            response.as_mut().poll(&mut unwoken())
        })
        .await
    }

    /// The next frame of `body`; `None` at its end.
    pub(crate) async fn next_frame(
        &mut self,
        body: &mut Incoming,
    ) -> Option<Result<Frame<Bytes>, Failure>> {
        let read_before = self.link.read.get();
        std::future::poll_fn(|cx| {
            // The first poll says that a frame is wanted, without which none is read.
            if let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(&mut unwoken()) {
                return Poll::Ready(frame.map(told));
            }
            drive(&mut self.driver, cx);
            let frame = Pin::new(&mut *body).poll_frame(&mut unwoken());
            let read = self.link.read.get() - read_before;
            if frame.is_pending() && read > self.between_frames_bytes_max {
                return Poll::Ready(Some(Err(failure::no_end_of_chunk())));
            }
            frame.map(|frame| frame.map(told))
        })
        .await
    }

    /// Whether the connection is through with a response that was read to its end, and stands.
    pub(crate) fn is_done(&mut self) -> bool {
        // Most often the last drive has come so far.
        (self.driver.is_some() && self.sender.is_ready()) || self.is_usable()
    }

    /// Whether another request may be sent, as far as can be known without asking the peer.
    /// To be asked after the connection lay idle.
    pub(crate) fn is_usable(&mut self) -> bool {
        drive(&mut self.driver, &mut unwoken());
        self.driver.is_some() && self.sender.is_ready()
    }
}

fn told(frame: Result<Frame<Bytes>, hyper::Error>) -> Result<Frame<Bytes>, Failure> {
    frame.map_err(|error| failure::of_body(&error))
}

/// What hyper has room for where it is told nothing.
const USUAL_LINES: u32 = 100;

/// hyper accepts no smaller buffer.
const MAX_BUF_SIZE_MIN: usize = 8192;

/// For what only [`drive`] brings on and is polled right after it: a response, a piece of a body. A
/// waker would be cloned and dropped for each, and wake the task that polls already.
fn unwoken() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn drive(
    driver: &mut Option<http1::Connection<TokioIo<Counted>, RequestBody>>,
    cx: &mut Context<'_>,
) {
    // Its errors reach the request or the body that they concern.
    if driver.as_mut().is_some_and(|conn| Pin::new(conn).poll(cx).is_ready()) {
        *driver = None;
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
        let stream = Pin::new(&mut this.stream);
        let read = this.alarmed.poll(cx, |cx| stream.poll_read(cx, buf));
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
    pub(crate) fn new(stream: Stream, link: Rc<Link>) -> Self {
        Self { stream, link, alarmed: Alarmed::default() }
    }

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
