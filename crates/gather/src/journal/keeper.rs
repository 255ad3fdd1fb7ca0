//! The writer's side of the journal: says what is finished, after the sinks made it durable.

use std::sync::Arc;

use gather_store::Position;
use gather_store::journal::{Block, Commit, Journal, JournalError};

use super::sums;
use crate::account::Account;
use crate::source::InputLog;

/// Keeps the journal of a run.
pub(crate) struct Keeper {
    journal: Journal,
    inputs: Arc<InputLog>,
    /// Written since the last commit.
    finished: Vec<u64>,
    blocks: Vec<Block>,
}

impl Keeper {
    pub(super) fn new(journal: Journal, inputs: Arc<InputLog>) -> Self {
        Self { journal, inputs, finished: Vec::new(), blocks: Vec::new() }
    }

    /// A record of this input was written; it counts with the next commit.
    pub(crate) fn wrote(&mut self, n: u64) {
        self.finished.push(n);
    }

    /// All that was written stands durably before these positions.
    ///
    /// # Errors
    /// When the journal cannot be written; the run must end then.
    pub(crate) fn commit(
        &mut self,
        positions: &[(Box<str>, Position)],
        account: &Account,
    ) -> Result<(), JournalError> {
        let read_to_end = self.inputs.take(&mut self.blocks);
        let sums = sums::to_text(account);
        self.journal.commit(&Commit {
            finished: &self.finished,
            positions,
            blocks: &self.blocks,
            read_to_end,
            sums: &sums,
            ..Commit::default()
        })?;
        self.finished.clear();
        self.blocks.clear();
        Ok(())
    }

    /// The last commit of a run in which every input has its record.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub(crate) fn finish(
        mut self,
        positions: &[(Box<str>, Position)],
        account: &Account,
    ) -> Result<(), JournalError> {
        let read_to_end = self.inputs.take(&mut self.blocks);
        let sums = sums::to_text(account);
        self.journal.finish(&Commit {
            finished: &self.finished,
            positions,
            blocks: &self.blocks,
            read_to_end,
            sums: &sums,
            ..Commit::default()
        })
    }
}
