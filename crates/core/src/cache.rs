//! What may be reused of an earlier answer, as a private cache decides it (RFC 9111).

use std::sync::Arc;

use crate::attempt::Headers;
use crate::record::Archived;

/// The place of a target in the cache of a run, and what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// SHA-256 of all that decides which answer is meant: the URL, and every header that is sent.
    /// Requests that differ in any have different keys, so no `Vary` can be missed (RFC 9111
    /// section 4.1), and no credential reads the answer that another one got.
    pub key: [u8; 32],
    /// The last answer, if it can be used.
    pub stored: Option<Stored>,
    /// Whether that answer may be used without asking.
    pub freshness: Freshness,
}

/// An answer that was stored: status 200, whole, to a GET without redirects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// `ETag`, as sent.
    pub etag: Option<Box<str>>,
    /// `Last-Modified`, as sent.
    pub last_modified: Option<Box<str>>,
    /// `Content-Type`, as sent.
    pub content_type: Option<Arc<str>>,
    /// SHA-256 of the decoded body.
    pub sha256: [u8; 32],
    /// Bytes of the decoded body.
    pub body_bytes: u64,
    /// Where the body is: a file of its own.
    pub body_path: Option<Box<str>>,
    /// Where the body is: in an archive.
    pub archived: Option<Archived>,
    /// When its age was zero, in microseconds since 1970 (RFC 9111 section 4.2.3).
    pub born_unix_us: u64,
    /// When it stops being fresh; not after `born_unix_us` where it must be asked for each time.
    pub fresh_until_unix_us: u64,
}

/// Whether a stored answer may be used without asking (RFC 9111 section 4.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Freshness {
    /// It may not.
    #[default]
    Stale,
    /// It may.
    Fresh,
}

/// What the cache did for a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheUse {
    /// The server said that the stored answer still holds (304).
    Revalidated,
    /// The stored answer is fresh: nothing was asked.
    Fresh,
    /// The answer came from the server and is stored from now on.
    Stored,
}

impl CacheUse {
    /// `revalidated`, `fresh` or `stored`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Revalidated => "revalidated",
            Self::Fresh => "fresh",
            Self::Stored => "stored",
        }
    }
}

/// What a `Cache-Control` says (RFC 9111 sections 5.2.1 and 5.2.2). Directives for shared caches
/// mean nothing to us, and a qualified `no-cache="…"` is taken as an unqualified one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Directives {
    /// Nothing is to be stored, or taken from the store.
    pub no_store: bool,
    /// Nothing is to be used without asking.
    pub no_cache: bool,
    /// Seconds.
    pub max_age: Option<u64>,
}

impl Directives {
    /// Those of all values of these headers; a `Pragma: no-cache` counts where there is no
    /// `Cache-Control` (RFC 9111 section 5.4).
    pub fn of<'h>(headers: impl IntoIterator<Item = (&'h str, &'h str)>) -> Self {
        let (mut said, mut pragma, mut is_said) = (Self::default(), false, false);
        for (name, value) in headers {
            if name.eq_ignore_ascii_case("cache-control") {
                is_said = true;
                value.split(',').for_each(|directive| said.add(directive));
            } else if name.eq_ignore_ascii_case("pragma") {
                pragma |= value.to_ascii_lowercase().contains("no-cache");
            }
        }
        said.no_cache |= pragma && !is_said;
        said
    }

    fn add(&mut self, directive: &str) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "no-store" => self.no_store = true,
            "no-cache" => self.no_cache = true,
            "max-age" => {
                // One that cannot be read is stale at once (RFC 9111 section 4.2.1).
                let seconds = value.trim().trim_matches('"').parse().unwrap_or(0);
                self.max_age = Some(self.max_age.map_or(seconds, |known| known.min(seconds)));
            }
            _ => {}
        }
    }
}

/// Until when an answer is fresh, and since when it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// As [`Stored::born_unix_us`].
    pub born_unix_us: u64,
    /// As [`Stored::fresh_until_unix_us`].
    pub fresh_until_unix_us: u64,
}

/// Whether an answer with these headers may be stored, and how long it is fresh; `None` if it must
/// not be. It was asked for and received at these moments, in microseconds since 1970.
///
/// There is no heuristic freshness (RFC 9111 section 4.2.2): an answer that does not say how long
/// it holds is asked for each time.
pub fn assess(headers: &Headers, asked_unix_us: u64, received_unix_us: u64) -> Option<Lifetime> {
    let pairs = || headers.iter().map(|(name, value)| (&**name, &**value));
    let directives = Directives::of(pairs());
    let varies_on_all = values(headers, "vary").any(|value| value.contains('*'));
    if directives.no_store || varies_on_all {
        return None;
    }
    let date = date_of(headers, "date");
    let lifetime_us = match (directives.no_cache, directives.max_age) {
        (true, _) => 0,
        (false, Some(seconds)) => seconds.saturating_mul(MICROS),
        // An invalid `Expires` lies in the past (RFC 9111 section 5.3).
        (false, None) => match (date_of(headers, "expires"), date) {
            (Some(expires), date) => expires.saturating_sub(date.unwrap_or(received_unix_us)),
            (None, _) => 0,
        },
    };
    // RFC 9111 section 4.2.3.
    let apparent = date.map_or(0, |date| received_unix_us.saturating_sub(date));
    let age = values(headers, "age").next().and_then(|text| text.trim().parse::<u64>().ok());
    let delay = received_unix_us.saturating_sub(asked_unix_us);
    let corrected = age.unwrap_or(0).saturating_mul(MICROS).saturating_add(delay);
    let born = received_unix_us.saturating_sub(apparent.max(corrected));
    Some(Lifetime { born_unix_us: born, fresh_until_unix_us: born.saturating_add(lifetime_us) })
}

/// Whether a stored answer may be used at this moment without asking, for a request with these
/// directives (RFC 9111 sections 4.2 and 5.2.1).
pub fn freshness(stored: &Stored, request: Directives, now_unix_us: u64) -> Freshness {
    // A clock that was set back says nothing about ages.
    let Some(age) = now_unix_us.checked_sub(stored.born_unix_us) else { return Freshness::Stale };
    let is_young = request.max_age.is_none_or(|seconds| age <= seconds.saturating_mul(MICROS));
    match now_unix_us < stored.fresh_until_unix_us && is_young && !request.no_cache {
        true => Freshness::Fresh,
        false => Freshness::Stale,
    }
}

/// Whether a 304 with these headers is about the stored answer (RFC 9111 section 4.3.4): one with
/// another strong validator is not.
pub fn confirms(stored: &Stored, headers: &Headers) -> bool {
    match (values(headers, "etag").next(), &stored.etag) {
        (Some(theirs), Some(ours)) if !theirs.starts_with("W/") => {
            theirs.trim() == ours.trim_start_matches("W/")
        }
        _ => true,
    }
}

/// The value of a header that stands once.
pub fn value<'h>(headers: &'h Headers, name: &str) -> Option<&'h str> {
    values(headers, name).next()
}

fn values<'h>(headers: &'h Headers, name: &str) -> impl Iterator<Item = &'h str> {
    let of_name = headers.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name));
    of_name.map(|(_, value)| &**value)
}

fn date_of(headers: &Headers, name: &str) -> Option<u64> {
    let date = httpdate::parse_http_date(value(headers, name)?.trim()).ok()?;
    let since = date.duration_since(std::time::SystemTime::UNIX_EPOCH).ok()?;
    u64::try_from(since.as_micros()).ok()
}

const MICROS: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT.
    const NOW: u64 = 784_111_777 * MICROS;
    const DATE: &str = "Date: Sun, 06 Nov 1994 08:49:37 GMT";

    fn headers(lines: &[&str]) -> Headers {
        let pairs = lines.iter().map(|line| line.split_once(": ").unwrap());
        pairs.map(|(name, value)| (name.into(), value.into())).collect()
    }

    #[test]
    fn an_answer_is_fresh_for_as_long_as_it_says() {
        let cases: &[(&[&str], Option<i64>)] = &[
            // Seconds it is fresh from now on, if it may be stored.
            (&[], Some(0)),
            (&["Cache-Control: max-age=60"], Some(60)),
            (&["cache-control: public, Max-Age=\"60\""], Some(60)),
            (&["Cache-Control: max-age=60", "Cache-Control: max-age=10"], Some(10)),
            (&["Cache-Control: max-age=soon"], Some(0)),
            (&["Cache-Control: s-maxage=60"], Some(0)),
            (&["Cache-Control: private, max-age=60"], Some(60)),
            (&["Cache-Control: no-cache, max-age=60"], Some(0)),
            (&["Cache-Control: no-cache=\"set-cookie\", max-age=60"], Some(0)),
            (&["Cache-Control: no-store"], None),
            (&["Cache-Control: max-age=60, NO-STORE"], None),
            (&["Pragma: no-cache"], Some(0)),
            (&["Vary: *", "Cache-Control: max-age=60"], None),
            (&["Vary: Accept-Encoding", "Cache-Control: max-age=60"], Some(60)),
            (&["Cache-Control: max-age=60", "Age: 20"], Some(40)),
            (&["Cache-Control: max-age=60", "Age: 90"], Some(-30)),
            (&["Cache-Control: max-age=60", "Date: Sun, 06 Nov 1994 08:49:27 GMT"], Some(50)),
            (&["Cache-Control: max-age=60", "Date: Sun, 06 Nov 1994 09:49:27 GMT"], Some(60)),
            (&["Expires: Sun, 06 Nov 1994 08:50:37 GMT", DATE], Some(60)),
            (&["Expires: Sun, 06 Nov 1994 08:50:37 GMT"], Some(60)),
            (&["Expires: 0", DATE], Some(0)),
            (
                &["Expires: Sun, 06 Nov 1994 08:50:37 GMT", DATE, "Cache-Control: max-age=5"],
                Some(5),
            ),
            (&["Cache-Control: max-age=99999999999999999999"], Some(0)),
        ];
        for (lines, seconds) in cases {
            let lifetime = assess(&headers(lines), NOW, NOW);
            let left = lifetime.map(|life| {
                (life.fresh_until_unix_us as i64 - NOW as i64) / i64::try_from(MICROS).unwrap()
            });
            assert_eq!(left, *seconds, "{lines:?}");
        }
        // The time it was under way counts as age.
        let slow = assess(&headers(&["Cache-Control: max-age=60"]), NOW, NOW + 7 * MICROS).unwrap();
        assert_eq!((slow.born_unix_us, slow.fresh_until_unix_us), (NOW, NOW + 60 * MICROS));
    }

    #[test]
    fn a_request_may_ask_for_more() {
        let stored = Stored {
            born_unix_us: NOW,
            fresh_until_unix_us: NOW + 60 * MICROS,
            ..Stored::default()
        };
        let cases: &[(&[&str], u64, Freshness)] = &[
            (&[], 59, Freshness::Fresh),
            (&[], 60, Freshness::Stale),
            (&["Cache-Control: no-cache"], 1, Freshness::Stale),
            (&["Pragma: no-cache"], 1, Freshness::Stale),
            (&["Cache-Control: max-age=10"], 10, Freshness::Fresh),
            (&["Cache-Control: max-age=10"], 11, Freshness::Stale),
            (&["Cache-Control: max-age=0"], 1, Freshness::Stale),
        ];
        for (lines, age, expected) in cases {
            let lines = headers(lines);
            let request = Directives::of(lines.iter().map(|(name, value)| (&**name, &**value)));
            assert_eq!(freshness(&stored, request, NOW + age * MICROS), *expected, "{lines:?}");
        }
        let before = freshness(&stored, Directives::default(), NOW - 1);
        assert_eq!(before, Freshness::Stale, "a clock that was set back");
    }

    #[test]
    fn a_304_must_be_about_what_is_stored() {
        let cases = [
            ("\"a\"", &["ETag: \"a\""][..], true),
            ("\"a\"", &["ETag: \"b\""], false),
            ("W/\"a\"", &["ETag: \"a\""], true),
            ("\"a\"", &["ETag: W/\"b\""], true),
            ("\"a\"", &[], true),
        ];
        for (ours, theirs, expected) in cases {
            let stored = Stored { etag: Some(ours.into()), ..Stored::default() };
            assert_eq!(confirms(&stored, &headers(theirs)), expected, "{ours} {theirs:?}");
        }
    }
}
