//! What `[store]`, `[web]` and `[watch]` say: where the history is, who sees the page, which metrics.

use gather::core::time::parse_duration;
use gather::store::DatabaseUrl;
use gather::store::history::{HistoryPlace, Kept};
use gather::watch::TargetMetrics;

use crate::config_file::{ConfigFile, Item};
use crate::error::CliError;
use crate::resolve::jobs::{switch, text, texts, unknown};

/// The history where `[store]` names none.
const STORE: &str = "gather.db";
/// Keys of `[store]`.
const STORE_KEYS: &[&str] = &["path", "url", "keep-checks", "keep-hours", "keep-days"];

/// What `[web]` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WebSettings {
    /// Address and port.
    pub(crate) listen: Option<String>,
    /// What a viewer must show.
    pub(crate) token: Option<String>,
    /// Names under which it may be asked for.
    pub(crate) hosts: Vec<String>,
    /// Its heading.
    pub(crate) title: Option<String>,
    /// Where people find it.
    pub(crate) url: Option<String>,
}

/// Where `[store]` keeps the history.
///
/// # Errors
/// A key that is unknown, or a value that cannot be used.
pub(crate) fn place(file: &ConfigFile) -> Result<HistoryPlace, CliError> {
    let mut place = HistoryPlace::Sqlite(STORE.into());
    for item in file.tables.get("store").into_iter().flatten() {
        match item.key.as_str() {
            "path" => place = HistoryPlace::Sqlite(text(file, item)?.into()),
            "url" => place = HistoryPlace::Postgres(DatabaseUrl::new(text(file, item)?)),
            key if STORE_KEYS.contains(&key) => {}
            _ => return Err(unknown(file, item, "store", STORE_KEYS)),
        }
    }
    Ok(place)
}

/// How long `[store]` keeps what is in it; its other keys are for [`place`].
pub(super) fn kept(file: &ConfigFile) -> Result<Kept, CliError> {
    let mut kept = Kept::default();
    for item in file.tables.get("store").into_iter().flatten() {
        let (into, least) = match item.key.as_str() {
            "keep-checks" => (&mut kept.checks, Kept::CHECKS_MIN),
            "keep-hours" => (&mut kept.hours, Kept::HOURS_MIN),
            "keep-days" => (&mut kept.days, Kept::DAYS_MIN),
            _ => continue,
        };
        let text = text(file, item)?;
        let read = parse_duration(&text).filter(|time| (least..=Kept::MAX).contains(time));
        *into = read.ok_or_else(|| {
            let message = format!("{}: '{text}' is no time that it can be kept", item.key);
            let hint = format!("write 30d or 52w, at least {}d", least.as_secs() / 86_400);
            file.error_at(&item.span, CliError::usage(message, hint))
        })?;
    }
    Ok(kept)
}

/// `[web]`.
///
/// # Errors
/// A key that is unknown, or a value that cannot be used.
pub(crate) fn web(file: &ConfigFile) -> Result<WebSettings, CliError> {
    const KEYS: &[&str] = &["listen", "token", "hosts", "title", "url"];
    let mut web = WebSettings::default();
    for item in file.tables.get("web").into_iter().flatten() {
        match item.key.as_str() {
            "listen" => web.listen = Some(text(file, item)?),
            "token" => web.token = Some(text(file, item)?),
            "title" => web.title = Some(text(file, item)?),
            "url" => web.url = Some(page_url(file, item)?),
            "hosts" => web.hosts = texts(file, item)?,
            _ => return Err(unknown(file, item, "web", KEYS)),
        }
    }
    Ok(web)
}

/// Where people find the page: services refuse a link that is none.
fn page_url(file: &ConfigFile, item: &Item) -> Result<String, CliError> {
    let text = text(file, item)?;
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_web = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
    match is_web {
        true => Ok(text),
        false => {
            let error = CliError::usage(
                format!("[web] url: '{text}' is no URL of a page"),
                "write url = \"https://status.example.org/\"",
            );
            Err(file.error_at(&item.span, error))
        }
    }
}

/// `target_metrics` of `[watch]`.
pub(super) fn target_metrics(file: &ConfigFile) -> Result<TargetMetrics, CliError> {
    let mut wanted = TargetMetrics::No;
    for item in file.tables.get("watch").into_iter().flatten() {
        match item.key.replace('-', "_").as_str() {
            "target_metrics" => {
                wanted = match switch(file, item)? {
                    true => TargetMetrics::Yes,
                    false => TargetMetrics::No,
                }
            }
            _ => return Err(unknown(file, item, "watch", &["target_metrics"])),
        }
    }
    Ok(wanted)
}
