//! From bytes to text: byte order mark, header, `<meta>`, detection, in the order of the HTML standard.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Bytes at the start of a page in which a `<meta>` may name the encoding.
const PRESCAN_BYTES: usize = 1024;

/// The text of a body.
pub(crate) fn decode<'a>(
    body: &'a [u8],
    content_type: Option<&str>,
    host: Option<&str>,
) -> (Cow<'a, str>, &'static Encoding) {
    let (encoding, body) = encoding_of(body, content_type, host);
    let (text, _had_errors) = encoding.decode_without_bom_handling(body);
    (text, encoding)
}

/// The encoding of a body, and the body without its byte order mark.
fn encoding_of<'a>(
    body: &'a [u8],
    content_type: Option<&str>,
    host: Option<&str>,
) -> (&'static Encoding, &'a [u8]) {
    if let Some((encoding, mark_bytes)) = Encoding::for_bom(body) {
        return (encoding, &body[mark_bytes..]);
    }
    let head = &body[..body.len().min(PRESCAN_BYTES)];
    let named = content_type
        .and_then(charset_param)
        .and_then(|name| Encoding::for_label(name.as_bytes()))
        .or_else(|| content_type.filter(|kind| is_json(kind)).map(|_| UTF_8))
        .or_else(|| prescan(head))
        .or_else(|| xml_encoding(head));
    (named.unwrap_or_else(|| detect(body, host)), body)
}

/// Whether a content type is JSON, which is UTF-8 (RFC 8259, section 8.1).
pub(crate) fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind == "text/json" || kind.ends_with("+json")
}

/// The `charset` of a content type.
fn charset_param(content_type: &str) -> Option<String> {
    content_type.split(';').skip(1).find_map(|param| {
        let (name, value) = param.split_once('=')?;
        let value = value.trim().trim_matches(['"', '\'']);
        name.trim().eq_ignore_ascii_case("charset").then(|| value.to_owned())
    })
}

fn detect(body: &[u8], host: Option<&str>) -> &'static Encoding {
    if std::str::from_utf8(body).is_ok() {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(body, true);
    let top = host.and_then(|host| host.trim_end_matches('.').rsplit('.').next());
    let top = top.filter(|top| !top.is_empty() && top.bytes().all(|b| b.is_ascii_alphanumeric()));
    let top = top.map(str::to_ascii_lowercase);
    detector.guess(top.as_deref().map(str::as_bytes), Utf8Detection::Allow)
}

/// `<?xml encoding="…"?>`, as the HTML standard reads it.
fn xml_encoding(head: &[u8]) -> Option<&'static Encoding> {
    let head = head.strip_prefix(b"<?xml")?;
    let end = head.iter().position(|byte| *byte == b'>')?;
    let text = String::from_utf8_lossy(&head[..end]);
    let value = text.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let label = value[1..].split(quote).next()?;
    Encoding::for_label(label.as_bytes()).map(as_found)
}

/// "Prescan a byte stream to determine its encoding", HTML section 13.2.3.2.
fn prescan(head: &[u8]) -> Option<&'static Encoding> {
    let mut at = 0;
    while at < head.len() {
        let rest = &head[at..];
        if rest.starts_with(b"<!--") {
            // The two dashes may be those that begin it.
            at += 2 + find(&rest[2..], b"-->")? + 3;
        } else if is_tag(rest, b"<meta") {
            at += 5;
            let mut meta = Meta::default();
            while let Some((name, value)) = attribute(head, &mut at) {
                meta.take(name, value);
            }
            if let Some(encoding) = meta.encoding() {
                return Some(encoding);
            }
        } else if rest[0] == b'<'
            && rest[1..].iter().find(|byte| **byte != b'/').is_some_and(u8::is_ascii_alphabetic)
            && !rest.starts_with(b"<//")
        {
            let name = rest.iter().position(|byte| is_space(*byte) || *byte == b'>');
            at += name?;
            while attribute(head, &mut at).is_some() {}
        } else if rest.starts_with(b"<!") || rest.starts_with(b"</") || rest.starts_with(b"<?") {
            at += find(rest, b">")? + 1;
        } else {
            at += 1;
        }
    }
    None
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\x0C' | b'\r' | b' ')
}

fn is_tag(bytes: &[u8], tag: &[u8]) -> bool {
    bytes.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag))
        && bytes.get(tag.len()).is_some_and(|byte| is_space(*byte) || *byte == b'/')
}

/// What a `<meta>` says of the encoding.
#[derive(Default)]
struct Meta {
    got_pragma: bool,
    need_pragma: Option<bool>,
    charset: Option<&'static Encoding>,
    seen: Vec<Vec<u8>>,
}

impl Meta {
    fn take(&mut self, name: Vec<u8>, value: Vec<u8>) {
        if self.seen.contains(&name) {
            return;
        }
        match &name[..] {
            b"http-equiv" => self.got_pragma |= value == b"content-type",
            b"content" if self.charset.is_none() => {
                if let Some(encoding) = charset_in(&value) {
                    self.charset = Some(encoding);
                    self.need_pragma = Some(true);
                }
            }
            b"charset" => {
                self.charset = Encoding::for_label(&value);
                self.need_pragma = Some(false);
            }
            _ => {}
        }
        self.seen.push(name);
    }

    fn encoding(&self) -> Option<&'static Encoding> {
        (!self.need_pragma? || self.got_pragma).then_some(())?;
        self.charset.map(as_found)
    }
}

/// What a page that could be read as ASCII can mean by its label.
fn as_found(encoding: &'static Encoding) -> &'static Encoding {
    if encoding == UTF_16BE || encoding == UTF_16LE {
        UTF_8
    } else if encoding.name() == "x-user-defined" {
        WINDOWS_1252
    } else {
        encoding
    }
}

/// The encoding in the `content` of a `<meta>`.
fn charset_in(content: &[u8]) -> Option<&'static Encoding> {
    let text = String::from_utf8_lossy(content);
    let mut rest = &*text;
    loop {
        rest = rest.split_once("charset")?.1.trim_start();
        if let Some(value) = rest.strip_prefix('=') {
            let value = value.trim_start();
            let label = match value.chars().next()? {
                quote @ ('"' | '\'') => value[1..].split_once(quote)?.0,
                _ => value.split([' ', '\t', '\n', '\r', '\x0C', ';']).next()?,
            };
            return Encoding::for_label(label.as_bytes());
        }
    }
}

/// The next attribute, name and value in lower case: "get an attribute".
fn attribute(head: &[u8], at: &mut usize) -> Option<(Vec<u8>, Vec<u8>)> {
    let peek = |at: usize| head.get(at).copied();
    while peek(*at).is_some_and(|byte| is_space(byte) || byte == b'/') {
        *at += 1;
    }
    if peek(*at)? == b'>' {
        *at += 1;
        return None;
    }
    let (mut name, mut value) = (Vec::new(), Vec::new());
    loop {
        match peek(*at)? {
            b'=' if !name.is_empty() => break,
            byte if is_space(byte) => {
                while is_space(peek(*at)?) {
                    *at += 1;
                }
                if peek(*at)? != b'=' {
                    return Some((name, value));
                }
                break;
            }
            b'/' | b'>' => return Some((name, value)),
            byte => name.push(byte.to_ascii_lowercase()),
        }
        *at += 1;
    }
    *at += 1;
    while is_space(peek(*at)?) {
        *at += 1;
    }
    match peek(*at)? {
        quote @ (b'"' | b'\'') => loop {
            *at += 1;
            match peek(*at)? {
                byte if byte == quote => {
                    *at += 1;
                    return Some((name, value));
                }
                byte => value.push(byte.to_ascii_lowercase()),
            }
        },
        b'>' => return Some((name, value)),
        _ => {}
    }
    loop {
        match peek(*at)? {
            byte if is_space(byte) || byte == b'>' => return Some((name, value)),
            byte => value.push(byte.to_ascii_lowercase()),
        }
        *at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_is_found_in_the_order_of_the_standard() {
        let cases: &[(&[u8], Option<&str>, &str)] = &[
            // The byte order mark is above all.
            (b"\xef\xbb\xbf<meta charset=latin1>", Some("text/html; charset=koi8-r"), "UTF-8"),
            (b"\xff\xfea\0", Some("text/html; charset=utf-8"), "UTF-16LE"),
            (b"\xfe\xff\0a", None, "UTF-16BE"),
            // Then the header, unless it names none.
            (b"<meta charset=latin1>", Some("text/html; Charset=\"koi8-r\""), "KOI8-R"),
            (b"<meta charset=latin1>", Some("text/html; charset=nonsense"), "windows-1252"),
            (b"{\"a\": \"\xe4\"}", Some("application/problem+json"), "UTF-8"),
            // Then <meta>.
            (b"<html><META  Charset = 'gbk' >", Some("text/html"), "GBK"),
            (
                b"<meta http-equiv=content-type content='text/html; charset=shift_jis'>",
                None,
                "Shift_JIS",
            ),
            (b"<meta content='text/html; charset=gbk' http-equiv=Content-Type>", None, "GBK"),
            // Not without http-equiv, not in a comment, not in another element's attribute.
            (b"<meta content='text/html; charset=gbk'>abc", None, "UTF-8"),
            (b"<!-- <meta charset=gbk> --><meta charset=big5>", None, "Big5"),
            (b"<a title='<meta charset=gbk>'><meta charset=big5>", None, "Big5"),
            // A page that is read as ASCII is not UTF-16.
            (b"<meta charset=utf-16>", None, "UTF-8"),
            (b"<meta charset=x-user-defined>", None, "windows-1252"),
            (b"<?xml version='1.0' encoding=\"iso-8859-2\"?><a/>", None, "ISO-8859-2"),
            // Then what it looks like.
            ("żółć".as_bytes(), None, "UTF-8"),
            (b"Stra\xdfe und \xc4pfel f\xfcr M\xfcller", None, "windows-1252"),
        ];
        for (body, content_type, want) in cases {
            let (_, encoding) = decode(body, *content_type, Some("shop.example"));
            let shown = String::from_utf8_lossy(body);
            assert_eq!(encoding.name(), *want, "{shown} {content_type:?}");
        }
        let russian = b"\xcf\xf0\xe8\xe2\xe5\xf2, \xec\xe8\xf0";
        assert_eq!(decode(russian, None, Some("shop.ru")).0, "Привет, мир");
    }

    #[test]
    fn a_meta_beyond_the_first_kilobyte_is_not_looked_for() {
        let filler = " ".repeat(PRESCAN_BYTES);
        let page = format!("<meta charset=koi8-r>{filler}");
        assert_eq!(decode(page.as_bytes(), None, None).1.name(), "KOI8-R");
        let page = format!("{filler}<meta charset=koi8-r>");
        assert_eq!(decode(page.as_bytes(), None, None).1.name(), "UTF-8");
    }

    #[test]
    fn no_head_of_a_page_is_read_past_its_end() {
        let page = b"<!-- x --><meta charset='gbk' a=b c = \"d\"><a b='c'></ a><?x?><meta content=\"charset='";
        for end in 0..=page.len() {
            let _encoding = prescan(&page[..end]);
        }
    }
}
