//! What comes of a check: a row for the history, a state, evidence, an incident.

use std::net::IpAddr;

use gather_core::time::Time;
use gather_core::watch::{Check, Next, Reaction, Seen, State, Transition, WatchedNo};
use gather_core::{Health, Record};
use gather_store::history::{EvidenceKind, Flapping};

use super::outages::{Place, Whom, Wrong};
use super::roster::Listed;
use super::scheduler::Scheduler;
use super::spec::Work;
use super::tell::{Ending, Told};
use super::watched::Watched;
use super::{judged, lists};
use crate::check;

impl Scheduler {
    /// Takes in the answer of a check.
    pub(super) fn answer(&mut self, target: WatchedNo, record: &Record, now: Time) {
        let Some(start) = self.agenda.under_way(target) else { return };
        let Some(mut watched) = self.watched[target.0 as usize].take() else { return };
        let Some(Work::Liveness(liveness)) = self.jobs.get(watched.job).map(|job| &job.spec.work)
        else {
            self.watched[target.0 as usize] = Some(watched);
            return;
        };
        let finding = check::find(record, &liveness.expect, &watched.expect);
        let (policy, redact) = (&liveness.policy, &liveness.engine.client.redact_query);
        let kind = record.outcome.error().map(|error| error.kind);
        let host = &watched.target.host;
        let finding =
            self.outages.in_sight_of_network(target, host, finding, kind, now, &mut self.batch);
        let check = judged::check(start, record, finding.health);
        self.probes.checked(target, record, finding.health);
        let began = check.due + check.lag;
        let seen = Seen {
            health: finding.health,
            began,
            ended: now.max(began),
            is_confirmation: start.is_confirmation,
        };
        let before = watched.state();
        let mut reaction = watched.machine.observe(policy, seen);
        if self.outages.network.is_gone()
            && let Some(transition) = lose(&mut watched, finding.health, now)
        {
            (reaction.transition, reaction.next) = (Some(transition), Next::AtSlot);
        }
        self.agenda.finish(target, now, reaction.next);
        let is_first_failure = reaction
            .transition
            .is_some_and(|change| !change.from.is_failing() && change.to.is_failing());
        if is_first_failure {
            let evidence = judged::evidence(start, record, EvidenceKind::FirstFailure, redact);
            self.batch.evidence.push(evidence);
        } else if finding.health == Health::Up {
            let is_back = before == State::Down && watched.state() == State::Up;
            if self.gate.admits(target, now) || is_back {
                let evidence = judged::evidence(start, record, EvidenceKind::LastGood, redact);
                self.batch.evidence.push(evidence);
            }
        }
        self.checked(check);
        if let Some(pause) = judged::pause(record, now) {
            self.closed.retain(|_, until| *until > now);
            self.closed.insert(watched.target.host.clone(), now + pause);
        }
        if watched.moved(record) {
            self.place(target, &watched);
        }
        if finding.health == Health::Up && watched.state() == State::Up {
            self.outages.good(target, now);
        }
        if reaction.transition.is_some() || reaction.flapping.is_some() {
            let wrong = Wrong::of(&finding, record);
            watched.says(&finding, check.kind, check.status_code);
            self.outages.counted(Some(before), Some(watched.state()));
            self.changed(&mut watched, target, reaction, &wrong, now);
            self.batch.states.push((target, watched.stored()));
        }
        self.certificate(&mut watched, record, now);
        self.watched[target.0 as usize] = Some(watched);
    }

    /// Tells of a certificate that is about to end, or has ended, once a stage.
    fn certificate(&mut self, watched: &mut Watched, record: &Record, now: Time) {
        let ending = judged::certificate_until(record).and_then(|until| Ending::at(until, now));
        let is_told = match ending {
            Some(ending) if watched.ending != Some(ending) => {
                let whom = self.whom(watched);
                self.outages.certificate(&whom, ending, now, &mut self.batch) == Told::Yes
            }
            _ => true,
        };
        watched.ending = ending.filter(|_| is_told);
    }

    /// A target has another state, or began or ceased to flap.
    fn changed(
        &mut self,
        watched: &mut Watched,
        target: WatchedNo,
        reaction: Reaction,
        wrong: &Wrong,
        now: Time,
    ) {
        let whom = self.whom(watched);
        if let Some(flapping) = reaction.flapping {
            watched.flapping = if flapping { Flapping::Yes } else { Flapping::No };
            self.outages.set_flapping(&whom, watched.flapping);
            if flapping {
                self.outages.flaps(&whom, watched.state(), now, &mut self.batch);
            }
        }
        if let Some(transition) = reaction.transition {
            if transition.to == State::Down {
                self.metrics.confirmed(transition.at.since(transition.since));
            }
            self.outages.changed(target, &whom, wrong, &transition, &mut self.batch);
        }
    }

    /// Tells what a target shares with others.
    pub(super) fn place(&mut self, target: WatchedNo, watched: &Watched) {
        let whom = self.whom(watched);
        let place = Place {
            host: &watched.target.host,
            address: watched.address,
            issuer: watched.issuer.as_deref(),
            resolver: self.resolver(watched),
        };
        self.outages.place(target, &whom, &place);
    }

    /// Who is asked for the name of a target; nobody, where it has an address instead.
    fn resolver(&self, watched: &Watched) -> Option<String> {
        let host = watched.target.host.host().trim_matches(['[', ']']);
        let Work::Liveness(liveness) = &self.jobs.get(watched.job)?.spec.work else { return None };
        let servers = &liveness.engine.client.net.dns_servers;
        match host.parse::<IpAddr>() {
            Ok(_) => None,
            Err(_) if servers.is_empty() => Some("of this machine".to_owned()),
            Err(_) => {
                let servers: Vec<_> = servers.iter().map(ToString::to_string).collect();
                Some(servers.join(", "))
            }
        }
    }

    pub(super) fn whom(&self, watched: &Watched) -> Whom {
        let spec = self.jobs.get(watched.job).map(|job| &job.spec);
        let keys = spec.and_then(|spec| match &spec.work {
            Work::Liveness(liveness) => Some(&liveness.engine.client.redact_query),
            Work::Run(_) => None,
        });
        let listed = Listed { key: 0, target: watched.target.clone() };
        let none = gather_fetch::RedactQuery::default();
        let group = spec.and_then(|spec| spec.group.as_deref());
        let row = lists::row(&listed, group, keys.unwrap_or(&none));
        Whom {
            job: spec.map(|spec| Box::from(&*spec.name)).unwrap_or_default(),
            name: row.name,
            url: row.url,
            group: row.group,
            tags: row.tags,
        }
    }

    /// A row for the history, and for the metrics.
    pub(super) fn checked(&mut self, check: Check) {
        self.metrics.checked(&check);
        self.batch.checks.push(check);
    }
}

/// As long as our own network is gone nothing is known of a target, and what it failed for before that was
/// known says nothing either. What was down stays so: nobody is told that it is back.
fn lose(watched: &mut Watched, health: Health, now: Time) -> Option<Transition> {
    let is_lost = match watched.state() {
        State::Suspect => true,
        State::Down => false,
        _ => health == Health::Unknown,
    };
    is_lost.then(|| watched.machine.lose(now)).flatten()
}
