//! Each service gets what it documents, over a real socket.

use gather::alerts::Value;
use gather::core::Time;
use gather::core::watch::State;
use gather::store::history::{Event, EventKind};
use gather_testkit::{Alertmanager, Page, Request, Server, Site};
use serde_json::{Value as Json, json};

use crate::bed::*;

const PATHS: [&str; 5] =
    ["/hook", "/bot1:token/sendMessage", "/", "/v2/enqueue", "/prefix/api/v2/alerts"];
/// 2026-11-21 10:00:00 UTC.
const AT: Time = Time::from_millis(1_795_255_200_000);

/// The requests that events become, in one message; `SERVER` stands for the test server.
fn sent(pairs: &[(&str, &str)], events: Vec<Event>) -> Vec<Request> {
    let page = Page { status: 202, headers: Vec::new(), body: b"{}".to_vec() };
    let site = PATHS.iter().fold(Site::default(), |site, path| site.page(path, page.clone()));
    let server = Server::start(site);
    let mut bed = Bed::new();
    for (n, event) in events.into_iter().enumerate() {
        bed.put(&format!("key-{n}"), "ops", event);
    }
    let pairs: Vec<(&str, Value)> = pairs
        .iter()
        .map(|(key, value)| (*key, Value::text(&value.replace("SERVER", &server.url("")))))
        .collect();
    let _deliverer = bed.deliver(vec![channel("ops", &pairs)]);
    bed.until_empty();
    server.requests()
}

/// The only body.
fn body(pairs: &[(&str, &str)], events: Vec<Event>) -> Json {
    let requests = sent(pairs, events);
    assert_eq!(requests.len(), 1, "{requests:?}");
    json(&requests[0])
}

fn at(kind: EventKind) -> Event {
    Event { at: AT, since: AT, ..event(kind) }
}

/// Text that would be markup somewhere, and far too much of it.
fn hostile() -> Event {
    let mut event = at(EventKind::Down);
    event.target = Some("<!channel> @everyone *x* [a](http://b) \u{202e}\r\nBcc: x".into());
    event.reason = format!("<@U1> <script> `{}`", "é😀".repeat(2_500)).into();
    event
}

fn many() -> Vec<Event> {
    (0..200).map(|n| Event { incident: Some(n), ..hostile() }).collect()
}

#[test]
fn slack_gets_blocks() {
    let pairs = [("slack", "SERVER/hook")];
    let details = "Reason: connection refused\nError: connect.refused\nSince: 2026-11-21 10:00:00 UTC\n\
        Job: domains\nGroup: shops\nTags: team=web\nURL: https://shop.example/\n\
        http://127.0.0.1:8080/target/17";
    assert_eq!(
        body(&pairs, vec![at(EventKind::Down)]),
        json!({
            "text": "🔴 shop is down",
            "blocks": [
                { "type": "header",
                  "text": { "type": "plain_text", "text": "🔴 shop is down", "emoji": false } },
                { "type": "section",
                  "text": { "type": "mrkdwn", "text": details, "verbatim": true } },
            ],
        })
    );
    for events in [vec![hostile()], many()] {
        let body = body(&pairs, events);
        let text = body["blocks"][1]["text"]["text"].as_str().expect("a section");
        assert!(!text.contains("<@") && text.contains("&lt;@"), "{text}");
        assert!(text.chars().count() <= 3_000);
        assert!(
            body["blocks"][0]["text"]["text"].as_str().expect("a header").chars().count() <= 150
        );
        assert!(!body["text"].as_str().expect("a text").contains("<!"));
    }
}

#[test]
fn discord_gets_an_embed_that_mentions_nobody() {
    let pairs = [("discord", "SERVER/hook")];
    let body_of_up = body(&pairs, vec![at(EventKind::Up)]);
    assert_eq!(body_of_up["allowed_mentions"], json!({ "parse": [] }));
    let embed = &body_of_up["embeds"][0];
    assert_eq!(embed["title"], "shop is up again after 4 min 12 s");
    assert_eq!(embed["url"], "http://127.0.0.1:8080/target/17");
    assert_eq!(embed["timestamp"], "2026-11-21T10:00:00.000Z");
    assert_eq!(embed["color"], 0x002e_a043);
    for events in [vec![hostile()], many()] {
        let body = body(&pairs, events);
        let embed = &body["embeds"][0];
        let length = |name: &str| embed[name].as_str().expect("text").chars().count();
        assert!(length("title") <= 256 && length("description") <= 4_096);
        assert!(length("title") + length("description") <= 6_000);
        let text = embed["description"].as_str().expect("text");
        assert!(text.contains("\\<\\@U1\\>"), "{text}");
    }
    // A title is Markdown, too.
    let title = &body(&pairs, vec![hostile()])["embeds"][0]["title"];
    assert!(title.as_str().is_some_and(|title| title.contains("\\*x\\* \\[a\\]")), "{title}");
}

#[test]
fn telegram_gets_plain_text_with_a_bold_title() {
    let pairs = [("telegram", "1:token"), ("chat", "@ops"), ("api", "SERVER")];
    let body_of_down = body(&pairs, vec![at(EventKind::Down)]);
    assert_eq!(body_of_down["chat_id"], "@ops");
    assert_eq!(body_of_down["entities"], json!([{ "type": "bold", "offset": 3, "length": 12 }]));
    let text = body_of_down["text"].as_str().expect("text");
    assert!(text.starts_with("🔴 shop is down\nReason: connection refused\n"), "{text}");
    assert_eq!(body_of_down["link_preview_options"]["is_disabled"], true);
    assert!(body_of_down.get("parse_mode").is_none(), "nothing is markup");
    for events in [vec![hostile()], many()] {
        let text = body(&pairs, events)["text"].as_str().expect("text").encode_utf16().count();
        assert!((1..=4_096).contains(&text), "{text}");
    }
    let text = body(&pairs, vec![hostile()])["text"].to_string();
    assert!(text.contains("@\u{2060}everyone") && !text.contains("@everyone"), "{text}");
}

#[test]
fn teams_gets_an_adaptive_card() {
    let pairs = [("teams", "SERVER/hook")];
    let message = body(&pairs, vec![at(EventKind::Down)]);
    assert_eq!(message["type"], "message");
    let attachment = &message["attachments"][0];
    assert_eq!(attachment["contentType"], "application/vnd.microsoft.card.adaptive");
    let card = &attachment["content"];
    assert_eq!((&card["type"], &card["version"]), (&json!("AdaptiveCard"), &json!("1.4")));
    assert_eq!(card["body"][0]["text"], "shop is down");
    assert_eq!(card["body"][0]["color"], "Attention");
    assert_eq!(card["body"][1]["type"], "FactSet");
    let reason = json!({ "title": "Reason", "value": "connection refused" });
    assert_eq!(card["body"][1]["facts"][0], reason);
    let action = &card["actions"][0];
    assert_eq!(action["type"], "Action.OpenUrl");
    assert_eq!(action["url"], "http://127.0.0.1:8080/target/17");
    for events in [vec![hostile()], many()] {
        let requests = sent(&pairs, events);
        assert!(requests[0].body.len() < 28 << 10, "{} bytes", requests[0].body.len());
        let text = String::from_utf8_lossy(&requests[0].body).into_owned();
        assert!(!text.contains("[a](http"), "{text}");
    }
}

#[test]
fn ntfy_gets_json_for_its_topic() {
    let pairs = [("ntfy", "SERVER/alerts"), ("token", "tk_1"), ("tags", "gather")];
    let requests = sent(&pairs, vec![at(EventKind::Down)]);
    assert_eq!(requests[0].header("authorization"), Some("Bearer tk_1"));
    let details = "Reason: connection refused\nError: connect.refused\nSince: 2026-11-21 10:00:00 UTC\n\
        Job: domains\nGroup: shops\nTags: team=web\nURL: https://shop.example/\n\
        http://127.0.0.1:8080/target/17";
    assert_eq!(
        json(&requests[0]),
        json!({
            "topic": "alerts", "title": "shop is down", "message": details, "priority": 5,
            "tags": ["rotating_light", "gather"], "click": "http://127.0.0.1:8080/target/17",
        })
    );
    for events in [vec![hostile()], many()] {
        let body = body(&pairs, events);
        assert!(body["message"].as_str().expect("text").len() < 4_096);
    }
}

#[test]
fn pagerduty_opens_and_ends_the_same_incident() {
    let pairs = [("pagerduty", "R0UT1NGKEY"), ("api", "SERVER/v2/enqueue")];
    let requests = sent(&pairs, vec![at(EventKind::Down), at(EventKind::Up)]);
    let bodies: Vec<Json> = requests.iter().map(json).collect();
    assert_eq!(
        bodies[0],
        json!({
            "routing_key": "R0UT1NGKEY", "event_action": "trigger",
            "dedup_key": "gather:127.0.0.1:8080:incident:17", "client": "gather",
            "client_url": "http://127.0.0.1:8080/target/17",
            "links": [{ "href": "http://127.0.0.1:8080/target/17", "text": "Details" }],
            "payload": {
                "summary": "shop is down: connection refused",
                "source": "https://shop.example/", "severity": "critical",
                "timestamp": "2026-11-21T10:00:00.000Z", "component": "shop", "group": "shops",
                "class": "connect.refused",
                "custom_details": {
                    "Reason": "connection refused", "Error": "connect.refused",
                    "Since": "2026-11-21 10:00:00 UTC", "Job": "domains", "Group": "shops",
                    "Tags": "team=web", "URL": "https://shop.example/",
                },
            },
        })
    );
    assert_eq!(
        bodies[1],
        json!({
            "routing_key": "R0UT1NGKEY", "event_action": "resolve",
            "dedup_key": "gather:127.0.0.1:8080:incident:17",
        })
    );
}

#[test]
fn pagerduty_gets_no_empty_member() {
    let pairs = [("pagerduty", "R0UT1NGKEY"), ("api", "SERVER/v2/enqueue")];
    let mut gone = Event::new(EventKind::Network, AT, State::Unknown);
    gone.reason = "our own network does not answer".into();
    let payload = body(&pairs, vec![gone])["payload"].clone();
    assert_eq!(payload["source"], "gather");
    let members = payload.as_object().expect("an object");
    assert!(members.values().all(|value| !value.is_null()), "{payload}");
    assert!(!members.contains_key("component"), "{payload}");
}

#[test]
fn pagerduty_is_not_stormed() {
    let pairs = [("pagerduty", "R0UT1NGKEY"), ("api", "SERVER/v2/enqueue")];
    let requests = sent(&pairs, many().into_iter().take(100).collect());
    assert_eq!(requests.len(), 21, "twenty, and one for the rest");
    let keys: std::collections::BTreeSet<String> =
        requests.iter().map(|request| json(request)["dedup_key"].to_string()).collect();
    assert_eq!(keys.len(), 21);
    let last = json(&requests[20]);
    let summary = last["payload"]["summary"].as_str().expect("a summary");
    assert!(summary.starts_with("80 more: "), "{summary}");
    for request in &requests {
        let body = json(request);
        let summary = body["payload"]["summary"].as_str().expect("a summary");
        assert!(summary.chars().count() <= 1_024 && !summary.contains('\n'), "{summary}");
        assert!(body["dedup_key"].as_str().expect("a key").len() <= 255);
    }
}

#[test]
fn alertmanager_gets_labels_that_stay_and_an_end() {
    let pairs = [("alertmanager", "SERVER/prefix/"), ("resend", "1m")];
    let alerts = body(&pairs, vec![at(EventKind::Down)]);
    let labels = json!({
        "alertname": "GatherTargetFailing", "severity": "critical", "job": "domains",
        "target": "shop", "group": "shops", "incident": "17", "team": "web",
    });
    assert_eq!(alerts.as_array().map(Vec::len), Some(1));
    assert_eq!(alerts[0]["labels"], labels);
    assert_eq!(alerts[0]["annotations"]["description"], "shop is down: connection refused");
    assert_eq!(alerts[0]["startsAt"], "2026-11-21T10:00:00.000Z");
    assert_eq!(alerts[0]["generatorURL"], "http://127.0.0.1:8080/target/17");
    let end = alerts[0]["endsAt"].as_str().expect("an end");
    assert!(end > "2026-11-21T10:04", "in the future: {end}");

    let alerts = body(&pairs, vec![Event { at: AT, ..event(EventKind::Up) }]);
    assert_eq!(alerts[0]["labels"], labels, "the same alert ends");
    assert_eq!(alerts[0]["endsAt"], "2026-11-21T10:00:00.000Z");
    assert_eq!(alerts[1]["labels"]["severity"], "warning", "and that of the degraded state");
}

#[test]
fn a_real_alertmanager_takes_what_begins_and_what_ends() {
    let Some(service) = Alertmanager::start() else {
        eprintln!("NOT TESTED: what needs prometheus-alertmanager, which is not installed");
        return;
    };
    let mut bed = Bed::new();
    let pairs = [("alertmanager", Value::text(&service.url()))];
    let deliverer = bed.deliver(vec![channel("ops", &pairs)]);
    let mut changed = event(EventKind::Changed);
    changed.tags = vec![("1-odd näme".into(), String::new().into())];
    for (n, event) in [event(EventKind::Down), hostile(), changed].into_iter().enumerate() {
        bed.put(&format!("{n}"), "ops", Event { incident: Some(n as i64), ..event });
    }
    deliverer.nudge();
    bed.until_empty();
    let counts = deliverer.metrics().counts();
    assert_eq!(counts[0].1.given_up, 0, "{}", service.log());
    let label = |alert: &Json, name: &str| alert["labels"][name].as_str().unwrap_or("").to_owned();
    let active = || {
        let mut active: Vec<String> = service
            .active()
            .iter()
            .map(|alert| format!("{} {}", label(alert, "alertname"), label(alert, "incident")))
            .collect();
        active.sort();
        active
    };
    let begun = ["GatherTargetFailing 0", "GatherTargetFailing 1", "GatherValueChanged 2"];
    until("they are active", || active() == begun);
    bed.put("up", "ops", Event { incident: Some(0), at: now(), ..event(EventKind::Up) });
    deliverer.nudge();
    until("it has ended", || active() == begun[1..]);
}

#[test]
fn a_webhook_can_be_anything() {
    let template = "{\"who\": {{ target }}, \"n\": {{ count }}, \"all\": [{% for e in events %}\
        {{ e.event }}{% if not loop.last %}, {% endif %}{% endfor %}]}";
    let pairs = [("webhook", "SERVER/hook"), ("method", "PUT"), ("template", template)];
    let requests = sent(&pairs, vec![at(EventKind::Up), at(EventKind::Down)]);
    assert_eq!(requests[0].method, "PUT");
    let want = json!({ "who": "shop", "n": 2, "all": ["down", "up"] });
    assert_eq!(json(&requests[0]), want, "the worst first");
    let form = [
        ("webhook", "SERVER/hook"),
        ("content_type", "application/x-www-form-urlencoded"),
        ("template", "text={{ title }}"),
    ];
    let requests = sent(&form, vec![at(EventKind::Down)]);
    assert_eq!(requests[0].body, b"text=shop%20is%20down");
}
