//! The members that are computed from a body: title, preview, and the body as JSON.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// Characters in a preview.
const PREVIEW_CHARS: usize = 200;
/// How far into a page its title is looked for.
const TITLE_WITHIN_BYTES: usize = 64 * 1024;
/// Characters kept of a title.
const TITLE_CHARS: usize = 500;

/// The text of the first `<title>`, white space collapsed; `None` if there is none.
pub(crate) fn title(body: &[u8]) -> Option<String> {
    let head = &body[..body.len().min(TITLE_WITHIN_BYTES)];
    let lower = head.to_ascii_lowercase();
    let find = |what: &[u8], from: usize| {
        lower[from..].windows(what.len()).position(|window| window == what).map(|at| from + at)
    };
    let mut at = 0;
    let start = loop {
        let tag = find(b"<title", at)? + b"<title".len();
        match lower.get(tag)? {
            b'>' | b' ' | b'\t' | b'\r' | b'\n' | b'/' => break find(b">", tag)? + 1,
            _ => at = tag,
        }
    };
    let end = find(b"</title", start).unwrap_or(head.len());
    let text = String::from_utf8_lossy(&head[start..end]);
    let text = decode_entities(&text);
    let words: Vec<&str> = text.split_whitespace().collect();
    let title: String = words.join(" ").chars().take(TITLE_CHARS).collect();
    (!title.is_empty()).then_some(title)
}

/// The first characters of the body; `None` if it is empty.
pub(crate) fn preview(body: &[u8]) -> Option<Cow<'_, str>> {
    // No character is longer than four bytes.
    let head = &body[..body.len().min(PREVIEW_CHARS * 4)];
    // A character cut in two by the line above is beyond the preview anyway.
    let text = String::from_utf8_lossy(head);
    let end = text.char_indices().nth(PREVIEW_CHARS).map_or(text.len(), |(at, _)| at);
    match text {
        _ if end == 0 => None,
        Cow::Borrowed(text) => Some(Cow::Borrowed(&text[..end])),
        Cow::Owned(mut text) => {
            text.truncate(end);
            Some(Cow::Owned(text))
        }
    }
}

/// The body without white space, if it is JSON that every reader takes: numbers and the order of
/// members stay as they were sent.
pub(crate) fn compact_json(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_json::from_str::<Valid>(text).ok()?;
    let mut compact = String::with_capacity(text.len());
    let (mut in_string, mut escaped) = (false, false);
    for char in text.chars() {
        if in_string {
            in_string = escaped || char != '"';
            escaped = char == '\\' && !escaped;
        } else if char.is_ascii_whitespace() {
            continue;
        } else {
            in_string = char == '"';
        }
        compact.push(char);
    }
    Some(compact)
}

/// JSON that was read to its end, strings decoded and depth limited, and of which nothing is kept.
struct Valid;

impl<'de> Deserialize<'de> for Valid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Valid {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
    }
}

/// Decodes the entities that titles have in practice; all others stay as they are.
fn decode_entities(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        // The longest is `&#x10ffff;`.
        let end = rest.bytes().take(12).position(|byte| byte == b';');
        match end.and_then(|end| Some((end, entity(&rest[1..end])?))) {
            Some((end, char)) => {
                out.push(char);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code).filter(|char| *char != '\0');
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "ndash" => '–',
        "mdash" => '—',
        "hellip" => '…',
        "laquo" => '«',
        "raquo" => '»',
        "middot" => '·',
        "copy" => '©',
        "reg" => '®',
        "trade" => '™',
        "euro" => '€',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles() {
        let long = format!("<title>{}</title>", "é".repeat(600));
        let kept = "é".repeat(500);
        let cases: &[(&str, Option<&str>)] = &[
            ("<html><head><title>Shop</title>", Some("Shop")),
            ("<TITLE lang=en>\n  Two\n words </TITLE >", Some("Two words")),
            (
                "<title>Fish &amp; Chips &#8364;5 &#x2014; &eacute; &amp;lt;</title>",
                Some("Fish & Chips €5 — &eacute; &lt;"),
            ),
            ("<title>no end", Some("no end")),
            ("<titlebar>x</titlebar><title>y</title>", Some("y")),
            ("<title></title>", None),
            ("<title", None),
            ("&<title>&;&#xd800;&#0;&</title>", Some("&;&#xd800;&#0;&")),
            ("{}", None),
            ("", None),
            (&long, Some(&kept)),
        ];
        for (page, expected) in cases {
            assert_eq!(title(page.as_bytes()).as_deref(), *expected, "{page}");
        }
        assert_eq!(title(b"<title>a\xffb</title>").as_deref(), Some("a\u{fffd}b"));
    }

    #[test]
    fn previews() {
        let long = "€".repeat(300);
        let cases: &[(&[u8], Option<&str>)] = &[
            (b"", None),
            (b"short", Some("short")),
            (b"a\xffb", Some("a\u{fffd}b")),
            (long.as_bytes(), Some(&long[..600])),
        ];
        for (body, expected) in cases {
            assert_eq!(preview(body).as_deref(), *expected);
        }
    }

    #[test]
    fn bodies_as_json() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let cases: &[(&str, Option<&str>)] = &[
            ("{ \"b\" : 1.10,\r\n\t\"a\":[1, 2 ,{}] }\n", Some(r#"{"b":1.10,"a":[1,2,{}]}"#)),
            (r#"" a \" b \\" "#, Some(r#"" a \" b \\""#)),
            ("\u{feff}null", Some("null")),
            ("123456789012345678901234567890", Some("123456789012345678901234567890")),
            ("\"\\ud800\"", None),
            ("{\"a\":1} x", None),
            ("{\"a\":", None),
            ("<html>", None),
            ("", None),
            (&deep, None),
        ];
        for (body, expected) in cases {
            assert_eq!(compact_json(body.as_bytes()).as_deref(), *expected, "{body:.40}");
        }
    }
}
