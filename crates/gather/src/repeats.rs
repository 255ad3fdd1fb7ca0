//! Equal requests fetched once: a target whose request was met before waits, on disk, and gets the
//! answer of the first when all first ones have theirs.
//!
//! Two threads meet here. The source finds repeats and sets them aside ([`Once`]); the writer keeps
//! the record of each first and, when the shards have gone, makes the answers ([`Firsts`]). A run that
//! goes on reads its inputs again, so nothing but the records of firsts is kept beside its journal.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use gather_core::target::{RequestSpec, SchemeFrom};
use gather_core::{Duration, Outcome, Provenance, Record, Target};
use gather_fetch::RedactQuery;
use gather_store::journal::Done;
use gather_store::{Answers, Aside, Fields, Pile, Position, Repeats, Seen, SeenLimits};

use crate::finish::{self, Ending};
use crate::redact;
use crate::source::{Ahead, Item, Progress, Source, SourceError};

/// Answers written at once: as many records, and about as many bytes.
const ANSWERS_AT_ONCE: usize = 256;
const ANSWER_BYTES_AT_ONCE: usize = 1 << 20;

/// What becomes of equal requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EqualRequests {
    /// Each is sent.
    #[default]
    Sent,
    /// One is sent, and its record told for all.
    SentOnce,
}

/// The repeats of a run: found by its source, answered by its writer.
#[derive(Default)]
pub(crate) struct Waiting {
    repeats: Mutex<Repeats>,
    found: AtomicU64,
    answered: AtomicU64,
}

impl Waiting {
    /// Repeats met in this part of the run: inputs, though no shard is handed them.
    pub(crate) fn found(&self) -> u64 {
        self.found.load(Ordering::Acquire)
    }

    /// Those without a record.
    pub(crate) fn unanswered(&self) -> u64 {
        self.found() - self.answered.load(Ordering::Acquire)
    }

    fn add(&self, first: u64, record: &Record) -> io::Result<()> {
        self.repeats.lock().unwrap_or_else(PoisonError::into_inner).add(first, record)?;
        self.found.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }
}

/// Hands on the first of equal requests, and sets the others aside.
pub(crate) struct Once {
    source: Box<dyn Source>,
    /// Each request, and the number of the target that made it first.
    met: Seen<u64>,
    /// Those that had their record before the run went on.
    done: Arc<Done>,
    waiting: Arc<Waiting>,
    redact: RedactQuery,
    read: Vec<Ahead>,
    request: Vec<u8>,
}

impl Once {
    /// `done` are inputs that are read, and need no answer.
    pub(crate) fn new(
        source: Box<dyn Source>,
        done: Arc<Done>,
        waiting: Arc<Waiting>,
        redact: RedactQuery,
    ) -> Self {
        let met = Seen::new(SeenLimits::default(), fastrand::u64(..));
        Self { source, met, done, waiting, redact, read: Vec::new(), request: Vec::new() }
    }

    /// The number of the target that made this request first, unless it is this one.
    fn first(&mut self, ahead: &Ahead) -> io::Result<Option<u64>> {
        self.request.clear();
        let n = match ahead {
            Ahead::Item(Item::Broken(_)) => return Ok(None),
            Ahead::Item(Item::Target(target)) => {
                say_request(target, &mut self.request);
                target.n
            }
            Ahead::Unparsed(unparsed) => {
                say(&unparsed.text, Provenance::Operator, SchemeFrom::Input, &mut self.request);
                unparsed.n
            }
        };
        self.met.meet_as(&self.request, n.0)
    }

    fn take(&mut self, ahead: Ahead, into: &mut Vec<Ahead>) -> io::Result<()> {
        let first = self.first(&ahead)?;
        if self.done.contains(number(&ahead)) {
            return Ok(());
        }
        let Some(first) = first else {
            into.push(ahead);
            return Ok(());
        };
        match ahead.parsed() {
            Item::Target(target) => self.waiting.add(first, &bare(target, &self.redact)),
            broken @ Item::Broken(_) => {
                into.push(Ahead::Item(broken));
                Ok(())
            }
        }
    }
}

impl Source for Once {
    fn may_have_rules(&self) -> bool {
        self.source.may_have_rules()
    }

    fn read(&mut self, into: &mut Vec<Item>, max: usize) -> Result<Progress, SourceError> {
        let mut ahead = Vec::new();
        let progress = self.read_ahead(&mut ahead, max);
        into.extend(ahead.into_iter().map(Ahead::parsed));
        progress
    }

    fn read_ahead(&mut self, into: &mut Vec<Ahead>, max: usize) -> Result<Progress, SourceError> {
        let before = into.len();
        loop {
            let mut read = std::mem::take(&mut self.read);
            let progress = self.source.read_ahead(&mut read, max)?;
            for ahead in read.drain(..) {
                self.take(ahead, into).map_err(|error| failed(None, error))?;
            }
            self.read = read;
            if progress == Progress::End || into.len() > before {
                return Ok(progress);
            }
        }
    }
}

fn number(ahead: &Ahead) -> u64 {
    match ahead {
        Ahead::Item(Item::Target(target)) => target.n.0,
        Ahead::Item(Item::Broken(broken)) => broken.n.0,
        Ahead::Unparsed(unparsed) => unparsed.n.0,
    }
}

/// What a record says of a target before anything was asked.
fn bare(target: Target, keys: &RedactQuery) -> Record {
    let ending = Ending { attempts: 0, queued: Duration::ZERO };
    let mut record = finish::untried(target, ending, Outcome::Ok);
    redact::record(&mut record, keys);
    record
}

/// Everything that makes a request, each part told from the next by its length. What all requests of
/// the run share is no part of it.
fn say_request(target: &Target, out: &mut Vec<u8>) {
    say(target.url.as_str(), target.from, target.scheme_from, out);
    let Some(request) = target.request.as_deref() else { return };
    // Which of a host's addresses is dialled last is no part of what is asked for.
    let RequestSpec { method, headers, body, timeout, avoid: _, extract } = request;
    // One that says nothing is like none.
    if let Some(method) = method {
        part(out, b'm', method.as_str().as_bytes());
    }
    for (name, value) in headers {
        part(out, b'h', name.to_ascii_lowercase().as_bytes());
        part(out, b'v', value.as_bytes());
    }
    if let Some(body) = body {
        part(out, b'b', body);
    }
    if let Some(timeout) = timeout {
        part(out, b't', &timeout.as_nanos().to_le_bytes());
    }
    // What is looked for in the answer is in the record that both would share.
    if let Some(extract) = extract {
        part(out, b'x', extract.as_bytes());
    }
}

/// A fragment is not sent.
fn say(url: &str, from: Provenance, scheme: SchemeFrom, out: &mut Vec<u8>) {
    let sent = url.split_once('#').map_or(url, |(sent, _)| sent);
    out.push(u8::from(from == Provenance::Public) | u8::from(scheme == SchemeFrom::Guess) << 1);
    part(out, b'u', sent.as_bytes());
}

fn part(out: &mut Vec<u8>, what: u8, bytes: &[u8]) {
    out.push(what);
    out.extend((bytes.len() as u64).to_le_bytes());
    out.extend(bytes);
}

/// The records of firsts, kept until the last repeat has its answer.
pub(crate) struct Firsts {
    aside: Aside,
    waiting: Arc<Waiting>,
    /// Beside the journal; nowhere without one.
    path: Option<PathBuf>,
    records: u64,
}

impl Firsts {
    /// Keeps them in this file, which goes on from `position`; in one without a name if there is none.
    ///
    /// # Errors
    /// When it cannot be made or opened.
    pub(crate) fn open<'f>(
        kept: Option<(&Path, Position)>,
        outputs: impl Iterator<Item = &'f Fields>,
        waiting: &Arc<Waiting>,
    ) -> Result<Self, SourceError> {
        let path = kept.map(|(path, _)| path.to_owned());
        let pile = match kept {
            None => Pile::nameless(),
            Some((path, Position { bytes: 0, .. })) => {
                Pile::create(path).and_then(|pile| gather_store::sync_name(path).map(|()| pile))
            }
            Some((path, position)) => Pile::open(path, position.bytes),
        };
        let pile = pile.map_err(|error| failed(path.as_deref(), error))?;
        let records = kept.map_or(0, |(_, position)| position.records);
        Ok(Self { aside: Aside::new(pile, outputs), waiting: Arc::clone(waiting), path, records })
    }

    /// Where the repeats wait.
    pub(crate) fn waiting(&self) -> &Arc<Waiting> {
        &self.waiting
    }

    /// Keeps a record, in case it is asked for again.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn keep(&mut self, record: &Record) -> Result<(), SourceError> {
        if record.same_as.is_some() {
            return Ok(());
        }
        self.records += 1;
        self.aside.add(record).map_err(|error| self.failed(error))
    }

    /// Makes durable what was kept: before the records are committed. Its name and position.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn commit(&mut self) -> Result<Option<(Box<str>, Position)>, SourceError> {
        let Some(path) = &self.path else { return Ok(None) };
        let name = text_of(path);
        let flushed = self.aside.flush().and_then(|(file, bytes)| {
            file.sync_data()?;
            Ok(Position { parts: 0, bytes, records: self.records })
        });
        flushed.map(|position| Some((name, position))).map_err(|error| self.failed(error))
    }

    /// The answers to all repeats. Nothing is fetched any more.
    ///
    /// # Errors
    /// When what was kept cannot be read.
    pub(crate) fn answers(&mut self) -> Result<Answers, SourceError> {
        let mut repeats = self.waiting.repeats.lock().unwrap_or_else(PoisonError::into_inner);
        let repeats = std::mem::take(&mut *repeats);
        self.aside.answers(repeats).map_err(|error| self.failed(error))
    }

    /// The next of them; empty once all were given.
    ///
    /// # Errors
    /// As [`answers`](Self::answers).
    pub(crate) fn some_of(&mut self, answers: &mut Answers) -> Result<Vec<Record>, SourceError> {
        let (mut some, mut bytes) = (Vec::new(), 0);
        while some.len() < ANSWERS_AT_ONCE && bytes < ANSWER_BYTES_AT_ONCE {
            let next = answers.next(&mut self.aside).map_err(|error| self.failed(error))?;
            let Some(record) = next else { break };
            bytes += record.body.as_ref().map_or(0, bytes::Bytes::len);
            some.push(record);
        }
        Ok(some)
    }

    /// These were written.
    pub(crate) fn count_answered(&self, records: usize) {
        self.waiting.answered.fetch_add(records as u64, Ordering::AcqRel);
    }

    /// Removes the file: every input has its record. Nothing is lost if it cannot be.
    pub(crate) fn remove(self) {
        if let Some(path) = &self.path {
            let _ = gather_store::remove_aside(path);
        }
    }

    fn failed(&self, error: io::Error) -> SourceError {
        failed(self.path.as_deref(), error)
    }
}

/// Where the records of firsts are beside a journal.
pub(crate) fn firsts_beside(journal: &Path) -> PathBuf {
    let mut name = journal.as_os_str().to_owned();
    name.push(".firsts");
    name.into()
}

/// Removes what an earlier run kept beside this journal. It is in nobody's way if it cannot be.
pub(crate) fn remove_beside(journal: &Path) {
    let _ = gather_store::remove_aside(&firsts_beside(journal));
}

/// As the journal names a file beside it: the same however its own path is written.
pub(crate) fn text_of(path: &Path) -> Box<str> {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into()
}

fn failed(path: Option<&Path>, error: io::Error) -> SourceError {
    let file = path.map(|path| path.display().to_string()).unwrap_or_default();
    SourceError::Repeats { file, error }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use gather_core::{Method, TargetNo};
    use url::Url;

    use super::*;

    fn said(target: &Target) -> Vec<u8> {
        let mut out = Vec::new();
        say_request(target, &mut out);
        out
    }

    fn target(url: &str, request: Option<RequestSpec>) -> Target {
        let url = Url::parse(url).expect("a URL");
        let target = Target::new(TargetNo(1), url).expect("http");
        Target { request: request.map(Arc::new), ..target }
    }

    fn request(change: impl FnOnce(&mut RequestSpec)) -> Option<RequestSpec> {
        let mut request = RequestSpec::default();
        change(&mut request);
        Some(request)
    }

    fn header(name: &str, value: &str) -> Option<RequestSpec> {
        request(|request| request.headers = vec![(name.into(), value.into())])
    }

    #[test]
    fn requests_are_equal_when_the_same_is_sent() {
        const URL: &str = "http://a.example/?q=1";
        let check = |a: &Target, b: &Target, equal: bool| {
            assert_eq!(said(a) == said(b), equal, "{a:?} {b:?}");
        };
        let plain = target(URL, None);
        // The number, the spelling and the fragment make no difference, nor a request that is empty.
        for other in ["HTTP://A.example:80/?q=1", "http://a.example/./?q=1#part"] {
            check(&plain, &Target { n: TargetNo(2), ..target(other, None) }, true);
        }
        check(&plain, &target(URL, Some(RequestSpec::default())), true);
        check(&target(URL, header("X-A", "1")), &target(URL, header("x-a", "1")), true);
        let different = [
            target("http://a.example/?q=2", None),
            target("https://a.example/?q=1", None),
            target("http://me@a.example/?q=1", None),
            Target { from: Provenance::Public, ..plain.clone() },
            Target { scheme_from: SchemeFrom::Guess, ..plain.clone() },
            target(URL, request(|request| request.method = Some(Method::HEAD))),
            target(URL, header("x-a", "1")),
            target(URL, header("x-a", "2")),
            target(URL, header("x", "-a1")),
            target(URL, request(|request| request.body = Some(Bytes::new()))),
            target(URL, request(|request| request.body = Some(Bytes::from_static(b"1")))),
            target(URL, request(|request| request.timeout = Some(Duration::from_secs(1)))),
            target(URL, request(|request| request.extract = Some("{}".into()))),
        ];
        for (at, one) in different.iter().enumerate() {
            check(&plain, one, false);
            for other in &different[at + 1..] {
                check(one, other, false);
            }
        }
    }

    #[test]
    fn one_left_unparsed_is_equal_to_one_that_was_parsed() {
        let parsed = target("http://a.example/p", None);
        let mut out = Vec::new();
        say("http://a.example/p#part", Provenance::Operator, SchemeFrom::Input, &mut out);
        assert_eq!(said(&parsed), out);
    }
}
