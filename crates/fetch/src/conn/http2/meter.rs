//! How much an HTTP/2 connection may receive for what it brings: frames that carry nothing end it.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use gather_core::config::Caps;
use gather_core::{ErrorKind, Failure};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Counted, Link, STREAM_WINDOW_BYTES};

/// What a peer may send for nothing: SETTINGS, PING and WINDOW_UPDATE by the ten thousand.
const UNEARNED_BYTES_MAX: u64 = 1 << 20;
/// What a DATA frame may have besides its data: its head, and padding.
const FRAME_BYTES: u64 = 512;

/// What was received against what was earned by streams and data.
pub(crate) struct Meter {
    link: Rc<Link>,
    earned_bytes: Cell<u64>,
    stream_bytes: u64,
}

impl Meter {
    pub(super) fn new(link: Rc<Link>, caps: &Caps) -> Self {
        // Its head and trailers, and what is under way when it is given up.
        let stream_bytes = u64::from(STREAM_WINDOW_BYTES) + 2 * u64::from(caps.header_bytes_max);
        Self { link, earned_bytes: Cell::new(UNEARNED_BYTES_MAX), stream_bytes }
    }

    /// A request goes out.
    pub(super) fn stream_begins(&self) {
        self.earn(self.stream_bytes);
    }

    /// Data of a response was read.
    pub(super) fn data_came(&self, bytes: usize) {
        if bytes > 0 {
            self.earn(bytes as u64 + FRAME_BYTES);
        }
    }

    fn earn(&self, bytes: u64) {
        self.earned_bytes.set(self.earned_bytes.get() + bytes);
    }

    fn is_flooded(&self) -> bool {
        self.link.read.get() > self.earned_bytes.get()
    }

    /// What a failure of its connection is: the flood that ended it, or itself.
    pub(super) fn explain(&self, failure: Failure) -> Failure {
        match self.is_flooded() {
            true => Failure::new(
                ErrorKind::ProtocolHttp2,
                "the connection was flooded with frames that carry nothing",
            ),
            false => failure,
        }
    }
}

/// A connection that is read only as long as its meter allows.
pub(super) struct Metered {
    pub(super) io: Counted,
    pub(super) meter: Rc<Meter>,
}

impl AsyncRead for Metered {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.meter.is_flooded() {
            return Poll::Ready(Err(io::Error::other("flooded")));
        }
        Pin::new(&mut this.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}
