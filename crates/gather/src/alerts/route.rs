//! Which channels are told of which event: the rules of a job's `notify`.

use std::time::Duration;

use gather_store::history::{Event, EventKind};

use super::channel::Channel;
use super::condition::Condition;
use super::value::{ConfigError, Fields, Step, Text, Value, texts, unknown, wants};

const RULE_HINT: &str = "write notify = \"ops\", or notify = [{ on = \"down\", to = \"ops\" }]";
/// The shortest time between two reminders.
const REPEAT_MIN: Duration = Duration::from_secs(60);
/// What a channel is told of where no rule says it.
const USUAL: &[On] = &[
    On::Kind(EventKind::Down),
    On::Kind(EventKind::Degraded),
    On::Kind(EventKind::Up),
    On::Kind(EventKind::Flapping),
    On::Kind(EventKind::StoppedMatching),
    On::Kind(EventKind::Certificate),
    On::Kind(EventKind::Network),
];
const NAMES: &[(&str, EventKind)] = &[
    ("down", EventKind::Down),
    ("degraded", EventKind::Degraded),
    ("up", EventKind::Up),
    ("flapping", EventKind::Flapping),
    ("change", EventKind::Changed),
    ("stopped_matching", EventKind::StoppedMatching),
    ("certificate", EventKind::Certificate),
    ("network", EventKind::Network),
    ("missed", EventKind::Missed),
];

/// All rules of a job, or of the watch itself. Read with [`Routes::parse`].
#[derive(Clone, Debug, Default)]
pub struct Routes {
    rules: Vec<Rule>,
}

/// Who is told of what.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    on: Vec<On>,
    /// Which changes.
    when: Option<Condition>,
    to: Vec<Box<str>>,
    groups: Vec<Box<str>>,
    targets: Vec<Box<str>>,
    /// Names and values; a name alone is met by any value.
    tags: Vec<(Box<str>, Option<Box<str>>)>,
    pub(super) after: Duration,
    pub(super) repeat: Option<Duration>,
    pub(super) resolved: Resolved,
}

/// Whether who was told of a beginning is told of its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resolved {
    Told,
    Untold,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum On {
    Kind(EventKind),
    /// A change of this field.
    Change(Box<str>),
}

impl Routes {
    /// Reads `notify` of a job: a channel, a list of channels, or a list of rules.
    ///
    /// # Errors
    /// What cannot be used, and where in the value it stands; channels that are not among
    /// `channels`, or take no notices.
    pub fn parse(value: &Value, channels: &[Channel]) -> Result<Self, ConfigError> {
        let is_rules = matches!(value, Value::Table(_))
            || matches!(value, Value::List(items) if items.iter().any(|item| matches!(item, Value::Table(_))));
        if !is_rules {
            let to = to(&texts(value)?, channels, From::of(value))?;
            return Ok(Self { rules: vec![Rule::usual(to)] });
        }
        let items = match value {
            Value::List(items) => items.as_slice(),
            one => std::slice::from_ref(one),
        };
        let rule = |(at, item): (usize, &Value)| {
            let rule = match item {
                Value::Table(pairs) => Rule::parse(pairs, channels),
                Value::Text(text) => to(&[text], channels, From::Text).map(Rule::usual),
                other => Err(wants(other, "a rule: { on = \"down\", to = \"ops\" }")),
            };
            match value {
                Value::List(_) => rule.map_err(|error| error.within(Step::Item(at))),
                _ => rule,
            }
        };
        Ok(Self { rules: items.iter().enumerate().map(rule).collect::<Result<_, _>>()? })
    }

    /// Every channel told of everything usual: for a watch whose jobs name no channel.
    pub fn everything(channels: &[Channel]) -> Self {
        let to: Vec<Box<str>> = channels
            .iter()
            .filter(|channel| channel.takes_notices())
            .map(|channel| channel.name().into())
            .collect();
        Self { rules: if to.is_empty() { Vec::new() } else { vec![Rule::usual(to)] } }
    }

    /// The channels that are told of an event, each once, with the rule that does it: of several
    /// the one that waits the least, and of those the first.
    pub(super) fn of(&self, event: &Event) -> Vec<(&str, &Rule)> {
        let mut told: Vec<(&str, &Rule)> = Vec::new();
        for rule in self.rules.iter().filter(|rule| rule.is_for(event)) {
            for channel in &rule.to {
                match told.iter_mut().find(|(known, _)| **known == **channel) {
                    Some((_, known)) if rule.after < known.after => *known = rule,
                    Some(_) => {}
                    None => told.push((channel, rule)),
                }
            }
        }
        told
    }

    /// The channels that want to hear of this end, though nobody told them of a beginning: those of
    /// rules that name no beginnings.
    pub(super) fn of_ends(&self, event: &Event) -> impl Iterator<Item = &str> {
        let names_none = |rule: &&Rule| {
            !rule.on.iter().any(|on| matches!(on, On::Kind(kind) if can_last(*kind)))
        };
        let rules = self.rules.iter().filter(move |rule| names_none(rule) && rule.is_for(event));
        rules.flat_map(|rule| rule.to.iter().map(|to| &**to))
    }
}

impl Rule {
    /// Everything usual to these channels.
    fn usual(to: Vec<Box<str>>) -> Self {
        Self {
            on: USUAL.to_vec(),
            when: None,
            to,
            groups: Vec::new(),
            targets: Vec::new(),
            tags: Vec::new(),
            after: Duration::ZERO,
            repeat: None,
            resolved: Resolved::Told,
        }
    }

    fn parse(pairs: &[(String, Value)], channels: &[Channel]) -> Result<Self, ConfigError> {
        let mut fields = Fields::new(pairs);
        let named = fields.texts("to")?;
        if named.is_empty() {
            return Err(ConfigError::new("there is no `to`", RULE_HINT));
        }
        let from = fields.value("to").map_or(From::Text, From::of);
        let to = to(&named, channels, from).map_err(|error| error.under("to"))?;
        let on =
            fields.texts("on")?.iter().map(|text| On::parse(text)).collect::<Result<Vec<_>, _>>();
        let mut on = on.map_err(|error| error.under("on"))?;
        if on.is_empty() {
            on = USUAL.to_vec();
        }
        let when = fields.text("if")?.map(|text| text.expose().parse::<Condition>());
        let when = when.transpose().map_err(|error| error.under("if"))?;
        let changes = |on: &On| matches!(on, On::Change(_) | On::Kind(EventKind::Changed));
        if when.is_some() && !on.iter().all(changes) {
            let hint = "give it a rule of its own: { on = \"change:price\", if = \"drop > 5%\" }";
            return Err(ConfigError::new("it is only for changes", hint).under("if"));
        }
        let resolved = match fields.value("resolved") {
            None | Some(Value::Bool(true)) => Resolved::Told,
            Some(Value::Bool(false)) => Resolved::Untold,
            Some(other) => return Err(wants(other, "true or false").under("resolved")),
        };
        let after = fields.duration("after")?.unwrap_or_default();
        let repeat = fields.duration("repeat")?;
        if repeat.is_some_and(|repeat| repeat < REPEAT_MIN) {
            return Err(ConfigError::new("it is too often", "write at least 1m").under("repeat"));
        }
        let lasts = |on: &On| matches!(on, On::Kind(kind) if can_last(*kind));
        for (key, is_there) in [("after", !after.is_zero()), ("repeat", repeat.is_some())] {
            if is_there && !on.iter().any(lasts) {
                let hint = "only down, degraded and network last";
                return Err(ConfigError::new("nothing of `on` lasts", hint).under(key));
            }
        }
        let names = |texts: Vec<&Text>| texts.iter().map(|text| text.expose().into()).collect();
        let (groups, targets) = (names(fields.texts("group")?), names(fields.texts("target")?));
        let tags =
            fields.texts("tag")?.into_iter().map(|text| match text.expose().split_once('=') {
                Some((name, value)) => (name.into(), Some(value.into())),
                None => (text.expose().into(), None),
            });
        let tags = tags.collect();
        fields.finish()?;
        Ok(Self { on, when, to, groups, targets, tags, after, repeat, resolved })
    }

    fn is_for(&self, event: &Event) -> bool {
        self.on.iter().any(|on| on.is_for(event)) && self.is_about(event) && self.is_met(event)
    }

    /// Whether a target is among those that the rule is for. Kinds of filters all have to agree;
    /// of the names of one kind, one.
    fn is_about(&self, event: &Event) -> bool {
        let name = event.target.as_deref().unwrap_or_default();
        let any = |names: &[Box<str>], of: &[&str]| {
            names.is_empty() || names.iter().any(|name| of.contains(&&**name))
        };
        let has = |(name, value): &(Box<str>, Option<Box<str>>)| {
            event
                .tags
                .iter()
                .any(|tag| tag.0 == *name && value.as_ref().is_none_or(|value| *value == tag.1))
        };
        any(&self.groups, &[&event.group])
            && any(&self.targets, &[name, &event.url])
            && (self.tags.is_empty() || self.tags.iter().any(has))
    }

    fn is_met(&self, event: &Event) -> bool {
        let is_met = |when: &Condition| when.is_met(event.old.as_deref(), event.new.as_deref());
        self.when.as_ref().is_none_or(is_met)
    }
}

impl On {
    fn parse(text: &Text) -> Result<Self, ConfigError> {
        let name = text.expose();
        if let Some(field) = name.strip_prefix("change:").filter(|field| !field.is_empty()) {
            return Ok(Self::Change(field.into()));
        }
        match NAMES.iter().find(|(known, _)| *known == name) {
            Some((_, kind)) => Ok(Self::Kind(*kind)),
            None => {
                let known: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
                Err(unknown(name, "event", &[&known[..], &["change:FIELD"]].concat()))
            }
        }
    }

    fn is_for(&self, event: &Event) -> bool {
        match self {
            Self::Kind(kind) => *kind == event.kind,
            Self::Change(field) => {
                event.kind == EventKind::Changed && event.field.as_ref() == Some(field)
            }
        }
    }
}

/// Whether it goes on until something ends it.
pub(super) const fn can_last(kind: EventKind) -> bool {
    matches!(kind, EventKind::Down | EventKind::Degraded | EventKind::Network)
}

/// How names are written: it decides where an error stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Text,
    List,
}

impl From {
    const fn of(value: &Value) -> Self {
        if matches!(value, Value::List(_)) { Self::List } else { Self::Text }
    }
}

/// The channels of these names.
fn to(names: &[&Text], channels: &[Channel], from: From) -> Result<Vec<Box<str>>, ConfigError> {
    let channel = |(at, name): (usize, &&Text)| {
        let name = name.expose();
        let step = |error: ConfigError| match from {
            From::List => error.within(Step::Item(at)),
            From::Text => error,
        };
        match channels.iter().find(|channel| channel.name() == name) {
            Some(channel) if channel.takes_notices() => Ok(name.into()),
            Some(_) => {
                let message = format!("`{name}` is a heartbeat, which takes no notices");
                Err(step(ConfigError::new(message, "name another channel")))
            }
            None => {
                let known: Vec<&str> = channels.iter().map(Channel::name).collect();
                let error = if known.is_empty() {
                    let hint = format!("write a table [notify.{name}]");
                    ConfigError::new(format!("there is no channel `{name}`"), hint)
                } else {
                    unknown(name, "channel", &known)
                };
                Err(step(error))
            }
        }
    };
    names.iter().enumerate().map(channel).collect()
}

#[cfg(test)]
mod tests;
