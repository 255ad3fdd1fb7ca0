//! Lists of targets: all of them, those of a group, and the groups.

use gather_core::time::Time;
use gather_core::watch::{State, WatchedNo};
use gather_store::history::{
    Cursor, Flapping, GroupOverview, HistoryError, Overview, StateCounts, TargetBrief, TargetQuery,
    Upkeep,
};

use super::days::Day;
use super::{
    Loader, ROWS_OF_PAGE, beside, count_of, failing, of_target, sentence, to_state, worst,
    worst_first,
};
use crate::links::{BEYOND, Links, Mode, query};
use crate::say;
use crate::shown::Shown;
use crate::view::{
    Choice, Choices, CountLink, FilterForm, GroupLine, GroupsView, Named, OverviewView, TargetLine,
    Verdict, View, share,
};

/// Groups on the overview; the rest have a page.
const GROUPS_SHOWN: usize = 12;
/// Groups of their page, and values of a form's field.
const GROUPS_MAX: u32 = 1_000;
/// Open incidents on the overview.
const INCIDENTS_SHOWN: usize = 5;

/// What a list of targets is narrowed to. Empty members ask for nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) search: String,
    pub(crate) state: Option<Shown>,
    pub(crate) job: String,
    pub(crate) group: Option<String>,
    /// `name=value`.
    pub(crate) tag: String,
    pub(crate) after: Option<Cursor>,
    /// How many rows the pages before this one had; for people only.
    pub(crate) rows_before: u64,
}

impl Filter {
    /// As a history is asked.
    pub(crate) fn as_query(&self, limit: u32) -> TargetQuery {
        let tag = (!self.tag.is_empty()).then(|| match self.tag.split_once('=') {
            Some((name, value)) => (name.into(), value.into()),
            None => (self.tag.as_str().into(), "".into()),
        });
        TargetQuery {
            search: self.search.as_str().into(),
            states: self.state.and_then(to_state).into_iter().collect(),
            maintenance: (self.state == Some(Shown::Maintenance)).then_some(Upkeep::Open),
            job: (!self.job.is_empty()).then(|| self.job.as_str().into()),
            group: self.group.as_deref().map(Into::into),
            tag,
            after: self.after,
            offset: 0,
            limit,
        }
    }

    fn is_set(&self) -> bool {
        !self.search.is_empty() || !self.tag.is_empty() || !self.job.is_empty()
    }

    /// The link to the same list in one state, or in all.
    fn in_state(&self, links: Links<'_>, scope: Scope<'_>, state: Option<Shown>) -> String {
        let class = state.map(Shown::class);
        if links.mode == Mode::Static {
            return links.state(class);
        }
        let query = query(&self.members(scope, class.unwrap_or("")));
        match scope {
            _ if !query.is_empty() => query,
            Scope::All => links.home(),
            // Those without a group have a page whose name is empty.
            Scope::Group(name) => links.group(name),
        }
    }

    fn members<'a>(&'a self, scope: Scope<'a>, state: &'a str) -> Vec<(&'a str, &'a str)> {
        // A group's page is named by its group; there it is no filter.
        let (name, group) = match scope {
            Scope::All => ("", self.group.as_deref().unwrap_or("")),
            Scope::Group(name) => (name, ""),
        };
        vec![
            ("name", name),
            ("state", state),
            ("job", &self.job),
            ("group", group),
            ("tag", &self.tag),
            ("q", &self.search),
        ]
    }
}

/// Whose list it is.
#[derive(Clone, Copy)]
enum Scope<'a> {
    All,
    Group(&'a str),
}

impl Loader<'_> {
    pub(super) fn overview(&mut self, filter: &Filter) -> Result<(String, View), HistoryError> {
        let overview = self.reader.overview(self.now)?;
        let counts = overview.counts;
        let mut view = OverviewView {
            verdict: self.verdict(&overview),
            counts: self.counts(&counts, filter, Scope::All),
            filter: (self.links.mode == Mode::Server).then(|| self.form(&overview, filter)),
            ..OverviewView::default()
        };
        let is_first = filter.after.is_none() && filter.state.is_none() && !filter.is_set();
        if is_first && filter.group.is_none() {
            let shown = overview.incidents.iter().take(INCIDENTS_SHOWN);
            view.incidents = shown.map(|one| self.incident_line(one)).collect();
            view.incidents_more = overview.incidents_open - view.incidents.len() as u64;
            view.quiet = self.quiet_words(&overview);
            let named =
                overview.groups.len() > 1 || overview.groups.iter().any(|one| !one.name.is_empty());
            if named {
                let groups = overview.groups.iter().take(GROUPS_SHOWN);
                view.groups = groups.map(|group| self.group_line(group)).collect();
                view.groups_more = (overview.groups_total > GROUPS_SHOWN as u64).then(|| Named {
                    name: format!("All {} groups", say::count(overview.groups_total)),
                    href: self.links.page("groups"),
                });
            }
        }
        let known = match (&filter.group, filter.is_set()) {
            (None, false) => Some(counts),
            _ => None,
        };
        self.rows(&mut view, filter, Scope::All, known)?;
        let state = filter.state.map(|state| format!(", {}", state.word())).unwrap_or_default();
        let title = match failing(&counts) {
            0 => format!("Targets{state}"),
            n => format!("{} failing{state}", say::count(n)),
        };
        Ok((title, View::Overview(Box::new(view))))
    }

    pub(super) fn group(
        &mut self,
        name: &str,
        filter: &Filter,
    ) -> Result<Option<(String, View)>, HistoryError> {
        let Some(group) = self.reader.group(name)? else { return Ok(None) };
        let written = self.reader.written()?;
        let shown_name = group_name(name);
        let more: Vec<String> = beside(&group.counts).into_iter().collect();
        let filter = Filter { group: Some(name.to_owned()), ..filter.clone() };
        let mut view = OverviewView {
            back: Some(self.links.home()),
            verdict: Verdict {
                shown: worst(&group.counts),
                sentence: match name {
                    "" => sentence(&group.counts, " without a group"),
                    _ => sentence(&group.counts, &format!(" in {shown_name}")),
                },
                more,
                checked: self.checked(written),
            },
            counts: self.counts(&group.counts, &filter, Scope::Group(name)),
            ..OverviewView::default()
        };
        let known = (!filter.is_set()).then_some(group.counts);
        self.rows(&mut view, &filter, Scope::Group(name), known)?;
        Ok(Some((shown_name, View::Overview(Box::new(view)))))
    }

    pub(super) fn groups(&mut self) -> Result<(String, View), HistoryError> {
        let overview = self.reader.overview(self.now)?;
        let (groups, total) = self.reader.groups(GROUPS_MAX)?;
        let caption = match groups.len() as u64 {
            all if all == total => {
                format!("{}, those with the worst targets first", say::counted(total, "group"))
            }
            some => format!(
                "The first {} of {} groups, the worst first",
                say::count(some),
                say::count(total)
            ),
        };
        let groups = groups.iter().map(|group| self.group_line(group)).collect();
        let view = GroupsView { verdict: self.verdict(&overview), caption, groups };
        Ok(("Groups".into(), View::Groups(view)))
    }

    /// How everything is.
    pub(super) fn verdict(&self, overview: &Overview) -> Verdict {
        let counts = &overview.counts;
        let mut more: Vec<String> = beside(counts).into_iter().collect();
        if overview.incidents_open > 0 {
            more.push(format!("{} open.", say::counted(overview.incidents_open, "incident")));
        }
        Verdict {
            shown: worst(counts),
            sentence: sentence(counts, ""),
            more,
            checked: self.checked(overview.written),
        }
    }

    /// Silences in force, in words.
    fn quiet_words(&self, overview: &Overview) -> Vec<String> {
        let open = overview.silences.iter().filter(|silence| silence.is_open(self.now)).count();
        match open {
            0 => Vec::new(),
            n => vec![format!("{} in force: see Maintenance.", say::counted(n as u64, "silence"))],
        }
    }

    fn counts(&self, counts: &StateCounts, filter: &Filter, scope: Scope<'_>) -> Vec<CountLink> {
        if let (Scope::Group(_), Mode::Static) = (scope, self.links.mode) {
            // The group's targets in one state have no file.
            return Vec::new();
        }
        let link = |shown: Option<Shown>, n: u64| CountLink {
            shown,
            count: say::count(n),
            href: filter.in_state(self.links, scope, shown),
            is_here: filter.state == shown,
        };
        let mut links = vec![link(None, counts.total())];
        let there = worst_first(counts)
            .into_iter()
            .filter(|(shown, n)| *n > 0 || filter.state == Some(*shown));
        links.extend(there.map(|(shown, n)| link(Some(shown), n)));
        links
    }

    fn form(&self, overview: &Overview, filter: &Filter) -> FilterForm {
        let choice = |value: &str, chosen: &str| Choice {
            value: value.into(),
            text: say::clipped(value, 60),
            is_here: value == chosen,
        };
        let group = filter.group.as_deref().unwrap_or("");
        let jobs = overview.jobs.iter().map(|job| choice(&job.name, &filter.job)).collect();
        let names = overview.groups.iter().filter(|group| !group.name.is_empty());
        let mut groups: Vec<_> = names.map(|one| choice(&one.name, group)).collect();
        if !group.is_empty() && !groups.iter().any(|one| one.is_here) {
            groups.push(choice(group, group));
        }
        groups.sort_by(|a, b| a.text.cmp(&b.text));
        let choices = [("Job", "job", jobs), ("Group", "group", groups)];
        let several =
            choices.into_iter().filter(|(_, _, options): &(_, _, Vec<_>)| options.len() > 1);
        FilterForm {
            action: self.links.home(),
            state: filter.state.map_or(String::new(), |state| state.class().into()),
            search: filter.search.clone(),
            tag: filter.tag.clone(),
            choices: several
                .map(|(label, name, options)| Choices { label, name, options })
                .collect(),
            is_set: filter.is_set() || filter.group.is_some() || filter.state.is_some(),
            clear: self.links.home(),
        }
    }

    fn group_line(&self, group: &GroupOverview) -> GroupLine {
        GroupLine {
            name: group_name(&group.name),
            href: self.links.group(&group.name),
            shown: worst(&group.counts),
            failing: say::count(failing(&group.counts)),
            total: say::count(group.counts.total()),
            share: share(&worst_first(&group.counts)),
        }
    }

    /// The page's rows, and the links to other pages.
    fn rows(
        &mut self,
        view: &mut OverviewView,
        filter: &Filter,
        scope: Scope<'_>,
        known: Option<StateCounts>,
    ) -> Result<(), HistoryError> {
        let page = self.reader.targets(&filter.as_query(ROWS_OF_PAGE))?;
        view.rows = self.lines(&page.targets)?;
        let (first, last) =
            (filter.rows_before + 1, filter.rows_before + page.targets.len() as u64);
        let all =
            known.map(|counts| match filter.state.and_then(|shown| count_of(&counts, shown)) {
                Some(count) => count,
                None => counts.total(),
            });
        let is_whole = filter.rows_before == 0 && page.next.is_none();
        view.caption = match all {
            _ if is_whole => format!("{}, the worst first", say::counted(last, "target")),
            Some(all) => format!(
                "Targets {} to {} of {}, the worst first",
                say::count(first),
                say::count(last),
                say::count(all.max(last))
            ),
            None => {
                format!("Targets {} to {}, the worst first", say::count(first), say::count(last))
            }
        };
        view.nothing = match filter.is_set() || filter.state.is_some() {
            true => "No target is like that.".into(),
            false => "Nothing is watched yet. Targets come from the jobs in gather.toml.".into(),
        };
        if self.links.mode == Mode::Static {
            if page.next.is_some() {
                let (name, href) = ("The others".into(), self.links.page(BEYOND));
                view.pages.push(Named { name, href });
            }
            return Ok(());
        }
        let state = filter.state.map_or("", Shown::class);
        let mut members = filter.members(scope, state);
        if filter.after.is_some() {
            let first = filter.in_state(self.links, scope, filter.state);
            view.pages.push(Named { name: "First page".into(), href: first });
        }
        if let Some(next) = page.next {
            let (after, rows) = (next.to_text(), last.to_string());
            members.extend([("after", after.as_str()), ("rows", rows.as_str())]);
            view.pages.push(Named { name: format!("Next {ROWS_OF_PAGE}"), href: query(&members) });
        }
        Ok(())
    }

    /// Targets as lines, with their last day.
    pub(super) fn lines(
        &mut self,
        targets: &[TargetBrief],
    ) -> Result<Vec<TargetLine>, HistoryError> {
        let numbers: Vec<WatchedNo> = targets.iter().map(|target| target.target).collect();
        let (days, later) = self.days.of(self.reader, &numbers, self.now, self.patience)?;
        self.unread += days.iter().filter(|day| day.is_none()).count();
        self.later.extend(later);
        let lines = targets.iter().zip(days).map(|(target, day)| {
            let line = self.line(target);
            match day {
                None => TargetLine { uptime: "–".into(), p95: "–".into(), ..line },
                Some(Day { strip, uptime, p95 }) => {
                    TargetLine { strip: Some(strip), uptime, p95, ..line }
                }
            }
        });
        Ok(lines.collect())
    }

    /// A target as a line, without its past.
    pub(super) fn line(&self, target: &TargetBrief) -> TargetLine {
        let url = say::clipped(&target.url, 120);
        let name = say::clipped(&target.name, 120);
        let of = if target.group.is_empty() { &target.job } else { &target.group };
        let of = say::clipped(of, 60);
        TargetLine {
            shown: of_target(target),
            href: self.links.target(target.target),
            reason: match target.state {
                State::Up => String::new(),
                _ => target.reason.as_deref().map(|why| say::clipped(why, 160)).unwrap_or_default(),
            },
            place: of,
            url: if url == name { String::new() } else { url },
            name,
            lasted: match target.since {
                Time::ZERO => "–".into(),
                since => self.lasted(since, None),
            },
            is_flapping: target.flapping == Flapping::Yes,
            ..TargetLine::default()
        }
    }
}

/// A group's name, where it may have none.
pub(super) fn group_name(name: &str) -> String {
    match name {
        "" => "No group".into(),
        name => say::clipped(name, 80),
    }
}
