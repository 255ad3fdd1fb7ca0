//! Changes as a page for people: HTML and Markdown.

use std::fmt::Write;

use askama::Template;
use gather_store::read::Standing;

use super::words::{Word, word_diff};
use super::{Change, ChangeKind, Snapshot, Told};
use crate::human;

/// Changes on a page; the others are counted.
pub const CHANGES_SHOWN_MAX: usize = 5_000;
/// Characters of a value on a page.
const CELL_CHARS_MAX: usize = 300;

/// Everything a page of changes says.
#[derive(Clone, Debug)]
pub struct ChangesPage {
    /// The heading.
    pub title: String,
    /// When it was made, RFC 3339.
    pub generated_at: String,
    /// The runs that are told of, with the one they are compared with.
    pub runs: Vec<Snapshot>,
    /// What was told.
    pub told: Told,
    /// The changes, at most [`CHANGES_SHOWN_MAX`].
    pub changes: Vec<Change>,
}

#[derive(Template)]
#[template(path = "changes.html", whitespace = "minimize")]
struct Html<'a> {
    page: &'a ChangesPage,
}

impl ChangesPage {
    /// One HTML file: nothing is loaded, nothing needs JavaScript.
    pub fn html(&self) -> String {
        Html { page: self }.render().expect("a string takes everything")
    }

    /// Markdown, for an issue or a mail.
    pub fn markdown(&self) -> String {
        let mut out = format!("# {}\n\n{}\n", plain(&self.title), plain(&self.line()));
        if !self.changes.is_empty() {
            out.push_str("\n| what | by | field | before | after | target | when |\n");
            out.push_str("| --- | ---: | --- | --- | --- | --- | --- |\n");
        }
        for change in &self.changes {
            let cells = [
                change.kind.as_str(),
                &percent(change),
                change.field.as_deref().unwrap_or_default(),
                change.before.as_deref().unwrap_or_default(),
                change.diff.as_deref().or(change.after.as_deref()).unwrap_or_default(),
                &change.target(),
                change.at.as_deref().unwrap_or_default(),
            ];
            let cells = cells.map(|cell| plain(&human::clipped(cell, CELL_CHARS_MAX)));
            writeln!(out, "| {} |", cells.join(" | ")).expect("a string takes everything");
        }
        if let Some(more) = self.hidden() {
            writeln!(out, "\n… and {more} more.").expect("a string takes everything");
        }
        out
    }

    /// `3 changes among 40 targets: 2 changed, 1 lost. From … to ….`
    fn line(&self) -> String {
        let names: Vec<&str> = self.runs.iter().map(|run| run.name.as_str()).collect();
        let between = match names.as_slice() {
            [first, .., last] => format!(" From {first} to {last}."),
            _ => String::new(),
        };
        let unfinished = if self.is_unfinished() { " Not all runs are at their end." } else { "" };
        format!("{}.{between}{unfinished} Made {}.", self.told.line(), self.generated_at)
    }

    fn is_unfinished(&self) -> bool {
        self.runs.iter().any(|run| run.standing != Standing::Ended)
    }

    fn hidden(&self) -> Option<String> {
        let hidden = self.told.changes().saturating_sub(self.changes.len() as u64);
        (hidden > 0).then(|| human::count(hidden))
    }
}

impl Html<'_> {
    fn counts(&self) -> Vec<(&'static str, String)> {
        let count = |(kind, count): (&ChangeKind, &u64)| (kind.as_str(), human::count(*count));
        self.page.told.counts.iter().map(count).collect()
    }

    fn href<'a>(&self, change: &'a Change) -> Option<&'a str> {
        let url = change.url.as_str();
        (url.starts_with("https://") || url.starts_with("http://")).then_some(url)
    }

    /// An arrow and a class beside the percentage: no meaning by colour alone.
    fn by(&self, change: &Change) -> Option<(&'static str, String)> {
        let delta = change.delta.as_deref()?;
        let (class, arrow) = if delta.starts_with('-') { ("down", "▼") } else { ("up", "▲") };
        let text = match change.percent {
            Some(_) => percent(change),
            None => delta.to_owned(),
        };
        Some((class, format!("{arrow} {text}")))
    }

    /// The words of a text that changed.
    fn words(&self, change: &Change) -> Option<Vec<(&'static str, String)>> {
        change.diff.as_ref()?;
        let words = word_diff(change.before.as_deref()?, change.after.as_deref()?)?;
        let word = |word| match word {
            Word::Kept(text) => ("kept", text),
            Word::Gone(text) => ("gone", text),
            Word::New(text) => ("new", text),
        };
        Some(words.into_iter().map(word).collect())
    }

    fn cell(&self, text: &Option<String>) -> String {
        human::clipped(text.as_deref().unwrap_or_default(), CELL_CHARS_MAX)
    }
}

impl Change {
    /// What the target is called: its key, or its URL with the place of a row.
    pub(super) fn target(&self) -> String {
        match (&self.key, self.row) {
            (Some(key), _) => key.clone(),
            (None, Some(row)) => format!("{} row {row}", self.url),
            (None, None) => self.url.clone(),
        }
    }
}

impl Told {
    /// `3 changes among 40 targets: 2 changed, 1 lost; 5 values are there for the first time`.
    pub fn line(&self) -> String {
        let changes = human::counted(self.changes(), "change");
        let counts: Vec<String> = self
            .counts
            .iter()
            .filter(|(_, count)| **count > 0)
            .map(|(kind, count)| format!("{} {}", human::count(*count), kind.as_str()))
            .collect();
        let counts = match counts.is_empty() {
            true => String::new(),
            false => format!(": {}", counts.join(", ")),
        };
        let first = match self.first_values {
            0 => String::new(),
            count => format!("; {} for the first time", human::counted(count, "value")),
        };
        format!("{changes} among {}{counts}{first}", human::counted(self.targets, "target"))
    }
}

/// `-10.5%`, `+3%`; nothing where there is none.
pub(super) fn percent(change: &Change) -> String {
    change.percent.map(|percent| format!("{percent:+}%")).unwrap_or_default()
}

/// Text from outside: one line, and no markup of its own.
fn plain(text: &str) -> String {
    crate::digest::plain_markdown(text)
}
