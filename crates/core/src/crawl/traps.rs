//! Sites without an end: what shows that a URL leads nowhere new.

use std::collections::HashMap;

use url::Url;

/// Patterns counted one by one; those met after so many others share one count for each host.
const PATTERNS_MAX: usize = 65_536;
/// Hexadecimal digits that are an id rather than a word.
const HEX_ID_MIN: usize = 12;

/// What is taken for a trap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrapLimits {
    /// Segments of a path.
    pub path_segments_max: usize,
    /// How often one segment may occur in a path.
    pub segment_repeats_max: usize,
    /// Parameters of a query.
    pub query_params_max: usize,
    /// Pages whose URLs have the same [pattern](pattern_of).
    pub pattern_pages_max: u32,
}

impl Default for TrapLimits {
    fn default() -> Self {
        Self {
            path_segments_max: 24,
            segment_repeats_max: 3,
            query_params_max: 24,
            pattern_pages_max: 100_000,
        }
    }
}

/// Why a URL is taken for a trap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trap {
    /// Its path has too many segments.
    Deep,
    /// Its path goes round in circles.
    Repeating,
    /// Its query has too many parameters.
    Parameters,
    /// There are too many pages like it.
    Pattern,
}

/// Tells traps, and counts the pages of each pattern. At most about 4 MB.
#[derive(Debug, Default)]
pub struct Traps {
    limits: TrapLimits,
    pages: HashMap<Box<str>, u32>,
}

impl Traps {
    /// With nothing counted.
    pub fn new(limits: TrapLimits) -> Self {
        Self { limits, pages: HashMap::new() }
    }

    /// Whether the URL by itself shows a trap. The same for the same URL, at any time.
    ///
    /// # Errors
    /// What shows it.
    pub fn look(&self, url: &Url) -> Result<(), Trap> {
        let segments: Vec<&str> = url.path().split('/').filter(|part| !part.is_empty()).collect();
        if segments.len() > self.limits.path_segments_max {
            return Err(Trap::Deep);
        }
        let repeats = |segment: &&str| segments.iter().filter(|other| *other == segment).count();
        if segments.iter().map(repeats).max().unwrap_or(0) > self.limits.segment_repeats_max {
            return Err(Trap::Repeating);
        }
        let params = url.query().map_or(0, |query| query.split('&').count());
        if params > self.limits.query_params_max {
            return Err(Trap::Parameters);
        }
        Ok(())
    }

    /// Counts a page that was found.
    ///
    /// # Errors
    /// [`Trap::Pattern`] if there are enough like it; it is not counted then.
    pub fn count(&mut self, url: &Url) -> Result<(), Trap> {
        let mut pattern = pattern_of(url);
        if self.pages.len() >= PATTERNS_MAX && !self.pages.contains_key(pattern.as_str()) {
            pattern = url.host_str().unwrap_or_default().to_owned();
        }
        let pages = self.pages.entry(pattern.into()).or_default();
        if *pages >= self.limits.pattern_pages_max {
            return Err(Trap::Pattern);
        }
        *pages += 1;
        Ok(())
    }
}

/// What a URL has in common with others like it: numbers are `0`, ids are `x`, and of a query only
/// the names count: `http://a/shop/0/x?page` for `http://a/shop/17/9f86d081884c7d65?page=2`.
pub fn pattern_of(url: &Url) -> String {
    let mut pattern = format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default());
    for segment in url.path().split('/').skip(1) {
        pattern.push('/');
        match is_id(segment) {
            true => pattern.push('x'),
            false => without_numbers(segment, &mut pattern),
        }
    }
    let mut names: Vec<&str> = url
        .query()
        .unwrap_or_default()
        .split('&')
        .map(|part| part.split_once('=').map_or(part, |(name, _)| name))
        .collect();
    names.sort_unstable();
    names.dedup();
    for (count, name) in names.into_iter().enumerate() {
        pattern.push(if count == 0 { '?' } else { '&' });
        without_numbers(name, &mut pattern);
    }
    pattern
}

/// A hash or a UUID: hexadecimal and long, with at least one digit.
fn is_id(segment: &str) -> bool {
    segment.len() >= HEX_ID_MIN
        && segment.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
        && segment.bytes().any(|byte| byte.is_ascii_digit())
}

fn without_numbers(text: &str, into: &mut String) {
    let mut in_number = false;
    for letter in text.chars() {
        let is_digit = letter.is_ascii_digit();
        if !is_digit {
            into.push(letter);
        } else if !in_number {
            into.push('0');
        }
        in_number = is_digit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect(text)
    }

    #[test]
    fn patterns() {
        for (text, expected) in [
            ("http://a/", "http://a/?"),
            ("http://a/shop/17/item-4711.html", "http://a/shop/0/item-0.html?"),
            ("http://a/2024/03/05?y=1&x=2&y=3", "http://a/0/0/0?x&y"),
            ("http://a/x?page2=1", "http://a/x?page0"),
            ("http://a/c/9f86d081884c7d65/e", "http://a/c/x/e?"),
            ("http://a/c/123e4567-e89b-12d3-a456-426614174000", "http://a/c/x?"),
            ("http://a/c/defaced-facade", "http://a/c/defaced-facade?"),
        ] {
            assert_eq!(pattern_of(&url(text)), expected, "{text}");
        }
    }

    #[test]
    fn urls_that_show_a_trap() {
        let limits = TrapLimits {
            path_segments_max: 5,
            segment_repeats_max: 2,
            query_params_max: 3,
            ..TrapLimits::default()
        };
        let traps = Traps::new(limits);
        for (text, expected) in [
            ("http://a/1/2/3/4/5/", Ok(())),
            ("http://a/1/2/3/4/5/6", Err(Trap::Deep)),
            ("http://a/b/c/b/c", Ok(())),
            ("http://a/b/c/b/c/b", Err(Trap::Repeating)),
            ("http://a/?a&b&c", Ok(())),
            ("http://a/?a&b&c&d", Err(Trap::Parameters)),
        ] {
            assert_eq!(traps.look(&url(text)), expected, "{text}");
        }
    }

    #[test]
    fn pages_of_a_pattern_are_limited_and_so_is_what_is_counted() {
        let limits = TrapLimits { pattern_pages_max: 2, ..TrapLimits::default() };
        let mut traps = Traps::new(limits);
        let mut count = |text: &str| traps.count(&url(text));
        assert_eq!(count("http://a/cal?m=1"), Ok(()));
        assert_eq!(count("http://a/cal?m=2"), Ok(()));
        assert_eq!(count("http://a/cal?m=3"), Err(Trap::Pattern));
        assert_eq!(count("http://a/cal?n=3"), Ok(()));
        assert_eq!(count("http://b/cal?m=3"), Ok(()));
        let word = |n: u32| n.to_string().bytes().map(|b| char::from(b + 49)).collect::<String>();
        for n in 0..70_000 {
            let _ = traps.count(&url(&format!("http://c/{}", word(n))));
        }
        assert!(traps.pages.len() <= PATTERNS_MAX + 3, "{}", traps.pages.len());
    }
}
