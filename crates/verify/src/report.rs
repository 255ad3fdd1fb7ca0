//! What a verification found: checks with their numbers, and the first faults of each by name.

use std::fmt;

use serde::Serialize;

/// Faults of one check that are named; all are counted.
pub const FAULTS_NAMED_MAX: usize = 10;

/// All that was found.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Whether the run came to its end.
    pub run: RunState,
    /// Inputs that should have a record; `None` where neither the inputs nor their number is known.
    pub inputs: Option<u64>,
    /// What was looked at, in the order of the work.
    pub checks: Vec<Check>,
    /// What could not be proven, and what would prove it.
    pub notes: Vec<String>,
}

impl Report {
    /// Faults of all checks.
    pub fn faults(&self) -> u64 {
        self.checks.iter().fold(0, |sum, check| sum.saturating_add(check.faults))
    }
}

/// How far the run has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RunState {
    /// Its journal says that every input has its record.
    Finished,
    /// Its journal says that inputs are left: what is committed was verified.
    Unfinished {
        /// Inputs that have their record.
        finished: u64,
        /// What brings it to its end.
        hint: String,
    },
    /// There is no journal to say: every input is expected to have its record.
    Unknown,
}

/// One thing that was verified.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Check {
    /// The file or database.
    pub of: String,
    /// What was asked.
    pub what: What,
    /// How much was looked at, in the check's own unit.
    pub examined: u64,
    /// How often it was wrong.
    pub faults: u64,
    /// The answer, in one line.
    pub says: String,
    /// The first faults, at most [`FAULTS_NAMED_MAX`].
    pub first: Vec<Fault>,
}

/// What a check asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum What {
    /// Is every record whole, and free of contradiction?
    Whole,
    /// Has every input exactly one record?
    Once,
    /// Is each record that of its input?
    Inputs,
    /// Do the numbers add up, and equal the journal's?
    Counts,
    /// Do the outputs of the run agree with each other?
    Agree,
    /// Is every body there, and what its hash says?
    Bodies,
    /// Is the web archive whole, and does each record point into it rightly?
    Warc,
    /// Is every row of a page whole, and of a page of this run that is finished?
    Rows,
    /// Is the output as long as the journal says, and does it hold what the journal says?
    Journal,
}

impl What {
    /// As it stands in a line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Once => "once",
            Self::Inputs => "inputs",
            Self::Counts => "counts",
            Self::Agree => "agree",
            Self::Bodies => "bodies",
            Self::Warc => "warc",
            Self::Rows => "rows",
            Self::Journal => "journal",
        }
    }
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Fault {
    /// Its kind, for programs.
    pub problem: Problem,
    /// Where in the file, in words: `line 17`; empty where nothing is there to point at.
    pub place: String,
    /// The number of the record or input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<u64>,
    /// What is wrong.
    pub message: String,
    /// What should be there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
}

impl Fault {
    pub(crate) fn new(
        problem: Problem,
        place: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            problem,
            place: place.into(),
            n: None,
            message: message.into(),
            expected: None,
            found: None,
        }
    }

    pub(crate) fn of(mut self, n: u64) -> Self {
        self.n = Some(n);
        self
    }

    pub(crate) fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    pub(crate) fn found(mut self, found: impl Into<String>) -> Self {
        self.found = Some(found.into());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.place.as_str(), self.n) {
            ("", None) => {}
            ("", Some(n)) => write!(f, "n {n}: ")?,
            (place, None) => write!(f, "{place}: ")?,
            (place, Some(n)) => write!(f, "{place} (n {n}): ")?,
        }
        f.write_str(&self.message)?;
        if let Some(expected) = &self.expected {
            write!(f, "; expected {expected}")?;
        }
        if let Some(found) = &self.found {
            write!(f, "{} found {found}", if self.expected.is_some() { "," } else { ";" })?;
        }
        Ok(())
    }
}

/// The kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Problem {
    /// A record is cut off, or is not of its format.
    Torn,
    /// A record lacks a member that the others have.
    MemberMissing,
    /// A record contradicts itself.
    Contradiction,
    /// An input has no record.
    Missing,
    /// An input has several records.
    Doubled,
    /// A record belongs to no input.
    Unexpected,
    /// A record is that of another input.
    WrongInput,
    /// A sum is not what it should be.
    Count,
    /// Two outputs tell different things of one input.
    Disagreement,
    /// A body is not where its record says.
    BodyMissing,
    /// A body is not what its hash says.
    BodyWrong,
    /// A record points at something else than its own answer.
    Offset,
    /// A part of an archive is not what its digest says.
    Digest,
    /// A file is shorter than what was committed, or ends elsewhere.
    Position,
    /// The journal and an output disagree on whether an input is finished.
    Journal,
    /// Something belongs to another run.
    OtherRun,
    /// A file is not there.
    NoFile,
}

/// Counts what a check looks at, and keeps its first faults.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) examined: u64,
    pub(crate) faults: u64,
    pub(crate) first: Vec<Fault>,
}

impl Tally {
    pub(crate) fn fault(&mut self, fault: Fault) {
        self.fault_with(|| fault);
    }

    /// Counts a fault, and only describes it if it will be named.
    pub(crate) fn fault_with(&mut self, fault: impl FnOnce() -> Fault) {
        self.faults = self.faults.saturating_add(1);
        if self.first.len() < FAULTS_NAMED_MAX {
            self.first.push(fault());
        }
    }

    /// Takes in what another has counted.
    pub(crate) fn add(&mut self, other: Self) {
        self.examined = self.examined.saturating_add(other.examined);
        self.faults = self.faults.saturating_add(other.faults);
        self.first.extend(other.first);
        self.first.truncate(FAULTS_NAMED_MAX);
    }

    pub(crate) fn into_check(self, of: &str, what: What, says: impl Into<String>) -> Check {
        let Self { examined, faults, first } = self;
        Check { of: of.to_owned(), what, examined, faults, says: says.into(), first }
    }
}

/// `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 record`, `2 records`.
pub(crate) fn counted(number: u64, one: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {one}{plural}", count(number))
}
