//! The pages as files: for any static host, a folder, or a page that outlives its server.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use askama::Template;
use gather_core::time::Time;
use gather_store::history::{HistoryError, HistoryPlace, HistoryReader, IncidentsOf, TargetQuery};

use crate::assets::ASSETS;
use crate::feed;
use crate::links::{BEYOND, Links, Mode, Written, file_of};
use crate::load::{Asked, Days, Filter, Loader, Patience, Period, Wanted};
use crate::options::Options;
use crate::say::{self, Clock};
use crate::server::frame;
use crate::shown::Shown;
use crate::view::Plain;

/// How much is written.
#[derive(Clone, Debug)]
pub struct ExportOptions {
    /// Title, zone and clock; the rest is not used.
    pub site: Options,
    /// Targets with pages of their own, the worst first. Each has five files.
    pub targets_max: u32,
    /// Incidents with pages of their own, the newest first.
    pub incidents_max: u32,
    /// Where the files will be found, for the feed: its links must be
    /// whole. Without it they are relative.
    pub base: Option<String>,
}

impl ExportOptions {
    /// All that a small watch has: 1,000 targets, 500 incidents.
    pub fn new(place: HistoryPlace) -> Self {
        Self { site: Options::new(place), targets_max: 1_000, incidents_max: 500, base: None }
    }
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Targets with pages of their own.
    pub targets: u64,
}

/// Why the pages could not be written.
#[derive(Debug)]
#[non_exhaustive]
pub enum ExportError {
    /// The history cannot be read.
    History(Box<HistoryError>),
    /// A file cannot be written.
    Write {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::History(error) => error.fmt(f),
            Self::Write { path, error } => write!(f, "cannot write {}: {error}", path.display()),
        }
    }
}

impl std::error::Error for ExportError {}

impl From<HistoryError> for ExportError {
    fn from(error: HistoryError) -> Self {
        Self::History(Box::new(error))
    }
}

/// The worst targets and the newest incidents, so many of each.
fn choose(reader: &mut HistoryReader, options: &ExportOptions) -> Result<Written, HistoryError> {
    let mut written = Written::default();
    let mut query = TargetQuery { limit: 1_000, ..TargetQuery::default() };
    let targets_max = options.targets_max as usize;
    while written.targets.len() < targets_max {
        let page = reader.targets(&query)?;
        let left = targets_max - written.targets.len();
        written.targets.extend(page.targets.iter().take(left).map(|target| target.target.0));
        query.after = page.next;
        if page.next.is_none() {
            break;
        }
    }
    let (mut before, incidents_max) = (None, options.incidents_max as usize);
    while written.incidents.len() < incidents_max {
        let page = reader.incidents(IncidentsOf::Everything, before, 1_000)?;
        let left = incidents_max - written.incidents.len();
        written.incidents.extend(page.incidents.iter().take(left).map(|incident| incident.id));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    Ok(written)
}

/// Writes the pages into this folder, which is made if it is not there. Files that are there and
/// not of these pages stay. Each file takes its place whole: who reads meanwhile sees the old one
/// or the new one. It blocks.
///
/// # Errors
/// When the history cannot be read, or a file cannot be written.
pub fn export(options: &ExportOptions, dir: &Path) -> Result<Exported, ExportError> {
    let mut reader = HistoryReader::open(&options.site.place)?;
    let written = choose(&mut reader, options)?;
    let mut writer = Writer {
        reader,
        written,
        days: Days::default(),
        clock: Clock::new(options.site.zone.clone()),
        now: (options.site.now)(),
        options,
        dir,
        exported: Exported::default(),
    };
    for folder in ["", "targets", "incidents", "groups", "jobs"] {
        let path = dir.join(folder);
        fs::create_dir_all(&path).map_err(|error| ExportError::Write { path, error })?;
    }
    for asset in ASSETS.all() {
        writer.put(asset.name, asset.content)?;
    }
    writer.lists()?;
    writer.targets()?;
    writer.incidents()?;
    writer.beyond()?;
    let base = match &options.base {
        Some(base) => format!("{}/", base.trim_end_matches('/')),
        None => String::new(),
    };
    let title = &options.site.title;
    let links = Links { mode: Mode::Static, root: "", written: Some(&writer.written) };
    let atom = feed::atom(&mut writer.reader, &writer.clock, title, &base, links)?;
    writer.put("feed.atom", &atom)?;
    Ok(writer.exported)
}

struct Writer<'a> {
    reader: HistoryReader,
    written: Written,
    days: Days,
    clock: Clock,
    now: Time,
    options: &'a ExportOptions,
    dir: &'a Path,
    exported: Exported,
}

impl Writer<'_> {
    /// The pages of the menu, groups and jobs.
    fn lists(&mut self) -> Result<(), ExportError> {
        self.page("index.html", &Wanted::Overview(Filter::default()))?;
        for shown in Shown::ALL.into_iter().filter(|shown| *shown != Shown::NoData) {
            let filter = Filter { state: Some(shown), ..Filter::default() };
            self.page(&format!("state-{}.html", shown.class()), &Wanted::Overview(filter))?;
        }
        self.page("groups.html", &Wanted::Groups)?;
        self.page("jobs.html", &Wanted::Jobs)?;
        self.page("maintenance.html", &Wanted::Quiet)?;
        let overview = self.reader.overview(self.now)?;
        for job in &overview.jobs {
            self.page(&file_of("job", &job.name), &Wanted::Job(job.name.to_string(), None))?;
        }
        for group in &self.reader.groups(1_000)?.0 {
            let wanted = Wanted::Group(group.name.to_string(), Filter::default());
            self.page(&file_of("group", &group.name), &wanted)?;
        }
        Ok(())
    }

    fn targets(&mut self) -> Result<(), ExportError> {
        let mut numbers: Vec<u32> = self.written.targets.iter().copied().collect();
        numbers.sort_unstable();
        for number in numbers {
            self.page(&format!("targets/{number}.html"), &Wanted::Target(number, Period::Day))?;
            for period in Period::ALL {
                let wanted = Wanted::Span(number, Asked::Period(period));
                self.page(&format!("targets/{number}-{}.html", period.as_str()), &wanted)?;
            }
            self.exported.targets += 1;
        }
        Ok(())
    }

    fn incidents(&mut self) -> Result<(), ExportError> {
        self.page("incidents.html", &Wanted::Incidents(None))?;
        let mut ids: Vec<i64> = self.written.incidents.iter().copied().collect();
        ids.sort_unstable();
        for id in ids {
            self.page(&format!("incidents/{id}.html"), &Wanted::Incident(id, 0))?;
        }
        Ok(())
    }

    /// Where everything leads that has no file.
    fn beyond(&mut self) -> Result<(), ExportError> {
        let text = format!(
            "These files have the {} that were worst, and the last {}. The rest is on the server.",
            say::counted(self.written.targets.len() as u64, "target"),
            say::counted(self.written.incidents.len() as u64, "incident"),
        );
        let page = Plain {
            title: "Not among these files",
            text: &text,
            root: "",
            home: "index.html",
            style: ASSETS.style.name,
            icon: ASSETS.icon.name,
            to: "",
            is_login: false,
            is_wrong: false,
        };
        let html = page.render().expect("a string takes everything");
        self.put(&format!("{BEYOND}.html"), &html)
    }

    fn page(&mut self, name: &str, wanted: &Wanted) -> Result<(), ExportError> {
        let root = if name.contains('/') { "../" } else { "" };
        let Self { reader, clock, now, written, days, .. } = self;
        let links = Links { mode: Mode::Static, root, written: Some(written) };
        let (now, patience, later) = (*now, Patience::Endless, Vec::new());
        let mut loader = Loader { reader, clock, links, now, days, patience, later, unread: 0 };
        let Some(loaded) = loader.load(wanted)? else { return Ok(()) };
        let mut frame = frame(&self.options.site, &self.clock, wanted, &loaded, links);
        frame.refresh = 0;
        frame.made = self.clock.moment(self.now).text;
        let html = loaded.view.html(&frame);
        self.put(name, &html)
    }

    /// Writes a file beside its place, and moves it there.
    fn put(&mut self, name: &str, content: &str) -> Result<(), ExportError> {
        let path = self.dir.join(name);
        let beside = path.with_extension("part");
        let written = fs::write(&beside, content).and_then(|()| fs::rename(&beside, &path));
        written.map_err(|error| ExportError::Write { path, error })?;
        self.exported.files += 1;
        self.exported.bytes += content.len() as u64;
        Ok(())
    }
}
