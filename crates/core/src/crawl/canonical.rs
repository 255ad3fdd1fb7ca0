//! One spelling for the URLs of a page: what may be left out or written otherwise.

use std::borrow::Cow;

use url::Url;

use crate::target::has_userinfo;

/// How URLs are brought into one form. Parsing (WHATWG) has lowered the host, dropped the default
/// port and solved dot segments; an empty path is `/`.
#[derive(Clone, Debug, Default)]
pub struct Canonical {
    /// Parameters that do not change the page; none is dropped unless asked for.
    pub drop_params: DropParams,
    /// The order of the parameters.
    pub query_order: QueryOrder,
}

/// The order of a query's parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueryOrder {
    /// As written: a server may tell `?a&b` from `?b&a`.
    #[default]
    Kept,
    /// By name and value.
    Sorted,
}

/// Names of query parameters, and of path parameters (`;jsessionid=…`), that are dropped. In any
/// case; a `*` at the end stands for any rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DropParams(Vec<Box<str>>);

/// Parameters that carry a session.
const SESSION: &[&str] = &[
    "jsessionid",
    "phpsessid",
    "sessionid",
    "session_id",
    "sid",
    "aspsessionid*",
    "cfid",
    "cftoken",
    "osid",
    "zenid",
    "oscsid",
];
/// Parameters that say where somebody came from.
const TRACKING: &[&str] = &[
    "utm_*", "gclid", "gclsrc", "dclid", "wbraid", "gbraid", "fbclid", "msclkid", "yclid",
    "twclid", "ttclid", "igshid", "mc_cid", "mc_eid", "_ga", "_gl", "_hsenc", "_hsmi", "vero_id",
    "mkt_tok",
];

impl DropParams {
    /// Those of this list, each a name or the beginning of one and `*`.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self(names.into_iter().map(|name| name.to_ascii_lowercase().into()).collect())
    }

    /// The usual names of sessions and of tracking, and these.
    pub fn usual<'a>(more: impl IntoIterator<Item = &'a str>) -> Self {
        Self::new(SESSION.iter().chain(TRACKING).copied().chain(more))
    }

    fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|known| match known.strip_suffix('*') {
            Some(start) => {
                name.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start))
            }
            None => name.eq_ignore_ascii_case(known),
        })
    }
}

impl Canonical {
    /// The one form of `url`: without fragment and credentials, percent-encoding in upper case and
    /// only where needed (RFC 3986 section 6.2.2), and what was asked for.
    pub fn apply(&self, mut url: Url) -> Url {
        url.set_fragment(None);
        if has_userinfo(&url) {
            // They fail only where there is no host.
            let _ = url.set_username("");
            let _ = url.set_password(None);
        }
        if let Cow::Owned(path) = self.path(url.path()) {
            url.set_path(&path);
        }
        let query = url.query().map(|query| self.query(query));
        match query {
            Some(Some(Cow::Owned(query))) => url.set_query(Some(&query)),
            Some(None) => url.set_query(None),
            Some(Some(Cow::Borrowed(_))) | None => {}
        }
        url
    }

    fn path<'a>(&self, path: &'a str) -> Cow<'a, str> {
        let path = if self.drop_params.0.is_empty() || !path.contains(';') {
            Cow::Borrowed(path)
        } else {
            let keep = |segment: &str| {
                let mut parts = segment.split(';');
                let name = parts.next().unwrap_or_default().to_owned();
                parts
                    .filter(|part| !self.is_dropped(part))
                    .fold(name, |kept, part| kept + ";" + part)
            };
            Cow::Owned(path.split('/').map(keep).collect::<Vec<_>>().join("/"))
        };
        match path {
            Cow::Borrowed(path) => unescaped(path),
            Cow::Owned(path) => Cow::Owned(unescaped(&path).into_owned()),
        }
    }

    /// `None` if nothing is left of a query that had something to drop.
    fn query<'a>(&self, query: &'a str) -> Option<Cow<'a, str>> {
        let drops = query.split('&').any(|part| self.is_dropped(part));
        if !drops && self.query_order == QueryOrder::Kept {
            return Some(unescaped(query));
        }
        let mut parts: Vec<Cow<'_, str>> =
            query.split('&').filter(|part| !self.is_dropped(part)).map(unescaped).collect();
        if parts.is_empty() {
            return None;
        }
        if self.query_order == QueryOrder::Sorted {
            parts.sort_unstable();
        }
        Some(Cow::Owned(parts.join("&")))
    }

    fn is_dropped(&self, part: &str) -> bool {
        let name = part.split_once('=').map_or(part, |(name, _)| name);
        !name.is_empty() && self.drop_params.contains(name)
    }
}

/// The same with `%7e` as `~` and `%3c` as `%3C`. A `%` that escapes nothing stays.
fn unescaped(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let needs = |at: usize| escape(&bytes[at..]).is_some_and(|(_, is_normal)| !is_normal);
    if !(0..bytes.len()).any(|at| bytes[at] == b'%' && needs(at)) {
        return Cow::Borrowed(text);
    }
    let mut normal = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        normal.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = match escape(rest.as_bytes()) {
            Some((byte, _)) if is_unreserved(byte) => {
                normal.push(char::from(byte));
                3
            }
            Some(_) => {
                normal.push_str(&rest[..3].to_ascii_uppercase());
                3
            }
            None => {
                normal.push('%');
                1
            }
        };
        rest = &rest[length..];
    }
    normal.push_str(rest);
    Cow::Owned(normal)
}

/// What `%xx` at the beginning stands for, and whether it is written as it should be.
fn escape(text: &[u8]) -> Option<(u8, bool)> {
    let &[b'%', high, low, ..] = text else { return None };
    let value = |digit: u8| char::from(digit).to_digit(16);
    let byte = u8::try_from(value(high)? * 16 + value(low)?).ok()?;
    let is_upper = !high.is_ascii_lowercase() && !low.is_ascii_lowercase();
    Some((byte, is_upper && !is_unreserved(byte)))
}

/// RFC 3986 section 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(canonical: &Canonical, cases: &[(&str, &str)]) {
        for (url, expected) in cases {
            let got = canonical.apply(Url::parse(url).expect(url));
            assert_eq!(got.as_str(), *expected, "{url}");
            assert_eq!(canonical.apply(got.clone()), got, "{url} once more");
        }
    }

    #[test]
    fn spellings_of_one_url() {
        let cases = [
            ("http://A.Example", "http://a.example/"),
            ("http://a.example:80/x#frag", "http://a.example/x"),
            ("https://a.example:443/?q#f", "https://a.example/?q"),
            ("http://a.example:8080/", "http://a.example:8080/"),
            ("http://user:pass@a.example/x", "http://a.example/x"),
            ("http://a.example/b/../c/./d", "http://a.example/c/d"),
            ("http://a.example/%7ejoe/%3cx%3E", "http://a.example/~joe/%3Cx%3E"),
            ("http://a.example/x?q=%41%2f&r=%zz", "http://a.example/x?q=A%2F&r=%zz"),
            ("http://a.example/ü", "http://a.example/%C3%BC"),
            ("http://a.example/a%2Fb", "http://a.example/a%2Fb"),
            ("http://a.example/?b=2&a=1", "http://a.example/?b=2&a=1"),
            ("http://a.example/?", "http://a.example/?"),
            (
                "http://a.example/x;jsessionid=1?sid=2&utm_source=x",
                "http://a.example/x;jsessionid=1?sid=2&utm_source=x",
            ),
        ];
        check(&Canonical::default(), &cases);
    }

    #[test]
    fn parameters_are_dropped_on_request() {
        let drop_params = DropParams::usual(["view"]);
        let canonical = Canonical { drop_params, query_order: QueryOrder::Kept };
        let cases = [
            ("http://a/x;jsessionid=1;v=2/y?b=2&a=1", "http://a/x;v=2/y?b=2&a=1"),
            ("http://a/x?PHPSESSID=abc", "http://a/x"),
            ("http://a/x?b=1&utm_source=n&UTM_Medium=m&a=2&view", "http://a/x?b=1&a=2"),
            ("http://a/x?utm=1&sidx=2&&=3", "http://a/x?utm=1&sidx=2&&=3"),
            ("http://a/x?ASPSESSIONIDABC=1&c", "http://a/x?c"),
        ];
        check(&canonical, &cases);
    }

    #[test]
    fn queries_are_sorted_on_request() {
        let canonical = Canonical { query_order: QueryOrder::Sorted, ..Canonical::default() };
        check(&canonical, &[("http://a/?b=2&a=%7e&a=1", "http://a/?a=1&a=~&b=2")]);
    }

    proptest! {
        #[test]
        fn what_is_canonical_stays_so(
            path in "/[ -~]{0,20}",
            query in "[ -~]{0,20}",
            sorted in any::<bool>(),
        ) {
            let base = Url::parse("http://a.example").expect("a URL");
            let Ok(url) = base.join(&format!("{path}?{query}")) else { return Ok(()) };
            let query_order = if sorted { QueryOrder::Sorted } else { QueryOrder::Kept };
            let canonical = Canonical { drop_params: DropParams::usual([]), query_order };
            let once = canonical.apply(url);
            prop_assert_eq!(canonical.apply(once.clone()), once.clone());
            prop_assert_eq!(Url::parse(once.as_str()).expect("still a URL"), once);
        }
    }
}
