//! The lines of a response's head that decide what is done with it, found in one walk over them.

use http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderValue};

/// What stands in a head under a few names. A walk over a usual head costs less than two questions
/// to the map, and these would be five.
#[derive(Default)]
pub(crate) struct Lines<'h> {
    /// The first `Content-Type`.
    pub(crate) content_type: Option<&'h HeaderValue>,
    /// The first `Retry-After`.
    pub(crate) retry_after: Option<&'h HeaderValue>,
    pub(crate) content_length: Told<'h>,
    pub(crate) transfer_encoding: Told<'h>,
    /// Whether there is a `Content-Encoding`.
    pub(crate) coded: Coded,
}

/// A line that should come once.
#[derive(Clone, Copy, Default)]
pub(crate) enum Told<'h> {
    #[default]
    No,
    Once(&'h HeaderValue),
    Often,
}

/// Whether a head tells of content codings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Coded {
    #[default]
    No,
    Yes,
}

impl<'h> Lines<'h> {
    pub(crate) fn of(headers: &'h HeaderMap) -> Self {
        let mut lines = Self::default();
        for (name, value) in headers {
            match *name {
                CONTENT_TYPE => _ = lines.content_type.get_or_insert(value),
                RETRY_AFTER => _ = lines.retry_after.get_or_insert(value),
                CONTENT_LENGTH => lines.content_length.tell(value),
                TRANSFER_ENCODING => lines.transfer_encoding.tell(value),
                CONTENT_ENCODING => lines.coded = Coded::Yes,
                _ => {}
            }
        }
        lines
    }
}

impl<'h> Told<'h> {
    fn tell(&mut self, value: &'h HeaderValue) {
        *self = match self {
            Self::No => Self::Once(value),
            Self::Once(_) | Self::Often => Self::Often,
        };
    }
}
