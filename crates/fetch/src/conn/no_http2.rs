//! HTTP/2 where it is not built in: connections of which there are none.

use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;
use gather_core::Failure;
use gather_core::config::Caps;
use http::{Request, Response};
use hyper::body::{Frame, Incoming};

use super::{Counted, Link, RequestBody, SendError};

/// No value of this exists.
pub(crate) struct H2 {
    pub(crate) link: Rc<Link>,
    pub(crate) idle_since: Cell<Instant>,
    none: Infallible,
}

impl H2 {
    pub(crate) async fn start(_: Counted, _: &Caps, _: Instant) -> Result<Self, hyper::Error> {
        unreachable!("HTTP/2 is neither offered by ALPN nor accepted as a choice")
    }

    pub(crate) fn is_usable(&self) -> bool {
        match self.none {}
    }

    pub(crate) fn is_idle(&self) -> bool {
        match self.none {}
    }

    pub(crate) fn failure_of(&self, _: &hyper::Error) -> Failure {
        match self.none {}
    }

    pub(crate) async fn enter(self: &Rc<Self>) -> H2Stream {
        match self.none {}
    }
}

/// No value of this exists.
pub(crate) struct H2Stream {
    pub(crate) connection: Rc<H2>,
}

impl H2Stream {
    pub(crate) async fn send(
        &mut self,
        _: Request<RequestBody>,
    ) -> Result<Response<Incoming>, SendError> {
        match self.connection.none {}
    }

    pub(crate) async fn next_frame(
        &self,
        _: &mut Incoming,
    ) -> Option<Result<Frame<Bytes>, Failure>> {
        match self.connection.none {}
    }
}
