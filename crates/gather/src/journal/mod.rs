//! A run that can go on after it was killed: its journal, and what must not change meanwhile.

use std::path::{Path, PathBuf};

pub use gather_store::journal::{Change, JournalError, JournalErrorKind, Setting, SettingValue};

mod begin;
mod earlier;
mod hosts;
mod inputs;
mod keeper;
mod notes;
mod sums;

pub(crate) use self::begin::{Begun, Label, Start, begin, plain};
pub(crate) use self::earlier::Witness;
pub(crate) use self::hosts::clocks;
pub(crate) use self::inputs::{Given, Growing, Inputs, Listed};
#[cfg(feature = "crawl")]
pub(crate) use self::inputs::{Kept as KeptInputs, PastInputs, reads_stdin};
pub(crate) use self::keeper::Keeper;
pub(crate) use self::notes::Notes;

/// Where standard input is kept beside a journal.
fn spool_of(journal: &Path) -> PathBuf {
    let mut name = journal.as_os_str().to_owned();
    name.push(".stdin");
    name.into()
}

/// Where a run keeps its journal, and whether it goes on with one.
#[derive(Clone, Debug)]
pub struct JournalOptions {
    /// The file; beside the first output, usually.
    pub path: PathBuf,
    /// What to do about a journal that is there.
    pub start: JournalStart,
    /// The settings that decide what the records say. A run goes on only with the same.
    pub settings: Vec<Setting>,
    /// Names of settings that may have changed all the same: the records so far keep the old ones.
    pub may_change: MayChange,
}

impl JournalOptions {
    /// Where the journal of an output is, if nobody says otherwise: `results.jsonl.journal`.
    pub fn beside(output: &Path) -> PathBuf {
        let mut name = output.as_os_str().to_owned();
        name.push(".journal");
        name.into()
    }
}

/// What to do about a journal that is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JournalStart {
    /// Begin a new run; refused while an unfinished run has something in it, unless its outputs
    /// are to be overwritten.
    #[default]
    Anew,
    /// Go on with the run it belongs to; begin one if there is none.
    Resume,
}

/// Which settings may differ from those that a run began with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum MayChange {
    /// None.
    #[default]
    Nothing,
    /// All but these, which give the outputs their form.
    AllBut(Vec<Box<str>>),
}

impl MayChange {
    fn permits(&self, change: &Change) -> bool {
        match self {
            Self::Nothing => false,
            Self::AllBut(fixed) => !fixed.contains(&change.name),
        }
    }
}
