//! Badges as answers.

use axum::extract::State;
use axum::response::Response;
use gather_core::time::Time;
use gather_core::watch::{State as TargetState, WatchedNo};
use gather_store::history::{HistoryError, HistoryReader, Past, Span, StateCounts};
use http::header::HeaderMap;
use http::{StatusCode, Uri};

use super::answer::Made;
use super::asked::{Asks, At};
use super::pages;
use super::routes::{ListQuery, SharedSite};
use crate::badge::{badge, of_uptime};
use crate::load::{Spent, failing, of_target, worst};
use crate::say;
use crate::shown::Shown;

/// What a badge says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    State,
    Uptime(Span),
    Latency(Span),
}

impl What {
    /// `state.svg`, `uptime-30d.svg`, `latency-24h.svg`.
    fn from_name(name: &str) -> Option<Self> {
        let stem = name.strip_suffix(".svg")?;
        match stem.split_once('-') {
            None if stem == "state" => Some(Self::State),
            Some(("uptime", span)) => Some(Self::Uptime(Span::from_name(span)?)),
            Some(("latency", span)) => Some(Self::Latency(Span::from_name(span)?)),
            _ => None,
        }
    }
}

/// `GET /badges/state.svg`: of everything.
pub(super) async fn all(
    site: State<SharedSite>,
    At(what): At<String>,
    uri: Uri,
    asked: HeaderMap,
) -> Response {
    let title = site.options.title.clone();
    let is_state = What::from_name(&what) == Some(What::State);
    answer(&site, &uri, &asked, move |reader, now| {
        let counts = reader.overview(now)?.counts;
        Ok(is_state.then(|| of_counts(&title, &counts)))
    })
    .await
}

/// `GET /badges/group/state.svg?name=…`.
pub(super) async fn group(
    site: State<SharedSite>,
    At(what): At<String>,
    uri: Uri,
    asked: HeaderMap,
    Asks(list): Asks<ListQuery>,
) -> Response {
    let is_state = What::from_name(&what) == Some(What::State);
    answer(&site, &uri, &asked, move |reader, _| {
        let found = reader.group(&list.name)?.filter(|_| is_state);
        Ok(found.map(|group| of_counts(&group.name, &group.counts)))
    })
    .await
}

/// `GET /badges/targets/5/uptime-30d.svg`.
pub(super) async fn target(
    site: State<SharedSite>,
    At((number, what)): At<(u32, String)>,
    uri: Uri,
    asked: HeaderMap,
) -> Response {
    let what = What::from_name(&what);
    answer(&site, &uri, &asked, move |reader, now| {
        let number = WatchedNo(number);
        let (Some(what), Some(detail)) = (what, reader.target(number)?) else { return Ok(None) };
        let name = &detail.brief.name;
        let mut past = |span| reader.past(number, span, 1, now);
        Ok(Some(match what {
            What::State => {
                let shown = of_target(&detail.brief);
                badge(name, shown.word(), shown)
            }
            What::Uptime(span) => uptime(&past(span)?, span),
            What::Latency(span) => {
                let past = past(span)?;
                let p95 = past.total.p95.map_or("no data".into(), say::latency);
                let shown =
                    if past.total.p95.is_some() { Shown::Maintenance } else { Shown::NoData };
                badge(&format!("p95 {}", span.as_str()), &p95, shown)
            }
        }))
    })
    .await
}

fn uptime(past: &Past, span: Span) -> String {
    let uptime = Spent::from(&past.total).uptime();
    let value = uptime.map_or("no data".into(), say::percent);
    badge(&format!("uptime {}", span.as_str()), &value, of_uptime(uptime))
}

fn of_counts(name: &str, counts: &StateCounts) -> String {
    let shown = worst(counts);
    let value = match failing(counts) {
        0 => shown.word().to_owned(),
        _ if counts.of(TargetState::Down) == 0 => shown.word().to_owned(),
        _ => {
            let down = counts.of(TargetState::Down);
            format!("{} of {} down", say::count(down), say::count(counts.total()))
        }
    };
    badge(if name.is_empty() { "no group" } else { name }, &value, shown)
}

async fn answer(
    site: &SharedSite,
    uri: &Uri,
    asked: &HeaderMap,
    make: impl FnOnce(&mut HistoryReader, Time) -> Result<Option<String>, HistoryError> + Send + 'static,
) -> Response {
    let make = move |reader: &mut HistoryReader, now| {
        let made = make(reader, now)?;
        Ok(made.map(|svg| Made::new(StatusCode::OK, "image/svg+xml; charset=utf-8", svg)))
    };
    pages::answer(site, uri.to_string(), asked, uri.path(), make).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_badge_is_named_by_what_it_says() {
        for (name, expected) in [
            ("state.svg", Some(What::State)),
            ("uptime-30d.svg", Some(What::Uptime(Span::Month))),
            ("latency-24h.svg", Some(What::Latency(Span::Day))),
            ("uptime-31d.svg", None),
            ("uptime.svg", None),
            ("state.png", None),
            ("state", None),
        ] {
            assert_eq!(What::from_name(name), expected, "{name}");
        }
    }
}
