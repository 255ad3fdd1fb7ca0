//! What the record of an input must show as its `input`, in each of the forms it may take.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use crate::entry::{Entry, Outcome, hash};

/// A broken input is shown up to here.
const SHOWN_BYTES_MAX: usize = 200;

/// A text without the `'` that CSV puts before what a spreadsheet would take for a formula. Texts
/// are compared without it everywhere: from a cell alone nobody can tell whose it is.
pub(crate) fn unguarded(text: &str) -> &str {
    match text.as_bytes() {
        [b'\'', b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r', ..] => &text[1..],
        _ => text,
    }
}

/// The hash by which inputs are compared.
pub(crate) fn input_hash(text: &str) -> u64 {
    hash(unguarded(text).as_bytes())
}

/// An input as its record must show it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected {
    pub(crate) n: u64,
    /// The URL as it was given.
    text: String,
    /// The whole line or cell: what a broken input shows the beginning of.
    raws: Vec<Vec<u8>>,
    source: PathBuf,
    line: u64,
}

impl Expected {
    pub(super) fn set(&mut self, text: &str, raw: &[u8]) {
        self.text.clear();
        self.text.push_str(text);
        self.raws.clear();
        self.add_raw(raw);
    }

    /// Another text that a broken input may show.
    pub(super) fn add_raw(&mut self, raw: &[u8]) {
        self.raws.push(raw[..raw.len().min(SHOWN_BYTES_MAX + 1)].to_vec());
    }

    pub(super) fn place(&mut self, source: &Path, line: u64) {
        if self.source != source {
            self.source = source.to_owned();
        }
        self.line = line;
    }

    /// Whether a record with this entry shows this input, with the values of these keys hidden.
    pub(crate) fn is_shown_by(&self, entry: &Entry, hidden: &Hidden) -> bool {
        let is = |text: &str| input_hash(&hidden.hide(text)) == entry.input;
        let bare = without_credentials(&self.text, Credentials::Starred);
        if is(&bare) {
            return true;
        }
        let had_credentials = matches!(bare, Cow::Owned(_));
        if had_credentials && is(&without_credentials(&self.text, Credentials::Gone)) {
            return true;
        }
        let may_be_broken = matches!(entry.outcome, Outcome::Skipped | Outcome::Unsaid);
        may_be_broken && self.raws.iter().any(|raw| is(&shown(raw)))
    }

    /// The text, fit to be seen.
    pub(crate) fn shown(&self, hidden: &Hidden) -> String {
        hidden.hide(&without_credentials(&self.text, Credentials::Starred)).into_owned()
    }

    /// Where it stands, in words.
    pub(crate) fn where_it_stands(&self) -> String {
        format!("{} line {}", self.source.display(), self.line)
    }
}

/// Keys of queries whose values no record shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hidden(pub(crate) Vec<String>);

impl Hidden {
    /// A URL with the values of these keys replaced.
    pub(crate) fn hide<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let Some((before, rest)) = text.split_once('?').filter(|_| !self.0.is_empty()) else {
            return Cow::Borrowed(text);
        };
        let (query, fragment) = rest.split_at(rest.find('#').unwrap_or(rest.len()));
        let pairs = query.split('&').map(|pair| match pair.split_once('=') {
            Some((key, _)) if self.has(key) => format!("{key}=***"),
            _ => pair.to_owned(),
        });
        Cow::Owned(format!("{before}?{}{fragment}", pairs.collect::<Vec<_>>().join("&")))
    }

    fn has(&self, key: &str) -> bool {
        let key = percent_decoded(key);
        self.0.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(&key))
    }
}

/// The bytes of a text in which `%41` stands for `A` (RFC 3986, section 2.1).
fn percent_decoded(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex =
            after.get(..2).filter(|hex| *first == b'%' && hex.iter().all(u8::is_ascii_hexdigit));
        let byte = hex.and_then(|hex| std::str::from_utf8(hex).ok());
        match byte.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                rest = &after[2..];
            }
            None => {
                decoded.push(*first);
                rest = after;
            }
        }
    }
    decoded
}

/// The beginning of a broken input, as its record shows it.
fn shown(raw: &[u8]) -> String {
    let mut head = &raw[..raw.len().min(SHOWN_BYTES_MAX)];
    if head.len() < raw.len()
        && let Err(error) = std::str::from_utf8(head)
        && error.error_len().is_none()
    {
        head = &head[..error.valid_up_to()];
    }
    let text = String::from_utf8_lossy(head);
    without_credentials(&text, Credentials::Starred).into_owned()
}

#[derive(Clone, Copy)]
enum Credentials {
    Starred,
    Gone,
}

/// A URL without what stands before the `@` of its authority (RFC 3986, section 3.2.1).
fn without_credentials(text: &str, credentials: Credentials) -> Cow<'_, str> {
    let authority = text.find("://").map_or(0, |at| at + 3);
    let rest = &text[authority..];
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let Some(at) = rest[..end].rfind('@') else { return Cow::Borrowed(text) };
    Cow::Owned(match credentials {
        Credentials::Starred => format!("{}***{}", &text[..authority], &rest[at..]),
        Credentials::Gone => format!("{}{}", &text[..authority], &rest[at + 1..]),
    })
}

/// A text from a record, fit to be seen: no record should hold credentials, but a torn one may.
pub(crate) fn fit_to_be_seen(text: &str) -> String {
    without_credentials(text, Credentials::Starred).into_owned()
}
