//! Jobs: their schedules, runs, changed values, and what was missed.

use gather_core::time::Time;
use gather_core::watch::{parse_cron, parse_every};
use gather_store::history::{
    Gap, HistoryError, JobKind, JobOverview, RunEnd, RunRow, TargetBrief, TargetQuery, ValueChange,
};

use jiff::tz::TimeZone;

use super::span::missed_why;
use super::{Loader, beside, failing, sentence, worst};
use crate::links::{Mode, query};
use crate::say;
use crate::shown::Shown;
use crate::view::{
    Fact, GapRow, JobLine, JobView, JobsView, Named, RunLine, TargetLine, ValueChangeRow,
    ValueLine, Verdict, View,
};

/// Changes of values, and runs, on a job's page.
const CHANGES_SHOWN: u32 = 100;
const RUNS_SHOWN: u32 = 30;
/// Targets on a job's page, the worst.
const TARGETS_SHOWN: u32 = 20;
/// Fields of each of them, and values of each that make its line.
const FIELDS_SHOWN: usize = 4;
const VALUES_SHOWN: u32 = 100;

impl Loader<'_> {
    pub(super) fn jobs(&mut self) -> Result<(String, View), HistoryError> {
        let overview = self.reader.overview(self.now)?;
        let total = overview.jobs.len() as u64;
        let mut more = vec![match total {
            0 => "There is no job.".into(),
            1 => "1 job is watched.".into(),
            n => format!("{} jobs are watched.", say::count(n)),
        }];
        if let Some(until) = overview.accounted_until.filter(|until| *until > Time::ZERO) {
            let until = self.clock.moment(until);
            more.push(format!("Every slot due before {until} is accounted for."));
        }
        let view = JobsView {
            verdict: Verdict {
                shown: worst(&overview.counts),
                sentence: sentence(&overview.counts, ""),
                more,
                checked: self.checked(overview.written),
            },
            jobs: overview.jobs.iter().map(|job| self.job_line(job)).collect(),
            gaps: overview.gaps.iter().map(|gap| self.gap(gap)).collect(),
        };
        Ok(("Jobs".into(), View::Jobs(view)))
    }

    pub(super) fn job(
        &mut self,
        name: &str,
        before: Option<i64>,
    ) -> Result<Option<(String, View)>, HistoryError> {
        let overview = self.reader.overview(self.now)?;
        let Some(job) = overview.jobs.iter().find(|job| *job.name == *name) else {
            return Ok(None);
        };
        let shown_name = say::clipped(name, 80);
        let changes = self.reader.changes(Some(name), before, CHANGES_SHOWN)?;
        let runs = self.reader.runs(name, None, RUNS_SHOWN)?;
        let asked =
            TargetQuery { job: Some(name.into()), limit: TARGETS_SHOWN, ..TargetQuery::default() };
        let targets = self.reader.targets(&asked)?.targets;
        let rows: Vec<TargetLine> = targets.iter().map(|target| self.line(target)).collect();
        let values = match job.kind {
            JobKind::Liveness => Vec::new(),
            JobKind::Fetch | JobKind::Crawl => self.values_now(&targets)?,
        };
        let total = job.counts.total();
        let (shown, sentence) = self.job_sentence(job, &shown_name);
        let view = JobView {
            name: shown_name.clone(),
            verdict: Verdict {
                shown,
                sentence,
                more: beside(&job.counts).into_iter().collect(),
                checked: self.checked(overview.written),
            },
            facts: self.job_facts(job),
            values,
            pages: self.change_pages(name, before, &changes),
            changes: changes.iter().map(|change| self.value_change(change)).collect(),
            runs: runs.iter().map(|run| self.run_line(run)).collect(),
            caption: match total > rows.len() as u64 {
                true => format!("The worst {} of {}", rows.len(), say::counted(total, "target")),
                false => format!("{}, the worst first", say::counted(total, "target")),
            },
            rows,
        };
        Ok(Some((shown_name, View::Job(Box::new(view)))))
    }

    /// How a job's targets are; of one that lists none, how its last run ended.
    fn job_sentence(&self, job: &JobOverview, name: &str) -> (Shown, String) {
        if job.counts.total() > 0 {
            return (worst(&job.counts), sentence(&job.counts, &format!(" of {name}")));
        }
        match &job.last_run {
            None => (Shown::Unknown, format!("{name} has not run yet.")),
            Some(run) => {
                let lasted = self.lasted(run.ended.unwrap_or(run.started), None);
                match run.end {
                    RunEnd::Running => (Shown::Up, format!("{name} is running, for {lasted}.")),
                    RunEnd::Finished => (Shown::Up, format!("{name} finished {lasted} ago.")),
                    RunEnd::Stopped => {
                        (Shown::Unknown, format!("{name} was stopped {lasted} ago."))
                    }
                    RunEnd::Failed => (Shown::Down, format!("{name} failed {lasted} ago.")),
                }
            }
        }
    }

    /// The values of these targets as they are now, and how they came to be so.
    fn values_now(&mut self, targets: &[TargetBrief]) -> Result<Vec<ValueLine>, HistoryError> {
        let mut lines = Vec::new();
        for target in targets {
            for name in self.reader.fields(target.target)?.iter().take(FIELDS_SHOWN) {
                let field = self.field(target.target, name, VALUES_SHOWN)?;
                lines.extend(field.map(|field| ValueLine {
                    target: say::clipped(&target.name, 120),
                    href: self.links.target(target.target),
                    field,
                }));
            }
        }
        Ok(lines)
    }

    /// Links to other changes.
    fn change_pages(&self, name: &str, before: Option<i64>, shown: &[ValueChange]) -> Vec<Named> {
        let mut pages = Vec::new();
        let is_server = self.links.mode == Mode::Server;
        if before.is_some() && is_server {
            pages.push(Named { name: "Newest changes".into(), href: self.links.job(name) });
        }
        let last = shown.last().filter(|_| is_server && shown.len() == CHANGES_SHOWN as usize);
        if let Some(last) = last {
            let href = format!("{}&before={}#changes", self.links.job(name), last.id);
            pages.push(Named { name: "Older changes".into(), href });
        }
        pages
    }

    fn job_line(&self, job: &JobOverview) -> JobLine {
        let last = match &job.last_run {
            Some(run) => {
                format!("{} {}", end(run.end), self.clock.moment(run.ended.unwrap_or(run.started)))
            }
            None if job.kind == JobKind::Liveness => "each target by itself".into(),
            None => "none yet".into(),
        };
        JobLine {
            name: say::clipped(&job.name, 80),
            href: self.links.job(&job.name),
            kind: job.kind.as_str(),
            shown: self.job_sentence(job, "").0,
            failing: say::count(failing(&job.counts)),
            total: say::count(job.counts.total()),
            schedule: say::clipped(&job.schedule, 80),
            last,
        }
    }

    fn job_facts(&self, job: &JobOverview) -> Vec<Fact> {
        let mut facts = vec![
            Fact::new("kind", job.kind.as_str()),
            Fact::new("schedule", say::clipped(&job.schedule, 80)),
        ];
        let total = say::count(job.counts.total());
        facts.push(match self.links.mode {
            Mode::Server => {
                let href = format!("{}{}", self.links.home(), query(&[("job", &*job.name)]));
                Fact::link("targets", total, href)
            }
            Mode::Static => Fact::new("targets", total),
        });
        if let Some(next) = next_slot(job, self.now) {
            facts.push(Fact::new("next slot", self.clock.moment(next).text));
        }
        facts.push(Fact::new("failing", say::count(failing(&job.counts))));
        if let Some(run) = &job.last_run {
            facts.push(Fact::new(
                "last run",
                format!("{} {}", end(run.end), self.clock.moment(run.started)),
            ));
        }
        facts
    }

    fn gap(&self, gap: &Gap) -> GapRow {
        GapRow {
            from: self.clock.moment(gap.from),
            lasted: self.lasted(gap.from, Some(gap.until)),
            targets: say::count(gap.targets),
            slots: say::count(gap.slots),
            why: missed_why(&gap.cause),
        }
    }

    fn run_line(&self, run: &RunRow) -> RunLine {
        RunLine {
            began: self.clock.moment(run.started),
            end: end(run.end),
            message: run.message.as_deref().map(|text| say::clipped(text, 200)).unwrap_or_default(),
            lasted: self.lasted(run.started, run.ended),
            ok: say::count(run.ok),
            failed: say::count(run.failed),
            skipped: say::count(run.skipped),
            changes: say::count(run.changes),
        }
    }

    fn value_change(&self, change: &ValueChange) -> ValueChangeRow {
        let shown = |value: &Option<Box<str>>| value.as_deref().map(|text| say::clipped(text, 200));
        ValueChangeRow {
            at: self.clock.moment(change.at),
            target: say::clipped(&change.name, 120),
            href: self.links.target(change.target),
            field: say::clipped(&change.field, 80),
            old: shown(&change.old),
            new: shown(&change.new),
            step: step(change.numbers),
        }
    }
}

/// When a job is due next, by its schedule as people read it. Where each target has slots of its
/// own there is no such moment; where runs are so long apart it is counted from the last.
fn next_slot(job: &JobOverview, now: Time) -> Option<Time> {
    if let Some(cron) = job.schedule.strip_prefix("cron ") {
        let (expression, zone) = match cron.rsplit_once(' ') {
            Some((expression, "UTC")) => (expression, TimeZone::UTC),
            Some((expression, zone)) if zone.contains('/') => {
                (expression, TimeZone::get(zone).ok()?)
            }
            _ => (cron, TimeZone::system()),
        };
        return parse_cron(expression, zone).ok()?.next(now);
    }
    let interval = parse_every(&job.schedule.strip_prefix("every ")?.replace(' ', "")).ok()?;
    let last = job.last_run.as_ref()?.due;
    let passed = now.since(last).as_nanos() / interval.as_nanos().max(1);
    Some(last + interval.saturating_mul(u32::try_from(passed).ok()?.saturating_add(1)))
}

/// How far a number went: `+4.2 %`.
fn step(numbers: (Option<f64>, Option<f64>)) -> String {
    match numbers {
        (Some(old), Some(new)) if old != 0.0 => {
            // A real minus, as wide as the plus.
            format!("{:+.1} %", (new - old) / old.abs() * 100.0).replace('-', "\u{2212}")
        }
        _ => String::new(),
    }
}

/// How a run ended, for people.
fn end(end: RunEnd) -> &'static str {
    match end {
        RunEnd::Running => "running since",
        RunEnd::Finished => "finished",
        RunEnd::Stopped => "stopped",
        RunEnd::Failed => "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gather_store::history::StateCounts;

    #[test]
    fn a_job_says_when_it_is_due_next() {
        let at = |text| say::parse(text).unwrap();
        let now = at("2026-11-25T14:03:22Z");
        let run = RunRow {
            job: "prices".into(),
            run: "r".into(),
            due: at("2026-11-25T13:50:00Z"),
            started: now,
            ended: None,
            end: RunEnd::Running,
            ok: 0,
            failed: 0,
            skipped: 0,
            changes: 0,
            message: None,
        };
        for (schedule, last_run, expected) in [
            ("every 5 min", Some(&run), Some("2026-11-25T14:05:00Z")),
            ("every 1 h 30 min", Some(&run), Some("2026-11-25T15:20:00Z")),
            ("every 5 min", None, None),
            ("cron 30 4 * * * UTC", None, Some("2026-11-26T04:30:00Z")),
            ("cron nonsense", None, None),
            ("", Some(&run), None),
        ] {
            let job = JobOverview {
                name: "prices".into(),
                kind: JobKind::Fetch,
                schedule: schedule.into(),
                counts: StateCounts::default(),
                last_run: last_run.cloned(),
            };
            assert_eq!(next_slot(&job, now), expected.map(at), "{schedule}");
        }
    }
}
