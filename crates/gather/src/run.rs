//! A run over a list, from start to summary, for programs that are not async themselves.

mod between;
mod error;

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use gather_core::Config;
use gather_core::frontier::HostClock;
use gather_fetch::{
    Client, ClientError, ClientOptions, Keep, MemoryBudget, RedactQuery, TlsConfigs,
};
use gather_store::{Beside, BodyStore, Durability, Format, OutputSpec};
use tokio::sync::mpsc;
use tokio::task::LocalSet;

use crate::account::Account;
use crate::cache::{self, Lookup};
#[cfg(feature = "crawl")]
use crate::crawl::CrawlSpec;
#[cfg(feature = "extract")]
use crate::extract_pool;
use crate::feed::Feed;
use crate::fit::{self, Fit, StoreBodies};
use crate::journal::{
    self, Begun, Given, Growing, Inputs, JournalOptions, Keeper, Label, Listed, Start, Witness,
};
use crate::live::Live;
use crate::method::RunMethod;
use crate::pending::Pending;
use crate::platform::Descriptors;
use crate::repeats::EqualRequests;
use crate::report::ShardReport;
use crate::reroute::Credentials;
use crate::shard::{Shard, ShardParts};
use crate::shared::{HasJournal, Past, Shared};
use crate::source::intake::{self, IntakeConfig, LookUp, Owners};
use crate::source::{Source, SourceSpec};
use crate::stop::{Cause, Stop, StopOnPanic};
use crate::summary::{Ended, Summary};
use crate::tell;
use crate::writer::{BATCHES_MAX, Batch, Kept, WriteError, Writer, Written};
pub use crate::writer::{Judge, OnRecord, View};
use between::Between;
pub use error::RunError;

/// Targets on their way from other shards to one shard.
pub(crate) const INBOX_TARGETS_MAX: usize = 1024;

type WriterThread = JoinHandle<Result<(), WriteError>>;

/// Is told what the operator should know.
pub type OnNote = Box<dyn FnMut(&str) + Send>;

/// One output of a run.
pub struct Output {
    /// Where to, in which form.
    pub spec: OutputSpec,
    /// Which records it is shown; all if `None`. What it is not shown is still counted.
    pub view: Option<View>,
}

impl From<OutputSpec> for Output {
    fn from(spec: OutputSpec) -> Self {
        Self { spec, view: None }
    }
}

/// Everything a run needs to know before it starts.
#[derive(Default)]
pub struct RunOptions {
    /// What decides: concurrency, politeness, retries, limits.
    pub config: Config,
    /// How requests are made. Its timeout, speed, caps and redirects are taken from `config`.
    pub client: ClientOptions,
    /// What is fetched.
    pub source: SourceSpec,
    /// What becomes of equal requests of `source`.
    pub equal_requests: EqualRequests,
    /// Begins at what `source` names, and follows the links of pages.
    #[cfg(feature = "crawl")]
    pub crawl: Option<CrawlSpec>,
    /// Where the records go.
    pub outputs: Vec<Output>,
    /// A directory for bodies, each under the name of its SHA-256.
    pub bodies: Option<PathBuf>,
    /// A file of validators and freshness: what an earlier run with it fetched is asked for
    /// conditionally, or not at all while it is fresh (RFC 9111). Made if it does not exist; needs
    /// the feature `sqlite`.
    pub cache: Option<PathBuf>,
    /// What is looked for in each page that answered with a 2xx status, on threads of their own.
    /// Rows go to the outputs whose `fields` are [`Fields::of_rows`](gather_store::Fields::of_rows).
    #[cfg(feature = "extract")]
    pub extract: Option<Arc<gather_extract::Rules>>,
    /// Completes each record before it is written, on the writer's thread.
    pub judge: Option<Judge>,
    /// Is shown every record as it is written, on the writer's thread.
    pub on_record: Option<OnRecord>,
    /// Where the run goes on with what an earlier one left: is shown the records that are there
    /// already, read back from the first output that can be, before anything is fetched.
    pub on_earlier: Option<OnRecord>,
    /// Is told what the operator should know: that concurrency was lowered, and why.
    pub on_note: Option<OnNote>,
    /// Whether the descriptor limit of the process may be raised.
    pub descriptors: Descriptors,
    /// Where the run keeps its journal, so that it can go on after it was killed; nowhere if `None`.
    pub journal: Option<JournalOptions>,
    /// Event loops; chosen by concurrency and processors if `None`.
    pub shards: Option<NonZeroUsize>,
    /// The job it is a run of: databases name a table after it.
    pub job: Option<Box<str>>,
    /// The settings as a JSON object without secrets: databases keep them with the run.
    pub settings: Option<Box<str>>,
}

/// A run that has started. Dropping it stops it at once.
pub struct Run {
    stop: Stop,
    live: Live,
    shared: Arc<Shared>,
    written: Arc<Written>,
    memory: Option<Arc<MemoryBudget>>,
    reports: Vec<Arc<ShardReport>>,
    shards: Vec<JoinHandle<Result<(), ClientError>>>,
    /// Those between shards and writer: they extract, or follow links.
    helpers: Vec<JoinHandle<()>>,
    growing: Option<Arc<dyn Growing>>,
    writer: Option<WriterThread>,
    /// Kept so that a shard can reach another one for as long as the run goes on.
    _inboxes: Vec<mpsc::Sender<Box<Pending>>>,
    /// What the outputs are built of is needed until the run is complete.
    outputs: Vec<OutputSpec>,
    asked: u32,
    /// Whether there was nothing left to do.
    was_finished: bool,
}

impl Run {
    /// Opens the inputs and outputs and starts to fetch, on threads of its own.
    ///
    /// # Errors
    /// An input or output that cannot be opened, or an option that cannot be used. Nothing was
    /// fetched and nothing overwritten then.
    pub fn start(mut options: RunOptions) -> Result<Self, RunError> {
        options.source.caps = options.config.caps;
        let parts = Parts::new(&mut options)?;
        let (outputs, label) = (std::mem::take(&mut options.outputs), label(&options));
        let mut inputs = inputs(&mut options);
        let begun = match options.journal.take() {
            None => journal::plain(&mut *inputs, outputs, &label)?,
            Some(kept) => {
                let witness = Witness {
                    on_earlier: options.on_earlier.as_mut(),
                    on_note: options.on_note.as_mut(),
                };
                match journal::begin(&kept, &mut *inputs, outputs, &label, witness)? {
                    Start::On(begun) => *begun,
                    Start::Finished(account) => return Ok(Self::finished(parts, *account)),
                }
            }
        };
        Self::go(parts, begun, options)
    }

    /// As [`Self::start`], with a source of the caller's own; `options.source` is not looked at.
    ///
    /// # Errors
    /// As [`Self::start`]; and with a journal, since such a source cannot be read again.
    pub fn start_from(source: Box<dyn Source>, mut options: RunOptions) -> Result<Self, RunError> {
        if options.journal.is_some() {
            return Err(RunError::NotRepeatable);
        }
        let parts = Parts::new(&mut options)?;
        let outputs = std::mem::take(&mut options.outputs);
        let begun = journal::plain(&mut Given::new(source), outputs, &label(&options))?;
        Self::go(parts, begun, options)
    }

    /// A run that was finished before.
    fn finished(parts: Parts, account: Account) -> Self {
        let past = Past::of(&account, HasJournal::No);
        let shared = parts.shared(&past);
        let written = Arc::new(Written::new(0, account));
        (0..parts.fit.shards).for_each(|_| shared.count_fed());
        let shared = Arc::new(shared);
        Self {
            stop: shared.stop.clone(),
            live: Live::new(Arc::clone(&shared), Arc::clone(&written), Vec::new()),
            shared,
            written,
            memory: None,
            reports: Vec::new(),
            shards: Vec::new(),
            helpers: Vec::new(),
            growing: None,
            writer: None,
            _inboxes: Vec::new(),
            outputs: parts.specs,
            asked: parts.asked,
            was_finished: true,
        }
    }

    fn go(parts: Parts, begun: Begun, mut options: RunOptions) -> Result<Self, RunError> {
        let Begun { source, outlets, keeper, account, hosts, begun, growing, firsts } = begun;
        let has_journal = if keeper.is_some() { HasJournal::Yes } else { HasJournal::No };
        let waiting = firsts.as_ref().map(|firsts| Arc::clone(firsts.waiting()));
        let past = Past { begun, waiting, ..Past::of(&account, has_journal) };
        let shared = Arc::new(parts.shared(&past));
        let clocks = journal::clocks(&hosts, &shared.clock);
        let Parts { fit, client, tls, bodies, look_up, cache, specs, asked, .. } = parts;
        let between = Between::new(growing.clone(), parts.kept, &mut options, &*source);
        let written = Arc::new(Written::new(fit.shards, account));
        let writer = Writer {
            outlets,
            bodies,
            cache,
            judge: options.judge,
            on_record: options.on_record,
            written: Arc::clone(&written),
            shared: Arc::clone(&shared),
            journal: keeper.map(kept).transpose()?,
            growing: growing.clone(),
            firsts,
        };
        let (batches, writer) = start_writer(writer)?;
        let mut client = client;
        let (batches, helpers) = between.start(&mut client, &shared, batches)?;
        let host_targets = fit::host_targets(&shared.config, fit.allowed);
        let intake =
            IntakeConfig::new(Arc::clone(&shared.owners), fit.allowed as usize, host_targets);
        let ports = intake::start(source, &intake, look_up).map_err(RunError::Thread)?;
        let (inboxes, waiting): (Vec<_>, Vec<_>) =
            (0..fit.shards).map(|_| mpsc::channel(INBOX_TARGETS_MAX)).unzip();
        let reports: Vec<_> = (0..fit.shards).map(|_| Arc::default()).collect();
        let mut shards = Vec::with_capacity(fit.shards);
        for (index, (port, inbox)) in ports.into_iter().zip(waiting).enumerate() {
            let parts = ShardParts {
                index,
                run: Arc::clone(&shared),
                feed: Feed::new(index, Some(port), inbox),
                memory: client.memory.clone(),
                batches: batches.clone(),
                written: Arc::clone(&written),
                report: Arc::clone(&reports[index]),
                neighbours: inboxes.iter().map(mpsc::Sender::downgrade).collect(),
                clocks: clocks_of(&clocks, index, &shared.owners),
            };
            shards.push(start_shard(parts, client.clone(), Arc::clone(&tls))?);
        }
        let live = Live::new(Arc::clone(&shared), Arc::clone(&written), reports.clone());
        Ok(Self {
            stop: shared.stop.clone(),
            live,
            shared,
            written,
            memory: client.memory,
            reports,
            shards,
            helpers,
            growing,
            writer: Some(writer),
            _inboxes: inboxes,
            outputs: specs,
            asked,
            was_finished: false,
        })
    }

    /// A view of the run while it goes on; also good after its end.
    pub fn live(&self) -> Live {
        self.live.clone()
    }

    /// What stops the run early.
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Whether all records are written.
    pub fn is_finished(&self) -> bool {
        self.writer.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits for the end, and accounts for every input.
    ///
    /// # Errors
    /// A source or an output that failed on the way, or a defect of our own: an input without
    /// exactly one record.
    pub fn wait(mut self) -> Result<Summary, RunError> {
        // All threads are joined before anything is told, so that none outlives the run.
        let shards: Vec<_> = self.shards.drain(..).map(JoinHandle::join).collect();
        let helpers: Vec<_> = self.helpers.drain(..).map(JoinHandle::join).collect();
        let writer = self.writer.take().map_or(Ok(Ok(())), JoinHandle::join);
        if self.stop.has_panicked() {
            return Err(RunError::Panic);
        }
        for shard in shards {
            shard.map_err(|_| RunError::Panic)?.map_err(RunError::Client)?;
        }
        helpers.into_iter().try_for_each(|ended| ended.map_err(|_| RunError::Panic))?;
        writer.map_err(|_| RunError::Panic)??;
        if let Some(error) = self.shared.take_source_error() {
            return Err(RunError::Source(error));
        }
        let account = self.written.account();
        self.check(&account)?;
        if self.is_complete() {
            for output in &self.outputs {
                gather_store::discard(output).map_err(RunError::Output)?;
            }
        }
        let facts: Vec<_> = self.reports.iter().map(|report| report.read()).collect();
        let summary = tell::summary(&self.shared, &account, &facts, self.asked, self.ended());
        let bodies_bytes_max = self.memory.as_ref().map_or(0, |memory| memory.used_max());
        let crawl = self.growing.as_ref().map(|growing| growing.counts());
        Ok(Summary { bodies_bytes_max, crawl, ..summary })
    }

    fn ended(&self) -> Ended {
        match self.stop.cause() {
            _ if self.was_finished => Ended::FinishedBefore,
            None => Ended::Finished,
            // The stop came too late to leave anything undone.
            Some(Cause::Drain | Cause::Deadline | Cause::Now) if self.shared.is_complete() => {
                Ended::Finished
            }
            Some(Cause::FailFast) => Ended::FailFast,
            Some(Cause::MaxFailures) => Ended::MaxFailures,
            Some(Cause::Deadline) => Ended::Deadline,
            Some(Cause::OutputClosed) => Ended::OutputClosed,
            Some(Cause::Drain | Cause::Now | Cause::Fault) => Ended::Stopped,
        }
    }

    /// The last act of a run: every input has exactly one record, or was left pending by a stop.
    fn check(&self, account: &Account) -> Result<(), RunError> {
        let (inputs, records) = (self.shared.inputs(), account.records());
        let complete = self.stop.cause().is_none_or(Cause::cancels);
        if records > inputs || (complete && records < inputs) {
            return Err(RunError::Unbalanced { inputs, records });
        }
        Ok(())
    }

    /// Whether nothing is left that a resumed run could go on with.
    fn is_complete(&self) -> bool {
        self.stop.cause().is_none_or(Cause::cancels) || self.shared.is_complete()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if !self.shards.is_empty() {
            self.stop.now();
        }
    }
}

/// Opens the cache: what looks answers up, and what keeps them.
fn open_cache(
    path: Option<&Path>,
    client: &ClientOptions,
    kept: Keep,
    on_note: &mut Option<OnNote>,
) -> Result<(Option<LookUp>, Option<cache::Keeper>), RunError> {
    let Some(path) = path else { return Ok((None, None)) };
    let (reader, writer) = gather_store::open_cache(path).map_err(RunError::Output)?;
    let Some(lookup) = Lookup::new(reader, client) else {
        if let Some(on_note) = on_note {
            on_note(
                "the cache is not used: its answers are for GET without a body, and requests \
                     whose headers are known beforehand",
            );
        }
        return Ok((None, None));
    };
    let look_up: LookUp = Box::new(move |target| lookup.look_up(target));
    Ok((Some(look_up), Some(cache::Keeper::new(writer, client, kept.body))))
}

/// Has kept of each response what outputs, bodies and cache need, and told of it what there is. An
/// option that no request can be made with is told here, before anything is opened.
fn prepare(
    client: &mut ClientOptions,
    outputs: &mut [Output],
    bodies: Option<&Path>,
    cache: Option<&Path>,
) -> Result<Arc<TlsConfigs>, RunError> {
    let tls = tls_configs(client)?;
    let store_bodies = if bodies.is_some() { StoreBodies::Yes } else { StoreBodies::No };
    fit::keep(&mut client.keep, outputs.iter().map(|output| &output.spec), store_bodies);
    if cache.is_some() {
        fit::keep_for_cache(&mut client.keep);
    }
    let is_archive = |output: &Output| matches!(output.spec.format, Format::Warc(_));
    if outputs.iter().any(is_archive) {
        add_members(outputs, Beside::Archive);
    }
    if cache.is_some() {
        add_members(outputs, Beside::Cache);
    }
    Client::new(client.clone(), Arc::clone(&tls)).map_err(RunError::Client)?;
    Ok(tls)
}

/// The members that records have beside this.
fn add_members(outputs: &mut [Output], what: Beside) {
    for Output { spec, .. } in outputs {
        spec.fields = std::mem::take(&mut spec.fields).beside(what);
    }
}

/// The store of bodies: they are as durable as the records that name them.
fn open_bodies(dir: Option<&Path>, outputs: &[Output]) -> Result<Option<BodyStore>, RunError> {
    let durable = outputs.iter().any(|output| output.spec.durability == Durability::Disk);
    let durability = if durable { Durability::Disk } else { Durability::System };
    dir.map(|dir| BodyStore::open(dir, durability)).transpose().map_err(RunError::Output)
}

fn tls_configs(client: &ClientOptions) -> Result<Arc<TlsConfigs>, RunError> {
    TlsConfigs::new(&client.net.tls, client.net.http)
        .map(Arc::new)
        .map_err(|error| RunError::Client(ClientError::Net(error)))
}

/// What a run is made of before anything is opened.
struct Parts {
    config: Config,
    fit: Fit,
    client: ClientOptions,
    tls: Arc<TlsConfigs>,
    secrets: (Credentials, RedactQuery),
    bodies: Option<BodyStore>,
    look_up: Option<LookUp>,
    cache: Option<cache::Keeper>,
    specs: Vec<OutputSpec>,
    /// What outputs ask for of responses; the client keeps what rules need as well.
    kept: Keep,
    /// The concurrency that was configured.
    asked: u32,
}

impl Parts {
    fn new(options: &mut RunOptions) -> Result<Self, RunError> {
        let mut config = options.config.clone();
        let mut client = options.client.clone();
        let fit = Fit::new(&config, options.descriptors, options.shards);
        if let (Some(note), Some(on_note)) = (fit.note(), &mut options.on_note) {
            on_note(&note);
        }
        fit::apply(&config, &fit, &mut client);
        let (bodies, cache) = (options.bodies.as_deref(), options.cache.as_deref());
        let tls = prepare(&mut client, &mut options.outputs, bodies, cache)?;
        if options.equal_requests == EqualRequests::SentOnce {
            add_members(&mut options.outputs, Beside::Repeats);
        }
        if options.journal.is_some() {
            options.outputs.iter_mut().for_each(|o| o.spec.durability = Durability::Disk);
        }
        let specs = options.outputs.iter().map(|output| output.spec.clone()).collect();
        let secrets = (Credentials::of(&client), client.redact_query.clone());
        let bodies = open_bodies(bodies, &options.outputs)?;
        let kept = client.keep;
        #[cfg(feature = "extract")]
        if let Some(rules) = &options.extract {
            extract_pool::keep(rules, &mut client.keep);
        }
        let (look_up, cache) = open_cache(cache, &client, kept, &mut options.on_note)?;
        let asked = config.concurrency;
        config.concurrency = NonZeroU32::new(fit.allowed).unwrap_or(asked);
        let asked = asked.get();
        Ok(Self { config, fit, client, tls, secrets, bodies, look_up, cache, specs, kept, asked })
    }

    fn shared(&self, past: &Past) -> Shared {
        let (config, secrets) = (self.config.clone(), self.secrets.clone());
        let fit = &self.fit;
        Shared::new(config, secrets, Stop::default(), fit.allowed, fit.shards, past)
    }
}

fn label(options: &RunOptions) -> Label {
    Label { job: options.job.clone(), settings: options.settings.clone() }
}

/// Those of the hosts that belong to this shard.
fn clocks_of(clocks: &[HostClock], shard: usize, owners: &Owners) -> Vec<HostClock> {
    clocks.iter().filter(|clock| owners.owner_of(&clock.host) == shard).cloned().collect()
}

/// Where the inputs come from.
fn inputs(options: &mut RunOptions) -> Box<dyn Inputs> {
    let source = std::mem::take(&mut options.source);
    #[cfg(feature = "crawl")]
    if let Some(spec) = options.crawl.take() {
        return Box::new(crate::crawl::Crawled::new(spec, source, &options.config));
    }
    match options.equal_requests {
        EqualRequests::Sent => Box::new(Listed::new(source)),
        EqualRequests::SentOnce => {
            Box::new(Listed::once(source, options.client.redact_query.clone()))
        }
    }
}

fn kept(keeper: Keeper) -> Result<Kept, RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    Ok(Kept { keeper, runtime: runtime.map_err(RunError::Thread)? })
}

fn start_writer(writer: Writer) -> Result<(mpsc::Sender<Batch>, WriterThread), RunError> {
    let (batches, received) = mpsc::channel(BATCHES_MAX);
    let thread = spawn("gather-writer", move || {
        let _stop = StopOnPanic(writer.shared.stop.clone());
        writer.run(received)
    })?;
    Ok((batches, thread))
}

/// Starts the thread of one shard: a runtime of its own, and of others it shares only [`Shared`].
pub(crate) fn start_shard(
    parts: ShardParts,
    client: ClientOptions,
    tls: Arc<TlsConfigs>,
) -> Result<JoinHandle<Result<(), ClientError>>, RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(RunError::Thread)?;
    spawn("gather-shard", move || {
        let _stop = StopOnPanic(parts.run.stop.clone());
        let method = RunMethod::of(&client);
        let client = match Client::new(client, tls) {
            Ok(client) => client,
            Err(error) => {
                parts.run.stop.now();
                return Err(error);
            }
        };
        let shard = Rc::new(Shard::new(parts, client, method));
        LocalSet::new().block_on(&runtime, shard.run());
        Ok(())
    })
}

fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, RunError> {
    thread::Builder::new().name(name.into()).spawn(work).map_err(RunError::Thread)
}
