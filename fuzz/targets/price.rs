//! Prices out of any text: a number that was there, or nothing.
#![no_main]

use gather::extract::price::{Place, Price};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    let (hint, text) = text.split_once('\n').unwrap_or(("", text));
    let place = Place {
        language: hint.get(..2),
        host: Some(hint),
        hint: Some(hint),
        point: hint.chars().next().filter(|c| ".,".contains(*c)),
    };
    if Price::parse(text, &place).is_some() {
        assert!(text.chars().any(char::is_numeric), "{text:?}");
    }
});
