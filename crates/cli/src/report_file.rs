//! The report of a run: gathered while it goes on, written at its end.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gather::digest::{self, Digest, DigestSpec, Page, TableSpec};
use gather::{OnRecord, human};

use crate::args::ReportArgs;
use crate::error::CliError;
use crate::resolve::Overwrite;

/// What a report is to say, and where it goes.
#[derive(Clone, Debug)]
pub(crate) struct ReportSettings {
    path: PathBuf,
    form: Form,
    spec: DigestSpec,
    overwrite: Overwrite,
}

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Html,
    Markdown,
    Json,
}

impl ReportSettings {
    /// What the flags ask for; `None` if they ask for no report. `title` is the heading where none
    /// is given.
    ///
    /// # Errors
    /// A file whose form is not known, a table that cannot be read, and what needs a report
    /// without one.
    pub(crate) fn try_new(
        args: &ReportArgs,
        title: &str,
        overwrite: Overwrite,
    ) -> Result<Option<Self>, CliError> {
        let Some(path) = &args.report else {
            let needing = [
                ("report-title", args.report_title.is_some()),
                ("group-by", args.group_by.is_some()),
                ("agg", args.agg.is_some()),
            ];
            return match needing.iter().find(|(_, given)| *given) {
                None => Ok(None),
                Some((flag, _)) => {
                    let message = format!("--{flag} belongs to a report, and there is none");
                    Err(CliError::usage(message, "add --report report.html"))
                }
            };
        };
        Self::of(path.clone(), args, title, overwrite).map(Some)
    }

    /// A report in this file.
    ///
    /// # Errors
    /// As [`try_new`](Self::try_new).
    pub(crate) fn of(
        path: PathBuf,
        args: &ReportArgs,
        title: &str,
        overwrite: Overwrite,
    ) -> Result<Self, CliError> {
        let table = match (&args.group_by, &args.agg) {
            (None, None) => None,
            (group_by, agg) => {
                let spec = TableSpec::parse(group_by.as_deref(), agg.as_deref().unwrap_or(""));
                Some(spec.map_err(|error| {
                    CliError::of_library(crate::error::EXIT_USAGE, &format!("--agg: {error}"))
                })?)
            }
        };
        let title = args.report_title.clone().unwrap_or_else(|| title.to_owned());
        let path = today(path);
        let form = form_of(&path)?;
        Ok(Self { path, form, spec: DigestSpec { title, table }, overwrite })
    }
}

fn today(path: PathBuf) -> PathBuf {
    match path.to_str() {
        Some(name) if name.contains("{date}") => {
            name.replace("{date}", &jiff::Zoned::now().date().to_string()).into()
        }
        _ => path,
    }
}

fn form_of(path: &Path) -> Result<Form, CliError> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "html" | "htm" => Ok(Form::Html),
        "md" | "markdown" => Ok(Form::Markdown),
        "json" => Ok(Form::Json),
        _ => Err(CliError::usage(
            format!("--report {}: the name does not say the form", path.display()),
            "end it in .html, .md or .json",
        )),
    }
}

/// A report being gathered. Cheap to clone.
#[derive(Clone)]
pub(crate) struct ReportFile {
    settings: Arc<ReportSettings>,
    digest: Arc<Mutex<Digest>>,
}

impl ReportFile {
    /// Checks that the file may be written, before anything is fetched for it.
    ///
    /// # Errors
    /// When it exists and may not be replaced, or cannot be created.
    pub(crate) fn reserve(settings: &ReportSettings) -> Result<Self, CliError> {
        let path = &settings.path;
        let has_content = std::fs::metadata(path).is_ok_and(|about| about.len() > 0);
        if has_content && settings.overwrite == Overwrite::No {
            let message = format!("--report: {} exists and is not empty", path.display());
            return Err(CliError::usage(message, "replace it with --overwrite, or name another"));
        }
        std::fs::File::options().append(true).create(true).open(path).map_err(|error| {
            let message = format!("--report: cannot write {}: {error}", path.display());
            CliError::usage(message, "choose another place")
        })?;
        let digest = Arc::new(Mutex::new(Digest::new(settings.spec.clone())));
        Ok(Self { settings: Arc::new(settings.clone()), digest })
    }

    /// Takes in each record.
    pub(crate) fn on_record(&self) -> OnRecord {
        let digest = Arc::clone(&self.digest);
        Box::new(move |record| locked(&digest).add(record))
    }

    /// Writes it, whole or not at all.
    ///
    /// # Errors
    /// When the file cannot be written after all.
    pub(crate) fn write(&self) -> Result<(), CliError> {
        let path = &self.settings.path;
        let now_us = u64::try_from(jiff::Timestamp::now().as_microsecond()).unwrap_or_default();
        let page = locked(&self.digest).page(now_us);
        let fault = |error: &dyn std::fmt::Display| {
            CliError::fault(format!("--report: cannot write {}: {error}", path.display()))
        };
        let text = text(self.settings.form, &page).map_err(|error| fault(&error))?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let place = parent.unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(place).map_err(|error| fault(&error))?;
        std::io::Write::write_all(&mut file, text.as_bytes()).map_err(|error| fault(&error))?;
        // As readable as the file that was reserved, not for its owner alone.
        let permissions = std::fs::metadata(path).map_err(|error| fault(&error))?.permissions();
        file.as_file().set_permissions(permissions).map_err(|error| fault(&error))?;
        file.persist(path).map_err(|error| fault(&error.error))?;
        Ok(())
    }

    /// What to say when it is written.
    pub(crate) fn said(&self) -> String {
        let bytes = std::fs::metadata(&self.settings.path).map_or(0, |about| about.len());
        format!("report: {} ({})", self.settings.path.display(), human::bytes(bytes))
    }
}

fn text(form: Form, page: &Page) -> Result<String, serde_json::Error> {
    match form {
        Form::Html => Ok(digest::html(page)),
        Form::Markdown => Ok(digest::markdown(page)),
        Form::Json => serde_json::to_string_pretty(page).map(|text| text + "\n"),
    }
}

fn locked(digest: &Mutex<Digest>) -> MutexGuard<'_, Digest> {
    digest.lock().unwrap_or_else(PoisonError::into_inner)
}
