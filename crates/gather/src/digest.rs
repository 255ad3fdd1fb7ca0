//! Records, looked at as a whole: what a report says of a run, finished or still going.
//!
//! A [`Digest`] is shown every record once, in any order, and keeps sums, never records: its memory
//! does not grow with them. [`Digest::page`] is what can be told so far; [`html`] and [`markdown`]
//! write it for people, `serde` for programs.

mod detail;
mod hosts;
mod html;
mod least;
mod markdown;
mod page;
mod quantiles;
mod results;
mod sort;
mod table;
mod timeline;

use std::collections::BTreeMap;
use std::sync::Arc;

use gather_core::{ErrorKind, FieldValue, Health, Outcome, Record};
use gather_store::{Field, member_text};

use crate::human;

use detail::Details;
use hosts::Hosts;
use least::Least;
use quantiles::Quantiles;
use sort::Rank;
use table::Rows;
use timeline::Lanes;

pub use detail::{Detail, Member, TargetChoice};
pub use hosts::HostLine;
pub use html::html;
pub use markdown::markdown;
pub(crate) use markdown::text as plain_markdown;
pub use page::{
    Count, Evidence, FailureLine, FieldRow, Outcomes, Page, Phase, ResultLine, Times, Waterfall,
};
pub use results::digest_results;
pub use sort::Sort;
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
/// Characters of a value that are shown; the rest is cut.
const CELL_CHARS_MAX: usize = 500;

/// What a report is to say beside what it always says.
#[derive(Clone, Debug, Default)]
pub struct DigestSpec {
    /// Its heading.
    pub title: String,
    /// A table of groups, where one is asked for.
    pub table: Option<TableSpec>,
    /// What fields and groups are sorted by; by ordinal and by name if `None`.
    pub sort: Option<Sort>,
    /// Targets that everything is told of.
    pub targets: Vec<TargetChoice>,
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
    targets: Details,
    /// By result and ordinal.
    failures: Least<(usize, u64), FailureLine>,
    columns: Vec<Arc<str>>,
    sort: Option<Sort>,
    rows: Least<(Rank, usize, u64), FieldRow>,
    with_fields: u64,
    table: Option<Rows>,
    results: Vec<ResultLine>,
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
            targets: Details::new(spec.targets),
            failures: Least::new(FAILURES_MAX),
            columns: Vec::new(),
            rows: Least::new(ROWS_MAX),
            with_fields: 0,
            table: spec.table.map(|table| Rows::new(table, spec.sort.clone())),
            sort: spec.sort,
            results: Vec::new(),
        }
    }

    /// What is added from here on is of this result.
    pub fn begin_result(&mut self, result: ResultLine) {
        self.results.push(result);
    }

    /// A row of the result is no record.
    fn leave_out(&mut self) {
        if let Some(result) = self.results.last_mut() {
            result.left_out += 1;
        }
    }

    /// Rows of results that were left out, for they are no records.
    pub fn left_out(&self) -> u64 {
        self.results.iter().map(|result| result.left_out).sum()
    }

    /// Which result is being added, from 0.
    fn result(&self) -> usize {
        self.results.len().saturating_sub(1)
    }

    /// The first target that was asked for and that no record so far is of.
    pub fn missing_target(&self) -> Option<&TargetChoice> {
        self.targets.missing()
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
        if let Some(result) = self.results.last_mut() {
            result.records += 1;
        }
        self.body_bytes += record.body_bytes;
        self.targets.add(record, self.result());
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
        let key = (self.result(), record.n);
        if !self.failures.takes(&key) {
            return;
        }
        let line = FailureLine {
            n: record.n,
            url: record.input().to_owned(),
            kind: error.kind.as_str(),
            message: human::clipped(&error.message, CELL_CHARS_MAX),
            attempts: record.attempts,
        };
        self.failures.add(key, line);
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
        let rank = self.sort.as_ref().map_or(Rank::Missing, |sort| sort.rank_of(record));
        let key = (rank, self.result(), record.n);
        if !self.rows.takes(&key) {
            return;
        }
        let cell = |name: &Arc<str>| {
            let value = fields.iter().find(|(known, _)| known == name).map(|(_, value)| value);
            match value {
                None | Some(FieldValue::Null) => String::new(),
                Some(_) => {
                    let text = member_text(record, &Field::Extracted(Arc::clone(name)));
                    human::clipped(&text.unwrap_or_default(), CELL_CHARS_MAX)
                }
            }
        };
        let row = FieldRow {
            n: record.n,
            result: self.result(),
            url: record.final_url.clone().unwrap_or_else(|| record.url.clone()),
            cells: self.columns.iter().map(cell).collect(),
            evidence: evidence(record),
        };
        self.rows.add(key, row);
    }
}

/// What is to be said of a result: `, 2 rows left out, still going`.
fn about_result(result: &ResultLine) -> String {
    let mut about = String::new();
    if let Some(run) = &result.run {
        about.push_str(", run ");
        about.push_str(run);
    }
    if result.left_out > 0 {
        let rows = human::counted(result.left_out, "row");
        about.push_str(&format!(", {rows} left out that are no records"));
    }
    match result.standing {
        "going" => about.push_str(", and the run is still going"),
        "unfinished" => about.push_str(", and the run did not end, or goes on"),
        _ => {}
    }
    about
}

/// Where the answer of a record can be seen.
fn evidence(record: &Record) -> Evidence {
    let text = |field| member_text(record, &field).filter(|text| !text.is_empty());
    Evidence {
        fetched_at: text(Field::StartedAt),
        sha256: text(Field::Sha256),
        body_path: text(Field::BodyPath),
        warc_file: text(Field::WarcFile),
        warc_offset: text(Field::WarcOffset),
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
