//! A report as one HTML file: nothing loaded from elsewhere, readable without JavaScript, in the
//! dark, and on paper.

use std::fmt::Write;

use askama::Template;

use super::{Detail, Evidence, HostLine, Page, ResultLine, Times, Waterfall};
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
    // Between two runs nobody waited.
    let speedup = match page.wall > 0.0 && page.results.len() <= 1 {
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

    /// The parts there are, with the names of their places.
    fn contents(&self) -> Vec<(String, String)> {
        let page = self.page;
        let targets = page.targets.iter().enumerate();
        let targets = targets.map(|(at, target)| {
            (format!("target-{}", at + 1), format!("Target {}", target.waterfall.n))
        });
        let parts = [
            (page.table.is_some(), "groups", "Groups"),
            (!page.rows.is_empty(), "fields", "Fields"),
            (true, "outcomes", "Outcomes"),
            (!page.timeline.in_flight.is_empty(), "timeline", "Requests in flight"),
            (!page.hosts.is_empty(), "hosts", "Hosts"),
            (!page.slowest.is_empty(), "slowest", "Slowest"),
            (!page.failures.is_empty(), "failures", "Failures"),
        ];
        let parts = parts.iter().filter(|(is_there, ..)| *is_there);
        targets.chain(parts.map(|(_, id, name)| ((*id).into(), (*name).into()))).collect()
    }

    /// Which columns of a table hold nothing but numbers.
    fn numbers(&self, rows: &[Vec<String>], width: usize) -> Vec<bool> {
        number_columns(rows.iter().map(Vec::as_slice), width)
    }

    fn number_fields(&self) -> Vec<bool> {
        let rows = self.page.rows.iter().map(|row| row.cells.as_slice());
        number_columns(rows, self.page.columns.len())
    }

    /// Whether what is told may not be all.
    fn is_unfinished(&self) -> bool {
        self.page.results.iter().any(|result| result.standing != "ended")
    }

    fn about(&self, result: &ResultLine) -> String {
        super::about_result(result)
    }

    /// The name of a result, where there are several.
    fn result(&self, at: &usize) -> Option<&str> {
        let several = self.page.results.len() > 1;
        self.page.results.get(*at).filter(|_| several).map(|result| result.name.as_str())
    }

    /// Where else a value can be seen: moment, hash, file, place in an archive.
    fn proofs(&self, evidence: &Evidence) -> Vec<String> {
        let Evidence { fetched_at, sha256, body_path, warc_file, warc_offset } = evidence;
        let hash = sha256.as_ref().filter(|_| body_path.is_none());
        let archived = warc_file.as_ref().map(|file| match warc_offset {
            Some(offset) => format!("{file} at byte {offset}"),
            None => file.clone(),
        });
        let hash = hash.map(|hash| format!("sha256 {}…", hash.get(..16).unwrap_or(hash)));
        let body = body_path.as_deref().map(shortened);
        [fetched_at.clone(), body, hash, archived].into_iter().flatten().collect()
    }

    /// The rows of a target's waterfall: name, beginning, width, seconds; in 0 to 1000 of all.
    fn steps(&self, target: &Detail) -> Vec<(&'static str, String, String, String)> {
        places(&target.waterfall, target.waterfall.time_total)
    }

    /// Five moments from the beginning to the end of a try.
    fn ticks(&self, target: &Detail) -> Vec<String> {
        let all = target.waterfall.time_total;
        (0..=4).map(|at| human::seconds(all * f64::from(at) / 4.0)).collect()
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
        places(fall, most)
    }
}

/// Which columns hold numbers, and nothing else.
fn number_columns<'a>(rows: impl Iterator<Item = &'a [String]>, width: usize) -> Vec<bool> {
    let (mut numbers, mut texts) = (vec![false; width], vec![false; width]);
    for row in rows {
        for (at, cell) in row.iter().enumerate().filter(|(_, cell)| !cell.is_empty()) {
            let kinds = if cell.parse::<f64>().is_ok() { &mut numbers } else { &mut texts };
            kinds[at] = true;
        }
    }
    numbers.iter().zip(texts).map(|(number, text)| *number && !text).collect()
}

/// A path that is named by a hash, without most of it: `pages/97/666da0a4….html`.
fn shortened(path: &str) -> String {
    const SHOWN: usize = 12;
    let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
    let (stem, extension) = name.split_once('.').unwrap_or((name, ""));
    let is_hash = stem.len() > 32 && stem.bytes().all(|byte| byte.is_ascii_hexdigit());
    match is_hash {
        true => format!("{dir}/{}….{extension}", &stem[..SHOWN]),
        false => path.to_owned(),
    }
}

/// Name, beginning and width of each phase, in 0 to 1000 of `most` seconds; and its own seconds.
fn places(fall: &Waterfall, most: f64) -> Vec<(&'static str, String, String, String)> {
    let mut from = 0.0;
    let place = |phase: &super::Phase| {
        let width = phase.seconds / most.max(1e-9) * WIDTH;
        let seconds = human::seconds(phase.seconds);
        let place = (phase.name, format!("{from:.1}"), format!("{width:.1}"), seconds);
        from += width;
        place
    };
    fall.phases.iter().map(place).collect()
}
