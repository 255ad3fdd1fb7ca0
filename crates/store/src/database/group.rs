//! The rows in hand: records as plain cells in one buffer, until the database has committed them.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::Bytes;
use gather_core::{FieldValue, Outcome, Record};
use sha2::{Digest, Sha256};

use crate::database::columns::{Bodies, Kind, Plan};
use crate::database::job::{JobColumns, JobKind, Origin};
use crate::json;
use crate::value::Value;

/// Bytes in hand beyond which they are written without waiting for the commit.
const GROUP_BYTES_MAX: usize = 4 << 20;
/// A larger body or text is not stored: databases take values of up to about 1 GB.
const VALUE_BYTES_MAX: usize = 512 << 20;

/// One value of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cell<'a> {
    Null,
    Int(i64),
    /// Seconds.
    Real(f64),
    Flag(bool),
    Text(&'a [u8]),
    Json(&'a [u8]),
    /// A decimal number as digits: `-12.50`.
    Number(&'a [u8]),
    Ip(IpAddr),
    /// Microseconds since 1970.
    Moment(i64),
}

/// A cell of a job's table: which of its columns, and the value.
pub(crate) type JobCell<'a> = (usize, Cell<'a>);

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

/// Rows of one table, one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    bytes: Vec<u8>,
    ends: Vec<usize>,
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
        let bytes = self.records.bytes.len()
            + self.fields.bytes.len()
            + self.job.bytes.len()
            + self.body_bytes;
        bytes >= GROUP_BYTES_MAX || self.numbers.contains(&record.n)
    }

    /// Whether nothing is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.records.ends.is_empty()
    }

    /// Forgets everything: it was committed.
    pub(crate) fn clear(&mut self) {
        for rows in [&mut self.records, &mut self.fields, &mut self.job] {
            rows.bytes.clear();
            rows.ends.clear();
        }
        self.bodies.clear();
        self.numbers.clear();
        self.counts = Counts::default();
        self.body_bytes = 0;
    }

    /// Adds a record.
    pub(crate) fn add(&mut self, record: &Record, plan: &Plan, job: &mut JobColumns) {
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
        let before = self.job.bytes.len();
        let rows = &mut self.job;
        rows.int(signed(record.n));
        rows.text_or_null(&record.url);
        match record.timings.started_unix_us {
            0 => rows.null(),
            us => rows.moment(signed(us)),
        }
        let head = rows.bytes.len();
        for (name, value) in record.fields.iter().flat_map(|fields| fields.iter()) {
            let Some(kind) = job_kind_of(value).filter(|_| plan.has_field(name)) else { continue };
            let Some(at) = job.place(Origin::Field, name, kind) else { continue };
            rows.int(i64::try_from(at).expect("columns are few"));
            match value {
                FieldValue::Bool(flag) => rows.flag(*flag),
                FieldValue::List(_) => {
                    self.scratch.clear();
                    json::value(&mut self.scratch, &Value::Extracted(value));
                    rows.json(&self.scratch);
                }
                FieldValue::Text(text) => rows.text(text.as_bytes()),
                other => match number_of(other, &mut self.scratch) {
                    Some(digits) => rows.number(digits),
                    None => rows.null(),
                },
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
        if rows.bytes.len() == head {
            rows.bytes.truncate(before);
        } else {
            rows.end();
        }
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

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

const NULL: u8 = 0;
const INT: u8 = 1;
const REAL: u8 = 2;
const FALSE: u8 = 3;
const TRUE: u8 = 4;
const TEXT: u8 = 5;
const JSON: u8 = 6;
const NUMBER: u8 = 7;
const IP4: u8 = 8;
const IP6: u8 = 9;
const MOMENT: u8 = 10;

impl Rows {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The rows, each as its cells.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Cells<'_>> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| Cells(&self.bytes[start..*end]))
    }

    fn end(&mut self) {
        self.ends.push(self.bytes.len());
    }

    fn null(&mut self) {
        self.bytes.push(NULL);
    }

    fn int(&mut self, number: i64) {
        self.bytes.push(INT);
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    fn flag(&mut self, flag: bool) {
        self.bytes.push(if flag { TRUE } else { FALSE });
    }

    fn moment(&mut self, us: i64) {
        self.bytes.push(MOMENT);
        self.bytes.extend_from_slice(&us.to_le_bytes());
    }

    fn text(&mut self, text: &[u8]) {
        self.tagged(TEXT, text);
    }

    fn text_or_null(&mut self, text: &str) {
        if text.is_empty() { self.null() } else { self.text(text.as_bytes()) }
    }

    fn json(&mut self, json: &[u8]) {
        self.tagged(JSON, json);
    }

    fn number(&mut self, digits: &[u8]) {
        self.tagged(NUMBER, digits);
    }

    fn tagged(&mut self, tag: u8, bytes: &[u8]) {
        if bytes.len() > VALUE_BYTES_MAX {
            return self.null();
        }
        let len = u32::try_from(bytes.len()).expect("less than the limit");
        self.bytes.push(tag);
        self.bytes.extend_from_slice(&len.to_le_bytes());
        self.bytes.extend_from_slice(bytes);
    }

    fn value(&mut self, value: &Value<'_>, kind: Kind, scratch: &mut Vec<u8>) {
        match value {
            Value::Word(word) => self.text(word.as_bytes()),
            Value::Text(text) => self.text(text.as_bytes()),
            Value::Count(count) => self.int(signed(*count)),
            Value::Seconds(us) => {
                // Microseconds up to 2^53 are exact in a double.
                self.bytes.push(REAL);
                self.bytes.extend_from_slice(&(*us as f64 / 1e6).to_le_bytes());
            }
            Value::Flag(flag) => self.flag(*flag),
            Value::Ip(IpAddr::V4(ip)) => {
                self.bytes.push(IP4);
                self.bytes.extend_from_slice(&ip.octets());
            }
            Value::Ip(IpAddr::V6(ip)) => {
                self.bytes.push(IP6);
                self.bytes.extend_from_slice(&ip.octets());
            }
            Value::Moment(us) => self.moment(signed(*us)),
            Value::Date(s) => self.moment(s.saturating_mul(1_000_000)),
            Value::Json(json) => self.json(json.as_bytes()),
            other => {
                scratch.clear();
                json::plain(scratch, other);
                let tag = if matches!(kind, Kind::Json | Kind::ForeignJson) { JSON } else { TEXT };
                self.tagged(tag, scratch);
            }
        }
    }
}

/// The cells of one row, read from the left.
#[derive(Clone, Debug)]
pub(crate) struct Cells<'a>(&'a [u8]);

impl<'a> Cells<'a> {
    /// What is left as cells of a job's table.
    pub(crate) fn job_cells(mut self) -> impl Iterator<Item = JobCell<'a>> {
        std::iter::from_fn(move || match (self.next()?, self.next()?) {
            (Cell::Int(at), cell) => Some((usize::try_from(at).ok()?, cell)),
            _ => None,
        })
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let (bytes, rest) = self.0.split_first_chunk().expect("a cell is written whole");
        self.0 = rest;
        *bytes
    }

    fn counted(&mut self) -> &'a [u8] {
        let len = u32::from_le_bytes(self.bytes()) as usize;
        let (bytes, rest) = self.0.split_at(len);
        self.0 = rest;
        bytes
    }
}

impl<'a> Iterator for Cells<'a> {
    type Item = Cell<'a>;

    fn next(&mut self) -> Option<Cell<'a>> {
        let (tag, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(match *tag {
            INT => Cell::Int(i64::from_le_bytes(self.bytes())),
            REAL => Cell::Real(f64::from_le_bytes(self.bytes())),
            FALSE => Cell::Flag(false),
            TRUE => Cell::Flag(true),
            TEXT => Cell::Text(self.counted()),
            JSON => Cell::Json(self.counted()),
            NUMBER => Cell::Number(self.counted()),
            IP4 => Cell::Ip(Ipv4Addr::from(self.bytes::<4>()).into()),
            IP6 => Cell::Ip(Ipv6Addr::from(self.bytes::<16>()).into()),
            MOMENT => Cell::Moment(i64::from_le_bytes(self.bytes())),
            _ => Cell::Null,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::Fields;
    use crate::samples::https_page;

    fn group_of(record: &Record, fields: &str) -> Group {
        let fields =
            if fields.is_empty() { Fields::default() } else { Fields::parse(fields).unwrap() };
        let mut group = Group::default();
        group.add(record, &Plan::new(&fields), &mut JobColumns::default());
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
        let mut record = https_page();
        while !group.must_go_before(&record) {
            group.add(&record, &plan, &mut job);
            record.n += 1;
        }
        let bytes = group.records.bytes.len() + group.job.bytes.len();
        assert!((GROUP_BYTES_MAX..GROUP_BYTES_MAX + 2000).contains(&bytes), "{bytes}");
        group.clear();
        assert!(group.is_empty() && !group.must_go_before(&record));
        group.add(&record, &plan, &mut job);
        assert!(group.must_go_before(&record));
    }
}
