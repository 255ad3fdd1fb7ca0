//! Where a redirect leads, by RFC 9110 section 15.4 and our own rules.

use gather_core::attempt::ChainLink;
use gather_core::config::Redirects;
use gather_core::target::has_userinfo;
use gather_core::{ErrorKind, Failure};
use http::HeaderMap;
use http::header::LOCATION;
use url::Url;

use crate::request::MethodAfter;

/// What follows from a response as far as redirects go.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// It is the answer.
    Final,
    /// Ask this URL; it has no userinfo and keeps the fragment (RFC 9110 section 10.2.2).
    Follow(Box<Url>),
}

/// Whether a redirect from https to http is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Downgrade {
    Refused,
    /// What is asked for is public, and no credential goes along.
    Followed,
}

/// Decides about a response of `status` to a request for `url`, after the redirects in `chain`.
///
/// # Errors
/// One of the kinds `redirect.*`.
pub(crate) fn next(
    status: u16,
    headers: &HeaderMap,
    url: &Url,
    chain: &[ChainLink],
    (redirects, downgrade): (Redirects, Downgrade),
    method: MethodAfter,
) -> Result<Next, Failure> {
    let Redirects::Follow { max } = redirects else { return Ok(Next::Final) };
    if !matches!(status, 301 | 302 | 303 | 307 | 308) {
        return Ok(Next::Final);
    }
    let Some(location) = location(headers)? else { return Ok(Next::Final) };
    let next = resolve_with(url, location, downgrade)?;
    let was_visited = chain.iter().map(|link| &*link.url).chain([url.as_str()]);
    // A POST answered by "see the same URL" is no loop: what is asked for next is another thing.
    if method == MethodAfter::Stays && was_visited.into_iter().any(|url| is_same(url, &next)) {
        let message = format!("redirected to {} for the second time", next.as_str());
        return Err(Failure::new(ErrorKind::RedirectLoop, message));
    }
    if chain.len() >= max as usize {
        return Err(Failure::new(ErrorKind::RedirectLimit, format!("more than {max} redirects")));
    }
    Ok(Next::Follow(Box::new(next)))
}

/// The one `Location`; `None` if there is none, which makes the response final.
fn location(headers: &HeaderMap) -> Result<Option<&str>, Failure> {
    let mut values = headers.get_all(LOCATION).iter();
    let Some(first) = values.next() else { return Ok(None) };
    if values.any(|other| other != first) {
        return Err(invalid("two different locations"));
    }
    let text = std::str::from_utf8(first.as_bytes());
    let text = text.map_err(|_| invalid("a location that is not text"))?.trim();
    if text.is_empty() {
        return Err(invalid("a blank location"));
    }
    Ok(Some(text))
}

/// Where a `Location` in an answer from `url` leads: without credentials, to http or https, and not
/// down from https.
///
/// # Errors
/// `redirect.invalid`, `redirect.scheme` or `redirect.downgrade`.
pub fn resolve(url: &Url, location: &str) -> Result<Url, Failure> {
    resolve_with(url, location, Downgrade::Refused)
}

fn resolve_with(url: &Url, location: &str, downgrade: Downgrade) -> Result<Url, Failure> {
    let mut next = url.join(location).map_err(|error| {
        Failure::new(ErrorKind::RedirectInvalid, format!("redirected to no valid url: {error}"))
    })?;
    if !matches!(next.scheme(), "http" | "https") {
        let message = format!("redirected to the scheme {}", next.scheme());
        return Err(Failure::new(ErrorKind::RedirectScheme, message));
    }
    let is_downgrade = url.scheme() == "https" && next.scheme() == "http";
    if is_downgrade && downgrade == Downgrade::Refused {
        let message = "redirected from https to http";
        return Err(Failure::new(ErrorKind::RedirectDowngrade, message));
    }
    // Credentials come from the operator, never from a response.
    if has_userinfo(&next) {
        let _ = next.set_username("");
        let _ = next.set_password(None);
    }
    if next.fragment().is_none() {
        next.set_fragment(url.fragment());
    }
    Ok(next)
}

/// Whether both ask for the same thing; fragments are never sent.
fn is_same(visited: &str, next: &Url) -> bool {
    let bare = |text: &str| text.split('#').next().unwrap_or_default().to_owned();
    bare(visited) == bare(next.as_str())
}

fn invalid(what: &str) -> Failure {
    Failure::new(ErrorKind::RedirectInvalid, format!("redirected with {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOLLOW: Redirects = Redirects::Follow { max: 3 };

    /// What a redirect from `url` (after `chain`) with these locations leads to.
    fn check(url: &str, chain: &[&str], status: u16, locations: &[&[u8]]) -> String {
        let mut headers = HeaderMap::new();
        for location in locations {
            headers.append(LOCATION, http::HeaderValue::from_bytes(location).unwrap());
        }
        let chain: Vec<ChainLink> =
            chain.iter().map(|url| ChainLink { url: (*url).into(), status: 302 }).collect();
        let url = Url::parse(url).unwrap();
        let how = (FOLLOW, Downgrade::Refused);
        match next(status, &headers, &url, &chain, how, MethodAfter::Stays) {
            Ok(Next::Final) => "final".to_owned(),
            Ok(Next::Follow(url)) => url.to_string(),
            Err(failure) => failure.kind.as_str().to_owned(),
        }
    }

    #[test]
    fn a_location_is_resolved_against_its_url() {
        let cases: [(&str, &[u8], &str); 16] = [
            ("http://a/x/y", b"z", "http://a/x/z"),
            ("http://a/x/y?q", b"/z", "http://a/z"),
            ("http://a/x", b"?q=1", "http://a/x?q=1"),
            ("http://a/x", b"//b/z", "http://b/z"),
            ("http://a/x", b"  https://b  ", "https://b/"),
            ("http://a/x#f", b"/z", "http://a/z#f"),
            ("http://a/x#f", b"/z#g", "http://a/z#g"),
            ("http://a/x", b"http://user:secret@b/z", "http://b/z"),
            ("http://a/x", "/\u{e4}".as_bytes(), "http://a/%C3%A4"),
            ("http://a/x", b"", "redirect.invalid"),
            ("http://a/x", b" \t", "redirect.invalid"),
            ("http://a/x", b"http://", "redirect.invalid"),
            ("http://a/x", b"/\xff", "redirect.invalid"),
            ("http://a/x", b"file:///etc/passwd", "redirect.scheme"),
            ("http://a/x", b"gopher://a/", "redirect.scheme"),
            ("https://a/x", b"http://a/x", "redirect.downgrade"),
        ];
        for (url, location, expected) in cases {
            let what = String::from_utf8_lossy(location);
            assert_eq!(check(url, &[], 302, &[location]), expected, "{url} {what}");
        }
    }

    #[test]
    fn a_downgrade_is_followed_for_what_is_public() {
        let url = Url::parse("https://a/robots.txt").unwrap();
        let next = resolve_with(&url, "http://user:secret@a/x", Downgrade::Followed);
        assert_eq!(next.map(String::from), Ok("http://a/x".to_owned()));
    }

    #[test]
    fn only_redirect_statuses_with_a_location_are_followed() {
        for status in [301, 302, 303, 307, 308] {
            assert_eq!(check("http://a/", &[], status, &[b"/b"]), "http://a/b", "{status}");
            assert_eq!(check("http://a/", &[], status, &[]), "final", "{status}");
        }
        for status in [200, 201, 300, 304, 305, 404] {
            assert_eq!(check("http://a/", &[], status, &[b"/b"]), "final", "{status}");
        }
    }

    #[test]
    fn two_locations_must_agree() {
        assert_eq!(check("http://a/", &[], 302, &[b"/b", b"/b"]), "http://a/b");
        assert_eq!(check("http://a/", &[], 302, &[b"/b", b"/c"]), "redirect.invalid");
    }

    #[test]
    fn chains_end_at_loops_and_at_the_limit() {
        let chain = ["http://a/1", "http://a/2"];
        assert_eq!(check("http://a/3", &chain, 302, &[b"/4"]), "http://a/4");
        assert_eq!(check("http://a/3", &chain, 302, &[b"/1"]), "redirect.loop");
        assert_eq!(check("http://a/3", &chain, 302, &[b"/3"]), "redirect.loop");
        assert_eq!(check("http://a/3", &chain, 302, &[b"/3#f"]), "redirect.loop");
        let chain = ["http://a/0", "http://a/1", "http://a/2"];
        assert_eq!(check("http://a/3", &chain, 302, &[b"/4"]), "redirect.limit");
    }
}
