//! What is accepted as a channel, what it shows of itself, and how what is not is refused.

use super::super::value::Text;
use super::*;

fn text(text: &str) -> Value {
    Value::text(text)
}

fn list(texts: &[&str]) -> Value {
    Value::List(texts.iter().map(|item| text(item)).collect())
}

fn parse(pairs: &[(&str, Value)]) -> Result<Channel, ConfigError> {
    let pairs: Vec<_> =
        pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    Channel::parse("ops", &pairs)
}

#[test]
fn a_channel_shows_where_it_goes_and_nothing_secret() {
    let secret = |written: &str| Value::Text(Text::resolved("https://h.example/CANARY", written));
    let check = |pairs: &[(&str, Value)], kind: &str, place: &str| {
        let channel = parse(pairs).unwrap_or_else(|error| panic!("{pairs:?}: {error}"));
        assert_eq!((channel.kind(), channel.place()), (kind, place));
        let shown = format!("{channel:?}");
        assert!(!shown.contains("CANARY"), "{shown}");
    };
    check(&[("webhook", secret("${env:HOOK}"))], "webhook", "${env:HOOK}");
    check(
        &[("slack", text("https://hooks.example/T0/CANARY"))],
        "slack",
        "https://hooks.example/…",
    );
    check(&[("discord", text("http://127.0.0.1:8/CANARY"))], "discord", "http://127.0.0.1:8/…");
    check(
        &[("teams", text("https://a.example/CANARY?sig=CANARY"))],
        "teams",
        "https://a.example/…",
    );
    check(
        &[("telegram", text("1:CANARY")), ("chat", Value::Number(-100_123.0))],
        "telegram",
        "https://api.telegram.org/bot…/sendMessage chat -100123",
    );
    check(&[("pagerduty", text("CANARY"))], "pagerduty", "https://events.pagerduty.com");
    check(
        &[("ntfy", text("https://ntfy.sh/CANARY")), ("token", text("tk_CANARY"))],
        "ntfy",
        "https://ntfy.sh/…",
    );
    check(
        &[("ntfy", text("https://a.example/x")), ("user", text("u")), ("password", text("CANARY"))],
        "ntfy",
        "https://a.example/…",
    );
    check(
        &[("alertmanager", text("http://127.0.0.1:9093/prefix/"))],
        "alertmanager",
        "http://127.0.0.1:9093/…",
    );
    let mail = [
        ("smtp", text("mail.example.com")),
        ("user", text("gather")),
        ("password", text("CANARY")),
        ("from", text("gather <gather@example.com>")),
        ("to", list(&["ops@example.com", "Boss <boss@example.com>"])),
    ];
    check(&mail, "smtp", "mail.example.com:587, for 2 recipients");
    check(&[("command", list(&["/bin/page", "--token=CANARY"]))], "command", "/bin/page");
    check(
        &[("heartbeat", text("https://hc.example/CANARY")), ("every", text("5m"))],
        "heartbeat",
        "https://hc.example/…",
    );
    check(
        &[
            ("webhook", text("https://a.example/")),
            ("headers", Value::Table(vec![("authorization".to_owned(), text("Bearer CANARY"))])),
            ("template", text("{\"CANARY\": {{ title }}}")),
            ("method", text("PUT")),
            ("digest", text("1m")),
            ("per_hour", Value::Number(5.0)),
            ("timeout", text("3s")),
            ("retry_for", text("2h")),
        ],
        "webhook",
        "https://a.example/…",
    );
}

fn refused(pairs: &[(&str, Value)], said: &str) {
    let error = parse(pairs).expect_err(said);
    assert_eq!(error.to_string(), said);
}

#[test]
fn errors_name_the_key_and_the_remedy() {
    let check = refused;
    let hook = ("webhook", text("https://a.example/"));
    check(
        &[],
        "what it is is not said; hint: say it by one of the keys webhook, slack, discord, teams, \
         telegram, pagerduty, ntfy, alertmanager, smtp, command, heartbeat",
    );
    check(
        &[("weebhook", text("x"))],
        "weebhook: unknown key `weebhook`; hint: did you mean `webhook`?",
    );
    check(
        &[hook.clone(), ("slack", text("https://a.example/"))],
        "slack: it is both `webhook` and `slack`; hint: make it two channels",
    );
    check(
        &[hook.clone(), ("timeuot", text("3s"))],
        "timeuot: unknown key `timeuot`; hint: did you mean `timeout`?",
    );
    check(
        &[("webhook", text("a.example/x"))],
        "webhook: it is no URL; hint: write https://host/path",
    );
    check(
        &[("webhook", text("ftp://a.example/"))],
        "webhook: it is neither http nor https; hint: write https://host/path",
    );
    check(&[("webhook", Value::Bool(true))], "webhook: it is true or false; hint: it wants text");
    check(
        &[hook.clone(), ("headers", Value::Table(vec![("x".to_owned(), text("a\r\nb: c"))]))],
        "headers.x: it is no header that can be sent; hint: a name is letters, digits and dashes; \
         a value is one line",
    );
    check(
        &[hook.clone(), ("method", text("PO ST"))],
        "method: it is no method; hint: write POST, PUT or GET",
    );
    check(
        &[hook.clone(), ("timeout", text("0s"))],
        "timeout: no time is too little; hint: write 10s",
    );
    check(
        &[hook.clone(), ("per_hour", Value::Number(0.5))],
        "per_hour: it is no whole number from 1; hint: write 20",
    );
    check(
        &[("telegram", text("1:a"))],
        "there is no `chat`; hint: write chat = \"-1001234567890\" or chat = \"@channel\"",
    );
    check(
        &[("telegram", text("1/../a")), ("chat", text("@a"))],
        "telegram: it is no token of a bot; hint: it looks like \
         110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
    );
}

#[test]
fn errors_of_services_and_mail_do_too() {
    let check = refused;
    let mail = |key: &'static str, value: Value| {
        let pairs = [
            ("smtp", text("mail.example.com")),
            ("from", text("gather@example.com")),
            ("to", text("ops@example.com")),
        ];
        let mut pairs: Vec<_> = pairs.into_iter().filter(|pair| pair.0 != key).collect();
        pairs.push((key, value));
        pairs
    };
    check(
        &[("ntfy", text("https://ntfy.sh/"))],
        "ntfy: there is no topic in it; hint: write the server and the topic: https://ntfy.sh/topic",
    );
    check(
        &[("command", list(&[]))],
        "command: it names no program; hint: write the program and its arguments: \
         [\"/usr/local/bin/page-me\", \"--loud\"]",
    );
    let address = "hint: write ops@example.com or \"Operations <ops@example.com>\"";
    check(&mail("to", list(&[])), &format!("there is no `to`; {address}"));
    check(
        &mail("to", list(&["a@b.example", "x\r\nBcc: y@z.example"])),
        &format!("to[1]: it is no mail address; {address}"),
    );
    check(&mail("from", text("nobody")), &format!("from: it is no mail address; {address}"));
    check(
        &mail("tls", text("none")),
        "tls: mail goes without encryption only to a server on this machine; hint: write tls or \
         starttls",
    );
    check(
        &mail("smtp", text("smtp://u:CANARY@mail.example.com")),
        "smtp: user and password stand in keys of their own, `user` and `password`; hint: write \
         mail.example.com, mail.example.com:587 or smtps://mail.example.com",
    );
    check(
        &mail("user", text("u")),
        "there is no `password` for the user; hint: write password = \"${env:SMTP_PASSWORD}\"",
    );
}
