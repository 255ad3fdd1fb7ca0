//! A report as Markdown, for an issue, a wiki or a terminal.

use std::fmt::Write;

use super::{Count, Detail, HostLine, Page, Phase, Table, Waterfall};
use crate::human;

/// Rows of a table of fields or groups; the page in HTML shows more.
const ROWS_MAX: usize = 100;

/// Writes the report.
pub fn markdown(page: &Page) -> String {
    let mut out = Out(String::new());
    out.line(&format!("# {}", text(&page.title)));
    let outcomes = page.outcomes;
    out.line(&format!(
        "\n{} targets: {} ok, {} failed, {} skipped. Started {}, {} in all; one by one {}. \
         Made {}.",
        outcomes.all(),
        outcomes.ok,
        outcomes.failed,
        outcomes.skipped,
        if page.started_at.is_empty() { "never" } else { &page.started_at },
        human::seconds(page.wall),
        human::seconds(page.one_by_one),
        page.generated_at,
    ));
    out.results(page);
    for target in &page.targets {
        out.target(target);
    }
    if let Some(table) = &page.table {
        out.table_of_groups(table);
    }
    if !page.rows.is_empty() {
        let head: Vec<&str> =
            ["n", "url"].into_iter().chain(page.columns.iter().map(String::as_str)).collect();
        out.head("Fields", &head);
        for row in page.rows.iter().take(ROWS_MAX) {
            let cells = row.cells.iter().cloned();
            out.row([row.n.to_string(), row.url.clone()].into_iter().chain(cells));
        }
        out.more(page.rows_all, page.rows.len().min(ROWS_MAX));
    }
    out.counts("Health", &page.healths);
    out.counts("Failures by kind", &page.kinds);
    out.counts("Statuses", &page.statuses);
    let times = page.times;
    out.head("Time", &["p50", "p90", "p95", "p99", "max"]);
    out.row([times.p50, times.p90, times.p95, times.p99, times.max].map(human::seconds));
    out.hosts("Hosts, the slowest first", &page.hosts);
    out.more(page.hosts_all, page.hosts.len());
    out.hosts("Hosts with the most targets", &page.busiest);
    if !page.slowest.is_empty() {
        out.head("The slowest targets", &["n", "url", "status", "time", "phases"]);
        for fall in &page.slowest {
            let status = fall.status_code.to_string();
            let time = human::seconds(fall.time_total);
            out.row([fall.n.to_string(), fall.url.clone(), status, time, phases(fall)]);
        }
    }
    if !page.failures.is_empty() {
        out.head("Failures", &["n", "url", "kind", "message"]);
        for line in &page.failures {
            out.row([
                line.n.to_string(),
                line.url.clone(),
                line.kind.to_owned(),
                line.message.clone(),
            ]);
        }
        out.more(outcomes.failed + outcomes.skipped, page.failures.len());
    }
    out.0
}

struct Out(String);

impl Out {
    fn line(&mut self, line: &str) {
        writeln!(self.0, "{line}").expect("a string takes everything");
    }

    fn head(&mut self, title: &str, columns: &[&str]) {
        self.line(&format!("\n## {title}\n"));
        self.row(columns.iter().map(|column| (*column).to_owned()));
        self.line(&format!("|{}", " --- |".repeat(columns.len())));
    }

    fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells: Vec<String> = cells.into_iter().map(|cell| text(&cell)).collect();
        self.line(&format!("| {} |", cells.join(" | ")));
    }

    /// What it was made from, where that is worth a word.
    fn results(&mut self, page: &Page) {
        for result in &page.results {
            let about = super::about_result(result);
            if page.results.len() > 1 || !about.is_empty() {
                let records = human::counted(result.records, "record");
                self.line(&format!("\n{}: {records}{}", text(&result.name), text(&about)));
            }
        }
    }

    fn target(&mut self, target: &Detail) {
        let fall = &target.waterfall;
        self.head(&format!("Target {}", fall.n), &["", ""]);
        let taken = [
            ("url", fall.url.clone()),
            ("outcome", target.outcome.to_owned()),
            ("time", human::seconds(fall.time_total)),
            ("phases", phases(fall)),
        ];
        for (name, value) in taken {
            self.row([name.to_owned(), value]);
        }
        for member in &target.members {
            self.row([member.name.clone(), member.value.clone()]);
        }
    }

    fn hosts(&mut self, title: &str, hosts: &[HostLine]) {
        if hosts.is_empty() {
            return;
        }
        self.head(title, &["host", "targets", "failed", "p50", "p95", "max"]);
        for host in hosts {
            self.row([
                host.host.clone(),
                host.outcomes.all().to_string(),
                host.outcomes.failed.to_string(),
                human::seconds(host.times.p50),
                human::seconds(host.times.p95),
                human::seconds(host.times.max),
            ]);
        }
    }

    fn more(&mut self, all: u64, shown: usize) {
        if all > shown as u64 {
            self.line(&format!("\n… and {} more.", all - shown as u64));
        }
    }

    fn counts(&mut self, title: &str, counts: &[Count]) {
        if counts.is_empty() {
            return;
        }
        self.head(title, &["", "targets"]);
        for count in counts {
            self.row([count.name.clone(), count.count.to_string()]);
        }
    }

    fn table_of_groups(&mut self, table: &Table) {
        let columns: Vec<&str> = table.columns.iter().map(String::as_str).collect();
        self.head("Groups", &columns);
        for row in table.rows.iter().take(ROWS_MAX) {
            self.row(row.iter().cloned());
        }
        self.more(table.rows.len() as u64, table.rows.len().min(ROWS_MAX));
    }
}

/// `name 1.00 ms, connect 4.00 ms, wait 80.0 ms`.
fn phases(fall: &Waterfall) -> String {
    let phase = |phase: &Phase| format!("{} {}", phase.name, human::seconds(phase.seconds));
    fall.phases.iter().map(phase).collect::<Vec<_>>().join(", ")
}

/// Text from outside: one line, and no markup of its own.
pub(crate) fn text(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' => plain.extend(['\\', c]),
            c if c.is_control() => plain.push(' '),
            c => plain.push(c),
        }
    }
    plain
}
