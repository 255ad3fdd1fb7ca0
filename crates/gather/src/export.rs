//! Results from one form into another: read, chosen, sorted and written, one record at a time.
//!
//! Everything here blocks and runs on the thread that calls it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use gather_core::config::StatusSet;
use gather_core::{Outcome, Record};
use gather_store::read::{
    self, Bodies, Order, ReadError, ReadErrorKind, ResultPlace, ResultSpec, Results, Sorter, Survey,
};
use gather_store::{
    Encoder, Fields, Format, OutputSpec, OutputTarget, RunInfo, Sink, SinkError, SinkErrorKind,
};
use regex::Regex;

use crate::clock;
use crate::source::OnlyFailed;

/// Records between two commits of the outputs.
const COMMIT_RECORDS: u64 = 10_000;
/// Memory for records that are put aside, before they go to the disk.
const SORT_BYTES_MAX: usize = 64 << 20;

/// What is exported, and how.
#[derive(Default)]
pub struct ExportOptions {
    /// Results to read, in this order.
    pub inputs: Vec<ResultSpec>,
    /// Where the records go. Where its members are [`Fields::held`], an output has those that the
    /// records hold.
    pub outputs: Vec<OutputSpec>,
    /// Which records are taken.
    pub pick: Pick,
    /// The order in which they are written.
    pub order: Order,
    /// How many are written at most; all if `None`.
    pub limit: Option<u64>,
    /// What becomes of rows that are no records.
    pub rows: BrokenRows,
    /// Is told of each of them.
    pub on_broken: Option<OnBroken>,
}

/// Is told of a row that is no record.
pub type OnBroken = Box<dyn FnMut(&ReadError)>;

/// What becomes of rows that are no records: a torn line, a number that is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BrokenRows {
    /// They are told, counted and left out.
    #[default]
    LeaveOut,
    /// The first one ends the export.
    Refuse,
}

/// Which records are taken: those that everything here agrees to.
#[derive(Clone, Debug, Default)]
pub struct Pick {
    /// Those with one of these statuses.
    pub match_code: Option<StatusSet>,
    /// Those with none of these statuses.
    pub filter_code: Option<StatusSet>,
    /// Those whose body matches; where the result holds none, those whose JSON does.
    pub match_regex: Option<Regex>,
    /// Those that failed in this way.
    pub only: Option<OnlyFailed>,
}

impl Pick {
    /// Whether the record is taken.
    pub fn takes(&self, record: &Record) -> bool {
        self.match_code.as_ref().is_none_or(|set| set.contains(record.status_code))
            && self.filter_code.as_ref().is_none_or(|set| !set.contains(record.status_code))
            && self.only.as_ref().is_none_or(|only| failed_so(only, record))
            && self.match_regex.as_ref().is_none_or(|regex| regex.is_match(&text_of(record)))
    }
}

fn failed_so(only: &OnlyFailed, record: &Record) -> bool {
    let kind = match &record.outcome {
        Outcome::Ok => return false,
        Outcome::Failed(error) | Outcome::Skipped(error) => error.kind,
    };
    only.matches(Some(record.outcome.as_str()), Some(kind.as_str()))
}

/// What a pattern is looked for in.
fn text_of(record: &Record) -> String {
    match &record.body {
        Some(body) => String::from_utf8_lossy(body).into_owned(),
        None => {
            let mut json = Vec::new();
            Encoder::new(&Fields::held()).encode(record, &mut json);
            String::from_utf8_lossy(&json).into_owned()
        }
    }
}

/// What an export did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Records read.
    pub read: u64,
    /// Records written, to each output.
    pub written: u64,
    /// Rows that were no records.
    pub broken: u64,
}

/// Exports.
///
/// # Errors
/// An input that cannot be read, an output that cannot be written; where [`BrokenRows::Refuse`]
/// is said, a row that is no record. Nothing is overwritten before all inputs and outputs were
/// found to be usable.
pub fn export(mut options: ExportOptions) -> Result<Exported, ExportError> {
    refuse_same(&options.inputs, &options.outputs)?;
    if options.outputs.iter().any(|output| matches!(output.format, Format::Warc(_))) {
        return Err(ExportError::Archive);
    }
    if needs_bodies(&options) {
        options.inputs.iter_mut().for_each(|input| input.bodies = Bodies::Read);
    }
    let mut taking = Taking {
        pick: std::mem::take(&mut options.pick),
        rows: options.rows,
        on_broken: options.on_broken.take(),
        done: Exported::default(),
    };
    let asks = options.outputs.iter().any(needs_survey);
    let from_stdin = options.inputs.iter().any(|input| input.place == ResultPlace::Stdin);
    let mut records = Inputs::open(&options.inputs)?;
    let run = records.run().unwrap_or_else(|| RunInfo::new(clock::unix_us(), fastrand::u64(..)));
    let mut survey = Survey::default();
    if options.order == Order::AsFound && !(asks && from_stdin) {
        if asks {
            taking.look(&mut records, &mut survey)?;
            records = Inputs::open(&options.inputs)?;
        }
        write(&mut taking, &mut records, Taken::Fresh, &options, &survey, &run)?;
    } else {
        let mut sorter = Sorter::new(options.order, SORT_BYTES_MAX);
        while let Some(record) = taking.next(&mut records)? {
            survey.add(&record);
            sorter.add(&record).map_err(ExportError::Temporary)?;
        }
        let sorted = sorter.into_results().map_err(ExportError::Temporary)?;
        let mut records = Inputs::of(Box::new(sorted));
        write(&mut taking, &mut records, Taken::Already, &options, &survey, &run)?;
    }
    Ok(taking.done)
}

/// Whether the records were chosen and counted when they were put aside.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    Fresh,
    Already,
}

/// Whether bodies that a database stores are looked at or written.
fn needs_bodies(options: &ExportOptions) -> bool {
    let asks = |output: &OutputSpec| !output.fields.is_held() && output.fields.needs_body();
    options.pick.match_regex.is_some() || options.outputs.iter().any(asks)
}

/// Whether the columns of an output must be known before its first record.
fn needs_survey(output: &OutputSpec) -> bool {
    // Those that are built of a spool look at it themselves.
    let has_columns = matches!(output.format, Format::Csv(_) | Format::Sqlite | Format::Postgres);
    has_columns && output.fields.is_held()
}

fn write(
    taking: &mut Taking,
    records: &mut Inputs,
    taken: Taken,
    options: &ExportOptions,
    survey: &Survey,
    run: &RunInfo,
) -> Result<(), ExportError> {
    let specs: Vec<OutputSpec> = options
        .outputs
        .iter()
        .map(|spec| match needs_survey(spec) {
            true => OutputSpec { fields: survey.fields(), ..spec.clone() },
            false => spec.clone(),
        })
        .collect();
    let mut sinks = gather_store::open_all(&specs, run).map_err(ExportError::Output)?;
    let written = write_to(taking, records, taken, options.limit, &mut sinks);
    let closed = written.and_then(|()| {
        for sink in sinks.drain(..) {
            unless_closed(sink.finish().map(drop))?;
        }
        Ok(())
    });
    if let Err(ExportError::Output(error)) = &closed
        && error.kind == SinkErrorKind::Unbuilt
    {
        return closed;
    }
    // Nothing goes on after an export: the inputs are still there, whatever happened.
    for spec in &specs {
        gather_store::discard(spec).map_err(ExportError::Output)?;
    }
    closed
}

fn write_to(
    taking: &mut Taking,
    records: &mut Inputs,
    taken: Taken,
    limit: Option<u64>,
    sinks: &mut Vec<Box<dyn Sink>>,
) -> Result<(), ExportError> {
    while limit.is_none_or(|limit| taking.done.written < limit) {
        let next = match taken {
            Taken::Fresh => taking.next(records)?,
            Taken::Already => records.next().map_err(ExportError::Input)?,
        };
        let Some(record) = next else { break };
        for sink in &mut *sinks {
            unless_closed(sink.write(&record))?;
        }
        taking.done.written += 1;
        if taking.done.written.is_multiple_of(COMMIT_RECORDS) {
            commit_all(sinks)?;
            if sinks.is_empty() {
                break;
            }
        }
    }
    Ok(())
}

/// Commits all, and lets those go whose reader has seen enough.
pub(crate) fn commit_all(sinks: &mut Vec<Box<dyn Sink>>) -> Result<(), ExportError> {
    let mut fault = None;
    sinks.retain_mut(|sink| match sink.commit() {
        Err(error) if error.kind == SinkErrorKind::Closed => false,
        Err(error) => {
            fault.get_or_insert(error);
            true
        }
        Ok(_) => true,
    });
    fault.map_or(Ok(()), |error| Err(ExportError::Output(error)))
}

/// A reader that has seen enough is no fault.
pub(crate) fn unless_closed(done: Result<(), SinkError>) -> Result<(), ExportError> {
    match done {
        Err(error) if error.kind != SinkErrorKind::Closed => Err(ExportError::Output(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Takes records out of inputs, and counts.
struct Taking {
    pick: Pick,
    rows: BrokenRows,
    on_broken: Option<OnBroken>,
    done: Exported,
}

impl Taking {
    /// The next record that is picked; `None` at the end.
    fn next(&mut self, records: &mut Inputs) -> Result<Option<Record>, ExportError> {
        loop {
            match records.next() {
                Ok(None) => return Ok(None),
                Ok(Some(record)) => {
                    self.done.read += 1;
                    if self.pick.takes(&record) {
                        return Ok(Some(record));
                    }
                }
                Err(error) if error.is_row() && self.rows == BrokenRows::LeaveOut => {
                    self.done.broken += 1;
                    if let Some(tell) = &mut self.on_broken {
                        tell(&error);
                    }
                }
                Err(error) => return Err(ExportError::Input(error)),
            }
        }
    }

    /// Looks at all records that are picked. They are read again later: nothing is told or counted.
    fn look(&self, records: &mut Inputs, survey: &mut Survey) -> Result<(), ExportError> {
        loop {
            match records.next() {
                Ok(None) => return Ok(()),
                Ok(Some(record)) if self.pick.takes(&record) => survey.add(&record),
                Ok(Some(_)) => {}
                Err(error) if error.is_row() && self.rows == BrokenRows::LeaveOut => {}
                Err(error) => return Err(ExportError::Input(error)),
            }
        }
    }
}

/// Several results as one.
struct Inputs {
    all: std::vec::IntoIter<Box<dyn Results>>,
    now: Option<Box<dyn Results>>,
}

impl Inputs {
    fn open(specs: &[ResultSpec]) -> Result<Self, ExportError> {
        let all: Result<Vec<_>, ReadError> = specs.iter().map(read::open).collect();
        let mut all = all.map_err(ExportError::Input)?.into_iter();
        Ok(Self { now: all.next(), all })
    }

    fn of(results: Box<dyn Results>) -> Self {
        Self { now: Some(results), all: Vec::new().into_iter() }
    }

    /// The run, where there is one.
    fn run(&self) -> Option<RunInfo> {
        match self.all.as_slice() {
            [] => self.now.as_ref()?.run().cloned(),
            _ => None,
        }
    }

    fn next(&mut self) -> Result<Option<Record>, ReadError> {
        loop {
            let Some(results) = &mut self.now else { return Ok(None) };
            match results.next()? {
                None => self.now = self.all.next(),
                record => return Ok(record),
            }
        }
    }
}

/// Refuses an output that is one of the inputs, whatever they are called.
pub(crate) fn refuse_same(
    inputs: &[ResultSpec],
    outputs: &[OutputSpec],
) -> Result<(), ExportError> {
    let real = |path: &Path| path.canonicalize().ok();
    for output in outputs {
        for input in inputs {
            let (out, path) = match (&output.target, &input.place) {
                (OutputTarget::File(out), ResultPlace::File(path)) => (out, path),
                (OutputTarget::Postgres(out), ResultPlace::Postgres(url)) if out == url => {
                    return Err(ExportError::Same(out.to_string().into()));
                }
                _ => continue,
            };
            let is_spool = path.as_os_str() == format!("{}.spool", out.display()).as_str();
            if is_spool || real(path).is_some_and(|path| real(out) == Some(path)) {
                return Err(ExportError::Same(out.clone()));
            }
        }
    }
    Ok(())
}

/// Why an export could not be done.
#[derive(Debug)]
#[non_exhaustive]
pub enum ExportError {
    /// An input cannot be read.
    Input(ReadError),
    /// An output cannot be written.
    Output(SinkError),
    /// An output is an input too.
    Same(PathBuf),
    /// An output is an archive of what passed over the wire, of which results hold nothing.
    Archive,
    /// Records cannot be put aside in the temporary directory.
    Temporary(io::Error),
}

impl ExportError {
    /// Whether what was asked for cannot be meant, and nothing was done.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Input(error) => matches!(
                error.kind,
                ReadErrorKind::Missing | ReadErrorKind::Form | ReadErrorKind::NotBuilt
            ),
            Self::Output(error) => {
                error.kept.is_none()
                    && !matches!(
                        error.kind,
                        SinkErrorKind::Io | SinkErrorKind::DiskFull | SinkErrorKind::Unbuilt
                    )
            }
            Self::Same(_) | Self::Archive => true,
            Self::Temporary(_) => false,
        }
    }
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(error) => error.fmt(f),
            Self::Output(error) => error.fmt(f),
            Self::Same(path) => {
                write!(f, "{} is an input and an output; hint: name another file", path.display())
            }
            Self::Archive => f.write_str(
                "results hold nothing of what passed over the wire, which an archive is; \
                 hint: write it while fetching: gather fetch -o FILE.warc.gz",
            ),
            Self::Temporary(error) => write!(
                f,
                "cannot put records aside: {error}; hint: name a directory with space in TMPDIR"
            ),
        }
    }
}

impl std::error::Error for ExportError {}
