//! The cache of a run: looked up as targets are handed out, filled as their records are written.

use std::path::Path;

use bytes::{Bytes, BytesMut};
use gather_core::cache::{self, CacheUse, Directives, Freshness, Stored, Ticket};
use gather_core::{Attempt, Method, Outcome, Record, Target};
use gather_fetch::{ClientOptions, KeepBody, RedactQuery};
use gather_store::{CacheReader, CacheWriter};
use sha2::{Digest as _, Sha256};
use url::{Position, Url};

use crate::stored::{BodyPlace, StoredBodies};

/// A request with one of these says itself what it wants to know of an earlier answer.
const CONDITIONS: [&str; 6] =
    ["if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "range"];

/// Whether stored answers are of use without their bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bodies {
    Needed,
    Unneeded,
}

impl Bodies {
    fn of(keep: KeepBody) -> Self {
        match keep {
            KeepBody::No => Self::Unneeded,
            KeepBody::UpTo(_) | KeepBody::All => Self::Needed,
        }
    }
}

/// Looks answers up, on the thread that hands out targets.
pub(crate) struct Lookup {
    reader: CacheReader,
    /// Of what all requests have in common.
    run: Sha256,
    headers: Vec<(String, String)>,
    method: Method,
    bodies: Bodies,
}

impl Lookup {
    /// `None` where it cannot be known beforehand what is sent.
    pub(crate) fn new(reader: CacheReader, client: &ClientOptions) -> Option<Self> {
        let signer = client.signer.as_ref().map(|signer| signer.fingerprint());
        if client.body.is_some() || signer == Some(None) {
            return None;
        }
        let mut run = Sha256::new();
        add(&mut run, client.user_agent.as_bytes());
        add(&mut run, format!("{:?} {signer:?}", client.accept_encoding).as_bytes());
        for secret in [&client.basic_auth, &client.cookies] {
            add(&mut run, secret.as_ref().map_or("", |secret| secret.expose()).as_bytes());
        }
        let identity = client.net.tls.identity.as_ref();
        let certificate = identity.map(|identity| identity.cert.as_os_str().as_encoded_bytes());
        add(&mut run, certificate.unwrap_or_default());
        add_headers(&mut run, &client.headers);
        let bodies = Bodies::of(client.keep.body);
        let (headers, method) = (client.headers.clone(), client.method.clone());
        Some(Self { reader, run, headers, method, bodies })
    }

    /// Gives a target its place in the cache, if its answer may be one.
    pub(crate) fn look_up(&self, target: &mut Target) {
        let spec = target.request.as_deref();
        let method = spec.and_then(|spec| spec.method.as_ref()).unwrap_or(&self.method);
        if *method != Method::GET || spec.is_some_and(|spec| spec.body.is_some()) {
            return;
        }
        let own = spec.map_or(&[][..], |spec| &spec.headers);
        let headers = || self.headers.iter().chain(own);
        let is_condition = |name: &str| CONDITIONS.iter().any(|c| c.eq_ignore_ascii_case(name));
        let directives = Directives::of(headers().map(|(name, value)| (&**name, &**value)));
        if directives.no_store || headers().any(|(name, _)| is_condition(name)) {
            return;
        }
        let key = self.key(&target.url, own);
        let found = self.reader.find(&key).unwrap_or_else(|error| {
            tracing::warn!(%error, "the cache cannot be read: all is fetched in full");
            None
        });
        let stored = found.filter(|stored| self.bodies == Bodies::Unneeded || has_body(stored));
        let now = crate::clock::unix_us();
        let freshness = stored.as_ref().map(|stored| cache::freshness(stored, directives, now));
        let freshness = freshness.unwrap_or_default();
        target.cache = Some(Ticket { key, stored, freshness }.into());
    }

    fn key(&self, url: &Url, own: &[(String, String)]) -> [u8; 32] {
        let mut key = self.run.clone();
        // User and password included, the fragment not.
        add(&mut key, url[..Position::AfterQuery].as_bytes());
        add_headers(&mut key, own);
        key.finalize().into()
    }
}

fn add(hash: &mut Sha256, part: &[u8]) {
    hash.update((part.len() as u64).to_le_bytes());
    hash.update(part);
}

fn add_headers(hash: &mut Sha256, headers: &[(String, String)]) {
    for (name, value) in headers {
        // What is asked of the cache decides nothing about which answer is meant.
        let is_about_us = ["cache-control", "pragma"].iter().any(|n| n.eq_ignore_ascii_case(name));
        if !is_about_us {
            add(hash, name.to_ascii_lowercase().as_bytes());
            add(hash, value.as_bytes());
        }
    }
    // Where they end: no name is empty.
    add(hash, b"");
}

#[expect(clippy::disallowed_methods, reason = "asked on the intake's thread, which may block")]
fn has_body(stored: &Stored) -> bool {
    let length = |path: &Path| std::fs::metadata(path).map(|about| about.len()).ok();
    let in_file = stored.body_path.as_deref().and_then(|path| length(Path::new(path)));
    let archived = stored.archived.as_ref();
    in_file == Some(stored.body_bytes)
        || archived.is_some_and(|at| length(Path::new(&*at.file)) >= Some(at.offset + at.length))
}

/// Whether the answer to this target is in the cache and fresh.
pub(crate) fn is_fresh(target: &Target) -> bool {
    target.cache.as_ref().is_some_and(|ticket| ticket.freshness == Freshness::Fresh)
}

/// The stored answer that this attempt's 304 confirms.
pub(crate) fn confirmed<'t>(target: &'t Target, attempt: &Attempt) -> Option<&'t Stored> {
    let stored = target.cache.as_ref()?.stored.as_ref()?;
    let head = attempt.head.as_ref().filter(|head| head.status == NOT_MODIFIED)?;
    let is_about_it = head.headers.as_ref().is_none_or(|headers| cache::confirms(stored, headers));
    (attempt.chain.is_empty() && is_about_it).then_some(stored)
}

/// Writes into a record what is known from a stored answer.
pub(crate) fn fill_in(record: &mut Record, stored: &Stored, done: CacheUse) {
    (record.cache, record.unchanged) = (Some(done), true);
    record.sha256 = Some(stored.sha256);
    record.content_length = stored.body_bytes;
    record.content_type = stored.content_type.clone();
    record.body_path = stored.body_path.clone();
    record.archived = stored.archived.clone().map(Box::new);
    if done == CacheUse::Fresh {
        record.status_code = OK;
    }
}

/// The status of every answer that is stored.
pub(crate) const OK: u16 = 200;
const NOT_MODIFIED: u16 = 304;

/// Fills the cache and gives stored bodies back, on the writer's thread.
pub(crate) struct Keeper {
    writer: CacheWriter,
    bodies: StoredBodies,
    redact: RedactQuery,
    wanted: Bodies,
}

impl Keeper {
    /// `wanted` is what an output asks for of bodies.
    pub(crate) fn new(writer: CacheWriter, client: &ClientOptions, wanted: KeepBody) -> Self {
        let wanted = Bodies::of(wanted);
        let bodies = StoredBodies::new(client.caps.decoded_bytes_max);
        Self { writer, bodies, redact: client.redact_query.clone(), wanted }
    }

    /// Reads the stored body of an answer that brought none, where an output asks for it.
    pub(crate) fn load_body(&mut self, record: &mut Record) {
        // Rules may have needed it before; a 304 has an empty one of its own.
        let is_there = record.body.as_ref().is_some_and(|body| !body.is_empty());
        if !is_reused(record) || self.wanted == Bodies::Unneeded || is_there {
            return;
        }
        let Some(ticket) = record.ticket.clone() else { return };
        let Some(stored) = &ticket.stored else { return };
        match read(&mut self.bodies, stored) {
            Some(body) => record.body = Some(body),
            None => {
                tracing::warn!(url = record.url, "a stored body is gone: it is fetched next time");
                self.writer.remove(ticket.key);
            }
        }
    }

    /// Keeps what the record's answer is compared with next time. Its body is stored by now.
    pub(crate) fn keep(&mut self, record: &mut Record) {
        let Some(ticket) = record.ticket.take() else { return };
        match record.cache {
            Some(CacheUse::Revalidated) => self.freshen(record, &ticket),
            Some(CacheUse::Fresh | CacheUse::Stored) => {}
            None if record.status_code == OK => self.replace(record, &ticket),
            // A 304 about something else: the next answer has to be a whole one.
            None if record.status_code == NOT_MODIFIED => self.writer.remove(ticket.key),
            None => {}
        }
    }

    fn replace(&mut self, record: &mut Record, ticket: &Ticket) {
        let is_whole = record.outcome == Outcome::Ok && record.chain.is_empty();
        let (Some(sha256), true) = (record.sha256, is_whole) else { return };
        record.unchanged = ticket.stored.as_ref().is_some_and(|stored| stored.sha256 == sha256);
        let none = Vec::new();
        let headers = record.headers.as_deref().unwrap_or(&none);
        let (asked, received) = moments(record);
        let Some(life) = cache::assess(headers, asked, received) else {
            return self.writer.remove(ticket.key);
        };
        let stored = Stored {
            etag: cache::value(headers, "etag").map(Into::into),
            last_modified: cache::value(headers, "last-modified").map(Into::into),
            content_type: record.content_type.clone(),
            sha256,
            body_bytes: record.content_length,
            body_path: record.body_path.clone(),
            archived: record.archived.as_deref().cloned(),
            born_unix_us: life.born_unix_us,
            fresh_until_unix_us: life.fresh_until_unix_us,
        };
        record.cache = Some(CacheUse::Stored);
        self.put(ticket, record, stored);
    }

    /// RFC 9111 section 4.3.4: what the 304 says takes the place of what was said before.
    fn freshen(&mut self, record: &Record, ticket: &Ticket) {
        let Some(stored) = &ticket.stored else { return };
        let none = Vec::new();
        let headers = record.headers.as_deref().unwrap_or(&none);
        let (asked, received) = moments(record);
        let Some(life) = cache::assess(headers, asked, received) else {
            return self.writer.remove(ticket.key);
        };
        let newer = |name, old: &Option<Box<str>>| {
            cache::value(headers, name).map(Into::into).or_else(|| old.clone())
        };
        let stored = Stored {
            etag: newer("etag", &stored.etag),
            last_modified: newer("last-modified", &stored.last_modified),
            born_unix_us: life.born_unix_us,
            fresh_until_unix_us: life.fresh_until_unix_us,
            ..stored.clone()
        };
        self.put(ticket, record, stored);
    }

    fn put(&mut self, ticket: &Ticket, record: &Record, stored: Stored) {
        let url = Url::parse(&record.url).ok();
        let url = url.as_ref().map(|url| self.redact.url(url));
        self.writer.put(ticket.key, url.as_ref().map_or("", |url| url.as_str()), stored);
    }

    /// Writes what was kept, after the records themselves: one that is lost with them is fetched
    /// again in full.
    pub(crate) fn commit(&mut self) -> Result<(), gather_store::SinkError> {
        self.writer.commit()
    }
}

/// Whether a record is told by a stored answer, which brought no body.
pub(crate) fn is_reused(record: &Record) -> bool {
    matches!(record.cache, Some(CacheUse::Revalidated | CacheUse::Fresh))
}

/// The body of a stored answer; `None` if it is gone, or is another one by now.
pub(crate) fn read(bodies: &mut StoredBodies, stored: &Stored) -> Option<Bytes> {
    let file = stored.body_path.as_deref().map(|path| BodyPlace::File(Path::new(path)));
    let archived = stored
        .archived
        .as_ref()
        .map(|at| BodyPlace::Archive { file: Path::new(&*at.file), offset: at.offset });
    [file, archived].into_iter().flatten().find_map(|place| {
        let mut body = BytesMut::new();
        let read = bodies.read(place, &mut |piece| body.extend_from_slice(piece)).ok()?;
        (read.sha256 == stored.sha256).then(|| body.freeze())
    })
}

/// When the last response was asked for, and when it came.
fn moments(record: &Record) -> (u64, u64) {
    let asked = record.timings.started_unix_us;
    let delay = u64::try_from(record.timings.starttransfer.as_micros()).unwrap_or(u64::MAX);
    (asked, asked.saturating_add(delay))
}
