//! Rows as plain cells, one behind the other in one buffer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::database::columns::Kind;
use crate::json;
use crate::value::Value;

/// A larger body or text is not stored: databases take values of up to about 1 GB.
pub(crate) const VALUE_BYTES_MAX: usize = 512 << 20;

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

/// Rows of one table, one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

/// A count as databases hold it.
pub(crate) fn signed(number: u64) -> i64 {
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

    /// Bytes that they take, the one being written included.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Takes back what was written since it had so many bytes.
    pub(crate) fn truncate(&mut self, bytes: usize) {
        self.bytes.truncate(bytes);
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// The rows, each as its cells.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Cells<'_>> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| Cells(&self.bytes[start..*end]))
    }

    pub(crate) fn end(&mut self) {
        self.ends.push(self.bytes.len());
    }

    pub(crate) fn null(&mut self) {
        self.bytes.push(NULL);
    }

    pub(crate) fn int(&mut self, number: i64) {
        self.bytes.push(INT);
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    pub(crate) fn flag(&mut self, flag: bool) {
        self.bytes.push(if flag { TRUE } else { FALSE });
    }

    pub(crate) fn moment(&mut self, us: i64) {
        self.bytes.push(MOMENT);
        self.bytes.extend_from_slice(&us.to_le_bytes());
    }

    pub(crate) fn text(&mut self, text: &[u8]) {
        self.tagged(TEXT, text);
    }

    pub(crate) fn text_or_null(&mut self, text: &str) {
        if text.is_empty() { self.null() } else { self.text(text.as_bytes()) }
    }

    pub(crate) fn json(&mut self, json: &[u8]) {
        self.tagged(JSON, json);
    }

    pub(crate) fn number(&mut self, digits: &[u8]) {
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

    pub(crate) fn value(&mut self, value: &Value<'_>, kind: Kind, scratch: &mut Vec<u8>) {
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
