//! From what changed to incidents in the history and notices in the outbox.

use gather_core::time::{Duration, Time};
use gather_core::watch::{NetworkChange, State, Transition, WatchedNo};
use gather_core::{Finding, Health, HostKey};
use gather_store::history::{Batch, Event, EventKind, Notice};

use super::outages::{Outages, Whom, Wrong};
use crate::alerts::silenced;

/// How long a target that flaps is not told of, before that is looked at again.
const FLAPPING_HUSH: Duration = Duration::from_secs(60);
/// Certificates that end within so many days are told of, at each of these.
const CERTIFICATE_DAYS: [u32; 3] = [14, 7, 1];
const DAY: Duration = Duration::from_secs(86_400);

/// A certificate that ends soon: when, and within how many days, of those at which it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    until: Time,
    days: u32,
}

/// Whether something was told, to whoever wants to hear of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Yes,
    No,
}

impl Ending {
    /// How a certificate ends; `None` if that is not soon.
    pub(crate) fn at(until: Time, now: Time) -> Option<Self> {
        let left = until.since(now);
        let days = CERTIFICATE_DAYS.iter().rev().find(|days| left < DAY * **days)?;
        Some(Self { until, days: *days })
    }
}

impl Outages {
    /// What a finding means as long as our own network is there or gone.
    pub(super) fn in_sight_of_network(
        &mut self,
        target: WatchedNo,
        host: &HostKey,
        finding: Finding,
        kind: Option<gather_core::ErrorKind>,
        now: Time,
        batch: &mut Batch,
    ) -> Finding {
        let change = self.network.observe(target, host, finding.health, kind, now);
        if let Some(change) = change {
            let mut event = match change {
                NetworkChange::Gone => Event::new(EventKind::Network, now, State::Unknown),
                NetworkChange::Back { since } => Event {
                    since,
                    lasted: Some(now.since(since)),
                    ..Event::new(EventKind::NetworkBack, now, State::Up)
                },
            };
            event.reason = match change {
                NetworkChange::Gone => {
                    "our own network does not answer; nothing is known of the targets".into()
                }
                NetworkChange::Back { .. } => "our own network answers again".into(),
            };
            self.happened(event, now, batch);
        }
        match (self.network.is_gone(), finding.health) {
            (true, Health::Down) => Finding::new(Health::Unknown, "our own network is gone"),
            _ => finding,
        }
    }

    /// A target that was degraded since `since` is so no more, since `at`.
    pub(super) fn degraded_no_more(
        &mut self,
        whom: &Whom,
        since: Time,
        at: Time,
        why: &str,
        batch: &mut Batch,
    ) {
        let mut event = of(whom, EventKind::Up, State::Up, at);
        event.lasted = Some(at.since(since));
        event.reason = why.into();
        // An incident that it was part of may have told its end.
        if self.planner.goes_on(&event) {
            self.happened(event, at, batch);
        }
    }

    /// A target changes too often to say.
    pub(super) fn flaps(&mut self, whom: &Whom, state: State, now: Time, batch: &mut Batch) {
        let mut event = of(whom, EventKind::Flapping, state, now);
        event.reason = "it changes between up and down; notices of it wait until that ends".into();
        self.happened(event, now, batch);
    }

    /// A certificate ends soon; whether that was told, which a silence puts off. The key of its notice is
    /// the moment at which it was to be told, so none is sent twice.
    pub(super) fn certificate(
        &mut self,
        whom: &Whom,
        ending: Ending,
        now: Time,
        batch: &mut Batch,
    ) -> Told {
        let Ending { until, days } = ending;
        let mut event = of(whom, EventKind::Certificate, State::Up, until - DAY * days);
        event.field = Some(format!("{days}d").into());
        let left = until.since(now);
        event.reason = match left.is_zero() {
            true => "its certificate has ended".into(),
            false => {
                let days = left.as_secs_f64() / DAY.as_secs_f64();
                format!("its certificate ends in {days:.1} days").into()
            }
        };
        if self.hush(&event, now).is_some() {
            return Told::No;
        }
        self.happened(event, now, batch);
        Told::Yes
    }

    /// Something happened: who is told goes into the outbox with it.
    pub(super) fn happened(&mut self, event: Event, now: Time, batch: &mut Batch) {
        let mut planner = std::mem::take(&mut self.planner);
        let notices = planner.event(event, now, &|event| self.hush(event, now));
        self.planner = planner;
        self.put(notices, batch);
    }

    /// Decides what is due by now: incidents, reminders, what lasted long enough. Returns the targets
    /// whose incident is another one.
    pub(super) fn turn(&mut self, now: Time, batch: &mut Batch) -> Vec<(WatchedNo, Option<i64>)> {
        let assigned = self.incidents_turn(now, batch);
        self.degraded_turn(now, batch);
        if self.planner.next().is_some_and(|next| next <= now) {
            let mut planner = std::mem::take(&mut self.planner);
            let notices = planner.tick(now, &|event| self.hush(event, now));
            self.planner = planner;
            self.put(notices, batch);
        }
        assigned
    }

    fn put(&mut self, mut notices: Vec<Notice>, batch: &mut Batch) {
        for notice in &mut notices {
            notice.event.link = self.link(&notice.event);
        }
        batch.notices.extend(notices);
    }

    fn link(&self, event: &Event) -> Option<Box<str>> {
        let page = self.page.as_deref()?.trim_end_matches('/');
        Some(match event.incident {
            Some(id) => format!("{page}/incidents/{id}").into(),
            None => format!("{page}/").into(),
        })
    }

    /// Until when nobody is told of an event.
    fn hush(&self, event: &Event, now: Time) -> Option<Time> {
        let flapping = || {
            let is_of_one = event.targets == 1 && event.kind != EventKind::Flapping;
            let key = (event.job.clone(), event.target.clone().unwrap_or_default());
            (is_of_one && self.flapping.contains(&key)).then(|| now + FLAPPING_HUSH)
        };
        let maintenance = || self.maintenance.get(&event.job).copied().filter(|until| *until > now);
        silenced(&self.silences, event, now).or_else(maintenance).or_else(flapping)
    }
}

/// A target answers, though not as it should.
pub(super) fn degraded(whom: &Whom, wrong: &Wrong, transition: &Transition) -> Event {
    let mut event = of(whom, EventKind::Degraded, State::Degraded, transition.at);
    event.since = transition.since;
    event.reason = wrong.reason.clone();
    event.status_code = wrong.status_code;
    event.error = wrong.kind;
    event
}

/// An event about one target.
pub(super) fn of(whom: &Whom, kind: EventKind, state: State, at: Time) -> Event {
    let mut event = Event::new(kind, at, state);
    event.job = whom.job.clone();
    event.target = Some(whom.name.clone());
    event.url = whom.url.clone();
    event.group = whom.group.clone();
    event.tags = whom.tags.clone();
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_told_at_each_of_its_days() {
        let until = Time::from_millis(100 * 86_400_000);
        for (days_left, told) in
            [(20.0, None), (13.9, Some(14)), (6.9, Some(7)), (0.5, Some(1)), (-3.0, Some(1))]
        {
            let now = match days_left < 0.0 {
                true => until + DAY.mul_f64(-days_left),
                false => until - DAY.mul_f64(days_left),
            };
            assert_eq!(Ending::at(until, now).map(|ending| ending.days), told, "{days_left}");
        }
    }
}
