//! Where a run keeps its journal, and the settings that must be the same when it goes on.

use std::path::Path;

use gather::JournalOptions;
use gather::core::RequestSpec;
use gather::extract::Of;
use gather::fetch::ClientOptions;
use gather::journal::{JournalStart, MayChange, Setting};
use gather::store::{Format, OutputSpec, OutputTarget};

use crate::error::CliError;
use crate::keys;
use crate::resolve::extract::Looked;
use crate::resolve::host_headers;
use crate::settings::Settings;

/// Keys that may differ when a run goes on: they change when and how often something is asked, what
/// is shown, and which inputs there are, which is checked apart. All others decide what records say.
const FREE: &[&str] = &[
    "url",
    "input",
    "limit",
    "concurrency",
    "host-concurrency",
    "rate",
    "host-rate",
    "timeout",
    "connect-timeout",
    "min-speed",
    "deadline",
    "retries",
    "backoff",
    "backoff-max",
    "retry-on",
    "max-retry-after",
    "retry-unsafe",
    "max-memory",
    "fail-fast",
    "max-failures",
    "allow-failures",
    "match-code",
    "filter-code",
    "match-regex",
    "overwrite",
    "resume",
    "resume-changed",
    "journal",
    "no-journal",
    "quiet",
    "verbose",
    "no-progress",
    "stats-interval",
    "log-format",
    "summary",
    "report",
    "report-title",
    "group-by",
    "agg",
];

/// Keys that give the outputs their form: the records that are there have the old one.
const FIXED: &[&str] = &["output", "rows", "format", "csv-bom", "template", "fields", "dedup"];

/// The columns of a table of rows, which follow from the rules: they have the old ones.
const ROWS_COLUMNS: &str = "columns of rows";

/// What requests say.
pub(super) struct Sent<'s> {
    pub(super) client: &'s ClientOptions,
    /// What a row of the input fills in.
    pub(super) by_row: Option<&'s RequestSpec>,
}

/// The journal of a run with these outputs; `None` if it keeps none.
pub(super) fn journal(
    settings: &Settings,
    outputs: &[OutputSpec],
    sent: &Sent<'_>,
    looked: Option<&Looked>,
) -> Result<Option<JournalOptions>, CliError> {
    let args = &settings.args.resume;
    let resumes = args.resume || args.resume_changed;
    let beside = outputs.iter().find_map(|output| match &output.target {
        OutputTarget::File(path) if !is_special(path) => Some(JournalOptions::beside(path)),
        OutputTarget::File(_) | OutputTarget::Stdout | OutputTarget::Postgres(_) => None,
    });
    let path = match &args.journal {
        _ if args.no_journal => None,
        Some(path) => Some(path.clone()),
        None => beside,
    };
    let Some(path) = path else {
        if resumes {
            let message = "--resume: without an output file this run has no journal";
            return Err(CliError::usage(message, "add -o FILE, or --journal FILE"));
        }
        return Ok(None);
    };
    Ok(Some(JournalOptions {
        path,
        start: if resumes { JournalStart::Resume } else { JournalStart::Anew },
        settings: identity(settings, outputs, sent, looked)?,
        may_change: match args.resume_changed {
            true => {
                let fixed = FIXED.iter().chain(&[ROWS_COLUMNS]);
                MayChange::AllBut(fixed.map(|name| (*name).into()).collect())
            }
            false => MayChange::Nothing,
        },
    }))
}

/// Whether one of these settings gives the outputs their form.
pub(crate) fn is_fixed(name: &str) -> bool {
    FIXED.contains(&name) || name == ROWS_COLUMNS
}

/// A pipe, a terminal, `/dev/null`: it keeps nothing that could be gone on with.
fn is_special(path: &Path) -> bool {
    path.metadata().is_ok_and(|about| !about.is_file() && !about.is_dir())
}

/// The settings that decide what the records say.
fn identity(
    settings: &Settings,
    outputs: &[OutputSpec],
    sent: &Sent<'_>,
    looked: Option<&Looked>,
) -> Result<Vec<Setting>, CliError> {
    let Sent { client, by_row } = sent;
    let mut identity = Vec::new();
    for setting in &settings.all {
        let name = &*setting.key.name;
        let is_apart = matches!(name, "output" | "rules") || keys::is_secret(name);
        if !FREE.contains(&name) && !is_apart && !setting.values.is_empty() {
            identity.push(Setting::plain(name, setting.values.join(", ")));
        }
    }
    let names = outputs.iter().map(|output| match &output.target {
        OutputTarget::Stdout => "-".to_owned(),
        OutputTarget::File(path) => path.display().to_string(),
        OutputTarget::Postgres(url) => url.to_string(),
    });
    identity.push(Setting::plain("output", names.collect::<Vec<_>>().join(", ")));
    if let Some(Looked { rules, .. }) = looked
        && outputs.iter().any(|output| output.fields.is_rows() && is_table(&output.format))
    {
        identity.push(Setting::plain(ROWS_COLUMNS, rules.names(Of::Row).join(", ")));
    }
    let mut secret = |name: &str, value: Vec<u8>| {
        if !value.is_empty() {
            identity.push(Setting::secret(name, value));
        }
    };
    let by_row_headers = by_row.map(|request| &request.headers[..]).unwrap_or_default();
    let headers = client.headers.iter().chain(by_row_headers);
    secret("header", lines(headers.map(|(name, value)| (name.as_str(), value.as_str()))));
    let body = client.body.as_ref().or_else(|| by_row.and_then(|request| request.body.as_ref()));
    // No secret, but long: that it has changed is enough to know. Its name may change.
    secret("rules", looked.map(|looked| looked.file.clone().into()).unwrap_or_default());
    secret("data", body.map(|body| body.to_vec()).unwrap_or_default());
    let http = &settings.args.http;
    for (name, value) in [("user", &http.user), ("cookie", &http.cookie), ("proxy", &http.proxy)] {
        secret(name, value.clone().unwrap_or_default().into());
    }
    for (host, headers) in host_headers(settings)? {
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        secret(&format!("[hosts.\"{host}\"] headers"), lines(headers));
    }
    Ok(identity)
}

/// Whether all rows have the same columns, and they come first.
fn is_table(format: &Format) -> bool {
    matches!(format, Format::Csv(_))
}

fn lines<'a>(headers: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    headers.map(|(name, value)| format!("{name}: {value}\n")).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Keys;

    #[test]
    fn every_name_is_that_of_a_key() {
        let keys = Keys::of_fetch();
        for name in FREE.iter().chain(FIXED) {
            assert!(keys.iter().any(|key| key.name == **name), "{name}");
        }
        assert!(FREE.iter().all(|name| !FIXED.contains(name)));
    }
}
