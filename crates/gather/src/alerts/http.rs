//! Channels that are one HTTP request: which one, from a message.

use std::time::Duration;

use gather_core::{Method, Time};
use serde_json::{Value as Json, json};
use url::Url;

use super::key;
use super::message::Message;
use super::presets;
use super::template::{self, BODY_BYTES_MAX, Template};

/// Bytes of a key in a header.
const KEY_BYTES_MAX: usize = 128;

/// Where a request goes, and what every one of this channel has.
#[derive(Clone)]
pub(super) struct Http {
    /// May be a secret as a whole: of a webhook, to know it is to be allowed to use it.
    pub(super) url: Url,
    pub(super) method: Method,
    /// Secret values among them.
    pub(super) headers: Vec<(String, String)>,
    pub(super) content_type: String,
    pub(super) body: Body,
}

/// What a message becomes.
#[derive(Clone, Debug)]
pub(super) enum Body {
    /// All that is known, as JSON.
    Json,
    Template(Template),
    Slack,
    Discord,
    Teams,
    Telegram {
        chat: String,
    },
    Ntfy {
        topic: String,
        priority: Option<u8>,
        tags: Vec<String>,
    },
    PagerDuty {
        routing_key: gather_fetch::Secret,
    },
    Alertmanager {
        labels: Vec<(String, String)>,
        resend: Duration,
    },
}

/// One request that delivers one message.
pub(super) struct HttpRequest {
    pub(super) url: Url,
    pub(super) method: Method,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Http {
    /// The requests for a message: one, but for services that take one event at a time.
    ///
    /// # Errors
    /// A template that cannot be used with this message.
    pub(super) fn requests(
        &self,
        message: &Message,
        now: Time,
    ) -> Result<Vec<HttpRequest>, String> {
        let one = |body: Json| Ok(vec![self.request(&message.key, body.to_string().into_bytes())]);
        match &self.body {
            Body::Json => one(template::context(message)),
            Body::Template(template) => {
                let body = template.render(message)?.into_bytes();
                Ok(vec![self.request(&message.key, body)])
            }
            Body::Slack => one(presets::slack(message)),
            Body::Discord => one(presets::discord(message)),
            Body::Teams => one(presets::teams(message)),
            Body::Telegram { chat } => one(presets::telegram(message, chat)),
            Body::Ntfy { topic, priority, tags } => {
                one(presets::ntfy(message, topic, *priority, tags))
            }
            Body::Alertmanager { labels, resend } => {
                one(presets::alertmanager(message, labels, *resend, now))
            }
            Body::PagerDuty { routing_key } => {
                let events = presets::pagerduty(message, routing_key.expose());
                let request =
                    |(key, body): (String, Json)| self.request(&key, body.to_string().into_bytes());
                Ok(events.into_iter().map(request).collect())
            }
        }
    }

    fn request(&self, key: &str, body: Vec<u8>) -> HttpRequest {
        debug_assert!(body.len() <= 64 * BODY_BYTES_MAX, "a message is bounded");
        let mut headers = self.headers.clone();
        let mut add = |name: &str, value: &str| {
            if !headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
                headers.push((name.to_owned(), value.to_owned()));
            }
        };
        if self.method != Method::GET && self.method != Method::HEAD {
            add("Content-Type", &self.content_type);
        }
        // RFC draft-ietf-httpapi-idempotency-key-header: a string in quotes.
        add("Idempotency-Key", &format!("\"{}\"", key::plain(key, KEY_BYTES_MAX)));
        HttpRequest { url: self.url.clone(), method: self.method.clone(), headers, body }
    }
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http").field("method", &self.method).finish_non_exhaustive()
    }
}

/// How long a service asks to be left alone in its answer's body, where it says so there: Discord
/// (`retry_after`) and Telegram (`parameters.retry_after`), in seconds.
pub(super) fn retry_after_in(body: &[u8]) -> Option<Duration> {
    let json: Json = serde_json::from_slice(body).unwrap_or_else(|_| json!({}));
    let seconds = json["retry_after"].as_f64().or(json["parameters"]["retry_after"].as_f64())?;
    (0.0..=21_600.0).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}
