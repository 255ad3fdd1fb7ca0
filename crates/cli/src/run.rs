//! From settings to a run of the engine, watched until its end.

use std::io::IsTerminal;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use gather::journal::{JournalErrorKind, JournalStart};
use gather::live::{Live, Snapshot};
use gather::store::{Format, OutputSpec, OutputTarget, SinkErrorKind};
use gather::{
    Descriptors, EqualRequests, Judge, OnRecord, Output, Run, RunError, RunOptions, Summary,
};

use crate::error::CliError;
use crate::report_file::ReportFile;
use crate::resolve::{self, Progress, RunSettings, View};
use crate::signals::Signals;
use crate::talk::Talk;

/// Between two looks at a run: ten redraws a second.
const LOOK: Duration = Duration::from_millis(100);
/// Between two warnings that nothing finishes.
const SILENCE: Duration = Duration::from_secs(30);

/// Whether failures are named on stderr as they happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failures {
    /// They are.
    Named,
    /// They are seen elsewhere, or do not matter.
    Unsaid,
}

/// Runs these settings to their end.
///
/// # Errors
/// What kept the run from starting (exit 3) or from being brought to its end (exit 1).
pub(crate) fn to_end(
    settings: &RunSettings,
    talk: &Talk,
    signals: &Signals,
    failures: Failures,
) -> Result<Summary, CliError> {
    finish(settings, talk, signals, options(settings, talk, failures))
}

/// Runs these settings to their end; the report takes in each record.
///
/// # Errors
/// As [`to_end`].
pub(crate) fn reported_to_end(
    settings: &RunSettings,
    talk: &Talk,
    signals: &Signals,
    report: Option<&ReportFile>,
) -> Result<Summary, CliError> {
    let mut options = options(settings, talk, Failures::Named);
    if let Some(report) = report {
        options.on_record = Some(both(options.on_record.take(), report.on_record()));
        options.on_earlier = Some(report.on_record());
    }
    finish(settings, talk, signals, options)
}

fn both(first: Option<OnRecord>, mut second: OnRecord) -> OnRecord {
    let Some(mut first) = first else { return second };
    Box::new(move |record| {
        first(record);
        second(record);
    })
}

/// Runs these settings to their end; each record is judged, and shown to the caller.
///
/// # Errors
/// As [`to_end`].
pub(crate) fn judged_to_end(
    settings: &RunSettings,
    talk: &Talk,
    signals: &Signals,
    judge: Judge,
    on_record: OnRecord,
    report: Option<&ReportFile>,
) -> Result<Summary, CliError> {
    let options = options(settings, talk, Failures::Unsaid);
    let on_record = match report {
        Some(report) => both(Some(on_record), report.on_record()),
        None => on_record,
    };
    // A check asks each target itself.
    let own = RunOptions {
        judge: Some(judge),
        on_record: Some(on_record),
        equal_requests: EqualRequests::Sent,
        ..options
    };
    finish(settings, talk, signals, own)
}

fn finish(
    settings: &RunSettings,
    talk: &Talk,
    signals: &Signals,
    options: RunOptions,
) -> Result<Summary, CliError> {
    let run = Run::start(options).map_err(|error| not_started(&error, settings))?;
    signals.attach(run.stop());
    let watch = Watch::start(run.live(), talk, settings.talk.stats_interval);
    let ended = run.wait();
    drop(watch);
    talk.end_progress();
    ended.map_err(|error| {
        if let Some(line) = &settings.resume_line {
            talk.warn(line);
        }
        not_ended(&error)
    })
}

/// Whether records appear on the terminal: progress would be drawn over them, and failures
/// named twice.
pub(crate) fn shows_records(settings: &RunSettings) -> bool {
    let is_stdout = |output: &OutputSpec| output.target == OutputTarget::Stdout;
    settings.outputs.iter().any(is_stdout) && std::io::stdout().is_terminal()
}

/// The settings, with progress left out where records are on the terminal.
pub(crate) fn without_clash(mut settings: RunSettings) -> RunSettings {
    if shows_records(&settings) {
        settings.talk.progress = Progress::Off;
    }
    settings
}

/// What a run of a job starts with that nobody looks at while it goes on.
pub(crate) fn scheduled_options(
    settings: &RunSettings,
    talk: &Talk,
    report: Option<&ReportFile>,
) -> RunOptions {
    let mut options = options(settings, talk, Failures::Unsaid);
    if let Some(report) = report {
        options.on_record = Some(report.on_record());
        options.on_earlier = Some(report.on_record());
    }
    options
}

fn options(settings: &RunSettings, talk: &Talk, failures: Failures) -> RunOptions {
    let (failing, noting) = (talk.clone(), talk.clone());
    let names_failures = failures == Failures::Named && !names_failures_itself(settings);
    RunOptions {
        config: settings.config.clone(),
        client: settings.client.clone(),
        source: settings.source.clone(),
        equal_requests: settings.equal_requests,
        outputs: settings.outputs.iter().map(|spec| output(spec, &settings.view)).collect(),
        bodies: settings.bodies.clone(),
        journal: settings.journal.clone(),
        crawl: settings.crawl.clone(),
        cache: settings.cache.clone(),
        extract: settings.extract.clone(),
        on_record: names_failures.then(|| {
            let show: Box<dyn FnMut(&gather::core::Record) + Send> =
                Box::new(move |record| failing.failure(record));
            show
        }),
        on_note: Some(Box::new(move |note| noting.warn(&format!("note: {note}")))),
        descriptors: Descriptors::Raise,
        job: settings.job.as_deref().map(Box::from),
        settings: settings.given.as_deref().map(Box::from),
        ..RunOptions::default()
    }
}

/// Text lines on a terminal name failures already.
fn names_failures_itself(settings: &RunSettings) -> bool {
    let is_text = |output: &OutputSpec| {
        output.target == OutputTarget::Stdout && matches!(output.format, Format::Text(_))
    };
    settings.outputs.iter().any(is_text) && shows_records(settings) && settings.view.is_all()
}

/// An output; only standard output is shown a part of the records.
fn output(spec: &OutputSpec, view: &View) -> Output {
    let mut output = Output::from(spec.clone());
    if spec.target == OutputTarget::Stdout && !view.is_all() {
        let view = view.clone();
        output.view = Some(Box::new(move |record| view.shows(record)));
    }
    output
}

/// A thread that looks at a run and tells; ends when dropped.
struct Watch {
    end: Option<SyncSender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Watch {
    fn start(live: Live, talk: &Talk, interval: Option<Duration>) -> Self {
        let (end, ended) = sync_channel(0);
        let talk = talk.clone();
        let watch = move || {
            let (mut since_stats, mut since_warning) = (Duration::ZERO, SILENCE);
            while ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                let now = live.snapshot();
                talk.draw(&now);
                since_stats += LOOK;
                since_warning += LOOK;
                if interval.is_some_and(|interval| since_stats >= interval) {
                    since_stats = Duration::ZERO;
                    talk.stats(&now);
                } else if since_warning >= SILENCE && !talk.is_drawing() && !now.oldest.is_empty() {
                    since_warning = Duration::ZERO;
                    talk.warn(&silence(&now));
                }
            }
        };
        // Without a thread there is no progress to see; the run itself does not need it.
        let thread = std::thread::Builder::new().name("watch".to_owned()).spawn(watch).ok();
        Self { end: Some(end), thread }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // A panic of its thread was printed already, and there is nobody to tell.
            let _ended = thread.join();
        }
    }
}

fn silence(now: &Snapshot) -> String {
    let oldest: Vec<String> = now
        .oldest
        .iter()
        .map(|target| {
            let age = crate::human::seconds(target.age.as_secs_f64());
            format!("  in {} for {age}: {}", target.phase, target.url)
        })
        .collect();
    format!("nothing has finished for a while; longest in flight:\n{}", oldest.join("\n"))
}

/// Nothing was fetched and nothing written: what was asked for cannot be.
fn not_started(error: &RunError, settings: &RunSettings) -> CliError {
    match error {
        RunError::Source(source) if source.is_usage() => {
            CliError::usage(source.to_string(), source.hint().unwrap_or_default())
        }
        RunError::Output(sink) => match sink.kind {
            SinkErrorKind::Exists => {
                let place = sink.path.as_deref().unwrap_or("standard output".as_ref());
                let start = settings.journal.as_ref().map(|journal| journal.start);
                let lacks = match start {
                    Some(JournalStart::Resume) => ", and has no journal to go on with",
                    Some(JournalStart::Anew) | None => "",
                };
                let message = format!("{} exists and is not empty{lacks}", place.display());
                CliError::usage(message, "replace it with --overwrite, or name another")
            }
            SinkErrorKind::DiskFull
            | SinkErrorKind::Io
            | SinkErrorKind::Locked
            | SinkErrorKind::Unreachable => not_ended(error),
            _ => CliError::of_library(crate::error::EXIT_USAGE, error),
        },
        RunError::Journal(journal) => match journal.kind {
            JournalErrorKind::DiskFull
            | JournalErrorKind::Io { .. }
            | JournalErrorKind::Other { .. }
            | JournalErrorKind::Damaged { .. } => not_ended(error),
            _ => CliError::of_library(crate::error::EXIT_USAGE, error),
        },
        RunError::Changed(changes) => {
            let is_form = changes.iter().any(|change| resolve::is_fixed(&change.name));
            let hint = match is_form {
                true => "the records that are there have the old form: give the settings of then",
                false => {
                    "give the settings of then, or get what is left with the new ones: \
                          --resume-changed"
                }
            };
            CliError::usage(error.to_string(), hint)
        }
        RunError::Client(_) => CliError::of_library(crate::error::EXIT_USAGE, error),
        _ => not_ended(error),
    }
}

fn not_ended(error: &RunError) -> CliError {
    CliError::of_library(crate::error::EXIT_FAULT, error)
}
