//! Incidents: what the correlator found, as rows of the history and as events.

use std::collections::HashMap;

use gather_core::ErrorKind;
use gather_core::time::Time;
use gather_core::watch::{Change, Factor, FactorKind, Standing, State, WatchedNo};
use gather_store::history::{
    Batch, EntryKind, Event, EventKind, Incident, IncidentEntry, OpenIncident,
};

use super::outages::{Open, Outages, Whom, Wrong};
use super::tell;

impl Outages {
    /// Goes on with the incidents that were open, and with who was told of them. `known` says who
    /// their targets are.
    pub(crate) fn go_on(
        &mut self,
        incidents: Vec<OpenIncident>,
        known: HashMap<WatchedNo, (Whom, Wrong)>,
        now: Time,
    ) {
        self.failing.extend(known);
        for OpenIncident { incident, members } in incidents {
            let failing: Vec<&(Whom, Wrong)> =
                members.iter().filter_map(|(target, _)| self.failing.get(target)).collect();
            let mut event = event_of(&failing, now);
            event.incident = Some(incident.id);
            event.since = incident.opened;
            event.reason = incident.reason.clone();
            event.targets = incident.targets;
            event.factor = (!incident.factor.is_empty()).then(|| incident.factor.clone());
            self.resume(event.clone(), now);
            self.correlator.restore(Standing {
                id: incident.id,
                opened: incident.opened,
                factor: factor_of(&incident.factor),
                kind: None,
                targets: incident.targets,
                failing: members,
            });
            self.incidents.insert(incident.id, Open { incident, event });
        }
    }

    /// Incidents that open, grow and end by now.
    pub(super) fn incidents_turn(
        &mut self,
        now: Time,
        batch: &mut Batch,
    ) -> Vec<(WatchedNo, Option<i64>)> {
        let mut assigned = Vec::new();
        for change in self.correlator.turn(now) {
            match change {
                Change::Opened { id, at, factor, kind, targets } => {
                    assigned.extend(targets.iter().map(|(target, _)| (*target, Some(id))));
                    self.opened(id, at, &factor, kind, targets, now, batch);
                }
                Change::Joined { id, targets } => {
                    assigned.extend(targets.iter().map(|(target, _)| (*target, Some(id))));
                    self.joined(id, targets, now, batch);
                }
                Change::Widened { id, factor } => self.widened(id, &factor, now, batch),
                Change::Absorbed { id, into } => {
                    let text = format!("it is part of incident {into}");
                    self.closed(id, now, &text, batch);
                }
                Change::Left { id, target, at } => {
                    assigned.push((target, None));
                    self.left(id, target, at, batch);
                }
                Change::Closed { id, at, .. } => self.closed(id, at, "", batch),
            }
        }
        assigned
    }

    #[expect(clippy::too_many_arguments, reason = "the members of one change")]
    fn opened(
        &mut self,
        id: i64,
        at: Time,
        factor: &Factor,
        kind: Option<ErrorKind>,
        targets: Vec<(WatchedNo, Time)>,
        now: Time,
        batch: &mut Batch,
    ) {
        let failing: Vec<&(Whom, Wrong)> =
            targets.iter().filter_map(|(target, _)| self.failing.get(target)).collect();
        let wrong = failing.first().map(|(_, wrong)| wrong.clone());
        let mut event = event_of(&failing, now);
        event.since = at;
        event.incident = Some(id);
        event.targets = u32::try_from(targets.len()).unwrap_or(u32::MAX);
        event.error = kind.or_else(|| wrong.as_ref().and_then(|wrong| wrong.kind));
        event.status_code = wrong.as_ref().map_or(0, |wrong| wrong.status_code);
        event.reason = wrong.map(|wrong| wrong.reason).unwrap_or_default();
        event.factor = named(factor);
        let incident = Incident {
            id,
            opened: at,
            closed: None,
            worst: State::Down,
            factor: event.factor.clone().unwrap_or_default(),
            reason: event.reason.clone(),
            targets: event.targets,
            ongoing: event.targets,
            entries: vec![entry(at, EntryKind::Opened, &event.reason)],
            joined: targets,
            left: Vec::new(),
        };
        batch.incidents.push(incident.clone());
        self.incidents.insert(id, Open { incident: bare(incident), event: event.clone() });
        self.happened(event, now, batch);
    }

    fn joined(&mut self, id: i64, targets: Vec<(WatchedNo, Time)>, now: Time, batch: &mut Batch) {
        let Some(open) = self.incidents.get_mut(&id) else { return };
        let more = u32::try_from(targets.len()).unwrap_or(u32::MAX);
        open.incident.targets += more;
        open.incident.ongoing += more;
        open.event.targets = open.incident.targets;
        // Of several it names none.
        open.event.target = None;
        open.event.url = Box::default();
        let text = format!("{} more", crate::human::counted(more.into(), "target"));
        let mut row = open.incident.clone();
        row.entries = vec![entry(now, EntryKind::Joined, &text)];
        row.joined = targets;
        let event = open.event.clone();
        batch.incidents.push(row);
        self.happened(event, now, batch);
    }

    fn widened(&mut self, id: i64, factor: &Factor, now: Time, batch: &mut Batch) {
        let Some(open) = self.incidents.get_mut(&id) else { return };
        open.event.factor = named(factor);
        open.incident.factor = open.event.factor.clone().unwrap_or_default();
        let mut row = open.incident.clone();
        row.entries = vec![entry(now, EntryKind::Widened, &open.incident.factor)];
        let event = open.event.clone();
        batch.incidents.push(row);
        self.happened(event, now, batch);
    }

    fn left(&mut self, id: i64, target: WatchedNo, at: Time, batch: &mut Batch) {
        let whom = self.failing.remove(&target);
        let Some(open) = self.incidents.get_mut(&id) else { return };
        open.incident.ongoing = open.incident.ongoing.saturating_sub(1);
        let mut row = open.incident.clone();
        let name = whom.map(|(whom, _)| whom.name).unwrap_or_default();
        // The end of one target alone is the end of the incident.
        if row.targets > 1 {
            row.entries = vec![entry(at, EntryKind::Left, &name)];
        }
        row.left = vec![(target, at)];
        batch.incidents.push(row);
    }

    fn closed(&mut self, id: i64, at: Time, why: &str, batch: &mut Batch) {
        let Some(open) = self.incidents.remove(&id) else { return };
        let mut row = open.incident;
        (row.closed, row.ongoing) = (Some(at), 0);
        row.entries = vec![entry(at, EntryKind::Closed, why)];
        let mut event = open.event;
        event.kind = EventKind::Up;
        event.lasted = Some(at.since(row.opened));
        event.reason = why.into();
        (event.at, event.since, event.state) = (at, at, State::Up);
        batch.incidents.push(row);
        self.happened(event, at, batch);
    }
}

/// An event about these targets: of several it says what is the same for all.
fn event_of(failing: &[&(Whom, Wrong)], now: Time) -> Event {
    if let [(whom, _)] = failing {
        return tell::of(whom, EventKind::Down, State::Down, now);
    }
    let mut event = Event::new(EventKind::Down, now, State::Down);
    let same = |of: fn(&Whom) -> &str| {
        let first = failing.first().map_or("", |(whom, _)| of(whom));
        let is_same = failing.iter().all(|(whom, _)| of(whom) == first);
        Box::<str>::from(if is_same { first } else { "" })
    };
    event.job = same(|whom| &whom.job);
    event.group = same(|whom| &whom.group);
    event
}

fn entry(at: Time, kind: EntryKind, text: &str) -> IncidentEntry {
    IncidentEntry { at, kind, text: text.into() }
}

/// An incident without what was new in it.
fn bare(incident: Incident) -> Incident {
    Incident { entries: Vec::new(), joined: Vec::new(), left: Vec::new(), ..incident }
}

/// What targets have in common, for people; none for one target alone.
fn named(factor: &Factor) -> Option<Box<str>> {
    match factor.kind {
        FactorKind::Target => None,
        FactorKind::Everything => Some("everything".into()),
        kind => Some(format!("{} {}", kind.as_str(), factor.text).into()),
    }
}

/// The factor that [`named`] wrote.
fn factor_of(text: &str) -> Factor {
    let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
    match FactorKind::from_name(kind) {
        Some(kind) => Factor::new(kind, rest),
        None => Factor::new(FactorKind::Target, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_is_read_back_as_it_was_named() {
        for (kind, text) in [
            (FactorKind::Target, ""),
            (FactorKind::Address, "203.0.113.7"),
            (FactorKind::Group, "two words"),
            (FactorKind::Everything, ""),
        ] {
            let factor = Factor::new(kind, text);
            let named = named(&factor).unwrap_or_default();
            assert_eq!(factor_of(&named), factor, "{named}");
        }
    }
}
