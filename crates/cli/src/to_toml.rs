//! Settings written as lines of TOML that parse back to the same.

use crate::keys::{Key, Takes};

/// `concurrency = 50`, `input = ["a", "b"]`, `fail-fast = true`.
pub(crate) fn line(key: &Key, values: &[String]) -> String {
    let name = if key.name.contains('.') { quoted(&key.name) } else { key.name.clone() };
    format!("{name} = {}", value(key, values))
}

fn value(key: &Key, values: &[String]) -> String {
    match (key.takes, values) {
        (Takes::Nothing, values) => (values == ["true"]).to_string(),
        (Takes::One, [one]) if is_number(key, one) => one.clone(),
        (_, [one]) => quoted(one),
        (_, many) => {
            let many: Vec<String> = many.iter().map(|value| quoted(value)).collect();
            format!("[{}]", many.join(", "))
        }
    }
}

/// A table's name: `job.prices`, `job."two words"`.
pub(crate) fn table(parts: &[&str]) -> String {
    let is_bare = |part: &&str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    let parts: Vec<String> = parts
        .iter()
        .map(|part| if is_bare(part) { (*part).to_owned() } else { quoted(part) })
        .collect();
    format!("[{}]", parts.join("."))
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// Whether a value reads as a number in TOML too: no sign, no leading zero, nothing textual.
fn is_number(key: &Key, text: &str) -> bool {
    let counts = ["concurrency", "host-concurrency", "retries", "limit", "max-redirects"];
    counts.contains(&key.name.as_str())
        && text.len() <= 18
        && text.bytes().all(|b| b.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'))
}
