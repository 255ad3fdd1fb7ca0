//! Messages that show every kind of event: to try templates on, and for tests of channels.

use gather_core::watch::State;
use gather_core::{ErrorKind, Time};
use gather_store::history::{Event, EventKind};
use std::time::Duration;

use super::message::{Facts, Message};

/// 2026-11-21 10:00:00 UTC.
const AT: Time = Time::from_millis(1_795_255_200_000);

/// One event of this kind, with everything that it may have.
pub(super) fn event(kind: EventKind) -> Event {
    let state = match kind {
        EventKind::Down | EventKind::Reminder => State::Down,
        EventKind::Degraded | EventKind::Certificate => State::Degraded,
        EventKind::Network => State::Unknown,
        _ => State::Up,
    };
    let mut event = Event::new(kind, AT, state);
    event.job = "domains".into();
    event.link = Some("http://127.0.0.1:8080/target/17".into());
    if matches!(kind, EventKind::Network | EventKind::NetworkBack | EventKind::Test) {
        event.lasted = (kind == EventKind::NetworkBack).then_some(Duration::from_secs(252));
        return event;
    }
    event.target = Some("shop \"A\" & co <1>".into());
    event.url = "https://shop.example/?a=1&b=2".into();
    event.group = "shops & more".into();
    event.tags = vec![("team".into(), "web".into()), ("eu-1".into(), "".into())];
    event.incident = Some(17);
    match kind {
        EventKind::Up => event.lasted = Some(Duration::from_secs(252)),
        EventKind::Changed | EventKind::StoppedMatching => {
            event.incident = None;
            event.field = Some("price".into());
            event.old = Some("1299.00".into());
            event.new = (kind == EventKind::Changed).then(|| "1199.00".into());
        }
        EventKind::Certificate => {
            event.reason = "its certificate ends in 13 days".into();
            event.incident = None;
        }
        EventKind::Missed => event.reason = "12 checks were missed: overload".into(),
        _ => {
            event.reason = "no answer: connection refused <!channel> @here".into();
            event.error = Some(ErrorKind::ConnectRefused);
            event.lasted = (kind == EventKind::Reminder).then_some(Duration::from_secs(7_380));
            event.since = AT - event.lasted.unwrap_or_default();
        }
    }
    event
}

/// One message for each kind of event, and one of several.
pub(super) fn messages() -> Vec<Message> {
    let facts = |kind: &EventKind| Facts::of(&format!("sample-{}", kind.as_str()), &event(*kind));
    let singles = EventKind::ALL.iter().map(|kind| {
        let facts = facts(kind);
        Message::of(&facts.key.clone(), vec![facts])
    });
    let several = Message::of("sample-digest", EventKind::ALL.iter().map(facts).collect());
    singles.chain([several]).collect()
}
