//! Incidents: the list, and one with its timeline, targets, evidence and notices.

use gather_core::time::Time;
use gather_core::watch::State;
use gather_store::history::{
    EntryKind, EventKind, EvidenceKind, HistoryError, IncidentBrief, IncidentDetail, IncidentEntry,
    IncidentsOf, Member, NOTICES_KEPT, NoticeBrief, TargetBrief,
};

use super::{Loader, incident_name, of_state, of_target};
use crate::links::{BEYOND, Mode};
use crate::say;
use crate::shown::Shown;
use crate::view::{
    EntryRow, Fact, IncidentView, IncidentsView, MemberRow, Month, Named, NoticeRow, Proof,
    Verdict, View,
};

/// Incidents of one page.
const INCIDENTS_OF_PAGE: u32 = 50;
/// Targets of an incident's page.
const MEMBERS_SHOWN: u32 = 100;
/// Targets of an incident whose evidence is shown.
const PROOFS_SHOWN: usize = 2;
/// Notices of an incident's page, the last.
const NOTICES_SHOWN: u32 = 200;

impl Loader<'_> {
    pub(super) fn incidents(
        &mut self,
        before: Option<i64>,
    ) -> Result<(String, View), HistoryError> {
        let overview = self.reader.overview(self.now)?;
        let page = self.reader.incidents(IncidentsOf::Everything, before, INCIDENTS_OF_PAGE)?;
        let open = match before {
            None => overview.incidents.iter().map(|one| self.incident_line(one)).collect(),
            Some(_) => Vec::new(),
        };
        let mut months: Vec<Month> = Vec::new();
        // Those that are open stand above; on later pages, or if they are many, among the others.
        let is_above =
            |id: i64| before.is_none() && overview.incidents.iter().any(|one| one.id == id);
        let shown = page.incidents.iter().filter(|one| !is_above(one.id));
        for incident in shown {
            let name = self.clock.format(incident.opened, "%B %Y");
            if months.last().is_none_or(|month| month.name != name) {
                months.push(Month { name, lines: Vec::new() });
            }
            let line = self.incident_line(incident);
            months.last_mut().expect("it was just pushed").lines.push(line);
        }
        let mut pages = Vec::new();
        if before.is_some() {
            pages.push(Named { name: "Newest".into(), href: self.links.page("incidents") });
        }
        if let Some(next) = page.next {
            let href = match self.links.mode {
                Mode::Server => format!("{}?before={next}", self.links.page("incidents")),
                Mode::Static => self.links.page(BEYOND),
            };
            pages.push(Named { name: "Older".into(), href });
        }
        let sentence = match overview.incidents_open {
            0 => "No incident is open.".into(),
            1 => "1 incident is open.".into(),
            n => format!("{} incidents are open.", say::count(n)),
        };
        let worst = overview.incidents.iter().map(|one| of_state(one.worst)).min();
        let mut more = Vec::new();
        if page.incidents.is_empty() {
            more.push("There is none in the history.".into());
        }
        let verdict = Verdict {
            shown: worst.unwrap_or(Shown::Up),
            sentence,
            more,
            checked: self.checked(overview.written),
        };
        let view = IncidentsView { verdict, open, months, pages };
        Ok(("Incidents".into(), View::Incidents(view)))
    }

    pub(super) fn incident(
        &mut self,
        id: i64,
        from: u32,
    ) -> Result<Option<(String, View)>, HistoryError> {
        let Some(detail) = self.reader.incident(id, from, MEMBERS_SHOWN)? else { return Ok(None) };
        let incident = &detail.incident;
        let written = self.reader.written()?;
        let name = incident_name(incident);
        let numbers: Vec<_> = detail.members.iter().map(|member| member.target).collect();
        let briefs = self.reader.briefs(&numbers)?;
        let members = detail.members.iter().map(|member| self.member(member, &briefs));
        let members: Vec<MemberRow> = members.collect();
        let notices = self.reader.notices_of(id, NOTICES_SHOWN)?;
        let lasted = self.lasted(incident.opened, incident.closed);
        let (shown, is) = match incident.closed {
            Some(_) => (Shown::Up, format!("It is over, and lasted {lasted}.")),
            None => (of_state(incident.worst), format!("It goes on, for {lasted} so far.")),
        };
        let mut more = vec![is];
        if !incident.reason.is_empty() {
            more.push(say::clipped(&incident.reason, 500));
        }
        let view = IncidentView {
            number: id,
            verdict: Verdict {
                shown,
                sentence: name.clone(),
                more,
                checked: self.checked(written),
            },
            facts: self.incident_facts(&detail),
            entries: detail
                .entries
                .iter()
                .map(|entry| self.entry(entry, incident.opened))
                .collect(),
            members_caption: match u64::from(incident.targets) {
                all if all > members.len() as u64 => format!(
                    "{} to {} of {}, those that are not well first",
                    say::count(u64::from(from) + 1),
                    say::count(u64::from(from) + members.len() as u64),
                    say::counted(all, "target")
                ),
                _ => "Those that are not well first".into(),
            },
            pages: self.member_pages(id, from, incident.targets),
            members,
            proofs: self.incident_proofs(&detail)?,
            nobody: match lasts_longer_than_notices(incident, self.now) {
                true => "Notices are kept for 30 days.",
                false => "Nobody was told.",
            },
            notices: notices.iter().map(|one| self.notice(one)).collect(),
        };
        Ok(Some((name, View::Incident(Box::new(view)))))
    }

    /// Links to its other targets.
    fn member_pages(&self, id: i64, from: u32, all: u32) -> Vec<Named> {
        let mut pages = Vec::new();
        if from > 0 {
            pages.push(Named { name: "First targets".into(), href: self.links.incident(id) });
        }
        let next = from.saturating_add(MEMBERS_SHOWN);
        if next < all {
            let (name, href) = match self.links.mode {
                Mode::Server => {
                    let href = format!("{}?from={next}#targets", self.links.incident(id));
                    (format!("Next {MEMBERS_SHOWN}"), href)
                }
                Mode::Static => ("The others".into(), self.links.page(BEYOND)),
            };
            pages.push(Named { name, href });
        }
        pages
    }

    fn incident_facts(&self, detail: &IncidentDetail) -> Vec<Fact> {
        let incident = &detail.incident;
        let mut facts = vec![Fact::new("began", self.clock.moment(incident.opened).text)];
        if let Some(closed) = incident.closed {
            facts.push(Fact::new("ended", self.clock.moment(closed).text));
        }
        facts.push(Fact::new("lasted", self.lasted(incident.opened, incident.closed)));
        if !incident.factor.is_empty() {
            facts.push(Fact::new("in common", say::clipped(&incident.factor, 200)));
        }
        facts.push(Fact::new("targets", say::count(incident.targets.into())));
        facts.push(Fact::new("not well now", say::count(incident.ongoing.into())));
        facts
    }

    fn entry(&self, entry: &IncidentEntry, opened: Time) -> EntryRow {
        let word = match entry.kind {
            EntryKind::Opened => "It began.",
            EntryKind::Joined => "More targets failed.",
            EntryKind::Widened => "What they have in common is wider.",
            EntryKind::Left => "Targets are well again.",
            EntryKind::Closed => "It is over.",
            EntryKind::Noticed => "Somebody was told.",
            EntryKind::Remark => "",
        };
        let text = say::clipped(&entry.text, 500);
        let text = if text.is_empty() { word.to_owned() } else { text };
        let after = match entry.at > opened {
            true => format!("after {}", say::span(entry.at.since(opened))),
            false => String::new(),
        };
        EntryRow { at: self.clock.moment(entry.at), after, text }
    }

    fn member(&self, member: &Member, briefs: &[TargetBrief]) -> MemberRow {
        let brief = briefs.iter().find(|brief| brief.target == member.target);
        let reason = brief.filter(|brief| brief.state != State::Up);
        let reason = reason.and_then(|brief| brief.reason.as_deref());
        MemberRow {
            shown: brief.map_or(Shown::NoData, of_target),
            name: say::clipped(&member.name, 120),
            href: self.links.target(member.target),
            reason: reason.map(|why| say::clipped(why, 200)).unwrap_or_default(),
            joined: self.clock.moment(member.joined),
            lasted: self.lasted(member.joined, member.left),
        }
    }

    /// What the first targets saw when it began.
    fn incident_proofs(&mut self, detail: &IncidentDetail) -> Result<Vec<Proof>, HistoryError> {
        let mut proofs = Vec::new();
        for member in detail.members.iter().take(PROOFS_SHOWN) {
            let evidence = self.reader.evidence(member.target)?;
            // The newest come first; the first failure of this incident is the oldest of its time.
            let until = member.left.unwrap_or(self.now);
            let of_it = evidence.iter().rfind(|one| {
                let is_then = member.joined <= one.at && one.at <= until;
                one.which == EvidenceKind::FirstFailure && is_then
            });
            if let Some(evidence) = of_it {
                let name = format!("First failure of {}", say::clipped(&member.name, 80));
                proofs.push(Proof { name, ..self.proof(evidence) });
            }
        }
        Ok(proofs)
    }

    fn notice(&self, brief: &NoticeBrief) -> NoticeRow {
        let notice = &brief.notice;
        let error =
            brief.error.as_deref().map(|error| say::clipped(error, 200)).unwrap_or_default();
        let fate = match brief.settled {
            Some(at) if error.is_empty() => self.clock.moment(at).text,
            Some(at) => format!("given up {}", self.clock.moment(at)),
            None if notice.due <= self.now => "waiting for its turn".into(),
            None => format!("waiting, next try {}", self.clock.moment(notice.due)),
        };
        NoticeRow {
            channel: say::clipped(&notice.channel, 60),
            what: what(notice.event.kind),
            fate,
            error,
            // The first was counted when its message was begun, before it was sent.
            tries: notice.tries.saturating_sub(1).max(u32::from(brief.settled.is_some())),
        }
    }
}

/// Whether its notices may have been removed by their age.
fn lasts_longer_than_notices(incident: &IncidentBrief, now: Time) -> bool {
    now.since(incident.opened) > NOTICES_KEPT
}

/// What a notice tells, for people.
fn what(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Down => "down",
        EventKind::Degraded => "degraded",
        EventKind::Up => "well again",
        EventKind::Flapping => "flapping",
        EventKind::Reminder => "reminder",
        EventKind::Changed => "changed",
        EventKind::StoppedMatching => "matches no more",
        EventKind::Certificate => "certificate",
        EventKind::Network => "our network is gone",
        EventKind::NetworkBack => "our network is back",
        EventKind::Missed => "missed",
        EventKind::Test => "test",
    }
}
