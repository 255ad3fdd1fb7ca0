//! What can be fetched: everything that becomes a target, and why some things do not.

use std::fmt;

use gather_core::{ErrorKind, Failure, Outcome, Record, RecordError, Target, TargetNo, human};
use url::Url;

use crate::redact;
use crate::source::{EXCERPT_BYTES_MAX, parse};

/// What a program may hand to an engine: a URL as text, parsed, or a whole [`Target`].
///
/// Text is read as a line of a list would be: `a.example/x` is tried as https, then as http if
/// nothing speaks https there.
pub trait IntoTarget {
    /// The target, with the number `n` unless it has one of its own.
    ///
    /// # Errors
    /// When it cannot be fetched.
    fn into_target(self, n: TargetNo) -> Result<Target, InvalidTarget>;
}

impl IntoTarget for &str {
    fn into_target(self, n: TargetNo) -> Result<Target, InvalidTarget> {
        parse::target(n, self).map_err(|reject| InvalidTarget {
            kind: reject.kind,
            message: reject.message,
            input: excerpt(self),
        })
    }
}

impl IntoTarget for String {
    fn into_target(self, n: TargetNo) -> Result<Target, InvalidTarget> {
        self.as_str().into_target(n)
    }
}

impl IntoTarget for &String {
    fn into_target(self, n: TargetNo) -> Result<Target, InvalidTarget> {
        self.as_str().into_target(n)
    }
}

impl IntoTarget for Url {
    fn into_target(self, n: TargetNo) -> Result<Target, InvalidTarget> {
        let input = match self.has_host() && matches!(self.scheme(), "http" | "https") {
            true => None,
            false => Some(excerpt(self.as_str())),
        };
        Target::new(n, self).ok_or_else(|| InvalidTarget {
            kind: ErrorKind::BlockedScheme,
            message: "only http and https are fetched".into(),
            input: input.unwrap_or_default(),
        })
    }
}

impl IntoTarget for &Url {
    fn into_target(self, n: TargetNo) -> Result<Target, InvalidTarget> {
        self.clone().into_target(n)
    }
}

impl IntoTarget for Target {
    fn into_target(self, _: TargetNo) -> Result<Target, InvalidTarget> {
        Ok(self)
    }
}

/// Something that was to be fetched and cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidTarget {
    /// `input.invalid`, `input.too_long` or `blocked.scheme`.
    pub kind: ErrorKind,
    /// For people: lower case, no full stop.
    pub message: Box<str>,
    /// The beginning of its text, without credentials.
    pub input: Box<str>,
}

impl InvalidTarget {
    /// For implementations of [`IntoTarget`]: `input` is no URL, and why.
    pub fn new(input: &str, message: impl Into<Box<str>>) -> Self {
        Self { kind: ErrorKind::InputInvalid, message: message.into(), input: excerpt(input) }
    }

    pub(super) fn too_long(input: &str, bytes_max: u32) -> Self {
        let message = format!("the URL is longer than {bytes_max} bytes");
        Self { kind: ErrorKind::InputTooLong, message: message.into(), input: excerpt(input) }
    }

    /// The record of such an input.
    pub(super) fn record(self, n: TargetNo) -> Record {
        let failure = Failure::new(self.kind, self.message);
        let outcome = Outcome::Skipped(RecordError::new(failure, false));
        Record { input: Some(self.input), ..Record::new(n.0, outcome) }
    }
}

impl fmt::Display for InvalidTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} cannot be fetched: {}", self.input, self.message)
    }
}

impl std::error::Error for InvalidTarget {}

fn excerpt(text: &str) -> Box<str> {
    redact::input(human::cut(text, EXCERPT_BYTES_MAX)).into()
}
