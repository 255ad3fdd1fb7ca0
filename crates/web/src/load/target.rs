//! The page of one target.

use gather_core::time::{Duration, Time};
use gather_core::watch::{State, WatchedNo};
use gather_store::history::{
    Bucket, Flapping, HistoryError, IncidentsOf, Past, Span, TargetBrief, TargetDetail, Upkeep,
};

use super::{Loader, Period, Spent, of_state, of_target};
use crate::links::{Mode, outward};
use crate::say;
use crate::shown::Shown;
use crate::view::{
    Bar, ChangeRow, Chart, ChartLink, ChartPoint, Fact, FieldView, Named, PeriodRow, Rest,
    TargetView, ValueRow, Verdict, View, part, spark,
};

/// Incidents on a target's page.
const INCIDENTS_SHOWN: u32 = 20;
/// Values of a field on a target's page.
const VALUES_SHOWN: u32 = 200;
/// Fields on a target's page.
const FIELDS_SHOWN: usize = 20;
/// Changes of state on a target's page.
const CHANGES_SHOWN: usize = 25;

/// A bar's time, and what it was like.
pub(super) struct Piece {
    pub(super) from: Time,
    pub(super) until: Time,
    pub(super) spent: Spent,
}

impl Loader<'_> {
    pub(super) fn target(
        &mut self,
        number: u32,
        chart: Period,
    ) -> Result<Option<(String, View)>, HistoryError> {
        let target = WatchedNo(number);
        let Some(detail) = self.reader.target(target)? else { return Ok(None) };
        let brief = &detail.brief;
        let written = self.reader.written()?;
        let hours = self.reader.past(target, Span::Week, 168, self.now)?;
        let mut view = TargetView {
            number,
            group: (!brief.group.is_empty()).then(|| Named {
                name: say::clipped(&brief.group, 80),
                href: self.links.group(&brief.group),
            }),
            verdict: self.target_verdict(&detail, written, &hours.total),
            url: say::clipped(&brief.url, 500),
            href: outward(&brief.url),
            facts: self.target_facts(&detail),
            chart: self.chart(target, chart)?,
            fields: self.fields(target)?,
            ..TargetView::default()
        };
        for period in Period::ALL {
            let (row, shown) = self.period(target, period, &hours)?;
            view.key.extend(shown);
            view.periods.push(row);
        }
        view.key.sort_unstable();
        view.key.dedup();
        let incidents =
            self.reader.incidents(IncidentsOf::Target(target), None, INCIDENTS_SHOWN)?;
        view.incidents = incidents.incidents.iter().map(|one| self.incident_line(one)).collect();
        let proofs = [&detail.first_failure, &detail.last_good];
        view.proofs = proofs.into_iter().flatten().map(|one| self.proof(one)).collect();
        let changes = detail.changes.iter().take(CHANGES_SHOWN);
        view.changes = changes
            .map(|change| ChangeRow {
                at: self.clock.moment(change.at),
                from: of_state(change.before),
                to: of_state(change.state),
                reason: change
                    .reason
                    .as_deref()
                    .map(|why| say::clipped(why, 200))
                    .unwrap_or_default(),
            })
            .collect();
        let title = format!("{} {}", say::clipped(&brief.name, 80), of_target(brief).word());
        Ok(Some((title, View::Target(Box::new(view)))))
    }

    fn target_verdict(&self, detail: &TargetDetail, written: Time, week: &Bucket) -> Verdict {
        let brief = &detail.brief;
        let is_unheard = brief.state == State::Unknown && week.checks.iter().all(|n| *n == 0);
        let shown = of_target(brief);
        let mut more = Vec::new();
        if let (Some(reason), true) = (&brief.reason, brief.state != State::Up) {
            more.push(say::clipped(reason, 300));
        }
        if brief.maintenance == Upkeep::Open {
            let word = of_state(brief.state).word();
            more.push(format!("A maintenance window is open; the last checks say {word}."));
        }
        if brief.flapping == Flapping::Yes {
            more.push("It changes too often to say: it is flapping.".into());
        }
        if is_unheard {
            more.push("It was not checked in the last 7 days.".into());
        }
        if let Some(gone) = detail.gone {
            more.push(format!("It is in no list since {}.", self.clock.moment(gone)));
        }
        Verdict { shown, sentence: self.is_since(brief), more, checked: self.checked(written) }
    }

    /// `shop is down, since 12 min`.
    fn is_since(&self, brief: &TargetBrief) -> String {
        let (name, word) = (say::clipped(&brief.name, 120), of_target(brief).word());
        let is = match of_target(brief) {
            Shown::Maintenance => format!("{name} is in maintenance"),
            _ => format!("{name} is {word}"),
        };
        match brief.since {
            Time::ZERO => format!("{is}."),
            since => format!("{is}, for {}.", self.lasted(since, None)),
        }
    }

    fn target_facts(&self, detail: &TargetDetail) -> Vec<Fact> {
        let brief = &detail.brief;
        let mut facts = vec![
            Fact::link("job", say::clipped(&brief.job, 60), self.links.job(&brief.job)),
            Fact::new("schedule", say::clipped(&detail.schedule, 60)),
        ];
        if brief.since > Time::ZERO {
            facts.push(Fact::new("since", self.clock.moment(brief.since).text));
        }
        if brief.status_code > 0 {
            facts.push(Fact::new("status", brief.status_code.to_string()));
        }
        if let Some(kind) = brief.kind {
            facts.push(Fact::new("error", kind.as_str()));
        }
        if let Some(id) = brief.incident {
            facts.push(Fact::link("incident", format!("number {id}"), self.links.incident(id)));
        }
        let certificate = detail.last_good.as_ref().and_then(|good| good.answer.certificate_until);
        if let Some(until) = certificate {
            facts.push(Fact::new("certificate ends", self.until(until)));
        }
        if !brief.tags.is_empty() {
            let tags: Vec<_> =
                brief.tags.iter().map(|(name, value)| format!("{name}={value}")).collect();
            facts.push(Fact::new("tags", say::clipped(&tags.join(", "), 200)));
        }
        facts
    }

    /// The pieces of a period: hours, three hours, days.
    pub(super) fn pieces(
        &mut self,
        target: WatchedNo,
        period: Period,
        hours: &Past,
    ) -> Result<Vec<Piece>, HistoryError> {
        Ok(match period {
            Period::Day => {
                let skipped = hours.buckets.len().saturating_sub(24);
                pieces(hours).into_iter().skip(skipped).collect()
            }
            Period::Week => pieces(&self.reader.past(target, Span::Week, 56, self.now)?),
            Period::Month => self.days(target, 30)?,
            Period::Quarter => self.days(target, 90)?,
        })
    }

    /// The last days, as the clock's zone has them: also those of 23 and of 25 hours.
    fn days(&mut self, target: WatchedNo, days: usize) -> Result<Vec<Piece>, HistoryError> {
        let (today, tomorrow) = self.clock.day(self.now);
        let mut moments = vec![tomorrow, today];
        while moments.len() <= days {
            let begin = moments[moments.len() - 1];
            moments.push(self.clock.day(begin - Duration::from_secs(1)).0);
        }
        moments.reverse();
        let buckets = self.reader.between(target, &moments, self.now)?;
        let pieces = moments.windows(2).zip(&buckets).map(|(ends, bucket)| Piece {
            from: ends[0],
            until: ends[1],
            spent: Spent::from(bucket),
        });
        Ok(pieces.collect())
    }

    fn period(
        &mut self,
        target: WatchedNo,
        period: Period,
        hours: &Past,
    ) -> Result<(PeriodRow, Vec<Shown>), HistoryError> {
        let pieces = self.pieces(target, period, hours)?;
        let total = self.total(target, period, &pieces)?;
        let bars: Vec<Bar> = pieces.iter().map(|piece| self.bar(target, period, piece)).collect();
        let ends = |at: Option<&Piece>| at.map(|piece| piece.from).unwrap_or_default();
        let form = if period == Period::Day { "%H:%M" } else { "%-d %b" };
        let summary = format!(
            "{}: {} bars, uptime {}, coverage {}",
            period.long(),
            bars.len(),
            total.uptime_text(),
            total.coverage_text()
        );
        let shown = bars.iter().map(|bar| bar.shown).collect();
        let row = PeriodRow {
            name: period.name(),
            href: self.links.period(target, period.as_str()),
            from: self.clock.format(ends(pieces.first()), form),
            until: "now".into(),
            uptime: total.uptime_text(),
            coverage: total.coverage_text(),
            p50: total.p50_text(),
            p95: total.p95_text(),
            summary,
            bars,
        };
        Ok((row, shown))
    }

    /// All of a period.
    pub(super) fn total(
        &mut self,
        target: WatchedNo,
        period: Period,
        pieces: &[Piece],
    ) -> Result<Spent, HistoryError> {
        let span = match period {
            Period::Day => Span::Day,
            Period::Week => Span::Week,
            Period::Month => Span::Month,
            Period::Quarter => Span::Quarter,
        };
        let past = self.reader.past(target, span, 1, self.now)?;
        Ok(Spent::from(&past.total).with_times(pieces.iter().map(|piece| &piece.spent)))
    }

    fn bar(&self, target: WatchedNo, period: Period, piece: &Piece) -> Bar {
        let shown = piece.spent.shown();
        let form = match period {
            Period::Day | Period::Week => "%a %-d %b %H:%M",
            Period::Month | Period::Quarter => "%a %-d %b",
        };
        let until = match period {
            Period::Day | Period::Week => {
                format!(" to {}", self.clock.format(piece.until, "%H:%M"))
            }
            Period::Month | Period::Quarter => String::new(),
        };
        let told =
            format!("{}{until}: {}", self.clock.format(piece.from, form), piece.spent.told());
        let name = self.piece_name(period, piece);
        let href = match self.links.mode {
            Mode::Server => self.links.span(target, period.as_str(), &name),
            Mode::Static => self.links.period(target, period.as_str()),
        };
        let rest = if piece.spent.rest_is_up() { Rest::Up } else { Rest::Unknown };
        Bar { shown, part: part(shown, piece.spent.share(), rest), href, told }
    }

    /// A piece in an address: `2026-11-25`, or `2026-11-25T14Z+3h`.
    pub(super) fn piece_name(&self, period: Period, piece: &Piece) -> String {
        match period {
            Period::Day | Period::Week => {
                let utc = say::rfc3339(piece.from);
                let hours = piece.until.since(piece.from).as_secs() / 3_600;
                let suffix = if hours > 1 { format!("+{hours}h") } else { String::new() };
                format!("{}Z{suffix}", utc.get(..13).unwrap_or(&utc))
            }
            Period::Month | Period::Quarter => self.clock.format(piece.from, "%Y-%m-%d"),
        }
    }

    fn chart(&mut self, target: WatchedNo, period: Period) -> Result<Option<Chart>, HistoryError> {
        let (span, buckets) = match period {
            Period::Day => (Span::Day, 96),
            Period::Week => (Span::Week, 84),
            Period::Month => (Span::Month, 120),
            Period::Quarter => (Span::Quarter, 90),
        };
        let mut past = self.reader.past(target, span, buckets, self.now)?;
        let measured = past.buckets.iter().filter(|bucket| bucket.p50.is_some()).count();
        if period == Period::Day && measured < past.buckets.len() / 2 {
            // Checks that are an hour apart are a line only in steps of an hour.
            past = self.reader.past(target, span, 24, self.now)?;
        }
        let points: Vec<ChartPoint> = past
            .buckets
            .iter()
            .map(|bucket| ChartPoint {
                times: bucket.p50.zip(bucket.p95),
                failures: bucket.checks[4],
                checks: bucket.checks.iter().sum(),
            })
            .collect();
        let form = if period == Period::Day { "%H:%M" } else { "%-d %b" };
        let others = Period::ALL.into_iter().filter_map(|other| {
            let href = self.links.chart(target, other.as_str())?;
            Some(ChartLink { name: other.name(), href, is_here: other == period })
        });
        let others = others.collect();
        Ok(Chart::new(&points).map(|chart| Chart {
            period: period.long().into(),
            from: self.clock.format(past.from, form),
            until: "now".into(),
            others,
            ..chart
        }))
    }

    fn fields(&mut self, target: WatchedNo) -> Result<Vec<FieldView>, HistoryError> {
        let names = self.reader.fields(target)?;
        let mut fields = Vec::new();
        for name in names.iter().take(FIELDS_SHOWN) {
            fields.extend(self.field(target, name, VALUES_SHOWN)?);
        }
        Ok(fields)
    }

    /// A field of a target with its last values; `None` if it has none.
    pub(super) fn field(
        &mut self,
        target: WatchedNo,
        name: &str,
        values_max: u32,
    ) -> Result<Option<FieldView>, HistoryError> {
        let mut values = self.reader.values(target, name, None, values_max)?;
        let Some(now) = values.first() else { return Ok(None) };
        let shown = |value: Option<&str>| match value {
            Some(value) => say::clipped(value, 200),
            None => "matches no more".into(),
        };
        let mut field = FieldView {
            name: say::clipped(name, 80),
            now: shown(now.value.as_deref()),
            lasted: self.lasted(now.from, None),
            since: format!(
                "since {}, seen {}, the last time {}",
                self.clock.moment(now.from),
                say::counted(now.times, "time"),
                self.clock.moment(now.seen)
            ),
            line: String::new(),
            summary: String::new(),
            from: String::new(),
            range: String::new(),
            until: "now".into(),
            recorded: say::counted(values.len() as u64, "recorded value"),
            changes: values
                .iter()
                .map(|value| ValueRow {
                    at: self.clock.moment(value.from),
                    value: shown(value.value.as_deref()),
                    times: say::count(value.times),
                })
                .collect(),
        };
        values.reverse();
        let first = values[0].from;
        let all = self.now.since(first).max(Duration::from_millis(1)).as_secs_f64();
        let points: Vec<_> = values
            .iter()
            .map(|value| (value.from.since(first).as_secs_f64() / all, value.number))
            .collect();
        let (line, least, most) = spark(&points);
        if !line.is_empty() {
            field.line = line;
            field.from = self.clock.format(first, "%-d %b %H:%M");
            field.range = format!("{least} to {most}");
            field.summary = format!("Between {least} and {most} in {} values", values.len());
        }
        Ok(Some(field))
    }
}

/// The buckets of a past as pieces.
pub(super) fn pieces(past: &Past) -> Vec<Piece> {
    let mut from = past.from;
    let piece = |bucket| {
        let until = from + past.step;
        let piece = Piece { from, until, spent: Spent::from(bucket) };
        from = until;
        piece
    };
    past.buckets.iter().map(piece).collect()
}
