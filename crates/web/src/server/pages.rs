//! Pages as answers: what is asked for, loaded, and put in its frame.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::response::Response;
use gather_core::time::Time;
use gather_core::watch::WatchedNo;
use gather_store::history::{HistoryError, HistoryErrorKind, HistoryReader, TargetQuery};
use http::header::HeaderMap;
use http::{StatusCode, Uri};

use super::answer::{self, Made, root_of};
use super::readers::ReadError;
use super::routes::SharedSite;
use crate::assets::ASSETS;
use crate::links::{Links, Mode};
use crate::load::{Loaded, Loader, Patience, ROWS_OF_PAGE, TARGETS_AT_ONCE, Wanted};
use crate::options::Options;
use crate::say::Clock;
use crate::view::{Frame, Login, Section};

/// Whether a page refreshes itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refresh {
    Yes,
    No,
}

/// Whoever turned refreshing off says so in the address.
pub(super) fn refresh(uri: &Uri) -> Refresh {
    let mut members = uri.query().unwrap_or_default().split('&');
    if members.any(|member| member == "refresh=off") { Refresh::No } else { Refresh::Yes }
}

/// The answer with this page.
pub(super) async fn page(
    site: &SharedSite,
    uri: &Uri,
    asked: &HeaderMap,
    wanted: Wanted,
) -> Response {
    let (path, refresh) = (uri.path().to_owned(), refresh(uri));
    let root = root_of(&path);
    let shared = Arc::clone(site);
    let make = move |reader: &mut HistoryReader, now: Time| {
        let links = Links { mode: Mode::Server, root, written: None };
        let clock = &shared.clock;
        let (days, patience, later) = (&shared.days, PATIENCE, Vec::new());
        let mut loader = Loader { reader, clock, links, now, days, patience, later, unread: 0 };
        let loaded = loader.load(&wanted)?;
        read_later(&shared, loader.later, now);
        Ok(loaded.map(|loaded| {
            let mut frame = frame(&shared.options, clock, &wanted, &loaded, links);
            if refresh == Refresh::No {
                frame.refresh = 0;
            }
            let html = loaded.view.html(&frame);
            Made::new(StatusCode::OK, "text/html; charset=utf-8", html)
        }))
    };
    answer(site, uri.to_string(), asked, &path, make).await
}

/// How long a page may read what its rows show of the last day. What is left is read behind its
/// back, and is there when the page refreshes.
const PATIENCE: Patience = Patience::Within(Duration::from_millis(10));

/// When a page is looked at again whose rows lack their last day.
const SOON: Duration = Duration::from_secs(2);

/// Reads what the first viewer will ask for. Where there is no history yet, there is nothing to do.
pub(super) async fn read_ahead(site: SharedSite) {
    let query = TargetQuery { limit: ROWS_OF_PAGE, ..TargetQuery::default() };
    if let Ok(page) = site.readers.ask(move |reader| reader.targets(&query)).await {
        let targets = page.targets.iter().map(|target| target.target).collect();
        let now = (site.options.now)();
        read_later(&site, targets, now);
    }
}

/// Reads the last day of these targets, unless that is being done already.
fn read_later(site: &SharedSite, targets: Vec<WatchedNo>, now: Time) {
    if targets.is_empty() || site.is_reading.swap(true, Ordering::AcqRel) {
        return;
    }
    let site = Arc::clone(site);
    tokio::spawn(async move {
        for targets in targets.chunks(TARGETS_AT_ONCE) {
            // A few at a time, so that whoever asks for a page meanwhile gets a reader.
            let (days, targets) = (Arc::clone(&site), targets.to_vec());
            let read = move |reader: &mut HistoryReader| days.days.read(reader, &targets, now);
            if site.readers.ask(read).await.is_err() {
                break;
            }
        }
        site.is_reading.store(false, Ordering::Release);
    });
}

/// The answer with what is made of the history, from within the last second if it was asked before.
pub(super) async fn answer(
    site: &SharedSite,
    key: String,
    asked: &HeaderMap,
    path: &str,
    make: impl FnOnce(&mut HistoryReader, Time) -> Result<Option<Made>, HistoryError> + Send + 'static,
) -> Response {
    let now = (site.options.now)();
    let made = site
        .cache
        .get(key, async {
            site.readers.ask(move |reader| make(reader, now).map(|made| made.map(Arc::new))).await
        })
        .await;
    match made {
        Ok(Some(made)) => made.answer(asked),
        Ok(None) => answer::missing(path),
        Err(error) => {
            tracing::warn!(%error, "the status page cannot read the history");
            answer::unreadable(path, what_is_wrong(&error))
        }
    }
}

/// For whoever looks: where the history is kept is nobody's business.
fn what_is_wrong(error: &ReadError) -> &'static str {
    match error {
        ReadError::History(error) if error.kind == HistoryErrorKind::Missing => {
            "Nothing was watched yet: there is no history."
        }
        ReadError::History(_) => "The history cannot be read just now; the log says why.",
        ReadError::Late => "The history did not answer in time; try again.",
    }
}

/// What stands around a page.
pub(crate) fn frame(
    options: &Options,
    clock: &Clock,
    wanted: &Wanted,
    loaded: &Loaded,
    links: Links<'_>,
) -> Frame {
    let section = match wanted {
        Wanted::Incidents(_) | Wanted::Incident(..) => Section::Incidents,
        Wanted::Jobs | Wanted::Job(..) => Section::Jobs,
        Wanted::Quiet => Section::Quiet,
        Wanted::Overview(_)
        | Wanted::Groups
        | Wanted::Group(..)
        | Wanted::Target(..)
        | Wanted::Span(..) => Section::Overview,
    };
    let soon = if loaded.unread > 0 { SOON } else { Duration::MAX };
    let refresh = options.refresh.min(soon);
    Frame {
        title: format!("{} · {}", loaded.title, options.title),
        brand: options.title.clone(),
        root: links.root,
        style: ASSETS.style.name,
        script: ASSETS.script.name,
        icon: ASSETS.icon.name,
        refresh: u32::try_from(refresh.as_secs()).unwrap_or(u32::MAX),
        section,
        zone: clock.zone_name(),
        stale: loaded.stale.clone(),
        remark: (options.remark)(),
        mode: links.mode,
        login: if options.token.is_some() { Login::Needed } else { Login::Open },
        made: String::new(),
    }
}
