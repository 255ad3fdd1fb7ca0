//! Targets that a report tells everything of: those that were asked for.

use std::str::FromStr;

use gather_core::{Outcome, Record};
use gather_store::{Field, Fields, member_text};
use serde::Serialize;

use super::{CELL_CHARS_MAX, Waterfall, waterfall};
use crate::human;

/// Targets told of at most: a URL may stand in a list many times.
const DETAILS_MAX: usize = 20;

/// A target by its ordinal or by its URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetChoice {
    /// Its ordinal.
    Number(u64),
    /// The URL asked for, the one the answer came from, or the input as given.
    Url(Box<str>),
}

impl FromStr for TargetChoice {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.parse() {
            Ok(n) => Self::Number(n),
            Err(_) => Self::Url(text.into()),
        })
    }
}

impl std::fmt::Display for TargetChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(n) => write!(f, "{n}"),
            Self::Url(url) => f.write_str(url),
        }
    }
}

impl TargetChoice {
    fn is_of(&self, record: &Record) -> bool {
        match self {
            Self::Number(n) => *n == record.n,
            Self::Url(url) => {
                let urls = [record.url.as_str(), record.input()];
                urls.contains(&&**url) || record.final_url.as_deref() == Some(url)
            }
        }
    }
}

/// A target in full.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Detail {
    /// Which of the results it is of, from 0.
    pub result: usize,
    /// How it ended: `ok`, `failed`, `skipped`.
    pub outcome: &'static str,
    /// Its last try.
    pub waterfall: Waterfall,
    /// All members of its record, but the phases.
    pub members: Vec<Member>,
}

/// A member of a record as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Member {
    /// As in a record: `error.kind`, `fields.price`.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// The targets that were asked for, as far as they were met.
#[derive(Clone, Debug, Default)]
pub(super) struct Details {
    chosen: Vec<TargetChoice>,
    found: Vec<Detail>,
    /// Which of the chosen ones were met.
    met: Vec<bool>,
}

impl Details {
    pub(super) fn new(chosen: Vec<TargetChoice>) -> Self {
        Self { met: vec![false; chosen.len()], chosen, found: Vec::new() }
    }

    pub(super) fn add(&mut self, record: &Record, result: usize) {
        let mut is_chosen = false;
        for (choice, met) in self.chosen.iter().zip(&mut self.met) {
            let is_it = choice.is_of(record);
            *met |= is_it;
            is_chosen |= is_it;
        }
        if is_chosen && self.found.len() < DETAILS_MAX {
            self.found.push(detail(record, result));
        }
    }

    pub(super) fn found(&self) -> &[Detail] {
        &self.found
    }

    /// The first one that no record is of.
    pub(super) fn missing(&self) -> Option<&TargetChoice> {
        self.chosen.iter().zip(&self.met).find(|(_, met)| !**met).map(|(choice, _)| choice)
    }
}

fn detail(record: &Record, result: usize) -> Detail {
    // What is told elsewhere in the report, and what says the same as its neighbour.
    let is_left_out = |field: &Field| match field {
        Field::N | Field::Url | Field::Outcome | Field::NumRedirects => true,
        Field::Fields | Field::Tags => true,
        Field::Body | Field::BodyEncoding | Field::Preview | Field::Json => true,
        Field::TimeNamelookup | Field::TimeConnect | Field::TimeAppconnect => true,
        Field::TimeStarttransfer | Field::TimeTotal => true,
        Field::Input => record.input.is_none(),
        Field::FinalUrl => record.final_url.is_none(),
        Field::Method => record.method.is_none(),
        Field::BodyBytes => record.body_bytes == record.content_length,
        _ => false,
    };
    let known = Fields::held();
    let member = |field: &Field| {
        let value = member_text(record, field).filter(|value| !value.is_empty())?;
        Some(Member {
            name: field.name().to_string(),
            value: human::clipped(&value, CELL_CHARS_MAX),
        })
    };
    let extracted = record.fields.iter().flat_map(|fields| fields.iter());
    let extracted = extracted.map(|(name, _)| Field::Extracted(name.clone()));
    let tags = record.tags.iter().flat_map(|tags| tags.iter());
    let tags = tags.map(|(name, _)| Field::Tag((**name).into()));
    let plain = known.list().iter().filter(|field| !is_left_out(field)).cloned();
    Detail {
        result,
        outcome: match record.outcome {
            Outcome::Ok => "ok",
            Outcome::Failed(_) => "failed",
            Outcome::Skipped(_) => "skipped",
        },
        waterfall: waterfall(record),
        members: plain.chain(extracted).chain(tags).filter_map(|f| member(&f)).collect(),
    }
}
