//! The lines of a robots.txt: a field and its value, with the liberties that sites take.

use super::Access;

/// A line that means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    UserAgent,
    Rule(Access),
    CrawlDelay,
    Sitemap,
}

/// Names as they are written, right and wrong. The wrong ones are those that Google's parser
/// takes: whoever wrote `Dissallow` meant it.
const NAMES: &[(&str, Field)] = &[
    ("user-agent", Field::UserAgent),
    ("useragent", Field::UserAgent),
    ("user agent", Field::UserAgent),
    ("disallow", Field::Rule(Access::Disallowed)),
    ("dissallow", Field::Rule(Access::Disallowed)),
    ("dissalow", Field::Rule(Access::Disallowed)),
    ("disalow", Field::Rule(Access::Disallowed)),
    ("diasllow", Field::Rule(Access::Disallowed)),
    ("disallaw", Field::Rule(Access::Disallowed)),
    ("allow", Field::Rule(Access::Allowed)),
    ("crawl-delay", Field::CrawlDelay),
    ("crawldelay", Field::CrawlDelay),
    ("crawl delay", Field::CrawlDelay),
    ("sitemap", Field::Sitemap),
    ("site-map", Field::Sitemap),
];

/// The lines that mean something, in the order of the file.
pub(super) struct Lines<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Lines<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        // A mark that lost its end is passed over as well, as by Google's parser.
        let mark = b"\xef\xbb\xbf";
        let has = bytes.iter().zip(mark).take_while(|(byte, of_mark)| byte == of_mark).count();
        Self { rest: Some(&bytes[has..]) }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = (Field, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while let Some(rest) = self.rest {
            // CR, LF and CRLF all end a line: an empty line means nothing, so one too many is none.
            let end = rest.iter().position(|&byte| ends_line(byte));
            let line = end.map_or(rest, |end| &rest[..end]);
            self.rest = end.map(|end| &rest[end + 1..]);
            if let Some(read) = read(line) {
                return Some(read);
            }
        }
        None
    }
}

/// Whether a line ends here (RFC 9309 section 2.2).
pub(super) fn ends_line(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

fn read(line: &[u8]) -> Option<(Field, &[u8])> {
    let end = line.iter().position(|&byte| byte == b'#').unwrap_or(line.len());
    let line = line[..end].trim_ascii();
    let (name, value) = match line.iter().position(|&byte| byte == b':') {
        Some(colon) => (line[..colon].trim_ascii_end(), line[colon + 1..].trim_ascii_start()),
        // Without a colon, two words are taken for a field and its value.
        None => {
            let space = line.iter().position(u8::is_ascii_whitespace)?;
            let value = line[space..].trim_ascii_start();
            if value.iter().any(u8::is_ascii_whitespace) {
                return None;
            }
            (&line[..space], value)
        }
    };
    let (_, field) = NAMES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()))?;
    Some((*field, value))
}

/// The product token at the beginning of a value: letters, `_` and `-`. What follows, a version
/// or a second word, does not count.
pub(super) fn token(value: &[u8]) -> &[u8] {
    let is_part = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-');
    let end = value.iter().position(|byte| !is_part(byte)).unwrap_or(value.len());
    &value[..end]
}

/// Whether a value of `User-agent` means all crawlers: `*`, alone or before a space.
pub(super) fn is_any(value: &[u8]) -> bool {
    match value {
        [b'*'] => true,
        [b'*', next, ..] => next.is_ascii_whitespace(),
        _ => false,
    }
}
