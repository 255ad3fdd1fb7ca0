//! What must not leave the process: credentials in URLs, and values that the run calls secret.

use std::borrow::Cow;

use gather_core::Record;
use gather_core::target::has_userinfo;
use gather_fetch::RedactQuery;
use url::Url;

/// What stands where a secret stood.
const REDACTED: &str = "***";

/// The URL without its user name and password.
pub(crate) fn url(url: &Url) -> Cow<'_, Url> {
    if !has_userinfo(url) {
        return Cow::Borrowed(url);
    }
    let mut bare = url.clone();
    // Only a URL without a host refuses these, and it has no credentials either.
    let _ = bare.set_username("");
    let _ = bare.set_password(None);
    Cow::Owned(bare)
}

/// The text of an input with what stands between `//` and `@` of its authority replaced.
pub(crate) fn input(text: &str) -> Cow<'_, str> {
    let start = text.find("://").map_or(0, |at| at + "://".len());
    let end = text[start..].find(['/', '?', '#', '\\']).map_or(text.len(), |at| start + at);
    match text[start..end].rfind('@') {
        Some(at) => Cow::Owned(format!("{}{REDACTED}{}", &text[..start], &text[start + at..])),
        None => Cow::Borrowed(text),
    }
}

/// Replaces the values of these keys of queries, in every URL of a record.
pub(crate) fn record(record: &mut Record, keys: &RedactQuery) {
    if keys.is_empty() {
        return;
    }
    let urls = [Some(&mut record.url), record.final_url.as_mut()];
    urls.into_iter().flatten().for_each(|url| text(url, keys));
    let links = record.chain.iter_mut().map(|link| &mut link.url);
    for text in links.chain(record.input.as_mut()) {
        if let Some(redacted) = keys.text(text) {
            *text = redacted.into();
        }
    }
    // Places that the answer names.
    let headers = record.headers.iter_mut().flat_map(|headers| headers.iter_mut());
    let is_place = |name: &str| {
        ["location", "content-location"].iter().any(|place| name.eq_ignore_ascii_case(place))
    };
    for (_, value) in headers.filter(|(name, _)| is_place(name)) {
        if let Some(redacted) = keys.text(value) {
            *value = redacted.into();
        }
    }
}

/// The same for the text of one URL.
pub(crate) fn text(url: &mut String, keys: &RedactQuery) {
    if let Some(redacted) = keys.text(url) {
        *url = redacted;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_taken_out_of_inputs_and_urls() {
        let check = |given: &str, want: &str| assert_eq!(input(given), want, "{given}");
        check("https://a.example/x@y", "https://a.example/x@y");
        check("https://me:pw@a.example/x", "https://***@a.example/x");
        check("me:p@ss@a.example", "***@a.example");
        check("a.example?mail=x@y", "a.example?mail=x@y");
        let given = Url::parse("https://me:pw@a.example/x").expect("a URL");
        assert_eq!(url(&given).as_str(), "https://a.example/x");
    }
}
