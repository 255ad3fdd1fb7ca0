//! Records, looked at as a whole: what a report says of a run, finished or still going.
//!
//! A [`Digest`] is shown every record once, in any order, and keeps sums, never records: its memory
//! does not grow with them. [`Digest::page`] is what can be told so far; [`html`] and [`markdown`]
//! write it for people, `serde` for programs.

mod hosts;
mod html;
mod markdown;
mod quantiles;
mod table;
mod timeline;

use std::collections::BTreeMap;
use std::sync::Arc;

use gather_core::{ErrorKind, FieldValue, Health, Outcome, Record};
use gather_store::{Field, member_text};
use serde::Serialize;

use hosts::Hosts;
use quantiles::Quantiles;
use table::Rows;
use timeline::Lanes;

pub use hosts::HostLine;
pub use html::html;
pub use markdown::markdown;
pub use table::{Aggregate, GROUPS_MAX, Group, Table, TableError, TableSpec};
pub use timeline::Timeline;

/// Targets shown with the phases of their last try: the slowest.
pub const SLOWEST_MAX: usize = 10;
/// Failures shown one by one; the others are counted.
pub const FAILURES_MAX: usize = 100;
/// Targets shown with their fields.
pub const ROWS_MAX: usize = 1_000;
/// Fields shown as columns.
const COLUMNS_MAX: usize = 50;

/// What a report is to say beside what it always says.
#[derive(Clone, Debug, Default)]
pub struct DigestSpec {
    /// Its heading.
    pub title: String,
    /// A table of groups, where one is asked for.
    pub table: Option<TableSpec>,
}

/// Sums over records.
#[derive(Clone, Debug)]
pub struct Digest {
    title: String,
    counts: Outcomes,
    kinds: BTreeMap<&'static str, u64>,
    statuses: BTreeMap<u16, u64>,
    healths: BTreeMap<Health, u64>,
    times: Quantiles,
    body_bytes: u64,
    span_us: Option<(u64, u64)>,
    lanes: Lanes,
    hosts: Hosts,
    slowest: Vec<Waterfall>,
    failures: Vec<FailureLine>,
    columns: Vec<Arc<str>>,
    rows: Vec<FieldRow>,
    with_fields: u64,
    table: Option<Rows>,
}

/// How many ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outcomes {
    /// With an accepted answer.
    pub ok: u64,
    /// Without one.
    pub failed: u64,
    /// Never tried, or given up on purpose.
    pub skipped: u64,
}

impl Outcomes {
    /// All of them.
    pub fn all(self) -> u64 {
        self.ok + self.failed + self.skipped
    }
}

/// Everything a report says. Times are seconds.
#[derive(Clone, Debug, Serialize)]
pub struct Page {
    /// The heading.
    pub title: String,
    /// When it was made, RFC 3339.
    pub generated_at: String,
    /// How many records there are, by outcome.
    pub outcomes: Outcomes,
    /// When the first last try began, RFC 3339; empty if none was made.
    pub started_at: String,
    /// From then to the end of the last one.
    pub wall: f64,
    /// All last tries together: what one by one would have taken at least.
    pub one_by_one: f64,
    /// Bytes of bodies received.
    pub body_bytes: u64,
    /// Failed and skipped by error kind, the most frequent first.
    pub kinds: Vec<Count>,
    /// By status code, in order.
    pub statuses: Vec<Count>,
    /// By health, where targets were checked for it; the worst first.
    pub healths: Vec<Count>,
    /// The distribution of `time_total`.
    pub times: Times,
    /// Requests in flight over time.
    pub timeline: Timeline,
    /// Hosts, the slowest first.
    pub hosts: Vec<HostLine>,
    /// How many hosts there are; those beyond the limit are one.
    pub hosts_all: u64,
    /// The slowest targets with their phases.
    pub slowest: Vec<Waterfall>,
    /// The first failures, by their ordinal.
    pub failures: Vec<FailureLine>,
    /// Names of extracted fields.
    pub columns: Vec<String>,
    /// Targets with their fields, by their ordinal.
    pub rows: Vec<FieldRow>,
    /// How many targets have fields.
    pub rows_all: u64,
    /// The table of groups.
    pub table: Option<Table>,
}

/// A name and how often it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Count {
    /// A kind, a status, a health.
    pub name: String,
    /// How often.
    pub count: u64,
}

/// A distribution, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Times {
    /// The median.
    pub p50: f64,
    /// Nine of ten are as fast.
    pub p90: f64,
    /// Nineteen of twenty are.
    pub p95: f64,
    /// 99 of a hundred are.
    pub p99: f64,
    /// The slowest.
    pub max: f64,
}

impl From<&Quantiles> for Times {
    fn from(quantiles: &Quantiles) -> Self {
        let at = |part| quantiles.at(part);
        Self { p50: at(0.5), p90: at(0.9), p95: at(0.95), p99: at(0.99), max: quantiles.max() }
    }
}

/// A target's last try, phase by phase.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Waterfall {
    /// Its ordinal.
    pub n: u64,
    /// What was asked for.
    pub url: String,
    /// 0 if there was no response.
    pub status_code: u16,
    /// The whole try, seconds.
    pub time_total: f64,
    /// In their order; each begins where the one before it ends.
    pub phases: Vec<Phase>,
}

/// A part of a try.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Phase {
    /// `name`, `connect`, `tls`, `wait`, `body`.
    pub name: &'static str,
    /// Seconds.
    pub seconds: f64,
}

/// A target without an accepted answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailureLine {
    /// Its ordinal.
    pub n: u64,
    /// What was asked for, or the input that is no URL.
    pub url: String,
    /// Of the closed set.
    pub kind: &'static str,
    /// For people.
    pub message: String,
    /// Tries made.
    pub attempts: u32,
}

/// A target and what was found in its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldRow {
    /// Its ordinal.
    pub n: u64,
    /// Where it was found.
    pub url: String,
    /// As many as there are columns; empty where nothing was found.
    pub cells: Vec<String>,
    /// Where the body is kept, if it is.
    pub body_path: Option<String>,
}

impl Digest {
    /// Nothing added yet.
    pub fn new(spec: DigestSpec) -> Self {
        Self {
            title: spec.title,
            counts: Outcomes::default(),
            kinds: BTreeMap::new(),
            statuses: BTreeMap::new(),
            healths: BTreeMap::new(),
            times: Quantiles::default(),
            body_bytes: 0,
            span_us: None,
            lanes: Lanes::default(),
            hosts: Hosts::default(),
            slowest: Vec::new(),
            failures: Vec::new(),
            columns: Vec::new(),
            rows: Vec::new(),
            with_fields: 0,
            table: spec.table.map(Rows::new),
        }
    }

    /// Adds a record.
    pub fn add(&mut self, record: &Record) {
        match &record.outcome {
            Outcome::Ok => self.counts.ok += 1,
            Outcome::Failed(_) => self.counts.failed += 1,
            Outcome::Skipped(_) => self.counts.skipped += 1,
        }
        if record.status_code != 0 {
            *self.statuses.entry(record.status_code).or_default() += 1;
        }
        if let Some(found) = &record.health {
            *self.healths.entry(found.health).or_default() += 1;
        }
        self.body_bytes += record.body_bytes;
        self.add_failure(record);
        self.add_try(record);
        self.add_fields(record);
        self.hosts.add(record);
        if let Some(table) = &mut self.table {
            table.add(record);
        }
    }

    fn add_failure(&mut self, record: &Record) {
        let Some(error) = record.outcome.error() else { return };
        *self.kinds.entry(error.kind.as_str()).or_default() += 1;
        let line = FailureLine {
            n: record.n,
            url: record.input().to_owned(),
            kind: error.kind.as_str(),
            message: error.message.to_string(),
            attempts: record.attempts,
        };
        keep_least(&mut self.failures, line, FAILURES_MAX, |line| line.n);
    }

    fn add_try(&mut self, record: &Record) {
        let (began_us, took) = (record.timings.started_unix_us, record.timings.total);
        if record.attempts == 0 {
            return;
        }
        self.times.add(took.as_secs_f64());
        if began_us != 0 {
            let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            let ended_us = began_us.saturating_add(took_us);
            let (from, to) = self.span_us.unwrap_or((began_us, ended_us));
            self.span_us = Some((from.min(began_us), to.max(ended_us)));
            self.lanes.add(began_us, took_us);
        }
        // The slowest first: by the time that is missing to the longest there could be.
        let is_slow = self.slowest.len() < SLOWEST_MAX
            || self.slowest.last().is_some_and(|last| took.as_secs_f64() > last.time_total);
        if is_slow {
            let fall = waterfall(record);
            let at = self.slowest.partition_point(|known| known.time_total >= fall.time_total);
            self.slowest.insert(at, fall);
            self.slowest.truncate(SLOWEST_MAX);
        }
    }

    fn add_fields(&mut self, record: &Record) {
        let Some(fields) = record.fields.as_deref().filter(|fields| !fields.is_empty()) else {
            return;
        };
        self.with_fields += 1;
        for (name, _) in fields {
            if !self.columns.contains(name) && self.columns.len() < COLUMNS_MAX {
                self.columns.push(Arc::clone(name));
            }
        }
        let cell = |name: &Arc<str>| {
            let value = fields.iter().find(|(known, _)| known == name).map(|(_, value)| value);
            match value {
                None | Some(FieldValue::Null) => String::new(),
                Some(_) => {
                    member_text(record, &Field::Extracted(Arc::clone(name))).unwrap_or_default()
                }
            }
        };
        let row = FieldRow {
            n: record.n,
            url: record.final_url.clone().unwrap_or_else(|| record.url.clone()),
            cells: self.columns.iter().map(cell).collect(),
            body_path: record.body_path.as_deref().map(str::to_owned),
        };
        keep_least(&mut self.rows, row, ROWS_MAX, |row| row.n);
    }

    /// What can be told now. `generated_unix_us` is the moment, in microseconds since 1970.
    pub fn page(&self, generated_unix_us: u64) -> Page {
        let count = |(name, count): (String, u64)| Count { name, count };
        let mut kinds: Vec<Count> =
            self.kinds.iter().map(|(kind, n)| count(((*kind).to_owned(), *n))).collect();
        kinds.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
        let (from, to) = self.span_us.unwrap_or_default();
        let width = self.columns.len();
        let mut rows = self.rows.clone();
        // A row is as wide as its columns were known when it came.
        rows.iter_mut().for_each(|row| row.cells.resize(width, String::new()));
        let healths = self.healths.iter().rev();
        Page {
            title: self.title.clone(),
            generated_at: gather_store::moment_text(generated_unix_us),
            outcomes: self.counts,
            started_at: self.span_us.map(|_| gather_store::moment_text(from)).unwrap_or_default(),
            wall: (to - from) as f64 / 1e6,
            one_by_one: self.times.sum(),
            body_bytes: self.body_bytes,
            kinds,
            statuses: self.statuses.iter().map(|(s, n)| count((s.to_string(), *n))).collect(),
            healths: healths.map(|(h, n)| count((h.as_str().to_owned(), *n))).collect(),
            times: Times::from(&self.times),
            timeline: self.lanes.timeline(),
            hosts: self.hosts.slowest_first(),
            hosts_all: self.hosts.len(),
            slowest: self.slowest.clone(),
            failures: self.failures.clone(),
            columns: self.columns.iter().map(|name| name.to_string()).collect(),
            rows,
            rows_all: self.with_fields,
            table: self.table.as_ref().map(Rows::table),
        }
    }
}

/// Keeps the `max` least of a sorted list.
fn keep_least<T>(list: &mut Vec<T>, item: T, max: usize, key: impl Fn(&T) -> u64) {
    let at = list.partition_point(|known| key(known) <= key(&item));
    if at < max {
        list.insert(at, item);
        list.truncate(max);
    }
}

fn waterfall(record: &Record) -> Waterfall {
    let timings = &record.timings;
    // curl's names are moments since the beginning; a phase is what lies between two of them.
    let marks = [
        ("name", timings.namelookup),
        ("connect", timings.connect),
        ("tls", timings.appconnect),
        ("wait", timings.starttransfer),
        (last_phase(record), timings.total),
    ];
    let (mut phases, mut before) = (Vec::new(), gather_core::Duration::ZERO);
    for (name, until) in marks {
        if until > before {
            phases.push(Phase { name, seconds: (until - before).as_secs_f64() });
            before = until;
        }
    }
    Waterfall {
        n: record.n,
        url: record.url.clone(),
        status_code: record.status_code,
        time_total: timings.total.as_secs_f64(),
        phases,
    }
}

/// What a try was in when it ended: the body, unless none began.
fn last_phase(record: &Record) -> &'static str {
    if record.status_code != 0 {
        return "body";
    }
    match record.outcome.error().map(|error| error.kind) {
        Some(ErrorKind::TimeoutDns | ErrorKind::DnsNotFound | ErrorKind::DnsTemporary) => "name",
        Some(ErrorKind::TimeoutTls) => "tls",
        Some(kind) if kind.family() == "tls" => "tls",
        Some(ErrorKind::TimeoutConnect) => "connect",
        Some(kind) if kind.family() == "connect" => "connect",
        _ => "wait",
    }
}

#[cfg(test)]
mod tests;
