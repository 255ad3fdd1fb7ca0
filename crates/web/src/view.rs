//! What the pages say, as plain data, and the templates that say it.

mod chart;
mod fall;
mod pages;
mod strip;

use askama::Template;

use crate::links::{Links, Mode};
use crate::say::Moment;
use crate::shown::Shown;

pub(crate) use self::chart::{Chart, ChartLink, ChartPoint, spark};
pub(crate) use self::fall::{Step, steps};
pub(crate) use self::pages::{
    ChangeRow, CheckRow, EntryRow, FieldView, GapRow, GroupsView, IncidentView, IncidentsView,
    JobLine, JobView, JobsView, MemberRow, MissRow, Month, NoticeRow, OverviewView, PeriodRow,
    Proof, QuietRow, QuietView, RunLine, SpanRow, SpanView, TargetView, ValueChangeRow, ValueLine,
    ValueRow,
};
pub(crate) use self::strip::{Bar, Rest, Strip, part, share};

/// Which part of the site a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Overview,
    Incidents,
    Jobs,
    Quiet,
}

/// Whether those who look have logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Login {
    /// There is a token, so there is something to log out of.
    Needed,
    /// Everybody may look.
    Open,
}

/// What stands around every page.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// Of the window.
    pub(crate) title: String,
    /// Of the site.
    pub(crate) brand: String,
    /// The way to the site's root: empty, or `../` so many times.
    pub(crate) root: &'static str,
    pub(crate) style: &'static str,
    pub(crate) script: &'static str,
    pub(crate) icon: &'static str,
    /// Seconds between two refreshes; 0 for none.
    pub(crate) refresh: u32,
    pub(crate) section: Section,
    /// The time zone's name.
    pub(crate) zone: String,
    /// Why the figures are old.
    pub(crate) stale: Option<String>,
    /// What whoever runs the watch should know.
    pub(crate) remark: Option<String>,
    pub(crate) mode: Mode,
    pub(crate) login: Login,
    /// When a file was written.
    pub(crate) made: String,
}

/// A link of the menu.
#[derive(Clone, Debug)]
pub(crate) struct Tab {
    pub(crate) name: &'static str,
    pub(crate) href: String,
    pub(crate) is_here: bool,
}

impl Frame {
    fn links(&self) -> Links<'_> {
        Links { mode: self.mode, root: self.root, written: None }
    }

    fn home(&self) -> String {
        self.links().home()
    }

    /// A page of the menu.
    fn href(&self, name: &str) -> String {
        self.links().page(name)
    }

    fn tabs(&self) -> [Tab; 4] {
        let tab = |name, href, section| Tab { name, href, is_here: self.section == section };
        [
            tab("Overview", self.home(), Section::Overview),
            tab("Incidents", self.href("incidents"), Section::Incidents),
            tab("Jobs", self.href("jobs"), Section::Jobs),
            tab("Maintenance", self.href("maintenance"), Section::Quiet),
        ]
    }

    fn is_static(&self) -> bool {
        self.mode == Mode::Static
    }

    fn has_login(&self) -> bool {
        self.login == Login::Needed && self.mode == Mode::Server
    }
}

/// The first sentence of a page: is it me?
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) shown: Shown,
    pub(crate) sentence: String,
    pub(crate) more: Vec<String>,
    /// When it was looked at last.
    pub(crate) checked: String,
}

/// A word that leads somewhere.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) href: String,
}

/// A name and a value.
#[derive(Clone, Debug)]
pub(crate) struct Fact {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) href: Option<String>,
}

impl Fact {
    pub(crate) fn new(name: &'static str, value: impl Into<String>) -> Self {
        Self { name, value: value.into(), href: None }
    }

    pub(crate) fn link(name: &'static str, value: impl Into<String>, href: String) -> Self {
        Self { name, value: value.into(), href: Some(href) }
    }
}

/// How many are in a state, with the list of them.
#[derive(Clone, Debug)]
pub(crate) struct CountLink {
    /// None for all.
    pub(crate) shown: Option<Shown>,
    pub(crate) count: String,
    pub(crate) href: String,
    pub(crate) is_here: bool,
}

/// A line of a list of incidents.
#[derive(Clone, Debug)]
pub(crate) struct IncidentLine {
    pub(crate) shown: Shown,
    /// The state's word, or that it is over.
    pub(crate) word: &'static str,
    pub(crate) name: String,
    pub(crate) href: String,
    pub(crate) reason: String,
    pub(crate) targets: String,
    pub(crate) opened: Moment,
    pub(crate) lasted: String,
    pub(crate) is_open: bool,
}

/// A line of a list of groups.
#[derive(Clone, Debug)]
pub(crate) struct GroupLine {
    pub(crate) name: String,
    pub(crate) href: String,
    pub(crate) shown: Shown,
    pub(crate) failing: String,
    pub(crate) total: String,
    pub(crate) share: Strip,
}

/// A line of a list of targets.
#[derive(Clone, Debug, Default)]
pub(crate) struct TargetLine {
    pub(crate) shown: Shown,
    pub(crate) name: String,
    pub(crate) href: String,
    /// Why it is as it is; empty where it is well.
    pub(crate) reason: String,
    /// Its group, or job.
    pub(crate) place: String,
    /// Its URL, where that is not its name.
    pub(crate) url: String,
    /// Since when, as a duration.
    pub(crate) lasted: String,
    pub(crate) is_flapping: bool,
    pub(crate) strip: Option<Strip>,
    pub(crate) uptime: String,
    pub(crate) p95: String,
}

/// One of the values that a list may be narrowed to.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) value: String,
    pub(crate) text: String,
    pub(crate) is_here: bool,
}

/// A field of the form with such values.
#[derive(Clone, Debug)]
pub(crate) struct Choices {
    pub(crate) label: &'static str,
    pub(crate) name: &'static str,
    pub(crate) options: Vec<Choice>,
}

/// The form above a list of targets.
#[derive(Clone, Debug, Default)]
pub(crate) struct FilterForm {
    pub(crate) action: String,
    pub(crate) state: String,
    pub(crate) search: String,
    pub(crate) tag: String,
    pub(crate) choices: Vec<Choices>,
    pub(crate) is_set: bool,
    pub(crate) clear: String,
}

/// A page, ready to be written.
#[derive(Clone, Debug)]
pub(crate) enum View {
    Overview(Box<OverviewView>),
    Groups(GroupsView),
    Target(Box<TargetView>),
    Span(Box<SpanView>),
    Incidents(IncidentsView),
    Incident(Box<IncidentView>),
    Jobs(JobsView),
    Job(Box<JobView>),
    Quiet(QuietView),
}

macro_rules! templates {
    ($($name:ident, $view:ident, $path:literal;)+) => {
        $(
            #[derive(Template)]
            #[template(path = $path, whitespace = "minimize")]
            struct $name<'a> {
                frame: &'a Frame,
                view: &'a $view,
            }
        )+
    };
}

templates! {
    OverviewHtml, OverviewView, "overview.html";
    GroupsHtml, GroupsView, "groups.html";
    TargetHtml, TargetView, "target.html";
    SpanHtml, SpanView, "span.html";
    IncidentsHtml, IncidentsView, "incidents.html";
    IncidentHtml, IncidentView, "incident.html";
    JobsHtml, JobsView, "jobs.html";
    JobHtml, JobView, "job.html";
    QuietHtml, QuietView, "quiet.html";
}

impl View {
    /// The page as HTML.
    pub(crate) fn html(&self, frame: &Frame) -> String {
        let html = match self {
            Self::Overview(view) => OverviewHtml { frame, view }.render(),
            Self::Groups(view) => GroupsHtml { frame, view }.render(),
            Self::Target(view) => TargetHtml { frame, view }.render(),
            Self::Span(view) => SpanHtml { frame, view }.render(),
            Self::Incidents(view) => IncidentsHtml { frame, view }.render(),
            Self::Incident(view) => IncidentHtml { frame, view }.render(),
            Self::Jobs(view) => JobsHtml { frame, view }.render(),
            Self::Job(view) => JobHtml { frame, view }.render(),
            Self::Quiet(view) => QuietHtml { frame, view }.render(),
        };
        html.expect("a string takes everything")
    }
}

/// A page with a few words, and perhaps the form for the token.
#[derive(Template)]
#[template(path = "plain.html", whitespace = "minimize")]
pub(crate) struct Plain<'a> {
    pub(crate) title: &'a str,
    pub(crate) text: &'a str,
    pub(crate) root: &'a str,
    /// The overview, from the root.
    pub(crate) home: &'a str,
    pub(crate) style: &'static str,
    pub(crate) icon: &'static str,
    /// Where to go when logged in.
    pub(crate) to: &'a str,
    pub(crate) is_login: bool,
    pub(crate) is_wrong: bool,
}
