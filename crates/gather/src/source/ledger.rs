//! What each input says, hashed as it is read; and which of them a run that goes on has finished.

use std::sync::{Arc, Mutex, PoisonError};

use gather_store::journal::{BLOCK_ITEMS, Block, Done, Roll};

use super::SourceError;

/// Watches the inputs pass, in their order.
pub(crate) struct Ledger {
    roll: Roll,
    /// What was read before the run goes on, to be read again as it was.
    before: Arc<[Block]>,
    finished: Finished,
    log: Arc<InputLog>,
    /// The first block that is not as it was, and its last line.
    changed: Option<(Block, u64)>,
}

/// Which inputs are passed over.
#[derive(Clone)]
pub(crate) enum Finished {
    /// All: they are only compared with what was read before.
    All,
    /// Those with a record.
    These(Arc<Done>),
}

/// What was read so far: the source tells, the writer keeps it in the journal.
#[derive(Debug, Default)]
pub(crate) struct InputLog(Mutex<Logged>);

#[derive(Debug, Default)]
struct Logged {
    /// Blocks since the last look, the last one perhaps in part.
    blocks: Vec<Block>,
    ended: bool,
}

impl InputLog {
    /// Moves what is new into `blocks`; whether everything was read.
    pub(crate) fn take(&self, blocks: &mut Vec<Block>) -> bool {
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        blocks.append(&mut logged.blocks);
        logged.ended
    }

    /// A block was read, perhaps in part.
    pub(crate) fn add(&self, block: Block) {
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.blocks.last().is_some_and(|last| last.block == block.block) {
            logged.blocks.pop();
        }
        logged.blocks.push(block);
    }

    /// All was read.
    pub(crate) fn end(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
    }
}

impl Ledger {
    pub(crate) fn new(before: Arc<[Block]>, finished: Finished, log: Arc<InputLog>) -> Self {
        Self { roll: Roll::default(), before, finished, log, changed: None }
    }

    /// Takes in what is no input and decides what those behind it mean.
    pub(super) fn note(&mut self, text: &[u8]) {
        self.roll.note(text);
    }

    /// Whether the next input is finished.
    pub(crate) fn is_finished(&self) -> bool {
        match &self.finished {
            Finished::All => true,
            Finished::These(done) => done.contains(self.roll.inputs()),
        }
    }

    /// Takes in the next input.
    pub(crate) fn pass(&mut self, text: &[u8], source: Option<&Arc<str>>, line: u64) {
        let full = self.roll.item(text, source, line);
        let block = (self.roll.inputs() / BLOCK_ITEMS) as usize - usize::from(full.is_some());
        let Some(known) = self.before.get(block) else {
            if let Some(full) = full {
                self.log.add(full);
            }
            return;
        };
        let is_partial = known.items < BLOCK_ITEMS;
        let found = match full {
            Some(full) if !is_partial => full,
            // There is more of it than there was.
            Some(full) => return self.log.add(full),
            None => {
                let items = self.roll.inputs() % BLOCK_ITEMS;
                match self.roll.block() {
                    Some(found) if is_partial && items == known.items => found,
                    _ => return,
                }
            }
        };
        if found.hash != known.hash {
            self.changed.get_or_insert((found, line));
        }
    }

    /// Tells the writer how far the source has come; to be called before inputs are handed on.
    ///
    /// # Errors
    /// When an input is not what it was.
    pub(crate) fn publish(&self) -> Result<(), SourceError> {
        if let Some((block, last_line)) = &self.changed {
            return Err(SourceError::Changed {
                file: block.source.to_string(),
                first_line: block.line,
                last_line: *last_line,
            });
        }
        let before = self.before.last().map_or(0, |last| last.block * BLOCK_ITEMS + last.items);
        if self.roll.inputs() > before
            && let Some(block) = self.roll.block()
        {
            self.log.add(block);
        }
        Ok(())
    }

    /// The source is exhausted.
    pub(crate) fn end(&self) {
        self.log.end();
    }
}
