//! What the rows of a report are sorted by.

use std::cmp::Reverse;
use std::str::FromStr;

use gather_core::Record;
use rust_decimal::Decimal;

use super::table::{Group, TableError, TableSpec};

/// A column, and which end of it comes first: `price`, `-price`, `-avg(price)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sort {
    /// As it is called.
    column: Box<str>,
    /// Of records; `None` if it is a column of groups alone.
    member: Option<Group>,
    direction: Direction,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

/// Where a value stands: numbers, then texts, then what has none, in either direction.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Number(Decimal),
    NumberDown(Reverse<Decimal>),
    Text(String),
    TextDown(Reverse<String>),
    Missing,
}

impl Sort {
    /// Reads `--sort`; a leading `-` is downwards.
    ///
    /// # Errors
    /// When it is a function that is no column of the table, or nothing at all.
    pub fn parse(text: &str, table: Option<&TableSpec>) -> Result<Self, TableError> {
        let (column, direction) = match text.trim().strip_prefix('-') {
            Some(column) => (column.trim(), Direction::Down),
            None => (text.trim(), Direction::Up),
        };
        let member = match column.contains('(') {
            false => Some(column.parse()?),
            true if table.is_some_and(|table| table.has_column(column)) => None,
            true => {
                return Err(TableError::new(format!(
                    "'{column}' is no column of the groups; hint: name it in --agg, too"
                )));
            }
        };
        Ok(Self { column: column.into(), member, direction })
    }

    /// Where a record stands among the rows of fields; all alike, if groups alone are sorted.
    pub(super) fn rank_of(&self, record: &Record) -> Rank {
        match &self.member {
            Some(member) => self.rank(member.text(record).as_deref()),
            None => Rank::Missing,
        }
    }

    /// Which of these columns it is.
    pub(super) fn column_of(&self, columns: &[String]) -> Option<usize> {
        columns.iter().position(|column| **column == *self.column)
    }

    /// Where a cell stands.
    pub(super) fn rank(&self, text: Option<&str>) -> Rank {
        let text = text.map(str::trim).filter(|text| !text.is_empty());
        let Some(text) = text else { return Rank::Missing };
        match (Decimal::from_str(text), self.direction) {
            (Ok(number), Direction::Up) => Rank::Number(number),
            (Ok(number), Direction::Down) => Rank::NumberDown(Reverse(number)),
            (Err(_), Direction::Up) => Rank::Text(text.to_owned()),
            (Err(_), Direction::Down) => Rank::TextDown(Reverse(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_before_texts_and_what_is_missing_last() {
        let sorted = |sort: &str| {
            let sort = Sort::parse(sort, None).expect("a member");
            let mut cells = ["b", "10", "", "9.50", "a", "-1"];
            cells.sort_by_key(|cell| sort.rank(Some(cell)));
            cells.join(" ")
        };
        assert_eq!(sorted("price"), "-1 9.50 10 a b ");
        assert_eq!(sorted("-price"), "10 9.50 -1 b a ");
    }

    #[test]
    fn a_function_must_be_a_column() {
        let table = TableSpec::parse(Some("host"), "avg(price)").expect("a table");
        assert!(Sort::parse("-avg(price)", Some(&table)).is_ok());
        assert!(Sort::parse("host", Some(&table)).is_ok());
        for (text, part) in [("max(price)", "no column"), ("-", "no member")] {
            let error = Sort::parse(text, Some(&table)).expect_err(text).to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
