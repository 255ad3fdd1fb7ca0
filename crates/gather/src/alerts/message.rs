//! What a channel is given to send: the facts of one event, or of several as one message.

use gather_core::Time;
use gather_core::watch::State;
use gather_store::history::{Event, EventKind};
use gather_store::moment_text;
use serde::Serialize;

use crate::human;

/// Lines of a message; the events beyond them are counted.
pub(super) const LINES_MAX: usize = 20;
/// Bytes of a text from outside (a reason, a value) in a message.
const TEXT_BYTES_MAX: usize = 1_000;

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Severity {
    Info,
    Warning,
    Critical,
}

impl Severity {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// One event, as templates and presets see it. Moments are RFC 3339, UTC.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Facts {
    /// The idempotency key of the notice.
    pub(super) key: String,
    /// `down`, `degraded`, `up`, …
    pub(super) event: &'static str,
    /// One line: `shop.example is down`.
    pub(super) title: String,
    pub(super) severity: Severity,
    /// Whether it is good news about something bad told before.
    pub(super) is_resolved: bool,
    /// Whether it stays true until something resolves it.
    pub(super) is_lasting: bool,
    /// What it and its resolution have in common.
    pub(super) thread: String,
    pub(super) job: String,
    pub(super) target: Option<String>,
    pub(super) url: Option<String>,
    pub(super) group: Option<String>,
    /// Names and values.
    pub(super) tags: std::collections::BTreeMap<String, String>,
    pub(super) state: &'static str,
    pub(super) at: String,
    pub(super) since: String,
    /// How long it lasted, for people.
    pub(super) lasted: Option<String>,
    pub(super) lasted_s: Option<f64>,
    pub(super) reason: String,
    pub(super) status_code: Option<u16>,
    pub(super) error_kind: Option<String>,
    pub(super) incident: Option<i64>,
    pub(super) factor: Option<String>,
    pub(super) targets: u32,
    pub(super) field: Option<String>,
    pub(super) old: Option<String>,
    pub(super) new: Option<String>,
    pub(super) link: Option<String>,
    #[serde(skip)]
    pub(super) at_time: Time,
    #[serde(skip)]
    pub(super) since_time: Time,
}

impl Facts {
    pub(super) fn of(key: &str, event: &Event) -> Self {
        let lasted = event.lasted.map(|lasted| human::seconds(lasted.as_secs().max(1) as f64));
        let cut = |text: &str| human::cut(text, TEXT_BYTES_MAX).to_owned();
        let owned = |text: &Option<Box<str>>| text.as_deref().map(cut);
        let filled = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Self {
            key: key.to_owned(),
            event: event.kind.as_str(),
            title: title(event, lasted.as_deref()),
            severity: severity(event),
            is_resolved: matches!(event.kind, EventKind::Up | EventKind::NetworkBack),
            is_lasting: is_lasting(event.kind),
            thread: thread(event),
            job: event.job.to_string(),
            target: owned(&event.target),
            url: filled(&event.url),
            group: filled(&event.group),
            tags: event.tags.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
            state: event.state.as_str(),
            at: moment(event.at),
            since: moment(event.since),
            lasted,
            lasted_s: event.lasted.map(|lasted| lasted.as_secs_f64()),
            reason: cut(&event.reason),
            status_code: Some(event.status_code).filter(|code| *code > 0),
            error_kind: event.error.map(|kind| kind.as_str().to_owned()),
            incident: event.incident,
            factor: owned(&event.factor),
            targets: event.targets,
            field: owned(&event.field),
            old: owned(&event.old),
            new: owned(&event.new),
            link: owned(&event.link),
            at_time: event.at,
            since_time: event.since,
        }
    }

    /// What else is known, as names and values for a table or lines.
    pub(super) fn details(&self) -> Vec<(&'static str, String)> {
        let mut details = Vec::new();
        let mut add = |name, value: Option<String>| {
            details.extend(value.filter(|value| !value.is_empty()).map(|value| (name, value)));
        };
        add("Reason", Some(self.reason.clone()));
        add("Status", self.status_code.map(|code| code.to_string()));
        add("Error", self.error_kind.clone());
        let many = self.targets > 1;
        add("Targets", many.then(|| human::count(self.targets.into())));
        add("In common", self.factor.clone());
        add("Since", (self.is_lasting || self.is_resolved).then(|| readable(&self.since)));
        add("Lasted", self.lasted.clone());
        add("At", (!self.is_lasting).then(|| readable(&self.at)));
        add("Job", Some(self.job.clone()));
        add("Group", self.group.clone());
        let tags = self.tags.iter().map(|(name, value)| match value.as_str() {
            "" => name.clone(),
            value => format!("{name}={value}"),
        });
        add("Tags", Some(tags.collect::<Vec<_>>().join(", ")));
        add("URL", self.url.clone().filter(|url| self.target.as_ref() != Some(url)));
        details
    }
}

/// One message: an event, or several that came close together.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Message {
    /// The idempotency key of the message: that of its notice, or that of the batch.
    pub(super) key: String,
    pub(super) title: String,
    /// Plain text: the title and what there is to say, in lines.
    pub(super) text: String,
    pub(super) severity: Severity,
    /// How many events it stands for.
    pub(super) count: usize,
    /// At least one; bounded by the batch that was read.
    pub(super) events: Vec<Facts>,
}

impl Message {
    /// The message of these events, of which there is at least one. Worst first.
    pub(super) fn of(key: &str, mut events: Vec<Facts>) -> Self {
        debug_assert!(!events.is_empty(), "a message says something");
        events.sort_by_key(|facts| (std::cmp::Reverse(facts.severity), facts.at_time));
        let severity = events.first().map_or(Severity::Info, |facts| facts.severity);
        let (title, text) = match &events[..] {
            [only] => (only.title.clone(), single(only)),
            many => several(many),
        };
        Self { key: key.to_owned(), title, text, severity, count: events.len(), events }
    }

    /// The first event, which is the worst one.
    pub(super) fn first(&self) -> &Facts {
        &self.events[0]
    }

    /// The only event, unless it is a digest.
    pub(super) fn only(&self) -> Option<&Facts> {
        match &self.events[..] {
            [only] => Some(only),
            _ => None,
        }
    }

    /// The text without its first line, the title.
    pub(super) fn rest(&self) -> &str {
        self.text.split_once('\n').map_or("", |(_, rest)| rest)
    }

    /// How urgent a lasting one is, `resolved` if all its events are good news.
    pub(super) fn is_resolved(&self) -> bool {
        self.events.iter().all(|facts| facts.is_resolved)
    }
}

fn single(facts: &Facts) -> String {
    let mut text = facts.title.clone();
    for (name, value) in facts.details() {
        text.push_str(&format!("\n{name}: {value}"));
    }
    if let Some(link) = &facts.link {
        text.push_str(&format!("\n{link}"));
    }
    text
}

fn several(events: &[Facts]) -> (String, String) {
    let title = format!("{}: {}", human::counted(events.len() as u64, "event"), tallied(events));
    let mut text = title.clone();
    for facts in &events[..events.len().min(LINES_MAX)] {
        text.push_str(&format!("\n• {}", facts.title));
        if !facts.reason.is_empty() && !facts.title.contains(&facts.reason) {
            text.push_str(&format!(" ({})", human::clipped(&facts.reason, 120)));
        }
    }
    if let Some(rest) = events.get(LINES_MAX..).filter(|rest| !rest.is_empty()) {
        let more = human::count(rest.len() as u64);
        text.push_str(&format!("\nand {more} more: {}", tallied(rest)));
    }
    (title, text)
}

/// `10 down, 2 up`, in the order in which they first appear.
fn tallied(events: &[Facts]) -> String {
    let mut counts: Vec<(&str, u64)> = Vec::new();
    for facts in events {
        match counts.iter_mut().find(|(event, _)| *event == facts.event) {
            Some((_, count)) => *count += 1,
            None => counts.push((facts.event, 1)),
        }
    }
    let each = counts
        .iter()
        .map(|(event, count)| format!("{} {}", human::count(*count), event.replace('_', " ")));
    each.collect::<Vec<_>>().join(", ")
}

fn title(event: &Event, lasted: Option<&str>) -> String {
    let who = subject(event);
    let after = lasted.map(|lasted| format!(" after {lasted}")).unwrap_or_default();
    let text = match event.kind {
        EventKind::Down => verb(event, &who, "down"),
        EventKind::Degraded => verb(event, &who, "degraded"),
        EventKind::Up => format!("{}{after}", verb(event, &who, "up again")),
        EventKind::Flapping => verb(event, &who, "flapping"),
        EventKind::Reminder => {
            let for_ = lasted.map(|lasted| format!(", for {lasted}")).unwrap_or_default();
            format!("{}{for_}", verb(event, &who, &format!("still {}", event.state.as_str())))
        }
        EventKind::Changed => changed(event, &who),
        EventKind::StoppedMatching => match &event.field {
            Some(field) => format!("{who}: {field} is no longer found"),
            None => format!("{who}: what was looked for is no longer found"),
        },
        EventKind::Certificate => {
            format!("{who}: {}", or(&event.reason, "its certificate ends soon"))
        }
        EventKind::Network => "own network gone: nothing is known of the targets".to_owned(),
        EventKind::NetworkBack => format!("own network back{after}"),
        EventKind::Missed => format!("{who}: {}", or(&event.reason, "checks were missed")),
        EventKind::Test => "test: this channel works".to_owned(),
    };
    human::printable(&human::clipped(&text, 300))
}

fn subject(event: &Event) -> String {
    match event.targets {
        0 | 1 => [who(event), &*event.job, "something"]
            .into_iter()
            .find(|name| !name.is_empty())
            .unwrap_or_default()
            .to_owned(),
        many => match &event.factor {
            Some(factor) => format!("{} targets ({factor})", human::count(many.into())),
            None => format!("{} targets", human::count(many.into())),
        },
    }
}

fn verb(event: &Event, who: &str, what: &str) -> String {
    format!("{who} {} {what}", if event.targets > 1 { "are" } else { "is" })
}

fn or<'t>(text: &'t str, otherwise: &'t str) -> &'t str {
    if text.is_empty() { otherwise } else { text }
}

fn changed(event: &Event, who: &str) -> String {
    let field = event.field.as_deref().unwrap_or("content");
    let (old, new) = match (&event.old, &event.new) {
        (Some(old), Some(new)) => (human::clipped(old, 80), human::clipped(new, 80)),
        (None, Some(new)) => return format!("{who}: {field} is {}", human::clipped(new, 80)),
        _ => return format!("{who}: {field} changed"),
    };
    let by = super::condition::percent(&old, &new).map(|by| format!(" ({by:+.1} %)"));
    format!("{who}: {field} changed from {old} to {new}{}", by.unwrap_or_default())
}

fn severity(event: &Event) -> Severity {
    match event.kind {
        EventKind::Down | EventKind::Network => Severity::Critical,
        EventKind::Reminder if event.state == State::Down => Severity::Critical,
        EventKind::Degraded
        | EventKind::Reminder
        | EventKind::Flapping
        | EventKind::Certificate
        | EventKind::Missed
        | EventKind::StoppedMatching => Severity::Warning,
        EventKind::Up | EventKind::NetworkBack | EventKind::Changed | EventKind::Test => {
            Severity::Info
        }
    }
}

const fn is_lasting(kind: EventKind) -> bool {
    matches!(kind, EventKind::Down | EventKind::Degraded | EventKind::Reminder | EventKind::Network)
}

/// The target's name, or its URL.
fn who(event: &Event) -> &str {
    event.target.as_deref().unwrap_or(&event.url)
}

/// What an event and its end have in common: the incident, or who it is about.
pub(super) fn thread(event: &Event) -> String {
    if let Some(incident) = event.incident {
        return format!("incident:{incident}");
    }
    let (job, who) = (&event.job, who(event));
    match event.kind {
        EventKind::Network | EventKind::NetworkBack => "network".to_owned(),
        EventKind::Down | EventKind::Degraded | EventKind::Up | EventKind::Reminder => {
            format!("target:{job}:{who}")
        }
        kind => {
            let field = event.field.as_deref().unwrap_or_default();
            let at = event.at.as_nanos() / 1_000_000;
            format!("{}:{job}:{who}:{field}:{at}", kind.as_str())
        }
    }
}

pub(super) fn moment(at: Time) -> String {
    moment_text(at.as_nanos() / 1_000)
}

/// `2026-11-25 02:10:00 UTC` of RFC 3339.
fn readable(moment: &str) -> String {
    let (date, time) = moment.split_once('T').unwrap_or((moment, ""));
    format!("{date} {} UTC", time.get(..8).unwrap_or(time))
}
