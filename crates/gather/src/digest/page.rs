//! Everything a report says, ready to be written in any form. Times are seconds.

use gather_core::Health;
use serde::Serialize;

use super::quantiles::Quantiles;
use super::{Detail, Digest, HostLine, Rows, Table, Timeline};

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

/// Everything a report says.
#[derive(Clone, Debug, Serialize)]
pub struct Page {
    /// The heading.
    pub title: String,
    /// When it was made, RFC 3339.
    pub generated_at: String,
    /// The results it was made from, if it was made from results.
    pub results: Vec<ResultLine>,
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
    /// Those with the most targets, where not all hosts are among the slowest that are shown.
    pub busiest: Vec<HostLine>,
    /// How many hosts there are; those beyond the limit are one.
    pub hosts_all: u64,
    /// The slowest targets with their phases.
    pub slowest: Vec<Waterfall>,
    /// The targets that were asked for by name.
    pub targets: Vec<Detail>,
    /// The first failures, by their ordinal.
    pub failures: Vec<FailureLine>,
    /// Names of extracted fields.
    pub columns: Vec<String>,
    /// Targets with their fields, as sorted, else by their ordinal.
    pub rows: Vec<FieldRow>,
    /// How many targets have fields.
    pub rows_all: u64,
    /// The table of groups.
    pub table: Option<Table>,
}

/// A result that a report was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ResultLine {
    /// As it was named, without secrets.
    pub name: String,
    /// The run, where the result says it.
    pub run: Option<String>,
    /// Records read.
    pub records: u64,
    /// Rows that were left out, for they are no records.
    pub left_out: u64,
    /// `ended`, `going` or `unfinished`.
    pub standing: &'static str,
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
    /// Which of the results it is of, from 0.
    pub result: usize,
    /// Where it was found.
    pub url: String,
    /// As many as there are columns; empty where nothing was found.
    pub cells: Vec<String>,
    /// Where else it can be seen.
    pub evidence: Evidence,
}

/// What shows that a value stood where it is said to have stood.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// When the answer was asked for, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetched_at: Option<String>,
    /// Of the body, hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Where the body is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_path: Option<String>,
    /// The archive that holds the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warc_file: Option<String>,
    /// Where in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warc_offset: Option<String>,
}

impl Digest {
    /// What can be told now. `generated_unix_us` is the moment, in microseconds since 1970.
    pub fn page(&self, generated_unix_us: u64) -> Page {
        let count = |(name, count): (String, u64)| Count { name, count };
        let mut kinds: Vec<Count> =
            self.kinds.iter().map(|(kind, n)| count(((*kind).to_owned(), *n))).collect();
        kinds.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
        let (from, to) = self.span_us.unwrap_or_default();
        let width = self.columns.len();
        let mut rows: Vec<FieldRow> = self.rows.in_order().into_iter().cloned().collect();
        // A row is as wide as its columns were known when it came.
        rows.iter_mut().for_each(|row| row.cells.resize(width, String::new()));
        let healths = self.healths.iter().rev();
        let named = |(health, n): (&Health, &u64)| count((health.as_str().to_owned(), *n));
        Page {
            title: self.title.clone(),
            generated_at: gather_store::moment_text(generated_unix_us),
            results: self.results.clone(),
            outcomes: self.counts,
            started_at: self.span_us.map(|_| gather_store::moment_text(from)).unwrap_or_default(),
            wall: (to - from) as f64 / 1e6,
            one_by_one: self.times.sum(),
            body_bytes: self.body_bytes,
            kinds,
            statuses: self.statuses.iter().map(|(s, n)| count((s.to_string(), *n))).collect(),
            healths: healths.map(named).collect(),
            times: Times::from(&self.times),
            timeline: self.lanes.timeline(),
            hosts: self.hosts.slowest_first(),
            busiest: self.hosts.busiest_first(),
            hosts_all: self.hosts.len(),
            slowest: self.slowest.clone(),
            targets: self.targets.found().to_vec(),
            failures: self.failures.in_order().into_iter().cloned().collect(),
            columns: self.columns.iter().map(|name| name.to_string()).collect(),
            rows,
            rows_all: self.with_fields,
            table: self.table.as_ref().map(Rows::table),
        }
    }
}
