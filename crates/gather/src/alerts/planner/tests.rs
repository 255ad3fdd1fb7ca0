//! Stories: what happens, when, and who is told what under which key.

use gather_core::watch::State;
use gather_store::history::SilenceMatch;

use super::*;
use crate::alerts::value::Value;

const BEGIN_S: u64 = 1_795_255_200;

fn at(s: u64) -> Time {
    Time::from_millis((BEGIN_S + s) * 1_000)
}

fn channels() -> Vec<Channel> {
    let parse = |name: &str, kind: &str, to: &str| {
        Channel::parse(name, &[(kind.to_owned(), Value::text(to))]).expect("a channel")
    };
    vec![
        parse("ops", "webhook", "https://ops.example/hook"),
        parse("boss", "webhook", "https://boss.example/hook"),
        parse("am", "alertmanager", "http://127.0.0.1:9093"),
    ]
}

/// One rule, as `on=down to=ops after=5m`; lists are written with commas.
fn rule(text: &str) -> Value {
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=').expect("key=value");
        let value = match value {
            "false" => Value::Bool(false),
            text if text.contains(',') => Value::List(text.split(',').map(Value::text).collect()),
            text => Value::text(&text.replace('_', " ")),
        };
        (key.to_owned(), value)
    };
    Value::Table(text.split(' ').map(pair).collect())
}

struct Story {
    planner: Planner,
    silences: Vec<Silence>,
}

impl Story {
    fn new(rules: &[&str]) -> Self {
        let channels = channels();
        let rules = Value::List(rules.iter().map(|text| rule(text)).collect());
        let routes = Routes::parse(&rules, &channels).expect("rules");
        let planner = Planner::new([("domains".into(), routes)], Routes::default(), &channels);
        Self { planner, silences: Vec::new() }
    }

    /// An event at this second; what is told of it.
    fn event(&mut self, s: u64, kind: EventKind) -> String {
        self.event_of(s, event(kind, at(s)))
    }

    fn event_of(&mut self, s: u64, event: Event) -> String {
        let silences = self.silences.clone();
        shown(self.planner.event(event, at(s), &|event| silenced(&silences, event, at(s))))
    }

    fn tick(&mut self, s: u64) -> String {
        let silences = self.silences.clone();
        shown(self.planner.tick(at(s), &|event| silenced(&silences, event, at(s))))
    }

    fn silence(&mut self, from: u64, until: u64) {
        let matches = SilenceMatch::Group("shops".into());
        let (from, until) = (at(from), at(until));
        self.silences.push(Silence { id: 1, matches, from, until, why: "works".into() });
    }
}

fn event(kind: EventKind, at: Time) -> Event {
    let state = match kind {
        EventKind::Down => State::Down,
        EventKind::Degraded => State::Degraded,
        _ => State::Up,
    };
    let mut event = Event::new(kind, at, state);
    event.job = "domains".into();
    event.target = Some("shop".into());
    event.group = "shops".into();
    event.incident = Some(7);
    if kind == EventKind::Changed {
        event.incident = None;
        event.field = Some("price".into());
        (event.old, event.new) = (Some("100".into()), Some("90".into()));
    }
    event
}

/// `ops down`, `boss reminder 300 s`: the channel, the kind, how long it lasts.
fn shown(notices: Vec<Notice>) -> String {
    let mut keys: Vec<&str> = notices.iter().map(|notice| &*notice.key).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), notices.len(), "one key each");
    let one = |notice: &Notice| {
        let lasted = notice.event.lasted.map(|lasted| format!(" {} s", lasted.as_secs()));
        let kind = notice.event.kind.as_str();
        format!("{} {kind}{}", notice.channel, lasted.unwrap_or_default())
    };
    notices.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[test]
fn who_is_told_of_a_beginning_is_told_of_its_end() {
    let mut story = Story::new(&["to=ops"]);
    assert_eq!(story.event(0, EventKind::Down), "ops down");
    assert_eq!(story.event(30, EventKind::Down), "", "it is known");
    assert_eq!(story.tick(9_000), "");
    assert_eq!(story.event(9_001, EventKind::Up), "ops up");
    assert_eq!(story.event(9_002, EventKind::Up), "", "it is known");
    assert_eq!(story.planner.next(), None);
}

#[test]
fn only_what_lasts_is_told_later() {
    let mut story = Story::new(&["to=ops", "on=down to=boss after=5m"]);
    assert_eq!(story.event(0, EventKind::Down), "ops down");
    assert_eq!(story.planner.next(), Some(at(300)));
    assert_eq!(story.tick(299), "");
    assert_eq!(story.event(299, EventKind::Up), "ops up", "the boss slept well");
    assert_eq!(story.tick(301), "");

    assert_eq!(story.event(1_000, EventKind::Down), "ops down");
    assert_eq!(story.tick(1_300), "boss down");
    assert_eq!(story.event(1_400, EventKind::Up), "boss up, ops up");
}

#[test]
fn reminders_come_while_it_lasts_and_none_is_made_up_for() {
    let mut story = Story::new(&["on=down to=ops repeat=10m"]);
    assert_eq!(story.event(0, EventKind::Down), "ops down");
    assert_eq!(story.tick(599), "");
    assert_eq!(story.tick(600), "ops reminder 600 s");
    assert_eq!(story.tick(600), "");
    assert_eq!(story.tick(1_801), "ops reminder 1801 s", "one, not two");
    assert_eq!(story.planner.next(), Some(at(2_400)));
    assert_eq!(story.event(1_900, EventKind::Up), "ops up");
    assert_eq!(story.tick(9_999), "");
}

#[test]
fn a_service_that_takes_silence_for_the_end_is_told_again() {
    let mut story = Story::new(&["on=down to=am,ops"]);
    assert_eq!(story.event(0, EventKind::Down), "am down, ops down");
    assert_eq!(story.tick(60), "am reminder 60 s");
}

#[test]
fn worse_is_told_anew_and_ends_for_everybody() {
    let mut story = Story::new(&["on=degraded to=ops", "on=down to=boss"]);
    assert_eq!(story.event(0, EventKind::Degraded), "ops degraded");
    assert_eq!(story.event(60, EventKind::Down), "boss down");
    assert_eq!(story.event(90, EventKind::Up), "boss up, ops up");
}

#[test]
fn a_degraded_target_that_becomes_part_of_an_incident_is_one_story() {
    let mut story = Story::new(&["on=degraded to=ops repeat=1h", "on=down to=boss"]);
    let mut degraded = event(EventKind::Degraded, at(0));
    degraded.incident = None;
    assert_eq!(story.event_of(0, degraded), "ops degraded");
    assert_eq!(story.event(60, EventKind::Down), "boss down");
    assert_eq!(story.planner.open(), 1);
    assert_eq!(story.tick(9_000), "", "nobody is reminded of how it was");
    assert_eq!(story.event(9_001, EventKind::Up), "boss up, ops up");
}

#[test]
fn silences_keep_notices_back_and_an_end_follows_a_beginning_that_was_told() {
    let mut story = Story::new(&["to=ops"]);
    story.silence(0, 600);
    assert_eq!(story.event(10, EventKind::Down), "", "silenced");
    assert_eq!(story.tick(300), "");
    assert_eq!(story.event(400, EventKind::Up), "", "nobody was told");

    assert_eq!(story.event(500, EventKind::Down), "", "silenced");
    assert_eq!(story.tick(600), "ops down", "it is over, and the outage is not");
    story.silence(601, 9_000);
    assert_eq!(story.event(700, EventKind::Up), "ops up", "silenced, but they were told");

    assert_eq!(story.event(800, EventKind::Changed), "", "silenced");
    assert_eq!(story.event(9_001, EventKind::Flapping), "ops flapping");
}

#[test]
fn a_silence_that_is_ended_early_is_noticed_within_a_minute() {
    let mut story = Story::new(&["to=ops"]);
    story.silence(0, 9_000);
    assert_eq!(story.event(10, EventKind::Down), "");
    story.silences.clear();
    assert_eq!(story.planner.next(), Some(at(70)));
    assert_eq!(story.tick(70), "ops down");
}

#[test]
fn a_watch_that_starts_again_makes_the_same_notices_again() {
    let mut before = Story::new(&["on=down to=ops,boss repeat=10m"]);
    let down = event(EventKind::Down, at(0));
    let hush: Hush<'_> = &|_| None;
    let told = before.planner.event(down.clone(), at(0), hush);
    let reminded = before.planner.tick(at(1_200), hush);
    let known: Vec<&str> = told.iter().chain(&reminded).map(|notice| &*notice.key).collect();

    let mut after = Story::new(&["on=down to=ops,boss repeat=10m"]);
    after.planner.resume(down.clone(), at(1_250), &|key| known.contains(&key));
    assert_eq!(after.tick(1_251), "", "the outbox knows it all");
    assert_eq!(after.planner.next(), Some(at(1_800)));
    assert_eq!(after.event(1_300, EventKind::Up), "boss up, ops up");

    // Killed before anything was written, it is told anew, under the same keys.
    let mut after = Story::new(&["on=down to=ops,boss repeat=10m"]);
    after.planner.resume(down, at(30), &|_| false);
    let again = after.planner.tick(at(31), hush);
    let keys = |notices: &[Notice]| notices.iter().map(|n| n.key.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&again), keys(&told));
}

#[test]
fn ends_alone_can_be_asked_for_and_ends_can_be_left_out() {
    let mut story = Story::new(&["on=up to=ops", "on=down to=boss resolved=false"]);
    assert_eq!(story.event(0, EventKind::Down), "boss down");
    assert_eq!(story.event(60, EventKind::Up), "ops up");
}

#[test]
fn changes_go_by_field_and_condition() {
    let mut story = Story::new(&["on=change:price if=drop_>_5% to=ops", "on=change:stock to=boss"]);
    assert_eq!(story.event(0, EventKind::Changed), "ops changed");
    let mut small = event(EventKind::Changed, at(1));
    small.new = Some("99".into());
    assert_eq!(story.event_of(1, small.clone()), "");
    small.field = Some("stock".into());
    assert_eq!(story.event_of(1, small), "boss changed");
    // The same drop again is another change.
    assert_eq!(story.event(60, EventKind::Changed), "ops changed");
}

#[test]
fn filters_choose_by_group_tag_and_name() {
    let mut tagged = event(EventKind::Down, at(0));
    tagged.tags = vec![("team".into(), "web".into())];
    for (filter, told) in [
        ("group=shops", "ops down"),
        ("group=banks", ""),
        ("group=banks,shops", "ops down"),
        ("target=shop", "ops down"),
        ("target=other", ""),
        ("tag=team", "ops down"),
        ("tag=team=web", "ops down"),
        ("tag=team=db", ""),
        ("tag=team=db,team=web", "ops down"),
        ("group=shops tag=size", ""),
    ] {
        let mut story = Story::new(&[&format!("on=down to=ops {filter}")]);
        assert_eq!(story.event_of(0, tagged.clone()), told, "{filter}");
    }
}

#[test]
fn the_own_network_is_one_story_whose_end_is_told() {
    let mut story = Story::new(&["to=ops"]);
    story.planner.otherwise = story.planner.routes[&Box::from("domains")].clone();
    let gone = Event::new(EventKind::Network, at(0), State::Unknown);
    assert_eq!(story.event_of(0, gone), "ops network");
    let mut back = Event::new(EventKind::NetworkBack, at(60), State::Up);
    back.lasted = Some(Duration::from_secs(60));
    assert_eq!(story.event_of(60, back), "ops network_back 60 s");
}

#[test]
fn a_hundred_thousand_incidents_are_decided_one_by_one_in_order() {
    let mut story = Story::new(&["on=down to=ops after=1m repeat=1h"]);
    for n in 0..100_000 {
        let mut down = event(EventKind::Down, at(0));
        down.incident = Some(n);
        assert_eq!(story.event_of(0, down), "");
    }
    assert_eq!(story.planner.open(), 100_000);
    let told = story.planner.tick(at(60), &|_| None);
    assert_eq!(told.len(), 100_000);
    assert_eq!(story.planner.next(), Some(at(60 + 3_600)));
}
