//! From the table of a channel to the channel.

use std::time::Duration;

use gather_core::Method;
use gather_fetch::Secret;
use gather_fetch::http::{HeaderName, HeaderValue};
use url::Url;

use super::{Channel, PACING, Pacing, RETRY_FOR, TIMEOUT, Way};
use crate::alerts::command;
use crate::alerts::heartbeat::Heartbeat;
use crate::alerts::http::{Body, Http};
use crate::alerts::mail;
use crate::alerts::secrets::Secrets;
use crate::alerts::template::Template;
use crate::alerts::value::{ConfigError, Fields, Text, Value, nearest, unknown};

const JSON: &str = "application/json";
const TELEGRAM: &str = "https://api.telegram.org";
const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";
/// The key that says what a channel is holds where it goes.
const KINDS: &[&str] = &[
    "webhook",
    "slack",
    "discord",
    "teams",
    "telegram",
    "pagerduty",
    "ntfy",
    "alertmanager",
    "smtp",
    "command",
    "heartbeat",
];
/// The shortest time between two signs of life.
const EVERY_MIN: Duration = Duration::from_secs(1);

type Parsed<T> = Result<T, ConfigError>;

/// What is read of a table beside the way itself.
struct Read {
    way: Way,
    place: String,
    pacing: Pacing,
}

pub(super) fn channel(name: &str, pairs: &[(String, Value)]) -> Parsed<Channel> {
    let kind = kind(pairs)?;
    let mut fields = Fields::new(pairs);
    let mut secrets = Secrets::default();
    let Read { way, place, mut pacing } = match kind {
        "webhook" | "slack" | "discord" | "teams" => webhook(kind, &mut fields, &mut secrets)?,
        "telegram" => telegram(&mut fields, &mut secrets)?,
        "pagerduty" => pagerduty(&mut fields, &mut secrets)?,
        "ntfy" => ntfy(&mut fields, &mut secrets)?,
        "alertmanager" => alertmanager(&mut fields, &mut secrets)?,
        "smtp" => {
            let (mail, place) = mail::parse(&mut fields, &mut secrets)?;
            Read { way: Way::Mail(Box::new(mail)), place, pacing: PACING }
        }
        "command" => {
            let (command, place) = command::parse(&mut fields, &mut secrets)?;
            Read { way: Way::Command(command), place, pacing: PACING }
        }
        _ => heartbeat(&mut fields, &mut secrets)?,
    };
    let timeout = fields.duration("timeout")?.unwrap_or(TIMEOUT);
    if timeout.is_zero() {
        let error = ConfigError::new("no time is too little", "write 10s");
        return Err(error.under("timeout"));
    }
    let mut retry_for = RETRY_FOR;
    if !matches!(way, Way::Heartbeat(_)) {
        retry_for = fields.duration("retry_for")?.unwrap_or(retry_for);
        pacing.digest = fields.duration("digest")?.unwrap_or(pacing.digest);
        pacing.backoff = fields.duration("backoff")?.unwrap_or(pacing.backoff);
        pacing.per_hour = fields.count("per_hour")?.unwrap_or(pacing.per_hour);
    }
    fields.finish()?;
    let (name, place) = (name.into(), place.into());
    Ok(Channel { name, kind, place, way, pacing, timeout, retry_for, secrets })
}

/// The one key that says what it is.
fn kind(pairs: &[(String, Value)]) -> Parsed<&'static str> {
    let mut found = pairs.iter().filter_map(|(key, _)| KINDS.iter().find(|kind| **kind == *key));
    match (found.next(), found.next()) {
        (Some(kind), None) => Ok(kind),
        (Some(first), Some(second)) => {
            let message = format!("it is both `{first}` and `{second}`");
            Err(ConfigError::new(message, "make it two channels").under(second))
        }
        (None, _) => match pairs.iter().find(|(key, _)| nearest(key, KINDS).is_some()) {
            Some((key, _)) => Err(unknown(key, "key", KINDS).under(key)),
            None => {
                let hint = format!("say it by one of the keys {}", KINDS.join(", "));
                Err(ConfigError::new("what it is is not said", hint))
            }
        },
    }
}

fn webhook(kind: &'static str, fields: &mut Fields<'_>, secrets: &mut Secrets) -> Parsed<Read> {
    let address = fields.needed(kind, "write the URL that the service gave you")?;
    let url = secret_url(address, secrets).map_err(|error| error.under(kind))?;
    let method = match fields.text("method")? {
        None => Method::POST,
        Some(text) => method(text).map_err(|error| error.under("method"))?,
    };
    let headers = headers(fields, secrets)?;
    let content_type = fields.text("content_type")?.map_or(JSON, Text::expose).to_owned();
    if HeaderValue::from_str(&content_type).is_err() {
        let error = ConfigError::new("it cannot be sent", "write application/json");
        return Err(error.under("content_type"));
    }
    let template = fields.text("template")?;
    template.into_iter().for_each(|text| secrets.add_text(text));
    let template = template.map(|text| Template::parse(text.expose(), &content_type));
    let body = match (template.transpose().map_err(|error| error.under("template"))?, kind) {
        (Some(template), _) => Body::Template(template),
        (None, "slack") => Body::Slack,
        (None, "discord") => Body::Discord,
        (None, "teams") => Body::Teams,
        (None, _) => Body::Json,
    };
    let place = shown(address, &url);
    let http = Http { url, method, headers, content_type, body };
    Ok(Read { way: Way::Http(Box::new(http)), place, pacing: PACING })
}

fn telegram(fields: &mut Fields<'_>, secrets: &mut Secrets) -> Parsed<Read> {
    let token = fields.needed("telegram", "write the token of the bot")?.expose();
    secrets.add(token);
    let is_token = !token.is_empty()
        && token.bytes().all(|b| b.is_ascii_alphanumeric() || b":-_".contains(&b));
    if !is_token {
        let hint = "it looks like 110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw";
        return Err(ConfigError::new("it is no token of a bot", hint).under("telegram"));
    }
    let chat = match fields.value("chat") {
        Some(Value::Text(chat)) => chat.expose().to_owned(),
        Some(Value::Number(chat)) if chat.fract() == 0.0 => format!("{chat:.0}"),
        _ => {
            let hint = "write chat = \"-1001234567890\" or chat = \"@channel\"";
            return Err(ConfigError::new("there is no `chat`", hint));
        }
    };
    let api = base(fields, TELEGRAM, secrets)?;
    let url = joined(&api, &format!("/bot{token}/sendMessage"));
    let place = format!("{}/bot…/sendMessage chat {chat}", origin(&url));
    let body = Body::Telegram { chat };
    Ok(json_to(url, Vec::new(), body, place, PACING))
}

fn pagerduty(fields: &mut Fields<'_>, secrets: &mut Secrets) -> Parsed<Read> {
    let key = fields.needed("pagerduty", "write the integration key of the service")?.expose();
    secrets.add(key);
    let url = base(fields, PAGERDUTY, secrets)?;
    let body = Body::PagerDuty { routing_key: Secret::new(key) };
    // Each event opens or closes an incident of its own, so nothing waits for company.
    let pacing =
        Pacing { digest: Duration::from_secs(1), per_hour: 240, events_max: 100, ..PACING };
    let place = origin(&url);
    Ok(json_to(url, Vec::new(), body, place, pacing))
}

fn ntfy(fields: &mut Fields<'_>, secrets: &mut Secrets) -> Parsed<Read> {
    let hint = "write the server and the topic: https://ntfy.sh/topic";
    let address = fields.needed("ntfy", hint)?;
    let mut url = secret_url(address, secrets).map_err(|error| error.under("ntfy"))?;
    let topic = url.path_segments().and_then(|mut path| path.next_back()).unwrap_or_default();
    let topic = topic.to_owned();
    if topic.is_empty() {
        return Err(ConfigError::new("there is no topic in it", hint).under("ntfy"));
    }
    let place = shown(address, &url);
    // Published as JSON, which goes to the server itself, and names the topic.
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop();
    }
    let mut headers = headers(fields, secrets)?;
    let user = fields.text("user")?;
    let password = fields.text("password")?;
    if let Some(token) = fields.text("token")? {
        secrets.add(token.expose());
        headers.push(header("authorization", &format!("Bearer {}", token.expose()), "token")?);
    } else if let (Some(user), Some(password)) = (user, password) {
        secrets.add(password.expose());
        let basic = basic(user.expose(), password.expose());
        secrets.add(&basic);
        headers.push(header("authorization", &format!("Basic {basic}"), "password")?);
    }
    let priority = match fields.value("priority") {
        None => None,
        Some(Value::Number(n)) if [1.0, 2.0, 3.0, 4.0, 5.0].contains(n) => Some(*n as u8),
        Some(_) => {
            let hint = "write 1 (least) to 5 (most), or leave it out: down is 5";
            return Err(ConfigError::new("it is no priority", hint).under("priority"));
        }
    };
    let tags = fields.texts("tags")?.iter().map(|tag| tag.expose().to_owned()).collect();
    let body = Body::Ntfy { topic, priority, tags };
    Ok(json_to(url, headers, body, place, PACING))
}

fn alertmanager(fields: &mut Fields<'_>, secrets: &mut Secrets) -> Parsed<Read> {
    let hint = "write its address: http://alertmanager.example:9093";
    let address = fields.needed("alertmanager", hint)?;
    let base = secret_url(address, secrets).map_err(|error| error.under("alertmanager"))?;
    let place = shown(address, &base);
    let url = joined(&base, "/api/v2/alerts");
    let headers = headers(fields, secrets)?;
    let labels = fields.pairs("labels")?;
    let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), v.expose().to_owned())).collect();
    let resend = fields.duration("resend")?.unwrap_or(Duration::from_secs(60));
    if resend < EVERY_MIN {
        return Err(ConfigError::new("it is too short", "write 1m").under("resend"));
    }
    // It groups and limits by itself.
    let pacing =
        Pacing { digest: Duration::from_secs(1), per_hour: 7_200, events_max: 500, ..PACING };
    Ok(json_to(url, headers, Body::Alertmanager { labels, resend }, place, pacing))
}

fn heartbeat(fields: &mut Fields<'_>, secrets: &mut Secrets) -> Parsed<Read> {
    let address = fields.needed("heartbeat", "write the URL that the outside watcher gave you")?;
    let url = secret_url(address, secrets).map_err(|error| error.under("heartbeat"))?;
    let fail = match fields.text("fail")? {
        None => None,
        Some(text) => Some(secret_url(text, secrets).map_err(|error| error.under("fail"))?),
    };
    let every = fields.duration("every")?.unwrap_or(Duration::from_secs(60));
    if every < EVERY_MIN {
        return Err(ConfigError::new("it is too short", "write 1m").under("every"));
    }
    let method = match fields.text("method")? {
        None => Method::GET,
        Some(text) => method(text).map_err(|error| error.under("method"))?,
    };
    let headers = headers(fields, secrets)?;
    let place = shown(address, &url);
    let way = Way::Heartbeat(Box::new(Heartbeat { url, fail, every, method, headers }));
    Ok(Read { way, place, pacing: PACING })
}

fn json_to(
    url: Url,
    headers: Vec<(String, String)>,
    body: Body,
    place: String,
    pacing: Pacing,
) -> Read {
    let content_type = JSON.to_owned();
    let http = Http { url, method: Method::POST, headers, content_type, body };
    Read { way: Way::Http(Box::new(http)), place, pacing }
}

/// `api`: the service elsewhere than where it is for everybody.
fn base(fields: &mut Fields<'_>, default: &str, secrets: &mut Secrets) -> Parsed<Url> {
    match fields.text("api")? {
        Some(text) => secret_url(text, secrets).map_err(|error| error.under("api")),
        None => Ok(Url::parse(default).expect("a constant")),
    }
}

/// A URL of which everything after the host may be a secret.
fn secret_url(text: &Text, secrets: &mut Secrets) -> Parsed<Url> {
    let wrong = |why: &str| ConfigError::new(why, "write https://host/path");
    let url = Url::parse(text.expose()).map_err(|_| wrong("it is no URL"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong("it is neither http nor https"));
    }
    secrets.add_text(text);
    secrets.add(text.expose());
    secrets.add(url.as_str());
    // Short segments are words such as `services`, `api` and `hook`.
    let segments = url.path_segments().into_iter().flatten();
    segments.filter(|segment| segment.len() >= 9).for_each(|segment| secrets.add(segment));
    url.query_pairs().for_each(|(_, value)| secrets.add(&value));
    url.password().into_iter().for_each(|password| secrets.add(password));
    Ok(url)
}

fn joined(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    url
}

/// Where a request goes, as people may see it: the reference, or the host.
fn shown(text: &Text, url: &Url) -> String {
    text.reference().map_or_else(|| format!("{}/…", origin(url)), str::to_owned)
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn method(text: &Text) -> Parsed<Method> {
    Method::from_name(text.expose())
        .ok_or_else(|| ConfigError::new("it is no method", "write POST, PUT or GET"))
}

fn headers(fields: &mut Fields<'_>, secrets: &mut Secrets) -> Parsed<Vec<(String, String)>> {
    let mut headers = Vec::new();
    for (name, value) in fields.pairs("headers")? {
        let known = header(name, value.expose(), name).map_err(|error| error.under("headers"))?;
        secrets.add_text(value);
        secrets.add(value.expose());
        // `Bearer` and the like are known to all.
        value.expose().split_whitespace().skip(1).for_each(|part| secrets.add(part));
        headers.push(known);
    }
    Ok(headers)
}

/// A header that can be sent: no line ends in it, so it can be only one.
fn header(name: &str, value: &str, key: &str) -> Parsed<(String, String)> {
    let sent =
        HeaderName::from_bytes(name.as_bytes()).is_ok() && HeaderValue::from_str(value).is_ok();
    if !sent {
        let hint = "a name is letters, digits and dashes; a value is one line";
        return Err(ConfigError::new("it is no header that can be sent", hint).under(key));
    }
    Ok((name.to_owned(), value.to_owned()))
}

fn basic(user: &str, password: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"))
}
