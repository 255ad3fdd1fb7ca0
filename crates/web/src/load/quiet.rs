//! Maintenance windows and silences.

use gather_core::time::Time;
use gather_store::history::{
    Covers, HistoryError, MaintenanceSpan, Silence, SilenceMatch, TargetBrief,
};

use super::Loader;
use crate::say;
use crate::shown::Shown;
use crate::view::{QuietRow, QuietView, Verdict, View};

/// Maintenance windows of the page, the last.
const WINDOWS_SHOWN: u32 = 100;

impl Loader<'_> {
    pub(super) fn quiet(&mut self) -> Result<(String, View), HistoryError> {
        let written = self.reader.written()?;
        let silences = self.reader.silences(self.now)?;
        let spans = self.reader.maintenance(WINDOWS_SHOWN)?;
        let targets = spans.iter().filter_map(|span| match span.covers {
            Covers::Target(number) => Some(number),
            Covers::Everything | Covers::Job(_) => None,
        });
        let briefs = self.reader.briefs(&targets.collect::<Vec<_>>())?;
        let windows = spans.iter().map(|span| self.window(span, &briefs)).collect();
        let maintained = spans.iter().any(|span| span.from <= self.now && self.now < span.until);
        let open = silences.iter().filter(|one| one.is_open(self.now)).count() as u64;
        let sentence = match open {
            0 if maintained => "A maintenance window is open.".into(),
            0 => "Nobody is kept from being told.".into(),
            1 => "1 silence is in force.".into(),
            n => format!("{} silences are in force.", say::count(n)),
        };
        let view = QuietView {
            verdict: Verdict {
                shown: if open > 0 || maintained { Shown::Maintenance } else { Shown::Up },
                sentence,
                more: Vec::new(),
                checked: self.checked(written),
            },
            windows,
            silences: silences.iter().map(|one| self.silence(one)).collect(),
        };
        Ok(("Maintenance and silences".into(), View::Quiet(view)))
    }

    fn window(&self, span: &MaintenanceSpan, briefs: &[TargetBrief]) -> QuietRow {
        let (whom, href) = match &span.covers {
            Covers::Everything => ("everything".into(), None),
            Covers::Job(name) => {
                (format!("job {}", say::clipped(name, 80)), Some(self.links.job(name)))
            }
            Covers::Target(number) => {
                let target = briefs.iter().find(|brief| brief.target == *number);
                let name = target.map(|target| say::clipped(&target.name, 120));
                let name = name.unwrap_or_else(|| format!("target {}", number.0));
                (name, Some(self.links.target(*number)))
            }
        };
        QuietRow {
            whom,
            href,
            when: self.when(span.from, span.until),
            from: self.clock.moment(span.from),
            until: self.clock.moment(span.until),
            why: say::clipped(&span.why, 300),
        }
    }

    fn silence(&self, silence: &Silence) -> QuietRow {
        QuietRow {
            whom: whom(&silence.matches),
            href: None,
            when: self.when(silence.from, silence.until),
            from: self.clock.moment(silence.from),
            until: self.clock.moment(silence.until),
            why: say::clipped(&silence.why, 300),
        }
    }

    fn when(&self, from: Time, until: Time) -> &'static str {
        match self.now {
            now if now < from => "to come",
            now if now < until => "in force",
            _ => "over",
        }
    }
}

fn whom(matches: &SilenceMatch) -> String {
    match matches {
        SilenceMatch::Everything => "everything".into(),
        SilenceMatch::Target(name) => say::clipped(name, 120),
        SilenceMatch::Job(name) => format!("job {}", say::clipped(name, 80)),
        SilenceMatch::Group(name) => format!("group {}", say::clipped(name, 80)),
        SilenceMatch::Tag(name, value) => {
            format!("tag {}", say::clipped(&format!("{name}={value}"), 80))
        }
    }
}
