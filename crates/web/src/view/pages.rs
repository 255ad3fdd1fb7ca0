//! The pages' own data, one type for each template.

use super::{
    Bar, Chart, CountLink, Fact, FilterForm, GroupLine, IncidentLine, Named, Step, TargetLine,
    Verdict,
};
use crate::say::Moment;
use crate::shown::Shown;

/// All targets, or those of one group.
#[derive(Clone, Debug, Default)]
pub(crate) struct OverviewView {
    /// The overview, where this is a group's page.
    pub(crate) back: Option<String>,
    pub(crate) verdict: Verdict,
    pub(crate) incidents: Vec<IncidentLine>,
    /// How many more are open.
    pub(crate) incidents_more: u64,
    /// Silences and windows in force, in words.
    pub(crate) quiet: Vec<String>,
    pub(crate) groups: Vec<GroupLine>,
    pub(crate) groups_more: Option<Named>,
    pub(crate) counts: Vec<CountLink>,
    pub(crate) filter: Option<FilterForm>,
    pub(crate) rows: Vec<TargetLine>,
    /// What is said where there are no rows.
    pub(crate) nothing: String,
    pub(crate) caption: String,
    pub(crate) pages: Vec<Named>,
}

/// All groups.
#[derive(Clone, Debug)]
pub(crate) struct GroupsView {
    pub(crate) verdict: Verdict,
    pub(crate) caption: String,
    pub(crate) groups: Vec<GroupLine>,
}

/// One target.
#[derive(Clone, Debug, Default)]
pub(crate) struct TargetView {
    pub(crate) number: u32,
    pub(crate) group: Option<Named>,
    pub(crate) verdict: Verdict,
    pub(crate) url: String,
    /// The URL again, if it may be followed.
    pub(crate) href: Option<String>,
    pub(crate) facts: Vec<Fact>,
    pub(crate) periods: Vec<PeriodRow>,
    /// States that the bars show.
    pub(crate) key: Vec<Shown>,
    pub(crate) chart: Option<Chart>,
    pub(crate) fields: Vec<FieldView>,
    pub(crate) incidents: Vec<IncidentLine>,
    pub(crate) proofs: Vec<Proof>,
    pub(crate) changes: Vec<ChangeRow>,
}

/// A strip of bars with its figures.
#[derive(Clone, Debug)]
pub(crate) struct PeriodRow {
    /// `24 h`.
    pub(crate) name: &'static str,
    /// The same as a table.
    pub(crate) href: String,
    pub(crate) bars: Vec<Bar>,
    pub(crate) from: String,
    pub(crate) until: String,
    pub(crate) uptime: String,
    pub(crate) coverage: String,
    pub(crate) p50: String,
    pub(crate) p95: String,
    /// All of it in a sentence.
    pub(crate) summary: String,
}

/// A field that runs extract from the target.
#[derive(Clone, Debug)]
pub(crate) struct FieldView {
    pub(crate) name: String,
    pub(crate) now: String,
    /// How long it has been so.
    pub(crate) lasted: String,
    pub(crate) since: String,
    /// The values over time as a path in 1000 by 100; empty where they are no numbers.
    pub(crate) line: String,
    pub(crate) summary: String,
    pub(crate) from: String,
    pub(crate) range: String,
    pub(crate) until: String,
    /// How many values there are, in words.
    pub(crate) recorded: String,
    pub(crate) changes: Vec<ValueRow>,
}

/// A value, as it was recorded.
#[derive(Clone, Debug)]
pub(crate) struct ValueRow {
    pub(crate) at: Moment,
    pub(crate) value: String,
    pub(crate) times: String,
}

/// A change of state.
#[derive(Clone, Debug)]
pub(crate) struct ChangeRow {
    pub(crate) at: Moment,
    pub(crate) from: Shown,
    pub(crate) to: Shown,
    pub(crate) reason: String,
}

/// An answer, or what came in its place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proof {
    pub(crate) name: String,
    pub(crate) at: Moment,
    pub(crate) message: String,
    pub(crate) total: String,
    pub(crate) steps: Vec<Step>,
    pub(crate) members: Vec<(&'static str, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    pub(crate) body_size: String,
}

/// A period of a target, or a day or hour in it, as tables.
#[derive(Clone, Debug)]
pub(crate) struct SpanView {
    pub(crate) target: Named,
    pub(crate) name: String,
    pub(crate) verdict: Verdict,
    pub(crate) facts: Vec<Fact>,
    pub(crate) spans_name: &'static str,
    pub(crate) spans: Vec<SpanRow>,
    pub(crate) checks: Vec<CheckRow>,
    pub(crate) checks_caption: String,
    pub(crate) missed: Vec<MissRow>,
    pub(crate) proofs: Vec<Proof>,
    pub(crate) pages: Vec<Named>,
}

/// A span of time in a table.
#[derive(Clone, Debug)]
pub(crate) struct SpanRow {
    pub(crate) from: String,
    pub(crate) href: Option<String>,
    pub(crate) shown: Shown,
    pub(crate) uptime: String,
    pub(crate) coverage: String,
    pub(crate) checks: String,
    pub(crate) failures: String,
    pub(crate) p50: String,
    pub(crate) p95: String,
}

/// One check.
#[derive(Clone, Debug)]
pub(crate) struct CheckRow {
    pub(crate) due: Moment,
    pub(crate) shown: Shown,
    pub(crate) status: String,
    pub(crate) took: String,
    pub(crate) lag: String,
    pub(crate) error: &'static str,
    pub(crate) is_confirmation: bool,
}

/// Slots of a target without a check.
#[derive(Clone, Debug)]
pub(crate) struct MissRow {
    pub(crate) from: Moment,
    pub(crate) until: Moment,
    pub(crate) slots: String,
    pub(crate) why: String,
}

/// All incidents, a page of them.
#[derive(Clone, Debug)]
pub(crate) struct IncidentsView {
    pub(crate) verdict: Verdict,
    pub(crate) open: Vec<IncidentLine>,
    pub(crate) months: Vec<Month>,
    pub(crate) pages: Vec<Named>,
}

/// The incidents of a month.
#[derive(Clone, Debug)]
pub(crate) struct Month {
    pub(crate) name: String,
    pub(crate) lines: Vec<IncidentLine>,
}

/// One incident.
#[derive(Clone, Debug)]
pub(crate) struct IncidentView {
    pub(crate) number: i64,
    pub(crate) verdict: Verdict,
    pub(crate) facts: Vec<Fact>,
    /// When, and what happened.
    pub(crate) entries: Vec<EntryRow>,
    pub(crate) members: Vec<MemberRow>,
    pub(crate) members_caption: String,
    /// Other pages of its targets.
    pub(crate) pages: Vec<Named>,
    /// What is said where there are no notices.
    pub(crate) nobody: &'static str,
    pub(crate) proofs: Vec<Proof>,
    pub(crate) notices: Vec<NoticeRow>,
}

/// What happened in an incident.
#[derive(Clone, Debug)]
pub(crate) struct EntryRow {
    pub(crate) at: Moment,
    /// How long after the begin; empty for the begin.
    pub(crate) after: String,
    pub(crate) text: String,
}

/// A target of an incident.
#[derive(Clone, Debug)]
pub(crate) struct MemberRow {
    pub(crate) shown: Shown,
    pub(crate) name: String,
    pub(crate) href: String,
    pub(crate) reason: String,
    pub(crate) joined: Moment,
    pub(crate) lasted: String,
}

/// A notice and what became of it.
#[derive(Clone, Debug)]
pub(crate) struct NoticeRow {
    pub(crate) channel: String,
    pub(crate) what: &'static str,
    pub(crate) fate: String,
    pub(crate) error: String,
    pub(crate) tries: u32,
}

/// All jobs.
#[derive(Clone, Debug)]
pub(crate) struct JobsView {
    pub(crate) verdict: Verdict,
    pub(crate) jobs: Vec<JobLine>,
    pub(crate) gaps: Vec<GapRow>,
}

/// A job in a list.
#[derive(Clone, Debug)]
pub(crate) struct JobLine {
    pub(crate) name: String,
    pub(crate) href: String,
    pub(crate) kind: &'static str,
    pub(crate) shown: Shown,
    pub(crate) failing: String,
    pub(crate) total: String,
    pub(crate) schedule: String,
    pub(crate) last: String,
}

/// A time in which slots were missed.
#[derive(Clone, Debug)]
pub(crate) struct GapRow {
    pub(crate) from: Moment,
    pub(crate) lasted: String,
    pub(crate) targets: String,
    pub(crate) slots: String,
    pub(crate) why: String,
}

/// One job.
#[derive(Clone, Debug)]
pub(crate) struct JobView {
    pub(crate) name: String,
    pub(crate) verdict: Verdict,
    pub(crate) facts: Vec<Fact>,
    pub(crate) values: Vec<ValueLine>,
    pub(crate) changes: Vec<ValueChangeRow>,
    /// Other pages of changes.
    pub(crate) pages: Vec<Named>,
    pub(crate) runs: Vec<RunLine>,
    pub(crate) rows: Vec<TargetLine>,
    pub(crate) caption: String,
}

/// A field of one of a job's targets.
#[derive(Clone, Debug)]
pub(crate) struct ValueLine {
    pub(crate) target: String,
    pub(crate) href: String,
    pub(crate) field: FieldView,
}

/// A change of a value.
#[derive(Clone, Debug)]
pub(crate) struct ValueChangeRow {
    pub(crate) at: Moment,
    pub(crate) target: String,
    pub(crate) href: String,
    pub(crate) field: String,
    pub(crate) old: Option<String>,
    /// None where the rule matched no more.
    pub(crate) new: Option<String>,
    /// How far it went, of numbers.
    pub(crate) step: String,
}

/// A run of a job.
#[derive(Clone, Debug)]
pub(crate) struct RunLine {
    pub(crate) began: Moment,
    pub(crate) end: &'static str,
    pub(crate) message: String,
    pub(crate) lasted: String,
    pub(crate) ok: String,
    pub(crate) failed: String,
    pub(crate) skipped: String,
    pub(crate) changes: String,
}

/// Maintenance windows and silences.
#[derive(Clone, Debug)]
pub(crate) struct QuietView {
    pub(crate) verdict: Verdict,
    pub(crate) windows: Vec<QuietRow>,
    pub(crate) silences: Vec<QuietRow>,
}

/// One of either.
#[derive(Clone, Debug)]
pub(crate) struct QuietRow {
    pub(crate) whom: String,
    pub(crate) href: Option<String>,
    /// `in force`, `to come`, `over`.
    pub(crate) when: &'static str,
    pub(crate) from: Moment,
    pub(crate) until: Moment,
    pub(crate) why: String,
}
