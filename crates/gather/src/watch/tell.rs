//! From what changed to incidents in the history and notices in the outbox.

use gather_core::time::Time;
use gather_core::watch::{NetworkChange, State, Transition, WatchedNo};
use gather_core::{Finding, Health, HostKey};
use gather_store::history::{Batch, Event, EventKind, Notice};

use super::outages::{Outages, Whom, Wrong};
use crate::alerts::silenced;

/// How long a target that flaps is not told of, before that is looked at again.
const FLAPPING_HUSH: std::time::Duration = std::time::Duration::from_secs(60);
/// Certificates that end within so many days are told of, at each of these.
const CERTIFICATE_DAYS: [u64; 3] = [14, 7, 1];

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

    /// A target answers, though not as it should, or does so again as it should.
    pub(super) fn degraded(
        &mut self,
        whom: &Whom,
        wrong: &Wrong,
        transition: &Transition,
        batch: &mut Batch,
    ) {
        let kind = match transition.to {
            State::Degraded => EventKind::Degraded,
            _ => EventKind::Up,
        };
        let mut event = of(whom, kind, transition.to, transition.at);
        event.since = transition.since;
        if kind == EventKind::Up {
            event.lasted = Some(transition.since.since(transition.from_since));
        } else {
            event.reason = wrong.reason.clone();
            event.status_code = wrong.status_code;
            event.error = wrong.kind;
        }
        self.happened(event, transition.at, batch);
    }

    /// A target changes too often to say.
    pub(super) fn flaps(&mut self, whom: &Whom, state: State, now: Time, batch: &mut Batch) {
        let mut event = of(whom, EventKind::Flapping, state, now);
        event.reason = "it changes between up and down; notices of it wait until that ends".into();
        self.happened(event, now, batch);
    }

    /// A certificate that ends soon is told of at 14 days, at 7 and at 1: the key of each notice is
    /// that moment, so none is sent twice.
    pub(super) fn certificate(&mut self, whom: &Whom, until: Time, now: Time, batch: &mut Batch) {
        let day = std::time::Duration::from_secs(86_400);
        let left = until.since(now);
        let crossed = CERTIFICATE_DAYS
            .iter()
            .rev()
            .find(|days| left < day * u32::try_from(**days).unwrap_or(0));
        let Some(days) = crossed else { return };
        let at = until - day * u32::try_from(*days).unwrap_or(0);
        let mut event = of(whom, EventKind::Certificate, State::Up, at);
        event.field = Some(format!("{days}d").into());
        event.reason = match left.is_zero() {
            true => "its certificate has ended".into(),
            false => {
                format!("its certificate ends in {:.1} days", left.as_secs_f64() / 86_400.0).into()
            }
        };
        self.happened(event, now, batch);
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
