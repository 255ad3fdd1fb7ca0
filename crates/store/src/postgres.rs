//! The sink of a PostgreSQL database: a run is added, one transaction for each group.
//!
//! A connection that breaks is made again while the writer waits, and with it the run's intake.
//! The group in hand is then written once more: its rows are put in place of themselves, so a
//! commit whose answer was lost is no harm.

mod encode;
pub(crate) mod fault;
pub(crate) mod read;
pub(crate) mod schema;
mod session;
pub(crate) mod tls;
pub(crate) mod url;

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use gather_core::Record;
use tokio::runtime::Runtime;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::database::{Counts, Group, JobColumns, Plan, TableOf};
use crate::error::{SinkError, SinkErrorKind};
use crate::postgres::fault::{Fault, Lasts};
use crate::postgres::session::Session;
use crate::postgres::url::Target;
use crate::sink::{
    DatabaseUrl, Durability, Existing, OutputSpec, OutputTarget, Position, RunInfo, Sink,
};

/// How long a server that has gone is waited for.
const RECONNECT_MAX: Duration = Duration::from_secs(300);
/// The first wait between two tries; doubled.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
/// The longest wait between two tries.
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// Opens it.
pub(crate) fn open(spec: &OutputSpec, run: &RunInfo) -> Result<Box<dyn Sink>, SinkError> {
    // On a thread of its own: whoever calls may be inside an event loop, where nothing may block.
    let opened = thread::scope(|scope| scope.spawn(|| Postgres::open(spec, run)).join());
    match opened {
        Ok(opened) => Ok(Box::new(opened?)),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// An open database.
struct Postgres {
    name: String,
    target: Target,
    tls: MakeRustlsConnect,
    durability: Durability,
    session: Option<Session>,
    group: Group,
    state: State,
    /// How long a server that has gone is waited for.
    patience: Duration,
    runtime: Reactor,
}

/// The event loop of the connection. It turns only while something is waited for.
pub(crate) struct Reactor(Option<Runtime>);

/// What is known of the run and its tables.
struct State {
    run: i64,
    plan: Plan,
    job: Option<Box<str>>,
    pages: JobColumns,
    rows: JobColumns,
    /// The table of rows, where it was there when the run went on.
    rows_before: Option<String>,
    origin: RunOrigin,
    /// What was committed, earlier parts of the run included.
    counts: Counts,
    /// Records of which the journal may know: those it knew of when the run went on, and those of
    /// every group since. The database can hold more, which a kill left: they come again.
    known: u64,
}

/// Where the run's rows come from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RunOrigin {
    /// All from this sink.
    New,
    /// Some from before a crash: they may be written again.
    Resumed,
}

impl Postgres {
    fn open(spec: &OutputSpec, run: &RunInfo) -> Result<Self, SinkError> {
        let OutputTarget::Postgres(url) = &spec.target else {
            let error = SinkError::of_target(SinkErrorKind::Url, &spec.target);
            return Err(error.because("it does not begin with postgres://"));
        };
        let wrong = |kind: SinkErrorKind, why: String| {
            SinkError::of_target(kind, &spec.target).because(why)
        };
        let target = Target::new(url).map_err(|why| wrong(SinkErrorKind::Url, why))?;
        let tls = tls::connector(target.verify, target.roots.as_deref())
            .map_err(|why| wrong(SinkErrorKind::Url, why))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| wrong(SinkErrorKind::Io, error.to_string()))?;
        let opened = runtime.block_on(async {
            let mut session = Session::open(&target, &tls, spec.durability).await?;
            match State::begin(&mut session, spec, run).await {
                Ok(state) => Ok((session, state)),
                Err(fault) => {
                    session.close().await;
                    Err(fault)
                }
            }
        });
        let runtime = Reactor(Some(runtime));
        let (session, state) = opened.map_err(|fault| said(url, &fault, None))?;
        Ok(Self {
            name: url.to_string(),
            target,
            tls,
            durability: spec.durability,
            session: Some(session),
            group: Group::default(),
            state,
            patience: RECONNECT_MAX,
            runtime,
        })
    }

    /// Writes what is in hand, through as many connections as it takes.
    fn flush(&mut self) -> Result<Position, SinkError> {
        if !self.group.is_empty() {
            let counts = self.persist(Work::Group)?;
            self.state.counts = counts;
            self.state.known += self.group.counts.records();
            self.group.clear();
        }
        Ok(self.position())
    }

    fn persist(&mut self, work: Work) -> Result<Counts, SinkError> {
        let (start, mut backoff) = (Instant::now(), BACKOFF_MIN);
        loop {
            let fault = match self.attempt(work) {
                Ok(counts) => return Ok(counts),
                Err(fault) => fault,
            };
            // What the server knows of this session, and what was made in the transaction, is gone.
            self.session = None;
            self.state.pages.forget_names();
            self.state.rows.forget_names();
            if fault.lasts == Lasts::Lasting || start.elapsed() + backoff > self.patience {
                return Err(self.error(&fault));
            }
            thread::sleep(backoff);
            backoff = (backoff * 2).min(BACKOFF_MAX);
        }
    }

    fn attempt(&mut self, work: Work) -> Result<Counts, Fault> {
        let Self { target, tls, durability, session, group, state, runtime, .. } = self;
        runtime.get().block_on(async {
            let session = match session {
                Some(session) => session,
                None => session.insert(Session::open(target, tls, *durability).await?),
            };
            match work {
                Work::Group => session.write(state, group).await,
                Work::End => state.end(session).await,
            }
        })
    }

    fn position(&self) -> Position {
        Position { parts: 0, bytes: 0, records: self.state.known }
    }

    fn error(&self, fault: &Fault) -> SinkError {
        let path = Some(PathBuf::from(&self.name));
        let error = SinkError { kind: fault.kind, path, source: None, kept: Some(self.position()) };
        error.because(fault.message.clone())
    }
}

/// What is to be written.
#[derive(Clone, Copy)]
enum Work {
    Group,
    End,
}

fn said(url: &DatabaseUrl, fault: &Fault, kept: Option<Position>) -> SinkError {
    let path = Some(PathBuf::from(url.to_string()));
    SinkError { kind: fault.kind, path, source: None, kept }.because(fault.message.clone())
}

impl Sink for Postgres {
    fn write(&mut self, record: &Record) -> Result<(), SinkError> {
        if self.group.must_go_before(record) {
            self.flush()?;
        }
        let State { plan, pages, rows, .. } = &mut self.state;
        self.group.add(record, plan, pages, rows);
        Ok(())
    }

    fn commit(&mut self) -> Result<Position, SinkError> {
        self.flush()
    }

    fn finish(mut self: Box<Self>) -> Result<Position, SinkError> {
        self.flush()?;
        self.state.counts = self.persist(Work::End)?;
        if let Some(session) = self.session.take() {
            self.runtime.get().block_on(session.close());
        }
        Ok(self.position())
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl State {
    /// Makes what is missing, and the run's row.
    async fn begin(session: &mut Session, spec: &OutputSpec, run: &RunInfo) -> Result<Self, Fault> {
        let tx = session.client.transaction().await?;
        schema::lock(&tx).await?;
        schema::create(&tx).await?;
        let (mut origin, mut counts, mut known) = (RunOrigin::New, Counts::default(), 0);
        if let Existing::Resume(position) = spec.existing {
            if let Some((_, found)) = schema::find_run(&tx, &run.id).await? {
                (origin, counts) = (RunOrigin::Resumed, found);
            }
            if counts.records() < position.records {
                return Err(Fault::lasting(SinkErrorKind::RunMissing, ""));
            }
            known = position.records;
        }
        let id = schema::run_row(&tx, run).await?;
        let job = run.job.clone();
        let (mut pages, mut rows) = (JobColumns::of(TableOf::Pages), JobColumns::of(TableOf::Rows));
        schema::find_job(&tx, job.as_deref(), &mut pages).await?;
        let rows_before = schema::find_job(&tx, job.as_deref(), &mut rows).await?;
        tx.commit().await?;
        let plan = Plan::new(&spec.fields);
        Ok(Self { run: id, plan, job, pages, rows, rows_before, origin, counts, known })
    }

    /// The last words: when, and how many.
    async fn end(&self, session: &mut Session) -> Result<Counts, Fault> {
        let tx = session.client.transaction().await?;
        let mut counts = self.counts;
        if self.origin == RunOrigin::Resumed {
            // Rows that were there and were written again were counted twice.
            counts = schema::count(&tx, self.run).await?;
        }
        let [records, ok, failed, skipped] = counts.columns();
        tx.execute(
            "UPDATE run SET finished_at = now(), records = $1, ok = $2, failed = $3, skipped = $4
             WHERE id = $5",
            &[&records, &ok, &failed, &skipped, &self.run],
        )
        .await?;
        schema::finish(&tx).await?;
        tx.commit().await?;
        Ok(counts)
    }
}

impl Reactor {
    #[cfg(feature = "history")]
    pub(crate) fn new() -> std::io::Result<Self> {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map(|made| Self(Some(made)))
    }

    pub(crate) fn get(&self) -> &Runtime {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl Drop for Reactor {
    fn drop(&mut self) {
        // Dropped as it is, a runtime panics inside another one's event loop.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests;
