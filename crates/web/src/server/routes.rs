//! Which address leads where.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use gather_store::history::Cursor;
use http::header::HeaderMap;
use http::{StatusCode, Uri};
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::answer::{self, Made};
use super::asked::{Asks, At};
use super::cache::Cache;
use super::readers::Readers;
use super::{badges, guard, login, metrics, pages};
use crate::api;
use crate::feed;
use crate::links::{Links, Mode};
use crate::load::{Asked, Days, Filter, Period, Wanted};
use crate::options::Options;
use crate::say::Clock;
use crate::shown::Shown;

/// Characters of a text that is searched for.
const SEARCH_CHARS_MAX: usize = 200;

/// What all answers share.
pub(super) struct Site {
    pub(super) options: Options,
    pub(super) clock: Clock,
    pub(super) readers: Readers,
    pub(super) cache: Cache<Option<Arc<Made>>>,
    pub(super) days: Days,
    /// Metrics that may be asked for at once.
    pub(super) scrapes: Arc<Semaphore>,
    /// Whether days are being read that a page did not wait for.
    pub(super) is_reading: AtomicBool,
}

pub(super) type SharedSite = Arc<Site>;

impl Site {
    pub(super) fn new(options: Options) -> SharedSite {
        let clock = Clock::new(options.zone.clone());
        let readers = Readers::new(options.place.clone());
        Arc::new(Self {
            options,
            clock,
            readers,
            cache: Cache::new(),
            days: Days::default(),
            scrapes: Arc::new(Semaphore::new(metrics::SCRAPES_MAX)),
            is_reading: AtomicBool::new(false),
        })
    }
}

/// What narrows a list, as it stands in addresses.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ListQuery {
    pub(super) name: String,
    pub(super) q: String,
    pub(super) state: String,
    pub(super) job: String,
    pub(super) group: String,
    pub(super) tag: String,
    pub(super) after: String,
    pub(super) rows: String,
}

impl ListQuery {
    /// What is wrong with it, for programs. People get what can be made of it.
    fn fault(&self) -> Option<&'static str> {
        let states = "`state` is one of down, suspect, degraded, limited, unknown and up";
        let after = "`after` is the `next` of the page before";
        match self.filter() {
            filter if filter.state.is_none() && !self.state.is_empty() => Some(states),
            filter if filter.after.is_none() && !self.after.is_empty() => Some(after),
            _ => None,
        }
    }

    pub(super) fn filter(&self) -> Filter {
        let short = |text: &str| text.trim().chars().take(SEARCH_CHARS_MAX).collect::<String>();
        Filter {
            search: short(&self.q),
            state: Shown::ALL
                .into_iter()
                .find(|shown| shown.class() == self.state && *shown != Shown::NoData),
            job: short(&self.job),
            group: Some(short(&self.group)).filter(|group| !group.is_empty()),
            tag: short(&self.tag),
            after: Cursor::from_text(&self.after),
            rows_before: match self.after.as_str() {
                "" => 0,
                _ => self.rows.parse().unwrap_or(0),
            },
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ChartQuery {
    chart: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct BeforeQuery {
    before: Option<i64>,
}

/// Where a page of something begins, in either direction; a job's has its name.
#[derive(Default, Deserialize)]
#[serde(default)]
struct JobQuery {
    name: String,
    before: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct FromQuery {
    from: u32,
}

/// All addresses, with the guard in front of them.
pub(super) fn router(site: SharedSite) -> Router {
    let pages = Router::new()
        .route("/", get(overview))
        .route("/groups", get(groups))
        .route("/group", get(group))
        .route("/targets/{number}", get(target))
        .route("/targets/{number}/{span}", get(span))
        .route("/incidents", get(incidents))
        .route("/incidents/{id}", get(incident))
        .route("/jobs", get(jobs))
        .route("/job", get(job))
        .route("/maintenance", get(quiet))
        .route("/feed.atom", get(atom))
        .route("/badges/{what}", get(badges::all))
        .route("/badges/group/{what}", get(badges::group))
        .route("/badges/targets/{number}/{what}", get(badges::target))
        .route("/metrics", get(metrics))
        .route("/healthz", get(health))
        .route("/login", get(login::show).post(login::enter))
        .route("/logout", get(login::leave));
    // Not nested: a nested address is stripped of what tells it from a page's.
    let api = Router::new()
        .route("/api/v1/summary", get(api_summary))
        .route("/api/v1/targets", get(api_targets))
        .route("/api/v1/targets/{number}", get(api_target))
        .route("/api/v1/incidents", get(api_incidents))
        .route("/api/v1/incidents/{id}", get(api_incident))
        .route("/api/v1/jobs", get(api_jobs))
        .route("/api/v1/changes", get(api_changes));
    pages
        .merge(api)
        .fallback(guard::nothing)
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&site), guard::guard))
        .with_state(site)
}

type AtSite = State<SharedSite>;

async fn overview(
    site: AtSite,
    uri: Uri,
    asked: HeaderMap,
    Asks(list): Asks<ListQuery>,
) -> Response {
    pages::page(&site, &uri, &asked, Wanted::Overview(list.filter())).await
}

async fn groups(site: AtSite, uri: Uri, asked: HeaderMap) -> Response {
    pages::page(&site, &uri, &asked, Wanted::Groups).await
}

async fn group(site: AtSite, uri: Uri, asked: HeaderMap, Asks(list): Asks<ListQuery>) -> Response {
    pages::page(&site, &uri, &asked, Wanted::Group(list.name.clone(), list.filter())).await
}

async fn target(
    site: AtSite,
    At(number): At<u32>,
    uri: Uri,
    asked: HeaderMap,
    Asks(chart): Asks<ChartQuery>,
) -> Response {
    let period = Period::from_name(&chart.chart).unwrap_or_default();
    pages::page(&site, &uri, &asked, Wanted::Target(number, period)).await
}

async fn span(
    site: AtSite,
    At((number, span)): At<(u32, String)>,
    uri: Uri,
    asked: HeaderMap,
) -> Response {
    match Asked::from_text(&span) {
        Some(span) => pages::page(&site, &uri, &asked, Wanted::Span(number, span)).await,
        None => answer::missing(uri.path()),
    }
}

async fn incidents(site: AtSite, uri: Uri, asked: HeaderMap, of: Asks<BeforeQuery>) -> Response {
    pages::page(&site, &uri, &asked, Wanted::Incidents(of.0.before)).await
}

async fn incident(
    site: AtSite,
    At(id): At<i64>,
    uri: Uri,
    asked: HeaderMap,
    Asks(of): Asks<FromQuery>,
) -> Response {
    pages::page(&site, &uri, &asked, Wanted::Incident(id, of.from)).await
}

async fn jobs(site: AtSite, uri: Uri, asked: HeaderMap) -> Response {
    pages::page(&site, &uri, &asked, Wanted::Jobs).await
}

async fn job(site: AtSite, uri: Uri, asked: HeaderMap, Asks(of): Asks<JobQuery>) -> Response {
    pages::page(&site, &uri, &asked, Wanted::Job(of.name, of.before)).await
}

async fn quiet(site: AtSite, uri: Uri, asked: HeaderMap) -> Response {
    pages::page(&site, &uri, &asked, Wanted::Quiet).await
}

async fn atom(site: AtSite, uri: Uri, asked: HeaderMap) -> Response {
    let base = guard::base(&asked);
    let key = format!("{base} {uri}");
    let (title, clock) = (site.options.title.clone(), site.clock.clone());
    let links = Links { mode: Mode::Server, root: "", written: None };
    let make = move |reader: &mut _, _| {
        let body = feed::atom(reader, &clock, &title, &base, links)?;
        Ok(Some(Made::new(StatusCode::OK, "application/atom+xml; charset=utf-8", body)))
    };
    pages::answer(&site, key, &asked, uri.path(), make).await
}

async fn api_summary(site: AtSite, uri: Uri, asked: HeaderMap) -> Response {
    json(&site, &uri, &asked, |reader, now| api::summary(reader, now).map(Some)).await
}

async fn api_targets(
    site: AtSite,
    uri: Uri,
    asked: HeaderMap,
    Asks(list): Asks<ListQuery>,
    Asks(page): Asks<api::Page>,
) -> Response {
    if let Some(fault) = list.fault() {
        return answer::problem(StatusCode::BAD_REQUEST, fault);
    }
    let list = list.filter();
    json(&site, &uri, &asked, move |reader, _| api::targets(reader, &list, page).map(Some)).await
}

async fn api_target(site: AtSite, At(number): At<u32>, uri: Uri, asked: HeaderMap) -> Response {
    json(&site, &uri, &asked, move |reader, now| api::target(reader, number, now)).await
}

async fn api_incidents(
    site: AtSite,
    uri: Uri,
    asked: HeaderMap,
    Asks(page): Asks<api::IncidentsPage>,
) -> Response {
    json(&site, &uri, &asked, move |reader, now| api::incidents(reader, page, now).map(Some)).await
}

async fn api_incident(
    site: AtSite,
    At(id): At<i64>,
    uri: Uri,
    asked: HeaderMap,
    Asks(page): Asks<api::MembersPage>,
) -> Response {
    json(&site, &uri, &asked, move |reader, now| api::incident(reader, id, page, now)).await
}

async fn api_jobs(site: AtSite, uri: Uri, asked: HeaderMap) -> Response {
    json(&site, &uri, &asked, |reader, now| api::jobs(reader, now).map(Some)).await
}

async fn api_changes(
    site: AtSite,
    uri: Uri,
    asked: HeaderMap,
    Asks(page): Asks<api::ChangesPage>,
) -> Response {
    json(&site, &uri, &asked, move |reader, _| api::changes(reader, &page).map(Some)).await
}

/// The answer with what the API says.
async fn json(
    site: &SharedSite,
    uri: &Uri,
    asked: &HeaderMap,
    make: impl FnOnce(
        &mut gather_store::history::HistoryReader,
        gather_core::time::Time,
    ) -> Result<Option<serde_json::Value>, gather_store::history::HistoryError>
    + Send
    + 'static,
) -> Response {
    let make = move |reader: &mut _, now| {
        let made = make(reader, now)?;
        Ok(made.map(|value| Made::new(StatusCode::OK, "application/json", format!("{value}\n"))))
    };
    pages::answer(site, uri.to_string(), asked, uri.path(), make).await
}

async fn metrics(site: AtSite, asked: HeaderMap) -> Response {
    metrics::answer(&site.options.metrics, &site.scrapes, &asked).await
}

/// Open to all, so it says no more than yes or no to who has no token.
async fn health(site: AtSite, asked: HeaderMap) -> Response {
    let health = Arc::clone(&site.options.health);
    let said = tokio::task::spawn_blocking(move || health()).await;
    let said = said.unwrap_or_else(|_| Err("the check failed".into()));
    let may_know = site.options.token.as_ref().is_none_or(|token| login::may_enter(token, &asked));
    match said {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()).into_response(),
        Err(why) if may_know => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response()
        }
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "not ok\n".to_owned()).into_response(),
    }
}
