//! How a run begins: anew, or where its journal says that it stopped.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gather_store::journal::{
    Change, Done, HostRow, Journal, JournalError, JournalErrorKind, Memory,
};
use gather_store::{Existing, Field, Fields, OutputSpec, OutputTarget, Position, RunInfo};

use super::earlier::Witness;
use super::inputs::{Growing, Inputs, Kept, PastInputs};
use super::{JournalOptions, JournalStart, Keeper, sums};
use crate::account::Account;
use crate::clock;
use crate::repeats::{self, Firsts, firsts_beside};
use crate::run::{Output, RunError};
use crate::source::{InputLog, Source};
use crate::writer::Outlet;

/// What a run begins with, opened.
pub(crate) struct Begun {
    pub(crate) source: Box<dyn Source>,
    pub(crate) outlets: Vec<Outlet>,
    pub(crate) keeper: Option<Keeper>,
    /// The sums of the records that are there already.
    pub(crate) account: Account,
    /// What politeness owes to hosts.
    pub(crate) hosts: Vec<HostRow>,
    /// Inputs whose request may not be repeated and may have been sent.
    pub(crate) begun: BTreeSet<u64>,
    /// What makes the inputs grow, if anything does.
    pub(crate) growing: Option<Arc<dyn Growing>>,
    /// What answers repeats, where equal requests are sent once.
    pub(crate) firsts: Option<Firsts>,
}

impl Begun {
    fn new(source: Box<dyn Source>, outlets: Vec<Outlet>, keeper: Option<Keeper>) -> Self {
        let (hosts, begun) = (Vec::new(), BTreeSet::new());
        let (growing, firsts) = (None, None);
        Self { source, outlets, keeper, account: Account::new(), hosts, begun, growing, firsts }
    }
}

/// What databases keep of a run beside its records.
#[derive(Clone, Debug, Default)]
pub(crate) struct Label {
    pub(crate) job: Option<Box<str>>,
    pub(crate) settings: Option<Box<str>>,
}

impl Label {
    fn on(&self, info: RunInfo) -> RunInfo {
        RunInfo { job: self.job.clone(), settings: self.settings.clone(), ..info }
    }

    fn on_new(&self) -> RunInfo {
        self.on(RunInfo::new(clock::unix_us(), fastrand::u64(..)))
    }
}

/// How a run with a journal begins.
pub(crate) enum Start {
    /// It goes on, from the beginning or later.
    On(Box<Begun>),
    /// There is nothing left to do.
    Finished(Box<Account>),
}

/// Begins a run without a journal.
pub(crate) fn plain(
    inputs: &mut dyn Inputs,
    outputs: Vec<Output>,
    label: &Label,
) -> Result<Begun, RunError> {
    let source = inputs.anew(None)?;
    let stale = stale_journals(&outputs, None)?;
    let fields = fields(&outputs);
    let outlets = open(outputs, &label.on_new())?;
    remove(&stale)?;
    inputs.begin()?;
    let firsts = firsts(inputs, None, &fields)?;
    Ok(Begun { growing: inputs.growing(), firsts, ..Begun::new(source, outlets, None) })
}

/// Begins a run with a journal, or goes on with it.
pub(crate) fn begin(
    options: &JournalOptions,
    inputs: &mut dyn Inputs,
    outputs: Vec<Output>,
    label: &Label,
    witness: Witness<'_>,
) -> Result<Start, RunError> {
    let is_journal = |output: &Output| match &output.spec.target {
        OutputTarget::File(path) => *path == options.path,
        OutputTarget::Stdout | OutputTarget::Postgres(_) => false,
    };
    if outputs.iter().any(is_journal) {
        let kind = JournalErrorKind::IsOutput;
        return Err(RunError::Journal(JournalError { kind, path: options.path.clone() }));
    }
    match options.start {
        JournalStart::Anew => anew(options, inputs, outputs, label),
        JournalStart::Resume => match Journal::open(&options.path).map_err(RunError::Journal)? {
            Some(kept) => go_on(options, inputs, outputs, label, kept, witness),
            None => anew(options, inputs, outputs, label),
        },
    }
}

fn anew(
    options: &JournalOptions,
    inputs: &mut dyn Inputs,
    outputs: Vec<Output>,
    label: &Label,
) -> Result<Start, RunError> {
    let replaces = outputs.iter().all(|output| output.spec.existing == Existing::Overwrite);
    refuse_unfinished(&options.path, replaces.into())?;
    let stale = stale_journals(&outputs, Some(&options.path))?;
    let log = Arc::<InputLog>::default();
    let kept = Kept { journal: &options.path, log: &log };
    let source = inputs.anew(Some(kept))?;
    let info = label.on_new();
    let (names, fields) = (names(&outputs), fields(&outputs));
    let outlets = open(outputs, &info)?;
    // Only now: until here nothing of an earlier run was touched.
    remove(&stale)?;
    inputs.begin()?;
    repeats::remove_beside(&options.path);
    let firsts = firsts(inputs, Some((&options.path, Position::default())), &fields)?;
    let names = names.into_iter().chain(inputs.files(&options.path));
    let sinks = names.map(|name| (name, Position::default())).collect();
    let journal = Journal::create(&options.path, &info, &options.settings, sinks);
    let keeper = Keeper::new(journal.map_err(RunError::Journal)?, log);
    let growing = inputs.growing();
    let begun = Begun { growing, firsts, ..Begun::new(source, outlets, Some(keeper)) };
    Ok(Start::On(Box::new(begun)))
}

/// Whether the outputs of an unfinished run are to be replaced.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Replaces {
    Yes,
    No,
}

impl From<bool> for Replaces {
    fn from(replaces: bool) -> Self {
        if replaces { Self::Yes } else { Self::No }
    }
}

/// Refuses to begin anew where a run can go on, unless its outputs are to be replaced.
fn refuse_unfinished(path: &Path, replaces: Replaces) -> Result<(), RunError> {
    let journal = match Journal::open(path) {
        Ok(Some((journal, _))) => journal,
        Ok(None) => return Ok(()),
        Err(JournalError { kind: JournalErrorKind::Damaged { .. }, .. })
            if replaces == Replaces::Yes =>
        {
            return Ok(());
        }
        Err(error) => return Err(RunError::Journal(error)),
    };
    let done = journal.done().count();
    if replaces == Replaces::Yes || journal.is_finished() || done == 0 {
        return Ok(());
    }
    let kind = JournalErrorKind::Unfinished { done };
    Err(RunError::Journal(JournalError { kind, path: path.to_owned() }))
}

/// Removes journals and what is beside them.
fn remove(stale: &[PathBuf]) -> Result<(), RunError> {
    stale.iter().for_each(|path| repeats::remove_beside(path));
    stale.iter().try_for_each(|path| Journal::remove(path)).map_err(RunError::Journal)
}

/// Journals beside the outputs that are not that of this run: once it writes there, nothing can go
/// on with them.
fn stale_journals(outputs: &[Output], own: Option<&Path>) -> Result<Vec<PathBuf>, RunError> {
    let mut stale = Vec::new();
    for Output { spec, .. } in outputs {
        let OutputTarget::File(output) = &spec.target else { continue };
        let path = JournalOptions::beside(output);
        // One that cannot be read in this build cannot be gone on with either.
        if own != Some(&*path) && cfg!(feature = "sqlite") && path.exists() {
            refuse_unfinished(&path, (spec.existing == Existing::Overwrite).into())?;
            stale.push(path);
        }
    }
    Ok(stale)
}

fn go_on(
    options: &JournalOptions,
    inputs: &mut dyn Inputs,
    mut outputs: Vec<Output>,
    label: &Label,
    (mut journal, memory): (Journal, Memory),
    mut witness: Witness<'_>,
) -> Result<Start, RunError> {
    let damaged = |what: &str| {
        let kind = JournalErrorKind::Damaged { what: what.to_owned() };
        RunError::Journal(JournalError { kind, path: options.path.clone() })
    };
    let account = sums::from_text(&memory.sums).ok_or_else(|| damaged("its sums are no sums"))?;
    if account.records() != journal.done().count() {
        return Err(damaged("its sums are not those of its finished inputs"));
    }
    let specs: Vec<OutputSpec> = outputs.iter().map(|output| output.spec.clone()).collect();
    if journal.is_finished() {
        // Killed right after it had finished, it left them.
        repeats::remove_beside(&options.path);
        witness.show(&specs, journal.run(), journal.done());
        return Ok(Start::Finished(Box::new(account)));
    }
    let changes = journal.changes(&options.settings);
    let refused: Vec<Change> =
        changes.iter().filter(|change| !options.may_change.permits(change)).cloned().collect();
    if !refused.is_empty() {
        return Err(RunError::Changed(refused));
    }
    for output in &mut outputs {
        if let Some(name) = name(&output.spec) {
            let position = journal.position(&name);
            let position = position.ok_or_else(|| RunError::Changed(vec![new_output(&name)]))?;
            output.spec.existing = Existing::Resume(position);
        }
    }
    let log = Arc::<InputLog>::default();
    let kept = Kept { journal: &options.path, log: &log };
    let past = PastInputs {
        before: memory.blocks.into(),
        done: Arc::<Done>::new(journal.done().clone()),
        position: &|name| journal.position(name),
        body_bytes: account.body_bytes,
    };
    let source = inputs.again(kept, past)?;
    let position = journal.position(&repeats::text_of(&firsts_beside(&options.path)));
    if inputs.repeats().is_some() && position.is_none() {
        return Err(damaged("it does not say where the answers to equal requests end"));
    }
    let kept = (&*options.path, position.unwrap_or_default());
    let firsts = firsts(inputs, Some(kept), &fields(&outputs))?;
    if !changes.is_empty() {
        journal.replace_settings(&options.settings).map_err(RunError::Journal)?;
    }
    let outlets = open(outputs, &label.on(journal.run().clone()))?;
    witness.show(&specs, journal.run(), journal.done());
    let begun = Begun {
        account,
        hosts: memory.hosts,
        begun: memory.begun,
        growing: inputs.growing(),
        firsts,
        ..Begun::new(source, outlets, Some(Keeper::new(journal, log)))
    };
    Ok(Start::On(Box::new(begun)))
}

/// What keeps the records of firsts beside this journal from this position on, where equal requests are
/// sent once.
fn firsts(
    inputs: &dyn Inputs,
    journal: Option<(&Path, Position)>,
    outputs: &[Fields],
) -> Result<Option<Firsts>, RunError> {
    let Some(waiting) = inputs.repeats() else { return Ok(None) };
    let kept = journal.map(|(path, position)| (firsts_beside(path), position));
    let kept = kept.as_ref().map(|(path, position)| (&**path, *position));
    Firsts::open(kept, outputs.iter(), waiting).map(Some).map_err(RunError::Source)
}

/// What these outputs write, and what their views look at.
fn fields(outputs: &[Output]) -> Vec<Fields> {
    let of = |output: &Output| match output.view {
        None => output.spec.members(),
        Some(_) => output.spec.members().and(Field::Body),
    };
    outputs.iter().map(of).collect()
}

fn new_output(name: &str) -> Change {
    let is = gather_store::journal::Shown::Plain(name.into());
    Change { name: "output".into(), was: None, is: Some(is) }
}

/// The names of the outputs that keep what was written to them.
fn names(outputs: &[Output]) -> Vec<Box<str>> {
    outputs.iter().filter_map(|output| name(&output.spec)).collect()
}

/// As the sink will call itself; `None` for standard output, which is not gone back to.
fn name(spec: &OutputSpec) -> Option<Box<str>> {
    match &spec.target {
        OutputTarget::Stdout => None,
        OutputTarget::File(path) => Some(path.display().to_string().into()),
        OutputTarget::Postgres(url) => Some(url.to_string().into()),
    }
}

fn open(outputs: Vec<Output>, info: &RunInfo) -> Result<Vec<Outlet>, RunError> {
    let (specs, views): (Vec<_>, Vec<_>) =
        outputs.into_iter().map(|output| (output.spec, output.view)).unzip();
    let sinks = gather_store::open_all(&specs, info).map_err(RunError::Output)?;
    Ok(sinks.into_iter().zip(views).map(|(sink, view)| Outlet { sink, view }).collect())
}
