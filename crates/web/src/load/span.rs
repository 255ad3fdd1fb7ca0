//! A period of a target, or a day or some hours of it, as tables: what a bar leads to.

use gather_core::health::Health;
use gather_core::time::{Duration, Time};
use gather_core::watch::{Check, Missed, MissedCause, WatchedNo};
use gather_store::history::{CheckSeen, HistoryError, Span, TargetBrief};

use super::target::{Piece, pieces};
use super::{Loader, Period, Spent};
use crate::links::Mode;
use crate::say;
use crate::shown::Shown;
use crate::view::{CheckRow, Fact, MissRow, Named, SpanRow, SpanView, Verdict, View};

/// Single checks of one page.
const CHECKS_SHOWN: u32 = 1_000;
/// Hours that a span in an address may have.
const HOURS_MAX: u64 = 24;

/// Which time of a target is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// One of the periods up to now.
    Period(Period),
    /// A day of the clock's zone: `2026-11-25`.
    Day(jiff::civil::Date),
    /// Hours from a moment in UTC on: `2026-11-25T14Z+3h`.
    Hours(Time, u64),
}

impl Asked {
    /// What stands in an address.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        if let Some(period) = Period::from_name(text) {
            return Some(Self::Period(period));
        }
        if let Ok(day) = jiff::civil::Date::strptime("%Y-%m-%d", text) {
            return Some(Self::Day(day));
        }
        let (hour, hours) = text.split_once('Z')?;
        let from = say::parse(&format!("{hour}:00:00Z"))?;
        let hours = match hours {
            "" => 1,
            more => more.strip_prefix('+')?.strip_suffix('h')?.parse().ok()?,
        };
        (1..=HOURS_MAX).contains(&hours).then_some(Self::Hours(from, hours))
    }
}

impl Loader<'_> {
    pub(super) fn span(
        &mut self,
        number: u32,
        asked: &Asked,
    ) -> Result<Option<(String, View)>, HistoryError> {
        let target = WatchedNo(number);
        let Some(detail) = self.reader.target(target)? else { return Ok(None) };
        let brief = &detail.brief;
        let view = match asked {
            Asked::Period(period) => self.period_table(brief, *period)?,
            Asked::Day(day) => {
                let noon = day.at(12, 0, 0, 0).to_zoned(self.clock.zone()).ok();
                let noon = noon.and_then(|noon| say::parse(&noon.timestamp().to_string()));
                let Some(noon) = noon else { return Ok(None) };
                self.piece_page(brief, self.clock.day(noon), Form::Day)?
            }
            Asked::Hours(from, hours) => {
                let until = *from + Duration::from_secs(hours * 3_600);
                self.piece_page(brief, (*from, until), Form::Hours)?
            }
        };
        let title = format!("{}, {}", say::clipped(&brief.name, 80), view.name);
        Ok(Some((title, View::Span(Box::new(view)))))
    }

    fn period_table(
        &mut self,
        brief: &TargetBrief,
        period: Period,
    ) -> Result<SpanView, HistoryError> {
        let target = brief.target;
        let hours = self.reader.past(target, Span::Week, 168, self.now)?;
        let mut pieces = self.pieces(target, period, &hours)?;
        let total = self.total(target, period, &pieces)?;
        pieces.reverse();
        let rows = pieces.iter().map(|piece| {
            let name = self.piece_name(period, piece);
            let form = match period {
                Period::Day | Period::Week => "%a %-d %b %H:%M",
                Period::Month | Period::Quarter => "%a %-d %b %Y",
            };
            let href = self.links.span(target, period.as_str(), &name);
            let href = (self.links.mode == Mode::Server).then_some(href);
            self.span_row(piece, form, href)
        });
        let spans = rows.collect();
        let others = Period::ALL.into_iter().filter(|other| *other != period);
        let others = others.map(|other| Named {
            name: other.name().into(),
            href: self.links.period(target, other.as_str()),
        });
        let mut view = self.span_view(brief, period.long().into(), &total);
        view.spans_name = "The newest first";
        view.spans = spans;
        view.pages = others.collect();
        Ok(view)
    }

    /// A day, or some hours.
    fn piece_page(
        &mut self,
        brief: &TargetBrief,
        (from, until): (Time, Time),
        form: Form,
    ) -> Result<SpanView, HistoryError> {
        let target = brief.target;
        let end = until.min(self.now.max(from));
        let week = pieces(&self.reader.past(target, Span::Week, 168, end)?);
        let hours: Vec<Piece> =
            week.into_iter().filter(|hour| from <= hour.from && hour.from < until).collect();
        let length = until.since(from);
        let mut total = Spent::default().with_times(hours.iter().map(|hour| &hour.spent));
        for hour in &hours {
            total.checks.iter_mut().zip(hour.spent.checks).for_each(|(sum, more)| *sum += more);
            total.missed += hour.spent.missed;
        }
        if let [hour] = &hours[..] {
            total = hour.spent.clone();
        }
        let name = match form {
            Form::Day => self.clock.format(from, "%A %-d %B %Y"),
            Form::Hours => format!(
                "{} to {} {}",
                self.clock.format(from, "%a %-d %b %Y %H:%M"),
                self.clock.format(until, "%H:%M"),
                self.clock.zone_name()
            ),
        };
        let mut view = self.span_view(brief, name, &total);
        if hours.len() > 1 {
            view.spans_name = "By the hour";
            let rows = hours.iter().map(|hour| {
                let name = self.piece_name(Period::Day, hour);
                self.span_row(hour, "%H:%M", Some(self.links.period(target, &name)))
            });
            view.spans = rows.collect();
        }
        self.slots(&mut view, target, (from, end), form)?;
        let evidence = self.reader.evidence(target)?;
        let within = evidence.iter().filter(|one| from <= one.at && one.at < until);
        view.proofs = within.map(|one| self.proof(one)).collect();
        let step = |name: &str, from: Time| {
            let until = from + length;
            let piece = Piece { from, until, spent: Spent::default() };
            let period = if form == Form::Day { Period::Month } else { Period::Day };
            let at = self.piece_name(period, &piece);
            Named { name: name.into(), href: self.links.period(target, &at) }
        };
        // Half a step further in is within the next day, also where a clock is set.
        view.pages.push(match form {
            Form::Day => step("Day before", self.clock.day(from - length / 2).0),
            Form::Hours => step("Before", from - length),
        });
        if until <= self.now {
            view.pages.push(match form {
                Form::Day => step("Day after", until),
                Form::Hours => step("After", until),
            });
        }
        Ok(view)
    }

    /// Adds single checks and missed slots, while they are kept and are not too many.
    fn slots(
        &mut self,
        view: &mut SpanView,
        target: WatchedNo,
        (from, until): (Time, Time),
        form: Form,
    ) -> Result<(), HistoryError> {
        let seen = self.reader.checks(target, until, CHECKS_SHOWN)?;
        let is_cut = seen.len() == CHECKS_SHOWN as usize;
        for slot in &seen {
            match slot {
                // Those of a day are on the pages of its hours, as long as all is well.
                CheckSeen::Check(check) if form == Form::Day && check.health == Health::Up => {}
                CheckSeen::Check(check) if check.due >= from => {
                    view.checks.push(self.check_row(check));
                }
                CheckSeen::Missed(missed) if missed.until > from => {
                    view.missed.push(self.miss_row(missed));
                }
                _ => {}
            }
        }
        let shown = say::counted(view.checks.len() as u64, "check");
        view.checks_caption = match (is_cut, form) {
            (true, _) => format!("The last {shown} of this time, the newest first"),
            (false, Form::Hours) => format!("{shown}, the newest first"),
            (false, Form::Day) => format!("{shown} that did not say up, the newest first"),
        };
        Ok(())
    }

    fn span_view(&self, brief: &TargetBrief, name: String, total: &Spent) -> SpanView {
        let verdict = Verdict {
            shown: total.shown(),
            sentence: format!("{} {}", say::clipped(&brief.name, 120), total.was()),
            more: vec![format!("{}.", total.told())],
            checked: name.clone(),
        };
        let mut facts = vec![
            Fact::new("uptime", total.uptime_text()),
            Fact::new("coverage", total.coverage_text()),
            Fact::new("failures", say::count(total.failures())),
            Fact::new("missed slots", say::count(total.missed)),
        ];
        if total.p50.is_some() {
            facts.push(Fact::new("p50", total.p50_text()));
            facts.push(Fact::new("p95", total.p95_text()));
        }
        SpanView {
            target: Named {
                name: say::clipped(&brief.name, 80),
                href: self.links.target(brief.target),
            },
            name,
            verdict,
            facts,
            spans_name: "",
            spans: Vec::new(),
            checks: Vec::new(),
            checks_caption: String::new(),
            missed: Vec::new(),
            proofs: Vec::new(),
            pages: Vec::new(),
        }
    }

    fn span_row(&self, piece: &Piece, form: &str, href: Option<String>) -> SpanRow {
        let spent = &piece.spent;
        SpanRow {
            from: self.clock.format(piece.from, form),
            href,
            shown: spent.shown(),
            uptime: spent.uptime_text(),
            coverage: spent.coverage_text(),
            checks: say::count(spent.all()),
            failures: say::count(spent.failures()),
            p50: spent.p50_text(),
            p95: spent.p95_text(),
        }
    }

    fn check_row(&self, check: &Check) -> CheckRow {
        CheckRow {
            due: self.clock.moment(check.due),
            shown: of_health(check.health),
            status: match check.status_code {
                0 => "–".into(),
                status => status.to_string(),
            },
            took: say::latency(check.took),
            lag: say::latency(check.lag),
            error: check.kind.map_or("", |kind| kind.as_str()),
            is_confirmation: check.is_confirmation,
        }
    }

    fn miss_row(&self, missed: &Missed) -> MissRow {
        MissRow {
            from: self.clock.moment(missed.from),
            until: self.clock.moment(missed.until),
            slots: say::count(missed.slots.into()),
            why: missed_why(missed.cause.as_str()),
        }
    }
}

/// How long the piece of a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Day,
    Hours,
}

fn of_health(health: Health) -> Shown {
    match health {
        Health::Up => Shown::Up,
        Health::Degraded => Shown::Degraded,
        Health::Limited => Shown::Limited,
        Health::Unknown => Shown::Unknown,
        Health::Down => Shown::Down,
    }
}

/// Why slots were missed, for people.
pub(super) fn missed_why(cause: &str) -> String {
    let why = match MissedCause::from_name(cause) {
        Some(MissedCause::NotRunning) => "the watch was not running",
        Some(MissedCause::Overlap) => "the check before was not over",
        Some(MissedCause::HostClosed) => "the host had asked us to wait",
        Some(MissedCause::Overload) => "this machine was too busy",
        Some(MissedCause::Stopped) => "the watch was stopping",
        Some(MissedCause::Network) => "our own network was gone",
        None => cause,
    };
    why.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_in_an_address_is_read_or_refused() {
        let at = |text| say::parse(text).unwrap();
        for (text, expected) in [
            ("7d", Some(Asked::Period(Period::Week))),
            ("2026-11-25", Some(Asked::Day(jiff::civil::date(2026, 11, 25)))),
            ("2026-11-25T14Z", Some(Asked::Hours(at("2026-11-25T14:00:00Z"), 1))),
            ("2026-11-25T14Z+3h", Some(Asked::Hours(at("2026-11-25T14:00:00Z"), 3))),
            ("2026-11-25T14Z+25h", None),
            ("2026-11-25T14Z+0h", None),
            ("2026-13-25", None),
            ("8d", None),
            ("", None),
            ("../../etc", None),
        ] {
            assert_eq!(Asked::from_text(text), expected, "{text}");
        }
    }
}
