//! A report as one HTML file: nothing loaded from elsewhere, readable without JavaScript, in the
//! dark, and on paper.

use std::fmt::Write;

use askama::Template;

use super::{HostLine, Page, Times, Waterfall};
use crate::human;

/// Units of a drawing from side to side; it is stretched to its place.
const WIDTH: f64 = 1000.0;

/// The page, with what the template cannot compute.
#[derive(Template)]
#[template(path = "report.html", whitespace = "minimize")]
struct Html<'a> {
    page: &'a Page,
    speedup: String,
    all: u64,
    without_answer: u64,
}

/// Writes the report.
pub fn html(page: &Page) -> String {
    let speedup = match page.wall > 0.0 {
        true => human::figures(page.one_by_one / page.wall),
        false => String::new(),
    };
    let (all, outcomes) = (page.outcomes.all(), page.outcomes);
    let without_answer = outcomes.failed + outcomes.skipped;
    let html = Html { page, speedup, all, without_answer };
    html.render().expect("a string takes everything")
}

impl Html<'_> {
    fn seconds(&self, seconds: &f64) -> String {
        human::seconds(*seconds)
    }

    fn count(&self, count: &u64) -> String {
        human::count(*count)
    }

    fn bytes(&self, bytes: &u64) -> String {
        human::bytes(*bytes)
    }

    /// How much of the widest bar this one is, 0 to 1000.
    fn bar(&self, count: &u64) -> u64 {
        let counts = [&self.page.kinds, &self.page.statuses, &self.page.healths];
        let most = counts.into_iter().flatten().map(|one| one.count).max().unwrap_or(1).max(1);
        (count * 1000).div_ceil(most)
    }

    /// A link's target, if it is one that may be followed.
    fn href<'a>(&self, url: &'a str) -> Option<&'a str> {
        (url.starts_with("https://") || url.starts_with("http://")).then_some(url)
    }

    fn hidden(&self, all: &u64, shown: usize) -> Option<String> {
        let hidden = all.saturating_sub(shown as u64);
        (hidden > 0).then(|| human::count(hidden))
    }

    /// The requests in flight as an area; its height is that of the most.
    fn area(&self) -> String {
        let in_flight = &self.page.timeline.in_flight;
        let most = self.most_in_flight();
        let step = WIDTH / in_flight.len().max(1) as f64;
        let mut path = String::from("M0,100");
        for (at, mean) in in_flight.iter().enumerate() {
            let (from, to) = (at as f64 * step, (at + 1) as f64 * step);
            let y = 100.0 - mean / most * 100.0;
            write!(path, " L{from:.1},{y:.1} L{to:.1},{y:.1}").expect("a string takes everything");
        }
        path.push_str(" L1000,100 Z");
        path
    }

    fn most_in_flight(&self) -> f64 {
        self.page.timeline.in_flight.iter().copied().fold(1e-9, f64::max)
    }

    fn most_in_flight_text(&self) -> String {
        human::figures(self.most_in_flight())
    }

    /// Where the percentiles of a host lie among those of all: `[p50, p95, max]` in 0 to 1000.
    fn host_marks(&self, host: &HostLine) -> [String; 3] {
        let most = self.page.hosts.iter().map(|host| host.times.max).fold(1e-9, f64::max);
        let Times { p50, p95, max, .. } = host.times;
        [p50, p95, max].map(|seconds| format!("{:.1}", seconds / most * WIDTH))
    }

    /// Name, beginning and width of each phase, in 0 to 1000 of the slowest target's time.
    fn phases(&self, fall: &Waterfall) -> Vec<(&'static str, String, String, String)> {
        let most = self.page.slowest.iter().map(|fall| fall.time_total).fold(1e-9, f64::max);
        let mut from = 0.0;
        let place = |phase: &super::Phase| {
            let width = phase.seconds / most * WIDTH;
            let place = (
                phase.name,
                format!("{from:.1}"),
                format!("{width:.1}"),
                human::seconds(phase.seconds),
            );
            from += width;
            place
        };
        fall.phases.iter().map(place).collect()
    }
}
