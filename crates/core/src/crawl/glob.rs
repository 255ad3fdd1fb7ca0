//! Patterns of URLs, matched in linear time.

use std::fmt;

/// A pattern in which `*` stands for anything and everything else for itself. It is compared with
/// a whole URL; one that does not begin with a scheme or `*` may begin anywhere before its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(Box<str>);

impl Glob {
    /// A pattern of this text: `*/blog/*`, `https://a.example/*.pdf`; `/blog/` is `*/blog/*`.
    pub fn new(text: &str) -> Self {
        if text.contains('*') || text.contains("://") {
            return Self(text.into());
        }
        Self(format!("*{text}*").into())
    }

    /// Whether all of `text` is matched. Each `*` takes as little as it can, and nothing is tried
    /// twice.
    pub fn matches(&self, text: &str) -> bool {
        let mut literals = self.0.split('*');
        let first = literals.next().unwrap_or_default();
        let Some(mut rest) = text.strip_prefix(first) else { return false };
        let Some(last) = literals.next_back() else { return rest.is_empty() };
        for literal in literals {
            let Some(at) = rest.find(literal) else { return false };
            rest = &rest[at + literal.len()..];
        }
        rest.ends_with(last)
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns() {
        let check = |pattern: &str, text: &str, expected: bool| {
            assert_eq!(Glob::new(pattern).matches(text), expected, "{pattern} {text}");
        };
        check("/blog/", "https://a.example/blog/x", true);
        check("/blog/", "https://a.example/news/x", false);
        check("*.pdf", "https://a.example/x.pdf", true);
        check("*.pdf", "https://a.example/x.pdf?download", false);
        check("https://a.example/*/x", "https://a.example/a/b/x", true);
        check("https://a.example/*/x", "https://a.example/x", false);
        check("https://a.example/", "https://a.example/", true);
        check("https://a.example/", "https://a.example/x", false);
        check("*aa*aa*", "xaaax", false);
        check("*", "", true);
    }

    fn matches_slowly(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([], text) => text.is_empty(),
            ([b'*', rest @ ..], text) => {
                (0..=text.len()).any(|skipped| matches_slowly(rest, &text[skipped..]))
            }
            ([byte, rest @ ..], [first, text @ ..]) => byte == first && matches_slowly(rest, text),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn it_matches_like_the_slow_matcher(pattern in "[ab*]{0,6}[*]", text in "[ab]{0,9}") {
            let expected = matches_slowly(pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(Glob::new(&pattern).matches(&text), expected);
        }
    }
}
