//! Where the inputs of a run come from, and what is kept of them beside its journal.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;

use gather_fetch::{Keep, RedactQuery};
use gather_store::Position;
use gather_store::journal::{Block, Done};
use tokio::sync::mpsc;

use super::spool_of;
use crate::repeats::{self, Once, Waiting, firsts_beside};
use crate::run::RunError;
use crate::shared::Shared;
use crate::source::{self, Finished, InputLog, InputPath, Source, SourceError, SourceSpec, Spool};
use crate::summary::CrawlCounts;
use crate::writer::{Batch, Takers};

/// The inputs of a run, to be opened.
pub(crate) trait Inputs {
    /// Opens them for a run that begins; without a journal if `kept` is `None`.
    fn anew(&mut self, kept: Option<Kept<'_>>) -> Result<Box<dyn Source>, RunError>;

    /// The outputs are open, too: from here on nothing of an earlier run is needed.
    fn begin(&mut self) -> Result<(), RunError> {
        Ok(())
    }

    /// Opens them for a run that goes on.
    fn again(&mut self, kept: Kept<'_>, past: PastInputs<'_>) -> Result<Box<dyn Source>, RunError>;

    /// Files of theirs beside this journal, which keeps their positions as those of outputs.
    fn files(&self, _journal: &Path) -> Vec<Box<str>> {
        Vec::new()
    }

    /// Where their repeats wait, where equal requests are sent once; asked for once they are open.
    fn repeats(&self) -> Option<&Arc<Waiting>> {
        None
    }

    /// What makes them grow while the run goes on; asked for once they are open.
    fn growing(&self) -> Option<Arc<dyn Growing>> {
        None
    }
}

/// A journal, and what is told it of the inputs.
#[derive(Clone, Copy)]
pub(crate) struct Kept<'a> {
    pub(crate) journal: &'a Path,
    pub(crate) log: &'a Arc<InputLog>,
}

/// What a run that goes on knows of its inputs.
pub(crate) struct PastInputs<'a> {
    /// What was read of them.
    pub(crate) before: Arc<[Block]>,
    pub(crate) done: Arc<Done>,
    /// The committed position of a file beside the journal.
    #[cfg_attr(not(feature = "crawl"), expect(dead_code, reason = "a list has none"))]
    pub(crate) position: &'a dyn Fn(&str) -> Option<Position>,
    /// Bytes of bodies in the records so far.
    #[cfg_attr(not(feature = "crawl"), expect(dead_code, reason = "it limits a crawl"))]
    pub(crate) body_bytes: u64,
}

/// Inputs that grow by what records say.
pub(crate) trait Growing: Send + Sync {
    /// Has everything kept of responses that it needs, and puts itself between the shards and
    /// `writer`: where shards send their batches now, and the threads.
    fn start(
        self: Arc<Self>,
        keep: &mut Keep,
        run: &Arc<Shared>,
        writer: mpsc::Sender<Batch>,
    ) -> Result<Takers, RunError>;

    /// Makes durable what was found so far: before the records that led to it are committed.
    fn commit(&self) -> Result<Vec<(Box<str>, Position)>, SourceError>;

    /// Every input has its record, and the journal says so.
    fn finish(&self) -> Result<(), SourceError>;

    /// What is told of it in the summary.
    fn counts(&self) -> CrawlCounts;
}

/// A source that is there already.
pub(crate) struct Given(Option<Box<dyn Source>>);

impl Given {
    pub(crate) fn new(source: Box<dyn Source>) -> Self {
        Self(Some(source))
    }

    fn take(&mut self) -> Result<Box<dyn Source>, RunError> {
        self.0.take().ok_or(RunError::NotRepeatable)
    }
}

impl Inputs for Given {
    fn anew(&mut self, _kept: Option<Kept<'_>>) -> Result<Box<dyn Source>, RunError> {
        self.take()
    }

    fn again(&mut self, _: Kept<'_>, _: PastInputs<'_>) -> Result<Box<dyn Source>, RunError> {
        Err(RunError::NotRepeatable)
    }
}

/// Inputs that are listed in arguments and files.
pub(crate) struct Listed {
    spec: SourceSpec,
    /// Where equal requests are sent once: where the others wait, and what is secret in their URLs.
    once: Option<(Arc<Waiting>, RedactQuery)>,
}

impl Listed {
    pub(crate) fn new(spec: SourceSpec) -> Self {
        Self { spec, once: None }
    }

    /// The same inputs, equal requests of which are sent once.
    pub(crate) fn once(spec: SourceSpec, redact: RedactQuery) -> Self {
        Self { spec, once: Some((Arc::default(), redact)) }
    }

    /// Opens them with a journal. Where a request may have been met before, all are read again.
    fn open(
        &self,
        before: Arc<[Block]>,
        done: Arc<Done>,
        log: &Arc<InputLog>,
    ) -> Result<Box<dyn Source>, SourceError> {
        let passed = if self.once.is_some() { Arc::default() } else { Arc::clone(&done) };
        let finished = Finished::These(passed);
        let source = source::open_on(&self.spec, before, finished, Arc::clone(log))?;
        Ok(self.each_once(source, done))
    }

    fn each_once(&self, source: Box<dyn Source>, done: Arc<Done>) -> Box<dyn Source> {
        match &self.once {
            Some((waiting, redact)) => {
                Box::new(Once::new(source, done, Arc::clone(waiting), redact.clone()))
            }
            None => source,
        }
    }
}

impl Inputs for Listed {
    fn anew(&mut self, kept: Option<Kept<'_>>) -> Result<Box<dyn Source>, RunError> {
        let Some(Kept { journal, log }) = kept else {
            let source = source::open(&self.spec).map_err(RunError::Source)?;
            return Ok(self.each_once(source, Arc::default()));
        };
        if reads_stdin(&self.spec) {
            let path = spool_of(journal);
            let spool = Spool::begin(&path).map_err(|error| no_spool(&path, error))?;
            self.spec.spool = Some(approved(spool, &path)?);
        }
        self.open(Arc::default(), Arc::default(), log).map_err(RunError::Source)
    }

    fn again(
        &mut self,
        Kept { journal, log }: Kept<'_>,
        PastInputs { before, done, .. }: PastInputs<'_>,
    ) -> Result<Box<dyn Source>, RunError> {
        let spec = &mut self.spec;
        if reads_stdin(spec) {
            spec.spool = Some(spool_again(journal)?);
        }
        source::verify(spec, &before).map_err(RunError::Source)?;
        let path = spool_of(journal);
        spec.spool = spec.spool.take().map(|spool| approved(spool, &path)).transpose()?;
        self.open(before, done, log).map_err(RunError::Source)
    }

    fn files(&self, journal: &Path) -> Vec<Box<str>> {
        let firsts = self.once.as_ref().map(|_| repeats::text_of(&firsts_beside(journal)));
        firsts.into_iter().collect()
    }

    fn repeats(&self) -> Option<&Arc<Waiting>> {
        self.once.as_ref().map(|(waiting, _)| waiting)
    }
}

pub(crate) fn reads_stdin(spec: &SourceSpec) -> bool {
    spec.files.iter().any(|file| file.path == InputPath::Stdin)
}

/// Standard input as it was, if it was read to its end; else it has to come again.
fn spool_again(journal: &Path) -> Result<Spool, RunError> {
    let path = spool_of(journal);
    let spool = match Spool::whole(&path) {
        Ok(Some(spool)) => Ok(spool),
        Ok(None) if std::io::stdin().is_terminal() => {
            let message = "it was not read to its end before: pipe the same in again";
            let form = SourceError::Form { file: "-".to_owned(), message: message.to_owned() };
            return Err(RunError::Source(form));
        }
        Ok(None) => Spool::begin(&path),
        Err(error) => Err(error),
    };
    spool.map_err(|error| no_spool(&path, error))
}

fn approved(spool: Spool, path: &Path) -> Result<Spool, RunError> {
    spool.approve().map_err(|error| no_spool(path, error))?;
    Ok(spool)
}

fn no_spool(path: &Path, error: std::io::Error) -> RunError {
    RunError::Source(SourceError::Spool { file: path.display().to_string(), error })
}
