//! `gather config show`: every setting, its value, and where it came from.

use std::fmt::Write;

use crate::config_file::HostEntry;
use crate::reference;
use crate::settings::{Setting, Settings};
use crate::to_toml;

/// Values end at this column where they can, so that origins stand in one.
const ORIGIN_COLUMN: usize = 43;

/// The settings as a commented TOML table. Secrets are shown as references or `***`.
pub(crate) fn text(settings: &Settings) -> String {
    let mut text = match &settings.file {
        Some(file) => format!("# configuration file: {}\n", file.path.display()),
        None => "# configuration file: none\n".to_owned(),
    };
    text.push_str("# flag > env > file > default\n[defaults]");
    let mut topic = "";
    for setting in &settings.all {
        if setting.key.topic != topic {
            topic = &setting.key.topic;
            write!(text, "\n\n# {topic}").expect(TAKES_ALL);
        }
        write!(text, "\n{}", line(setting)).expect(TAKES_ALL);
    }
    for host in settings.file.iter().flat_map(|file| &file.hosts) {
        write!(text, "\n\n{}", host_text(host)).expect(TAKES_ALL);
    }
    text
}

const TAKES_ALL: &str = "a string takes everything";

fn line(setting: &Setting) -> String {
    if setting.values.is_empty() {
        let name = &setting.key.name;
        return format!("{:ORIGIN_COLUMN$} # not set", format!("# {name} ="));
    }
    let shown: Vec<String> =
        setting.values.iter().map(|value| redacted(&setting.key.name, value)).collect();
    let line = to_toml::line(&setting.key, &shown);
    format!("{line:ORIGIN_COLUMN$} # {}", setting.origin)
}

fn host_text(host: &HostEntry) -> String {
    let mut text = to_toml::table(&["hosts", &host.name]);
    if let Some(concurrency) = host.concurrency {
        write!(text, "\nconcurrency = {concurrency}").expect(TAKES_ALL);
    }
    if let Some(rate) = host.rate {
        let interval = rate.interval().as_secs_f64();
        write!(text, "\nrate = \"1/{interval}s\"").expect(TAKES_ALL);
    }
    let headers: Vec<String> = host
        .headers
        .iter()
        .map(|(name, value)| {
            let value = if reference::is_in(value) { value } else { "***" };
            format!("{} = {}", toml::Value::from(name.as_str()), toml::Value::from(value))
        })
        .collect();
    if !headers.is_empty() {
        write!(text, "\nheaders = {{ {} }}", headers.join(", ")).expect(TAKES_ALL);
    }
    text
}

/// A value without its secret parts. A reference is no secret.
pub(crate) fn redacted(key: &str, value: &str) -> String {
    if reference::is_in(value) {
        return value.to_owned();
    }
    match key {
        "user" => match value.split_once(':') {
            Some((name, _)) => format!("{name}:***"),
            None => value.to_owned(),
        },
        "cookie" => "***".to_owned(),
        "data" if !value.starts_with('@') => format!("*** ({} bytes)", value.len()),
        "header" => match value.split_once(':') {
            Some((name, value)) if !is_plain_header(name) => {
                format!("{name}: {}", if value.trim().is_empty() { "" } else { "***" })
            }
            _ => value.to_owned(),
        },
        "proxy" | "url" => without_credentials(value),
        _ => value.to_owned(),
    }
}

/// Headers whose values are known to be no secret; of any other, nobody knows.
fn is_plain_header(name: &str) -> bool {
    const PLAIN: &[&str] = &[
        "accept",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "content-type",
        "origin",
        "referer",
        "user-agent",
    ];
    PLAIN.contains(&name.trim().to_ascii_lowercase().as_str())
}

/// `http://***@host/` of `http://user:password@host/`.
fn without_credentials(url: &str) -> String {
    let start = url.find("://").map_or(0, |at| at + "://".len());
    let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |at| start + at);
    match url[start..end].rfind('@') {
        Some(at) => format!("{}***{}", &url[..start], &url[start + at..]),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::redacted;

    #[test]
    fn secrets_are_not_shown() {
        for (key, value, expected) in [
            ("user", "ann:pw", "ann:***"),
            ("user", "ann", "ann"),
            ("cookie", "session=1", "***"),
            ("header", "Authorization: Bearer x", "Authorization: ***"),
            ("header", "X-Api-Key: x", "X-Api-Key: ***"),
            ("header", "Accept: text/html", "Accept: text/html"),
            ("header", "@headers.txt", "@headers.txt"),
            ("header", "Authorization: Bearer ${env:T}", "Authorization: Bearer ${env:T}"),
            ("proxy", "socks5://u:p@h:1080", "socks5://***@h:1080"),
            ("proxy", "u:p@h:1080", "***@h:1080"),
            ("url", "https://u:p@h/a@b", "https://***@h/a@b"),
            ("url", "https://h/a@b", "https://h/a@b"),
            ("data", "pin=1", "*** (5 bytes)"),
            ("data", "@body.json", "@body.json"),
            ("timeout", "5s", "5s"),
        ] {
            assert_eq!(redacted(key, value), expected, "{key} {value}");
        }
    }
}
