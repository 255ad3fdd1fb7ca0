//! What is accepted as rules, and how what is not is refused.

use super::*;

fn channels() -> Vec<Channel> {
    let parse = |name: &str, kind: &str| {
        let pairs = [(kind.to_owned(), Value::text("https://a.example/hook"))];
        Channel::parse(name, &pairs).expect("a channel")
    };
    vec![parse("ops", "webhook"), parse("mail", "slack"), parse("alive", "heartbeat")]
}

fn table(pairs: &[(&str, Value)]) -> Value {
    Value::Table(pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
}

fn text(text: &str) -> Value {
    Value::text(text)
}

#[test]
fn names_alone_mean_everything_usual() {
    let down =
        Event::new(EventKind::Down, gather_core::Time::ZERO, gather_core::watch::State::Down);
    let changed = Event { kind: EventKind::Changed, ..down.clone() };
    let both = Value::List(vec![text("ops"), text("mail")]);
    for (value, told) in [(text("ops"), vec!["ops"]), (both, vec!["ops", "mail"])] {
        let routes = Routes::parse(&value, &channels()).expect("channels");
        let names = |event| routes.of(event).into_iter().map(|(to, _)| to).collect::<Vec<_>>();
        assert_eq!(names(&down), told);
        assert_eq!(names(&changed), Vec::<&str>::new());
    }
    let all = Routes::everything(&channels());
    assert_eq!(all.of(&down).len(), 2, "a heartbeat takes no notices");
}

#[test]
fn of_two_rules_for_a_channel_the_one_that_waits_less_counts() {
    let late = table(&[("on", text("down")), ("to", text("ops")), ("after", text("5m"))]);
    let soon = table(&[("on", text("down")), ("to", text("ops")), ("after", text("1m"))]);
    let routes = Routes::parse(&Value::List(vec![late, soon]), &channels()).expect("rules");
    let down =
        Event::new(EventKind::Down, gather_core::Time::ZERO, gather_core::watch::State::Down);
    let told = routes.of(&down);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].1.after, Duration::from_secs(60));
}

#[test]
fn errors_name_the_place_and_the_remedy() {
    let check = |value: Value, said: &str| {
        let error = Routes::parse(&value, &channels()).expect_err(said);
        assert_eq!(error.to_string(), said);
    };
    let rule = |pairs: &[(&str, Value)]| Value::List(vec![table(pairs)]);
    check(text("opps"), "unknown channel `opps`; hint: did you mean `ops`?");
    check(
        Value::List(vec![text("ops"), text("alive")]),
        "[1]: `alive` is a heartbeat, which takes no notices; hint: name another channel",
    );
    check(
        rule(&[("on", text("downn")), ("to", text("ops"))]),
        "[0].on: unknown event `downn`; hint: did you mean `down`?",
    );
    check(
        rule(&[("on", text("down"))]),
        "[0]: there is no `to`; hint: write notify = \"ops\", or notify = [{ on = \"down\", to = \"ops\" }]",
    );
    check(
        rule(&[("to", Value::List(vec![text("ops"), text("pager")]))]),
        "[0].to[1]: unknown channel `pager`; hint: known are ops, mail, alive",
    );
    check(
        rule(&[("to", text("ops")), ("if", text("drop > 5%"))]),
        "[0].if: it is only for changes; hint: give it a rule of its own: \
         { on = \"change:price\", if = \"drop > 5%\" }",
    );
    check(
        rule(&[("on", text("change")), ("to", text("ops")), ("after", text("5m"))]),
        "[0].after: nothing of `on` lasts; hint: only down, degraded and network last",
    );
    check(
        rule(&[("to", text("ops")), ("repeat", text("5s"))]),
        "[0].repeat: it is too often; hint: write at least 1m",
    );
    check(
        rule(&[("to", text("ops")), ("repaet", text("1h"))]),
        "[0].repaet: unknown key `repaet`; hint: did you mean `repeat`?",
    );
    check(Value::Bool(true), "it is true or false; hint: it wants text, or a list of texts");
    let none = Routes::parse(&text("ops"), &[]).expect_err("no channels").to_string();
    assert_eq!(none, "there is no channel `ops`; hint: write a table [notify.ops]");
}
