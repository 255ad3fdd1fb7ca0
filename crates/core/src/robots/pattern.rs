//! A rule and the paths it matches (RFC 9309 sections 2.2.2 and 2.2.3).
//!
//! Patterns and paths are compared in one normal form: unreserved characters bare, everything that
//! could be written in two ways percent-encoded, in upper case. `*` and `$` are left bare only
//! where they are the wildcards of a pattern.

use std::cmp::Reverse;

use super::Access;

/// One `allow` or `disallow`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) access: Access,
    end: End,
    /// The length that decides which of two matching rules counts, wildcards included.
    octets: u32,
    /// In normal form; no two `*` stand side by side.
    pattern: Box<str>,
}

/// Where a match has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Anywhere,
    /// With the path: the pattern ended in `$`.
    WithPath,
}

impl Rule {
    /// `None` for a rule without a pattern: it matches nothing.
    pub(super) fn new(access: Access, value: &[u8]) -> Option<Self> {
        let (value, end) = match value.strip_suffix(b"$") {
            Some(value) => (value, End::WithPath),
            None => (value, End::Anywhere),
        };
        if value.is_empty() && end == End::Anywhere {
            return None;
        }
        let mut pattern = String::with_capacity(value.len());
        let mut octets = u32::from(end == End::WithPath);
        for (literals, part) in value.split(|&byte| byte == b'*').enumerate() {
            if literals > 0 {
                octets += 1;
                if !pattern.ends_with('*') {
                    pattern.push('*');
                }
            }
            let before = pattern.len();
            normalise(part, &mut pattern);
            octets += u32::try_from(pattern.len() - before).unwrap_or(u32::MAX);
        }
        Some(Self { access, end, octets, pattern: pattern.into() })
    }

    /// By which rules are tried, and the first that matches counts.
    pub(super) fn precedence(&self) -> (Reverse<u32>, u8) {
        (Reverse(self.octets), u8::from(self.access == Access::Disallowed))
    }

    /// Whether the rule matches a normal path. `steps` grows by the bytes that were compared: the
    /// searches of the standard library are linear, and none of them goes back.
    pub(super) fn matches(&self, path: &str, steps: &mut u64) -> bool {
        let mut literals = self.pattern.split('*');
        let first = literals.next().unwrap_or_default();
        *steps += first.len() as u64;
        let Some(mut rest) = path.strip_prefix(first) else { return false };
        let mut literals = literals.peekable();
        if literals.peek().is_none() {
            return self.end == End::Anywhere || rest.is_empty();
        }
        while let Some(literal) = literals.next() {
            *steps += 1 + literal.len() as u64;
            if literals.peek().is_none() && self.end == End::WithPath {
                return rest.ends_with(literal);
            }
            // The leftmost place leaves most for what follows.
            let Some(at) = rest.find(literal) else {
                *steps += rest.len() as u64;
                return false;
            };
            *steps += at as u64;
            rest = &rest[at + literal.len()..];
        }
        true
    }

    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.pattern.len()
    }
}

/// A path with its query in normal form.
pub(super) fn normal_path(path: &str) -> String {
    let mut normal = String::with_capacity(path.len());
    normalise(path.as_bytes(), &mut normal);
    if normal.is_empty() {
        normal.push('/');
    }
    normal
}

fn normalise(bytes: &[u8], into: &mut String) {
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        let escaped = (byte == b'%').then(|| escaped(&bytes[at..])).flatten();
        match escaped {
            Some(byte) => {
                at += 2;
                // An encoded reserved character is not the same as a bare one.
                match is_unreserved(byte) {
                    true => into.push(char::from(byte)),
                    false => encode(byte, into),
                }
            }
            None if is_unreserved(byte) || is_reserved(byte) => into.push(char::from(byte)),
            None => encode(byte, into),
        }
    }
}

/// The byte that two hexadecimal digits stand for.
fn escaped(digits: &[u8]) -> Option<u8> {
    let &[high, low, ..] = digits else { return None };
    let value = |digit: u8| char::from(digit).to_digit(16);
    u8::try_from(value(high)? * 16 + value(low)?).ok()
}

fn encode(byte: u8, into: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    into.push('%');
    into.push(char::from(DIGITS[usize::from(byte >> 4)]));
    into.push(char::from(DIGITS[usize::from(byte & 15)]));
}

/// RFC 3986 section 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// RFC 3986 section 2.2, without `*` and `$`, which are wildcards when bare, and without `'`, which
/// a URL's query never has bare.
fn is_reserved(byte: u8) -> bool {
    b":/?#[]@!&()+,;=".contains(&byte)
}
