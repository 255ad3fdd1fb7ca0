//! `gather config show`: every setting, its value, and where it came from.

use std::fmt::Write;

use crate::config_file::HostEntry;
use crate::reference;
use crate::settings::{Origin, Setting, Settings};
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

/// What was given, without secrets, as a JSON object: what a database keeps of a run's settings.
pub(crate) fn as_json(settings: &Settings) -> String {
    let given = settings.all.iter().filter(|setting| setting.origin != Origin::Default);
    let members = given.filter(|setting| !setting.values.is_empty()).map(|setting| {
        let mut shown: Vec<serde_json::Value> =
            setting.values.iter().map(|value| redacted(&setting.key.name, value).into()).collect();
        let value = match shown.len() {
            1 => shown.remove(0),
            _ => shown.into(),
        };
        (setting.key.name.clone(), value)
    });
    serde_json::Value::Object(members.collect()).to_string()
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
        "output" => without_password(value),
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

/// `postgres://ann:***@host/db` of the URL of a database; anything else as it is.
fn without_password(output: &str) -> String {
    let Some((scheme, rest)) = output.split_once("://") else { return output.to_owned() };
    // What stands before the last @ is credentials, whatever characters the password has.
    let (user, place) = match rest.rsplit_once('@') {
        Some((credentials, place)) => match credentials.split_once(':') {
            Some((user, _)) => (format!("{user}:***@"), place),
            None => (format!("{credentials}@"), place),
        },
        None => (String::new(), rest),
    };
    let (place, query) = place.split_once('?').unwrap_or((place, ""));
    let shown = query.split('&').map(|pair| match pair.split_once('=') {
        Some((key, _)) if key.contains("password") => format!("{key}=***"),
        _ => pair.to_owned(),
    });
    let query = shown.collect::<Vec<_>>().join("&");
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{scheme}://{user}{place}{mark}{query}")
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
            ("output", "r.jsonl", "r.jsonl"),
            ("output", "postgres://h/d", "postgres://h/d"),
            ("output", "postgres://ann@h/d", "postgres://ann@h/d"),
            ("output", "postgres://ann:p/?@w@h/d", "postgres://ann:***@h/d"),
            ("output", "postgres://ann:pw@h/d?schema=x", "postgres://ann:***@h/d?schema=x"),
            ("output", "postgres://h/d?password=pw&user=a", "postgres://h/d?password=***&user=a"),
            ("output", "${env:DATABASE_URL}", "${env:DATABASE_URL}"),
            ("timeout", "5s", "5s"),
        ] {
            assert_eq!(redacted(key, value), expected, "{key} {value}");
        }
    }
}
