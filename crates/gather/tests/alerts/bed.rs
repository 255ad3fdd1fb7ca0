//! A history in a folder, events for its outbox, and a deliverer that empties it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use gather::alerts::{Channel, Deliverer, DelivererOptions, Value};
use gather::core::watch::State;
use gather::core::{ErrorKind, Time};
use gather::fetch::NetOptions;
use gather::store::history::{Event, EventKind, History, HistoryPlace, Notice, Outbox};
use gather_testkit::{Request, Server};
use serde_json::Value as Json;
use tempfile::TempDir;

/// How long anything may take; far more than it does.
const PATIENCE: Duration = Duration::from_secs(60);
/// What must never be seen.
pub(crate) const CANARY: &str = "CANARY-7f3a9c";

pub(crate) struct Bed {
    pub(crate) folder: TempDir,
    pub(crate) outbox: Outbox,
}

impl Bed {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let place = HistoryPlace::Sqlite(folder.path().join("gather.db"));
        drop(History::open(&place, now()).expect("a history"));
        let outbox = Outbox::open(&place).expect("its outbox");
        Self { folder, outbox }
    }

    pub(crate) fn place(&self) -> HistoryPlace {
        place(&self.path())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("gather.db")
    }

    /// Puts a notice of an event of this kind for each channel.
    pub(crate) fn put(&mut self, key: &str, channel: &str, event: Event) {
        let due = event.at;
        let notice =
            Notice { id: 0, key: key.into(), channel: channel.into(), due, tries: 0, event };
        self.outbox.put(&[notice]).expect("written");
    }

    pub(crate) fn deliver(&self, channels: Vec<Channel>) -> Deliverer {
        deliver(self.place(), channels, NetOptions::default())
    }

    /// Waits until nothing waits in the outbox.
    pub(crate) fn until_empty(&mut self) {
        until("the outbox is empty", || self.outbox.waiting().expect("counted") == 0);
    }
}

pub(crate) fn place(path: &Path) -> HistoryPlace {
    HistoryPlace::Sqlite(path.to_owned())
}

pub(crate) fn deliver(place: HistoryPlace, channels: Vec<Channel>, net: NetOptions) -> Deliverer {
    let health: gather::alerts::Health = Arc::new(|| Ok(()));
    let options = DelivererOptions { place, channels, net, health };
    Deliverer::start(options).expect("a deliverer")
}

/// A channel that is quick to speak and to try again.
pub(crate) fn channel(name: &str, pairs: &[(&str, Value)]) -> Channel {
    let mut pairs: Vec<(String, Value)> =
        pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    for (key, value) in [("digest", "0s"), ("backoff", "20ms"), ("per_hour", "")] {
        if !pairs.iter().any(|(known, _)| known == key) {
            let many = Value::Number(1e6);
            let value = if value.is_empty() { many } else { Value::text(value) };
            pairs.push((key.to_owned(), value));
        }
    }
    Channel::parse(name, &pairs).unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub(crate) fn webhook(name: &str, url: &str) -> Channel {
    channel(name, &[("webhook", Value::text(url))])
}

pub(crate) fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    Time::from_millis(u64::try_from(since.as_millis()).expect("before the year 584,556,019"))
}

/// A target that went down a minute ago.
pub(crate) fn event(kind: EventKind) -> Event {
    let state = match kind {
        EventKind::Down => State::Down,
        EventKind::Degraded => State::Degraded,
        _ => State::Up,
    };
    let mut event = Event::new(kind, now() - Duration::from_secs(60), state);
    event.job = "domains".into();
    event.target = Some("shop".into());
    event.url = "https://shop.example/".into();
    event.group = "shops".into();
    event.tags = vec![("team".into(), "web".into())];
    event.incident = Some(17);
    event.link = Some("http://127.0.0.1:8080/target/17".into());
    match kind {
        EventKind::Up => event.lasted = Some(Duration::from_secs(252)),
        EventKind::Down | EventKind::Degraded => {
            event.reason = "connection refused".into();
            event.error = Some(ErrorKind::ConnectRefused);
        }
        _ => {}
    }
    event
}

/// Waits until something is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "it does not happen that {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The requests that a server got, once there are so many.
pub(crate) fn requests(server: &Server, count: usize) -> Vec<Request> {
    until(&format!("{count} requests come"), || server.requests().len() >= count);
    server.requests()
}

pub(crate) fn json(request: &Request) -> Json {
    serde_json::from_slice(&request.body).unwrap_or_else(|error| {
        panic!("{error}: {}", String::from_utf8_lossy(&request.body));
    })
}

/// The idempotency key of a request.
pub(crate) fn key(request: &Request) -> String {
    request.header("Idempotency-Key").expect("each has one").trim_matches('"').to_owned()
}

/// The keys of the events that a webhook was told of.
pub(crate) fn event_keys(request: &Request) -> Vec<String> {
    let body = json(request);
    let events = body["events"].as_array().expect("events");
    events.iter().map(|event| event["key"].as_str().expect("a key").to_owned()).collect()
}
