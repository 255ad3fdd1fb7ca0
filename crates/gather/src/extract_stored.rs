//! Rules over bodies that earlier runs stored: what a fetch with the same rules would have found,
//! without a request.
//!
//! Everything here blocks. Records are read by the thread that calls it, searched by threads of
//! their own, and written in the order in which they were read; a few hundred are under way.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use bytes::BytesMut;
use gather_core::{ErrorKind, Outcome, Record};
use gather_extract::Rules;
use gather_store::read::{self, Bodies, ReadError, ResultPlace, ResultSpec, Results};
use gather_store::{OutputSpec, RunInfo, Sink};

use crate::cache;
use crate::clock;
use crate::export::{BrokenRows, ExportError, OnBroken, commit_all, refuse_same, unless_closed};
use crate::extracted::{self, Applied, PageRules};
use crate::stored::{BodyPlace, StoredBodies};

/// Records a thread takes at once, and bytes of bodies with them: whichever comes first.
const BATCH_RECORDS: usize = 32;
const BATCH_BYTES: usize = 4 << 20;
/// Batches on their way to a thread, and from it.
const BATCHES_MAX: usize = 2;
/// Records between two commits of the outputs.
const COMMIT_RECORDS: u64 = 10_000;
/// The longest body that is read. Rules refuse longer ones.
const BODY_BYTES_MAX: u64 = 64 << 20;

/// What is looked for in which bodies.
pub struct ExtractOptions {
    /// Results whose records have bodies or say where they are, and archives, in this order.
    pub inputs: Vec<ExtractInput>,
    /// What is looked for in each page that answered with a 2xx status.
    pub rules: Arc<Rules>,
    /// Where records and rows go.
    pub outputs: Vec<OutputSpec>,
    /// The directory of bodies, if it is not where records say.
    pub bodies: Option<PathBuf>,
    /// What becomes of rows that are no records.
    pub rows: BrokenRows,
    /// Is told of each of them.
    pub on_broken: Option<OnBroken>,
    /// Is shown each record whose page failed now.
    pub on_failed: Option<OnFailed>,
}

/// Is shown a record whose page failed.
pub type OnFailed = Box<dyn FnMut(&Record)>;

/// Something with bodies.
#[derive(Clone, Debug)]
pub enum ExtractInput {
    /// A result of a run, or an archive.
    Result(ResultSpec),
    /// A page that was saved, and its address.
    Page {
        /// The file.
        path: PathBuf,
        /// What links in it are relative to; empty if that is not known.
        url: String,
    },
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extracted {
    /// Records read, and written to each output.
    pub records: u64,
    /// Those that were searched.
    pub pages: u64,
    /// Those of them that failed: a required field is missing, or the body.
    pub failed: u64,
    /// Rows found.
    pub rows: u64,
    /// Rows of the inputs that were no records.
    pub broken: u64,
}

/// Applies rules to stored bodies.
///
/// # Errors
/// An input that cannot be read or has no bodies, an output that cannot be written. Nothing is
/// overwritten before all of them were opened.
pub fn extract(options: ExtractOptions) -> Result<Extracted, ExtractError> {
    let results = |input: &ExtractInput| match input {
        ExtractInput::Result(spec) => Some(spec.clone()),
        ExtractInput::Page { .. } => None,
    };
    let specs: Vec<ResultSpec> = options.inputs.iter().filter_map(results).collect();
    refuse_same(&specs, &options.outputs).map_err(ExtractError::Export)?;
    let opened: Result<Vec<Input>, ReadError> = options.inputs.iter().map(Input::open).collect();
    let opened = opened.map_err(|error| ExtractError::Export(ExportError::Input(error)))?;
    let run = RunInfo {
        job: opened.iter().find_map(|input| input.results.run()?.job.clone()),
        ..RunInfo::new(clock::unix_us(), fastrand::u64(..))
    };
    // Before an output is touched: the first records tell whether there are bodies.
    let needs_headers = options.rules.needs_headers();
    let mut reading = Reading::new(opened, needs_headers, options.rows, options.on_broken);
    let first = reading.batch();
    if let Some(fault) = reading.fault.take() {
        return Err(fault);
    }
    let sinks = gather_store::open_all(&options.outputs, &run);
    let mut writing = Writing {
        sinks: sinks.map_err(|error| ExtractError::Export(ExportError::Output(error)))?,
        on_failed: options.on_failed,
        done: Extracted::default(),
    };
    let workers = Workers::start(&options.rules, options.bodies.as_deref())?;
    let written = pass(&mut reading, first, workers, &mut writing);
    let closed = written.and_then(|()| writing.finish());
    closed.map_err(ExtractError::Export)?;
    for spec in &options.outputs {
        let gone = gather_store::discard(spec);
        gone.map_err(|error| ExtractError::Export(ExportError::Output(error)))?;
    }
    reading.fault.map_or(Ok(()), Err)?;
    Ok(Extracted { broken: reading.broken, ..writing.done })
}

/// Passes all records by the workers, in turn, and writes what comes back in the same turn.
fn pass(
    reading: &mut Reading,
    first: Vec<Job>,
    mut workers: Workers,
    writing: &mut Writing,
) -> Result<(), ExportError> {
    let (mut given, mut taken) = (0_usize, 0_usize);
    let mut batch = first;
    while !batch.is_empty() {
        // As many are under way as the channels hold; then the oldest is taken first.
        while given - taken >= workers.under_way_max() {
            writing.take(workers.receive(taken))?;
            taken += 1;
        }
        workers.send(given, batch);
        given += 1;
        if writing.sinks.is_empty() {
            break;
        }
        batch = reading.batch();
    }
    while taken < given {
        writing.take(workers.receive(taken))?;
        taken += 1;
    }
    workers.end();
    Ok(())
}

/// An input, and where its bodies may be beside what its records say.
struct Input {
    results: Box<dyn Results>,
    name: Box<str>,
    dir: Option<Arc<Path>>,
}

impl Input {
    fn open(input: &ExtractInput) -> Result<Self, ReadError> {
        match input {
            ExtractInput::Result(spec) => {
                let spec = ResultSpec { bodies: Bodies::Read, ..spec.clone() };
                let (name, dir) = match &spec.place {
                    ResultPlace::Stdin => ("standard input".to_owned(), None),
                    ResultPlace::File(path) => (path.display().to_string(), path.parent()),
                    ResultPlace::Postgres(url) => (url.to_string(), None),
                };
                Ok(Self { results: read::open(&spec)?, name: name.into(), dir: dir.map(Arc::from) })
            }
            ExtractInput::Page { path, url } => {
                let page = SavedPage { path: path.clone(), url: url.clone(), is_read: false };
                let name = path.display().to_string().into();
                Ok(Self { results: Box::new(page), name, dir: None })
            }
        }
    }
}

/// One page in a file, as the result of a run.
struct SavedPage {
    path: PathBuf,
    url: String,
    is_read: bool,
}

impl Results for SavedPage {
    fn next(&mut self) -> Result<Option<Record>, ReadError> {
        if std::mem::replace(&mut self.is_read, true) {
            return Ok(None);
        }
        let mut record = Record::new(0, Outcome::Ok);
        record.input = Some(self.path.to_string_lossy().into());
        record.url.clone_from(&self.url);
        record.status_code = 200;
        record.body_path = record.input.clone();
        Ok(Some(record))
    }
}

/// A record, and where its body may be.
struct Job {
    record: Record,
    dir: Option<Arc<Path>>,
}

/// Reads the inputs, one after the other.
struct Reading {
    all: std::vec::IntoIter<Input>,
    now: Option<Input>,
    needs_headers: bool,
    rows: BrokenRows,
    on_broken: Option<OnBroken>,
    broken: u64,
    /// Whether the input that is read has a body so far.
    has_bodies: bool,
    /// What ended the reading too early.
    fault: Option<ExtractError>,
}

impl Reading {
    fn new(
        inputs: Vec<Input>,
        needs_headers: bool,
        rows: BrokenRows,
        on_broken: Option<OnBroken>,
    ) -> Self {
        let mut all = inputs.into_iter();
        let now = all.next();
        let (broken, has_bodies, fault) = (0, false, None);
        Self { all, now, needs_headers, rows, on_broken, broken, has_bodies, fault }
    }

    /// The next record; `None` at the end.
    fn next(&mut self) -> Result<Option<Job>, ExtractError> {
        loop {
            let Some(input) = &mut self.now else { return Ok(None) };
            match input.results.next() {
                Ok(None) => (self.now, self.has_bodies) = (self.all.next(), false),
                Ok(Some(mut record)) => {
                    anew(&mut record);
                    let dir = input.dir.clone();
                    if is_meant(&record) {
                        self.check(&record)?;
                    }
                    return Ok(Some(Job { record, dir }));
                }
                Err(error) if error.is_row() && self.rows == BrokenRows::LeaveOut => {
                    self.broken += 1;
                    if let Some(tell) = &mut self.on_broken {
                        tell(&error);
                    }
                }
                Err(error) => return Err(ExtractError::Export(ExportError::Input(error))),
            }
        }
    }

    /// Refuses an input whose records have nothing to look into.
    fn check(&mut self, record: &Record) -> Result<(), ExtractError> {
        let name = || self.now.as_ref().map_or_else(Box::default, |input| input.name.clone());
        if self.needs_headers && record.headers.is_none() && record.archived.is_none() {
            return Err(ExtractError::NoHeaders(name()));
        }
        if !self.has_bodies && !has_place(record) && record.content_length > 0 {
            return Err(ExtractError::NoBodies(name()));
        }
        self.has_bodies = true;
        Ok(())
    }

    /// Some records; none at the end, and behind a fault, which is kept.
    fn batch(&mut self) -> Vec<Job> {
        let size = |job: &Job| job.record.body.as_ref().map_or(0, |body| body.len());
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < BATCH_RECORDS && bytes < BATCH_BYTES && self.fault.is_none() {
            match self.next() {
                Ok(Some(job)) => {
                    bytes += size(&job);
                    batch.push(job);
                }
                Ok(None) => break,
                Err(error) => (self.fault, self.now) = (Some(error), None),
            }
        }
        batch
    }
}

/// Forgets what earlier rules found in a record's page.
fn anew(record: &mut Record) {
    record.fields = None;
    if record.archived.is_none() {
        record.archived = read::archived(record).map(Box::new);
    }
    let by_rules = |kind| kind == ErrorKind::ExtractFailed;
    if record.outcome.error().is_some_and(|error| by_rules(error.kind)) {
        record.outcome = Outcome::Ok;
    }
}

/// Whether a fetch would have looked into it.
fn is_meant(record: &Record) -> bool {
    extracted::is_page(record) || cache::is_reused(record) && record.outcome == Outcome::Ok
}

fn has_place(record: &Record) -> bool {
    record.body.is_some()
        || record.body_path.is_some()
        || record.archived.is_some()
        || record.sha256.is_some()
}

/// Threads that search, each with a channel to it and one from it.
struct Workers {
    all: Vec<Worker>,
}

struct Worker {
    to: SyncSender<Vec<Job>>,
    from: Receiver<Vec<(Record, Option<Applied>)>>,
    thread: JoinHandle<()>,
}

impl Workers {
    fn start(rules: &Arc<Rules>, dir: Option<&Path>) -> Result<Self, ExtractError> {
        let count = thread::available_parallelism().map_or(1, |count| count.get());
        let all = (0..count).map(|_| {
            let (to, jobs) = sync_channel::<Vec<Job>>(BATCHES_MAX);
            let (done, from) = sync_channel(BATCHES_MAX);
            let mut search = Search {
                rules: PageRules::new(Arc::clone(rules)),
                bodies: StoredBodies::new(BODY_BYTES_MAX),
                dir: dir.map(Path::to_owned),
            };
            let work = move || {
                for batch in jobs {
                    let found = batch.into_iter().map(|job| search.record(job)).collect();
                    if done.send(found).is_err() {
                        return;
                    }
                }
            };
            let thread = thread::Builder::new().name("gather-extract".into()).spawn(work)?;
            Ok(Worker { to, from, thread })
        });
        let all = all.collect::<io::Result<_>>().map_err(ExtractError::Thread)?;
        Ok(Self { all })
    }

    /// Batches that fit into the channels of all.
    fn under_way_max(&self) -> usize {
        self.all.len() * BATCHES_MAX
    }

    fn send(&mut self, turn: usize, batch: Vec<Job>) {
        let at = turn % self.all.len();
        // One that has panicked is found out by its answer.
        let _gone = self.all[at].to.send(batch);
    }

    fn receive(&mut self, turn: usize) -> Vec<(Record, Option<Applied>)> {
        let at = turn % self.all.len();
        self.all[at].from.recv().expect("a worker answers each batch, and catches panics of rules")
    }

    fn end(self) {
        for Worker { to, thread, .. } in self.all {
            drop(to);
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

/// What one thread searches with.
struct Search {
    rules: PageRules,
    bodies: StoredBodies,
    dir: Option<PathBuf>,
}

impl Search {
    /// Searches a record's page, if rules are meant for it.
    fn record(&mut self, job: Job) -> (Record, Option<Applied>) {
        let Job { mut record, dir } = job;
        let applied = is_meant(&record).then(|| {
            let was_there = record.body.is_some();
            let headers = record.headers.is_some();
            let applied = match self.load(&mut record, dir.as_deref()) {
                Ok(()) => self.rules.apply(&mut record, &|| false),
                Err(why) => extracted::fail(&mut record, why),
            };
            if !was_there {
                record.body = None;
            }
            if !headers {
                record.headers = None;
            }
            applied
        });
        read::tell_anew(&mut record);
        (record, applied)
    }

    /// Has the body in the record, or says why it cannot be.
    fn load(&mut self, record: &mut Record, beside: Option<&Path>) -> Result<(), String> {
        if record.truncated {
            return Err("only the beginning of its body was stored".to_owned());
        }
        if record.body.is_some() || !has_place(record) && record.content_length == 0 {
            return Ok(());
        }
        let mut why = None;
        for place in places(record, beside, self.dir.as_deref()) {
            let mut body = BytesMut::new();
            let read = self.bodies.read(place.borrow(), &mut |piece| body.extend_from_slice(piece));
            match read {
                Ok(read) if record.sha256.is_some_and(|sha256| sha256 != read.sha256) => {
                    why = Some(format!("{} holds another body by now", place.path().display()));
                }
                Ok(read) if read.truncated => {
                    return Err("only the beginning of its body was stored".to_owned());
                }
                Ok(read) => {
                    record.body = Some(body.freeze());
                    if record.headers.is_none() && !read.headers.is_empty() {
                        record.headers = Some(Box::new(read.headers));
                    }
                    return Ok(());
                }
                Err(error) => why = why.or_else(|| Some(error.to_string())),
            }
        }
        Err(why.unwrap_or_else(|| "its body was not stored".to_owned()))
    }
}

/// A place of a body that is owned.
enum Place {
    File(PathBuf),
    Hash(PathBuf, [u8; 32]),
    Archive(PathBuf, u64),
}

impl Place {
    fn borrow(&self) -> BodyPlace<'_> {
        match self {
            Self::File(path) => BodyPlace::File(path),
            Self::Hash(dir, sha256) => BodyPlace::Hash { dir, sha256 },
            Self::Archive(file, offset) => BodyPlace::Archive { file, offset: *offset },
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Hash(path, _) | Self::Archive(path, _) => path,
        }
    }
}

/// Where a body may be, in this order: where the user says, where the record says, and there as
/// seen from the result it stands in.
fn places(record: &Record, beside: Option<&Path>, dir: Option<&Path>) -> Vec<Place> {
    let mut places = Vec::new();
    if let (Some(dir), Some(sha256)) = (dir, record.sha256) {
        places.push(Place::Hash(dir.to_owned(), sha256));
    }
    let mut seen = |name: &str, place: &dyn Fn(PathBuf) -> Place| {
        let path = PathBuf::from(name);
        let from_result = beside.map(|beside| beside.join(&path)).filter(|there| *there != path);
        places.push(place(path));
        places.extend(from_result.map(place));
    };
    if let Some(path) = &record.body_path {
        seen(path, &Place::File);
    }
    if let Some(at) = &record.archived {
        seen(&at.file, &|path| Place::Archive(path, at.offset));
    }
    places
}

/// Writes what was found.
struct Writing {
    sinks: Vec<Box<dyn Sink>>,
    on_failed: Option<OnFailed>,
    done: Extracted,
}

impl Writing {
    fn take(&mut self, found: Vec<(Record, Option<Applied>)>) -> Result<(), ExportError> {
        for (record, applied) in found {
            for sink in &mut self.sinks {
                unless_closed(sink.write(&record))?;
            }
            let done = &mut self.done;
            done.records += 1;
            done.pages += u64::from(applied.is_some());
            done.rows += record.rows.len() as u64;
            if applied == Some(Applied::Failed) {
                done.failed += 1;
                if let Some(show) = &mut self.on_failed {
                    show(&record);
                }
            }
            if done.records.is_multiple_of(COMMIT_RECORDS) {
                commit_all(&mut self.sinks)?;
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), ExportError> {
        self.sinks.drain(..).try_for_each(|sink| unless_closed(sink.finish().map(drop)))
    }
}

/// Why rules could not be applied to stored bodies.
#[derive(Debug)]
#[non_exhaustive]
pub enum ExtractError {
    /// An input cannot be read, or an output cannot be written.
    Export(ExportError),
    /// The records of this input have no bodies, and do not say where they are.
    NoBodies(Box<str>),
    /// A rule looks at headers, and the records of this input have none.
    NoHeaders(Box<str>),
    /// A thread cannot be started.
    Thread(io::Error),
}

impl ExtractError {
    /// Whether what was asked for cannot be meant, and nothing was done.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Export(error) => error.is_usage(),
            Self::NoBodies(_) | Self::NoHeaders(_) => true,
            Self::Thread(_) => false,
        }
    }
}

impl fmt::Display for ExtractError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Export(error) => error.fmt(f),
            Self::NoBodies(name) => write!(
                f,
                "the records of {name} have no bodies; hint: fetch with -O DIR, \
                 -o FILE.warc.gz or --fields +body, and name that"
            ),
            Self::NoHeaders(name) => write!(
                f,
                "a rule looks at headers, and the records of {name} have none; hint: fetch with \
                 -o FILE.warc.gz or --fields +headers"
            ),
            Self::Thread(error) => write!(f, "a thread cannot be started: {error}"),
        }
    }
}

impl std::error::Error for ExtractError {}
