//! From what happened to notices: who is told now, who if it lasts, who again, and of its end.
//!
//! Keys are made of what happened and never of when it was noticed, so that a watch that starts
//! again makes the same notices again, and the outbox knows them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use gather_core::Time;
use gather_core::time::Duration;
use gather_store::history::{Event, EventKind, Notice, Silence};

use super::channel::Channel;
use super::message::thread;
use super::route::{Resolved, Routes, Rule, can_last};

/// How long at most nobody looks whether a silence has ended early.
const HUSH_MAX: Duration = Duration::from_secs(60);
/// Incidents that are told of over time; beyond it, those that begin are told of at once and
/// never again.
const OPEN_MAX: usize = 1_000_000;

/// Until when nobody is told of an event: silences, maintenance. `None` where somebody is.
pub type Hush<'a> = &'a dyn Fn(&Event) -> Option<Time>;

/// Decides which notices follow from events. Pure: it is told the time.
#[derive(Debug, Default)]
pub struct Planner {
    /// By job; the empty name is the watch itself.
    routes: HashMap<Box<str>, Routes>,
    /// For jobs that have none.
    otherwise: Routes,
    resend: BTreeMap<Box<str>, Duration>,
    /// What goes on, by what its beginning and end have in common.
    open: HashMap<String, Open>,
    /// When each is to be looked at.
    wakes: BTreeSet<(Time, String)>,
}

/// Something that goes on.
#[derive(Debug)]
struct Open {
    /// As it is now.
    event: Event,
    tells: Vec<Tell>,
    wake: Option<Time>,
}

/// One channel and what it knows of it.
#[derive(Debug)]
struct Tell {
    channel: Box<str>,
    kind: EventKind,
    /// When it is to be told.
    at: Time,
    repeat: Option<Duration>,
    resolved: Resolved,
    told: Told,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    No,
    /// With so many reminders.
    Yes(u64),
}

impl Planner {
    /// A planner with the rules of each job; `otherwise` is for events of other jobs, and of the
    /// watch itself.
    pub fn new(
        routes: impl IntoIterator<Item = (Box<str>, Routes)>,
        otherwise: Routes,
        channels: &[Channel],
    ) -> Self {
        let mut planner = Self::default();
        planner.set_routes(routes, otherwise, channels);
        planner
    }

    /// Other rules, after the configuration changed. What goes on keeps to the rules under which
    /// it began.
    pub fn set_routes(
        &mut self,
        routes: impl IntoIterator<Item = (Box<str>, Routes)>,
        otherwise: Routes,
        channels: &[Channel],
    ) {
        self.routes = routes.into_iter().collect();
        self.otherwise = otherwise;
        let resend = |channel: &Channel| Some((channel.name().into(), channel.resend()?));
        self.resend = channels.iter().filter_map(resend).collect();
    }

    /// Something happened: the notices that follow at once.
    pub fn event(&mut self, event: Event, now: Time, hush: Hush<'_>) -> Vec<Notice> {
        match event.kind {
            EventKind::Up | EventKind::NetworkBack => self.end(event, now, hush),
            kind if can_last(kind) => self.begin(event, now, hush),
            _ if hush(&event).is_some() => Vec::new(),
            _ => {
                let told = self.routes_of(&event).of(&event);
                let told = told.iter().map(|(channel, _)| {
                    let key = format!("{}:{channel}", thread(&event));
                    notice(key, channel, now, event.clone())
                });
                told.collect()
            }
        }
    }

    /// Something that goes on since before this program was started. `knows` says whether the
    /// outbox has a notice of this key: of what is known nobody is told twice, and of its end they
    /// are.
    pub fn resume(&mut self, event: Event, now: Time, knows: &dyn Fn(&str) -> bool) {
        let mut open = Open { tells: self.tells(&event), event, wake: None };
        for tell in &mut open.tells {
            if knows(&key(&open.event, tell.kind, &tell.channel)) {
                tell.told = Told::Yes(tell.reminders_due(now));
            }
        }
        let name = thread(&open.event);
        open.wake = open.tells.iter().filter_map(Tell::next).min();
        self.keep(name, open);
    }

    /// What is due by now: those told only if it lasts, whose silence is over, or who are to be
    /// reminded.
    pub fn tick(&mut self, now: Time, hush: Hush<'_>) -> Vec<Notice> {
        let mut notices = Vec::new();
        while let Some((at, name)) = self.wakes.first().filter(|(at, _)| *at <= now).cloned() {
            self.wakes.remove(&(at, name.clone()));
            let Some(mut open) = self.open.remove(&name) else { continue };
            open.wake = None;
            notices.extend(open.tell(now, hush));
            self.keep_as(name, open, hush, now);
        }
        notices
    }

    /// When [`tick`](Self::tick) has something to do.
    pub fn next(&self) -> Option<Time> {
        self.wakes.first().map(|(at, _)| *at)
    }

    /// Whether what an event begins, changes or ends goes on.
    pub fn goes_on(&self, event: &Event) -> bool {
        self.open.contains_key(&thread(event))
    }

    /// How much goes on.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    fn routes_of(&self, event: &Event) -> &Routes {
        self.routes.get(&event.job).unwrap_or(&self.otherwise)
    }

    fn tells(&self, event: &Event) -> Vec<Tell> {
        let tell = |(channel, rule): (&str, &Rule)| {
            let resend = self.resend.get(channel).copied();
            Tell {
                channel: channel.into(),
                kind: event.kind,
                at: event.since + rule.after,
                repeat: [rule.repeat, resend].into_iter().flatten().min(),
                resolved: rule.resolved,
                told: Told::No,
            }
        };
        self.routes_of(event).of(event).into_iter().map(tell).collect()
    }

    fn begin(&mut self, event: Event, now: Time, hush: Hush<'_>) -> Vec<Notice> {
        let name = thread(&event);
        let mut tells = self.tells(&event);
        // A target that was degraded before it became part of an incident.
        let alone = thread(&Event { incident: None, ..event.clone() });
        let before = if alone == name { None } else { self.open.remove(&alone) };
        if let Some(mut before) = before {
            self.forget_wake(&alone, &mut before);
            tells.extend(before.tells.into_iter().filter(|tell| tell.told != Told::No).map(ended));
        }
        let mut open = match self.open.remove(&name) {
            // The same as before, of more targets perhaps.
            Some(mut open) if open.event.kind == event.kind => {
                self.forget_wake(&name, &mut open);
                open.event = Event { since: open.event.since, ..event };
                open
            }
            // It became worse, or better: who was told of it before is told of its end, too.
            Some(mut open) => {
                self.forget_wake(&name, &mut open);
                let since = open.event.since;
                open.tells.retain(|tell| tell.told != Told::No);
                open.tells = open.tells.into_iter().map(ended).chain(tells).collect();
                open.event = Event { since, ..event };
                open
            }
            None => Open { event, tells, wake: None },
        };
        let notices = open.tell(now, hush);
        self.keep_as(name, open, hush, now);
        notices
    }

    fn end(&mut self, event: Event, now: Time, hush: Hush<'_>) -> Vec<Notice> {
        let name = thread(&event);
        let open = self.open.remove(&name);
        let mut told: BTreeSet<Box<str>> = BTreeSet::new();
        let mut since = event.since;
        if let Some(mut open) = open {
            self.forget_wake(&name, &mut open);
            since = open.event.since;
            let tells = open.tells.iter();
            let tells = tells.filter(|t| t.told != Told::No && t.resolved == Resolved::Told);
            told.extend(tells.map(|tell| tell.channel.clone()));
        }
        // Some want to hear of ends without their beginnings.
        if hush(&event).is_none() {
            let rules = self.routes_of(&event).of_ends(&event);
            told.extend(rules.map(Box::from));
        }
        let begun = Event { since, ..event.clone() };
        told.iter().map(|to| notice(key(&begun, event.kind, to), to, now, event.clone())).collect()
    }

    /// Puts it back, to be looked at when its next notice is due.
    fn keep_as(&mut self, name: String, mut open: Open, hush: Hush<'_>, now: Time) {
        open.wake = open.tells.iter().filter_map(Tell::next).min();
        // What is due and yet untold is silenced.
        if open.wake.is_some_and(|wake| wake <= now) {
            let until = hush(&open.event).unwrap_or(now + HUSH_MAX);
            open.wake = Some(until.min(now + HUSH_MAX).max(now + Duration::from_millis(1)));
        }
        self.keep(name, open);
    }

    fn keep(&mut self, name: String, open: Open) {
        if self.open.len() >= OPEN_MAX {
            return;
        }
        if let Some(wake) = open.wake {
            self.wakes.insert((wake, name.clone()));
        }
        self.open.insert(name, open);
    }

    fn forget_wake(&mut self, name: &str, open: &mut Open) {
        if let Some(wake) = open.wake.take() {
            self.wakes.remove(&(wake, name.to_owned()));
        }
    }
}

impl Open {
    /// The notices that are due, unless it is silenced.
    fn tell(&mut self, now: Time, hush: Hush<'_>) -> Vec<Notice> {
        let is_due = |tell: &Tell| tell.next().is_some_and(|next| next <= now);
        if !self.tells.iter().any(is_due) || hush(&self.event).is_some() {
            return Vec::new();
        }
        let mut notices = Vec::new();
        for tell in self.tells.iter_mut().filter(|tell| is_due(tell)) {
            let key = key(&self.event, tell.kind, &tell.channel);
            match tell.told {
                Told::No => {
                    // After a silence or a pause, it is as old as it is, and no reminder of itself.
                    tell.told = Told::Yes(tell.reminders_due(now));
                    notices.push(notice(key, &tell.channel, now, self.event.clone()));
                }
                Told::Yes(_) => {
                    let number = tell.reminders_due(now);
                    tell.told = Told::Yes(number);
                    let event = reminder(&self.event, now);
                    notices.push(notice(format!("{key}:{number}"), &tell.channel, now, event));
                }
            }
        }
        notices
    }
}

impl Tell {
    /// How many reminders there should have been by now.
    fn reminders_due(&self, now: Time) -> u64 {
        let Some(repeat) = self.repeat else { return 0 };
        let ran = now.since(self.at).as_nanos();
        u64::try_from(ran / repeat.as_nanos().max(1)).unwrap_or(u64::MAX)
    }

    fn next(&self) -> Option<Time> {
        match self.told {
            Told::No => Some(self.at),
            Told::Yes(reminders) => {
                let times = u32::try_from(reminders).ok()?.checked_add(1)?;
                Some(self.at + self.repeat?.checked_mul(times)?)
            }
        }
    }
}

/// What was told, for its end only: nobody is reminded of how it was.
fn ended(tell: Tell) -> Tell {
    Tell { repeat: None, ..tell }
}

/// The same event, as it is told again.
fn reminder(event: &Event, now: Time) -> Event {
    let kind = match event.kind {
        EventKind::Down | EventKind::Degraded => EventKind::Reminder,
        kind => kind,
    };
    Event { kind, at: now, lasted: Some(now.since(event.since)), ..event.clone() }
}

/// What makes a notice this one: what began and when, what is told of it, to whom.
fn key(event: &Event, kind: EventKind, channel: &str) -> String {
    let began = event.since.as_nanos() / 1_000_000;
    format!("{}:{began}:{}:{channel}", thread(event), kind.as_str())
}

fn notice(key: String, channel: &str, now: Time, event: Event) -> Notice {
    Notice { id: 0, key: key.into(), channel: channel.into(), due: now, tries: 0, event }
}

/// Until when the silences in force keep an event from being told.
pub fn silenced(silences: &[Silence], event: &Event, now: Time) -> Option<Time> {
    let name = event.target.as_deref().unwrap_or_default();
    let is_for = |silence: &&Silence| {
        silence.is_open(now)
            && silence.matches.matches(&event.job, name, &event.url, &event.group, &event.tags)
    };
    silences.iter().filter(is_for).map(|silence| silence.until).max()
}

#[cfg(test)]
mod tests;
