//! The writer's side of the journal: says what is finished, after the sinks made it durable.

use std::sync::Arc;

use gather_store::Position;
use gather_store::journal::{Block, Commit, HostRow, Journal, JournalError};

use super::{Notes, hosts, spool_of, sums};
use crate::account::Account;
use crate::shared::Shared;
use crate::source::{self, InputLog};

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

    /// Whether anything but records is to be written down.
    pub(crate) fn has_notes(&self, shared: &Shared) -> bool {
        shared.notes.as_ref().is_some_and(|notes| !notes.is_empty())
    }

    /// All that was written stands durably before these positions; where none is given, nothing
    /// was written.
    ///
    /// # Errors
    /// When the journal cannot be written; the run must end then.
    pub(crate) fn commit(
        &mut self,
        positions: &[(Box<str>, Position)],
        account: &Account,
        shared: &Shared,
    ) -> Result<(), JournalError> {
        self.write(positions, account, shared, |journal, commit| journal.commit(commit))
    }

    /// The last commit of a run in which every input has its record.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub(crate) fn finish(
        &mut self,
        positions: &[(Box<str>, Position)],
        account: &Account,
        shared: &Shared,
    ) -> Result<(), JournalError> {
        self.write(positions, account, shared, |journal, commit| match commit.read_to_end {
            true => journal.finish(commit),
            // The source ended early, and something else tells why.
            false => journal.commit(commit),
        })?;
        // It is only in the way from here on; if it stays, the next run removes it.
        let _ = source::remove_spool(&spool_of(self.journal.path()));
        Ok(())
    }

    fn write(
        &mut self,
        positions: &[(Box<str>, Position)],
        account: &Account,
        shared: &Shared,
        write: impl FnOnce(&mut Journal, &Commit<'_>) -> Result<(), JournalError>,
    ) -> Result<(), JournalError> {
        let noted = shared.notes.as_ref().map(Notes::take).unwrap_or_default();
        let hosts: Vec<HostRow> =
            noted.hosts.values().map(|clock| hosts::to_row(clock, &shared.clock)).collect();
        let begun: Vec<u64> = noted.begun.iter().map(|(n, _)| *n).collect();
        let read_to_end = self.inputs.take(&mut self.blocks);
        let sums = sums::to_text(account);
        let commit = Commit {
            finished: &self.finished,
            positions,
            blocks: &self.blocks,
            read_to_end,
            sums: &sums,
            hosts: &hosts,
            begun: &begun,
            over: &noted.over,
        };
        write(&mut self.journal, &commit)?;
        self.finished.clear();
        self.blocks.clear();
        for (_, written) in noted.begun {
            // Whoever has stopped waiting will not send.
            let _ = written.send(());
        }
        Ok(())
    }
}
