//! An HTTP/1.1 connection, driven by the try that holds it; hyper speaks on it while it is busy.

use std::io::{self, Write as _};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use gather_core::Failure;
use gather_core::config::Caps;
use http::{Request, Response, Version, header};
use hyper::body::{Body as _, Frame, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::task::coop::unconstrained;

use super::{Counted, Link, RequestBody, SendError};
use crate::failure;
use crate::stream::Stream;

/// An HTTP/1.1 connection. Nothing happens on it unless the one who holds it polls; dropping it
/// closes it, so a response that was not read to its end can never reach the next request.
pub(crate) struct H1 {
    state: State,
    builder: http1::Builder,
    pub(crate) link: Rc<Link>,
    pub(crate) served: u32,
    pub(crate) room: HeadRoom,
    /// What the last response was written in.
    peer: Version,
    /// What may be read without a byte of the body in it: a chunk's size, or the trailers.
    between_frames_bytes_max: u64,
}

/// hyper's part takes 25 KB, most of which are buffers.
enum State {
    /// No more than the stream.
    Bare(Counted),
    Spoken(Box<Spoken>),
    Gone,
}

struct Spoken {
    sender: http1::SendRequest<RequestBody>,
    driver: Option<Driver>,
}

type Driver = http1::Connection<TokioIo<Counted>, RequestBody>;

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

/// When a connection gets the buffers of a request and its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Buffers {
    /// Once, and keeps them.
    Kept,
    /// Where that can be, for each response when it comes: 7,000 instructions a request, and no
    /// memory while it waits.
    WhenReadable,
}

impl H1 {
    /// Speaks HTTP/1.1 over `io`. Nothing is sent yet.
    pub(crate) fn new(io: Counted, caps: &Caps, room: HeadRoom) -> Self {
        let link = Rc::clone(&io.link);
        let header_bytes = caps.header_bytes_max as usize;
        let mut builder = http1::Builder::new();
        let is_usual = room == HeadRoom::Usual && caps.header_count_max > USUAL_LINES;
        let room = if is_usual { HeadRoom::Usual } else { HeadRoom::All };
        if room == HeadRoom::All {
            builder.max_headers(caps.header_count_max as usize);
        }
        builder
            .max_header_size(header_bytes)
            .max_buf_size(header_bytes.max(MAX_BUF_SIZE_MIN))
            // A request goes out in one piece: `send` is cheaper than `writev` of one part.
            .writev(false);
        // Trailers are held to the limit of heads; a read may bring both.
        let between_frames_bytes_max = 2 * header_bytes.max(MAX_BUF_SIZE_MIN) as u64;
        let (state, peer) = (State::Bare(io), Version::HTTP_11);
        Self { state, builder, link, served: 0, room, peer, between_frames_bytes_max }
    }

    /// Sends `request` and reads the head of its response; 1xx heads are skipped.
    pub(crate) async fn send(
        &mut self,
        request: Request<RequestBody>,
        buffers: Buffers,
    ) -> Result<Response<Incoming>, SendError> {
        let is_stripped = matches!(self.state, State::Bare(_)) && buffers == Buffers::WhenReadable;
        let mut is_ahead = false;
        if is_stripped
            && request.body().is_end_stream()
            // hyper would leave it out: there is no body that it could tell of.
            && !request.headers().contains_key(header::TRANSFER_ENCODING)
            && (self.served == 0 || self.is_usable())
            && let State::Bare(io) = &mut self.state
        {
            io.send_ahead(&request).await;
            is_ahead = io.ahead.is_some();
        }
        self.served += 1;
        let Spoken { sender, driver } = self.speak().await;
        // It never pauses for its task's budget, since nothing would wake it then.
        let mut response = pin!(unconstrained(sender.try_send_request(request)));
        let response = std::future::poll_fn(|cx| {
            if std::mem::take(&mut is_ahead) {
                // It only learns what was sent; what came is read from then on.
                drive(driver, cx);
            }
            drive(driver, cx);
            response.as_mut().poll(&mut unwoken())
        })
        .await?;
        self.peer = response.version();
        Ok(response)
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
            if let State::Spoken(spoken) = &mut self.state {
                drive(&mut spoken.driver, cx);
            }
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
        self.is_ready() || self.is_usable()
    }

    fn is_ready(&self) -> bool {
        match &self.state {
            State::Spoken(spoken) => spoken.driver.is_some() && spoken.sender.is_ready(),
            State::Bare(_) | State::Gone => false,
        }
    }

    /// Whether another request may be sent, as far as can be known without asking the peer.
    /// To be asked after the connection lay idle.
    pub(crate) fn is_usable(&mut self) -> bool {
        match &mut self.state {
            State::Bare(io) => io.is_silent(),
            State::Spoken(spoken) => {
                drive(&mut spoken.driver, &mut unwoken());
                self.is_ready()
            }
            State::Gone => false,
        }
    }

    /// Gives the buffers of a connection back that is done; the next request has others.
    pub(crate) fn strip(&mut self) {
        // What hyper knows of the peer is its version, which then is as at the start.
        if self.peer != Version::HTTP_11 || !self.is_ready() {
            return;
        }
        if let State::Spoken(spoken) = std::mem::replace(&mut self.state, State::Gone)
            && let Some(driver) = spoken.driver
        {
            let parts = driver.into_parts();
            if parts.read_buf.is_empty() {
                self.state = State::Bare(parts.io.into_inner());
            }
        }
    }

    /// hyper's part, new if there is none.
    async fn speak(&mut self) -> &mut Spoken {
        if let State::Bare(_) = self.state
            && let State::Bare(io) = std::mem::replace(&mut self.state, State::Gone)
        {
            let started = self.builder.handshake(TokioIo::new(io)).await;
            let (sender, driver) = started.expect("it neither reads nor writes");
            self.state = State::Spoken(Box::new(Spoken { sender, driver: Some(driver) }));
        }
        match &mut self.state {
            State::Spoken(spoken) => spoken,
            State::Bare(_) | State::Gone => unreachable!("a connection that is gone is not kept"),
        }
    }
}

impl Counted {
    /// Sends a request without a body, and waits until something has come: memory for an answer is
    /// taken when there is one. Where that cannot be done or fails, hyper will find out.
    async fn send_ahead(&mut self, request: &Request<RequestBody>) {
        if !matches!(self.stream, Stream::Plain(_)) {
            return;
        }
        let Ok(head) = head_of(request) else { return };
        let mut sent = 0;
        let written = std::future::poll_fn(|cx| {
            while sent < head.len() {
                match ready!(Pin::new(&mut *self).poll_write(cx, &head[sent..])) {
                    Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    Ok(bytes) => sent += bytes,
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
            Poll::Ready(Ok(()))
        })
        .await;
        if sent == 0 {
            return;
        }
        if let (Ok(()), Stream::Plain(tcp)) = (written, &self.stream) {
            // An error shows in what is read.
            let _ = std::future::poll_fn(|cx| tcp.poll_read_ready(cx)).await;
        }
        self.ahead = Some(head);
    }

    /// Whether nothing came, not even the end. Where something did, it is no answer to what is asked
    /// next, and hyper is told that the connection has ended.
    fn is_silent(&mut self) -> bool {
        let mut byte = [0; 1];
        let mut byte = ReadBuf::new(&mut byte);
        let stream = Pin::new(&mut self.stream);
        let came = self.alarmed.poll(&unwoken(), |cx| stream.poll_read(cx, &mut byte));
        self.is_spoilt |= came.is_ready();
        !self.is_spoilt
    }
}

/// The head of a request as hyper writes it.
fn head_of(request: &Request<RequestBody>) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    write!(head, "{} {} HTTP/1.1\r\n", request.method(), request.uri())?;
    for (name, value) in request.headers() {
        head.extend_from_slice(name.as_ref());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    Ok(head)
}

fn told(frame: Result<Frame<Bytes>, hyper::Error>) -> Result<Frame<Bytes>, Failure> {
    frame.map_err(|error| failure::of_body(&error))
}

/// What hyper has room for where it is told nothing.
const USUAL_LINES: u32 = 100;

/// hyper accepts no smaller buffer.
const MAX_BUF_SIZE_MIN: usize = 8192;

/// Most heads of requests are shorter.
const HEAD_BYTES: usize = 256;

/// For what only [`drive`] brings on and is polled right after it: a response, a piece of a body. A
/// waker would be cloned and dropped for each, and wake the task that polls already.
fn unwoken() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn drive(driver: &mut Option<Driver>, cx: &mut Context<'_>) {
    // Its errors reach the request or the body that they concern.
    if driver.as_mut().is_some_and(|conn| Pin::new(conn).poll(cx).is_ready()) {
        *driver = None;
    }
}
