//! Rows of a history to what pages say.

mod days;
mod incidents;
mod jobs;
mod lists;
mod proof;
mod quiet;
mod span;
mod spent;
mod target;

use gather_core::time::{Duration, Time};
use gather_core::watch::{State, WatchedNo};
use gather_store::history::{
    Condition, HistoryError, HistoryReader, IncidentBrief, StateCounts, TargetBrief, Upkeep,
};

use crate::links::Links;
use crate::say::{self, Clock};
use crate::shown::Shown;
use crate::view::{IncidentLine, View};

pub(crate) use self::days::{Days, Patience, TARGETS_AT_ONCE};
pub(crate) use self::lists::Filter;
pub(crate) use self::span::Asked;
pub(crate) use self::spent::Spent;

/// Rows of one page of targets.
pub(crate) const ROWS_OF_PAGE: u32 = 50;

/// Which page is wanted.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    Overview(Filter),
    Groups,
    Group(String, Filter),
    /// With the period of its chart.
    Target(u32, Period),
    Span(u32, Asked),
    /// Below this number.
    Incidents(Option<i64>),
    /// With its targets from this one on.
    Incident(i64, u32),
    Jobs,
    /// With its changes below this number.
    Job(String, Option<i64>),
    Quiet,
}

/// The periods of a target's page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Period {
    #[default]
    Day,
    Week,
    Month,
    Quarter,
}

impl Period {
    pub(crate) const ALL: [Self; 4] = [Self::Day, Self::Week, Self::Month, Self::Quarter];

    /// In addresses.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
            Self::Quarter => "90d",
        }
    }

    /// For people.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Day => "24 h",
            Self::Week => "7 d",
            Self::Month => "30 d",
            Self::Quarter => "90 d",
        }
    }

    pub(crate) const fn long(self) -> &'static str {
        match self {
            Self::Day => "the last 24 hours",
            Self::Week => "the last 7 days",
            Self::Month => "the last 30 days",
            Self::Quarter => "the last 90 days",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|period| period.as_str() == name)
    }
}

/// Makes pages of what a history holds.
pub(crate) struct Loader<'a> {
    pub(crate) reader: &'a mut HistoryReader,
    pub(crate) clock: &'a Clock,
    pub(crate) links: Links<'a>,
    pub(crate) now: Time,
    /// What is known of the targets' last day, and how long a page may take to read more.
    pub(crate) days: &'a Days,
    pub(crate) patience: Patience,
    /// Targets whose day is to be read behind the page's back.
    pub(crate) later: Vec<WatchedNo>,
    /// Rows whose day is not known at all yet.
    pub(crate) unread: usize,
}

/// A page, and what its frame has to know.
pub(crate) struct Loaded {
    pub(crate) title: String,
    pub(crate) view: View,
    /// Why its figures are old.
    pub(crate) stale: Option<String>,
    /// Rows that lack their last day: it is there in a moment.
    pub(crate) unread: usize,
}

impl Loader<'_> {
    /// The page; `None` if there is none of this name.
    pub(crate) fn load(&mut self, wanted: &Wanted) -> Result<Option<Loaded>, HistoryError> {
        let written = self.reader.written()?;
        let found = match wanted {
            Wanted::Overview(filter) => Some(self.overview(filter)?),
            Wanted::Groups => Some(self.groups()?),
            Wanted::Group(name, filter) => self.group(name, filter)?,
            Wanted::Target(target, chart) => self.target(*target, *chart)?,
            Wanted::Span(target, asked) => self.span(*target, asked)?,
            Wanted::Incidents(before) => Some(self.incidents(*before)?),
            Wanted::Incident(id, from) => self.incident(*id, *from)?,
            Wanted::Jobs => Some(self.jobs()?),
            Wanted::Job(name, before) => self.job(name, *before)?,
            Wanted::Quiet => Some(self.quiet()?),
        };
        let stale = self.stale(written);
        let unread = self.unread;
        Ok(found.map(|(title, view)| Loaded { title, view, stale, unread }))
    }

    /// Why the figures are old, if they are: a watch writes about once a second.
    fn stale(&self, written: Time) -> Option<String> {
        const OLD: Duration = Duration::from_secs(120);
        let age = self.now.since(written);
        // Whole minutes, so that a page that did not change is the same page.
        let minutes = Duration::from_secs(age.as_secs() / 60 * 60);
        (age > OLD).then(|| {
            format!(
                "The last was written {} ago, {} {}. The watch does not run, or cannot write.",
                say::span(minutes),
                self.clock.moment(written),
                self.clock.zone_name()
            )
        })
    }

    /// When everything was looked at last, in words.
    fn checked(&self, written: Time) -> String {
        match written {
            Time::ZERO => "Nothing was checked yet.".into(),
            _ => format!("Last checked {} {}", self.clock.moment(written), self.clock.zone_name()),
        }
    }

    /// How long something has been so, or was.
    fn lasted(&self, from: Time, until: Option<Time>) -> String {
        say::span(until.unwrap_or(self.now).since(from))
    }

    fn incident_line(&self, incident: &IncidentBrief) -> IncidentLine {
        IncidentLine {
            shown: match incident.closed {
                Some(_) => Shown::Up,
                None => of_state(incident.worst),
            },
            word: match incident.closed {
                Some(_) => "over",
                None => of_state(incident.worst).word(),
            },
            name: incident_name(incident),
            href: self.links.incident(incident.id),
            reason: say::clipped(&incident.reason, 200),
            targets: say::count(incident.targets.into()),
            opened: self.clock.moment(incident.opened),
            lasted: self.lasted(incident.opened, incident.closed),
            is_open: incident.closed.is_none(),
        }
    }
}

/// What an incident is called: by what its targets have in common, or by its one target.
pub(crate) fn incident_name(incident: &IncidentBrief) -> String {
    let word = of_state(incident.worst).word();
    let example = incident.example.as_ref().map(|(_, name)| say::clipped(name, 80));
    match (incident.factor.is_empty(), example, incident.targets) {
        (false, _, targets) => {
            let factor = say::clipped(&incident.factor, 120);
            format!("{}: {factor}", say::counted(targets.into(), "target"))
        }
        (true, Some(name), 0 | 1) => format!("{name} {word}"),
        (true, Some(name), targets) => format!("{name} and {} more {word}", targets - 1),
        (true, None, _) => format!("Incident {}", incident.id),
    }
}

/// A state as it is shown.
pub(crate) fn of_state(state: State) -> Shown {
    match state {
        State::Unknown => Shown::Unknown,
        State::Up => Shown::Up,
        State::Degraded => Shown::Degraded,
        State::Limited => Shown::Limited,
        State::Suspect => Shown::Suspect,
        State::Down => Shown::Down,
    }
}

/// The state that is shown as this, if one is.
pub(crate) fn to_state(shown: Shown) -> Option<State> {
    Some(match shown {
        Shown::Unknown => State::Unknown,
        Shown::Up => State::Up,
        Shown::Degraded => State::Degraded,
        Shown::Limited => State::Limited,
        Shown::Suspect => State::Suspect,
        Shown::Down => State::Down,
        Shown::Maintenance | Shown::NoData => return None,
    })
}

fn of_condition(condition: Condition) -> Shown {
    match condition {
        Condition::Up => Shown::Up,
        Condition::Degraded => Shown::Degraded,
        Condition::Limited => Shown::Limited,
        Condition::Unknown => Shown::Unknown,
        Condition::Down => Shown::Down,
        Condition::NoData => Shown::NoData,
        Condition::Maintenance => Shown::Maintenance,
    }
}

/// A target as it is shown: a maintenance window is above its state.
pub(crate) fn of_target(target: &TargetBrief) -> Shown {
    match target.maintenance {
        Upkeep::Open => Shown::Maintenance,
        Upkeep::None => of_state(target.state),
    }
}

/// How many are down, or may be.
pub(crate) fn failing(counts: &StateCounts) -> u64 {
    counts.of(State::Down) + counts.of(State::Suspect)
}

/// How many are shown like this; `None` for what no target is shown as in a list.
pub(crate) fn count_of(counts: &StateCounts, shown: Shown) -> Option<u64> {
    match shown {
        Shown::Maintenance => Some(counts.maintenance()),
        _ => to_state(shown).map(|state| counts.of(state)),
    }
}

/// How many there are of each, the worst first.
pub(crate) fn worst_first(counts: &StateCounts) -> Vec<(Shown, u64)> {
    let states = Shown::ALL.into_iter();
    states.filter_map(|shown| Some((shown, count_of(counts, shown)?))).collect()
}

/// The worst of them as it is shown.
pub(crate) fn worst(counts: &StateCounts) -> Shown {
    match counts.worst() {
        Some(state) => of_state(state),
        None if counts.maintenance() > 0 => Shown::Maintenance,
        None => Shown::NoData,
    }
}

/// Of those in a list, in words: `all 12 targets are up`.
fn sentence(counts: &StateCounts, of: &str) -> String {
    let total = counts.total();
    let share = |n: u64| match n {
        _ if n == total && total == 1 => format!("The only target{of} is"),
        _ if n == total => format!("All {} targets{of} are", say::count(total)),
        1 => format!("1 of {} targets{of} is", say::count(total)),
        _ => format!("{} of {} targets{of} are", say::count(n), say::count(total)),
    };
    match counts.worst() {
        None if total > 0 => format!("{} in maintenance.", share(total)),
        None => format!("Nothing{of} is watched yet."),
        Some(State::Down) => format!("{} down.", share(counts.of(State::Down))),
        Some(State::Suspect) => {
            format!("{} failing, and being confirmed.", share(counts.of(State::Suspect)))
        }
        Some(State::Degraded) => {
            format!("{} degraded, and none is down.", share(counts.of(State::Degraded)))
        }
        Some(State::Limited) => {
            format!("{} limiting us, and none is down.", share(counts.of(State::Limited)))
        }
        Some(State::Unknown) if counts.of(State::Unknown) == total => {
            format!("Nothing is known of {}{of}.", say::counted(total, "target"))
        }
        Some(State::Unknown) => {
            format!("{} unknown, and none is failing.", share(counts.of(State::Unknown)))
        }
        Some(State::Up) => format!("{} up.", share(counts.of(State::Up))),
    }
}

/// The same of what comes behind the worst.
fn beside(counts: &StateCounts) -> Option<String> {
    let worst = counts.worst()?;
    let others = [State::Suspect, State::Degraded, State::Limited, State::Unknown];
    let others = others.into_iter().filter(|state| *state != worst && counts.of(*state) > 0);
    let mut words: Vec<_> = others
        .map(|state| format!("{} {}", say::count(counts.of(state)), of_state(state).word()))
        .collect();
    if counts.maintenance() > 0 {
        words.push(format!("{} in maintenance", say::count(counts.maintenance())));
    }
    if !words.is_empty() && worst != State::Up {
        words.push(format!("{} up", say::count(counts.of(State::Up))));
    }
    (!words.is_empty()).then(|| format!("{}.", words.join(", ")))
}
