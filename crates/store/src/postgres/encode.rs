//! Cells in PostgreSQL's binary form, as COPY takes them.

use std::borrow::Cow;
use std::error::Error;
use std::net::IpAddr;

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{IsNull, ToSql, Type};

use crate::database::Cell;

/// 2000-01-01, from which PostgreSQL counts, in microseconds since 1970.
const EPOCH_US: i64 = 946_684_800_000_000;

/// A cell on its way.
#[derive(Debug)]
pub(super) struct Encoded<'a>(pub(super) Cell<'a>);

impl ToSql for Encoded<'_> {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self.0 {
            Cell::Null => return Ok(IsNull::Yes),
            Cell::Int(number) => out.put_i64(number),
            Cell::Real(number) => out.put_f64(number),
            Cell::Flag(flag) => out.put_u8(flag.into()),
            Cell::Moment(us) => out.put_i64(us.saturating_sub(EPOCH_US)),
            Cell::Text(text) => out.put_slice(&without_nul(text)),
            Cell::Json(json) if *kind == Type::JSONB => {
                out.put_u8(1);
                out.put_slice(&without_escaped_nul(json));
            }
            Cell::Json(json) => out.put_slice(json),
            Cell::Number(digits) => numeric(digits, out),
            Cell::Ip(ip) => inet(ip, out),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    tokio_postgres::types::to_sql_checked!();
}

/// PostgreSQL has no NUL in texts: it becomes U+FFFD.
fn without_nul(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&0) {
        return Cow::Borrowed(text);
    }
    let parts: Vec<&[u8]> = text.split(|byte| *byte == 0).collect();
    Cow::Owned(parts.join("\u{fffd}".as_bytes()))
}

/// Nor has jsonb: there it is an escape.
fn without_escaped_nul(json: &[u8]) -> Cow<'_, [u8]> {
    const NUL: &[u8] = b"\\u0000";
    if !json.windows(NUL.len()).any(|part| part == NUL) {
        return Cow::Borrowed(json);
    }
    let (mut clean, mut rest) = (Vec::with_capacity(json.len()), json);
    while let Some(&byte) = rest.first() {
        // A backslash takes the next byte with it, so that `\\u0000` stays what it is.
        let (part, len): (&[u8], usize) = if rest.starts_with(NUL) {
            (b"\\ufffd", NUL.len())
        } else {
            let len = if byte == b'\\' { rest.len().min(2) } else { 1 };
            (&rest[..len], len)
        };
        clean.extend_from_slice(part);
        rest = &rest[len..];
    }
    Cow::Owned(clean)
}

/// Family, bits, whether it is a network, length, address.
fn inet(ip: IpAddr, out: &mut BytesMut) {
    match ip {
        IpAddr::V4(ip) => {
            out.put_slice(&[2, 32, 0, 4]);
            out.put_slice(&ip.octets());
        }
        IpAddr::V6(ip) => {
            out.put_slice(&[3, 128, 0, 16]);
            out.put_slice(&ip.octets());
        }
    }
}

/// Digits to the base of 10,000: how many, the first one's weight, sign, digits behind the point.
fn numeric(digits: &[u8], out: &mut BytesMut) {
    let (negative, digits) = match digits.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, digits),
    };
    let point = digits.iter().position(|byte| *byte == b'.').unwrap_or(digits.len());
    let (whole, fraction) = (&digits[..point], digits.get(point + 1..).unwrap_or_default());
    let of =
        |group: &[u8]| group.iter().fold(0i16, |sum, digit| sum * 10 + i16::from(digit - b'0'));
    let mut groups: Vec<i16> = whole.rchunks(4).rev().map(of).collect();
    let mut weight = short(groups.len()) - 1;
    for group in fraction.chunks(4) {
        let padding = 10i16.pow(4 - u32::try_from(group.len()).expect("at most four"));
        groups.push(of(group) * padding);
    }
    let leading = groups.iter().take_while(|group| **group == 0).count();
    groups.drain(..leading);
    weight -= short(leading);
    while groups.last() == Some(&0) {
        groups.pop();
    }
    let is_zero = groups.is_empty();
    out.put_i16(short(groups.len()));
    out.put_i16(if is_zero { 0 } else { weight });
    out.put_u16(if negative && !is_zero { 0x4000 } else { 0 });
    out.put_i16(short(fraction.len()));
    groups.into_iter().for_each(|group| out.put_i16(group));
}

fn short(count: usize) -> i16 {
    i16::try_from(count).expect("a number of at most 1,000 digits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_form_of_numeric() {
        let encoded = |digits: &str| {
            let mut out = BytesMut::new();
            numeric(digits.as_bytes(), &mut out);
            let shorts: Vec<i16> =
                out.chunks(2).map(|pair| i16::from_be_bytes([pair[0], pair[1]])).collect();
            shorts
        };
        let cases: [(&str, &[i16]); 9] = [
            ("0", &[0, 0, 0, 0]),
            ("-0.00", &[0, 0, 0, 2]),
            ("1", &[1, 0, 0, 0, 1]),
            ("1299.00", &[1, 0, 0, 2, 1299]),
            ("-12.5", &[2, 0, 0x4000, 1, 12, 5000]),
            ("10000", &[1, 1, 0, 0, 1]),
            ("0012345678.9", &[3, 1, 0, 1, 1234, 5678, 9000]),
            ("0.0001", &[1, -1, 0, 4, 1]),
            ("0.00000001", &[1, -2, 0, 8, 1]),
        ];
        for (digits, expected) in cases {
            assert_eq!(encoded(digits), expected, "{digits}");
        }
    }

    #[test]
    fn nul_is_replaced() {
        let text = |text: &str| String::from_utf8(without_nul(text.as_bytes()).into()).unwrap();
        assert_eq!(text("a\0b\0"), "a\u{fffd}b\u{fffd}");
        assert_eq!(text("ab"), "ab");
        let json =
            |json: &str| String::from_utf8(without_escaped_nul(json.as_bytes()).into()).unwrap();
        assert_eq!(json(r#"{"a":"\u0000b\\u0000\"\u0000"}"#), r#"{"a":"\ufffdb\\u0000\"\ufffd"}"#);
        assert_eq!(json(r#"["\u0001"]"#), r#"["\u0001"]"#);
    }
}
