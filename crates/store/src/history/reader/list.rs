//! The list of targets: worst first, filtered, a page at a time.

use gather_core::ErrorKind;
use gather_core::time::Time;
use gather_core::watch::{State, WatchedNo};

use super::super::db::{Row, Value};
use super::super::error::HistoryError;
use super::super::rows::{Flapping, Upkeep};
use super::super::words::{state_of, time};
use super::super::writer::{RANK_MAINTENANCE, place, rank};
use super::{HistoryReader, PAGE_ROWS_MAX};

/// Every state, from the worst to the best.
pub(super) const WORST_FIRST: [State; 6] =
    [State::Down, State::Suspect, State::Degraded, State::Limited, State::Unknown, State::Up];

/// Which targets are wanted. Empty members ask for nothing.
#[derive(Clone, Debug, Default)]
pub struct TargetQuery {
    /// Part of a name or URL, in any case: in PostgreSQL of the letters that its locale knows.
    pub search: Box<str>,
    /// Only these states, and not in maintenance; all if empty.
    pub states: Vec<State>,
    /// Only those in maintenance, or only the others.
    pub maintenance: Option<Upkeep>,
    /// Only of this job.
    pub job: Option<Box<str>>,
    /// Only of this group; an empty text for those without one.
    pub group: Option<Box<str>>,
    /// Only with this tag: name and value.
    pub tag: Option<(Box<str>, Box<str>)>,
    /// Only behind this one, in the order of the list.
    pub after: Option<Cursor>,
    /// Beyond that, so many are passed over.
    pub offset: u32,
    /// At most so many; at most [`PAGE_ROWS_MAX`].
    pub limit: u32,
}

/// A place in the list of targets: behind one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    rank: u8,
    target: WatchedNo,
}

/// What stands for [`RANK_MAINTENANCE`] in a cursor's word.
const MAINTENANCE: &str = "maintenance";

impl Cursor {
    /// Behind this target, as it was when it was read.
    pub fn behind(target: &TargetBrief) -> Self {
        Self { rank: place(target.state, target.maintenance), target: target.target }
    }

    /// As one word, for links.
    pub fn to_text(self) -> String {
        let state = WORST_FIRST.get(usize::from(self.rank)).map_or(MAINTENANCE, |s| s.as_str());
        format!("{state}-{}", self.target.0)
    }

    /// What [`to_text`](Self::to_text) wrote.
    pub fn from_text(text: &str) -> Option<Self> {
        let (state, target) = text.split_once('-')?;
        let rank = match state {
            MAINTENANCE => RANK_MAINTENANCE,
            _ => rank(State::from_name(state)?),
        };
        Some(Self { rank, target: WatchedNo(target.parse().ok()?) })
    }
}

/// A target as lists show it.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetBrief {
    /// Its number.
    pub target: WatchedNo,
    /// As people call it.
    pub name: Box<str>,
    /// Its URL, redacted.
    pub url: Box<str>,
    /// Its job.
    pub job: Box<str>,
    /// Its group; empty for none.
    pub group: Box<str>,
    /// Its tags, name and value, by name.
    pub tags: Vec<(Box<str>, Box<str>)>,
    /// Its state.
    pub state: State,
    /// Since when.
    pub since: Time,
    /// Why, for people.
    pub reason: Option<Box<str>>,
    /// The kind of failure behind it.
    pub kind: Option<ErrorKind>,
    /// The status of the response behind it; 0 if there was none.
    pub status_code: u16,
    /// The open incident it belongs to.
    pub incident: Option<i64>,
    /// Whether it changes too often to say.
    pub flapping: Flapping,
    /// Whether a maintenance window is open for it.
    pub maintenance: Upkeep,
}

/// A page of the list.
#[derive(Clone, Debug)]
pub struct TargetPage {
    /// The targets, worst first and those in maintenance last, by number among equals.
    pub targets: Vec<TargetBrief>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<Cursor>,
}

/// The columns of [`brief`], and where they come from.
pub(super) const BRIEF: &str = "state.target, target.name, target.url, job.name, grp.name,
    target.tags, state.state, state.since_ms, state.reason, state.kind, state.status_code,
    state.incident, state.marks
    FROM watch_state AS state
    JOIN watch_target AS target ON target.id = state.target
    JOIN watch_job AS job ON job.id = state.job
    JOIN watch_group AS grp ON grp.id = state.grp";

/// Reads [`BRIEF`].
pub(super) fn brief(row: &Row) -> TargetBrief {
    let marks = row.int(12);
    TargetBrief {
        target: WatchedNo(row.count(0)),
        name: row.text(1).into(),
        url: row.text(2).into(),
        job: row.text(3).into(),
        group: row.text(4).into(),
        tags: tags(row.text(5)),
        state: state_of(row.text(6)),
        since: time(row.int(7)),
        reason: row.text_opt(8).map(Into::into),
        kind: row.text_opt(9).and_then(ErrorKind::from_name),
        status_code: u16::try_from(row.int(10)).unwrap_or(0),
        incident: row.int_opt(11),
        flapping: if marks & 1 == 0 { Flapping::No } else { Flapping::Yes },
        maintenance: if marks & 2 == 0 { Upkeep::None } else { Upkeep::Open },
    }
}

fn tags(json: &str) -> Vec<(Box<str>, Box<str>)> {
    let tags: std::collections::BTreeMap<Box<str>, Box<str>> =
        serde_json::from_str(json).unwrap_or_default();
    tags.into_iter().collect()
}

/// What is asked, as conditions with their values.
#[derive(Default)]
struct Conditions {
    sql: String,
    values: Vec<Value>,
}

impl Conditions {
    /// Adds a condition, whose value stands where `{}` is.
    fn add(&mut self, condition: &str, value: impl Into<Value>) {
        self.sql.push_str(" AND ");
        let place = self.place(value);
        self.sql.push_str(&condition.replace("{}", &place));
    }

    fn place(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("?{}", self.values.len())
    }

    fn of(query: &TargetQuery) -> Self {
        let mut conditions = Self::default();
        if let Some(after) = query.after {
            // As two conditions, of which the first is the walk along the index.
            let at = conditions.place(i64::from(after.rank));
            let target = conditions.place(after.target.0);
            conditions.sql.push_str(&format!(
                " AND state.rank >= {at} AND (state.rank > {at} OR state.target > {target})"
            ));
        }
        if !query.states.is_empty() {
            let ranks: Vec<_> = query.states.iter().map(|state| rank(*state).to_string()).collect();
            conditions.sql.push_str(&format!(" AND state.rank IN ({})", ranks.join(", ")));
        }
        match query.maintenance {
            Some(Upkeep::Open) => conditions.add("state.rank = {}", i64::from(RANK_MAINTENANCE)),
            Some(Upkeep::None) => conditions.add("state.rank < {}", i64::from(RANK_MAINTENANCE)),
            None => {}
        }
        if let Some(job) = &query.job {
            let job = job.clone();
            conditions.add("state.job = (SELECT id FROM watch_job WHERE name = {})", job);
        }
        if let Some(group) = &query.group {
            let group = group.clone();
            conditions.add("state.grp = (SELECT id FROM watch_group WHERE name = {})", group);
        }
        if let Some((name, value)) = &query.tag {
            let of_tag = "state.target IN (SELECT of_tag.target FROM watch_target_tag AS of_tag
                JOIN watch_tag AS tag ON tag.id = of_tag.tag WHERE tag.tag = {})";
            conditions.add(of_tag, format!("{name}={value}"));
        }
        if !query.search.is_empty() {
            let pattern = like(&query.search);
            // The database lowers both sides, so that a text always matches itself.
            let matches = "(lower(target.name) LIKE lower({}) ESCAPE '!'
                OR lower(target.url) LIKE lower({}) ESCAPE '!')";
            conditions.add(matches, pattern);
        }
        conditions
    }
}

/// The pattern of a text that contains this one, in any case.
fn like(search: &str) -> String {
    let mut pattern = String::from("%");
    for letter in search.chars() {
        if matches!(letter, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

impl HistoryReader {
    /// A page of the list of targets.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn targets(&mut self, query: &TargetQuery) -> Result<TargetPage, HistoryError> {
        let limit = query.limit.clamp(1, PAGE_ROWS_MAX);
        let mut conditions = Conditions::of(query);
        let more = conditions.place(limit + 1);
        let offset = conditions.place(query.offset);
        let sql = format!(
            "SELECT {BRIEF} WHERE state.listed = 1{}
             ORDER BY state.rank, state.target LIMIT {more} OFFSET {offset}",
            conditions.sql
        );
        let rows = self.db.query(&sql, &conditions.values)?;
        let targets: Vec<_> = rows.iter().take(limit as usize).map(brief).collect();
        let last = targets.last().filter(|_| rows.len() > targets.len());
        let next = last.map(Cursor::behind);
        Ok(TargetPage { targets, next })
    }

    /// These targets, as far as there are any, in no order; also those that are in no list.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn briefs(&mut self, targets: &[WatchedNo]) -> Result<Vec<TargetBrief>, HistoryError> {
        const TARGETS_A_QUESTION: usize = 50;
        let places: Vec<_> = (1..=TARGETS_A_QUESTION).map(|at| format!("?{at}")).collect();
        let sql = format!("SELECT {BRIEF} WHERE state.target IN ({})", places.join(", "));
        let mut found = Vec::new();
        for targets in targets.chunks(TARGETS_A_QUESTION) {
            let mut numbers: Vec<Value> = targets.iter().map(|target| target.0.into()).collect();
            numbers.resize(TARGETS_A_QUESTION, Value::Int(-1));
            found.extend(self.db.query(&sql, &numbers)?.iter().map(brief));
        }
        Ok(found)
    }

    /// How many targets a query has in all, whatever its page.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn count(&mut self, query: &TargetQuery) -> Result<u64, HistoryError> {
        let conditions = Conditions::of(&TargetQuery { after: None, ..query.clone() });
        let sql = format!(
            "SELECT count(*) FROM watch_state AS state
             JOIN watch_target AS target ON target.id = state.target WHERE state.listed = 1{}",
            conditions.sql
        );
        let row = self.db.query_one(&sql, &conditions.values)?;
        Ok(row.map_or(0, |row| row.int(0).cast_unsigned()))
    }
}
