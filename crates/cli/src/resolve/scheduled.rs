//! A job that runs as a whole: what each of its runs starts with.

use std::ffi::OsString;
use std::sync::Arc;

use clap::{CommandFactory, FromArgMatches};
use gather::check::Expect;
use gather::core::Time;
use gather::store::{OutputSpec, OutputTarget};
use gather::watch::{Begin, Prepared, RunKind, RunWork};

use crate::args::{Cli, CrawlArgs};
use crate::commands::crawl;
use crate::config_file::{ConfigFile, JobTable};
use crate::error::CliError;
use crate::keys::{self, Keys};
use crate::report_file::ReportFile;
use crate::resolve::output::dated;
use crate::resolve::{Overwrite, RunSettings, jobs};
use crate::run;
use crate::settings::Settings;
use crate::talk::Talk;

/// What runs at each slot of a job.
///
/// # Errors
/// What would keep every run from starting, so that it is known now.
pub(crate) fn run_work(
    file: &ConfigFile,
    name: &str,
    kind: &str,
    settings: Settings,
    expect: Vec<Expect>,
) -> Result<RunWork, CliError> {
    let kind = if kind == "crawl" { RunKind::Crawl } else { RunKind::Fetch };
    let table = file.job(name)?;
    let tokens = if kind == RunKind::Crawl { crawl_tokens(file, table)? } else { Vec::new() };
    let zone = jobs::zones(file, table)?.local;
    let slot = Slot { settings, crawl: crawl_args(&tokens, kind)?, zone };
    // A contradiction is found now, not at the first slot.
    slot.run(&jiff::Zoned::now(), Begin::Anew)
        .map_err(|error| file.error_at(&table.span, error))?;
    refuse_one_file(file, table, &slot.settings)?;
    let text = crate::commands::config_show::as_json(&slot.settings).into();
    let start =
        move |due: Time, begin: Begin| prepared(&slot, due, begin).map_err(|e| e.to_string());
    Ok(RunWork { kind, start: Arc::new(start), expect, text })
}

/// A file would be there at the second slot, and nothing that is there is written over.
fn refuse_one_file(
    file: &ConfigFile,
    table: &JobTable,
    settings: &Settings,
) -> Result<(), CliError> {
    let args = &settings.args.output;
    let is_fixed = |name: &&String| {
        let is_database =
            name.starts_with("postgres") || name.ends_with(".db") || name.ends_with(".sqlite");
        !is_database && *name != "-" && !name.contains("{date}") && !name.contains("{time}")
    };
    match args.output.iter().find(is_fixed).filter(|_| !args.overwrite) {
        None => Ok(()),
        Some(name) => {
            let message = format!("output = \"{name}\" would be there already at the second slot");
            let hint = "write {date}-{time} into its name, use a database, or overwrite = true";
            Err(file.error_at(&table.span, CliError::usage(message, hint)))
        }
    }
}

/// The flags of `gather crawl` that a job of this kind has.
///
/// # Errors
/// A value that cannot be used.
pub(crate) fn crawl_tokens(file: &ConfigFile, table: &JobTable) -> Result<Vec<OsString>, CliError> {
    let keys = Keys::of_crawl();
    let mut tokens = Vec::new();
    for item in &table.items {
        if let Some(key) = keys.find(&item.key) {
            tokens.extend(keys::tokens(key, &jobs::texts(file, item)?));
        }
    }
    Ok(tokens)
}

/// What a job of the kind crawl says of the crawl.
///
/// # Errors
/// A value that cannot be used.
pub(crate) fn crawl_of(file: &ConfigFile, table: &JobTable) -> Result<CrawlArgs, CliError> {
    let args = crawl_args(&crawl_tokens(file, table)?, RunKind::Crawl)?;
    Ok(args.expect("a crawl has its arguments"))
}

fn crawl_args(tokens: &[OsString], kind: RunKind) -> Result<Option<CrawlArgs>, CliError> {
    if kind != RunKind::Crawl {
        return Ok(None);
    }
    let argv = ["gather".into(), "crawl".into()].into_iter().chain(tokens.iter().cloned());
    let fault = |error: clap::Error| CliError::fault(error.to_string());
    let matches = Cli::command().try_get_matches_from(argv).map_err(fault)?;
    let leaf = matches.subcommand_matches("crawl").expect("it was given");
    CrawlArgs::from_arg_matches(leaf).map(Some).map_err(fault)
}

/// What the runs of a job have in common.
struct Slot {
    settings: Settings,
    crawl: Option<CrawlArgs>,
    /// Of the dates and times in names.
    zone: jiff::tz::TimeZone,
}

impl Slot {
    /// The settings of the run of this moment.
    fn run(&self, due: &jiff::Zoned, begin: Begin) -> Result<RunSettings, CliError> {
        let mut settings = self.settings.clone();
        let output = &mut settings.args.output;
        for name in &mut output.output {
            *name = dated(name, due);
        }
        if let Some(bodies) = &mut output.bodies {
            *bodies = dated(&bodies.display().to_string(), due).into();
        }
        if let Some(report) = &mut settings.args.report.report {
            *report = dated(&report.display().to_string(), due).into();
        }
        settings.args.resume.resume = begin == Begin::GoOn && has_file(&settings);
        let mut run = RunSettings::try_new(&settings)?;
        // A watch has no standard output for records.
        run.outputs.retain(|output: &OutputSpec| output.target != OutputTarget::Stdout);
        if let Some(crawl) = &self.crawl {
            crawl::refuse(&settings, crawl)?;
            crawl::prepare(&mut run, &settings, crawl)?;
        }
        if let Some(report) = &mut run.report {
            report.set_overwrite(Overwrite::Yes);
        }
        Ok(run)
    }
}

/// Only a run with a file has a journal beside it.
fn has_file(settings: &Settings) -> bool {
    let is_file = |name: &String| name != "-" && !name.starts_with("postgres");
    settings.args.output.output.iter().any(is_file) || settings.args.resume.journal.is_some()
}

fn prepared(slot: &Slot, due: Time, begin: Begin) -> Result<Prepared, CliError> {
    let ms = i64::try_from(due.as_nanos() / 1_000_000).unwrap_or_default();
    let moment = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    let run = slot.run(&moment.to_zoned(slot.zone.clone()), begin)?;
    let report = run.report.as_ref().map(ReportFile::reserve).transpose()?;
    let talk = Talk::new(&run.talk);
    let options = run::scheduled_options(&run, &talk, report.as_ref());
    Ok(Prepared {
        options,
        after: report.map(|report| {
            let write: Box<dyn FnOnce() -> Result<(), String> + Send> =
                Box::new(move || report.write().map_err(|error| error.to_string()));
            write
        }),
    })
}
