//! One connection that stands: HTTP/1.1 driven by the try that uses it, HTTP/2 by a task.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use gather_core::attempt::TlsInfo;
use http::Request;
use http_body_util::Full;
use hyper::client::conn::TrySendError;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::proxy::ProxyHeader;
use crate::stream::Stream;

mod alarm;
mod http1;
#[cfg_attr(not(feature = "http2"), path = "conn/no_http2.rs")]
mod http2;

use alarm::Alarmed;
pub(crate) use http1::{Buffers, H1, HeadRoom};
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
    /// A head that was sent before hyper had it, which will send the same.
    ahead: Option<Vec<u8>>,
    /// Whether something came that nobody had asked for.
    is_spoilt: bool,
}

impl AsyncRead for Counted {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.ahead.is_some() {
            // What is there answers a request that hyper has yet to send.
            return Poll::Pending;
        }
        if this.is_spoilt {
            return Poll::Ready(Ok(()));
        }
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
        match this.ahead.take() {
            Some(sent) if sent == buf => Poll::Ready(Ok(buf.len())),
            Some(_) => Poll::Ready(Err(io::Error::other("another request was sent ahead"))),
            None => this.count_written(|stream| stream.poll_write(cx, buf)),
        }
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
        Self { stream, link, alarmed: Alarmed::default(), ahead: None, is_spoilt: false }
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
