//! One target that is watched: what is asked, what is expected, what is believed.

use std::net::IpAddr;
use std::sync::Arc;

use gather_core::target::{RequestSpec, Target, TargetNo};
use gather_core::watch::{Machine, State, WatchedNo};
use gather_core::{ErrorKind, Finding, Record};
use gather_store::history::{Flapping, StoredState, Upkeep};

use super::jobs::JobNo;
use super::keeper::Note;
use super::outages::Wrong;
use super::roster::Listed;
use super::tell::Ending;
use crate::check::Expect;

/// One target and what is known of it.
pub(crate) struct Watched {
    pub(crate) job: JobNo,
    /// What makes it the same target tomorrow.
    pub(crate) key: u64,
    /// What is asked for, numbered as in the history.
    pub(crate) target: Target,
    /// What its list expects of it alone.
    pub(crate) expect: Box<[Expect]>,
    pub(crate) machine: Machine,
    /// Why it is as it is; none where it is up.
    pub(crate) reason: Option<Box<str>>,
    pub(crate) kind: Option<ErrorKind>,
    pub(crate) status_code: u16,
    /// The address that was dialled last.
    pub(crate) address: Option<IpAddr>,
    /// Who signed the certificate it showed last.
    pub(crate) issuer: Option<Arc<str>>,
    /// How its certificate ends, once that was told.
    pub(crate) ending: Option<Ending>,
    /// The incident it is part of.
    pub(crate) incident: Option<i64>,
    pub(crate) flapping: Flapping,
    pub(crate) maintenance: Upkeep,
}

impl Watched {
    pub(crate) fn new(job: JobNo, listed: Listed, number: WatchedNo, note: &Note) -> Self {
        let mut watched = Self {
            job,
            key: listed.key,
            target: listed.target.clone(),
            expect: Box::default(),
            machine: Machine::default(),
            reason: None,
            kind: None,
            status_code: 0,
            address: None,
            issuer: None,
            ending: None,
            incident: None,
            flapping: Flapping::No,
            maintenance: Upkeep::None,
        };
        watched.take_in(job, listed, number, note);
        watched
    }

    /// What its list says now.
    pub(crate) fn take_in(&mut self, job: JobNo, listed: Listed, number: WatchedNo, note: &Note) {
        self.job = job;
        self.expect = own_expectations(&listed, note);
        self.target = listed.target;
        self.target.n = TargetNo(u64::from(number.0));
    }

    /// Takes over where it answered from and who signed for it; whether that is another than before.
    pub(crate) fn moved(&mut self, record: &Record) -> bool {
        let issuer = record.tls.as_ref().and_then(|tls| tls.issuer.as_deref());
        let moved = record.remote_ip.filter(|address| Some(*address) != self.address);
        let signed = issuer.filter(|issuer| Some(*issuer) != self.issuer.as_deref());
        self.address = moved.or(self.address);
        if let Some(issuer) = signed {
            self.issuer = Some(issuer.into());
        }
        moved.is_some() || signed.is_some()
    }

    /// The target as a confirmation asks for it: at another address than the last time, where its host
    /// has one.
    pub(crate) fn asked_elsewhere(&self) -> Target {
        let mut target = self.target.clone();
        if self.address.is_some() {
            let spec = target.request.as_deref().cloned().unwrap_or_default();
            target.request = Some(Arc::new(RequestSpec { avoid: self.address, ..spec }));
        }
        target
    }

    /// Goes on with what was known before the watch started.
    pub(crate) fn go_on(&mut self, stored: Option<StoredState>) {
        let Some(stored) = stored else { return };
        // Numbers of another version are not understood: it begins as one that was never checked.
        if let Some(machine) = Machine::from_parts(&stored.machine) {
            self.machine = machine;
            self.reason = stored.reason;
            self.kind = stored.kind;
            self.status_code = stored.status_code;
            self.incident = stored.incident;
            self.flapping = stored.flapping;
            self.maintenance = stored.maintenance;
        }
    }

    pub(crate) fn state(&self) -> State {
        self.machine.state()
    }

    /// What the last answer said.
    pub(crate) fn says(&mut self, finding: &Finding, kind: Option<ErrorKind>, status_code: u16) {
        self.reason = finding.reason.clone();
        self.kind = kind;
        self.status_code = status_code;
    }

    /// What is wrong with it.
    pub(crate) fn wrong(&self) -> Wrong {
        Wrong {
            reason: self.reason.clone().unwrap_or_default(),
            kind: self.kind,
            status_code: self.status_code,
        }
    }

    /// What is to be remembered of it.
    pub(crate) fn stored(&self) -> StoredState {
        StoredState {
            state: self.machine.state(),
            since: self.machine.since(),
            machine: self.machine.to_parts().into(),
            incident: self.incident,
            reason: self.reason.clone(),
            kind: self.kind,
            status_code: self.status_code,
            flapping: self.flapping,
            maintenance: self.maintenance,
        }
    }
}

/// Whether a target expects something of the body by itself.
pub(crate) fn expects_of_body(listed: &Listed) -> bool {
    let mut own = own_conditions(listed).into_iter();
    own.any(|text| text.parse::<Expect>().is_ok_and(|expect| expect.needs_body()))
}

fn own_expectations(listed: &Listed, note: &Note) -> Box<[Expect]> {
    let read = own_conditions(listed).into_iter().filter_map(|text| {
        let wrong = |error| note(&format!("{}: expect: {error}", listed.target.input()));
        text.parse::<Expect>().map_err(wrong).ok()
    });
    read.collect()
}

/// `expect` of a target of a list: one condition, or a list of them as JSON.
fn own_conditions(listed: &Listed) -> Vec<String> {
    let Some(text) = listed.tag("expect").filter(|text| !text.is_empty()) else {
        return Vec::new();
    };
    serde_json::from_str(text).unwrap_or_else(|_| vec![text.to_owned()])
}
