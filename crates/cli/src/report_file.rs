//! The report of a run: gathered while it goes on, written at its end.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gather::digest::{self, Digest, DigestSpec, Sort, TableError, TableSpec, TargetChoice};
use gather::{OnRecord, human};

use crate::args::{PageFormArg, ReportArgs};
use crate::error::{CliError, EXIT_USAGE};
use crate::resolve::Overwrite;

/// What a report is to say, and where it goes.
#[derive(Clone, Debug)]
pub(crate) struct ReportSettings {
    path: PathBuf,
    form: Form,
    spec: DigestSpec,
    overwrite: Overwrite,
}

impl ReportSettings {
    /// Whether a report that is there is replaced.
    pub(crate) fn set_overwrite(&mut self, overwrite: Overwrite) {
        self.overwrite = overwrite;
    }
}

/// What a report is to say, as it was typed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked<'a> {
    /// The heading.
    pub(crate) title: String,
    /// `--group-by`.
    pub(crate) group_by: Option<&'a str>,
    /// `--agg`.
    pub(crate) agg: Option<&'a str>,
    /// `--sort`.
    pub(crate) sort: Option<&'a str>,
    /// `--target`.
    pub(crate) targets: Vec<TargetChoice>,
}

impl Asked<'_> {
    /// What it means.
    ///
    /// # Errors
    /// A table or an order that cannot be read.
    pub(crate) fn spec(&self) -> Result<DigestSpec, CliError> {
        let wrong = |flag: &str, error: TableError| {
            CliError::of_library(EXIT_USAGE, &format!("--{flag}: {error}"))
        };
        let table = match (self.group_by, self.agg) {
            (None, None) => None,
            (group_by, agg) => {
                let table = TableSpec::parse(group_by, agg.unwrap_or(""));
                Some(table.map_err(|error| wrong("agg", error))?)
            }
        };
        let sort = self.sort.map(|sort| Sort::parse(sort, table.as_ref())).transpose();
        let sort = sort.map_err(|error| wrong("sort", error))?;
        Ok(DigestSpec { title: self.title.clone(), table, sort, targets: self.targets.clone() })
    }
}

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// One file for people.
    Html,
    /// For an issue or a wiki.
    Markdown,
    /// For programs.
    Json,
}

impl From<PageFormArg> for Form {
    fn from(form: PageFormArg) -> Self {
        match form {
            PageFormArg::Html => Self::Html,
            PageFormArg::Md => Self::Markdown,
            PageFormArg::Json => Self::Json,
        }
    }
}

impl Form {
    /// The form that the name of a file says.
    ///
    /// # Errors
    /// When it says none that is known.
    pub(crate) fn of_name(path: &Path, flag: &str) -> Result<Self, CliError> {
        let extension =
            path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        match extension.to_ascii_lowercase().as_str() {
            "html" | "htm" => Ok(Self::Html),
            "md" | "markdown" => Ok(Self::Markdown),
            "json" => Ok(Self::Json),
            _ => Err(CliError::usage(
                format!("{flag} {}: the name does not say the form", path.display()),
                "end it in .html, .md or .json",
            )),
        }
    }

    /// What can be told now.
    ///
    /// # Errors
    /// A defect: it is no JSON.
    pub(crate) fn text(self, digest: &Digest) -> Result<String, CliError> {
        let now_us = u64::try_from(jiff::Timestamp::now().as_microsecond()).unwrap_or_default();
        let page = digest.page(now_us);
        match self {
            Self::Html => Ok(digest::html(&page)),
            Self::Markdown => Ok(digest::markdown(&page)),
            Self::Json => serde_json::to_string_pretty(&page)
                .map(|text| text + "\n")
                .map_err(|error| CliError::fault(format!("the report is no JSON: {error}"))),
        }
    }
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
                ("report-sort", args.report_sort.is_some()),
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
        let asked = Asked {
            title: args.report_title.clone().unwrap_or_else(|| title.to_owned()),
            group_by: args.group_by.as_deref(),
            agg: args.agg.as_deref(),
            sort: args.report_sort.as_deref(),
            targets: Vec::new(),
        };
        let path = today(path.clone());
        let form = Form::of_name(&path, "--report")?;
        Ok(Some(Self { path, form, spec: asked.spec()?, overwrite }))
    }

    /// A report in the file of `gather report -o`.
    ///
    /// # Errors
    /// A file whose form is not known, and what cannot be read of what was asked for.
    pub(crate) fn of(
        path: &Path,
        form: Option<Form>,
        asked: &Asked<'_>,
        overwrite: Overwrite,
    ) -> Result<Self, CliError> {
        let path = today(path.to_owned());
        let form = form.map_or_else(|| Form::of_name(&path, "-o"), Ok)?;
        Ok(Self { path, form, spec: asked.spec()?, overwrite })
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
            let message = format!("the report: {} exists and is not empty", path.display());
            return Err(CliError::usage(message, "replace it with --overwrite, or name another"));
        }
        std::fs::File::options().append(true).create(true).open(path).map_err(|error| {
            let message = format!("the report: cannot write {}: {error}", path.display());
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
        self.write_of(&locked(&self.digest))
    }

    /// Writes it of another digest.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub(crate) fn write_of(&self, digest: &Digest) -> Result<(), CliError> {
        let path = &self.settings.path;
        let fault = |error: &dyn std::fmt::Display| {
            CliError::fault(format!("the report: cannot write {}: {error}", path.display()))
        };
        let text = self.settings.form.text(digest)?;
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

    /// Takes back an empty file that was only reserved.
    pub(crate) fn release(&self) {
        let path = &self.settings.path;
        if std::fs::metadata(path).is_ok_and(|about| about.len() == 0) {
            // An empty file that stays is no harm.
            let _removed = std::fs::remove_file(path);
        }
    }

    /// What to say when it is written.
    pub(crate) fn said(&self) -> String {
        let bytes = std::fs::metadata(&self.settings.path).map_or(0, |about| about.len());
        format!("report: {} ({})", self.settings.path.display(), human::bytes(bytes))
    }
}

fn locked(digest: &Mutex<Digest>) -> MutexGuard<'_, Digest> {
    digest.lock().unwrap_or_else(PoisonError::into_inner)
}
