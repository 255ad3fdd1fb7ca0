//! Bodies as chat and paging services document them.
//!
//! Everything that came from outside is escaped for the service's markup, so that a page's title
//! mentions nobody and makes no link, and cut to the service's limits.

use std::time::Duration;

use gather_core::Time;
use serde_json::{Map, Value as Json, json};
use url::Url;

use super::key::plain;
use super::message::{Facts, Message, Severity, moment};
use crate::human;

/// Slack: a header block takes 150 characters, a section's text 3,000 (Block Kit reference).
const SLACK_HEADER_CHARS_MAX: usize = 150;
const SLACK_TEXT_CHARS_MAX: usize = 2_900;
/// Discord: an embed's title takes 256, its description 4,096, all of it 6,000 (message object).
const DISCORD_TITLE_CHARS_MAX: usize = 256;
const DISCORD_TEXT_CHARS_MAX: usize = 4_000;
/// Telegram: 4,096 characters after entities are parsed (sendMessage).
const TELEGRAM_CHARS_MAX: usize = 4_000;
/// Teams: 28 KB for the whole message; a character takes up to four bytes, or six escaped.
const TEAMS_TEXT_CHARS_MAX: usize = 3_000;
const TEAMS_FACT_CHARS_MAX: usize = 1_000;
/// ntfy: a message of more than 4,096 bytes becomes an attachment.
const NTFY_TEXT_BYTES_MAX: usize = 3_900;
/// PagerDuty: a summary takes 1,024 characters, a dedup_key 255 (Events API v2).
const PAGERDUTY_SUMMARY_CHARS_MAX: usize = 1_000;
const PAGERDUTY_KEY_BYTES_MAX: usize = 255;
/// Incidents that one message opens one by one at PagerDuty; the rest become one.
const PAGERDUTY_TRIGGERS_MAX: usize = 20;

/// Slack's incoming webhooks: blocks, and the text that notifications show.
pub(super) fn slack(message: &Message) -> Json {
    let mark = mark(message);
    let title = human::clipped(&message.title, SLACK_HEADER_CHARS_MAX - 4);
    let text = clip_escaped(message.rest(), SLACK_TEXT_CHARS_MAX, slack_escaped);
    let mut blocks = vec![json!({
        "type": "header",
        "text": { "type": "plain_text", "text": format!("{mark} {title}"), "emoji": false },
    })];
    if !text.is_empty() {
        blocks.push(json!({
            "type": "section",
            "text": { "type": "mrkdwn", "text": text, "verbatim": true },
        }));
    }
    let title = clip_escaped(&message.title, SLACK_TEXT_CHARS_MAX, slack_escaped);
    json!({ "text": format!("{mark} {title}"), "blocks": blocks })
}

/// Three characters are control characters to Slack ("Formatting text"); `<!channel>` needs them.
fn slack_escaped(c: char) -> Option<&'static str> {
    match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        _ => None,
    }
}

/// A text with characters replaced, at most so many characters long; none is cut in two.
fn clip_escaped(
    text: &str,
    chars_max: usize,
    escaped: impl Fn(char) -> Option<&'static str>,
) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = 0;
    for c in text.chars() {
        let replaced = escaped(c);
        // As most of them count: in UTF-16 code units.
        chars += replaced.map_or(c.len_utf16(), str::len);
        if chars >= chars_max {
            out.push('…');
            break;
        }
        match replaced {
            Some(replaced) => out.push_str(replaced),
            None => out.push(c),
        }
    }
    out
}

/// Discord's webhooks (Execute Webhook): one embed, and nobody is mentioned.
pub(super) fn discord(message: &Message) -> Json {
    let mut embed = json!({
        "title": clip_escaped(&message.title, DISCORD_TITLE_CHARS_MAX, markdown_escaped),
        "description": clip_escaped(message.rest(), DISCORD_TEXT_CHARS_MAX, markdown_escaped),
        "color": colour(message),
        "timestamp": message.first().at,
    });
    if let Some(link) = &message.first().link {
        embed["url"] = json!(link);
    }
    json!({ "username": "gather", "embeds": [embed], "allowed_mentions": { "parse": [] } })
}

/// Markdown as Discord and Teams read it, taken literally.
fn markdown_escaped(c: char) -> Option<&'static str> {
    Some(match c {
        '\\' => "\\\\",
        '*' => "\\*",
        '_' => "\\_",
        '~' => "\\~",
        '`' => "\\`",
        '|' => "\\|",
        '>' => "\\>",
        '<' => "\\<",
        '[' => "\\[",
        ']' => "\\]",
        '(' => "\\(",
        ')' => "\\)",
        '#' => "\\#",
        '@' => "\\@",
        _ => return None,
    })
}

/// Telegram's `sendMessage`: plain text with a bold title, by entity, so that nothing is markup.
pub(super) fn telegram(message: &Message, chat: &str) -> Json {
    let mark = mark(message);
    let text = format!("{mark} {}", message.text);
    let text = clip_escaped(&text, TELEGRAM_CHARS_MAX, telegram_escaped);
    let title = text.lines().next().unwrap_or_default();
    // Entities count UTF-16 code units.
    let offset = mark.encode_utf16().count() + 1;
    let length = title.encode_utf16().count().saturating_sub(offset);
    json!({
        "chat_id": chat,
        "text": text,
        "entities": [{ "type": "bold", "offset": offset, "length": length }],
        "link_preview_options": { "is_disabled": true },
    })
}

/// Telegram makes a mention of `@name` by itself, whatever the entities say; a word joiner, which is not
/// seen, keeps it from that.
fn telegram_escaped(c: char) -> Option<&'static str> {
    (c == '@').then_some("@\u{2060}")
}

/// A Teams workflow ("Post to a channel when a webhook request is received"): an Adaptive Card.
pub(super) fn teams(message: &Message) -> Json {
    let colour = match (message.is_resolved(), message.severity) {
        (true, _) => "Good",
        (_, Severity::Critical) => "Attention",
        (_, Severity::Warning) => "Warning",
        (_, Severity::Info) => "Default",
    };
    let mut body = vec![json!({
        "type": "TextBlock",
        "text": clip_escaped(&message.title, TEAMS_TEXT_CHARS_MAX, markdown_escaped),
        "size": "Large", "weight": "Bolder", "wrap": true, "color": colour,
    })];
    match message.only() {
        Some(facts) => {
            let facts = facts.details().into_iter().map(|(name, value)| {
                let value = clip_escaped(&value, TEAMS_FACT_CHARS_MAX, markdown_escaped);
                json!({ "title": name, "value": value })
            });
            body.push(json!({ "type": "FactSet", "facts": facts.collect::<Vec<_>>() }));
        }
        None => {
            // Two line breaks are one to an Adaptive Card.
            let text = clip_escaped(message.rest(), TEAMS_TEXT_CHARS_MAX, markdown_escaped);
            let text = text.replace('\n', "\n\n");
            body.push(json!({ "type": "TextBlock", "text": text, "wrap": true }));
        }
    }
    let mut card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
        "msteams": { "width": "Full" },
    });
    if let Some(link) = &message.first().link {
        card["actions"] = json!([{ "type": "Action.OpenUrl", "title": "Details", "url": link }]);
    }
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": card,
        }],
    })
}

/// ntfy's publishing as JSON.
pub(super) fn ntfy(message: &Message, topic: &str, priority: Option<u8>, tags: &[String]) -> Json {
    let (tag, urgency) = match (message.is_resolved(), message.severity) {
        (true, _) => ("white_check_mark", 3),
        (_, Severity::Critical) => ("rotating_light", 5),
        (_, Severity::Warning) => ("warning", 4),
        (_, Severity::Info) => ("information_source", 3),
    };
    let text = match message.rest() {
        "" => message.title.as_str(),
        rest => rest,
    };
    let tags: Vec<&str> = [tag].into_iter().chain(tags.iter().map(String::as_str)).collect();
    let mut body = json!({
        "topic": topic,
        "title": message.title,
        "message": human::cut(text, NTFY_TEXT_BYTES_MAX),
        "priority": priority.unwrap_or(urgency),
        "tags": tags,
    });
    if let Some(link) = &message.first().link {
        body["click"] = json!(link);
    }
    body
}

/// PagerDuty's Events API v2: one event each, with the key that it is sent under. What is beyond
/// twenty new incidents becomes one that says how many it stands for.
pub(super) fn pagerduty(message: &Message, routing_key: &str) -> Vec<(String, Json)> {
    let (ends, begins): (Vec<_>, Vec<_>) = message.events.iter().partition(|f| f.is_resolved);
    let (alone, rest) = begins.split_at(begins.len().min(PAGERDUTY_TRIGGERS_MAX));
    let event = |key: &str, facts: &Facts| {
        let mut body = json!({
            "routing_key": routing_key,
            "event_action": if facts.is_resolved { "resolve" } else { "trigger" },
            "dedup_key": pagerduty_key(facts),
        });
        if !facts.is_resolved {
            let summary = human::clipped(&summary(facts), PAGERDUTY_SUMMARY_CHARS_MAX);
            body["payload"] = pagerduty_payload(facts, &summary);
            body["client"] = json!("gather");
            if let Some(link) = &facts.link {
                body["client_url"] = json!(link);
                body["links"] = json!([{ "href": link, "text": "Details" }]);
            }
        }
        (key.to_owned(), body)
    };
    let mut events: Vec<_> =
        alone.iter().chain(&ends).map(|facts| event(&facts.key, facts)).collect();
    if let Some(first) = rest.first() {
        let key = format!("{}-rest", message.key);
        let summary = format!("{} more: {}, …", human::count(rest.len() as u64), first.title);
        let mut body = event(&key, first).1;
        body["dedup_key"] = json!(plain(&format!("gather:{key}"), PAGERDUTY_KEY_BYTES_MAX));
        body["payload"] = pagerduty_payload(first, &summary);
        events.push((key, body));
    }
    events
}

/// The same for what begins and what ends. Two watches may tell one service, and both begin to count
/// incidents at 1: the place of their pages keeps them apart.
fn pagerduty_key(facts: &Facts) -> String {
    let page = facts.link.as_deref().and_then(|link| Url::parse(link).ok());
    let page = page.map(|page| format!("{}:", page.authority())).unwrap_or_default();
    plain(&format!("gather:{page}{}", facts.thread), PAGERDUTY_KEY_BYTES_MAX).into_owned()
}

fn pagerduty_payload(facts: &Facts, summary: &str) -> Json {
    let details: Map<String, Json> =
        facts.details().into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    // What is told of the watch itself has no job. An empty source is refused.
    let source = facts.url.as_deref().or(facts.target.as_deref()).unwrap_or(&facts.job);
    let mut payload = json!({
        "summary": summary,
        "source": if source.is_empty() { "gather" } else { source },
        "severity": facts.severity.as_str(),
        "timestamp": facts.at,
        "class": facts.error_kind.as_deref().unwrap_or(facts.event),
        "custom_details": details,
    });
    for (name, value) in [("component", &facts.target), ("group", &facts.group)] {
        if let Some(value) = value {
            payload[name] = json!(value);
        }
    }
    payload
}

/// The title and the reason.
fn summary(facts: &Facts) -> String {
    match facts.reason.as_str() {
        "" => facts.title.clone(),
        reason if facts.title.contains(reason) => facts.title.clone(),
        reason => format!("{}: {reason}", facts.title),
    }
}

/// Alertmanager's API v2 (postableAlerts). What goes on is told again until it ends, so its end is
/// said to be a few repetitions away, as Prometheus does.
pub(super) fn alertmanager(
    message: &Message,
    labels: &[(String, String)],
    resend: Duration,
    now: Time,
) -> Json {
    let mut alerts = Vec::new();
    for facts in &message.events {
        let ends = match (facts.is_resolved, facts.is_lasting) {
            (true, _) => facts.at_time,
            (_, true) => now + 4 * resend,
            (..) => now + (4 * resend).max(Duration::from_secs(300)),
        };
        // An end says no more how bad it was, so it ends both; what is not open stays so.
        let severities: &[Severity] = match facts.is_resolved {
            true => &[Severity::Critical, Severity::Warning],
            false => std::slice::from_ref(&facts.severity),
        };
        alerts.extend(severities.iter().map(|severity| {
            let mut alert = json!({
                "labels": alert_labels(facts, *severity, labels),
                "annotations": { "summary": facts.title, "description": summary(facts) },
                "startsAt": moment(facts.since_time.min(facts.at_time)),
                "endsAt": moment(ends),
            });
            if let Some(link) = &facts.link {
                alert["generatorURL"] = json!(link);
            }
            alert
        }));
    }
    Json::Array(alerts)
}

/// What makes an alert this one: nothing that changes while it goes on.
fn alert_labels(facts: &Facts, severity: Severity, more: &[(String, String)]) -> Json {
    let name = match facts.event {
        "down" | "degraded" | "reminder" | "up" => "GatherTargetFailing",
        "network" | "network_back" => "GatherNetworkGone",
        "flapping" => "GatherTargetFlapping",
        "changed" => "GatherValueChanged",
        "stopped_matching" => "GatherStoppedMatching",
        "certificate" => "GatherCertificateEnds",
        "missed" => "GatherChecksMissed",
        _ => "GatherTest",
    };
    let mut labels = Map::new();
    for (name, value) in &facts.tags {
        labels.insert(label_name(name), json!(value));
    }
    for (name, value) in more {
        labels.insert(label_name(name), json!(value));
    }
    let incident = facts.incident.map(|incident| incident.to_string());
    let own = [
        ("alertname", Some(name)),
        ("severity", Some(severity.as_str())),
        ("job", Some(facts.job.as_str())),
        ("target", facts.target.as_deref()),
        ("group", facts.group.as_deref()),
        ("incident", incident.as_deref()),
        ("field", facts.field.as_deref()),
    ];
    for (name, value) in own {
        // An empty label is the same as none, and refused in some places.
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            labels.insert(name.to_owned(), json!(value));
        }
    }
    Json::Object(labels)
}

/// A name as Prometheus allows it: letters, digits and underscores, no digit first.
fn label_name(name: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let mut label: String = name.chars().map(allowed).collect();
    if !label.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        label.insert(0, '_');
    }
    label
}

/// A shape beside the words, for who skims.
fn mark(message: &Message) -> &'static str {
    match (message.is_resolved(), message.severity) {
        (true, _) => "✅",
        (_, Severity::Critical) => "🔴",
        (_, Severity::Warning) => "🟠",
        (_, Severity::Info) => "ℹ️",
    }
}

/// As 0xRRGGBB.
fn colour(message: &Message) -> u32 {
    match (message.is_resolved(), message.severity) {
        (true, _) => 0x002e_a043,
        (_, Severity::Critical) => 0x00d1_242f,
        (_, Severity::Warning) => 0x00d2_9922,
        (_, Severity::Info) => 0x0057_606a,
    }
}
