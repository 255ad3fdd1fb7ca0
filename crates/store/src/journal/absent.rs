//! The journal of a build without SQLite: there is none.

use std::convert::Infallible;
use std::path::Path;

use super::error::{JournalError, JournalErrorKind};
use super::{Change, Commit, Done, Memory, Setting};
use crate::sink::{Position, RunInfo};

/// Cannot be had in this build.
pub struct Journal(Infallible);

#[expect(missing_docs, reason = "as in a build with the feature `sqlite`")]
impl Journal {
    pub fn create(
        path: &Path,
        _run: &RunInfo,
        _settings: &[Setting],
        _sinks: Vec<(Box<str>, Position)>,
    ) -> Result<Self, JournalError> {
        Err(JournalError::new(path, JournalErrorKind::NotBuilt))
    }

    pub fn open(path: &Path) -> Result<Option<(Self, Memory)>, JournalError> {
        Err(JournalError::new(path, JournalErrorKind::NotBuilt))
    }

    pub fn remove(path: &Path) -> Result<(), JournalError> {
        Err(JournalError::new(path, JournalErrorKind::NotBuilt))
    }

    pub fn path(&self) -> &Path {
        match self.0 {}
    }

    pub fn run(&self) -> &RunInfo {
        match self.0 {}
    }

    pub fn position(&self, _sink: &str) -> Option<Position> {
        match self.0 {}
    }

    pub fn sinks(&self) -> impl Iterator<Item = &str> {
        match self.0 {}
        #[expect(unreachable_code, reason = "names the type")]
        std::iter::empty()
    }

    pub fn done(&self) -> &Done {
        match self.0 {}
    }

    pub fn is_finished(&self) -> bool {
        match self.0 {}
    }

    pub fn changes(&self, _now: &[Setting]) -> Vec<Change> {
        match self.0 {}
    }

    pub fn replace_settings(&mut self, _now: &[Setting]) -> Result<(), JournalError> {
        match self.0 {}
    }

    pub fn commit(&mut self, _commit: &Commit<'_>) -> Result<(), JournalError> {
        match self.0 {}
    }

    pub fn finish(&mut self, _commit: &Commit<'_>) -> Result<(), JournalError> {
        match self.0 {}
    }
}
