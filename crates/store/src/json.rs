//! JSON by hand, straight into bytes: a record costs a fraction of a microsecond.

use std::io::Write;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use gather_core::attempt::{ChainLink, Headers};
use gather_core::{FieldValue, FieldValues};

use crate::value::Value;

/// Appends a value as JSON.
#[inline]
pub(crate) fn value(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Count(count) => uint(out, *count),
        Value::Seconds(us) => seconds(out, *us),
        Value::Text(text) => string(out, text),
        Value::Word(word) => quoted(out, |out| out.extend_from_slice(word.as_bytes())),
        Value::Moment(us) => quoted(out, |out| moment(out, *us)),
        Value::Ip(ip) => quoted(out, |out| address(out, *ip)),
        other => self::other(out, other),
    }
}

#[inline]
fn quoted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    write(out);
    out.push(b'"');
}

/// Appends a value as JSON that few records have.
fn other(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Count(_) | Value::Seconds(_) | Value::Flag(_) => plain(out, value),
        Value::Json(json) => out.extend_from_slice(json.as_bytes()),
        Value::Held(json) => out.extend_from_slice(json.as_bytes()),
        Value::Chain(chain) => list(out, chain, chain_link),
        Value::Names(names) => list(out, names, |out, name| string(out, name)),
        Value::Fields(fields) => object(out, named(fields), extracted),
        Value::Extracted(value) => extracted(out, value),
        Value::Tags(tags) => {
            object(out, tags.iter().map(|(name, value)| (&**name, value)), |out, v| string(out, v));
        }
        Value::Headers(all) => headers(out, all),
        Value::Text(text) => string(out, text),
        Value::Word(_)
        | Value::Base64(_)
        | Value::Hex(_)
        | Value::Ip(_)
        | Value::Moment(_)
        | Value::Date(_) => quoted(out, |out| plain(out, value)),
    }
}

/// Appends a value as JSON that tells a decimal from text: `{"d":"1299.00"}`. For our own spools.
pub(crate) fn value_with_decimals(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Fields(fields) => object(out, named(fields), extracted_with_decimals),
        Value::Extracted(value) => extracted_with_decimals(out, value),
        other => self::value(out, other),
    }
}

fn named(fields: &FieldValues) -> impl Iterator<Item = (&str, &FieldValue)> {
    fields.iter().map(|(name, value)| (&**name, value))
}

/// Appends a value as it stands in a cell or a line: without quotes; lists and objects as JSON.
pub(crate) fn plain(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Word(word) => out.extend_from_slice(word.as_bytes()),
        Value::Text(text) => out.extend_from_slice(text.as_bytes()),
        Value::Base64(bytes) => {
            let at = out.len();
            out.resize(at + bytes.len().div_ceil(3) * 4, 0);
            let written = BASE64.encode_slice(bytes, &mut out[at..]);
            debug_assert_eq!(written.ok(), Some(out.len() - at));
        }
        Value::Hex(bytes) => {
            for byte in *bytes {
                out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
        }
        Value::Count(count) => uint(out, *count),
        Value::Seconds(us) => seconds(out, *us),
        Value::Flag(flag) => out.extend_from_slice(if *flag { b"true" } else { b"false" }),
        Value::Ip(ip) => address(out, *ip),
        Value::Moment(us) => moment(out, *us),
        Value::Date(s) => {
            date_time(out, *s);
            out.push(b'Z');
        }
        Value::Extracted(value) => extracted_plain(out, value),
        Value::Held(json) => match serde_json::from_str::<String>(json) {
            Ok(text) => out.extend_from_slice(text.as_bytes()),
            Err(_) if *json == "null" => {}
            Err(_) => out.extend_from_slice(json.as_bytes()),
        },
        Value::Chain(_)
        | Value::Names(_)
        | Value::Fields(_)
        | Value::Tags(_)
        | Value::Headers(_)
        | Value::Json(_) => self::value(out, value),
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends a JSON string (RFC 8259 section 7).
pub(crate) fn string(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    out.reserve(rest.len() + 2);
    out.push(b'"');
    loop {
        let (clean, dirty) = rest.split_at(clean_bytes(rest));
        out.extend_from_slice(clean);
        let Some((&byte, after)) = dirty.split_first() else { break };
        rest = after;
        match ESCAPES[usize::from(byte)] {
            b'u' => {
                let low = HEX[usize::from(byte & 15)];
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', b'0' + (byte >> 4), low]);
            }
            escape => out.extend_from_slice(&[b'\\', escape]),
        }
    }
    out.push(b'"');
}

/// How many bytes at the beginning need no escape. Eight at a time: most strings need none at all.
fn clean_bytes(bytes: &[u8]) -> usize {
    let (words, _) = bytes.as_chunks::<8>();
    let clean = words.iter().take_while(|word| is_clean(u64::from_le_bytes(**word))).count() * 8;
    let rest = &bytes[clean..];
    let dirty = rest.iter().position(|byte| ESCAPES[usize::from(*byte)] != 0);
    clean + dirty.unwrap_or(rest.len())
}

/// Whether none of the eight bytes needs an escape (a borrow may doubt a clean one; never the
/// other way round).
const fn is_clean(word: u64) -> bool {
    const EACH: u64 = u64::MAX / 255;
    const fn has_zero(word: u64) -> u64 {
        word.wrapping_sub(EACH) & !word
    }
    let control = word.wrapping_sub(EACH * 0x20) & !word;
    let quote = has_zero(word ^ (EACH * b'"' as u64));
    let backslash = has_zero(word ^ (EACH * b'\\' as u64));
    (control | quote | backslash) & (EACH * 0x80) == 0
}

/// What follows the backslash for each byte; 0 where none is needed.
const ESCAPES: [u8; 256] = {
    let mut table = [0; 256];
    let mut control = 0;
    while control < 0x20 {
        table[control] = b'u';
        control += 1;
    }
    table[0x08] = b'b';
    table[0x09] = b't';
    table[0x0a] = b'n';
    table[0x0c] = b'f';
    table[0x0d] = b'r';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table
};

fn list<T>(out: &mut Vec<u8>, items: &[T], write: impl Fn(&mut Vec<u8>, &T)) {
    out.push(b'[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}

fn object<'a, T>(
    out: &mut Vec<u8>,
    members: impl Iterator<Item = (&'a str, T)>,
    write: impl Fn(&mut Vec<u8>, T),
) {
    out.push(b'{');
    for (at, (name, item)) in members.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        string(out, name);
        out.push(b':');
        write(out, item);
    }
    out.push(b'}');
}

/// A decimal is a string, so that no reader rounds it.
fn extracted(out: &mut Vec<u8>, value: &FieldValue) {
    match value {
        FieldValue::Null => out.extend_from_slice(b"null"),
        FieldValue::Bool(true) => out.extend_from_slice(b"true"),
        FieldValue::Bool(false) => out.extend_from_slice(b"false"),
        FieldValue::Int(number) => write!(out, "{number}").expect("a Vec takes all"),
        FieldValue::Decimal(text) | FieldValue::Text(text) => string(out, text),
        FieldValue::List(values) => list(out, values, extracted),
    }
}

fn extracted_with_decimals(out: &mut Vec<u8>, value: &FieldValue) {
    match value {
        FieldValue::Decimal(digits) => {
            out.extend_from_slice(b"{\"d\":");
            string(out, digits);
            out.push(b'}');
        }
        FieldValue::List(values) => list(out, values, extracted_with_decimals),
        other => extracted(out, other),
    }
}

fn extracted_plain(out: &mut Vec<u8>, value: &FieldValue) {
    match value {
        FieldValue::Null => {}
        FieldValue::Decimal(text) | FieldValue::Text(text) => {
            out.extend_from_slice(text.as_bytes())
        }
        other => extracted(out, other),
    }
}

fn chain_link(out: &mut Vec<u8>, link: &ChainLink) {
    out.extend_from_slice(b"{\"url\":");
    string(out, &link.url);
    out.extend_from_slice(b",\"status_code\":");
    uint(out, u64::from(link.status));
    out.push(b'}');
}

/// Names in lower case and in order, each once; a repeated one has a list of its values.
fn headers(out: &mut Vec<u8>, all: &Headers) {
    let mut sorted: Vec<(String, &str)> =
        all.iter().map(|(name, value)| (name.to_ascii_lowercase(), &**value)).collect();
    // Stable: the values of one name stay in the order they came.
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    let groups = sorted.chunk_by(|a, b| a.0 == b.0).map(|group| (group[0].0.as_str(), group));
    object(out, groups, |out, group| match group {
        [(_, value)] => string(out, value),
        values => list(out, values, |out, (_, value)| string(out, value)),
    });
}

/// Appends a number in decimal.
#[inline]
pub(crate) fn uint(out: &mut Vec<u8>, number: u64) {
    // Most are short, and a copy of a known length is no call.
    match number {
        0..10 => out.push(digit(number)),
        10..100 => out.extend_from_slice(&digits::<2>(number)),
        100..1000 => out.extend_from_slice(&digits::<3>(number)),
        _ => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
    }
}

/// Appends microseconds as seconds, without trailing zeros.
fn seconds(out: &mut Vec<u8>, us: u64) {
    uint(out, us / 1_000_000);
    let fraction = us % 1_000_000;
    if fraction == 0 {
        return;
    }
    out.push(b'.');
    out.extend_from_slice(&digits::<6>(fraction));
    while out.last() == Some(&b'0') {
        out.pop();
    }
}

/// The last `N` digits of a number, leading zeros among them.
#[inline]
fn digits<const N: usize>(mut number: u64) -> [u8; N] {
    let mut digits = [0; N];
    for place in digits.iter_mut().rev() {
        *place = digit(number);
        number /= 10;
    }
    digits
}

/// The last decimal digit of a number.
#[inline]
fn digit(number: u64) -> u8 {
    b'0' + u8::try_from(number % 10).expect("less than ten")
}

fn address(out: &mut Vec<u8>, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => {
            for (at, octet) in ip.octets().into_iter().enumerate() {
                if at > 0 {
                    out.push(b'.');
                }
                uint(out, u64::from(octet));
            }
        }
        IpAddr::V6(ip) => write!(out, "{ip}").expect("a Vec takes all"),
    }
}

/// Appends microseconds since 1970 as a date and time, UTC, to the millisecond.
fn moment(out: &mut Vec<u8>, us: u64) {
    date_time(out, (us / 1_000_000).cast_signed());
    let [a, b, c] = digits(us / 1000);
    out.extend_from_slice(&[b'.', a, b, c, b'Z']);
}

/// Appends `2026-11-21T10:00:00`, UTC (RFC 3339). Years outside 0 to 9999 have more digits.
///
/// The date is Howard Hinnant's `civil_from_days`, in eras of 400 years from 1 March.
pub(crate) fn date_time(out: &mut Vec<u8>, unix_s: i64) {
    let days = unix_s.div_euclid(86_400) + 719_468;
    let of_day = unix_s.rem_euclid(86_400).cast_unsigned();
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    match u64::try_from(year) {
        Ok(year @ 0..=9999) => out.extend_from_slice(&digits::<4>(year)),
        _ => write!(out, "{year}").expect("a Vec takes all"),
    }
    let [month, day] = [month, day].map(|part| digits::<2>(part.cast_unsigned()));
    let [hour, minute, second] = [of_day / 3600, of_day / 60, of_day].map(|part| digits(part % 60));
    let mut rest = *b"-mm-ddThh:mm:ss";
    for (at, part) in [(1, month), (4, day), (7, hour), (10, minute), (13, second)] {
        rest[at..at + 2].copy_from_slice(&part);
    }
    out.extend_from_slice(&rest);
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    fn written(value: &Value<'_>) -> String {
        let mut out = Vec::new();
        super::value(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values() {
        let date = |text: &str| format!("\"{text}\"");
        let cases = [
            (Value::Seconds(1), "0.000001".to_owned()),
            (Value::Seconds(151_000), "0.151".to_owned()),
            (Value::Seconds(3_000_000), "3".to_owned()),
            (Value::Seconds(10_500_000), "10.5".to_owned()),
            (Value::Seconds(u64::MAX), "18446744073709.551615".to_owned()),
            (Value::Count(0), "0".to_owned()),
            (Value::Count(u64::MAX), u64::MAX.to_string()),
            (Value::Moment(0), date("1970-01-01T00:00:00.000Z")),
            (Value::Moment(951_868_799_999_999), date("2000-02-29T23:59:59.999Z")),
            (Value::Date(951_868_800), date("2000-03-01T00:00:00Z")),
            (Value::Date(-1), date("1969-12-31T23:59:59Z")),
            (Value::Date(4_107_542_400), date("2100-03-01T00:00:00Z")),
            (Value::Date(253_402_300_799), date("9999-12-31T23:59:59Z")),
            (Value::Date(253_402_300_800), date("10000-01-01T00:00:00Z")),
            (Value::Ip([255, 0, 10, 9].into()), date("255.0.10.9")),
            (Value::Ip(Ipv6Addr::LOCALHOST.into()), date("::1")),
            (Value::Base64(b"\xff\x00"), date("/wA=")),
            (Value::Hex(&[0xa5; 32]), date(&"a5".repeat(32))),
        ];
        for (value, expected) in &cases {
            assert_eq!(written(value), *expected);
        }
    }

    #[test]
    fn an_escape_is_found_at_every_place() {
        for byte in (0..0x80).map(char::from) {
            for before in 0..20 {
                for after in [0, 1, 9] {
                    let text = format!("{}{byte}{}", "é".repeat(before), "~".repeat(after));
                    let mut out = Vec::new();
                    string(&mut out, &text);
                    let read: String = serde_json::from_slice(&out).unwrap();
                    assert_eq!(read, text);
                    assert_eq!(out, serde_json::to_vec(&text).unwrap());
                }
            }
        }
    }

    #[test]
    fn repeated_headers_become_a_list() {
        let headers: Headers = [("Set-Cookie", "b"), ("ETag", "\"x\""), ("set-cookie", "a")]
            .map(|(name, value)| (name.into(), value.into()))
            .into();
        let expected = r#"{"etag":"\"x\"","set-cookie":["b","a"]}"#;
        assert_eq!(written(&Value::Headers(&headers)), expected);
    }
}
