//! `gather fetch` and `gather run`: a list, from settings to exit code.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use gather::core::config::HostConcurrency;
use gather::summary::{Ended, Summary};

use crate::again;
use crate::error::CliError;
use crate::human;
use crate::outcome;
use crate::report_file::ReportFile;
use crate::resolve::{Overwrite, RunSettings, TalkSettings};
use crate::run;
use crate::settings::Settings;
use crate::signals::Signals;
use crate::talk::Talk;

/// Fetches what the settings name.
///
/// # Errors
/// What keeps it from being done.
pub(crate) fn fetch(
    settings: &Settings,
    argv: &[OsString],
    notes: &[String],
) -> Result<ExitCode, CliError> {
    let mut run = run::without_clash(RunSettings::try_new(settings)?);
    run.resume_line = run.journal.is_some().then(|| again::resume_line(settings, argv));
    let talk = Talk::new(&run.talk);
    for note in notes {
        talk.warn(&format!("note: {note}"));
    }
    talk.note(&headline(settings, &run));
    let summary_file = SummaryFile::reserve(&run.talk)?;
    let report = run.report.as_ref().map(ReportFile::reserve).transpose()?;
    let signals = Signals::watch(talk.clone())?;
    let summary = run::reported_to_end(&run, &talk, &signals, report.as_ref())?;
    if summary.ended == Ended::FinishedBefore {
        talk.note(&finished_before(&summary));
        write_report(report.as_ref(), &talk)?;
        return Ok(ExitCode::SUCCESS);
    }
    talk.summary(&summary);
    write_report(report.as_ref(), &talk)?;
    if matches!(summary.ended, Ended::Stopped | Ended::Deadline) {
        match &run.resume_line {
            Some(line) => talk.warn(line),
            None if summary.pending > 0 => {
                talk.warn("targets without a record were not finished");
            }
            None => {}
        }
    }
    summary_file.write(&summary)?;
    let code = outcome::exit_code(&summary, run.allow_failures, signals.exit_code());
    Ok(ExitCode::from(code))
}

fn write_report(report: Option<&ReportFile>, talk: &Talk) -> Result<(), CliError> {
    let Some(report) = report else { return Ok(()) };
    report.write()?;
    talk.note(&report.said());
    Ok(())
}

/// What is said of a run that was finished before: its result was told by its exit code then.
fn finished_before(summary: &Summary) -> String {
    format!(
        "nothing to do: this run was finished before, {}: {} ok, {} failed, {} skipped",
        human::counted(summary.inputs, "target"),
        human::count(summary.ok),
        human::count(summary.failed),
        human::count(summary.skipped),
    )
}

/// The first line: the settings in force, and the file they may come from.
pub(crate) fn headline(settings: &Settings, run: &RunSettings) -> String {
    let config = &run.config;
    let per_host = match config.host_concurrency {
        HostConcurrency::Base => {
            format!("{} per host", gather::core::config::HOST_CONCURRENCY_BASE)
        }
        HostConcurrency::Share => "shared by its hosts".to_owned(),
        HostConcurrency::Fixed(cap) => format!("{cap} per host"),
    };
    let file = match &settings.file {
        Some(file) => file.path.display().to_string(),
        None => "no configuration file".to_owned(),
    };
    let deadline = match config.deadline {
        Some(deadline) => format!(", {} in all", human::seconds(deadline.as_secs_f64())),
        None => String::new(),
    };
    format!(
        "gather {}: {} at once, {per_host}; {} a try{deadline}, {}; {file}",
        env!("CARGO_PKG_VERSION"),
        config.concurrency,
        human::seconds(config.timeout.as_secs_f64()),
        match config.retry.retries {
            1 => "1 retry".to_owned(),
            retries => format!("{retries} retries"),
        },
    )
}

/// Where the summary will be written: checked before the run, so that none is fetched in vain.
pub(crate) struct SummaryFile(Option<PathBuf>);

impl SummaryFile {
    /// Checks that the file may be written.
    ///
    /// # Errors
    /// When it exists and may not be replaced, or cannot be created.
    pub(crate) fn reserve(talk: &TalkSettings) -> Result<Self, CliError> {
        let Some(path) = &talk.summary else { return Ok(Self(None)) };
        let about = std::fs::metadata(path).ok();
        let has_content = about.is_some_and(|about| about.is_file() && about.len() > 0);
        if has_content && talk.overwrite == Overwrite::No {
            let message = format!("--summary: {} exists and is not empty", path.display());
            return Err(CliError::usage(message, "replace it with --overwrite, or name another"));
        }
        let opened = std::fs::File::options().append(true).create(true).open(path);
        opened.map_err(|error| {
            let message = format!("--summary: cannot write {}: {error}", path.display());
            CliError::usage(message, "choose another place")
        })?;
        Ok(Self(Some(path.clone())))
    }

    /// Writes it.
    ///
    /// # Errors
    /// When the file cannot be written after all.
    pub(crate) fn write(&self, summary: &impl serde::Serialize) -> Result<(), CliError> {
        let Some(path) = &self.0 else { return Ok(()) };
        let fault = |error: &dyn std::fmt::Display| {
            CliError::fault(format!("--summary: cannot write {}: {error}", path.display()))
        };
        let mut text = serde_json::to_string_pretty(summary).map_err(|error| fault(&error))?;
        text.push('\n');
        std::fs::write(path, text).map_err(|error| fault(&error))
    }
}
