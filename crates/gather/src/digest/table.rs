//! Records as a table: grouped by a member, with `min(price)`, `avg(price)` or `count()` of each.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use gather_core::{HostKey, Record};
use gather_store::{Field, member_text};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Serialize;
use url::Url;

use super::CELL_CHARS_MAX;
use super::quantiles::Quantiles;
use super::sort::Sort;
use crate::human;

/// Groups that are told apart; the records of others are counted together.
pub const GROUPS_MAX: usize = 10_000;
/// Digits after the point of a mean.
const MEAN_DIGITS: u32 = 6;

/// How records become a table.
#[derive(Clone, Debug, Default)]
pub struct TableSpec {
    /// One row for each value of this; one row for all if `None`.
    pub group_by: Option<Group>,
    /// The columns behind it; a count if there are none.
    pub columns: Vec<Aggregate>,
}

/// What records are grouped by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Group {
    /// The host of the URL asked for.
    Host,
    /// A member: `status_code`, `error.kind`, `tags.sku`, `fields.currency`.
    Member(Field),
    /// An extracted field of this name, else a tag of it.
    Named(Box<str>),
}

/// A function over one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aggregate {
    function: Function,
    of: Option<Group>,
    /// As written.
    text: Box<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    Count,
    Min,
    Max,
    Avg,
    Sum,
    Quantile(u8),
    First,
    Last,
}

/// A finished table.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Table {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Cells, as many to a row as there are columns.
    pub rows: Vec<Vec<String>>,
    /// Values that were no numbers where numbers were to be computed with.
    pub not_numbers: u64,
    /// Records of groups beyond the limit.
    pub beyond: u64,
}

/// Why a grouping or an aggregate cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableError(String);

impl TableError {
    pub(super) fn new(message: String) -> Self {
        Self(message)
    }
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TableError {}

impl FromStr for Group {
    type Err = TableError;

    fn from_str(text: &str) -> Result<Self, TableError> {
        match text.trim() {
            "" => Err(TableError("no member is named; hint: for example host".to_owned())),
            "host" => Ok(Self::Host),
            name => {
                Ok(Field::from_name(name).map_or_else(|| Self::Named(name.into()), Self::Member))
            }
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("host"),
            Self::Member(field) => f.write_str(&field.name()),
            Self::Named(name) => f.write_str(name),
        }
    }
}

impl Group {
    /// Its value in a record.
    pub(crate) fn text(&self, record: &Record) -> Option<String> {
        match self {
            Self::Host => Some(host_of(record)),
            // A field may be called as a member is: `title`.
            Self::Member(field) => member_text(record, field)
                .or_else(|| member_text(record, &Field::Extracted(field.name().into()))),
            Self::Named(name) => member_text(record, &Field::Extracted((**name).into()))
                .or_else(|| member_text(record, &Field::Tag((**name).into()))),
        }
    }
}

/// The host of the URL asked for, with its port where it is not the usual one.
pub(super) fn host_of(record: &Record) -> String {
    let Some(key) = Url::parse(&record.url).ok().and_then(|url| HostKey::of(&url)) else {
        return String::new();
    };
    match key.port() == key.scheme().default_port() {
        true => key.host().to_owned(),
        false => format!("{}:{}", key.host(), key.port()),
    }
}

impl FromStr for Aggregate {
    type Err = TableError;

    fn from_str(text: &str) -> Result<Self, TableError> {
        let text = text.trim();
        let wrong = |why: &str| {
            TableError(format!(
                "'{text}' {why}; hint: write for example count(), min(price), avg(time_total), \
                 p95(time_total)"
            ))
        };
        let (name, of) = text
            .strip_suffix(')')
            .and_then(|text| text.split_once('('))
            .ok_or_else(|| wrong("is no function of a member"))?;
        let function = match name.trim() {
            "count" => Function::Count,
            "min" => Function::Min,
            "max" => Function::Max,
            "avg" | "mean" => Function::Avg,
            "sum" => Function::Sum,
            "first" => Function::First,
            "last" => Function::Last,
            name => match name.strip_prefix('p').and_then(|part| part.parse::<u8>().ok()) {
                Some(part @ 1..=100) => Function::Quantile(part),
                _ => {
                    return Err(wrong(
                        "is not known: there are count, min, max, avg, sum, first, last and p1 to \
                         p100",
                    ));
                }
            },
        };
        let of = match of.trim() {
            "" if function == Function::Count => None,
            "" => return Err(wrong("names no member")),
            of => Some(of.parse()?),
        };
        Ok(Self { function, of, text: text.into() })
    }
}

impl TableSpec {
    /// Reads `--group-by` and `--agg`, a list of functions.
    ///
    /// # Errors
    /// What of them cannot be read.
    pub fn parse(group_by: Option<&str>, aggregates: &str) -> Result<Self, TableError> {
        let group_by = group_by.map(str::parse).transpose()?;
        // Commas within brackets belong to no list.
        let columns = aggregates.split(',').filter(|part| !part.trim().is_empty());
        Ok(Self { group_by, columns: columns.map(str::parse).collect::<Result<_, _>>()? })
    }

    /// Whether one of its columns is called so.
    pub(super) fn has_column(&self, name: &str) -> bool {
        self.columns.iter().any(|column| *column.text == *name)
            || (self.columns.is_empty() && name == "count()")
    }
}

/// A table being filled.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    spec: TableSpec,
    sort: Option<Sort>,
    groups: BTreeMap<String, Vec<Cell>>,
    not_numbers: u64,
    beyond: u64,
}

#[derive(Clone, Debug, Default)]
struct Cell {
    count: u64,
    sum: Decimal,
    min: Option<Decimal>,
    max: Option<Decimal>,
    first: Option<String>,
    last: Option<String>,
    quantiles: Quantiles,
}

impl Rows {
    pub(super) fn new(mut spec: TableSpec, sort: Option<Sort>) -> Self {
        if spec.columns.is_empty() {
            let count = Aggregate { function: Function::Count, of: None, text: "count()".into() };
            spec.columns.push(count);
        }
        Self { spec, sort, groups: BTreeMap::new(), not_numbers: 0, beyond: 0 }
    }

    /// Adds a record; where the table is about fields of its rows, each of these instead.
    pub(super) fn add(&mut self, record: &Record) {
        if !self.is_about_rows(record) {
            return self.add_one(record);
        }
        let page = record.fields.as_deref().map_or(&[][..], Vec::as_slice);
        let mut row = Record { rows: Vec::new(), body: None, ..record.clone() };
        for fields in &record.rows {
            // Of two of one name the first counts: a row's own stands before its page's.
            row.fields = Some(Box::new(fields.iter().chain(page).cloned().collect()));
            self.add_one(&row);
        }
    }

    /// Whether a group or a function names what rows have.
    fn is_about_rows(&self, record: &Record) -> bool {
        let Some(row) = record.rows.first() else { return false };
        let columns = self.spec.columns.iter().filter_map(|column| column.of.as_ref());
        self.spec.group_by.iter().chain(columns).any(|of| match of {
            Group::Named(name) => row.iter().any(|(field, _)| **field == **name),
            Group::Member(Field::Extracted(name)) => row.iter().any(|(field, _)| field == name),
            Group::Member(_) | Group::Host => false,
        })
    }

    fn add_one(&mut self, record: &Record) {
        let group = match &self.spec.group_by {
            Some(group) => group.text(record).unwrap_or_default(),
            None => String::new(),
        };
        if self.groups.len() >= GROUPS_MAX && !self.groups.contains_key(&group) {
            self.beyond += 1;
            return;
        }
        let width = self.spec.columns.len();
        let cells = self.groups.entry(group).or_insert_with(|| vec![Cell::default(); width]);
        for (cell, column) in cells.iter_mut().zip(&self.spec.columns) {
            let Some(of) = &column.of else {
                cell.count += 1;
                continue;
            };
            if let Some(text) = of.text(record).filter(|text| !text.is_empty())
                && !cell.add(column.function, text)
            {
                self.not_numbers += 1;
            }
        }
    }

    pub(super) fn table(&self) -> Table {
        let group = self.spec.group_by.iter().map(ToString::to_string);
        let names = self.spec.columns.iter().map(|column| column.text.to_string());
        let row = |(group, cells): (&String, &Vec<Cell>)| {
            let head = self.spec.group_by.is_some().then(|| group.clone());
            let cells = cells.iter().zip(&self.spec.columns);
            head.into_iter().chain(cells.map(|(cell, column)| cell.text(column.function))).collect()
        };
        let columns: Vec<String> = group.chain(names).collect();
        let mut rows: Vec<Vec<String>> = self.groups.iter().map(row).collect();
        if let Some(sort) = &self.sort
            && let Some(at) = sort.column_of(&columns)
        {
            // Stable: of equals by the name of the group.
            rows.sort_by_cached_key(|row| sort.rank(row.get(at).map(String::as_str)));
        }
        Table { columns, rows, not_numbers: self.not_numbers, beyond: self.beyond }
    }
}

impl Cell {
    /// Adds a value; false if it had to be a number and is none.
    fn add(&mut self, function: Function, text: String) -> bool {
        match function {
            Function::Count => {}
            Function::First => {
                self.first.get_or_insert_with(|| human::clipped(&text, CELL_CHARS_MAX));
            }
            Function::Last => self.last = Some(human::clipped(&text, CELL_CHARS_MAX)),
            Function::Min
            | Function::Max
            | Function::Avg
            | Function::Sum
            | Function::Quantile(_) => {
                let Ok(number) = Decimal::from_str(text.trim()) else { return false };
                let Some(sum) = self.sum.checked_add(number) else { return false };
                self.sum = sum;
                self.min = Some(self.min.map_or(number, |min| min.min(number)));
                self.max = Some(self.max.map_or(number, |max| max.max(number)));
                if matches!(function, Function::Quantile(_)) {
                    self.quantiles.add(number.to_f64().unwrap_or_default());
                }
            }
        }
        self.count += 1;
        true
    }

    fn text(&self, function: Function) -> String {
        let number = |number: Option<Decimal>| number.map(|n| n.to_string()).unwrap_or_default();
        match function {
            Function::Count => self.count.to_string(),
            _ if self.count == 0 => String::new(),
            Function::Min => number(self.min),
            Function::Max => number(self.max),
            Function::Sum => number(Some(self.sum)),
            Function::Avg => {
                let mean = self.sum / Decimal::from(self.count);
                number(Some(mean.round_dp(MEAN_DIGITS).normalize()))
            }
            Function::Quantile(part) => {
                let value = self.quantiles.at(f64::from(part) / 100.0);
                format!("{value:.3}")
            }
            Function::First => self.first.clone().unwrap_or_default(),
            Function::Last => self.last.clone().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use gather_core::{FieldValue, Outcome};

    use super::*;

    fn record(url: &str, price: &str) -> Record {
        let mut record = Record::new(0, Outcome::Ok);
        record.url = url.into();
        record.status_code = 200;
        record.tags = Some(Box::new(vec![("name".into(), "acme".into())]));
        if !price.is_empty() {
            let price = FieldValue::Decimal(price.into());
            record.fields = Some(Box::new(vec![("price".into(), price)]));
        }
        record
    }

    fn table(group_by: Option<&str>, aggregates: &str) -> String {
        let spec = TableSpec::parse(group_by, aggregates).unwrap_or_else(|e| panic!("{e}"));
        let mut rows = Rows::new(spec, None);
        for (url, price) in [
            ("https://a.example/1", "0.10"),
            ("https://a.example/2", "0.20"),
            ("https://b.example:8443/1", "1299.00"),
            ("https://b.example:8443/2", ""),
            ("https://a.example/3", "n/a"),
        ] {
            rows.add(&record(url, price));
        }
        let table = rows.table();
        let rows: Vec<String> = table.rows.iter().map(|row| row.join("|")).collect();
        format!("{} / {} / {}", table.columns.join("|"), rows.join(" "), table.not_numbers)
    }

    #[test]
    fn groups_and_functions() {
        let check = |group_by, aggregates, expected: &str| {
            assert_eq!(table(group_by, aggregates), expected, "{group_by:?} {aggregates}");
        };
        // Exactly: no binary fractions.
        check(
            Some("host"),
            "min(price),max(price),avg(price),sum(price),count()",
            "host|min(price)|max(price)|avg(price)|sum(price)|count() / \
             a.example|0.10|0.20|0.15|0.30|3 b.example:8443|1299.00|1299.00|1299|1299.00|2 / 4",
        );
        check(None, "", "count() / 5 / 0");
        check(None, "count(price)", "count(price) / 4 / 0");
        check(
            Some("status_code"),
            "first(price),last(price)",
            "status_code|first(price)|last(price) / 200|0.10|n/a / 0",
        );
        check(Some("name"), "count()", "name|count() / acme|5 / 0");
        check(Some("nothing"), "count()", "nothing|count() / |5 / 0");
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let check = |aggregates, part: &str| {
            let error = TableSpec::parse(None, aggregates).expect_err(aggregates).to_string();
            assert!(error.contains(part), "{aggregates}: {error}");
        };
        check("price", "'price' is no function of a member");
        check("median(price)", "is not known");
        check("p0(price)", "is not known");
        check("min()", "names no member");
    }

    #[test]
    fn groups_beyond_the_limit_are_counted() {
        let mut rows = Rows::new(TableSpec::parse(Some("url"), "").unwrap(), None);
        for n in 0..GROUPS_MAX + 7 {
            rows.add(&record(&format!("https://a.example/{n}"), ""));
        }
        let table = rows.table();
        assert_eq!((table.rows.len(), table.beyond), (GROUPS_MAX, 7));
    }

    #[test]
    fn each_row_of_a_page_counts_where_the_table_is_about_rows() {
        let mut page = record("https://a.example/1", "7");
        let row = |price: &str, brand: &str| {
            let text = |text: &str| FieldValue::Text(text.into());
            vec![("price".into(), text(price)), ("brand".into(), text(brand))]
        };
        page.rows = vec![row("1.50", "x"), row("2.50", "y"), row("0.50", "x")];
        let table = |group_by: &str, aggregates: &str| {
            let mut rows = Rows::new(TableSpec::parse(Some(group_by), aggregates).unwrap(), None);
            rows.add(&page);
            rows.table().rows.iter().map(|row| row.join(" ")).collect::<Vec<_>>()
        };
        assert_eq!(table("brand", "count(),min(price)"), ["x 2 0.50", "y 1 2.50"]);
        assert_eq!(table("host", "sum(price),count(brand)"), ["a.example 4.50 3"]);
        assert_eq!(table("host", "count()"), ["a.example 1"]);
    }
}
