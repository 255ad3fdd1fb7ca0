//! The items of one `read`, numbered as they are pushed.

use std::sync::Arc;

use gather_core::Provenance;
use gather_core::target::{HostKey, Place, RequestSpec, SchemeFrom, Tags, Target, TargetNo};

use super::inputs::Context;
use super::parse::{ParsedUrl, Reject};
use super::{Ahead, Broken, EXCERPT_BYTES_MAX, Item, Unparsed};

/// What a reader writes its items to.
pub(super) struct Batch<'a> {
    into: &'a mut Vec<Ahead>,
    next: &'a mut u64,
    start: usize,
    max: usize,
    /// The ordinal before which reading ends.
    end: u64,
    keep_place: KeepPlace,
}

/// Whether targets carry the place they stand at; broken inputs always do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeepPlace {
    No,
    Yes,
}

/// What a target has beyond its URL.
#[derive(Default)]
pub(super) struct Extras {
    pub(super) request: Option<Arc<RequestSpec>>,
    pub(super) tags: Tags,
}

impl<'a> Batch<'a> {
    pub(super) fn new(
        into: &'a mut Vec<Ahead>,
        next: &'a mut u64,
        max: usize,
        end: u64,
        keep_place: KeepPlace,
    ) -> Self {
        let start = into.len();
        Self { into, next, start, max, end, keep_place }
    }

    pub(super) fn is_full(&self) -> bool {
        self.into.len() - self.start >= self.max || *self.next >= self.end
    }

    pub(super) fn is_empty(&self) -> bool {
        self.into.len() == self.start
    }

    /// Whether the next input, which says this, is finished already: it is then passed over.
    pub(super) fn passes(
        &mut self,
        context: &mut Context,
        says: &[u8],
        source: Option<&Arc<str>>,
        line: u64,
    ) -> bool {
        let Some(ledger) = &mut context.ledger else { return false };
        let is_finished = ledger.is_finished();
        ledger.pass(says, source, line);
        *self.next += u64::from(is_finished);
        is_finished
    }

    /// Appends what became of the input `raw` at `source:line`.
    pub(super) fn push(
        &mut self,
        read: Result<(ParsedUrl, Extras), Reject>,
        raw: &[u8],
        source: Option<&Arc<str>>,
        line: u64,
    ) {
        let n = TargetNo(*self.next);
        let place = || Place { source: source.cloned(), line };
        let item = match read {
            Ok((parsed, extras)) => {
                let scheme_from = if sends_credentials(extras.request.as_deref()) {
                    SchemeFrom::Input
                } else {
                    parsed.scheme_from
                };
                Item::Target(Target {
                    cache: None,
                    from: Provenance::Operator,
                    n,
                    url: parsed.url,
                    host: parsed.host,
                    input: parsed.input,
                    scheme_from,
                    request: extras.request,
                    tags: (!extras.tags.is_empty()).then(|| Box::new(extras.tags)),
                    place: (self.keep_place == KeepPlace::Yes).then(|| Box::new(place())),
                })
            }
            Err(Reject { kind, message }) => {
                Item::Broken(Broken { n, place: place(), input: excerpt(raw), kind, message })
            }
        };
        self.into.push(Ahead::Item(item));
        *self.next += 1;
    }

    /// Whether a target that has nothing beyond its URL may be left unparsed.
    pub(super) fn takes_unparsed(&self) -> bool {
        self.keep_place == KeepPlace::No
    }

    /// Appends the target of a URL that is spelled as a parsed one.
    pub(super) fn push_unparsed(&mut self, host: HostKey, text: &str) {
        let n = TargetNo(*self.next);
        self.into.push(Ahead::Unparsed(Unparsed { n, host, text: text.into() }));
        *self.next += 1;
    }
}

/// A guessed scheme may be given up for http, which secrets must not follow.
fn sends_credentials(request: Option<&RequestSpec>) -> bool {
    request.is_some_and(|request| {
        request.headers.iter().any(|(name, _)| {
            ["authorization", "cookie", "proxy-authorization"]
                .iter()
                .any(|secret| name.eq_ignore_ascii_case(secret))
        })
    })
}

fn excerpt(raw: &[u8]) -> Box<str> {
    let mut head = &raw[..raw.len().min(EXCERPT_BYTES_MAX)];
    if head.len() < raw.len() {
        // Drop the character that the cut went through: at most three bytes of it are left.
        if let Err(error) = std::str::from_utf8(head)
            && error.error_len().is_none()
        {
            head = &head[..error.valid_up_to()];
        }
    }
    String::from_utf8_lossy(head).into()
}
