//! The schema, as both databases understand it: tables, indexes, views, upserts.

use std::fmt::Write;

use crate::database::columns::{COLUMNS, Kind};
use crate::database::job::{JobColumn, JobKind, TableOf};

/// The version of the schema, in the table `gather`.
pub(crate) const SCHEMA_VERSION: i64 = 1;

/// Every table and view of ours, but those of jobs.
pub(crate) const NAMES: [&str; 12] = [
    "gather",
    "run",
    "record",
    "field",
    "body",
    "job",
    "job_column",
    "latest",
    "failure",
    "host",
    "changed",
    "field_history",
];

/// How a database calls types, and what else it says in its own way.
pub(crate) struct Dialect {
    pub(crate) int: &'static str,
    pub(crate) real: &'static str,
    pub(crate) flag: &'static str,
    pub(crate) text: &'static str,
    pub(crate) ip: &'static str,
    pub(crate) moment: &'static str,
    pub(crate) json: &'static str,
    pub(crate) foreign_json: &'static str,
    pub(crate) number: &'static str,
    pub(crate) blob: &'static str,
    /// The key that the database gives by itself.
    pub(crate) serial: &'static str,
    /// What follows a table of short rows, which is then stored in the order of its key.
    pub(crate) clustered: &'static str,
    /// The index that finds a URL of any length.
    pub(crate) url_index: &'static str,
}

impl Dialect {
    /// The type of a column of `record`.
    pub(crate) fn kind(&self, kind: Kind) -> &'static str {
        match kind {
            Kind::Int => self.int,
            Kind::Seconds => self.real,
            Kind::Flag => self.flag,
            Kind::Text => self.text,
            Kind::Ip => self.ip,
            Kind::Moment => self.moment,
            Kind::Json => self.json,
            Kind::ForeignJson => self.foreign_json,
        }
    }

    /// The type of a column of a job's table.
    pub(crate) fn job_kind(&self, kind: JobKind) -> &'static str {
        match kind {
            JobKind::Number => self.number,
            JobKind::Flag => self.flag,
            JobKind::Text => self.text,
            JobKind::List => self.json,
        }
    }
}

/// A name in quotes.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The statements that make the tables and indexes, one a string. Their text is what
/// `sqlite3 FILE .schema` shows, hence the comments.
pub(crate) fn tables(dialect: &Dialect) -> Vec<String> {
    let Dialect { int, text, moment, json, number, blob, serial, clustered, .. } = dialect;
    let mut record = format!(
        "CREATE TABLE record (\n  run {int} NOT NULL, -- run.id\n  n {int} NOT NULL, -- the input's place in the list, from 0\n"
    );
    for column in COLUMNS {
        let about =
            if column.about.is_empty() { String::new() } else { format!(" -- {}", column.about) };
        writeln!(record, "  {} {},{about}", column.name, dialect.kind(column.kind))
            .expect(TAKES_ALL);
    }
    record.push_str("  PRIMARY KEY (run, n)\n)");
    vec![
        format!("CREATE TABLE gather (schema_version {int} NOT NULL)"),
        format!("INSERT INTO gather (schema_version) VALUES ({SCHEMA_VERSION})"),
        format!(
            "CREATE TABLE run (\n  id {serial},\n  name {text} NOT NULL UNIQUE, -- the same after a resume\n  \
             job {text}, -- of gather.toml\n  started_at {moment} NOT NULL,\n  \
             finished_at {moment}, -- null while it goes on, or if it was killed\n  \
             records {int} NOT NULL DEFAULT 0,\n  ok {int} NOT NULL DEFAULT 0,\n  \
             failed {int} NOT NULL DEFAULT 0,\n  skipped {int} NOT NULL DEFAULT 0,\n  \
             gather {text} NOT NULL, -- its version\n  settings {json} -- those that were given, without secrets\n)"
        ),
        record,
        "CREATE INDEX record_error ON record (error_kind, run) WHERE error_kind IS NOT NULL"
            .to_owned(),
        "CREATE INDEX record_sha256 ON record (sha256) WHERE sha256 IS NOT NULL".to_owned(),
        format!(
            "CREATE TABLE field (\n  run {int} NOT NULL,\n  n {int} NOT NULL,\n  name {text} NOT NULL,\n  \
             type {text} NOT NULL, -- null, bool, int, decimal, text, list\n  \
             value {text}, -- as in JSON lines; a list as JSON\n  number {number}, -- of int and decimal\n  \
             PRIMARY KEY (run, n, name)\n){clustered}"
        ),
        format!(
            "CREATE TABLE body (\n  sha256 {text} PRIMARY KEY,\n  bytes {int} NOT NULL,\n  \
             content_type {text},\n  body {blob} NOT NULL\n)"
        ),
        format!(
            "CREATE TABLE job (\n  name {text} PRIMARY KEY, -- empty: runs without a job\n  \
             table_name {text} NOT NULL UNIQUE\n)"
        ),
        format!(
            "CREATE TABLE job_column (\n  table_name {text} NOT NULL,\n  column_name {text} NOT NULL,\n  \
             origin {text} NOT NULL, -- field, tag\n  name {text} NOT NULL,\n  \
             type {text} NOT NULL, -- number, flag, text, list\n  PRIMARY KEY (table_name, column_name)\n)"
        ),
    ]
}

const TAKES_ALL: &str = "a string takes everything";

/// The statements that add what a `record` of an earlier version lacks. `there` are the columns it
/// has.
pub(crate) fn missing_columns(dialect: &Dialect, there: &[String]) -> Vec<String> {
    COLUMNS
        .iter()
        .filter(|column| !there.iter().any(|name| name == column.name))
        .map(|column| {
            let kind = dialect.kind(column.kind);
            format!("ALTER TABLE record ADD COLUMN {} {kind}", column.name)
        })
        .collect()
}

/// The statements that make the indexes a run does without until its end, where they are missing.
///
/// URLs come in any order, so each of a group would change another page of an index: 300,000 records
/// took five times as long. Made at once they cost a second or two a million records.
pub(crate) fn late_indexes(dialect: &Dialect) -> [String; 2] {
    [
        format!("CREATE INDEX IF NOT EXISTS record_url ON record {}", dialect.url_index),
        "CREATE INDEX IF NOT EXISTS record_host ON record (host, run)".to_owned(),
    ]
}

/// The views, by name. They use nothing that SQLite of 2019 (3.30) lacks: an older `sqlite3` must
/// still read the file.
pub(crate) const VIEWS: [(&str, &str); 5] = [
    (
        "latest",
        // The newest record of each URL. One pass over keys, with or without an index.
        "SELECT record.* FROM (\n  \
           SELECT url, run, n, row_number() OVER (PARTITION BY url ORDER BY run DESC, n DESC) AS age\n  \
           FROM record\n\
         ) AS aged JOIN record\n  \
           ON record.url = aged.url AND record.run = aged.run AND record.n = aged.n\n\
         WHERE aged.age = 1",
    ),
    (
        "failure",
        // What went wrong in each run, by kind.
        "SELECT run, outcome, error_kind, count(*) AS records, count(DISTINCT host) AS hosts,\n  \
           min(url) AS example_url, min(error_message) AS example_message\n\
         FROM record WHERE error_kind IS NOT NULL\n\
         GROUP BY run, outcome, error_kind",
    ),
    (
        "host",
        // Each host in each run: counts, and seconds per request.
        "SELECT run, host, count(*) AS records,\n  \
           sum(CASE WHEN outcome = 'ok' THEN 1 ELSE 0 END) AS ok,\n  \
           sum(CASE WHEN outcome = 'failed' THEN 1 ELSE 0 END) AS failed,\n  \
           sum(CASE WHEN outcome = 'skipped' THEN 1 ELSE 0 END) AS skipped,\n  \
           max(CASE WHEN place = (timed + 1) / 2 THEN time_total END) AS time_p50,\n  \
           max(CASE WHEN place = (timed * 95 + 99) / 100 THEN time_total END) AS time_p95,\n  \
           max(time_total) AS time_max,\n  \
           max(CASE WHEN place = timed THEN url END) AS slowest_url,\n  \
           sum(content_length) AS content_bytes\n\
         FROM (\n  \
           SELECT run, host, outcome, url, time_total, content_length,\n    \
             count(time_total) OVER (PARTITION BY run, host) AS timed,\n    \
             CASE WHEN time_total IS NOT NULL THEN row_number()\n      \
               OVER (PARTITION BY run, host, time_total IS NULL ORDER BY time_total, n) END AS place\n  \
           FROM record WHERE host IS NOT NULL\n\
         ) AS placed\n\
         GROUP BY run, host",
    ),
    (
        "changed",
        // Where the newest record of a URL differs from the one before it.
        "SELECT url, run, n, before_run, outcome, before_outcome, status_code, before_status_code,\n  \
           content_length, before_content_length, final_url, before_final_url, sha256, before_sha256\n\
         FROM (\n  \
           SELECT url, run, n, outcome, status_code, content_length, final_url, sha256,\n    \
             lag(run) OVER w AS before_run, lag(outcome) OVER w AS before_outcome,\n    \
             lag(status_code) OVER w AS before_status_code,\n    \
             lag(content_length) OVER w AS before_content_length,\n    \
             lag(final_url) OVER w AS before_final_url, lag(sha256) OVER w AS before_sha256,\n    \
             row_number() OVER (PARTITION BY url ORDER BY run DESC, n DESC) AS age\n  \
           FROM record WHERE url IS NOT NULL\n  \
           WINDOW w AS (PARTITION BY url ORDER BY run, n)\n\
         ) AS pair\n\
         WHERE age = 1 AND before_run IS NOT NULL AND (\n  \
           outcome <> before_outcome\n  \
           OR coalesce(status_code, 0) <> coalesce(before_status_code, 0)\n  \
           OR coalesce(content_length, -1) <> coalesce(before_content_length, -1)\n  \
           OR coalesce(final_url, '') <> coalesce(before_final_url, '')\n  \
           OR sha256 <> before_sha256)",
    ),
    (
        "field_history",
        // Each value that was found, beside the one that was found before it.
        "SELECT record.url, field.name, field.run, field.n, record.started_at AS fetched_at,\n  \
           field.value, field.number,\n  \
           lag(field.run) OVER w AS before_run, lag(field.value) OVER w AS before_value,\n  \
           lag(field.number) OVER w AS before_number\n\
         FROM field JOIN record ON record.run = field.run AND record.n = field.n\n\
         WHERE field.value IS NOT NULL\n\
         WINDOW w AS (PARTITION BY record.url, field.name ORDER BY field.run, field.n)",
    ),
];

/// The statement that makes a job's table.
pub(crate) fn job_table(dialect: &Dialect, of: TableOf, table: &str) -> String {
    let Dialect { int, text, moment, .. } = dialect;
    let (row, key) = match of {
        TableOf::Pages => (String::new(), "run, n"),
        TableOf::Rows => (format!("row {int} NOT NULL, -- from 1 in its page\n  "), "run, n, row"),
    };
    format!(
        "CREATE TABLE {} (\n  run {int} NOT NULL,\n  n {int} NOT NULL,\n  {row}url {text},\n  \
         fetched_at {moment},\n  PRIMARY KEY ({key})\n)",
        quoted(table),
    )
}

/// The statement that adds a column to a job's table.
pub(crate) fn add_column(dialect: &Dialect, table: &str, column: &JobColumn) -> String {
    let name = column.column.as_deref().expect("a column is named before it is made");
    let kind = dialect.job_kind(column.kind);
    format!("ALTER TABLE {} ADD COLUMN {} {kind}", quoted(table), quoted(name))
}

/// Inserts rows from `source` (`VALUES (…)`, `SELECT …`), or puts them in place of those with the
/// same key: the first `keys` of the columns.
pub(crate) fn upsert(table: &str, columns: &[&str], keys: usize, source: &str) -> String {
    let names: Vec<String> = columns.iter().map(|name| quoted(name)).collect();
    let set: Vec<String> =
        names[keys..].iter().map(|name| format!("{name} = excluded.{name}")).collect();
    let then = match set.is_empty() {
        true => "DO NOTHING".to_owned(),
        false => format!("DO UPDATE SET {}", set.join(", ")),
    };
    format!(
        "INSERT INTO {} ({}) {source} ON CONFLICT ({}) {then}",
        quoted(table),
        names.join(", "),
        names[..keys].join(", "),
    )
}
