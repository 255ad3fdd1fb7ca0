//! A run over a list, from start to summary, for programs that are not async themselves.

use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use gather_core::Config;
use gather_fetch::{Client, ClientError, ClientOptions, MemoryBudget, TlsConfigs};
use gather_store::{BodyStore, OutputSpec, RunInfo, SinkError};
use tokio::sync::mpsc;
use tokio::task::LocalSet;

use crate::account::Account;
use crate::clock;
use crate::feed::Feed;
use crate::fit::{self, Fit, StoreBodies};
use crate::live::Live;
use crate::pending::Pending;
use crate::platform::Descriptors;
use crate::report::ShardReport;
use crate::reroute::Credentials;
use crate::shard::{Shard, ShardParts};
use crate::shared::Shared;
use crate::source::intake::{self, IntakeConfig};
use crate::source::{self, Source, SourceError, SourceSpec};
use crate::stop::{Cause, Stop, StopOnPanic};
use crate::summary::{Ended, Summary};
use crate::tell;
use crate::writer::{BATCHES_MAX, Batch, Outlet, Writer, Written};
pub use crate::writer::{Judge, OnRecord, View};

/// Targets on their way from other shards to one shard.
pub(crate) const INBOX_TARGETS_MAX: usize = 1024;

type WriterThread = JoinHandle<Result<(), SinkError>>;

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
    /// Where the records go.
    pub outputs: Vec<Output>,
    /// A directory for bodies, each under the name of its SHA-256.
    pub bodies: Option<PathBuf>,
    /// Completes each record before it is written, on the writer's thread.
    pub judge: Option<Judge>,
    /// Is shown every record as it is written, on the writer's thread.
    pub on_record: Option<OnRecord>,
    /// Is told what the operator should know: that concurrency was lowered, and why.
    pub on_note: Option<OnNote>,
    /// Whether the descriptor limit of the process may be raised.
    pub descriptors: Descriptors,
    /// Event loops; chosen by concurrency and processors if `None`.
    pub shards: Option<NonZeroUsize>,
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
    writer: Option<WriterThread>,
    /// Kept so that a shard can reach another one for as long as the run goes on.
    _inboxes: Vec<mpsc::Sender<Box<Pending>>>,
    /// What the outputs are built of is needed until the run is complete.
    outputs: Vec<OutputSpec>,
    asked: u32,
}

impl Run {
    /// Opens the inputs and outputs and starts to fetch, on threads of its own.
    ///
    /// # Errors
    /// An input or output that cannot be opened, or an option that cannot be used. Nothing was
    /// fetched and nothing overwritten then.
    pub fn start(mut options: RunOptions) -> Result<Self, RunError> {
        options.source.caps = options.config.caps;
        let source = source::open(&options.source).map_err(RunError::Source)?;
        Self::start_from(source, options)
    }

    /// As [`Self::start`], with a source of the caller's own; `options.source` is not looked at.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_from(source: Box<dyn Source>, options: RunOptions) -> Result<Self, RunError> {
        let RunOptions {
            mut config,
            mut client,
            outputs,
            bodies,
            judge,
            on_record,
            mut on_note,
            ..
        } = options;
        let fit = Fit::new(&config, options.descriptors, options.shards);
        fit.note().into_iter().zip(on_note.as_mut()).for_each(|(note, tell)| tell(&note));
        fit::apply(&config, &fit, &mut client);
        let tls = tls_configs(&client)?;
        let store_bodies = if bodies.is_some() { StoreBodies::Yes } else { StoreBodies::No };
        fit::keep(&mut client.keep, outputs.iter().map(|output| &output.spec), store_bodies);
        // An option that no request can be made with is told before anything is opened.
        Client::new(client.clone(), Arc::clone(&tls)).map_err(RunError::Client)?;
        let credentials = Credentials::of(&client);
        let bodies = open_bodies(bodies)?;
        let (outlets, outputs) = open_outlets(outputs)?;
        let (stop, asked) = (Stop::default(), config.concurrency);
        config.concurrency = NonZeroU32::new(fit.allowed).unwrap_or(asked);
        let shared = Shared::new(config, credentials, stop.clone(), fit.allowed, fit.shards);
        let shared = Arc::new(shared);
        let written = Arc::new(Written::new(fit.shards));
        let (batches, writer) = start_writer(Writer {
            outlets,
            bodies,
            judge,
            on_record,
            written: Arc::clone(&written),
            stop: stop.clone(),
        })?;
        let host_targets = fit::host_targets(&shared.config, fit.allowed);
        let intake = IntakeConfig::new(fit.shards, fit.allowed as usize, host_targets);
        let ports = intake::start(source, &intake).map_err(RunError::Thread)?;
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
            };
            shards.push(start_shard(parts, client.clone(), Arc::clone(&tls))?);
        }
        let live = Live::new(Arc::clone(&shared), Arc::clone(&written), reports.clone());
        Ok(Self {
            stop,
            live,
            shared,
            written,
            memory: client.memory,
            reports,
            shards,
            writer: Some(writer),
            _inboxes: inboxes,
            outputs,
            asked: asked.get(),
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
        let writer = self.writer.take().map_or(Ok(Ok(())), JoinHandle::join);
        if self.stop.has_panicked() {
            return Err(RunError::Panic);
        }
        for shard in shards {
            shard.map_err(|_| RunError::Panic)?.map_err(RunError::Client)?;
        }
        writer.map_err(|_| RunError::Panic)?.map_err(RunError::Output)?;
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
        Ok(Summary { bodies_bytes_max, ..summary })
    }

    fn ended(&self) -> Ended {
        match self.stop.cause() {
            None => Ended::Finished,
            // The stop came too late to leave anything undone.
            Some(Cause::Drain | Cause::Deadline | Cause::Now) if self.shared.is_done() => {
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
        self.stop.cause().is_none_or(Cause::cancels) || self.shared.is_done()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if !self.shards.is_empty() {
            self.stop.now();
        }
    }
}

fn tls_configs(client: &ClientOptions) -> Result<Arc<TlsConfigs>, RunError> {
    TlsConfigs::new(&client.net.tls, client.net.http)
        .map(Arc::new)
        .map_err(|error| RunError::Client(ClientError::Net(error)))
}

fn open_bodies(dir: Option<PathBuf>) -> Result<Option<BodyStore>, RunError> {
    dir.map(|dir| BodyStore::open(&dir)).transpose().map_err(RunError::Output)
}

/// The open outputs, and what was asked for.
fn open_outlets(outputs: Vec<Output>) -> Result<(Vec<Outlet>, Vec<OutputSpec>), RunError> {
    let info = RunInfo::new(clock::unix_us(), fastrand::u64(..));
    let (specs, views): (Vec<_>, Vec<_>) =
        outputs.into_iter().map(|output| (output.spec, output.view)).unzip();
    let sinks = gather_store::open_all(&specs, &info).map_err(RunError::Output)?;
    let outlets = sinks.into_iter().zip(views).map(|(sink, view)| Outlet { sink, view });
    Ok((outlets.collect(), specs))
}

fn start_writer(writer: Writer) -> Result<(mpsc::Sender<Batch>, WriterThread), RunError> {
    let (batches, received) = mpsc::channel(BATCHES_MAX);
    let thread = spawn("gather-writer", move || {
        let _stop = StopOnPanic(writer.stop.clone());
        writer.run(received)
    })?;
    Ok((batches, thread))
}

/// Starts the thread of one shard: a runtime of its own, and nothing shared but counters.
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
        let client = match Client::new(client, tls) {
            Ok(client) => client,
            Err(error) => {
                parts.run.stop.now();
                return Err(error);
            }
        };
        let shard = Rc::new(Shard::new(parts, client));
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

/// Why a run could not start, or could not be brought to its end.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError {
    /// An input cannot be read.
    Source(SourceError),
    /// An output cannot be written.
    Output(SinkError),
    /// An option of the client cannot be used.
    Client(ClientError),
    /// A thread or its event loop cannot be started.
    Thread(std::io::Error),
    /// A defect: inputs and records do not match.
    Unbalanced {
        /// Inputs that came in.
        inputs: u64,
        /// Records that were written.
        records: u64,
    },
    /// A defect: a thread of the engine panicked.
    Panic,
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(error) => error.fmt(f),
            Self::Output(error) => error.fmt(f),
            Self::Client(error) => error.fmt(f),
            Self::Thread(error) => write!(f, "a thread cannot be started: {error}"),
            Self::Unbalanced { inputs, records } => write!(
                f,
                "{inputs} inputs came in and {records} records were written: a defect of gather, \
                 please report it"
            ),
            Self::Panic => {
                f.write_str("a thread ended unexpectedly: a defect of gather, please report it")
            }
        }
    }
}

impl std::error::Error for RunError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Source(error) => Some(error),
            Self::Output(error) => Some(error),
            Self::Client(error) => Some(error),
            Self::Thread(error) => Some(error),
            Self::Unbalanced { .. } | Self::Panic => None,
        }
    }
}
