//! The rows in hand: records as plain cells in one buffer, until the database has committed them.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use gather_core::{FieldValue, Outcome, Record};
use sha2::{Digest, Sha256};

use crate::database::cells::{Rows, VALUE_BYTES_MAX, signed};
use crate::database::columns::{Bodies, Plan};
use crate::database::job::{JobColumns, JobKind, Origin};
use crate::json;
use crate::value::Value;

/// Bytes in hand beyond which they are written without waiting for the commit.
const GROUP_BYTES_MAX: usize = 4 << 20;
/// A body to store.
#[derive(Debug)]
pub(crate) struct Body {
    /// SHA-256 in hexadecimal.
    pub(crate) sha256: String,
    pub(crate) content_type: Option<Box<str>>,
    pub(crate) bytes: Bytes,
}

/// How many records there are of each outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) ok: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    /// All of them.
    pub(crate) fn records(self) -> u64 {
        self.ok + self.failed + self.skipped
    }

    /// Both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            ok: self.ok + other.ok,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }

    /// As columns: `records`, `ok`, `failed`, `skipped`.
    pub(crate) fn columns(self) -> [i64; 4] {
        [self.records(), self.ok, self.failed, self.skipped]
            .map(|count| i64::try_from(count).unwrap_or(i64::MAX))
    }

    fn add(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Ok => self.ok += 1,
            Outcome::Failed(_) => self.failed += 1,
            Outcome::Skipped(_) => self.skipped += 1,
        }
    }
}

/// The records that were accepted and not yet committed.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// n, then the columns of the plan.
    pub(crate) records: Rows,
    /// n, name, type, value, number.
    pub(crate) fields: Rows,
    /// n, url, `fetched_at`, then pairs of a column's place and its value.
    pub(crate) job: Rows,
    /// n, row, url, `fetched_at`, then pairs as in `job`.
    pub(crate) rows: Rows,
    pub(crate) bodies: Vec<Body>,
    pub(crate) counts: Counts,
    /// Numbers in it: none comes twice, since one statement cannot write a row twice.
    numbers: HashSet<u64>,
    body_bytes: usize,
    /// For texts that must be formed first.
    scratch: Vec<u8>,
}

impl Group {
    /// Whether this record must wait until the group is written.
    pub(crate) fn must_go_before(&self, record: &Record) -> bool {
        let tables = [&self.records, &self.fields, &self.job, &self.rows];
        let bytes = tables.iter().map(|rows| rows.bytes()).sum::<usize>() + self.body_bytes;
        bytes >= GROUP_BYTES_MAX || self.numbers.contains(&record.n)
    }

    /// Whether nothing is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.records.len() == 0
    }

    /// Forgets everything: it was committed.
    pub(crate) fn clear(&mut self) {
        for rows in [&mut self.records, &mut self.fields, &mut self.job, &mut self.rows] {
            rows.clear();
        }
        self.bodies.clear();
        self.numbers.clear();
        self.counts = Counts::default();
        self.body_bytes = 0;
    }

    /// Adds a record.
    pub(crate) fn add(
        &mut self,
        record: &Record,
        plan: &Plan,
        job: &mut JobColumns,
        of_rows: &mut JobColumns,
    ) {
        let sha256 = self.add_body(record, plan.bodies);
        self.records.int(signed(record.n));
        for column in plan.columns() {
            if let (Some(sha256), "sha256") = (&sha256, column.name) {
                self.records.text(sha256.as_bytes());
                continue;
            }
            let (rows, scratch) = (&mut self.records, &mut self.scratch);
            plan.value(column, record, &mut |value| match value {
                Some(value) => rows.value(&value, column.kind, scratch),
                None => rows.null(),
            });
        }
        self.records.end();
        self.add_fields(record, plan);
        self.add_job_row(record, plan, job);
        self.add_rows(record, of_rows);
        self.counts.add(&record.outcome);
        self.numbers.insert(record.n);
    }

    /// Keeps the body: its hash.
    fn add_body(&mut self, record: &Record, bodies: Bodies) -> Option<String> {
        let body = record.body.as_ref().filter(|_| bodies == Bodies::Stored)?;
        let hash = record.sha256.unwrap_or_else(|| Sha256::digest(body).into());
        let mut sha256 = Vec::with_capacity(64);
        json::plain(&mut sha256, &Value::Hex(&hash));
        let sha256 = String::from_utf8(sha256).expect("hexadecimal digits");
        if body.len() <= VALUE_BYTES_MAX {
            self.body_bytes += body.len();
            self.bodies.push(Body {
                sha256: sha256.clone(),
                content_type: record.content_type.as_deref().map(Box::from),
                bytes: body.clone(),
            });
        }
        Some(sha256)
    }

    fn add_fields(&mut self, record: &Record, plan: &Plan) {
        let all = record.fields.as_deref().map_or(&[][..], Vec::as_slice);
        for (at, (name, value)) in all.iter().enumerate() {
            // Of two of one name the first counts: the key is the name.
            if !plan.has_field(name) || all[..at].iter().any(|(earlier, _)| earlier == name) {
                continue;
            }
            let rows = &mut self.fields;
            rows.int(signed(record.n));
            rows.text(name.as_bytes());
            rows.text(type_of(value).as_bytes());
            match value {
                FieldValue::Null => rows.null(),
                FieldValue::Text(text) | FieldValue::Decimal(text) => rows.text(text.as_bytes()),
                other => {
                    self.scratch.clear();
                    json::value(&mut self.scratch, &Value::Extracted(other));
                    rows.text(&self.scratch);
                }
            }
            match number_of(value, &mut self.scratch) {
                Some(digits) => rows.number(digits),
                None => rows.null(),
            }
            rows.end();
        }
    }

    fn add_job_row(&mut self, record: &Record, plan: &Plan, job: &mut JobColumns) {
        let Self { job: rows, scratch, .. } = self;
        let before = rows.bytes();
        rows.int(signed(record.n));
        place(rows, &record.url, record);
        let head = rows.bytes();
        for (name, value) in record.fields.iter().flat_map(|fields| fields.iter()) {
            if plan.has_field(name) {
                typed(rows, name, value, job, scratch);
            }
        }
        for (name, value) in record.tags.iter().flat_map(|tags| tags.iter()) {
            if let Some(at) =
                plan.has_tag(name).then(|| job.place(Origin::Tag, name, JobKind::Text))
            {
                let Some(at) = at else { continue };
                rows.int(i64::try_from(at).expect("columns are few"));
                rows.text(value.as_bytes());
            }
        }
        if rows.bytes() == head {
            rows.truncate(before);
        } else {
            rows.end();
        }
    }

    /// Adds the rows of the page, counted from 1.
    fn add_rows(&mut self, record: &Record, columns: &mut JobColumns) {
        let Self { rows, scratch, .. } = self;
        for (at, fields) in record.rows.iter().enumerate() {
            rows.int(signed(record.n));
            rows.int(signed(at as u64 + 1));
            place(rows, record.final_url.as_deref().unwrap_or(&record.url), record);
            for (name, value) in fields {
                typed(rows, name, value, columns, scratch);
            }
            rows.end();
        }
    }
}

/// Where and when: the columns that every typed table has.
fn place(rows: &mut Rows, url: &str, record: &Record) {
    rows.text_or_null(url);
    match record.timings.started_unix_us {
        0 => rows.null(),
        us => rows.moment(signed(us)),
    }
}

/// Appends a field as a pair of its column and its value, if it has one.
fn typed(
    rows: &mut Rows,
    name: &Arc<str>,
    value: &FieldValue,
    columns: &mut JobColumns,
    scratch: &mut Vec<u8>,
) {
    let Some(kind) = job_kind_of(value) else { return };
    let Some(at) = columns.place(Origin::Field, name, kind) else { return };
    rows.int(i64::try_from(at).expect("columns are few"));
    match value {
        FieldValue::Bool(flag) => rows.flag(*flag),
        FieldValue::List(_) => {
            scratch.clear();
            json::value(scratch, &Value::Extracted(value));
            rows.json(scratch);
        }
        FieldValue::Text(text) => rows.text(text.as_bytes()),
        other => match number_of(other, scratch) {
            Some(digits) => rows.number(digits),
            None => rows.null(),
        },
    }
}

/// As the column `type` of `field` says it.
fn type_of(value: &FieldValue) -> &'static str {
    match value {
        FieldValue::Null => "null",
        FieldValue::Bool(_) => "bool",
        FieldValue::Int(_) => "int",
        FieldValue::Decimal(_) => "decimal",
        FieldValue::Text(_) => "text",
        FieldValue::List(_) => "list",
    }
}

fn job_kind_of(value: &FieldValue) -> Option<JobKind> {
    match value {
        FieldValue::Null => None,
        FieldValue::Bool(_) => Some(JobKind::Flag),
        FieldValue::Int(_) => Some(JobKind::Number),
        FieldValue::Decimal(digits) => is_decimal(digits).then_some(JobKind::Number),
        FieldValue::Text(_) => Some(JobKind::Text),
        FieldValue::List(_) => Some(JobKind::List),
    }
}

/// The digits of a number.
fn number_of<'a>(value: &'a FieldValue, scratch: &'a mut Vec<u8>) -> Option<&'a [u8]> {
    match value {
        FieldValue::Int(number) => {
            scratch.clear();
            scratch.extend_from_slice(number.to_string().as_bytes());
            Some(scratch)
        }
        FieldValue::Decimal(digits) if is_decimal(digits) => Some(digits.as_bytes()),
        _ => None,
    }
}

/// Whether a text is a decimal number that both databases read alike: `1299.00`, `-0.5`. At most
/// 1,000 digits, which PostgreSQL's numeric holds on either side of the point.
fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    digits.len() <= 1000 && all_digits(whole) && all_digits(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::cells::Cell;
    use crate::fields::Fields;
    use crate::samples::https_page;

    fn group_of(record: &Record, fields: &str) -> Group {
        let fields =
            if fields.is_empty() { Fields::default() } else { Fields::parse(fields).unwrap() };
        let mut group = Group::default();
        let (mut job, mut rows) = (JobColumns::default(), JobColumns::default());
        group.add(record, &Plan::new(&fields), &mut job, &mut rows);
        group
    }

    fn shown(rows: &Rows) -> Vec<String> {
        let cell = |cell: Cell<'_>| match cell {
            Cell::Text(text) | Cell::Json(text) | Cell::Number(text) => {
                String::from_utf8_lossy(text).into_owned()
            }
            other => format!("{other:?}"),
        };
        rows.iter().map(|row| row.map(cell).collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn a_record_is_read_back_as_it_was_written() {
        let group = group_of(
            &https_page(),
            "url,remote_ip,started_at,time_total,tls,tls.san,chain,attempts",
        );
        let expected = "Int(17) https://a.example/p/17 a.example ok Ip(203.0.113.217) Int(1) \
            Moment(1795255200123456) Real(0.151) 1.3 Moment(1800000000000000) \
            [\"a.example\",\"*.a.example\"] \
            [{\"url\":\"https://a.example/p/17\",\"status_code\":301}]";
        assert_eq!(shown(&group.records), [expected]);
    }

    #[test]
    fn extracted_fields_are_typed() {
        let mut record = https_page();
        let decimal = |text: &str| FieldValue::Decimal(text.into());
        record.fields = Some(Box::new(vec![
            ("price".into(), decimal("1299.00")),
            ("price".into(), decimal("1")),
            ("odd".into(), decimal("1e5")),
            ("stock".into(), FieldValue::Int(-3)),
            ("sold".into(), FieldValue::Bool(true)),
            ("name".into(), FieldValue::Text("a".into())),
            ("all".into(), FieldValue::List(vec![FieldValue::Int(1), decimal("2.5")])),
            ("none".into(), FieldValue::Null),
        ]));
        let group = group_of(&record, "");
        assert_eq!(
            shown(&group.fields),
            [
                "Int(17) price decimal 1299.00 1299.00",
                "Int(17) odd decimal 1e5 Null",
                "Int(17) stock int -3 -3",
                "Int(17) sold bool true Null",
                "Int(17) name text a Null",
                "Int(17) all list [1,\"2.5\"] Null",
                "Int(17) none null Null Null",
            ]
        );
        let row = group.job.iter().next().unwrap();
        let cells: Vec<String> = {
            let mut row = row;
            row.by_ref().take(3).for_each(drop);
            row
        }
        .job_cells()
        .map(|(at, cell)| match cell {
            Cell::Text(text) | Cell::Json(text) | Cell::Number(text) => {
                format!("{at}:{}", String::from_utf8_lossy(text))
            }
            other => format!("{at}:{other:?}"),
        })
        .collect();
        let expected =
            ["0:1299.00", "0:1", "1:-3", "2:Flag(true)", "3:a", "4:[1,\"2.5\"]", "5:A17"];
        assert_eq!(cells, expected);
    }

    #[test]
    fn bodies_are_kept_once_asked_for_and_named_by_their_hash() {
        let mut record = https_page();
        record.body = Some(Bytes::from_static(b"ab"));
        assert!(group_of(&record, "").bodies.is_empty());
        let group = group_of(&record, "+body");
        let sha256 = "fb8e20fc2e4c3f248c60c39bd652f3c1347298bb977b8b4d5903b85055620603";
        assert_eq!(group.bodies[0].sha256, sha256);
        assert!(shown(&group.records)[0].contains(sha256));
    }

    #[test]
    fn a_group_is_bounded_and_holds_a_number_once() {
        let mut group = Group::default();
        let (plan, mut job) = (Plan::new(&Fields::default()), JobColumns::default());
        let mut rows = JobColumns::default();
        let mut record = https_page();
        while !group.must_go_before(&record) {
            group.add(&record, &plan, &mut job, &mut rows);
            record.n += 1;
        }
        let bytes = group.records.bytes() + group.job.bytes();
        assert!((GROUP_BYTES_MAX..GROUP_BYTES_MAX + 2000).contains(&bytes), "{bytes}");
        group.clear();
        assert!(group.is_empty() && !group.must_go_before(&record));
        group.add(&record, &plan, &mut job, &mut rows);
        assert!(group.must_go_before(&record));
    }
}
