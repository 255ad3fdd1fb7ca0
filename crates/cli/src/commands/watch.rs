//! `gather watch`: all jobs of gather.toml on their schedules, with the status page.

mod page;
mod service;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use gather::store::history::{HistoryPlace, Kept};
use gather::watch::{Metrics, Watch, WatchError, WatchOptions, Work};

use crate::args::WatchArgs;
use crate::config_file::ConfigFile;
use crate::error::CliError;
use crate::human;
use crate::resolve::jobs;
use crate::resolve::tables::WebSettings;
use crate::resolve::talk_of;
use crate::signals::Signals;
use crate::talk::Talk;

/// Between two looks at signals and at the file.
const LOOK: Duration = Duration::from_millis(200);
/// Between two looks at the file alone.
const LOOK_AT_FILE: Duration = Duration::from_secs(2);

/// Watches until a signal comes.
///
/// # Errors
/// What keeps it from starting.
pub(crate) fn watch(args: &WatchArgs) -> Result<ExitCode, CliError> {
    let file = jobs::read_file(args.config.as_deref())?;
    // What is written from here on is another file.
    let mut changed = Changed::new(&file.path);
    let (options, mut web) = jobs::watch_options(&file, &args.job)?;
    if let Some(listen) = &args.listen {
        web.listen = Some(listen.clone());
    }
    let talk = Talk::new(&talk_of(&args.talk));
    if args.dry_run {
        return super::print(&planned(&file, &options, &web)?);
    }
    let fixed = Fixed { place: options.place.clone(), kept: options.kept, web: web.clone() };
    let page = page::Page::new(&web)?.map(page::Page::listen).transpose()?;
    let signals = Signals::watch(talk.clone())?;
    let hangup = Arc::new(AtomicBool::new(false));
    let heard = Arc::clone(&hangup);
    Signals::on_hangup(move || heard.store(true, Ordering::Release))?;
    talk.note(&headline(&file, &options, page.as_ref().map(page::Listening::page)));
    let place = options.place.clone();
    let noting = talk.clone();
    let watch = Watch::start(options, move |note| noting.warn(&format!("note: {note}")))
        .map_err(|error| not_started(&error))?;
    let metrics = watch.metrics();
    metrics.reloaded(unix_s());
    let page = page.map(|page| page.serve(place, &metrics, watch.health())).transpose()?;
    let service = service::Service::ready();
    let turns = watch.turns();
    while signals.exit_code().is_none() {
        std::thread::sleep(LOOK);
        service.beat(&turns);
        let is_asked = hangup.swap(false, Ordering::AcqRel);
        if is_asked {
            changed.look();
        }
        if is_asked || changed.is_new() {
            service.reloading();
            reload(&watch, &file.path, args, &talk, (&metrics, &fixed));
            service.reloaded();
        }
    }
    service.stopping();
    drop(page);
    watch.stop();
    talk.note("the watch has ended; what was under way is in the history");
    Ok(ExitCode::SUCCESS)
}

/// What is read at the start alone.
#[derive(PartialEq, Eq)]
struct Fixed {
    place: HistoryPlace,
    kept: Kept,
    web: WebSettings,
}

/// Reads the file again. An invalid one is refused with its place, and what is in force stays so.
fn reload(
    watch: &Watch,
    path: &Path,
    args: &WatchArgs,
    talk: &Talk,
    (metrics, fixed): (&Metrics, &Fixed),
) {
    let began = Instant::now();
    let read = ConfigFile::read(path).and_then(|file| jobs::watch_options(&file, &args.job));
    let taken = read.and_then(|(options, mut web)| {
        if let Some(listen) = &args.listen {
            web.listen = Some(listen.clone());
        }
        let read = Fixed { place: options.place.clone(), kept: options.kept, web };
        if read != *fixed {
            talk.warn("note: [store] and [web] are read at the start alone: start the watch again for them");
        }
        watch.reload(options).map_err(|refused| CliError::usage(refused.to_string(), ""))
    });
    match taken {
        Ok(reloaded) => {
            metrics.reloaded(unix_s());
            talk.note(&format!(
                "{} read again in {}: {} added, {} removed, {} kept",
                path.display(),
                human::seconds(began.elapsed().as_secs_f64()),
                human::counted(reloaded.added.into(), "job"),
                reloaded.removed,
                reloaded.kept,
            ));
        }
        Err(error) => {
            metrics.refused();
            talk.warn(&format!("the configuration of before stays in force\n{error}"));
        }
    }
}

fn not_started(error: &WatchError) -> CliError {
    match error {
        WatchError::Refused(refused) => CliError::usage(refused.to_string(), ""),
        error => CliError::of_library(crate::error::EXIT_FAULT, error),
    }
}

fn headline(file: &ConfigFile, options: &WatchOptions, page: Option<&page::Page>) -> String {
    let page = match page {
        Some(page) => format!("http://{}/", page.address()),
        None => "no status page".to_owned(),
    };
    format!(
        "gather {}: watching {}; history in {}; {page}; {}",
        env!("CARGO_PKG_VERSION"),
        human::counted(options.jobs.len() as u64, "job"),
        options.place,
        file.path.display(),
    )
}

/// What would be watched, a line a job.
fn planned(
    file: &ConfigFile,
    options: &WatchOptions,
    web: &WebSettings,
) -> Result<String, CliError> {
    let mut lines = vec![headline(file, options, page::Page::new(web)?.as_ref())];
    for job in &options.jobs {
        let what = match &job.work {
            Work::Liveness(liveness) => {
                let listed = gather::watch::count(&job.name, liveness);
                let (targets, notes) = listed
                    .map_err(|error| CliError::of_library(crate::error::EXIT_USAGE, &error))?;
                lines.extend(notes.iter().map(|note| format!("note: {note}")));
                format!("liveness of {}", human::counted(targets, "target"))
            }
            Work::Run(work) => format!("{} as a whole", work.kind.as_str()),
        };
        lines.push(format!("{}: {what}, {}", job.name, job.schedule));
    }
    let unscheduled = file.jobs.len() - options.jobs.len();
    if unscheduled > 0 {
        let jobs = human::counted(unscheduled as u64, "job");
        lines.push(format!("{jobs} without a schedule: gather run NAME"));
    }
    Ok(lines.join("\n"))
}

/// Tells when a file was written.
struct Changed {
    path: std::path::PathBuf,
    seen: Option<(SystemTime, u64)>,
    looked: Instant,
}

impl Changed {
    fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), seen: about(path), looked: Instant::now() }
    }

    /// Whether it was written since the last look, which is not long ago.
    fn is_new(&mut self) -> bool {
        self.looked.elapsed() >= LOOK_AT_FILE && self.look()
    }

    /// Whether it was written since the last look.
    fn look(&mut self) -> bool {
        self.looked = Instant::now();
        let now = about(&self.path);
        // A file that is gone for a moment is being replaced.
        let is_new = now.is_some() && now != self.seen;
        if is_new {
            self.seen = now;
        }
        is_new
    }
}

fn about(path: &Path) -> Option<(SystemTime, u64)> {
    let about = std::fs::metadata(path).ok()?;
    Some((about.modified().ok()?, about.len()))
}

fn unix_s() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}
