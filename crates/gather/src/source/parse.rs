//! Text -> URL and host key, or the reason why not.

use std::borrow::Cow;

use gather_core::ErrorKind;
use gather_core::config::Caps;
use gather_core::target::{HostKey, SchemeFrom, Target, TargetNo, has_userinfo};
use url::{ParseError, Position, Url};

use super::SchemeChoice;

/// Reads URLs as people write them.
pub(super) struct UrlParser {
    rules: Rules,
    hosts: HostCache,
}

/// What decides whether a text is a URL, and which.
struct Rules {
    scheme: SchemeChoice,
    url_bytes_max: usize,
}

/// A URL that can be fetched.
#[derive(Debug)]
pub(super) struct ParsedUrl {
    pub(super) url: Url,
    pub(super) host: HostKey,
    pub(super) scheme_from: SchemeFrom,
    /// The text, if it is not that of `url`.
    pub(super) input: Option<Box<str>>,
}

/// Why an input is no target.
#[derive(Debug)]
pub(crate) struct Reject {
    pub(crate) kind: ErrorKind,
    pub(crate) message: Box<str>,
}

impl Reject {
    pub(super) fn invalid(message: impl Into<Box<str>>) -> Self {
        Self { kind: ErrorKind::InputInvalid, message: message.into() }
    }

    pub(super) fn too_long(message: impl Into<Box<str>>) -> Self {
        Self { kind: ErrorKind::InputTooLong, message: message.into() }
    }
}

/// The target of one text, as it would be in a list. It may be as long as it likes.
pub(crate) fn target(n: TargetNo, text: &str) -> Result<Target, Reject> {
    let text = text.trim();
    let rules = Rules { scheme: SchemeChoice::Auto, url_bytes_max: usize::MAX };
    rules.check(text)?;
    let (url, scheme_from) = rules.url_of(text)?;
    let target = Target::new(n, url).ok_or_else(no_host)?;
    let input = (target.url.as_str() != text).then(|| text.into());
    Ok(Target { input, scheme_from, ..target })
}

impl UrlParser {
    pub(super) fn new(scheme: SchemeChoice, caps: &Caps) -> Self {
        let rules = Rules { scheme, url_bytes_max: caps.url_bytes_max as usize };
        Self { rules, hosts: HostCache::new() }
    }

    /// The text and its host, if the host was read before and the text is spelled as the URL would be
    /// that is parsed from it: parsing it can wait.
    pub(super) fn leave<'t>(&self, text: &'t [u8]) -> Option<(&'t str, HostKey)> {
        if text.len() > self.rules.url_bytes_max {
            return None;
        }
        let text = std::str::from_utf8(text).ok()?;
        let (known, path) = known_in(&self.hosts.slots, text)?;
        is_plain(path).then(|| (text, known.key.clone()))
    }

    /// The URL of a text that is already trimmed.
    pub(super) fn parse(&mut self, text: &str) -> Result<ParsedUrl, Reject> {
        self.rules.check(text)?;
        let (url, host, scheme_from) = match self.hosts.parse(text) {
            Some((url, host)) => (url, host, SchemeFrom::Input),
            None => {
                let (url, scheme_from) = self.rules.url_of(text)?;
                let host = self.hosts.key_of(&url).ok_or_else(no_host)?;
                (url, host, scheme_from)
            }
        };
        self.rules.check_encoded(&url)?;
        let input = (url.as_str() != text).then(|| text.into());
        Ok(ParsedUrl { url, host, scheme_from, input })
    }
}

impl Rules {
    /// What can be told of a text without reading it.
    fn check(&self, text: &str) -> Result<(), Reject> {
        if text.len() > self.url_bytes_max {
            let message = format!("the URL is longer than {} bytes", self.url_bytes_max);
            return Err(Reject::too_long(message));
        }
        if text.as_bytes().contains(&0) {
            return Err(Reject::invalid("the URL contains a NUL byte"));
        }
        Ok(())
    }

    /// Percent-encoding makes a URL longer than its text.
    fn check_encoded(&self, url: &Url) -> Result<(), Reject> {
        if url.as_str().len() > self.url_bytes_max {
            let message = format!("the encoded URL is longer than {} bytes", self.url_bytes_max);
            return Err(Reject::too_long(message));
        }
        Ok(())
    }

    fn url_of(&self, text: &str) -> Result<(Url, SchemeFrom), Reject> {
        // Browsers see none of these wherever they stand, in the scheme either (WHATWG URL section 4.4).
        let unseen = ['\t', '\n', '\r'];
        let text = match text.contains(unseen) {
            true => Cow::Owned(text.replace(unseen, "")),
            false => Cow::Borrowed(text),
        };
        let (url, scheme_from) = match form_of(&text)? {
            Form::Absolute => (Url::parse(&text), SchemeFrom::Input),
            Form::Bare => self.with_scheme(&text),
        };
        let text = &*text;
        Ok((url.map_err(|error| reject(text, error))?, scheme_from))
    }

    fn with_scheme(&self, text: &str) -> (Result<Url, ParseError>, SchemeFrom) {
        let authority = text.strip_prefix("//").unwrap_or(text);
        let scheme = if self.scheme == SchemeChoice::Http { "http" } else { "https" };
        let url = Url::parse(&format!("{scheme}://{authority}"));
        let is_guess = self.scheme == SchemeChoice::Auto
            // A password is never sent over a scheme that nobody asked for.
            && url.as_ref().is_ok_and(|url| !has_userinfo(url));
        (url, if is_guess { SchemeFrom::Guess } else { SchemeFrom::Input })
    }
}

fn no_host() -> Reject {
    Reject::invalid("no host in the URL")
}

/// Whether a text names its scheme.
enum Form {
    Absolute,
    Bare,
}

/// Schemes that are written without `//`, and so could be taken for a host and a port or password.
const OPAQUE_SCHEMES: &[&str] = &[
    "about",
    "blob",
    "data",
    "file",
    "geo",
    "javascript",
    "magnet",
    "mailto",
    "news",
    "sip",
    "sms",
    "tel",
    "urn",
    "view-source",
    "ws",
    "wss",
];

fn form_of(text: &str) -> Result<Form, Reject> {
    let end = text.find([':', '/', '?', '#', '\\']).unwrap_or(text.len());
    let (before, rest) = text.split_at(end);
    if !rest.starts_with(':') {
        let is_relative = before.is_empty() && !rest.starts_with("//");
        let is_empty = before.is_empty() && matches!(rest.as_bytes().get(2), None | Some(b'/'));
        // `./x` and `../x` are paths, not hosts.
        let is_path = !before.is_empty() && before.bytes().all(|byte| byte == b'.');
        return if is_relative || is_empty || is_path { Err(no_host()) } else { Ok(Form::Bare) };
    }
    let after = &rest[1..];
    if before.eq_ignore_ascii_case("http") || before.eq_ignore_ascii_case("https") {
        let names_host = after
            .strip_prefix("//")
            .is_none_or(|authority| !authority.is_empty() && !authority.starts_with(['/', '\\']));
        return if names_host { Ok(Form::Absolute) } else { Err(no_host()) };
    }
    let is_scheme = before.starts_with(|first: char| first.is_ascii_alphabetic())
        && before.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if !is_scheme {
        return Ok(Form::Bare);
    }
    let authority = after.split(['/', '?', '#']).next().unwrap_or(after);
    let is_port = !authority.is_empty() && authority.bytes().all(|byte| byte.is_ascii_digit());
    let is_opaque = OPAQUE_SCHEMES.iter().any(|scheme| before.eq_ignore_ascii_case(scheme));
    let is_bare = is_port || authority.contains('@') || before.contains('.');
    if after.starts_with("//") || is_opaque || !is_bare {
        let message = format!("scheme {before:?} is not fetched, only http and https");
        return Err(Reject { kind: ErrorKind::BlockedScheme, message: message.into() });
    }
    Ok(Form::Bare)
}

fn reject(text: &str, error: ParseError) -> Reject {
    let message = match error {
        ParseError::EmptyHost => return no_host(),
        ParseError::RelativeUrlWithoutBase => "not a URL".into(),
        ParseError::InvalidPort => "the port is not a number from 0 to 65535".into(),
        _ if text.contains(' ') => "not a URL: it contains a space".into(),
        _ => format!("not a URL: {error}"),
    };
    Reject::invalid(message)
}

/// Keeps what was read of the hosts seen last: the host is most of the work of reading a URL, and
/// is read once and not for each line.
pub(super) struct HostCache {
    slots: Vec<Slot>,
    /// A path, and spaces for what stands before it.
    padded: String,
}

type Slot = Option<Box<Known>>;

/// A scheme, user and authority that were read.
struct Known {
    /// As it stands in a URL before the path.
    origin: Box<str>,
    /// As many spaces.
    spaces: Box<str>,
    /// The URL of its path `/`.
    root: Url,
    key: HostKey,
}

/// Enough that of a thousand interleaved hosts few share a slot; at most about 1 MB.
const HOST_SLOTS: usize = 4096;

impl HostCache {
    pub(super) fn new() -> Self {
        Self { slots: (0..HOST_SLOTS).map(|_| None).collect(), padded: String::new() }
    }

    /// `Url::parse(text)` with the key of its host, if that was read before and `text` spells it
    /// as a parsed URL does; else `None`, which says nothing about `text`.
    pub(super) fn parse(&mut self, text: &str) -> Option<(Url, HostKey)> {
        let (known, path) = known_in(&self.slots, text)?;
        // A URL is allocated as long as the text it is read from, and grows twice if that is a path.
        // Spaces at the end are no part of it.
        self.padded.clear();
        self.padded.push_str(path);
        self.padded.push_str(&known.spaces);
        Some((known.root.join(&self.padded).ok()?, known.key.clone()))
    }

    /// `HostKey::of(url)`, which is kept.
    pub(super) fn key_of(&mut self, url: &Url) -> Option<HostKey> {
        let origin = &url[..Position::BeforePath];
        let slot = &mut self.slots[slot_of(origin)];
        match slot {
            Some(known) if *known.origin == *origin => Some(known.key.clone()),
            _ => {
                let key = HostKey::of(url)?;
                let root = url.join("/").ok()?;
                let spaces = " ".repeat(origin.len()).into();
                let known = Known { origin: origin.into(), spaces, root, key: key.clone() };
                *slot = Some(Box::new(known));
                Some(key)
            }
        }
    }
}

/// What is known of the beginning of a text, and the path that follows it.
fn known_in<'k, 't>(slots: &'k [Slot], text: &'t str) -> Option<(&'k Known, &'t str)> {
    let authority = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"))?;
    let path_start = text.len() - authority.len() + memchr::memchr(b'/', authority.as_bytes())?;
    let (origin, path) = text.split_at(path_start);
    // What is skipped or read as a slash after the first one would make another host of it.
    if matches!(path.as_bytes().get(1), Some(b'/' | b'\\' | b'\t' | b'\n' | b'\r')) {
        return None;
    }
    let known = slots[slot_of(origin)].as_ref().filter(|known| *known.origin == *origin)?;
    Some((known, path))
}

/// Whether a path with its query comes out of parsing as it went in: nothing in it is to be encoded
/// or skipped, and no segment of it can be one of dots (WHATWG URL section 4.1).
fn is_plain(path: &str) -> bool {
    let mut before = 0;
    path.bytes().all(|byte| {
        let begins_segment = std::mem::replace(&mut before, byte) == b'/';
        IS_PLAIN[usize::from(byte)] && !(begins_segment && matches!(byte, b'.' | b'%'))
    })
}

const IS_PLAIN: [bool; 256] = {
    let marks = b"/-_~!$&()*+,;=:@?.%";
    let mut table = [false; 256];
    let mut at = 0;
    while at < marks.len() {
        table[marks[at] as usize] = true;
        at += 1;
    }
    let mut byte = 0;
    while byte < 128_u8 {
        table[byte as usize] |= byte.is_ascii_alphanumeric();
        byte += 1;
    }
    table
};

fn slot_of(origin: &str) -> usize {
    stable_hash(origin.as_bytes()) as usize % HOST_SLOTS
}

/// A hash that is the same on every machine and in every run.
pub(super) fn stable_hash(bytes: &[u8]) -> u64 {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut hash = bytes.len() as u64;
    let mut chunks = bytes.chunks_exact(8);
    let mut mix = |chunk: [u8; 8]| {
        hash = (hash.rotate_left(23) ^ u64::from_le_bytes(chunk)).wrapping_mul(K);
    };
    for chunk in &mut chunks {
        mix(chunk.try_into().expect("eight bytes"));
    }
    let mut last = [0; 8];
    last[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
    mix(last);
    hash ^= hash >> 32;
    hash = hash.wrapping_mul(K);
    hash ^ (hash >> 29)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What means something to a URL, and what is skipped in one.
    const CHARS: &str = "ab2e..//\\:@?#%&;'\"| \t\n\r\u{1}\u{e4}[]";
    const BEGINNINGS: [&str; 6] =
        ["http://a", "https://b.example", "http://c:8080", "http://me:pw@d", "HTTPS://e", "http:"];

    #[test]
    fn a_known_host_changes_no_url() {
        let seed = fastrand::u64(..);
        let mut rng = fastrand::Rng::with_seed(seed);
        let chars: Vec<char> = CHARS.chars().collect();
        let mut hosts = HostCache::new();
        let mut urls = UrlParser::new(SchemeChoice::Auto, &Caps::default());
        let (mut quick, mut plain) = (0, 0);
        for _ in 0..200_000 {
            let end: String =
                (0..rng.usize(..9)).map(|_| chars[rng.usize(..chars.len())]).collect();
            let text = format!("{}{end}", BEGINNINGS[rng.usize(..BEGINNINGS.len())]);
            let slow = Url::parse(&text).ok().filter(|url| HostKey::of(url).is_some());
            if let Some((url, key)) = hosts.parse(&text) {
                quick += 1;
                assert_eq!(Some(&url), slow.as_ref(), "seed {seed}: {text:?}");
                assert_eq!(Some(&key), HostKey::of(&url).as_ref(), "seed {seed}: {text:?}");
            }
            if let Some((left, key)) = urls.leave(text.as_bytes()) {
                plain += 1;
                let slow = slow.as_ref().map(|url| (url.as_str(), HostKey::of(url)));
                assert_eq!(slow, Some((left, Some(key))), "seed {seed}: {text:?}");
            }
            let _ = urls.parse(&text);
            if let Some(url) = &slow {
                assert_eq!(hosts.key_of(url), HostKey::of(url), "seed {seed}: {text:?}");
            }
        }
        assert!(quick > 5_000, "only {quick} texts had a known host");
        assert!(plain > 1_000, "only {plain} texts could be left unparsed");
    }
}
