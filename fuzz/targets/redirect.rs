//! `Location`, from any URL: to http or https, without credentials, not down from https, or refused.
#![no_main]

use gather::Url;
use gather::fetch::resolve_redirect;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    // The first line is where the answer came from.
    let (from, location) = text.split_once('\n').unwrap_or(("http://a.example/b/c?d#e", text));
    let Ok(from) = Url::parse(from) else { return };
    if !matches!(from.scheme(), "http" | "https") {
        return;
    }
    let Ok(to) = resolve_redirect(&from, location) else { return };
    assert!(matches!(to.scheme(), "http" | "https"), "{to}");
    assert!(from.scheme() == "http" || to.scheme() == "https", "{from} -> {to}");
    assert!(to.username().is_empty() && to.password().is_none() && to.has_host(), "{to}");
    assert_eq!(Url::parse(to.as_str()).as_ref(), Ok(&to), "it is what it is written as");
});
